//! Keys: what a prover and a verifier hold for one circuit.

use std::vec::Vec;

use ark_bn254::{G1Affine, G2Affine};
use proofmark_core::{Digest, sha256::Sha256};

#[cfg(feature = "prover")]
pub use crate::proving::{Points, ProvingKey};
use crate::{circuit::Form, point};

/// What a verifier holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    /// Which circuit.
    pub form: Form,
    /// Made by one party for development: whoever made it can forge proofs.
    pub dev: bool,
    /// `α` in G1.
    pub alpha: G1Affine,
    /// `β` in G2.
    pub beta: G2Affine,
    /// `δ` in G2. (`γ` is one: the generator.)
    pub delta: G2Affine,
    /// One point for the constant one and each public value.
    pub public: Vec<G1Affine>,
}

impl VerifyingKey {
    /// Identifies the key: SHA-256 over the circuit, the `dev` mark and every point.
    pub fn id(&self) -> Digest {
        id(self.form, &self.to_bytes())
    }

    /// Length of [`Self::to_bytes`].
    pub fn bytes(form: Form) -> usize {
        2 + point::G1_BYTES + 2 * point::G2_BYTES + form.r1cs().public * point::G1_BYTES
    }

    /// Form, `dev` mark and points, uncompressed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.form as u8, u8::from(self.dev)];
        point::put_g1(&mut bytes, &self.alpha);
        point::put_g2(&mut bytes, &self.beta);
        point::put_g2(&mut bytes, &self.delta);
        for point in &self.public {
            point::put_g1(&mut bytes, point);
        }
        bytes
    }

    /// Reads [`Self::to_bytes`]; every point is checked to be canonical, on its curve and in its group.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, mut rest) = bytes.split_at_checked(2)?;
        let form = *Form::ALL.get(usize::from(head[0]))?;
        let dev = match head[1] {
            0 => false,
            1 => true,
            _ => return None,
        };
        let alpha = point::take_g1(&mut rest)?;
        let beta = point::take_g2(&mut rest)?;
        let delta = point::take_g2(&mut rest)?;
        let public =
            (0..form.r1cs().public).map(|_| point::take_g1(&mut rest)).collect::<Option<Vec<_>>>()?;
        rest.is_empty().then_some(Self { form, dev, alpha, beta, delta, public })
    }
}

/// What [`VerifyingKey::id`] is of these bytes.
pub(crate) fn id(form: Form, bytes: &[u8]) -> Digest {
    let mut hasher = Sha256::domain("proofmark/binding/key/v1");
    hasher.update(&form.circuit_hash());
    hasher.update(bytes);
    Digest::sha256(hasher.finish())
}
