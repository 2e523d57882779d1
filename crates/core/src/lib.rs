#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod digest;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod journal;
pub mod json;
pub mod merkle;
mod resources;
pub mod sha256;

#[cfg(feature = "receipt")]
mod claim;
#[cfg(feature = "receipt")]
mod claim_binding;
#[cfg(feature = "receipt")]
mod codec;
#[cfg(feature = "receipt")]
mod job;
#[cfg(feature = "receipt")]
mod key;
#[cfg(feature = "receipt")]
mod receipt;
#[cfg(feature = "receipt")]
mod strict;
#[cfg(feature = "receipt")]
mod verdict;
#[cfg(feature = "receipt")]
mod witness;

pub use digest::{Algorithm, Digest, ParseDigestError};
pub use resources::{Limits, Usage};

#[cfg(feature = "receipt")]
pub use claim::{Claim, InputClaim, PlanClaim, Tier};
#[cfg(feature = "receipt")]
pub use claim_binding::{
    BindingEvidence, InferenceClaim, SealedCommitment, SealedInferenceClaim, SealedOpening,
};
#[cfg(feature = "receipt")]
pub use codec::{Bytes, DecodeError, MAX_RECEIPT_BYTES};
#[cfg(feature = "receipt")]
pub use job::{Job, JobError, MAX_JOB_BYTES, Price};
#[cfg(feature = "receipt")]
pub use key::{ParseKeyError, PublicKey};
#[cfg(feature = "receipt")]
pub use receipt::{
    Bridge, Commitment, Evidence, Provenance, Receipt, Risc0Evidence, SecurityKind, SecurityLevel,
    StarkEvidence, StarkShard, StarkShards, TableBounds,
};
#[cfg(feature = "receipt")]
pub use verdict::{Reason, Verdict};
#[cfg(feature = "receipt")]
pub use witness::{
    Binary, Event, EventSource, Machine, Outcome, ProcessUsage, Recording, WitnessClaim, WitnessEvidence,
    WitnessedCommand,
};
