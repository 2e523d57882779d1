#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| proofmark_binding::fuzzing::pairing(data));
