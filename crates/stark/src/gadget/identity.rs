//! Identities between integers: `sum_k c_k · a_k · b_k = 0` where live.
//!
//! Numbers are polynomials in `2^13` with the signed limbs `raw + base` as coefficients; so is the sum. It is zero as
//! an integer if carries `k` exist with
//!
//! ```text
//!     live · (k_in + sum_{j < m} 2^(13 j) · coefficient_j - 2^(13 m) · k_out) = 0
//! ```
//!
//! for chunks of `m` coefficients from the lowest on, the first `k_in` and the last `k_out` zero. Bounds of limbs are
//! known when the chip is built, so the exact bounds of each `k` are, and each carry is ranged to the next power of
//! two. A chunk takes as many coefficients as keep the left side within `(-p, p)`: then zero modulo `p` is zero.
//! A product whose single coefficient passes this bound cannot be built (`Chip::fault`).

use alloc::vec::Vec;

use ethnum::I256;

use super::{Int, Limb, Radix};
use crate::air::{Chip, FillError, Node, P};

/// A product of at most two integers and a small factor.
pub(crate) struct Term {
    factor: i64,
    a: Vec<Limb>,
    b: Option<Vec<Limb>>,
}

impl Term {
    /// `factor · a`.
    pub(crate) fn of(factor: i64, a: &Int) -> Self {
        Self { factor, a: a.limbs.clone(), b: None }
    }

    /// `factor · a · b`.
    pub(crate) fn product(factor: i64, a: &Int, b: &Int) -> Self {
        Self { factor, a: a.limbs.clone(), b: Some(b.limbs.clone()) }
    }
}

/// One limb product of a coefficient.
#[derive(Clone, Copy)]
struct Part {
    factor: i64,
    a: Limb,
    b: Option<Limb>,
}

impl Part {
    fn bounds(&self) -> (i128, i128) {
        let of = |limb: &Limb| (i128::from(limb.base), i128::from(limb.base) + (1i128 << limb.bits) - 1);
        let (a, b) = (of(&self.a), self.b.as_ref().map_or((1, 1), of));
        let factor = i128::from(self.factor);
        let ends = [a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1].map(|end| end * factor);
        ends.iter().fold((ends[0], ends[0]), |(lo, hi), end| (lo.min(*end), hi.max(*end)))
    }
}

/// A range of carries: `low + raw` with `0 <= raw < 2^bits`.
#[derive(Clone, Copy)]
struct Carry {
    low: i128,
    bits: u32,
}

impl Carry {
    fn of((lo, hi): (i128, i128), shift: u32) -> Self {
        let (low, high) = (lo >> shift, hi >> shift);
        Self { low, bits: 128 - (high - low).leading_zeros() }
    }

    const fn high(&self) -> i128 {
        self.low + (1 << self.bits) - 1
    }
}

impl Chip {
    /// Demands that the terms sum to zero where `live` is one.
    pub(crate) fn identity(&mut self, live: Node, terms: &[Term]) {
        let coefficients = coefficients(terms);
        let radix = self.radix;
        let zero = self.int(0);
        let mut carry_in = (zero, Carry { low: 0, bits: 0 });
        let mut steps: Vec<Step> = Vec::new();
        let mut at = 0;
        while at < coefficients.len() {
            let (count, carry) = chunk(radix, &coefficients[at..], carry_in.1);
            let Some(carry) = carry else {
                self.fault = Some("a product has too many digits");
                return;
            };
            let parts = coefficients[at..at + count].to_vec();
            let mut sum = carry_in.0;
            for (place, parts) in parts.iter().enumerate() {
                let coefficient = self.coefficient(parts);
                let shifted = self.scale(coefficient, 1 << (radix.bits * place as u32));
                sum = self.add(sum, shifted);
            }
            at += count;
            let last = at == coefficients.len();
            let (columns, out) = if last { (Vec::new(), zero) } else { self.carry(live, carry) };
            let shifted = self.scale_wide(out, 1i128 << (radix.bits * count as u32));
            let difference = self.sub(sum, shifted);
            let gated = self.mul(live, difference);
            self.zero(gated, "the digits of an identity");
            steps.push(Step { parts, columns, low: carry.low });
            carry_in = (out, carry);
        }
        self.fill_row(move |row| {
            if !row.bit(live) {
                return Ok(());
            }
            let mut carry = I256::ZERO;
            for (number, step) in steps.iter().enumerate() {
                let mut sum = carry;
                for (place, parts) in step.parts.iter().enumerate() {
                    let value: i128 = parts.iter().map(|part| part_value(row, part)).sum();
                    sum += I256::from(value) << (radix.bits * place as u32);
                }
                let shift = radix.bits * step.parts.len() as u32;
                let last = number + 1 == steps.len();
                carry = sum >> shift;
                if carry << shift != sum || (last && carry != 0) {
                    return Err(FillError::Number("an identity does not hold"));
                }
                let mut raw = (carry - I256::from(step.low)).as_i128();
                for column in &step.columns {
                    row.write_int(*column, raw & ((1 << radix.bits) - 1));
                    raw >>= radix.bits;
                }
            }
            Ok(())
        });
    }

