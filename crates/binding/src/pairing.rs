//! Pairings on BN254: arkworks', in vectors where the processor has them.

use ark_bn254::{Bn254, Fq12, G1Affine};
use ark_ec::pairing::{MillerLoopOutput, Pairing};

/// The lines of a point of G2.
pub(crate) type Lines = <Bn254 as Pairing>::G2Prepared;

/// The product of the Miller loops of these pairs.
pub(crate) fn miller_loop(pairs: &[(G1Affine, &Lines)]) -> Fq12 {
    #[cfg(target_arch = "x86_64")]
    if let Some(product) = crate::lanes::pairings::miller_loop(pairs) {
        return product;
    }
    let (points, lines) =
        (pairs.iter().map(|(point, _)| *point), pairs.iter().map(|(_, lines)| (*lines).clone()));
    Bn254::multi_miller_loop(points, lines).0
}

/// What such a product is in the target group; nothing for zero.
pub(crate) fn final_exponentiation(product: &Fq12) -> Option<Fq12> {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = crate::lanes::pairings::final_exponentiation(product) {
        return value;
    }
    Some(Bn254::final_exponentiation(MillerLoopOutput(*product))?.0)
}
