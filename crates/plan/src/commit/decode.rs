//! Values from leaves, while their root is computed.
//!
//! Inside a zkVM this is a large part of all work, so the values of a leaf are taken word by word in loops without
//! branches, and texts stay where they are. Whether the values are in range is gathered along the way.

use alloc::{sync::Arc, vec::Vec};

use proofmark_core::{Digest, merkle::RootBuilder};

use super::{
    BYTES_HEADER, BYTES_HEADER_BYTES, CHUNK_BYTES, CommitError, CommitErrorKind, MAX_ROWS_PER_LEAF, ROWS,
    TABLE_HEADER, TABLE_HEADER_BYTES, chunk_hash, hash, schema_digest,
};
use crate::{
    calendar,
    number::POW10,
    types::{ColumnType, Schema, Type, ValueType},
    value::{Bytes, ColumnData, Table, Text, Value, Values},
};

type Result<T, E = CommitErrorKind> = core::result::Result<T, E>;

/// Reads values out of preimages that lie one after the other in a buffer.
#[derive(Debug)]
pub struct Decoder {
    heap: Arc<Vec<u8>>,
    at: usize,
    leaf: u64,
}

impl Decoder {
    /// Reads from byte `at` of `heap`, a multiple of four. Aligned buffers are read fastest.
    ///
    /// # Panics
    /// If `at` is no multiple of four.
    pub const fn new(heap: Arc<Vec<u8>>, at: usize) -> Self {
        assert!(at.is_multiple_of(4), "preimages lie at multiples of four");
        Self { heap, at, leaf: 0 }
    }

    /// The offset after what was read.
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// Reads a value of type `ty` with this many rows in a leaf, and computes its root.
    ///
    /// # Errors
    /// If the bytes are not the one encoding of such a value.
    pub fn value(&mut self, ty: &ValueType, rows_per_leaf: u16) -> Result<(Value, Digest), CommitError> {
        self.leaf = 0;
        let mut tree = RootBuilder::new();
        let value = match ty {
            ValueType::Bytes => self.bytes(&mut tree).map(Value::Bytes),
            ValueType::Table(schema) => self.table(schema, rows_per_leaf, &mut tree).map(Value::Table),
        };
        let value = value.map_err(|kind| CommitError { kind, leaf: self.leaf })?;
        Ok((value, Digest::sha256(tree.finish())))
    }

    fn bytes(&mut self, tree: &mut RootBuilder) -> Result<Bytes> {
        let header = take(&self.heap, &mut self.at, BYTES_HEADER_BYTES)?;
        if header[..4] != BYTES_HEADER {
            return Err(CommitErrorKind::Header);
        }
        let len = usize::try_from(number(header, 4)).map_err(|_| CommitErrorKind::Truncated)?;
        tree.push_hash(hash(header));
        let start = self.at;
        for chunk in take(&self.heap, &mut self.at, len)?.chunks(CHUNK_BYTES) {
            self.leaf += 1;
            tree.push_hash(chunk_hash(chunk));
        }
        let padding = take(&self.heap, &mut self.at, len.next_multiple_of(4) - len)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(CommitErrorKind::Padding);
        }
        Bytes::slice(self.heap.clone(), start, len).ok_or(CommitErrorKind::Truncated)
    }

    fn table(&mut self, schema: &Schema, rows_per_leaf: u16, tree: &mut RootBuilder) -> Result<Table> {
        let header = take(&self.heap, &mut self.at, TABLE_HEADER_BYTES)?;
        if header[..2] != TABLE_HEADER || header[2..4] != rows_per_leaf.to_le_bytes() || rows_per_leaf == 0 {
            return Err(CommitErrorKind::Header);
        }
        if header[12..44] != schema_digest(schema) {
            return Err(CommitErrorKind::Schema);
        }
        // Every leaf takes four bytes and every value its width, so believing the number of rows is safe.
        let rest = (self.heap.len() - self.at) as u64;
        let rows = number(header, 4);
        let width: usize = schema.columns().iter().map(|column| column.ty.ty.width().unwrap_or(4)).sum();
        let most = if width == 0 { rest / 4 * u64::from(rows_per_leaf) } else { rest / width as u64 };
        if rows > most || rows > u64::from(u32::MAX) {
            return Err(CommitErrorKind::Truncated);
        }
        tree.push_hash(hash(header));
        let rows = rows as usize;
        let mut columns: Vec<Reading> =
            schema.columns().iter().map(|column| Reading::new(column.ty, rows)).collect();
        let mut left = rows;
        while left > 0 {
            self.leaf += 1;
            let now = left.min(usize::from(rows_per_leaf));
            let start = self.at;
            rows_leaf(&self.heap, &mut self.at, now, &mut columns)?;
            tree.push_hash(hash(&self.heap[start..self.at]));
            left -= now;
        }
        let columns = columns.into_iter().map(|column| Arc::new(column.finish(&self.heap))).collect();
        Ok(Table { schema: schema.clone(), rows, columns })
    }
}

