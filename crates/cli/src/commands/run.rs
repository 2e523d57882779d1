//! `proofmark run`.

use std::{path::PathBuf, time::Duration};

use proofmark_core::Tier;
use proofmark_prover::{CancelToken, Gpu};
use proofmark_prover_stark::{Level, MAX_SHARD_ROWS};

use crate::{
    config::{Config, read_size},
    error::Error,
    run::{
        self, Request,
        backends::Options,
        inputs::{Assignment, Salting, Salts},
    },
    ui::Ui,
};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Inputs that the plan names a file for (source.uri, relative to the plan) need no --input.
Writes DIR/receipt.json, DIR/receipt.cbor and DIR/output.json, all of them or none.

Examples:
  proofmark run examples/stocks/plan.yaml --tier 1
  proofmark run plan.yaml --input sales=sales.csv --job job.json --out out --json")]
pub(crate) struct RunArgs {
    /// The plan, YAML or JSON
    plan: PathBuf,
    /// A file for one of the plan's inputs; repeat for more
    #[arg(long, short, value_name = "NAME=PATH")]
    input: Vec<Assignment>,
    /// 0 nothing, 1 signed commitment, 2 proof; default: what the job demands, else 2
    #[arg(long, short, value_name = "TIER")]
    tier: Option<Tier>,
    /// The prover for tier 2: auto (the fastest that can prove the plan), stark or risc0; see `plan backends`
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// The job that this work answers
    #[arg(long, value_name = "FILE")]
    job: Option<PathBuf>,
    /// The folder for receipt and output; default: out/ID of the plan
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A WASM module of a custom step; repeat for more
    #[arg(long, value_name = "FILE")]
    wasm: Vec<PathBuf>,
    /// auto, on (fail without a GPU) or off
    #[arg(long, value_name = "WHEN")]
    gpu: Option<Gpu>,
    /// How sure a proof over tables is: standard (at least 100 proven bits), paranoid (110), or fast for development
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    security: Option<Level>,
    /// Rows of a shard, 1 to 131071: larger tables are proved shard by shard
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_SHARD_ROWS as i64))]
    shard_rows: Option<u32>,
    /// Give the proof up after this time, such as 300s or 10min
    #[arg(long, value_name = "TIME", value_parser = read_duration)]
    timeout: Option<Duration>,
    /// Memory of the whole prover, such as 8GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory_limit: Option<u64>,
    /// Refuse a proof of more cycles than this
    #[arg(long, value_name = "N")]
    max_cycles: Option<u64>,
    /// Salt the roots of the inputs, so that nobody can guess data from them; the salts go to DIR/salts.json
    #[arg(long, conflicts_with = "public")]
    salt: bool,
    /// Salt the inputs as an earlier run did, by its salts.json, so that their roots are the same again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["salt", "public"])]
    salts: Option<PathBuf>,
    /// Plain roots that anybody with the data can compute again (the default)
    #[arg(long)]
    public: bool,
    /// In a proof over tables, name inputs by their SHA-256 roots as other provers do: a bridge ties them to the table digests;
    /// see `data bridge`. Always so where the plan has a `dataCommitment`
    #[arg(long)]
    bridge: bool,
    /// Development: no evidence at all, stamped `dev` into the receipt, which every policy rejects
    #[arg(long, conflicts_with = "tier")]
    dev: bool,
}

pub(crate) fn execute(args: RunArgs, config: &Config, ui: &Ui, cancel: &CancelToken) -> Result<u8, Error> {
    let salting = match &args.salts {
        Some(path) => Salting::Given(Salts::read(path)?),
        None if args.salt => Salting::Fresh,
        None => Salting::None,
    };
    let memory_limit = args.memory_limit.or_else(|| config.memory_limit());
    let request = Request {
        plan: args.plan,
        inputs: args.input,
        tier: args.tier,
        backend: args.backend.unwrap_or_else(|| config.backend().to_string()),
        job: args.job,
        out: args.out,
        wasm: args.wasm,
        options: Options {
            gpu: args.gpu.unwrap_or_else(|| config.gpu()),
            security: args.security.unwrap_or_else(|| config.security()),
            bridge: args.bridge,
            shard_rows: args.shard_rows.unwrap_or_else(|| config.shard_rows()),
            memory_limit,
        },
        timeout: args.timeout.or_else(|| config.timeout()),
        memory_limit,
        max_cycles: args.max_cycles.unwrap_or_else(|| config.max_cycles()),
        salting,
        dev: args.dev,
    };
    let outcome = run::run(&request, config, ui, cancel)?;
    ui.answer(&outcome.answer, |ui| run::summary::render(ui, &outcome.answer));
    Ok(outcome.exit())
}

/// `500ms`, `300s`, `10min`, `2h`; a bare number counts seconds.
pub(crate) fn read_duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 =
        text[..digits].parse().map_err(|_| "expected a time such as 300s or 10min".to_string())?;
    let millis = match text[digits..].trim() {
        "ms" => 1,
        "" | "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        unit => return Err(format!("unknown unit `{unit}`; known are ms, s, min, h")),
    };
    let millis = number.checked_mul(millis).filter(|millis| *millis > 0);
    millis.map(Duration::from_millis).ok_or_else(|| "the time is zero or too long".to_string())
}

pub(crate) fn level(text: &str) -> Result<Level, String> {
    Level::of_name(text).ok_or_else(|| "a security level is one of fast, standard, paranoid".to_string())
}

pub(crate) fn size(text: &str) -> Result<u64, String> {
    read_size(text).filter(|size| *size > 0).ok_or_else(|| "expected a size such as 8GiB".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(read_duration("300"), Ok(Duration::from_secs(300)));
        assert_eq!(read_duration("10min"), Ok(Duration::from_secs(600)));
        assert_eq!(read_duration("5ms"), Ok(Duration::from_millis(5)));
        for wrong in ["", "0", "s", "5 days", "-1", "99999999999999999999", "9999999999999999999h"] {
            assert!(read_duration(wrong).is_err(), "{wrong}");
        }
    }
}
