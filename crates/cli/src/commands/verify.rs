//! `proofmark verify`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use proofmark_core::{Digest, Evidence, MAX_RECEIPT_BYTES, Reason, Receipt, Tier, Verdict};
use proofmark_verifier::{Expectations, Policy, statement};
use serde::Serialize;

use crate::{
    config::Config,
    error::{Error, ReportBody, exit},
    files,
    judge::{Judge, read_policy},
    run::{
        inputs::{self, Assignment, Salts},
        job, plan,
    },
    ui::{Tone, Ui, clean},
};

/// The largest output document that is compared.
const MAX_OUTPUT_BYTES: u64 = 4 << 30;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Needs no network, no secret and no prover. Each option adds a demand; without --tier and --policy a receipt must reach tier 2.

Exit codes: 0 all valid, 1 some invalid (reason codes: docs/src/reason-codes.md), 2 usage or unreadable

Examples:
  proofmark verify out/receipt.json --output out/output.json
  proofmark verify receipt.cbor --job job.json --plan plan.yaml --input sales=sales.csv --policy policy.yaml")]
pub(crate) struct VerifyArgs {
    /// Receipts, JSON or CBOR; - reads standard input
    #[arg(required = true)]
    receipts: Vec<PathBuf>,
    /// The output at hand must be the receipt's
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The receipt must answer this job and reach its tier
    #[arg(long, value_name = "FILE")]
    job: Option<PathBuf>,
    /// The receipt must be about this plan: a file, or a hash
    #[arg(long, value_name = "FILE|HASH")]
    plan: Option<String>,
    /// The receipt must be about this data: a file (with --plan FILE), or a root; repeat for more
    #[arg(long, short, value_name = "NAME=PATH|ROOT")]
    input: Vec<Assignment>,
    /// The salts of the inputs, as `run --salt` wrote them
    #[arg(long, value_name = "FILE")]
    salts: Option<PathBuf>,
    /// What is demanded of every receipt, YAML or JSON
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The lowest tier that is accepted, whatever the policy says
    #[arg(long, short, value_name = "TIER")]
    tier: Option<Tier>,
}

#[derive(Serialize)]
struct Answer {
    receipts: Vec<Judged>,
}

#[derive(Serialize)]
struct Judged {
    path: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<String>,
    #[serde(flatten)]
    outcome: Outcome,
    #[serde(skip)]
    advice: Option<String>,
}

