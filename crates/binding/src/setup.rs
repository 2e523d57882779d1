//! Phase 2: the part of a set-up that belongs to one circuit.
//!
//! It starts with `δ = 1` from public powers, so anybody can recompute it. Each contributor multiplies `δ` by a secret `d` that is then
//! forgotten, divides `L` and `H` by it, and proves knowledge of `d` (Schnorr, made non-interactive over everything before). If one
//! contributor really forgets, nobody knows `δ`, and nobody can forge.

use std::{string::String, vec::Vec};

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AdditiveGroup as _, AffineRepr as _, CurveGroup, VariableBaseMSM as _, pairing::Pairing as _};
use ark_ff::{Field as _, PrimeField as _, UniformRand as _, Zero as _};
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};
use proofmark_core::sha256::Sha256;

use crate::{
    SetupError,
    circuit::Form,
    field,
    key::{Points, VerifyingKey},
    phase1::PowersOfTau,
    point,
    r1cs::Row,
};

/// One contribution to phase 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// Who contributed, in their own words.
    pub name: String,
    /// `δ` in G1 after this contribution.
    pub delta_g1: G1Affine,
    /// `δ` in G2 after this contribution.
    pub delta_g2: G2Affine,
    /// Schnorr commitment to the proof of knowledge of `d`, base `δ` before.
    pub commitment: G1Affine,
    /// Schnorr response.
    pub response: Fr,
}

/// The points for `δ = 1`.
///
/// # Errors
/// If the powers do not suffice for the circuit.
pub fn initial(form: Form, powers: &PowersOfTau) -> Result<Points, SetupError> {
    let r1cs = form.r1cs();
    let size = r1cs.domain();
    if size > powers.size() {
        return Err(SetupError::TooFewPowers { needed: size, actual: powers.size() });
    }
    let domain = Radix2EvaluationDomain::<Fr>::new(size).expect("BN254 has roots of unity up to 2^28");
    let lagrange = |points: &[G1Affine]| {
        let mut points: Vec<_> = points[..size].iter().map(|point| point.into_group()).collect();
        domain.ifft_in_place(&mut points);
        points
    };
    let (tau, alpha, beta) =
        (lagrange(&powers.tau_g1), lagrange(&powers.alpha_tau), lagrange(&powers.beta_tau));
    let mut tau_g2: Vec<_> = powers.tau_g2[..size].iter().map(|point| point.into_group()).collect();
    domain.ifft_in_place(&mut tau_g2);

    let mut a = vec![G1Projective::ZERO; r1cs.variables];
    let mut b_g1 = a.clone();
    let mut l = a.clone();
    let mut b_g2 = vec![G2Projective::ZERO; r1cs.variables];
    scatter(&r1cs.rows[0], &tau, &mut a);
    scatter(&r1cs.rows[0], &beta, &mut l);
    scatter(&r1cs.rows[1], &tau, &mut b_g1);
    scatter(&r1cs.rows[1], &alpha, &mut l);
    scatter(&r1cs.rows[1], &tau_g2, &mut b_g2);
    scatter(&r1cs.rows[2], &tau, &mut l);
    for variable in 0..r1cs.public {
        a[variable] += tau[r1cs.constraints() + variable];
        l[variable] += beta[r1cs.constraints() + variable];
    }
    let h: Vec<_> = (0..size - 1).map(|i| powers.tau_g1[size + i] - powers.tau_g1[i]).collect();
    let l = G1Projective::normalize_batch(&l);
    Ok(Points {
        verifying: VerifyingKey {
            form,
            dev: false,
            alpha: powers.alpha_tau[0],
            beta: powers.beta_g2,
            delta: G2Affine::generator(),
            public: l[..r1cs.public].to_vec(),
        },
        beta_g1: powers.beta_tau[0],
        delta_g1: G1Affine::generator(),
        a: G1Projective::normalize_batch(&a),
        b_g1: G1Projective::normalize_batch(&b_g1),
        b_g2: G2Projective::normalize_batch(&b_g2),
        l: l[r1cs.public..].to_vec(),
        h: G1Projective::normalize_batch(&h),
    })
}

