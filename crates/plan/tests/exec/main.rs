//! The executor against a naive second one, and at its limits.

mod kernels;
mod random;
mod reference;
mod rules;
