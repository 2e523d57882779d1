//! Receipts about one inference: trust, expectations, rollout, rotation, batches, encodings.

mod common;

use std::sync::OnceLock;

use common::{key, public};
use proofmark_binding::{
    ceremony::development_key,
    circuit::Form,
    evidence::SECURITY,
    manager::LoadedKey,
    receipt::{Bound, bind},
};
use proofmark_core::{
    Claim, Digest, Evidence, InferenceClaim, Provenance, Reason, Receipt, SecurityKind, SecurityLevel, Tier,
    Verdict,
};
use proofmark_registry::{Program, Registry, Version};
use proofmark_verifier::{
    BatchItem, BindingPolicy, Expectations, ExpectedOutput, Policy, Share, Verifier, systems::commitment,
};

fn facts() -> InferenceClaim {
    let digest = |text: &str| Digest::of(text.as_bytes());
    InferenceClaim { job: digest("job"), model: digest("model"), input: digest("in"), output: digest("out") }
}

/// A key of each form whose mark was taken off when it was made, as a ceremony does, and a development key.
struct World {
    open: LoadedKey,
    sealed: LoadedKey,
    dev: LoadedKey,
    bound: Bound,
    hidden: Bound,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let [open, sealed] = Form::ALL.map(|form| {
            let mut points = development_key(form);
            points.verifying.dev = false;
            LoadedKey::new(points.tabulate())
        });
        let dev = LoadedKey::new(development_key(Form::Open).tabulate());
        let [bound, hidden] = [&open, &sealed].map(|key| bind(key, &facts()).expect("proves"));
        World { open, sealed, dev, bound, hidden }
    })
}

fn receipt(bound: &Bound) -> Receipt {
    bound.receipt("test", None)
}

fn trusting(keys: &[&LoadedKey]) -> Policy {
    let keys = keys.iter().map(|key| key.id).collect();
    Policy { binding: Some(BindingPolicy { keys, ..BindingPolicy::default() }), ..Policy::default() }
}

fn judge(receipt: &Receipt, policy: &Policy, expectations: &Expectations) -> Verdict {
    let registry = Registry::empty();
    let verifier = Verifier::new(&registry);
    let verdict = verifier.verify(&receipt.to_cbor(), policy, expectations);
    assert_eq!(verdict, verifier.verify(receipt.to_json().as_bytes(), policy, expectations), "one content");
    let item = BatchItem { name: "one", bytes: &receipt.to_cbor(), expectations };
    assert_eq!(verifier.verify_batch([item], policy), [("one", verdict.clone())], "one or many");
    verdict
}

fn reason(receipt: &Receipt, policy: &Policy, expectations: &Expectations) -> Option<Reason> {
    judge(receipt, policy, expectations).reason()
}

fn everything() -> Expectations {
    let InferenceClaim { job, model, input, output } = facts();
    Expectations {
        job: Some(job),
        model: Some(model),
        input: Some(input),
        output: Some(ExpectedOutput::Root(output)),
        ..Expectations::default()
    }
}

#[test]
fn a_good_receipt_says_what_it_does_not_show() {
    let world = world();
    for (bound, key) in [(&world.bound, &world.open), (&world.hidden, &world.sealed)] {
        let expectations = Expectations { opening: bound.opening.clone(), ..everything() };
        let Verdict::Valid { tier, system, security, does_not_prove, .. } =
            judge(&receipt(bound), &trusting(&[key]), &expectations)
        else {
            panic!("it is good");
        };
        assert_eq!((tier, system.as_str(), security), (Tier::Proof, "binding", Some(SECURITY)));
        assert!(does_not_prove.contains("That the model ran"), "{does_not_prove}");
    }
    let document = Expectations { output: Some(ExpectedOutput::Document(b"out".to_vec())), ..everything() };
    assert!(judge(&receipt(&world.bound), &trusting(&[&world.open]), &document).is_valid());
}

