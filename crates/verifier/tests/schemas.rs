//! The published schemas accept what this software writes and refuse what it refuses.

mod common;

use common::*;
use proofmark_core::{
    Algorithm, BindingEvidence, Bridge, Claim, Digest, Evidence, InferenceClaim, Job, Receipt,
    SealedCommitment, SealedInferenceClaim, SecurityKind, SecurityLevel, StarkEvidence, StarkShard,
    StarkShards, TableBounds,
};
use serde_json::{Value, json};

fn schema(name: &str) -> jsonschema::Validator {
    let path = format!("{}/../../docs/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(path).expect("the schema is in the repository");
    jsonschema::validator_for(&serde_json::from_slice(&text).expect("JSON")).expect("a good schema")
}

fn with(value: &Value, pointer: &str, change: Value) -> Value {
    let mut value = value.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    value.pointer_mut(parent).expect("there")[name] = change;
    value
}

#[test]
fn receipts_of_every_kind_fit_the_schema() {
    let schema = schema("receipt");
    let mut full = signed(claim(), 7);
    full.provenance.prover = Some("r0vm 5.0.0-rc.1".into());
    full.provenance.parameters.insert("hash".into(), "poseidon2".into());
    full.provenance.cycles = Some(131_072);
    let inference = |claim| {
        let evidence = Evidence::Binding(BindingEvidence {
            dev: false,
            key: vec![1; 450].into(),
            proof: vec![2; 256].into(),
            security: SecurityLevel { bits: 100, kind: SecurityKind::Conjectured, zero_knowledge: true },
        });
        Receipt { claim, evidence, ..full.clone() }
    };
    let digest = Digest::of(b"x");
    let open = InferenceClaim { job: digest, model: digest, input: digest, output: digest };
    let sealed = SealedInferenceClaim { job: digest, commitment: SealedCommitment([7; 32]) };
    let security = SecurityLevel { bits: 104, kind: SecurityKind::Proven, zero_knowledge: true };
    let tables = StarkEvidence {
        plan: vec![1].into(),
        inputs: vec![TableBounds { rows: 15, text_bytes: vec![3, 255] }],
        groups: vec![255],
        level: "standard".into(),
        proof: vec![2].into(),
        shards: None,
        bridges: Vec::new(),
        security,
        conjectured_bits: 124,
    };
    let table_digest = Digest::new(Algorithm::Poseidon2KoalaBear, [0; 32]);
    let bridge = Bridge { input: "x".into(), table_digest, proof: vec![3].into() };
    let bridged = StarkEvidence { bridges: vec![bridge], ..tables.clone() };
    let shard = StarkShard { table: table_digest, groups: table_digest, proof: vec![4].into() };
    let (input, shards) = ("x".into(), vec![shard.clone(), shard]);
    let shards = Some(StarkShards { input, rows: 16, groups: vec![255], shards });
    let sharded = StarkEvidence { shards, ..tables.clone() };
    let kinds = [
        full.clone(),
        receipt(claim(), Evidence::Stark(tables)),
        receipt(claim(), Evidence::Stark(bridged)),
        receipt(claim(), Evidence::Stark(sharded)),
        inference(Claim::Binding(open)),
        inference(Claim::SealedBinding(sealed)),
        foreign(claim()),
        receipt(claim(), Evidence::None {}),
        receipt(claim(), Evidence::Dev { mode: "x".into() }),
    ];
    for receipt in &kinds {
        let value = serde_json::to_value(receipt).expect("encodes");
        assert!(
            schema.is_valid(&value),
            "{:?}",
            schema.iter_errors(&value).map(|e| e.to_string()).collect::<Vec<_>>()
        );
    }
    let value = serde_json::to_value(&kinds[0]).expect("encodes");
    for (pointer, change) in [
        ("/note", json!(1)),
        ("/version", json!(2)),
        ("/claim/plan/plan", json!("sha256:00")),
        ("/claim/plan/limits/maxSteps", json!(-1)),
        ("/claim/plan/limits/maxSteps", json!("1")),
        ("/evidence/none", json!({})),
        ("/evidence/commitment/key", json!("ed25519:AB")),
        ("/evidence/commitment/signature", json!("a")),
        ("/provenance/parameters", json!({"x": 1})),
    ] {
        let bad = with(&value, pointer, change);
        assert!(!schema.is_valid(&bad), "{pointer}: the schema");
        assert!(Receipt::decode(bad.to_string().as_bytes()).is_err(), "{pointer}: the reader");
    }
}

#[test]
fn receipts_about_inferences_are_read_strictly() {
    let schema = schema("receipt");
    let digest = Digest::of(b"x").to_string();
    let value = json!({
        "version": 1,
        "claim": {"sealed-binding": {"job": digest, "commitment": format!("poseidon-bn254:{}", "0".repeat(64))}},
        "evidence": {"binding": {
            "dev": false, "key": "AAAA", "proof": "AAAA",
            "security": {"bits": 100, "kind": "conjectured", "zeroKnowledge": true},
        }},
        "provenance": {"tool": "test"},
    });
    assert!(schema.is_valid(&value) && Receipt::decode(value.to_string().as_bytes()).is_ok());
    for (pointer, change) in [
        ("/claim/sealed-binding/commitment", json!(digest)),
        ("/claim/sealed-binding/model", json!(digest)),
        ("/claim/binding", json!({"job": digest, "model": digest, "input": digest, "output": digest})),
        ("/evidence/binding/dev", json!("no")),
        ("/evidence/binding/note", json!(1)),
        ("/evidence/binding/proof", json!([1, 2])),
    ] {
        let bad = with(&value, pointer, change);
        assert!(!schema.is_valid(&bad), "{pointer}: the schema");
        assert!(Receipt::decode(bad.to_string().as_bytes()).is_err(), "{pointer}: the reader");
    }
}

#[test]
fn jobs_fit_the_schema() {
    let schema = schema("job");
    let value = json!({
        "version": 1, "title": "x", "description": "y", "plan": FOREIGN_ID, "tier": "1.5",
        "deadline": "2027-01-31T12:00:00.5+01:00", "price": {"amount": "0.10", "asset": "EUR"},
        "parameters": {"language": "en"}
    });
    assert!(schema.is_valid(&value) && Job::parse(value.to_string().as_bytes()).is_ok());
    assert!(schema.is_valid(&serde_json::to_value(job()).expect("encodes")));
    for (pointer, change) in [
        ("/note", json!("x")),
        ("/tier", json!(2)),
        ("/tier", json!("2.5")),
        ("/title", json!("")),
        ("/plan", json!(null)),
        ("/deadline", json!("2027-01-31")),
        ("/deadline", json!("2027-13-31T12:00:00Z")),
        ("/price/amount", json!(1)),
        ("/price/amount", json!("01")),
        ("/price/note", json!("x")),
        ("/parameters", json!({})),
    ] {
        let bad = with(&value, pointer, change);
        assert!(!schema.is_valid(&bad), "{pointer}: the schema");
        assert!(Job::parse(bad.to_string().as_bytes()).is_err(), "{pointer}: the reader");
    }
}
