//! Random plans against the executor: what one gives, the other commits to; what one refuses, the other cannot fill.

use alloc::{format, string::String, vec::Vec};

use proofmark_plan::{
    check as checker,
    exec::{NoCustom, execute},
    model::Plan,
    source::{self, Format},
    testing::{Rng, plan_and_inputs},
    typed::TypedPlan,
    types::{Schema, Type, ValueType},
    value::{Table, Value},
};

use super::{
    bench::check,
    plans::{Case, csv},
};
use crate::{Bounds, Level, ProveError, TableBounds, supports};

/// What became of plans.
#[derive(Default)]
struct Tally {
    agree: usize,
    fail: usize,
    unsupported: usize,
}

impl Tally {
    /// Runs a plan natively and in chips; the sizes are the least, so that many plans take little time.
    fn compare(&mut self, seed: u64, plan: TypedPlan, tables: Vec<Table>) -> Option<Case> {
        let bounds: Option<Vec<TableBounds>> = tables.iter().map(TableBounds::of).collect();
        let Some(inputs) = bounds.filter(|_| supports(&plan).is_empty()) else {
            self.unsupported += 1;
            return None;
        };
        let bounds = Bounds { inputs, groups: Vec::new() };
        if crate::compile::compile(&plan, &bounds, 4).is_err() {
            self.unsupported += 1;
            return None;
        }
        match execute(&plan, tables.iter().cloned().map(Value::Table).collect(), &NoCustom) {
            Ok(_) => {
                let case = Case::new(plan, tables);
                // Checks every constraint of every row, and that the digests are those of the executor's tables.
                let (broken, digests) = match check(&case) {
                    Ok(checked) => checked,
                    // A join that is not covered, as only the data show.
                    Err(ProveError::NoValue {
                        reason: "two rows of the right table have one key", ..
                    }) => {
                        self.unsupported += 1;
                        return None;
                    }
                    Err(error) => panic!("seed {seed}: {error}: {:?}", case.plan.body),
                };
                assert_eq!(broken, [], "seed {seed}");
                assert_eq!(digests.last(), Some(&case.output_digest), "seed {seed}");
                self.agree += 1;
                Some(case)
            }
            Err(error) => {
                let filled = check(&Case::without_output(plan, tables, bounds));
                let refused =
                    matches!(filled, Err(ProveError::NoValue { .. } | ProveError::TooManyRows { .. }));
                assert!(refused, "seed {seed}: the executor failed with {error:?}, the tables were filled");
                self.fail += 1;
                None
            }
        }
    }
}

/// Plans of the generator that executors, guests and provers share; about one in a hundred is within coverage.
#[test]
fn plans_for_all_provers_agree_with_the_executor() {
    let mut tally = Tally::default();
    for seed in 0..1500 {
        let (plan, inputs) = plan_and_inputs(seed);
        let Ok(plan) = checker::typed(&plan) else { continue };
        let tables = inputs.into_iter().map(|value| match value {
            Value::Table(table) => Some(table),
            Value::Bytes(_) => None,
        });
        if let Some(tables) = tables.collect() {
            tally.compare(seed, plan, tables);
        }
    }
    std::eprintln!("{} agree, {} fail in both, {} unsupported", tally.agree, tally.fail, tally.unsupported);
    assert!(tally.agree >= 10);
}

#[test]
fn a_thousand_random_plans_agree_with_the_executor() {
    let (mut tally, mut seed) = (Tally::default(), 0);
    while tally.agree + tally.fail < 1000 {
        let (plan, tables) = Generator::new(seed).plan();
        tally.compare(seed, plan, tables);
        seed += 1;
    }
    std::eprintln!("{} agree, {} fail in both, {} unsupported", tally.agree, tally.fail, tally.unsupported);
    assert!(tally.agree >= 600 && tally.fail >= 10 && tally.unsupported < 500);
}

fn prove_some(count: usize) {
    let (mut tally, mut seed) = (Tally::default(), 50_000);
    while count > tally.agree {
        let (plan, tables) = Generator::new(seed).plan();
        if let Some(case) = tally.compare(seed, plan, tables) {
            case.prove(Level::Fast);
        }
        seed += 1;
    }
}

