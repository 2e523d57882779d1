//! One run from start to end.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::BufReader,
    path::PathBuf,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use proofmark_core::{Digest, Recording, WitnessClaim, WitnessedCommand};
use proofmark_witness::{
    Subject,
    perf::{self, Limits},
    perf_digest,
};

use crate::{
    RecordError, machine,
    perf::{EventChoice, Perf},
    process::{self, Forwarding, Held},
};

/// What to run and what to write down.
#[derive(Clone, Debug)]
pub struct Request {
    /// The shard.
    pub shard: u32,
    /// The agent.
    pub agent: String,
    /// Its place in the shard's chain.
    pub sequence: u64,
    /// Digest of the claim before it.
    pub previous: Option<Digest>,
    /// The challenge, in lower-case hex.
    pub nonce: Option<String>,
    /// The job that asked for it.
    pub job: Option<Digest>,
    /// The command, its name first. Must not be empty.
    pub command: Vec<String>,
    /// Environment variables to write down.
    pub environment: Vec<String>,
    /// Digest of the working tree, if it was taken.
    pub tree: Option<Digest>,
    /// What to record.
    pub events: EventChoice,
    /// Where the recording goes. Replaced if it exists.
    pub output: PathBuf,
}

/// What came of a run.
#[derive(Debug)]
pub struct Recorded {
    /// The claim, unsigned.
    pub claim: WitnessClaim,
    /// What the recording says, as a verifier reads it.
    pub facts: perf::Facts,
}

/// Runs a command to its end and records it. Its streams, terminal and environment are ours.
///
/// # Errors
/// [`RecordError`]. Where `perf` cannot be used, the command was not started. Where `perf` failed on the way, the
/// command ran to its end: `outcome` hears how it ended in every case in which it was started.
pub fn record(
    perf: &Perf,
    request: &Request,
    mut outcome: impl FnMut(proofmark_core::Outcome),
) -> Result<Recorded, RecordError> {
    let name = request.command.first().map(String::as_str).unwrap_or_default();
    let unstartable = |source| RecordError::Command { command: name.to_owned(), source };
    let path = machine::find_program(name).map_err(unstartable)?;
    let (program, interpreter) = machine::binaries(&path)?;
    let subject = Subject {
        shard: request.shard,
        agent: &request.agent,
        sequence: request.sequence,
        previous: request.previous,
        nonce: request.nonce.as_deref(),
        command: WitnessedCommand::digest_of(request.command.iter().map(String::as_str)),
    };
    let folder = tempfile::tempdir().map_err(|e| RecordError::io(std::env::temp_dir(), e))?;
    let data = folder.path().join("perf.data");
    // Processes that lose their parents become our children, so that those left running can be counted.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));

    let forwarding = Forwarding::start();
    let mut command = Command::new(name);
    command.args(&request.command[1..]);
    let held = Held::start(command).map_err(unstartable)?;
    let mut attached = match perf.attach(held.pid, &data, &subject.marker(), &request.events, folder.path()) {
        Ok(attached) => attached,
        Err(error) => {
            held.abandon();
            return Err(error);
        }
    };
    forwarding.to(held.pid);
    let started_ns = now_ns();
    let running = match held.release() {
        Ok(running) => running,
        Err(error) => {
            attached.kill();
            return Err(unstartable(error));
        }
    };
    attached.started();
    let waited = running.wait();
    let ended_ns = now_ns();
    forwarding.to(0);
    let (ended, mut usage) = waited.map_err(unstartable)?;
    outcome(ended);
    usage.left_running = process::children_but(attached.pid());
    attached.finish()?;

    let length = fs::metadata(&data).map_err(|e| RecordError::io(&data, e))?.len();
    let open = || File::open(&data).map_err(|e| RecordError::io(&data, e));
    let (perf_hash, _) = perf_digest(open()?, length).map_err(|e| RecordError::io(&data, e))?;
    let facts = perf::read(BufReader::new(open()?), length, &Limits::default(), |_| {})
        .map_err(RecordError::Unreadable)?;
    fs::copy(&data, &request.output).map_err(|e| RecordError::io(&request.output, e))?;
    let claim = WitnessClaim {
        shard: request.shard,
        agent: request.agent.clone(),
        sequence: request.sequence,
        previous: request.previous,
        nonce: request.nonce.clone(),
        job: request.job,
        command: WitnessedCommand {
            digest: subject.command,
            arguments: request.command.clone(),
            program,
            interpreter,
            environment: environment(&request.environment),
            tree: request.tree,
        },
        started_ns,
        ended_ns,
        outcome: ended,
        usage,
        machine: machine::describe(&facts),
        recording: Recording {
            perf: perf_hash,
            perf_bytes: length,
            tool: facts.tool.clone(),
            events: facts.events.clone(),
            samples: facts.samples,
            lost: facts.lost,
            first_ns: facts.first_ns,
            last_ns: facts.last_ns,
            build_ids: facts.build_ids.clone(),
        },
        redacted_from: None,
    };
    Ok(Recorded { claim, facts })
}

fn environment(names: &[String]) -> BTreeMap<String, String> {
    names.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))).collect()
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
