//! What a dishonest maker of receipts tries with proofs over tables. None is accepted.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../../verifier/tests/common/mutate.rs"]
mod mutate;
mod support;

use proofmark_core::{Claim, Digest, Evidence, PlanClaim, Reason, Receipt, StarkEvidence, Verdict};
use proofmark_plan::{source, wire};
use proofmark_prover::{Control, Prover};
use proofmark_prover_stark::Level;
use proofmark_registry::Registry;
use proofmark_verifier::{Expectations, Policy, Verifier};
use support::{GROUPS, Job, prover, rows};

fn receipt(job: Option<Digest>, data: &[u8], level: Level) -> Receipt {
    let (prover, _cache) = prover(level);
    let job = Job::for_job(GROUPS, "groups.json", data, &prover, job);
    let proved = prover.prove(&job.request(), &Control::default()).unwrap();
    let provenance = proved.stats.provenance("test");
    Receipt { version: Receipt::VERSION, claim: job.claim, evidence: proved.evidence, provenance }
}

/// Accepts every level, so that nothing but the proof stands in the way.
fn lax() -> Policy {
    Policy { min_security_bits: 0, ..Policy::default() }
}

fn judge(bytes: &[u8]) -> Verdict {
    Verifier::new(&Registry::empty()).verify(bytes, &lax(), &Expectations::default())
}

