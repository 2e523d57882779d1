//! `proofmark binding verify`.

use std::path::PathBuf;

use proofmark_binding::keyfile;
use proofmark_core::{Digest, SealedOpening, Tier};
use proofmark_prover::CancelToken;
use proofmark_verifier::{Expectations, ExpectedOutput, Policy};

use super::files::{PathOrHash, failed};
use crate::{
    commands::verify::{self, judge_files},
    config::Config,
    error::Error,
    files,
    judge::Judge,
    ui::Ui,
};

/// The longest opening that is read.
const MAX_OPENING_BYTES: u64 = 64 << 10;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Needs no network, no secret and no prover. A key is trusted if --key, the policy or the registry names it. Each other option \
adds a demand. A valid receipt does not show that the model ran.

Exit codes: 0 all valid, 1 some invalid (reason codes: docs/src/reason-codes.md), 2 usage or unreadable

Example: proofmark binding verify out/receipt.json --key open.vk --job job.json --output answer.txt")]
pub(crate) struct VerifyArgs {
    /// Receipts, JSON or CBOR; - reads standard input
    #[arg(required = true)]
    receipts: Vec<PathBuf>,
    /// A key to trust: a verifying key's file, or its id; repeat for more
    #[arg(long, value_name = "FILE|HASH")]
    key: Vec<PathOrHash>,
    /// The job that must be answered: its file, or its digest
    #[arg(long, value_name = "FILE|HASH")]
    job: Option<PathOrHash>,
    /// The model that must have been named: a file, a folder, or its hash
    #[arg(long, value_name = "PATH|HASH")]
    model: Option<PathOrHash>,
    /// The input that must be named: a file, or its hash
    #[arg(long, short, value_name = "FILE|HASH")]
    input: Option<PathOrHash>,
    /// The output that must be named: a file, or its hash
    #[arg(long, value_name = "FILE|HASH")]
    output: Option<PathOrHash>,
    /// What opens a sealed claim, as `prove --sealed` wrote it
    #[arg(long, value_name = "FILE")]
    opening: Option<PathBuf>,
    /// What is demanded of every receipt, YAML or JSON
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The lowest tier that is accepted, whatever the policy says
    #[arg(long, short, value_name = "TIER")]
    tier: Option<Tier>,
    /// Accept receipts made with a development key, at tier 0, which is all they are worth
    #[arg(long)]
    allow_dev: bool,
}

pub(crate) fn execute(args: VerifyArgs, config: &Config, ui: &Ui, cancel: &CancelToken) -> Result<u8, Error> {
    let policy = policy(&args)?;
    let find = |of: &Option<PathOrHash>, what: &str| -> Result<Option<Digest>, Error> {
        of.as_ref().map(|of| of.bytes(what, ui, cancel)).transpose()
    };
    let expectations = Expectations {
        job: args.job.as_ref().map(PathOrHash::job).transpose()?,
        model: find(&args.model, "model")?,
        input: find(&args.input, "input")?,
        output: find(&args.output, "output")?.map(ExpectedOutput::Root),
        opening: args.opening.as_deref().map(read_opening).transpose()?,
        ..Expectations::default()
    };
    let judge = Judge::new(config)?;
    judge_files(&args.receipts, &policy, ui, |receipts| {
        Ok(judge.judge_batch(receipts, &policy, &expectations))
    })
}

/// The policy of the command: the file's, with what the options add.
fn policy(args: &VerifyArgs) -> Result<Policy, Error> {
    let tier = args.tier.or(args.allow_dev.then_some(Tier::None));
    let mut policy = verify::policy(args.policy.as_deref(), tier)?;
    policy.allow_dev |= args.allow_dev;
    // Who types this command asks for a binding receipt, so it needs no section to say so.
    let binding = policy.binding.get_or_insert_default();
    for key in &args.key {
        binding.keys.insert(match key {
            PathOrHash::Hash(id) => *id,
            PathOrHash::Path(path) => keyfile::load_verifying_key(path).map_err(failed)?.id(),
        });
    }
    Ok(policy)
}

fn read_opening(path: &std::path::Path) -> Result<SealedOpening, Error> {
    let bytes = files::read(path, MAX_OPENING_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|error| Error::File {
        path: path.to_path_buf(),
        message: format!("not an opening: {error}"),
        hint: Some(
            "an opening is the opening.json that `proofmark binding prove --sealed` writes".to_string(),
        ),
    })
}
