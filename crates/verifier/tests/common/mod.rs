//! Receipts for tests: honest ones, to be made dishonest.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses its share of these")]

pub mod mutate;

use proofmark_core::{
    Claim, Digest, Evidence, InputClaim, Job, Limits, PlanClaim, Provenance, PublicKey, Receipt,
    Risc0Evidence, SecurityKind, SecurityLevel, Tier, Usage,
};
use proofmark_registry::{Program, Registry, SigningKey, Version};
use proofmark_verifier::systems::{commitment, risc0::Seal};

/// A genuine proof by `r0vm` 5.0.0-rc.1, whole as it writes it, of a program that is not ours: it commits the
/// digest of its input and zeros.
pub const FOREIGN: &[u8] = include_bytes!("../fixtures/foreign-program.risc0");
/// The image id of that program.
pub const FOREIGN_ID: &str = "sha256:883d418cd4fad43950e4343dc4bb375bf8762d4adc14a744df3e7eb92f577f91";

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub fn public(key: &SigningKey) -> PublicKey {
    PublicKey::new(key.verifying_key().to_bytes())
}

pub fn job() -> Job {
    Job::parse(br#"{"version": 1, "title": "Mean price per company", "tier": "1"}"#).expect("valid")
}

pub fn claim() -> PlanClaim {
    PlanClaim {
        plan: Digest::of(b"plan"),
        job: Some(job().digest()),
        inputs: vec![InputClaim { name: "stocks".into(), root: Digest::of(b"stocks") }],
        output: Digest::of(b"output"),
        limits: Some(Limits {
            max_memory_bytes: 1 << 30,
            max_cycles: 1 << 30,
            max_output_bytes: 1 << 20,
            max_steps: 1000,
        }),
        usage: Some(Usage { steps: 4, rows: 560, peak_memory_bytes: 1 << 16, output_bytes: 400 }),
    }
}

pub fn receipt(claim: PlanClaim, evidence: Evidence) -> Receipt {
    let provenance = Provenance { tool: "proofmark 0.1.0".into(), ..Provenance::default() };
    Receipt { version: Receipt::VERSION, claim: Claim::Plan(claim), evidence, provenance }
}

/// A tier 1 receipt by the key of this seed.
pub fn signed(claim: PlanClaim, seed: u8) -> Receipt {
    let evidence = Evidence::Commitment(commitment::sign(&Claim::Plan(claim.clone()), &key(seed)));
    receipt(claim, evidence)
}

/// A tier 2 receipt that puts the foreign proof under a claim it does not support.
pub fn foreign(claim: PlanClaim) -> Receipt {
    receipt(claim, Evidence::Risc0(foreign_evidence()))
}

pub fn foreign_evidence() -> Risc0Evidence {
    let (seal, _) = Seal::split(FOREIGN).expect("genuine");
    Risc0Evidence {
        program: FOREIGN_ID.parse().expect("a digest"),
        program_version: "1.0.0".into(),
        seal: seal.to_bytes().into(),
        security: SecurityLevel { bits: 97, kind: SecurityKind::Conjectured, zero_knowledge: true },
    }
}

pub fn program(id: &str, version: &str) -> Program {
    Program {
        id: id.parse().expect("a digest"),
        name: "plan".into(),
        system: "risc0".into(),
        version: version.parse().expect("semver"),
        release_date: "2026-11-21".into(),
        features: ["decimal".to_string()].into(),
        min_compatible_version: Version::new(0, 1, 0),
        elf: Digest::of(b"elf"),
        build: "cargo xtask guests".into(),
    }
}

/// A registry that allows the foreign program as version 1.0.0.
pub fn registry() -> Registry {
    let mut registry = Registry::empty();
    registry.register(program(FOREIGN_ID, "1.0.0"), "2026-11-21", &key(1)).expect("new");
    registry
}

/// A policy that accepts everything from `tier` upwards.
pub fn lax(tier: Tier) -> proofmark_verifier::Policy {
    proofmark_verifier::Policy { min_tier: tier, ..Default::default() }
}
