//! Reading plans: both notations, the canonical form, hostile texts.

#![allow(clippy::unwrap_used, reason = "tests")]

use proofmark_plan::{
    canonical,
    check::check,
    source::{Format, Report, read},
    wire,
};

/// Reads and checks an example of the repository.
fn example(path: &str) -> String {
    let path = format!("{}/../../examples/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_examples_are_plans_without_warnings() {
    for path in ["stocks/plan.yaml", "weather/plan.yaml", "weather/hottest.yaml", "signals/plan.yaml"] {
        let text = example(path);
        let source = read(&text, path, Format::Yaml).unwrap_or_else(|report| panic!("{report}"));
        let (checked, warnings) = source.check().unwrap_or_else(|report| panic!("{report}"));
        assert!(warnings.is_empty(), "{warnings}");

        let canonical = String::from_utf8(canonical::json(&source.plan)).unwrap();
        let again =
            read(&canonical, "canonical.json", Format::Json).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(again.plan, source.plan);
        assert_eq!(canonical::plan_hash(&again.plan), checked.typed.hash);
        let encoded = wire::encode(&source.plan);
        assert_eq!(wire::decode(&encoded).unwrap(), source.plan);
        println!("{path}: canonical {} bytes, wire {} bytes", canonical.len(), encoded.len());
    }
}

#[test]
fn the_canonical_form_is_rfc_8785() {
    let source = read(&example("stocks/plan.yaml"), "plan.yaml", Format::Yaml).unwrap();
    let text = canonical::json(&source.plan);
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(serde_json::to_vec(&value).unwrap(), text);
}

/// A plan with one filter.
fn filter(condition: &str) -> String {
    let condition = serde_json::to_string(condition).unwrap();
    format!(
        r#"{{"version":"1.0","id":"t","steps":[
            {{"id":"a","type":"data-input","schema":{{"columns":{{"x":"int","d":"decimal(10,2)?","s":"string","t":"timestamp","day":"date","b":"bool"}}}},"source":{{"type":"file"}}}},
            {{"id":"f","type":"filter","input":"a","condition":{condition}}}],"output":{{"step":"f"}}}}"#
    )
}

fn tree(condition: &str) -> Result<String, Report> {
    let text = filter(condition);
    let source = read(&text, "t.json", Format::Json)?;
    source.check()?;
    let canonical: serde_json::Value = serde_json::from_slice(&canonical::json(&source.plan)).unwrap();
    Ok(canonical["steps"][1]["condition"].to_string())
}

