//! A checked plan: every name resolved to a slot or column index, every expression typed, every
//! conversion explicit, every block in execution order.
//!
//! This is what executors and provers work from. `check` builds it and upholds these promises:
//! - steps of a block are in topological order with ids as tie-break;
//! - operands of `Add`, `Sub`, `Remainder` and comparisons have equal types (an explicit [`TypedKind::Widen`]
//!   brings numbers to one scale), as have the branches of `If` and the arguments of `Coalesce`, `Least`,
//!   `Greatest`, `In`; `Mul`, `Div` and `Quotient` take numbers as they are;
//! - `schema.columns()` of a step's result and the parallel vectors in its [`TypedOp`] have equal length.

#![allow(
    missing_docs,
    reason = "fields of variants carry the names of the language; the variants are documented"
)]

use alloc::{boxed::Box, string::String, vec::Vec};

use proofmark_core::Digest;

use crate::{
    expr::Function,
    model::{ColumnHint, Limits, MergeHow, ParseFormat, SerializeFormat},
    types::{ColumnType, ValueType},
};

/// Where a step's value lives during execution. Ids are unique, so one numbering serves the whole plan.
pub type Slot = usize;

/// A checked plan.
#[derive(Clone, Debug)]
pub struct TypedPlan {
    /// SHA-256 of the canonical form.
    pub hash: Digest,
    /// Digest of the job that this plan answers.
    pub job: Option<Digest>,
    /// External data, in execution order of their steps.
    pub inputs: Vec<TypedInput>,
    /// All steps outside sub-plans.
    pub body: TypedBlock,
    /// Number of slots.
    pub slots: usize,
    /// Bounds on the execution.
    pub limits: Limits,
}

/// External data.
#[derive(Clone, Debug)]
pub struct TypedInput {
    /// Id of the step.
    pub name: String,
    /// What the data must be.
    pub ty: ValueType,
    /// How its columns look in a file; parallel to the schema.
    pub hints: Vec<ColumnHint>,
    /// The root that it must have.
    pub data_commitment: Option<Digest>,
    /// Rows in a leaf of its root.
    pub rows_per_leaf: u16,
}

/// Steps in execution order and the slot of their result.
#[derive(Clone, Debug)]
pub struct TypedBlock {
    /// The steps.
    pub steps: Vec<TypedStep>,
    /// The slot of the result; may belong to a block outside.
    pub output: Slot,
}

/// A checked step.
#[derive(Clone, Debug)]
pub struct TypedStep {
    /// The step's id, for messages.
    pub id: String,
    /// Where its value goes.
    pub slot: Slot,
    /// The type of its value.
    pub result: ValueType,
    /// What it does.
    pub op: TypedOp,
}

/// What a checked step does. `usize` fields are column indices of the input's schema.
#[derive(Clone, Debug)]
pub enum TypedOp {
    /// One of two blocks.
    Branch { condition: TypedCondition, then: TypedBlock, otherwise: TypedBlock },
    /// Tables one after the other.
    Concat { inputs: Vec<Slot> },
    /// A WASM function.
    Custom { input: Slot, module: Digest, function: String },
    /// Rows without repetition by these columns.
    Distinct { input: Slot, fields: Vec<usize> },
    /// Rows whose condition is true.
    Filter { input: Slot, condition: TypedExpr },
    /// Column `target` of the result is SHA-256 of `fields`; the other columns are the input's in order.
    HashRows { input: Slot, fields: Vec<usize>, target: usize },
    /// `TypedPlan::inputs[index]`.
    Input { index: usize },
    /// A window of rows.
    Limit { input: Slot, offset: u64, count: u64 },
    /// A block, several times. `state` is the slot that the body reads.
    Loop { input: Slot, state: Slot, max_iterations: u32, mode: TypedLoopMode, body: TypedBlock },
    /// Columns kept or computed; parallel to the result's schema. Also `select` and `rename`.
    Map { input: Slot, columns: Vec<MapColumn> },
    /// Two tables by key; `columns` is parallel to the result's schema.
    Merge {
        left: Slot,
        right: Slot,
        how: MergeHow,
        left_keys: Vec<usize>,
        right_keys: Vec<usize>,
        columns: Vec<MergeColumn>,
    },
    /// Bytes to a table.
    Parse { input: Slot, format: ParseFormat, hints: Vec<ColumnHint> },
    /// Groups to rows; `columns` is parallel to the result's schema.
    Reduce { input: Slot, keys: Vec<usize>, columns: Vec<ReduceColumn> },
    /// A table to bytes; the columns in this order.
    Serialize { input: Slot, format: SerializeFormat, fields: Vec<usize> },
    /// Ordered rows.
    Sort { input: Slot, by: Vec<TypedSortKey>, limit: Option<u64> },
    /// One row per field, sorted by name.
    Statistics { input: Slot, fields: Vec<usize>, scale: u8 },
}

