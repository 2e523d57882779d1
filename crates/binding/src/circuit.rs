//! The two circuits and what they bind.

use std::{sync::OnceLock, vec::Vec};

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup as _, Field as _, PrimeField as _};
use proofmark_core::{Digest, InferenceClaim, SealedCommitment, SealedInferenceClaim, sha256::Sha256};

use zeroize::Zeroize as _;

use crate::{
    field,
    poseidon::Poseidon,
    r1cs::{Combination, R1cs, R1csBuilder},
};

/// Which facts the verifier knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// All four hashes.
    Open,
    /// The job and a salted commitment.
    Sealed,
}

impl Form {
    /// Both forms.
    pub const ALL: [Self; 2] = [Self::Open, Self::Sealed];

    /// The form's name in files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Sealed => "sealed",
        }
    }

    /// The constraint system, built once.
    pub fn r1cs(self) -> &'static R1cs {
        static SYSTEMS: [OnceLock<R1cs>; 2] = [OnceLock::new(), OnceLock::new()];
        SYSTEMS[self as usize].get_or_init(|| {
            // The constraints do not depend on the values.
            self.synthesize([Fr::ZERO; 2]).0
        })
    }

    /// Identifies the circuit: SHA-256 over its name and its three matrices.
    pub fn circuit_hash(self) -> [u8; 32] {
        static HASHES: [OnceLock<[u8; 32]>; 2] = [OnceLock::new(), OnceLock::new()];
        *HASHES[self as usize].get_or_init(|| {
            let r1cs = self.r1cs();
            let mut hasher = Sha256::domain("proofmark/binding/circuit/v1");
            hasher.update_sized(self.name().as_bytes());
            for number in [r1cs.public, r1cs.variables, r1cs.constraints()] {
                hasher.update(&(number as u64).to_le_bytes());
            }
            for row in r1cs.rows.iter().flatten() {
                hasher.update(&(row.len() as u64).to_le_bytes());
                for (factor, variable) in row {
                    hasher.update(&field::to_be_bytes(factor));
                    hasher.update(&(*variable as u64).to_le_bytes());
                }
            }
            hasher.finish()
        })
    }

    /// Constraint system and full assignment for the hash inputs.
    fn synthesize(self, inputs: [Fr; 2]) -> (R1cs, Vec<Fr>) {
        let commitment = Poseidon::instance().hash(inputs);
        let public: Vec<Fr> = match self {
            Self::Open => vec![commitment],
            Self::Sealed => vec![inputs[0], commitment],
        };
        let mut cs = R1csBuilder::new(&public);
        let inputs = match self {
            Self::Open => inputs.map(|value| cs.private(value)),
            Self::Sealed => [Combination::variable(1), cs.private(inputs[1])],
        };
        let hash = Poseidon::instance().constrain(&mut cs, inputs);
        cs.enforce(&hash, &Combination::variable(0), &Combination::variable(public.len()));
        cs.finish()
    }
}

/// What a verifier feeds to the proof system, and what only the prover knows.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Which circuit.
    pub form: Form,
    /// Public values, without the constant one.
    pub public: Vec<Fr>,
    /// The full assignment.
    pub(crate) assignment: Vec<Fr>,
}

impl Witness {
    /// The witness of the open form.
    pub fn open(facts: &InferenceClaim) -> Self {
        Self::build(Form::Open, open_inputs(facts))
    }

    /// The witness of the sealed form under a random 128-bit salt.
    pub fn sealed(facts: &InferenceClaim, salt: u128) -> Self {
        Self::build(Form::Sealed, sealed_inputs(facts, salt))
    }

    /// The full assignment `(1, public…, private…)`. Secret: it holds the private hashes and the salt.
    pub fn assignment(&self) -> &[Fr] {
        &self.assignment
    }

    /// The variables in the order in which [`Form::synthesize`] makes them: one, public, hash inputs, S-boxes.
    fn build(form: Form, inputs: [Fr; 2]) -> Self {
        let mut boxes = Vec::with_capacity(form.r1cs().variables);
        let commitment = Poseidon::instance().hash_traced(inputs, |values| boxes.extend_from_slice(&values));
        let (public, private) = match form {
            Form::Open => (vec![commitment], &inputs[..]),
            Form::Sealed => (vec![inputs[0], commitment], &inputs[1..]),
        };
        let mut assignment = Vec::with_capacity(form.r1cs().variables);
        assignment.push(Fr::ONE);
        assignment.extend_from_slice(&public);
        assignment.extend_from_slice(private);
        assignment.extend_from_slice(&boxes);
        boxes.zeroize();
        Self { form, public, assignment }
    }
}

/// The assignment of the sealed form holds what the receipt hides.
impl Drop for Witness {
    fn drop(&mut self) {
        self.assignment.zeroize();
    }
}

