//! Merging two tables by key.

use alloc::{sync::Arc, vec, vec::Vec};

use super::{
    columns,
    error::{ExecErrorKind, LimitKind, Result},
    keys::KeyColumns,
};
use crate::{
    model::MergeHow,
    typed::MergeColumn,
    types::Schema,
    value::{ColumnData, Table},
};

/// Marks the missing side of an unmatched row.
const NONE: u32 = u32::MAX;

/// A `merge` step.
pub(super) struct Merge<'a> {
    pub(super) left: &'a Table,
    pub(super) right: &'a Table,
    pub(super) how: MergeHow,
    pub(super) left_keys: &'a [usize],
    pub(super) right_keys: &'a [usize],
    pub(super) columns: &'a [MergeColumn],
    pub(super) schema: &'a Schema,
    /// Bytes that the result may take.
    pub(super) memory_left: u64,
}

impl Merge<'_> {
    /// Computes the result. Its size is known, and checked, before it is made.
    pub(super) fn run(&self) -> Result<Table> {
        let matches = Matches::find(self)?;
        match self.how {
            MergeHow::Semi => Ok(columns::take_rows(self.left, &matches.left_rows(true))),
            MergeHow::Anti => Ok(columns::take_rows(self.left, &matches.left_rows(false))),
            MergeHow::Union => {
                let rest = columns::take_rows(self.right, &matches.unmatched_right());
                self.check_rows(self.left.rows as u64 + rest.rows as u64)?;
                columns::concat(self.schema, &[self.left, &rest])
            }
            MergeHow::Inner | MergeHow::Left | MergeHow::Full => self.join(&matches),
        }
    }

    fn join(&self, matches: &Matches) -> Result<Table> {
        let keep_left = self.how != MergeHow::Inner;
        let rest = if self.how == MergeHow::Full { matches.unmatched_right() } else { Vec::new() };
        let rows = matches.pairs(keep_left).saturating_add(rest.len() as u64);
        self.check_rows(rows)?;
        let joined = Joined::new(self, matches, keep_left, rest, rows as usize);
        self.check_bytes(&joined)?;
        let columns = self.columns.iter().map(|column| joined.column(self, *column));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Table { schema: self.schema.clone(), rows: rows as usize, columns })
    }

    /// Refuses a result whose fixed parts alone are too large, before its rows are listed.
    fn check_rows(&self, rows: u64) -> Result<()> {
        let limit = u64::from(NONE);
        if rows >= limit {
            return Err(ExecErrorKind::LimitExceeded { which: LimitKind::Rows, limit, needed: rows });
        }
        let fixed: usize = self
            .schema
            .columns()
            .iter()
            .map(|column| column.ty.ty.width().unwrap_or(4) + usize::from(column.ty.nullable))
            .sum();
        self.check_memory(rows.saturating_mul(fixed as u64))
    }

    /// Refuses a result whose texts are too large, before they are listed.
    fn check_bytes(&self, joined: &Joined) -> Result<()> {
        let mut needed = 0u64;
        for (column, declared) in self.columns.iter().zip(self.schema.columns()) {
            let (source, rows) = match *column {
                MergeColumn::Key(at) => {
                    let right = source(self.right, self.right_keys, at)?;
                    needed += text_bytes(right, &joined.rest);
                    (source(self.left, self.left_keys, at)?, &joined.left)
                }
                MergeColumn::Left(at) => (at_column(self.left, at)?, &joined.left),
                MergeColumn::Right(at) => (at_column(self.right, at)?, &joined.right),
            };
            needed += text_bytes(source, rows);
            let fixed = declared.ty.ty.width().unwrap_or(4) + usize::from(declared.ty.nullable);
            needed += fixed as u64 * joined.left.len() as u64;
        }
        self.check_memory(needed)
    }

    fn check_memory(&self, needed: u64) -> Result<()> {
        if needed > self.memory_left {
            let limit = self.memory_left;
            return Err(ExecErrorKind::LimitExceeded { which: LimitKind::MemoryBytes, limit, needed });
        }
        Ok(())
    }
}

fn at_column(table: &Table, at: usize) -> Result<&Arc<ColumnData>> {
    table.columns.get(at).ok_or(ExecErrorKind::BadPlan("no such column"))
}

fn source<'a>(table: &'a Table, keys: &[usize], at: usize) -> Result<&'a Arc<ColumnData>> {
    at_column(table, *keys.get(at).ok_or(ExecErrorKind::BadPlan("no such key"))?)
}

/// Bytes of the texts in these rows.
fn text_bytes(column: &ColumnData, rows: &[u32]) -> u64 {
    let crate::value::Values::Text(text) = &column.values else { return 0 };
    rows.iter().filter(|row| **row != NONE).map(|row| u64::from(text.spans[*row as usize].1)).sum()
}

/// Which rows match.
struct Matches {
    /// For each left row, the group of its key; `NONE` if the key has a null.
    left: Vec<u32>,
    /// Right rows ordered by group, then by row.
    right: Vec<u32>,
    /// Where each group starts in `right`, and where the last ends.
    starts: Vec<u32>,
    /// Whether a group has a left row.
    in_left: Vec<bool>,
    /// For each right row, its group or `NONE`.
    right_ids: Vec<u32>,
}

