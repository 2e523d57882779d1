//! Proofs, their making and their judging (Groth16, "On the Size of Pairing-based Non-interactive Arguments", 2016).

use std::vec::Vec;

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{
    AdditiveGroup as _, AffineRepr as _, CurveGroup as _, PrimeGroup as _, VariableBaseMSM as _,
    pairing::Pairing as _,
};
use ark_ff::Field as _;

use crate::{key::VerifyingKey, point};

/// Bytes of an encoded proof.
pub const PROOF_BYTES: usize = 2 * point::G1_BYTES + point::G2_BYTES;

/// A Groth16 proof. Anybody can re-randomise it: its bytes identify nothing and protect against no replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// `A`.
    pub a: G1Affine,
    /// `B`.
    pub b: G2Affine,
    /// `C`.
    pub c: G1Affine,
}

impl Proof {
    /// 256 bytes, in the order and coding that Ethereum's pairing precompile takes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PROOF_BYTES);
        point::put_g1(&mut bytes, &self.a);
        point::put_g2(&mut bytes, &self.b);
        point::put_g1(&mut bytes, &self.c);
        bytes
    }

    /// Reads exactly what [`Self::to_bytes`] writes; every point canonical, on its curve, in its group.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let proof = Self {
            a: point::take_g1(&mut bytes)?,
            b: point::take_g2(&mut bytes)?,
            c: point::take_g1(&mut bytes)?,
        };
        bytes.is_empty().then_some(proof)
    }
}

/// A verifying key with its fixed pairings prepared.
#[derive(Clone, Debug)]
pub struct PreparedKey {
    key: VerifyingKey,
    /// `e(α, β)`.
    alpha_beta: <Bn254 as ark_ec::pairing::Pairing>::TargetField,
    gamma_negated: <Bn254 as ark_ec::pairing::Pairing>::G2Prepared,
    delta_negated: <Bn254 as ark_ec::pairing::Pairing>::G2Prepared,
}

impl PreparedKey {
    /// Prepares a key.
    pub fn new(key: VerifyingKey) -> Self {
        Self {
            alpha_beta: Bn254::pairing(key.alpha, key.beta).0,
            gamma_negated: (-G2Affine::generator()).into(),
            delta_negated: (-key.delta).into(),
            key,
        }
    }

    /// The key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Whether the proof holds for these public values: `e(A, B) = e(α, β) · e(X, γ) · e(C, δ)`.
    pub fn holds(&self, proof: &Proof, public: &[Fr]) -> bool {
        let Some(folded) = self.fold_public(public) else { return false };
        let product = Bn254::multi_miller_loop(
            [proof.a, folded.into_affine(), proof.c],
            [proof.b.into(), self.gamma_negated.clone(), self.delta_negated.clone()],
        );
        Bn254::final_exponentiation(product).is_some_and(|value| value.0 == self.alpha_beta)
    }

    /// Whether all proofs hold, by one random linear combination: a false set passes with a chance of
    /// 2^-128 at most, if `weights` are independent, uniform and unknown to whoever made the proofs.
    pub fn all_hold(&self, statements: &[(&Proof, &[Fr])], weights: &[u128]) -> bool {
        assert_eq!(statements.len(), weights.len(), "one weight for each proof");
        let (mut sum, mut folded) = (Fr::ZERO, vec![Fr::ZERO; self.key.public.len()]);
        let mut left = Vec::with_capacity(statements.len() + 2);
        let mut right: Vec<<Bn254 as ark_ec::pairing::Pairing>::G2Prepared> =
            Vec::with_capacity(statements.len() + 2);
        for ((proof, public), weight) in statements.iter().zip(weights) {
            if public.len() + 1 != folded.len() {
                return false;
            }
            let bits = [*weight as u64, (*weight >> 64) as u64];
            let weight = Fr::from(*weight);
            sum += weight;
            folded[0] += weight;
            for (slot, value) in folded[1..].iter_mut().zip(*public) {
                *slot += weight * value;
            }
            left.push(proof.a.mul_bigint(bits));
            right.push(proof.b.into());
        }
        // Σ w_i C_i by halves of the weights: one sum over many points is cheaper than a product for each.
        let cs: Vec<G1Affine> = statements.iter().map(|(proof, _)| proof.c).collect();
        let half = |shift: u32| {
            let scalars: Vec<u64> = weights.iter().map(|weight| (*weight >> shift) as u64).collect();
            G1Projective::msm_u64(&cs, &scalars)
        };
        let cs = half(0) + half(64).mul_bigint([0, 1]);
        let x: G1Projective = self.key.public.iter().zip(&folded).map(|(base, factor)| *base * factor).sum();
        left.push(x);
        left.push(cs);
        right.push(self.gamma_negated.clone());
        right.push(self.delta_negated.clone());
        let product = Bn254::multi_miller_loop(G1Projective::normalize_batch(&left), right);
        let expected = self.alpha_beta.pow(ark_ff::PrimeField::into_bigint(sum));
        Bn254::final_exponentiation(product).is_some_and(|value| value.0 == expected)
    }

    fn fold_public(&self, public: &[Fr]) -> Option<G1Projective> {
        let (first, rest) = self.key.public.split_first()?;
        (public.len() == rest.len())
            .then(|| rest.iter().zip(public).map(|(base, value)| *base * value).sum::<G1Projective>() + first)
    }
}

/// Proves with the tables of a [`crate::key::ProvingKey`].
#[cfg(feature = "prover")]
pub fn prove(key: &crate::key::ProvingKey, witness: &crate::circuit::Witness, r: Fr, s: Fr) -> Proof {
    use crate::{msm, proving::variables_of_b, quotient};
    use ark_bn254::{g1, g2};
    use zeroize::Zeroizing;

    assert_eq!(key.verifying.form, witness.form, "key and witness are of one circuit");
    let z = &witness.assignment;
    let used = variables_of_b(witness.form);
    let public = witness.form.r1cs().public;
    let b_scalars = || used.iter().map(|variable| z[*variable]);
    let work_g2 = || {
        let scalars = Zeroizing::new(b_scalars().chain([s]).collect::<Vec<Fr>>());
        (msm::sum::<g2::Config>(key.b.limbs(), &scalars) + key.verifying.beta).into_affine()
    };
    let work_g1 = || {
        let mut scalars = Zeroizing::new(z.clone());
        scalars.push(r);
        let a = msm::sum::<g1::Config>(key.a.limbs(), &scalars) + key.verifying.alpha;
        let quotient = Zeroizing::new(quotient::quotient(witness.form, z));
        let mut scalars = Zeroizing::new(Vec::with_capacity(z.len() + quotient.len() + used.len() + 1));
        scalars.extend_from_slice(&z[public..]);
        scalars.extend_from_slice(&quotient);
        scalars.extend(b_scalars().map(|value| r * value));
        scalars.push(r);
        // C = Σ L + Σ H + s·A + r·B₁ − r·s·δ with B₁ = β + Σ B + s·δ, so the last two terms with δ cancel.
        let c = msm::sum::<g1::Config>(key.c.limbs(), &scalars) + a * s;
        let [a, c] = G1Projective::normalize_batch(&[a, c])[..] else { unreachable!("two in, two out") };
        (a, c)
    };
    let (b, (a, c)) = rayon::join(work_g2, work_g1);
    Proof { a, b, c }
}
