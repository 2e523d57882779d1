//! Keys: columns by which rows are equal. Nulls equal each other.
//!
//! Rows are put into groups by a hash table of our own: open addressing over 32-bit group numbers, a
//! multiplicative hash of 32-bit words (one instruction each in a 32-bit machine), and no work at all for a row
//! whose key equals that of the row before. The hash has no secret, so an adversary can choose colliding keys;
//! when probing takes longer than hashing ever should, grouping starts again by sorting, which no data can slow
//! down. Nothing observable depends on the way: groups are numbered by it, but every caller orders them itself.

use alloc::{vec, vec::Vec};
use core::cmp::Ordering;

use super::error::{ExecErrorKind, Result};
use crate::value::{ColumnData, Table, Text, Values};

/// Rows in groups of equal keys.
pub(super) struct Grouping {
    /// The group of each row.
    pub(super) ids: Vec<u32>,
    /// The first row of each group.
    pub(super) firsts: Vec<u32>,
}

impl Grouping {
    /// The number of groups.
    pub(super) fn count(&self) -> usize {
        self.firsts.len()
    }
}

/// Rows that can be compared by key.
trait Keys {
    fn hash(&self, row: usize) -> u32;
    fn same(&self, a: usize, b: usize) -> bool;
    fn compare(&self, a: usize, b: usize) -> Ordering;
}

/// Columns that make up a key.
pub(super) struct KeyColumns<'a>(Vec<Part<'a>>);

impl<'a> KeyColumns<'a> {
    pub(super) fn of(table: &'a Table, columns: &[usize]) -> Result<Self> {
        let parts = columns.iter().map(|&column| {
            let column = table.columns.get(column).ok_or(ExecErrorKind::BadPlan("no such key column"))?;
            Ok(Part::of(column))
        });
        Ok(Self(parts.collect::<Result<_>>()?))
    }

    /// These numbers, then the column.
    pub(super) fn numbered(ids: &'a [u32], column: &'a ColumnData) -> Self {
        Self(vec![Part { values: PartValues::Ids(ids), validity: None }, Part::of(column)])
    }

    /// Whether a part of the key is null.
    pub(super) fn has_null(&self, row: usize) -> bool {
        self.0.iter().any(|part| part.is_null(row))
    }

    /// Whether no key of any row can have a null.
    pub(super) fn never_null(&self) -> bool {
        self.0.iter().all(|part| part.validity.is_none())
    }

    /// Groups the first `rows` rows.
    pub(super) fn group(&self, rows: usize) -> Grouping {
        if let [part] = &self.0[..]
            && part.validity.is_none()
        {
            match part.values {
                PartValues::Narrow(values) => return group(&NarrowKey(values), rows),
                PartValues::Text(text) => return group(&TextKey(text), rows),
                _ => {}
            }
        }
        group(self, rows)
    }

    /// Groups the rows of two tables by keys of the same types: first those of `self`, then those of `other`.
    pub(super) fn group_with(&self, rows: usize, other: &Self, other_rows: usize) -> Result<Grouping> {
        let alike = |(a, b): (&Part<'_>, &Part<'_>)| {
            core::mem::discriminant(&a.values) == core::mem::discriminant(&b.values)
        };
        if self.0.len() != other.0.len() || !self.0.iter().zip(&other.0).all(alike) {
            return Err(ExecErrorKind::BadPlan("keys of different types"));
        }
        Ok(group(&TwoTables { first: self, second: other, split: rows }, rows + other_rows))
    }

    fn same_as(&self, row: usize, other: &Self, other_row: usize) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a.same_as(row, b, other_row))
    }

    fn compare_to(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        pairs
            .map(|(a, b)| a.compare_to(row, b, other_row))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl Keys for KeyColumns<'_> {
    fn hash(&self, row: usize) -> u32 {
        self.0.iter().fold(SEED, |hash, part| part.hash(hash, row))
    }

    fn same(&self, a: usize, b: usize) -> bool {
        self.same_as(a, self, b)
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        self.compare_to(a, self, b)
    }
}

/// The rows of two tables in one numbering.
struct TwoTables<'a> {
    first: &'a KeyColumns<'a>,
    second: &'a KeyColumns<'a>,
    split: usize,
}

impl TwoTables<'_> {
    fn place(&self, row: usize) -> (&KeyColumns<'_>, usize) {
        if row < self.split { (self.first, row) } else { (self.second, row - self.split) }
    }
}

impl Keys for TwoTables<'_> {
    fn hash(&self, row: usize) -> u32 {
        let (keys, row) = self.place(row);
        keys.hash(row)
    }

    fn same(&self, a: usize, b: usize) -> bool {
        let ((a_keys, a), (b_keys, b)) = (self.place(a), self.place(b));
        a_keys.same_as(a, b_keys, b)
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let ((a_keys, a), (b_keys, b)) = (self.place(a), self.place(b));
        a_keys.compare_to(a, b_keys, b)
    }
}

