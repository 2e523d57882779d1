//! Percentiles.

use alloc::{vec, vec::Vec};

use ethnum::I256;

use super::{super::exact, Groups};
use crate::{
    exec::error::{ExecErrorKind, Fault, Result},
    types::MAX_PRECISION,
    value::{ColumnData, Values},
};

/// The values of each group, sorted.
pub(in crate::exec) struct Sorted {
    values: Lists,
    /// Where each group starts, and where the last ends.
    starts: Vec<u32>,
}

enum Lists {
    Narrow(Vec<i64>),
    Wide(Vec<i128>),
}

impl Sorted {
    pub(in crate::exec) fn of(column: &ColumnData, rows: usize, groups: &Groups) -> Result<Self> {
        let validity = column.validity.as_deref();
        let mut starts = vec![0];
        for count in groups.counts(rows, validity) {
            starts.push(starts[starts.len() - 1] + count);
        }
        let values = match &column.values {
            Values::Narrow(values) => Lists::Narrow(gather(values, validity, rows, groups, &starts)),
            Values::Wide(values) => Lists::Wide(gather(values, validity, rows, groups, &starts)),
            _ => return Err(ExecErrorKind::BadPlan("a percentile of what is not a number")),
        };
        Ok(Self { values, starts })
    }

    fn len(&self, group: usize) -> usize {
        (self.starts[group + 1] - self.starts[group]) as usize
    }

    fn at(&self, group: usize, at: usize) -> i128 {
        let at = self.starts[group] as usize + at;
        match &self.values {
            Lists::Narrow(values) => i128::from(values[at]),
            Lists::Wide(values) => values[at],
        }
    }

    /// The percentile at `p = digits / unit`, with the point moved by `shift` digits; null if there is no value.
    pub(in crate::exec) fn percentile(
        &self,
        group: usize,
        p: (u64, i128),
        shift: i32,
        discrete: bool,
    ) -> core::result::Result<Option<i128>, Fault> {
        let len = self.len(group);
        if len == 0 {
            return Ok(None);
        }
        let (digits, unit) = (i128::from(p.0), p.1);
        let (below, part) = if discrete {
            // The first value at or before which a share of at least p lies.
            let rank = (digits * len as i128 + unit - 1) / unit;
            ((rank - 1).max(0), 0)
        } else {
            let place = digits * (len as i128 - 1);
            (place / unit, place % unit)
        };
        let below = usize::try_from(below).unwrap_or(usize::MAX).min(len - 1);
        let low = I256::from(self.at(group, below));
        let high = I256::from(self.at(group, (below + 1).min(len - 1)));
        // Values have 38 digits and the unit has 19, so 256 bits hold this.
        let dividend = low * I256::from(unit) + (high - low) * I256::from(part);
        let value = exact::quotient_256(dividend, I256::from(unit), shift, "percentile")?;
        exact::fit(value, MAX_PRECISION, "percentile").map(Some)
    }
}

/// The values of each group, one group after the other, each sorted.
fn gather<T: Copy + Default + Ord>(
    values: &[T],
    validity: Option<&[bool]>,
    rows: usize,
    groups: &Groups,
    starts: &[u32],
) -> Vec<T> {
    let mut out = vec![T::default(); starts[starts.len() - 1] as usize];
    let mut next = starts.to_vec();
    groups.each(rows, validity, |group, row| {
        let seat = &mut next[group];
        out[*seat as usize] = values[row];
        *seat += 1;
    });
    for pair in starts.windows(2) {
        out[pair[0] as usize..pair[1] as usize].sort_unstable();
    }
    out
}
