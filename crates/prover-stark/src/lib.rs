#![doc = include_str!("../README.md")]

mod bridge;
mod job;
mod kept;
mod prove;

pub use bridge::{Bridged, Origin};
pub use proofmark_stark::Level;
pub use prove::{Options, Stark, table_digest};
