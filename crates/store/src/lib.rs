#![doc = include_str!("../README.md")]

mod error;
pub mod recordings;
mod store;

pub use error::StoreError;
pub use store::{Collected, Entry, Store};
