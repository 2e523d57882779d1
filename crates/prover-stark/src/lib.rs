#![doc = include_str!("../README.md")]

mod cut;
mod job;
mod prove;
mod shards;

pub use cut::sharded_table_digest;
pub use proofmark_stark::{Level, shards::MAX_SHARD_ROWS};
pub use prove::{Options, Stark, table_digest};
