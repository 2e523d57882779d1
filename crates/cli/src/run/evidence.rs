//! From a claim to a receipt, in each tier.

use std::{sync::Mutex, time::Instant};

use proofmark_core::{Claim, Evidence, InputClaim, PlanClaim, Provenance, Receipt, Tier};
use proofmark_plan::{exec::Execution, guest, typed::TypedPlan};
use proofmark_prover::{CancelToken, Control, Digests, Phase, ProveError, ProveRequest, Prover, Retry};
use proofmark_verifier::systems::commitment;

use super::{Request, backends::Candidates};
use crate::{
    cancel,
    config::Config,
    error::Error,
    keys,
    ui::{Progress, Ui},
};

/// What the evidence will be, decided before any work is done.
pub(crate) enum Plan {
    /// Nothing, tier 0.
    None,
    /// A stamp that every policy rejects.
    Dev,
    /// A signature, with the key ready.
    Commitment(Box<ed25519_dalek::SigningKey>),
    /// A proof, by a prover that is there.
    Proof(Candidates),
}

/// The software that assembles receipts.
pub(crate) const TOOL: &str = concat!("proofmark ", env!("CARGO_PKG_VERSION"));

/// Finds out whether evidence of this tier can be made here.
///
/// # Errors
/// If it cannot, with what to do. Nothing has been computed then.
pub(crate) fn prepare(
    tier: Tier,
    plan: &TypedPlan,
    request: &Request,
    config: &Config,
    ui: &Ui,
) -> Result<Plan, Error> {
    if request.dev {
        ui.warn("development run: the receipt says `dev`, proves nothing, and every policy rejects it");
        return Ok(Plan::Dev);
    }
    match tier {
        Tier::None => Ok(Plan::None),
        Tier::Commitment => provider_key(config, ui).map(|key| Plan::Commitment(Box::new(key))),
        Tier::Proof if !config.enabled() => Err(Error::usage(
            "proving is switched off on this machine (agent.zkvm.enabled is false)",
            "set PROOFMARK_ENABLED=true, or use --tier 1",
        )),
        Tier::Proof => {
            let candidates = Candidates::choose(&request.backend, plan, request.options, ui)?;
            candidates.first().availability().map_err(failed)?;
            Ok(Plan::Proof(candidates))
        }
        Tier::Tee => Err(Error::usage(
            "tier 1.5 needs an attestation by trusted hardware, which this version cannot make",
            "use --tier 1 for a signed commitment or --tier 2 for a proof",
        )),
        Tier::ProofOverTls => Err(Error::usage(
            "tier 3 needs data with a TLS attestation, which this version cannot make",
            "use --tier 2: a proof over data that hashes to the stated root",
        )),
    }
}

impl Plan {
    /// The claim, under the digests of the evidence. Provers that have none for these values are passed over.
    ///
    /// # Errors
    /// If no prover can prove this, with the reason of the last.
    pub(crate) fn claim(
        &mut self,
        request: &guest::Request<'_>,
        execution: &Execution,
        ui: &Ui,
    ) -> Result<PlanClaim, Error> {
        Ok(match self {
            Self::Proof(candidates) => {
                let digests = candidates.settle(request, &execution.output, ui)?;
                claim(request, execution, digests, Some(candidates.first()))
            }
            Self::None | Self::Dev | Self::Commitment(_) => {
                claim(request, execution, Digests::roots(request, &execution.output), None)
            }
        })
    }
}

/// The public facts of an execution, under these digests.
pub(crate) fn claim(
    request: &guest::Request<'_>,
    execution: &Execution,
    digests: Digests,
    prover: Option<&dyn Prover>,
) -> PlanClaim {
    // A proof without a program between counts no steps and no memory, so its claim must not state them.
    let counts = prover.is_none_or(|prover| prover.program().is_some());
    let plan = request.typed;
    let inputs = plan.inputs.iter().zip(digests.inputs);
    PlanClaim {
        plan: plan.hash,
        job: request.job,
        inputs: inputs.map(|(input, root)| InputClaim { name: input.name.clone(), root }).collect(),
        output: digests.output,
        limits: counts.then_some(plan.limits),
        usage: counts.then_some(execution.usage),
    }
}

