//! Tables of more rows than one proof takes: a proof for each shard, and one that merges their groups.
//!
//! A table is cut into *shards* of consecutive rows. From the plan follow two others ([`Split`]): the shard plan gives
//! the partial groups of a shard, the merge plan makes the output of the partial groups of all shards. Each shard's
//! partial groups are named by a salted digest, which is the output of its proof and an input of the merge proof; nobody
//! learns them. What is proved of every shard and of the merge is bound to all of the others.

mod digest;
mod partial;
mod split;
mod statement;

pub use self::{
    digest::{shard, shard_salt, sharded_digest, slice},
    split::{Source, Split},
    statement::{Part, Piece, Sharded, shard_bound},
};

/// The most shards of a table: their proofs are one receipt.
pub const MAX_SHARDS: usize = 64;

/// The most rows of a shard: a chip has a head beside its rows.
pub const MAX_SHARD_ROWS: u32 = (1 << crate::compile::MAX_LOG_HEIGHT) - 1;
