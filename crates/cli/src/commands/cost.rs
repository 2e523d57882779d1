//! `proofmark plan cost`.

use std::path::PathBuf;

use proofmark_core::{Claim, Digest};
use proofmark_prover::{CancelToken, Control, ProveRequest, Work};
use serde::Serialize;

use crate::{
    cancel,
    config::Config,
    error::Error,
    run::{self, backends, evidence, inputs, inputs::Assignment, plan},
    ui::{Align, Facts, Ui, bytes, duration, grouped, plural, table},
};

/// Arguments of `plan cost`.
#[derive(Debug, clap::Args)]
#[command(
    about = "Cycles and estimated proving time per prover, from execution",
    after_help = "Executes the plan natively and in each prover's virtual machine, without proving.\n\n\
                  Example: proofmark plan cost examples/stocks/plan.yaml"
)]
pub(crate) struct CostArgs {
    /// A plan
    plan: PathBuf,
    /// A file for one of the plan's inputs; repeat for more
    #[arg(long, short, value_name = "NAME=PATH")]
    input: Vec<Assignment>,
    /// A WASM module of a custom step; repeat for more
    #[arg(long, value_name = "FILE")]
    wasm: Vec<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    plan: Digest,
    usage: proofmark_core::Usage,
    native_us: u64,
    provers: Vec<ProverCost>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProverCost {
    prover: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<Digest>,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Outcome {
    Cost {
        #[serde(flatten)]
        work: Amount,
        execute_ms: u64,
        proving_ms: u64,
        memory_bytes: u64,
        /// Whether the time comes from earlier proofs on this machine.
        calibrated: bool,
        within_limits: bool,
    },
    Failed {
        error: String,
    },
    Unsupported {
        unsupported: Vec<backends::Reason>,
    },
}

/// What there is to prove, in the measure of its proof system.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Amount {
    Cells { trace_cells: u64, shards: u64 },
    Cycles { user_cycles: u64, paging_cycles: u64, total_cycles: u64, segments: u64 },
}

impl From<&Work> for Amount {
    fn from(work: &Work) -> Self {
        match work {
            Work::Cells { cells, shards, .. } => Self::Cells { trace_cells: *cells, shards: *shards },
            Work::Cycles { user, paging, total, segments } => Self::Cycles {
                user_cycles: *user,
                paging_cycles: *paging,
                total_cycles: *total,
                segments: segments.len() as u64,
            },
        }
    }
}

pub(crate) fn execute(args: CostArgs, config: &Config, ui: &Ui, cancel: &CancelToken) -> Result<u8, Error> {
    let loaded = plan::load(&args.plan, ui)?;
    let paths = inputs::locate(&loaded, &args.input, config)?;
    let host = run::wasm_host(&args.wasm)?;
    let progress = ui.progress();
    progress.phase("reading inputs");
    let inputs = run::read_inputs(&loaded.typed, &paths, &inputs::Salting::None, config)?;
    progress.phase("executing");
    let start = std::time::Instant::now();
    let execution = run::execute(&loaded.typed, &inputs, &*host, cancel)?;
    let native = start.elapsed();
    let values = run::values(&inputs);

    let mut provers = Vec::new();
    for prover in backends::all(config.backends()) {
        let (name, program) = (prover.name(), prover.program().map(|program| program.id));
        let unsupported = backends::reasons(&*prover, &loaded.typed);
        if !unsupported.is_empty() {
            provers.push(ProverCost { prover: name, program, outcome: Outcome::Unsupported { unsupported } });
            continue;
        }
        progress.phase(&format!("executing for {name}"));
        let watch = evidence::watcher(&progress);
        let control = Control { cancel: cancel.clone(), progress: Some(&watch), ..Control::default() };
        let request = run::request(&loaded, loaded.typed.job, &values);
        let executed = prover.digests(&request, &execution.output).and_then(|digests| {
            let claim = Claim::Plan(evidence::claim(&request, &execution, digests, Some(&*prover)));
            cancel::watching(|| prover.execute(&ProveRequest { claim: &claim, request }, &control))
        });
        let outcome = match executed {
            Ok(executed) => {
                let estimate = prover.estimate(&executed);
                let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                Outcome::Cost {
                    work: (&executed.work).into(),
                    execute_ms: millis(executed.time),
                    proving_ms: millis(estimate.time),
                    memory_bytes: estimate.memory_bytes,
                    calibrated: estimate.calibrated,
                    within_limits: executed.work.user_cycles().unwrap_or(0)
                        <= loaded.typed.limits.max_cycles.min(config.max_cycles()),
                }
            }
            Err(error) => match evidence::failed(error) {
                Error::Cancelled => return Err(Error::Cancelled),
                other => Outcome::Failed { error: other.to_string() },
            },
        };
        provers.push(ProverCost { prover: name, program, outcome });
    }
    progress.finish();
    let native_us = u64::try_from(native.as_micros()).unwrap_or(u64::MAX);
    let answer = Answer { plan: loaded.typed.hash, usage: execution.usage, native_us, provers };
    ui.answer(&answer, |ui| render(ui, &answer));
    Ok(if answer.provers.iter().any(|p| matches!(p.outcome, Outcome::Failed { .. })) {
        crate::error::exit::PROVER
    } else {
        0
    })
}

fn render(ui: &Ui, answer: &Answer) -> String {
    let mut facts = Facts::default();
    facts.add("plan", answer.plan.to_string());
    facts.add("steps", grouped(answer.usage.steps));
    facts.add("rows", grouped(answer.usage.rows));
    facts.add("memory", bytes(answer.usage.peak_memory_bytes));
    facts.add("natively", duration(std::time::Duration::from_micros(answer.native_us)));
    let mut text = facts.render(ui, 0);
    text.push('\n');
    let (left, right) = (Align::Left, Align::Right);
    let heading = [
        ("prover", left),
        ("work", right),
        ("to prove", right),
        ("proving, about", right),
        ("memory, about", right),
        ("note", left),
    ];
    let rows = answer.provers.iter().map(|cost| match &cost.outcome {
        Outcome::Cost { work, proving_ms, memory_bytes, calibrated, within_limits, .. } => vec![
            cost.prover.to_string(),
            match work {
                Amount::Cells { trace_cells, .. } => format!("{} cells", grouped(*trace_cells)),
                Amount::Cycles { user_cycles, paging_cycles, .. } => {
                    format!("{} cycles, {} paging", grouped(*user_cycles), grouped(*paging_cycles))
                }
            },
            match work {
                Amount::Cells { shards, .. } => plural(*shards, "shard"),
                Amount::Cycles { total_cycles, segments, .. } => {
                    format!("{} rows in {}", grouped(*total_cycles), plural(*segments, "segment"))
                }
            },
            duration(std::time::Duration::from_millis(*proving_ms)),
            bytes(*memory_bytes),
            match (within_limits, calibrated) {
                (false, _) => "beyond the cycle limit",
                (true, true) => "from earlier proofs here",
                (true, false) => "a guess: no proof was made here yet",
            }
            .to_string(),
        ],
        Outcome::Failed { error } => without_cost(cost.prover, error.clone()),
        Outcome::Unsupported { unsupported } => {
            let reasons = unsupported.iter().map(|reason| format!("step {}: {}", reason.step, reason.reason));
            without_cost(cost.prover, reasons.collect::<Vec<_>>().join("\n"))
        }
    });
    text.push_str(&table(ui, &heading, &rows.collect::<Vec<_>>()));
    text
}

/// A row of the table for a prover that has no figures, and why.
fn without_cost(prover: &str, why: String) -> Vec<String> {
    let mut row = vec![prover.to_string()];
    row.extend(std::iter::repeat_n(String::new(), 4));
    row.push(why);
    row
}