#[test]
fn nobody_gets_a_binding_receipt_by_surprise() {
    let receipt = receipt(&world().bound);
    let none = Expectations::default();
    assert_eq!(reason(&receipt, &Policy::default(), &none), Some(Reason::SystemNotAllowed));
    let unknown = Policy { binding: Some(BindingPolicy::default()), ..Policy::default() };
    assert_eq!(reason(&receipt, &unknown, &none), Some(Reason::UnknownKey));
    let other = Policy { systems: [proofmark_verifier::System::Risc0].into(), ..trusting(&[&world().open]) };
    assert_eq!(reason(&receipt, &other, &none), Some(Reason::SystemNotAllowed));
}

#[test]
fn a_development_key_is_rejected_even_if_it_is_trusted() {
    let world = world();
    let bound = bind(&world.dev, &facts()).expect("proves");
    let policy = trusting(&[&world.dev]);
    assert_eq!(reason(&receipt(&bound), &policy, &everything()), Some(Reason::DevReceipt));
    let mut lying = receipt(&bound);
    let Evidence::Binding(evidence) = &mut lying.evidence else { panic!("binding") };
    evidence.dev = false;
    assert_eq!(reason(&lying, &policy, &everything()), Some(Reason::DevReceipt), "the key tells");
    // Allowed, it is worth nothing all the same.
    let lax = Policy { allow_dev: true, ..policy.clone() };
    assert_eq!(reason(&receipt(&bound), &lax, &everything()), Some(Reason::TierTooLow));
    let lax = Policy { min_tier: Tier::None, ..lax };
    assert!(matches!(
        judge(&receipt(&bound), &lax, &everything()),
        Verdict::Valid { tier: Tier::None, proves, .. } if proves.contains("development key")
    ));
    assert_eq!(reason(&lying, &lax, &everything()), Some(Reason::BadSeal));
}

#[test]
fn every_expectation_is_compared() {
    let world = world();
    let other = Digest::of(b"other");
    let cases = [
        (Expectations { job: Some(other), ..everything() }, Reason::WrongJob),
        (Expectations { model: Some(other), ..everything() }, Reason::WrongModel),
        (Expectations { input: Some(other), ..everything() }, Reason::WrongDataRoot),
        (Expectations { output: Some(ExpectedOutput::Root(other)), ..everything() }, Reason::OutputMismatch),
        (
            Expectations { output: Some(ExpectedOutput::Document(b"out ".to_vec())), ..everything() },
            Reason::OutputMismatch,
        ),
        (Expectations { plan: Some(other), ..everything() }, Reason::WrongPlan),
        (everything().with_data_root("x", other), Reason::WrongDataRoot),
    ];
    for (expectations, expected) in cases {
        let policy = trusting(&[&world.open, &world.sealed]);
        assert_eq!(reason(&receipt(&world.bound), &policy, &expectations), Some(expected));
        let opened = Expectations { opening: world.hidden.opening.clone(), ..expectations };
        assert_eq!(reason(&receipt(&world.hidden), &policy, &opened), Some(expected), "sealed, opened");
    }
    // A plan's receipt names no model and no input.
    let plan = common::signed(common::claim(), 7);
    let lax = common::lax(Tier::Commitment);
    let model = Expectations { model: Some(other), ..Expectations::default() };
    assert_eq!(reason(&plan, &lax, &model), Some(Reason::WrongModel));
    let input = Expectations { input: Some(other), ..Expectations::default() };
    assert_eq!(reason(&plan, &lax, &input), Some(Reason::WrongDataRoot));
}

#[test]
fn a_sealed_receipt_shows_its_job_and_nothing_else() {
    let world = world();
    let policy = trusting(&[&world.sealed]);
    let sealed = receipt(&world.hidden);
    let job = Expectations { job: Some(facts().job), ..Expectations::default() };
    assert!(judge(&sealed, &policy, &job).is_valid());
    assert_eq!(reason(&sealed, &policy, &everything()), Some(Reason::WrongModel), "nobody can compare");
    let mut opening = world.hidden.opening.clone().expect("sealed");
    opening.model = Digest::of(b"other");
    let wrong = Expectations { opening: Some(opening), ..job };
    assert_eq!(reason(&sealed, &policy, &wrong), Some(Reason::WrongModel));
    let text = sealed.to_json();
    for hidden in [facts().model, facts().input, facts().output] {
        assert!(!text.contains(&hidden.to_hex()));
    }
}

