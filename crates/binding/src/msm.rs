//! Multi-scalar multiplication over bases that never change.
//!
//! For every base `P` the table holds `2^(w·j)·P` for each window `j`, so that the digits of all windows of all scalars fall into
//! *one* set of buckets: a sum of `n` scalars of 254 bits is one pass of `n · ⌈255/w⌉` affine additions and one bucket
//! reduction, without a doubling. Additions within a bucket are affine and share one field inversion a round
//! (Montgomery's trick), about six multiplications each. Where the processor has the vectors for it, eight buckets are added
//! up side by side (`lanes`).
//!
//! Tables are plain limbs in Montgomery form, so that a key file can be mapped into memory and used in place.

use std::vec::Vec;

use ark_bn254::Fr;
use ark_ec::{
    AdditiveGroup as _, AffineRepr as _, CurveGroup as _,
    short_weierstrass::{Affine, Projective, SWCurveConfig},
};
use ark_ff::{BigInt, Field, PrimeField as _, batch_inversion};

use crate::point::Coordinate;

/// Bits of a window. Nine was fastest for the sizes of our circuits (a few hundred bases).
const WINDOW: usize = 9;
/// Windows of a scalar of 254 bits with signed digits, whose top carry needs one more bit.
const WINDOWS: usize = 255usize.div_ceil(WINDOW);
const BUCKETS: usize = 1 << (WINDOW - 1);

/// Limbs of one point of the table: two coordinates. The point at infinity is all zeros, which is on no
/// curve with `b ≠ 0`.
pub const fn point_limbs<P: SWCurveConfig>() -> usize
where
    P::BaseField: Coordinate,
{
    2 * <P::BaseField as Coordinate>::LIMBS
}

/// Limbs of a table for `bases` bases.
pub const fn table_limbs<P: SWCurveConfig>(bases: usize) -> usize
where
    P::BaseField: Coordinate,
{
    bases * WINDOWS * point_limbs::<P>()
}

/// Builds the table of `bases`.
pub fn build_table<P: SWCurveConfig>(bases: &[Affine<P>]) -> Vec<u64>
where
    P::BaseField: Coordinate,
{
    let mut powers = Vec::with_capacity(bases.len() * WINDOWS);
    for base in bases {
        let mut power = base.into_group();
        for _ in 0..WINDOWS {
            powers.push(power);
            for _ in 0..WINDOW {
                power.double_in_place();
            }
        }
    }
    let mut limbs = Vec::with_capacity(table_limbs::<P>(bases.len()));
    for point in Projective::<P>::normalize_batch(&powers) {
        match point.xy() {
            Some((x, y)) => {
                for coordinate in [x, y] {
                    (0..P::BaseField::PARTS).for_each(|at| limbs.extend(coordinate.part(at)));
                }
            }
            None => limbs.resize(limbs.len() + point_limbs::<P>(), 0),
        }
    }
    limbs
}

/// `Σ scalars[i] · bases[i]` over the table of these bases.
///
/// # Panics
/// If the table has another number of bases than there are scalars; both come from one circuit.
pub fn sum<P: SWCurveConfig>(table: &[u64], scalars: &[Fr]) -> Projective<P>
where
    P::BaseField: Coordinate,
{
    assert_eq!(table.len(), table_limbs::<P>(scalars.len()), "one base for each scalar");
    let mut digits = Vec::with_capacity(scalars.len() * WINDOWS);
    scalars.iter().for_each(|scalar| signed_digits(scalar, &mut digits));
    let entries = entries::<P>(table, &digits);
    weighted_sum::<P>(&vector_sums(entries.clone()).unwrap_or_else(|| {
        let mut buckets = Buckets::gather(entries);
        buckets.add_up();
        buckets.sums()
    }))
}

/// A point of the table that a digit counts to a bucket.
pub(crate) struct Entry<'a> {
    pub(crate) bucket: usize,
    negative: bool,
    limbs: &'a [u64],
}

impl Entry<'_> {
    pub(crate) fn point<F: Coordinate>(&self) -> (F, F) {
        let (x, y) = self.limbs.split_at(F::LIMBS);
        let (x, y) = (F::take(x), F::take(y));
        (x, if self.negative { -y } else { y })
    }
}

fn entries<'a, P: SWCurveConfig>(
    table: &'a [u64],
    digits: &'a [i32],
) -> impl Iterator<Item = Entry<'a>> + Clone
where
    P::BaseField: Coordinate,
{
    let all = digits.iter().zip(table.chunks_exact(point_limbs::<P>()));
    let counted = all.filter(|(digit, limbs)| **digit != 0 && limbs.iter().any(|limb| *limb != 0));
    counted.map(|(digit, limbs)| Entry {
        bucket: digit.unsigned_abs() as usize - 1,
        negative: *digit < 0,
        limbs,
    })
}

