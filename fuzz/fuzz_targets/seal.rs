#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| proofmark_verifier::fuzzing::seal(data));
