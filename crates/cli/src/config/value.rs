//! Values of configuration keys and how they are read from text.

use std::fmt;

use proofmark_core::{Digest, PublicKey};
use serde::{Serialize, Serializer};

use super::file::Node;

/// What values a key takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// true or false.
    Bool,
    /// A list of digests.
    Digests,
    /// A whole number.
    Number,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of public keys.
    PublicKeys,
    /// Bytes: a number, or with KiB, MiB, GiB.
    Size,
    /// Any text.
    Text,
    /// A list of texts.
    Texts,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// true or false.
    Bool(bool),
    /// Several texts.
    List(Vec<String>),
    /// A whole number.
    Number(u64),
    /// A text.
    Text(String),
    /// Nothing.
    Unset,
}

impl Kind {
    /// Reads a value as it stands in an environment variable or in the table of defaults. Lists have commas.
    pub(crate) fn read_text(self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        match self {
            Self::Bool => match text {
                "true" | "1" | "yes" | "on" => Ok(Value::Bool(true)),
                "false" | "0" | "no" | "off" => Ok(Value::Bool(false)),
                _ => Err(self.expectation(&format!("`{text}`"))),
            },
            Self::Digests | Self::PublicKeys | Self::Texts => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                self.list(items.map(str::to_string).collect())
            }
            Self::Number => {
                number(text).map(Value::Number).ok_or_else(|| self.expectation(&format!("`{text}`")))
            }
            Self::OneOf(words) if words.contains(&text) => Ok(Value::Text(text.to_string())),
            Self::Size => {
                read_size(text).map(Value::Number).ok_or_else(|| self.expectation(&format!("`{text}`")))
            }
            Self::OneOf(_) => Err(self.expectation(&format!("`{text}`"))),
            Self::Text => Ok(Value::Text(text.to_string())),
        }
    }

    /// Reads a value from a file.
    pub(crate) fn read_node(self, node: &Node) -> Result<Value, String> {
        match (self, node) {
            (_, Node::Null) => Ok(Value::Unset),
            (Self::Bool, Node::Bool(value)) => Ok(Value::Bool(*value)),
            (Self::OneOf(words), Node::Bool(value))
                if words.contains(&if *value { "true" } else { "false" }) =>
            {
                Ok(Value::Text(value.to_string()))
            }
            (Self::Number | Self::Size, Node::Number(value)) => Ok(Value::Number(*value)),
            (Self::Size | Self::OneOf(_) | Self::Text, Node::Text(text)) => self.read_text(text),
            (Self::Digests | Self::PublicKeys | Self::Texts, Node::List(items)) => {
                let texts = items.iter().map(|item| match &item.value {
                    Node::Text(text) => Ok(text.clone()),
                    other => Err(self.expectation(&format!("a list with {other}"))),
                });
                self.list(texts.collect::<Result<_, _>>()?)
            }
            _ => Err(self.expectation(&node.to_string())),
        }
    }

    fn list(self, items: Vec<String>) -> Result<Value, String> {
        for item in &items {
            match self {
                Self::Digests => {
                    item.parse::<Digest>().map_err(|e| format!("`{item}`: {e}"))?;
                }
                Self::PublicKeys => {
                    item.parse::<PublicKey>().map_err(|e| format!("`{item}`: {e}"))?;
                }
                _ => {}
            }
        }
        Ok(Value::List(items))
    }

    fn expectation(self, found: &str) -> String {
        let expected = match self {
            Self::Bool => "true or false".to_string(),
            Self::Digests => "a list of digests".to_string(),
            Self::Number => "a whole number".to_string(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::PublicKeys => "a list of keys".to_string(),
            Self::Size => "a number of bytes, such as 1073741824 or 1GiB".to_string(),
            Self::Text => "a text".to_string(),
            Self::Texts => "a list of texts".to_string(),
        };
        format!("expected {expected}, found {found}")
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::List(items) if items.is_empty() => f.write_str("[]"),
            Self::List(items) => f.write_str(&items.join(", ")),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
            Self::Unset => f.write_str("(unset)"),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::List(items) => items.serialize(serializer),
            Self::Number(value) => serializer.serialize_u64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Unset => serializer.serialize_none(),
        }
    }
}

/// A number of bytes: `1073741824`, `1GiB`, `512MiB`, `64KiB`; GB and G count as GiB.
pub(crate) fn read_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'_').count();
    let shift = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    number(&text[..digits])?.checked_mul(1 << shift)
}

fn number(text: &str) -> Option<u64> {
    text.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_do_not_wrap() {
        assert_eq!(read_size("1GiB"), Some(1 << 30));
        assert_eq!(read_size("64 kib"), Some(64 << 10));
        assert_eq!(read_size("1_000"), Some(1000));
        assert_eq!(read_size(""), None);
        assert_eq!(read_size("1.5GiB"), None);
        assert_eq!(read_size("99999999999999999T"), None);
    }

    #[test]
    fn lists_are_checked() {
        assert!(Kind::Digests.read_text("sha256:12").is_err());
        assert_eq!(Kind::Texts.read_text(" a, b ,"), Ok(Value::List(vec!["a".into(), "b".into()])));
        assert!(Kind::PublicKeys.read_text(&"0".repeat(63)).is_err());
    }
}
