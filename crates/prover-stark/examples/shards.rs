//! Figures of a table in shards: filter, product and group-by, as in the example `figures` of proofmark-stark, through
//! the prover, with its receipt's size and the time of its verification.
//!
//! `cargo run --release -p proofmark-prover-stark --example shards [-- ROWS [SHARD_ROWS]]`

use std::{fmt::Write as _, time::Instant};

use proofmark_core::{Claim, Evidence, InputClaim, PlanClaim, Receipt};
use proofmark_plan::{
    exec::{NoCustom, execute},
    format, guest,
    model::ParseFormat,
    source::{self, Format},
    types::ValueType,
    value::{Bytes, Value},
};
use proofmark_prover::{Control, ProveRequest, Prover};
use proofmark_prover_stark::{MAX_SHARD_ROWS, Options, Stark};
use proofmark_registry::Registry;
use proofmark_verifier::{Expectations, Policy, Verifier};

const PLAN: &str = r#"
version: "1.0"
id: figures
steps:
  - id: rows
    type: data-input
    schema: { columns: { key: int, a: int, b: int } }
    source: { type: file, uri: rows.csv }
  - { id: kept, type: filter, input: rows, condition: "a > 100" }
  - id: products
    type: compute
    input: kept
    operation: { op: math, columns: { c: "a * b" } }
  - id: groups
    type: aggregate
    input: products
    operation:
      op: reduce
      groupBy: [key]
      aggregates: { rows: { fn: count }, total: { fn: sum, field: c } }
output: { step: groups }
"#;

fn main() {
    let mut args = std::env::args().skip(1).map(|number| number.parse().expect("a number"));
    let rows: u32 = args.next().unwrap_or(300_000);
    let shard_rows = args.next().unwrap_or(MAX_SHARD_ROWS);

    let source = source::read(PLAN, "plan.yaml", Format::Yaml).expect("a plan");
    let typed = source.check().expect("a checked plan").0.typed;
    let ValueType::Table(schema) = &typed.inputs[0].ty else { panic!("a table") };
    let (bytes, form) = (Bytes::from(data(rows).into_bytes()), ParseFormat::Csv { delimiter: b',' });
    let table = format::parse(&bytes, &form, schema, &typed.inputs[0].hints, u64::MAX).expect("a table");
    let inputs = [(Value::Table(table), [7; 32])];
    let output = execute(&typed, vec![inputs[0].0.clone()], &NoCustom).expect("an execution").output;

    let prover = Stark::new(Options { shard_rows, ..Options::default() });
    let request = guest::Request {
        plan: &source.plan,
        typed: &typed,
        job: None,
        inputs: &inputs,
        output_salt: [0; 32],
    };
    let digests = prover.digests(&request, &output).expect("digests");
    let claim = Claim::Plan(PlanClaim {
        plan: typed.hash,
        job: None,
        inputs: vec![InputClaim { name: typed.inputs[0].name.clone(), root: digests.inputs[0] }],
        output: digests.output,
        limits: None,
        usage: None,
    });
    let progress = |progress: proofmark_prover::Progress| {
        if std::env::var_os("PHASES").is_some() {
            eprintln!("{} at {:?}", progress.phase, progress.elapsed);
        }
    };
    let control = Control { progress: Some(&progress), ..Control::default() };
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let proved = prover.prove(&ProveRequest { claim: &claim, request }, &control).expect("a proof");
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let peak = peak_megabytes();

    let provenance = proved.stats.provenance("figures");
    let receipt = Receipt { version: Receipt::VERSION, claim, evidence: proved.evidence, provenance };
    let cbor = receipt.to_cbor();
    let (start, registry) = (cpu_seconds(), Registry::empty());
    let verdict = Verifier::new(&registry).verify(&cbor, &Policy::default(), &Expectations::default());
    let verify = cpu_seconds() - start;
    assert!(verdict.is_valid(), "{verdict:?}");
    let Evidence::Stark(evidence) = &receipt.evidence else { panic!("evidence of this prover") };
    let shards = evidence.shards.as_ref().map_or(1, |found| found.shards.len());
    println!("| rows | shards | work, M | wall s | CPU s | peak MB | receipt KB | verify CPU s | security |");
    println!(
        "| {rows} | {shards} | {:.1} | {wall:.1} | {cpu:.1} | {peak} | {} | {verify:.2} | {}; {} conjectured |",
        proved.stats.work.total() as f64 / 1e6,
        cbor.len() / 1000,
        evidence.security,
        evidence.conjectured_bits,
    );
}

/// So many rows, those of `figures`.
fn data(rows: u32) -> String {
    let mut csv = String::from("key,a,b\n");
    let mut state = 1u64;
    for _ in 0..rows {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (key, a, b) = (state >> 56, (state >> 20) % 1000, (state >> 30) as i32);
        writeln!(csv, "{key},{a},{b}").expect("memory");
    }
    csv
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1000
}