/// One column of a key.
pub(super) struct Part<'a> {
    values: PartValues<'a>,
    validity: Option<&'a [bool]>,
}

enum PartValues<'a> {
    Bool(&'a [bool]),
    Ids(&'a [u32]),
    Narrow(&'a [i64]),
    Text(&'a Text),
    Wide(&'a [i128]),
}

impl<'a> Part<'a> {
    pub(super) fn of(column: &'a ColumnData) -> Self {
        let values = match &column.values {
            Values::Bool(values) => PartValues::Bool(values),
            Values::Narrow(values) => PartValues::Narrow(values),
            Values::Text(text) => PartValues::Text(text),
            Values::Wide(values) => PartValues::Wide(values),
        };
        Self { values, validity: column.validity.as_deref() }
    }

    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        self.validity.is_some_and(|bits| !bits[row])
    }

    fn hash(&self, hash: u32, row: usize) -> u32 {
        // The value of a null is zero or empty; the flag tells it from a real one.
        let hash = if self.is_null(row) { mix(hash, 1) } else { hash };
        match self.values {
            PartValues::Bool(values) => mix(hash, u32::from(values[row])),
            PartValues::Ids(values) => mix(hash, values[row]),
            PartValues::Narrow(values) => mix_narrow(hash, values[row]),
            PartValues::Text(text) => mix_bytes(hash, text.get(row)),
            PartValues::Wide(values) => {
                mix_narrow(mix_narrow(hash, values[row] as i64), (values[row] >> 64) as i64)
            }
        }
    }

    fn same_as(&self, row: usize, other: &Self, other_row: usize) -> bool {
        self.is_null(row) == other.is_null(other_row)
            && match (&self.values, &other.values) {
                (PartValues::Bool(a), PartValues::Bool(b)) => a[row] == b[other_row],
                (PartValues::Ids(a), PartValues::Ids(b)) => a[row] == b[other_row],
                (PartValues::Narrow(a), PartValues::Narrow(b)) => a[row] == b[other_row],
                (PartValues::Text(a), PartValues::Text(b)) => a.get(row) == b.get(other_row),
                (PartValues::Wide(a), PartValues::Wide(b)) => a[row] == b[other_row],
                _ => false,
            }
    }

    /// Values in ascending order, then nulls.
    pub(super) fn compare_to(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let (null, other_null) = (self.is_null(row), other.is_null(other_row));
        if null || other_null {
            return null.cmp(&other_null);
        }
        match (&self.values, &other.values) {
            (PartValues::Bool(a), PartValues::Bool(b)) => a[row].cmp(&b[other_row]),
            (PartValues::Ids(a), PartValues::Ids(b)) => a[row].cmp(&b[other_row]),
            (PartValues::Narrow(a), PartValues::Narrow(b)) => a[row].cmp(&b[other_row]),
            (PartValues::Text(a), PartValues::Text(b)) => a.get(row).cmp(b.get(other_row)),
            (PartValues::Wide(a), PartValues::Wide(b)) => a[row].cmp(&b[other_row]),
            _ => Ordering::Equal,
        }
    }

    /// Which values are there, if some may not be.
    pub(super) const fn validity(&self) -> Option<&'a [bool]> {
        self.validity
    }

    /// The values, if they are 64-bit numbers.
    pub(super) fn narrow(&self) -> Option<&'a [i64]> {
        if let PartValues::Narrow(values) = self.values { Some(values) } else { None }
    }
}

/// A single key of 64-bit numbers without nulls.
struct NarrowKey<'a>(&'a [i64]);

impl Keys for NarrowKey<'_> {
    #[inline]
    fn hash(&self, row: usize) -> u32 {
        mix_narrow(SEED, self.0[row])
    }
    #[inline]
    fn same(&self, a: usize, b: usize) -> bool {
        self.0[a] == self.0[b]
    }
    fn compare(&self, a: usize, b: usize) -> Ordering {
        self.0[a].cmp(&self.0[b])
    }
}

/// A single key of texts without nulls.
struct TextKey<'a>(&'a Text);

impl Keys for TextKey<'_> {
    #[inline]
    fn hash(&self, row: usize) -> u32 {
        mix_bytes(SEED, self.0.get(row))
    }
    #[inline]
    fn same(&self, a: usize, b: usize) -> bool {
        // Texts that a dictionary encoded share their place.
        self.0.spans[a] == self.0.spans[b] || same_texts(self.0.get(a), self.0.get(b))
    }
    fn compare(&self, a: usize, b: usize) -> Ordering {
        self.0.get(a).cmp(self.0.get(b))
    }
}

/// Whether two texts are equal. Short ones are compared here, which costs a zkVM less than a call.
#[inline]
fn same_texts(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && if a.len() <= 8 { a.iter().zip(b).all(|(a, b)| a == b) } else { a == b }
}

