//! Tables in shards: proved, judged, bounded, and what a dishonest maker of receipts tries with them.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod support;

use std::sync::{Mutex, OnceLock};

use proofmark_core::{Claim, Digest, Evidence, Receipt, StarkEvidence, StarkShards, Verdict};
use proofmark_plan::document;
use proofmark_prover::{CancelToken, Control, Phase, ProveError, Prover, Work};
use proofmark_prover_stark::{Level, Options, Stark, sharded_table_digest};
use proofmark_registry::Registry;
use proofmark_verifier::{Expectations, Policy, Verifier};
use support::{GROUPS, Job, prover, rows, shard_prover};

/// The sums of `GROUPS`, and most of what can be merged.
const MANY: &str = r#"{"version":"1.0","id":"many","steps":[
    {"id":"rows","type":"data-input","schema":{"columns":{"key":"int","value":"int"}},"source":{"type":"parameter"}},
    {"id":"kept","type":"filter","input":"rows","condition":"value % 3 != 1"},
    {"id":"more","type":"compute","input":"kept","operation":{"op":"math","columns":{"part":"key % 4"}}},
    {"id":"sums","type":"aggregate","input":"more","operation":{"op":"reduce","groupBy":["part"],
        "aggregates":{"total":{"fn":"sum","field":"value"},"n":{"fn":"count"},"mean":{"fn":"mean","field":"value","scale":2},
        "last":{"fn":"last","field":"key"},"low":{"fn":"min","field":"value"}}}},
    {"id":"best","type":"transform","input":"sums","operation":{"op":"sort","by":[{"field":"total","descending":true}],"limit":3}}],
    "output":{"step":"best"}}"#;

fn receipt(plan: &str, data: &[u8], shard_rows: u32) -> (Job, Receipt) {
    let (prover, _cache) = shard_prover(shard_rows);
    let job = Job::new(plan, "plan.json", data, &prover);
    let proved = prover.prove(&job.request(), &Control::default()).unwrap();
    let provenance = proved.stats.provenance("test");
    let claim = job.claim.clone();
    (job, Receipt { version: Receipt::VERSION, claim, evidence: proved.evidence, provenance })
}

fn judge(receipt: &Receipt, expectations: &Expectations) -> Verdict {
    let lax = Policy { min_security_bits: 0, ..Policy::default() };
    Verifier::new(&Registry::empty()).verify(&receipt.to_cbor(), &lax, expectations)
}

fn shards(receipt: &Receipt) -> (StarkEvidence, StarkShards) {
    let Evidence::Stark(evidence) = &receipt.evidence else { panic!("evidence of this prover") };
    (evidence.clone(), evidence.shards.clone().unwrap())
}

/// One receipt of three shards, the last of one row.
fn known() -> &'static Receipt {
    static KNOWN: OnceLock<Receipt> = OnceLock::new();
    KNOWN.get_or_init(|| receipt(GROUPS, &rows(33), 16).1)
}

#[test]
fn a_table_in_shards_gives_what_the_whole_gives() {
    let (job, made) = receipt(MANY, &rows(70), 32);
    let (evidence, found) = shards(&made);
    assert_eq!((found.shards.len(), found.rows, found.input.as_str()), (3, 32, "rows"));
    assert_eq!(evidence.inputs[0].rows, 63);
    // The output is the executor's, and its document has the claim's digest.
    let output = proofmark_plan::exec::execute(
        &job.typed,
        vec![job.inputs[0].0.clone()],
        &proofmark_plan::exec::NoCustom,
    );
    let bytes = document::write(&output.unwrap().output);
    let verdict = judge(&made, &Expectations::default().with_output_document(bytes.clone()));
    assert!(verdict.is_valid(), "{verdict:?}");
    let text = String::from_utf8(bytes).unwrap();
    let digit = text.rfind(|c: char| c.is_ascii_digit()).unwrap();
    let other = if &text[digit..=digit] == "7" { "8" } else { "7" };
    let forged = format!("{}{other}{}", &text[..digit], &text[digit + 1..]);
    assert!(!judge(&made, &Expectations::default().with_output_document(forged.into_bytes())).is_valid());
    // Anybody with table and salt computes the digest.
    let Claim::Plan(claim) = &made.claim else { panic!("a plan") };
    let (value, salt) = &job.inputs[0];
    assert_eq!(sharded_table_digest(value, salt, 32), Some(claim.inputs[0].root));
    assert_ne!(sharded_table_digest(value, salt, 31), Some(claim.inputs[0].root));
    assert_eq!(sharded_table_digest(value, salt, 70), None, "one shard is no sharding");
    assert_eq!(sharded_table_digest(value, salt, 1), None, "too many");
    assert_eq!(Receipt::decode(made.to_json().as_bytes()).unwrap(), made);
}