/// The sums of points by bucket, with the vectors of this processor. Nothing if it has none, or if points have one `x`.
#[cfg(target_arch = "x86_64")]
fn vector_sums<'a, F: Coordinate>(entries: impl Iterator<Item = Entry<'a>> + Clone) -> Option<Vec<Point<F>>> {
    match F::PARTS {
        1 => crate::lanes::sums::sums::<1, F>(BUCKETS, entries),
        _ => crate::lanes::sums::sums::<2, F>(BUCKETS, entries),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn vector_sums<'a, F: Coordinate>(_: impl Iterator<Item = Entry<'a>> + Clone) -> Option<Vec<Point<F>>> {
    None
}

/// `Σ (k + 1) · bucket k` by running sums.
fn weighted_sum<P: SWCurveConfig>(buckets: &[Point<P::BaseField>]) -> Projective<P> {
    let (mut running, mut total) = (Projective::<P>::ZERO, Projective::<P>::ZERO);
    for bucket in buckets.iter().rev() {
        if let Some((x, y)) = bucket {
            running += Affine::<P>::new_unchecked(*x, *y);
        }
        total += running;
    }
    total
}

/// A point in affine coordinates; `None` is infinity.
pub(crate) type Point<F> = Option<(F, F)>;

/// Points by bucket: bucket `k` holds the points that count `k + 1` times.
struct Buckets<F> {
    points: Vec<Point<F>>,
    /// End of each bucket in `points`.
    ends: Vec<usize>,
}

impl<F: Coordinate> Buckets<F> {
    fn gather<'a>(entries: impl Iterator<Item = Entry<'a>> + Clone) -> Self {
        let mut ends = vec![0usize; BUCKETS];
        entries.clone().for_each(|entry| ends[entry.bucket] += 1);
        let (mut end, mut next) = (0, Vec::with_capacity(BUCKETS));
        for count in &mut ends {
            next.push(end);
            end += *count;
            *count = end;
        }
        let mut points = vec![None; end];
        for entry in entries {
            points[next[entry.bucket]] = Some(entry.point());
            next[entry.bucket] += 1;
        }
        Self { points, ends }
    }

    /// Adds pairs within every bucket, round after round, until each holds at most one point.
    fn add_up(&mut self) {
        let mut denominators = Vec::new();
        loop {
            let mut start = 0;
            let mut longest = 0;
            denominators.clear();
            for end in &self.ends {
                longest = longest.max(end - start);
                for pair in self.points[start..*end].chunks_exact(2) {
                    denominators.push(denominator(pair[0], pair[1]));
                }
                start = *end;
            }
            if longest <= 1 {
                return;
            }
            batch_inversion(&mut denominators);
            let (mut start, mut write, mut inverse) = (0, 0, denominators.iter());
            for end in &mut self.ends {
                let mut read = start;
                while read + 1 < *end {
                    let inverse = inverse.next().expect("one inverse for each pair");
                    self.points[write] = add(self.points[read], self.points[read + 1], inverse);
                    (read, write) = (read + 2, write + 1);
                }
                if read < *end {
                    self.points[write] = self.points[read];
                    write += 1;
                }
                start = *end;
                *end = write;
            }
        }
    }

    /// What each bucket holds at the end.
    fn sums(&self) -> Vec<Point<F>> {
        let starts = core::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(start, end)| self.points[*start..*end].first().copied().flatten())
            .collect()
    }
}

/// What the slope of a sum is divided by; one where there is no slope.
fn denominator<F: Field>(left: Point<F>, right: Point<F>) -> F {
    match (left, right) {
        (Some((x1, y1)), Some((x2, y2))) => {
            if x1 != x2 {
                x2 - x1
            } else if y1 == y2 && !y1.is_zero() {
                y1.double()
            } else {
                F::ONE
            }
        }
        _ => F::ONE,
    }
}

/// The sum, given the inverse of its [`denominator`]. Complete: equal points, opposite points and
/// infinity are handled.
fn add<F: Field>(left: Point<F>, right: Point<F>, inverse: &F) -> Point<F> {
    let (Some((x1, y1)), Some((x2, y2))) = (left, right) else {
        return left.or(right);
    };
    let slope = if x1 != x2 {
        (y2 - y1) * inverse
    } else if y1 == y2 && !y1.is_zero() {
        // BN254 has a = 0.
        let square = x1.square();
        (square.double() + square) * inverse
    } else {
        return None;
    };
    let x = slope.square() - x1 - x2;
    Some((x, slope * (x1 - x) - y1))
}

