//! Reading maps without losing what a lax reader would drop.

use alloc::{collections::BTreeMap, format, string::String};
use core::fmt;

use serde::{
    Deserializer,
    de::{Error, MapAccess, Visitor},
};

/// A map of strings in which a repeated key is an error. Serde's own readers keep the last of them, so two
/// readers could see different content in one file.
pub(crate) fn map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    struct Unique;
    impl<'de> Visitor<'de> for Unique {
        type Value = BTreeMap<String, String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map from strings to strings")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = access.next_entry::<String, String>()? {
                if map.contains_key(&key) {
                    return Err(A::Error::custom(format!("the key `{key}` is given twice")));
                }
                map.insert(key, value);
            }
            Ok(map)
        }
    }
    deserializer.deserialize_map(Unique)
}
