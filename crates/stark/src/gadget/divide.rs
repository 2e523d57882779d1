//! Products, quotients and roots of integers, rounded half to even as the executor rounds.
//!
//! **Quotient.** `q = round(n·c / d)` for a constant `c > 0`. With `A = |d|` it is the only integer for which some
//! `U` satisfies
//!
//! ```text
//!     2·n·c - 2·q·d - U + A = 0     U >= 0     T = 2·A - U >= 0     q is even if U = 0 or T = 0     d != 0
//! ```
//!
//! since `U = 2r + A` for the rest `r = n·c - q·d`, and `-A <= 2r <= A` with the even choice at both ends is rounding
//! half to even.
//!
//! **Truncated quotient and rest.** With `N = |n|`, `A = |d|` and signs `s_n, s_d`
//!
//! ```text
//!     N = Q·A + R     0 <= R < A     q = ±Q, negative if the signs differ     r = ±R, with the sign of n
//! ```
//!
//! **Root.** `f = round(sqrt(a / b))` for `a >= 0`, `b > 0`. With `z = [f = 0]`
//!
//! ```text
//!     T1 = 4a - b(2f - 1)² + z·b >= 0     T2 = b(2f + 1)² - 4a >= 0     f is even if T1 = 0 or T2 = 0
//! ```
//!
//! says `f - 1/2 <= sqrt(a / b) <= f + 1/2`, the lower bound only where `f > 0`. A prover who sets `z = 0` for
//! `f = 0` only restricts himself; `z = 1` needs `f = 0`.

use super::{
    Comparison, Int, LIMB_BITS, Term,
    integer::{MOST, bit_int},
};
use crate::air::{Chip, FillError, Node, Slot};
use ethnum::I256;

/// Rounds `n / d` half to even; `d` is not zero.
pub(crate) fn round_half_even(n: I256, d: I256) -> I256 {
    let (n, d) = if d < 0 { (-n, -d) } else { (n, d) };
    let floor = n.div_euclid(d);
    let twice = (n - floor * d) * I256::from(2);
    let odd = floor & I256::ONE == I256::ONE;
    if twice > d || (twice == d && odd) { floor + I256::ONE } else { floor }
}

/// Rounds `sqrt(a / b)` half to even.
pub(crate) fn root_half_even(a: I256, b: I256) -> I256 {
    let ratio = (a / b).unsigned_abs();
    let mut low = ethnum::U256::ZERO;
    let mut high = ethnum::U256::ONE << 127u32;
    while low + ethnum::U256::ONE < high {
        let middle = (low + high) >> 1u32;
        if middle * middle <= ratio { low = middle } else { high = middle }
    }
    let floor = low.as_i256();
    let two = I256::from(2);
    let above = b * (two * floor + I256::ONE) * (two * floor + I256::ONE);
    let four = I256::from(4) * a;
    let odd = floor & I256::ONE == I256::ONE;
    if four > above || (four == above && odd) { floor + I256::ONE } else { floor }
}

/// A quotient without its fraction.
pub(crate) struct Truncated {
    pub(crate) quotient: Int,
    pub(crate) rest: Int,
    /// The size of the rest.
    pub(crate) size: Int,
    /// Whether the exact quotient is negative, or zero of different signs.
    pub(crate) negative: Node,
}

