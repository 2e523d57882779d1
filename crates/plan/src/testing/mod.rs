//! Random well-typed plans with data, for tests that compare executors, guests and provers.
//!
//! A plan grows step by step: a candidate is made with the types in mind and kept if `check` accepts the plan with
//! it. So every plan is valid, while its execution may still fail (an overflow, a division by zero, a loop that
//! does not end), which all executors must agree on too.

mod data;
mod expr;
mod steps;

use std::{collections::BTreeMap, format, string::String, vec::Vec};

use crate::{
    check,
    model::{Limits, Plan, Step},
    types::{Schema, ValueType},
    value::Value,
};

/// A plan and its data, in the order of `TypedPlan::inputs`; the same for the same seed.
pub fn plan_and_inputs(seed: u64) -> (Plan, Vec<Value>) {
    let mut generator = Generator::new(seed);
    let inputs = generator.rng.between(1, 3);
    for _ in 0..inputs {
        generator.add_input();
    }
    if generator.rng.chance(25) {
        generator.add_document();
    }
    let steps = generator.rng.between(2, 9);
    for _ in 0..steps {
        for _attempt in 0..12 {
            let candidate = generator.candidate();
            if generator.try_steps(candidate) {
                break;
            }
        }
    }
    generator.finish()
}

/// SplitMix64: small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A sequence that depends on the seed only.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A number from `least` to `most`.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// True so many times in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// A plan in the making.
struct Generator {
    rng: Rng,
    steps: Vec<Step>,
    /// Results of the steps so far.
    tables: Vec<(String, Schema)>,
    bytes: Vec<String>,
    /// Data by the id of its step.
    inputs: BTreeMap<String, Value>,
    ids: usize,
}

impl Generator {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        rng.next();
        Self {
            rng,
            steps: Vec::new(),
            tables: Vec::new(),
            bytes: Vec::new(),
            inputs: BTreeMap::new(),
            ids: 0,
        }
    }

    /// A new id; its order among others is random, as ids break ties.
    fn id(&mut self) -> String {
        self.ids += 1;
        let letter = char::from(b'a' + self.rng.below(26) as u8);
        format!("{letter}{}", self.ids)
    }

    fn plan(&self, steps: Vec<Step>, output: String) -> Plan {
        let limits = Limits {
            max_memory_bytes: 64 << 20,
            max_cycles: Limits::DEFAULT.max_cycles,
            max_output_bytes: 4 << 20,
            max_steps: 2000,
        };
        Plan { id: "random".into(), job_request_hash: None, steps, output, limits }
    }

    /// Keeps new steps if the plan with them is valid.
    fn try_steps(&mut self, candidate: Vec<Step>) -> bool {
        let Some(last) = candidate.last() else { return false };
        let mut steps = self.steps.clone();
        let names: Vec<String> = candidate.iter().map(|step| step.id.clone()).collect();
        let output = last.id.clone();
        steps.extend(candidate);
        let plan = self.plan(steps, output);
        let Ok(typed) = check::typed(&plan) else { return false };
        for step in &typed.body.steps {
            if names.contains(&step.id) {
                match &step.result {
                    ValueType::Bytes => self.bytes.push(step.id.clone()),
                    ValueType::Table(schema) => self.tables.push((step.id.clone(), schema.clone())),
                }
            }
        }
        self.steps = plan.steps;
        true
    }

    /// A table so far, recent ones more often.
    fn table(&mut self) -> (String, Schema) {
        let count = self.tables.len();
        let at = self.rng.below(count).max(self.rng.below(count));
        self.tables[at].clone()
    }

    fn finish(mut self) -> (Plan, Vec<Value>) {
        let output = match self.steps.last() {
            Some(step) => step.id.clone(),
            None => String::new(),
        };
        // The order of steps in a plan means nothing.
        for at in (1..self.steps.len()).rev() {
            let other = self.rng.below(at + 1);
            self.steps.swap(at, other);
        }
        let plan = self.plan(self.steps.clone(), output);
        let typed = check::typed(&plan).expect("every step was accepted when it was added");
        let inputs = typed.inputs.iter().map(|input| self.inputs[&input.name].clone()).collect();
        (plan, inputs)
    }
}
