//! Counts, sums and sums of squares, exact.
//!
//! Sums live in the width of their column and spill into 256 bits when they no longer fit, so the common case is
//! one addition, and no sum depends on the order of its terms. The variance is `(n Σx² − (Σx)²) / (n (n − 1))`
//! over unscaled integers: exact before its one rounding. Where `n Σx²` does not fit 256 bits, which takes values
//! of more than 33 digits, it is an overflow.

use alloc::{vec, vec::Vec};

use ethnum::I256;

use super::{super::exact, Groups};
use crate::{
    exec::error::{ExecErrorKind, Fault, Result},
    types::{MAX_PRECISION, Type},
    value::{ColumnData, Values},
};

type Checked<T> = core::result::Result<T, Fault>;

/// Count, sum and sum of squares of the values of each group.
pub(in crate::exec) struct Moments {
    counts: Vec<u32>,
    sums: Sums,
    squares: Option<Squares>,
}

enum Sums {
    Narrow(Spilling<i64>),
    Wide(Spilling<i128>),
}

impl Moments {
    pub(in crate::exec) fn of(
        column: &ColumnData,
        rows: usize,
        groups: &Groups,
        squares: bool,
    ) -> Result<Self> {
        let validity = column.validity.as_deref();
        let count = groups.count();
        let mut of_squares = squares.then(|| Squares::new(count));
        let sums = match &column.values {
            Values::Narrow(values) => {
                let mut sums = Spilling::new(count);
                groups.each(rows, validity, |group, row| sums.add(group, values[row]));
                if let Some(squares) = &mut of_squares {
                    groups.each(rows, validity, |group, row| squares.add_narrow(group, values[row]));
                }
                Sums::Narrow(sums)
            }
            Values::Wide(values) => {
                let mut sums = Spilling::new(count);
                groups.each(rows, validity, |group, row| sums.add(group, values[row]));
                if let Some(squares) = &mut of_squares {
                    groups.each(rows, validity, |group, row| squares.add_wide(group, values[row]));
                }
                Sums::Wide(sums)
            }
            _ => return Err(ExecErrorKind::BadPlan("a sum of what is not a number")),
        };
        Ok(Self { counts: groups.counts(rows, validity), sums, squares: of_squares })
    }

    pub(in crate::exec) fn count(&self, group: usize) -> u32 {
        self.counts[group]
    }

    fn total(&self, group: usize) -> I256 {
        match &self.sums {
            Sums::Narrow(sums) => sums.total(group),
            Sums::Wide(sums) => sums.total(group),
        }
    }

    /// The sum, null if there is no value.
    pub(in crate::exec) fn sum(&self, group: usize, ty: Type) -> Checked<Option<i128>> {
        if self.counts[group] == 0 {
            return Ok(None);
        }
        let overflow = Fault::Overflow("sum");
        let total = i128::try_from(self.total(group)).map_err(|_| overflow)?;
        match ty {
            Type::Decimal { precision, .. } => exact::fit(total, precision, "sum").map(Some),
            _ => i64::try_from(total).map(|total| Some(i128::from(total))).map_err(|_| overflow),
        }
    }

    /// The mean, with the point moved by `shift` digits.
    pub(in crate::exec) fn mean(&self, group: usize, shift: i32) -> Checked<Option<i128>> {
        let count = i128::from(self.counts[group]);
        if count == 0 {
            return Ok(None);
        }
        let mean = exact::quotient_256(self.total(group), I256::from(count), shift, "mean")?;
        exact::fit(mean, MAX_PRECISION, "mean").map(Some)
    }

    /// The variance or its root; `scales` are those of the result and of the column.
    pub(in crate::exec) fn variance(
        &self,
        group: usize,
        scales: (i32, i32),
        population: bool,
        root: bool,
    ) -> Checked<Option<i128>> {
        let count = self.counts[group];
        if count == 0 || (count == 1 && !population) {
            return Ok(None);
        }
        let what = if root { "stddev" } else { "variance" };
        let overflow = Fault::Overflow(what);
        let squares = self.squares.as_ref().map_or(I256::ZERO, |squares| squares.total(group));
        let (n, total) = (I256::from(count), self.total(group));
        let scaled = exact::product_256(squares, n).ok_or(overflow)?;
        let square = exact::product_256(total, total).ok_or(overflow)?;
        let deviations = scaled.checked_sub(square).ok_or(overflow)?;
        let divisor = n * I256::from(if population { count } else { count - 1 });
        let (to, from) = scales;
        let result = if root {
            exact::root_of_ratio(deviations, divisor, 2 * (to - from), what)?
        } else {
            exact::quotient_256(deviations, divisor, to - 2 * from, what)?
        };
        exact::fit(result, MAX_PRECISION, what).map(Some)
    }
}

/// Sums in the width of `T`, whose overflow goes to 256 bits.
struct Spilling<T> {
    small: Vec<T>,
    /// Empty until the first overflow.
    large: Vec<I256>,
}

/// A width that sums start in.
trait Small: Copy + Default {
    fn plus(self, other: Self) -> Option<Self>;
    fn widened(self) -> I256;
}

impl Small for i64 {
    #[inline]
    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }
    fn widened(self) -> I256 {
        I256::from(self)
    }
}

impl Small for i128 {
    #[inline]
    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }
    fn widened(self) -> I256 {
        I256::from(self)
    }
}

impl Small for u128 {
    #[inline]
    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }
    fn widened(self) -> I256 {
        I256::from(self)
    }
}

impl<T: Small> Spilling<T> {
    fn new(groups: usize) -> Self {
        Self { small: vec![T::default(); groups], large: Vec::new() }
    }

    #[inline]
    fn add(&mut self, group: usize, value: T) {
        match self.small[group].plus(value) {
            Some(sum) => self.small[group] = sum,
            None => self.spill(group, value),
        }
    }

    #[cold]
    fn spill(&mut self, group: usize, value: T) {
        let small = core::mem::replace(&mut self.small[group], value);
        self.add_large(group, small.widened());
    }

    /// Adds in 256 bits. Sums of values cannot leave them; sums of squares saturate, and the variance then finds
    /// the overflow when it multiplies.
    fn add_large(&mut self, group: usize, value: I256) {
        if self.large.is_empty() {
            self.large = vec![I256::ZERO; self.small.len()];
        }
        self.large[group] = self.large[group].saturating_add(value);
    }

    fn total(&self, group: usize) -> I256 {
        let small = self.small[group].widened();
        self.large.get(group).map_or(small, |large| large.saturating_add(small))
    }
}

/// Sums of squares.
struct Squares(Spilling<u128>);

impl Squares {
    fn new(groups: usize) -> Self {
        Self(Spilling::new(groups))
    }

    #[inline]
    fn add_narrow(&mut self, group: usize, value: i64) {
        // Products of 32-bit numbers are one instruction on a 32-bit machine; the others are many.
        let square = match i32::try_from(value) {
            Ok(small) => (i64::from(small) * i64::from(small)) as u128,
            Err(_) => exact::product(value, value) as u128,
        };
        self.0.add(group, square);
    }

    #[inline]
    fn add_wide(&mut self, group: usize, value: i128) {
        match i64::try_from(value) {
            Ok(narrow) => self.add_narrow(group, narrow),
            // Below 10^76 and so in 255 bits.
            Err(_) => self.0.add_large(group, I256::from(value) * I256::from(value)),
        }
    }

    fn total(&self, group: usize) -> I256 {
        self.0.total(group)
    }
}
