#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;
#[cfg(any(test, feature = "fuzzing"))]
#[macro_use]
extern crate std;

mod air;
pub mod bridge;
mod compile;
mod config;
mod cost;
pub mod digest;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gadget;
mod hash;
mod masked;
mod proof;
mod protocol;
mod prove;
mod quotient;
mod security;
pub mod shards;
mod statement;
mod table;
mod verify;

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use proofmark_plan::typed::TypedPlan;

pub use self::{
    compile::Unsupported,
    config::Level,
    cost::{Cost, TableCost, cost},
    digest::Salt,
    error::{ProveError, VerifyError},
    prove::{Phase, Progress, Witness, dry_run, prove},
    security::Security,
    statement::{Bounds, Statement, TableBounds},
    verify::verify,
};

/// The bounds of the output's text columns, which follow from those of the inputs: the output's digest is the one
/// under these ([`digest::table_with_text_bounds`]).
///
/// # Errors
/// If the plan cannot be proved under the bounds.
pub fn output_text_bounds(plan: &TypedPlan, bounds: &Bounds) -> Result<Vec<u8>, Vec<Unsupported>> {
    compile::compile(plan, bounds, 0).map(|machine| machine.output_text)
}

/// Every step that cannot be proved, with its reason. Empty if the plan can be proved for tables within the limits:
/// 131,071 rows; texts that are put in order have at most 30 bytes.
pub fn supports(plan: &TypedPlan) -> Vec<Unsupported> {
    compile::supports(plan)
}
