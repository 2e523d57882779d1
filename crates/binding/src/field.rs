//! Field elements as bytes.

use ark_bn254::Fr;
use ark_ff::{BigInteger as _, PrimeField as _};

/// The canonical big-endian bytes, as Ethereum and circom write them.
pub fn to_be_bytes(element: &Fr) -> [u8; 32] {
    let bytes = element.into_bigint().to_bytes_be();
    bytes.try_into().expect("an element of a 254-bit field has four limbs")
}

/// The element that canonical big-endian bytes stand for; `None` if they are not below the modulus.
pub fn from_be_bytes(bytes: &[u8; 32]) -> Option<Fr> {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_be_bytes(chunk.try_into().expect("chunks of eight"));
    }
    Fr::from_bigint(ark_ff::BigInt(limbs))
}
