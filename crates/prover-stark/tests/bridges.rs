//! Receipts that name their inputs by SHA-256 roots: made, reused, forged, damaged, stopped.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod support;

use std::{fs, path::PathBuf, time::Duration};

use proofmark_core::{
    Algorithm, Bridge, Claim, Digest, Evidence, InputClaim, PlanClaim, Reason, Receipt, StarkEvidence,
    Verdict,
};
use proofmark_plan::{
    commit,
    exec::{self, NoCustom},
    format, guest,
    model::{ParseFormat, Plan},
    source::{self, Format},
    typed::TypedPlan,
    types::ValueType,
    value::{Bytes, Value},
};
use proofmark_prover::{CancelToken, Control, Phase, ProveError, ProveRequest, Proved, Prover};
use proofmark_prover_stark::{Level, Options, Origin, Stark};
use proofmark_registry::Registry;
use proofmark_verifier::{Expectations, Policy, Verifier};
use support::rows;
use tempfile::TempDir;

/// Two inputs of one schema, so that what belongs to one fits the other but for its data.
const UNION: &str = r#"{"version":"1.0","id":"union","steps":[
    {"id":"left","type":"data-input","schema":{"columns":{"key":"int","value":"int"}},"source":{"type":"parameter"}},
    {"id":"right","type":"data-input","schema":{"columns":{"key":"int","value":"int"}},"source":{"type":"parameter"}},
    {"id":"both","type":"aggregate","inputs":["left","right"],"operation":{"op":"concat"}}],"output":{"step":"both"}}"#;

struct Case {
    plan: Plan,
    typed: TypedPlan,
    inputs: Vec<(Value, [u8; 32])>,
    output: Value,
    cache: TempDir,
}

impl Case {
    fn new(text: &str, tables: &[Vec<u8>]) -> Self {
        let source = source::read(text, "plan.json", Format::Json).unwrap();
        let typed = source.check().unwrap().0.typed;
        let form = ParseFormat::Csv { delimiter: b',' };
        let inputs: Vec<_> = typed
            .inputs
            .iter()
            .zip(tables)
            .map(|(input, csv)| {
                let ValueType::Table(schema) = &input.ty else { panic!("a table") };
                let bytes = Bytes::from(csv.clone());
                let table = format::parse(&bytes, &form, schema, &input.hints, 1 << 30).unwrap();
                (Value::Table(table), [5; 32])
            })
            .collect();
        let values = inputs.iter().map(|(value, _)| value.clone()).collect();
        let output = exec::execute(&typed, values, &NoCustom).unwrap().output;
        Self { plan: source.plan, typed, inputs, output, cache: tempfile::tempdir().unwrap() }
    }

    fn two() -> Self {
        Self::new(UNION, &[rows(10), rows(7)])
    }

    fn prover(&self, level: Level) -> Stark {
        Stark::new(Options {
            level,
            cache: Some(self.cache.path().into()),
            bridge: true,
            ..Options::default()
        })
    }

    fn request(&self) -> guest::Request<'_> {
        let Self { plan, typed, inputs, .. } = self;
        guest::Request { plan, typed, job: None, inputs, output_salt: [0; 32] }
    }

    fn claim(&self, prover: &Stark) -> Claim {
        let digests = prover.digests(&self.request(), &self.output).unwrap();
        let named = self.typed.inputs.iter().zip(digests.inputs);
        Claim::Plan(PlanClaim {
            plan: self.typed.hash,
            job: None,
            inputs: named.map(|(input, root)| InputClaim { name: input.name.clone(), root }).collect(),
            output: digests.output,
            limits: None,
            usage: None,
        })
    }

    fn try_prove(&self, prover: &Stark, control: &Control<'_>) -> Result<(Claim, Proved), ProveError> {
        let claim = self.claim(prover);
        let proved = prover.prove(&ProveRequest { claim: &claim, request: self.request() }, control)?;
        Ok((claim, proved))
    }

    fn receipt(&self, level: Level) -> Receipt {
        let (claim, proved) = self.try_prove(&self.prover(level), &Control::default()).unwrap();
        let provenance = proved.stats.provenance("test");
        Receipt { version: Receipt::VERSION, claim, evidence: proved.evidence, provenance }
    }

    fn kept(&self) -> Vec<PathBuf> {
        match fs::read_dir(self.cache.path().join("bridges")) {
            Ok(files) => files.map(|file| file.unwrap().path()).collect(),
            Err(_) => Vec::new(),
        }
    }
}

fn parts(receipt: &Receipt) -> (PlanClaim, StarkEvidence) {
    match (&receipt.claim, &receipt.evidence) {
        (Claim::Plan(claim), Evidence::Stark(evidence)) => (claim.clone(), evidence.clone()),
        other => panic!("{other:?}"),
    }
}

