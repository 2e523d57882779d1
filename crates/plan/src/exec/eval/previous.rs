//! `previous`: the value of a column in the row before, among rows with equal keys.

use alloc::{vec, vec::Vec};
use core::cmp::Ordering;

use super::super::{
    columns,
    error::{ExecErrorKind, Result},
    keys::{Grouping, KeyColumns},
    order::{Order, sorted_rows},
};
use crate::value::{ColumnData, Table};

/// Marks a row without a row before it.
const NONE: u32 = u32::MAX;

/// The value of `column` in the row before each row, among rows with equal `by` in `order`, ties by row.
pub(super) fn previous(table: &Table, column: usize, by: &[usize], order: &[usize]) -> Result<ColumnData> {
    let keys = KeyColumns::of(table, by)?;
    let groups = keys.group(table.rows);
    let ordering = Order::ascending(table, order)?;
    let before = match in_row_order(&groups, &ordering, table.rows) {
        Some(before) => before,
        None => sorted(&groups, &ordering, table.rows),
    };
    let source = table.columns.get(column).ok_or(ExecErrorKind::BadPlan("no such column"))?;
    Ok(columns::take_or_null(source, &before, NONE))
}

/// The row before each row if every group lies in order already, as data from a log does.
fn in_row_order(groups: &Grouping, order: &Order<'_>, rows: usize) -> Option<Vec<u32>> {
    let mut last = vec![NONE; groups.count()];
    let mut before = Vec::with_capacity(rows);
    for row in 0..rows {
        let seat = &mut last[groups.ids[row] as usize];
        if *seat != NONE && order.compare(*seat as usize, row) == Ordering::Greater {
            return None;
        }
        before.push(*seat);
        *seat = row as u32;
    }
    Some(before)
}

fn sorted(groups: &Grouping, order: &Order<'_>, rows: usize) -> Vec<u32> {
    let mut last = vec![NONE; groups.count()];
    let mut before = vec![NONE; rows];
    for row in sorted_rows(order, rows, None) {
        let seat = &mut last[groups.ids[row as usize] as usize];
        before[row as usize] = *seat;
        *seat = row;
    }
    before
}
