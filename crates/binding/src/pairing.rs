//! Pairings on BN254: arkworks', in vectors where the processor has them.

use std::vec::Vec;

use ark_bn254::{Bn254, Fq12, G1Affine};
use ark_ec::{
    AffineRepr as _,
    pairing::{MillerLoopOutput, Pairing},
};

/// The lines of a point of G2.
pub(crate) type Lines = <Bn254 as Pairing>::G2Prepared;

/// The product of the Miller loops of these pairs.
pub(crate) fn miller_loop(pairs: &[(G1Affine, &Lines)]) -> Fq12 {
    let finite: Vec<_> =
        pairs.iter().copied().filter(|(point, lines)| !point.is_zero() && !lines.infinity).collect();
    #[cfg(target_arch = "x86_64")]
    if let Some(product) = crate::lanes::pairings::miller_loop(&finite) {
        return product;
    }
    Bn254::multi_miller_loop(
        finite.iter().map(|(point, _)| *point),
        finite.iter().map(|(_, lines)| (*lines).clone()),
    )
    .0
}

/// What such a product is in the target group; nothing for zero.
pub(crate) fn final_exponentiation(product: &Fq12) -> Option<Fq12> {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = crate::lanes::pairings::hard_part(&unit(product)?) {
        return Some(value);
    }
    Some(Bn254::final_exponentiation(MillerLoopOutput(*product))?.0)
}

/// The power `(q^6 - 1) (q^2 + 1)`, which leads into the cyclotomic subgroup; nothing for zero.
#[cfg(target_arch = "x86_64")]
pub(crate) fn unit(product: &Fq12) -> Option<Fq12> {
    use ark_ff::Field as _;

    let mut conjugate = *product;
    conjugate.conjugate_in_place();
    let unit = conjugate * product.inverse()?;
    Some(unit.frobenius_map(2) * unit)
}
