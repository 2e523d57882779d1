//! Values: tables in columns, and raw bytes.

use alloc::{sync::Arc, vec::Vec};

use crate::types::{Schema, ValueType};

/// What a step takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A raw file.
    Bytes(Arc<Vec<u8>>),
    /// A table.
    Table(Table),
}

impl Value {
    /// The type of this value.
    pub fn ty(&self) -> ValueType {
        match self {
            Self::Bytes(_) => ValueType::Bytes,
            Self::Table(table) => ValueType::Table(table.schema.clone()),
        }
    }
}

/// A table: a schema and one [`ColumnData`] per column, all of `rows` values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Names and types, sorted by name.
    pub schema: Schema,
    /// Number of rows.
    pub rows: usize,
    /// Parallel to the schema. Shared, so that a step that keeps a column costs nothing.
    pub columns: Vec<Arc<ColumnData>>,
}

/// The values of one column. A null holds zero, `false` or an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnData {
    /// The values.
    pub values: Values,
    /// Whether each value is there; `None` if no value is null.
    pub validity: Option<Vec<bool>>,
}

/// Values by their representation, which `Type` decides.
#[derive(Clone, Debug)]
pub enum Values {
    /// bool.
    Bool(Vec<bool>),
    /// int, date, timestamp, decimal of at most 18 digits (unscaled).
    Narrow(Vec<i64>),
    /// string and bytes: places in a shared heap.
    Text(Text),
    /// decimal of more than 18 digits (unscaled).
    Wide(Vec<i128>),
}

/// Strings or byte strings as places in a heap that tables share.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// All bytes, in any order, possibly with bytes that no span names.
    pub heap: Arc<Vec<u8>>,
    /// Start and length of each value. Every span lies inside the heap.
    pub spans: Vec<(u32, u32)>,
}

impl Text {
    /// The bytes of the value in `row`.
    pub fn get(&self, row: usize) -> &[u8] {
        let (start, len) = self.spans[row];
        &self.heap[start as usize..start as usize + len as usize]
    }
}
