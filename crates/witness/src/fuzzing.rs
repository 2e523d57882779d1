//! Bodies of fuzz targets.

use std::io::Cursor;

use crate::{
    analysis::{Baseline, Collector},
    dsse::Envelope,
    perf::{self, Limits},
    quorum::{Certificate, DoubleSigning},
    seed::SeedWitness,
};

/// Small limits: a fuzzer should meet them.
const LIMITS: Limits = Limits {
    max_bytes: 1 << 22,
    max_records: 20_000,
    max_round_bytes: 1 << 20,
    max_round_records: 10_000,
    max_section_bytes: 1 << 18,
    max_names: 1_000,
};

/// Reads bytes as a recording and makes a profile of what comes out.
pub fn recording(bytes: &[u8]) {
    let mut collector = Collector::default();
    let result = perf::read(Cursor::new(bytes), bytes.len() as u64, &LIMITS, |record| collector.see(record));
    if let Ok(facts) = result {
        assert_eq!(facts.samples, facts.events.iter().map(|event| event.samples).sum::<u64>());
        let profile = collector.finish(&facts.events, |_| Vec::new());
        assert!(profile.is_ok_and(|profile| profile.samples <= facts.samples));
    }
}

/// Reads bytes as everything that is a document; what was read must survive being written.
pub fn document(bytes: &[u8]) {
    if let Ok((claim, evidence)) = Envelope::open(bytes) {
        let again = Envelope::of(&claim, &evidence).to_json();
        assert_eq!(Envelope::open(again.as_bytes()), Ok((claim, evidence)));
    }
    if let Ok(witness) = SeedWitness::parse(bytes) {
        assert_eq!(SeedWitness::parse(witness.to_json().as_bytes()), Ok(witness));
    }
    if let Ok(certificate) = Certificate::parse(bytes) {
        let committee =
            crate::quorum::Committee::new(certificate.votes.iter().map(|v| v.validator).collect(), 1);
        let _ = committee.map(|committee| certificate.check(&committee));
    }
    if let Ok(evidence) = serde_json::from_slice::<DoubleSigning>(bytes) {
        let _ = evidence.check();
    }
    if let Ok(baseline) = Baseline::parse(bytes) {
        let run = crate::analysis::Run::of(&claim_of_nothing(), &crate::analysis::Profile::default());
        let _ = baseline.judge(&run, 0.5);
    }
}

/// A claim that says nothing, to compare with.
fn claim_of_nothing() -> proofmark_core::WitnessClaim {
    let digest = proofmark_core::Digest::of(b"");
    let binary = proofmark_core::Binary { path: String::new(), digest, build_id: None };
    proofmark_core::WitnessClaim {
        shard: 0,
        agent: String::new(),
        sequence: 0,
        previous: None,
        nonce: None,
        job: None,
        command: proofmark_core::WitnessedCommand {
            digest,
            arguments: Vec::new(),
            program: binary,
            interpreter: None,
            environment: Default::default(),
            tree: None,
        },
        started_ns: 0,
        ended_ns: 0,
        outcome: proofmark_core::Outcome::Exited(0),
        usage: Default::default(),
        machine: proofmark_core::Machine {
            kernel: String::new(),
            architecture: String::new(),
            cpu: String::new(),
            cpus: 1,
        },
        recording: proofmark_core::Recording {
            perf: digest,
            perf_bytes: 0,
            tool: String::new(),
            events: Vec::new(),
            samples: 0,
            lost: 0,
            first_ns: 0,
            last_ns: 0,
            build_ids: Default::default(),
        },
        redacted_from: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_bytes_never_panic() {
        let seed = include_bytes!("../../../fuzz/seeds/recording/short-run.data");
        for bytes in proofmark_core::fuzzing::damaged(&[seed], 2_000) {
            recording(&bytes);
        }
        let envelope = include_bytes!("../../../fuzz/seeds/witness_document/witness-0.dsse.json");
        let short = include_bytes!("../../../fuzz/seeds/witness_document/zkwitness-0.json");
        assert!(Envelope::open(envelope).is_ok() && SeedWitness::parse(short).is_ok());
        for bytes in proofmark_core::fuzzing::damaged(&[envelope, short], 2_000) {
            document(&bytes);
        }
    }
}
