#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| proofmark_core::fuzzing::job(data));
