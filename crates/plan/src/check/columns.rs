//! What all steps share: schemas that plans declare, columns by name, sort keys, bounds of numbers.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use proofmark_core::{Algorithm, Digest};

use super::{Checker, Seg, Typing, expr::unknown_column};
use crate::{
    diagnostic::Code,
    model::{ColumnHint, MAX_COLUMNS, MAX_TEXT_BYTES, SortKey},
    typed::TypedSortKey,
    types::{Column, MAX_PRECISION, Schema, Type},
};

/// The largest integer that JSON numbers carry without loss.
const MAX_JSON_INTEGER: u64 = (1 << 53) - 1;

impl Checker<'_> {
    /// Checks a schema that the plan declares.
    pub(super) fn schema(
        &mut self,
        schema: &Schema,
        hints: Option<&[ColumnHint]>,
        at: &[Seg<'_>],
    ) -> Typing<()> {
        let mut fine = Some(());
        if schema.is_empty() {
            return self.fail(Code::Empty, at, "a table has at least one column".into(), None);
        }
        if hints.is_some_and(|hints| hints.len() != schema.len()) {
            return self.fail(Code::NotSorted, at, "the hints do not fit the columns".into(), None);
        }
        self.new_schema_size(schema.len(), at)?;
        for (place, column) in schema.columns().iter().enumerate() {
            let mut inside = [Seg::Member("format"); 5];
            inside[..at.len()].copy_from_slice(at);
            inside[at.len()] = Seg::Member("columns");
            inside[at.len() + 1] = Seg::Member(&column.name);
            let at_format = &inside[..at.len() + 3];
            let at = &inside[..at.len() + 2];
            fine = fine.and(self.column_name(&column.name, at));
            if let Type::Decimal { precision, scale } = column.ty.ty
                && (precision == 0 || precision > MAX_PRECISION || scale > precision)
            {
                fine = self.fail(Code::OutOfRange, at, format!("{} is not a type", column.ty.ty), None);
            }
            let Some(hint) = hints.and_then(|hints| hints.get(place)) else { continue };
            if hint.source.as_ref().is_some_and(|name| name.is_empty() || name.len() > MAX_TEXT_BYTES) {
                fine = self.fail(
                    Code::InvalidName,
                    at,
                    "`source` is the column's name in the file".into(),
                    None,
                );
            }
            if let Some(format) = &hint.format
                && let Err(message) = check_date_format(format, column.ty.ty)
            {
                let hint = Some(
                    "such as `%b %-d %Y`; see `%Y %m %-m %d %-d %b %B %H %M %S` in the documentation".into(),
                );
                fine = self.fail(Code::InvalidFormat, at_format, message.into(), hint);
            }
        }
        fine
    }

    /// Makes the schema of a result.
    pub(super) fn new_schema(&mut self, columns: Vec<Column>, at: &[Seg<'_>]) -> Typing<Schema> {
        self.new_schema_size(columns.len(), at)?;
        match Schema::new(columns) {
            Ok(schema) => Some(schema),
            Err(name) => {
                let message = format!("two columns of the result would be called `{name}`");
                self.fail(Code::DuplicateColumn, at, message, Some("rename or leave out one of them".into()))
            }
        }
    }

    fn new_schema_size(&mut self, columns: usize, at: &[Seg<'_>]) -> Typing<()> {
        if columns <= MAX_COLUMNS {
            return Some(());
        }
        let message = format!("a table has at most {MAX_COLUMNS} columns, and this one would have {columns}");
        self.fail(Code::TooManyColumns, at, message, None)
    }

    /// The columns called so, each once.
    pub(super) fn fields(&mut self, schema: &Schema, names: &[String], at: &[Seg<'_>]) -> Typing<Vec<usize>> {
        let mut indices = Vec::with_capacity(names.len().min(MAX_COLUMNS));
        let mut seen = [false; MAX_COLUMNS];
        let mut fine = true;
        for (place, name) in names.iter().enumerate() {
            let mut inside = [Seg::Index(place); 4];
            inside[..at.len()].copy_from_slice(at);
            let at = &inside[..=at.len()];
            match self.field(schema, name, at) {
                Some(index) if seen[index] => {
                    let message = format!("`{name}` is listed twice");
                    fine &= self.fail::<()>(Code::DuplicateColumn, at, message, None).is_some();
                }
                Some(index) => {
                    seen[index] = true;
                    indices.push(index);
                }
                None => fine = false,
            }
        }
        fine.then_some(indices)
    }

    pub(super) fn fields_or_all(
        &mut self,
        schema: &Schema,
        names: Option<&[String]>,
        at: &[Seg<'_>],
    ) -> Typing<Vec<usize>> {
        match names {
            None => Some((0..schema.len()).collect()),
            Some([]) => self.fail(
                Code::Empty,
                at,
                "the list is empty".into(),
                Some("without it, all columns count".into()),
            ),
            Some(names) => self.fields(schema, names, at),
        }
    }

    /// The column called so.
    pub(super) fn field(&mut self, schema: &Schema, name: &str, at: &[Seg<'_>]) -> Typing<usize> {
        match schema.index_of(name) {
            Some(index) => Some(index),
            None => {
                let (message, hint) = unknown_column(schema, name);
                self.fail(Code::UnknownColumn, at, message, hint)
            }
        }
    }

    /// Sort keys; one column may come once.
    pub(super) fn sort_keys(
        &mut self,
        schema: &Schema,
        keys: &[SortKey],
        at: &[Seg<'_>],
    ) -> Typing<Vec<TypedSortKey>> {
        let mut seen = BTreeSet::new();
        let mut typed = Vec::with_capacity(keys.len().min(MAX_COLUMNS));
        let mut fine = true;
        for (place, key) in keys.iter().enumerate() {
            let mut inside = [Seg::Index(place); 5];
            inside[..at.len()].copy_from_slice(at);
            let at = &inside[..=at.len()];
            match self.field(schema, &key.field, at) {
                Some(column) => {
                    if !seen.insert(column) {
                        let message = format!("the order by `{}` is decided by an earlier key", key.field);
                        fine &= self.fail::<()>(Code::DuplicateColumn, at, message, None).is_some();
                    }
                    typed.push(TypedSortKey {
                        column,
                        descending: key.descending,
                        nulls_first: key.nulls_first,
                    });
                }
                None => fine = false,
            }
        }
        fine.then_some(typed)
    }

    /// Names in the strict order in which the model keeps them; readers of texts sort them.
    pub(super) fn sorted<'a>(
        &mut self,
        names: impl Iterator<Item = &'a String>,
        at: &[Seg<'_>],
    ) -> Typing<()> {
        if names.is_sorted_by(|a, b| a < b) {
            return Some(());
        }
        self.fail(Code::NotSorted, at, "the names are not sorted, or one comes twice".into(), None)
    }

    /// `[A-Za-z_][A-Za-z0-9_]*`, at most 64 characters.
    pub(super) fn column_name(&mut self, name: &str, at: &[Seg<'_>]) -> Typing<()> {
        if super::scope::is_id(name) && !name.contains('-') {
            return Some(());
        }
        let shown: String = name.chars().take(64).collect();
        let hint = "columns have letters, digits and `_`, start with a letter or `_`, and have at most 64 characters";
        self.fail(
            Code::InvalidName,
            at,
            format!("`{shown}` cannot be the name of a column"),
            Some(hint.into()),
        )
    }

    pub(super) fn scale(&mut self, scale: u8, at: &[Seg<'_>]) -> Typing<()> {
        if scale <= MAX_PRECISION {
            return Some(());
        }
        self.fail(Code::OutOfRange, at, "a scale is 0 to 38".into(), None)
    }

    pub(super) fn json_integer(&mut self, value: u64, at: &[Seg<'_>]) -> Typing<()> {
        if value <= MAX_JSON_INTEGER {
            return Some(());
        }
        self.fail(Code::OutOfRange, at, format!("at most {MAX_JSON_INTEGER}"), None)
    }

    pub(super) fn sha256(&mut self, digest: &Digest, at: &[Seg<'_>]) -> Typing<()> {
        if digest.algorithm() == Algorithm::Sha256 {
            return Some(());
        }
        self.fail(Code::UnsupportedDigest, at, "this digest must be SHA-256".into(), None)
    }

    pub(super) fn text_too_long(&mut self, at: &[Seg<'_>]) -> Typing<()> {
        self.fail(Code::TextTooLong, at, format!("a text in a plan has at most {MAX_TEXT_BYTES} bytes"), None)
    }
}

/// Checks `%Y %m %-m %d %-d %b %B %H %M %S %%` and literal characters: year, month and day once each, and a time
/// for timestamps only.
fn check_date_format(format: &str, ty: Type) -> Result<(), &'static str> {
    if !matches!(ty, Type::Date | Type::Timestamp) {
        return Err("only columns of type date and timestamp have a `format`");
    }
    if format.len() > 256 {
        return Err("a date format has at most 256 bytes");
    }
    let mut seen = [0u8; 6];
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            continue;
        }
        let mut directive = rest.next();
        let unpadded = directive == Some('-');
        if unpadded {
            directive = rest.next();
        }
        let part = match (directive, unpadded) {
            (Some('%'), false) => continue,
            (Some('Y'), false) => 0,
            (Some('m'), _) | (Some('b' | 'B'), false) => 1,
            (Some('d'), _) => 2,
            (Some('H'), false) => 3,
            (Some('M'), false) => 4,
            (Some('S'), false) => 5,
            _ => return Err("a `%` in this date format is followed by an unknown letter"),
        };
        seen[part] += 1;
    }
    if seen[..3] != [1, 1, 1] || seen[3..].iter().any(|&count| count > 1) {
        return Err("a date format has year, month and day, and each part once");
    }
    if ty == Type::Date && seen[3..] != [0, 0, 0] {
        return Err("the format of a date has no time");
    }
    Ok(())
}
