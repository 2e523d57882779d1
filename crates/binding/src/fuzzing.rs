//! Bodies of fuzz targets: whatever comes in, an answer goes out, and nobody panics.

use proofmark_core::{BindingEvidence, Claim, Digest, InferenceClaim};

use crate::{
    evidence::{self, SECURITY},
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
