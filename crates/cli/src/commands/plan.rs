//! `proofmark plan`.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use proofmark_core::Digest;
use proofmark_plan::{canonical, check, graph, source};
use proofmark_prover::CancelToken;
use serde::Serialize;

use crate::{
    commands::{backends, cost, schema},
    config::Config,
    error::{Error, exit},
    run::plan,
    ui::{Tone, Ui, clean, plural},
};

/// Subcommands of `plan`.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Say everything that is wrong or doubtful in plans
    #[command(
        after_help = "Exit codes: 0 all valid, 1 some invalid, 2 unreadable\n\nExample: proofmark plan check examples/*/*.yaml"
    )]
    Check {
        /// Plans, YAML or JSON
        #[arg(required = true)]
        plans: Vec<PathBuf>,
    },
    /// The plan hash: SHA-256 of the canonical form
    #[command(after_help = "Example: proofmark plan hash --canonical plan.yaml | sha256sum")]
    Hash {
        /// Plans, YAML or JSON
        #[arg(required = true)]
        plans: Vec<PathBuf>,
        /// Print the canonical JSON (RFC 8785) that is hashed, without a line feed at its end
        #[arg(long)]
        canonical: bool,
    },
    /// The JSON Schema of the language or, with a plan, the result schema of each of its steps
    #[command(
        after_help = "Examples:\n  proofmark plan schema > plan.schema.json\n  proofmark plan schema examples/stocks/plan.yaml"
    )]
    Schema {
        /// A plan
        plan: Option<PathBuf>,
    },
    /// Draw the plan
    #[command(
        after_help = "Example: proofmark plan graph examples/signals/plan.yaml --format svg > signals.svg"
    )]
    Graph {
        /// A plan
        plan: PathBuf,
        /// How
        #[arg(long, short, value_enum, default_value_t = GraphFormat::Mermaid)]
        format: GraphFormat,
    },
    /// Which provers can prove a plan, and which steps are the reason where one cannot
    #[command(after_help = "Example: proofmark plan backends examples/*/*.yaml")]
    Backends {
        /// Plans, YAML or JSON
        #[arg(required = true)]
        plans: Vec<PathBuf>,
    },
    /// Cycles and estimated proving time per prover, from execution
    Cost(cost::CostArgs),
}

/// Notations of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Dot,
    Mermaid,
    Svg,
}

