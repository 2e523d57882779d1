//! Receipts about one inference: a binding proof, or a signature in its place.
//!
//! What this module knows is trust: which keys, which job, which digests. What a proof is, its own crate knows.

use proofmark_binding::evidence;
use proofmark_core::{BindingEvidence, Claim, Digest, Evidence, Reason, Receipt, SecurityLevel};
use proofmark_registry::{Registry, Standing};

use crate::{
    Expectations, ExpectedOutput, Policy, Statement,
    gate::{self, Rejection, reject},
};

const DOES_NOT_PROVE: &str = "That the model ran, or that the output was computed from the input: anybody who knows the \
                              digests can make such evidence for any four. Nor who made it, or when.";

/// Everything but the proof itself: cheap, in the order of [`Reason::ALL`].
pub(crate) fn judge(
    registry: &Registry,
    receipt: &Receipt,
    policy: &Policy,
    expectations: &Expectations,
) -> Result<Option<SecurityLevel>, Rejection> {
    gate::check_dev(receipt, policy)?;
    check_dev_key(receipt, policy)?;
    gate::check_tier(receipt, policy, expectations)?;
    if policy.binding.is_none() {
        return reject(
            Reason::SystemNotAllowed,
            "the policy has no `binding` section, so it accepts no claim that does not show that a computation ran",
        );
    }
    gate::check_system(receipt, policy)?;
    let security = match &receipt.evidence {
        Evidence::Binding(proof) => {
            gate::check_security(proof.security, Some(evidence::SECURITY), policy)?;
            Some(proof.security)
        }
        _ => None,
    };
    check_expectations(&receipt.claim, expectations)?;
    match &receipt.evidence {
        Evidence::Binding(proof) => check_key(registry, receipt, proof, policy)?,
        Evidence::Commitment(signature) => gate::check_signature(&receipt.claim, signature, policy)?,
        // Tier 0: the policy asks for nothing.
        Evidence::Dev { .. } | Evidence::None {} => {}
        other => {
            let system = other.system();
            return reject(
                Reason::SystemNotAllowed,
                format!("`{system}` evidence cannot support a claim about an inference"),
            );
        }
    }
    Ok(security)
}

/// The proof itself.
pub(crate) fn check(receipt: &Receipt) -> Result<(), Rejection> {
    match &receipt.evidence {
        Evidence::Binding(proof) => evidence::check(&receipt.claim, proof).map_err(refused),
        _ => Ok(()),
    }
}

/// An error of the evidence room as a rejection.
pub(crate) fn refused(error: evidence::EvidenceError) -> Rejection {
    (Reason::BadSeal, error.to_string())
}

/// The claim and evidence of a receipt whose proof is still to be checked.
pub(crate) fn proof(receipt: &Receipt) -> Option<(&Claim, &BindingEvidence)> {
    match &receipt.evidence {
        Evidence::Binding(proof) => evidence::form_of(&receipt.claim).map(|_| (&receipt.claim, proof)),
        _ => None,
    }
}

/// A development key is one whether the receipt says so or not.
fn check_dev_key(receipt: &Receipt, policy: &Policy) -> Result<(), Rejection> {
    let Evidence::Binding(proof) = &receipt.evidence else { return Ok(()) };
    let dev = proof.dev || evidence::key_label(&proof.key).is_some_and(|label| label.dev);
    if dev && !policy.allow_dev {
        return reject(Reason::DevReceipt, "made with a development key, whose maker can forge proofs");
    }
    Ok(())
}

fn check_key(
    registry: &Registry,
    receipt: &Receipt,
    proof: &BindingEvidence,
    policy: &Policy,
) -> Result<(), Rejection> {
    let Some(label) = evidence::key_label(&proof.key) else {
        return reject(Reason::UnknownKey, "the evidence holds no verifying key");
    };
    if evidence::form_of(&receipt.claim) != Some(label.form) {
        return reject(Reason::BadSeal, evidence::EvidenceError::WrongForm.to_string());
    }
    if policy.binding.as_ref().is_some_and(|binding| binding.keys.contains(&label.id)) {
        return Ok(());
    }
    match registry.standing(&label.id) {
        Standing::Allowed(program) if program.system == "binding" => Ok(()),
        Standing::Allowed(_) | Standing::Unknown => reject(
            Reason::UnknownKey,
            format!("neither the policy nor the registry knows the key {}", label.id),
        ),
        Standing::Deprecated { reason, .. } => {
            reject(Reason::WithdrawnKey, format!("{}: {reason}", label.id))
        }
        Standing::TooOld { minimum, .. } => reject(
            Reason::WithdrawnKey,
            format!("{}: the registry demands at least version {minimum}", label.id),
        ),
    }
}

