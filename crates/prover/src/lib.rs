#![doc = include_str!("../README.md")]

pub mod calibration;
mod control;
mod error;
mod prover;
pub mod supervise;

#[cfg(feature = "testing")]
pub mod testing;

pub use control::{CancelToken, Control, Gpu, Phase, Progress};
pub use error::{Fault, ProveError, Retry};
pub use prover::{
    Digests, Estimate, Executed, Program, ProofStats, ProveRequest, Proved, Prover, ServerInfo, Unsupported,
    Work, select,
};
