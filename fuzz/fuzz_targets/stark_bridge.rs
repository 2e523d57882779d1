#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| proofmark_stark::fuzzing::bridge_proof(data));
