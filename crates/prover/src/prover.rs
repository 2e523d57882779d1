//! What every prover offers.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use proofmark_core::{Claim, Digest, Evidence, Provenance};
use proofmark_plan::{commit, guest, typed::TypedPlan, value::Value};

use crate::{Control, ProveError};

/// Makes evidence for claims, in one proof system.
pub trait Prover: Send + Sync {
    /// The proof system's name, as receipts and policies write it.
    fn name(&self) -> &'static str;

    /// The program that it proves executions of; `None` if it proves plans as they are, without a program between.
    fn program(&self) -> Option<Program>;

    /// The steps of a plan that it cannot prove, each with the reason. Empty: it can prove the plan.
    fn unsupported(&self, plan: &TypedPlan) -> Vec<Unsupported>;

    /// The digests under which the claims that it proves name the inputs of a request and the output.
    ///
    /// # Errors
    /// [`ProveError::Unsupported`] if it has no digest for one of the values.
    fn digests(&self, request: &guest::Request<'_>, output: &Value) -> Result<Digests, ProveError> {
        Ok(Digests::roots(request, output))
    }

    /// Finds what it needs on this machine.
    ///
    /// # Errors
    /// [`ProveError::NotInstalled`], [`ProveError::WrongVersion`] or [`ProveError::GpuUnavailable`], each with what to do.
    fn availability(&self) -> Result<ServerInfo, ProveError>;

    /// Runs the request without proving. Tells what would become public, and the cost.
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
    /// The witness: plan and inputs. A prover in another process gets them as a flat buffer (`guest::Request::encode`).
    pub request: guest::Request<'a>,
}

/// The digests of a claim's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the inputs, in plan order.
    pub inputs: Vec<Digest>,
    /// Of the output.
    pub output: Digest,
}

impl Digests {
    /// The SHA-256 Merkle roots ([`commit::root`]).
    pub fn roots(request: &guest::Request<'_>, output: &Value) -> Self {
        let inputs = request.inputs.iter().zip(&request.typed.inputs);
        Self {
            inputs: inputs
                .map(|((value, salt), input)| commit::root(value, input.rows_per_leaf, salt))
                .collect(),
            output: commit::root(output, commit::DEFAULT_ROWS_PER_LEAF, &request.output_salt),
        }
    }
}

/// A step that a prover cannot prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Its id.
    pub step: String,
    /// Why, in one sentence without a full stop.
    pub reason: String,
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
    /// What the program made public; empty if there is no program.
    pub journal: Vec<u8>,
    /// What there is to prove.
    pub work: Work,
    /// Wall time.
    pub time: Duration,
}

/// What there is to prove, in the measure of its proof system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Tables of field elements.
    Cells {
        /// Elements of all tables.
        cells: u64,
        /// What is done with them, in elements: what time grows with.
        total: u64,
        /// Resident memory that the proof will need, in bytes.
        memory_bytes: u64,
        /// Proofs that together make the evidence.
        shards: u64,
    },
    /// An execution of a virtual machine.
    Cycles {
        /// Of the program itself.
        user: u64,
        /// For moving memory in and out of the proof.
        paging: u64,
        /// The rows of all segments, with paging, rounded up as the proof system does. Several cycles may share a row.
        total: u64,
        /// Base-2 logarithm of each segment's length.
        segments: Vec<u32>,
    },
}

impl Work {
    /// What the proving time grows with: cells or rows of segments.
    pub const fn total(&self) -> u64 {
        match self {
            Self::Cells { total, .. } | Self::Cycles { total, .. } => *total,
        }
    }

    /// How many parts are proved one after the other.
    pub const fn parts(&self) -> u64 {
        match self {
            Self::Cells { shards, .. } => *shards,
            Self::Cycles { segments, .. } => segments.len() as u64,
        }
    }

    /// Cycles of the program, where there is one.
    pub const fn user_cycles(&self) -> Option<u64> {
        match self {
            Self::Cells { .. } => None,
            Self::Cycles { user, .. } => Some(*user),
        }
    }
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
    /// What was proved.
    pub work: Work,
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
            cycles: self.work.user_cycles(),
            segments: Some(self.work.parts()),
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
