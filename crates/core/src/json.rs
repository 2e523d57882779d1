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
    fn integers_and_control_characters() {
        let mut out = Vec::new();
        unsigned(&mut out, 0);
        unsigned(&mut out, u64::MAX);
        assert_eq!(out, b"018446744073709551615");
        assert_eq!(quoted("\u{1f}\u{7f}\n€"), "\"\\u001f\u{7f}\\n€\"");
    }
}
