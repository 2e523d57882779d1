#![doc = include_str!("../README.md")]

mod entry;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(feature = "http")]
pub mod http;
mod program;
mod registry;
mod sync;

pub use ed25519_dalek::SigningKey;
pub use entry::{Action, Entry};
pub use error::{EntryFault, RegistryError};
pub use program::Program;
pub use registry::{AuditLine, MAX_REGISTRY_BYTES, MAX_REGISTRY_ENTRIES, Registry, Standing};
pub use semver::Version;
pub use sync::{SyncError, SyncOutcome, sync};
