//! Digests that carry their algorithm.

use alloc::string::String;
use core::{fmt, str::FromStr};

use crate::sha256::Sha256;

/// The hash function behind a [`Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Poseidon2 over the KoalaBear field, width 16: eight field elements, each four bytes little-endian.
    Poseidon2KoalaBear,
    /// SHA-256 (FIPS 180-4).
    Sha256,
}

impl Algorithm {
    /// The name written before the colon of a digest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poseidon2KoalaBear => "poseidon2-koalabear",
            Self::Sha256 => "sha256",
        }
    }
}

/// A 32-byte digest and the algorithm that made it, written `sha256:<64 lower-case hex digits>`.
///
/// The algorithm is part of the value: two digests with equal bytes and different algorithms differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: [u8; 32],
}

impl Digest {
    /// Wraps 32 bytes that `algorithm` produced.
    pub const fn new(algorithm: Algorithm, bytes: [u8; 32]) -> Self {
        Self { algorithm, bytes }
    }

    /// Wraps the output of SHA-256.
    pub const fn sha256(bytes: [u8; 32]) -> Self {
        Self::new(Algorithm::Sha256, bytes)
    }

    /// The SHA-256 digest of `data`.
    pub fn of(data: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(data);
        Self::sha256(hasher.finish())
    }

    /// The hash function that made this digest.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The 32 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The 64 lower-case hex digits, without the algorithm.
    pub fn to_hex(&self) -> String {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut out = String::with_capacity(64);
        for byte in self.bytes {
            out.push(HEX[usize::from(byte >> 4)] as char);
            out.push(HEX[usize::from(byte & 15)] as char);
        }
        out
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.name())?;
        f.write_str(":")?;
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, hex) = text.split_once(':').ok_or(ParseDigestError::MissingAlgorithm)?;
        let algorithm = match name {
            "poseidon2-koalabear" => Algorithm::Poseidon2KoalaBear,
            "sha256" => Algorithm::Sha256,
            _ => return Err(ParseDigestError::UnknownAlgorithm),
        };
        let bytes = parse_hex(hex.as_bytes())?;
        Ok(Self { algorithm, bytes })
    }
}

/// Reads 64 lower-case hex digits.
pub(crate) fn parse_hex(hex: &[u8]) -> Result<[u8; 32], ParseDigestError> {
    if hex.len() != 64 {
        return Err(ParseDigestError::WrongLength { expected: 64, actual: hex.len() });
    }
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(ParseDigestError::NotLowerCaseHex),
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(bytes)
}

/// Why a text is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseDigestError {
    /// There is no `algorithm:` before the digits.
    MissingAlgorithm,
    /// A digit is not one of `0-9a-f`. Upper case is refused so that a digest has one spelling.
    NotLowerCaseHex,
    /// The algorithm is none that this version knows.
    UnknownAlgorithm,
    /// The number of hex digits is wrong.
    WrongLength {
        /// Digits that the algorithm needs.
        expected: usize,
        /// Digits that were given.
        actual: usize,
    },
}

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingAlgorithm => f.write_str("a digest is written `sha256:<64 hex digits>`"),
            Self::NotLowerCaseHex => f.write_str("a digest has lower-case hex digits only"),
            Self::UnknownAlgorithm => {
                f.write_str("unknown digest algorithm; known are `sha256` and `poseidon2-koalabear`")
            }
            Self::WrongLength { expected, actual } => {
                write!(f, "a digest has {expected} hex digits, found {actual}")
            }
        }
    }
}

impl core::error::Error for ParseDigestError {}

#[cfg(feature = "receipt")]
impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "receipt")]
impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Digest;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a digest such as `sha256:<64 hex digits>`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_digest_has_one_spelling() {
        let digest = Digest::of(b"abc");
        let text = digest.to_string();
        assert_eq!(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(text.parse(), Ok(digest));
        assert_eq!(text.replace("ba78", "BA78").parse::<Digest>(), Err(ParseDigestError::NotLowerCaseHex));
        assert!(text[..70].parse::<Digest>().is_err());
        assert_eq!(text[7..].parse::<Digest>(), Err(ParseDigestError::MissingAlgorithm));
    }
}
