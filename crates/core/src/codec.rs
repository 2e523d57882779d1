//! The two encodings of a receipt.
//!
//! The binary form is DAG-CBOR: deterministic CBOR (definite lengths, shortest integers, sorted keys) with a
//! registered IPLD codec, so that its CIDv1 means the same to every IPFS tool. The JSON form holds the same
//! content; byte strings become base64. Reading either gives the same [`Receipt`], and a binary form that is
//! not the deterministic encoding of what it decodes to is refused.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cid::{Cid, multihash::Multihash};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Digest, Receipt};

/// The longest receipt, in bytes, that is read in either form.
pub const MAX_RECEIPT_BYTES: usize = 64 << 20;

/// The major type of maps, in the upper three bits of a CBOR item's first byte.
const CBOR_MAP: u8 = 5;
/// DAG-CBOR in the multicodec table.
const DAG_CBOR: u64 = 0x71;
/// SHA-256 in the multicodec table.
const SHA2_256: u64 = 0x12;

impl Receipt {
    /// Reads a receipt in either form; JSON starts with `{` after optional white space.
    ///
    /// # Errors
    /// If the bytes are too long, are no receipt, or are CBOR that is not deterministic. The sender is at
    /// fault and a retry cannot help.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_RECEIPT_BYTES {
            return Err(DecodeError::TooLarge { limit: MAX_RECEIPT_BYTES, actual: bytes.len() });
        }
        let is_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        // What is no receipt at all gets plain words instead of a decoder's.
        if !is_json && bytes.first().is_none_or(|byte| byte >> 5 != CBOR_MAP) {
            return Err(DecodeError::Malformed("neither a JSON object nor a CBOR map".into()));
        }
        let receipt: Self = if is_json {
            serde_json::from_slice(bytes).map_err(|e| {
                refine(serde_json::from_slice(bytes).ok(), DecodeError::Malformed(format!("JSON: {e}")))
            })?
        } else {
            let receipt: Self = serde_ipld_dagcbor::from_slice(bytes).map_err(|e| {
                refine(
                    serde_ipld_dagcbor::from_slice(bytes).ok(),
                    DecodeError::Malformed(format!("CBOR: {e}")),
                )
            })?;
            if receipt.to_cbor() != bytes {
                return Err(DecodeError::NotDeterministic);
            }
            receipt
        };
        if receipt.version != Self::VERSION {
            return Err(DecodeError::UnsupportedVersion(receipt.version));
        }
        Ok(receipt)
    }

    /// The deterministic binary form.
    pub fn to_cbor(&self) -> Vec<u8> {
        serde_ipld_dagcbor::to_vec(self)
            .expect("receipts hold no floats and no maps with foreign keys, so they always encode")
    }

    /// The JSON form, indented, with a line feed at its end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("receipts hold no maps with foreign keys, so they always encode");
        text.push('\n');
        text
    }

    /// CIDv1 (dag-cbor, sha2-256) of the binary form, in base32: the receipt's id.
    pub fn cid(&self) -> String {
        let digest = Digest::of(&self.to_cbor());
        let multihash = Multihash::wrap(SHA2_256, digest.as_bytes()).expect("32 bytes fit a multihash");
        format!("{}", Cid::new_v1(DAG_CBOR, multihash))
    }
}

/// What every version of the format begins with, whatever else it holds.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// A receipt of a newer format is unsupported, not malformed, even where its other fields are unknown here.
fn refine(head: Option<Head>, malformed: DecodeError) -> DecodeError {
    match head {
        Some(head) if head.version != Receipt::VERSION => DecodeError::UnsupportedVersion(head.version),
        _ => malformed,
    }
}

/// Why bytes are not a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// Neither form could be read; the text says where.
    Malformed(String),
    /// The CBOR is not the deterministic encoding of its content.
    NotDeterministic,
    /// Longer than [`MAX_RECEIPT_BYTES`].
    TooLarge {
        /// The most that is read.
        limit: usize,
        /// What was given.
        actual: usize,
    },
    /// Another format version than [`Receipt::VERSION`].
    UnsupportedVersion(u32),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(detail) => write!(f, "not a receipt: {detail}"),
            Self::NotDeterministic => f.write_str("not a receipt: the CBOR is not deterministic"),
            Self::TooLarge { limit, actual } => {
                write!(f, "a receipt has at most {limit} bytes, found {actual}")
            }
            Self::UnsupportedVersion(version) => {
                write!(f, "receipt format version {version}; this software reads {}", Receipt::VERSION)
            }
        }
    }
}

impl core::error::Error for DecodeError {}

