//! The door to `custom` steps, whose functions are WASM modules that an executor may or may not be able to run.

use alloc::string::String;
use core::fmt;

use proofmark_core::Digest;

use crate::{
    types::Schema,
    value::{Table, Value},
};

/// Runs the functions of `custom` steps.
pub trait CustomHost {
    /// Calls a function.
    ///
    /// # Errors
    /// If the host has no such function, or it fails.
    fn call(&self, call: &CustomCall<'_>) -> Result<Table, CustomError>;
}

/// A call of a `custom` step.
#[derive(Clone, Copy, Debug)]
pub struct CustomCall<'a> {
    /// SHA-256 of the module.
    pub module: &'a Digest,
    /// The exported function.
    pub function: &'a str,
    /// The input.
    pub input: &'a Value,
    /// What the result must be.
    pub schema: &'a Schema,
    /// Bytes that may still be used.
    pub memory_left: u64,
    /// Bound on the work, in cycles of a zkVM.
    pub max_cycles: u64,
}

/// A `custom` step failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CustomError {
    /// The module is not valid, or needs what custom steps may not use.
    BadModule(String),
    /// The function returned something that is not a table of the declared schema. The module's author is at fault.
    BadResult(String),
    /// The function does not exist or has another signature.
    MissingExport(String),
    /// The function ended in a trap, such as a division by zero or an access outside its memory.
    Trap(String),
    /// This executor cannot run custom steps.
    Unavailable,
    /// The host does not have the module.
    UnknownModule(Digest),
    /// The function needs more memory than is left.
    OutOfMemory {
        /// Bytes that were left.
        limit: u64,
    },
    /// The function used up its work.
    OutOfFuel {
        /// Units of work that were left.
        limit: u64,
    },
}

impl fmt::Display for CustomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadModule(why) => write!(f, "the WASM module cannot be used: {why}"),
            Self::BadResult(why) => write!(f, "the custom function returned a bad result: {why}"),
            Self::MissingExport(name) => {
                write!(f, "the WASM module does not export {name} as custom steps need it (see docs: custom steps)")
            }
            Self::Trap(why) => write!(f, "the custom function trapped: {why}"),
            Self::Unavailable => f.write_str(
                "custom steps cannot be executed here; use an executor with a WASM host, or express the step in the plan language",
            ),
            Self::UnknownModule(digest) => {
                write!(f, "the WASM module {digest} was not given; pass the file with this digest")
            }
            Self::OutOfMemory { limit } => write!(
                f,
                "the custom function needs more than the {limit} bytes that are left; raise limits.maxMemoryBytes"
            ),
            Self::OutOfFuel { limit } => {
                write!(f, "the custom function used more than {limit} units of work; raise limits.maxCycles")
            }
        }
    }
}

impl core::error::Error for CustomError {}

/// A host without custom functions.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCustom;

impl CustomHost for NoCustom {
    fn call(&self, _: &CustomCall<'_>) -> Result<Table, CustomError> {
        Err(CustomError::Unavailable)
    }
}
