//! Building tables value by value.

use alloc::{sync::Arc, vec, vec::Vec};
use core::fmt;

use super::{ColumnData, Table, Text, Values};
use crate::types::{ColumnType, Schema, Type};

/// Builds a table: push one value into every column for each row, then [`finish`](Self::finish).
#[derive(Debug)]
pub struct TableBuilder {
    schema: Schema,
    columns: Vec<ColumnBuilder>,
}

impl TableBuilder {
    /// Starts a table with room for `rows`.
    pub fn new(schema: &Schema, rows: usize) -> Self {
        let columns = schema.columns().iter().map(|column| ColumnBuilder::new(column.ty, rows)).collect();
        Self { schema: schema.clone(), columns }
    }

    /// As [`new`](Self::new), for texts that mostly lie in `heap`.
    pub fn with_heap(schema: &Schema, rows: usize, heap: &Arc<Vec<u8>>) -> Self {
        let mut builder = Self::new(schema, rows);
        for column in &mut builder.columns {
            column.heap = Heap::Shared(heap.clone());
        }
        builder
    }

    /// The column at this place of the schema.
    pub fn column(&mut self, index: usize) -> &mut ColumnBuilder {
        &mut self.columns[index]
    }

    /// All columns, parallel to the schema.
    pub fn columns(&mut self) -> &mut [ColumnBuilder] {
        &mut self.columns
    }

    /// Makes room for `rows` more.
    pub fn reserve(&mut self, rows: usize) {
        for column in &mut self.columns {
            column.reserve(rows);
        }
    }

    /// The table. Without columns it has no rows.
    ///
    /// # Panics
    /// If columns have different lengths: a fault of the caller, never of data.
    pub fn finish(self) -> Table {
        let rows = self.columns.first().map_or(0, ColumnBuilder::len);
        self.finish_rows(rows)
    }

    /// The table, which has this many rows, even without columns.
    ///
    /// # Panics
    /// If a column has another length: a fault of the caller, never of data.
    pub fn finish_rows(self, rows: usize) -> Table {
        assert!(self.columns.iter().all(|column| column.len() == rows), "every row fills every column");
        let columns = self.columns.into_iter().map(|column| Arc::new(column.finish())).collect();
        Table { schema: self.schema, rows, columns }
    }
}

/// Builds one column.
///
/// Each `push` fits types as its documentation says. Pushing what the type does not hold is a fault of the caller
/// and panics.
#[derive(Debug)]
pub struct ColumnBuilder {
    values: Building,
    /// As in [`ColumnData`].
    validity: Option<Vec<bool>>,
    heap: Heap,
}

#[derive(Debug)]
enum Building {
    Bool(Vec<bool>),
    Narrow(Vec<i64>),
    Spans(Vec<(u32, u32)>),
    Wide(Vec<i128>),
}

/// Where texts go.
#[derive(Debug)]
enum Heap {
    Own(Vec<u8>),
    Shared(Arc<Vec<u8>>),
}

/// The texts of a column are longer than 4 GiB together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapFull;

impl fmt::Display for HeapFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the texts of a column have at most 4 GiB together")
    }
}

impl core::error::Error for HeapFull {}

impl ColumnBuilder {
    /// Starts a column with room for `rows`.
    pub fn new(ty: ColumnType, rows: usize) -> Self {
        let values = match ty.ty {
            Type::Bool => Building::Bool(Vec::with_capacity(rows)),
            Type::Bytes | Type::String => Building::Spans(Vec::with_capacity(rows)),
            ty if ty.is_wide() => Building::Wide(Vec::with_capacity(rows)),
            _ => Building::Narrow(Vec::with_capacity(rows)),
        };
        Self { values, validity: None, heap: Heap::Own(Vec::new()) }
    }

    /// Appends a null.
    pub fn push_null(&mut self) {
        let len = self.len();
        self.validity.get_or_insert_with(|| vec![true; len]).push(false);
        match &mut self.values {
            Building::Bool(values) => values.push(false),
            Building::Narrow(values) => values.push(0),
            Building::Spans(spans) => spans.push((0, 0)),
            Building::Wide(values) => values.push(0),
        }
    }

    /// Appends a bool.
    pub fn push_bool(&mut self, value: bool) {
        self.push_valid();
        match &mut self.values {
            Building::Bool(values) => values.push(value),
            _ => panic!("only bool columns take a bool"),
        }
    }

    /// Appends an int, date, timestamp or unscaled decimal. The caller has checked the range of the type.
    pub fn push_number(&mut self, value: i128) {
        self.push_valid();
        match &mut self.values {
            Building::Narrow(values) => {
                values.push(i64::try_from(value).expect("the caller checked the range of the type"));
            }
            Building::Wide(values) => values.push(value),
            _ => panic!("only columns of numbers and dates take a number"),
        }
    }

    /// As [`push_number`](Self::push_number).
    #[inline]
    pub fn push_narrow(&mut self, value: i64) {
        self.push_valid();
        match &mut self.values {
            Building::Narrow(values) => values.push(value),
            Building::Wide(values) => values.push(value.into()),
            _ => panic!("only columns of numbers and dates take a number"),
        }
    }

    /// Appends a string or byte string.
    ///
    /// # Errors
    /// If the column's texts become too long.
    pub fn push_text(&mut self, text: &[u8]) -> Result<(), HeapFull> {
        let Building::Spans(spans) = &mut self.values else {
            panic!("only string and bytes columns take a text");
        };
        let heap = self.heap.own(spans)?;
        let start = heap.len();
        if start + text.len() > u32::MAX as usize {
            return Err(HeapFull);
        }
        heap.extend_from_slice(text);
        spans.push((start as u32, text.len() as u32));
        self.push_valid();
        Ok(())
    }

