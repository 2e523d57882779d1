//! A plan as it was written, before it is checked: steps that name each other by id.

#![allow(
    missing_docs,
    reason = "fields of variants carry the names of the language; the variants are documented"
)]

use alloc::{boxed::Box, string::String, vec::Vec};

use proofmark_core::Digest;
pub use proofmark_core::Limits;

use crate::{expr::Expr, types::Schema};

/// The version of the language, and the only one that is read.
pub const VERSION: &str = "1.0";

/// The most steps of a plan, sub-plans included.
pub const MAX_STEPS: usize = 10_000;
/// The most columns of a table.
pub const MAX_COLUMNS: usize = 256;
/// The deepest nesting of sub-plans.
pub const MAX_PLAN_DEPTH: u32 = 64;
/// The deepest nesting of an expression.
pub const MAX_EXPRESSION_DEPTH: u32 = 64;
/// The longest text in a plan, expressions included, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 << 10;
/// The longest id or name of a column, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// A typed program of steps over tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// A name for people; hashed.
    pub id: String,
    /// Digest of the job that this plan answers.
    pub job_request_hash: Option<Digest>,
    /// The steps in the order they were written, which has no meaning: `check` sorts them. The canonical form
    /// keeps this order.
    pub steps: Vec<Step>,
    /// The step whose value is the output.
    pub output: String,
    /// Bounds on the execution.
    pub limits: Limits,
}

/// One step of a plan or sub-plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Unique in the whole plan.
    pub id: String,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Combining rows or tables.
    Aggregate(Aggregate),
    /// One of two sub-plans.
    Branch(Branch),
    /// Calculations.
    Compute {
        /// The table.
        input: String,
        /// What to calculate.
        operation: Compute,
    },
    /// External data.
    DataInput(DataInput),
    /// Rows whose condition is true.
    Filter { input: String, condition: Expr },
    /// A sub-plan, several times.
    Loop(Loop),
    /// Row-wise and format changes.
    Transform { input: String, operation: Transform },
}

impl StepKind {
    /// Type and operation, such as `transform map`.
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::Aggregate(Aggregate::Concat { .. }) => "aggregate concat",
            Self::Aggregate(Aggregate::Merge { .. }) => "aggregate merge",
            Self::Aggregate(Aggregate::Reduce { .. }) => "aggregate reduce",
            Self::Branch(_) => "branch",
            Self::Compute { operation: Compute::Hash { .. }, .. } => "compute hash",
            Self::Compute { operation: Compute::Math { .. }, .. } => "compute math",
            Self::Compute { operation: Compute::Statistics { .. }, .. } => "compute statistics",
            Self::DataInput(_) => "data-input",
            Self::Filter { .. } => "filter",
            Self::Loop(_) => "loop",
            Self::Transform { operation, .. } => match operation {
                Transform::Custom { .. } => "transform custom",
                Transform::Distinct { .. } => "transform distinct",
                Transform::Limit { .. } => "transform limit",
                Transform::Map { .. } => "transform map",
                Transform::Parse { .. } => "transform parse",
                Transform::Rename { .. } => "transform rename",
                Transform::Select { .. } => "transform select",
                Transform::Serialize { .. } => "transform serialize",
                Transform::Sort { .. } => "transform sort",
            },
        }
    }
}

/// External data and what it must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataInput {
    /// The root that the data must have, if the plan fixes it.
    pub data_commitment: Option<Digest>,
    /// What the data is.
    pub schema: InputSchema,
    /// Where the data comes from; guides tools and is hashed, but not used by execution.
    pub source: Source,
    /// Rows in a leaf of the root, 1 to 1024.
    pub rows_per_leaf: u16,
}

/// What an input is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputSchema {
    /// A raw file.
    Bytes,
    /// A table, with hints for reading it from a file: one hint per column of the schema.
    Table { schema: Schema, hints: Vec<ColumnHint> },
}

/// How a column looks in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnHint {
    /// The name in the file, if it differs.
    pub source: Option<String>,
    /// How dates and timestamps are written, if not as in ISO 8601.
    pub format: Option<String>,
}

/// Where data comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The kind of place.
    pub kind: SourceKind,
    /// The place.
    pub uri: Option<String>,
    /// What vouches for the data.
    pub attestation: Attestation,
}

/// Kinds of places that data comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SourceKind {
    /// An HTTP interface.
    Api,
    /// A file.
    File,
    /// Given with the job.
    Parameter,
    /// The output of another job.
    PreviousJob,
}

/// What vouches for data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Attestation {
    /// Nothing.
    None,
    /// A TLS notary.
    TlsNotary,
    /// A provider on the verifier's list.
    TrustedProvider,
}

