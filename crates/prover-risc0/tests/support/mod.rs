//! Plans with data, made ready for a prover.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by tests that use different parts"
)]

use std::{fs, path::PathBuf};

use proofmark_core::{Claim, Digest, InputClaim, Limits, PlanClaim, Usage};
use proofmark_plan::{
    check::Checked,
    commit,
    exec::NoCustom,
    format,
    guest::{self, Known, Request},
    model::{ParseFormat, Plan},
    source::{self, Format},
    typed::TypedPlan,
    types::ValueType,
    value::{Bytes, Value},
};
use proofmark_prover::{ProveRequest, Prover};

/// The smallest plan there is: an empty table in, the same table out.
pub const EMPTY: &str = r#"{"version":"1.0","id":"empty","steps":[{"id":"a","type":"data-input",
    "schema":{"columns":{"x":"int"}},"source":{"type":"parameter"}}],"output":{"step":"a"}}"#;

pub struct Job {
    pub claim: Claim,
    pub plan: Plan,
    pub typed: TypedPlan,
    pub inputs: Vec<(Value, [u8; 32])>,
    pub output: Value,
}

impl Job {
    /// What a prover is asked.
    pub fn request(&self) -> ProveRequest<'_> {
        let (plan, typed, inputs) = (&self.plan, &self.typed, &self.inputs);
        let request = Request { plan, typed, job: None, inputs, output_salt: [0; 32] };
        ProveRequest { claim: &self.claim, request }
    }

    /// The flat buffer that the guest reads.
    pub fn encoded(&self) -> Vec<u8> {
        self.request().request.encode().unwrap()
    }

    /// An example of the repository.
    pub fn example(plan: &str, data: &str, prover: &dyn Prover) -> Self {
        let text = String::from_utf8(example_file(plan)).unwrap();
        Self::new(&text, plan, &example_file(data), prover)
    }

    /// The empty plan.
    pub fn empty(prover: &dyn Prover) -> Self {
        Self::new(EMPTY, "empty.json", b"x\n", prover)
    }

    /// A plan as text, and the file of its every input.
    pub fn new(text: &str, name: &str, data: &[u8], prover: &dyn Prover) -> Self {
        let source = source::read(text, name, Format::detect(name, text)).unwrap();
        let (checked, _) = source.check().unwrap();
        let bytes = Bytes::from(data.to_vec());
        let inputs = checked.typed.inputs.iter().map(|input| match &input.ty {
            ValueType::Bytes => Value::Bytes(bytes.clone()),
            ValueType::Table(schema) => {
                let csv = ParseFormat::Csv { delimiter: b',' };
                let room = Limits::DEFAULT.max_memory_bytes;
                Value::Table(format::parse(&bytes, &csv, schema, &input.hints, room).unwrap())
            }
        });
        let inputs = inputs.collect();
        Self::from_values(&source.plan, &checked, inputs, prover)
    }

    /// A checked plan and its values.
    pub fn from_values(plan: &Plan, checked: &Checked, inputs: Vec<Value>, prover: &dyn Prover) -> Self {
        let typed = &checked.typed;
        let inputs: Vec<_> = inputs.into_iter().map(|value| (value, [3; 32])).collect();
        let roots = inputs
            .iter()
            .zip(&typed.inputs)
            .map(|((value, salt), input)| (value.clone(), commit::root(value, input.rows_per_leaf, salt)));
        let program_version = prover.program().expect("RISC Zero proves a program").version;
        let known = Known { typed, job: None, output_salt: [0; 32], program_version };
        let outcome = guest::run_values(&known, roots.collect(), &NoCustom, &mut ()).unwrap();
        let journal = outcome.journal;
        let [max_memory_bytes, max_cycles, max_output_bytes, max_steps] = journal.limits;
        let [steps, rows, peak_memory_bytes, output_bytes] = journal.usage;
        let claim = Claim::Plan(PlanClaim {
            plan: typed.hash,
            job: None,
            inputs: outcome
                .inputs
                .iter()
                .map(|(name, root)| InputClaim { name: name.clone(), root: *root })
                .collect(),
            output: Digest::sha256(journal.output),
            limits: Some(Limits { max_memory_bytes, max_cycles, max_output_bytes, max_steps }),
            usage: Some(Usage { steps, rows, peak_memory_bytes, output_bytes }),
        });
        Self { claim, plan: plan.clone(), typed: typed.clone(), inputs, output: outcome.output }
    }
}

pub fn example_file(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../examples", name].iter().collect();
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
