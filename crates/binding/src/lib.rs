#![doc = include_str!("../README.md")]

pub mod batch;
#[cfg(feature = "prover")]
pub mod ceremony;
pub mod circuit;
#[cfg(feature = "prover")]
pub mod error;
pub mod evidence;
pub mod field;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(feature = "prover")]
pub mod hashing;
pub mod key;
#[cfg(feature = "prover")]
pub mod keyfile;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(feature = "prover")]
pub mod manager;
#[cfg(feature = "prover")]
pub mod msm;
mod pairing;
#[cfg(feature = "prover")]
pub mod phase1;
pub mod point;
pub mod poseidon;
pub mod proof;
#[cfg(feature = "prover")]
mod proving;
#[cfg(feature = "prover")]
mod quotient;
pub mod r1cs;
#[cfg(feature = "prover")]
pub mod receipt;
#[cfg(feature = "prover")]
pub mod service;
#[cfg(feature = "prover")]
pub mod settings;
#[cfg(feature = "prover")]
pub mod setup;
mod threads;

use core::fmt;

/// Why a set-up or a key cannot be used. Whoever made the file or the contribution is at fault; a retry cannot help.
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

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadContribution { number } => {
                write!(f, "contribution {number} does not prove what it must")
            }
            Self::Inconsistent(what) | Self::Malformed(what) => f.write_str(what),
            Self::TooFewPowers { needed, actual } => {
                write!(f, "the circuit has {needed} rows, the powers of tau serve {actual}")
            }
        }
    }
}

impl core::error::Error for SetupError {}
