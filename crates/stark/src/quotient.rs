//! Masked parts of a quotient.
//!
//! The columns of a board of `n` rows are polynomials of degree below `n + h`, their `h` masks included. So its quotient
//! `q`, of constraints of degree `c`, has `(c - 1) n + c h` coefficients at most; the STARK's prover computes it on `c`
//! cosets of `n` points. What is committed are polynomials of degree below `N = n + n / 8`. With `u = X / g`, `g` the
//! shift of the domain of the low-degree test,
//!
//! ```text
//!     q = sum_i u^(i k) t_i,    t_i = q_i + u^k r_i - r_(i-1),    k = N - h,    i < m = ceil(((c - 1) n + c h) / k)
//! ```
//!
//! where `q_i` holds the next `k` coefficients of `q` and the `r_i` are uniform of degree below `h`, but for `r_(-1)` and
//! `r_(m-1)`, which are zero: so the sum is `q` still, and any `h` values of all `t_i` but one are uniform. The last one
//! follows from them and `q` (Haböck, Al Kindi: "A note on adding zero-knowledge to STARKs", 2024, section 4.2, there with
//! masks as long as the parts, of which it takes twice as many).
//!
//! The STARK's verifier wants the values `c_0 … c_(c-1)` at `z` of parts on the cosets. They are claimed to be zero but
//! for `c_0`, whose weight in `q(z)` is `w = (1 + y + … + y^(c-1)) / c` with `y = (z / g)^n`.

use alloc::{vec, vec::Vec};

use p3_field::{Field, PrimeCharacteristicRing};
use p3_matrix::{Matrix, dense::RowMajorMatrix};
use rand::{RngExt, rngs::StdRng};

use crate::{
    air::F,
    config::{Challenge, DEGREE, room},
};

/// How the quotient of a board is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// `n`, the rows of the board.
    pub(crate) rows: usize,
    /// `c`, the cosets on which the quotient is computed.
    pub(crate) cosets: usize,
    /// `h`, the masks of a column, and the values of each part that may be seen.
    masks: usize,
}

impl Split {
    /// `rows` have room for `masks`.
    pub(crate) const fn new(rows: usize, cosets: usize, masks: usize) -> Self {
        Self { rows, cosets, masks }
    }

    /// `k`, the coefficients of the quotient in each part.
    const fn step(&self) -> usize {
        room(self.rows) - self.masks
    }

    /// The most coefficients of a quotient.
    const fn coefficients(&self) -> usize {
        (self.cosets - 1) * self.rows + self.cosets * self.masks
    }

    /// `m`, the number of parts: at least two, since a single one has no mask.
    pub(crate) const fn parts(&self) -> usize {
        let parts = self.coefficients().div_ceil(self.step());
        if parts > 2 { parts } else { 2 }
    }

    /// The coefficients of each part as a polynomial in `u`, from those of the quotient: `N` rows.
    pub(crate) fn masked(&self, quotient: &RowMajorMatrix<F>, rng: &mut StdRng) -> Vec<RowMajorMatrix<F>> {
        let (width, step) = (quotient.width(), self.step() * quotient.width());
        let mut parts = vec![vec![F::ZERO; room(self.rows) * width]; self.parts()];
        for (part, coefficients) in parts.iter_mut().zip(quotient.values.chunks(step)) {
            part[..coefficients.len()].copy_from_slice(coefficients);
        }
        for at in 1..parts.len() {
            for index in 0..self.masks * width {
                let mask: F = rng.random();
                parts[at - 1][step + index] = mask;
                parts[at][index] -= mask;
            }
        }
        parts.into_iter().map(|part| RowMajorMatrix::new(part, width)).collect()
    }

