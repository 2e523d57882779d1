//! What tests of several modules use.

use ed25519_dalek::SigningKey;
use proofmark_core::{
    Binary, Digest, Event, EventSource, Machine, Outcome, ProcessUsage, PublicKey, Recording, WitnessClaim,
    WitnessedCommand,
};

pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub(crate) fn public(number: u8) -> PublicKey {
    PublicKey::new(key(number).verifying_key().to_bytes())
}

pub(crate) fn claim() -> WitnessClaim {
    let arguments = vec!["sleep".to_owned(), "--secret-argument".to_owned()];
    WitnessClaim {
        shard: 7,
        agent: "CICADA-Harbot-7".into(),
        sequence: 0,
        previous: None,
        nonce: Some("00ff".into()),
        job: None,
        command: WitnessedCommand {
            digest: WitnessedCommand::digest_of(arguments.iter().map(String::as_str)),
            arguments,
            program: Binary {
                path: "/usr/bin/sleep".into(),
                digest: Digest::of(b"sleep"),
                build_id: Some("ab".into()),
            },
            interpreter: None,
            environment: [("PASSWORD".to_owned(), "hunter2".to_owned())].into(),
            tree: None,
        },
        started_ns: 1_769_979_526_000_000_000,
        ended_ns: 1_769_979_527_000_000_000,
        outcome: Outcome::Exited(0),
        usage: ProcessUsage { user_us: 900_000, ..ProcessUsage::default() },
        machine: Machine {
            kernel: "6.18.0".into(),
            architecture: "x86_64".into(),
            cpu: "AMD EPYC".into(),
            cpus: 2,
        },
        recording: Recording {
            perf: Digest::of(b"perf"),
            perf_bytes: 4,
            tool: "6.1".into(),
            events: vec![Event {
                name: "steady".into(),
                source: EventSource::Software,
                samples: 17,
                total: 894_736_833,
            }],
            samples: 17,
            lost: 0,
            first_ns: 1,
            last_ns: 900_000_000,
            build_ids: [("/usr/bin/sleep".to_owned(), "ab".to_owned())].into(),
        },
        redacted_from: None,
    }
}
