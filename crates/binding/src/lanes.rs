//! Sums of points of BN254, eight at a time, with the 52-bit multiplier of AVX-512 (IFMA).
//!
//! A lane is a bucket. A coordinate is five limbs of 52 bits for each of eight lanes, in Montgomery form with
//! `R = 2^260` (Gueron, Krasnov: "Accelerating big integer arithmetic using Intel IFMA extensions", 2016). What is kept is below
//! `2p`; sums and differences are below `8p` before they are multiplied. A product of numbers below `8p` is below
//! `64 p^2 / R + p < 2p`, since `p < 0.76 · 2^254`.
//!
//! Additions are affine and not complete: where two points of a bucket have one `x`, nothing is returned and the caller adds
//! by itself. Bases are fixed, so this is for bases that are equal and for nobody else.

use core::arch::x86_64::*;
use std::vec::Vec;

use ark_bn254::{Fq, FqConfig};
use ark_ff::{BigInt, Field as _, MontConfig, PrimeField, batch_inversion};

use crate::msm::{Coordinate, Entry, Point};

/// Bits of a limb.
const BITS: u32 = 52;
const MASK: u64 = (1 << BITS) - 1;
const LIMBS: usize = 5;
const LANES: usize = 8;

/// Whether this processor can.
fn available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma")
}

/// Limbs of eight numbers.
type V = [__m512i; LIMBS];
/// Eight coordinates of `N` parts.
type E<const N: usize> = [V; N];

/// Constants in all lanes.
struct Constants {
    /// `p`.
    p: V,
    /// `2p`.
    twice: V,
    /// `4p`.
    fourfold: V,
    /// `-1/p` modulo `2^52`.
    inverse: __m512i,
    /// `⌊2^52 / (⌊p / 2^208⌋ + 1)⌋`.
    reciprocal: __m512i,
    mask: __m512i,
    /// `1` in Montgomery form.
    one: V,
    /// `2^256 mod p`: a product with it leaves Montgomery form for that of the caller.
    back: V,
}

/// The limbs of 52 bits of `16 x`.
const fn split(x: [u64; 4]) -> [u64; LIMBS] {
    [
        (x[0] << 4) & MASK,
        (x[0] >> 48 | x[1] << 16) & MASK,
        (x[1] >> 36 | x[2] << 28) & MASK,
        (x[2] >> 24 | x[3] << 40) & MASK,
        x[3] >> 12,
    ]
}

/// The limbs of 52 bits of a number below `2^256`.
const fn narrow(x: [u64; 4]) -> [u64; LIMBS] {
    [
        x[0] & MASK,
        (x[0] >> 52 | x[1] << 12) & MASK,
        (x[1] >> 40 | x[2] << 24) & MASK,
        (x[2] >> 28 | x[3] << 36) & MASK,
        x[3] >> 16,
    ]
}

