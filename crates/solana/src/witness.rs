//! What a chain keeps of a witness, as Borsh bytes.
//!
//! ```text
//! struct ZkPerfWitness { shard_id: u8, agent: String, timestamp: i64, perf_hash: [u8; 32], samples: u64, signature: [u8; 64] }
//! ```
//!
//! Borsh writes integers little end first, a string as its length in four bytes and its UTF-8, arrays as they are
//! (<https://borsh.io>). The signature is over [`ZkPerfWitness::message`], not over the envelope of the witness: a program
//! on a chain can rebuild this message from the record alone.

use crate::bytes::Reader;

/// What a chain keeps of a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZkPerfWitness<'a> {
    /// The shard, from 0 to 255.
    pub shard_id: u8,
    /// The agent's name, at most [`MAX_AGENT_BYTES`].
    pub agent: &'a str,
    /// Seconds of Unix time at which the run began.
    pub timestamp: i64,
    /// SHA-256 of the recording.
    pub perf_hash: [u8; 32],
    /// Samples in it.
    pub samples: u64,
    /// The shard's Ed25519 signature over [`ZkPerfWitness::message`].
    pub signature: [u8; 64],
}

/// The longest name of an agent, in bytes.
pub const MAX_AGENT_BYTES: usize = 64;
/// The longest Borsh form, in bytes.
pub const MAX_BYTES: usize = FIXED_BYTES + MAX_AGENT_BYTES;
/// The longest message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = DOMAIN.len() + 32 + 8 + MAX_BYTES - SIGNATURE_BYTES;

const DOMAIN: &[u8; 20] = b"proofmark/zkperf/v1\0";
const FIXED_BYTES: usize = 1 + 4 + 8 + 32 + 8 + SIGNATURE_BYTES;
const SIGNATURE_BYTES: usize = 64;

/// Bytes without an allocation, at most `N` of them.
#[derive(Clone, Copy, Debug)]
pub struct Buffer<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Buffer<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    /// Callers put in no more than `N` bytes altogether: names are cut off by [`MAX_AGENT_BYTES`] before.
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}

impl<const N: usize> core::ops::Deref for Buffer<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl<'a> ZkPerfWitness<'a> {
    /// Reads the Borsh form. Nothing if the bytes are too few or too many, or the name is too long or no UTF-8.
    pub fn from_borsh(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let [shard_id] = *reader.array()?;
        let length = u32::from_le_bytes(*reader.array()?) as usize;
        if length > MAX_AGENT_BYTES {
            return None;
        }
        let record = Self {
            shard_id,
            agent: core::str::from_utf8(reader.take(length)?).ok()?,
            timestamp: i64::from_le_bytes(*reader.array()?),
            perf_hash: *reader.array()?,
            samples: reader.u64()?,
            signature: *reader.array()?,
        };
        reader.end(record)
    }

    /// The Borsh form. Nothing if the name is too long.
    pub fn to_borsh(&self) -> Option<Buffer<MAX_BYTES>> {
        let mut buffer = Buffer::new();
        self.push_unsigned(&mut buffer)?;
        buffer.push(&self.signature);
        Some(buffer)
    }

    /// What the shard signs: the domain, the roster's address, the epoch, and the record without its signature.
    ///
    /// A roster's address comes from its program, its authority and its label, so no signature is good elsewhere. Nothing
    /// if the name is too long.
    pub fn message(&self, roster: &[u8; 32], epoch: u64) -> Option<Buffer<MAX_MESSAGE_BYTES>> {
        let mut buffer = Buffer::new();
        buffer.push(DOMAIN);
        buffer.push(roster);
        buffer.push(&epoch.to_le_bytes());
        self.push_unsigned(&mut buffer)?;
        Some(buffer)
    }

    fn push_unsigned<const N: usize>(&self, buffer: &mut Buffer<N>) -> Option<()> {
        if self.agent.len() > MAX_AGENT_BYTES {
            return None;
        }
        buffer.push(&[self.shard_id]);
        buffer.push(&(self.agent.len() as u32).to_le_bytes());
        buffer.push(self.agent.as_bytes());
        buffer.push(&self.timestamp.to_le_bytes());
        buffer.push(&self.perf_hash);
        buffer.push(&self.samples.to_le_bytes());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn the_bytes_are_those_of_borsh(
            (shard_id, agent, timestamp) in (any::<u8>(), "[a-zé]{0,32}", any::<i64>()),
            (perf_hash, samples, half) in (any::<[u8; 32]>(), any::<u64>(), any::<[u8; 32]>()),
        ) {
            let signature: [u8; 64] = [half, half].concat().try_into().unwrap();
            let reference =
                Reference { shard_id, agent: agent.clone(), timestamp, perf_hash, samples, signature };
            let record = ZkPerfWitness { shard_id, agent: &agent, timestamp, perf_hash, samples, signature };
            let bytes = record.to_borsh().unwrap();
            prop_assert_eq!(&bytes[..], &borsh::to_vec(&reference).unwrap()[..]);
            prop_assert_eq!(ZkPerfWitness::from_borsh(&bytes), Some(record));
            for cut in 0..bytes.len() {
                prop_assert_eq!(ZkPerfWitness::from_borsh(&bytes[..cut]), None);
            }
            let longer = [&bytes[..], &[0]].concat();
            prop_assert_eq!(ZkPerfWitness::from_borsh(&longer), None);
        }
    }

    #[test]
    fn the_message_names_roster_and_epoch_and_has_room() {
        let agent = "x".repeat(MAX_AGENT_BYTES);
        let record = ZkPerfWitness {
            shard_id: 255,
            agent: &agent,
            timestamp: -1,
            perf_hash: [7; 32],
            samples: 9,
            signature: [8; 64],
        };
        let message = record.message(&[1; 32], 3).unwrap();
        assert_eq!(message.len(), MAX_MESSAGE_BYTES);
        assert_eq!(record.to_borsh().unwrap().len(), MAX_BYTES);
        assert!(message.starts_with(DOMAIN));
        assert_ne!(message[..], record.message(&[2; 32], 3).unwrap()[..]);
        assert_ne!(message[..], record.message(&[1; 32], 4).unwrap()[..]);
        let long = format!("{agent}x");
        let record = ZkPerfWitness { agent: &long, ..record };
        assert!(record.message(&[1; 32], 3).is_none() && record.to_borsh().is_none());
    }
}
