#![no_main]
// The first call makes an honest proof, which takes longer than an input may.
libfuzzer_sys::fuzz_target!(init: proofmark_stark::fuzzing::proof(&[]), |data: &[u8]| proofmark_stark::fuzzing::proof(data));
