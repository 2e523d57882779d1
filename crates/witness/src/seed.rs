//! The short witness: eight fields that a shell can check.
//!
//! ```json
//! {"shard_id": 0, "agent": "CICADA-Harbot-0", "timestamp": 1769979526, "perf_data": "zkperf-0.data",
//!  "perf_hash": "2094…", "samples": 162, "witness_type": "zkPerf", "proof": "e3b0…"}
//! ```
//!
//! `proof` is the SHA-256 of `shard_id`, `timestamp` and `perf_hash` written one after the other, numbers in decimal.
//! Nobody signs it and anybody can compute it: it ties three fields together and proves nothing. What is signed is the
//! [envelope](crate::dsse) beside it.

use proofmark_core::{Digest, WitnessClaim};
use serde::{Deserialize, Serialize};

/// The short witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedWitness {
    /// The shard, from 0.
    pub shard_id: u32,
    /// The agent's name.
    pub agent: String,
    /// Seconds of Unix time at which the run began.
    pub timestamp: u64,
    /// Where the recording is.
    pub perf_data: String,
    /// SHA-256 of the recording, 64 lower-case hex digits.
    pub perf_hash: String,
    /// Samples in it.
    pub samples: u64,
    /// `zkPerf`.
    pub witness_type: String,
    /// See the module's text.
    pub proof: String,
}

/// The longest short witness, in bytes, that is read.
pub const MAX_SEED_BYTES: usize = 1 << 16;

/// The kind that is written.
pub const WITNESS_TYPE: &str = "zkPerf";

impl SeedWitness {
    /// The short form of a claim whose recording lies at `perf_data`.
    pub fn of(claim: &WitnessClaim, perf_data: impl Into<String>) -> Self {
        let (timestamp, perf_hash) = (claim.started_ns / 1_000_000_000, claim.recording.perf.to_hex());
        let proof = proof(claim.shard, timestamp, &perf_hash);
        Self {
            shard_id: claim.shard,
            agent: claim.agent.clone(),
            timestamp,
            perf_data: perf_data.into(),
            perf_hash,
            samples: claim.recording.samples,
            witness_type: WITNESS_TYPE.into(),
            proof,
        }
    }

    /// Reads a short witness and checks that its `proof` ties its own fields together.
    ///
    /// # Errors
    /// If the bytes are none, or `proof` is not what the fields give.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_SEED_BYTES {
            return Err(format!("a short witness has at most {MAX_SEED_BYTES} bytes"));
        }
        let witness: Self = serde_json::from_slice(bytes).map_err(|e| format!("no short witness: {e}"))?;
        let expected = proof(witness.shard_id, witness.timestamp, &witness.perf_hash);
        if witness.witness_type != WITNESS_TYPE || witness.proof != expected {
            return Err(format!(
                "`proof` or `witness_type` is wrong: expected {expected} and {WITNESS_TYPE}"
            ));
        }
        Ok(witness)
    }

    /// The JSON form, indented, with a line feed at its end.
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("a short witness holds text and integers only");
        text.push('\n');
        text
    }
}

fn proof(shard: u32, timestamp: u64, perf_hash: &str) -> String {
    Digest::of(format!("{shard}{timestamp}{perf_hash}").as_bytes()).to_hex()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::claim;

    #[test]
    fn the_fields_are_the_seeds_in_its_order() {
        let witness = SeedWitness::of(&claim(), "zkperf-7.data");
        let text = witness.to_json();
        let keys: Vec<_> = text.lines().filter_map(|line| line.trim().split('"').nth(1)).collect();
        let expected =
            ["shard_id", "agent", "timestamp", "perf_data", "perf_hash", "samples", "witness_type", "proof"];
        assert_eq!(keys, expected);
        assert_eq!(SeedWitness::parse(text.as_bytes()).as_ref(), Ok(&witness));
        let other = text.replacen("\"shard_id\": 7", "\"shard_id\": 8", 1);
        assert!(SeedWitness::parse(other.as_bytes()).is_err());
    }
}