const SEED: u32 = 0x243f_6a88;
const MULTIPLIER: u32 = 0x9e37_79b1;

#[inline]
fn mix(hash: u32, word: u32) -> u32 {
    (hash.rotate_left(5) ^ word).wrapping_mul(MULTIPLIER)
}

#[inline]
fn mix_narrow(hash: u32, value: i64) -> u32 {
    mix(mix(hash, value as u32), (value >> 32) as u32)
}

#[inline]
fn mix_bytes(hash: u32, bytes: &[u8]) -> u32 {
    let mut hash = mix(hash, bytes.len() as u32);
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        hash = mix(hash, u32::from_le_bytes(*word));
    }
    if rest.is_empty() {
        return hash;
    }
    mix(hash, rest.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
}

fn group(keys: &impl Keys, rows: usize) -> Grouping {
    by_hash(keys, rows).unwrap_or_else(|| by_sort(keys, rows))
}

/// Groups by hash; `None` if the keys collide far more than they should.
fn by_hash(keys: &impl Keys, rows: usize) -> Option<Grouping> {
    let mut ids = Vec::with_capacity(rows);
    let mut firsts: Vec<u32> = Vec::new();
    let mut hashes: Vec<u32> = Vec::new();
    let mut bits = 6u32;
    let mut table = vec![0u32; 1 << bits];
    let mut probes_left = 16 * rows + 1024;
    for row in 0..rows {
        if row > 0 && keys.same(row - 1, row) {
            ids.push(ids[row - 1]);
            continue;
        }
        let hash = keys.hash(row);
        let mask = table.len() - 1;
        let mut at = (hash >> (32 - bits)) as usize;
        let id = loop {
            match table[at] {
                0 => {
                    let id = firsts.len() as u32;
                    firsts.push(row as u32);
                    hashes.push(hash);
                    table[at] = id + 1;
                    break id;
                }
                seat => {
                    let id = seat as usize - 1;
                    if hashes[id] == hash && keys.same(firsts[id] as usize, row) {
                        break id as u32;
                    }
                }
            }
            at = (at + 1) & mask;
            probes_left = probes_left.checked_sub(1)?;
        };
        ids.push(id);
        if firsts.len() * 2 > table.len() {
            bits += 1;
            table = rehashed(&hashes, bits);
        }
    }
    Some(Grouping { ids, firsts })
}

fn rehashed(hashes: &[u32], bits: u32) -> Vec<u32> {
    let mut table = vec![0u32; 1 << bits];
    let mask = table.len() - 1;
    for (id, hash) in hashes.iter().enumerate() {
        let mut at = (hash >> (32 - bits)) as usize;
        while table[at] != 0 {
            at = (at + 1) & mask;
        }
        table[at] = id as u32 + 1;
    }
    table
}

fn by_sort(keys: &impl Keys, rows: usize) -> Grouping {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    order.sort_unstable_by(|&a, &b| keys.compare(a as usize, b as usize).then(a.cmp(&b)));
    let mut ids = vec![0; rows];
    let mut firsts: Vec<u32> = Vec::new();
    for row in order {
        if !firsts.last().is_some_and(|first| keys.same(*first as usize, row as usize)) {
            firsts.push(row);
        }
        ids[row as usize] = firsts.len() as u32 - 1;
    }
    Grouping { ids, firsts }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys whose hashes are all equal.
    struct Flood(Vec<i64>);

    impl Keys for Flood {
        fn hash(&self, _: usize) -> u32 {
            7
        }
        fn same(&self, a: usize, b: usize) -> bool {
            self.0[a] == self.0[b]
        }
        fn compare(&self, a: usize, b: usize) -> Ordering {
            self.0[a].cmp(&self.0[b])
        }
    }

    #[test]
    fn colliding_keys_are_sorted_instead() {
        let keys = Flood((0..20_000).map(|at| at * 7919 % 10_007).collect());
        assert!(by_hash(&keys, 20_000).is_none());
        let groups = group(&keys, 20_000);
        assert_eq!(groups.count(), 10_007);
        for (row, id) in groups.ids.iter().enumerate() {
            let first = groups.firsts[*id as usize] as usize;
            assert!(first <= row && keys.0[first] == keys.0[row]);
        }
    }

    #[test]
    fn hashing_and_sorting_find_the_same_groups() {
        let values: Vec<i64> = (0..5000).map(|at: i64| (at * at) % 701 - 350).collect();
        let keys = NarrowKey(&values);
        let (hashed, sorted) = (by_hash(&keys, 5000).expect("no flood"), by_sort(&keys, 5000));
        assert_eq!(hashed.count(), sorted.count());
        for row in 0..5000 {
            assert_eq!(hashed.firsts[hashed.ids[row] as usize], sorted.firsts[sorted.ids[row] as usize]);
        }
    }
}