fn judge(receipt: &Receipt) -> Verdict {
    let policy = Policy { min_security_bits: 0, ..Policy::default() };
    Verifier::new(&Registry::empty()).verify(&receipt.to_cbor(), &policy, &Expectations::default())
}

#[track_caller]
fn refused(receipt: &Receipt, what: &str) -> String {
    match judge(receipt) {
        Verdict::Invalid { reason: Reason::BadSeal, detail } => detail,
        other => panic!("{what}: {other:?}"),
    }
}

fn count(proved: &Evidence) -> usize {
    let Evidence::Stark(evidence) = proved else { panic!("a proof over tables") };
    evidence.bridges.len()
}

#[test]
fn roots_of_other_provers_stand_in_the_claim_and_bridges_are_made_once() {
    let case = Case::two();
    let receipt = case.receipt(Level::Fast);
    let (claim, evidence) = parts(&receipt);
    for (claimed, (value, salt)) in claim.inputs.iter().zip(&case.inputs) {
        assert_eq!(claimed.root, commit::root(value, commit::DEFAULT_ROWS_PER_LEAF, salt));
    }
    assert_eq!(claim.output.algorithm(), Algorithm::Poseidon2KoalaBear);
    assert_eq!(evidence.bridges.iter().map(|it| &it.input[..]).collect::<Vec<_>>(), ["left", "right"]);
    assert!(judge(&receipt).is_valid(), "{:?}", judge(&receipt));
    assert_eq!(Receipt::decode(receipt.to_json().as_bytes()).unwrap(), receipt);
    let stats = |receipt: &Receipt, name: &str| receipt.provenance.parameters[name].clone();
    assert_eq!((stats(&receipt, "bridgesMade"), stats(&receipt, "bridgesReused")), ("2".into(), "0".into()));
    assert_eq!(case.kept().len(), 2);

    let again = case.receipt(Level::Fast);
    assert_eq!((stats(&again, "bridgesMade"), stats(&again, "bridgesReused")), ("0".into(), "2".into()));
    assert_eq!(parts(&again).1.bridges, evidence.bridges);
    assert!(judge(&again).is_valid());
}

#[test]
fn what_the_cache_holds_is_checked_and_made_again() {
    let case = Case::new(support::GROUPS, &[rows(10)]);
    let first = case.receipt(Level::Fast);
    let file = case.kept().remove(0);
    let honest = fs::read(&file).unwrap();
    let mut flipped = honest.clone();
    flipped[honest.len() / 2] ^= 1;
    for damaged in [flipped, honest[..honest.len() / 3].to_vec(), Vec::new(), vec![7; 17 << 20]] {
        fs::write(&file, damaged).unwrap();
        let again = case.receipt(Level::Fast);
        assert_eq!(again.provenance.parameters["bridgesMade"], "1");
        assert!(judge(&again).is_valid());
        let kept = fs::read(&file).unwrap();
        assert_eq!(kept, parts(&again).1.bridges[0].proof.0, "the new one is kept");
    }
    // A bridge of the same table, but not the one that the file's name says.
    let other =
        Case { inputs: vec![(case.inputs[0].0.clone(), [9; 32])], ..Case::new(support::GROUPS, &[rows(10)]) };
    let salted = other.receipt(Level::Fast);
    fs::copy(other.kept().remove(0), &file).unwrap();
    let again = case.receipt(Level::Fast);
    assert_eq!(again.provenance.parameters["bridgesMade"], "1");
    assert_ne!(parts(&salted).0.inputs, parts(&first).0.inputs);
}

