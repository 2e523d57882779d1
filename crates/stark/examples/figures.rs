//! Figures: filter, product and group-by over 1,000, 10,000 and 100,000 rows, or a plan with its CSV, or the prediction
//! of what thirty plans cost beside what they took.
//!
//! `cargo run --release -p proofmark-stark --example figures [-- ROWS… | PLAN.yaml DATA.csv | model]`
//!
//! Plonky3 uses the vector units that it is compiled for: AVX2 by `.cargo/config.toml`, all that this processor has with
//! `RUSTFLAGS="-C target-cpu=native"`.
//! CPU seconds are those of all threads, and so are the milliseconds of verifying, the mean of ten runs.

mod support;

use std::time::Instant;

use proofmark_measure as measure;
use proofmark_plan::{
    exec::{NoCustom, execute},
    format,
    model::ParseFormat,
    source::{self, Format},
    typed::TypedPlan,
    types::ValueType,
    value::{Bytes, Table, Value},
};
use proofmark_stark::{
    Bounds, Cost, Level, Salt, Statement, TableBounds, Witness, cost, digest, output_text_bounds, prove,
    verify,
};
use rand::{SeedableRng, rngs::StdRng, rngs::SysRng};
use support::{PLAN, data};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    println!("machine: {}", measure::machine());
    if args == ["model"] {
        return model();
    }
    println!(
        "| plan | rows | level | Mcells | wall s | CPU s | RSS MB (predicted) | proof KB (predicted) | verify CPU ms \
         | proven | conjectured |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    if let [plan, data] = &args[..]
        && plan.ends_with(".yaml")
    {
        let text = std::fs::read_to_string(plan).expect("a plan file");
        let data = std::fs::read_to_string(data).expect("a data file");
        run(plan, &text, &data);
        return;
    }
    let sizes: Vec<usize> = match args.is_empty() {
        true => vec![1_000, 10_000, 100_000],
        false => args.iter().map(|rows| rows.parse().expect("a number of rows")).collect(),
    };
    for rows in sizes {
        run("figures", PLAN, &data(rows));
    }
}

/// What a proof took.
struct Taken {
    wall: f64,
    cpu: f64,
    verify_ms: f64,
    proof: usize,
    cost: Cost,
    security: proofmark_stark::Security,
}

fn run(name: &str, text: &str, csv: &str) {
    let rows = csv.lines().count() - 1;
    for level in [Level::Standard, Level::Paranoid] {
        let taken = take(text, csv, level);
        println!(
            "| {name} | {rows} | {} | {:.2} | {:.2} | {:.2} | {} ({}) | {} ({}) | {:.1} | {} | {} |",
            level.name(),
            taken.cost.cells as f64 / 1e6,
            taken.wall,
            taken.cpu,
            measure::memory().peak / 1_000_000,
            taken.cost.memory_bytes / 1_000_000,
            taken.proof / 1000,
            taken.cost.proof_bytes / 1000,
            taken.verify_ms,
            taken.security.proven_bits,
            taken.security.conjectured_bits,
        );
    }
}

/// Thirty plans: CPU seconds (means of three) in proportion to the predicted work, beside those that each took.
fn model() {
    let steps = [
        "  - { id: out, type: filter, input: rows, condition: \"a > 100\" }\n",
        "  - { id: out, type: compute, input: rows, operation: { op: math, columns: { c: \"a * b\", d: \"a + b\" } } }\n",
        "  - { id: out, type: transform, input: rows, operation: { op: sort, by: [b], limit: 10 } }\n",
        "  - { id: out, type: transform, input: rows, operation: { op: distinct, fields: [key] } }\n",
        "  - { id: out, type: aggregate, input: rows, operation: { op: reduce, groupBy: [key], aggregates: { t: { fn: sum, field: a }, m: { fn: max, field: b } } } }\n",
        "  - { id: out, type: aggregate, input: rows, operation: { op: reduce, groupBy: [], aggregates: { s: { fn: stddev, field: a, scale: 3 } } } }\n",
    ];
    let mut all = Vec::new();
    // The work before queries is a matter of luck, and the machine's speed of the minute: a median of five rounds.
    for round in 0..5 {
        for (number, step) in steps.iter().enumerate() {
            for (size, rows) in [250, 1000, 2000, 4000, 8000].into_iter().enumerate() {
                let head = PLAN.split("  - { id: kept").next().expect("a plan");
                let text = format!("{head}{step}output: {{ step: out }}\n");
                let taken = take(&text, &data(rows), Level::Standard);
                if round == 0 {
                    all.push((number, rows, taken.cost.work as f64, Vec::new()));
                }
                all[5 * number + size].3.push(taken.cpu);
            }
        }
    }
    let all = all.into_iter().map(|(number, rows, work, mut cpu)| {
        cpu.sort_by(f64::total_cmp);
        (number, rows, work, cpu[cpu.len() / 2])
    });
    let all: Vec<_> = all.collect();
    // Least squares of the relative error: the line is to fit small plans as well.
    let (mut top, mut bottom) = (0.0, 0.0);
    for (.., work, cpu) in &all {
        let ratio = work / cpu;
        top += ratio;
        bottom += ratio * ratio;
    }
    let slope = top / bottom;
    println!("CPU s = {:.4} for a million of work", slope * 1e6);
    println!("| plan | rows | work, millions | CPU s | predicted | off % |");
    println!("|---|---|---|---|---|---|");
    let mut worst: f64 = 0.0;
    for (number, rows, work, cpu) in &all {
        let predicted = slope * work;
        let off = 100.0 * (predicted / cpu - 1.0);
        worst = worst.max(off.abs());
        println!("| {number} | {rows} | {:.2} | {cpu:.2} | {predicted:.2} | {off:.0} |", work / 1e6);
    }
    println!("worst: {worst:.0} %");
}

