//! What every prover must do, on the examples; and what only this one does.

#![allow(missing_docs, clippy::unwrap_used)]

use std::{fs, path::PathBuf, time::Duration};

use proofmark_core::{Claim, Evidence, InputClaim, Limits, PlanClaim, Receipt};
use proofmark_plan::{
    exec::{self, NoCustom},
    format, guest,
    model::{ParseFormat, Plan},
    source::{self, Format},
    typed::TypedPlan,
    types::ValueType,
    value::{Bytes, Value},
};
use proofmark_prover::{CancelToken, Control, ProveError, ProveRequest, Prover, Work, testing};
use proofmark_prover_stark::{Level, Options, Stark, table_digest};
use proofmark_registry::Registry;
use proofmark_verifier::{Expectations, Policy, Verifier};

const GROUPS: &str = r#"{"version":"1.0","id":"groups","steps":[
    {"id":"rows","type":"data-input","schema":{"columns":{"key":"int","value":"int"}},"source":{"type":"parameter"}},
    {"id":"sums","type":"aggregate","input":"rows","operation":{"op":"reduce","groupBy":["key"],
        "aggregates":{"total":{"fn":"sum","field":"value"}}}}],"output":{"step":"sums"}}"#;

struct Job {
    claim: Claim,
    plan: Plan,
    typed: TypedPlan,
    inputs: Vec<(Value, [u8; 32])>,
}

impl Job {
    fn request(&self) -> ProveRequest<'_> {
        let request = guest::Request {
            plan: &self.plan,
            typed: &self.typed,
            job: None,
            inputs: &self.inputs,
            output_salt: [0; 32],
        };
        ProveRequest { claim: &self.claim, request }
    }

    fn example(plan: &str, data: &str, prover: &Stark) -> Self {
        let path = |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
        Self::new(&fs::read_to_string(path(plan)).unwrap(), plan, &fs::read(path(data)).unwrap(), prover)
    }

    fn new(text: &str, name: &str, csv: &[u8], prover: &Stark) -> Self {
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
            guest::Request { plan: &plan, typed: &typed, job: None, inputs: &inputs, output_salt: [0; 32] };
        let digests = prover.digests(&request, &output).unwrap();
        let claim = Claim::Plan(PlanClaim {
            plan: typed.hash,
            job: None,
            inputs: vec![InputClaim { name: typed.inputs[0].name.clone(), root: digests.inputs[0] }],
            output: digests.output,
            limits: None,
            usage: None,
        });
        Self { claim, plan, typed, inputs }
    }
}

fn prover(level: Level) -> (Stark, tempfile::TempDir) {
    let cache = tempfile::tempdir().unwrap();
    (Stark::new(Options { level, cache: Some(cache.path().into()) }), cache)
}

fn rows(keys: u64) -> Vec<u8> {
    let lines = (0..keys).map(|key| format!("{key},{}\n", key * key));
    ["key,value\n".to_owned()].into_iter().chain(lines).collect::<String>().into_bytes()
}

#[test]
fn it_passes_the_suite() {
    let (prover, _cache) = prover(Level::Fast);
    for (plan, data) in
        [("stocks/plan.yaml", "stocks/stocks.csv"), ("weather/plan.yaml", "weather/seattle-weather.csv")]
    {
        testing::suite(&prover, &Job::example(plan, data, &prover).request());
    }
}

#[test]
fn a_proof_is_made_and_its_receipt_is_valid() {
    let (prover, _cache) = prover(Level::Standard);
    let job = Job::new(GROUPS, "groups.json", &rows(20), &prover);
    let proved = testing::proof(&prover, &job.request());
    let Evidence::Stark(evidence) = &proved.evidence else { panic!("evidence of this prover") };
    assert_eq!((evidence.level.as_str(), evidence.inputs[0].rows), ("standard", 31));
    assert!(evidence.security.zero_knowledge && evidence.security.bits >= 100);
    let receipt = Receipt {
        version: Receipt::VERSION,
        claim: job.claim.clone(),
        provenance: proved.stats.provenance("test"),
        evidence: proved.evidence,
    };
    let policy = Policy::default();
    let registry = Registry::empty();
    let verdict = Verifier::new(&registry).verify(&receipt.to_cbor(), &policy, &Expectations::default());
    assert!(verdict.is_valid(), "{verdict:?}");
    assert!(prover.estimate(&prover.execute(&job.request(), &Control::default()).unwrap()).calibrated);
}

#[test]
fn bounds_of_groups_follow_the_data() {
    let (prover, _cache) = prover(Level::Fast);
    let job = Job::new(GROUPS, "groups.json", &rows(300), &prover);
    let proved = prover.prove(&job.request(), &Control::default()).unwrap();
    let Evidence::Stark(evidence) = proved.evidence else { panic!("evidence of this prover") };
    assert_eq!((evidence.groups, evidence.inputs[0].rows), (vec![511], 511));
}

#[test]
fn what_is_not_a_statement_of_tables_is_refused() {
    let (prover, _cache) = prover(Level::Fast);
    let job = Job::new(GROUPS, "groups.json", &rows(3), &prover);
    let Claim::Plan(claim) = &job.claim else { panic!("a plan") };
    let with_limits = Claim::Plan(PlanClaim { limits: Some(Limits::DEFAULT), ..claim.clone() });
    let request = ProveRequest { claim: &with_limits, ..job.request() };
    let refused = prover.prove(&request, &Control::default());
    assert!(matches!(refused, Err(ProveError::Unsupported { .. })), "{refused:?}");
    let another = Claim::Plan(PlanClaim { plan: proofmark_core::Digest::of(b"x"), ..claim.clone() });
    let request = ProveRequest { claim: &another, ..job.request() };
    let refused = prover.prove(&request, &Control::default());
    assert!(matches!(refused, Err(ProveError::Diverged { .. })), "{refused:?}");
    assert_eq!(table_digest(&Value::Bytes(Bytes::from(vec![1])), &[0; 32]), None);
}

#[test]
fn a_cancelled_proof_returns_at_once() {
    let (prover, _cache) = prover(Level::Paranoid);
    let job = Job::example("weather/plan.yaml", "weather/seattle-weather.csv", &prover);
    let cancel = CancelToken::default();
    let token = cancel.clone();
    let watch = move |progress: proofmark_prover::Progress| {
        if matches!(progress.phase, proofmark_prover::Phase::Prove { .. }) {
            token.cancel();
        }
    };
    let control = Control { cancel, progress: Some(&watch), ..Control::default() };
    let result = prover.prove(&job.request(), &control);
    assert!(matches!(result, Err(ProveError::Cancelled { after }) if after > Duration::ZERO), "{result:?}");
}

#[test]
fn work_is_told_from_the_plan_and_its_bounds() {
    let (prover, _cache) = prover(Level::Fast);
    let cells = |keys| {
        let job = Job::new(GROUPS, "groups.json", &rows(keys), &prover);
        match prover.execute(&job.request(), &Control::default()).unwrap().work {
            Work::Cells { total, .. } => total,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(cells(16), cells(20), "both have at most 31 rows");
}