#[test]
fn expressions_have_the_trees_of_cel() {
    for (text, expected) in [
        ("x > 5", r#"["gt",["col","x"],["int","5"]]"#),
        ("x>-5", r#"["gt",["col","x"],["int","-5"]]"#),
        (
            "d == null || !(b && x < 3)",
            r#"["or",["isNull",["col","d"]],["not",["and",["col","b"],["lt",["col","x"],["int","3"]]]]]"#,
        ),
        ("null != d", r#"["not",["isNull",["col","d"]]]"#),
        (
            "1 + 2 * 3 - 4 == x",
            r#"["eq",["sub",["add",["int","1"],["mul",["int","2"],["int","3"]]],["int","4"]],["col","x"]]"#,
        ),
        (
            "b ? x > 1 : b ? x > 2 : x > 3",
            r#"["if",["col","b"],["gt",["col","x"],["int","1"]],["if",["col","b"],["gt",["col","x"],["int","2"]],["gt",["col","x"],["int","3"]]]]"#,
        ),
        ("s in ['a', \"b\\u00e9\\n\"]", r#"["in",["col","s"],["string","a"],["string","bé\n"]]"#),
        ("s.startsWith('x')", r#"["startsWith",["col","s"],["string","x"]]"#),
        ("s.trim().size() == size(s)", r#"["eq",["size",["trim",["col","s"]]],["size",["col","s"]]]"#),
        ("day >= date('2012-01-31')", r#"["ge",["col","day"],["date","2012-01-31"]]"#),
        ("date(t) == day + 1", r#"["eq",["date",["col","t"]],["add",["col","day"],["int","1"]]]"#),
        ("d.div(3, 4) > 1.50", r#"["gt",["div",["col","d"],["int","3"],["int","4"]],["decimal","1.50"]]"#),
        (
            "coalesce(d, 0.00) > -0.05",
            r#"["gt",["coalesce",["col","d"],["decimal","0.00"]],["decimal","-0.05"]]"#,
        ),
        ("-x == -9223372036854775808", r#"["eq",["neg",["col","x"]],["int","-9223372036854775808"]]"#),
        (
            "t < timestamp('2012-01-31T10:00:00+02:00')",
            r#"["lt",["col","t"],["timestamp","2012-01-31T08:00:00Z"]]"#,
        ),
        ("x in [1, -2, 3]", r#"["in",["col","x"],["int","1"],["int","-2"],["int","3"]]"#),
        ("-5.abs() == x", r#"["eq",["neg",["abs",["int","5"]]],["col","x"]]"#),
    ] {
        let actual = tree(text).unwrap_or_else(|report| panic!("{text}\n{report}"));
        assert_eq!(actual, expected, "{text}");
    }
}

#[test]
fn json_and_yaml_of_one_plan_have_one_hash() {
    let yaml = r#"
version: "1.0"
id: both
steps:
  - { id: a, type: data-input, schema: { columns: { "n": int, no: "string?", amount: "decimal(10,2)" } }, source: { type: api, uri: 'it''s' } }
  - id: f
    type: filter
    input: a
    condition: >-
      amount > 1.50 &&
        no in ['yes', 'no']
output: f
"#;
    let json = r#"{"output":{"step":"f"},"id":"both","version":"1.0","limits":{},"steps":[
        {"type":"data-input","id":"a","rowsPerLeaf":64,"source":{"uri":"it's","type":"api","attestation":"none"},
         "schema":{"type":"array","items":{"type":"object","required":["amount","n"],"properties":{
            "n":{"type":"integer"},"no":{"type":"string"},"amount":{"type":"number","x-precision":10,"x-scale":2}}}}},
        {"type":"filter","id":"f","input":"a","condition":["and",["gt",["col","amount"],["decimal","1.50"]],["in",["col","no"],["string","yes"],["string","no"]]]}]}"#;
    let yaml = read(yaml, "both.yaml", Format::Yaml).unwrap_or_else(|report| panic!("{report}"));
    let json = read(json, "both.json", Format::Json).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(yaml.plan, json.plan);
    assert_eq!(check(&yaml.plan).unwrap().typed.hash, check(&json.plan).unwrap().typed.hash);
}

#[test]
fn hostile_texts_are_refused_without_panic() {
    let deep = 100_000;
    let texts = [
        "[".repeat(deep),
        "{\"a\":".repeat(deep),
        "- ".repeat(deep),
        "a: ".repeat(deep),
        "? ".repeat(deep),
        "x".repeat(20 << 20),
        filter(&"(".repeat(deep / 2)),
        filter(&"!".repeat(deep / 2)),
        filter(&"-".repeat(deep / 2)),
        filter(&"x+".repeat(deep / 4)),
        filter(&"b?".repeat(deep / 4)),
        filter(&"x.abs()".repeat(deep / 8)),
        filter(&"x ".repeat(deep)),
        String::new(),
        "\u{feff}".into(),
        "&a [*a]".into(),
        "!!binary x".into(),
        "--- 1\n--- 2\n".into(),
        "{".repeat(deep),
        "\"".into(),
        "%YAML 9.9\n---\n".into(),
    ];
    for text in &texts {
        for format in [Format::Json, Format::Yaml] {
            let start = std::time::Instant::now();
            let report = read(text, "hostile", format).unwrap_err();
            assert!(!report.to_string().is_empty());
            let shown: String = text.chars().take(20).collect();
            assert!(start.elapsed().as_secs() < 10, "{shown:?} took {:?}", start.elapsed());
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let text = example("stocks/plan.yaml");
    let plan = read(&text, "plan", Format::Yaml).unwrap().plan;
    let json = String::from_utf8(canonical::json(&plan)).unwrap();
    let encoded = wire::encode(&plan);
    let mut state = 1u64;
    let mut random = move |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for _ in 0..1000 {
        for (text, format) in [(&text, Format::Yaml), (&json, Format::Json)] {
            let mut bytes = text.clone().into_bytes();
            let at = random(bytes.len());
            match random(3) {
                0 => bytes[at] = random(128) as u8,
                1 => bytes.truncate(at),
                _ => bytes.insert(at, b"{}[]\"':-,&*!|>%@`#\n\t 0"[random(22)]),
            }
            let Ok(text) = String::from_utf8(bytes) else { continue };
            match read(&text, "flipped", format) {
                Ok(source) => match source.check() {
                    Ok((_, warnings)) => drop(warnings.to_string()),
                    Err(report) => assert!(!report.to_string().is_empty()),
                },
                Err(report) => assert!(!report.to_string().is_empty()),
            }
        }
        let mut bytes = encoded.clone();
        let at = random(bytes.len());
        if random(4) == 0 {
            bytes.truncate(at)
        } else {
            bytes[at] = random(256) as u8
        }
        if let Ok(plan) = wire::decode(&bytes) {
            let _ = check(&plan);
        }
    }
}
