//! JSON: an array of objects, one for each row.
//!
//! A member's name may appear once in a row; a member that is missing is null. Values inside members that no column
//! names are passed over (their grammar is still checked).

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::{
    FormatError, FormatErrorKind, RowLimit, ValueProblem,
    cell::{ColumnReader, MAX_SAFE_INTEGER, readers, write_json},
    check_length, source_text,
};
use crate::{
    json_reader::{Event, JsonError, Reader, Text, Token},
    model::ColumnHint,
    number,
    types::{Schema, Type},
    value::{Bytes, ColumnBuilder, Table, TableBuilder},
};

/// The most different names of members in one file.
const MAX_NAMES: usize = 4096;

/// Reads the array that `path` leads to from the outermost object.
///
/// # Errors
/// If the file is not such JSON, or does not fit the schema or the limit.
pub fn read(
    bytes: &Bytes,
    path: &[String],
    schema: &Schema,
    hints: &[ColumnHint],
    max_bytes: u64,
) -> Result<Table, FormatError> {
    let columns = readers(schema, hints)?;
    let (text, skipped) = source_text(bytes)?;
    let source = Source { bytes, skipped };
    let mut reader = Reader::new(text);
    for member in path {
        descend(&mut reader, &source, member)?;
    }
    let first = source.next(&mut reader)?;
    if first.event != Event::ArrayStart {
        return Err(source.error(path_problem("the file has another value in its place"), first.start));
    }
    let table = Records::new(source, columns, false).read(&mut reader, schema, max_bytes)?;
    for member in path.iter().rev() {
        ascend(&mut reader, &source, member)?;
    }
    match reader.next() {
        Ok(_) => Ok(table),
        Err(error) => Err(source.json(error)),
    }
}

/// Writes an array of objects in the form of RFC 8785.
///
/// # Errors
/// If the file would be longer than `max_bytes`.
///
/// # Panics
/// If a field is not a column of the table.
pub fn write(table: &Table, fields: &[usize], max_bytes: u64) -> Result<Vec<u8>, FormatError> {
    // Names are ASCII and sorted by bytes, which for them is the order of RFC 8785.
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    fields.dedup();
    let columns = table.schema.columns();
    let keys: Vec<String> = fields
        .iter()
        .enumerate()
        .map(|(at, field)| format!("{}\"{}\":", if at == 0 { '{' } else { ',' }, columns[*field].name))
        .collect();
    let mut out = Vec::new();
    for row in 0..table.rows {
        out.push(if row == 0 { b'[' } else { b',' });
        if fields.is_empty() {
            out.push(b'{');
        }
        for (field, key) in fields.iter().zip(&keys) {
            out.extend_from_slice(key.as_bytes());
            write_json(&mut out, columns[*field].ty.ty, &table.columns[*field], row);
        }
        out.push(b'}');
        check_length(&out, max_bytes)?;
    }
    out.extend_from_slice(if table.rows == 0 { b"[]" } else { b"]" });
    check_length(&out, max_bytes)?;
    Ok(out)
}

/// The file, for places in errors.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) bytes: &'a Bytes,
    /// Length of the byte order mark, which the reader does not see.
    pub(crate) skipped: usize,
}

impl Source<'_> {
    pub(crate) fn next<'t>(&self, reader: &mut Reader<'t>) -> Result<Token<'t>, FormatError> {
        match reader.next() {
            Ok(Some(token)) => Ok(token),
            Ok(None) => {
                let problem = FormatErrorKind::Malformed("the document ends too early");
                Err(self.error(problem, reader.offset()))
            }
            Err(error) => Err(self.json(error)),
        }
    }

    pub(crate) fn error(&self, kind: FormatErrorKind, offset: usize) -> FormatError {
        FormatError::at(kind, self.bytes, self.skipped + offset)
    }

    pub(crate) fn json(&self, error: JsonError) -> FormatError {
        self.error(FormatErrorKind::Json(error.kind), error.offset)
    }

    /// Passes over the value that comes next.
    fn skip(&self, reader: &mut Reader<'_>) -> Result<(), FormatError> {
        let depth = reader.depth();
        self.next(reader)?;
        reader.skip_to_depth(depth).map_err(|error| self.json(error))
    }
}

