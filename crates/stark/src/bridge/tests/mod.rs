//! Tests of the bridge.

mod attacks;
mod hashes;
mod honest;
mod statement;