#[test]
fn the_stated_security_is_checked() {
    let world = world();
    let policy = trusting(&[&world.open]);
    let mut boasting = receipt(&world.bound);
    let Evidence::Binding(evidence) = &mut boasting.evidence else { panic!("binding") };
    evidence.security = SecurityLevel { bits: 128, kind: SecurityKind::Proven, zero_knowledge: true };
    assert_eq!(reason(&boasting, &policy, &everything()), Some(Reason::SecurityMisstated));
    let strict = Policy { min_security_bits: 128, ..policy.clone() };
    assert_eq!(reason(&receipt(&world.bound), &strict, &everything()), Some(Reason::SecurityTooLow));
    let hiding = Policy { require_zero_knowledge: true, ..policy };
    assert!(judge(&receipt(&world.bound), &hiding, &everything()).is_valid());
}

#[test]
fn the_registry_knows_keys_and_withdraws_them() {
    let world = world();
    let authority = key(1);
    let program = |loaded: &LoadedKey, version: Version, system: &str| Program {
        id: loaded.id,
        name: "proofmark-binding-open".into(),
        system: system.into(),
        min_compatible_version: Version::new(1, 0, 0),
        version,
        ..common::program(common::FOREIGN_ID, "1.0.0")
    };
    let mut second = development_key(Form::Open);
    second.verifying.dev = false;
    let second = LoadedKey::new(second.tabulate());
    let newer = bind(&second, &facts()).expect("proves");
    let mut registry = Registry::empty();
    let policy = trusting(&[]);
    let judge = |registry: &Registry, bound: &Bound| {
        Verifier::new(registry).verify(&receipt(bound).to_cbor(), &policy, &everything()).reason()
    };
    assert_eq!(judge(&registry, &world.bound), Some(Reason::UnknownKey));
    let mut wrong = registry.clone();
    wrong
        .register(program(&world.open, Version::new(1, 0, 0), "risc0"), "2026-11-21", &authority)
        .expect("new");
    assert_eq!(judge(&wrong, &world.bound), Some(Reason::UnknownKey), "a program is no key");

    // Rotation: old and new side by side, then the old one withdrawn.
    for (loaded, minor) in [(&world.open, 0), (&second, 1)] {
        let program = program(loaded, Version::new(1, minor, 0), "binding");
        registry.register(program, "2026-11-21", &authority).expect("new");
    }
    assert_eq!([&world.bound, &newer].map(|bound| judge(&registry, bound)), [None, None]);
    registry.deprecate(world.open.id, "its ceremony leaked", "2026-11-22", &authority).expect("known");
    assert_eq!(judge(&registry, &world.bound), Some(Reason::WithdrawnKey));
    assert_eq!(judge(&registry, &newer), None);
}

#[test]
fn a_signature_stands_in_only_where_the_rollout_lets_it() {
    let world = world();
    let claim = Claim::Binding(facts());
    let signed = Receipt {
        version: Receipt::VERSION,
        evidence: Evidence::Commitment(commitment::sign(&claim, &key(7))),
        claim,
        provenance: Provenance { tool: "test".into(), ..Provenance::default() },
    };
    let policy = |percent: u8| Policy {
        min_tier: Tier::Commitment,
        providers: [public(&key(7))].into(),
        binding: Some(BindingPolicy {
            keys: [world.open.id].into(),
            share: Share::percent(percent).expect("in range"),
        }),
        ..Policy::default()
    };
    let first = (0..=100)
        .find(|percent| Share::percent(*percent).expect("in range").contains(&facts().job))
        .expect("100 has every job");
    for percent in 0..=100 {
        let verdict = judge(&signed, &policy(percent), &everything());
        if percent < first {
            assert!(
                matches!(&verdict, Verdict::Valid { tier: Tier::Commitment, does_not_prove, .. }
                    if does_not_prove.contains("That the model ran")),
                "{verdict:?}"
            );
        } else {
            assert_eq!(verdict.reason(), Some(Reason::BindingRequired), "{percent} %");
        }
        assert!(judge(&receipt(&world.bound), &policy(percent), &everything()).is_valid());
    }
    let strict = Policy { min_tier: Tier::Proof, ..policy(0) };
    assert_eq!(reason(&signed, &strict, &everything()), Some(Reason::TierTooLow));
    // A plan's signature does not get around it, with or without a job of its own.
    let mut plan = common::claim();
    for job in [Some(facts().job), None] {
        plan.job = job;
        let plan = common::signed(plan.clone(), 7);
        assert_eq!(reason(&plan, &policy(100), &Expectations::default()), Some(Reason::BindingRequired));
    }
}

