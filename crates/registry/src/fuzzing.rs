//! The body of a fuzz target.

use proofmark_core::PublicKey;

use crate::Registry;

/// Reads a registry, trusting whoever signed it; what was read has one spelling.
pub fn registry(bytes: &[u8]) {
    // The signers are taken from the bytes, so that damage reaches the later checks.
    let text = String::from_utf8_lossy(bytes);
    let keys = text.split('"').filter_map(|word| word.parse::<PublicKey>().ok());
    let authorities: Vec<PublicKey> = keys.take(16).collect();
    if let Ok(registry) = Registry::parse(bytes, &authorities) {
        assert_eq!(registry.to_json().as_bytes(), bytes);
        assert!(registry.audit(&authorities).is_ok());
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn damaged_logs_never_panic() {
        let text = include_bytes!("../embedded/registry.json");
        for bytes in proofmark_core::fuzzing::damaged(&[text], 20_000) {
            super::registry(&bytes);
        }
    }
}
