//! Bodies of fuzz targets: whatever comes in, an answer goes out, and nobody panics.

use std::vec::Vec;

use ark_bn254::{Bn254, Fq, Fq2, G1Affine, G2Affine};
use ark_ec::{
    AffineRepr as _,
    pairing::{MillerLoopOutput, Pairing as _},
};
use ark_ff::PrimeField as _;
use proofmark_core::{BindingEvidence, Claim, Digest, InferenceClaim};

use crate::{
    evidence::{self, SECURITY},
    pairing::{Lines, final_exponentiation, miller_loop},
    proof::Proof,
};

/// Reads bytes as a proof. What was read has one spelling.
pub fn proof(bytes: &[u8]) {
    if let Some(proof) = Proof::from_bytes(bytes) {
        assert_eq!(proof.to_bytes(), bytes, "a proof has one spelling");
    }
}

/// Judges bytes as key and proof of a claim that nobody proved.
pub fn evidence(bytes: &[u8]) {
    let digest = Digest::of(bytes);
    let claim = Claim::Binding(InferenceClaim { job: digest, model: digest, input: digest, output: digest });
    let (key, proof) = bytes.split_at(bytes.len().saturating_sub(256));
    let evidence = BindingEvidence {
        dev: bytes.first().is_some_and(|byte| byte % 2 == 1),
        key: key.to_vec().into(),
        proof: proof.to_vec().into(),
        security: SECURITY,
    };
    let single = evidence::check(&claim, &evidence);
    assert!(single.is_err(), "nobody proved this");
    assert_eq!(evidence::check_batch(&[(&claim, &evidence)]), [single], "one or many");
}

/// Pairings of bytes as coordinates and coefficients of lines, on curves or not: those of arkworks.
pub fn pairing(bytes: &[u8]) {
    let numbers: Vec<Fq> = bytes.chunks(32).map(Fq::from_le_bytes_mod_order).collect();
    let mut numbers = numbers.iter().copied().cycle();
    let mut pair = || {
        let point = G1Affine::new_unchecked(numbers.next()?, numbers.next()?);
        let mut element = || Some(Fq2::new(numbers.next()?, numbers.next()?));
        let mut lines = Lines::from(G2Affine::generator());
        for line in &mut lines.ell_coeffs {
            *line = (element()?, element()?, element()?);
        }
        Some((point, lines))
    };
    let (Some((a, b)), Some((c, d))) = (pair(), pair()) else { return };
    let product = miller_loop(&[(a, &b), (c, &d)]);
    assert_eq!(product, Bn254::multi_miller_loop([a, c], [b, d]).0);
    let value = Bn254::final_exponentiation(MillerLoopOutput(product)).map(|value| value.0);
    assert_eq!(final_exponentiation(&product), value);
}

/// Reads bytes as key files of every kind. Those with a good header must still pass every check behind it.
#[cfg(feature = "prover")]
pub fn key_file(bytes: &[u8]) {
    use crate::{
        ceremony::Ceremony,
        keyfile::{self, Header, Kind},
        phase1::{POWERS_08, PowersOfTau},
    };
    use std::sync::OnceLock;
    static POWERS: OnceLock<PowersOfTau> = OnceLock::new();
    let powers = POWERS.get_or_init(|| PowersOfTau::read(POWERS_08).expect("part of the crate"));
    let _ = keyfile::decode(bytes, Kind::Proving);
    if let Ok(key) = keyfile::decode_verifying_key(bytes) {
        assert_eq!(keyfile::encode_verifying_key(&key), bytes, "a key has one spelling");
    }
    let _ = Ceremony::decode(bytes, powers);
    // Behind a good checksum as well.
    let header =
        Header { kind: Kind::Ceremony, form: crate::circuit::Form::Open, dev: false, key: Digest::of(bytes) };
    let _ = Ceremony::decode(&keyfile::encode(&header, bytes), powers);
    let verifying = Header { kind: Kind::Verifying, ..header };
    assert!(keyfile::decode_verifying_key(&keyfile::encode(&verifying, bytes)).is_err());
}

/// Reads bytes as powers of tau.
#[cfg(feature = "prover")]
pub fn powers(bytes: &[u8]) {
    let _ = crate::phase1::PowersOfTau::read(bytes);
}

#[cfg(all(test, feature = "prover"))]
mod tests {
    use super::*;
    use crate::{
        ceremony::{Ceremony, development_key},
        circuit::Form,
        keyfile,
        manager::LoadedKey,
        phase1::{POWERS_08, PowersOfTau},
        receipt::bind,
    };
    use proofmark_core::fuzzing::damaged;

    #[test]
    fn damaged_bytes_never_panic() {
        let digest = Digest::of(b"x");
        let facts = InferenceClaim { job: digest, model: digest, input: digest, output: digest };
        let key = LoadedKey::new(development_key(Form::Open).tabulate());
        let bound = bind(&key, &facts).expect("proves");
        for bytes in damaged(&[&bound.evidence.proof], 2_000) {
            proof(&bytes);
        }
        // Numbers at which carries happen, and random ones.
        let edges = [[0; 256], [255; 256], core::array::from_fn(|at| u8::from(at % 13 == 6) << 4)];
        for bytes in damaged(&[&edges[0], &edges[1], &edges[2], &bound.evidence.proof], 2_000) {
            pairing(&bytes);
        }
        let both = [&bound.evidence.key[..], &bound.evidence.proof[..]].concat();
        for bytes in damaged(&[&both], 200) {
            if bytes != both {
                evidence(&bytes);
            }
        }
        let verifying = keyfile::encode_verifying_key(&key.proving.verifying);
        let tau = PowersOfTau::read(POWERS_08).expect("part of the crate");
        let ceremony = Ceremony::start(Form::Open, &tau).expect("enough").encode();
        for bytes in damaged(&[&verifying, &ceremony[..2000]], 20) {
            key_file(&bytes);
        }
        for bytes in damaged(&[&POWERS_08[..4000]], 500) {
            powers(&bytes);
        }
    }
}