impl Matches {
    fn find(merge: &Merge<'_>) -> Result<Self> {
        let left_keys = KeyColumns::of(merge.left, merge.left_keys)?;
        let right_keys = KeyColumns::of(merge.right, merge.right_keys)?;
        let (left_rows, right_rows) = (merge.left.rows, merge.right.rows);
        let total = left_rows as u64 + right_rows as u64;
        if total >= u64::from(NONE) {
            let limit = u64::from(NONE);
            return Err(ExecErrorKind::LimitExceeded { which: LimitKind::Rows, limit, needed: total });
        }
        let grouping = left_keys.group_with(left_rows, &right_keys, right_rows)?;
        let groups = grouping.count();
        let mut left = grouping.ids;
        let mut right_ids = left.split_off(left_rows);
        forget_nulls(&mut left, &left_keys);
        forget_nulls(&mut right_ids, &right_keys);
        let mut in_left = vec![false; groups];
        left.iter().filter(|id| **id != NONE).for_each(|id| in_left[*id as usize] = true);
        let mut starts = vec![0u32; groups + 1];
        right_ids.iter().filter(|id| **id != NONE).for_each(|id| starts[*id as usize + 1] += 1);
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut right = vec![0u32; starts[groups] as usize];
        for (row, id) in right_ids.iter().enumerate().filter(|(_, id)| **id != NONE) {
            let seat = &mut next[*id as usize];
            right[*seat as usize] = row as u32;
            *seat += 1;
        }
        Ok(Self { left, right, starts, in_left, right_ids })
    }

    /// The right rows that match a group.
    fn of(&self, id: u32) -> &[u32] {
        if id == NONE {
            return &[];
        }
        let group = id as usize;
        &self.right[self.starts[group] as usize..self.starts[group + 1] as usize]
    }

    /// Left rows that have a match, or that have none.
    fn left_rows(&self, matched: bool) -> Vec<u32> {
        let rows = (0..).zip(&self.left);
        rows.filter(|(_, id)| self.of(**id).is_empty() != matched).map(|(row, _)| row).collect()
    }

    fn unmatched_right(&self) -> Vec<u32> {
        let rows = (0..).zip(&self.right_ids);
        rows.filter(|(_, id)| **id == NONE || !self.in_left[**id as usize]).map(|(row, _)| row).collect()
    }

    /// Pairs of matching rows, and left rows without a match if they are kept.
    fn pairs(&self, keep_left: bool) -> u64 {
        let count = |id: &u32| (self.of(*id).len() as u64).max(u64::from(keep_left));
        self.left.iter().map(count).sum()
    }
}

fn forget_nulls(ids: &mut [u32], keys: &KeyColumns<'_>) {
    if !keys.never_null() {
        ids.iter_mut().enumerate().filter(|(row, _)| keys.has_null(*row)).for_each(|(_, id)| *id = NONE);
    }
}

/// The rows of a join: parallel lists of left and right rows, `NONE` where a side is missing. The unmatched right
/// rows come last.
struct Joined {
    left: Vec<u32>,
    right: Vec<u32>,
    rest: Vec<u32>,
    /// Whether the left rows are all rows of left, once and in order: its columns can be shared.
    whole_left: bool,
    complete_right: bool,
}

impl Joined {
    fn new(merge: &Merge<'_>, matches: &Matches, keep_left: bool, rest: Vec<u32>, rows: usize) -> Self {
        let mut left = Vec::with_capacity(rows);
        let mut right = Vec::with_capacity(rows);
        let mut complete_right = true;
        for (row, id) in (0..).zip(&matches.left) {
            match matches.of(*id) {
                [] if keep_left => {
                    left.push(row);
                    right.push(NONE);
                    complete_right = false;
                }
                found => {
                    for other in found {
                        left.push(row);
                        right.push(*other);
                    }
                }
            }
        }
        let whole_left = rest.is_empty()
            && left.len() == merge.left.rows
            && left.iter().zip(0..).all(|(row, at): (&u32, u32)| *row == at);
        left.resize(left.len() + rest.len(), NONE);
        right.extend_from_slice(&rest);
        Self { left, right, rest, whole_left, complete_right }
    }

    fn column(&self, merge: &Merge<'_>, column: MergeColumn) -> Result<Arc<ColumnData>> {
        let left = |column: &Arc<ColumnData>| {
            if self.whole_left {
                column.clone()
            } else if self.rest.is_empty() {
                Arc::new(columns::take(column, &self.left))
            } else {
                Arc::new(columns::take_or_null(column, &self.left, NONE))
            }
        };
        Ok(match column {
            MergeColumn::Left(at) => left(at_column(merge.left, at)?),
            MergeColumn::Right(at) => {
                let column = at_column(merge.right, at)?;
                Arc::new(if self.complete_right {
                    columns::take(column, &self.right)
                } else {
                    columns::take_or_null(column, &self.right, NONE)
                })
            }
            MergeColumn::Key(at) if self.rest.is_empty() => left(source(merge.left, merge.left_keys, at)?),
            MergeColumn::Key(at) => {
                let matched = self.left.len() - self.rest.len();
                let first = columns::take(source(merge.left, merge.left_keys, at)?, &self.left[..matched]);
                let second = columns::take(source(merge.right, merge.right_keys, at)?, &self.rest);
                Arc::new(columns::append(&first, &second)?)
            }
        })
    }
}
