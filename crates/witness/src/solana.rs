//! The record that a chain keeps of a witness, as Borsh bytes.
//!
//! ```text
//! struct ZkPerfWitness { shard_id: u8, agent: String, timestamp: i64, perf_hash: [u8; 32], samples: u64, signature: [u8; 64] }
//! ```
//!
//! Borsh writes integers little end first, a string as its length in four bytes and its UTF-8, arrays as they are
//! (<https://borsh.io>). The signature is over [`ZkPerfWitness::message`], not over the envelope: a program on a chain can
//! rebuild this message from the record alone.

use ed25519_dalek::{Signer as _, SigningKey};
use proofmark_core::{PublicKey, WitnessClaim};

/// What a chain keeps of a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZkPerfWitness {
    /// The shard, from 0 to 255.
    pub shard_id: u8,
    /// The agent's name, at most [`MAX_AGENT_BYTES`].
    pub agent: String,
    /// Seconds of Unix time at which the run began.
    pub timestamp: i64,
    /// SHA-256 of the recording.
    pub perf_hash: [u8; 32],
    /// Samples in it.
    pub samples: u64,
    /// The shard's Ed25519 signature over [`ZkPerfWitness::message`].
    pub signature: [u8; 64],
}

/// The longest name of an agent on a chain.
pub const MAX_AGENT_BYTES: usize = 64;

const DOMAIN: &[u8] = b"proofmark/zkperf/v1";

impl ZkPerfWitness {
    /// Makes and signs the record of a claim for one epoch.
    ///
    /// # Errors
    /// If the shard, the name or the time does not fit the record.
    pub fn sign(claim: &WitnessClaim, epoch: u64, key: &SigningKey) -> Result<Self, &'static str> {
        let mut record = Self {
            shard_id: claim.shard.try_into().map_err(|_| "a chain's record has shards 0 to 255 only")?,
            agent: claim.agent.clone(),
            timestamp: (claim.started_ns / 1_000_000_000)
                .try_into()
                .map_err(|_| "the time does not fit 64 bits with a sign")?,
            perf_hash: *claim.recording.perf.as_bytes(),
            samples: claim.recording.samples,
            signature: [0; 64],
        };
        if record.agent.len() > MAX_AGENT_BYTES {
            return Err("a chain's record has names of at most 64 bytes");
        }
        record.signature = key.sign(&record.message(epoch)).to_bytes();
        Ok(record)
    }

    /// Whether this key signed the record for this epoch.
    pub fn is_signed_by(&self, epoch: u64, key: &PublicKey) -> bool {
        crate::dsse::check_message(key, &self.signature, &self.message(epoch)).is_ok()
    }

    /// What the shard signs: the domain, the epoch, and the record without its signature.
    pub fn message(&self, epoch: u64) -> Vec<u8> {
        let mut bytes = DOMAIN.to_vec();
        bytes.extend_from_slice(&epoch.to_le_bytes());
        self.write_unsigned(&mut bytes);
        bytes
    }

    /// The Borsh form.
    pub fn to_borsh(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(117 + self.agent.len());
        self.write_unsigned(&mut bytes);
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// Reads the Borsh form.
    ///
    /// # Errors
    /// If the bytes are too few, too many, or no such record.
    pub fn from_borsh(bytes: &[u8]) -> Result<Self, &'static str> {
        fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], &'static str> {
            let (part, left) = rest.split_at_checked(count).ok_or("the record is cut off")?;
            *rest = left;
            Ok(part)
        }
        fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], &'static str> {
            take(rest, N)?.try_into().map_err(|_| "the record is cut off")
        }
        let rest = &mut { bytes };
        let [shard_id] = array(rest)?;
        let length = u32::from_le_bytes(array(rest)?) as usize;
        if length > MAX_AGENT_BYTES {
            return Err("a chain's record has names of at most 64 bytes");
        }
        let agent = std::str::from_utf8(take(rest, length)?).map_err(|_| "the name is not UTF-8")?.to_owned();
        let record = Self {
            shard_id,
            agent,
            timestamp: i64::from_le_bytes(array(rest)?),
            perf_hash: array(rest)?,
            samples: u64::from_le_bytes(array(rest)?),
            signature: array(rest)?,
        };
        if rest.is_empty() { Ok(record) } else { Err("bytes follow the record") }
    }

    fn write_unsigned(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.shard_id);
        bytes.extend_from_slice(&(self.agent.len() as u32).to_le_bytes());
        bytes.extend_from_slice(self.agent.as_bytes());
        bytes.extend_from_slice(&self.timestamp.to_le_bytes());
        bytes.extend_from_slice(&self.perf_hash);
        bytes.extend_from_slice(&self.samples.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{claim, key, public};

    /// The same record as the reference implementation of Borsh writes it.
    #[derive(borsh::BorshSerialize)]
    struct Reference {
        shard_id: u8,
        agent: String,
        timestamp: i64,
        perf_hash: [u8; 32],
        samples: u64,
        signature: [u8; 64],
    }

    #[test]
    fn the_bytes_are_those_of_borsh() {
        let record = ZkPerfWitness::sign(&claim(), 3, &key(1)).unwrap();
        let reference = Reference {
            shard_id: record.shard_id,
            agent: record.agent.clone(),
            timestamp: record.timestamp,
            perf_hash: record.perf_hash,
            samples: record.samples,
            signature: record.signature,
        };
        let bytes = record.to_borsh();
        assert_eq!(bytes, borsh::to_vec(&reference).unwrap());
        assert_eq!(ZkPerfWitness::from_borsh(&bytes).as_ref(), Ok(&record));
        (0..bytes.len()).for_each(|cut| assert!(ZkPerfWitness::from_borsh(&bytes[..cut]).is_err()));
        assert!(record.is_signed_by(3, &public(1)));
        assert!(!record.is_signed_by(4, &public(1)), "a record is for one epoch");
        assert!(!record.is_signed_by(3, &public(2)));
    }
}