pub(crate) fn execute(
    command: PlanCommand,
    config: &Config,
    ui: &Ui,
    cancel: &CancelToken,
) -> Result<u8, Error> {
    match command {
        PlanCommand::Check { plans } => check(&plans, ui),
        PlanCommand::Hash { plans, canonical } => hash(&plans, canonical, ui),
        PlanCommand::Schema { plan: None } => {
            ui.raw(source::JSON_SCHEMA.as_bytes());
            Ok(0)
        }
        PlanCommand::Schema { plan: Some(path) } => step_schemas(&path, ui),
        PlanCommand::Graph { plan, format } => draw(&plan, format, ui),
        PlanCommand::Backends { plans } => backends::execute(&plans, config, ui),
        PlanCommand::Cost(args) => cost::execute(args, config, ui, cancel),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckAnswer {
    valid: bool,
    plans: Vec<PlanAnswer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanAnswer {
    path: PathBuf,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<Digest>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    execution_order: Vec<String>,
    diagnostics: Vec<serde_json::Value>,
    #[serde(skip)]
    rendered: String,
}

fn check(paths: &[PathBuf], ui: &Ui) -> Result<u8, Error> {
    let mut plans = Vec::with_capacity(paths.len());
    for path in paths {
        let path = path.clone();
        plans.push(match plan::read(&path)? {
            Ok(loaded) => PlanAnswer {
                path,
                valid: true,
                id: Some(loaded.source.plan.id.clone()),
                hash: Some(loaded.typed.hash),
                execution_order: order(&loaded),
                diagnostics: plan::diagnostics(&loaded.warnings),
                rendered: loaded.warnings.to_string(),
            },
            Err(report) => PlanAnswer {
                path,
                valid: false,
                id: None,
                hash: None,
                execution_order: Vec::new(),
                diagnostics: plan::diagnostics(&report),
                rendered: report.to_string(),
            },
        });
    }
    let answer = CheckAnswer { valid: plans.iter().all(|plan| plan.valid), plans };
    if !ui.is_json() {
        // Findings are messages, so they go where messages go.
        for plan in answer.plans.iter().filter(|plan| !plan.rendered.is_empty()) {
            ui.message(clean(&plan.rendered).trim_end());
        }
    }
    ui.answer(&answer, |ui| {
        let lines = answer.plans.iter().map(|plan| {
            let path = plan.path.display().to_string();
            let path = clean(&path);
            match &plan.hash {
                Some(hash) => {
                    let findings = match plan.diagnostics.len() {
                        0 => String::new(),
                        count => format!(", {}", plural(count as u64, "warning")),
                    };
                    format!("{} {path}{findings}\n   {hash}\n", ui.paint(Tone::Good, "ok"))
                }
                None => {
                    let count = plural(plan.diagnostics.len() as u64, "finding");
                    format!("{} {path}, {count}\n", ui.paint(Tone::Bad, "invalid"))
                }
            }
        });
        lines.collect()
    });
    Ok(if answer.valid { 0 } else { exit::REFUSED })
}

/// Ids in the order of execution; a step of a sub-plan follows the step it belongs to.
fn order(loaded: &plan::Loaded) -> Vec<String> {
    match check::execution_dag(&loaded.source.plan) {
        Ok(dag) => dag.order.iter().map(|node| dag.nodes[*node].id.clone()).collect(),
        Err(_) => Vec::new(),
    }
}

#[derive(Serialize)]
struct HashAnswer {
    plans: Vec<HashedPlan>,
}

#[derive(Serialize)]
struct HashedPlan {
    path: PathBuf,
    hash: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    canonical: Option<String>,
}

fn hash(paths: &[PathBuf], print_canonical: bool, ui: &Ui) -> Result<u8, Error> {
    if print_canonical && !ui.is_json() {
        let [path] = paths else {
            return Err(Error::usage("--canonical takes one plan", "use --json for several"));
        };
        ui.raw(&canonical::json(&plan::load(path, ui)?.source.plan));
        return Ok(0);
    }
    let mut plans = Vec::with_capacity(paths.len());
    for path in paths {
        let loaded = plan::load(path, ui)?;
        let text = print_canonical.then(|| canonical::json(&loaded.source.plan));
        plans.push(HashedPlan {
            path: path.clone(),
            hash: loaded.typed.hash,
            canonical: text.map(|text| String::from_utf8_lossy(&text).into_owned()),
        });
    }
    let answer = HashAnswer { plans };
    ui.answer(&answer, |_| {
        // As sha256sum prints: the digest, two blanks, the name; alone, only the digest.
        match answer.plans.as_slice() {
            [plan] => format!("{}\n", plan.hash),
            plans => plans
                .iter()
                .map(|plan| format!("{}  {}\n", plan.hash, clean(&plan.path.display().to_string())))
                .collect(),
        }
    });
    Ok(0)
}

fn step_schemas(path: &Path, ui: &Ui) -> Result<u8, Error> {
    let loaded = plan::load(path, ui)?;
    let dag = check::execution_dag(&loaded.source.plan)
        .map_err(|errors| plan::invalid(path, &loaded.source.report(&errors)))?;
    let mut steps = serde_json::Map::new();
    for node in dag.order.iter().map(|node| &dag.nodes[*node]) {
        steps.insert(node.id.clone(), schema::of(&node.result));
    }
    let answer = serde_json::json!({ "plan": loaded.typed.hash, "steps": steps });
    ui.answer(&answer, |_| format!("{answer:#}\n"));
    Ok(0)
}

#[derive(Serialize)]
struct GraphAnswer {
    format: &'static str,
    graph: String,
}

fn draw(path: &Path, format: GraphFormat, ui: &Ui) -> Result<u8, Error> {
    let loaded = plan::load(path, ui)?;
    let dag = check::execution_dag(&loaded.source.plan)
        .map_err(|errors| plan::invalid(path, &loaded.source.report(&errors)))?;
    let (format, text) = match format {
        GraphFormat::Dot => ("dot", graph::dot(&dag)),
        GraphFormat::Mermaid => ("mermaid", graph::mermaid(&dag)),
        GraphFormat::Svg => ("svg", graph::svg(&dag)),
    };
    let answer = GraphAnswer { format, graph: text };
    ui.answer(&answer, |_| answer.graph.clone());
    Ok(0)
}
