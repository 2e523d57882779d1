//! How long one library call takes: `cargo run --release -p proofmark-verifier --example verify_time [RECEIPT]`.
//!
//! Without a path it judges a genuine RISC Zero proof under a claim that it does not support: the whole proof is
//! checked before the claim is found to be another one, so the work is the same.

use std::{
    fs,
    time::{Duration, Instant},
};

use proofmark_core::{
    Claim, Digest, Evidence, Limits, PlanClaim, Provenance, Receipt, Risc0Evidence, SecurityKind,
    SecurityLevel, Usage,
};
use proofmark_registry::{Program, Registry, SigningKey, Version};
use proofmark_verifier::{Expectations, Policy, Verifier, systems::risc0::Seal};

const RUNS: u32 = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (bytes, registry) = match std::env::args().nth(1) {
        Some(path) => (fs::read(path)?, Registry::embedded()),
        None => foreign()?,
    };
    let verifier = Verifier::new(&registry);
    let policy = Policy::default();
    let expectations = Expectations::default();
    let mut best = Duration::MAX;
    let mut total = Duration::ZERO;
    for _ in 0..RUNS {
        let start = Instant::now();
        let verdict = verifier.verify(&bytes, &policy, &expectations);
        let took = start.elapsed();
        std::hint::black_box(verdict);
        best = best.min(took);
        total += took;
    }
    println!("verdict: {:?}", verifier.verify(&bytes, &policy, &expectations));
    println!("receipt: {} bytes", bytes.len());
    println!("library call: best {:.2} ms, mean {:.2} ms of {RUNS}", ms(best), ms(total / RUNS));
    Ok(())
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn foreign() -> Result<(Vec<u8>, Registry), Box<dyn std::error::Error>> {
    let id: Digest = "sha256:883d418cd4fad43950e4343dc4bb375bf8762d4adc14a744df3e7eb92f577f91".parse()?;
    let (seal, _) = Seal::split(include_bytes!("../tests/fixtures/foreign-program.risc0"))?;
    let evidence = Evidence::Risc0(Risc0Evidence {
        program: id,
        program_version: "1.0.0".into(),
        seal: seal.to_bytes().into(),
        security: SecurityLevel { bits: 97, kind: SecurityKind::Conjectured, zero_knowledge: true },
    });
    let claim = Claim::Plan(PlanClaim {
        plan: Digest::of(b"plan"),
        job: None,
        inputs: Vec::new(),
        output: Digest::of(b"output"),
        limits: Some(Limits { max_memory_bytes: 1, max_cycles: 1, max_output_bytes: 1, max_steps: 1 }),
        usage: Some(Usage::default()),
    });
    let provenance = Provenance { tool: "verify_time".into(), ..Provenance::default() };
    let receipt = Receipt { version: Receipt::VERSION, claim, evidence, provenance };
    let program = Program {
        id,
        name: "foreign".into(),
        system: "risc0".into(),
        version: Version::new(1, 0, 0),
        release_date: "2026-11-21".into(),
        features: Default::default(),
        min_compatible_version: Version::new(1, 0, 0),
        elf: Digest::of(b"elf"),
        build: "a test".into(),
    };
    let mut registry = Registry::empty();
    registry.register(program, "2026-11-21", &SigningKey::from_bytes(&[1; 32]))?;
    Ok((receipt.to_cbor(), registry))
}
