//! Plans against the executor, without and with proofs.

use alloc::{string::String, vec::Vec};

use proofmark_plan::{
    exec::{NoCustom, execute},
    format,
    source::{self, Format},
    typed::TypedPlan,
    types::ValueType,
    value::{Bytes, Table, Value},
};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    Bounds, Level, ProveError, Salt, Statement, TableBounds, Witness, digest,
    prove::{Filled, fill_statement, prove_filled},
    verify,
};

pub(crate) fn typed(text: &str) -> TypedPlan {
    let source = source::read(text, "plan.yaml", Format::detect("plan.yaml", text)).expect("a plan");
    source.check().expect("a checked plan").0.typed
}

pub(crate) fn csv(plan: &TypedPlan, input: usize, text: &str) -> Table {
    let declared = &plan.inputs[input];
    let ValueType::Table(schema) = &declared.ty else { panic!("a table") };
    let bytes = Bytes::from(Vec::from(text.as_bytes()));
    format::parse(
        &bytes,
        &proofmark_plan::model::ParseFormat::Csv { delimiter: b',' },
        schema,
        &declared.hints,
        u64::MAX,
    )
    .expect("a table")
}

/// A plan with its data and everything a statement needs.
pub(crate) struct Case {
    pub(crate) plan: TypedPlan,
    pub(crate) inputs: Vec<Table>,
    pub(crate) bounds: Bounds,
    pub(crate) digests: Vec<proofmark_core::Digest>,
    pub(crate) output_digest: proofmark_core::Digest,
}

impl Case {
    pub(crate) fn new(plan: TypedPlan, inputs: Vec<Table>) -> Self {
        let values = inputs.iter().cloned().map(Value::Table).collect();
        let Value::Table(output) = execute(&plan, values, &NoCustom).expect("an execution").output else {
            panic!("a table")
        };
        let bounds = Bounds {
            inputs: inputs.iter().map(|table| TableBounds::of(table).expect("short texts")).collect(),
            groups: Vec::new(),
        };
        let digests =
            inputs.iter().map(|table| digest::table(table, Salt::NONE).expect("a digest")).collect();
        let machine = crate::compile::compile(&plan, &bounds, 8).unwrap_or_else(|no| panic!("{no:?}"));
        let output_digest =
            digest::table_with_text_bounds(&output, &machine.output_text, Salt::NONE).expect("a digest");
        Self { plan, inputs, bounds, digests, output_digest }
    }

    /// A case whose output nobody knows.
    pub(crate) fn without_output(plan: TypedPlan, inputs: Vec<Table>, bounds: Bounds) -> Self {
        let digests =
            inputs.iter().map(|table| digest::table(table, Salt::NONE).expect("a digest")).collect();
        let output_digest = crate::digest::to_digest(&[Default::default(); 8]);
        Self { plan, inputs, bounds, digests, output_digest }
    }

    pub(crate) fn statement(&self, level: Level) -> Statement<'_> {
        Statement {
            plan: &self.plan,
            claim: [7; 32],
            inputs: &self.digests,
            output: self.output_digest,
            bounds: &self.bounds,
            level,
        }
    }

    pub(crate) fn fill(&self, level: Level) -> Result<Filled, ProveError> {
        let salts = alloc::vec![Salt::NONE; self.inputs.len()];
        let witness = Witness { inputs: &self.inputs, salts: &salts, output_salt: Salt::NONE };
        fill_statement(&self.statement(level), &witness, &mut StdRng::seed_from_u64(1), &mut ())
    }

    /// Fills and checks natively: the output equals the executor's, by its digest.
    pub(crate) fn check(&self) -> Filled {
        let filled = self.fill(Level::Fast).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(filled.violations(), []);
        filled
    }

    /// A proof, whatever the trace holds.
    pub(crate) fn proof(&self, level: Level) -> Vec<u8> {
        let filled = self.fill(level).unwrap_or_else(|error| panic!("{error}"));
        prove_filled(&self.statement(level), filled, &mut StdRng::seed_from_u64(2), &mut ()).expect("a proof")
    }

    pub(crate) fn prove(&self, level: Level) {
        let filled = self.fill(level).unwrap_or_else(|error| panic!("{error}"));
        let start = std::time::Instant::now();
        let proof = prove_filled(&self.statement(level), filled, &mut StdRng::seed_from_u64(2), &mut ())
            .expect("a proof");
        let proved = start.elapsed();
        let start = std::time::Instant::now();
        let security = verify(&self.statement(level), &proof).expect("a valid proof");
        std::eprintln!("{} bytes, {proved:?}, verified in {:?}, {security:?}", proof.len(), start.elapsed());
        let mut other = self.statement(level);
        other.claim[0] ^= 1;
        assert!(verify(&other, &proof).is_err());
    }
}

fn example(name: &str, data: &str) -> Case {
    let folder = std::format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| -> String {
        std::fs::read_to_string(std::format!("{folder}/{file}")).expect("an example")
    };
    let plan = typed(&read("plan.yaml"));
    let table = csv(&plan, 0, &read(data));
    Case::new(plan, alloc::vec![table])
}

#[test]
fn sales_is_proved() {
    let case = example("sales", "sales.csv");
    case.check();
    case.prove(Level::Fast);
}

#[test]
fn weather_is_proved() {
    let case = example("weather", "seattle-weather.csv");
    case.check();
    case.prove(Level::Standard);
}

#[test]
fn stocks_is_proved() {
    let case = example("stocks", "stocks.csv");
    case.check();
    case.prove(Level::Standard);
}