/// Adds one contribution with a secret drawn from `rng`, which should be the operating system's.
pub fn contribute(
    points: &mut Points,
    transcript: &[Contribution],
    name: &str,
    rng: &mut impl ark_std::rand::Rng,
) -> Contribution {
    let secret = loop {
        let secret = Fr::rand(rng);
        if !secret.is_zero() {
            break zeroize::Zeroizing::new(secret);
        }
    };
    let nonce = zeroize::Zeroizing::new(Fr::rand(rng));
    let before = points.delta_g1;
    let mut contribution = Contribution {
        name: name.into(),
        delta_g1: (before * *secret).into_affine(),
        delta_g2: (points.verifying.delta * *secret).into_affine(),
        commitment: (before * *nonce).into_affine(),
        response: Fr::ZERO,
    };
    contribution.response = *nonce + challenge(points.verifying.form, transcript, &contribution) * *secret;
    let inverse = zeroize::Zeroizing::new(secret.inverse().expect("the secret is not zero"));
    for query in [&mut points.l, &mut points.h] {
        let scaled: Vec<_> = query.iter().map(|point| *point * *inverse).collect();
        *query = G1Projective::normalize_batch(&scaled);
    }
    points.delta_g1 = contribution.delta_g1;
    points.verifying.delta = contribution.delta_g2;
    contribution
}

/// Checks that `points` follow from `powers` by exactly these contributions.
///
/// # Errors
/// Which contribution, or which part of the key, is wrong.
pub fn verify_transcript(
    points: &Points,
    powers: &PowersOfTau,
    transcript: &[Contribution],
) -> Result<(), SetupError> {
    let form = points.verifying.form;
    let start = initial(form, powers)?;
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    let (mut before_g1, mut before_g2) = (g1, g2);
    for (at, contribution) in transcript.iter().enumerate() {
        let challenge = challenge(form, &transcript[..at], contribution);
        let knows =
            before_g1 * contribution.response == contribution.delta_g1 * challenge + contribution.commitment;
        let same = Bn254::pairing(contribution.delta_g1, g2) == Bn254::pairing(g1, contribution.delta_g2);
        if !knows || !same || contribution.delta_g1 == before_g1 || contribution.delta_g2 == before_g2 {
            return Err(SetupError::BadContribution { number: at + 1 });
        }
        (before_g1, before_g2) = (contribution.delta_g1, contribution.delta_g2);
    }
    if (points.delta_g1, points.verifying.delta) != (before_g1, before_g2) {
        return Err(SetupError::Inconsistent("the key's delta is not the last contribution's"));
    }
    let expected = Points {
        verifying: VerifyingKey {
            delta: points.verifying.delta,
            dev: points.verifying.dev,
            ..start.verifying.clone()
        },
        delta_g1: points.delta_g1,
        l: points.l.clone(),
        h: points.h.clone(),
        ..start.clone()
    };
    if expected != *points {
        return Err(SetupError::Inconsistent("the key does not follow from the powers of tau"));
    }
    // L and H times δ are the initial ones: one pairing check under weights that the key fixes.
    let mut hasher = Sha256::domain("proofmark/binding/setup-check/v1");
    let mut bytes = Vec::new();
    points.l.iter().chain(&points.h).for_each(|point| point::put_g1(&mut bytes, point));
    hasher.update(&bytes);
    let base = Fr::from_be_bytes_mod_order(&hasher.finish());
    for (scaled, plain) in [(&points.l, &start.l), (&points.h, &start.h)] {
        let weights: Vec<Fr> =
            core::iter::successors(Some(base), |weight| Some(*weight * base)).take(plain.len()).collect();
        let fits = scaled.len() == plain.len()
            && Bn254::pairing(G1Projective::msm_unchecked(scaled, &weights), points.verifying.delta)
                == Bn254::pairing(G1Projective::msm_unchecked(plain, &weights), g2);
        if !fits {
            return Err(SetupError::Inconsistent("L or H is not divided by delta"));
        }
    }
    Ok(())
}

/// `target[v] += Σ_rows coefficient · basis[row]`.
fn scatter<G>(rows: &[Row], basis: &[G], target: &mut [G])
where
    G: CurveGroup<ScalarField = Fr>,
{
    for (row, point) in rows.iter().zip(basis) {
        for (factor, variable) in row {
            target[*variable] += if *factor == Fr::ONE { *point } else { *point * factor };
        }
    }
}

fn challenge(form: Form, before: &[Contribution], this: &Contribution) -> Fr {
    let mut hasher = Sha256::domain("proofmark/binding/contribution/v1");
    hasher.update(&form.circuit_hash());
    for contribution in before {
        hash_contribution(&mut hasher, contribution);
        hasher.update(&field::to_be_bytes(&contribution.response));
    }
    hash_contribution(&mut hasher, this);
    Fr::from_be_bytes_mod_order(&hasher.finish()[..31])
}

fn hash_contribution(hasher: &mut Sha256, contribution: &Contribution) {
    hasher.update_sized(contribution.name.as_bytes());
    let mut bytes = Vec::new();
    point::put_g1(&mut bytes, &contribution.delta_g1);
    point::put_g2(&mut bytes, &contribution.delta_g2);
    point::put_g1(&mut bytes, &contribution.commitment);
    hasher.update(&bytes);
}
