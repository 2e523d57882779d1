//! Proofs, their making and their judging (Groth16, "On the Size of Pairing-based Non-interactive Arguments", 2016).

use std::vec::Vec;

use ark_bn254::{Fq12, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AdditiveGroup as _, AffineRepr as _, CurveGroup as _, PrimeGroup as _, VariableBaseMSM as _};
use ark_ff::Field as _;

use crate::{
    key::VerifyingKey,
    pairing::{Lines, final_exponentiation, miller_loop},
    point,
    threads::{self, join},
};

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
    alpha_beta: Fq12,
    gamma_negated: Lines,
    delta_negated: Lines,
}

impl PreparedKey {
    /// Prepares a key.
    pub fn new(key: VerifyingKey) -> Self {
        Self {
            // Of a key of points that are no infinity, as those read are, the product is not zero.
            alpha_beta: final_exponentiation(&miller_loop(&[(key.alpha, &Lines::from(key.beta))]))
                .unwrap_or_default(),
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
        self.judge(|| Some((proof.a, proof.b)), proof.c, public) == Some(true)
    }

    /// As [`Self::holds`] for the bytes of a proof; nothing if they are not those of one. Reading `B`, which takes long
    /// because its group must be checked, and what depends on it have a thread of their own.
    pub fn encoded_holds(&self, bytes: &[u8], public: &[Fr]) -> Option<bool> {
        let c = point::take_g1(&mut bytes.get(PROOF_BYTES - point::G1_BYTES..)?)?;
        self.judge(|| Proof::from_bytes(bytes).map(|proof| (proof.a, proof.b)), c, public)
    }

    fn judge(
        &self,
        read: impl FnOnce() -> Option<(G1Affine, G2Affine)> + Send,
        c: G1Affine,
        public: &[Fr],
    ) -> Option<bool> {
        let first = || read().map(|(a, b)| miller_loop(&[(a, &b.into())]));
        let fixed = || {
            let x = self.fold_public(public)?.into_affine();
            Some(miller_loop(&[(x, &self.gamma_negated), (c, &self.delta_negated)]))
        };
        let (first, fixed) = join(first, fixed);
        let first = first?;
        Some(fixed.is_some_and(|fixed| final_exponentiation(&(first * fixed)) == Some(self.alpha_beta)))
    }

    /// Whether all proofs hold, by one random linear combination: a false set passes with a chance of
    /// 2^-128 at most, if `weights` are independent, uniform and unknown to whoever made the proofs.
    pub fn all_hold(&self, statements: &[(&Proof, &[Fr])], weights: &[u128]) -> bool {
        assert_eq!(statements.len(), weights.len(), "one weight for each proof");
        let weighted: Vec<_> = statements.iter().zip(weights).collect();
        let chunks: Vec<_> = weighted.chunks(threads::CHUNK).collect();
        let parts = threads::map(&chunks, 1, &|chunk| self.combine(chunk));
        let Some(Part { sum, public, product, c }) =
            parts.into_iter().reduce(|a, b| Some(a?.with(b?))).unwrap_or_else(|| self.combine(&[]))
        else {
            return false;
        };
        let x: G1Projective = self.key.public.iter().zip(&public).map(|(base, factor)| *base * factor).sum();
        let [x, c] = [x, c].map(G1Projective::into_affine);
        let fixed = miller_loop(&[(x, &self.gamma_negated), (c, &self.delta_negated)]);
        let expected = self.alpha_beta.pow(ark_ff::PrimeField::into_bigint(sum));
        final_exponentiation(&(product * fixed)) == Some(expected)
    }

    /// The sums of some statements; nothing if one has not as many public values as the key.
    fn combine(&self, statements: &[(&(&Proof, &[Fr]), &u128)]) -> Option<Part> {
        let (mut sum, mut folded) = (Fr::ZERO, vec![Fr::ZERO; self.key.public.len()]);
        let mut left = Vec::with_capacity(statements.len());
        let mut right: Vec<Lines> = Vec::with_capacity(statements.len());
        for ((proof, public), weight) in statements {
            if public.len() + 1 != folded.len() {
                return None;
            }
            let bits = [**weight as u64, (**weight >> 64) as u64];
            let weight = Fr::from(**weight);
            sum += weight;
            folded[0] += weight;
            for (slot, value) in folded[1..].iter_mut().zip(*public) {
                *slot += weight * value;
            }
            left.push(proof.a.mul_bigint(bits));
            right.push(proof.b.into());
        }
        // Σ w_i C_i by halves of the weights: one sum over many points is cheaper than a product for each.
        let cs: Vec<G1Affine> = statements.iter().map(|((proof, _), _)| proof.c).collect();
        let half = |shift: u32| {
            let scalars: Vec<u64> = statements.iter().map(|(_, weight)| (**weight >> shift) as u64).collect();
            G1Projective::msm_u64(&cs, &scalars)
        };
        let c = half(0) + half(64).mul_bigint([0, 1]);
        let left = G1Projective::normalize_batch(&left);
        let product = miller_loop(&left.into_iter().zip(&right).collect::<Vec<_>>());
        Some(Part { sum, public: folded, product, c })
    }

    fn fold_public(&self, public: &[Fr]) -> Option<G1Projective> {
        let (first, rest) = self.key.public.split_first()?;
        (public.len() == rest.len())
            .then(|| rest.iter().zip(public).map(|(base, value)| *base * value).sum::<G1Projective>() + first)
    }
}

/// Sums over statements, each times its weight `w`.
struct Part {
    /// `Σ w`.
    sum: Fr,
    /// `Σ w` times each public value, the constant one first.
    public: Vec<Fr>,
    /// The product of the Miller loops of `w A` and `B`.
    product: Fq12,
    /// `Σ w C`.
    c: G1Projective,
}

impl Part {
    fn with(mut self, other: Self) -> Self {
        self.sum += other.sum;
        self.public.iter_mut().zip(other.public).for_each(|(sum, value)| *sum += value);
        self.product *= other.product;
        self.c += other.c;
        self
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
    let (b, (a, c)) = join(work_g2, work_g1);
    Proof { a, b, c }
}
