//! Values: tables in columns, and raw bytes.

mod build;

use alloc::{sync::Arc, vec::Vec};
use core::{fmt, ops::Deref};

pub use build::{ColumnBuilder, HeapFull, TableBuilder};

use crate::types::{ColumnType, Schema, Type, ValueType};

/// What a step takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A raw file.
    Bytes(Bytes),
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

    /// The logical size: what limits on memory and output count, and the same on every machine. For bytes their
    /// number, for a table see [`Table::logical_bytes`].
    pub fn logical_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Table(table) => table.logical_bytes(),
        }
    }
}

/// Bytes inside a buffer that others may share: reading a file out of a larger buffer, and cells out of a file,
/// copies nothing.
#[derive(Clone)]
pub struct Bytes {
    heap: Arc<Vec<u8>>,
    start: usize,
    len: usize,
}

impl Bytes {
    /// The part of `heap` from `start` on, or `None` if it has fewer than `len` bytes there.
    pub fn slice(heap: Arc<Vec<u8>>, start: usize, len: usize) -> Option<Self> {
        (start.checked_add(len)? <= heap.len()).then_some(Self { heap, start, len })
    }

    /// The buffer that these bytes lie in.
    pub const fn heap(&self) -> &Arc<Vec<u8>> {
        &self.heap
    }

    /// Where in the buffer they start.
    pub const fn start(&self) -> usize {
        self.start
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.heap[self.start..self.start + self.len]
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { start: 0, len: bytes.len(), heap: Arc::new(bytes) }
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
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

impl Table {
    /// A table without rows.
    pub fn empty(schema: Schema) -> Self {
        TableBuilder::new(&schema, 0).finish()
    }

    /// The logical size, which limits count: for each column, rows times [`Type::width`], for texts four bytes a row and
    /// the texts themselves, and one byte a row if the column is nullable. It depends on the content alone, not on
    /// what is shared or how the machine lays it out.
    pub fn logical_bytes(&self) -> u64 {
        let columns = self.schema.columns().iter().zip(&self.columns);
        columns.map(|(column, data)| data.logical_bytes(column.ty)).sum()
    }
}

/// The values of one column. A null holds zero, `false` or an empty text.
#[derive(Clone, Debug)]
pub struct ColumnData {
    /// The values.
    pub values: Values,
    /// Whether each value is there; `None` if no value is null.
    pub validity: Option<Vec<bool>>,
}

impl ColumnData {
    /// The number of values.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Bool(values) => values.len(),
            Values::Narrow(values) => values.len(),
            Values::Text(text) => text.spans.len(),
            Values::Wide(values) => values.len(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the value in `row` is null.
    pub fn is_null(&self, row: usize) -> bool {
        self.validity.as_ref().is_some_and(|validity| !validity[row])
    }

    /// The logical size of a column of type `ty` (see [`Table::logical_bytes`]).
    pub fn logical_bytes(&self, ty: ColumnType) -> u64 {
        let rows = self.len() as u64;
        let values = match &self.values {
            Values::Text(text) => 4 * rows + text.content_bytes(),
            _ => rows * ty.ty.width().unwrap_or(4) as u64,
        };
        values + if ty.nullable { rows } else { 0 }
    }
}

/// Columns are equal if their values are; that a column without nulls may still have a list of `true` says nothing.
impl PartialEq for ColumnData {
    fn eq(&self, other: &Self) -> bool {
        let some = |column: &Self| column.validity.as_ref().is_some_and(|bits| bits.contains(&false));
        self.values == other.values
            && match (some(self), some(other)) {
                (true, true) => self.validity == other.validity,
                (left, right) => left == right,
            }
    }
}

impl Eq for ColumnData {}

/// Values by their representation, which `Type` decides.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Values {
    /// Whether these are values of `ty`, by their representation alone.
    pub const fn suits(&self, ty: Type) -> bool {
        match self {
            Self::Bool(_) => matches!(ty, Type::Bool),
            Self::Narrow(_) => {
                !ty.is_wide() && matches!(ty, Type::Int | Type::Date | Type::Timestamp | Type::Decimal { .. })
            }
            Self::Text(_) => matches!(ty, Type::String | Type::Bytes),
            Self::Wide(_) => ty.is_wide(),
        }
    }
}

/// Strings or byte strings as places in a heap that tables share. Two are equal if their texts are.
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

    /// The values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.spans.len()).map(|row| self.get(row))
    }

    /// The lengths of all values together.
    pub fn content_bytes(&self) -> u64 {
        self.spans.iter().map(|(_, len)| u64::from(*len)).sum()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Text {}
