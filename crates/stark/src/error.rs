//! Errors.

use alloc::{boxed::Box, string::String};

use crate::compile::Unsupported;

/// Why there is no proof. Unless a variant says otherwise, retrying does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The bounds are not those of the plan's inputs, or too large.
    #[error("the public bounds do not belong to the plan")]
    BadBounds,
    /// An input is no table of its declared type, or passes its bounds.
    #[error("input {input} is not of its declared type, or a text passes its bound")]
    BadInput {
        /// Its index.
        input: usize,
    },
    /// The caller stopped the proof.
    #[error("cancelled")]
    Cancelled,
    /// A digest of the statement is not that of the data: the caller states something else than he knows.
    #[error("the digest of {what} is not that of its data")]
    DigestMismatch {
        /// Which table.
        what: String,
    },
    /// The protocol refused its own parameters: an error of this crate.
    #[error("the prover failed: {0}")]
    Internal(String),
    /// A step has no value that could be proved: an overflow, a division by zero, a number past a gadget's bound.
    #[error("step {step:?}: {reason}")]
    NoValue {
        /// The step.
        step: String,
        /// Why.
        reason: &'static str,
    },
    /// More rows or groups than the public bound allows; a larger bound helps.
    #[error("step {step:?} has {rows} rows, its public bound is {bound}")]
    TooManyRows {
        /// The step.
        step: String,
        /// Its rows.
        rows: usize,
        /// The bound.
        bound: usize,
    },
    /// The plan has steps that cannot be proved.
    #[error("the plan has steps without constraints: {}", first(.0))]
    Unsupported(alloc::vec::Vec<Unsupported>),
}

fn first(steps: &[Unsupported]) -> String {
    steps.first().map_or_else(String::new, |first| alloc::format!("{}: {}", first.step, first.reason))
}

/// Why a proof is refused. Retrying does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The bounds of the statement are not those of the plan's inputs, or too large.
    #[error("the public bounds do not belong to the plan")]
    BadBounds,
    /// A digest of the statement is not one of tables, or their number is not that of the inputs.
    #[error("a digest of the statement is not a canonical Poseidon2 digest, or there are too few")]
    BadDigest,
    /// The bytes are no proof of this statement's shape.
    #[error("the proof is malformed: {0}")]
    Malformed(&'static str),
    /// The proof does not show the statement.
    #[error("the proof does not show the statement")]
    Refused,
    /// The proof of a shard is refused.
    #[error("shard {}: {error}", shard + 1)]
    Shard {
        /// Which one, from zero.
        shard: usize,
        /// Why.
        error: Box<Self>,
    },
    /// The shards of a table do not belong together.
    #[error("the shards do not belong together: {0}")]
    Shards(&'static str),
    /// The plan has steps that cannot be proved.
    #[error("the plan has steps without constraints: {}", first(.0))]
    Unsupported(alloc::vec::Vec<Unsupported>),
}
