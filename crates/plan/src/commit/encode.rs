//! Leaves from values.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    BYTES_HEADER, BYTES_HEADER_BYTES, MAX_ROWS_PER_LEAF, ROWS, TABLE_HEADER, TABLE_HEADER_BYTES, hash,
    schema_digest,
};
use crate::{
    types::Column,
    value::{ColumnData, Table, Value, Values},
};

/// The preimage of leaf 0.
pub fn header(value: &Value, rows_per_leaf: u16, salt: &[u8; 32]) -> Vec<u8> {
    let mut out;
    match value {
        Value::Bytes(bytes) => {
            out = Vec::with_capacity(BYTES_HEADER_BYTES);
            out.extend_from_slice(&BYTES_HEADER);
            out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        }
        Value::Table(table) => {
            out = Vec::with_capacity(TABLE_HEADER_BYTES);
            out.extend_from_slice(&TABLE_HEADER);
            out.extend_from_slice(&rows_per_leaf.to_le_bytes());
            out.extend_from_slice(&(table.rows as u64).to_le_bytes());
            out.extend_from_slice(&schema_digest(&table.schema));
        }
    }
    out.extend_from_slice(salt);
    out
}

/// Appends all preimages of a value; a file's chunks follow its header without anything between, padded at the end.
///
/// # Panics
/// If `rows_per_leaf` is not from 1 to [`MAX_ROWS_PER_LEAF`], or `out` does not end at a multiple of four.
pub fn write_value(value: &Value, rows_per_leaf: u16, salt: &[u8; 32], out: &mut Vec<u8>) {
    assert!((1..=MAX_ROWS_PER_LEAF).contains(&rows_per_leaf), "rows in a leaf are from 1 to 1024");
    assert!(out.len().is_multiple_of(4), "preimages are aligned");
    out.extend_from_slice(&header(value, rows_per_leaf, salt));
    match value {
        Value::Bytes(bytes) => {
            out.extend_from_slice(bytes);
            pad(out);
        }
        Value::Table(table) => {
            for start in (0..table.rows).step_by(usize::from(rows_per_leaf)) {
                write_rows(table, start..table.rows.min(start + usize::from(rows_per_leaf)), out);
            }
        }
    }
}

/// Appends the preimage of a leaf with these rows.
///
/// # Panics
/// If there are more than [`MAX_ROWS_PER_LEAF`](super::MAX_ROWS_PER_LEAF) rows, or the table has fewer.
pub fn write_rows(table: &Table, rows: Range<usize>, out: &mut Vec<u8>) {
    out.extend_from_slice(&ROWS);
    out.extend_from_slice(&u16::try_from(rows.len()).expect("a leaf has at most 1024 rows").to_le_bytes());
    for (column, data) in table.schema.columns().iter().zip(&table.columns) {
        write_column(column, data, rows.clone(), out);
    }
}

/// For each row, the hash of a leaf that holds only this row and only these columns; 32 bytes each, appended to `out`.
///
/// # Panics
/// If a field is not a column of the table.
pub fn row_hashes(table: &Table, fields: &[usize], out: &mut Vec<u8>) {
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    fields.dedup();
    let mut leaf = Vec::new();
    out.reserve(table.rows * 32);
    for row in 0..table.rows {
        leaf.clear();
        leaf.extend_from_slice(&[ROWS[0], ROWS[1], 1, 0]);
        for field in &fields {
            write_column(&table.schema.columns()[*field], &table.columns[*field], row..row + 1, &mut leaf);
        }
        out.extend_from_slice(&hash(&leaf));
    }
}

fn write_column(column: &Column, data: &ColumnData, rows: Range<usize>, out: &mut Vec<u8>) {
    if column.ty.nullable {
        write_validity(data, rows.clone(), out);
    }
    match &data.values {
        Values::Bool(values) => {
            out.extend(values[rows].iter().map(|value| u8::from(*value)));
            pad(out);
        }
        Values::Narrow(values) => match column.ty.ty.width() {
            // Narrower types hold values that fit, so cutting loses nothing.
            Some(4) => {
                values[rows].iter().for_each(|value| out.extend_from_slice(&(*value as i32).to_le_bytes()))
            }
            _ => values[rows].iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes())),
        },
        Values::Wide(values) => {
            values[rows].iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        }
        Values::Text(text) => {
            let spans = &text.spans[rows];
            spans.iter().for_each(|(_, len)| out.extend_from_slice(&len.to_le_bytes()));
            let content = spans.iter().map(|(_, len)| *len as usize).sum::<usize>();
            out.reserve(content + 3);
            for (start, len) in spans {
                out.extend_from_slice(&text.heap[*start as usize..*start as usize + *len as usize]);
            }
            pad(out);
        }
    }
}

fn write_validity(data: &ColumnData, rows: Range<usize>, out: &mut Vec<u8>) {
    for start in rows.clone().step_by(32) {
        let end = rows.end.min(start + 32);
        let word = match &data.validity {
            None => u32::MAX >> (32 - (end - start)),
            Some(bits) => bits[start..end].iter().rev().fold(0, |word, valid| word << 1 | u32::from(*valid)),
        };
        out.extend_from_slice(&word.to_le_bytes());
    }
}

/// Fills up to a multiple of four bytes.
fn pad(out: &mut Vec<u8>) {
    // A preimage starts at a multiple of four wherever it lies, so its end decides.
    out.resize(out.len().next_multiple_of(4), 0);
}