fn path_problem(problem: &str) -> FormatErrorKind {
    FormatErrorKind::Path(problem.into())
}

/// Goes into an object up to the value of `member`.
fn descend(reader: &mut Reader<'_>, source: &Source<'_>, member: &str) -> Result<(), FormatError> {
    let start = source.next(reader)?;
    if start.event != Event::ObjectStart {
        return Err(
            source.error(path_problem(&format!("there is no object with {member:?} here")), start.start)
        );
    }
    loop {
        let token = source.next(reader)?;
        match token.event {
            Event::Key(key) if key.is(member) => return Ok(()),
            Event::Key(_) => source.skip(reader)?,
            _ => {
                return Err(
                    source.error(path_problem(&format!("there is no member {member:?}")), token.start)
                );
            }
        }
    }
}

/// Goes out of an object whose `member` was read.
fn ascend(reader: &mut Reader<'_>, source: &Source<'_>, member: &str) -> Result<(), FormatError> {
    loop {
        let token = source.next(reader)?;
        match token.event {
            Event::Key(key) if key.is(member) => {
                return Err(source.error(FormatErrorKind::Duplicate(member.into()), token.start));
            }
            Event::Key(_) => source.skip(reader)?,
            _ => return Ok(()),
        }
    }
}

/// Reads objects into columns.
pub(crate) struct Records<'a> {
    source: Source<'a>,
    columns: Vec<ColumnReader<'a>>,
    /// Whether every member must be a column and every column a member.
    strict: bool,
    /// Names in the order in which records have them, so that the next name is usually known without a search.
    names: Vec<Name>,
    index: BTreeMap<String, usize>,
}

struct Name {
    text: String,
    column: Option<usize>,
    /// The last row, counting from one, that had it.
    row: usize,
}

impl<'a> Records<'a> {
    pub(crate) const fn new(source: Source<'a>, columns: Vec<ColumnReader<'a>>, strict: bool) -> Self {
        Self { source, columns, strict, names: Vec::new(), index: BTreeMap::new() }
    }

    /// Reads the rows of an array whose start was read.
    pub(crate) fn read(
        mut self,
        reader: &mut Reader<'_>,
        schema: &Schema,
        max_bytes: u64,
    ) -> Result<Table, FormatError> {
        let limit = RowLimit::new(schema, max_bytes);
        let mut builder = TableBuilder::with_heap(schema, 0, self.source.bytes.heap());
        let mut row = 0;
        loop {
            let in_row = |error: FormatError| error.in_row(row);
            let token = self.source.next(reader).map_err(in_row)?;
            match token.event {
                Event::ArrayEnd => return Ok(builder.finish_rows(row)),
                Event::ObjectStart => {}
                _ => {
                    let problem = FormatErrorKind::Malformed("a row must be an object");
                    return Err(in_row(self.source.error(problem, token.start)));
                }
            }
            limit.check(row).map_err(|kind| in_row(self.source.error(kind, token.start)))?;
            self.record(reader, &mut builder, row).map_err(in_row)?;
            if row == 0 {
                let rest = self.source.bytes.len().saturating_sub(reader.offset());
                builder.reserve(limit.estimate(reader.offset() - token.start, rest));
            }
            row += 1;
        }
    }