impl Judged {
    fn new(path: PathBuf, bytes: &[u8], verdict: Verdict, policy: &Policy) -> Self {
        let receipt = Receipt::decode(bytes).ok();
        let advice = receipt.as_ref().and_then(|receipt| advice(receipt, &verdict, policy));
        let cid = receipt.map(|receipt| receipt.cid());
        Self { path, cid, outcome: Outcome::Verdict(verdict), advice }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Outcome {
    Verdict(Verdict),
    /// The file cannot be read, so there is nothing to judge.
    Error(ReportBody),
}

impl Outcome {
    fn is_valid(&self) -> bool {
        matches!(self, Self::Verdict(verdict) if verdict.is_valid())
    }
}

pub(crate) fn execute(args: VerifyArgs, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let policy = policy(args.policy.as_deref(), args.tier)?;
    let judge = Judge::new(config)?;
    judge_files(&args.receipts, &policy, ui, |receipts| {
        let expectations = expectations(&args, receipts, config, ui)?;
        Ok(receipts.iter().map(|bytes| judge.judge(bytes, &policy, &expectations)).collect())
    })
}

/// A policy file's demands, or the usual ones, with the tier of the command line.
pub(super) fn policy(file: Option<&Path>, tier: Option<Tier>) -> Result<Policy, Error> {
    let mut policy = file.map(read_policy).transpose()?.unwrap_or_default();
    if let Some(tier) = tier {
        policy.min_tier = tier;
    }
    Ok(policy)
}

/// Reads receipts, has them judged, shows the verdicts, and gives the exit code.
pub(super) fn judge_files(
    paths: &[PathBuf],
    policy: &Policy,
    ui: &Ui,
    judge: impl FnOnce(&[Vec<u8>]) -> Result<Vec<Verdict>, Error>,
) -> Result<u8, Error> {
    let many = paths.len() > 1;
    let (mut receipts, mut files) = (Vec::new(), Vec::with_capacity(paths.len()));
    for path in paths {
        // One byte more than a receipt may have, so that the verifier says so in its own words.
        match files::read(path, MAX_RECEIPT_BYTES as u64 + 1) {
            Ok(bytes) => {
                receipts.push(bytes);
                files.push((path.clone(), None));
            }
            // The others are judged all the same.
            Err(error) if many => files.push((path.clone(), Some(error.report().error))),
            Err(error) => return Err(error),
        }
    }
    let mut verdicts = receipts.iter().zip(judge(&receipts)?);
    let receipts: Vec<Judged> = files
        .into_iter()
        .filter_map(|(path, unreadable)| match unreadable {
            Some(error) => Some(Judged { path, cid: None, outcome: Outcome::Error(error), advice: None }),
            None => verdicts.next().map(|(bytes, verdict)| Judged::new(path, bytes, verdict, policy)),
        })
        .collect();
    let answer = Answer { receipts };
    ui.answer(&answer, |ui| render(&answer.receipts, ui));
    let outcomes = || answer.receipts.iter().map(|judged| &judged.outcome);
    Ok(if outcomes().any(|outcome| matches!(outcome, Outcome::Error(_))) {
        exit::USAGE
    } else if outcomes().all(Outcome::is_valid) {
        0
    } else {
        exit::REFUSED
    })
}

fn render(receipts: &[Judged], ui: &Ui) -> String {
    let many = receipts.len() > 1;
    let mut text = String::new();
    for judged in receipts {
        if many {
            let path = judged.path.display().to_string();
            text.push_str(&format!("{}\n", ui.paint(Tone::Bold, &clean(&path))));
        }
        text.push_str(&match &judged.outcome {
            Outcome::Verdict(verdict) => render_verdict(ui, verdict),
            Outcome::Error(error) => {
                format!("{} {}\n", ui.paint(Tone::Bad, "error:"), clean(&error.message))
            }
        });
        if let Some(advice) = &judged.advice {
            text.push_str(&format!("{} {}\n", ui.paint(Tone::Good, "hint:"), clean(advice)));
        }
    }
    if many {
        let valid = receipts.iter().filter(|judged| judged.outcome.is_valid()).count();
        text.push_str(&format!("{valid} of {} valid\n", receipts.len()));
    }
    text
}

/// A verdict in words.
pub(crate) fn render_verdict(ui: &Ui, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Valid { tier, system, security, proves, does_not_prove } => {
            let security = security.map(|level| format!(", {level}")).unwrap_or_default();
            format!(
                "{} tier {tier} ({}{security})\n{} {}\n{} {}\n",
                ui.paint(Tone::Good, "valid"),
                clean(system),
                ui.paint(Tone::Dim, "shows:         "),
                clean(proves),
                ui.paint(Tone::Dim, "does not show: "),
                clean(does_not_prove),
            )
        }
        Verdict::Invalid { reason, detail } => {
            format!("{} {}: {}\n", ui.paint(Tone::Bad, "invalid"), reason.code(), clean(detail))
        }
    }
}

/// What a refused receipt is worth all the same.
fn advice(receipt: &Receipt, verdict: &Verdict, policy: &Policy) -> Option<String> {
    if verdict.reason()? != Reason::TierTooLow {
        return None;
    }
    let tier = receipt.evidence.tier();
    let worth = statement(receipt, Some(policy));
    match tier {
        Tier::None => Some(format!("{} {}", worth.proves, worth.does_not_prove)),
        _ => Some(format!(
            "if tier {tier} is enough for you, verify with --tier {tier}\n  it would show:     {}\n  it would not show: {}",
            worth.proves, worth.does_not_prove
        )),
    }
}

/// The sizes of shards that receipts state, with their inputs: the digest of a table in shards depends on it.
fn shard_sizes(receipts: &[Vec<u8>]) -> BTreeSet<(String, u32)> {
    let receipts = receipts.iter().filter_map(|bytes| Receipt::decode(bytes).ok());
    let sizes = receipts.filter_map(|receipt| match receipt.evidence {
        Evidence::Stark(evidence) => evidence.shards.map(|found| (found.input, found.rows)),
        _ => None,
    });
    sizes.collect()
}

fn expectations(
    args: &VerifyArgs,
    receipts: &[Vec<u8>],
    config: &Config,
    ui: &Ui,
) -> Result<Expectations, Error> {
    let job = args.job.as_deref().map(job::read).transpose()?;
    let mut expectations = job.as_ref().map(Expectations::of).unwrap_or_default();
    let mut loaded = None;
    if let Some(plan) = &args.plan {
        let hash = match plan.parse::<Digest>() {
            Ok(hash) => hash,
            Err(_) => loaded.insert(plan::load(Path::new(plan), ui)?).typed.hash,
        };
        if let Some(wanted) = expectations.plan.filter(|wanted| *wanted != hash) {
            return Err(Error::usage(
                format!("--plan is {hash}, but the job asks for the plan {wanted}"),
                "a receipt can be about one plan only",
            ));
        }
        expectations.plan = Some(hash);
    }
    let salts = args.salts.as_deref().map(Salts::read).transpose()?.unwrap_or_default();
    let sizes = shard_sizes(receipts);
    for input in &args.input {
        let digests = match input.value.parse::<Digest>() {
            Ok(digest) => vec![digest],
            Err(_) => {
                let Some(loaded) = &loaded else {
                    return Err(Error::usage(
                        format!("to compute the root of {} its schema is needed", input.value),
                        "give the plan's file with --plan, or the root itself: --input NAME=sha256:…",
                    ));
                };
                let declared = inputs::declared(&loaded.typed, Some(&input.name))?;
                let (salt, memory) = (salts.get(&input.name)?, loaded.typed.limits.max_memory_bytes);
                let path = Path::new(&input.value);
                let input = inputs::read(declared, path, salt, config.max_input_bytes(), memory)?;
                let sharded = sizes.iter().filter(|(name, _)| *name == input.name);
                let sharded = sharded.filter_map(|(_, rows)| input.sharded_digest(*rows));
                [input.root()].into_iter().chain(input.table_digest()).chain(sharded).collect()
            }
        };
        if expectations.data_roots.insert(input.name.clone(), digests).is_some() {
            return Err(Error::usage(format!("input {} is given twice", input.name), "give each input once"));
        }
    }
    if let Some(path) = &args.output {
        expectations = expectations.with_output_document(files::read(path, MAX_OUTPUT_BYTES)?);
    }
    Ok(expectations)
}
