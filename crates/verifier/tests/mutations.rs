//! No changed receipt is accepted.
//!
//! "Changed" means another claim or other evidence. White space of the JSON form, `null` for an absent member and
//! everything under `provenance` may vary: nothing in there is signed or proved, as `docs/src/receipts.md` says,
//! and the receipt's id, which covers it, varies with it.

mod common;

use common::{mutate::mutations, *};
use proofmark_core::{Digest, Reason, Receipt, Tier, Verdict};
use proofmark_plan::{canonical, commit, document, source};
use proofmark_registry::Registry;
use proofmark_verifier::{Expectations, Policy, Verifier};

/// Judges `count` changed copies. Returns how many of them were the same claim and evidence in another dress.
fn refuse_all(
    receipt: &Receipt,
    registry: &Registry,
    policy: &Policy,
    expectations: &Expectations,
    count: usize,
) -> usize {
    let verifier = Verifier::new(registry);
    let same = |bytes: &[u8]| {
        Receipt::decode(bytes).is_ok_and(|r| r.claim == receipt.claim && r.evidence == receipt.evidence)
    };
    assert!(verifier.verify(&receipt.to_cbor(), policy, expectations).is_valid(), "the original is good");
    let mut dressed = 0;
    for mutation in mutations(receipt, count) {
        // The same work in another dress needs no second proof check.
        if same(&mutation.bytes) {
            dressed += 1;
            continue;
        }
        let verdict = verifier.verify(&mutation.bytes, policy, expectations);
        assert!(matches!(verdict, Verdict::Invalid { .. }), "accepted: {}", mutation.what);
    }
    assert!(dressed < count / 3, "{dressed} of {count} changed nothing");
    dressed
}

#[test]
fn ten_thousand_changes_of_a_signed_receipt() {
    let mut receipt = signed(claim(), 7);
    receipt.provenance.parameters.insert("hash".into(), "none".into());
    let expectations = Expectations { plan: Some(Digest::of(b"plan")), ..Expectations::of(&job()) };
    let naming = Policy { providers: [public(&key(7))].into(), ..lax(Tier::Commitment) };
    let count = 10_000;
    refuse_all(&receipt, &registry(), &naming, &expectations, count);
    // With any key allowed, a changed key needs a changed signature, which nobody can make.
    refuse_all(&receipt, &registry(), &lax(Tier::Commitment), &expectations, count);
}

/// A sample of what the next test does in full.
#[test]
fn changes_of_a_proved_receipt() {
    refuse_changes_of_proved_receipts(200);
}

#[test]
#[ignore = "heavy: ten thousand proofs to check"]
fn ten_thousand_changes_of_a_proved_receipt() {
    refuse_changes_of_proved_receipts(10_000);
}

/// The receipts of `tests/fixtures`, each a genuine proof by a program of the embedded registry with its output.
fn refuse_changes_of_proved_receipts(count: usize) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
    let fixtures = std::fs::read_dir(folder).expect("tests/fixtures is part of the repository");
    let mut judged = 0;
    for fixture in fixtures {
        let fixture = fixture.expect("readable").path();
        let Ok(bytes) = std::fs::read(fixture.join("receipt.cbor")) else { continue };
        let receipt = Receipt::decode(&bytes).expect("a receipt");
        let output = std::fs::read(fixture.join("output.json")).expect("the output lies beside its receipt");
        let expectations = Expectations { job: receipt.claim.job().copied(), ..Expectations::default() };
        let expectations = expectations.with_output_document(output);
        refuse_all(&receipt, &Registry::embedded(), &Policy::default(), &expectations, count);
        judged += 1;
    }
    assert!(judged > 0, "{folder} has no receipt.cbor");
}

/// What a buyer holds beside the receipt: changed outputs, plans and registries are noticed too.
#[test]
fn changes_of_output_plan_and_registry() {
    let output = example("stocks/expected.json");
    let plan = String::from_utf8(example("stocks/plan.yaml")).expect("UTF-8");
    let hash = plan_hash(&plan).expect("the example is a plan");
    let mut claim = claim();
    claim.plan = hash;
    claim.output = root(&output).expect("the example's output is a document");
    let bytes = signed(claim, 7).to_cbor();
    let registry = registry();
    let verifier = Verifier::new(&registry);
    let policy = lax(Tier::Commitment);
    let expecting = |plan: Digest, output: &[u8]| {
        let expectations = Expectations { plan: Some(plan), ..Expectations::of(&job()) };
        verifier.verify(&bytes, &policy, &expectations.with_output_document(output))
    };
    assert!(expecting(hash, &output).is_valid());

    let count = 10_000;
    for at in 0..count {
        let changed = flip(&output, at);
        // White space means nothing, so a document may change and still hold the same value.
        let reason = expecting(hash, &changed).reason();
        let expected = (root(&changed) != root(&output)).then_some(Reason::OutputMismatch);
        assert_eq!(reason, expected, "output, change {at}");

        let changed = flip(plan.as_bytes(), at);
        let Some(other) = String::from_utf8(changed).ok().and_then(|text| plan_hash(&text)) else { continue };
        let expected = (other != hash).then_some(Reason::WrongPlan);
        assert_eq!(expecting(other, &output).reason(), expected, "plan, change {at}");
    }
    let log = registry.to_json().into_bytes();
    for at in 0..count {
        assert!(Registry::parse(&flip(&log, at), &[public(&key(1))]).is_err(), "registry, change {at}");
    }
}

/// One byte changed; the numbers spread place and change evenly.
fn flip(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let place = at.wrapping_mul(2_654_435_761) % bytes.len();
    bytes[place] ^= 1 + (at % 255) as u8;
    bytes
}

fn example(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../examples/{path}", env!("CARGO_MANIFEST_DIR"))).expect("an example")
}

fn root(document: &[u8]) -> Option<Digest> {
    let value = document::read(&document.to_vec().into(), 1 << 24).ok()?;
    Some(commit::root(&value, commit::DEFAULT_ROWS_PER_LEAF, &commit::NO_SALT))
}

fn plan_hash(text: &str) -> Option<Digest> {
    let source = source::read(text, "plan.yaml", source::Format::Yaml).ok()?;
    Some(canonical::plan_hash(&source.plan))
}
