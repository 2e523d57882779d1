//! `statistics`: figures about columns, one row each.

use alloc::{sync::Arc, vec::Vec};

use super::{
    columns,
    error::{ExecErrorKind, Fault, Result},
    exact,
    reduce::{Groups, Moments, Sorted, number_column},
};
use crate::{
    types::{MAX_PRECISION, Schema, Type},
    value::Table,
};

/// One row per field, sorted by name. Minimum and maximum are rounded to `scale` as the other figures are.
pub(super) fn statistics(table: &Table, fields: &[usize], scale: u8, schema: &Schema) -> Result<Table> {
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    let figures = fields.iter().map(|&field| Figures::of(table, field, scale));
    let figures = figures.collect::<Result<Vec<_>>>()?;
    let columns = schema.columns().iter().map(|column| {
        if column.name == "field" {
            return Ok(Arc::new(columns::texts(figures.iter().map(|figures| figures.field.as_bytes()))));
        }
        let numbers: Option<Vec<Option<i128>>> =
            figures.iter().map(|figures| figures.named(&column.name)).collect();
        let numbers = numbers.ok_or(ExecErrorKind::BadPlan("no such figure"))?;
        Ok(Arc::new(number_column(column.ty.ty, &numbers)))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Table { schema: schema.clone(), rows: figures.len(), columns })
}

struct Figures<'a> {
    field: &'a str,
    count: i128,
    nulls: i128,
    sum: Option<i128>,
    mean: Option<i128>,
    variance: Option<i128>,
    stddev: Option<i128>,
    min: Option<i128>,
    median: Option<i128>,
    max: Option<i128>,
}

impl<'a> Figures<'a> {
    fn of(table: &'a Table, field: usize, scale: u8) -> Result<Self> {
        let groups = Groups::single();
        let column = table.columns.get(field).ok_or(ExecErrorKind::BadPlan("no such column"))?;
        let declared = &table.schema.columns()[field];
        let from =
            declared.ty.ty.scale().ok_or(ExecErrorKind::BadPlan("statistics of what is not a number"))?;
        let moments = Moments::of(column, table.rows, &groups, true)?;
        let sorted = Sorted::of(column, table.rows, &groups)?;
        let scales = (i32::from(scale), i32::from(from));
        let shift = scales.0 - scales.1;
        let at = |fault: Fault| fault.at(0);
        let count = i128::from(moments.count(0));
        let wide = Type::Decimal { precision: MAX_PRECISION, scale: from };
        let rescale = |value: Option<i128>, what| {
            let scaled = value.map(|value| {
                exact::scaled_quotient(value, 1, shift, what)
                    .and_then(|value| exact::fit(value, MAX_PRECISION, what))
            });
            scaled.transpose().map_err(at)
        };
        Ok(Self {
            field: &declared.name,
            count,
            nulls: table.rows as i128 - count,
            sum: rescale(moments.sum(0, wide).map_err(at)?, "sum")?,
            mean: moments.mean(0, shift).map_err(at)?,
            variance: moments.variance(0, scales, false, false).map_err(at)?,
            stddev: moments.variance(0, scales, false, true).map_err(at)?,
            min: sorted.percentile(0, (0, 1), shift, true).map_err(at)?,
            median: sorted.percentile(0, (5, 10), shift, false).map_err(at)?,
            max: sorted.percentile(0, (1, 1), shift, true).map_err(at)?,
        })
    }

    /// The figure in the column called `name`, if there is such a column.
    fn named(&self, name: &str) -> Option<Option<i128>> {
        Some(match name {
            "count" => Some(self.count),
            "max" => self.max,
            "mean" => self.mean,
            "median" => self.median,
            "min" => self.min,
            "nulls" => Some(self.nulls),
            "stddev" => self.stddev,
            "sum" => self.sum,
            "variance" => self.variance,
            _ => return None,
        })
    }
}