impl Chip {
    /// A new integer in `lo ..= hi` whose value is `value` of the row where `live`, and zero elsewhere. Its limbs are
    /// ranged and zero where not live; what it has to do with other numbers the caller says.
    pub(crate) fn witness(
        &mut self,
        live: Node,
        lo: I256,
        hi: I256,
        value: impl Fn(&mut crate::air::Row<'_>) -> Result<I256, FillError> + Send + Sync + 'static,
    ) -> Int {
        let result = self.limbs(lo, hi);
        let slot = result.slot;
        let (least, most) = (result.lo, result.hi);
        self.fill_row(move |row| {
            let value = if row.bit(live) { value(row)? } else { I256::ZERO };
            if value < least || value > most {
                return Err(FillError::Number("a result does not fit its type"));
            }
            row.set(slot, value);
            Ok(())
        });
        self.fill_limbs(&result);
        self.zero_unless(live, &result);
        result
    }

    /// `sum_k factor_k · a_k · b_k`, which lies in `lo ..= hi` or nothing can be proved; zero where not live. If
    /// `exact`, the bounds are shown, else the caller knows them.
    pub(crate) fn combine(
        &mut self,
        live: Node,
        terms: &[(i64, &Int, Option<&Int>)],
        (lo, hi): (I256, I256),
        exact: bool,
    ) -> Int {
        let slots: alloc::vec::Vec<(i64, Slot, Option<Slot>)> =
            terms.iter().map(|(factor, a, b)| (*factor, a.slot, b.map(|b| b.slot))).collect();
        let result = self.witness(live, lo, hi, move |row| {
            let mut sum = I256::ZERO;
            for (factor, a, b) in &slots {
                let product = b.map_or(I256::ONE, |b| row.get(b));
                let term =
                    row.get(*a).checked_mul(product).and_then(|term| term.checked_mul(I256::from(*factor)));
                sum = term
                    .and_then(|term| sum.checked_add(term))
                    .ok_or(FillError::Number("a result passes 256 bits"))?;
            }
            Ok(sum)
        });
        let mut identity: alloc::vec::Vec<Term> = terms
            .iter()
            .map(|(factor, a, b)| match b {
                Some(b) => Term::product(*factor, a, b),
                None => Term::of(*factor, a),
            })
            .collect();
        identity.push(Term::of(-1, &result));
        self.identity(live, &identity);
        if exact {
            self.exact(live, &result);
        }
        result
    }

    /// `n · factor / divisor` rounded half to even, in `lo ..= hi`; no proof where the divisor is zero.
    pub(crate) fn divide(
        &mut self,
        live: Node,
        n: &Int,
        factor: I256,
        d: &Int,
        (lo, hi): (I256, I256),
        exact: bool,
    ) -> Int {
        let size = if d.lo > 0 { d.clone() } else { self.size(live, d) };
        let factor_int = self.constant(factor);
        let (n_slot, d_slot) = (n.slot, d.slot);
        let q = self.witness(live, lo, hi, move |row| {
            let scaled =
                row.get(n_slot).checked_mul(factor).ok_or(FillError::Number("a quotient passes 256 bits"))?;
            match row.get(d_slot) {
                I256::ZERO => Err(FillError::Number("division by zero")),
                d => Ok(round_half_even(scaled, d)),
            }
        });
        if exact {
            self.exact(live, &q);
        }
        let (q_slot, size_slot) = (q.slot, size.slot);
        let top = size.hi * I256::from(2);
        let above = self.witness(live, I256::ZERO, top, move |row| {
            let rest = row.get(n_slot) * factor - row.get(q_slot) * row.get(d_slot);
            Ok(rest * I256::from(2) + row.get(size_slot))
        });
        self.identity(
            live,
            &[
                Term::product(2, n, &factor_int),
                Term::product(-2, &q, d),
                Term::of(-1, &above),
                Term::of(1, &size),
            ],
        );
        let below = self.combine(live, &[(2, &size, None), (-1, &above, None)], (I256::ZERO, top), false);
        self.even_at_ties(live, &q, &above, &below);
        q
    }

    /// `|a|`, which is not zero.
    fn size(&mut self, live: Node, a: &Int) -> Int {
        self.magnitude(live, a, true).0
    }

    /// How a number compares with zero.
    pub(crate) fn against_zero(&mut self, live: Node, a: &Int) -> Comparison {
        let zero = self.constant(I256::ZERO);
        let (left, right) = self.same_encoding(live, a, &zero);
        let (left, right) = (self.words(&left), self.words(&right));
        self.compare(live, &left, &right)
    }

    /// `|a|`, and a bit that says whether `a` is negative; `a` may not be zero if it is to be a divisor.
    fn magnitude(&mut self, live: Node, a: &Int, divisor: bool) -> (Int, Node) {
        if a.lo > 0 || (a.lo == 0 && !divisor) {
            return (a.clone(), self.int(0));
        }
        let comparison = self.against_zero(live, a);
        if divisor {
            self.zero(comparison.eq, "a divisor is not zero");
        }
        let negative = bit_int(self, comparison.lt);
        let most = a.hi.max(-a.lo);
        let size = self.combine(live, &[(1, a, None), (-2, a, Some(&negative))], (I256::ZERO, most), false);
        (size, comparison.lt)
    }

    /// `n / d` without its fraction, and the rest, which has the sign of `n`. Both are within the bounds of `n`, or
    /// one past them; no proof where the divisor is zero.
    pub(crate) fn truncate(&mut self, live: Node, n: &Int, d: &Int) -> Truncated {
        let (top, n_negative) = self.magnitude(live, n, false);
        let (bottom, d_negative) = self.magnitude(live, d, true);
        let (top_slot, bottom_slot) = (top.slot, bottom.slot);
        let whole = self.witness(live, I256::ZERO, top.hi, move |row| match row.get(bottom_slot) {
            I256::ZERO => Err(FillError::Number("division by zero")),
            bottom => Ok(row.get(top_slot) / bottom),
        });
        let rest = self.combine(
            live,
            &[(1, &top, None), (-1, &whole, Some(&bottom))],
            (I256::ZERO, bottom.hi),
            false,
        );
        let one = self.constant(I256::ONE);
        // The rest is smaller than the divisor.
        let smaller = [(1, &bottom, None), (-1, &rest, None), (-1, &one, None)];
        self.combine(live, &smaller, (I256::ZERO, bottom.hi), false);
        let both = self.and(n_negative, d_negative);
        let (sum, twice) = (self.add(n_negative, d_negative), self.scale(both, 2));
        let negative = self.sub(sum, twice);
        let signed = |chip: &mut Self, value: &Int, sign: Node| {
            if chip.graph.as_constant(sign).is_some() {
                return value.clone();
            }
            let sign = bit_int(chip, sign);
            let terms = [(1, value, None), (-2, value, Some(&sign))];
            chip.combine(live, &terms, (-value.hi, value.hi), false)
        };
        let quotient = signed(self, &whole, negative);
        let signed_rest = signed(self, &rest, n_negative);
        Truncated { quotient, rest: signed_rest, size: rest, negative }
    }

    /// Demands that `value` is even where one of two non-negative numbers is zero.
    fn even_at_ties(&mut self, live: Node, value: &Int, above: &Int, below: &Int) {
        let parity = self.parity(value);
        let ties = [above, below].map(|number| self.zero_int(live, number));
        let tie = self.add(ties[0], ties[1]);
        let odd = self.mul(tie, parity);
        self.zero(odd, "a tie is rounded to even");
    }

    /// A bit that says whether a number that is not negative is zero.
    pub(crate) fn zero_int(&mut self, live: Node, int: &Int) -> Node {
        // Raw digits are below 2^13 and the bases zero, so the sum is zero only if every digit is.
        let limbs: alloc::vec::Vec<Node> = int.limbs.iter().map(|limb| limb.raw).collect();
        let sum = self.sum(&limbs);
        self.is_zero(live, sum)
    }

    /// The lowest bit of a number.
    fn parity(&mut self, int: &Int) -> Node {
        let limb = int.limbs[0];
        if limb.bits == 0 {
            return self.int(limb.base & 1);
        }
        let (half, bit) = (self.ranged(limb.bits.max(1) - 1), self.ranged(1));
        let twice = self.scale(half, 2);
        let whole = self.add(twice, bit);
        self.equal(limb.raw, whole, "a digit is twice a half and a bit");
        let (half_at, bit_at) = (self.column_of(half), self.column_of(bit));
        self.fill_row(move |row| {
            let value = row.integer(limb.raw, 0);
            row.write_int(half_at, value >> 1);
            row.write_int(bit_at, value & 1);
            Ok(())
        });
        if limb.base & 1 == 0 { bit } else { self.not(bit) }
    }

    /// `sqrt(a / b)` rounded half to even, for `a >= 0` and `b > 0`, in `0 ..= hi`.
    pub(crate) fn root(&mut self, live: Node, a: &Int, b: &Int, hi: I256) -> Int {
        let (a_slot, b_slot) = (a.slot, b.slot);
        let f = self.witness(live, I256::ZERO, hi, move |row| match row.get(b_slot) {
            I256::ZERO => Err(FillError::Number("division by zero")),
            b => Ok(root_half_even(row.get(a_slot), b)),
        });
        let bounds = hi.checked_mul(hi).and_then(|square| {
            let (scaled, linear) = (square.checked_mul(b.hi)?, hi.checked_mul(b.hi)?);
            // Four times their sum is a bound below.
            (scaled < MOST / 8 && linear < MOST / 8 && a.hi < MOST / 8).then_some((square, scaled, linear))
        });
        let Some((square_most, scaled_most, linear_most)) = bounds else {
            self.fault = Some("a root of a number with too many digits");
            return f;
        };
        let square = self.combine(live, &[(1, &f, Some(&f))], (I256::ZERO, square_most), false);
        let scaled = self.combine(live, &[(1, &square, Some(b))], (I256::ZERO, scaled_most), false);
        let linear = self.combine(live, &[(1, &f, Some(b))], (I256::ZERO, linear_most), false);
        let is_zero = self.zero_int(live, &f);
        let is_zero = bit_int(self, is_zero);
        let four = I256::from(4);
        let most = four * (a.hi + scaled_most + linear_most) + b.hi;
        let below = self.combine(
            live,
            &[(4, a, None), (-4, &scaled, None), (4, &linear, None), (-1, b, None), (1, b, Some(&is_zero))],
            (I256::ZERO, most),
            false,
        );
        let above = self.combine(
            live,
            &[(4, &scaled, None), (4, &linear, None), (1, b, None), (-4, a, None)],
            (I256::ZERO, most),
            false,
        );
        self.even_at_ties(live, &f, &above, &below);
        f
    }
}

const _: () = assert!(LIMB_BITS == 13, "the sum of raw digits of a number stays below the order");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_round_half_to_even() {
        let cases =
            [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (1, 3, 0), (2, 3, 1), (-2, 3, -1), (6, -4, -2)];
        for (n, d, expected) in cases {
            assert_eq!(round_half_even(I256::from(n), I256::from(d)), I256::from(expected), "{n}/{d}");
        }
        for (a, b, expected) in [(2_0000, 1, 141), (3, 1, 2), (0, 5, 0), (1, 4, 0), (9, 4, 2), (25, 4, 2)] {
            assert_eq!(root_half_even(I256::from(a), I256::from(b)), I256::from(expected), "sqrt({a}/{b})");
        }
    }
}
