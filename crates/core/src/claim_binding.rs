//! Claims about one inference: which job, model, input and output belong together.

use serde::{Deserialize, Serialize};

use crate::{Bytes, Digest, SecurityLevel};

/// These job, model, input and output belong together. Nothing says that the model ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InferenceClaim {
    /// Digest of the job that the answer belongs to.
    pub job: Digest,
    /// SHA-256 of the model's file, or of the manifest of its files.
    pub model: Digest,
    /// SHA-256 of the input's bytes.
    pub input: Digest,
    /// SHA-256 of the output's bytes.
    pub output: Digest,
}

/// As [`InferenceClaim`], but only the job is public; the rest is behind a salted commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealedInferenceClaim {
    /// Digest of the job that the answer belongs to.
    pub job: Digest,
    /// Poseidon over all four digests and a random salt, `poseidon-bn254:<64 hex digits>`.
    pub commitment: SealedCommitment,
}

/// A canonical element of the scalar field of BN254, 32 bytes big-endian, written `poseidon-bn254:<hex>`.
///
/// Not a [`Digest`]: it is made of digests, and only its salt keeps it from being guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealedCommitment(pub [u8; 32]);

/// A Groth16 proof on BN254 that a claim's digests belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BindingEvidence {
    /// Whether the key was made for development: then whoever made it can forge proofs.
    pub dev: bool,
    /// The verifying key, whose digest policies and registries name. It carries the circuit and the `dev` mark.
    pub key: Bytes,
    /// 256 bytes: `A`, `B`, `C`, uncompressed, as Ethereum's precompiles take them. Anybody can re-randomise a proof, so
    /// these bytes identify nothing.
    pub proof: Bytes,
    /// What the proof is worth, as the prover states it. A verifier computes it afresh and compares.
    pub security: SecurityLevel,
}

/// What opens a sealed claim. Whoever holds it learns the private digests, so its file is for its owner's eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealedOpening {
    /// As in [`InferenceClaim`].
    pub model: Digest,
    /// As in [`InferenceClaim`].
    pub input: Digest,
    /// As in [`InferenceClaim`].
    pub output: Digest,
    /// 16 random bytes, big-endian.
    pub salt: Bytes,
}

impl SealedOpening {
    /// All four facts.
    pub const fn claim(&self, job: Digest) -> InferenceClaim {
        InferenceClaim { job, model: self.model, input: self.input, output: self.output }
    }

    /// The salt as a number; `None` if it has not 16 bytes.
    pub fn salt(&self) -> Option<u128> {
        Some(u128::from_be_bytes(self.salt.as_ref().try_into().ok()?))
    }
}

const PREFIX: &str = "poseidon-bn254:";

impl core::fmt::Display for SealedCommitment {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{PREFIX}{}", Digest::sha256(self.0).to_hex())
    }
}

impl core::str::FromStr for SealedCommitment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex =
            text.strip_prefix(PREFIX).ok_or("a commitment is written `poseidon-bn254:<64 hex digits>`")?;
        let bytes = crate::digest::parse_hex(hex.as_bytes());
        bytes.map(Self).map_err(|_| "a commitment has 64 lower-case hex digits")
    }
}

impl Serialize for SealedCommitment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SealedCommitment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = SealedCommitment;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a commitment such as `poseidon-bn254:<64 hex digits>`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SealedCommitment, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Claim, Evidence, Provenance, Receipt, SecurityKind};
    use alloc::{string::ToString, vec};

    fn receipt(claim: Claim) -> Receipt {
        let security = SecurityLevel { bits: 100, kind: SecurityKind::Conjectured, zero_knowledge: true };
        Receipt {
            version: Receipt::VERSION,
            claim,
            evidence: Evidence::Binding(BindingEvidence {
                dev: true,
                key: vec![1; 10].into(),
                proof: vec![2; 256].into(),
                security,
            }),
            provenance: Provenance { tool: "test".into(), ..Provenance::default() },
        }
    }

    #[test]
    fn both_forms_have_both_encodings() {
        let digest = Digest::of(b"x");
        let open = InferenceClaim { job: digest, model: digest, input: digest, output: digest };
        let sealed = SealedInferenceClaim { job: digest, commitment: SealedCommitment([7; 32]) };
        for claim in [Claim::Binding(open), Claim::SealedBinding(sealed)] {
            assert_eq!(claim.job(), Some(&digest));
            let receipt = receipt(claim);
            assert_eq!(Receipt::decode(&receipt.to_cbor()), Ok(receipt.clone()));
            assert_eq!(Receipt::decode(receipt.to_json().as_bytes()), Ok(receipt));
        }
    }

    #[test]
    fn a_commitment_has_one_spelling() {
        let text = SealedCommitment([0xab; 32]).to_string();
        assert_eq!(text.parse(), Ok(SealedCommitment([0xab; 32])));
        for bad in [text.to_uppercase(), text.replace("poseidon-bn254", "sha256"), text[..78].to_string()] {
            assert!(bad.parse::<SealedCommitment>().is_err(), "{bad}");
        }
    }
}
