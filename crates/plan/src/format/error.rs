//! What is wrong with a file, and where.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use crate::{json_reader::JsonErrorKind, types::ColumnType};

/// A file could not be read as a table, or a table not written. The file's author is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// What is wrong.
    pub kind: FormatErrorKind,
    /// The record, counting from one; `None` if the problem is outside all records.
    pub row: Option<u64>,
    /// The column of the schema.
    pub column: Option<Box<str>>,
    /// Where in the file, if known.
    pub place: Option<Place>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Byte offset.
    pub offset: usize,
    /// Line, counting from one.
    pub line: u32,
    /// Character in the line, counting from one.
    pub character: u32,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatErrorKind {
    /// A line of CSV has more or fewer cells than the header.
    CellCount {
        /// Cells of the header.
        expected: usize,
        /// Cells of this line.
        found: usize,
    },
    /// A name that may appear once appears again.
    Duplicate(String),
    /// The file is not in the format.
    Malformed(&'static str),
    /// The text is not JSON.
    Json(JsonErrorKind),
    /// A column of the schema is not in the file, or not in this record.
    MissingColumn {
        /// The name that the file should have.
        source: String,
        /// Names that it has, at most sixteen.
        found: Vec<String>,
    },
    /// The path does not lead to an array of records.
    Path(String),
    /// Something exceeds a limit of this reader.
    TooLarge {
        /// What.
        what: &'static str,
        /// The most that is read.
        limit: u64,
    },
    /// The bytes are not UTF-8.
    Utf8,
    /// A cell does not fit its column.
    Value {
        /// The column's type.
        expected: ColumnType,
        /// The format of the column's dates, if the plan states one.
        format: Option<String>,
        /// The start of what the file has.
        found: Box<str>,
        /// Why it does not fit.
        problem: ValueProblem,
    },
    /// The text is not XML, or uses what this reader refuses.
    Xml(String),
}

/// Why a cell does not fit its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueProblem {
    /// The form is right, but there is no such day or time.
    NoSuchDate,
    /// There is no value, and the column is not nullable.
    Null,
    /// More digits before the point than the type has, or beyond the range of int.
    OutOfRange,
    /// More digits after the point than the type has.
    TooPrecise,
    /// Another form than the type needs.
    WrongForm,
}

impl FormatError {
    /// An error without a place.
    pub(crate) const fn new(kind: FormatErrorKind) -> Self {
        Self { kind, row: None, column: None, place: None }
    }

    /// An error at a byte offset of `bytes`.
    pub(crate) fn at(kind: FormatErrorKind, bytes: &[u8], offset: usize) -> Self {
        Self { place: Some(Place::of(bytes, offset)), ..Self::new(kind) }
    }

    /// The same error in the record with this index, counting from zero.
    pub(crate) fn in_row(mut self, row: usize) -> Self {
        self.row = Some(row as u64 + 1);
        self
    }

    /// The same error in this column.
    pub(crate) fn in_column(mut self, name: &str) -> Self {
        self.column = Some(name.into());
        self
    }
}

impl Place {
    /// The place of byte `offset`.
    pub fn of(bytes: &[u8], offset: usize) -> Self {
        let offset = offset.min(bytes.len());
        let before = &bytes[..offset];
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = before[..start].iter().filter(|byte| **byte == b'\n').count();
        // Bytes that continue a character do not count.
        let characters = before[start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX - 1) + 1;
        Self { offset, line: count(lines), character: count(characters) }
    }
}

/// The start of `text`, for messages.
pub(crate) fn excerpt(text: &[u8]) -> Box<str> {
    const LONGEST: usize = 40;
    let shown = String::from_utf8_lossy(&text[..text.len().min(LONGEST)]);
    let mut out: String = shown.trim_end_matches('\u{fffd}').into();
    if text.len() > LONGEST {
        out.push('…');
    }
    out.into_boxed_str()
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = self.row {
            write!(f, "row {row}, ")?;
        }
        if let Some(column) = &self.column {
            write!(f, "column {column}, ")?;
        }
        if let Some(place) = self.place {
            write!(f, "line {}:{}: ", place.line, place.character)?;
        }
        self.kind.fmt(f)
    }
}

impl core::error::Error for FormatError {}

impl fmt::Display for FormatErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CellCount { expected, found } => {
                write!(
                    f,
                    "the header has {expected} cells, this line {found}; quote cells that contain the delimiter"
                )
            }
            Self::Duplicate(name) => write!(f, "{name:?} appears twice; a name may appear once"),
            Self::Malformed(problem) => f.write_str(problem),
            Self::Json(kind) => write!(f, "not JSON: {kind}"),
            Self::MissingColumn { source, found } => {
                write!(f, "there is no {source:?}")?;
                if !found.is_empty() {
                    write!(f, " among {}", found.join(", "))?;
                }
                f.write_str("; name another with `source`, or make the column nullable")
            }
            Self::Path(problem) => write!(f, "{problem}; `path` must lead to an array of objects"),
            Self::TooLarge { what, limit } => write!(f, "{what}: at most {limit} are read"),
            Self::Utf8 => f.write_str("the text is not UTF-8; convert the file, for example with iconv"),
            Self::Value { expected, format, found, problem } => {
                write!(f, "expected {expected}")?;
                if let Some(format) = format {
                    write!(f, " as {format:?}")?;
                }
                match problem {
                    ValueProblem::Null => {
                        f.write_str(", found nothing; make the column nullable with `?` if that is allowed")
                    }
                    ValueProblem::NoSuchDate => write!(f, ", but {found:?} does not exist"),
                    ValueProblem::OutOfRange => {
                        write!(f, ", but {found:?} is out of its range; choose a wider type")
                    }
                    ValueProblem::TooPrecise => {
                        write!(f, ", but {found:?} has more digits after the point; choose a larger scale")
                    }
                    ValueProblem::WrongForm => write!(f, ", found {found:?}; {}", form(*expected)),
                }
            }
            Self::Xml(problem) => write!(f, "not XML that is read here: {problem}"),
        }
    }
}

/// How values of a type are written.
const fn form(expected: ColumnType) -> &'static str {
    use crate::types::Type;
    match expected.ty {
        Type::Bool => "write true or false",
        Type::Bytes => "write padded base64",
        Type::Date => "dates are written 2012-01-31 unless the column has a `format`",
        Type::Decimal { .. } => "write digits with an optional point, as 12.50",
        Type::Int => "write digits only, as 12",
        Type::String => "write a string",
        Type::Timestamp => "timestamps are written 2012-01-31T08:00:00Z unless the column has a `format`",
    }
}
