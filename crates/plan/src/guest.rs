//! What runs inside a zkVM, and what hosts run to know its result beforehand: one function from a flat buffer to a
//! [`Journal`].
//!
//! # The request
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `PMREQ001` |
//! | 4 | number of inputs |
//! | 4 | length of the plan |
//! | 32 | digest of the job, or zeros |
//! | 32 | salt of the output's root |
//! | … | the plan in its wire form, padded with zeros to a multiple of four bytes |
//! | … | for each input of the plan in execution order, the preimages of its leaves (see [`commit`]) |
//!
//! Every preimage is aligned to four bytes where the buffer is, so a guest hashes and reads it where it lies; texts and
//! files are never copied. The request is private; nothing in it is believed: the plan is checked and hashed, the
//! roots of the inputs are computed, and only what the journal holds becomes public.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use proofmark_core::{
    Algorithm, Digest,
    journal::{Journal, inputs_digest},
};

use crate::{
    check,
    commit::{self, CommitError, DEFAULT_ROWS_PER_LEAF},
    diagnostic::Diagnostic,
    exec::{self, CustomHost, ExecError, Observer},
    model::Plan,
    typed::TypedPlan,
    value::Value,
    wire::{self, WireError},
};

const MAGIC: [u8; 8] = *b"PMREQ001";
const HEAD_BYTES: usize = 80;

/// What a guest is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The plan as it was written.
    pub plan: &'a Plan,
    /// The same plan, checked.
    pub typed: &'a TypedPlan,
    /// Digest of the job, if the plan does not state it.
    pub job: Option<Digest>,
    /// A value and the salt of its root for each of [`TypedPlan::inputs`].
    pub inputs: &'a [(Value, [u8; 32])],
    /// Salt of the output's root. Zeros make the root of a known output recomputable; a random salt hides small outputs.
    pub output_salt: [u8; 32],
}

impl Request<'_> {
    /// The flat buffer.
    ///
    /// # Errors
    /// [`GuestError::Request`] if the number or types of inputs are not the plan's, or the buffer would exceed 4 GiB.
    pub fn encode(&self) -> Result<Vec<u8>, GuestError> {
        if self.inputs.len() != self.typed.inputs.len() {
            return Err(GuestError::Request("the number of inputs is not the plan's"));
        }
        let plan = wire::encode(self.plan);
        let size: u64 = self.inputs.iter().map(|(value, _)| value.logical_bytes()).sum();
        let mut out = Vec::with_capacity(HEAD_BYTES + plan.len() + size as usize + size as usize / 8);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&(self.inputs.len() as u32).to_le_bytes());
        out.extend_from_slice(&(plan.len() as u32).to_le_bytes());
        out.extend_from_slice(&job_bytes(self.job.as_ref())?);
        out.extend_from_slice(&self.output_salt);
        out.extend_from_slice(&plan);
        out.resize(out.len().next_multiple_of(4), 0);
        for ((value, salt), input) in self.inputs.iter().zip(&self.typed.inputs) {
            if value.ty() != input.ty {
                return Err(GuestError::Request("an input has another type than the plan says"));
            }
            commit::write_value(value, input.rows_per_leaf, salt, &mut out);
            if out.len() > u32::MAX as usize {
                return Err(GuestError::Request("requests have at most 4 GiB"));
            }
        }
        Ok(out)
    }
}

/// What an execution of a request gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What becomes public.
    pub journal: Journal,
    /// Name and root of each input, in execution order.
    pub inputs: Vec<(String, Digest)>,
    /// The output, which travels beside the receipt.
    pub output: Value,
}

/// Decodes, checks and executes a request. Every zkVM guest calls this and commits the journal.
///
/// # Errors
/// If the request is malformed, the plan is wrong, data has not the root that the plan fixes, or the execution
/// fails. Then nothing can be proved.
pub fn run(
    request: Arc<Vec<u8>>,
    program_version: [u16; 3],
    host: &dyn CustomHost,
) -> Result<Outcome, GuestError> {
    const TRUNCATED: GuestError = GuestError::Request("it ends too early");
    let head = request.get(..HEAD_BYTES).ok_or(TRUNCATED)?;
    if head[..8] != MAGIC {
        return Err(GuestError::Request("it does not begin with PMREQ001"));
    }
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
    let (inputs, plan_bytes) = (word(8), word(12));
    let digest = |at: usize| {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&head[at..at + 32]);
        bytes
    };
    let job = Some(digest(16)).filter(|bytes| *bytes != [0; 32]).map(Digest::sha256);
    let output_salt = digest(48);
    let plan_end = HEAD_BYTES.checked_add(plan_bytes).ok_or(TRUNCATED)?;
    let plan = wire::decode(request.get(HEAD_BYTES..plan_end).ok_or(TRUNCATED)?).map_err(GuestError::Plan)?;
    let typed = check::typed(&plan).map_err(GuestError::Check)?;
    if inputs != typed.inputs.len() {
        return Err(GuestError::Request("the number of inputs is not the plan's"));
    }
    let data = plan_end.next_multiple_of(4);
    if request.get(plan_end..data).is_none_or(|padding| padding.iter().any(|byte| *byte != 0)) {
        return Err(GuestError::Request("padding is not zero"));
    }
    let mut decoder = commit::Decoder::new(request.clone(), data);
    let mut values = Vec::with_capacity(inputs);
    for input in &typed.inputs {
        let value = decoder.value(&input.ty, input.rows_per_leaf);
        values.push(value.map_err(|error| GuestError::Input { name: input.name.clone(), error })?);
    }
    if decoder.offset() != request.len() {
        return Err(GuestError::Request("bytes follow the last input"));
    }
    let known = Known { typed: &typed, job, output_salt, program_version };
    run_values(&known, values, host, &mut ())
}