    /// What is claimed of the first coset at `z = g u`, from the values of the parts there.
    pub(crate) fn claim(&self, u: Challenge, parts: &[Vec<Challenge>]) -> Vec<Challenge> {
        let weight = self.weight(u).try_inverse().unwrap_or_default();
        let mut claim = vec![Challenge::ZERO; DEGREE];
        for (power, part) in u.exp_u64(self.step() as u64).powers().zip(parts) {
            claim.iter_mut().zip(part).for_each(|(sum, value)| *sum += power * weight * *value);
        }
        claim
    }

    /// The value of the first part, from the claim and the values of the other parts.
    pub(crate) fn first(
        &self,
        u: Challenge,
        claim: &[Challenge],
        others: &[Vec<Challenge>],
    ) -> Vec<Challenge> {
        let weight = self.weight(u);
        let mut first: Vec<Challenge> = claim.iter().map(|value| weight * *value).collect();
        for (power, part) in u.exp_u64(self.step() as u64).powers().skip(1).zip(others) {
            first.iter_mut().zip(part).for_each(|(rest, value)| *rest -= power * *value);
        }
        first
    }

    fn weight(&self, u: Challenge) -> Challenge {
        let y = u.exp_u64(self.rows as u64);
        let sum: Challenge = y.powers().take(self.cosets).sum();
        sum * F::from_usize(self.cosets).inverse()
    }
}

#[cfg(test)]
mod tests {
    use p3_commit::PolynomialSpace;
    use p3_field::{BasedVectorSpace, ExtensionField, coset::TwoAdicMultiplicativeCoset};
    use p3_uni_stark::recompose_quotient_from_chunks;
    use rand::SeedableRng;

    use super::*;
    use crate::config::Config;

    fn value(coefficients: &RowMajorMatrix<F>, at: Challenge) -> Vec<Challenge> {
        (0..coefficients.width())
            .map(|column| {
                let rows = coefficients.row_slices().rev();
                rows.fold(Challenge::ZERO, |sum, row| sum * at + row[column])
            })
            .collect()
    }

    /// The STARK's verifier puts the quotient together from what is claimed, whatever the masks are.
    #[test]
    fn claims_are_of_the_quotient() {
        let mut rng = StdRng::seed_from_u64(1);
        for (rows, cosets, masks) in [(1024, 4, 92), (2048, 4, 92), (1024, 8, 102), (1024, 16, 92)] {
            let split = Split::new(rows, cosets, masks);
            let quotient = RowMajorMatrix::<F>::rand(&mut rng, split.coefficients(), DEGREE);
            let u = Challenge::from_basis_coefficients_fn(|_| rng.random::<F>());
            let parts = split.masked(&quotient, &mut rng);
            assert!(parts.len() == split.parts() && parts.iter().all(|part| part.height() == room(rows)));
            let values: Vec<Vec<Challenge>> = parts.iter().map(|part| value(part, u)).collect();
            let claim = split.claim(u, &values);
            assert_eq!(split.first(u, &claim, &values[1..]), values[0]);

            let domain = TwoAdicMultiplicativeCoset::new(F::GENERATOR, (cosets * rows).ilog2() as usize);
            let mut chunks = vec![vec![Challenge::ZERO; DEGREE]; cosets];
            chunks[0] = claim;
            let domains = domain.expect("a domain").split_domains(cosets);
            let found = recompose_quotient_from_chunks::<Config>(&domains, &chunks, u * F::GENERATOR);
            let wanted = <Challenge as ExtensionField<F>>::from_ext_basis_coefficients(&value(&quotient, u));
            assert_eq!(found.ok(), wanted);
        }
    }

    /// Coefficients that masks cover are uniform: as many of each part as may be seen.
    #[test]
    fn every_part_has_a_mask() {
        let mut rng = StdRng::seed_from_u64(2);
        let split = Split::new(1024, 4, 92);
        let zero = RowMajorMatrix::new(vec![F::ZERO; 4 * 1024 * DEGREE], DEGREE);
        for part in split.masked(&zero, &mut rng) {
            let masked = part.values.iter().filter(|value| **value != F::ZERO).count();
            assert!(masked >= 92 * DEGREE - 1, "{masked}");
        }
    }
}