/// A byte string: base64 (RFC 4648 section 4, padded) in JSON, a byte string in CBOR.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl core::ops::Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&BASE64.encode(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes, or padded base64 in JSON")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bytes, E> {
                BASE64.decode(text).map(Bytes).map_err(E::custom)
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Visitor)
        } else {
            deserializer.deserialize_bytes(Visitor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Claim, Commitment, Evidence, InputClaim, Limits, PlanClaim, Provenance, Usage};
    use alloc::{string::ToString, vec};

    fn sample() -> Receipt {
        Receipt {
            version: 1,
            claim: Claim::Plan(PlanClaim {
                plan: Digest::of(b"plan"),
                job: None,
                inputs: vec![InputClaim { name: "stocks".into(), root: Digest::of(b"data") }],
                output: Digest::of(b"output"),
                limits: Some(Limits {
                    max_memory_bytes: 1 << 30,
                    max_cycles: 1 << 30,
                    max_output_bytes: 1 << 20,
                    max_steps: 1000,
                }),
                usage: Some(Usage::default()),
            }),
            evidence: Evidence::Commitment(Commitment {
                key: crate::PublicKey::new([7; 32]),
                signature: vec![9; 64].into(),
            }),
            provenance: Provenance { tool: "test".into(), ..Provenance::default() },
        }
    }

    #[test]
    fn both_forms_hold_one_content() {
        let receipt = sample();
        assert_eq!(Receipt::decode(&receipt.to_cbor()), Ok(receipt.clone()));
        assert_eq!(Receipt::decode(receipt.to_json().as_bytes()), Ok(receipt.clone()));
        assert!(receipt.cid().starts_with("bafyrei"), "{}", receipt.cid());
    }

    #[test]
    fn a_claim_may_say_nothing_of_resources() {
        let Claim::Plan(claim) = sample().claim else { panic!("the sample claims a plan run") };
        assert!(claim.journal([1, 0, 0]).is_some());
        let without = [
            PlanClaim { limits: None, ..claim.clone() },
            PlanClaim { usage: None, ..claim.clone() },
            PlanClaim { limits: None, usage: None, ..claim },
        ];
        for claim in without {
            assert_eq!(claim.journal([1, 0, 0]), None, "no guest commits this");
            let receipt = Receipt { claim: Claim::Plan(claim), ..sample() };
            assert_ne!(receipt.claim.digest(), sample().claim.digest());
            assert!(!receipt.to_json().contains("null"));
            assert_eq!(Receipt::decode(&receipt.to_cbor()), Ok(receipt.clone()));
            assert_eq!(Receipt::decode(receipt.to_json().as_bytes()), Ok(receipt.clone()));
        }
    }

    #[test]
    fn a_receipt_cut_at_any_byte_is_refused() {
        let receipt = sample();
        let cbor = receipt.to_cbor();
        let json = receipt.to_json();
        for cut in 0..cbor.len() {
            assert!(Receipt::decode(&cbor[..cut]).is_err(), "CBOR cut at {cut}");
        }
        for cut in 0..json.trim_end().len() {
            assert!(Receipt::decode(&json.as_bytes()[..cut]).is_err(), "JSON cut at {cut}");
        }
    }

    #[test]
    fn only_deterministic_cbor_is_read() {
        let mut cbor = sample().to_cbor();
        // The outer map's head says four pairs; an indefinite-length map means the same to lax readers.
        assert_eq!(cbor[0], 0xa4);
        cbor[0] = 0xbf;
        cbor.push(0xff);
        assert!(Receipt::decode(&cbor).is_err());
        let mut trailing = sample().to_cbor();
        trailing.push(0);
        assert!(Receipt::decode(&trailing).is_err());
    }

    #[test]
    fn unknown_fields_and_versions_are_refused() {
        let json = sample().to_json();
        let newer = json.replacen("\"version\": 1", "\"version\": 2", 1);
        assert_eq!(Receipt::decode(newer.as_bytes()), Err(DecodeError::UnsupportedVersion(2)));
        let newer = newer.replacen("\"claim\"", "\"assertion\"", 1);
        assert_eq!(Receipt::decode(newer.as_bytes()), Err(DecodeError::UnsupportedVersion(2)));
        let extra = json.replacen("\"version\": 1", "\"version\": 1, \"note\": 1", 1);
        assert!(Receipt::decode(extra.as_bytes()).unwrap_err().to_string().contains("note"));
        let none = Receipt { evidence: Evidence::None {}, ..sample() }.to_json();
        assert!(Receipt::decode(none.as_bytes()).is_ok());
        let extra = none.replacen("\"none\": {}", "\"none\": {\"note\": 1}", 1);
        assert_ne!(extra, none);
        assert!(Receipt::decode(extra.as_bytes()).is_err());
    }

    #[test]
    fn repeated_keys_are_refused() {
        let mut receipt = sample();
        receipt.provenance.parameters.insert("hash".into(), "poseidon2".into());
        let json = receipt.to_json();
        let twice = json.replacen("\"hash\"", "\"hash\": \"x\", \"hash\"", 1);
        assert!(Receipt::decode(twice.as_bytes()).unwrap_err().to_string().contains("hash"));
        let twice = json.replacen("\"version\": 1", "\"version\": 1, \"version\": 1", 1);
        assert!(Receipt::decode(twice.as_bytes()).is_err());
    }
}
