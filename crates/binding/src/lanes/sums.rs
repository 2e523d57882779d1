//! Sums of points by bucket: a lane is a bucket.
//!
//! Additions are affine and not complete: where two points of a bucket have one `x`, nothing is returned and the caller adds
//! by itself. Bases are fixed, so this is for bases that are equal and for nobody else.

use core::arch::x86_64::*;
use std::vec::Vec;

use ark_ff::batch_inversion;

use super::{Constants, E, LANES, LIMBS, Staged, available, enter, leave, select, stage};
use crate::{
    msm::{Entry, Point},
    point::Coordinate,
};

impl Constants {
    /// Below `4p`, of two below `2p`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn difference<const N: usize>(&self, a: &E<N>, b: &E<N>) -> E<N> {
        let mut difference = *a;
        for part in 0..N {
            difference[part] = self.minus(&a[part], &b[part], &self.twice);
        }
        difference
    }

    /// Below `2p`, of two below `2p`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn reduced_difference<const N: usize>(&self, a: &E<N>, b: &E<N>) -> E<N> {
        let mut difference = self.difference(a, b);
        for part in &mut difference {
            *part = self.reduce(part);
        }
        difference
    }

    /// Below `2p`, of two below `4p`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn product<const N: usize>(&self, a: &E<N>, b: &E<N>) -> E<N> {
        let mut product = *a;
        if N == 1 {
            product[0] = self.times(&a[0], &b[0]);
        } else {
            // Karatsuba, with `u^2 = -1`.
            let (low, high) = (self.times(&a[0], &b[0]), self.times(&a[1], &b[1]));
            let mixed = self.times(&self.plus(&a[0], &a[1]), &self.plus(&b[0], &b[1]));
            product[0] = self.reduce(&self.minus(&low, &high, &self.twice));
            let both = self.plus(&low, &high);
            product[1] = self.reduce(&self.minus(&mixed, &both, &self.fourfold));
        }
        product
    }
}

/// The points of some buckets, eight buckets side by side.
struct Group {
    /// The buckets in its lanes.
    buckets: [usize; LANES],
    /// How many points each has.
    counts: [usize; LANES],
    /// The first of its points.
    start: usize,
}

impl Group {
    fn len(&self) -> usize {
        self.counts[0]
    }
}

