#![doc = include_str!("../README.md")]
#![cfg_attr(not(any(test, feature = "client")), no_std)]

mod bytes;
#[cfg(feature = "client")]
pub mod client;
pub mod ed25519;
pub mod fault;
#[cfg(test)]
mod fuzzing;
pub mod instruction;
pub mod record;
pub mod roster;
pub mod witness;

pub use fault::Fault;
pub use instruction::Instruction;
pub use record::Record;
pub use roster::Roster;
pub use witness::ZkPerfWitness;
