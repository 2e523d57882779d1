//! Witness claims: what a command left behind when it ran under a sampling profiler.
//!
//! A witness is attestation, not proof: its fields are what one signer says he saw. What makes lying hard is that the
//! fields must agree with a recording that names clocks, programs and samples, and that it was the answer to a challenge.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Bytes, Digest, PublicKey};

/// A command ran on one shard and left this performance record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WitnessClaim {
    /// The shard that ran it, from 0.
    pub shard: u32,
    /// The agent's name.
    pub agent: String,
    /// Which witness of this shard it is, from 0, without gaps.
    pub sequence: u64,
    /// Digest of the claim before this one on the same shard; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// The challenge that this run answers, in lower-case hex, at most 64 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Digest of the job that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Digest>,
    /// What was run.
    pub command: WitnessedCommand,
    /// Wall-clock time at which the command was let go, in nanoseconds of Unix time.
    pub started_ns: u64,
    /// Wall-clock time at which it was seen to have ended, in nanoseconds of Unix time.
    pub ended_ns: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What the operating system says it used, with its awaited children.
    pub usage: ProcessUsage,
    /// Where it ran.
    pub machine: Machine,
    /// The performance record.
    pub recording: Recording,
    /// Digest of the full claim that this redacted copy was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted_from: Option<Digest>,
}

/// A command as it was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WitnessedCommand {
    /// SHA-256 over the arguments, each with its length before it: see [`WitnessedCommand::digest_of`].
    pub digest: Digest,
    /// The arguments, the command's name first. Empty in a redacted claim.
    pub arguments: Vec<String>,
    /// The program that was started.
    pub program: Binary,
    /// The program that interprets it, if the first is a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<Binary>,
    /// Environment variables that the recorder was told to write down.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "crate::strict::map")]
    pub environment: BTreeMap<String, String>,
    /// Digest of the working tree's files, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<Digest>,
}

impl WitnessedCommand {
    /// SHA-256 under the domain `proofmark/command/v1` over each argument's length in eight bytes, big end first,
    /// and the argument.
    pub fn digest_of<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Digest {
        let mut hasher = crate::sha256::Sha256::domain("proofmark/command/v1");
        for argument in arguments {
            hasher.update(&(argument.len() as u64).to_be_bytes());
            hasher.update(argument.as_bytes());
        }
        Digest::sha256(hasher.finish())
    }
}

/// A file with code in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Binary {
    /// Its path, symbolic links resolved.
    pub path: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// The linker's build id in lower-case hex, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Outcome {
    /// It exited with this code, 0 to 255.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
}

/// What the operating system says a command used (`getrusage(2)`), with its awaited children.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProcessUsage {
    /// Processor time in user mode, in microseconds.
    pub user_us: u64,
    /// Processor time in the kernel, in microseconds.
    pub system_us: u64,
    /// Largest resident memory of one process, in bytes.
    pub max_resident_bytes: u64,
    /// Page faults that needed no disk.
    pub minor_faults: u64,
    /// Page faults that did.
    pub major_faults: u64,
    /// Context switches by waiting.
    pub voluntary_switches: u64,
    /// Context switches by being pushed aside.
    pub involuntary_switches: u64,
    /// Processes that it left running when it ended.
    pub left_running: u32,
}

/// Where a command ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Machine {
    /// The kernel's release, as `uname -r` prints it.
    pub kernel: String,
    /// The architecture, as `uname -m` prints it.
    pub architecture: String,
    /// The processor's model.
    pub cpu: String,
    /// Processors that could be used.
    pub cpus: u32,
}

/// A performance record and what its maker says is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recording {
    /// SHA-256 of the `perf.data` file.
    pub perf: Digest,
    /// Its length.
    pub perf_bytes: u64,
    /// The recorder's version, as the file states it.
    pub tool: String,
    /// What was counted, in the order of the file.
    pub events: Vec<Event>,
    /// Samples of all events.
    pub samples: u64,
    /// Records that the kernel says it dropped.
    pub lost: u64,
    /// Monotonic time of the first sample in nanoseconds; zero if there is none.
    pub first_ns: u64,
    /// Monotonic time of the last sample in nanoseconds; zero if there is none.
    pub last_ns: u64,
    /// Build ids of the mapped programs and libraries by path, in lower-case hex.
    #[serde(deserialize_with = "crate::strict::map")]
    pub build_ids: BTreeMap<String, String>,
}

/// One kind of thing that a recording counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// Its name in the recording.
    pub name: String,
    /// Who counts.
    pub source: EventSource,
    /// Samples of this event.
    pub samples: u64,
    /// Sum of the samples' periods: nanoseconds of clocks, otherwise things counted.
    pub total: u64,
}

/// Who counts an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventSource {
    /// The processor.
    Hardware,
    /// The kernel.
    Software,
}

/// A shard's signature under a witness.
///
/// Signed is the DSSE pre-authentication encoding of the in-toto statement that the claim implies. A verifier writes
/// that statement itself, so a claim and what was signed cannot disagree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WitnessEvidence {
    /// The shard's public key.
    pub key: PublicKey,
    /// The signature, 64 bytes (RFC 8032).
    pub signature: Bytes,
    /// The `perf.data` file itself where it is small; otherwise it lies beside the receipt, under its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perf: Option<Bytes>,
}

impl From<WitnessClaim> for crate::Claim {
    fn from(claim: WitnessClaim) -> Self {
        Self::Witness(Box::new(claim))
    }
}
