//! A real recording, and what happens to those who touch it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::Cursor;

use ed25519_dalek::SigningKey;
use proofmark_core::{Claim, Digest, Evidence, Reason, Receipt, WitnessClaim, WitnessEvidence};
use proofmark_witness::{
    Checked, Identity, Rejection, WitnessExpectations, WitnessPolicy,
    chain::Head,
    perf::{self, Limits, PerfError},
    sign, verify,
};

fn fixture() -> (WitnessClaim, WitnessEvidence, Vec<u8>) {
    let receipt = Receipt::decode(include_bytes!("fixtures/receipt.json")).unwrap();
    let (Claim::Witness(claim), Evidence::Witness(evidence)) = (receipt.claim, receipt.evidence) else {
        panic!("the fixture is a witness")
    };
    let perf = evidence.perf.clone().unwrap().0;
    (*claim, evidence, perf)
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

/// Judges a claim that its shard signed, whatever it says, with a recording.
fn judge(claim: &WitnessClaim, perf: &[u8]) -> Result<Checked, Rejection> {
    let evidence = sign(claim, &key());
    let (policy, expectations) = (WitnessPolicy::default(), WitnessExpectations::default());
    verify(claim, &evidence, Some(Cursor::new(perf)), &policy, &expectations, &Limits::default())
}

/// A claim that was fitted to another recording, as a liar would.
fn fitted(perf: &[u8]) -> WitnessClaim {
    let mut claim = fixture().0;
    claim.recording.perf = Digest::of(perf);
    claim.recording.perf_bytes = perf.len() as u64;
    claim
}

#[test]
fn a_real_witness_is_valid() {
    let (claim, evidence, _) = fixture();
    let inside = None::<Cursor<&[u8]>>;
    let mut policy = WitnessPolicy::default();
    let mut expectations = WitnessExpectations {
        nonce: Some("00ff".into()),
        now_ns: Some(claim.ended_ns + 5_000_000_000),
        shard: Some(0),
        ..WitnessExpectations::default()
    };
    policy.identities = vec![Identity { shard: 0, key: evidence.key, agent: Some("CICADA-Harbot-0".into()) }];
    let limits = Limits::default();
    let checked = verify(&claim, &evidence, inside.clone(), &policy, &expectations, &limits).unwrap();
    assert!(checked.known_key && checked.aged && checked.challenged);
    let facts = checked.facts.unwrap();
    assert!(facts.samples > 50, "{}", facts.samples);
    assert!(facts.started.contains("sh"), "{:?}", facts.started);

    let reject = |change: &dyn Fn(&mut WitnessPolicy, &mut WitnessExpectations)| {
        let (mut policy, mut expected) = (policy.clone(), expectations.clone());
        change(&mut policy, &mut expected);
        verify(&claim, &evidence, inside.clone(), &policy, &expected, &limits).unwrap_err().0
    };
    assert_eq!(reject(&|_, e| e.nonce = Some("00fe".into())), Reason::WrongNonce);
    assert_eq!(reject(&|p, e| (p.require_nonce, e.nonce) = (true, None)), Reason::WrongNonce);
    assert_eq!(reject(&|_, e| e.shard = Some(1)), Reason::WrongShard);
    assert_eq!(reject(&|p, _| p.identities[0].shard = 1), Reason::WrongShard);
    assert_eq!(reject(&|p, _| p.identities[0].agent = Some("x".into())), Reason::WrongShard);
    let other = sign(&claim, &key()).key;
    assert_eq!(reject(&|p, _| p.identities[0].key = other), Reason::WrongShard);
    assert_eq!(reject(&|_, e| e.now_ns = Some(claim.ended_ns - 100_000_000_000)), Reason::BadTimestamp);
    assert_eq!(reject(&|_, e| e.now_ns = Some(claim.ended_ns + 90_000_000_000_000)), Reason::BadTimestamp);
    let elsewhere = Head { sequence: 4, claim: Digest::of(b"x") };
    assert_eq!(reject(&|_, e| e.head = Some(elsewhere)), Reason::ChainFork);
    expectations.head = Some(Head::of(&claim));
    let mut bare = evidence.clone();
    bare.perf = None;
    let missing = verify(&claim, &bare, inside.clone(), &policy, &expectations, &limits);
    assert_eq!(missing.unwrap_err().0, Reason::PerfMissing);
    bare.signature.0[0] ^= 1;
    let forged = verify(&claim, &bare, inside, &policy, &expectations, &limits);
    assert_eq!(forged.unwrap_err().0, Reason::BadSignature);
}

#[test]
fn a_claim_that_says_something_else_is_refused() {
    let (claim, _, perf) = fixture();
    assert!(judge(&claim, &perf).is_ok());
    type Change = fn(&mut WitnessClaim);
    let changes: [(&str, Reason, Change); 16] = [
        ("samples", Reason::PerfMismatch, |c| c.recording.samples += 1),
        ("lost", Reason::PerfMismatch, |c| c.recording.lost = 1),
        ("event", Reason::PerfMismatch, |c| c.recording.events[0].total += 1),
        ("event name", Reason::PerfMismatch, |c| c.recording.events[0].name = "cycles".into()),
        ("first", Reason::PerfMismatch, |c| c.recording.first_ns -= 1),
        ("last", Reason::PerfMismatch, |c| c.recording.last_ns += 1),
        ("recorder", Reason::PerfMismatch, |c| c.recording.tool = "7".into()),
        ("build id", Reason::PerfMismatch, |c| {
            c.recording.build_ids.values_mut().next().unwrap().replace_range(..1, "x");
        }),
        ("kernel", Reason::PerfMismatch, |c| c.machine.kernel.push('x')),
        ("program", Reason::PerfMismatch, |c| c.command.program.path = "/usr/bin/other".into()),
        ("its build id", Reason::PerfMismatch, |c| c.command.program.build_id = Some("00".into())),
        ("command", Reason::PerfMismatch, |c| c.command.digest = Digest::of(b"rm -rf /")),
        ("nonce", Reason::PerfMismatch, |c| c.nonce = Some("0100".into())),
        ("shard", Reason::PerfMismatch, |c| c.shard = 1),
        ("times", Reason::Implausible, |c| {
            c.started_ns += 3_600_000_000_000;
            c.ended_ns += 3_600_000_000_000;
        }),
        ("processor time", Reason::Implausible, |c| c.usage.user_us = 3_600_000_000),
    ];
    for (what, reason, change) in changes {
        let mut lie = claim.clone();
        change(&mut lie);
        assert_eq!(judge(&lie, &perf).map(drop).map_err(|(reason, _)| reason), Err(reason), "{what}");
    }
    // Fewer samples than processor time allows: a recording of an idle process under the claim of a busy one.
    let mut idle = claim.clone();
    idle.usage.user_us = 200_000_000;
    idle.ended_ns += 100_000_000_000;
    assert_eq!(judge(&idle, &perf).unwrap_err().0, Reason::Implausible);
}

#[test]
fn a_recording_that_was_touched_is_refused() {
    let (claim, _, perf) = fixture();
    let mut edited = perf.clone();
    *edited.last_mut().unwrap() ^= 1;
    assert_eq!(judge(&claim, &edited).unwrap_err().0, Reason::PerfDigest);
    assert_eq!(judge(&claim, &perf[..perf.len() - 1]).unwrap_err().0, Reason::PerfDigest);
    let mut longer = perf.clone();
    longer.push(0);
    assert_eq!(judge(&claim, &longer).unwrap_err().0, Reason::PerfDigest);
    // Cut anywhere, and a claim fitted to what is left.
    for cut in (0..perf.len()).step_by(61) {
        let reason = judge(&fitted(&perf[..cut]), &perf[..cut]).unwrap_err().0;
        assert!(matches!(reason, Reason::PerfMalformed | Reason::PerfMismatch), "{cut}: {reason}");
    }
}

#[test]
fn lying_lengths_and_counts_are_refused() {
    let (_, _, perf) = fixture();
    let read = |bytes: &[u8]| perf::read(Cursor::new(bytes), bytes.len() as u64, &Limits::default(), |_| {});
    assert!(read(&perf).is_ok());
    let word = |at: usize| u64::from_le_bytes(perf[at..at + 8].try_into().unwrap());
    let (data, size) = (word(40) as usize, word(48) as usize);
    let put = |at: usize, value: &[u8]| {
        let mut bytes = perf.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    };
    let huge = (1u64 << 60).to_le_bytes();
    // Data section, every descriptive section: offset and size.
    let table = data + size;
    let sections = (word(72).count_ones() + word(80).count_ones()) as usize;
    for at in [40, 48].into_iter().chain((0..2 * sections).map(|at| table + 8 * at)) {
        for value in [huge, u64::MAX.to_le_bytes()] {
            assert!(read(&put(at, &value)).is_err(), "offset {at}");
        }
    }
    // All features at once, in all four words.
    for at in [72, 80, 88, 96] {
        assert!(read(&put(at, &u64::MAX.to_le_bytes())).is_err());
    }
    // Counts inside the event descriptions: how many, and how many ids each has.
    let bits = word(72);
    let place = (bits & ((1 << 12) - 1)).count_ones() as usize;
    let events = word(table + 16 * place) as usize;
    assert!(read(&put(events, &u32::MAX.to_le_bytes())).is_err());
    assert!(read(&put(events + 4, &u32::MAX.to_le_bytes())).is_err());
    let attribute = u32::from_le_bytes(perf[events + 4..events + 8].try_into().unwrap()) as usize;
    for at in [events + 8 + attribute, events + 8 + attribute + 4] {
        assert!(read(&put(at, &u32::MAX.to_le_bytes())).is_err());
    }
    // The recorder's command line.
    let place = (bits & ((1 << 11) - 1)).count_ones() as usize;
    let command = word(table + 16 * place) as usize;
    assert!(read(&put(command, &u32::MAX.to_le_bytes())).is_err());
    // Records: no length, hardware traces and compression that bring their own.
    for (at, value) in
        [(data + 6, vec![0, 0]), (data, 71u32.to_le_bytes().to_vec()), (data, 81u32.to_le_bytes().to_vec())]
    {
        assert!(read(&put(at, &value)).is_err());
    }
    // A call chain of 2^61 addresses: eight bytes each are nought in 64 bits.
    let mut at = data;
    while u32::from_le_bytes(perf[at..at + 4].try_into().unwrap()) != 9 {
        at += usize::from(u16::from_le_bytes(perf[at + 6..at + 8].try_into().unwrap()));
    }
    let chain = (at..at + 80).step_by(8).skip(1).map(|at| read(&put(at, &(1u64 << 61).to_le_bytes())));
    assert!(chain.filter(|result| matches!(result, Err(PerfError::Malformed(_)))).count() >= 1);
}

#[test]
fn what_a_file_may_cost_is_bounded() {
    let (_, _, perf) = fixture();
    let length = perf.len() as u64;
    let read = |limits: Limits| perf::read(Cursor::new(&perf), length, &limits, |_| {}).unwrap_err();
    let usual = Limits::default();
    for limits in [
        Limits { max_bytes: 100, ..usual },
        Limits { max_records: 10, ..usual },
        Limits { max_round_records: 5, ..usual },
        Limits { max_round_bytes: 500, ..usual },
        Limits { max_section_bytes: 100, ..usual },
        Limits { max_names: 1, ..usual },
    ] {
        assert!(matches!(read(limits), PerfError::TooMuch { .. }), "{limits:?}");
    }
}

#[test]
fn damaged_recordings_never_panic() {
    let (_, _, perf) = fixture();
    let (mut read, mut refused) = (0, 0);
    for bytes in proofmark_core::fuzzing::damaged(&[&perf], 3_000) {
        match perf::read(Cursor::new(&bytes), bytes.len() as u64, &Limits::default(), |_| {}) {
            Ok(_) => read += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(read > 100 && refused > 1000, "{read} read, {refused} refused");
}
