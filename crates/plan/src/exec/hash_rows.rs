//! `hash`: SHA-256 of each row's canonical encoding.

use alloc::{sync::Arc, vec::Vec};

use proofmark_core::sha256::Sha256;

use super::error::{ExecErrorKind, LimitKind, Result};
use crate::{
    types::{ColumnType, Schema},
    value::{ColumnData, Table, Text, Values},
};

/// Kind byte of a block of rows, and one row, as a leaf begins.
const ONE_ROW: [u8; 3] = [1, 1, 0];

/// The table with column `target` of `schema` holding the digests; `fields` are hashed in the order of the schema.
pub(super) fn hash_rows(
    table: &Table,
    fields: &[usize],
    target: usize,
    schema: &Schema,
    memory_left: u64,
) -> Result<Table> {
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    let source = fields.iter().map(|&index| {
        let column = table.columns.get(index).ok_or(ExecErrorKind::BadPlan("no such column"))?;
        Ok((&**column, table.schema.columns()[index].ty))
    });
    let source = source.collect::<Result<Vec<_>>>()?;
    let needed = table.rows as u64 * 36;
    let limit = memory_left.min(u64::from(u32::MAX));
    if needed > limit {
        return Err(ExecErrorKind::LimitExceeded { which: LimitKind::MemoryBytes, limit, needed });
    }
    let mut heap = Vec::with_capacity(table.rows * 32);
    let mut spans = Vec::with_capacity(table.rows);
    let mut buffer = Vec::new();
    for row in 0..table.rows {
        buffer.clear();
        buffer.extend_from_slice(&ONE_ROW);
        for (column, ty) in &source {
            encode(column, *ty, row, &mut buffer);
        }
        let mut hasher = Sha256::new();
        hasher.update(&buffer);
        spans.push((heap.len() as u32, 32));
        heap.extend_from_slice(&hasher.finish());
    }
    let digests =
        Arc::new(ColumnData { values: Values::Text(Text { heap: Arc::new(heap), spans }), validity: None });
    let mut columns = table.columns.clone();
    if target > columns.len() {
        return Err(ExecErrorKind::BadPlan("no such target column"));
    }
    columns.insert(target, digests);
    Ok(Table { schema: schema.clone(), rows: table.rows, columns })
}

/// One value as a column of a leaf with one row. Padding counts from the end of the leaf's first three bytes, since
/// the byte that RFC 6962 puts before a leaf makes them four.
fn encode(column: &ColumnData, ty: ColumnType, row: usize, out: &mut Vec<u8>) {
    if ty.nullable {
        out.extend_from_slice(&u32::from(!column.is_null(row)).to_le_bytes());
    }
    match &column.values {
        Values::Bool(values) => out.push(u8::from(values[row])),
        Values::Narrow(values) => {
            let width = ty.ty.width().unwrap_or(8);
            out.extend_from_slice(&values[row].to_le_bytes()[..width.min(8)]);
        }
        Values::Text(text) => {
            let bytes = text.get(row);
            out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            out.extend_from_slice(bytes);
        }
        Values::Wide(values) => out.extend_from_slice(&values[row].to_le_bytes()),
    }
    while (out.len() - ONE_ROW.len()) % 4 != 0 {
        out.push(0);
    }
}
