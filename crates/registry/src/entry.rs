//! Entries of the log: what they say, what they are signed over, what identifies them.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use proofmark_core::{Bytes, Digest, PublicKey, json, sha256::Sha256};
use serde::{Deserialize, Serialize};

use crate::{EntryFault, Program};

const DOMAIN: &str = "proofmark/registry/v1";

/// One change of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// The entry's place in the log, counted from zero.
    pub seq: u64,
    /// Digest of the entry before it; of nothing, under the registry's domain, for the first.
    pub prev: Digest,
    /// When the authority says that it was made. Informative: nothing depends on it.
    pub time: String,
    /// What changes.
    pub action: Action,
    /// Who signed.
    pub signer: PublicKey,
    /// Ed25519 over the domain `proofmark/registry/v1` and the digest of the canonical entry without this field.
    pub signature: Bytes,
}

/// A change of the registry.
#[expect(clippy::large_enum_variant, reason = "a log has few entries, and nearly all of them register")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// A program must no longer be accepted.
    Deprecate {
        /// The program's id.
        program: Digest,
        /// Why, for the people who relied on it.
        reason: String,
    },
    /// A program is good.
    Register(Program),
}

impl Entry {
    /// Makes and signs the entry that follows `prev`.
    pub(crate) fn sign(seq: u64, prev: Digest, time: &str, action: Action, key: &SigningKey) -> Self {
        let signer = PublicKey::new(key.verifying_key().to_bytes());
        let mut entry = Self { seq, prev, time: time.into(), action, signer, signature: Bytes(Vec::new()) };
        entry.signature = key.sign(&entry.message()).to_bytes().to_vec().into();
        entry
    }

    /// SHA-256 of the entry's canonical JSON (RFC 8785), signature included.
    pub fn digest(&self) -> Digest {
        Digest::of(&canonical(self))
    }

    /// Checks texts, metadata and the signature: everything that needs no other entry.
    pub(crate) fn check(&self) -> Result<(), EntryFault> {
        text("time", &self.time, 40)?;
        match &self.action {
            Action::Register(program) => program.check()?,
            Action::Deprecate { reason, .. } => text("reason", reason, 1024)?,
        }
        let key = VerifyingKey::from_bytes(self.signer.as_bytes()).map_err(|_| EntryFault::BadSignature)?;
        let signature = Signature::from_slice(&self.signature).map_err(|_| EntryFault::BadSignature)?;
        key.verify_strict(&self.message(), &signature).map_err(|_| EntryFault::BadSignature)
    }

    /// One length byte, the domain, then SHA-256 of the canonical entry without its signature.
    fn message(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Unsigned<'a> {
            seq: u64,
            prev: &'a Digest,
            time: &'a str,
            action: &'a Action,
            signer: &'a PublicKey,
        }
        let Self { seq, prev, time, action, signer, signature: _ } = self;
        let body = canonical(&Unsigned { seq: *seq, prev, time, action, signer });
        let mut message = vec![DOMAIN.len() as u8];
        message.extend_from_slice(DOMAIN.as_bytes());
        message.extend_from_slice(Digest::of(&body).as_bytes());
        message
    }
}

/// What the first entry follows.
pub(crate) fn genesis() -> Digest {
    Digest::sha256(Sha256::domain(DOMAIN).finish())
}

/// Text that a person reads: not empty, not endless, nothing that moves a terminal's cursor.
pub(crate) fn text(field: &'static str, text: &str, most: usize) -> Result<(), EntryFault> {
    let good = !text.trim().is_empty() && text.len() <= most && !text.chars().any(char::is_control);
    if good { Ok(()) } else { Err(EntryFault::BadText { field, most }) }
}

fn canonical(value: &impl Serialize) -> Vec<u8> {
    let value = serde_json::to_value(value).expect("entries hold strings, lists and small integers only");
    json::canonical(&value).expect("the only number of an entry is its place, bounded by the log's length")
}
