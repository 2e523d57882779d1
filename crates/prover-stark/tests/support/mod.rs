//! Plans with data, made ready for the prover.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![allow(dead_code, reason = "shared by tests that use different parts")]

use std::{fs, path::PathBuf};

use proofmark_core::{Claim, Digest, InputClaim, Limits, PlanClaim};
use proofmark_plan::{
    exec::{self, NoCustom},
    format, guest,
    model::{ParseFormat, Plan},
    source::{self, Format},
    typed::TypedPlan,
    types::ValueType,
    value::{Bytes, Value},
};
use proofmark_prover::{Digests, ProveError, ProveRequest, Prover};
use proofmark_prover_stark::{Level, Options, Stark};

/// A filter-less group-by, the smallest plan that has groups.
pub const GROUPS: &str = r#"{"version":"1.0","id":"groups","steps":[
    {"id":"rows","type":"data-input","schema":{"columns":{"key":"int","value":"int"}},"source":{"type":"parameter"}},
    {"id":"sums","type":"aggregate","input":"rows","operation":{"op":"reduce","groupBy":["key"],
        "aggregates":{"total":{"fn":"sum","field":"value"}}}}],"output":{"step":"sums"}}"#;

pub struct Job {
    pub claim: Claim,
    pub plan: Plan,
    pub typed: TypedPlan,
    pub inputs: Vec<(Value, [u8; 32])>,
    pub job: Option<Digest>,
}

impl Job {
    pub fn request(&self) -> ProveRequest<'_> {
        let request = guest::Request {
            plan: &self.plan,
            typed: &self.typed,
            job: self.job,
            inputs: &self.inputs,
            output_salt: [0; 32],
        };
        ProveRequest { claim: &self.claim, request }
    }

    pub fn example(plan: &str, data: &str, prover: &Stark) -> Self {
        let path = |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
        Self::new(&fs::read_to_string(path(plan)).unwrap(), plan, &fs::read(path(data)).unwrap(), prover)
    }

    pub fn new(text: &str, name: &str, csv: &[u8], prover: &Stark) -> Self {
        Self::for_job(text, name, csv, prover, None)
    }

    /// A plan as text, the file of its input, and the job that it answers.
    pub fn for_job(text: &str, name: &str, csv: &[u8], prover: &Stark, job: Option<Digest>) -> Self {
        let source = source::read(text, name, Format::detect(name, text)).unwrap();
        let (checked, _) = source.check().unwrap();
        let typed = checked.typed;
        let ValueType::Table(schema) = &typed.inputs[0].ty else { panic!("a table") };
        let room = Limits::DEFAULT.max_memory_bytes;
        let form = ParseFormat::Csv { delimiter: b',' };
        let bytes = Bytes::from(csv.to_vec());
        let table = format::parse(&bytes, &form, schema, &typed.inputs[0].hints, room).unwrap();
        let inputs = vec![(Value::Table(table), [3; 32])];
        let output = exec::execute(&typed, vec![inputs[0].0.clone()], &NoCustom).unwrap().output;
        let plan = source.plan;
        let request =
            guest::Request { plan: &plan, typed: &typed, job, inputs: &inputs, output_salt: [0; 32] };
        let digests = prover.digests(&request, &output).unwrap();
        let claim = Claim::Plan(PlanClaim {
            plan: typed.hash,
            job,
            inputs: vec![InputClaim { name: typed.inputs[0].name.clone(), root: digests.inputs[0] }],
            output: digests.output,
            limits: None,
            usage: None,
        });
        Self { claim, plan, typed, inputs, job }
    }
}

/// A plan as text.
pub fn read(text: &str) -> (Plan, TypedPlan) {
    let source = source::read(text, "plan.json", Format::Json).unwrap();
    let typed = source.check().unwrap().0.typed;
    (source.plan, typed)
}

/// The digests that a prover has for a plan on this CSV.
pub fn digests(plan: &(Plan, TypedPlan), csv: &[u8], prover: &Stark) -> Result<Digests, ProveError> {
    let (plan, typed) = plan;
    let ValueType::Table(schema) = &typed.inputs[0].ty else { panic!("a table") };
    let (form, bytes) = (ParseFormat::Csv { delimiter: b',' }, Bytes::from(csv.to_vec()));
    let table = format::parse(&bytes, &form, schema, &typed.inputs[0].hints, u64::MAX).unwrap();
    let inputs = vec![(Value::Table(table), [0; 32])];
    let output = exec::execute(typed, vec![inputs[0].0.clone()], &NoCustom).unwrap().output;
    let request = guest::Request { plan, typed, job: None, inputs: &inputs, output_salt: [0; 32] };
    prover.digests(&request, &output)
}

/// A prover with a cache of its own.
pub fn prover(level: Level) -> (Stark, tempfile::TempDir) {
    let cache = tempfile::tempdir().unwrap();
    (Stark::new(Options { level, cache: Some(cache.path().into()), ..Options::default() }), cache)
}

/// A prover for development that cuts tables into shards of so many rows.
pub fn shard_prover(shard_rows: u32) -> (Stark, tempfile::TempDir) {
    let cache = tempfile::tempdir().unwrap();
    let options =
        Options { level: Level::Fast, cache: Some(cache.path().into()), shard_rows, ..Options::default() };
    (Stark::new(options), cache)
}

/// So many rows with different keys.
pub fn rows(keys: u64) -> Vec<u8> {
    let lines = (0..keys).map(|key| format!("{key},{}\n", key * key));
    ["key,value\n".to_owned()].into_iter().chain(lines).collect::<String>().into_bytes()
}
