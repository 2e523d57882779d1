//! Tests of whole plans.

mod attacks;
mod plans;
mod random;
