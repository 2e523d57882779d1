#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| proofmark_registry::fuzzing::registry(data));
