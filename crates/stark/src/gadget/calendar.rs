//! The year of a date.
//!
//! A date is a number of days since 1970-01-01, and the first of January of the year `y = 400a + 100b + 4c + e + 1` of
//! the proleptic Gregorian calendar is day `146097a + 36524b + 1461c + 365e - 719162`. So
//!
//! ```text
//!     live · (date - (146097a + 36524b + 1461c + 365e - 719162 + doy)) = 0
//!     b, e < 4    c <= 24    0 <= doy <= 364 + leap    leap bit
//!     leap · (3 - e) = 0     leap · [c = 24] · (3 - b) = 0
//! ```
//!
//! give each date one year: each year has its days exactly once, and `leap` counts only on the last day of a leap year. Everything is far below `p`: dates have 22
//! bits, and `a < 2^5`.

use p3_field::PrimeCharacteristicRing;
use proofmark_plan::calendar::{MAX_DATE, MIN_DATE};

use super::{Int, Limb};
use crate::air::{Chip, F, FillError, Node};

/// Day of 0001-01-01.
const FIRST_DAY: i64 = -719_162;

/// Bits of a year.
const YEAR_BITS: u32 = 14;

impl Chip {
    /// The year of a date where live, zero elsewhere.
    pub(crate) fn year(&mut self, live: Node, date: &Int) -> Int {
        let [a, b, c, e, leap] = [5, 2, 5, 2, 1].map(|bits| self.ranged(bits));
        let doy = self.ranged(9);
        // In a leap year the bit may say either on all days but the last: the year is the same.
        let never = self.int(0);
        self.leave_free(&[leap], never);
        let three = self.int(3);
        let short = self.sub(three, e);
        let wrong = self.mul(leap, short);
        self.zero(wrong, "a leap year is the fourth of its four");
        let twenty_four = self.int(24);
        let left = self.sub(twenty_four, c);
        self.in_range(left, 5);
        let one = self.int(1);
        let century_end = self.is_zero(one, left);
        let short = self.sub(three, b);
        let both = self.mul(leap, century_end);
        let wrong = self.mul(both, short);
        self.zero(wrong, "a century is leap only if 400 divides it");
        let days = self.int(364);
        let days = self.add(days, leap);
        let left = self.sub(days, doy);
        self.in_range(left, 9);

        let mut day = self.int(FIRST_DAY);
        for (digit, weight) in [(a, 146_097), (b, 36_524), (c, 1461), (e, 365), (doy, 1)] {
            let part = self.scale(digit, weight);
            day = self.add(day, part);
        }
        let mut number = self.int(0);
        for (at, limb) in date.limbs.iter().enumerate() {
            let digit = self.limb(limb);
            let part = self.scale(digit, 1 << (self.radix.bits * at as u32));
            number = self.add(number, part);
        }
        let difference = self.sub(number, day);
        let gated = self.mul(live, difference);
        self.zero(gated, "a date is a day of its year");

        let mut year = live;
        for (digit, weight) in [(a, 400), (b, 100), (c, 4), (e, 1)] {
            let part = self.scale(digit, weight);
            year = self.add(year, part);
        }
        let dead = self.not(live);
        let stray = self.mul(dead, year);
        self.zero(stray, "no year where none counts");
        let columns = [a, b, c, e, leap, doy].map(|node| self.column_of(node));
        let (slot, from) = (self.slot(), date.slot);
        // The zero test of `c` above runs before `c` is known; fill the digits first.
        let zero_test = self.fills.len();
        self.fill_row(move |row| {
            if !row.bit(live) {
                return Ok(());
            }
            let day = row.get(from);
            if day < ethnum::I256::from(MIN_DATE) || day > ethnum::I256::from(MAX_DATE) {
                return Err(FillError::Number("a date is out of its range"));
            }
            let parts = parts(day.as_i64());
            for (column, part) in columns.iter().zip(parts) {
                row.write(*column, F::from_u32(part));
            }
            let year = 400 * parts[0] + 100 * parts[1] + 4 * parts[2] + parts[3] + 1;
            row.set(slot, year.into());
            Ok(())
        });
        // Exactly one step, that of the zero test, was added since the columns exist.
        self.fills.swap(zero_test - 1, zero_test);
        Int {
            limbs: alloc::vec![Limb { raw: year, bits: YEAR_BITS, base: 0 }],
            slot,
            lo: ethnum::I256::ZERO,
            hi: ethnum::I256::from(9999),
        }
    }
}

/// `a, b, c, e, leap` and the day of the year from zero.
fn parts(day: i64) -> [u32; 6] {
    let (year, _, _) = proofmark_plan::calendar::civil(day as i32);
    let before = year - 1;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (a, b, c, e) = (before / 400, before / 100 % 4, before / 4 % 25, before % 4);
    let start =
        146_097 * i64::from(a) + 36_524 * i64::from(b) + 1461 * i64::from(c) + 365 * i64::from(e) + FIRST_DAY;
    [a as u32, b as u32, c as u32, e as u32, u32::from(leap), (day - start) as u32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_is_a_day_of_its_year() {
        for day in MIN_DATE..=MAX_DATE {
            let [a, b, c, e, leap, doy] = parts(day.into());
            assert!(a < 25 && b < 4 && c < 25 && e < 4 && doy <= 364 + leap, "{day}");
            assert!(leap == 0 || (e == 3 && (c != 24 || b == 3)), "{day}");
        }
    }
}
