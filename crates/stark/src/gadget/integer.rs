//! Integers in limbs.
//!
//! An integer `v` is `sum_i (raw_i + base_i) · 2^(13 i)` with committed `0 <= raw_i < 2^13` and public constants
//! `base_i`. The encoding of a number in `lo ..= hi` has `sum_i base_i 2^(13 i) = lo` and as many limbs, the last as
//! narrow as may be, as `hi - lo` needs; so every number has exactly one encoding, and the limbs together show
//! `lo <= v < lo + 2^bits`. Where that is too coarse, `exact` adds a comparison with `hi`.

use alloc::{vec, vec::Vec};

use ethnum::I256;

use super::{Radix, Term, Word};
use crate::air::{Chip, F, FillError, Node, Slot};

/// An integer of a row.
#[derive(Clone, Debug)]
pub(crate) struct Int {
    pub(crate) limbs: Vec<Limb>,
    /// Where its value is while a row is filled.
    pub(crate) slot: Slot,
    /// Bounds that hold on every row where the value counts.
    pub(crate) lo: I256,
    pub(crate) hi: I256,
}

/// A digit of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limb {
    /// An expression in `0 .. 2^bits`.
    pub(crate) raw: Node,
    pub(crate) bits: u32,
    /// Added to it.
    pub(crate) base: i64,
}

impl Int {
    /// The number that all limbs at zero stand for.
    pub(crate) fn offset(&self) -> I256 {
        Radix::FULL.offset(&self.limbs)
    }
}

/// What no number reaches in size: texts of 30 bytes have 248 bits.
pub(crate) const MOST: I256 = I256::from_words(1 << 121, 0);

/// How many bits a number needs that is not negative.
pub(crate) fn bits_of(value: I256) -> u32 {
    256 - value.leading_zeros()
}

/// The limbs of a number that is not negative.
pub(crate) fn digits(value: I256, count: usize) -> Vec<u32> {
    Radix::FULL.digits(value, count)
}

/// Widths and bases of the encoding of numbers in `lo ..= hi`.
pub(crate) fn encoding(lo: I256, hi: I256) -> Vec<(u32, i64)> {
    Radix::FULL.encoding(lo, hi)
}

impl Radix {
    pub(crate) fn digits(self, mut value: I256, count: usize) -> Vec<u32> {
        let mask = I256::from((1 << self.bits) - 1);
        let mut digits = Vec::with_capacity(count);
        for _ in 0..count {
            digits.push((value & mask).as_u32());
            value >>= self.bits;
        }
        digits
    }

    pub(crate) fn encoding(self, lo: I256, hi: I256) -> Vec<(u32, i64)> {
        let bits = bits_of(hi - lo).max(1);
        let count = bits.div_ceil(self.bits) as usize;
        let sign = if lo < 0 { -1 } else { 1 };
        // Zero lies between the bounds, so the lowest number has no more digits than the span.
        let bases = self.digits(lo.abs(), count);
        (0..count)
            .map(|at| {
                let width = if at + 1 == count { bits - (count as u32 - 1) * self.bits } else { self.bits };
                (width, sign * i64::from(bases[at]))
            })
            .collect()
    }

    /// The number that all limbs at zero stand for.
    pub(crate) fn offset(self, limbs: &[Limb]) -> I256 {
        let mut sum = I256::ZERO;
        for (at, limb) in limbs.iter().enumerate() {
            sum += I256::from(limb.base) << (at as u32 * self.bits);
        }
        sum
    }
}

impl Chip {
    /// A constant.
    pub(crate) fn constant(&mut self, value: I256) -> Int {
        let magnitude = value.abs();
        let count = bits_of(magnitude).max(1).div_ceil(self.radix.bits) as usize;
        let sign = if value < 0 { -1 } else { 1 };
        let zero = self.int(0);
        let limbs = self
            .radix
            .digits(magnitude, count)
            .into_iter()
            .map(|digit| Limb { raw: zero, bits: 0, base: sign * i64::from(digit) })
            .collect();
        let slot = self.slot();
        self.fill_row(move |row| {
            row.set(slot, value);
            Ok(())
        });
        Int { limbs, slot, lo: value, hi: value }
    }

