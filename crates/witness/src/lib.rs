#![doc = include_str!("../README.md")]

pub mod analysis;
pub mod chain;
mod check;
pub mod dsse;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod perf;
mod policy;
pub mod quorum;
mod redact;
pub mod seed;
pub mod statement;
#[cfg(test)]
mod testing;
mod verify;

pub use check::{FAST, MEDIUM, STEADY, Subject};
pub use policy::{Identity, WitnessExpectations, WitnessPolicy};
pub use redact::redact;
pub use verify::{Checked, Rejection, perf_digest, sign, verify};
