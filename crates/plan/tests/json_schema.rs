//! The JSON Schema accepts what the reader accepts, by an independent validator.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use proofmark_plan::{
    canonical,
    expr::Function,
    source::{Format, JSON_SCHEMA, read},
    testing::plan_and_inputs,
};
use serde_json::{Value, json};

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(JSON_SCHEMA).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    jsonschema::draft202012::new(&schema).unwrap()
}

#[test]
fn canonical_plans_are_valid() {
    let validator = validator();
    for seed in 0..150 {
        let plan: Value = serde_json::from_slice(&canonical::json(&plan_and_inputs(seed).0)).unwrap();
        let errors: Vec<_> =
            validator.iter_errors(&plan).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "seed {seed}: {errors:?}");
    }
}

/// A plan of every short form.
fn plan() -> Value {
    json!({
        "version": "1.0", "id": "t", "limits": { "maxSteps": 5 },
        "steps": [
            { "id": "a", "type": "data-input", "schema": { "columns": { "x": "int", "d": { "type": "date", "format": "%Y/%m/%d" } } } },
            { "id": "raw", "type": "data-input", "schema": "bytes", "source": { "type": "api", "uri": "https://example.org" } },
            { "id": "j", "type": "data-input", "schema": { "type": "array", "items": { "type": "object", "required": ["n"], "properties": {
                "n": { "type": "integer" }, "p": { "type": ["number", "null"], "x-precision": 9, "x-scale": 2 }, "t": { "type": "string", "format": "date-time" } } } } },
            { "id": "m", "type": "transform", "input": "a", "operation": { "op": "map", "as": "y", "expression": "x + 1" } },
            { "id": "n", "type": "compute", "input": "m", "operation": { "op": "math", "columns": { "z": 5, "w": true } } },
            { "id": "s", "type": "transform", "input": "n", "operation": { "op": "sort", "by": ["x", { "field": "y", "nulls": "first" }] } },
            { "id": "r", "type": "aggregate", "input": "s", "operation": { "op": "reduce", "aggregates": {
                "c": { "fn": "count" }, "q": { "fn": "percentile", "field": "x", "p": "0.25", "scale": 2 }, "h": { "fn": "median", "field": "x", "scale": 1 } } } },
            { "id": "p", "type": "transform", "input": "raw", "operation": { "op": "parse", "format": "csv", "delimiter": ";", "schema": { "columns": { "x": "int" } } } },
            { "id": "g", "type": "aggregate", "inputs": ["a", "p"], "operation": { "op": "merge", "how": "semi", "on": ["x"] } },
        ],
        "output": "r"
    })
}

#[test]
fn short_forms_are_valid_and_mistakes_are_not() {
    let validator = validator();
    let good = plan();
    let errors: Vec<_> =
        validator.iter_errors(&good).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let source =
        read(&good.to_string(), "good.json", Format::Json).unwrap_or_else(|report| panic!("{report}"));
    source.check().unwrap_or_else(|report| panic!("{report}"));

    for (pointer, wrong) in [
        ("/version", json!("2.0")),
        ("/id", json!("")),
        ("/limits/maxSteps", json!(0)),
        ("/steps/0/id", json!("a b")),
        ("/steps/0/type", json!("input")),
        ("/steps/0/schema", json!({ "columns": { "x": "float" } })),
        ("/steps/0/schema", json!({ "columns": { "x y": "int" } })),
        ("/steps/0/schema", json!({ "columns": {} })),
        ("/steps/0/schema/columns/x", json!("decimal(39,2)")),
        ("/steps/0/schema/columns/x", json!("decimal")),
        ("/steps/1/source/type", json!("ftp")),
        ("/steps/2/schema/items/properties/p", json!({ "type": "number" })),
        ("/steps/3/operation", json!({ "op": "mapp", "as": "y", "expression": "x" })),
        ("/steps/3/operation", json!({ "op": "map", "as": "y" })),
        ("/steps/3/operation/expression", json!({})),
        ("/steps/3/operation/expression", json!(["plus", ["col", "x"], ["int", "1"]])),
        ("/steps/5/operation/by", json!([])),
        ("/steps/6/operation/aggregates/q/p", json!("1.5")),
        ("/steps/6/operation/aggregates/h/scale", json!(39)),
        ("/steps/6/operation/aggregates/c/fn", json!("avg")),
        ("/steps/7/operation/delimiter", json!(";;")),
        ("/steps/8/operation/how", json!("outer")),
        ("/steps/8/inputs", json!(["a"])),
        ("/output", json!({ "id": "r" })),
    ] {
        let mut bad = plan();
        *bad.pointer_mut(pointer).unwrap() = wrong.clone();
        assert!(!validator.is_valid(&bad), "{pointer} = {wrong} is valid in the schema");
        let read = read(&bad.to_string(), "bad.json", Format::Json);
        let fine = read.is_ok_and(|source| source.check().is_ok());
        assert!(!fine, "{pointer} = {wrong} is valid for the reader");
    }
}

#[test]
fn every_word_of_the_language_is_in_the_schema() {
    fn words(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => drop(found.insert(text.clone())),
            Value::Array(items) => items.iter().for_each(|item| words(item, found)),
            Value::Object(members) => {
                for (key, value) in members {
                    found.insert(key.clone());
                    words(value, found);
                }
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    words(&serde_json::from_str(JSON_SCHEMA).unwrap(), &mut found);
    for function in Function::ALL {
        assert!(found.contains(function.name()), "{}", function.name());
    }
    // The words that plans use, taken from plans.
    let mut used = BTreeSet::new();
    for seed in 0..150 {
        let plan: Value = serde_json::from_slice(&canonical::json(&plan_and_inputs(seed).0)).unwrap();
        for step in plan["steps"].as_array().unwrap() {
            for place in ["/type", "/operation/op", "/operation/how", "/operation/format"] {
                used.extend(step.pointer(place).and_then(Value::as_str).map(str::to_string));
            }
            for reduction in
                step.pointer("/operation/aggregates").and_then(Value::as_object).into_iter().flatten()
            {
                used.extend(reduction.1["fn"].as_str().map(str::to_string));
            }
        }
    }
    assert!(used.len() > 35, "{used:?}");
    for word in used {
        assert!(found.contains(&word), "{word}");
    }
}