    fn record(
        &mut self,
        reader: &mut Reader<'_>,
        builder: &mut TableBuilder,
        row: usize,
    ) -> Result<(), FormatError> {
        let mut next = 0;
        let mut filled = 0;
        let end = loop {
            let token = self.source.next(reader)?;
            let Event::Key(key) = token.event else { break token };
            let known = self.names.get(next).is_some_and(|name| key.is(&name.text));
            let at = if known { next } else { self.find(key, token.start)? };
            next = at + 1;
            let name = &mut self.names[at];
            if name.row == row + 1 {
                return Err(self.source.error(FormatErrorKind::Duplicate(name.text.clone()), token.start));
            }
            name.row = row + 1;
            let Some(column) = name.column else {
                if self.strict {
                    let problem = FormatErrorKind::Malformed("this member is no column of the schema");
                    return Err(self.source.error(problem, token.start));
                }
                self.source.skip(reader)?;
                continue;
            };
            filled += 1;
            let value = self.source.next(reader)?;
            let place = self.source.bytes.start() + self.source.skipped;
            self.value(value, &self.columns[column], builder.column(column), place)
                .map_err(|kind| self.source.error(kind, value.start).in_column(self.columns[column].name))?;
        };
        if filled == self.columns.len() {
            return Ok(());
        }
        for (column, of) in builder.columns().iter_mut().zip(&self.columns) {
            if column.len() > row {
                continue;
            }
            if self.strict || !of.ty.nullable {
                let found = self.names.iter().filter(|name| name.row == row + 1).take(16);
                let kind = FormatErrorKind::MissingColumn {
                    source: of.source.into(),
                    found: found.map(|name| name.text.clone()).collect(),
                };
                return Err(self.source.error(kind, end.start).in_column(of.name));
            }
            column.push_null();
        }
        Ok(())
    }

    /// The place of a name among `names`, where it is put if it is new.
    fn find(&mut self, key: Text<'_>, offset: usize) -> Result<usize, FormatError> {
        let text = key.decode();
        if let Some(at) = self.index.get(&*text) {
            return Ok(*at);
        }
        if self.names.len() == MAX_NAMES {
            let kind =
                FormatErrorKind::TooLarge { what: "different names of members", limit: MAX_NAMES as u64 };
            return Err(self.source.error(kind, offset));
        }
        let column = self.columns.iter().position(|column| column.source == text);
        let at = self.names.len();
        self.index.insert(text.clone().into_owned(), at);
        self.names.push(Name { text: text.into_owned(), column, row: 0 });
        Ok(at)
    }

    /// Appends a value. `base` is where in the heap the reader's text starts.
    fn value(
        &self,
        token: Token<'_>,
        column: &ColumnReader<'_>,
        builder: &mut ColumnBuilder,
        base: usize,
    ) -> Result<(), FormatErrorKind> {
        match (token.event, column.ty.ty) {
            (Event::Null, _) => column.null(builder),
            (Event::Bool(value), Type::Bool) => {
                builder.push_bool(value);
                Ok(())
            }
            (Event::Number(text), Type::Int | Type::Decimal { .. }) => {
                column.text(builder, text.as_bytes(), None)
            }
            (Event::String(text), Type::Int) => {
                let decoded = text.decode();
                match number::parse_int(decoded.as_bytes()) {
                    Ok(value) if value.unsigned_abs() > MAX_SAFE_INTEGER => {
                        builder.push_narrow(value);
                        Ok(())
                    }
                    Err(number::NumberError::OutOfRange) => {
                        Err(column.problem(decoded.as_bytes(), ValueProblem::OutOfRange))
                    }
                    _ => Err(self.wrong_form(token, column)),
                }
            }
            (Event::String(text), ty) if ty != Type::Bool => {
                let decoded = text.decode();
                let raw = matches!(decoded, alloc::borrow::Cow::Borrowed(_));
                column.text(builder, decoded.as_bytes(), raw.then_some(base + token.start + 1))
            }
            _ => Err(self.wrong_form(token, column)),
        }
    }

    fn wrong_form(&self, token: Token<'_>, column: &ColumnReader<'_>) -> FormatErrorKind {
        let start = self.source.skipped + token.start;
        let found = self.source.bytes.get(start..self.source.skipped + token.end).unwrap_or_default();
        column.problem(found, ValueProblem::WrongForm)
    }
}