#[test]
fn no_forged_bridge_is_accepted() {
    let case = Case::two();
    let honest = case.receipt(Level::Fast);
    let (claim, evidence) = parts(&honest);
    let with = |change: &dyn Fn(&mut Vec<Bridge>)| {
        let mut changed = evidence.clone();
        change(&mut changed.bridges);
        Receipt { evidence: Evidence::Stark(changed), ..honest.clone() }
    };
    let said = refused(&with(&|it| it.clear()), "no bridge");
    assert!(said.contains("input left is named by its SHA-256 root"), "{said}");
    refused(&with(&|it| drop(it.pop())), "a bridge is missing");
    refused(&with(&|it| drop(it.remove(0))), "the first is missing");
    let said = refused(&with(&|it| it.push(it[1].clone())), "one too many");
    assert!(said.contains("nothing needs"), "{said}");
    refused(&with(&|it| it.swap(0, 1)), "another order");
    refused(&with(&|it| it[1].input = "left".into()), "one name twice");
    refused(&with(&|it| it[0].input = String::new()), "no name");
    refused(
        &with(&|it| {
            let [left, right] = &mut it[..] else { panic!("two") };
            std::mem::swap(&mut left.proof, &mut right.proof);
        }),
        "proofs swapped",
    );
    refused(
        &with(&|it| {
            let [left, right] = &mut it[..] else { panic!("two") };
            std::mem::swap(&mut left.proof, &mut right.proof);
            std::mem::swap(&mut left.table_digest, &mut right.table_digest);
        }),
        "bridges swapped between inputs",
    );
    refused(
        &with(&|it| {
            let mut bytes = *it[0].table_digest.as_bytes();
            bytes[0] ^= 1;
            it[0].table_digest = Digest::new(it[0].table_digest.algorithm(), bytes);
        }),
        "another table digest",
    );
    refused(&with(&|it| it[0].table_digest = claim.inputs[0].root), "a root for a table digest");
    let length = evidence.bridges[0].proof.len();
    for cut in [0, 1, length / 2, length - 1] {
        let said = refused(&with(&|it| it[0].proof.0.truncate(cut)), "cut");
        assert!(said.starts_with("the bridge of input left: the proof is malformed"), "{said}");
    }
    refused(&with(&|it| it[0].proof.0.push(0)), "longer");
    refused(&with(&|it| it[0].proof.0 = vec![0; 17 << 20]), "much longer");
    for at in (0..length).step_by(length / 23) {
        refused(&with(&|it| it[1].proof.0[at % evidence.bridges[1].proof.len()] ^= 4), "a bit flipped");
    }
    // The claim names its inputs otherwise.
    let renamed = |inputs: Vec<Digest>| {
        let named = claim.inputs.iter().zip(inputs);
        let inputs = named.map(|(input, root)| InputClaim { name: input.name.clone(), root }).collect();
        Receipt { claim: Claim::Plan(PlanClaim { inputs, ..claim.clone() }), ..honest.clone() }
    };
    let roots: Vec<_> = claim.inputs.iter().map(|input| input.root).collect();
    let digests: Vec<_> = evidence.bridges.iter().map(|bridge| bridge.table_digest).collect();
    refused(&renamed(vec![roots[1], roots[0]]), "roots swapped");
    refused(&renamed(vec![Digest::of(b"x"), roots[1]]), "another root");
    refused(&renamed(digests.clone()), "bridges that nothing needs");
    refused(&renamed(vec![digests[0], roots[1]]), "a bridge that nothing needs");
    let mut without = renamed(digests);
    let Evidence::Stark(evidence) = &mut without.evidence else { panic!("a proof") };
    evidence.bridges.clear();
    refused(&without, "the claim of a proof is its own");
}

#[test]
fn bridges_of_others_do_not_fit() {
    let case = Case::new(support::GROUPS, &[rows(10)]);
    let honest = case.receipt(Level::Fast);
    let evidence = parts(&honest).1;
    // Another table; the same table salted otherwise; the same at another level; rows in other leaves.
    let table = Case::new(support::GROUPS, &[rows(11)]);
    let mut salted = Case::new(support::GROUPS, &[rows(10)]);
    salted.inputs[0].1 = [6; 32];
    let leaves = support::GROUPS.replacen("\"source\"", "\"rowsPerLeaf\":8,\"source\"", 1);
    let leaves = Case::new(&leaves, &[rows(10)]);
    let level = Case::new(support::GROUPS, &[rows(10)]).receipt(Level::Standard);
    for (what, other) in [
        ("another table", table.receipt(Level::Fast)),
        ("another salt", salted.receipt(Level::Fast)),
        ("other leaves", leaves.receipt(Level::Fast)),
        ("another level", level.clone()),
    ] {
        assert!(judge(&other).is_valid(), "{what}");
        let bridge = parts(&other).1.bridges.remove(0);
        for bridge in [bridge.clone(), Bridge { proof: bridge.proof, ..evidence.bridges[0].clone() }] {
            let evidence = StarkEvidence { bridges: vec![bridge], ..evidence.clone() };
            refused(&Receipt { evidence: Evidence::Stark(evidence), ..honest.clone() }, what);
        }
    }
    // A sure proof with an unsure bridge, and the other way round.
    let mixed = StarkEvidence { bridges: evidence.bridges.clone(), ..parts(&level).1 };
    refused(&Receipt { evidence: Evidence::Stark(mixed), ..level.clone() }, "a bridge of a lower level");
    let mixed = StarkEvidence { bridges: parts(&level).1.bridges, ..evidence.clone() };
    refused(&Receipt { evidence: Evidence::Stark(mixed), ..honest.clone() }, "a bridge of a higher level");

    // What is stated is the least of both.
    let (_, sure) = parts(&level);
    assert!(sure.security.bits >= 100 && sure.security.zero_knowledge, "{:?}", sure.security);
    let mut boast = sure.clone();
    boast.security.bits += 1;
    refused(&Receipt { evidence: Evidence::Stark(boast), ..level }, "more bits than the bridge has");
}

