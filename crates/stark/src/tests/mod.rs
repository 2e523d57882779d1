//! Tests of whole plans.

mod attacks;
mod plans;
mod random;

pub(crate) use attacks::small_case;
