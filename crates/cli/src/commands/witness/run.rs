//! `proofmark witness run`.

use std::path::PathBuf;

use proofmark_core::{Digest, Evidence, Outcome};
use proofmark_recorder::{EventChoice, Perf, RecordError, Request, record, tree_digest};
use proofmark_store::Store;
use proofmark_witness::{WitnessExpectations, WitnessPolicy, chain, perf::Limits};

use super::folder::ShardFolder;
use crate::{
    config::Config,
    error::Error,
    keys,
    ui::{Ui, bytes, clean},
};

/// We failed, not the command: as `env`, `timeout` and `nohup` say it.
const OUR_FAULT: u8 = 125;
/// The command was found and cannot be run.
const NOT_RUNNABLE: u8 = 126;
/// There is no such command.
const NOT_FOUND: u8 = 127;

/// Arguments of `witness run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The command has our stdin, stdout and stderr; nothing is added to stdout. Signals are passed on.

Exit codes: the command's own; 128 + N if signal N killed it; 125 if we failed, 126 if it cannot be run, 127 if there is none

Example: proofmark witness run --shard 0 --agent CICADA-Harbot-0 -- make -j2")]
pub(crate) struct RunArgs {
    /// The shard, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) shard: u32,
    /// The agent's name; default: agent-SHARD
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The challenge that this run answers
    #[arg(long, value_name = "HEX", value_parser = nonce)]
    nonce: Option<String>,
    /// The job that asked for it
    #[arg(long, value_name = "DIGEST")]
    job: Option<Digest>,
    /// auto, software, or events in perf's notation, separated by commas
    #[arg(long, value_name = "EVENTS", default_value = "auto")]
    events: String,
    /// Write this environment variable down; repeat for more
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,
    /// Write the digest of the files below this folder down
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
    /// The shard's key; default: the provider's
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where folders of shards go
    #[arg(long, short, value_name = "DIR", default_value = "witnesses")]
    out: PathBuf,
    /// Run the command even where nothing can be recorded; then there is no witness
    #[arg(long)]
    best_effort: bool,
    /// The command
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) fn execute(args: &RunArgs, config: &Config, ui: &Ui) -> u8 {
    let mut ended = None;
    match run(args, config, ui, &mut ended) {
        Ok(code) => code,
        Err(Failure::Ours(error)) => {
            ui.message(&format!("error: {}", error.render()));
            if let Some(hint) = error.hint() {
                ui.message(&format!(" hint: {}", clean(&hint)));
            }
            // The command's own failure is the better answer, where it failed too.
            ended.map(exit_code).filter(|code| *code != 0).unwrap_or(OUR_FAULT)
        }
        Err(Failure::Record(error)) => {
            ui.message(&format!("error: {}", clean(&error.to_string())));
            if let Some(hint) = error.hint() {
                ui.message(&format!(" hint: {hint}"));
            }
            match (&error, ended) {
                (_, Some(outcome)) if exit_code(outcome) != 0 => exit_code(outcome),
                (RecordError::Command { source, .. }, None) => match source.kind() {
                    std::io::ErrorKind::NotFound => NOT_FOUND,
                    _ => NOT_RUNNABLE,
                },
                _ => OUR_FAULT,
            }
        }
    }
}

enum Failure {
    Ours(Error),
    Record(RecordError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

fn run(args: &RunArgs, config: &Config, ui: &Ui, ended: &mut Option<Outcome>) -> Result<u8, Failure> {
    let key_path = args.key.clone().unwrap_or_else(|| config.provider_key());
    let key = if key_path.exists() { keys::load(&key_path)? } else { keys::create(&key_path)? };
    let folder = ShardFolder::new(&args.out, args.shard);
    let _lock = folder.lock()?;
    let head = folder.head()?;
    let request = Request {
        shard: args.shard,
        agent: args.agent.clone().unwrap_or_else(|| format!("agent-{}", args.shard)),
        sequence: head.map_or(0, |head| head.sequence + 1),
        previous: head.map(|head| head.claim),
        nonce: args.nonce.clone(),
        job: args.job,
        command: args.command.clone(),
        environment: args.env.clone(),
        tree: args.tree.as_deref().map(tree_digest).transpose()?,
        events: match args.events.as_str() {
            "auto" => EventChoice::Auto,
            "software" => EventChoice::Software,
            names => EventChoice::Named(names.split(',').map(str::to_owned).collect()),
        },
        output: folder.path().join(".recording"),
    };
    let recorded =
        match Perf::find().and_then(|perf| record(&perf, &request, |outcome| *ended = Some(outcome))) {
            Err(
                error @ (RecordError::NoPerf | RecordError::NotPermitted { .. } | RecordError::PerfFailed(_)),
            ) if args.best_effort && ended.is_none() => {
                ui.warn(&format!("{}; the command runs without a witness", clean(&error.to_string())));
                return Ok(unwitnessed(&args.command));
            }
            other => other?,
        };
    let claim = recorded.claim;
    let evidence = proofmark_witness::sign(&claim, &key);
    // The same eyes that a buyer has: what they would refuse is told now.
    let perf = std::fs::File::open(&request.output)
        .map_err(|source| Error::Read { path: request.output.clone(), source })?;
    let expectations = WitnessExpectations { head, ..WitnessExpectations::default() };
    let judged = proofmark_witness::verify(
        &claim,
        &evidence,
        Some(std::io::BufReader::new(perf)),
        &WitnessPolicy::default(),
        &expectations,
        &Limits::default(),
    );
    if let Err((reason, detail)) = judged {
        ui.warn(&format!("this witness does not verify: {}: {}", reason.code(), clean(&detail)));
    }
    let tool = format!("proofmark {}", env!("CARGO_PKG_VERSION"));
    let receipt = folder.put(&claim, evidence, &request.output, tool)?;
    // By its content, too. The witness is made without it, so trouble is only told.
    let kept = Store::open(config.store().join("receipts")).and_then(|store| {
        if matches!(&receipt.evidence, Evidence::Witness(evidence) if evidence.perf.is_none()) {
            store.put_recording(&claim.recording.perf, &folder.perf())?;
        }
        store.put(&receipt)
    });
    if let Err(error) = kept {
        ui.warn(&format!("the receipt was not kept in the store: {}", clean(&error.to_string())));
    }
    let left = match claim.usage.left_running {
        0 => String::new(),
        count => format!("; {count} of its processes still run and are no longer recorded"),
    };
    ui.note(&format!(
        "witness {} of shard {}: {} samples, {}, {}{left}",
        claim.sequence,
        claim.shard,
        claim.recording.samples,
        bytes(claim.recording.perf_bytes),
        chain::digest(&claim)
    ));
    Ok(exit_code(claim.outcome))
}

/// Becomes the command.
fn unwitnessed(command: &[String]) -> u8 {
    use std::os::unix::process::CommandExt as _;
    let error = std::process::Command::new(&command[0]).args(&command[1..]).exec();
    if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE }
}

/// As shells say it.
fn exit_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Exited(code) => u8::try_from(code & 0xff).unwrap_or(OUR_FAULT),
        Outcome::Killed(signal) => u8::try_from((128 + signal) & 0xff).unwrap_or(OUR_FAULT),
    }
}

/// Lower-case hex of 1 to 64 bytes.
pub(super) fn nonce(text: &str) -> Result<String, String> {
    let fits = text.len().is_multiple_of(2) && (2..=128).contains(&text.len());
    if fits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        Ok(text.to_owned())
    } else {
        Err("a challenge is 1 to 64 bytes in lower-case hex".to_owned())
    }
}
