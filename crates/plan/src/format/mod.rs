//! Tables from files and files from tables: JSON, CSV and XML.
//!
//! All readers work on bytes in memory in one pass and stop at the first problem with its place. JSON and CSV build no
//! tree, and texts stay where they are in the file. What a file has beyond the schema is ignored.

mod cell;
pub mod csv;
mod error;
pub mod json;
pub mod xml;

use alloc::vec::Vec;

pub(crate) use cell::{readers, write_json};
pub use error::{FormatError, FormatErrorKind, Place, ValueProblem};
pub(crate) use json::{Records as JsonRecords, Source as JsonSource};

use crate::{
    model::{ColumnHint, ParseFormat, SerializeFormat},
    types::{ColumnType, Schema},
    value::{Bytes, Table},
};

/// The longest file that is read, in bytes: places in it have 32 bits.
pub const MAX_FILE_BYTES: usize = u32::MAX as usize;

/// Reads a file. `hints` are parallel to the schema, or empty. The table may have at most `max_bytes`, not counting its
/// texts, which the file bounds.
///
/// # Errors
/// If the file is not in the format, or does not fit the schema or the limit.
pub fn parse(
    bytes: &Bytes,
    format: &ParseFormat,
    schema: &Schema,
    hints: &[ColumnHint],
    max_bytes: u64,
) -> Result<Table, FormatError> {
    match format {
        ParseFormat::Csv { delimiter } => csv::read(bytes, *delimiter, schema, hints, max_bytes),
        ParseFormat::Json { path } => json::read(bytes, path, schema, hints, max_bytes),
        ParseFormat::Xml { record } => xml::read(bytes, record, schema, hints, max_bytes),
    }
}

/// Writes these columns of a table, in this order where the format has one.
///
/// # Errors
/// If the file would be longer than `max_bytes`.
///
/// # Panics
/// If a field is not a column of the table.
pub fn serialize(
    table: &Table,
    format: SerializeFormat,
    fields: &[usize],
    max_bytes: u64,
) -> Result<Vec<u8>, FormatError> {
    match format {
        SerializeFormat::Csv => csv::write(table, fields, max_bytes),
        SerializeFormat::Json => json::write(table, fields, max_bytes),
    }
}

/// The text of a file after its byte order mark, and how long that mark is.
pub(crate) fn source_text(bytes: &[u8]) -> Result<(&str, usize), FormatError> {
    if bytes.len() > MAX_FILE_BYTES {
        let kind = FormatErrorKind::TooLarge { what: "bytes in the file", limit: MAX_FILE_BYTES as u64 };
        return Err(FormatError::new(kind));
    }
    let text = core::str::from_utf8(bytes)
        .map_err(|e| FormatError::at(FormatErrorKind::Utf8, bytes, e.valid_up_to()))?;
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok((rest, text.len() - rest.len())),
        None => Ok((text, 0)),
    }
}

/// Bounds the rows of a table that is being read.
struct RowLimit {
    max_bytes: u64,
    row_bytes: u64,
    max_rows: usize,
}

impl RowLimit {
    fn new(schema: &Schema, max_bytes: u64) -> Self {
        let width = |ty: ColumnType| ty.ty.width().unwrap_or(4) as u64 + u64::from(ty.nullable);
        let row_bytes = schema.columns().iter().map(|column| width(column.ty)).sum::<u64>().max(1);
        let max_rows = (max_bytes / row_bytes).min(u64::from(u32::MAX) - 1);
        Self { max_bytes, row_bytes, max_rows: max_rows as usize }
    }

    /// Whether there may be a row after `rows`.
    fn check(&self, rows: usize) -> Result<(), FormatErrorKind> {
        if rows < self.max_rows {
            return Ok(());
        }
        Err(FormatErrorKind::TooLarge { what: "bytes in the table", limit: self.max_bytes })
    }

    /// How many rows to make room for when the first took `first` bytes of a file and `rest` follow. A hostile
    /// first row cannot make this more than a few times the file.
    fn estimate(&self, first: usize, rest: usize) -> usize {
        let least = (self.row_bytes as usize / 2).max(1);
        (rest / first.max(least)).min(self.max_rows)
    }
}

/// Whether an output is still short enough.
fn check_length(out: &[u8], max_bytes: u64) -> Result<(), FormatError> {
    if out.len() as u64 <= max_bytes {
        return Ok(());
    }
    Err(FormatError::new(FormatErrorKind::TooLarge { what: "bytes in the output file", limit: max_bytes }))
}

#[cfg(test)]
mod tests;