    /// Multiplication by a constant that may pass 64 bits.
    fn scale_wide(&mut self, node: Node, by: i128) -> Node {
        self.scale(node, (by % P) as i64)
    }

    fn coefficient(&mut self, parts: &[Part]) -> Node {
        let mut sum = self.int(0);
        for part in parts {
            let a = self.limb(&part.a);
            let value = match &part.b {
                Some(b) => {
                    let b = self.limb(b);
                    self.mul(a, b)
                }
                None => a,
            };
            let scaled = self.scale(value, part.factor);
            sum = self.add(sum, scaled);
        }
        sum
    }

    /// Columns of a carry and its value.
    fn carry(&mut self, live: Node, carry: Carry) -> (Vec<usize>, Node) {
        let mut value = self.int((carry.low % P) as i64);
        let mut columns = Vec::new();
        let (mut left, mut place) = (carry.bits, 0);
        while left > 0 {
            let bits = left.min(self.radix.bits);
            let column = self.ranged(bits);
            columns.push(self.column_of(column));
            self.leave_free(&[column], live);
            let shifted = self.scale(column, 1 << (self.radix.bits * place));
            value = self.add(value, shifted);
            (left, place) = (left - bits, place + 1);
        }
        (columns, value)
    }
}

struct Step {
    parts: Vec<Vec<Part>>,
    columns: Vec<usize>,
    low: i128,
}

fn part_value(row: &crate::air::Row<'_>, part: &Part) -> i128 {
    let of = |limb: &Limb| row.integer(limb.raw, 0) + i128::from(limb.base);
    i128::from(part.factor) * of(&part.a) * part.b.as_ref().map_or(1, of)
}

/// The limb products of each power of `2^13`.
fn coefficients(terms: &[Term]) -> Vec<Vec<Part>> {
    let mut out: Vec<Vec<Part>> = Vec::new();
    let mut put = |place: usize, part: Part| {
        if out.len() <= place {
            out.resize(place + 1, Vec::new());
        }
        out[place].push(part);
    };
    for term in terms {
        for (i, a) in term.a.iter().enumerate() {
            match &term.b {
                Some(b) => b.iter().enumerate().for_each(|(j, b)| {
                    put(i + j, Part { factor: term.factor, a: *a, b: Some(*b) });
                }),
                None => put(i, Part { factor: term.factor, a: *a, b: None }),
            }
        }
    }
    out
}

/// How many coefficients one constraint takes, and the range of its carry; `None` if it cannot take a single one.
fn chunk(radix: Radix, coefficients: &[Vec<Part>], carry_in: Carry) -> (usize, Option<Carry>) {
    let (mut lo, mut hi) = (carry_in.low, carry_in.high());
    let mut best = (1, None);
    for (at, parts) in coefficients.iter().enumerate().take(4) {
        for part in parts {
            let bounds = part.bounds();
            let shift = radix.bits * at as u32;
            (lo, hi) = (lo + (bounds.0 << shift), hi + (bounds.1 << shift));
        }
        let shift = radix.bits * (at as u32 + 1);
        let last = at + 1 == coefficients.len();
        let carry = if last { Carry { low: 0, bits: 0 } } else { Carry::of((lo, hi), shift) };
        let (least, most) = (lo - (carry.high() << shift), hi - (carry.low << shift));
        if least <= -radix.order || most >= radix.order {
            break;
        }
        best = (at + 1, Some(carry));
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gadget::LIMB_BITS;

    /// Every identity that is built keeps each left side within `(-p, p)`; this is the bound for the widest product
    /// of equally long numbers that the gadget builds.
    #[test]
    fn products_of_fifteen_limbs_fit() {
        let widest = (1i128 << LIMB_BITS) - 1;
        let carry = 1i128 << 18;
        assert!(15 * widest * widest + 2 * carry < P);
        // One more would come within a carry of the order.
        assert!(32 * widest * widest > P);
    }
}
