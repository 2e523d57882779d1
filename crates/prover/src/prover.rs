//! What every prover offers.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use proofmark_core::{Claim, Digest, Evidence, Provenance};

use crate::{Control, ProveError};

/// Makes evidence for claims, in one proof system.
pub trait Prover: Send + Sync {
    /// The proof system's name, as receipts and policies write it.
    fn name(&self) -> &'static str;

    /// The program that it proves executions of.
    fn program(&self) -> Program;

    /// Finds what it needs on this machine.
    ///
    /// # Errors
    /// [`ProveError::NotInstalled`], [`ProveError::WrongVersion`] or [`ProveError::GpuUnavailable`], each with what to do.
    fn availability(&self) -> Result<ServerInfo, ProveError>;

    /// Runs the program without proving. Tells the journal and the cost.
    ///
    /// # Errors
    /// As for [`Prover::prove`].
    fn execute(&self, request: &ProveRequest<'_>, control: &Control<'_>) -> Result<Executed, ProveError>;

    /// What a proof of this execution would need on this machine, from earlier proofs or, before the first one, from a
    /// conservative guess.
    fn estimate(&self, executed: &Executed) -> Estimate;

    /// Makes evidence for the request's claim and checks it.
    ///
    /// # Errors
    /// Each limit of `control` has its own error, as has every way in which the prover itself can fail.
    fn prove(&self, request: &ProveRequest<'_>, control: &Control<'_>) -> Result<Proved, ProveError>;
}

/// What is to be proved.
#[derive(Clone, Copy, Debug)]
pub struct ProveRequest<'a> {
    /// The claim, as native execution found it. A prover proves this claim or fails; it never proves another one.
    pub claim: &'a Claim,
    /// The witness: the flat buffer of plan and inputs that the program reads (`proofmark_plan::guest`).
    pub input: &'a [u8],
}

/// A program that a prover runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its id in its proof system.
    pub id: Digest,
    /// Its version, as it stands in its journals.
    pub version: [u16; 3],
}

/// Where the software behind a prover was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    /// The executable, if there is one.
    pub path: Option<PathBuf>,
    /// Its version.
    pub version: String,
    /// What was detected about graphics processors, in words.
    pub gpu: String,
    /// Whether a graphics processor will be used.
    pub uses_gpu: bool,
}

/// An execution without a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// What the program made public.
    pub journal: Vec<u8>,
    /// Cycles of the program itself.
    pub user_cycles: u64,
    /// Cycles for moving memory in and out of the proof.
    pub paging_cycles: u64,
    /// What is proved: the rows of all segments, with paging, rounded up as the proof system does. Several cycles may share a row.
    pub total_cycles: u64,
    /// Base-2 logarithm of each segment's length.
    pub segments: Vec<u32>,
    /// Wall time.
    pub time: Duration,
}

/// What a proof would need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Wall time.
    pub time: Duration,
    /// Resident memory, in bytes.
    pub memory_bytes: u64,
    /// Whether the time comes from earlier proofs on this machine.
    pub calibrated: bool,
}

/// Evidence, and how it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// The evidence, checked.
    pub evidence: Evidence,
    /// How it was made.
    pub stats: ProofStats,
}

/// How evidence was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofStats {
    /// The prover and its version.
    pub prover: String,
    /// Parameters of the proof system.
    pub parameters: BTreeMap<String, String>,
    /// Cycles of the program itself.
    pub user_cycles: u64,
    /// Cycles that were proved.
    pub total_cycles: u64,
    /// Segments that were proved.
    pub segments: u64,
    /// Wall time of the proving.
    pub time: Duration,
    /// Largest resident memory of the prover's process tree, in bytes.
    pub peak_memory_bytes: u64,
}

impl ProofStats {
    /// The informative part of a receipt that `tool` assembles.
    pub fn provenance(&self, tool: impl Into<String>) -> Provenance {
        Provenance {
            tool: tool.into(),
            prover: Some(self.prover.clone()),
            parameters: self.parameters.clone(),
            cycles: Some(self.user_cycles),
            segments: Some(self.segments),
            proving_ms: Some(u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX)),
            peak_memory_bytes: Some(self.peak_memory_bytes),
        }
    }
}

/// The prover called `name`.
///
/// # Errors
/// [`ProveError::UnknownBackend`], with the names there are.
pub fn select<'a>(name: &str, provers: &'a [Box<dyn Prover>]) -> Result<&'a dyn Prover, ProveError> {
    provers.iter().find(|prover| prover.name() == name).map(AsRef::as_ref).ok_or_else(|| {
        ProveError::UnknownBackend {
            name: name.to_owned(),
            known: provers.iter().map(|prover| prover.name()).collect::<Vec<_>>().join(", "),
        }
    })
}
