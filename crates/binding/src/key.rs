//! Keys: what a prover and a verifier hold for one circuit.

use std::vec::Vec;

use ark_bn254::{G1Affine, G2Affine, g1, g2};
use proofmark_core::{Digest, sha256::Sha256};

use crate::{circuit::Form, msm, point};

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

/// What a prover holds: the points of a Groth16 proving key as tables for [`msm::sum`].
///
/// `A` has a base for every variable; `B` only for variables that occur in the matrix B; the bases of `C` are, one after the other, the
/// private variables' `L`, the powers for the quotient, and `B` in G1, because one sum over all of them is cheaper
/// than three.
#[derive(Debug)]
pub struct ProvingKey {
    /// The verifying key that belongs to it.
    pub verifying: VerifyingKey,
    /// `β` in G1.
    pub beta_g1: G1Affine,
    /// `δ` in G1.
    pub delta_g1: G1Affine,
    pub(crate) a: Table,
    pub(crate) b: Table,
    pub(crate) c: Table,
}

/// A table of points as limbs: made here, or mapped from a key file.
#[derive(Debug)]
pub(crate) enum Table {
    /// In memory of our own.
    Owned(Vec<u64>),
    /// In a mapped file.
    #[cfg(feature = "prover")]
    Mapped {
        /// The file, shared by all tables in it.
        map: std::sync::Arc<memmap2::Mmap>,
        /// Bytes of the file.
        range: std::ops::Range<usize>,
    },
}

impl Table {
    /// A part of a mapped file.
    ///
    /// # Panics
    /// If the part is not in the file or not aligned; the loader computed both from the circuit.
    #[cfg(feature = "prover")]
    pub(crate) fn mapped(map: std::sync::Arc<memmap2::Mmap>, start: usize, limbs: usize) -> Self {
        let range = start..start + 8 * limbs;
        assert_eq!(bytemuck::cast_slice::<u8, u64>(&map[range.clone()]).len(), limbs);
        Self::Mapped { map, range }
    }

    /// The limbs.
    pub(crate) fn limbs(&self) -> &[u64] {
        match self {
            Self::Owned(limbs) => limbs,
            #[cfg(feature = "prover")]
            Self::Mapped { map, range } => bytemuck::cast_slice(&map[range.clone()]),
        }
    }
}

/// The points of a proving key before tables are made of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Points {
    /// The verifying key.
    pub verifying: VerifyingKey,
    /// `β` in G1.
    pub beta_g1: G1Affine,
    /// `δ` in G1.
    pub delta_g1: G1Affine,
    /// `A` of every variable.
    pub a: Vec<G1Affine>,
    /// `B` of every variable, in G1.
    pub b_g1: Vec<G1Affine>,
    /// `B` of every variable, in G2.
    pub b_g2: Vec<G2Affine>,
    /// `(βA + αB + C) / δ` of every private variable.
    pub l: Vec<G1Affine>,
    /// `τ^i (τ^m − 1) / δ` for `i` below `m − 1`.
    pub h: Vec<G1Affine>,
}

impl Points {
    /// Makes the tables.
    pub fn tabulate(&self) -> ProvingKey {
        let used = variables_of_b(self.verifying.form);
        let b_g1: Vec<_> = used.iter().map(|variable| self.b_g1[*variable]).collect();
        let b_g2: Vec<_> = used.iter().map(|variable| self.b_g2[*variable]).collect();
        let c: Vec<_> = self.l.iter().chain(&self.h).chain(&b_g1).copied().collect();
        ProvingKey {
            verifying: self.verifying.clone(),
            beta_g1: self.beta_g1,
            delta_g1: self.delta_g1,
            a: Table::Owned(msm::build_table::<g1::Config>(&self.a)),
            b: Table::Owned(msm::build_table::<g2::Config>(&b_g2)),
            c: Table::Owned(msm::build_table::<g1::Config>(&c)),
        }
    }
}

/// The variables that occur in the matrix B of a circuit, ascending.
pub(crate) fn variables_of_b(form: Form) -> Vec<usize> {
    let r1cs = form.r1cs();
    let mut used = vec![false; r1cs.variables];
    for (_, variable) in r1cs.rows[1].iter().flatten() {
        used[*variable] = true;
    }
    (0..used.len()).filter(|variable| used[*variable]).collect()
}