/// Public values of the open form: `Poseidon(d_hi, d_lo)` with `d` the SHA-256 of all four digests.
pub fn open_public(facts: &InferenceClaim) -> Vec<Fr> {
    vec![Poseidon::instance().hash(open_inputs(facts))]
}

/// The salted commitment of the sealed form.
pub fn sealed_commitment(facts: &InferenceClaim, salt: u128) -> SealedCommitment {
    SealedCommitment(field::to_be_bytes(&Poseidon::instance().hash(sealed_inputs(facts, salt))))
}

/// Public values of the sealed form; `None` if the commitment is not a canonical field element.
pub fn sealed_public(claim: &SealedInferenceClaim) -> Option<Vec<Fr>> {
    Some(vec![job_element(&claim.job), field::from_be_bytes(&claim.commitment.0)?])
}

fn open_inputs(facts: &InferenceClaim) -> [Fr; 2] {
    let mut hasher = Sha256::domain("proofmark/binding/v1");
    update(&mut hasher, &[&facts.job, &facts.model, &facts.input, &facts.output]);
    let digest = hasher.finish();
    let (high, low) = digest.split_at(16);
    [Fr::from_be_bytes_mod_order(high), Fr::from_be_bytes_mod_order(low)]
}

fn sealed_inputs(facts: &InferenceClaim, salt: u128) -> [Fr; 2] {
    let mut hasher = Sha256::domain("proofmark/binding/sealed/v1");
    update(&mut hasher, &[&facts.model, &facts.input, &facts.output]);
    hasher.update(&salt.to_be_bytes());
    [job_element(&facts.job), element(hasher)]
}

/// A job as one field element.
fn job_element(job: &Digest) -> Fr {
    let mut hasher = Sha256::domain("proofmark/binding/job/v1");
    update(&mut hasher, &[job]);
    element(hasher)
}

fn update(hasher: &mut Sha256, digests: &[&Digest]) {
    for digest in digests {
        hasher.update_sized(digest.algorithm().name().as_bytes());
        hasher.update(digest.as_bytes());
    }
}

/// 248 bits of a hash, so that no two representatives exist.
fn element(hasher: Sha256) -> Fr {
    Fr::from_be_bytes_mod_order(&hasher.finish()[..31])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> InferenceClaim {
        InferenceClaim {
            job: Digest::of(b"job"),
            model: Digest::of(b"model"),
            input: Digest::of(b"input"),
            output: Digest::of(b"output"),
        }
    }

    #[test]
    fn sizes_are_those_of_the_protocol() {
        assert_eq!((Form::Open.r1cs().constraints(), Form::Open.r1cs().domain()), (244, 256));
        assert_eq!((Form::Sealed.r1cs().constraints(), Form::Sealed.r1cs().domain()), (244, 256));
    }

    #[test]
    fn honest_witnesses_satisfy_and_changed_ones_do_not() {
        for witness in [Witness::open(&facts()), Witness::sealed(&facts(), 7)] {
            let r1cs = witness.form.r1cs();
            assert!(r1cs.is_satisfied(&witness.assignment));
            for at in 0..witness.assignment.len() {
                let mut changed = witness.assignment.clone();
                changed[at] += Fr::ONE;
                assert!(!r1cs.is_satisfied(&changed), "{:?} variable {at}", witness.form);
            }
        }
        assert_eq!(Witness::open(&facts()).public, open_public(&facts()));
        let commitment = sealed_commitment(&facts(), 7);
        let claim = SealedInferenceClaim { job: facts().job, commitment };
        assert_eq!(Some(Witness::sealed(&facts(), 7).public.clone()), sealed_public(&claim));
    }

    #[test]
    fn the_fast_witness_is_the_synthesized_one() {
        let (open, sealed) = (open_inputs(&facts()), sealed_inputs(&facts(), 9));
        for (form, inputs) in [(Form::Open, open), (Form::Sealed, sealed)] {
            assert_eq!(Witness::build(form, inputs).assignment, form.synthesize(inputs).1);
        }
    }

    #[test]
    fn every_fact_and_its_place_counts() {
        let base = facts();
        let swapped = InferenceClaim { input: base.output, output: base.input, ..base };
        let others = [
            swapped,
            InferenceClaim { job: base.model, ..base },
            InferenceClaim { model: base.job, ..base },
            InferenceClaim { input: base.job, ..base },
            InferenceClaim { output: base.job, ..base },
        ];
        for other in others {
            assert_ne!(open_public(&base), open_public(&other));
            assert_ne!(sealed_commitment(&base, 1), sealed_commitment(&other, 1));
        }
        assert_ne!(sealed_commitment(&base, 1), sealed_commitment(&base, 2));
    }
}
