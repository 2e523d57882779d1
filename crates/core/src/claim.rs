//! Claims: the public facts that evidence supports.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Digest, InferenceClaim, Limits, SealedInferenceClaim, Usage,
    journal::{Journal, inputs_digest},
    sha256::Sha256,
};

/// The public facts of a receipt. Each kind of evidence has its own variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Claim {
    /// These job, model, input and output belong together.
    Binding(InferenceClaim),
    /// This plan, on data with these roots, gives an output with this root.
    Plan(PlanClaim),
    /// As `Binding`, with all but the job behind a salted commitment.
    SealedBinding(SealedInferenceClaim),
    /// This command ran on this shard and left this performance record.
    Witness(alloc::boxed::Box<crate::WitnessClaim>),
}

impl Claim {
    /// SHA-256 under the domain `proofmark/claim/v1` over the DAG-CBOR encoding of the claim.
    ///
    /// This is what a provider signs and what two receipts for the same work share.
    pub fn digest(&self) -> Digest {
        let mut hasher = Sha256::domain("proofmark/claim/v1");
        let bytes = serde_ipld_dagcbor::to_vec(self)
            .expect("claims hold no floats and no maps with foreign keys, so they always encode");
        hasher.update(&bytes);
        Digest::sha256(hasher.finish())
    }

    /// The digest of the job that this work answers, if it answers one.
    pub fn job(&self) -> Option<&Digest> {
        match self {
            Self::Binding(claim) => Some(&claim.job),
            Self::Plan(claim) => claim.job.as_ref(),
            Self::SealedBinding(claim) => Some(&claim.job),
            Self::Witness(claim) => claim.job.as_ref(),
        }
    }
}

/// A plan was executed on committed inputs and gave a committed output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanClaim {
    /// SHA-256 of the canonical plan.
    pub plan: Digest,
    /// Digest of the job that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Digest>,
    /// The inputs in plan order.
    pub inputs: Vec<InputClaim>,
    /// Root of the output value.
    pub output: Digest,
    /// Limits that were in force; absent where the evidence says nothing of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Resources that the execution used; absent where the evidence says nothing of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl PlanClaim {
    /// The journal that a guest of this version commits if, and only if, it proved this claim.
    ///
    /// Returns `None` if a digest is not SHA-256, or limits or usage are absent: no guest of ours can have committed that.
    pub fn journal(&self, program_version: [u16; 3]) -> Option<Journal> {
        let sha256 =
            |digest: &Digest| (digest.algorithm() == crate::Algorithm::Sha256).then(|| *digest.as_bytes());
        Some(Journal {
            program_version,
            plan: sha256(&self.plan)?,
            job: match &self.job {
                Some(job) => sha256(job)?,
                None => [0; 32],
            },
            inputs: inputs_digest(self.inputs.iter().map(|input| (input.name.as_str(), &input.root))),
            output: sha256(&self.output)?,
            limits: self.limits?.numbers(),
            usage: self.usage?.numbers(),
        })
    }
}

/// One input of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputClaim {
    /// Id of the `data-input` step.
    pub name: String,
    /// Root of the value that was fed to it.
    pub root: Digest,
}

/// How much a receipt can convince somebody who does not trust its maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Nothing beyond the provider's word.
    None,
    /// Tier 1: the provider signed a commitment to inputs, plan and output.
    Commitment,
    /// Tier 1.5: a hardware vendor attests the execution.
    Tee,
    /// Tier 2: a zero-knowledge proof of the claim. What that is worth depends on the claim.
    Proof,
    /// Tier 3: a proof over data that a TLS server provably sent.
    ProofOverTls,
}

impl Tier {
    /// All tiers, weakest first.
    pub const ALL: [Self; 5] = [Self::None, Self::Commitment, Self::Tee, Self::Proof, Self::ProofOverTls];

    /// The tier's number as users write it.
    pub const fn number(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Commitment => "1",
            Self::Tee => "1.5",
            Self::Proof => "2",
            Self::ProofOverTls => "3",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.number() == text)
            .ok_or_else(|| "a tier is one of 0, 1, 1.5, 2, 3".to_string())
    }
}

impl Serialize for Tier {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.number())
    }
}

impl<'de> Deserialize<'de> for Tier {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Tier;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tier: 0, 1, 1.5, 2 or 3")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Tier, E> {
                text.parse().map_err(E::custom)
            }
            // A person writes `minTier: 2` into YAML, without quotes.
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Tier, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Tier, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Tier, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