/// Reads the preimage of one leaf of rows.
///
/// # Errors
/// If it is not the one encoding of rows of this schema.
pub fn decode_rows(preimage: Vec<u8>, schema: &Schema) -> Result<Table> {
    let rows = match preimage.get(2..4) {
        Some(rows) => usize::from(u16::from_le_bytes([rows[0], rows[1]])),
        None => return Err(CommitErrorKind::Truncated),
    };
    if rows == 0 || rows > usize::from(MAX_ROWS_PER_LEAF) {
        return Err(CommitErrorKind::Header);
    }
    let heap = Arc::new(preimage);
    let mut columns: Vec<Reading> =
        schema.columns().iter().map(|column| Reading::new(column.ty, rows)).collect();
    let mut at = 0;
    rows_leaf(&heap, &mut at, rows, &mut columns)?;
    if at != heap.len() {
        return Err(CommitErrorKind::Padding);
    }
    let columns = columns.into_iter().map(|column| Arc::new(column.finish(&heap))).collect();
    Ok(Table { schema: schema.clone(), rows, columns })
}

/// A column while its leaves are read.
struct Reading {
    ty: ColumnType,
    data: ColumnData,
}

impl Reading {
    fn new(ty: ColumnType, rows: usize) -> Self {
        let values = match ty.ty {
            Type::Bool => Values::Bool(Vec::with_capacity(rows)),
            Type::Bytes | Type::String => {
                Values::Text(Text { heap: Arc::default(), spans: Vec::with_capacity(rows) })
            }
            ty if ty.is_wide() => Values::Wide(Vec::with_capacity(rows)),
            _ => Values::Narrow(Vec::with_capacity(rows)),
        };
        Self { ty, data: ColumnData { values, validity: None } }
    }

    fn finish(mut self, heap: &Arc<Vec<u8>>) -> ColumnData {
        if let Values::Text(text) = &mut self.data.values {
            text.heap = heap.clone();
        }
        self.data
    }
}

fn rows_leaf(heap: &[u8], at: &mut usize, rows: usize, columns: &mut [Reading]) -> Result<()> {
    let head = take(heap, at, 4)?;
    if head[..2] != ROWS || usize::from(u16::from_le_bytes([head[2], head[3]])) != rows {
        return Err(CommitErrorKind::Header);
    }
    for column in columns {
        let bitmap = if column.ty.nullable { take(heap, at, rows.div_ceil(32) * 4)? } else { &[] };
        let before = column.data.len();
        values(heap, at, rows, column.ty.ty, &mut column.data.values)?;
        if column.ty.nullable {
            validity(bitmap, before, rows, &mut column.data)?;
        }
    }
    Ok(())
}

