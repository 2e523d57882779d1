//! Executing checked plans: exactly, column by column, the same on every machine.
//!
//! # What is counted
//!
//! [`Usage`] is part of what a proof states, so its rules are part of the language:
//! - **steps**: every step that runs counts one, data inputs, `branch` and `loop` included, and steps inside them
//!   once for each time that they run.
//! - **rows**: the rows of the result of every step that runs (bytes have none), `branch` and `loop` included.
//! - **memory**: the size of a value is [`Value::logical_bytes`], which knows nothing of sharing: a column that two
//!   values share counts in both. All inputs are live from the start. The value of any other step is live from
//!   the moment it is complete. A value is live until the last step of its block that reads it (itself or in its
//!   sub-plans) is complete; the output of a block is live until the block ends, and a value that no step reads
//!   until its own step is complete. When a sub-plan ends, its output becomes the value of the `branch` or the
//!   next state of the `loop`; it is not counted twice. The state of a loop, or the table of one row of `forEach`,
//!   is a value of its own and is live to the end of its round, as is what `until` looks at. The outputs of
//!   the rounds of `forEach` are live until the loop ends, when the result takes their place. The peak is the
//!   largest sum of live values at any moment.
//! - **output bytes**: the size of the output value.
//!
//! Buffers inside one step are not counted. Steps whose result can be much larger than what they read (joins,
//! concatenations, texts, parsing) check their result against the limit before they make it.

mod columns;
mod custom;
mod error;
mod eval;
mod exact;
mod hash_rows;
mod keys;
mod merge;
mod order;
mod reduce;
mod run;
mod statistics;
#[cfg(feature = "wasm")]
pub mod wasm;

use alloc::vec::Vec;

pub use self::{
    custom::{CustomCall, CustomError, CustomHost, NoCustom},
    error::{ExecError, ExecErrorKind, LimitKind},
};
use crate::{
    typed::{TypedOp, TypedPlan},
    value::Value,
};
pub use proofmark_core::Usage;

/// What an execution gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The value of the output step.
    pub output: Value,
    /// What it took.
    pub usage: Usage,
}

/// Watches an execution, and may stop it.
pub trait Observer {
    /// Called after each step.
    fn step(&mut self, _report: &StepReport<'_>) {}

    /// Asked before each step; `true` stops the execution.
    fn cancelled(&mut self) -> bool {
        false
    }
}

/// An observer that does nothing.
impl Observer for () {}

/// A step that was executed.
#[derive(Clone, Copy, Debug)]
pub struct StepReport<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it does.
    pub op: &'a TypedOp,
    /// Rows of the tables that it read, together.
    pub rows_in: u64,
    /// Rows of its result.
    pub rows_out: u64,
    /// Size of its result.
    pub bytes_out: u64,
}

/// Executes a plan on `inputs`, which are parallel to [`TypedPlan::inputs`].
///
/// # Errors
/// If an input is not of its declared type, a limit of the plan is exceeded, or a step fails.
pub fn execute(
    plan: &TypedPlan,
    inputs: Vec<Value>,
    host: &dyn CustomHost,
) -> core::result::Result<Execution, ExecError> {
    execute_with(plan, inputs, host, &mut ())
}

/// As [`execute`], with an observer.
///
/// # Errors
/// As `execute`, and if the observer stops it.
pub fn execute_with(
    plan: &TypedPlan,
    inputs: Vec<Value>,
    host: &dyn CustomHost,
    observer: &mut dyn Observer,
) -> core::result::Result<Execution, ExecError> {
    run::Machine::new(plan, inputs, host, observer)?.run()
}