#[test]
fn a_random_plan_is_proved() {
    prove_some(1);
}

#[test]
#[ignore = "minutes"]
fn twenty_random_plans_are_proved() {
    prove_some(20);
}

/// Random plans within coverage, as text.
pub(crate) struct Generator {
    rng: Rng,
    steps: String,
    /// The steps so far with their schemas.
    made: Vec<(String, Schema)>,
}

const INPUTS: [(&str, &str); 2] = [
    (
        "facts",
        "  - { id: facts, type: data-input, schema: { columns: { a: int, b: \"bool?\", d: date, k: string, m: \"decimal(9,2)\", n: \"int?\" } }, source: { type: file, uri: x.csv } }\n",
    ),
    (
        "names",
        "  - { id: names, type: data-input, schema: { columns: { k: string, w: \"decimal(6,1)?\" } }, source: { type: file, uri: y.csv } }\n",
    ),
];

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), steps: String::new(), made: Vec::new() }
    }

    fn plan(self) -> (TypedPlan, Vec<Table>) {
        let (_, plan, tables) = self.source();
        (plan, tables)
    }

    /// The plan as it was written too.
    pub(crate) fn source(mut self) -> (Plan, TypedPlan, Vec<Table>) {
        let inputs = if self.rng.chance(40) { 2 } else { 1 };
        for (_, text) in &INPUTS[..inputs] {
            self.steps.push_str(text);
        }
        let (mut written, mut plan) = self.read("facts").expect("a plan of inputs");
        for (name, _) in &INPUTS[..inputs] {
            let input = plan.inputs.iter().find(|input| input.name == *name).expect("an input");
            let ValueType::Table(schema) = &input.ty else { panic!("a table") };
            self.made.push(((*name).into(), schema.clone()));
        }
        let mut last = String::from("facts");
        for number in 0..self.rng.between(1, 4) {
            for _ in 0..8 {
                let at =
                    if self.rng.chance(85) { self.made.len() - 1 } else { self.rng.below(self.made.len()) };
                let (input, schema) = self.made[at].clone();
                let id = format!("s{number}");
                let text = self.step(&id, &input, &schema);
                let before = self.steps.clone();
                self.steps.push_str(&text);
                if let Some((text, found)) = self.read(&id) {
                    let step = found.body.steps.iter().find(|step| step.id == id).expect("the new step");
                    if let ValueType::Table(schema) = &step.result {
                        self.made.push((id.clone(), schema.clone()));
                    }
                    last = id;
                    (written, plan) = (text, found);
                    break;
                }
                self.steps = before;
            }
        }
        // Every input must be read: the last step of all is checked again with its output alone.
        let (written, plan) = self.read(&last).unwrap_or((written, plan));
        let tables = (0..plan.inputs.len()).map(|at| self.data(&plan, at)).collect();
        (written, plan, tables)
    }

    fn read(&self, output: &str) -> Option<(Plan, TypedPlan)> {
        let text =
            format!("version: \"1.0\"\nid: random\nsteps:\n{}output: {{ step: {output} }}\n", self.steps);
        let source = source::read(&text, "plan.yaml", Format::detect("plan.yaml", &text)).ok()?;
        let typed = source.check().ok()?.0.typed;
        Some((source.plan, typed))
    }

    fn data(&mut self, plan: &TypedPlan, at: usize) -> Table {
        let facts = plan.inputs[at].name == "facts";
        let mut text = String::from(if facts { "a,b,d,k,m,n\n" } else { "k,w\n" });
        let mut left: Vec<&str> = ["Rom", "Oslo", "", "Ulan Bator"].to_vec();
        for _ in 0..self.rng.below(if facts { 10 } else { 5 }) {
            let rng = &mut self.rng;
            let w = *rng.pick(&["", "-0.5", "3.0", "99999.9"]);
            if facts {
                let a = *rng.pick(&[
                    "0",
                    "1",
                    "-3",
                    "7",
                    "7",
                    "40",
                    "9223372036854775807",
                    "-9223372036854775808",
                ]);
                let b = *rng.pick(&["", "true", "false"]);
                let d = *rng.pick(&["2024-02-29", "2023-12-31", "0001-01-01", "9999-12-31", "2000-03-01"]);
                let k = *rng.pick(&["Rom", "Oslo", "Paris", "\"\""]);
                let m = *rng.pick(&["0.00", "2.50", "-2.50", "9999999.99", "-0.01", "3.00"]);
                let n = *rng.pick(&["", "4", "-1", "4", "1000000"]);
                text.push_str(&format!("{a},{b},{d},{k},{m},{n}\n"));
            } else if !left.is_empty() && self.rng.chance(95) {
                let k = left.remove(self.rng.below(left.len()));
                text.push_str(&format!("{},{w}\n", if k.is_empty() { "\"\"" } else { k }));
            }
        }
        csv(plan, at, &text)
    }

    fn step(&mut self, id: &str, input: &str, schema: &Schema) -> String {
        let head = format!("  - {{ id: {id}, ");
        let body = match self.rng.below(16) {
            0..=3 => {
                let columns: Vec<String> = (0..self.rng.between(1, 2))
                    .map(|at| format!("x{at}: \"{}\"", self.column(schema)))
                    .collect();
                format!(
                    "type: compute, input: {input}, operation: {{ op: math, columns: {{ {} }} }}",
                    columns.join(", ")
                )
            }
            4 | 5 => format!("type: filter, input: {input}, condition: \"{}\"", self.truth(schema, 2)),
            6..=9 => self.reduce(input, schema),
            10 | 11 => {
                let limit = if self.rng.chance(50) {
                    format!(", limit: {}", self.rng.below(6))
                } else {
                    String::new()
                };
                let key = self.name(schema);
                let descending = self.rng.chance(50);
                format!(
                    "type: transform, input: {input}, operation: {{ op: sort, by: [{{ field: {key}, descending: {descending} }}]{limit} }}"
                )
            }
            12 => {
                let (count, offset) = (self.rng.below(6), self.rng.below(3));
                format!(
                    "type: transform, input: {input}, operation: {{ op: limit, count: {count}, offset: {offset} }}"
                )
            }
            13 => {
                let fields = if self.rng.chance(60) {
                    format!(", fields: [{}]", self.name(schema))
                } else {
                    String::new()
                };
                format!("type: transform, input: {input}, operation: {{ op: distinct{fields} }}")
            }
            14 => format!("type: aggregate, inputs: [{input}, {input}], operation: {{ op: concat }}"),
            _ => {
                let other = self.made[self.rng.below(self.made.len())].0.clone();
                let how = *self.rng.pick(&["inner", "left", "semi", "anti", "union"]);
                format!(
                    "type: aggregate, inputs: [{input}, {other}], operation: {{ op: merge, how: {how}, on: [k] }}"
                )
            }
        };
        format!("{head}{body} }}\n")
    }

    fn reduce(&mut self, input: &str, schema: &Schema) -> String {
        let mut keys: Vec<String> = (0..self.rng.below(3)).map(|_| self.name(schema)).collect();
        keys.sort();
        keys.dedup();
        let mut aggregates = Vec::new();
        for at in 0..self.rng.between(1, 3) {
            let field = self.name(schema);
            let order = self.name(schema);
            let number = self.field(schema, |ty| ty.scale().is_some()).unwrap_or_else(|| field.clone());
            let aggregate = match self.rng.below(9) {
                0 => "fn: count".into(),
                1 => format!("fn: count, field: {field}"),
                2 | 3 => format!("fn: sum, field: {number}"),
                4 => format!("fn: mean, field: {number}, scale: {}", self.rng.below(5)),
                5 => format!("fn: min, field: {field}"),
                6 => format!("fn: max, field: {field}"),
                7 => format!(
                    "fn: {}, field: {field}, orderBy: [{{ field: {order}, descending: {} }}]",
                    self.rng.pick(&["first", "last"]),
                    self.rng.chance(50)
                ),
                _ => format!(
                    "fn: {}, field: {number}, scale: {}, population: {}",
                    self.rng.pick(&["variance", "stddev"]),
                    self.rng.below(4),
                    self.rng.chance(50)
                ),
            };
            aggregates.push(format!("y{at}: {{ {aggregate} }}"));
        }
        format!(
            "type: aggregate, input: {input}, operation: {{ op: reduce, groupBy: [{}], aggregates: {{ {} }} }}",
            keys.join(", "),
            aggregates.join(", ")
        )
    }

    fn column(&mut self, schema: &Schema) -> String {
        match self.rng.below(10) {
            0 => {
                let (column, by, order) = (self.name(schema), self.name(schema), self.name(schema));
                format!("previous({column}, [{by}], [{order}])")
            }
            1 => format!("'{}'", self.rng.pick(&["a", "", "Oslo", "a long text of words"])),
            2 | 3 => self.truth(schema, 2),
            4 => {
                let texts = self.field(schema, |ty| ty == Type::String).unwrap_or_else(|| "'x'".into());
                format!("{} ? {texts} : 'none'", self.truth(schema, 1))
            }
            _ => self.number(schema, 2),
        }
    }

    fn number(&mut self, schema: &Schema, depth: usize) -> String {
        if depth == 0 || self.rng.chance(15) {
            let field = self.field(schema, |ty| ty.scale().is_some());
            return match field.filter(|_| self.rng.chance(75)) {
                Some(field) => field,
                None => (*self.rng.pick(&["0", "1", "12", "-3", "2.5", "0.01", "1000000000"])).into(),
            };
        }
        let (a, b) = (self.number(schema, depth - 1), self.number(schema, depth - 1));
        match self.rng.below(12) {
            0 | 1 => format!("({a} + {b})"),
            2 | 3 => format!("({a} - {b})"),
            4 | 5 => format!("({a} * {b})"),
            6 => format!("abs({a})"),
            7 => format!("({} ? {a} : {b})", self.truth(schema, depth - 1)),
            8 => format!("coalesce({a}, {b})"),
            9 => format!("{}({a}, {b})", self.rng.pick(&["least", "greatest"])),
            10 => match self.rng.below(8) {
                0..=2 => format!("div({a}, {b}, {})", self.rng.below(4)),
                3 => format!("({a} / {b})"),
                4 => format!("({a} % {b})"),
                5 => format!("{}({a})", self.rng.pick(&["floor", "ceil", "sign"])),
                6 => format!("sqrt(abs({a}), {})", self.rng.below(4)),
                _ => format!("{}({a}, {})", self.rng.pick(&["round", "trunc"]), self.rng.below(3)),
            },
            _ => match self.field(schema, |ty| ty == Type::Date) {
                Some(date) => format!("year({date})"),
                None => format!("-({a})"),
            },
        }
    }

    fn truth(&mut self, schema: &Schema, depth: usize) -> String {
        if depth == 0 {
            let field = self.field(schema, |ty| ty == Type::Bool);
            return field.unwrap_or_else(|| "true".into());
        }
        let compare = *self.rng.pick(&["==", "!=", "<", "<=", ">", ">="]);
        match self.rng.below(8) {
            0 => format!("({} && {})", self.truth(schema, depth - 1), self.truth(schema, depth - 1)),
            1 => format!("({} || {})", self.truth(schema, depth - 1), self.truth(schema, depth - 1)),
            2 => format!("!({})", self.truth(schema, depth - 1)),
            3 => format!("({} == null)", self.name(schema)),
            4 => match self.field(schema, |ty| ty == Type::String) {
                Some(text) => format!("{text} {compare} '{}'", self.rng.pick(&["Oslo", "", "Quito"])),
                None => "false".into(),
            },
            5 => match self.field(schema, |ty| ty == Type::String) {
                Some(text) => format!("{text} in ['Oslo', 'Rom']"),
                None => "true".into(),
            },
            _ => format!("({} {compare} {})", self.number(schema, depth - 1), self.number(schema, depth - 1)),
        }
    }

    fn name(&mut self, schema: &Schema) -> String {
        schema.columns()[self.rng.below(schema.len())].name.clone()
    }

    fn field(&mut self, schema: &Schema, wanted: impl Fn(Type) -> bool) -> Option<String> {
        let names: Vec<&String> = schema
            .columns()
            .iter()
            .filter(|column| wanted(column.ty.ty))
            .map(|column| &column.name)
            .collect();
        (!names.is_empty()).then(|| (*self.rng.pick(&names)).clone())
    }
}