/// Appends [`WINDOWS`] digits in `[-2^(w-1), 2^(w-1)]` with `Σ digit_j · 2^(w·j) = scalar`.
fn signed_digits(scalar: &Fr, digits: &mut Vec<i32>) {
    let BigInt(limbs) = scalar.into_bigint();
    let mut carry = 0;
    for window in 0..WINDOWS {
        let (limb, shift) = (window * WINDOW / 64, window * WINDOW % 64);
        let mut bits = limbs[limb] >> shift;
        if shift + WINDOW > 64 && limb + 1 < limbs.len() {
            bits |= limbs[limb + 1] << (64 - shift);
        }
        let digit = (bits & ((1 << WINDOW) - 1)) as i32 + carry;
        carry = i32::from(digit > BUCKETS as i32);
        digits.push(digit - (carry << WINDOW));
    }
    debug_assert_eq!(carry, 0, "255 bits leave room for the carry of a 254-bit scalar");
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{g1, g2};
    use ark_ec::VariableBaseMSM;
    use ark_ff::UniformRand as _;
    use proptest::prelude::*;

    fn agrees<P: SWCurveConfig<ScalarField = Fr>>(factors: &[i64], scalars: &[Fr])
    where
        P::BaseField: Coordinate,
        Projective<P>: VariableBaseMSM<MulBase = Affine<P>, ScalarField = Fr>,
    {
        let bases: Vec<_> =
            factors.iter().map(|factor| (P::GENERATOR * Fr::from(*factor)).into_affine()).collect();
        let expected: Projective<P> = bases.iter().zip(scalars).map(|(base, scalar)| *base * scalar).sum();
        assert_eq!(sum::<P>(&build_table(&bases), scalars), expected);
    }

    fn scalar() -> impl Strategy<Value = Fr> {
        prop_oneof![
            3 => any::<[u64; 4]>().prop_map(|limbs| limbs.iter().fold(Fr::ZERO, |sum, limb| {
                sum * Fr::from(2u64).pow([64]) + Fr::from(*limb)
            })),
            1 => (0u64..4).prop_map(Fr::from),
            1 => (0u64..4).prop_map(|small| -Fr::from(small)),
            1 => (0u32..254).prop_map(|bit| Fr::from(2u64).pow([u64::from(bit)])),
        ]
    }

    /// Enough points for all lanes, several rounds and buckets of different sizes.
    #[test]
    fn long_sums_agree_with_plain_multiplication() {
        let mut rng = ark_std::test_rng();
        let scalars: Vec<Fr> = (0..150).map(|_| Fr::rand(&mut rng)).collect();
        let factors: Vec<i64> = (0..150).map(|_| i64::rand(&mut rng)).collect();
        agrees::<g1::Config>(&factors, &scalars);
        agrees::<g2::Config>(&factors, &scalars);
    }

    /// What the vectors give is what the plain additions give, bucket by bucket.
    fn vectors_agree<P: SWCurveConfig<ScalarField = Fr>>()
    where
        P::BaseField: Coordinate,
    {
        let mut rng = ark_std::test_rng();
        let bases: Vec<Affine<P>> = (0..20).map(|_| Projective::<P>::rand(&mut rng).into_affine()).collect();
        let (table, mut digits) = (build_table(&bases), Vec::new());
        (0..20).for_each(|_| signed_digits(&Fr::rand(&mut rng), &mut digits));
        let entries = entries::<P>(&table, &digits);
        let mut buckets = Buckets::<P::BaseField>::gather(entries.clone());
        buckets.add_up();
        match vector_sums(entries) {
            Some(sums) => assert!(sums == buckets.sums()),
            None => std::eprintln!("this processor has no vectors for it"),
        }
    }

    #[test]
    fn vectors_agree_with_plain_additions() {
        vectors_agree::<g1::Config>();
        vectors_agree::<g2::Config>();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        // Small factors make equal, opposite and infinite points frequent.
        #[test]
        fn sums_agree_with_plain_multiplication(
            pairs in proptest::collection::vec((-3i64..4, scalar()), 0..12)
        ) {
            let (factors, scalars): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            agrees::<g1::Config>(&factors, &scalars);
            agrees::<g2::Config>(&factors, &scalars);
        }
    }
}
