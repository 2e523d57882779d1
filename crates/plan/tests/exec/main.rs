//! The executor against a naive second one, and at its limits.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod kernels;
mod random;
mod reference;
mod rules;
