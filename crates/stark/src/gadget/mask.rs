//! Masks of what the protocol shows of each chip: the sum of its messages' fractions, its *terminal*.
//!
//! A link between two chips is a bus on which the one sends a number on every row as often as the other takes it. On the
//! first five rows the numbers are 0 to 4 and the counts random field elements `m_k`; on all others both are zero. They
//! add `R = sum_k m_k / (alpha - k')` to one terminal and subtract it from the other, where the `1 / (alpha - k')` are
//! independent over the base field for all but few `alpha`: so `R` is uniform in the extension of degree five, and with
//! links from one chip to all others the terminals are uniform among those that sum to zero. Numbers and counts may be
//! any field elements, since nothing is read from these buses.

use alloc::{format, vec};
use core::array;

use p3_field::PrimeCharacteristicRing;

use crate::air::{Chip, F};

/// Random counts of a link: the degree of the extension field.
pub(crate) const MASKS: usize = 5;

impl Chip {
    /// One end of a link.
    pub(crate) fn mask(&mut self, link: usize, sends: bool) {
        let bus = format!("mask {link}");
        let [number, count] = array::from_fn(|_| self.column());
        if sends {
            self.send(&bus, vec![number], count, 0);
        } else {
            self.receive(&bus, vec![number], count);
        }
        let never = self.int(0);
        self.leave_free(&[number, count], never);
        let (number, count) = (self.column_of(number), self.column_of(count));
        self.fill_pass(move |pass| {
            for row in 0..MASKS {
                let mask = pass.masks[link * MASKS + row];
                pass.write(row, number, F::from_usize(row));
                pass.write(row, count, mask);
            }
            Ok(())
        });
    }
}
