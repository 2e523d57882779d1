//! The in-toto statement that a claim implies.
//!
//! `https://in-toto.io/Statement/v1` with the predicate `https://in-toto.io/attestation/runtime-trace/v0.2`; the whole
//! claim stands in the extension field `proofmarkWitness`. A claim has one statement, byte for byte, so the statement is
//! never read from a receipt: a verifier writes it and asks whether *that* was signed.

use proofmark_core::{Digest, WitnessClaim};
use serde::{Deserialize, Serialize};

/// `_type` of the statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// `predicateType` of the statement.
pub const PREDICATE_TYPE: &str = "https://in-toto.io/attestation/runtime-trace/v0.2";
/// `payloadType` of the envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The longest statement, in bytes, that is read.
pub const MAX_STATEMENT_BYTES: usize = 8 << 20;

/// The statement of a claim, in the one form that is signed.
pub fn statement(claim: &WitnessClaim) -> Vec<u8> {
    let command = &claim.command;
    let mut subject = vec![
        Resource::new("perf.data", &claim.recording.perf),
        Resource::new(&command.program.path, &command.program.digest),
    ];
    subject.extend(
        command.interpreter.iter().map(|interpreter| Resource::new(&interpreter.path, &interpreter.digest)),
    );
    let statement = Statement {
        kind: STATEMENT_TYPE,
        subject,
        predicate_type: PREDICATE_TYPE,
        predicate: Predicate {
            monitor: Monitor {
                kind: "https://perfwiki.github.io/main",
                trace_policy: TracePolicy {
                    tool: &claim.recording.tool,
                    events: claim.recording.events.iter().map(|event| event.name.as_str()).collect(),
                },
            },
            monitored_process: MonitoredProcess {
                host_id: format!("urn:proofmark:shard:{}", claim.shard),
                kind: "https://proofmark.dev/witness/command/v1",
                event: format!("urn:proofmark:witness:{}:{}:{}", claim.shard, claim.agent, claim.sequence),
            },
            monitor_log: MonitorLog {
                process: [Process {
                    event_type: "process",
                    process_binary: &command.program.path,
                    arguments: &command.arguments,
                }],
            },
            metadata: Metadata {
                build_started_on: timestamp(claim.started_ns),
                build_finished_on: timestamp(claim.ended_ns),
            },
            proofmark_witness: claim,
        },
    };
    serde_json::to_vec(&statement).expect("claims hold integers, text and maps of text only")
}

/// The claim in a statement that this module wrote.
///
/// # Errors
/// If the bytes are too long or no statement, or not the one that its claim implies.
pub fn read(bytes: &[u8]) -> Result<WitnessClaim, String> {
    #[derive(Deserialize)]
    struct Outer {
        predicate: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        #[serde(rename = "proofmarkWitness")]
        claim: WitnessClaim,
    }
    if bytes.len() > MAX_STATEMENT_BYTES {
        return Err(format!("a statement has at most {MAX_STATEMENT_BYTES} bytes, found {}", bytes.len()));
    }
    let outer: Outer =
        serde_json::from_slice(bytes).map_err(|e| format!("no statement of a witness: {e}"))?;
    if statement(&outer.predicate.claim) != bytes {
        return Err("the statement says something else than its claim".into());
    }
    Ok(outer.predicate.claim)
}

#[derive(Serialize)]
struct Statement<'a> {
    #[serde(rename = "_type")]
    kind: &'a str,
    subject: Vec<Resource<'a>>,
    #[serde(rename = "predicateType")]
    predicate_type: &'a str,
    predicate: Predicate<'a>,
}

#[derive(Serialize)]
struct Resource<'a> {
    name: &'a str,
    digest: DigestSet,
}

#[derive(Serialize)]
struct DigestSet {
    sha256: String,
}

impl<'a> Resource<'a> {
    fn new(name: &'a str, digest: &Digest) -> Self {
        Self { name, digest: DigestSet { sha256: digest.to_hex() } }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate<'a> {
    monitor: Monitor<'a>,
    monitored_process: MonitoredProcess<'a>,
    monitor_log: MonitorLog<'a>,
    metadata: Metadata,
    proofmark_witness: &'a WitnessClaim,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Monitor<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    trace_policy: TracePolicy<'a>,
}

#[derive(Serialize)]
struct TracePolicy<'a> {
    tool: &'a str,
    events: Vec<&'a str>,
}

#[derive(Serialize)]
struct MonitoredProcess<'a> {
    #[serde(rename = "hostID")]
    host_id: String,
    #[serde(rename = "type")]
    kind: &'a str,
    event: String,
}

#[derive(Serialize)]
struct MonitorLog<'a> {
    process: [Process<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Process<'a> {
    event_type: &'a str,
    process_binary: &'a str,
    arguments: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    build_started_on: String,
    build_finished_on: String,
}

/// RFC 3339 with nanoseconds, in UTC.
pub(crate) fn timestamp(unix_ns: u64) -> String {
    let (seconds, nanos) = (unix_ns / 1_000_000_000, unix_ns % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 1 March of year 0, then the civil calendar by 400-year eras.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::claim;

    #[test]
    fn dates_are_right() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(timestamp(1_769_979_526_000_000_001), "2026-02-01T20:58:46.000000001Z");
        assert_eq!(timestamp(951_782_400_000_000_000), "2000-02-29T00:00:00.000000000Z");
    }

    #[test]
    fn a_claim_has_one_statement() {
        let claim = claim();
        let bytes = statement(&claim);
        assert_eq!(read(&bytes).as_ref(), Ok(&claim));
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["_type"], STATEMENT_TYPE);
        assert_eq!(value["subject"][0]["digest"]["sha256"], claim.recording.perf.to_hex());
        for required in ["monitor", "monitoredProcess", "monitorLog"] {
            assert!(value["predicate"][required].is_object(), "{required}");
        }
        let spaced = serde_json::to_vec_pretty(&value).unwrap();
        assert!(read(&spaced).is_err());
        let text = String::from_utf8(bytes).unwrap();
        let other = text.replacen("urn:proofmark:shard:7", "urn:proofmark:shard:8", 1);
        assert_ne!(other, text);
        assert!(read(other.as_bytes()).is_err());
    }
}
