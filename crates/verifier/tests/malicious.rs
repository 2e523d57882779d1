//! What a malicious prover might hand in, and the reason that each gets.

mod common;

use common::*;
use proofmark_core::{
    Bytes, Claim, Digest, Evidence, InputClaim, PlanClaim, Reason, Receipt, SecurityKind, Tier, Usage,
    Verdict,
};
use proofmark_plan::{commit, document, value::Value};
use proofmark_registry::Registry;
use proofmark_verifier::{
    BatchItem, Expectations, ExpectedOutput, LimitBounds, Policy, ResultCache, System, Verifier,
};
use risc0_zkvm::{FakeReceipt, InnerReceipt, ReceiptClaim};

fn judge(receipt: &Receipt, policy: &Policy, expectations: &Expectations) -> Verdict {
    let registry = registry();
    let verifier = Verifier::new(&registry);
    let cbor = verifier.verify(&receipt.to_cbor(), policy, expectations);
    let json = verifier.verify(receipt.to_json().as_bytes(), policy, expectations);
    assert_eq!(cbor, json, "both forms have one verdict");
    cbor
}

fn reason(receipt: &Receipt, policy: &Policy, expectations: &Expectations) -> Reason {
    match judge(receipt, policy, expectations) {
        Verdict::Invalid { reason, detail } => {
            assert!(!detail.is_empty());
            reason
        }
        valid => panic!("accepted: {valid:?}"),
    }
}

#[test]
fn an_honest_signature_is_worth_tier_1_and_says_so() {
    let expectations = Expectations::of(&job());
    let verdict = judge(&signed(claim(), 7), &lax(Tier::Commitment), &expectations);
    let Verdict::Valid { tier, system, security, proves, does_not_prove } = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!((tier, system.as_str(), security), (Tier::Commitment, "commitment", None));
    assert!(proves.contains("does not name"), "{proves}");
    assert!(does_not_prove.contains("executed at all"), "{does_not_prove}");

    let trusting = Policy { providers: [public(&key(7))].into(), ..lax(Tier::Commitment) };
    let verdict = judge(&signed(claim(), 7), &trusting, &expectations);
    assert!(matches!(verdict, Verdict::Valid { proves, .. } if proves.contains("trusts")));
}

#[test]
fn tiers_and_systems_are_what_the_policy_says() {
    let none = receipt(claim(), Evidence::None {});
    let dev = receipt(claim(), Evidence::Dev { mode: "risc0-dev".into() });
    let any = Expectations::default();
    assert_eq!(reason(&signed(claim(), 7), &Policy::default(), &any), Reason::TierTooLow);
    assert_eq!(reason(&none, &lax(Tier::Commitment), &any), Reason::TierTooLow);
    assert!(judge(&none, &lax(Tier::None), &any).is_valid());
    let strict_job = Expectations { min_tier: Some(Tier::Proof), ..Expectations::default() };
    assert_eq!(reason(&signed(claim(), 7), &lax(Tier::None), &strict_job), Reason::TierTooLow);

    assert_eq!(reason(&dev, &lax(Tier::None), &any), Reason::DevReceipt);
    let allowing = Policy { allow_dev: true, ..lax(Tier::None) };
    assert!(matches!(judge(&dev, &allowing, &any), Verdict::Valid { tier: Tier::None, .. }));
    assert_eq!(reason(&dev, &Policy { allow_dev: true, ..Policy::default() }, &any), Reason::TierTooLow);

    let only_proofs = Policy { systems: [System::Risc0].into(), ..lax(Tier::None) };
    assert_eq!(reason(&signed(claim(), 7), &only_proofs, &any), Reason::SystemNotAllowed);
}

