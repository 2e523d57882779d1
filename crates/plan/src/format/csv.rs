//! CSV as in RFC 4180, with a header row. Where the standard is silent, as PostgreSQL's `COPY … CSV`.
//!
//! Reading: lines end with LF or CRLF; the header must name all columns of the schema, others are ignored. An empty cell
//! without quotation marks is null where the column is nullable, and an empty string where it is a string; an empty cell in
//! quotation marks is an empty string, and null for other nullable types. Blank lines are allowed at the end only.
//!
//! Writing: lines end with LF; nulls are empty, empty strings are `""`, and cells are quoted where they must be.

use alloc::{borrow::Cow, vec::Vec};

use super::{
    FormatError, FormatErrorKind, RowLimit,
    cell::{ColumnReader, readers, write_plain},
    check_length, source_text,
};
use crate::{
    model::ColumnHint,
    types::{Schema, Type},
    value::{Bytes, ColumnBuilder, Table, TableBuilder, Values},
};

/// Reads a file with this delimiter.
///
/// # Errors
/// If the file is not such CSV, or does not fit the schema or the limit.
pub fn read(
    bytes: &Bytes,
    delimiter: u8,
    schema: &Schema,
    hints: &[ColumnHint],
    max_bytes: u64,
) -> Result<Table, FormatError> {
    let columns = readers(schema, hints)?;
    let (_, skipped) = source_text(bytes)?;
    if !delimiter.is_ascii() || matches!(delimiter, b'"' | b'\n' | b'\r') {
        let problem = "the delimiter must be an ASCII character, but no quotation mark or line break";
        return Err(FormatError::new(FormatErrorKind::Malformed(problem)));
    }
    let mut cells = Cells { bytes, at: skipped, delimiter };
    let targets = header(&mut cells, &columns)?;
    let limit = RowLimit::new(schema, max_bytes);
    let mut builder = TableBuilder::with_heap(schema, 0, bytes.heap());
    let first = cells.at;
    let mut row = 0;
    while cells.at < bytes.len() {
        if targets.len() > 1 && cells.only_blank_lines() {
            break;
        }
        let place = |kind, offset| FormatError::at(kind, bytes, offset).in_row(row);
        limit.check(row).map_err(|kind| place(kind, cells.at))?;
        let start = cells.at;
        let mut count = 0;
        loop {
            let cell = cells.next().map_err(|(kind, offset)| place(kind, offset))?;
            if let Some(Some(column)) = targets.get(count) {
                let of = &columns[*column];
                value(&cells, &cell, of, builder.column(*column))
                    .map_err(|kind| place(kind, cell.start).in_column(of.name))?;
            }
            count += 1;
            if cell.last {
                break;
            }
        }
        if count != targets.len() {
            return Err(place(FormatErrorKind::CellCount { expected: targets.len(), found: count }, start));
        }
        row += 1;
        if row == 1 {
            builder.reserve(limit.estimate(cells.at - first, bytes.len() - cells.at));
        }
    }
    Ok(builder.finish_rows(row))
}

/// Writes these columns in this order.
///
/// # Errors
/// If the file would be longer than `max_bytes`.
///
/// # Panics
/// If a field is not a column of the table.
pub fn write(table: &Table, fields: &[usize], max_bytes: u64) -> Result<Vec<u8>, FormatError> {
    let columns = table.schema.columns();
    let mut out = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(columns[*field].name.as_bytes());
    }
    out.push(b'\n');
    for row in 0..table.rows {
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let (ty, data) = (columns[*field].ty.ty, &table.columns[*field]);
            match &data.values {
                _ if data.is_null(row) => {}
                Values::Text(text) if ty == Type::String => write_string(&mut out, text.get(row)),
                Values::Text(text) if text.get(row).is_empty() => out.extend_from_slice(b"\"\""),
                _ => write_plain(&mut out, ty, data, row),
            }
        }
        out.push(b'\n');
        check_length(&out, max_bytes)?;
    }
    check_length(&out, max_bytes)?;
    Ok(out)
}

fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    let special = |byte: &u8| matches!(byte, b'"' | b',' | b'\n' | b'\r');
    // PostgreSQL takes a line of `\.` for the end of the data.
    if !text.is_empty() && text != b"\\." && !text.iter().any(special) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for part in text.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

/// For each cell of a line, the column that it belongs to.
fn header(cells: &mut Cells<'_>, columns: &[ColumnReader<'_>]) -> Result<Vec<Option<usize>>, FormatError> {
    let bytes = cells.bytes;
    let place = |kind, offset| FormatError::at(kind, bytes, offset);
    if cells.at == bytes.len() {
        let problem = "the file is empty; its first line must name the columns";
        return Err(place(FormatErrorKind::Malformed(problem), cells.at));
    }
    let mut targets = Vec::new();
    let mut names = Vec::new();
    loop {
        let cell = cells.next().map_err(|(kind, offset)| place(kind, offset))?;
        let name = cells.content(&cell);
        let target = columns.iter().position(|column| column.source.as_bytes() == &*name);
        if target.is_some() && targets.contains(&target) {
            let name = alloc::string::String::from_utf8_lossy(&name).into_owned();
            return Err(place(FormatErrorKind::Duplicate(name), cell.start));
        }
        targets.push(target);
        if names.len() < 16 {
            names.push(super::error::excerpt(&name).into_string());
        }
        if cell.last {
            break;
        }
    }
    for (at, column) in columns.iter().enumerate() {
        if !targets.contains(&Some(at)) {
            let kind = FormatErrorKind::MissingColumn { source: column.source.into(), found: names };
            return Err(place(kind, 0).in_column(column.name));
        }
    }
    Ok(targets)
}

