//! DSSE envelopes: the form in which in-toto tools carry signatures.
//!
//! Signed is `PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body`, lengths in decimal ASCII
//! (<https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>).

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use proofmark_core::{Bytes, PublicKey, WitnessClaim, WitnessEvidence};
use serde::{Deserialize, Serialize};

use crate::statement::{self, PAYLOAD_TYPE};

/// The longest envelope, in bytes, that is read.
pub const MAX_ENVELOPE_BYTES: usize = 2 * statement::MAX_STATEMENT_BYTES;

/// A DSSE envelope in its JSON form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// [`PAYLOAD_TYPE`].
    pub payload_type: String,
    /// The statement, base64.
    pub payload: String,
    /// Signatures, each with the name of its key.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// The key's name: `ed25519:<hex>`.
    pub keyid: String,
    /// The signature, base64.
    pub sig: String,
}

impl Envelope {
    /// The envelope of a signed claim.
    pub fn of(claim: &WitnessClaim, evidence: &WitnessEvidence) -> Self {
        Self {
            payload_type: PAYLOAD_TYPE.into(),
            payload: BASE64.encode(statement::statement(claim)),
            signatures: vec![EnvelopeSignature {
                keyid: evidence.key.to_string(),
                sig: BASE64.encode(&evidence.signature.0),
            }],
        }
    }

    /// Reads an envelope with one signature of ours. The signature itself is not checked here.
    ///
    /// # Errors
    /// If it is too long, no envelope, or holds anything else than one statement of a witness and one signature.
    pub fn open(bytes: &[u8]) -> Result<(WitnessClaim, WitnessEvidence), String> {
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(format!("an envelope has at most {MAX_ENVELOPE_BYTES} bytes, found {}", bytes.len()));
        }
        let envelope: Self = serde_json::from_slice(bytes).map_err(|e| format!("no DSSE envelope: {e}"))?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(format!("the payload is of type `{}`, not `{PAYLOAD_TYPE}`", envelope.payload_type));
        }
        let payload =
            BASE64.decode(&envelope.payload).map_err(|e| format!("the payload is no base64: {e}"))?;
        let [EnvelopeSignature { keyid, sig }] = &envelope.signatures[..] else {
            return Err(format!("one signature is expected, found {}", envelope.signatures.len()));
        };
        let key: PublicKey = keyid.parse().map_err(|e| format!("{e}"))?;
        let signature = BASE64.decode(sig).map_err(|e| format!("the signature is no base64: {e}"))?;
        Ok((statement::read(&payload)?, WitnessEvidence { key, signature: Bytes(signature), perf: None }))
    }

    /// The JSON form, with a line feed at its end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string(self).expect("envelopes hold text only");
        text.push('\n');
        text
    }
}

/// What is signed for a body of a type.
pub fn pae(kind: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {kind} {} ", kind.len(), body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Signs a claim: the shard's side.
pub fn sign(claim: &WitnessClaim, key: &SigningKey) -> WitnessEvidence {
    let signature = key.sign(&pae(PAYLOAD_TYPE, &statement::statement(claim)));
    WitnessEvidence {
        key: PublicKey::new(key.verifying_key().to_bytes()),
        signature: Bytes(signature.to_bytes().to_vec()),
        perf: None,
    }
}

/// Whether the key signed this claim. Strict: no second spelling of a signature holds.
pub(crate) fn check(claim: &WitnessClaim, evidence: &WitnessEvidence) -> Result<(), &'static str> {
    check_message(&evidence.key, &evidence.signature, &pae(PAYLOAD_TYPE, &statement::statement(claim)))
}

/// Whether the key signed these bytes.
pub(crate) fn check_message(key: &PublicKey, signature: &[u8], message: &[u8]) -> Result<(), &'static str> {
    let key = VerifyingKey::from_bytes(key.as_bytes()).map_err(|_| "the key is no Ed25519 key")?;
    let signature = Signature::from_slice(signature).map_err(|_| "a signature has 64 bytes (RFC 8032)")?;
    key.verify_strict(message, &signature).map_err(|_| "the signature is not the key's over this")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{claim, key};

    #[test]
    fn the_encoding_is_the_specifications() {
        // The example of the DSSE specification.
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn an_envelope_holds_what_was_signed() {
        let (claim, key) = (claim(), key(1));
        let evidence = sign(&claim, &key);
        assert_eq!(check(&claim, &evidence), Ok(()));
        let json = Envelope::of(&claim, &evidence).to_json();
        assert_eq!(Envelope::open(json.as_bytes()), Ok((claim.clone(), evidence.clone())));
        let mut other = claim;
        other.recording.samples += 1;
        assert!(check(&other, &evidence).is_err());
        assert!(Envelope::open(&json.as_bytes()[..json.len() - 3]).is_err());
    }
}