#[test]
fn a_receipt_for_other_work_is_refused() {
    let policy = lax(Tier::Commitment);
    let good = signed(claim(), 7);
    let expect = |change: fn(&mut Expectations)| {
        let mut expectations = Expectations::default();
        change(&mut expectations);
        reason(&good, &policy, &expectations)
    };
    assert_eq!(expect(|e| e.job = Some(Digest::of(b"another job"))), Reason::WrongJob);
    assert_eq!(expect(|e| e.plan = Some(Digest::of(b"another plan"))), Reason::WrongPlan);
    assert_eq!(
        expect(|e| *e = e.clone().with_data_root("stocks", Digest::of(b"others"))),
        Reason::WrongDataRoot
    );
    assert_eq!(
        expect(|e| *e = e.clone().with_data_root("weather", Digest::of(b"stocks"))),
        Reason::WrongDataRoot
    );
    assert_eq!(
        expect(|e| e.output = Some(ExpectedOutput::Root(Digest::of(b"another output")))),
        Reason::OutputMismatch
    );
    assert_eq!(expect(|e| *e = e.clone().with_output_document("{")), Reason::OutputMismatch);

    let mut without_job = claim();
    without_job.job = None;
    assert_eq!(reason(&signed(without_job, 7), &policy, &Expectations::of(&job())), Reason::WrongJob);
    // Two inputs of one name: which of them was fed?
    let mut twice = claim();
    twice.inputs.push(InputClaim { name: "stocks".into(), root: Digest::of(b"others") });
    let expectations = Expectations::default().with_data_root("stocks", Digest::of(b"stocks"));
    assert_eq!(reason(&signed(twice, 7), &policy, &expectations), Reason::WrongDataRoot);
}

#[test]
fn the_output_at_hand_is_hashed() {
    let value = Value::Bytes(b"the answer".to_vec().into());
    let mut claim = claim();
    claim.output = commit::root(&value, commit::DEFAULT_ROWS_PER_LEAF, &commit::NO_SALT);
    let bytes = document::write(&value);
    let good = signed(claim, 7);
    let policy = lax(Tier::Commitment);
    let expectations = Expectations::default().with_output_document(bytes.clone());
    assert!(judge(&good, &policy, &expectations).is_valid());
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        let verdict = judge(&good, &policy, &Expectations::default().with_output_document(other.clone()));
        // White space has no meaning, and `\n` with a flipped bit is a vertical tab, which is no white space.
        assert_eq!(verdict.reason(), Some(Reason::OutputMismatch), "byte {at} of {other:?}");
    }
}

#[test]
fn limits_hold() {
    let policy = lax(Tier::Commitment);
    let any = Expectations::default();
    let mut greedy = claim();
    greedy.usage = greedy.usage.map(|usage| Usage { steps: 1001, ..usage });
    assert_eq!(reason(&signed(greedy, 7), &policy, &any), Reason::LimitsExceeded);
    let bounded = Policy { max_limits: LimitBounds { max_steps: Some(999), ..Default::default() }, ..policy };
    assert_eq!(reason(&signed(claim(), 7), &bounded, &any), Reason::LimitsExceeded);
    // A claim without limits passes no bound, however wide.
    let silent = signed(PlanClaim { limits: None, usage: None, ..claim() }, 7);
    assert!(judge(&silent, &lax(Tier::Commitment), &any).is_valid());
    let wide = LimitBounds { max_steps: Some(u64::MAX), ..Default::default() };
    let bounded = Policy { max_limits: wide, ..lax(Tier::Commitment) };
    assert_eq!(reason(&silent, &bounded, &any), Reason::LimitsExceeded);
    assert!(judge(&signed(claim(), 7), &bounded, &any).is_valid());
}

#[test]
fn a_proof_is_about_limits_and_usage() {
    // RISC Zero's journals hold both, so no seal supports a claim without them.
    for silent in [PlanClaim { limits: None, ..claim() }, PlanClaim { usage: None, ..claim() }] {
        assert_eq!(reason(&foreign(silent), &Policy::default(), &Expectations::default()), Reason::BadSeal);
    }
}

