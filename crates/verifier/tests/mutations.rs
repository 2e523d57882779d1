//! No changed receipt is accepted.
//!
//! "Changed" means another claim or other evidence. White space of the JSON form, `null` for an absent member and
//! everything under `provenance` may vary: nothing in there is signed or proved, as `docs/src/receipts.md` says,
//! and the receipt's id, which covers it, varies with it.

mod common;

use common::{mutate::mutations, *};
use proofmark_core::{Digest, Receipt, Tier, Verdict};
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
    let count = if cfg!(debug_assertions) { 3_000 } else { 10_000 };
    refuse_all(&receipt, &registry(), &naming, &expectations, count);
    // With any key allowed, a changed key needs a changed signature, which nobody can make.
    refuse_all(&receipt, &registry(), &lax(Tier::Commitment), &expectations, count);
}