#[test]
fn no_shard_serves_another_receipt_place_or_number() {
    let made = known();
    assert!(judge(made, &Expectations::default()).is_valid());
    let (_, other) = receipt(GROUPS, &rows(34), 16);
    let (evidence, found) = shards(made);
    let (other_evidence, others) = shards(&other);
    let refused = |change: &dyn Fn(&mut StarkEvidence, &mut StarkShards), what: &str| {
        let (mut evidence, mut changed) = (evidence.clone(), found.clone());
        change(&mut evidence, &mut changed);
        evidence.shards = Some(changed);
        let lie = Receipt { evidence: Evidence::Stark(evidence), ..made.clone() };
        let verdict = judge(&lie, &Expectations::default());
        assert!(matches!(verdict, Verdict::Invalid { .. }), "accepted: {what}");
    };
    refused(&|_, it| drop(it.shards.pop()), "a shard dropped");
    refused(&|_, it| it.shards.swap(0, 1), "shards swapped");
    refused(&|_, it| it.shards[1] = it.shards[0].clone(), "a shard repeated");
    refused(&|_, it| it.shards.push(it.shards[2].clone()), "one shard more");
    refused(&|_, it| it.shards.clear(), "no shards");
    refused(&|_, it| it.shards[0] = others.shards[0].clone(), "a shard of another receipt");
    refused(&|_, it| it.shards[0].proof = others.shards[0].proof.clone(), "a proof of another receipt");
    refused(&|_, it| it.shards[1].groups = others.shards[1].groups, "other groups");
    refused(&|_, it| it.shards[1].groups = it.shards[0].groups, "groups of another shard");
    refused(&|_, it| it.rows = 17, "another size");
    refused(&|_, it| it.rows = u32::MAX, "an absurd size");
    refused(&|_, it| it.groups = vec![255], "the default bounds spelt out");
    refused(&|_, it| it.input = "sums".into(), "another input");
    refused(&|it, _| it.groups = vec![511], "more groups");
    refused(&|it, _| it.inputs[0].rows = 63, "a wider bound");
    refused(&|it, _| it.level = "standard".into(), "another level");
    refused(&|it, _| it.proof = other_evidence.proof.clone(), "the merge of another receipt");
    refused(&|it, found| it.proof = found.shards[0].proof.clone(), "a shard as the merge");
    refused(&|it, _| it.security.bits += 1, "more bits");
    refused(&|it, _| it.conjectured_bits += 2, "the bits of one proof");
    let whole = StarkEvidence { shards: None, ..evidence.clone() };
    let lie = Receipt { evidence: Evidence::Stark(whole), ..made.clone() };
    assert!(!judge(&lie, &Expectations::default()).is_valid(), "the merge as the whole");

    // A surer proof of one shard does not mend the others, and has another shape.
    let (prover, _cache) = prover(Level::Fast);
    let job = Job::new(GROUPS, "plan.json", &rows(33), &prover);
    let unsharded = prover.prove(&job.request(), &Control::default()).unwrap();
    let Evidence::Stark(unsharded) = unsharded.evidence else { panic!("evidence of this prover") };
    refused(&|_, it| it.shards[0].proof = unsharded.proof.clone(), "the proof of the whole table");
    let one = unsharded.conjectured_bits;
    assert_eq!(evidence.conjectured_bits + 2, one, "four proofs");
}

#[test]
fn too_many_shards_are_no_receipt() {
    let made = known();
    let (mut evidence, mut found) = shards(made);
    let one = found.shards[0].clone();
    for (count, fine) in [(64, true), (65, false)] {
        found.shards = vec![proofmark_core::StarkShard { proof: vec![0].into(), ..one.clone() }; count];
        evidence.shards = Some(found.clone());
        let lie = Receipt { evidence: Evidence::Stark(evidence.clone()), ..made.clone() };
        assert_eq!(Receipt::decode(&lie.to_cbor()).is_ok(), fine, "{count}");
        assert_eq!(Receipt::decode(lie.to_json().as_bytes()).is_ok(), fine, "{count}");
        assert!(!judge(&lie, &Expectations::default()).is_valid());
    }
}