/// A column of a `map`'s result.
#[derive(Clone, Debug)]
pub enum MapColumn {
    /// Computed from the input's row.
    Compute(TypedExpr),
    /// A column of the input.
    Keep(usize),
}

/// A column of a `merge`'s result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeColumn {
    /// The key at this position of the key lists: left's, or right's where there is no left row.
    Key(usize),
    /// A column of left.
    Left(usize),
    /// A column of right.
    Right(usize),
}

/// A column of a `reduce`'s result.
#[derive(Clone, Debug)]
pub enum ReduceColumn {
    /// An aggregate over the group.
    Aggregate(TypedReduction),
    /// The key at this position of `keys`.
    Key(usize),
}

/// An aggregate over a group, with its column.
#[derive(Clone, Debug)]
pub enum TypedReduction {
    /// Rows.
    CountRows,
    /// Values that are not null.
    Count(usize),
    /// Different values that are not null.
    CountDistinct(usize),
    /// The first value that is not null, in this order.
    First(usize, Vec<TypedSortKey>),
    /// The last value that is not null, in this order.
    Last(usize, Vec<TypedSortKey>),
    /// The largest value.
    Max(usize),
    /// The mean, at this scale.
    Mean(usize, u8),
    /// The smallest value.
    Min(usize),
    /// The percentile at `digits / 10^p_scale`.
    Percentile { field: usize, digits: u64, p_scale: u8, scale: u8, discrete: bool },
    /// The sum.
    Sum(usize),
    /// Variance, or its root if `root`.
    Variance { field: usize, scale: u8, population: bool, root: bool },
}

/// A checked sort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypedSortKey {
    /// The column.
    pub column: usize,
    /// From large to small.
    pub descending: bool,
    /// Nulls before all values.
    pub nulls_first: bool,
}

/// An expression over the single row of a slot's table.
#[derive(Clone, Debug)]
pub struct TypedCondition {
    /// The slot.
    pub input: Slot,
    /// A boolean expression.
    pub expression: TypedExpr,
}

/// When a loop ends.
#[derive(Clone, Debug)]
pub enum TypedLoopMode {
    /// After one round for each row of the input.
    ForEach,
    /// After `max_iterations` rounds.
    Times,
    /// After the first round whose condition is true.
    Until(TypedCondition),
}

/// An expression with its type.
#[derive(Clone, Debug)]
pub struct TypedExpr {
    /// The type of its values.
    pub ty: ColumnType,
    /// What it computes.
    pub kind: TypedKind,
}

/// What a typed expression computes.
#[derive(Clone, Debug)]
pub enum TypedKind {
    /// An operator or function. Scales and precisions that the text gave as literal arguments (`div`, `round`,
    /// `sqrt`, `trunc`, `decimal`) are in the result type; the exponent of `power` stays an argument.
    Call(Function, Vec<TypedExpr>),
    /// A column of the input.
    Column(usize),
    /// A constant of the expression's type.
    Constant(Scalar),
    /// Whether a value is among constants of its type.
    In(Box<TypedExpr>, Vec<Scalar>),
    /// The value of a column in the row before.
    Previous { column: usize, by: Vec<usize>, order: Vec<usize> },
    /// A number of smaller scale and integer part, brought to the expression's type. Fails only if int or decimal
    /// digits exceed precision 38.
    Widen(Box<TypedExpr>),
}

/// A single value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// Text or bytes.
    Bytes(Box<[u8]>),
    /// int, date, timestamp, or the unscaled digits of a decimal.
    Number(i128),
    /// Null.
    Null,
}
