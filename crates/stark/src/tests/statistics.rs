//! Statistics of field elements.

use alloc::{collections::BTreeSet, vec::Vec};

use p3_field::PrimeField32;

use crate::air::F;

/// Values of one position of proofs.
pub(super) type Samples = Vec<Sample>;

/// The number of a proof, and a value.
type Sample = (usize, F);

/// Buckets of a value: by its highest bits and by its lowest.
const BUCKETS: usize = 8;

fn buckets(value: F) -> [usize; 2] {
    let value = value.as_canonical_u32();
    let high = u64::from(value) * BUCKETS as u64 / u64::from(F::ORDER_U32);
    [high as usize, value as usize % BUCKETS]
}

/// The value that a chi-square variable of so many degrees of freedom passes with a probability below `level`, by
/// Wilson's and Hilferty's approximation and a bound of the normal tail.
pub(super) fn threshold(freedom: usize, level: f64) -> f64 {
    let k = freedom as f64;
    let z = (2.0 * (1.0 / level).ln()).sqrt();
    k * (1.0 - 2.0 / (9.0 * k) + z * (2.0 / (9.0 * k)).sqrt()).powi(3)
}

fn counts(samples: &[Sample], way: usize) -> [f64; BUCKETS] {
    let mut counts = [0.0; BUCKETS];
    samples.iter().for_each(|(_, value)| counts[buckets(*value)[way]] += 1.0);
    counts
}

/// How far values are from uniform: chi-square of `BUCKETS - 1` degrees of freedom, by both ways to make buckets.
fn from_uniform(samples: &[Sample]) -> f64 {
    let expected = samples.len() as f64 / BUCKETS as f64;
    let of =
        |way| counts(samples, way).iter().map(|count| (count - expected).powi(2) / expected).sum::<f64>();
    of(0).max(of(1))
}

/// How far two lists of values are from having one distribution.
fn from_each_other(a: &[Sample], b: &[Sample]) -> f64 {
    let (x, y) = ((b.len() as f64 / a.len() as f64).sqrt(), (a.len() as f64 / b.len() as f64).sqrt());
    let of = |way| {
        let pairs = counts(a, way).into_iter().zip(counts(b, way)).filter(|(a, b)| a + b > 0.0);
        pairs.map(|(a, b)| (x * a - y * b).powi(2) / (a + b)).sum::<f64>()
    };
    of(0).max(of(1))
}

/// How many pairs of equal values come from different proofs.
fn repeats(samples: &[Sample]) -> usize {
    let mut sorted: Vec<(u32, usize)> =
        samples.iter().map(|(proof, value)| (value.as_canonical_u32(), *proof)).collect();
    sorted.sort_unstable();
    sorted
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|equal| equal.len() > 1)
        .map(|equal| {
            let proofs: BTreeSet<usize> = equal.iter().map(|(_, proof)| *proof).collect();
            proofs.len() * (proofs.len() - 1) / 2
        })
        .sum()
}

/// What is wrong with the values of positions, each under a first and a second database.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) positions: usize,
    pub(super) samples: usize,
    /// Names of positions whose values are not uniform.
    pub(super) biased: Vec<&'static str>,
    /// Names of positions whose values tell the databases apart.
    pub(super) different: Vec<&'static str>,
    /// Names of positions at which proofs repeat each other.
    pub(super) repeated: Vec<&'static str>,
}

impl Findings {
    pub(super) const fn nothing(&self) -> bool {
        self.biased.is_empty() && self.different.is_empty() && self.repeated.is_empty()
    }
}

/// Tests all positions at once: an honest prover fails with a probability of about one in a million.
pub(super) fn findings(positions: &[(&'static str, Samples, Samples)]) -> Findings {
    // Four statistics a position, and each position again in all of its name together.
    let limit = threshold(BUCKETS - 1, 1e-6 / (8 * positions.len()) as f64);
    let mut found = Findings { positions: positions.len(), ..Findings::default() };
    let judge = |name: &'static str, a: &[Sample], b: &[Sample], found: &mut Findings| {
        if from_uniform(a).max(from_uniform(b)) > limit {
            found.biased.push(name);
        }
        if from_each_other(a, b) > limit {
            found.different.push(name);
        }
    };
    let mut all: alloc::collections::BTreeMap<&'static str, (Samples, Samples)> = Default::default();
    for (name, a, b) in positions {
        judge(name, a, b, &mut found);
        found.samples += a.len() + b.len();
        let both: Samples =
            a.iter().copied().chain(b.iter().map(|(proof, value)| (usize::MAX - proof, *value))).collect();
        let expected = (both.len() as f64).powi(2) / 2.0 / f64::from(F::ORDER_U32);
        if repeats(&both) as f64 > 6.0 + 4.0 * expected {
            found.repeated.push(name);
        }
        let sums = all.entry(name).or_default();
        sums.0.extend(a);
        sums.1.extend(b);
    }
    for (name, (a, b)) in &all {
        judge(name, a, b, &mut found);
    }
    found
}

#[test]
fn thresholds_are_those_of_tables() {
    // The 0.1 % quantiles of 7 and 15 degrees of freedom are 24.3 and 37.7; the bound of the tail lies above.
    for (freedom, exact) in [(7, 24.3), (15, 37.7)] {
        let bound = threshold(freedom, 0.001);
        assert!(bound > exact && bound < 1.3 * exact, "{bound}");
    }
}