#[test]
fn other_evidence_cannot_support_an_inference() {
    let world = world();
    let policy = Policy { min_tier: Tier::None, ..trusting(&[&world.open]) };
    let with = |evidence| Receipt { evidence, ..receipt(&world.bound) };
    let foreign = with(Evidence::Risc0(common::foreign_evidence()));
    assert_eq!(reason(&foreign, &policy, &everything()), Some(Reason::SystemNotAllowed));
    assert!(
        judge(&with(Evidence::None {}), &policy, &everything()).is_valid(),
        "who asks for nothing gets it"
    );
    // Nor a binding proof a plan.
    let mut plan = common::signed(common::claim(), 7);
    plan.evidence = receipt(&world.bound).evidence;
    assert_eq!(reason(&plan, &policy, &Expectations::default()), Some(Reason::SystemNotAllowed));
    // Nor an open proof a sealed claim.
    let mut swapped = receipt(&world.hidden);
    swapped.evidence = receipt(&world.bound).evidence;
    assert_eq!(reason(&swapped, &policy, &Expectations::default()), Some(Reason::BadSeal));
}

#[test]
fn a_batch_of_all_kinds_has_one_verdict_each() {
    let world = world();
    let registry = common::registry();
    let policy = Policy { min_tier: Tier::Commitment, ..trusting(&[&world.open, &world.sealed]) };
    let mut garbled = receipt(&world.bound);
    let Evidence::Binding(evidence) = &mut garbled.evidence else { panic!("binding") };
    evidence.proof.0[70] ^= 1;
    let mut moved = receipt(&world.bound);
    moved.claim = Claim::Binding(InferenceClaim { output: Digest::of(b"better"), ..facts() });
    let plan = common::signed(common::claim(), 7);
    let all =
        [&receipt(&world.bound), &garbled, &plan, &receipt(&world.hidden), &moved].map(Receipt::to_cbor);
    let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).chain([&b"nonsense"[..]]).collect();
    let none = Expectations::default();
    let items = all.iter().map(|bytes| BatchItem { name: "x", bytes, expectations: &none });
    let verifier = Verifier::new(&registry);
    let verdicts: Vec<_> =
        verifier.verify_batch(items, &policy).into_iter().map(|(_, verdict)| verdict).collect();
    let single: Vec<_> = all.iter().map(|bytes| verifier.verify(bytes, &policy, &none)).collect();
    assert_eq!(verdicts, single);
    let reasons: Vec<_> = verdicts.iter().map(Verdict::reason).collect();
    let expected =
        [None, Some(Reason::BadSeal), None, None, Some(Reason::BadSeal), Some(Reason::BadEncoding)];
    assert_eq!(reasons, expected);
}

/// Changed bytes of whole receipts, in both forms.
#[test]
fn no_changed_receipt_is_accepted() {
    let world = world();
    let registry = Registry::empty();
    let verifier = Verifier::new(&registry);
    for (bound, key) in [(&world.bound, &world.open), (&world.hidden, &world.sealed)] {
        let honest = receipt(bound);
        let policy = trusting(&[key]);
        let expectations = Expectations { job: Some(facts().job), ..Expectations::default() };
        assert!(verifier.verify(&honest.to_cbor(), &policy, &expectations).is_valid());
        for mutation in common::mutate::mutations(&honest, 1_500) {
            let same = Receipt::decode(&mutation.bytes)
                .is_ok_and(|other| other.claim == honest.claim && other.evidence == honest.evidence);
            if !same {
                let verdict = verifier.verify(&mutation.bytes, &policy, &expectations);
                assert!(!verdict.is_valid(), "accepted: {}", mutation.what);
            }
        }
    }
}
