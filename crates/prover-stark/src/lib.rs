#![doc = include_str!("../README.md")]

mod job;
mod prove;

pub use proofmark_stark::Level;
pub use prove::{Options, Stark, table_digest};
