//! Making evidence and receipts.

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::PrimeField as _;
use proofmark_core::{
    BindingEvidence, Claim, Evidence, InferenceClaim, Provenance, Receipt, SealedInferenceClaim,
    SealedOpening,
};
use zeroize::Zeroizing;

use crate::{
    circuit::{self, Form, Witness},
    error::Error,
    evidence::SECURITY,
    manager::LoadedKey,
    proof::{Proof, prove},
};

/// A claim with the evidence for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What is claimed: open or sealed, as the key is.
    pub claim: Claim,
    /// The proof.
    pub evidence: BindingEvidence,
    /// What opens a sealed claim; for the prover and those it trusts.
    pub opening: Option<SealedOpening>,
}

impl Bound {
    /// The receipt, with what made it as provenance.
    pub fn receipt(&self, tool: &str, proving_ms: Option<u64>) -> Receipt {
        let mut parameters = BTreeMap::new();
        if self.evidence.dev {
            parameters.insert("key".into(), "development".into());
        }
        Receipt {
            version: Receipt::VERSION,
            claim: self.claim.clone(),
            evidence: Evidence::Binding(self.evidence.clone()),
            provenance: Provenance {
                tool: tool.into(),
                prover: Some(concat!("proofmark-binding ", env!("CARGO_PKG_VERSION")).into()),
                parameters,
                proving_ms,
                ..Provenance::default()
            },
        }
    }

    /// Memory that it takes, in bytes, for caches.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.evidence.key.len() + self.evidence.proof.len() + 2 * 64
    }
}

/// Proves that these facts belong together, openly or sealed as the key is, and checks the proof before it leaves.
///
/// # Errors
/// If the machine has no randomness, or the proof does not verify because key or memory are damaged.
pub fn bind(key: &LoadedKey, facts: &InferenceClaim) -> Result<Bound, Error> {
    let (claim, witness, opening) = match key.form() {
        Form::Open => (Claim::Binding(*facts), Witness::open(facts), None),
        Form::Sealed => {
            let salt = random::<16>()?;
            let number = u128::from_be_bytes(*salt);
            let commitment = circuit::sealed_commitment(facts, number);
            let claim = Claim::SealedBinding(SealedInferenceClaim { job: facts.job, commitment });
            let opening = SealedOpening {
                model: facts.model,
                input: facts.input,
                output: facts.output,
                salt: salt.to_vec().into(),
            };
            (claim, Witness::sealed(facts, number), Some(opening))
        }
    };
    let proof = prove_witness(key, &witness)?;
    let evidence = BindingEvidence {
        dev: key.is_dev(),
        key: key.bytes.clone().into(),
        proof: proof.to_bytes().into(),
        security: SECURITY,
    };
    Ok(Bound { claim, evidence, opening })
}

/// Proves a witness with fresh randomness and checks the proof.
///
/// # Errors
/// As [`bind`].
pub fn prove_witness(key: &LoadedKey, witness: &Witness) -> Result<Proof, Error> {
    let proof = prove(&key.proving, witness, scalar()?, scalar()?);
    if key.prepared.holds(&proof, &witness.public) { Ok(proof) } else { Err(Error::SelfCheck) }
}

/// A uniform scalar: 64 random bytes are reduced, so its bias is below 2^-250.
fn scalar() -> Result<Fr, Error> {
    Ok(Fr::from_le_bytes_mod_order(&*random::<64>()?))
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|e| Error::NoRandomness(e.to_string()))?;
    Ok(bytes)
}