#[test]
fn progress_names_the_shard_and_a_proof_ends_between_shards() {
    let (prover, _cache) = shard_prover(16);
    let job = Job::new(GROUPS, "groups.json", &rows(33), &prover);
    let seen = Mutex::new(Vec::new());
    let watch = |progress: proofmark_prover::Progress| seen.lock().unwrap().push(progress.phase);
    prover.prove(&job.request(), &Control { progress: Some(&watch), ..Control::default() }).unwrap();
    let seen = seen.into_inner().unwrap();
    assert_eq!((seen.first(), seen.last()), (Some(&Phase::Execute), Some(&Phase::Verify)));
    let segments: Vec<u64> = seen
        .iter()
        .filter_map(|phase| match phase {
            Phase::Prove { segment, of } => {
                assert_eq!(*of, 4);
                Some(*segment)
            }
            _ => None,
        })
        .collect();
    assert!(segments.is_sorted() && !segments.is_empty(), "{segments:?}");

    let cancel = CancelToken::default();
    let token = cancel.clone();
    let watch = move |progress: proofmark_prover::Progress| {
        if matches!(progress.phase, Phase::Prove { .. }) {
            token.cancel();
        }
    };
    let control = Control { cancel, progress: Some(&watch), ..Control::default() };
    let result = prover.prove(&job.request(), &control);
    assert!(matches!(result, Err(ProveError::Cancelled { .. })), "{result:?}");
}

#[test]
fn the_memory_limit_makes_shards_smaller() {
    let cache = tempfile::tempdir().unwrap();
    let with = |memory_limit_bytes| {
        let options = Options {
            level: Level::Fast,
            cache: Some(cache.path().into()),
            memory_limit_bytes,
            ..Options::default()
        };
        Stark::new(options)
    };
    let ungrouped = GROUPS.replace("[\"key\"]", "[]");
    let work = |prover: &Stark| {
        let job = Job::new(&ungrouped, "groups.json", &rows(30_000), prover);
        match prover.execute(&job.request(), &Control::default()).unwrap().work {
            Work::Cells { memory_bytes, shards, .. } => (memory_bytes, shards),
            other => panic!("{other:?}"),
        }
    };
    let (whole, one) = work(&with(None));
    assert_eq!(one, 1);
    assert_eq!(work(&with(Some(whole))), (whole, 1), "what fits is not cut");
    // What every proof takes does not shrink.
    let limit = whole / 2;
    let (memory, shards) = work(&with(Some(limit)));
    assert!(shards > 2 && memory <= limit, "{shards} shards, {memory} bytes of {limit}");
}

#[test]
fn what_cannot_be_cut_is_proved_whole_or_not_at_all() {
    let sorted = GROUPS.replace(
        r#"{"id":"sums","type":"aggregate","input":"rows","operation":{"op":"reduce","groupBy":["key"],
        "aggregates":{"total":{"fn":"sum","field":"value"}}}}"#,
        r#"{"id":"sums","type":"transform","input":"rows","operation":{"op":"sort","by":["value"]}}"#,
    );
    assert_ne!(sorted, GROUPS);
    let (prover, _cache) = shard_prover(16);
    let job = Job::new(&sorted, "plan.json", &rows(33), &prover);
    let proved = prover.prove(&job.request(), &Control::default()).unwrap();
    let Evidence::Stark(evidence) = proved.evidence else { panic!("evidence of this prover") };
    assert_eq!(evidence.shards, None);
    let (source, data) = (support::read(&sorted), rows(131_072));
    let largest = Stark::new(Options { level: Level::Fast, ..Options::default() });
    let refused = support::digests(&source, &data, &largest);
    let Err(ProveError::Unsupported { detail, .. }) = refused else { panic!("{refused:?}") };
    assert!(detail.contains("131072 rows") && detail.contains("all rows at once"), "{detail}");
    // And with groups, so many rows are two shards of the largest size: nothing is proved here.
    let digests = support::digests(&support::read(GROUPS), &data, &largest).unwrap();
    assert_ne!(digests.inputs[0], Digest::of(b"x"));
}
