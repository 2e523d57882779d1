//! Binding proofs.
#![allow(missing_docs, reason = "work in progress on this branch")]

pub mod circuit;
pub mod field;
#[cfg(feature = "prover")]
pub mod msm;
pub mod poseidon;
pub mod r1cs;
