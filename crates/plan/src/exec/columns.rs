//! Columns from rows of other columns.

use alloc::{sync::Arc, vec::Vec};

use super::error::{ExecErrorKind, LimitKind, Result};
use crate::{
    types::{Schema, Type},
    value::{ColumnData, Table, Text, Values},
};

/// The values in `rows`, in that order.
pub(super) fn take(column: &ColumnData, rows: &[u32]) -> ColumnData {
    fn pick<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
        rows.iter().map(|row| values[*row as usize]).collect()
    }
    let values = match &column.values {
        Values::Bool(values) => Values::Bool(pick(values, rows)),
        Values::Narrow(values) => Values::Narrow(pick(values, rows)),
        Values::Text(text) => Values::Text(Text { heap: text.heap.clone(), spans: pick(&text.spans, rows) }),
        Values::Wide(values) => Values::Wide(pick(values, rows)),
    };
    let validity = column.validity.as_ref().map(|validity| pick(validity, rows));
    ColumnData { values, validity: validity.filter(|bits| bits.contains(&false)) }
}

/// As `take`, with a null where the row is `none`.
pub(super) fn take_or_null(column: &ColumnData, rows: &[u32], none: u32) -> ColumnData {
    fn pick<T: Copy + Default>(values: &[T], rows: &[u32], none: u32) -> Vec<T> {
        rows.iter().map(|row| if *row == none { T::default() } else { values[*row as usize] }).collect()
    }
    let values = match &column.values {
        Values::Bool(values) => Values::Bool(pick(values, rows, none)),
        Values::Narrow(values) => Values::Narrow(pick(values, rows, none)),
        Values::Text(text) => {
            Values::Text(Text { heap: text.heap.clone(), spans: pick(&text.spans, rows, none) })
        }
        Values::Wide(values) => Values::Wide(pick(values, rows, none)),
    };
    let valid = |row: u32| row != none && column.validity.as_ref().is_none_or(|bits| bits[row as usize]);
    let validity = if rows.iter().all(|row| valid(*row)) {
        None
    } else {
        Some(rows.iter().map(|row| valid(*row)).collect())
    };
    ColumnData { values, validity }
}

/// The rows of a table, in that order, under the same schema.
pub(super) fn take_rows(table: &Table, rows: &[u32]) -> Table {
    Table {
        schema: table.schema.clone(),
        rows: rows.len(),
        columns: table.columns.iter().map(|column| Arc::new(take(column, rows))).collect(),
    }
}

/// `count` rows from `offset` on.
pub(super) fn slice(table: &Table, offset: usize, count: usize) -> Table {
    let start = offset.min(table.rows);
    let end = start.saturating_add(count).min(table.rows);
    if (start, end) == (0, table.rows) {
        return table.clone();
    }
    let columns = table.columns.iter().map(|column| {
        let values = match &column.values {
            Values::Bool(values) => Values::Bool(values[start..end].to_vec()),
            Values::Narrow(values) => Values::Narrow(values[start..end].to_vec()),
            Values::Text(text) => {
                Values::Text(Text { heap: text.heap.clone(), spans: text.spans[start..end].to_vec() })
            }
            Values::Wide(values) => Values::Wide(values[start..end].to_vec()),
        };
        let validity = column.validity.as_ref().map(|bits| bits[start..end].to_vec());
        Arc::new(ColumnData { values, validity: validity.filter(|bits| bits.contains(&false)) })
    });
    Table { schema: table.schema.clone(), rows: end - start, columns: columns.collect() }
}

/// Tables one after the other. All must have the columns of `schema`.
pub(super) fn concat(schema: &Schema, tables: &[&Table]) -> Result<Table> {
    let rows = tables.iter().map(|table| table.rows).sum();
    let columns = (0..schema.len())
        .map(|index| {
            let parts: Option<Vec<&ColumnData>> =
                tables.iter().map(|table| table.columns.get(index).map(|column| &**column)).collect();
            let parts = parts.ok_or(ExecErrorKind::BadPlan("tables of different widths"))?;
            Ok(Arc::new(concat_columns(&parts, schema.columns()[index].ty.ty, rows)?))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Table { schema: schema.clone(), rows, columns })
}

fn concat_columns(parts: &[&ColumnData], ty: Type, rows: usize) -> Result<ColumnData> {
    let mismatch = || ExecErrorKind::BadPlan("columns of different types");
    macro_rules! append {
        ($variant:ident) => {{
            let mut out = Vec::with_capacity(rows);
            for part in parts {
                let Values::$variant(values) = &part.values else { return Err(mismatch()) };
                out.extend_from_slice(values);
            }
            Values::$variant(out)
        }};
    }
    let values = match ty {
        Type::Bool => append!(Bool),
        Type::Bytes | Type::String => concat_texts(parts, rows)?,
        _ if ty.is_wide() => append!(Wide),
        _ => append!(Narrow),
    };
    let validity = parts.iter().any(|part| part.validity.is_some()).then(|| {
        let mut out = Vec::with_capacity(rows);
        for part in parts {
            match &part.validity {
                Some(bits) => out.extend_from_slice(bits),
                None => out.resize(out.len() + part.len(), true),
            }
        }
        out
    });
    Ok(ColumnData { values, validity })
}

fn concat_texts(parts: &[&ColumnData], rows: usize) -> Result<Values> {
    let texts = parts.iter().map(|part| match &part.values {
        Values::Text(text) => Ok(text),
        _ => Err(ExecErrorKind::BadPlan("columns of different types")),
    });
    let texts = texts.collect::<Result<Vec<&Text>>>()?;
    let mut spans = Vec::with_capacity(rows);
    let one_heap = texts.windows(2).all(|pair| Arc::ptr_eq(&pair[0].heap, &pair[1].heap));
    if let (true, Some(first)) = (one_heap, texts.first()) {
        texts.iter().for_each(|text| spans.extend_from_slice(&text.spans));
        return Ok(Values::Text(Text { heap: first.heap.clone(), spans }));
    }
    // Only bytes that a span names are copied: a heap may be much larger than what a filter left of it.
    let total: u64 = texts.iter().flat_map(|text| &text.spans).map(|span| u64::from(span.1)).sum();
    if total > u64::from(u32::MAX) {
        return Err(ExecErrorKind::LimitExceeded {
            which: LimitKind::MemoryBytes,
            limit: u64::from(u32::MAX),
            needed: total,
        });
    }
    let mut heap = Vec::with_capacity(total as usize);
    for text in texts {
        for row in 0..text.spans.len() {
            let value = text.get(row);
            spans.push((heap.len() as u32, value.len() as u32));
            heap.extend_from_slice(value);
        }
    }
    Ok(Values::Text(Text { heap: Arc::new(heap), spans }))
}

/// The values of one column, then those of another of the same type.
pub(super) fn append(first: &ColumnData, second: &ColumnData) -> Result<ColumnData> {
    let ty = match first.values {
        Values::Bool(_) => Type::Bool,
        Values::Narrow(_) => Type::Int,
        Values::Text(_) => Type::Bytes,
        Values::Wide(_) => Type::Decimal { precision: 38, scale: 0 },
    };
    concat_columns(&[first, second], ty, first.len() + second.len())
}

/// A column of short texts.
pub(super) fn texts<'a>(texts: impl Iterator<Item = &'a [u8]>) -> ColumnData {
    let mut heap = Vec::new();
    let spans = texts.map(|text| {
        heap.extend_from_slice(text);
        ((heap.len() - text.len()) as u32, text.len() as u32)
    });
    let spans = spans.collect();
    ColumnData { values: Values::Text(Text { heap: Arc::new(heap), spans }), validity: None }
}
