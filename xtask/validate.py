"""Validates plans against the JSON Schema of the plan language: `validate.py SCHEMA FILE…`.

A file is a plan in YAML or JSON, or a page of documentation, of which every ```yaml block that starts with `version:` is one.
"""

import importlib.metadata
import json
import re
import sys
from pathlib import Path

import jsonschema
import yaml


def main(schema_path: str, *paths: str) -> int:
    """Validates all files and says which plans are wrong."""
    schema = json.loads(Path(schema_path).read_text())
    cls = jsonschema.validators.validator_for(schema)
    cls.check_schema(schema)
    validator = cls(schema)
    count = wrong = 0
    for path in paths:
        for at, text in plans(Path(path)):
            count += 1
            for error in validator.iter_errors(yaml.load(text, Loader=Plain)):
                wrong += 1
                print(f"{path}:{at}: {error.json_path}: {error.message}", file=sys.stderr)
    print(f"{count} plans validated with jsonschema {importlib.metadata.version('jsonschema')}, {wrong} errors")
    return 1 if wrong or not count else 0


def plans(path: Path):
    """The plans in a file, each with its first line."""
    text = path.read_text()
    if path.suffix != ".md":
        yield 1, text
        return
    for block in re.finditer(r"^```yaml\n(version:.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield text.count("\n", 0, block.start()) + 2, block[1]


class Plain(yaml.SafeLoader):
    """YAML as JSON: dates stay text."""


Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
