//! Writing canonical JSON (RFC 8785, JCS) into any sink, without building a tree.
//!
//! The writer escapes strings as JCS demands and leaves the order of members to the caller, who knows
//! the names at compile time or keeps them sorted. Numbers are integers of at most 2^53 − 1, for which
//! JCS and plain decimal digits agree; anything larger is written as a string by the formats that use
//! this module.

use alloc::{string::String, vec::Vec};

/// Where canonical bytes go: a buffer or a hasher.
pub trait Sink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for crate::sha256::Sha256 {
    fn put(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

/// Writes `text` as a JSON string (RFC 8785 section 3.2.2.2).
pub fn string(sink: &mut impl Sink, text: &str) {
    sink.put(b"\"");
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let control;
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            0x08 => b"\\b",
            b'\t' => b"\\t",
            b'\n' => b"\\n",
            0x0c => b"\\f",
            b'\r' => b"\\r",
            0..0x20 => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                control = [b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), HEX[usize::from(byte & 15)]];
                &control
            }
            _ => continue,
        };
        sink.put(&bytes[start..at]);
        sink.put(escape);
        start = at + 1;
    }
    sink.put(&bytes[start..]);
    sink.put(b"\"");
}

/// Writes an unsigned integer in decimal digits.
pub fn unsigned(sink: &mut impl Sink, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    sink.put(&digits[at..]);
}

/// The RFC 8785 form of a JSON value whose numbers are integers of at most 2^53 - 1.
///
/// # Errors
/// If the value holds a number that is no such integer: formats of ours write those as strings.
#[cfg(feature = "receipt")]
pub fn canonical(value: &serde_json::Value) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::new();
    write_value(&mut out, value)?;
    Ok(out)
}

/// A number has no exact form in RFC 8785.
#[cfg(feature = "receipt")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCanonical;

#[cfg(feature = "receipt")]
impl core::fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("numbers are integers between -(2^53 - 1) and 2^53 - 1; write others as strings")
    }
}

#[cfg(feature = "receipt")]
impl core::error::Error for NotCanonical {}

/// Recursion is as deep as the value, which `serde_json` bounds at 128 levels when it reads one.
#[cfg(feature = "receipt")]
fn write_value(out: &mut Vec<u8>, value: &serde_json::Value) -> Result<(), NotCanonical> {
    use serde_json::Value;
    const MAX: u64 = (1 << 53) - 1;
    match value {
        Value::Null => out.put(b"null"),
        Value::Bool(true) => out.put(b"true"),
        Value::Bool(false) => out.put(b"false"),
        Value::Number(number) => {
            let magnitude = match (number.as_u64(), number.as_i64()) {
                (Some(magnitude), _) => magnitude,
                (None, Some(negative)) => {
                    out.put(b"-");
                    negative.unsigned_abs()
                }
                (None, None) => return Err(NotCanonical),
            };
            if magnitude > MAX {
                return Err(NotCanonical);
            }
            unsigned(out, magnitude);
        }
        Value::String(text) => string(out, text),
        Value::Array(items) => {
            out.put(b"[");
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.put(b",");
                }
                write_value(out, item)?;
            }
            out.put(b"]");
        }
        Value::Object(members) => {
            // RFC 8785 section 3.2.3: by UTF-16 code units, which is not the order of UTF-8 bytes.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
            out.put(b"{");
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.put(b",");
                }
                string(out, name);
                out.put(b":");
                write_value(out, member)?;
            }
            out.put(b"}");
        }
    }
    Ok(())
}

/// `text` as a JSON string.
pub fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    string(&mut out, text);
    String::from_utf8(out).expect("escaping keeps UTF-8")
}

#[cfg(all(test, feature = "receipt"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn strings_agree_with_serde_json(text in ".*") {
            prop_assert_eq!(serde_json::from_str::<String>(&quoted(&text)).expect("valid JSON"), text);
        }
    }

    #[test]
    fn canonical_form_follows_rfc_8785() {
        // The sorting example of section 3.2.3, with its expected order.
        let text = r#"{"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": [null, true, -7], "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7}"#;
        let value = serde_json::from_str(text).expect("valid JSON");
        let expected = "{\"\\r\":2,\"1\":[null,true,-7],\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(canonical(&value), Ok(expected.as_bytes().to_vec()));
        for bad in ["1.5", "9007199254740992", "-9007199254740992", "[1e300]"] {
            assert_eq!(
                canonical(&serde_json::from_str(bad).expect("valid JSON")),
                Err(NotCanonical),
                "{bad}"
            );
        }
    }

    #[test]
    fn integers_and_control_characters() {
        let mut out = Vec::new();
        unsigned(&mut out, 0);
        unsigned(&mut out, u64::MAX);
        assert_eq!(out, b"018446744073709551615");
        assert_eq!(quoted("\u{1f}\u{7f}\n€"), "\"\\u001f\u{7f}\\n€\"");
    }
}