    /// Appends the text that lies at `start` of the heap that the builder was made with.
    ///
    /// # Errors
    /// If the heap, or the column's own texts, are too long.
    pub fn push_shared(&mut self, start: usize, len: usize, source: &[u8]) -> Result<(), HeapFull> {
        match (&mut self.values, &self.heap) {
            (Building::Spans(spans), Heap::Shared(heap)) => {
                assert!(start + len <= heap.len(), "the text lies in the heap");
                if start + len > u32::MAX as usize {
                    return Err(HeapFull);
                }
                spans.push((start as u32, len as u32));
                self.push_valid();
                Ok(())
            }
            _ => self.push_text(source),
        }
    }

    /// The number of values so far.
    pub fn len(&self) -> usize {
        match &self.values {
            Building::Bool(values) => values.len(),
            Building::Narrow(values) => values.len(),
            Building::Spans(spans) => spans.len(),
            Building::Wide(values) => values.len(),
        }
    }

    /// Whether there is no value yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes room for `rows` more.
    pub fn reserve(&mut self, rows: usize) {
        match &mut self.values {
            Building::Bool(values) => values.reserve_exact(rows),
            Building::Narrow(values) => values.reserve_exact(rows),
            Building::Spans(spans) => spans.reserve_exact(rows),
            Building::Wide(values) => values.reserve_exact(rows),
        }
    }

    /// The column.
    pub fn finish(self) -> ColumnData {
        let values = match self.values {
            Building::Bool(values) => Values::Bool(values),
            Building::Narrow(values) => Values::Narrow(values),
            Building::Wide(values) => Values::Wide(values),
            Building::Spans(spans) => {
                let heap = match self.heap {
                    Heap::Own(heap) => Arc::new(heap),
                    Heap::Shared(heap) => heap,
                };
                Values::Text(Text { heap, spans })
            }
        };
        ColumnData { values, validity: self.validity }
    }

    #[inline]
    fn push_valid(&mut self) {
        if let Some(validity) = &mut self.validity {
            validity.push(true);
        }
    }
}

impl Heap {
    /// The own heap. Texts that lay in a shared one move into it first.
    fn own(&mut self, spans: &mut [(u32, u32)]) -> Result<&mut Vec<u8>, HeapFull> {
        if let Self::Shared(shared) = self {
            let total: u64 = spans.iter().map(|(_, len)| u64::from(*len)).sum();
            if total > u64::from(u32::MAX) {
                return Err(HeapFull);
            }
            let mut heap = Vec::with_capacity(total as usize);
            for (start, len) in spans {
                let text = &shared[*start as usize..*start as usize + *len as usize];
                *start = heap.len() as u32;
                heap.extend_from_slice(text);
            }
            *self = Self::Own(heap);
        }
        match self {
            Self::Own(heap) => Ok(heap),
            Self::Shared(_) => unreachable!("replaced above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Column;

    fn schema() -> Schema {
        let column = |name: &str, ty: &str| Column { name: name.into(), ty: ty.parse().unwrap() };
        Schema::new(alloc::vec![
            column("n", "decimal(30,2)?"),
            column("s", "string?"),
            column("b", "bool"),
            column("d", "date"),
        ])
        .unwrap()
    }

    #[test]
    fn texts_are_equal_by_content_wherever_they_lie() {
        let heap = Arc::new(b"one two".to_vec());
        let build = |shared: bool| {
            let mut table = TableBuilder::with_heap(&schema(), 2, &heap);
            for (start, len) in [(4, 3), (0, 3)] {
                table.column(0).push_bool(true);
                table.column(1).push_narrow(-5);
                table.column(2).push_number(10i128.pow(29));
                let text = &heap[start..start + len];
                let column = table.column(3);
                if shared { column.push_shared(start, len, text) } else { column.push_text(text) }.unwrap();
            }
            table.finish()
        };
        let (left, right) = (build(true), build(false));
        assert_eq!(left, right);
        assert_eq!((left.rows, left.logical_bytes()), (2, 2 + 8 + 2 * 17 + 2 * 8));
        let Values::Text(text) = &left.columns[3].values else { panic!() };
        assert!(Arc::ptr_eq(&text.heap, &heap));
    }

    #[test]
    fn a_list_of_true_is_no_list() {
        let column = |validity| ColumnData { values: Values::Narrow(vec![0, 1]), validity };
        assert_eq!(column(None), column(Some(vec![true, true])));
        assert_ne!(column(None), column(Some(vec![false, true])));
    }

    #[test]
    fn shared_and_own_texts_mix() {
        let heap = Arc::new(b"abcdef".to_vec());
        let mut table = TableBuilder::with_heap(&schema(), 0, &heap);
        let column = table.column(3);
        column.push_shared(3, 2, b"de").unwrap();
        column.push_null();
        column.push_text(b"x\n").unwrap();
        column.push_shared(0, 1, b"a").unwrap();
        let column = table.columns.remove(3).finish();
        let Values::Text(text) = &column.values else { panic!() };
        assert_eq!(text.iter().collect::<Vec<_>>(), [b"de".as_slice(), b"", b"x\n", b"a"]);
        assert_eq!(column.validity, Some(vec![true, false, true, true]));
    }
}