/// The sum of the points in each bucket, `None` where there is none. `N` is [`Coordinate::PARTS`].
///
/// Nothing if two points that are to be added have one `x`, or if this processor cannot.
pub(crate) fn sums<'a, const N: usize, F: Coordinate>(
    buckets: usize,
    entries: impl Iterator<Item = Entry<'a>> + Clone,
) -> Option<Vec<Point<F>>> {
    // SAFETY: the processor has what the function is compiled for.
    available().then(|| unsafe { add_up::<N, F>(buckets, entries) })?
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn add_up<'a, const N: usize, F: Coordinate>(
    buckets: usize,
    entries: impl Iterator<Item = Entry<'a>> + Clone,
) -> Option<Vec<Point<F>>> {
    let constants = Constants::new();
    let mut counts = vec![0usize; buckets];
    entries.clone().for_each(|entry| counts[entry.bucket] += 1);
    // Buckets with about as many points share a group, so that few lanes idle.
    let mut order: Vec<usize> = (0..buckets).filter(|bucket| counts[*bucket] > 0).collect();
    order.sort_unstable_by_key(|bucket| core::cmp::Reverse(counts[*bucket]));
    let (mut groups, mut slots) = (Vec::new(), 0);
    let mut place = vec![(0, 0); buckets];
    for chunk in order.chunks(LANES) {
        let lane_of = |lane: usize| chunk.get(lane).copied();
        let group = Group {
            buckets: core::array::from_fn(|lane| lane_of(lane).unwrap_or(buckets)),
            counts: core::array::from_fn(|lane| lane_of(lane).map_or(0, |bucket| counts[bucket])),
            start: slots,
        };
        chunk.iter().enumerate().for_each(|(lane, bucket)| place[*bucket] = (slots, lane));
        slots += group.len();
        groups.push(group);
    }
    let mut staged: Vec<[Staged<N>; 2]> = vec![[[[[0; LANES]; LIMBS]; N]; 2]; slots];
    for entry in entries {
        let (slot, lane) = &mut place[entry.bucket];
        let ([to_x, to_y], (x, y)) = (&mut staged[*slot], entry.point::<F>());
        stage(to_x, *lane, &x);
        stage(to_y, *lane, &y);
        *slot += 1;
    }
    let mut all: Vec<[E<N>; 2]> = Vec::with_capacity(slots);
    for [x, y] in &staged {
        all.push([enter(&constants, x), enter(&constants, y)]);
    }
    drop(staged);

    let mut one = [[_mm512_setzero_si512(); LIMBS]; N];
    one[0] = constants.one;
    let (mut differences, mut products) = (Vec::new(), Vec::new());
    while groups.iter().any(|group| group.len() > 1) {
        differences.clear();
        products.clear();
        let mut product = one;
        for group in &groups {
            for pair in 0..group.len() / 2 {
                let [left, right] = [0, 1].map(|side| &all[group.start + 2 * pair + side][0]);
                let difference = select(mask(group, pair), &constants.difference(right, left), &one);
                products.push(product);
                product = constants.product(&product, &difference);
                differences.push(difference);
            }
        }
        let mut inverses: [F; LANES] = leave(&constants, &product);
        if inverses.iter().any(F::is_zero) {
            return None;
        }
        batch_inversion(&mut inverses);
        let mut staged = [[[0; LANES]; LIMBS]; N];
        inverses.iter().enumerate().for_each(|(lane, inverse)| stage(&mut staged, lane, inverse));
        let mut inverse: E<N> = enter(&constants, &staged);
        // From the last pair to the first one; results are put in order afterwards.
        let mut next: Vec<[E<N>; 2]> = Vec::with_capacity(all.len().div_ceil(2) + groups.len());
        let mut at = differences.len();
        for group in groups.iter_mut().rev() {
            let len = group.len();
            if len % 2 == 1 {
                next.push(all[group.start + len - 1]);
            }
            for pair in (0..len / 2).rev() {
                at -= 1;
                let own = constants.product(&inverse, &products[at]);
                inverse = constants.product(&inverse, &differences[at]);
                let [[x1, y1], [x2, y2]] = [0, 1].map(|side| all[group.start + 2 * pair + side]);
                let slope = constants.product(&constants.difference(&y2, &y1), &own);
                let square = constants.product(&slope, &slope);
                let mut x = square;
                for part in 0..N {
                    let both = constants.plus(&x1[part], &x2[part]);
                    x[part] = constants.reduce(&constants.minus(&square[part], &both, &constants.fourfold));
                }
                let rise = constants.product(&slope, &constants.difference(&x1, &x));
                let y = constants.reduced_difference(&rise, &y1);
                let mask = mask(group, pair);
                next.push([select(mask, &x, &x1), select(mask, &y, &y1)]);
            }
        }
        next.reverse();
        let mut start = 0;
        for group in &mut groups {
            group.counts = group.counts.map(|count| count.div_ceil(2));
            group.start = start;
            start += group.len();
        }
        all = next;
    }
    let mut sums = vec![None; buckets];
    for group in &groups {
        let [x, y]: [[F; LANES]; 2] = all[group.start].map(|coordinate| leave(&constants, &coordinate));
        for (lane, bucket) in group.buckets.into_iter().enumerate() {
            if group.counts[lane] > 0 {
                sums[bucket] = Some((x[lane], y[lane]));
            }
        }
    }
    Some(sums)
}

/// The lanes of a pair that have both points.
fn mask(group: &Group, pair: usize) -> u8 {
    let both = |lane: usize| u8::from(group.counts[lane] > 2 * pair + 1) << lane;
    (0..LANES).map(both).sum()
}
