//! Total orders of rows.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::{
    error::{ExecErrorKind, Result},
    keys::Part,
};
use crate::{typed::TypedSortKey, value::Table};

/// An order by keys. Rows that it leaves equal are ordered by their number, so every order is total and sorting
/// by it is stable.
pub(super) struct Order<'a> {
    keys: Vec<(Part<'a>, TypedSortKey)>,
    /// The values of the first key, if they are 64-bit numbers: most comparisons end with these.
    lead: Option<Lead<'a>>,
}

/// A first key of 64-bit numbers.
#[derive(Clone, Copy)]
struct Lead<'a> {
    values: &'a [i64],
    validity: Option<&'a [bool]>,
    descending: bool,
}

impl<'a> Order<'a> {
    pub(super) fn of(table: &'a Table, keys: &[TypedSortKey]) -> Result<Self> {
        let parts = keys.iter().map(|key| {
            let column =
                table.columns.get(key.column).ok_or(ExecErrorKind::BadPlan("no such sort column"))?;
            Ok((Part::of(column), *key))
        });
        let keys: Vec<(Part<'a>, TypedSortKey)> = parts.collect::<Result<_>>()?;
        let lead = keys.first().and_then(|(part, key)| {
            let values = part.narrow()?;
            Some(Lead { values, validity: part.validity(), descending: key.descending })
        });
        Ok(Self { keys, lead })
    }

    /// Values ascending and nulls last, by each of these columns.
    pub(super) fn ascending(table: &'a Table, columns: &[usize]) -> Result<Self> {
        let keys: Vec<TypedSortKey> = columns
            .iter()
            .map(|&column| TypedSortKey { column, descending: false, nulls_first: false })
            .collect();
        Self::of(table, &keys)
    }

    /// How two rows compare by the keys alone.
    #[inline]
    pub(super) fn compare(&self, a: usize, b: usize) -> Ordering {
        if let Some(lead) = self.lead
            && lead.validity.is_none_or(|bits| bits[a] && bits[b])
        {
            let (left, right) = (lead.values[a], lead.values[b]);
            if left != right {
                return if (left < right) == lead.descending { Ordering::Greater } else { Ordering::Less };
            }
            return if self.keys.len() == 1 { Ordering::Equal } else { self.compare_from(1, a, b) };
        }
        self.compare_from(0, a, b)
    }

    /// As `compare`, without the keys before the one at `start`.
    fn compare_from(&self, start: usize, a: usize, b: usize) -> Ordering {
        for (part, key) in &self.keys[start..] {
            let order = match (part.is_null(a), part.is_null(b)) {
                (false, false) => {
                    let order = part.compare_to(a, part, b);
                    if key.descending { order.reverse() } else { order }
                }
                (left, right) => {
                    let order = left.cmp(&right);
                    if key.nulls_first { order.reverse() } else { order }
                }
            };
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }
}

/// The rows `0 .. rows` in order, or the first `limit` of them.
pub(super) fn sorted_rows(order: &Order<'_>, rows: usize, limit: Option<u64>) -> Vec<u32> {
    let limit = limit.map_or(rows, |limit| usize::try_from(limit).unwrap_or(rows).min(rows));
    if let [(part, key)] = &order.keys[..]
        && let Some(values) = part.narrow()
    {
        return by_number(part, values, key, rows, limit);
    }
    let mut out: Vec<u32> = (0..rows as u32).collect();
    first_sorted(&mut out, limit, |a, b| order.compare(*a as usize, *b as usize).then(a.cmp(b)));
    out
}

/// A single key of 64-bit numbers: pairs of key and row, compared without looking anything up.
fn by_number(part: &Part<'_>, values: &[i64], key: &TypedSortKey, rows: usize, limit: usize) -> Vec<u32> {
    // Turning all bits over reverses the order of integers.
    let flip = if key.descending { -1 } else { 0 };
    let nulls: Vec<u32> = (0..rows as u32).filter(|row| part.is_null(*row as usize)).collect();
    let mut pairs: Vec<(i64, u32)> = Vec::with_capacity(rows - nulls.len());
    if nulls.is_empty() {
        pairs.extend(values[..rows].iter().zip(0..).map(|(value, row)| (value ^ flip, row)));
    } else {
        let valid = (0..rows as u32).filter(|row| !part.is_null(*row as usize));
        pairs.extend(valid.map(|row| (values[row as usize] ^ flip, row)));
    }
    first_sorted(&mut pairs, limit, Ord::cmp);
    let mut out = Vec::with_capacity(rows);
    if key.nulls_first {
        out.extend_from_slice(&nulls);
    }
    out.extend(pairs.iter().map(|(_, row)| *row));
    if !key.nulls_first {
        out.extend_from_slice(&nulls);
    }
    out.truncate(limit);
    out
}

/// Sorts by a total order and keeps the first `limit`.
fn first_sorted<T>(items: &mut Vec<T>, limit: usize, mut compare: impl FnMut(&T, &T) -> Ordering) {
    if limit < items.len() {
        if limit > 0 {
            items.select_nth_unstable_by(limit - 1, &mut compare);
        }
        items.truncate(limit);
    }
    items.sort_unstable_by(compare);
}
