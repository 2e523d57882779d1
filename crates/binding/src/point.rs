//! Curve points as bytes: uncompressed, big-endian, `x` before `y`, and in G2 the imaginary part first, as
//! Ethereum's precompiles take them (EIP-197). Infinity has no encoding here: no honest key or proof holds it.

use std::vec::Vec;

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ff::{BigInt, BigInteger as _, Field, PrimeField as _, Zero as _};

/// Bytes of a point in G1.
pub const G1_BYTES: usize = 64;
/// Bytes of a point in G2.
pub const G2_BYTES: usize = 128;

/// A coordinate of a curve point as limbs in Montgomery form.
pub trait Coordinate: Field {
    /// Elements of the prime field in one coordinate.
    const PARTS: usize;
    /// 64-bit limbs of one coordinate.
    const LIMBS: usize = 4 * Self::PARTS;
    /// The limbs of a part.
    fn part(&self, at: usize) -> [u64; 4];
    /// From the limbs of all parts, each below the order.
    fn take(limbs: &[u64]) -> Self;
}

impl Coordinate for Fq {
    const PARTS: usize = 1;

    fn part(&self, _: usize) -> [u64; 4] {
        self.0.0
    }

    fn take(limbs: &[u64]) -> Self {
        Self::new_unchecked(BigInt([limbs[0], limbs[1], limbs[2], limbs[3]]))
    }
}

impl Coordinate for Fq2 {
    const PARTS: usize = 2;

    fn part(&self, at: usize) -> [u64; 4] {
        [self.c0, self.c1][at].0.0
    }

    fn take(limbs: &[u64]) -> Self {
        Self::new(Fq::take(&limbs[..4]), Fq::take(&limbs[4..]))
    }
}

/// Appends a point of G1. Infinity is written as zeros, which [`take_g1`] refuses.
pub fn put_g1(bytes: &mut Vec<u8>, point: &G1Affine) {
    put(bytes, &point.x);
    put(bytes, &point.y);
}

/// Appends a point of G2.
pub fn put_g2(bytes: &mut Vec<u8>, point: &G2Affine) {
    for part in [point.x.c1, point.x.c0, point.y.c1, point.y.c0] {
        put(bytes, &part);
    }
}

/// Takes a point of G1 off the front: canonical coordinates, on the curve. (G1 is the whole curve.)
pub fn take_g1(bytes: &mut &[u8]) -> Option<G1Affine> {
    let point = G1Affine::new_unchecked(take(bytes)?, take(bytes)?);
    let zero = point.x.is_zero() && point.y.is_zero();
    (!zero && point.is_on_curve()).then_some(point)
}

/// Takes a point of G2 off the front: canonical coordinates, on the curve, in the subgroup of prime order.
pub fn take_g2(bytes: &mut &[u8]) -> Option<G2Affine> {
    let [x1, x0, y1, y0] = [take(bytes)?, take(bytes)?, take(bytes)?, take(bytes)?];
    let point = G2Affine::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1));
    let zero = point.x.is_zero() && point.y.is_zero();
    (!zero && point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve()).then_some(point)
}

fn put(bytes: &mut Vec<u8>, coordinate: &Fq) {
    bytes.extend_from_slice(&coordinate.into_bigint().to_bytes_be());
}

fn take(bytes: &mut &[u8]) -> Option<Fq> {
    let (head, rest) = bytes.split_at_checked(32)?;
    *bytes = rest;
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().rev().zip(head.chunks_exact(8)) {
        *limb = u64::from_be_bytes(chunk.try_into().ok()?);
    }
    Fq::from_bigint(BigInt(limbs))
}
