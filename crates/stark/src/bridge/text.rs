//! Texts in leaves: a column's lengths, then all its bytes without a gap.
//!
//! A text is the number `bytes · 256 + length`, its bytes padded with zeros to the bound `w` of the column. With
//! bytes `b_0 … b_(w-1)`, each below 256, `n` the length and bits `f_i`:
//!
//! ```text
//!     f_(i+1) (1 - f_i) = 0      sum_i f_i = n      b_i (1 - f_i) = 0        so bytes from n on are zero
//! ```
//!
//! The bytes of a row start at byte `s` of the column's: `s' = s + n` in a leaf, zero at its start. With `s = 2 h + o`,
//! `o` a bit and `h` ranged, half `h + m` of the column gets the part
//!
//! ```text
//!     (1 - o)(b_2m + 256 b_(2m+1)) + o (b_(2m-1) + 256 b_2m)           b_(-1) = b_w = 0
//! ```
//!
//! At the end of a leaf `4 t = s + n + r` with `0 <= r < 4` gives the words `t` of the column's bytes.

use alloc::{vec, vec::Vec};

use p3_field::PrimeCharacteristicRing;

use super::{
    format::{Counts, Place},
    halves::halves,
    rows::{Leaf, PARTS},
    sha::WORDS,
};
use crate::{
    air::{Chip, F, Node},
    gadget::{Int, LIMB_BITS},
};

/// Text columns so far.
#[derive(Default)]
pub(super) struct Texts {
    columns: Vec<Column>,
}

/// What is filled once all rows are known.
struct Column {
    length: Node,
    start: usize,
    half: usize,
    odd: usize,
    words: usize,
    rest: usize,
}

impl Texts {
    pub(super) fn column(
        &mut self,
        chip: &mut Chip,
        (leaf, counts, place): (&Leaf, &Counts, &Place),
        int: &Int,
        bound: u8,
    ) {
        let bound = usize::from(bound);
        let (length, bytes) = bytes_of(chip, int, bound);
        let key = chip.sum(&[leaf.base, place.values, leaf.place]);
        let (zero, real) = (chip.int(0), chip.real);
        chip.send(WORDS, vec![key, length, zero], real, 1);

        let start = chip.column();
        let odd = chip.column();
        chip.boolean(odd, "odd or even is a bit");
        let half = chip.ranged(LIMB_BITS);
        let whole = chip.scale(half, 2);
        let whole = chip.add(whole, odd);
        chip.equal(start, whole, "a start is a half and a rest");
        let next_real = chip.next(real);
        let not_end = chip.not(leaf.end);
        let after = chip.add(start, length);
        let kept = chip.mul(not_end, after);
        let next = chip.next(start);
        let difference = chip.sub(next, kept);
        let gated = chip.mul(next_real, difference);
        chip.zero(gated, "texts of a leaf follow each other");
        let nothing = chip.not(real);
        let gated = chip.mul(nothing, start);
        chip.zero(gated, "no start where no row is");

        let words = counts.texts[self.columns.len()];
        let rest = chip.ranged(2);
        chip.leave_free(&[rest], leaf.end);
        let in_bytes = chip.scale(words, 4);
        let short = chip.sub(in_bytes, after);
        let difference = chip.sub(short, rest);
        let gated = chip.mul(leaf.end, difference);
        chip.zero(gated, "texts are padded to whole words");
        // The words themselves are a small number, shown where the leaf is.

        let content = chip.add(leaf.base, place.content);
        let content = chip.scale(content, 2);
        let content = chip.add(content, half);
        let byte = |at: Option<usize>| at.and_then(|at| bytes.get(at).copied()).unwrap_or(zero);
        for at in 0..=bound / 2 {
            let [before, own, other] = [(2 * at).checked_sub(1), Some(2 * at), Some(2 * at + 1)].map(byte);
            let mut pair = |low: Node, high: Node| {
                let high = chip.scale(high, 256);
                chip.add(low, high)
            };
            let (even, shifted) = (pair(own, other), pair(before, own));
            let change = chip.sub(shifted, even);
            let change = chip.mul(odd, change);
            let weight = chip.add(even, change);
            let offset = chip.int(at as i64);
            let key = chip.add(content, offset);
            chip.send(PARTS, vec![key], weight, 0);
        }
        let [start, half, odd, words, rest] =
            [start, half, odd, words, rest].map(|node| chip.column_of(node));
        self.columns.push(Column { length, start, half, odd, words, rest });
    }

