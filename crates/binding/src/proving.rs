//! What a prover holds.

use std::{ops::Range, sync::Arc, vec::Vec};

use ark_bn254::{G1Affine, G2Affine, g1, g2};
use memmap2::Mmap;

use crate::{circuit::Form, key::VerifyingKey, msm};

/// What a prover holds: the points of a Groth16 proving key as tables for [`msm::sum`].
///
/// `A` has a base for every variable, and `δ`; `B` for variables that occur in the matrix B, and `δ`; the bases of `C` are, one after
/// the other, the private variables' `L`, the powers for the quotient, `B` in G1, and `β`, because one sum over all of them is cheaper
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
    Mapped {
        /// The file, shared by all tables in it.
        map: Arc<Mmap>,
        /// Bytes of the file.
        range: Range<usize>,
    },
}

impl Table {
    /// A part of a mapped file.
    ///
    /// # Panics
    /// If the part is not in the file or not aligned; the loader computed both from the circuit.
    pub(crate) fn mapped(map: Arc<Mmap>, start: usize, limbs: usize) -> Self {
        let range = start..start + 8 * limbs;
        assert_eq!(bytemuck::cast_slice::<u8, u64>(&map[range.clone()]).len(), limbs);
        Self::Mapped { map, range }
    }

    /// The limbs.
    pub(crate) fn limbs(&self) -> &[u64] {
        match self {
            Self::Owned(limbs) => limbs,
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
        let a: Vec<_> = self.a.iter().chain([&self.delta_g1]).copied().collect();
        let b_g2 = used.iter().map(|variable| self.b_g2[*variable]);
        let b_g2: Vec<_> = b_g2.chain([self.verifying.delta]).collect();
        let c: Vec<_> = self.l.iter().chain(&self.h).chain(&b_g1).chain([&self.beta_g1]).copied().collect();
        ProvingKey {
            verifying: self.verifying.clone(),
            beta_g1: self.beta_g1,
            delta_g1: self.delta_g1,
            a: Table::Owned(msm::build_table::<g1::Config>(&a)),
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
