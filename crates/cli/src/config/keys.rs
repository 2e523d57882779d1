//! Every configuration key: its path, kind, default, environment variable and meaning.
//!
//! This table is the only place that knows them. Reading files, environment overrides, `config show` and the
//! documentation of the keys all follow from it.

use super::value::{Kind, Value};

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// The path below `agent.zkvm`, with dots.
    pub(crate) path: &'static str,
    /// What values it takes.
    pub(crate) kind: Kind,
    /// The value where nothing else is said, as one would write it; empty: unset.
    pub(crate) default: &'static str,
    /// What it does, in one line.
    pub(crate) help: &'static str,
}

impl Key {
    /// The environment variable that overrides it: `proving.maxCycles` → `PROOFMARK_PROVING_MAX_CYCLES`.
    pub(crate) fn variable(&self) -> String {
        let mut name = String::from("PROOFMARK_");
        for letter in self.path.chars() {
            match letter {
                '.' => name.push('_'),
                'A'..='Z' => {
                    name.push('_');
                    name.push(letter);
                }
                _ => name.push(letter.to_ascii_uppercase()),
            }
        }
        name
    }

    /// The default as a value.
    pub(crate) fn default_value(&self) -> Value {
        if self.default.is_empty() {
            return match self.kind {
                Kind::Digests | Kind::PublicKeys | Kind::Texts => Value::List(Vec::new()),
                _ => Value::Unset,
            };
        }
        self.kind
            .read_text(self.default)
            .expect("defaults in the table of keys are valid; a test reads them all")
    }
}

/// All keys, sorted by path.
pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "backend",
        kind: Kind::OneOf(&["auto", "risc0", "risc-zero", "sp1", "stark"]),
        default: "auto",
        help: "the prover for tier 2; auto takes the fastest that can prove the plan",
    },
    Key { path: "enabled", kind: Kind::Bool, default: "true", help: "whether this machine may prove at all" },
    Key {
        path: "externalData.tlsAttestation",
        kind: Kind::OneOf(&["none", "optional", "required"]),
        default: "optional",
        help: "whether inputs from an API must carry a TLS attestation",
    },
    Key {
        path: "externalData.trustedProviders",
        kind: Kind::Texts,
        default: "",
        help: "host names whose data may be used with `attestation: trusted-provider`; none listed: any",
    },
    Key {
        path: "inputs.maxBytes",
        kind: Kind::Size,
        default: "1GiB",
        help: "the largest file that is read as an input",
    },
    Key {
        path: "programRegistry.allowedPrograms",
        kind: Kind::Digests,
        default: "",
        help: "the only programs that are accepted; none listed: all in the registry",
    },
    Key {
        path: "programRegistry.authorities",
        kind: Kind::PublicKeys,
        default: "",
        help: "keys (`ed25519:…`) whose signed registries are believed, beside the built-in one",
    },
    Key {
        path: "programRegistry.source",
        kind: Kind::OneOf(&["embedded", "remote"]),
        default: "embedded",
        help: "where the list of good programs comes from",
    },
    Key {
        path: "programRegistry.url",
        kind: Kind::Text,
        default: "",
        help: "the signed list that `program sync` reads",
    },
    Key {
        path: "provider.key",
        kind: Kind::Text,
        default: "",
        help: "the provider's Ed25519 key; unset: provider.key beside the user's config.yaml",
    },
    Key {
        path: "proving.gpuAcceleration",
        kind: Kind::OneOf(&["auto", "false", "off", "on", "true"]),
        default: "auto",
        help: "auto or true: use a GPU if the prover finds one; on: fail without one; off or false: never",
    },
    Key {
        path: "proving.maxCycles",
        kind: Kind::Number,
        default: "1000000000",
        help: "cycles after which a proof is refused",
    },
    Key {
        path: "proving.memoryLimit",
        kind: Kind::Size,
        default: "",
        help: "memory of the whole prover, in bytes or as 8GiB; unset: no limit",
    },
    Key {
        path: "proving.securityLevel",
        kind: Kind::OneOf(&["fast", "paranoid", "standard"]),
        default: "standard",
        help: "how sure proofs over tables are: standard has at least 100 proven bits, paranoid 110, fast is for development",
    },
    Key {
        path: "proving.shardRows",
        kind: Kind::Number,
        default: "131071",
        help: "rows of a shard, 1 to 131071: larger tables are proved shard by shard, where the plan groups their rows; the memory limit may ask for fewer",
    },
    Key {
        path: "proving.timeout",
        kind: Kind::Number,
        default: "3600000",
        help: "milliseconds after which a proof is given up",
    },
    Key {
        path: "store.path",
        kind: Kind::Text,
        default: "",
        help: "where receipts and registries live; unset: the user's data folder",
    },
    Key {
        path: "verification.cacheProofs",
        kind: Kind::Bool,
        default: "true",
        help: "whether verdicts are remembered",
    },
    Key {
        path: "verification.cacheSize",
        kind: Kind::Number,
        default: "1000",
        help: "how many verdicts are remembered",
    },
];

/// The key at `path`.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_key() {
        let text = include_str!("../../../../docs/src/command-line.md");
        for key in KEYS {
            let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
            let row = format!("| `{}` | {default} | `{}` | {} |", key.path, key.variable(), key.help);
            assert!(text.contains(&row), "missing: {row}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_its_defaults_are_valid() {
        assert!(KEYS.is_sorted_by_key(|key| key.path));
        for key in KEYS {
            key.default_value();
        }
        assert_eq!(find("proving.maxCycles").expect("is there").variable(), "PROOFMARK_PROVING_MAX_CYCLES");
    }
}
