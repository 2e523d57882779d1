//! Judging evidence: the wall between the verifier and the curve.
//!
//! The verifier of receipts asks three questions: which key is this ([`key_id`]), what is such a proof worth
//! ([`SECURITY`]), and does it hold ([`check`], [`check_batch`]). Whether a key is trusted is the verifier's own affair.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    vec::Vec,
};

use ark_bn254::Fr;
use proofmark_core::{
    BindingEvidence, Claim, Digest, SealedInferenceClaim, SealedOpening, SecurityKind, SecurityLevel,
};

use crate::{
    batch,
    circuit::{self, Form},
    key::{self, VerifyingKey},
    proof::{PreparedKey, Proof},
    threads,
};

/// What a binding proof is worth.
///
/// Groth16 is sound in the generic group model; discrete logarithms in the target group of BN254 take some 2^100 steps by the
/// special tower number field sieve (Barbulescu and Duquesne, "Updating Key Size Estimations for Pairings", J. Cryptology
/// 32, 2019). It hides the witness perfectly.
pub const SECURITY: SecurityLevel =
    SecurityLevel { bits: 100, kind: SecurityKind::Conjectured, zero_knowledge: true };

/// Why evidence does not support a claim. The maker of the receipt is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The claim is none that binding proofs support, or its commitment is no field element.
    BadClaim,
    /// The bytes are no verifying key.
    BadKey,
    /// The bytes are no proof: not canonical, not on the curve, or not in the group.
    BadProof,
    /// The key says that it is a development key and the evidence does not, or the other way round.
    DevMisstated,
    /// The proof does not hold for this claim and key.
    DoesNotHold,
    /// The key is for the other form.
    WrongForm,
}

impl fmt::Display for EvidenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadClaim => "the claim is none that a binding proof can support",
            Self::BadKey => "the verifying key is malformed",
            Self::BadProof => "the proof is not 256 bytes of canonical points in their groups",
            Self::DevMisstated => "the evidence and its key differ about being for development",
            Self::DoesNotHold => "the proof does not hold for this claim and key",
            Self::WrongForm => "the key is for the other form of claim",
        })
    }
}

impl std::error::Error for EvidenceError {}

/// What a key says of itself, read without looking at its points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLabel {
    /// What policies and registries call it.
    pub id: Digest,
    /// Which claims it serves.
    pub form: Form,
    /// Whether it was made for development.
    pub dev: bool,
}

/// Which key these bytes would be; `None` if they cannot be one. Costs a hash.
pub fn key_label(bytes: &[u8]) -> Option<KeyLabel> {
    let form = *Form::ALL.get(usize::from(*bytes.first()?))?;
    let dev = match bytes.get(1)? {
        0 => false,
        1 => true,
        _ => return None,
    };
    (bytes.len() == VerifyingKey::bytes(form)).then(|| KeyLabel { id: key::id(form, bytes), form, dev })
}

/// The form of a claim, if binding proofs support it.
pub const fn form_of(claim: &Claim) -> Option<Form> {
    match claim {
        Claim::Binding(_) => Some(Form::Open),
        Claim::SealedBinding(_) => Some(Form::Sealed),
        _ => None,
    }
}

/// Whether the evidence proves the claim. The key must be one that the caller trusts.
///
/// # Errors
/// What is wrong; the receipt's maker is at fault.
pub fn check(claim: &Claim, evidence: &BindingEvidence) -> Result<(), EvidenceError> {
    let (key, public) = subject(claim, evidence)?;
    match key.encoded_holds(&evidence.proof, &public) {
        Some(true) => Ok(()),
        Some(false) => Err(EvidenceError::DoesNotHold),
        None => Err(EvidenceError::BadProof),
    }
}

/// As [`check`] for many receipts, at a third of the price of one each. Every member has its own result: if the whole does
/// not hold, halves are tried until the bad members are found.
pub fn check_batch(items: &[(&Claim, &BindingEvidence)]) -> Vec<Result<(), EvidenceError>> {
    let mut results = Vec::with_capacity(items.len());
    let mut read: Vec<(usize, Item)> = Vec::with_capacity(items.len());
    let items = threads::map(items, threads::CHUNK, &|(claim, evidence)| Item::read(claim, evidence));
    for (at, item) in items.into_iter().enumerate() {
        match item {
            Ok(item) => {
                results.push(Ok(()));
                read.push((at, item));
            }
            Err(error) => results.push(Err(error)),
        }
    }
    while let Some((_, first)) = read.first() {
        let key = Arc::clone(&first.key);
        let (same, others): (Vec<_>, Vec<_>) =
            read.into_iter().partition(|(_, item)| item.key.key() == key.key());
        read = others;
        let statements: Vec<(&Proof, &[Fr])> =
            same.iter().map(|(_, item)| (&item.proof, &item.public[..])).collect();
        for bad in batch::bad_members(&key, &statements) {
            results[same[bad].0] = Err(EvidenceError::DoesNotHold);
        }
    }
    results
}

