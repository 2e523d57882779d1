//! Tests of whole plans.

mod attacks;
mod bench;
mod deletion;
mod false_digests;
mod historic;
mod model;
mod plans;
mod random;
mod shape_attacks;
mod shapes;
mod sharded_attacks;
mod shards;
mod small;
mod small_guards;
mod small_plans;
mod small_rows;
mod solver;
mod statistics;
mod steps;
mod zero_knowledge;

pub(crate) use attacks::{small_case, small_proof};
