//! How far the proofs have come, from the thread that makes them to whoever waits.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use proofmark_prover::{Phase, Progress, calibration::Calibration, supervise::Bounds};

/// Which proof is made, and whether all are being checked.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    proof: AtomicU64,
    of: AtomicU64,
    work: AtomicU64,
    verifying: AtomicBool,
}

impl Stage {
    /// The proof that is made, from one, how many there are, and the work of all of them.
    pub(crate) fn prove(&self, proof: u64, of: u64, work: u64) {
        self.of.store(of, Relaxed);
        self.work.store(work, Relaxed);
        self.proof.store(proof, Relaxed);
    }

    /// All are made and are being checked.
    pub(crate) fn verify(&self) {
        self.verifying.store(true, Relaxed);
    }
}

/// Tells the caller of a prover.
pub(crate) struct Teller<'a> {
    bounds: &'a Bounds<'a>,
    calibration: &'a Calibration,
    begun: Instant,
    verifying: bool,
}

impl<'a> Teller<'a> {
    /// From now on.
    pub(crate) fn new(bounds: &'a Bounds<'a>, calibration: &'a Calibration) -> Self {
        Self { bounds, calibration, begun: Instant::now(), verifying: false }
    }

    /// Tells what goes on, and how long that will take.
    pub(crate) fn tick(&mut self, stage: &Stage) {
        let (segment, of) = (stage.proof.load(Relaxed), stage.of.load(Relaxed));
        if stage.verifying.load(Relaxed) {
            self.verify();
        } else if segment > 0 {
            let time = self.calibration.time(stage.work.load(Relaxed));
            let remaining = time.saturating_sub(self.begun.elapsed());
            report(self.bounds, Phase::Prove { segment, of }, Some(remaining));
        }
    }

    /// Tells once that proofs are checked.
    pub(crate) fn verify(&mut self) {
        if !self.verifying {
            report(self.bounds, Phase::Verify, None);
            self.verifying = true;
        }
    }
}

pub(crate) fn report(bounds: &Bounds<'_>, phase: Phase, remaining: Option<Duration>) {
    bounds.control.report(Progress { phase, elapsed: bounds.start.elapsed(), remaining });
}