const fn widen(x: [u64; LIMBS]) -> [u64; 4] {
    [x[0] | x[1] << 52, x[1] >> 12 | x[2] << 40, x[2] >> 24 | x[3] << 28, x[3] >> 36 | x[4] << 16]
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn all(limbs: [u64; LIMBS]) -> V {
    limbs.map(|limb| _mm512_set1_epi64(limb as i64))
}

impl Constants {
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn new() -> Self {
        let p = narrow(Fq::MODULUS.0);
        let times = |factor: u64| {
            let (mut carry, mut limbs) = (0, [0; LIMBS]);
            for (limb, p) in limbs.iter_mut().zip(p) {
                let sum = p * factor + carry;
                (*limb, carry) = (sum & MASK, sum >> BITS);
            }
            all(limbs)
        };
        // `R` of the caller is `2^256`: the limbs of its one are `2^256 mod p`.
        let one = Fq::ONE.0.0;
        let sixteen = Fq::from(16u64).0.0;
        Self {
            p: all(p),
            twice: times(2),
            fourfold: times(4),
            inverse: _mm512_set1_epi64((<FqConfig as MontConfig<4>>::INV & MASK) as i64),
            reciprocal: _mm512_set1_epi64(((1 << BITS) / (p[4] + 1)) as i64),
            mask: _mm512_set1_epi64(MASK as i64),
            one: all(narrow(sixteen)),
            back: all(narrow(one)),
        }
    }

    /// Limbs below `2^52`, from signed ones of a number that is not negative.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn carry(&self, mut a: V) -> V {
        for at in 0..LIMBS - 1 {
            a[at + 1] = _mm512_add_epi64(a[at + 1], _mm512_srai_epi64::<BITS>(a[at]));
            a[at] = _mm512_and_si512(a[at], self.mask);
        }
        a
    }

    /// `a b / R`, below `a b / R + p`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn times(&self, a: &V, b: &V) -> V {
        let zero = _mm512_setzero_si512();
        let mut sum = [zero; LIMBS];
        for a in a {
            for (sum, b) in sum.iter_mut().zip(b) {
                *sum = _mm512_madd52lo_epu64(*sum, *a, *b);
            }
            let m = _mm512_madd52lo_epu64(zero, sum[0], self.inverse);
            for (sum, p) in sum.iter_mut().zip(&self.p) {
                *sum = _mm512_madd52lo_epu64(*sum, m, *p);
            }
            // The lowest 52 bits are zero now.
            let carry = _mm512_srli_epi64::<BITS>(sum[0]);
            sum = [_mm512_add_epi64(sum[1], carry), sum[2], sum[3], sum[4], zero];
            for ((sum, b), p) in sum.iter_mut().zip(b).zip(&self.p) {
                *sum = _mm512_madd52hi_epu64(*sum, *a, *b);
                *sum = _mm512_madd52hi_epu64(*sum, m, *p);
            }
        }
        self.carry(sum)
    }

    /// A number below `2p` that is congruent to one below `64 p`: less `q p` for a `q` that is at most `a / p` and more
    /// than `a / p - 2`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn reduce(&self, a: &V) -> V {
        let zero = _mm512_setzero_si512();
        let q = _mm512_madd52hi_epu64(zero, a[4], self.reciprocal);
        let mut less = *a;
        for at in 0..LIMBS {
            less[at] = _mm512_sub_epi64(less[at], _mm512_madd52lo_epu64(zero, q, self.p[at]));
            if at + 1 < LIMBS {
                less[at + 1] = _mm512_sub_epi64(less[at + 1], _mm512_madd52hi_epu64(zero, q, self.p[at]));
            }
        }
        self.carry(less)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn plus(&self, a: &V, b: &V) -> V {
        let mut sum = *a;
        for at in 0..LIMBS {
            sum[at] = _mm512_add_epi64(sum[at], b[at]);
        }
        self.carry(sum)
    }

    /// `a - b + more`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn minus(&self, a: &V, b: &V, more: &V) -> V {
        let mut difference = *a;
        for at in 0..LIMBS {
            difference[at] = _mm512_add_epi64(_mm512_sub_epi64(difference[at], b[at]), more[at]);
        }
        self.carry(difference)
    }

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

/// Lanes where `mask` is set from `a`, the others from `b`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn select<const N: usize>(mask: u8, a: &E<N>, b: &E<N>) -> E<N> {
    let mut selected = *b;
    for part in 0..N {
        for at in 0..LIMBS {
            selected[part][at] = _mm512_mask_blend_epi64(mask, b[part][at], a[part][at]);
        }
    }
    selected
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn load(lanes: &[u64; LANES]) -> __m512i {
    let [a, b, c, d, e, f, g, h] = lanes.map(|lane| lane as i64);
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn store(lanes: __m512i) -> [u64; LANES] {
    // SAFETY: both are 64 bytes without padding, and any bytes are numbers.
    unsafe { core::mem::transmute(lanes) }
}

/// A coordinate of each lane in the caller's form.
#[target_feature(enable = "avx512f,avx512ifma")]
fn leave<const N: usize, F: Coordinate>(constants: &Constants, element: &E<N>) -> [F; LANES] {
    let parts: [[[u64; LANES]; LIMBS]; N] =
        core::array::from_fn(|part| constants.times(&element[part], &constants.back).map(|limb| store(limb)));
    core::array::from_fn(|lane| {
        let canonical = parts.map(|part| {
            let mut limbs = BigInt(widen(part.map(|limb| limb[lane])));
            if limbs >= Fq::MODULUS {
                use ark_ff::BigInteger as _;
                limbs.sub_with_borrow(&Fq::MODULUS);
            }
            limbs.0
        });
        F::take(canonical.as_flattened())
    })
}

/// Limbs of `N` parts in each lane, before they are vectors.
type Staged<const N: usize> = [[[u64; LANES]; LIMBS]; N];

#[inline]
fn stage<const N: usize, F: Coordinate>(staged: &mut Staged<N>, lane: usize, coordinate: &F) {
    for (at, part) in staged.iter_mut().enumerate() {
        for (limb, value) in part.iter_mut().zip(split(coordinate.part(at))) {
            limb[lane] = value;
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn enter<const N: usize>(constants: &Constants, staged: &Staged<N>) -> E<N> {
    let mut element = [[_mm512_setzero_si512(); LIMBS]; N];
    for (part, staged) in element.iter_mut().zip(staged) {
        for (limb, staged) in part.iter_mut().zip(staged) {
            *limb = load(staged);
        }
        *part = constants.reduce(part);
    }
    element
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