    /// New limbs for numbers in `lo ..= hi`; both must be around zero, so that zero has an encoding. The caller
    /// fills the slot, then calls `fill_limbs`.
    pub(crate) fn limbs(&mut self, lo: I256, hi: I256) -> Int {
        let (mut lo, mut hi) = (lo.min(I256::ZERO), hi.max(I256::ZERO));
        if hi >= MOST || lo <= -MOST {
            // Bounds are doubled and added below without further checks.
            self.fault = Some("its numbers have too many digits");
            (lo, hi) = (I256::ZERO, I256::ONE);
        }
        let limbs = self
            .radix
            .encoding(lo, hi)
            .into_iter()
            .map(|(bits, base)| Limb { raw: self.ranged(bits), bits, base })
            .collect();
        Int { limbs, slot: self.slot(), lo, hi }
    }

    /// New limbs of the encoding of `other`, not ranged by themselves: the caller equates them with ranged ones.
    pub(crate) fn limbs_like(&mut self, other: &Int, lo: I256, hi: I256) -> Int {
        let limbs = other.limbs.iter().map(|limb| Limb { raw: self.column(), ..*limb }).collect();
        Int { limbs, slot: self.slot(), lo, hi }
    }

    /// Fills limbs from the slot.
    pub(crate) fn fill_limbs(&mut self, int: &Int) {
        let columns: Vec<usize> = int.limbs.iter().map(|limb| self.column_of(limb.raw)).collect();
        let (slot, offset, radix) = (int.slot, self.radix.offset(&int.limbs), self.radix);
        let bits: u32 = int.limbs.iter().map(|limb| limb.bits).sum();
        self.fill_row(move |row| {
            let value = row.get(slot) - offset;
            if value < 0 || bits_of(value) > bits {
                return Err(FillError::Number("a number is out of its range"));
            }
            // The last digit may be wider than the others.
            let mut rest = value;
            for (at, column) in columns.iter().enumerate() {
                let last = at + 1 == columns.len();
                let digit = if last { rest } else { rest & I256::from((1 << radix.bits) - 1) };
                row.write_int(*column, digit.as_i128());
                rest >>= radix.bits;
            }
            Ok(())
        });
    }

    /// Fills the slot from limbs that something else fills.
    pub(crate) fn fill_slot(&mut self, int: &Int) {
        let (slot, parts, radix) = (int.slot, int.limbs.clone(), self.radix);
        self.fill_row(move |row| {
            let mut value = I256::ZERO;
            for (at, limb) in parts.iter().enumerate() {
                let digit = row.integer(limb.raw, 0) + i128::from(limb.base);
                value += I256::from(digit) << (at as u32 * radix.bits);
            }
            row.set(slot, value);
            Ok(())
        });
    }

    /// Demands `v <= hi` where `live`, if the limbs alone do not show it.
    pub(crate) fn exact(&mut self, live: Node, int: &Int) {
        let span = int.hi - self.radix.offset(&int.limbs);
        let bits: u32 = int.limbs.iter().map(|limb| limb.bits).sum();
        if span + I256::ONE == I256::ONE << bits {
            return;
        }
        let words = self.words(int);
        let limit = self.radix.digits(span, int.limbs.len());
        let limit = limit.into_iter().zip(&int.limbs).map(|(digit, limb)| {
            let node = self.int(digit.into());
            Limb { raw: node, bits: limb.bits, base: 0 }
        });
        let limit = limit.collect::<Vec<_>>();
        let limit = pack_words(self, &limit);
        self.at_most(live, &words, &limit);
    }

    /// Demands that the number is zero where `live` is zero.
    pub(crate) fn zero_unless(&mut self, live: Node, int: &Int) {
        let dead = self.not(live);
        for limb in &int.limbs {
            let node = self.limb(limb);
            let product = self.mul(dead, node);
            self.zero(product, "no number where none counts");
        }
    }

