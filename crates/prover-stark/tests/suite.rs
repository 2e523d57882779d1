//! What every prover must do, on the examples; and what only this one does.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use proofmark_core::{Claim, Evidence, Limits, PlanClaim, Receipt};
use proofmark_plan::value::{Bytes, Value};
use proofmark_prover::{CancelToken, Control, ProveError, ProveRequest, Prover, Work, testing};
use proofmark_prover_stark::{Level, table_digest};
use proofmark_registry::Registry;
use proofmark_verifier::{Expectations, Policy, Verifier};
use support::{GROUPS, Job, prover, rows};

#[test]
fn it_passes_the_suite() {
    let (prover, _cache) = prover(Level::Fast);
    for (plan, data) in
        [("stocks/plan.yaml", "stocks/stocks.csv"), ("weather/plan.yaml", "weather/seattle-weather.csv")]
    {
        testing::suite(&prover, &Job::example(plan, data, &prover).request());
    }
}

#[test]
fn a_proof_is_made_and_its_receipt_is_valid() {
    let (prover, _cache) = prover(Level::Standard);
    let job = Job::new(GROUPS, "groups.json", &rows(20), &prover);
    let proved = testing::proof(&prover, &job.request());
    let Evidence::Stark(evidence) = &proved.evidence else { panic!("evidence of this prover") };
    assert_eq!((evidence.level.as_str(), evidence.inputs[0].rows), ("standard", 31));
    assert!(evidence.security.zero_knowledge && evidence.security.bits >= 100);
    let receipt = Receipt {
        version: Receipt::VERSION,
        claim: job.claim.clone(),
        provenance: proved.stats.provenance("test"),
        evidence: proved.evidence,
    };
    let policy = Policy::default();
    let registry = Registry::empty();
    let verdict = Verifier::new(&registry).verify(&receipt.to_cbor(), &policy, &Expectations::default());
    assert!(verdict.is_valid(), "{verdict:?}");
    assert!(prover.estimate(&prover.execute(&job.request(), &Control::default()).unwrap()).calibrated);
}

#[test]
fn bounds_of_groups_follow_the_data() {
    let (prover, _cache) = prover(Level::Fast);
    let job = Job::new(GROUPS, "groups.json", &rows(300), &prover);
    let proved = prover.prove(&job.request(), &Control::default()).unwrap();
    let Evidence::Stark(evidence) = proved.evidence else { panic!("evidence of this prover") };
    assert_eq!((evidence.groups, evidence.inputs[0].rows), (vec![511], 511));
}

#[test]
fn what_is_not_a_statement_of_tables_is_refused() {
    let (prover, _cache) = prover(Level::Fast);
    let job = Job::new(GROUPS, "groups.json", &rows(3), &prover);
    let Claim::Plan(claim) = &job.claim else { panic!("a plan") };
    let with_limits = Claim::Plan(PlanClaim { limits: Some(Limits::DEFAULT), ..claim.clone() });
    let request = ProveRequest { claim: &with_limits, ..job.request() };
    let refused = prover.prove(&request, &Control::default());
    assert!(matches!(refused, Err(ProveError::Unsupported { .. })), "{refused:?}");
    let another = Claim::Plan(PlanClaim { plan: proofmark_core::Digest::of(b"x"), ..claim.clone() });
    let request = ProveRequest { claim: &another, ..job.request() };
    let refused = prover.prove(&request, &Control::default());
    assert!(matches!(refused, Err(ProveError::Diverged { .. })), "{refused:?}");
    assert_eq!(table_digest(&Value::Bytes(Bytes::from(vec![1])), &[0; 32]), None);
}

#[test]
fn a_cancelled_proof_returns_at_once() {
    let (prover, _cache) = prover(Level::Paranoid);
    let job = Job::example("weather/plan.yaml", "weather/seattle-weather.csv", &prover);
    let cancel = CancelToken::default();
    let token = cancel.clone();
    let watch = move |progress: proofmark_prover::Progress| {
        if matches!(progress.phase, proofmark_prover::Phase::Prove { .. }) {
            token.cancel();
        }
    };
    let control = Control { cancel, progress: Some(&watch), ..Control::default() };
    let result = prover.prove(&job.request(), &control);
    assert!(matches!(result, Err(ProveError::Cancelled { after }) if after > Duration::ZERO), "{result:?}");
}

#[test]
fn work_is_told_from_the_plan_and_its_bounds() {
    let (prover, _cache) = prover(Level::Fast);
    let cells = |keys| {
        let job = Job::new(GROUPS, "groups.json", &rows(keys), &prover);
        match prover.execute(&job.request(), &Control::default()).unwrap().work {
            Work::Cells { cells, .. } => cells,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(cells(16), cells(20), "both have at most 31 rows");
}
