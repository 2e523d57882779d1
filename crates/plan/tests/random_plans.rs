//! Random plans: every form of a plan is the same plan.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use proofmark_plan::{
    canonical,
    check::check,
    exec::{NoCustom, execute},
    source::{Format, read},
    testing::plan_and_inputs,
    typed::TypedOp,
    wire,
};

#[test]
fn canonical_and_wire_forms_read_back_to_the_same_plan() {
    for seed in 0..400 {
        let (plan, inputs) = plan_and_inputs(seed);
        let checked = check(&plan).unwrap_or_else(|errors| panic!("seed {seed}: {errors:?}"));
        assert_eq!(checked.typed.inputs.len(), inputs.len());

        let canonical = canonical::json(&plan);
        let value: serde_json::Value = serde_json::from_slice(&canonical).unwrap();
        assert_eq!(serde_json::to_vec(&value).unwrap(), canonical, "seed {seed}: RFC 8785");
        let text = String::from_utf8(canonical).unwrap();
        for format in [Format::Json, Format::Yaml] {
            // JSON is YAML too.
            let again =
                read(&text, "canonical", format).unwrap_or_else(|report| panic!("seed {seed}: {report}"));
            assert_eq!(again.plan, plan, "seed {seed}");
            assert_eq!(canonical::plan_hash(&again.plan), checked.typed.hash, "seed {seed}");
        }
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(read(&pretty, "pretty.json", Format::Json).unwrap().plan, plan, "seed {seed}");

        assert_eq!(wire::decode(&wire::encode(&plan)).unwrap(), plan, "seed {seed}");
    }
}

#[test]
fn random_plans_cover_the_language_and_mostly_run() {
    let (mut kinds, mut failures, mut steps) = (BTreeMap::new(), BTreeMap::new(), 0);
    let total = 500;
    for seed in 0..total {
        let (plan, inputs) = plan_and_inputs(seed);
        let typed = check(&plan).unwrap().typed;
        for step in &plan.steps {
            *kinds.entry(step.kind.describe()).or_insert(0) += 1;
        }
        steps += plan.steps.len();
        if let Err(error) = execute(&typed, inputs, &NoCustom) {
            let text = format!("{:?}", error.kind);
            let kind = text.split(['{', '(']).next().unwrap_or("").to_string();
            *failures.entry(kind).or_insert(0) += 1;
        }
        assert!(!matches!(typed.body.steps[0].op, TypedOp::Custom { .. }));
    }
    println!("{total} plans, {steps} steps: {kinds:?}\nfailed: {failures:?}");
    assert!(kinds.len() >= 17, "{kinds:?}");
    let failed: usize = failures.values().sum();
    assert!(failed * 2 < total as usize && failed > 0, "{failures:?}");
}
