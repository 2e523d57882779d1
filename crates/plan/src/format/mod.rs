//! Tables from files and files from tables: JSON, CSV and XML.
//!
//! All readers work on bytes in memory in one pass, need memory in proportion to the table that they make, and stop at
//! the first problem with its place. What a file has beyond the schema is ignored.

mod error;

pub use error::{FormatError, FormatErrorKind, Place, ValueProblem};