    /// The signed digit.
    pub(crate) fn limb(&mut self, limb: &Limb) -> Node {
        let base = self.int(limb.base);
        self.add(limb.raw, base)
    }

    /// The number, most significant word first, as integers that compare like it.
    pub(crate) fn words(&mut self, int: &Int) -> Vec<Word> {
        let limbs = int.limbs.clone();
        pack_words(self, &limbs)
    }

    /// The same number in the encoding of `lo ..= hi`, which must contain it.
    pub(crate) fn encoded(&mut self, live: Node, int: &Int, lo: I256, hi: I256) -> Int {
        let (lo, hi) = (lo.min(I256::ZERO), hi.max(I256::ZERO));
        let wanted = self.radix.encoding(lo, hi);
        let same = wanted.len() == int.limbs.len()
            && wanted
                .iter()
                .zip(&int.limbs)
                .all(|((bits, base), limb)| *base == limb.base && limb.bits == *bits);
        if same {
            return int.clone();
        }
        if int.lo == int.hi {
            // A constant: its digits are no columns.
            let offset: I256 = wanted.iter().enumerate().fold(I256::ZERO, |sum, (at, (_, base))| {
                sum + (I256::from(*base) << (at as u32 * self.radix.bits))
            });
            let raws = self.radix.digits(int.lo - offset, wanted.len());
            let limbs = wanted.iter().zip(raws).map(|((bits, base), raw)| Limb {
                raw: self.int(raw.into()),
                bits: *bits,
                base: *base,
            });
            return Int { limbs: limbs.collect(), ..int.clone() };
        }
        let result = self.limbs(lo, hi);
        let (slot, from) = (result.slot, int.slot);
        self.fill_row(move |row| {
            let value = if row.bit(live) { row.get(from) } else { I256::ZERO };
            row.set(slot, value);
            Ok(())
        });
        self.fill_limbs(&result);
        self.identity(live, &[Term::of(1, int), Term::of(-1, &result)]);
        self.zero_unless(live, &result);
        Int { lo: int.lo.max(lo), hi: int.hi.min(hi), ..result }
    }

    /// The same number in an encoding that zero has too: a constant has none but its own.
    pub(crate) fn beside_zero(&mut self, int: &Int) -> Int {
        if int.lo < int.hi {
            return int.clone();
        }
        let one = self.int(1);
        self.encoded(one, int, int.lo, int.hi)
    }

    /// Both numbers in one encoding.
    pub(crate) fn same_encoding(&mut self, live: Node, a: &Int, b: &Int) -> (Int, Int) {
        let same = a.limbs.len() == b.limbs.len()
            && a.limbs.iter().zip(&b.limbs).all(|(a, b)| a.base == b.base && a.bits == b.bits);
        if same {
            return (a.clone(), b.clone());
        }
        let (lo, hi) = (a.lo.min(b.lo), a.hi.max(b.hi));
        (self.encoded(live, a, lo, hi), self.encoded(live, b, lo, hi))
    }
}

/// Limbs in pairs, most significant pair first.
fn pack_words(chip: &mut Chip, limbs: &[Limb]) -> Vec<Word> {
    let mut words = vec![];
    for pair in limbs.chunks(2) {
        let mut node = pair[0].raw;
        let mut bits = pair[0].bits;
        if let Some(high) = pair.get(1) {
            let shifted = chip.scale(high.raw, 1 << chip.radix.bits);
            node = chip.add(node, shifted);
            bits = chip.radix.bits + high.bits;
        }
        words.push(Word { node, bits });
    }
    words.reverse();
    words
}

/// A bit as an integer.
pub(crate) fn bit_int(chip: &mut Chip, bit: Node) -> Int {
    let slot = chip.slot();
    chip.fill_row(move |row| {
        let value = I256::from(u8::from(row.field(bit) != F::default()));
        row.set(slot, value);
        Ok(())
    });
    Int { limbs: vec![Limb { raw: bit, bits: 1, base: 0 }], slot, lo: I256::ZERO, hi: I256::ONE }
}
