//! Tier 1: a provider's signature under a claim.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use proofmark_core::{Claim, Commitment, Digest, PublicKey};

const DOMAIN: &str = "proofmark/commitment/v1";

/// Signs a claim: the provider's side.
pub fn sign(claim: &Claim, key: &SigningKey) -> Commitment {
    let signature = key.sign(&message(&claim.digest()));
    Commitment {
        key: PublicKey::new(key.verifying_key().to_bytes()),
        signature: signature.to_bytes().to_vec().into(),
    }
}

/// Whether the commitment's key signed this claim.
///
/// Strict verification: keys of small order and signatures that are not in canonical form are refused, so
/// that no signature fits two claims and no claim has two spellings of one signature.
pub(crate) fn check(claim: &Claim, commitment: &Commitment) -> Result<(), &'static str> {
    let key = VerifyingKey::from_bytes(commitment.key.as_bytes()).map_err(|_| "the key is no Ed25519 key")?;
    let signature =
        Signature::from_slice(&commitment.signature).map_err(|_| "a signature has 64 bytes (RFC 8032)")?;
    key.verify_strict(&message(&claim.digest()), &signature)
        .map_err(|_| "the signature is not the key's over this claim")
}

/// One length byte, the domain, the claim's digest.
fn message(claim: &Digest) -> Vec<u8> {
    let mut message = vec![DOMAIN.len() as u8];
    message.extend_from_slice(DOMAIN.as_bytes());
    message.extend_from_slice(claim.as_bytes());
    message
}
