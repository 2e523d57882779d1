//! Binding proofs.
#![allow(missing_docs, reason = "work in progress on this branch")]

pub mod circuit;
pub mod field;
pub mod key;
pub mod msm;
#[cfg(feature = "prover")]
pub mod phase1;
pub mod point;
pub mod poseidon;
pub mod proof;
#[cfg(feature = "prover")]
mod quotient;
pub mod r1cs;
#[cfg(feature = "prover")]
pub mod setup;

/// Why a set-up or a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// A contribution does not prove what it must.
    BadContribution {
        /// Counted from one.
        number: usize,
    },
    /// Values contradict each other.
    Inconsistent(&'static str),
    /// Bytes are not what they should be.
    Malformed(&'static str),
    /// The powers of tau serve smaller circuits only.
    TooFewPowers {
        /// Rows of the circuit.
        needed: usize,
        /// Rows that the powers serve.
        actual: usize,
    },
}
