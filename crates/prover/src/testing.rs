//! The tests that every prover must pass, whatever its proof system.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use proofmark_core::{Claim, Digest, Tier};

use crate::{Control, Phase, ProveError, ProveRequest, Prover};

/// Everything that needs no proof: seconds.
///
/// # Panics
/// If the prover does not behave as [`Prover`] promises.
pub fn suite(prover: &dyn Prover, request: &ProveRequest<'_>) {
    prover.availability().expect("the prover is installed");
    execution_is_deterministic_and_agrees(prover, request);
    another_claim_is_refused_before_proving(prover, request);
    each_limit_has_its_error(prover, request);
}

/// One real proof: minutes.
///
/// # Panics
/// If the prover does not behave as [`Prover`] promises.
pub fn proof(prover: &dyn Prover, request: &ProveRequest<'_>) -> crate::Proved {
    let phases = Mutex::new(Vec::new());
    let sink = |progress: crate::Progress| phases.lock().expect("no holder panics").push(progress.phase);
    let control = Control { progress: Some(&sink), ..Control::default() };
    let proved = prover.prove(request, &control).expect("a proof");
    let phases = phases.into_inner().expect("no holder panics");
    assert_eq!(phases.first(), Some(&Phase::Execute));
    assert!(phases.iter().any(|phase| matches!(phase, Phase::Prove { segment: 1, .. })), "{phases:?}");
    assert_eq!(phases.last(), Some(&Phase::Verify));
    assert_eq!(proved.evidence.tier(), Tier::Proof);
    assert_eq!(proved.evidence.system(), prover.name());
    assert!(proved.stats.work.parts() >= 1 && proved.stats.work.total() > 0);
    assert!(proved.stats.peak_memory_bytes > 10 << 20, "{}", proved.stats.peak_memory_bytes);
    proved
}

fn execution_is_deterministic_and_agrees(prover: &dyn Prover, request: &ProveRequest<'_>) {
    let control = Control::default();
    let first = prover.execute(request, &control).expect("an execution");
    let second = prover.execute(request, &control).expect("an execution");
    assert_eq!((&first.journal, &first.work), (&second.journal, &second.work));
    assert!(first.work.total() > 0 && first.work.parts() > 0);
    if let Some(program) = prover.program() {
        let Claim::Plan(claim) = request.claim else { panic!("the suite proves plans") };
        let journal = claim.journal(program.version).expect("SHA-256 digests");
        assert_eq!(first.journal, journal.encode(), "native executor and program agree");
    }
    let estimate = prover.estimate(&first);
    assert!(estimate.time > Duration::ZERO && estimate.memory_bytes > 0);
}

fn another_claim_is_refused_before_proving(prover: &dyn Prover, request: &ProveRequest<'_>) {
    let Claim::Plan(mut claim) = request.claim.clone() else { panic!("the suite proves plans") };
    claim.output = Digest::of(b"a better output");
    let claim = Claim::Plan(claim);
    let start = Instant::now();
    let error = prover.prove(&ProveRequest { claim: &claim, ..*request }, &Control::default());
    assert!(matches!(error, Err(ProveError::Diverged { .. })), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

fn each_limit_has_its_error(prover: &dyn Prover, request: &ProveRequest<'_>) {
    if prover.program().is_some() {
        let cycles = Control { cycle_limit: Some(1), ..Control::default() };
        let result = prover.prove(request, &cycles);
        assert!(matches!(result, Err(ProveError::CyclesExceeded { limit: 1, .. })), "{result:?}");
    }

    let deadline = Control { deadline: Some(Duration::ZERO), ..Control::default() };
    let result = prover.prove(request, &deadline);
    assert!(matches!(result, Err(ProveError::DeadlineExceeded { .. })), "{result:?}");

    let memory = Control { memory_limit_bytes: Some(1 << 20), ..Control::default() };
    let result = prover.prove(request, &memory);
    assert!(matches!(result, Err(ProveError::MemoryExceeded { .. })), "{result:?}");

    let cancelled = Control::default();
    cancelled.cancel.cancel();
    let result = prover.prove(request, &cancelled);
    assert!(matches!(result, Err(ProveError::Cancelled { .. })), "{result:?}");
}
