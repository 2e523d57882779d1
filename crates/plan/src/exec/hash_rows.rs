//! `hash`: for each row, the hash of a leaf that holds only this row.

use alloc::{sync::Arc, vec::Vec};

use super::error::{ExecErrorKind, LimitKind, Result};
use crate::{
    commit::row_hashes,
    types::Schema,
    value::{ColumnData, Table, Text, Values},
};

/// The table with column `target` of `schema` holding the digests; `fields` are hashed in the order of the schema.
pub(super) fn hash_rows(
    table: &Table,
    fields: &[usize],
    target: usize,
    schema: &Schema,
    memory_left: u64,
) -> Result<Table> {
    if fields.iter().any(|field| *field >= table.columns.len()) {
        return Err(ExecErrorKind::BadPlan("no such column"));
    }
    let needed = table.rows as u64 * 36;
    let limit = memory_left.min(u64::from(u32::MAX));
    if needed > limit {
        return Err(ExecErrorKind::LimitExceeded { which: LimitKind::MemoryBytes, limit, needed });
    }
    let mut heap = Vec::new();
    row_hashes(table, fields, &mut heap);
    let spans = (0..table.rows as u32).map(|row| (row * 32, 32)).collect();
    let digests =
        Arc::new(ColumnData { values: Values::Text(Text { heap: Arc::new(heap), spans }), validity: None });
    let mut columns = table.columns.clone();
    if target > columns.len() {
        return Err(ExecErrorKind::BadPlan("no such target column"));
    }
    columns.insert(target, digests);
    Ok(Table { schema: schema.clone(), rows: table.rows, columns })
}