fn values(heap: &[u8], at: &mut usize, rows: usize, ty: Type, out: &mut Values) -> Result<()> {
    match out {
        Values::Bool(out) => {
            let bytes = take(heap, at, rows)?;
            if bytes.iter().fold(0, |all, byte| all | byte) > 1 {
                return Err(CommitErrorKind::Bool);
            }
            out.extend(bytes.iter().map(|byte| *byte == 1));
            padding(heap, at)
        }
        Values::Narrow(out) => {
            let bytes = take(heap, at, rows * ty.width().unwrap_or(8))?;
            let in_range = match ty {
                Type::Date => {
                    narrow32(bytes, i64::from(calendar::MIN_DATE), i64::from(calendar::MAX_DATE), out)
                }
                Type::Timestamp => narrow64(bytes, calendar::MIN_TIMESTAMP, calendar::MAX_TIMESTAMP, out),
                Type::Decimal { precision: precision @ ..=18, .. } => {
                    let most = POW10[usize::from(precision)] as i64 - 1;
                    if precision <= 9 {
                        narrow32(bytes, -most, most, out)
                    } else {
                        narrow64(bytes, -most, most, out)
                    }
                }
                _ => narrow64(bytes, i64::MIN, i64::MAX, out),
            };
            if in_range { Ok(()) } else { Err(CommitErrorKind::OutOfRange) }
        }
        Values::Wide(out) => {
            let Type::Decimal { precision, .. } = ty else { return Err(CommitErrorKind::Schema) };
            let bound = POW10[usize::from(precision)];
            let mut in_range = true;
            out.extend(take(heap, at, rows * 16)?.as_chunks::<16>().0.iter().map(|bytes| {
                let value = i128::from_le_bytes(*bytes);
                in_range &= -bound < value && value < bound;
                value
            }));
            if in_range { Ok(()) } else { Err(CommitErrorKind::OutOfRange) }
        }
        Values::Text(text) => texts(heap, at, rows, ty, &mut text.spans),
    }
}

/// Appends 32-bit numbers and says whether all lie between the bounds.
fn narrow32(bytes: &[u8], least: i64, most: i64, out: &mut Vec<i64>) -> bool {
    let (least, width) = (least as u32, (most - least) as u32);
    let mut beyond = false;
    let mut check = |word: u32| {
        beyond |= word.wrapping_sub(least) > width;
        i64::from(word as i32)
    };
    match words(bytes) {
        Some(words) => out.extend(words.iter().map(|word| check(u32::from_le(*word)))),
        None => out.extend(bytes.as_chunks::<4>().0.iter().map(|bytes| check(u32::from_le_bytes(*bytes)))),
    }
    !beyond
}

/// As [`narrow32`], for 64 bits.
fn narrow64(bytes: &[u8], least: i64, most: i64, out: &mut Vec<i64>) -> bool {
    let (least, width) = (least as u64, most.wrapping_sub(least) as u64);
    let mut beyond = false;
    let mut check = |word: u64| {
        beyond |= word.wrapping_sub(least) > width;
        word as i64
    };
    match words(bytes) {
        Some(words) => {
            out.extend(words.as_chunks::<2>().0.iter().map(|[low, high]| {
                check(u64::from(u32::from_le(*low)) | u64::from(u32::from_le(*high)) << 32)
            }))
        }
        None => out.extend(bytes.as_chunks::<8>().0.iter().map(|bytes| check(u64::from_le_bytes(*bytes)))),
    }
    !beyond
}

