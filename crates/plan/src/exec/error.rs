//! What can go wrong while a checked plan runs. Every message says where, and what to do.

use alloc::{boxed::Box, string::String};
use core::fmt;

use super::custom::CustomError;
use crate::{
    format::FormatError,
    types::{Type, ValueType},
};

/// An execution stopped at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecError {
    /// Id of the step; empty if no step had begun.
    pub step: String,
    /// What happened.
    pub kind: ExecErrorKind,
}

/// Why an execution stopped. Rows count from zero in the step's input; messages count from one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecErrorKind {
    /// The observer asked to stop.
    Cancelled,
    /// A value has no equal in the target type.
    ConversionFailed {
        /// The row.
        row: usize,
        /// The target type.
        to: Type,
    },
    /// A custom step failed.
    Custom(CustomError),
    /// A division or remainder by zero.
    DivisionByZero {
        /// The row.
        row: usize,
    },
    /// Bytes could not be parsed, or a table not be serialized.
    Format(Box<FormatError>),
    /// A date outside the years 1 to 9999.
    InvalidDate {
        /// The row.
        row: usize,
    },
    /// A resource ran out.
    LimitExceeded {
        /// Which one.
        which: LimitKind,
        /// What the plan allows.
        limit: u64,
        /// What the execution needed at that point, at least.
        needed: u64,
    },
    /// `until` was not true after the last allowed round, or `forEach` has more rows than rounds.
    LoopBound {
        /// The bound.
        max_iterations: u32,
        /// Rows of the input, for `forEach`.
        rows: Option<usize>,
    },
    /// The square root of a negative number.
    NegativeRoot {
        /// The row.
        row: usize,
    },
    /// A condition needs a table of exactly one row.
    NotOneRow {
        /// Rows that it has.
        rows: usize,
    },
    /// A result does not fit its type.
    Overflow {
        /// The row; for an aggregate, the first row of the group.
        row: usize,
        /// The operator or function.
        what: &'static str,
    },
    /// The number of inputs is not what the plan declares.
    WrongInputCount {
        /// What the plan declares.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// An input, or the result of a custom step, is not of the declared type.
    WrongInput {
        /// The declared type.
        expected: ValueType,
        /// The type of the value.
        found: ValueType,
    },
    /// The checked plan breaks a promise of `typed`: a fault of whoever built it.
    BadPlan(&'static str),
}

/// The resources of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// Logical size of live values.
    MemoryBytes,
    /// Logical size of the output.
    OutputBytes,
    /// Rows of one table; the bound is the executor's, not the plan's.
    Rows,
    /// Executed steps.
    Steps,
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.step.is_empty() { self.kind.fmt(f) } else { write!(f, "step {}: {}", self.step, self.kind) }
    }
}

impl core::error::Error for ExecError {}

impl fmt::Display for ExecErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("execution was cancelled"),
            Self::ConversionFailed { row, to } => write!(
                f,
                "row {}: the value has no exact equal in type {to}; clean it or guard the conversion with a condition",
                row + 1
            ),
            Self::Custom(error) => error.fmt(f),
            Self::DivisionByZero { row } => {
                write!(f, "row {}: division by zero; guard it, as in `b == 0 ? null : div(a, b, 4)`", row + 1)
            }
            Self::Format(error) => error.fmt(f),
            Self::InvalidDate { row } => {
                write!(
                    f,
                    "row {}: the date is outside the years 1 to 9999; check the number of days",
                    row + 1
                )
            }
            Self::LimitExceeded { which, limit, needed } => match which {
                LimitKind::MemoryBytes => write!(
                    f,
                    "live values need {needed} bytes, the limit is {limit}; raise limits.maxMemoryBytes or filter earlier"
                ),
                LimitKind::OutputBytes => write!(
                    f,
                    "the output has {needed} bytes, the limit is {limit}; raise limits.maxOutputBytes or select less"
                ),
                LimitKind::Rows => {
                    write!(
                        f,
                        "a table of {needed} rows is more than the {limit} that an executor can address"
                    )
                }
                LimitKind::Steps => write!(
                    f,
                    "more than {limit} steps were executed; raise limits.maxSteps or lower maxIterations of loops"
                ),
            },
            Self::LoopBound { max_iterations, rows: None } => write!(
                f,
                "`until` was not true after {max_iterations} rounds; raise maxIterations or check that the body converges"
            ),
            Self::LoopBound { max_iterations, rows: Some(rows) } => write!(
                f,
                "`forEach` has {rows} rows but maxIterations is {max_iterations}; raise it or filter the input"
            ),
            Self::NegativeRoot { row } => {
                write!(f, "row {}: square root of a negative number; guard it with a condition", row + 1)
            }
            Self::NotOneRow { rows } => write!(
                f,
                "a condition needs a table of exactly one row, this one has {rows}; reduce without groupBy gives one"
            ),
            Self::Overflow { row, what } => write!(
                f,
                "row {}: the result of {what} does not fit its type; widen the operands with decimal(x, p, s) or use a smaller scale",
                row + 1
            ),
            Self::WrongInputCount { expected, found } => {
                write!(
                    f,
                    "the plan has {expected} inputs but {found} were given; give one value for each data-input"
                )
            }
            Self::WrongInput { expected, found } => {
                write!(f, "the value is {}, the plan declares {}", Shown(found), Shown(expected))
            }
            Self::BadPlan(what) => {
                write!(f, "the checked plan is inconsistent: {what}; check it again from its source")
            }
        }
    }
}

/// A value type in words.
struct Shown<'a>(&'a ValueType);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ValueType::Bytes => f.write_str("bytes"),
            ValueType::Table(schema) => write!(f, "a table {schema}"),
        }
    }
}

/// Results of kernels; the runner adds the step.
pub(super) type Result<T> = core::result::Result<T, ExecErrorKind>;

/// What went wrong with one value; its row is added by the loop around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No exact equal in a type.
    Conversion(Type),
    /// Year outside 1 to 9999.
    Date,
    /// Division by zero.
    Division,
    /// Root of a negative number.
    Root,
    /// The result does not fit.
    Overflow(&'static str),
}

impl Fault {
    /// The error that this fault is in `row`.
    #[cold]
    pub(super) fn at(self, row: usize) -> ExecErrorKind {
        match self {
            Self::Conversion(to) => ExecErrorKind::ConversionFailed { row, to },
            Self::Date => ExecErrorKind::InvalidDate { row },
            Self::Division => ExecErrorKind::DivisionByZero { row },
            Self::Root => ExecErrorKind::NegativeRoot { row },
            Self::Overflow(what) => ExecErrorKind::Overflow { row, what },
        }
    }
}
