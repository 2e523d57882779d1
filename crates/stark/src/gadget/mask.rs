//! Masks of what the protocol shows of each chip: the sum of its messages' fractions, its *terminal*.
//!
//! A link between two chips is a bus on which both send the constants 0 to 4, the one as often as the other takes
//! them. The five counts are random field elements `m_k`. They add `R = sum_k m_k / (alpha - k')` to one terminal and
//! subtract it from the other, where the `1 / (alpha - k')` are independent over the base field for all but few
//! `alpha`: so `R` is uniform in the extension of degree five, and with links from one chip to all others the
//! terminals are uniform among those that sum to zero. Counts may be any field elements, since nothing is read from
//! these buses.

use alloc::{format, vec};

use crate::air::Chip;

/// Random numbers of a link: the degree of the extension field.
pub(crate) const MASKS: usize = 5;

impl Chip {
    /// One end of a link.
    pub(crate) fn mask(&mut self, link: usize, sends: bool) {
        let bus = format!("mask {link}");
        for number in 0..MASKS {
            let count = self.column();
            let field = self.int(number as i64);
            if sends {
                self.send(&bus, vec![field], count, 0);
            } else {
                self.receive(&bus, vec![field], count);
            }
            let never = self.int(0);
            self.leave_free(&[count], never);
            let column = self.column_of(count);
            self.fill_pass(move |pass| {
                let value = pass.masks[link * MASKS + number];
                pass.write(0, column, value);
                Ok(())
            });
        }
    }
}
