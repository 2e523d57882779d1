//! Tests of whole plans.

mod plans;