/// Operations of a `transform` step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transform {
    /// A WASM function: table → table of `schema`.
    Custom { wasm_module: Digest, function_name: String, schema: Schema },
    /// Whole rows, or the first row of each combination of `fields`, without repetition.
    Distinct { fields: Option<Vec<String>> },
    /// A window of rows.
    Limit { count: u64, offset: u64 },
    /// New or replaced columns, sorted by name.
    Map { columns: Vec<(String, Expr)> },
    /// Bytes → table of `schema`.
    Parse { format: ParseFormat, schema: Schema, hints: Vec<ColumnHint> },
    /// Columns by other names: `(old, new)`, sorted by old name.
    Rename { mapping: Vec<(String, String)> },
    /// Only these columns.
    Select { fields: Vec<String> },
    /// Table → bytes.
    Serialize { format: SerializeFormat, fields: Option<Vec<String>> },
    /// Ordered rows.
    Sort { by: Vec<SortKey>, limit: Option<u64> },
}

/// Formats that `parse` reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseFormat {
    /// RFC 4180 with a header row.
    Csv { delimiter: u8 },
    /// RFC 8259; `path` leads from the document to the array of rows.
    Json { path: Vec<String> },
    /// XML 1.0; elements called `record` are the rows.
    Xml { record: String },
}

/// Formats that `serialize` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SerializeFormat {
    /// RFC 4180 with a header row.
    Csv,
    /// RFC 8785.
    Json,
}

/// A sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// The column.
    pub field: String,
    /// From large to small.
    pub descending: bool,
    /// Nulls before all values. The default, written out in the canonical form, is `descending`.
    pub nulls_first: bool,
}

/// The `aggregate` step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Tables of one schema, one after the other.
    Concat { inputs: Vec<String> },
    /// Two tables by key.
    Merge { left: String, right: String, how: MergeHow, on: Vec<(String, String)> },
    /// Groups of rows to one row each. `aggregates` is sorted by name.
    Reduce { input: String, group_by: Vec<String>, aggregates: Vec<(String, Reduction)> },
}

/// Kinds of merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MergeHow {
    /// Rows of left without a match.
    Anti,
    /// Matches, and unmatched rows of both sides.
    Full,
    /// Matches.
    Inner,
    /// Matches, and unmatched rows of left.
    Left,
    /// Rows of left with a match.
    Semi,
    /// Left, then rows of right whose key is not in left.
    Union,
}

/// One aggregate function over a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Rows, or values that are not null.
    Count { field: Option<String> },
    /// Different values that are not null.
    CountDistinct { field: String },
    /// The first value that is not null, in the order of the keys, then of the rows.
    First { field: String, order_by: Vec<SortKey> },
    /// The last value that is not null.
    Last { field: String, order_by: Vec<SortKey> },
    /// The largest value.
    Max { field: String },
    /// The arithmetic mean.
    Mean { field: String, scale: u8 },
    /// The smallest value.
    Min { field: String },
    /// A percentile; `p` is `digits / 10^scale` between 0 and 1. The median is `p = 5 / 10^1`, and so canonical.
    Percentile { field: String, p: (u64, u8), scale: u8, discrete: bool },
    /// The standard deviation.
    Stddev { field: String, scale: u8, population: bool },
    /// The sum.
    Sum { field: String },
    /// The variance.
    Variance { field: String, scale: u8, population: bool },
}

/// Operations of a `compute` step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compute {
    /// A bytes column with SHA-256 of each row.
    Hash { fields: Option<Vec<String>>, name: String },
    /// As `map`.
    Math { columns: Vec<(String, Expr)> },
    /// One row of figures per field.
    Statistics { fields: Vec<String>, scale: u8 },
}

/// A sub-plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubPlan {
    /// Its steps; they may name steps outside.
    pub steps: Vec<Step>,
    /// The step, inside or outside, whose value is the result.
    pub output: String,
}

/// An expression over the single row of a step's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The step.
    pub input: String,
    /// A boolean expression.
    pub expression: Expr,
}

/// The `branch` step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Decides.
    pub condition: Condition,
    /// Runs if the condition is true.
    pub then: Box<SubPlan>,
    /// Runs if it is false or null.
    pub otherwise: Box<SubPlan>,
}

/// The `loop` step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// The first state, or the rows.
    pub input: String,
    /// The id by which the body names the state or row.
    pub name: String,
    /// The bound.
    pub max_iterations: u32,
    /// When it ends.
    pub mode: LoopMode,
    /// What it repeats.
    pub body: Box<SubPlan>,
}

/// When a loop ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopMode {
    /// After one round for each row of the input.
    ForEach,
    /// After `max_iterations` rounds.
    Times,
    /// After the first round whose condition is true.
    Until(Condition),
}
