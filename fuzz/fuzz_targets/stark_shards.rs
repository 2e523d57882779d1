#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| proofmark_stark::fuzzing::shards(data));
