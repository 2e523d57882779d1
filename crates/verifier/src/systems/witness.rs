//! Tier 1: a shard's signature under what a command left behind.
//!
//! What is checked and in which order is `proofmark-witness`'s; here the verdict is put into words.

use std::io::{Read, Seek};

use proofmark_core::{Evidence, Outcome, Reason, Receipt, WitnessClaim};
use proofmark_witness::{Checked, perf::Limits};

use crate::{
    Expectations, Policy, Statement,
    gate::{self, Judged, Rejection, reject},
};

/// Judges a witness. `recording` is what `perf` wrote, where it lies beside the receipt.
pub(crate) fn judge<R: Read + Seek>(
    receipt: &Receipt,
    claim: &WitnessClaim,
    policy: &Policy,
    expectations: &Expectations,
    recording: Option<R>,
) -> Result<Judged, Rejection> {
    gate::check_dev(receipt, policy)?;
    gate::check_tier(receipt, policy, expectations)?;
    gate::check_system(receipt, policy)?;
    if let Some(expected) = expectations.job.filter(|expected| claim.job != Some(*expected)) {
        let found = claim.job.map_or("none".to_owned(), |job| job.to_string());
        return reject(Reason::WrongJob, format!("expected {expected}, found {found}"));
    }
    if expectations.plan.is_some() || !expectations.data_roots.is_empty() || expectations.output.is_some() {
        return reject(Reason::WrongPlan, "a witness is about no plan, input or output");
    }
    let Evidence::Witness(evidence) = &receipt.evidence else {
        let detail = format!("`{}` evidence says nothing about a witness", receipt.evidence.system());
        return reject(Reason::SystemNotAllowed, detail);
    };
    let (limits, expected) = (Limits::default(), &expectations.witness);
    let checked = proofmark_witness::verify(claim, evidence, recording, &policy.witness, expected, &limits)?;
    Ok(Judged { security: None, statement: statement(claim, &receipt.evidence, Some(&checked)) })
}

/// What a witness shows, and what it does not, checked or not.
pub(crate) fn statement(claim: &WitnessClaim, evidence: &Evidence, checked: Option<&Checked>) -> Statement {
    let Evidence::Witness(evidence) = evidence else {
        return Statement {
            proves: "Nothing: it carries no evidence, only what its maker says.".into(),
            does_not_prove: "That anything was executed or signed. Anybody can make such a receipt.".into(),
        };
    };
    let worth = match checked {
        Some(checked) if checked.known_key => "registered for that shard",
        Some(_) => "which the policy does not name, so nothing is known about its holder",
        None => "whoever holds it",
    };
    let ended = match claim.outcome {
        Outcome::Exited(code) => format!("exited with {code}"),
        Outcome::Killed(signal) => format!("was killed by signal {signal}"),
    };
    let recording = match checked.map(|checked| checked.facts.is_some()) {
        Some(true) => {
            let samples = claim.recording.samples;
            format!("The recording with this digest agrees: {samples} samples, events, programs and times.")
        }
        Some(false) => "The recording was not looked at.".into(),
        None => "Nothing was checked yet.".into(),
    };
    let mut open = String::new();
    if checked.is_some_and(|checked| !checked.challenged) {
        open.push_str(" Nor that it is fresh: it was compared with no challenge.");
    }
    if checked.is_some_and(|checked| !checked.aged) {
        open.push_str(" Nor its age: no time was given.");
    }
    Statement {
        proves: format!(
            "Key {} ({worth}) signed that command {} ran on shard {} as agent `{}` and {ended}, and cannot deny it. \
             {recording}",
            evidence.key, claim.command.digest, claim.shard, claim.agent
        ),
        does_not_prove: format!(
            "Anything cryptographic about the computation: this is attestation, not proof. Whoever holds the key \
             and the machine can sign a run that never was, or make up a recording that fits. Nor that the \
             output is right.{open}"
        ),
    }
}
