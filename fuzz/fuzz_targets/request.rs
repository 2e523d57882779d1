#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| proofmark_plan::fuzzing::request(data));
