#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proofmark_solana::fuzzing::bytes(bytes));