fn parts(receipt: &Receipt) -> (PlanClaim, StarkEvidence) {
    match (&receipt.claim, &receipt.evidence) {
        (Claim::Plan(claim), Evidence::Stark(evidence)) => (claim.clone(), evidence.clone()),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(receipt: &Receipt, what: &str) -> Reason {
    match judge(&receipt.to_cbor()) {
        Verdict::Invalid { reason, .. } => reason,
        valid => panic!("accepted: {what}: {valid:?}"),
    }
}

#[test]
fn no_part_of_one_receipt_serves_another() {
    let jobs = [b"job 1", b"job 2"].map(|job| Some(Digest::of(job)));
    let first = receipt(jobs[0], &rows(9), Level::Fast);
    let second = receipt(jobs[1], &rows(9), Level::Fast);
    let other_data = receipt(jobs[0], &rows(10), Level::Fast);
    let surer = receipt(jobs[0], &rows(9), Level::Standard);
    for made in [&first, &second, &other_data, &surer] {
        assert!(judge(&made.to_cbor()).is_valid());
    }
    let (claim, evidence) = parts(&first);
    let with_claim = |claim: PlanClaim| Receipt { claim: Claim::Plan(claim), ..first.clone() };
    let with = |evidence: StarkEvidence| Receipt { evidence: Evidence::Stark(evidence), ..first.clone() };

    for (other, what) in [(&second, "another job"), (&other_data, "other data"), (&surer, "another level")] {
        let (other_claim, other_evidence) = parts(other);
        let swapped = Receipt { evidence: other.evidence.clone(), ..first.clone() };
        if other_claim != claim || other_evidence.level == evidence.level {
            assert_eq!(refused(&swapped, what), Reason::BadSeal, "{what}");
        }
        let proof_only = StarkEvidence { proof: other_evidence.proof.clone(), ..evidence.clone() };
        assert_eq!(refused(&with(proof_only), what), Reason::BadSeal, "{what}");
    }

    let (others, _) = parts(&other_data);
    refused(&with_claim(PlanClaim { output: others.output, ..claim.clone() }), "another output");
    refused(&with_claim(PlanClaim { inputs: others.inputs, ..claim.clone() }), "other inputs");
    refused(&with_claim(PlanClaim { job: None, ..claim.clone() }), "no job");
    refused(&with_claim(PlanClaim { inputs: Vec::new(), ..claim.clone() }), "no inputs");
    let mut renamed = claim.clone();
    renamed.inputs[0].name = "other".into();
    refused(&with_claim(renamed), "an input by another name");
    let limits = Some(proofmark_core::Limits::DEFAULT);
    refused(&with_claim(PlanClaim { limits, ..claim.clone() }), "limits that nothing shows");

    // The claim names the plan, and so must the evidence.
    let other = GROUPS.replace("\"sum\"", "\"max\"");
    let plan = source::read(&other, "p.json", source::Format::Json).unwrap().plan;
    let other_plan = StarkEvidence { plan: wire::encode(&plan).into(), ..evidence.clone() };
    refused(&with(other_plan.clone()), "another plan in the evidence");
    let both = Receipt { evidence: Evidence::Stark(other_plan), ..with_claim(claim.clone()) };
    refused(&both, "another plan");
    let mut both = both;
    let hash = source::read(&other, "p.json", source::Format::Json).unwrap().check().unwrap().0.typed.hash;
    both.claim = Claim::Plan(PlanClaim { plan: hash, ..claim.clone() });
    refused(&both, "another plan in claim and evidence");

    let mut bounds = evidence.clone();
    bounds.inputs[0].rows = 31;
    refused(&with(bounds), "wider bounds");
    let mut bounds = evidence.clone();
    bounds.inputs[0].rows = u32::MAX;
    refused(&with(bounds), "absurd bounds");
    let mut bounds = evidence.clone();
    bounds.inputs.clear();
    refused(&with(bounds), "no bounds");
    refused(&with(StarkEvidence { groups: vec![511], ..evidence.clone() }), "more groups");
    refused(&with(StarkEvidence { groups: vec![255; 100_000], ..evidence.clone() }), "very many groups");

    for level in ["standard", "paranoid", "absolute", ""] {
        refused(&with(StarkEvidence { level: level.into(), ..evidence.clone() }), "another level");
    }
    let mut misstated = evidence.clone();
    misstated.security.bits += 1;
    refused(&with(misstated), "more bits");
    let mut misstated = evidence.clone();
    misstated.security.kind = proofmark_core::SecurityKind::Conjectured;
    refused(&with(misstated), "bits of another kind");
    let conjectured_bits = evidence.conjectured_bits + 1;
    refused(&with(StarkEvidence { conjectured_bits, ..evidence.clone() }), "more conjectured bits");

    let proof = &evidence.proof;
    for length in [0, 1, 31, proof.len() / 2, proof.len() - 1] {
        refused(&with(StarkEvidence { proof: proof[..length].to_vec().into(), ..evidence.clone() }), "cut");
    }
    let longer = [&proof[..], &[0]].concat();
    refused(&with(StarkEvidence { proof: longer.into(), ..evidence }), "longer");
}

#[test]
fn a_development_level_is_below_the_default_policy() {
    let made = receipt(None, &rows(3), Level::Fast);
    let registry = Registry::empty();
    let verdict =
        Verifier::new(&registry).verify(&made.to_cbor(), &Policy::default(), &Expectations::default());
    assert!(matches!(verdict, Verdict::Invalid { reason: Reason::SecurityTooLow, .. }), "{verdict:?}");
}

/// A sample of what the next test does in full.
#[test]
fn changes_of_a_receipt() {
    refuse_changes(150);
}

#[test]
#[ignore = "heavy: verifies thousands of proofs"]
fn ten_thousand_changes_of_a_receipt() {
    refuse_changes(10_000);
}

fn refuse_changes(count: usize) {
    let original = receipt(None, &rows(9), Level::Fast);
    let mut judged = 0;
    for mutation in mutate::mutations(&original, count) {
        let same = Receipt::decode(&mutation.bytes)
            .is_ok_and(|it| it.claim == original.claim && it.evidence == original.evidence);
        if !same {
            judged += 1;
            let verdict = judge(&mutation.bytes);
            assert!(matches!(verdict, Verdict::Invalid { .. }), "accepted: {}", mutation.what);
        }
    }
    assert!(judged > count / 2, "{judged} of {count} changed something");
}
