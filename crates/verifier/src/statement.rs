//! What evidence shows and what it does not, in words.

use proofmark_core::{Claim, Evidence, Receipt};

use crate::{Policy, systems::binding};

/// What a receipt would show if it is valid, and what it would not show even then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// One sentence about what it shows.
    pub proves: String,
    /// What it does not show. Printed with every verdict.
    pub does_not_prove: String,
}

/// The statement that a receipt makes, before anybody checked it.
///
/// With a policy, a signature's worth is put in its words: a trusted provider, or a key that nobody vouches for.
pub fn statement(receipt: &Receipt, policy: Option<&Policy>) -> Statement {
    let job = match receipt.claim.job() {
        Some(job) => format!(" for job {job}"),
        None => String::new(),
    };
    match &receipt.claim {
        Claim::Witness(claim) => crate::systems::witness::statement(claim, &receipt.evidence, None),
        Claim::Plan(claim) => plan_statement(&receipt.evidence, policy, &claim.plan.to_string(), &job),
        Claim::Binding(_) | Claim::SealedBinding(_) => binding::statement(receipt, policy),
        _ => Statement {
            proves: "nothing that this verifier can judge".into(),
            does_not_prove: "anything about its claim".into(),
        },
    }
}

fn plan_statement(evidence: &Evidence, policy: Option<&Policy>, plan: &str, job: &str) -> Statement {
    match evidence {
        Evidence::Risc0(evidence) => Statement {
            proves: format!(
                "Program {} in version {} executed plan {plan}{job} on input data with the stated roots, within \
                 the stated limits, and got an output with the stated root.",
                evidence.program, evidence.program_version
            ),
            does_not_prove: "That the plan was a good idea, that the input data are true or complete, who \
                             ran it, or when. The tool, times and parameters under `provenance` are not proved."
                .into(),
        },
        Evidence::Stark(evidence) => Statement {
            proves: format!(
                "Whoever made the proof knew tables with the stated digests of inputs{}, of at most the stated numbers \
                 of rows, from which plan {plan}{job} gives a table with the stated digest of the output; at security \
                 level `{}`.",
                match (&evidence.shards, evidence.bridges.is_empty()) {
                    (Some(found), _) => {
                        format!(" ({} as the rows of {} shards)", found.input, found.shards.len())
                    }
                    (None, false) => " or, where a bridge ties these together, roots".to_string(),
                    (None, true) => String::new(),
                },
                evidence.level
            ),
            does_not_prove: "That the plan was a good idea, that the input data are true or complete, who ran it, or \
                             when; nor that the plan's limits on memory and steps were kept. The tool, times and \
                             parameters under `provenance` are not proved."
                .into(),
        },
        Evidence::Commitment(commitment) => {
            let worth = match policy {
                Some(policy) if policy.providers.contains(&commitment.key) => {
                    "a provider that the policy trusts"
                }
                Some(_) => "a key that the policy does not name, so nothing is known about its holder",
                None => "whoever holds that key",
            };
            Statement {
                proves: format!(
                    "Key {} ({worth}) signed that plan {plan}{job} on input data with the stated roots gives \
                     an output with the stated root, and cannot deny it.",
                    commitment.key
                ),
                does_not_prove: "That the plan was executed at all, or that the output is right: recompute it \
                                 to find out. Nor when it was signed, nor that the input data are true."
                    .into(),
            }
        }
        Evidence::Dev { mode } => Statement {
            proves: format!("Nothing: it was made in the development mode `{mode}`."),
            does_not_prove: "That anything was executed or signed. Anybody can make such a receipt.".into(),
        },
        _ => Statement {
            proves: "Nothing: it carries no evidence, only what its maker says.".into(),
            does_not_prove: "That anything was executed or signed. Anybody can make such a receipt.".into(),
        },
    }
}
