//! Many proofs at once.
//!
//! With weights `w_i` and one key, all `e(A_i, B_i) = e(α, β) · e(X_i, γ) · e(C_i, δ)` hold if
//! `Π e(w_i A_i, B_i) = e(α, β)^Σw_i · e(Σ w_i X_i, γ) · e(Σ w_i C_i, δ)`, but for a chance of 2^-128: a false set has at most one
//! last weight that makes it pass. The weights are SHA-256 over everything that is checked, so they are not known before the
//! proofs are fixed, and the result is a function of its input.

use std::vec::Vec;

use ark_bn254::Fr;
use proofmark_core::sha256::Sha256;

use crate::{
    field,
    proof::{PreparedKey, Proof},
};

/// A proof and the public values that it should hold for.
pub type Statement<'a> = (&'a Proof, &'a [Fr]);

/// The places of the statements that do not hold, ascending. One combined check if all do; each bad one costs some
/// `2 · log₂ n` more.
pub fn bad_members(key: &PreparedKey, statements: &[Statement<'_>]) -> Vec<usize> {
    let mut bad = Vec::new();
    // Halves that still have to be looked at, the leftmost on top.
    let mut open = Vec::with_capacity(usize::BITS as usize);
    open.push(0..statements.len());
    while let Some(range) = open.pop() {
        let part = &statements[range.clone()];
        let good = match part {
            [] => true,
            [(proof, public)] => key.holds(proof, public),
            _ => key.all_hold(part, &weights(key, part)),
        };
        if good {
            continue;
        }
        if range.len() == 1 {
            bad.push(range.start);
            continue;
        }
        let middle = range.start + range.len() / 2;
        open.push(middle..range.end);
        open.push(range.start..middle);
    }
    bad
}

/// Weights of 128 bits that nobody knows before the statements are fixed.
fn weights(key: &PreparedKey, statements: &[Statement<'_>]) -> Vec<u128> {
    let mut hasher = Sha256::domain("proofmark/binding/batch/v1");
    hasher.update(key.key().id().as_bytes());
    for (proof, public) in statements {
        hasher.update(&proof.to_bytes());
        for value in *public {
            hasher.update(&field::to_be_bytes(value));
        }
    }
    let seed = hasher.finish();
    (0..statements.len() as u64)
        .map(|at| {
            let mut hasher = Sha256::domain("proofmark/binding/weight/v1");
            hasher.update(&seed);
            hasher.update(&at.to_le_bytes());
            let digest = hasher.finish();
            u128::from_le_bytes(digest[..16].try_into().expect("half of a digest")).max(1)
        })
        .collect()
}
