//! Arithmetic of BN254's base field on eight numbers at a time, with the 52-bit multiplier of AVX-512 (IFMA), and what is
//! made of it: [`sums`] of points for the prover, [`pairings`] for the verifier. Where a processor lacks it, both do without.
//!
//! A number is five limbs of 52 bits, in Montgomery form with `R = 2^260` (Gueron, Krasnov: "Accelerating big integer
//! arithmetic using Intel IFMA extensions", 2016). What is kept is below `2p`, or `2p` itself where it was negated; sums and
//! differences are below `8p` before they are multiplied. A sum of products that is below `84 p^2` before its reduction is below
//! `2p` after it, since `84 p < R`.

use core::{arch::x86_64::*, array::from_ref};

use ark_bn254::{Fq, FqConfig};
use ark_ff::{BigInt, Field as _, MontConfig, PrimeField};

use crate::point::Coordinate;

pub(crate) mod pairings;
#[cfg(feature = "prover")]
pub(crate) mod sums;

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
    #[cfg(feature = "prover")]
    fourfold: V,
    /// `-1/p` modulo `2^52`.
    inverse: __m512i,
    /// `⌊2^52 / (⌊p / 2^208⌋ + 1)⌋`.
    reciprocal: __m512i,
    mask: __m512i,
    /// `1` in Montgomery form.
    #[cfg(feature = "prover")]
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
        Self {
            p: all(p),
            twice: times(2),
            #[cfg(feature = "prover")]
            fourfold: times(4),
            inverse: _mm512_set1_epi64((<FqConfig as MontConfig<4>>::INV & MASK) as i64),
            reciprocal: _mm512_set1_epi64(((1 << BITS) / (p[4] + 1)) as i64),
            mask: _mm512_set1_epi64(MASK as i64),
            #[cfg(feature = "prover")]
            one: all(narrow(Fq::from(16u64).0.0)),
            // `R` of the caller is `2^256`: the limbs of its one are `2^256 mod p`.
            back: all(narrow(Fq::ONE.0.0)),
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
        self.dot(from_ref(from_ref(a)), [[b]])
    }

    /// `Σ a b / R` of at most twelve products, below `Σ a b / R + p`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn dot<const N: usize, const K: usize>(&self, a: &[E<N>; K], b: [[&V; N]; K]) -> V {
        // A limb of the sum has at most ten halves of 52 bits of each product, and as many of the reduction: 64 bits hold it.
        const { assert!(N * K <= 12) };
        let zero = _mm512_setzero_si512();
        let mut sum = [zero; 2 * LIMBS];
        for (a, b) in a.as_flattened().iter().zip(b.as_flattened()) {
            for i in 0..LIMBS {
                for j in 0..LIMBS {
                    sum[i + j] = _mm512_madd52lo_epu64(sum[i + j], a[i], b[j]);
                    sum[i + j + 1] = _mm512_madd52hi_epu64(sum[i + j + 1], a[i], b[j]);
                }
            }
        }
        for i in 0..LIMBS {
            let m = _mm512_madd52lo_epu64(zero, sum[i], self.inverse);
            for j in 0..LIMBS {
                sum[i + j] = _mm512_madd52lo_epu64(sum[i + j], m, self.p[j]);
                sum[i + j + 1] = _mm512_madd52hi_epu64(sum[i + j + 1], m, self.p[j]);
            }
            // The lowest 52 bits are zero now.
            sum[i + 1] = _mm512_add_epi64(sum[i + 1], _mm512_srli_epi64::<BITS>(sum[i]));
        }
        let [.., a, b, c, d, e] = sum;
        self.carry([a, b, c, d, e])
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
