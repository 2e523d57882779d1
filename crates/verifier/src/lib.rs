#![doc = include_str!("../README.md")]

mod cache;
mod expectations;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gate;
mod policy;
mod rollout;
mod statement;
pub mod systems;
mod verify;

pub use cache::ResultCache;
pub use expectations::{Expectations, ExpectedOutput};
pub use policy::{LimitBounds, Policy, PolicyError, System};
pub use rollout::{BindingPolicy, Share};
pub use statement::{Statement, statement};
pub use verify::{BatchItem, Verifier};
