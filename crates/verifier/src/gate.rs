//! Checks that every receipt passes, whatever it claims.

use proofmark_core::{Claim, Commitment, Evidence, Reason, Receipt, SecurityKind, SecurityLevel, Tier};

use crate::{Expectations, Policy, Statement, System, systems::commitment};

/// What a receipt that passed every check is worth.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// Of the evidence; absent below tier 2.
    pub(crate) security: Option<SecurityLevel>,
    pub(crate) statement: Statement,
}

/// A check that failed.
pub(crate) type Rejection = (Reason, String);

pub(crate) fn reject<T>(reason: Reason, detail: impl Into<String>) -> Result<T, Rejection> {
    Err((reason, detail.into()))
}

/// Evidence of a development mode passes only where the policy says so.
pub(crate) fn check_dev(receipt: &Receipt, policy: &Policy) -> Result<(), Rejection> {
    match &receipt.evidence {
        Evidence::Dev { mode } if !policy.allow_dev => {
            reject(Reason::DevReceipt, format!("made in the development mode `{mode}`"))
        }
        _ => Ok(()),
    }
}

/// The evidence reaches the tier that policy and job demand.
pub(crate) fn check_tier(
    receipt: &Receipt,
    policy: &Policy,
    expectations: &Expectations,
) -> Result<(), Rejection> {
    let tier = receipt.evidence.tier();
    let job = expectations.min_tier.unwrap_or(Tier::None);
    let (wanted, who) = if job > policy.min_tier { (job, "job") } else { (policy.min_tier, "policy") };
    if tier < wanted {
        let system = receipt.evidence.system();
        return reject(
            Reason::TierTooLow,
            format!("the {who} demands tier {wanted}; `{system}` evidence reaches tier {tier}"),
        );
    }
    Ok(())
}

/// The policy accepts the proof system.
pub(crate) fn check_system(receipt: &Receipt, policy: &Policy) -> Result<(), Rejection> {
    let name = receipt.evidence.system();
    if policy.systems.iter().any(|system: &System| system.name() == name) {
        return Ok(());
    }
    reject(Reason::SystemNotAllowed, format!("the policy does not accept `{name}`"))
}

/// Compares the stated level with the policy, then with what the evidence really has, where that is known.
pub(crate) fn check_security(
    stated: SecurityLevel,
    actual: Option<SecurityLevel>,
    policy: &Policy,
) -> Result<(), Rejection> {
    if stated.bits < policy.min_security_bits
        || (policy.require_proven_security && stated.kind != SecurityKind::Proven)
        || (policy.require_zero_knowledge && !stated.zero_knowledge)
    {
        let proven = if policy.require_proven_security { " proven" } else { "" };
        let hiding = if policy.require_zero_knowledge { ", zero-knowledge" } else { "" };
        return reject(
            Reason::SecurityTooLow,
            format!(
                "the policy demands {}{proven} bits{hiding}; the receipt has {stated}",
                policy.min_security_bits
            ),
        );
    }
    match actual {
        Some(actual) if actual != stated => reject(
            Reason::SecurityMisstated,
            format!("the receipt states {stated}; its evidence has {actual}"),
        ),
        _ => Ok(()),
    }
}

/// The signature is the key's over this claim, and the policy trusts the key.
pub(crate) fn check_signature(
    claim: &Claim,
    evidence: &Commitment,
    policy: &Policy,
) -> Result<(), Rejection> {
    if let Err(error) = commitment::check(claim, evidence) {
        return reject(Reason::BadSignature, error);
    }
    let providers = &policy.providers;
    if !providers.is_empty() && !providers.contains(&evidence.key) {
        return reject(
            Reason::UntrustedProvider,
            format!("the policy names {} providers; {} is none of them", providers.len(), evidence.key),
        );
    }
    Ok(())
}