/// Makes the receipt.
pub(crate) fn make(
    plan: Plan,
    claim: Claim,
    witness: guest::Request<'_>,
    request: &Request,
    cancel: &CancelToken,
    progress: &Progress,
) -> Result<Receipt, Error> {
    let tool = TOOL.to_string();
    let plain = Provenance { tool: tool.clone(), ..Provenance::default() };
    let (evidence, provenance) = match plan {
        Plan::None => (Evidence::None {}, plain),
        Plan::Dev => (Evidence::Dev { mode: "native execution without evidence".to_string() }, plain),
        Plan::Commitment(key) => (Evidence::Commitment(commitment::sign(&claim, &key)), plain),
        Plan::Proof(candidates) => {
            let watch = watcher(progress);
            let control = Control {
                deadline: request.timeout,
                memory_limit_bytes: request.memory_limit,
                cycle_limit: Some(request.max_cycles),
                cancel: cancel.clone(),
                progress: Some(&watch),
            };
            let request = ProveRequest { claim: &claim, request: witness };
            let proved = cancel::watching(|| candidates.first().prove(&request, &control)).map_err(failed)?;
            (proved.evidence, proved.stats.provenance(tool))
        }
    };
    Ok(Receipt { version: Receipt::VERSION, claim, evidence, provenance })
}

/// Shows what a prover reports.
pub(crate) fn watcher(progress: &Progress) -> impl Fn(proofmark_prover::Progress) + Sync + '_ {
    // A bar never runs backwards, whatever the estimates do.
    let furthest = Mutex::new((Instant::now(), 0));
    move |report| {
        let phase = match report.phase {
            Phase::Bridge { input, of } => {
                format!("making the bridge of input {input} of {of}, once for this table")
            }
            Phase::Execute => "executing for the proof".to_string(),
            Phase::Prove { of: 1, .. } => "proving".to_string(),
            Phase::Prove { segment, of } => format!("proving segment {segment} of {of}"),
            Phase::Verify => "checking the proof".to_string(),
        };
        let permille = report.remaining.map(|left| {
            let (elapsed, left) = (report.elapsed.as_millis(), left.as_millis());
            u64::try_from(elapsed * 1000 / (elapsed + left).max(1)).unwrap_or(0)
        });
        let permille = permille.map(|now| {
            let mut furthest = furthest.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            furthest.1 = now.max(furthest.1);
            furthest.1
        });
        progress.update(&phase, permille, report.remaining);
    }
}

/// What a prover's error is for the user.
pub(crate) fn failed(error: ProveError) -> Error {
    let code = match &error {
        ProveError::BadOutput { .. } => "prover-bad-output",
        ProveError::Cancelled { .. } => return Error::Cancelled,
        ProveError::Crashed { .. } => "prover-crashed",
        ProveError::CyclesExceeded { .. } => "cycles-exceeded",
        ProveError::DeadlineExceeded { .. } => "deadline-exceeded",
        ProveError::DiskFull { path } => {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            return Error::Write { path: path.clone(), source };
        }
        ProveError::Diverged { .. } => "prover-diverged",
        ProveError::GpuUnavailable { .. } => "gpu-unavailable",
        ProveError::GuestRejected { .. } => "guest-rejected",
        ProveError::MemoryExceeded { .. } => "memory-exceeded",
        ProveError::NotInstalled { .. } => "prover-not-installed",
        ProveError::UnknownBackend { name, known } => {
            return Error::usage(
                format!("there is no prover called `{name}` in this build"),
                format!("known are: {known}"),
            );
        }
        ProveError::Unsupported { .. } => "unsupported-claim",
        ProveError::WrongVersion { .. } => "prover-wrong-version",
        _ => "prover-failed",
    };
    let hint = match &error {
        ProveError::CyclesExceeded { .. } => {
            Some("raise --max-cycles (proving.maxCycles) and the plan's limits.maxCycles, or filter earlier")
        }
        ProveError::DeadlineExceeded { .. } => {
            Some("raise --timeout (proving.timeout); `proofmark plan cost` tells what to expect")
        }
        ProveError::GpuUnavailable { .. } => Some("use --gpu auto or --gpu off"),
        ProveError::MemoryExceeded { .. } => Some("raise --memory-limit (proving.memoryLimit)"),
        ProveError::NotInstalled { .. } | ProveError::WrongVersion { .. } => {
            Some("`--tier 1` gives a signed commitment without a prover")
        }
        _ if error.retry() == Retry::Same => Some("trying again may help"),
        _ => None,
    };
    Error::Prover { code, message: error.to_string(), hint: hint.map(str::to_string) }
}

/// The provider's key; made on first use.
fn provider_key(config: &Config, ui: &Ui) -> Result<ed25519_dalek::SigningKey, Error> {
    let path = config.provider_key();
    if path.exists() {
        return keys::load(&path);
    }
    let key = keys::create(&path)?;
    ui.note(&format!("made a key for signing receipts: {} in {}", keys::public(&key), path.display()));
    Ok(key)
}
