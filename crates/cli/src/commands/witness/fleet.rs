//! `proofmark witness fleet` and `collect`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use proofmark_witness::{Identity, quorum::EpochTree, seed::SeedWitness};
use serde::{Deserialize, Serialize};

use super::{
    folder::ShardFolder,
    run::nonce,
    verify::{read_claim, read_json},
};
use crate::{
    error::{Error, exit},
    files, keys,
    ui::{Ui, plural},
};

/// The most shards of a fleet.
const MAX_SHARDS: u32 = 10_000;

/// Arguments of `witness fleet`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
{shard} in the command becomes the shard's number. A fleet that was interrupted is taken up again by the same command:
shards that answered its challenge are not run twice.

Example: proofmark witness fleet --shards 71 --parallel 4 --out epoch-1 -- ./agent --shard {shard}")]
pub(crate) struct FleetArgs {
    /// How many shards there are
    #[arg(long, value_name = "N")]
    shards: u32,
    /// How many run at once
    #[arg(long, value_name = "N", default_value_t = 2)]
    parallel: u32,
    /// How often a shard whose command or recording failed is tried again
    #[arg(long, value_name = "N", default_value_t = 1)]
    retries: u32,
    /// What agents are called, before the shard's number
    #[arg(long, value_name = "NAME", default_value = "agent-")]
    agent: String,
    /// The challenge; default: a random one, kept in OUT/fleet.json
    #[arg(long, value_name = "HEX", value_parser = nonce)]
    nonce: Option<String>,
    /// The shards' keys, made where missing; default: OUT/keys
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Where folders of shards go
    #[arg(long, short, value_name = "DIR", default_value = "witnesses")]
    out: PathBuf,
    /// The command
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Arguments of `witness collect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes DIR/witnesses/shard-N.json, DIR/perf/shard-N.data, DIR/receipts/shard-N.json and DIR/all_witnesses.json: any web
server can serve DIR, and `proofmark witness verify URL/receipts/shard-N.json` checks what it serves.")]
pub(crate) struct CollectArgs {
    /// Where the folders of shards are
    #[arg(value_name = "OUT", default_value = "witnesses")]
    out: PathBuf,
    /// Where the files go
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The epoch whose tree and inclusion proofs are written too
    #[arg(long, value_name = "N", default_value_t = 0)]
    epoch: u64,
}

/// What makes a fleet the same fleet when it is taken up again.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    shards: u32,
    nonce: String,
    command: Vec<String>,
}

#[derive(Serialize)]
struct Answer {
    shards: u32,
    done: u32,
    skipped: u32,
    failed: Vec<u32>,
    nonce: String,
    identities: PathBuf,
}

pub(super) fn execute(args: &FleetArgs, ui: &Ui) -> Result<u8, Error> {
    if !(1..=MAX_SHARDS).contains(&args.shards) || args.parallel == 0 {
        return Err(Error::usage(
            format!("{} shards, {} at once", args.shards, args.parallel),
            format!("1 to {MAX_SHARDS} shards, at least one at a time"),
        ));
    }
    let failed = |source| Error::Write { path: args.out.clone(), source };
    fs::create_dir_all(&args.out).map_err(failed)?;
    let plan = plan(args)?;
    let key_folder = args.keys.clone().unwrap_or_else(|| args.out.join("keys"));
    let identities = write_identities(args, &key_folder)?;
    let program = std::env::current_exe().map_err(failed)?;

    let next = AtomicU32::new(0);
    let finished = AtomicU32::new(0);
    let outcome = Mutex::new((0, Vec::new()));
    let progress = ui.progress();
    thread::scope(|scope| {
        for _ in 0..args.parallel.min(args.shards) {
            scope.spawn(|| {
                loop {
                    let shard = next.fetch_add(1, Ordering::SeqCst);
                    if shard >= args.shards {
                        return;
                    }
                    let folder = ShardFolder::new(&args.out, shard);
                    let result = if answers(&folder, &plan.nonce) {
                        Ok(true)
                    } else {
                        attempt(args, &program, &folder, &key_folder, &plan)
                    };
                    let count = finished.fetch_add(1, Ordering::SeqCst) + 1;
                    let mut outcome = outcome.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    match result {
                        Ok(skipped) => outcome.0 += u32::from(skipped),
                        Err(()) => outcome.1.push(shard),
                    }
                    let text = format!("{count} of {} shards, {} failed", args.shards, outcome.1.len());
                    let permille = u64::from(count) * 1000 / u64::from(args.shards);
                    progress.update(&text, Some(permille), None);
                }
            });
        }
    });
    progress.finish();
    let (skipped, mut failures) = outcome.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    failures.sort_unstable();
    let answer = Answer {
        shards: args.shards,
        done: args.shards - failures.len() as u32,
        skipped,
        failed: failures,
        nonce: plan.nonce,
        identities,
    };
    ui.answer(&answer, |_| {
        let mut text = format!(
            "{} of {} shards have a witness ({} had one before); challenge {}; keys in {}\n",
            answer.done,
            answer.shards,
            answer.skipped,
            answer.nonce,
            answer.identities.display()
        );
        for shard in &answer.failed {
            let folder = ShardFolder::new(&args.out, *shard);
            text.push_str(&format!(
                "shard {shard} failed: see {}\n",
                folder.path().join("stderr.log").display()
            ));
        }
        text
    });
    Ok(if answer.failed.is_empty() { 0 } else { exit::EXECUTION })
}

/// The fleet's plan: the one that was begun in this folder, if there is one.
fn plan(args: &FleetArgs) -> Result<Plan, Error> {
    let path = args.out.join("fleet.json");
    let mut plan = Plan { shards: args.shards, nonce: String::new(), command: args.command.clone() };
    if path.exists() {
        let begun: Plan = read_json(&path)?;
        let same_nonce = args.nonce.as_ref().is_none_or(|nonce| *nonce == begun.nonce);
        if same_nonce && begun.shards == plan.shards && begun.command == plan.command {
            return Ok(begun);
        }
    }
    plan.nonce = match &args.nonce {
        Some(nonce) => nonce.clone(),
        None => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|e| Error::Write {
                path: path.clone(),
                source: std::io::Error::other(e.to_string()),
            })?;
            keys::hex(&bytes)
        }
    };
    let text = serde_json::to_string_pretty(&plan).expect("a plan holds text and integers only");
    files::write_whole(&path, text.as_bytes())?;
    Ok(plan)
}

/// Makes missing keys, and writes down which key speaks for which shard.
fn write_identities(args: &FleetArgs, key_folder: &Path) -> Result<PathBuf, Error> {
    let mut identities = Vec::new();
    for shard in 0..args.shards {
        let path = key_path(key_folder, shard);
        let key = if path.exists() { keys::load(&path)? } else { keys::create(&path)? };
        let agent = Some(format!("{}{shard}", args.agent));
        identities.push(Identity { shard, key: keys::public(&key), agent });
    }
    let path = args.out.join("identities.json");
    let text = serde_json::to_string_pretty(&identities).expect("identities hold text and integers only");
    files::write_whole(&path, text.as_bytes())?;
    Ok(path)
}

fn key_path(folder: &Path, shard: u32) -> PathBuf {
    folder.join(format!("shard-{shard}.key"))
}

/// Whether a shard's last witness answers this fleet's challenge.
fn answers(folder: &ShardFolder, nonce: &str) -> bool {
    folder.receipt().is_file()
        && read_claim(&folder.receipt()).is_ok_and(|(_, claim)| claim.nonce.as_deref() == Some(nonce))
}

/// Runs one shard in a process of its own, as often as allowed.
fn attempt(
    args: &FleetArgs,
    program: &Path,
    folder: &ShardFolder,
    key_folder: &Path,
    plan: &Plan,
) -> Result<bool, ()> {
    let shard = folder.shard();
    fs::create_dir_all(folder.path()).map_err(drop)?;
    for _ in 0..=args.retries {
        let log = |name: &str| File::create(folder.path().join(name)).map(Stdio::from).map_err(drop);
        let mut command = Command::new(program);
        command.args(["witness", "run", "--shard", &shard.to_string()]);
        command.args(["--agent", &format!("{}{shard}", args.agent), "--nonce", &plan.nonce]);
        command.arg("--key").arg(key_path(key_folder, shard)).arg("--out").arg(&args.out).arg("--");
        command.args(plan.command.iter().map(|word| word.replace("{shard}", &shard.to_string())));
        command.stdin(Stdio::null()).stdout(log("stdout.log")?).stderr(log("stderr.log")?);
        let status = command.status().map_err(drop)?;
        if status.success() && answers(folder, &plan.nonce) {
            return Ok(false);
        }
    }
    Err(())
}

pub(super) fn collect(args: &CollectArgs, ui: &Ui) -> Result<u8, Error> {
    let folders = ShardFolder::list(&args.out)?;
    let made = |name: &str| -> Result<PathBuf, Error> {
        let path = args.to.join(name);
        fs::create_dir_all(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
        Ok(path)
    };
    let (witnesses, recordings, receipts) = (made("witnesses")?, made("perf")?, made("receipts")?);
    let proofs = made("inclusion")?;
    let (mut all, mut claims) = (Vec::new(), Vec::new());
    for folder in &folders {
        let shard = folder.shard();
        let (_, claim) = read_claim(&folder.receipt())?;
        let seed = SeedWitness::of(&claim, format!("perf/shard-{shard}.data"));
        files::write_whole(&witnesses.join(format!("shard-{shard}.json")), seed.to_json().as_bytes())?;
        let copy = |from: PathBuf, to: PathBuf| {
            fs::copy(from, &to).map(drop).map_err(|source| Error::Write { path: to.clone(), source })
        };
        copy(folder.perf(), recordings.join(format!("shard-{shard}.data")))?;
        copy(folder.receipt(), receipts.join(format!("shard-{shard}.json")))?;
        all.push(seed);
        claims.push(claim);
    }
    let tree = EpochTree::new(args.epoch, &claims).map_err(|e| {
        Error::usage(
            format!("{}: {e}", args.out.display()),
            "`proofmark witness run` or `fleet` makes witnesses",
        )
    })?;
    for claim in &claims {
        let proof = tree.prove(claim.shard).expect("every claim is a leaf of the tree over all of them");
        let text = serde_json::to_string_pretty(&proof).expect("a proof holds text and integers only");
        files::write_whole(&proofs.join(format!("shard-{}.json", claim.shard)), text.as_bytes())?;
    }
    let array = serde_json::to_string_pretty(&all).expect("short witnesses hold text and integers only");
    files::write_whole(&args.to.join("all_witnesses.json"), array.as_bytes())?;
    #[derive(Serialize)]
    struct Answer {
        witnesses: usize,
        epoch: u64,
        root: proofmark_core::Digest,
    }
    let answer = Answer { witnesses: all.len(), epoch: args.epoch, root: tree.root() };
    ui.answer(&answer, |_| format!("{}, root {}\n", plural(answer.witnesses as u64, "witness"), answer.root));
    Ok(0)
}
