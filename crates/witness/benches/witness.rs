//! What making and checking witnesses costs: `cargo bench -p proofmark-witness [-- large]`.

use std::{
    fs::File,
    hint::black_box,
    io::{BufReader, BufWriter, Cursor},
    time::{Duration, Instant},
};

use ed25519_dalek::SigningKey;
use proofmark_core::{Claim, Digest, Evidence, PublicKey, Receipt, WitnessClaim, WitnessEvidence};
use proofmark_measure::{memory, thread_time};
use proofmark_witness::{
    Identity, WitnessExpectations, WitnessPolicy,
    dsse::Envelope,
    perf::{self, Limits},
    perf_digest,
    quorum::{Ballot, Committee, EpochTree, Tally, Vote},
    seed::SeedWitness,
    sign, verify,
};

const SHARDS: u32 = 71;
const QUORUM: usize = 48;
const LARGE: u64 = 1_000_000_000;

fn main() {
    let receipt = Receipt::decode(include_bytes!("../tests/fixtures/receipt.json")).expect("a fixture");
    let (Claim::Witness(claim), Evidence::Witness(evidence)) = (receipt.claim, receipt.evidence) else {
        panic!("the fixture is a witness")
    };
    if std::env::args().any(|word| word == "large") {
        return large(&claim, &short(&evidence));
    }
    // As many whole copies of its records as make at least 28 kB.
    let short = short(&evidence);
    let perf = enlarged(&short, 28_000);
    let claim = fitted(&claim, &perf);
    println!("recording: {} bytes, {} samples", perf.len(), claim.recording.samples);

    let key = key(1);
    report("make a witness (read, hash, sign, envelope, short form)", 500, || {
        let claim = fitted(&claim, &perf);
        let evidence = sign(&claim, &key);
        let envelope = Envelope::of(&claim, &evidence).to_json();
        black_box((envelope, SeedWitness::of(&claim, "zkperf-0.data").to_json()));
    });
    report("verify, hash only", 2000, || {
        let (digest, length) = perf_digest(Cursor::new(&perf), perf.len() as u64).expect("in memory");
        assert!(digest == claim.recording.perf && length == claim.recording.perf_bytes);
    });
    let evidence = sign(&claim, &key);
    let (policy, expectations, limits) =
        (WitnessPolicy::default(), WitnessExpectations::default(), Limits::default());
    report("verify, full", 500, || {
        verify(&claim, &evidence, Some(Cursor::new(&perf)), &policy, &expectations, &limits).expect("valid");
    });
    epoch(&claim, &perf);
    large(&claim, &short);
}

/// The recording inside the fixture.
fn short(evidence: &WitnessEvidence) -> Vec<u8> {
    evidence.perf.clone().expect("the fixture is small").0
}

/// 71 witnesses of 71 shards: verify all, tree, 48 votes, certificate, and its check.
fn epoch(claim: &WitnessClaim, perf: &[u8]) {
    let limits = Limits::default();
    let mut policy = WitnessPolicy::default();
    let witnesses: Vec<(WitnessClaim, WitnessEvidence)> = (0..SHARDS)
        .map(|shard| {
            // The marker in the recording covers the shard; 71 recordings are made by editing it, which keeps their size.
            let mut claim = claim.clone();
            claim.agent = format!("agent-{shard:02}");
            claim.shard = shard;
            let perf = marked(perf, &claim);
            let claim = fitted(&claim, &perf);
            let key = key(shard as u8 + 1);
            let mut evidence = sign(&claim, &key);
            policy.identities.push(Identity { shard, key: evidence.key, agent: None });
            evidence.perf = Some(perf.into());
            (claim, evidence)
        })
        .collect();
    let validators: Vec<SigningKey> = (0..71).map(|number| key(100 + number)).collect();
    let names = validators.iter().map(|key| PublicKey::new(key.verifying_key().to_bytes())).collect();
    let committee = Committee::new(names, QUORUM).expect("different keys");
    let tree_of = || EpochTree::new(1, witnesses.iter().map(|(claim, _)| claim)).expect("one a shard");
    let votes: Vec<Vote> = {
        let ballot = Ballot::of(&tree_of(), &committee);
        validators.iter().take(QUORUM).map(|key| Vote::sign(ballot, key)).collect()
    };
    report("71 witnesses: verify all in full, Merkle root, certificate of 48 votes", 20, || {
        for (claim, evidence) in &witnesses {
            let inside = None::<Cursor<&[u8]>>;
            verify(claim, evidence, inside, &policy, &WitnessExpectations::default(), &limits)
                .expect("valid");
        }
        let tree = tree_of();
        let mut tally = Tally::new(&committee, 1);
        votes.iter().for_each(|vote| tally.add(vote.clone()).expect("counts"));
        let certificate = tally.certificate().expect("a quorum");
        assert_eq!(certificate.ballot.root, tree.root());
    });
}