/// Whether a sealed claim was made from these hashes and this salt.
pub fn opens(claim: &SealedInferenceClaim, opening: &SealedOpening) -> bool {
    opening
        .salt()
        .is_some_and(|salt| circuit::sealed_commitment(&opening.claim(claim.job), salt) == claim.commitment)
}

/// Evidence that was read but not checked.
struct Item {
    key: Arc<PreparedKey>,
    proof: Proof,
    public: Vec<Fr>,
}

impl Item {
    fn read(claim: &Claim, evidence: &BindingEvidence) -> Result<Self, EvidenceError> {
        let (key, public) = subject(claim, evidence)?;
        let proof = Proof::from_bytes(&evidence.proof).ok_or(EvidenceError::BadProof)?;
        Ok(Self { key, proof, public })
    }
}

/// The key of a proof and the public values that it should hold for.
fn subject(claim: &Claim, evidence: &BindingEvidence) -> Result<(Arc<PreparedKey>, Vec<Fr>), EvidenceError> {
    let label = key_label(&evidence.key).ok_or(EvidenceError::BadKey)?;
    if label.dev != evidence.dev {
        return Err(EvidenceError::DevMisstated);
    }
    if form_of(claim).ok_or(EvidenceError::BadClaim)? != label.form {
        return Err(EvidenceError::WrongForm);
    }
    let public = match claim {
        Claim::Binding(claim) => circuit::open_public(claim),
        Claim::SealedBinding(claim) => circuit::sealed_public(claim).ok_or(EvidenceError::BadClaim)?,
        _ => return Err(EvidenceError::BadClaim),
    };
    Ok((prepared(label.id, &evidence.key).ok_or(EvidenceError::BadKey)?, public))
}

/// Prepared keys that are remembered: preparing costs as much as verifying. There are few keys; the oldest goes first.
const REMEMBERED: usize = 16;

fn prepared(id: Digest, bytes: &[u8]) -> Option<Arc<PreparedKey>> {
    static KEYS: RwLock<Vec<(Digest, Arc<PreparedKey>)>> = RwLock::new(Vec::new());
    let find = |keys: &[(Digest, Arc<PreparedKey>)]| {
        keys.iter().find(|(known, _)| *known == id).map(|(_, key)| Arc::clone(key))
    };
    if let Some(key) = find(&KEYS.read().unwrap_or_else(PoisonError::into_inner)) {
        return Some(key);
    }
    let key = Arc::new(PreparedKey::new(VerifyingKey::from_bytes(bytes)?));
    let mut keys = KEYS.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = find(&keys) {
        return Some(key);
    }
    if keys.len() >= REMEMBERED {
        keys.remove(0);
    }
    keys.push((id, Arc::clone(&key)));
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::{AffineRepr as _, CurveGroup as _};

    #[test]
    fn keys_are_prepared_once_and_few_are_remembered() {
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        let key = |at: u64| VerifyingKey {
            form: Form::Open,
            dev: true,
            alpha: g1,
            beta: g2,
            delta: (g2 * Fr::from(at)).into_affine(),
            public: vec![g1; Form::Open.r1cs().public],
        };
        let keys: Vec<VerifyingKey> = (1..=REMEMBERED as u64 + 4).map(key).collect();
        for key in &keys {
            let bytes = key.to_bytes();
            let label = key_label(&bytes).expect("a key");
            let first = prepared(label.id, &bytes).expect("good points");
            assert_eq!(first.key(), key, "one key is never taken for another");
            // Other tests may use other keys meanwhile, but not as many.
            assert!(Arc::ptr_eq(&first, &prepared(label.id, &bytes).expect("good points")));
        }
        let oldest = keys[0].to_bytes();
        let label = key_label(&oldest).expect("a key");
        assert_eq!(prepared(label.id, &oldest).expect("prepared again").key(), &keys[0]);
    }
}
