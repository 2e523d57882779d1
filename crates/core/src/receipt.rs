//! Receipts: a claim, the evidence for it, and how the evidence was made.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{BindingEvidence, Bytes, Claim, Digest, PublicKey, Tier};

/// A claim, its evidence, and how the evidence was made. Content-addressed; see [`Receipt::cid`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// Version of this format: [`Receipt::VERSION`].
    pub version: u32,
    /// The public facts.
    pub claim: Claim,
    /// What supports them.
    pub evidence: Evidence,
    /// How the evidence was made. Informative: nothing in it is proved.
    pub provenance: Provenance,
}

impl Receipt {
    /// The version that this library writes, and the only one that it reads.
    pub const VERSION: u32 = 1;
}

/// The bytes that support a claim, in one proof system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Evidence {
    /// Tier 2: a Groth16 proof that digests belong together.
    Binding(BindingEvidence),
    /// Tier 0: nothing.
    None {},
    /// Made in a development mode. Worth nothing, and of a shape that no other evidence has.
    Dev {
        /// Which development mode made it.
        mode: String,
    },
    /// Tier 1: the provider's signature under the claim.
    Commitment(Commitment),
    /// Tier 2: a RISC Zero proof that a known program executed the plan.
    Risc0(Risc0Evidence),
    /// Tier 2: a proof over the columns of the plan's tables.
    Stark(StarkEvidence),
    /// Tier 1: a shard's signature under what a command left behind.
    Witness(crate::WitnessEvidence),
}

impl Evidence {
    /// The tier that valid evidence of this kind reaches.
    pub const fn tier(&self) -> Tier {
        match self {
            Self::None {} | Self::Dev { .. } => Tier::None,
            // Whoever made a development key can forge.
            Self::Binding(evidence) if evidence.dev => Tier::None,
            Self::Commitment(_) => Tier::Commitment,
            Self::Binding(_) | Self::Risc0(_) | Self::Stark(_) => Tier::Proof,
            Self::Witness(_) => Tier::Commitment,
        }
    }

    /// The proof system's name, as policies and registries write it.
    pub const fn system(&self) -> &'static str {
        match self {
            Self::Binding(_) => "binding",
            Self::None {} => "none",
            Self::Dev { .. } => "dev",
            Self::Commitment(_) => "commitment",
            Self::Risc0(_) => "risc0",
            Self::Stark(_) => "stark",
            Self::Witness(_) => "witness",
        }
    }
}

/// A provider's Ed25519 signature over `proofmark/commitment/v1` and the claim's digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Commitment {
    /// The provider's public key.
    pub key: PublicKey,
    /// The signature, 64 bytes (RFC 8032).
    pub signature: Bytes,
}

/// A RISC Zero receipt without its journal, which the verifier rebuilds from the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Risc0Evidence {
    /// Image id of the guest.
    pub program: Digest,
    /// The guest's version, `major.minor.patch`, as it stands in the journal.
    pub program_version: String,
    /// RISC Zero's `InnerReceipt` in bincode, as its prover server writes it.
    pub seal: Bytes,
    /// What the seal is worth, as the prover states it. A verifier computes it afresh and compares.
    pub security: SecurityLevel,
}

/// A proof over the columns of a plan's tables. The verifier derives what is proved from the plan itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StarkEvidence {
    /// The plan in its wire form, whose hash is the claim's.
    pub plan: Bytes,
    /// Public bounds of each input, in plan order: all that is told of their sizes.
    pub inputs: Vec<TableBounds>,
    /// The most groups of each `reduce` step, in execution order.
    pub groups: Vec<u32>,
    /// Name of the security parameters: `fast`, `standard` or `paranoid`.
    pub level: String,
    /// The proof. It names each input by its table digest.
    pub proof: Bytes,
    /// The shards of an input that is too large for one proof. Then `proof` is that of the merge of their groups, and
    /// `inputs` and `groups` are the bounds of a shard's proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<StarkShards>,
    /// A bridge for each input that the claim names by its SHA-256 root, in plan order; no others, and none beside
    /// shards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bridges: Vec<Bridge>,
    /// What all proofs together are worth by theorem, as the prover states it. A verifier computes it afresh and
    /// compares.
    pub security: SecurityLevel,
    /// Bits of security under the usual conjectures.
    pub conjectured_bits: u16,
}

/// A proof that the root by which a claim names an input and the digest by which a proof over tables names it belong to
/// one table. It is about that table alone, so every receipt about the table may carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bridge {
    /// The input, as the claim names it.
    pub input: String,
    /// The digest of the table in the proof over tables.
    pub table_digest: Digest,
    /// The proof, of the same security level as the one over tables.
    pub proof: Bytes,
}

/// A table in shards, each with a proof of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StarkShards {
    /// The input, as the claim names it.
    pub input: String,
    /// Rows of each shard but the last, which has at least one and not more.
    pub rows: u32,
    /// The most groups of each `reduce` step of the merge, in execution order.
    pub groups: Vec<u32>,
    /// The shards in order, at most [`StarkShards::MOST`].
    #[serde(deserialize_with = "few")]
    pub shards: Vec<StarkShard>,
}

impl StarkShards {
    /// The most shards of a table.
    pub const MOST: usize = 64;
}

/// A shard of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StarkShard {
    /// The digest of its rows.
    pub table: Digest,
    /// The salted digest of its groups.
    pub groups: Digest,
    /// The proof that the rows give the groups.
    pub proof: Bytes,
}

/// Reads a list of at most [`StarkShards::MOST`] shards; the first one too many is an error.
fn few<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<StarkShard>, D::Error> {
    struct Few;
    impl<'de> serde::de::Visitor<'de> for Few {
        type Value = Vec<StarkShard>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {} shards", StarkShards::MOST)
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(shard) = access.next_element()? {
                if list.len() == StarkShards::MOST {
                    return Err(serde::de::Error::invalid_length(list.len() + 1, &self));
                }
                list.push(shard);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_seq(Few)
}

/// Public bounds of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TableBounds {
    /// The most rows.
    pub rows: u32,
    /// The most bytes of each text column, in the order of the schema; 255 where its texts are hashed.
    pub text_bytes: Vec<u8>,
}

/// How hard it is to forge evidence, and whether it hides its witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityLevel {
    /// Base-2 logarithm of the work that a forger needs.
    pub bits: u16,
    /// Whether the figure is a theorem or rests on a conjecture.
    pub kind: SecurityKind,
    /// Whether the evidence reveals nothing but the claim.
    pub zero_knowledge: bool,
}

/// What a security figure rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecurityKind {
    /// Rests on a conjecture about the proof system beyond its hash function or group.
    Conjectured,
    /// Follows from the stated hardness assumption by proof.
    Proven,
}

impl fmt::Display for SecurityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            SecurityKind::Conjectured => "conjectured",
            SecurityKind::Proven => "proven",
        };
        let zk = if self.zero_knowledge { "zero-knowledge" } else { "not zero-knowledge" };
        write!(f, "{} bits {kind}, {zk}", self.bits)
    }
}

/// How evidence was made: informative, not proved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provenance {
    /// The software that assembled the receipt, with its version.
    pub tool: String,
    /// The prover and its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prover: Option<String>,
    /// Parameters of the prover: receipt kind, hash function, segment size, accelerator.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "crate::strict::map")]
    pub parameters: BTreeMap<String, String>,
    /// Cycles of the zkVM that the program itself used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
    /// Segments that were proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<u64>,
    /// Wall time of the proving, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proving_ms: Option<u64>,
    /// Largest resident memory of the prover's process tree, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}
