//! Ranges: a cell holds an integer below `2^w`.
//!
//! The range chip lists every pair `(w, v)` with `0 <= w <= 13` and `0 <= v < 2^w`, in order, `2^14 - 1` rows and one
//! of padding. Its constraints make the list the only one possible: `v` counts up from zero; a row may end its block
//! only if `v + 1 = 2^w`; and the last row must reach `w = 14, v = 0`. A block that missed its end would count on,
//! past `2^14` rows, and never reach `w = 14`. A lookup of `(w, v)` thus shows `v < 2^w` as an integer.

use p3_field::PrimeCharacteristicRing;

use crate::air::{Chip, F, Load, Node, Op, P};

/// Bits of a limb: the widest range that one lookup shows.
pub(crate) const LIMB_BITS: u32 = 13;

/// What numbers are written in: digits of so many bits, in a field of such an order. Gadgets take both from their
/// chip, so that tests can build them so small that all values of all cells can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Radix {
    /// Bits of a digit.
    pub(crate) bits: u32,
    /// What sums of products of digits must stay below.
    pub(crate) order: i128,
}

impl Radix {
    /// That of all proofs.
    pub(crate) const FULL: Self = Self { bits: LIMB_BITS, order: P };
}

/// The bus of `(width, value)`.
pub(crate) const RANGE_BUS: &str = "range";

impl Chip {
    /// Demands on every row, padding included, that `node` is an integer below `2^bits`.
    pub(crate) fn in_range(&mut self, node: Node, bits: u32) {
        match bits {
            0 => self.zero(node, "range of zero bits"),
            1 => self.boolean(node, "range of one bit"),
            2..=LIMB_BITS => {
                let (width, one) = (self.int(i64::from(bits)), self.int(1));
                self.send(RANGE_BUS, alloc::vec![width, node], one, 1);
            }
            _ => self.fault = Some("a range wider than a limb"),
        }
    }

    /// A new column below `2^bits`.
    pub(crate) fn ranged(&mut self, bits: u32) -> Node {
        let column = self.column();
        self.in_range(column, bits);
        column
    }
}

/// The column of the range chip that counts lookups.
pub(crate) const RANGE_COUNT: usize = 4;

/// The chip that answers range lookups.
pub(crate) fn range_chip() -> Chip {
    range_chip_to(LIMB_BITS)
}

/// The chip that lists the numbers of up to `bits` bits.
pub(crate) fn range_chip_to(bits: u32) -> Chip {
    let mut chip = Chip::bare("range", bits + 1);
    let [width, value, power, end, count] = core::array::from_fn(|_| chip.column());
    let [first, last, transition] = [Op::First, Op::Last, Op::Transition].map(|op| chip.graph.add_op(op));
    let one = chip.int(1);
    for (node, start, label) in [
        (width, 0, "the first width is zero"),
        (value, 0, "the first value is zero"),
        (power, 1, "the first power is one"),
    ] {
        let start = chip.int(start);
        let difference = chip.sub(node, start);
        let at_first = chip.mul(first, difference);
        chip.zero(at_first, label);
    }
    chip.boolean(end, "the end of a block is a bit");
    let past = chip.add(value, one);
    let missing = chip.sub(power, past);
    let at_end = chip.mul(end, missing);
    chip.zero(at_end, "a block ends at its largest value");
    let [next_width, next_value, next_power] = [width, value, power].map(|node| chip.next(node));
    let going = chip.not(end);
    let wider = chip.add(width, end);
    let width_step = chip.sub(next_width, wider);
    let width_step = chip.mul(transition, width_step);
    chip.zero(width_step, "the width grows at the end of a block");
    let counted = chip.mul(going, past);
    let value_step = chip.sub(next_value, counted);
    let value_step = chip.mul(transition, value_step);
    chip.zero(value_step, "the value counts up and starts again");
    let growth = chip.add(one, end);
    let grown = chip.mul(power, growth);
    let power_step = chip.sub(next_power, grown);
    let power_step = chip.mul(transition, power_step);
    chip.zero(power_step, "the power doubles at the end of a block");
    let full = chip.int(i64::from(bits) + 1);
    let short = chip.sub(width, full);
    let at_last = chip.mul(last, short);
    chip.zero(at_last, "the last row is past all widths");
    chip.receive(RANGE_BUS, alloc::vec![width, value], count);
    chip.load = Load::Range;
    chip.fill_row(|row| {
        // Row `2^w - 1 + v` holds `(w, v)`.
        let place = row.index as u32 + 1;
        let width = place.ilog2();
        let value = place - (1 << width);
        row.write_int(0, width.into());
        row.write_int(1, value.into());
        row.write_int(2, 1 << width);
        row.write(3, F::from_bool(value + 1 == 1 << width));
        Ok(())
    });
    chip
}

/// The row of the range chip that holds `(width, value)`.
pub(crate) const fn range_row(width: u32, value: u32) -> usize {
    ((1usize << width) - 1) + value as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_where_they_are() {
        for place in 1..1u32 << (LIMB_BITS + 1) {
            let width = place.ilog2();
            assert_eq!(range_row(width, place - (1 << width)), place as usize - 1);
        }
    }
}