fn check_expectations(claim: &Claim, expected: &Expectations) -> Result<(), Rejection> {
    if let (Some(expected), Some(found)) = (&expected.job, claim.job())
        && expected != found
    {
        return reject(Reason::WrongJob, format!("expected {expected}, found {found}"));
    }
    if let Some(plan) = &expected.plan {
        return reject(Reason::WrongPlan, format!("expected plan {plan}, found an inference"));
    }
    if let Some(name) = expected.data_roots.keys().next() {
        return reject(Reason::WrongDataRoot, format!("the claim has no input `{name}`"));
    }
    let facts = match claim {
        Claim::Binding(facts) => *facts,
        Claim::SealedBinding(sealed) => match &expected.opening {
            Some(opening) if evidence::opens(sealed, opening) => opening.claim(sealed.job),
            Some(_) => return reject(Reason::WrongModel, "the opening does not open the sealed claim"),
            None => return check_nothing_hidden(expected),
        },
        _ => return reject(Reason::SystemNotAllowed, "the claim is not about an inference"),
    };
    let differs = |expected: Option<Digest>, found: Digest| match expected {
        Some(expected) if expected != found => Some(format!("expected {expected}, found {found}")),
        _ => None,
    };
    if let Some(detail) = differs(expected.model, facts.model) {
        return reject(Reason::WrongModel, detail);
    }
    if let Some(detail) = differs(expected.input, facts.input) {
        return reject(Reason::WrongDataRoot, detail);
    }
    let output = expected.output.as_ref().map(|output| match output {
        ExpectedOutput::Root(digest) => *digest,
        ExpectedOutput::Document(bytes) => Digest::of(bytes),
    });
    match differs(output, facts.output) {
        Some(detail) => reject(Reason::OutputMismatch, detail),
        None => Ok(()),
    }
}

/// A sealed claim without its opening shows nothing but the job: whoever expects more is told so.
fn check_nothing_hidden(expected: &Expectations) -> Result<(), Rejection> {
    let sealed = "the claim is sealed: only who has its opening can compare";
    if expected.model.is_some() {
        return reject(Reason::WrongModel, sealed);
    }
    if expected.input.is_some() {
        return reject(Reason::WrongDataRoot, sealed);
    }
    if expected.output.is_some() {
        return reject(Reason::OutputMismatch, sealed);
    }
    Ok(())
}

/// What such a receipt shows and what it does not.
pub(crate) fn statement(receipt: &Receipt, policy: Option<&Policy>) -> Statement {
    let facts = match &receipt.claim {
        Claim::Binding(claim) => format!(
            "job {}, model {}, input {} and output {} belong together",
            claim.job, claim.model, claim.input, claim.output
        ),
        Claim::SealedBinding(claim) => format!(
            "job {} belongs together with one model, input and output, which the commitment fixes and hides",
            claim.job
        ),
        _ => "a claim of another kind holds".into(),
    };
    let proves = match &receipt.evidence {
        Evidence::Binding(proof) => {
            let key = evidence::key_label(&proof.key)
                .map_or("malformed".into(), |label| format!("{} ({})", label.id, label.form.name()));
            let dev = if proof.dev { " Made with a development key: its maker can forge." } else { "" };
            format!(
                "Whoever made this had these digests, and {facts}: the proof fits no others. Key {key}.{dev}"
            )
        }
        Evidence::Commitment(commitment) => {
            let worth = match policy {
                Some(policy) if policy.providers.contains(&commitment.key) => {
                    "a provider that the policy trusts"
                }
                Some(_) => "a key that the policy does not name, so nothing is known about its holder",
                None => "whoever holds that key",
            };
            format!("Key {} ({worth}) signed that {facts}, and cannot deny it.", commitment.key)
        }
        Evidence::Dev { mode } => format!("Nothing: it was made in the development mode `{mode}`."),
        _ => "Nothing: it carries no evidence, only what its maker says.".into(),
    };
    Statement { proves, does_not_prove: DOES_NOT_PROVE.into() }
}