fn texts(heap: &[u8], at: &mut usize, rows: usize, ty: Type, spans: &mut Vec<(u32, u32)>) -> Result<()> {
    let lengths = take(heap, at, rows * 4)?;
    let first = spans.len();
    let start = *at;
    let mut end = start as u64;
    let mut span = |length: u32| {
        let span = (end as u32, length);
        end += u64::from(length);
        span
    };
    match words(lengths) {
        Some(words) => spans.extend(words.iter().map(|word| span(u32::from_le(*word)))),
        None => {
            spans.extend(lengths.as_chunks::<4>().0.iter().map(|bytes| span(u32::from_le_bytes(*bytes))));
        }
    }
    // Spans have 32 bits, so a longer heap cannot be named.
    if end > u64::from(u32::MAX) {
        return Err(CommitErrorKind::Truncated);
    }
    let content = take(heap, at, end as usize - start)?;
    if ty == Type::String && !content.is_ascii() {
        let text = core::str::from_utf8(content).map_err(|_| CommitErrorKind::Utf8)?;
        if !spans[first..].iter().all(|(at, _)| text.is_char_boundary(*at as usize - start)) {
            return Err(CommitErrorKind::Utf8);
        }
    }
    padding(heap, at)
}

fn validity(bitmap: &[u8], before: usize, rows: usize, column: &mut ColumnData) -> Result<()> {
    for (index, word) in bitmap.as_chunks::<4>().0.iter().enumerate() {
        let word = u32::from_le_bytes(*word);
        let here = (rows - index * 32).min(32);
        let all = u32::MAX >> (32 - here);
        if word & !all != 0 {
            return Err(CommitErrorKind::Padding);
        }
        if word == all {
            if let Some(bits) = &mut column.validity {
                bits.resize(bits.len() + here, true);
            }
            continue;
        }
        let first = before + index * 32;
        let capacity = column.len();
        let bits = column.validity.get_or_insert_with(|| {
            let mut bits = Vec::with_capacity(capacity);
            bits.resize(first, true);
            bits
        });
        bits.extend((0..here).map(|bit| word >> bit & 1 == 1));
        let holds = |row: usize| match &column.values {
            Values::Bool(values) => values[row],
            Values::Narrow(values) => values[row] != 0,
            Values::Text(text) => text.spans[row].1 != 0,
            Values::Wide(values) => values[row] != 0,
        };
        if (0..here).any(|bit| word >> bit & 1 == 0 && holds(first + bit)) {
            return Err(CommitErrorKind::Null);
        }
    }
    Ok(())
}

fn take<'a>(heap: &'a [u8], at: &mut usize, length: usize) -> Result<&'a [u8]> {
    let end = at.checked_add(length).ok_or(CommitErrorKind::Truncated)?;
    let taken = heap.get(*at..end).ok_or(CommitErrorKind::Truncated)?;
    *at = end;
    Ok(taken)
}

fn padding(heap: &[u8], at: &mut usize) -> Result<()> {
    let length = at.next_multiple_of(4) - *at;
    if take(heap, at, length)?.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(CommitErrorKind::Padding) }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(out)
}

/// `bytes` as words in memory order, if they are aligned. Loading words costs a zkVM a quarter of loading bytes.
fn words(bytes: &[u8]) -> Option<&[u32]> {
    // SAFETY: every four bytes are a u32.
    let (before, words, after) = unsafe { bytes.align_to::<u32>() };
    (before.is_empty() && after.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unaligned_bytes_read_the_same() {
        let bytes: Vec<u8> = (0..80u8).map(|byte| byte.wrapping_mul(37)).collect();
        for start in 0..4 {
            let mut shifted = alloc::vec![0; start];
            shifted.extend_from_slice(&bytes);
            let (mut small, mut large) = (Vec::new(), Vec::new());
            assert!(narrow32(&shifted[start..], i64::from(i32::MIN), i64::from(i32::MAX), &mut small));
            assert!(narrow64(&shifted[start..], i64::MIN, i64::MAX, &mut large));
            assert_eq!(small[1], i64::from(i32::from_le_bytes([148, 185, 222, 3])));
            assert_eq!((small.len(), large.len()), (20, 10));
            assert_eq!(large[9] as i32 as i64, small[18]);
            assert!(!narrow32(&shifted[start..], 0, i64::from(i32::MAX), &mut small));
        }
    }
}
