//! Bodies of fuzz targets: whatever comes in, a verdict goes out, and nobody panics.

use proofmark_core::{Digest, Tier};
use proofmark_registry::Registry;

use crate::{Expectations, Policy, Verifier, systems::risc0::Seal};

/// Judges bytes by a policy that lets as much as possible through to the later checks.
pub fn verdict(bytes: &[u8]) {
    let registry = Registry::empty();
    let policy = Policy { min_tier: Tier::None, allow_dev: true, ..Policy::default() };
    let expectations = Expectations::default().with_output_document(bytes);
    let verifier = Verifier::new(&registry);
    let first = verifier.verify(bytes, &policy, &Expectations::default());
    assert_eq!(first, verifier.verify(bytes, &policy, &Expectations::default()), "verdicts are functions");
    // An output that is its own receipt would need a root inside its own pre-image.
    assert!(!verifier.verify(bytes, &policy, &expectations).is_valid());
}

/// Reads bytes as a seal and checks it: bytes that nobody proved anything with never hold.
pub fn seal(bytes: &[u8]) {
    if let Ok(seal) = Seal::parse(bytes) {
        assert!(seal.check_journal(&Digest::of(b"no program"), b"no journal").is_err());
        assert_eq!(seal.to_bytes(), bytes, "a seal has one spelling");
    }
}

/// Reads bytes as a policy; what was read must survive being written.
pub fn policy(bytes: &[u8]) {
    if let Ok(policy) = Policy::parse(bytes) {
        let again = serde_json::to_vec(&policy).expect("policies hold sets, text and integers only");
        assert_eq!(Policy::parse(&again), Ok(policy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_bytes_never_panic() {
        let genuine = include_bytes!("../tests/fixtures/foreign-program.risc0");
        let seal_bytes = Seal::split(genuine).expect("genuine").0.to_bytes();
        for bytes in proofmark_core::fuzzing::damaged(&[&seal_bytes], 60) {
            seal(&bytes);
            verdict(&bytes);
        }
        let text =
            br#"{"minTier": "1.5", "systems": ["risc0"], "maxLimits": {"maxSteps": 5}, "providers": []}"#;
        for bytes in proofmark_core::fuzzing::damaged(&[text], 5_000) {
            policy(&bytes);
        }
    }
}
