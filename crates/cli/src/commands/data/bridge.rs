//! `proofmark data bridge`.

use std::{path::PathBuf, time::Duration};

use proofmark_core::Digest;
use proofmark_plan::commit;
use proofmark_prover::{CancelToken, Control};
use proofmark_prover_stark::{Bridged, Level, Options, Origin, Stark};
use serde::Serialize;

use crate::{
    cancel,
    commands::run::{level, read_duration, size},
    config::Config,
    error::Error,
    run::{
        evidence,
        inputs::{self, Assignment, Salting, Salts},
        plan,
    },
    ui::{Facts, Ui, bytes, duration, grouped},
};

/// Arguments of `data bridge`.
#[derive(Debug, clap::Args)]
pub(crate) struct BridgeArgs {
    /// The plan whose inputs the data are
    plan: PathBuf,
    /// A file for one of the plan's inputs; repeat for more. Without any, all inputs that the plan names a file for
    #[arg(long, short, value_name = "NAME=PATH")]
    input: Vec<Assignment>,
    /// The salts of the inputs, as `run --salt` wrote them
    #[arg(long, value_name = "FILE")]
    salts: Option<PathBuf>,
    /// How sure the bridge is; that of the proofs that it is for: standard, paranoid, or fast for development
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    security: Option<Level>,
    /// Give up after this time for each input, such as 300s or 10min
    #[arg(long, value_name = "TIME", value_parser = read_duration)]
    timeout: Option<Duration>,
    /// Memory of the prover, such as 8GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory_limit: Option<u64>,
}

#[derive(Serialize)]
struct Answer {
    bridges: Vec<BridgeAnswer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BridgeAnswer {
    input: String,
    path: PathBuf,
    root: Digest,
    table_digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    salted: bool,
    level: &'static str,
    /// Whether it was made now; otherwise it was there, and holds.
    made: bool,
    time_us: u64,
    proof_bytes: u64,
    proven_bits: u32,
    /// Where it is kept; absent where nothing can be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

pub(crate) fn execute(
    args: &BridgeArgs,
    config: &Config,
    ui: &Ui,
    cancel: &CancelToken,
) -> Result<u8, Error> {
    let loaded = plan::load(&args.plan, ui)?;
    let plan = &loaded.typed;
    let chosen: Vec<_> = match args.input.is_empty() {
        true => plan.inputs.iter().zip(inputs::locate(&loaded, &[], config)?).collect(),
        false => inputs::assigned(plan, &args.input)?,
    };
    let salting = match &args.salts {
        Some(path) => Salting::Given(Salts::read(path)?),
        None => Salting::None,
    };
    let level = args.security.unwrap_or_else(|| config.security());
    let prover = Stark::new(Options { level, bridge: true, ..Options::default() });
    let progress = ui.progress();
    let mut bridges = Vec::with_capacity(chosen.len());
    for (declared, path) in chosen {
        progress.phase("reading inputs");
        let salt = salting.salt(&declared.name)?;
        let memory = plan.limits.max_memory_bytes;
        let input = inputs::read(declared, &path, salt, config.max_input_bytes(), memory)?;
        let watch = evidence::watcher(&progress);
        let control = Control {
            deadline: args.timeout.or_else(|| config.timeout()),
            memory_limit_bytes: args.memory_limit.or_else(|| config.memory_limit()),
            cycle_limit: None,
            cancel: cancel.clone(),
            progress: Some(&watch),
        };
        let secret = salt.unwrap_or(commit::NO_SALT);
        let made = cancel::watching(|| prover.bridge(declared, &input.value, &secret, &control));
        bridges.push(answer(&input, level, made.map_err(evidence::failed)?));
    }
    progress.finish();
    let answer = Answer { bridges };
    ui.answer(&answer, |ui| {
        let texts: Vec<_> = answer.bridges.iter().map(|bridge| render(ui, bridge)).collect();
        texts.join("\n")
    });
    Ok(0)
}

fn answer(input: &inputs::Input, level: Level, bridged: Bridged) -> BridgeAnswer {
    BridgeAnswer {
        input: input.name.clone(),
        path: input.path.clone(),
        root: bridged.root,
        table_digest: bridged.bridge.table_digest,
        rows: input.rows(),
        salted: input.salt.is_some(),
        level: level.name(),
        made: bridged.origin == Origin::Made,
        time_us: u64::try_from(bridged.time.as_micros()).unwrap_or(u64::MAX),
        proof_bytes: bridged.bridge.proof.len() as u64,
        proven_bits: bridged.security.proven_bits,
        file: bridged.file,
    }
}

fn render(ui: &Ui, bridge: &BridgeAnswer) -> String {
    let mut facts = Facts::default();
    facts.add("input", bridge.input.clone());
    facts.add("root", bridge.root.to_string());
    facts.add("table digest", bridge.table_digest.to_string());
    facts.maybe("rows", bridge.rows.map(grouped));
    let time = duration(Duration::from_micros(bridge.time_us));
    let origin = if bridge.made {
        format!("made in {time}")
    } else {
        format!("was there and holds (checked in {time})")
    };
    facts.add("bridge", origin);
    facts.add("proof", bytes(bridge.proof_bytes));
    facts.add("security", format!("{} bits proven (level {})", bridge.proven_bits, bridge.level));
    facts.add(
        "kept in",
        bridge.file.as_ref().map_or("nowhere".to_string(), |file| file.display().to_string()),
    );
    facts.render(ui, 0)
}
