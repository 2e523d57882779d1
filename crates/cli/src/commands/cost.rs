//! `proofmark plan cost`.

use std::path::PathBuf;

use proofmark_core::{Claim, Digest};
use proofmark_plan::commit;
use proofmark_prover::{CancelToken, Control, ProveRequest};
use serde::Serialize;

use crate::{
    cancel,
    config::Config,
    error::Error,
    run::{self, evidence, inputs, inputs::Assignment, plan},
    ui::{Align, Facts, Ui, bytes, duration, grouped, table},
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
    program: Digest,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Outcome {
    Cost {
        user_cycles: u64,
        paging_cycles: u64,
        total_cycles: u64,
        segments: u64,
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
}

pub(crate) fn execute(args: CostArgs, config: &Config, ui: &Ui, cancel: &CancelToken) -> Result<u8, Error> {
    let loaded = plan::load(&args.plan, ui)?;
    if let Some(step) = plan::custom_step(&loaded.typed) {
        return Err(Error::Prover {
            code: "unsupported-step",
            message: format!("step {step} runs a WASM module, and no prover of this build can execute that"),
            hint: Some("proving custom steps comes with the zkWASM back end".to_string()),
        });
    }
    let paths = inputs::locate(&loaded, &args.input, config)?;
    let host = run::wasm_host(&args.wasm)?;
    let progress = ui.progress();
    progress.phase("reading inputs");
    let inputs = run::read_inputs(&loaded.typed, &paths, false, config)?;
    progress.phase("executing");
    let start = std::time::Instant::now();
    let execution = run::execute(&loaded.typed, &inputs, &*host, cancel)?;
    let native = start.elapsed();
    let output = commit::root(&execution.output, commit::DEFAULT_ROWS_PER_LEAF, &commit::NO_SALT);
    let claim = run::claim(&loaded.typed, loaded.typed.job, &inputs, output, &execution);
    let usage = execution.usage;
    let claim = Claim::Plan(claim);
    let witness = run::witness(&loaded, loaded.typed.job, &inputs)?;

    let mut provers = Vec::new();
    for prover in evidence::provers(config.gpu()) {
        progress.phase(&format!("executing in {}", prover.name()));
        let watch = evidence::watcher(&progress);
        let control = Control { cancel: cancel.clone(), progress: Some(&watch), ..Control::default() };
        let request = ProveRequest { claim: &claim, input: &witness };
        let outcome = match cancel::watching(|| prover.execute(&request, &control)) {
            Ok(executed) => {
                let estimate = prover.estimate(&executed);
                let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                Outcome::Cost {
                    user_cycles: executed.user_cycles,
                    paging_cycles: executed.paging_cycles,
                    total_cycles: executed.total_cycles,
                    segments: executed.segments.len() as u64,
                    execute_ms: millis(executed.time),
                    proving_ms: millis(estimate.time),
                    memory_bytes: estimate.memory_bytes,
                    calibrated: estimate.calibrated,
                    within_limits: executed.user_cycles
                        <= loaded.typed.limits.max_cycles.min(config.max_cycles()),
                }
            }
            Err(error) => match evidence::failed(error) {
                Error::Cancelled => return Err(Error::Cancelled),
                other => Outcome::Failed { error: other.to_string() },
            },
        };
        provers.push(ProverCost { prover: prover.name(), program: prover.program().id, outcome });
    }
    progress.finish();
    let native_us = u64::try_from(native.as_micros()).unwrap_or(u64::MAX);
    let answer = Answer { plan: loaded.typed.hash, usage, native_us, provers };
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
        ("cycles", right),
        ("paging", right),
        ("rows to prove", right),
        ("segments", right),
        ("proving, about", right),
        ("memory, about", right),
        ("note", left),
    ];
    let rows = answer.provers.iter().map(|cost| match &cost.outcome {
        Outcome::Cost {
            user_cycles,
            paging_cycles,
            total_cycles,
            segments,
            proving_ms,
            memory_bytes,
            calibrated,
            within_limits,
            ..
        } => vec![
            cost.prover.to_string(),
            grouped(*user_cycles),
            grouped(*paging_cycles),
            grouped(*total_cycles),
            grouped(*segments),
            duration(std::time::Duration::from_millis(*proving_ms)),
            bytes(*memory_bytes),
            match (within_limits, calibrated) {
                (false, _) => "beyond the cycle limit",
                (true, true) => "from earlier proofs here",
                (true, false) => "a guess: no proof was made here yet",
            }
            .to_string(),
        ],
        Outcome::Failed { error } => {
            let mut row = vec![cost.prover.to_string()];
            row.extend(std::iter::repeat_n(String::new(), 6));
            row.push(error.clone());
            row
        }
    });
    text.push_str(&table(ui, &heading, &rows.collect::<Vec<_>>()));
    text
}