#[test]
fn a_plan_that_fixes_a_root_is_proved_without_being_asked_to() {
    let plain = Case::new(support::GROUPS, &[rows(10)]);
    let root = commit::root(&plain.inputs[0].0, commit::DEFAULT_ROWS_PER_LEAF, &commit::NO_SALT);
    let fixed =
        support::GROUPS.replacen("\"source\"", &format!("\"dataCommitment\":\"{root}\",\"source\""), 1);
    let mut case = Case::new(&fixed, &[rows(10)]);
    case.inputs[0].1 = commit::NO_SALT;
    let options = Options { level: Level::Fast, cache: Some(case.cache.path().into()), ..Options::default() };
    let prover = Stark::new(options);
    assert_eq!(prover.unsupported(&case.typed), []);
    let (claim, proved) = case.try_prove(&prover, &Control::default()).unwrap();
    let receipt = Receipt {
        version: Receipt::VERSION,
        claim,
        evidence: proved.evidence,
        provenance: proved.stats.provenance("test"),
    };
    assert_eq!(parts(&receipt).0.inputs[0].root, root);
    assert!(judge(&receipt).is_valid());
    // Without the option and a fixed root, nothing is bridged.
    let options =
        Options { level: Level::Fast, cache: Some(plain.cache.path().into()), ..Options::default() };
    let (_, proved) = plain.try_prove(&Stark::new(options), &Control::default()).unwrap();
    assert_eq!((count(&proved.evidence), plain.kept().len()), (0, 0));
}

#[test]
fn tables_without_a_bridge_are_said_to_have_none() {
    let leaves = support::GROUPS
        .replace("\"value\":\"int\"", "\"value\":\"int\",\"note\":\"string\"")
        .replacen("\"source\"", "\"rowsPerLeaf\":1024,\"source\"", 1);
    let csv = |length: usize| format!("key,value,note\n1,2,{}\n", "x".repeat(length)).into_bytes();
    let short = Case::new(&leaves, &[csv(3)]);
    assert_eq!(short.prover(Level::Fast).unsupported(&short.typed), []);
    let long = Case::new(&leaves, &[csv(30)]);
    let refused = long.prover(Level::Fast).digests(&long.request(), &long.output);
    assert!(
        matches!(&refused, Err(ProveError::Unsupported { detail, .. }) if detail.contains("fewer rows in a leaf")),
        "{refused:?}"
    );
}

#[test]
fn a_bridge_that_is_stopped_leaves_nothing_and_limits_hold() {
    let case = Case::new(support::GROUPS, &[rows(10)]);
    let prover = case.prover(Level::Fast);
    let cancel = CancelToken::default();
    let stop = cancel.clone();
    // Told of the bridge, which has begun then.
    let seen = move |progress: proofmark_prover::Progress| {
        if matches!(progress.phase, Phase::Bridge { input: 1, of: 1 }) {
            stop.cancel();
        }
    };
    let control = Control { cancel, progress: Some(&seen), ..Control::default() };
    let stopped = case.try_prove(&prover, &control);
    assert!(matches!(stopped, Err(ProveError::Cancelled { .. })), "{stopped:?}");
    assert_eq!(case.kept(), Vec::<PathBuf>::new());
    let late = Control { deadline: Some(Duration::from_millis(1)), ..Control::default() };
    assert!(matches!(case.try_prove(&prover, &late), Err(ProveError::DeadlineExceeded { .. })));
    let little = Control { memory_limit_bytes: Some(1 << 20), ..Control::default() };
    let refused = case.try_prove(&prover, &little);
    assert!(matches!(refused, Err(ProveError::MemoryExceeded { predicted: true, .. })), "{refused:?}");
    assert!(judge(&case.receipt(Level::Fast)).is_valid(), "the next one is whole");
}

#[test]
fn a_bridge_alone() {
    let case = Case::new(support::GROUPS, &[rows(10)]);
    let prover = case.prover(Level::Fast);
    let (value, salt) = &case.inputs[0];
    let made = prover.bridge(&case.typed.inputs[0], value, salt, &Control::default()).unwrap();
    assert_eq!((made.origin, made.file.clone()), (Origin::Made, case.kept().pop()));
    let reused = prover.bridge(&case.typed.inputs[0], value, salt, &Control::default()).unwrap();
    assert_eq!((reused.origin, reused.bridge), (Origin::Reused, made.bridge));
    assert_eq!(case.receipt(Level::Fast).provenance.parameters["bridgesReused"], "1");
}
