#![doc = include_str!("../README.md")]

mod error;
mod machine;
mod perf;
mod process;
mod record;
mod symbols;
mod tree;

pub use error::RecordError;
pub use perf::{EventChoice, Perf};
pub use record::{Recorded, Request, record};
pub use symbols::Symbols;
pub use tree::tree_digest;
