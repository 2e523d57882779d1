//! Grouping rows and reducing each group to one row.

mod moments;
mod percentile;

use alloc::{sync::Arc, vec, vec::Vec};
use core::cmp::Ordering;

pub(super) use self::{moments::Moments, percentile::Sorted};
use super::{
    columns,
    error::{ExecErrorKind, Fault, Result},
    exact,
    keys::{Grouping, KeyColumns, Part},
    order::{Order, sorted_rows},
};
use crate::{
    typed::{ReduceColumn, TypedReduction, TypedSortKey},
    types::{Schema, Type},
    value::{ColumnData, Table, Values},
};

/// Marks a group without a value.
const NONE: u32 = u32::MAX;

/// A `reduce` step: groups come sorted by key, nulls last.
pub(super) fn reduce(
    table: &Table,
    keys: &[usize],
    columns: &[ReduceColumn],
    schema: &Schema,
) -> Result<Table> {
    let groups = Groups::of(table, keys)?;
    let mut moments = MomentsCache::of(columns);
    let columns = columns.iter().zip(schema.columns()).map(|(column, declared)| match column {
        ReduceColumn::Key(at) => {
            let index = *keys.get(*at).ok_or(ExecErrorKind::BadPlan("no such key"))?;
            Ok(Arc::new(columns::take(column_of(table, index)?, &groups.sorted_firsts())))
        }
        ReduceColumn::Aggregate(reduction) => {
            aggregate(table, &groups, reduction, declared.ty.ty, &mut moments).map(Arc::new)
        }
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Table { schema: schema.clone(), rows: groups.order.len(), columns })
}

fn column_of(table: &Table, index: usize) -> Result<&Arc<ColumnData>> {
    table.columns.get(index).ok_or(ExecErrorKind::BadPlan("no such column"))
}

/// Which group each row belongs to, and in which order the groups come.
pub(super) struct Groups {
    /// The group of each row; `None` if there is a single group.
    ids: Option<Vec<u32>>,
    /// The first row of each group; zero for the single group of an empty table.
    firsts: Vec<u32>,
    /// The groups, sorted by key.
    order: Vec<u32>,
}

impl Groups {
    /// All rows of a table as one group, even if there are none.
    pub(super) fn single() -> Self {
        Self { ids: None, firsts: vec![0], order: vec![0] }
    }

    fn of(table: &Table, keys: &[usize]) -> Result<Self> {
        if keys.is_empty() {
            return Ok(Self::single());
        }
        let Grouping { ids, firsts } = KeyColumns::of(table, keys)?.group(table.rows);
        let order = Order::ascending(table, keys)?;
        let mut sorted: Vec<u32> = (0..firsts.len() as u32).collect();
        let first = |group: &u32| firsts[*group as usize] as usize;
        sorted.sort_unstable_by(|a, b| order.compare(first(a), first(b)));
        Ok(Self { ids: Some(ids), firsts, order: sorted })
    }

    /// The number of groups.
    pub(super) fn count(&self) -> usize {
        self.firsts.len()
    }

    fn sorted_firsts(&self) -> Vec<u32> {
        self.order.iter().map(|group| self.firsts[*group as usize]).collect()
    }

    /// Calls `f` with the group and number of each row whose value is there.
    #[inline]
    pub(super) fn each(&self, rows: usize, validity: Option<&[bool]>, mut f: impl FnMut(usize, usize)) {
        match (&self.ids, validity) {
            (None, None) => (0..rows).for_each(|row| f(0, row)),
            (None, Some(bits)) => (0..rows).filter(|row| bits[*row]).for_each(|row| f(0, row)),
            (Some(ids), None) => ids.iter().enumerate().for_each(|(row, id)| f(*id as usize, row)),
            (Some(ids), Some(bits)) => {
                ids.iter().zip(bits).enumerate().filter(|(_, (_, bit))| **bit).for_each(|(row, (id, _))| {
                    f(*id as usize, row);
                });
            }
        }
    }

    /// How many values of each group are there.
    pub(super) fn counts(&self, rows: usize, validity: Option<&[bool]>) -> Vec<u32> {
        let mut counts = vec![0; self.count()];
        if let (None, None) = (&self.ids, validity) {
            counts[0] = rows as u32;
        } else {
            self.each(rows, validity, |group, _| counts[group] += 1);
        }
        counts
    }

    /// A column of numbers, one for each group in order; errors are at the first row of their group.
    pub(super) fn numbers(
        &self,
        ty: Type,
        f: impl Fn(usize) -> core::result::Result<Option<i128>, Fault>,
    ) -> Result<ColumnData> {
        let results = self.order.iter().map(|group| {
            let group = *group as usize;
            f(group).map_err(|fault| fault.at(self.firsts[group] as usize))
        });
        Ok(number_column(ty, &results.collect::<Result<Vec<_>>>()?))
    }
}

/// A column of numbers that fit their type.
pub(super) fn number_column(ty: Type, numbers: &[Option<i128>]) -> ColumnData {
    let validity = numbers.contains(&None).then(|| numbers.iter().map(Option::is_some).collect());
    let values = numbers.iter().map(|number| number.unwrap_or(0));
    let values = if ty.is_wide() {
        Values::Wide(values.collect())
    } else {
        Values::Narrow(values.map(|n| n as i64).collect())
    };
    ColumnData { values, validity }
}

/// Sums and squares that several aggregates of one field share.
struct MomentsCache {
    /// Fields of which some aggregate needs squares.
    squared: Vec<usize>,
    known: Vec<(usize, Moments)>,
}

impl MomentsCache {
    fn of(columns: &[ReduceColumn]) -> Self {
        let squared = columns.iter().filter_map(|column| match column {
            ReduceColumn::Aggregate(TypedReduction::Variance { field, .. }) => Some(*field),
            _ => None,
        });
        Self { squared: squared.collect(), known: Vec::new() }
    }

    fn moments(&mut self, table: &Table, groups: &Groups, field: usize) -> Result<&Moments> {
        let at = match self.known.iter().position(|(at, _)| *at == field) {
            Some(at) => at,
            None => {
                let squares = self.squared.contains(&field);
                let moments = Moments::of(column_of(table, field)?, table.rows, groups, squares)?;
                self.known.push((field, moments));
                self.known.len() - 1
            }
        };
        Ok(&self.known[at].1)
    }
}

fn aggregate(
    table: &Table,
    groups: &Groups,
    reduction: &TypedReduction,
    ty: Type,
    cache: &mut MomentsCache,
) -> Result<ColumnData> {
    let scale_of = |field: usize| {
        let column = table.schema.columns().get(field).ok_or(ExecErrorKind::BadPlan("no such column"))?;
        column.ty.ty.scale().ok_or(ExecErrorKind::BadPlan("an aggregate of what is not a number"))
    };
    match reduction {
        TypedReduction::CountRows => {
            let counts = groups.counts(table.rows, None);
            groups.numbers(ty, |group| Ok(Some(i128::from(counts[group]))))
        }
        TypedReduction::Count(field) => {
            let counts = groups.counts(table.rows, column_of(table, *field)?.validity.as_deref());
            groups.numbers(ty, |group| Ok(Some(i128::from(counts[group]))))
        }
        TypedReduction::CountDistinct(field) => {
            let counts = count_distinct(column_of(table, *field)?, table.rows, groups);
            groups.numbers(ty, |group| Ok(Some(i128::from(counts[group]))))
        }
        TypedReduction::First(field, by) => pick_by_order(table, groups, *field, by, false),
        TypedReduction::Last(field, by) => pick_by_order(table, groups, *field, by, true),
        TypedReduction::Min(field) => pick_extreme(table, groups, *field, Ordering::Less),
        TypedReduction::Max(field) => pick_extreme(table, groups, *field, Ordering::Greater),
        TypedReduction::Sum(field) => {
            let moments = cache.moments(table, groups, *field)?;
            groups.numbers(ty, |group| moments.sum(group, ty))
        }
        TypedReduction::Mean(field, scale) => {
            let shift = i32::from(*scale) - i32::from(scale_of(*field)?);
            let moments = cache.moments(table, groups, *field)?;
            groups.numbers(ty, |group| moments.mean(group, shift))
        }
        TypedReduction::Variance { field, scale, population, root } => {
            let shift = (i32::from(*scale), i32::from(scale_of(*field)?));
            let moments = cache.moments(table, groups, *field)?;
            groups.numbers(ty, |group| moments.variance(group, shift, *population, *root))
        }
        TypedReduction::Percentile { field, digits, p_scale, scale, discrete } => {
            let shift = i32::from(*scale) - i32::from(scale_of(*field)?);
            let sorted = Sorted::of(column_of(table, *field)?, table.rows, groups)?;
            let point =
                exact::power10(u32::from(*p_scale)).ok_or(ExecErrorKind::BadPlan("a percentile's scale"))?;
            groups.numbers(ty, |group| sorted.percentile(group, (*digits, point), shift, *discrete))
        }
    }
}

fn count_distinct(column: &ColumnData, rows: usize, groups: &Groups) -> Vec<u32> {
    let mut counts = vec![0; groups.count()];
    let zeros;
    let ids = match &groups.ids {
        Some(ids) => ids,
        None => {
            zeros = vec![0; rows];
            &zeros
        }
    };
    for first in KeyColumns::numbered(ids, column).group(rows).firsts {
        if !column.is_null(first as usize) {
            counts[ids[first as usize] as usize] += 1;
        }
    }
    counts
}

/// The value of one row of each group; `rows` is by group number.
fn pick(column: &ColumnData, groups: &Groups, rows: &[u32]) -> ColumnData {
    let in_order: Vec<u32> = groups.order.iter().map(|group| rows[*group as usize]).collect();
    columns::take_or_null(column, &in_order, NONE)
}

/// `first` and `last`: nulls skipped, ties by row.
fn pick_by_order(
    table: &Table,
    groups: &Groups,
    field: usize,
    by: &[TypedSortKey],
    last: bool,
) -> Result<ColumnData> {
    let column = column_of(table, field)?;
    let mut picked = vec![NONE; groups.count()];
    let order = Order::of(table, by)?;
    groups.each(table.rows, column.validity.as_deref(), |group, row| {
        let seat = &mut picked[group];
        // Rows come in ascending order, so a later row wins a tie exactly where the last is wanted.
        let better = *seat == NONE
            || match order.compare(row, *seat as usize) {
                Ordering::Less => !last,
                Ordering::Equal => last,
                Ordering::Greater => last,
            };
        if better {
            *seat = row as u32;
        }
    });
    Ok(pick(column, groups, &picked))
}

/// `min` and `max`.
fn pick_extreme(table: &Table, groups: &Groups, field: usize, wanted: Ordering) -> Result<ColumnData> {
    let column = column_of(table, field)?;
    let mut picked = vec![NONE; groups.count()];
    let part = Part::of(column);
    let validity = column.validity.as_deref();
    if let Some(values) = part.narrow() {
        groups.each(table.rows, validity, |group, row| {
            let seat = &mut picked[group];
            if *seat == NONE || values[row].cmp(&values[*seat as usize]) == wanted {
                *seat = row as u32;
            }
        });
    } else {
        groups.each(table.rows, validity, |group, row| {
            let seat = &mut picked[group];
            if *seat == NONE || part.compare_to(row, &part, *seat as usize) == wanted {
                *seat = row as u32;
            }
        });
    }
    Ok(pick(column, groups, &picked))
}

/// Rows without repetition by these columns: the first row of each combination, in order.
pub(super) fn distinct(table: &Table, fields: &[usize]) -> Result<Table> {
    let mut rows = KeyColumns::of(table, fields)?.group(table.rows).firsts;
    // Groups found by sorting are not numbered by their first rows.
    rows.sort_unstable();
    Ok(columns::take_rows(table, &rows))
}

/// Sorted rows.
pub(super) fn sort(table: &Table, by: &[TypedSortKey], limit: Option<u64>) -> Result<Table> {
    let rows = sorted_rows(&Order::of(table, by)?, table.rows, limit);
    Ok(columns::take_rows(table, &rows))
}