#[test]
fn signatures_are_checked_strictly() {
    let policy = lax(Tier::Commitment);
    let any = Expectations::default();
    let good = signed(claim(), 7);
    let with = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        reason(&receipt, &policy, &any)
    };
    let evidence = |receipt: &mut Receipt, change: &dyn Fn(&mut proofmark_core::Commitment)| {
        let Evidence::Commitment(commitment) = &mut receipt.evidence else { unreachable!() };
        change(commitment);
    };
    let other = signed(claim(), 8);
    assert_eq!(with(&|r| evidence(r, &|c| c.signature.0[40] ^= 1)), Reason::BadSignature);
    assert_eq!(with(&|r| evidence(r, &|c| c.signature = Bytes(vec![0; 63]))), Reason::BadSignature);
    assert_eq!(with(&|r| evidence(r, &|c| c.key = public(&key(8)))), Reason::BadSignature);
    assert_eq!(
        with(&|r| evidence(r, &|c| c.key = proofmark_core::PublicKey::new([0; 32]))),
        Reason::BadSignature
    );
    // The neutral element of the group "signs" everything in a lax verifier.
    assert_eq!(
        with(&|r| evidence(r, &|c| {
            let mut neutral = [0; 32];
            neutral[0] = 1;
            c.key = proofmark_core::PublicKey::new(neutral);
            c.signature = Bytes([neutral, [0; 32]].concat());
        })),
        Reason::BadSignature
    );
    let mut changed = claim();
    changed.output = Digest::of(b"a better output");
    assert_eq!(with(&|r| r.claim = Claim::Plan(changed.clone())), Reason::BadSignature);
    let naming = Policy { providers: [public(&key(7))].into(), ..policy.clone() };
    assert_eq!(reason(&other, &naming, &any), Reason::UntrustedProvider);
}

#[test]
fn a_genuine_proof_of_something_else_is_refused() {
    let any = Expectations::default();
    let policy = Policy::default();
    assert_eq!(reason(&foreign(claim()), &policy, &any), Reason::BadSeal);
    let with = |change: &dyn Fn(&mut proofmark_core::Risc0Evidence)| {
        let mut evidence = foreign_evidence();
        change(&mut evidence);
        reason(&receipt(claim(), Evidence::Risc0(evidence)), &policy, &any)
    };
    assert_eq!(with(&|e| e.program = Digest::of(b"unknown")), Reason::UnknownProgram);
    assert_eq!(with(&|e| e.program_version = "1.0.1".into()), Reason::VersionTooOld);
    assert_eq!(with(&|e| e.program_version = "01.0.0".into()), Reason::VersionTooOld);
    assert_eq!(with(&|e| e.security.bits = 128), Reason::SecurityMisstated);
    assert_eq!(with(&|e| e.security.kind = SecurityKind::Proven), Reason::SecurityMisstated);
    assert_eq!(with(&|e| e.security.bits = 80), Reason::SecurityTooLow);
    assert_eq!(with(&|e| e.seal.0.push(0)), Reason::BadSeal);
    assert_eq!(with(&|e| e.seal.0.truncate(100_000)), Reason::BadSeal);
    assert_eq!(with(&|e| e.seal.0.clear()), Reason::BadSeal);
    // A fake receipt of RISC Zero's development mode, for exactly this claim.
    let journal = claim().journal([1, 0, 0]).expect("SHA-256 only").encode().to_vec();
    let id = risc0_zkvm::Digest::from(*foreign_evidence().program.as_bytes());
    let fake = InnerReceipt::Fake(FakeReceipt::new(ReceiptClaim::ok(id, journal)));
    let fake = bincode::serialize(&fake).expect("encodes");
    assert_eq!(with(&|e| e.seal = fake.clone().into()), Reason::DevReceipt);
    let allowing = Policy { allow_dev: true, ..lax(Tier::None) };
    let mut evidence = foreign_evidence();
    evidence.seal = fake.into();
    assert_eq!(reason(&receipt(claim(), Evidence::Risc0(evidence)), &allowing, &any), Reason::DevReceipt);
}

