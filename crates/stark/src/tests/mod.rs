//! Tests of whole plans.

mod attacks;
mod bench;
mod deletion;
mod plans;
mod random;

pub(crate) use attacks::small_case;
