//! The examples give, to every byte, the documents that an independent engine expects; guest and host agree.

use std::{fs, path::PathBuf, sync::Arc, time::Instant};

use proofmark_core::Digest;
use proofmark_plan::{
    check::Checked,
    commit, document,
    exec::NoCustom,
    format,
    guest::{self, GuestError, Known, Outcome, Request},
    model::{Limits, ParseFormat, Plan},
    source::{self, Format},
    types::ValueType,
    value::{Bytes, Value},
};

pub(crate) fn file(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../examples", name].iter().collect();
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A plan and its inputs, each read from the file that the test names.
pub(crate) struct Job {
    pub(crate) plan: Plan,
    pub(crate) checked: Checked,
    pub(crate) inputs: Vec<(Value, [u8; 32])>,
}

impl Job {
    pub(crate) fn new(plan: &str, data: &str) -> Self {
        let text = String::from_utf8(file(plan)).unwrap();
        let source = source::read(&text, plan, Format::detect(plan, &text)).unwrap();
        let (checked, _) = source.check().unwrap();
        let bytes = Bytes::from(file(data));
        let inputs = checked.typed.inputs.iter().map(|input| {
            let value = match &input.ty {
                ValueType::Bytes => Value::Bytes(bytes.clone()),
                ValueType::Table(schema) => {
                    let csv = ParseFormat::Csv { delimiter: b',' };
                    let room = Limits::DEFAULT.max_memory_bytes;
                    Value::Table(format::parse(&bytes, &csv, schema, &input.hints, room).unwrap())
                }
            };
            (value, [3; 32])
        });
        Self { inputs: inputs.collect(), plan: source.plan, checked }
    }

    pub(crate) fn request(&self) -> Vec<u8> {
        let request = Request {
            plan: &self.plan,
            typed: &self.checked.typed,
            job: Some(Digest::of(b"job")),
            inputs: &self.inputs,
            output_salt: [9; 32],
        };
        request.encode().unwrap()
    }

    fn on_host(&self, job: Option<Digest>) -> Result<Outcome, GuestError> {
        let typed = &self.checked.typed;
        let inputs = typed.inputs.iter().zip(&self.inputs);
        let inputs = inputs
            .map(|(input, (value, salt))| (value.clone(), commit::root(value, input.rows_per_leaf, salt)));
        let known = Known { typed, job, output_salt: [9; 32], program_version: [1, 2, 3] };
        guest::run_values(&known, inputs.collect(), &NoCustom, &mut ())
    }
}

pub(crate) const EXAMPLES: [(&str, &str, &str); 5] = [
    ("stocks/plan.yaml", "stocks/stocks.csv", "stocks/expected.json"),
    ("weather/plan.yaml", "weather/seattle-weather.csv", "weather/expected.json"),
    ("weather/hottest.yaml", "weather/seattle-weather.csv", "weather/hottest.expected.json"),
    ("signals/plan.yaml", "signals/ohlc.json", "signals/expected.json"),
    ("sales/plan.yaml", "sales/sales.csv", "sales/expected.json"),
];

#[test]
fn guest_and_host_give_what_duckdb_expects() {
    for (plan, data, expected) in EXAMPLES {
        let job = Job::new(plan, data);
        let request = job.request();
        let started = Instant::now();
        let in_guest = guest::run(Arc::new(request.clone()), [1, 2, 3], &NoCustom).unwrap();
        println!("{plan}: {} request bytes, {:?}", request.len(), started.elapsed());
        let on_host = job.on_host(Some(Digest::of(b"job"))).unwrap();
        assert_eq!(in_guest, on_host);
        assert_eq!(in_guest.journal.encode(), on_host.journal.encode());
        let document = document::write(&in_guest.output);
        assert_eq!(String::from_utf8(document.clone()).unwrap(), String::from_utf8(file(expected)).unwrap());
        // Whoever has the document and the salt recomputes the root in the journal.
        let read = document::read(&document.into(), 1 << 20).unwrap();
        assert_eq!(commit::root(&read, 64, &[9; 32]).as_bytes(), &in_guest.journal.output);
        assert_eq!(
            in_guest.journal.plan,
            *Digest::of(&proofmark_plan::canonical::json(&job.plan)).as_bytes()
        );
    }
}

#[test]
fn a_plan_for_other_data_or_another_job_is_refused() {
    let mut job = Job::new(EXAMPLES[0].0, EXAMPLES[0].1);
    let (value, salt) = job.inputs[0].clone();
    let root = commit::root(&value, 64, &salt);
    job.checked.typed.inputs[0].data_commitment = Some(root);
    assert!(job.on_host(None).is_ok());
    job.inputs[0].1 = [4; 32];
    let error = job.on_host(None).unwrap_err();
    assert!(matches!(&error, GuestError::WrongData { expected, .. } if *expected == root), "{error}");
    job.inputs[0].1 = salt;
    job.checked.typed.job = Some(Digest::of(b"job"));
    assert_eq!(job.on_host(None).unwrap().journal.job, *Digest::of(b"job").as_bytes());
    assert!(matches!(job.on_host(Some(Digest::of(b"other"))), Err(GuestError::WrongJob { .. })));
}
