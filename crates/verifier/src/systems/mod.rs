//! One room per proof system: what its evidence is worth, and whether it holds.

pub(crate) mod binding;
pub mod commitment;
pub mod risc0;
pub mod stark;
pub(crate) mod witness;
