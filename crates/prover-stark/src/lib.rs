#![doc = include_str!("../README.md")]

mod bridge;
mod cut;
mod job;
mod kept;
mod prove;
mod shards;
mod stage;

pub use bridge::{Bridged, Origin};
pub use cut::sharded_table_digest;
pub use proofmark_stark::{Level, shards::MAX_SHARD_ROWS};
pub use prove::{Options, Stark, table_digest};