/// What is known of a request apart from its inputs.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The checked plan.
    pub typed: &'a TypedPlan,
    /// Digest of the job, if the plan does not state it.
    pub job: Option<Digest>,
    /// Salt of the output's root.
    pub output_salt: [u8; 32],
    /// Version of the program whose journal is wanted.
    pub program_version: [u16; 3],
}

/// As [`run`], for values whose roots the caller computed with [`commit::root`]: what hosts run, with an observer.
///
/// # Errors
/// As [`run`].
pub fn run_values(
    known: &Known<'_>,
    inputs: Vec<(Value, Digest)>,
    host: &dyn CustomHost,
    observer: &mut dyn Observer,
) -> Result<Outcome, GuestError> {
    let typed = known.typed;
    let job = match (known.job, typed.job) {
        (Some(given), Some(stated)) if given != stated => {
            return Err(GuestError::WrongJob { expected: stated, actual: given });
        }
        (given, stated) => given.or(stated),
    };
    let job = job_bytes(job.as_ref())?;
    if inputs.len() != typed.inputs.len() {
        return Err(GuestError::Request("the number of inputs is not the plan's"));
    }
    let mut values = Vec::with_capacity(inputs.len());
    let mut roots = Vec::with_capacity(inputs.len());
    for (input, (value, root)) in typed.inputs.iter().zip(inputs) {
        if let Some(expected) = input.data_commitment.filter(|expected| *expected != root) {
            return Err(GuestError::WrongData { name: input.name.clone(), expected, actual: root });
        }
        values.push(value);
        roots.push((input.name.clone(), root));
    }
    let execution = exec::execute_with(typed, values, host, observer).map_err(GuestError::Exec)?;
    let output = commit::root(&execution.output, DEFAULT_ROWS_PER_LEAF, &known.output_salt);
    let journal = Journal {
        program_version: known.program_version,
        plan: *typed.hash.as_bytes(),
        job,
        inputs: inputs_digest(roots.iter().map(|(name, root)| (name.as_str(), root))),
        output: *output.as_bytes(),
        limits: typed.limits.numbers(),
        usage: execution.usage.numbers(),
    };
    Ok(Outcome { journal, inputs: roots, output: execution.output })
}

fn job_bytes(job: Option<&Digest>) -> Result<[u8; 32], GuestError> {
    match job {
        None => Ok([0; 32]),
        // Zeros mean that there is no job.
        Some(job) if job.algorithm() == Algorithm::Sha256 && *job.as_bytes() != [0; 32] => {
            Ok(*job.as_bytes())
        }
        Some(_) => Err(GuestError::Request("the digest of a job must be SHA-256")),
    }
}

/// Why a request gives no journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuestError {
    /// The plan is wrong; its author is at fault.
    Check(Vec<Diagnostic>),
    /// The execution failed; the plan or its data are at fault.
    Exec(ExecError),
    /// The leaves of an input are malformed; whoever encoded the request is at fault.
    Input {
        /// The input.
        name: String,
        /// What is wrong.
        error: CommitError,
    },
    /// The plan's bytes are malformed; whoever encoded the request is at fault.
    Plan(WireError),
    /// The request is malformed; whoever encoded it is at fault.
    Request(&'static str),
    /// The data is not the data that the plan fixes; whoever supplied it is at fault.
    WrongData {
        /// The input.
        name: String,
        /// The root in the plan.
        expected: Digest,
        /// The root of the data.
        actual: Digest,
    },
    /// The plan answers another job; whoever chose the job is at fault.
    WrongJob {
        /// The job in the plan.
        expected: Digest,
        /// The job in the request.
        actual: Digest,
    },
}

impl fmt::Display for GuestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(errors) => match errors.first() {
                Some(first) => {
                    write!(f, "the plan has {} errors; the first: {}", errors.len(), first.message)
                }
                None => f.write_str("the plan has errors"),
            },
            Self::Exec(error) => error.fmt(f),
            Self::Input { name, error } => write!(f, "input {name}: {error}"),
            Self::Plan(error) => error.fmt(f),
            Self::Request(problem) => write!(f, "malformed request: {problem}"),
            Self::WrongData { name, expected, actual } => {
                write!(f, "input {name}: the plan is for data with root {expected}, this data has {actual}")
            }
            Self::WrongJob { expected, actual } => {
                write!(f, "the plan answers the job {expected}, not {actual}")
            }
        }
    }
}

impl core::error::Error for GuestError {}
