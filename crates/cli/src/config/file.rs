//! A configuration file as a tree whose nodes know where they stand.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;

/// A node of a YAML or JSON document.
#[derive(Debug)]
pub(crate) enum Node {
    Bool(bool),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
    Null,
    Number(u64),
    Text(String),
}

/// Reads a document; an empty one is `Null`.
pub(crate) fn read(text: &str) -> Result<Spanned<Node>, Malformed> {
    serde_saphyr::from_str(text).map_err(|error| Malformed {
        place: error.location().map(|location| (location.line(), location.column())),
        message: first_line(&error.to_string()),
    })
}

/// Why a text is not a document.
#[derive(Debug)]
pub(crate) struct Malformed {
    /// Line and column.
    pub(crate) place: Option<(u64, u64)>,
    /// What is wrong.
    pub(crate) message: String,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a mapping"),
            Self::Null => f.write_str("nothing"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "`{text}`"),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;

        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping, a list, a text, a whole number, true or false")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Bool(value))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Node, E> {
                u64::try_from(value).map(Node::Number).map_err(|_| E::custom("numbers here are not negative"))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Number(value))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
                Ok(Node::Text(value.to_string()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Text(text.to_string()))
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
                Node::deserialize(deserializer)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Node::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
                let mut map: Vec<(Spanned<String>, Spanned<Node>)> = Vec::new();
                while let Some((key, value)) = members.next_entry::<Spanned<String>, _>()? {
                    if map.iter().any(|(known, _)| known.value == key.value) {
                        return Err(A::Error::custom(format_args!("`{}` stands here twice", key.value)));
                    }
                    map.push((key, value));
                }
                Ok(Node::Map(map))
            }
        }
        deserializer.deserialize_any(NodeVisitor)
    }
}

/// Errors of the YAML reader go on with an excerpt that we do not want to repeat.
pub(crate) fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_string()
}
