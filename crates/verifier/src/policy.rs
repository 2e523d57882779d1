//! What a verifier demands.

use std::collections::BTreeSet;

use proofmark_core::{Limits, PublicKey, Tier};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::BindingPolicy;

/// What a verifier demands of every receipt. Unknown keys are errors; missing ones have the defaults below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Policy {
    /// The lowest tier that is accepted. Default: 2.
    pub min_tier: Tier,
    /// The proof systems that are accepted. Default: all.
    pub systems: BTreeSet<System>,
    /// The providers whose signature counts, at tier 1. Default: none named, so any key counts and the verdict says so.
    pub providers: BTreeSet<PublicKey>,
    /// The fewest bits of security, at tier 2 and above. Default: 90.
    pub min_security_bits: u16,
    /// Whether those bits must be proven. Default: no; no STARK in use today would pass at this size.
    pub require_proven_security: bool,
    /// Whether the evidence must hide everything but the claim. Default: no.
    pub require_zero_knowledge: bool,
    /// The oldest program version that is accepted, beside what the registry says. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_program_version: Option<Version>,
    /// Features that the program must have, by the registry. Default: none.
    pub required_features: BTreeSet<String>,
    /// The widest limits that an execution may have run under. Default: none. A bound refuses claims that state no limits.
    pub max_limits: LimitBounds,
    /// What is demanded of witnesses besides.
    pub witness: proofmark_witness::WitnessPolicy,
    /// Whether receipts from a development mode pass, at tier 0, which is all they are ever worth. Default: no.
    pub allow_dev: bool,
    /// What is demanded of receipts about one inference. Default: nothing said, so none is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<BindingPolicy>,
}

/// Bounds on the limits of a claim; a missing one does not bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LimitBounds {
    /// Bytes of live values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory_bytes: Option<u64>,
    /// Cycles of a zkVM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cycles: Option<u64>,
    /// Bytes of the encoded output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_bytes: Option<u64>,
    /// Executed steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
}

/// A proof system, by the name that receipts and registries use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum System {
    /// Groth16 on BN254: digests that belong together.
    Binding,
    /// A provider's signature.
    Commitment,
    /// A development mode.
    Dev,
    /// Nothing.
    None,
    /// RISC Zero STARKs.
    Risc0,
    /// STARKs over the columns of tables.
    Stark,
    /// A shard's signature under what a command left behind.
    Witness,
}

impl System {
    /// Every proof system that this verifier can judge.
    pub const ALL: [Self; 7] =
        [Self::Binding, Self::Commitment, Self::Dev, Self::None, Self::Risc0, Self::Stark, Self::Witness];

    /// The name in receipts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binding => "binding",
            Self::Commitment => "commitment",
            Self::Dev => "dev",
            Self::None => "none",
            Self::Risc0 => "risc0",
            Self::Stark => "stark",
            Self::Witness => "witness",
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            min_tier: Tier::Proof,
            systems: System::ALL.into(),
            providers: BTreeSet::new(),
            min_security_bits: 90,
            require_proven_security: false,
            require_zero_knowledge: false,
            min_program_version: None,
            required_features: BTreeSet::new(),
            max_limits: LimitBounds::default(),
            witness: proofmark_witness::WitnessPolicy::default(),
            allow_dev: false,
            binding: None,
        }
    }
}

impl Policy {
    /// The longest policy, in bytes, that is read.
    pub const MAX_BYTES: usize = 1 << 20;

    /// Reads a policy from JSON. Other formats come in through serde.
    ///
    /// # Errors
    /// If the text is too long, is no JSON, or has unknown keys or values. Whoever wrote the policy is at fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(PolicyError::TooLarge { limit: Self::MAX_BYTES, actual: bytes.len() });
        }
        serde_json::from_slice(bytes).map_err(|e| PolicyError::Malformed(e.to_string()))
    }
}

impl LimitBounds {
    /// The first limit of a claim that is wider than allowed: its name, the claim's and the widest allowed. A claim that
    /// states no limits passes no bound: nobody knows what its execution was held to.
    pub(crate) fn exceeded(&self, limits: Option<&Limits>) -> Option<(&'static str, Option<u64>, u64)> {
        let pairs = [
            ("maxMemoryBytes", limits.map(|limits| limits.max_memory_bytes), self.max_memory_bytes),
            ("maxCycles", limits.map(|limits| limits.max_cycles), self.max_cycles),
            ("maxOutputBytes", limits.map(|limits| limits.max_output_bytes), self.max_output_bytes),
            ("maxSteps", limits.map(|limits| limits.max_steps), self.max_steps),
        ];
        pairs.into_iter().find_map(|(name, claimed, most)| {
            let most = most?;
            claimed.is_none_or(|claimed| claimed > most).then_some((name, claimed, most))
        })
    }
}

/// Why bytes are not a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not the JSON of a policy; the text says where.
    #[error("not a policy: {0}")]
    Malformed(String),
    /// Longer than is read.
    #[error("a policy has at most {limit} bytes, found {actual}")]
    TooLarge {
        /// The most that is read.
        limit: usize,
        /// What was given.
        actual: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_strict() {
        assert_eq!(Policy::parse(b"{}"), Ok(Policy::default()));
        let policy = Policy::parse(br#"{"minTier": 1, "systems": ["risc0"], "maxLimits": {"maxSteps": 5}}"#)
            .expect("valid");
        assert_eq!(policy.min_tier, Tier::Commitment);
        assert_eq!(policy.systems, [System::Risc0].into());
        let text = serde_json::to_vec(&policy).expect("encodes");
        assert_eq!(Policy::parse(&text), Ok(policy));
        for bad in [
            &br#"{"mintier": "1"}"#[..],
            br#"{"minTier": "1.2"}"#,
            br#"{"systems": ["risc1"]}"#,
            br#"{"maxLimits": {"steps": 1}}"#,
            br#"{"minSecurityBits": -1}"#,
            b"[",
        ] {
            assert!(Policy::parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
