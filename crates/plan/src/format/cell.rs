//! Single values from text and to text, the same in all formats.

use alloc::{string::ToString, vec::Vec};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use proofmark_core::json::{self, Sink};

use super::{FormatError, FormatErrorKind, ValueProblem, error::excerpt};
use crate::{
    calendar::{self, DAY_MICROSECONDS, DateError, DateFormat},
    model::ColumnHint,
    number::{self, NumberError},
    types::{ColumnType, Schema, Type},
    value::{ColumnBuilder, ColumnData, Values},
};

/// Integers of larger magnitude are strings in JSON, as RFC 8785 has no exact number for them.
pub(crate) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// How the values of one column are read.
pub(crate) struct ColumnReader<'a> {
    /// The name in the schema.
    pub(crate) name: &'a str,
    /// The name in the file.
    pub(crate) source: &'a str,
    pub(crate) ty: ColumnType,
    format: Option<DateFormat>,
    format_text: Option<&'a str>,
}

/// Readers for all columns, parallel to the schema.
pub(crate) fn readers<'a>(
    schema: &'a Schema,
    hints: &'a [ColumnHint],
) -> Result<Vec<ColumnReader<'a>>, FormatError> {
    let mut out: Vec<ColumnReader<'_>> = Vec::with_capacity(schema.len());
    for (at, column) in schema.columns().iter().enumerate() {
        let hint = hints.get(at);
        let source = hint.and_then(|hint| hint.source.as_deref()).unwrap_or(&column.name);
        let format_text = hint.and_then(|hint| hint.format.as_deref());
        let format = match format_text {
            None => None,
            Some(text) => Some(DateFormat::new(text).ok_or_else(|| {
                let problem = "the column's `format` must name year, month and day once each";
                FormatError::new(FormatErrorKind::Malformed(problem)).in_column(&column.name)
            })?),
        };
        if out.iter().any(|other| other.source == source) {
            return Err(FormatError::new(FormatErrorKind::Duplicate(source.into())).in_column(&column.name));
        }
        out.push(ColumnReader { name: &column.name, source, ty: column.ty, format, format_text });
    }
    Ok(out)
}

impl ColumnReader<'_> {
    /// Appends a null.
    pub(crate) fn null(&self, builder: &mut ColumnBuilder) -> Result<(), FormatErrorKind> {
        if !self.ty.nullable {
            return Err(self.problem(b"", ValueProblem::Null));
        }
        builder.push_null();
        Ok(())
    }

    /// Appends the value that `text` is. `place` says where the text lies in the builder's heap, if it does.
    pub(crate) fn text(
        &self,
        builder: &mut ColumnBuilder,
        text: &[u8],
        place: Option<usize>,
    ) -> Result<(), FormatErrorKind> {
        let problem = |problem| self.problem(text, problem);
        let of_number = |error| {
            problem(match error {
                NumberError::OutOfRange => ValueProblem::OutOfRange,
                NumberError::TooPrecise => ValueProblem::TooPrecise,
                NumberError::WrongForm => ValueProblem::WrongForm,
            })
        };
        match self.ty.ty {
            Type::Bool => match text {
                b"true" => builder.push_bool(true),
                b"false" => builder.push_bool(false),
                _ => return Err(problem(ValueProblem::WrongForm)),
            },
            Type::Bytes => {
                let bytes = BASE64.decode(text).map_err(|_| problem(ValueProblem::WrongForm))?;
                builder.push_text(&bytes).map_err(|_| too_long())?;
            }
            Type::Date => builder.push_narrow(self.date(text)?),
            Type::Decimal { precision: precision @ ..=18, scale } => {
                builder.push_narrow(number::parse_narrow(text, precision, scale).map_err(of_number)?);
            }
            Type::Decimal { precision, scale } => {
                builder.push_number(number::parse_decimal(text, precision, scale).map_err(of_number)?);
            }
            Type::Int => builder.push_narrow(number::parse_int(text).map_err(of_number)?),
            Type::String => match place {
                Some(start) => builder.push_shared(start, text.len(), text),
                None => builder.push_text(text),
            }
            .map_err(|_| too_long())?,
            Type::Timestamp => builder.push_narrow(self.timestamp(text)?),
        }
        Ok(())
    }

    /// An error about `found`.
    pub(crate) fn problem(&self, found: &[u8], problem: ValueProblem) -> FormatErrorKind {
        FormatErrorKind::Value {
            expected: self.ty,
            format: self.format_text.map(ToString::to_string),
            found: excerpt(found),
            problem,
        }
    }

    fn date(&self, text: &[u8]) -> Result<i64, FormatErrorKind> {
        match &self.format {
            Some(format) => {
                let (days, _) = format.parse(text).map_err(|error| self.date_problem(text, error))?;
                Ok(days.into())
            }
            None => core::str::from_utf8(text)
                .ok()
                .and_then(calendar::parse_date)
                .map(i64::from)
                .ok_or_else(|| self.date_problem(text, iso_error(text, b"0000-00-00"))),
        }
    }

    fn timestamp(&self, text: &[u8]) -> Result<i64, FormatErrorKind> {
        match &self.format {
            Some(format) => {
                let (days, micros) = format.parse(text).map_err(|error| self.date_problem(text, error))?;
                Ok(i64::from(days) * DAY_MICROSECONDS + micros)
            }
            None => core::str::from_utf8(text)
                .ok()
                .and_then(calendar::parse_timestamp)
                .ok_or_else(|| self.date_problem(text, iso_error(text, b"0000-00-00T00:00:00Z"))),
        }
    }

    fn date_problem(&self, text: &[u8], error: DateError) -> FormatErrorKind {
        self.problem(
            text,
            match error {
                DateError::NoSuchDate => ValueProblem::NoSuchDate,
                DateError::WrongForm => ValueProblem::WrongForm,
            },
        )
    }
}