fn take(text: &str, csv: &str, level: Level) -> Taken {
    let plan = typed(text);
    let table = table(&plan, csv);
    let values = vec![Value::Table(table.clone())];
    let Value::Table(output) = execute(&plan, values, &NoCustom).expect("an execution").output else {
        panic!("a table")
    };
    let bounds = Bounds {
        inputs: vec![TableBounds::of(&table).expect("rows")],
        // Room for every group, as a power of two less one.
        groups: vec![(output.rows as u32 + 1).next_power_of_two() - 1],
    };
    let mut rng = StdRng::try_from_rng(&mut SysRng).expect("the operating system's randomness");
    let mut bytes = [0; 112];
    rand::Rng::fill_bytes(&mut rng, &mut bytes);
    let salt = Salt::from_uniform_bytes(&bytes);
    let texts = output_text_bounds(&plan, &bounds).expect("a plan that can be proved");
    let output = digest::table_with_text_bounds(&output, &texts, Salt::NONE).expect("a digest");
    let inputs = [digest::table(&table, salt).expect("a digest")];
    let statement =
        Statement { plan: &plan, claim: [1; 32], inputs: &inputs, output, bounds: &bounds, level };
    let (tables, salts) = ([table], [salt]);
    let witness = Witness { inputs: &tables, salts: &salts, output_salt: Salt::NONE };
    let (start, cpu) = (Instant::now(), measure::cpu_time());
    let proof = prove(&statement, &witness, &mut rng, &mut Watch(Instant::now())).expect("a proof");
    let (wall, cpu) = (start.elapsed().as_secs_f64(), (measure::cpu_time() - cpu).as_secs_f64());
    let (mut security, start) = (None, measure::cpu_time());
    for _ in 0..10 {
        security = Some(verify(&statement, &proof).expect("a valid proof"));
    }
    let verify_ms = (measure::cpu_time() - start).as_secs_f64() * 100.0;
    Taken {
        wall,
        cpu,
        verify_ms,
        proof: proof.len(),
        cost: cost(&plan, &bounds, level).expect("a cost"),
        security: security.expect("ten runs"),
    }
}

/// Prints when phases start, if asked to.
struct Watch(Instant);

impl proofmark_stark::Progress for Watch {
    fn phase(&mut self, phase: proofmark_stark::Phase) {
        if std::env::var_os("PHASES").is_some() {
            eprintln!("{phase:?} at {:?}", self.0.elapsed());
        }
    }
}

fn typed(text: &str) -> TypedPlan {
    let source = source::read(text, "plan.yaml", Format::detect("plan.yaml", text)).expect("a plan");
    source.check().expect("a checked plan").0.typed
}

fn table(plan: &TypedPlan, csv: &str) -> Table {
    let ValueType::Table(schema) = &plan.inputs[0].ty else { panic!("a table") };
    let bytes = Bytes::from(Vec::from(csv.as_bytes()));
    format::parse(&bytes, &ParseFormat::Csv { delimiter: b',' }, schema, &plan.inputs[0].hints, u64::MAX)
        .expect("a table")
}