/// A recording of a gigabyte, streamed from a file.
fn large(claim: &WitnessClaim, short: &[u8]) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("large.data");
    let mut file = BufWriter::new(File::create(&path).expect("room"));
    enlarge(short, LARGE, &mut file);
    file.into_inner().expect("room").sync_all().expect("room");
    let open = || BufReader::with_capacity(1 << 18, File::open(&path).expect("just written"));
    let length = path.metadata().expect("just written").len();
    let facts = perf::read(open(), length, &Limits::default(), |_| {}).expect("a recording");
    let digest = perf_digest(open(), length).expect("readable").0;
    let claim = with_facts(claim, facts, digest, length);
    let evidence = sign(&claim, &key(1));
    let before = memory().peak;
    let start = thread_time();
    let checked = verify(
        &claim,
        &evidence,
        Some(open()),
        &WitnessPolicy::default(),
        &WitnessExpectations::default(),
        &Limits::default(),
    );
    checked.expect("valid");
    println!(
        "verify, full, {length} bytes ({} samples) streamed: {:.1} s of processor time, peak memory of the process {} MB (before: {} MB)",
        claim.recording.samples,
        (thread_time() - start).as_secs_f64(),
        memory().peak / 1_000_000,
        before / 1_000_000
    );
}

/// Copies of a recording's records until it has `bytes`.
fn enlarged(short: &[u8], bytes: u64) -> Vec<u8> {
    let mut out = Vec::new();
    enlarge(short, bytes, &mut out);
    out
}

fn enlarge(short: &[u8], bytes: u64, out: &mut impl std::io::Write) {
    let word = |at: usize| u64::from_le_bytes(short[at..at + 8].try_into().expect("eight bytes"));
    let (data, size) = (word(40) as usize, word(48) as usize);
    let records = &short[data..data + size];
    let copies = bytes.saturating_sub(short.len() as u64).div_ceil(size as u64) + 1;
    let grown = (copies - 1) * size as u64;
    let mut head = short[..data].to_vec();
    head[48..56].copy_from_slice(&(copies * size as u64).to_le_bytes());
    out.write_all(&head).expect("room");
    for _ in 0..copies {
        out.write_all(records).expect("room");
    }
    let mut tail = short[data + size..].to_vec();
    let sections = (word(72).count_ones() + word(80).count_ones()) as usize;
    for section in 0..sections {
        let at = 16 * section;
        let offset = u64::from_le_bytes(tail[at..at + 8].try_into().expect("eight bytes")) + grown;
        tail[at..at + 8].copy_from_slice(&offset.to_le_bytes());
    }
    out.write_all(&tail).expect("room");
}

/// The recording with another claim's marker, wherever the old one stands.
fn marked(perf: &[u8], claim: &WitnessClaim) -> Vec<u8> {
    let subject = proofmark_witness::Subject {
        shard: claim.shard,
        agent: &claim.agent,
        sequence: claim.sequence,
        previous: claim.previous,
        nonce: claim.nonce.as_deref(),
        command: claim.command.digest,
    };
    let new = subject.marker().into_bytes();
    let mut out = perf.to_vec();
    let mut at = 0;
    while let Some(found) = out[at..].windows(10).position(|part| part == b"proofmark_") {
        let start = at + found;
        out[start..start + new.len()].copy_from_slice(&new);
        at = start + new.len();
    }
    out
}

fn fitted(claim: &WitnessClaim, perf: &[u8]) -> WitnessClaim {
    let length = perf.len() as u64;
    let facts = perf::read(Cursor::new(perf), length, &Limits::default(), |_| {}).expect("a recording");
    with_facts(claim, facts, Digest::of(perf), length)
}

/// A claim that a recording supports: enough processor time for all its samples, on as many processors.
fn with_facts(claim: &WitnessClaim, facts: perf::Facts, digest: Digest, length: u64) -> WitnessClaim {
    let mut claim = claim.clone();
    let clocks =
        facts.events.iter().filter(|event| ["fast", "medium", "steady"].contains(&event.name.as_str()));
    // Copies of a short run have more of the fast clock than of the steady one: between the two bounds for both.
    claim.usage.user_us = clocks.map(|event| event.total).max().unwrap_or_default() / 1000 * 5 / 6;
    claim.machine.cpus = u32::MAX;
    claim.recording.perf = digest;
    claim.recording.perf_bytes = length;
    claim.recording.samples = facts.samples;
    claim.recording.events = facts.events;
    claim.recording.lost = facts.lost;
    claim.recording.first_ns = facts.first_ns;
    claim.recording.last_ns = facts.last_ns;
    claim
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// Median and 95th percentile of some runs, in processor time of this thread and by the clock on the wall: where others use
/// the machine too, the first says what the work costs.
fn report(what: &str, runs: usize, mut work: impl FnMut()) {
    work();
    let (mut wall, mut processor) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    for _ in 0..runs {
        let (start, before) = (Instant::now(), thread_time());
        work();
        processor.push(thread_time() - before);
        wall.push(start.elapsed());
    }
    wall.sort();
    processor.sort();
    let millis = |times: &[Duration], at: usize| times[at].as_secs_f64() * 1000.0;
    println!(
        "{what}: p50 {:.3} ms, p95 {:.3} ms of processor time; p50 {:.3} ms on the wall ({runs} runs)",
        millis(&processor, runs / 2),
        millis(&processor, runs * 95 / 100),
        millis(&wall, runs / 2)
    );
}