/// Why a text that looks as `form`, or does not, is not a date.
fn iso_error(text: &[u8], form: &[u8]) -> DateError {
    let same = |(byte, form): (&u8, &u8)| byte == form || (byte.is_ascii_digit() && *form == b'0');
    if text.len() == form.len() && text.iter().zip(form).all(same) {
        DateError::NoSuchDate
    } else {
        DateError::WrongForm
    }
}

const fn too_long() -> FormatErrorKind {
    FormatErrorKind::TooLarge { what: "bytes in the texts of a column", limit: u32::MAX as u64 }
}

/// Writes a value as JSON.
pub(crate) fn write_json(sink: &mut impl Sink, ty: Type, data: &ColumnData, row: usize) {
    if data.is_null(row) {
        return sink.put(b"null");
    }
    match (&data.values, ty) {
        (Values::Text(text), Type::String) => {
            // Only builders of values make strings, and all of them checked that they are UTF-8.
            let text = core::str::from_utf8(text.get(row)).expect("strings are UTF-8");
            json::string(sink, text);
        }
        (Values::Bool(_), _) => write_plain(sink, ty, data, row),
        (Values::Narrow(values), Type::Int) if values[row].unsigned_abs() <= MAX_SAFE_INTEGER => {
            number::write_int(sink, values[row]);
        }
        _ => {
            sink.put(b"\"");
            write_plain(sink, ty, data, row);
            sink.put(b"\"");
        }
    }
}

/// Writes a value that is not null as text.
pub(crate) fn write_plain(sink: &mut impl Sink, ty: Type, data: &ColumnData, row: usize) {
    match (&data.values, ty) {
        (Values::Bool(values), _) => sink.put(if values[row] { b"true" } else { b"false" }),
        (Values::Narrow(values), Type::Date) => sink.put(&calendar::date_text(values[row] as i32)),
        (Values::Narrow(values), Type::Timestamp) => {
            let (text, length) = calendar::timestamp_text(values[row]);
            sink.put(&text[..length]);
        }
        (Values::Narrow(values), Type::Decimal { scale, .. }) => {
            number::write_decimal(sink, values[row].into(), scale);
        }
        (Values::Narrow(values), _) => number::write_int(sink, values[row]),
        (Values::Wide(values), ty) => number::write_decimal(sink, values[row], ty.scale().unwrap_or(0)),
        (Values::Text(text), Type::Bytes) => sink.put(BASE64.encode(text.get(row)).as_bytes()),
        (Values::Text(text), _) => sink.put(text.get(row)),
    }
}
