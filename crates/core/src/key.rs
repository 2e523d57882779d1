//! Public keys of providers and of registry authorities.

use alloc::string::String;
use core::{fmt, str::FromStr};

/// An Ed25519 public key (RFC 8032), written `ed25519:<64 lower-case hex digits>`.
///
/// This is the name of a signer and nothing more: whether the 32 bytes are a point of the curve is checked
/// when a signature is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Wraps the 32 bytes of a key.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ed25519:")?;
        f.write_str(&crate::Digest::sha256(self.0).to_hex())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        let hex = text.strip_prefix("ed25519:").ok_or(ParseKeyError)?.as_bytes();
        crate::digest::parse_hex(hex).map(Self).map_err(|_| ParseKeyError)
    }
}

/// A text is not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseKeyError;

impl fmt::Display for ParseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key is written `ed25519:<64 lower-case hex digits>`")
    }
}

impl core::error::Error for ParseKeyError {}

impl serde::Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_key_has_one_spelling() {
        let key = PublicKey::new([0xab; 32]);
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        assert!(text.to_uppercase().parse::<PublicKey>().is_err());
        assert!(text[..70].parse::<PublicKey>().is_err());
        assert!(text[8..].parse::<PublicKey>().is_err());
    }
}
