//! What a verifier of witnesses demands and knows.

use proofmark_core::{Digest, PublicKey};
use serde::{Deserialize, Serialize};

use crate::chain::Head;

/// What is demanded of every witness. Unknown keys are errors; missing ones have the defaults below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WitnessPolicy {
    /// Whose key speaks for which shard. Default: none named, so any key counts and the verdict says so.
    pub identities: Vec<Identity>,
    /// How old a witness may be, in seconds from its end. Default: a day.
    pub max_age_s: u64,
    /// How far clocks may differ, in seconds. Default: 60.
    pub max_skew_s: u64,
    /// Whether the recording must be at hand. Default: yes; without it, only the signature is worth anything.
    pub require_perf: bool,
    /// Whether a witness must answer a challenge. Default: no.
    pub require_nonce: bool,
}

impl Default for WitnessPolicy {
    fn default() -> Self {
        Self {
            identities: Vec::new(),
            max_age_s: 86_400,
            max_skew_s: 60,
            require_perf: true,
            require_nonce: false,
        }
    }
}

/// Whose key speaks for a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// The shard.
    pub shard: u32,
    /// Its key.
    pub key: PublicKey,
    /// Its agent's name; missing, any name counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// What the reader of one witness knows already. Everything that is stated is compared; nothing else is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WitnessExpectations {
    /// The shard that should have run it.
    pub shard: Option<u32>,
    /// The agent that should have run it.
    pub agent: Option<String>,
    /// The challenge that was sent, in lower-case hex.
    pub nonce: Option<String>,
    /// Digest of the command that should have been run: see [`proofmark_core::WitnessedCommand::digest_of`].
    pub command: Option<Digest>,
    /// The time now, in nanoseconds of Unix time. Without it no age is judged.
    pub now_ns: Option<u64>,
    /// The last witness of this shard that is known.
    pub head: Option<Head>,
}