fn value(
    cells: &Cells<'_>,
    cell: &Cell,
    column: &ColumnReader<'_>,
    builder: &mut ColumnBuilder,
) -> Result<(), FormatErrorKind> {
    let is_text = matches!(column.ty.ty, Type::String | Type::Bytes);
    if cell.start == cell.end && !(is_text && (cell.quoted || !column.ty.nullable)) {
        return column.null(builder);
    }
    match cells.content(cell) {
        Cow::Borrowed(text) => column.text(builder, text, Some(cells.bytes.start() + cell.start)),
        Cow::Owned(text) => column.text(builder, &text, None),
    }
}

/// Takes a file apart.
struct Cells<'a> {
    bytes: &'a Bytes,
    at: usize,
    delimiter: u8,
}

/// A cell: its content without quotation marks, and what ended it.
struct Cell {
    start: usize,
    end: usize,
    quoted: bool,
    /// Whether it has doubled quotation marks.
    doubled: bool,
    /// Whether the line ends after it.
    last: bool,
}

impl Cells<'_> {
    fn next(&mut self) -> Result<Cell, (FormatErrorKind, usize)> {
        let bytes: &[u8] = self.bytes;
        if bytes.get(self.at) == Some(&b'"') {
            return self.quoted();
        }
        let start = self.at;
        let delimiter = self.delimiter;
        // Letters and digits lie above all special characters but for unusual delimiters.
        let highest = delimiter.max(b'"');
        let mut at = start;
        for byte in &bytes[start..] {
            if *byte <= highest {
                match *byte {
                    b'\n' | b'\r' => break,
                    b'"' => {
                        let problem =
                            "a quotation mark inside a cell: quote the whole cell and double the mark";
                        return Err((FormatErrorKind::Malformed(problem), at));
                    }
                    byte if byte == delimiter => break,
                    _ => {}
                }
            }
            at += 1;
        }
        self.at = at;
        let last = self.ends_line()?;
        Ok(Cell { start, end: at, quoted: false, doubled: false, last })
    }

    fn quoted(&mut self) -> Result<Cell, (FormatErrorKind, usize)> {
        let bytes: &[u8] = self.bytes;
        let start = self.at + 1;
        let mut doubled = false;
        let mut at = start;
        loop {
            match bytes[at..].iter().position(|byte| *byte == b'"') {
                None => {
                    let problem = "the quotation mark that opens this cell is never closed";
                    return Err((FormatErrorKind::Malformed(problem), self.at));
                }
                Some(found) if bytes.get(at + found + 1) == Some(&b'"') => {
                    doubled = true;
                    at += found + 2;
                }
                Some(found) => {
                    at += found;
                    break;
                }
            }
        }
        self.at = at + 1;
        let last = self.ends_line()?;
        Ok(Cell { start, end: at, quoted: true, doubled, last })
    }

    /// Passes over what ends a cell and says whether it ends the line.
    fn ends_line(&mut self) -> Result<bool, (FormatErrorKind, usize)> {
        let bytes: &[u8] = self.bytes;
        let problem = match bytes.get(self.at) {
            None => return Ok(true),
            Some(byte) if *byte == self.delimiter => {
                self.at += 1;
                return Ok(false);
            }
            Some(b'\n') => {
                self.at += 1;
                return Ok(true);
            }
            Some(b'\r') if bytes.get(self.at + 1) == Some(&b'\n') => {
                self.at += 2;
                return Ok(true);
            }
            Some(b'\r') => {
                "a carriage return without a line feed: end lines with LF or CRLF, or quote the cell"
            }
            Some(_) => "text after the closing quotation mark: double quotation marks inside a cell",
        };
        Err((FormatErrorKind::Malformed(problem), self.at))
    }

    fn content(&self, cell: &Cell) -> Cow<'_, [u8]> {
        let raw = &self.bytes[cell.start..cell.end];
        if !cell.doubled {
            return Cow::Borrowed(raw);
        }
        let mut out = Vec::with_capacity(raw.len());
        let mut skip = false;
        for byte in raw {
            skip = *byte == b'"' && !skip;
            if !skip {
                out.push(*byte);
            }
        }
        Cow::Owned(out)
    }

    fn only_blank_lines(&self) -> bool {
        matches!(self.bytes[self.at], b'\n' | b'\r')
            && self.bytes[self.at..].iter().all(|byte| matches!(byte, b'\n' | b'\r'))
    }
}
