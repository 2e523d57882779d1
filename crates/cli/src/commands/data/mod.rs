//! `proofmark data`.

mod bridge;

use std::path::PathBuf;

use clap::Subcommand;
use proofmark_core::Digest;
use proofmark_prover::CancelToken;
use proofmark_prover_stark::MAX_SHARD_ROWS;
use serde::Serialize;

use crate::{
    config::Config,
    error::Error,
    run::{inputs, plan},
    ui::{Facts, Ui, bytes, grouped},
};

/// Subcommands of `data`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// The root and the table digest of a file, as a plan's input
    #[command(
        after_help = "The root is what claims name data by; in proofs over tables (stark) it is the table digest, and of a\n\
                      table with more rows than a shard the digest of its shards. The root can stand in a plan as\n\
                      `dataCommitment`, and a buyer can give either to `proofmark verify --input`.\n\n\
                      Example: proofmark data commit examples/stocks/stocks.csv --plan examples/stocks/plan.yaml --input prices"
    )]
    Commit(CommitArgs),
    /// Prove once that root and table digest of a plan's inputs are of one table, for proofs over tables that name them by root
    #[command(
        after_help = "`run` needs a bridge for each input whose root the plan fixes (`dataCommitment`), and for all\n\
                      with `--bridge`. It makes and keeps what is missing; this command does that beforehand.\n\n\
                      Example: proofmark data bridge examples/stocks/plan.yaml --input prices=examples/stocks/stocks.csv"
    )]
    Bridge(bridge::BridgeArgs),
}

/// Arguments of `data commit`.
#[derive(Debug, clap::Args)]
pub(crate) struct CommitArgs {
    /// The data: CSV, JSON, or any file where the plan's input is `bytes`
    file: PathBuf,
    /// The plan whose schema the data follows
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The id of the plan's data-input step; may be left out if there is one only
    #[arg(long, value_name = "NAME")]
    input: Option<String>,
    /// A salt of 64 hex digits, so that nobody can guess the data from its root
    #[arg(long, value_name = "HEX")]
    salt: Option<String>,
    /// Rows of a shard: the digest of a larger table is that of its shards; default: proving.shardRows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_SHARD_ROWS as i64))]
    shard_rows: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    input: String,
    root: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_digest: Option<Digest>,
    /// Of the table in shards, if it has more rows than one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    sharded_digest: Option<Digest>,
    shard_rows: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    file_bytes: u64,
    salted: bool,
}

pub(crate) fn execute(
    command: DataCommand,
    config: &Config,
    ui: &Ui,
    cancel: &CancelToken,
) -> Result<u8, Error> {
    match command {
        DataCommand::Bridge(args) => bridge::execute(&args, config, ui, cancel),
        DataCommand::Commit(args) => commit(&args, config, ui),
    }
}

fn commit(args: &CommitArgs, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let checked = plan::load(&args.plan, ui)?;
    let declared = inputs::declared(&checked.typed, args.input.as_deref())?;
    let salt = inputs::read_salt(args.salt.as_deref())?;
    let input = inputs::read(
        declared,
        &args.file,
        salt,
        config.max_input_bytes(),
        checked.typed.limits.max_memory_bytes,
    )?;
    let shard_rows = args.shard_rows.unwrap_or_else(|| config.shard_rows());
    let answer = Answer {
        input: declared.name.clone(),
        root: input.root(),
        table_digest: input.table_digest(),
        sharded_digest: input.sharded_digest(shard_rows),
        shard_rows,
        rows: input.rows(),
        file_bytes: input.file_bytes,
        salted: salt.is_some(),
    };
    ui.answer(&answer, |ui| {
        let mut facts = Facts::default();
        facts.add("root", answer.root.to_string());
        facts.maybe("table digest", answer.table_digest.map(|digest| digest.to_string()));
        facts.maybe(
            "in shards",
            answer.sharded_digest.map(|digest| format!("{digest} of {} rows", grouped(shard_rows.into()))),
        );
        facts.add("input", answer.input.clone());
        facts.maybe("rows", answer.rows.map(grouped));
        facts.add("file", bytes(answer.file_bytes));
        facts.render(ui, 0)
    });
    Ok(0)
}