#[test]
fn programs_are_what_the_registry_says() {
    let any = Expectations::default();
    let bytes = foreign(claim()).to_cbor();
    let judge =
        |registry: &Registry, policy: &Policy| Verifier::new(registry).verify(&bytes, policy, &any).reason();
    let mut log = registry();
    let policy = Policy::default();
    assert_eq!(judge(&Registry::empty(), &policy), Some(Reason::UnknownProgram));
    let newer = Policy { min_program_version: Some("1.1.0".parse().expect("semver")), ..policy.clone() };
    assert_eq!(judge(&log, &newer), Some(Reason::VersionTooOld));
    let demanding = Policy { required_features: ["wasm".to_string()].into(), ..policy.clone() };
    assert_eq!(judge(&log, &demanding), Some(Reason::MissingFeature));

    let mut next = program(&Digest::of(b"next").to_string(), "2.0.0");
    next.min_compatible_version = "2.0.0".parse().expect("semver");
    log.register(next, "2026-11-22", &key(1)).expect("new");
    assert_eq!(judge(&log, &policy), Some(Reason::VersionTooOld));
    log.deprecate(FOREIGN_ID.parse().expect("a digest"), "unsound", "2026-11-23", &key(1)).expect("known");
    assert_eq!(judge(&log, &policy), Some(Reason::DeprecatedProgram));
}

#[test]
fn bytes_that_are_no_receipt_have_their_own_reasons() {
    let registry = registry();
    let verifier = Verifier::new(&registry);
    let reason = |bytes: &[u8]| verifier.verify(bytes, &Policy::default(), &Expectations::default()).reason();
    assert_eq!(reason(b""), Some(Reason::BadEncoding));
    assert_eq!(reason(&[b'['; 100_000]), Some(Reason::BadEncoding));
    assert_eq!(reason("{\"a\":".repeat(100_000).as_bytes()), Some(Reason::BadEncoding));
    assert_eq!(reason(&[0x81; 100_000]), Some(Reason::BadEncoding));
    let newer = signed(claim(), 7).to_json().replacen("\"version\": 1", "\"version\": 2", 1);
    assert_eq!(reason(newer.as_bytes()), Some(Reason::UnsupportedVersion));
    assert_eq!(reason(&vec![b' '; proofmark_core::MAX_RECEIPT_BYTES + 1]), Some(Reason::TooLarge));
    let good = signed(claim(), 7).to_cbor();
    for cut in 0..good.len() {
        assert_eq!(reason(&good[..cut]), Some(Reason::BadEncoding), "cut at {cut}");
    }
}

#[test]
fn a_batch_names_the_bad_ones_and_a_cache_follows_the_registry() {
    let mut log = registry();
    let any = Expectations::default();
    let policy = lax(Tier::Commitment);
    let [good, bad] = [signed(claim(), 7).to_cbor(), foreign(claim()).to_cbor()];
    let items = [("a", &good), ("b", &bad), ("c", &good)].map(|(name, bytes)| BatchItem {
        name,
        bytes,
        expectations: &any,
    });
    let verdicts = Verifier::new(&log).verify_batch(items, &policy);
    let invalid: Vec<_> =
        verdicts.iter().filter(|(_, verdict)| !verdict.is_valid()).map(|(name, _)| *name).collect();
    assert_eq!(invalid, ["b"]);

    let mut cache = ResultCache::new(8);
    let first = Verifier::new(&log).verify_cached(&mut cache, &bad, &policy, &any);
    assert_eq!(first.reason(), Some(Reason::BadSeal));
    assert_eq!(Verifier::new(&log).verify_cached(&mut cache, &bad, &policy, &any), first);
    assert_eq!(cache.len(), 1);
    log.deprecate(FOREIGN_ID.parse().expect("a digest"), "unsound", "2026-11-23", &key(1)).expect("known");
    let later = Verifier::new(&log).verify_cached(&mut cache, &bad, &policy, &any);
    assert_eq!(later.reason(), Some(Reason::DeprecatedProgram));
}
