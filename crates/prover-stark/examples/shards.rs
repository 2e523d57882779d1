//! Figures of a table in shards: filter, product and group-by, as in the example `figures` of proofmark-stark, through
//! the prover, with its receipt's size and the time of its verification.
//!
//! `cargo run --release -p proofmark-prover-stark --example shards [-- ROWS [SHARD_ROWS]]`

#[path = "../../stark/examples/support/mod.rs"]
mod support;

use std::time::Instant;

use proofmark_core::{Claim, Evidence, InputClaim, PlanClaim, Receipt};
use proofmark_measure as measure;
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
use support::{PLAN, data};

fn main() {
    let mut args = std::env::args().skip(1).map(|number| number.parse().expect("a number"));
    let rows: u32 = args.next().unwrap_or(300_000);
    let shard_rows = args.next().unwrap_or(MAX_SHARD_ROWS);

    let source = source::read(PLAN, "plan.yaml", Format::Yaml).expect("a plan");
    let typed = source.check().expect("a checked plan").0.typed;
    let ValueType::Table(schema) = &typed.inputs[0].ty else { panic!("a table") };
    let (bytes, form) = (Bytes::from(data(rows as usize).into_bytes()), ParseFormat::Csv { delimiter: b',' });
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
    let (start, cpu) = (Instant::now(), measure::cpu_time());
    let proved = prover.prove(&ProveRequest { claim: &claim, request }, &control).expect("a proof");
    let (wall, cpu) = (start.elapsed().as_secs_f64(), (measure::cpu_time() - cpu).as_secs_f64());
    let peak = measure::memory().peak / 1_000_000;

    let provenance = proved.stats.provenance("figures");
    let receipt = Receipt { version: Receipt::VERSION, claim, evidence: proved.evidence, provenance };
    let cbor = receipt.to_cbor();
    let (start, registry) = (measure::cpu_time(), Registry::empty());
    let verdict = Verifier::new(&registry).verify(&cbor, &Policy::default(), &Expectations::default());
    let verify = (measure::cpu_time() - start).as_secs_f64();
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