    /// Fills what depends on earlier and later rows.
    pub(super) fn finish(self, chip: &mut Chip, rows_per_leaf: u32) {
        let real = chip.real;
        let rows_per_leaf = rows_per_leaf as usize;
        chip.fill_pass(move |pass| {
            let count = (0..pass.height()).filter(|row| pass.field(*row, real) == F::ONE).count();
            for column in &self.columns {
                for first in (1..=count).step_by(rows_per_leaf) {
                    let rows = first..(first + rows_per_leaf).min(count + 1);
                    let mut start = 0u32;
                    for row in rows.clone() {
                        pass.write(row, column.start, F::from_u32(start));
                        pass.write(row, column.half, F::from_u32(start / 2));
                        pass.write(row, column.odd, F::from_u32(start % 2));
                        start += p3_field::PrimeField32::as_canonical_u32(&pass.field(row, column.length));
                    }
                    let words = start.div_ceil(4);
                    rows.clone().for_each(|row| pass.write(row, column.words, F::from_u32(words)));
                    pass.write(rows.end - 1, column.rest, F::from_u32(4 * words - start));
                }
            }
            Ok(())
        });
    }
}

/// The length and the bytes of a text; bytes from its length on are zero.
fn bytes_of(chip: &mut Chip, int: &Int, bound: usize) -> (Node, Vec<Node>) {
    let one = chip.int(1);
    let halves = halves(chip, one, int, bound as u32 + 1);
    let mut ascending = Vec::with_capacity(bound + 2);
    let mut uppers = Vec::new();
    for half in &halves {
        let upper = chip.ranged(8);
        let shifted = chip.scale(upper, 256);
        let lower = chip.sub(*half, shifted);
        chip.in_range(lower, 8);
        uppers.push((*half, chip.column_of(upper)));
        ascending.extend([lower, upper]);
    }
    for beyond in ascending.drain(bound + 1..) {
        chip.zero(beyond, "a text has no bytes past its bound");
    }
    let length = ascending[0];
    let bytes: Vec<Node> = ascending[1..].iter().rev().copied().collect();
    let flags: Vec<Node> = (0..bound).map(|_| chip.column()).collect();
    for (at, flag) in flags.iter().enumerate() {
        chip.boolean(*flag, "a byte is there or not");
        let missing = chip.not(*flag);
        let stray = chip.mul(bytes[at], missing);
        chip.zero(stray, "bytes past the length are zero");
        if let Some(later) = flags.get(at + 1) {
            let gap = chip.mul(*later, missing);
            chip.zero(gap, "bytes have no gap");
        }
    }
    let sum = chip.sum(&flags);
    chip.equal(sum, length, "as many bytes as the length says");
    let nothing = chip.not(chip.real);
    let stray = chip.mul(nothing, length);
    chip.zero(stray, "no text where no row is");
    let flags: Vec<usize> = flags.iter().map(|flag| chip.column_of(*flag)).collect();
    chip.fill_row(move |row| {
        for (half, upper) in &uppers {
            let value = row.integer(*half, 0) >> 8;
            row.write(*upper, F::from_u32(value as u32));
        }
        let length = row.integer(length, 0) as usize;
        for (at, flag) in flags.iter().enumerate() {
            row.write(*flag, F::from_bool(at < length));
        }
        Ok(())
    });
    (length, bytes)
}
