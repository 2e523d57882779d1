//! Tests of whole plans.

mod attacks;
mod bench;
mod deletion;
mod historic;
mod plans;
mod random;
mod sharded_attacks;
mod shards;
mod solver;
mod steps;

pub(crate) use attacks::{small_case, small_proof};
