//! Measures a filter and a group-by over a million rows, natively.
//!
//! `cargo run --release -p proofmark-plan --example bench_group -- [--rows N] [--csv FILE]`
//!
//! With `--csv` the table is also written as CSV, for `benches/duckdb_group.py` to run the same query. The last
//! line is JSON. Memory is the peak of the process (VmHWM), of which `before` was in use when the query began.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    sync::Arc,
    time::Instant,
};

use proofmark_measure::memory;
use proofmark_plan::{
    check,
    exec::{NoCustom, execute},
    expr::{Expr, ExprKind, Function, Literal},
    model::{
        Aggregate, Attestation, ColumnHint, DataInput, InputSchema, Limits, Plan, Reduction, Source,
        SourceKind, Step, StepKind,
    },
    typed::TypedPlan,
    types::{Column, ColumnType, Schema, Type},
    value::{ColumnData, Table, Text, Value, Values},
};

const ROUNDS: usize = 7;
const SHOPS: [&str; 12] = [
    "Antwerp",
    "Basel",
    "Cologne",
    "Dublin",
    "Essen",
    "Florence",
    "Geneva",
    "Hamburg",
    "Innsbruck",
    "Jena",
    "Krakow",
    "Lisbon",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rows = 1_000_000;
    let mut csv = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.next()) {
            ("--rows", Some(count)) => rows = count.parse()?,
            ("--csv", Some(path)) => csv = Some(path),
            _ => return Err("usage: bench_group [--rows N] [--csv FILE]".into()),
        }
    }
    let schema = schema()?;
    let table = table(&schema, rows);
    if let Some(path) = csv {
        write_csv(&table, &path)?;
    }
    let plan = plan(&schema)?;
    let input = Value::Table(table);
    let input_bytes = input.logical_bytes();
    let before = memory().peak;
    let mut millis = Vec::new();
    let mut last = None;
    for _ in 0..ROUNDS {
        let inputs = vec![input.clone()];
        let start = Instant::now();
        let execution = execute(&plan, inputs, &NoCustom)?;
        millis.push(start.elapsed().as_secs_f64() * 1e3);
        last = Some(execution);
    }
    millis.sort_by(f64::total_cmp);
    let execution = last.ok_or("at least one round")?;
    println!("{} groups of {rows} rows, {:?}", groups(&execution.output), execution.usage);
    println!(
        "{{\"bench\":\"group\",\"engine\":\"proofmark\",\"rows\":{rows},\"median_ms\":{:.3},\"best_ms\":{:.3},\
         \"input_bytes\":{input_bytes},\"before_bytes\":{before},\"peak_bytes\":{}}}",
        millis[ROUNDS / 2],
        millis[0],
        memory().peak
    );
    Ok(())
}

fn groups(output: &Value) -> usize {
    if let Value::Table(table) = output { table.rows } else { 0 }
}

fn schema() -> Result<Schema, String> {
    let column = |name: &str, ty| Column { name: name.into(), ty: ColumnType { ty, nullable: false } };
    Schema::new(vec![
        column("amount", Type::Decimal { precision: 10, scale: 2 }),
        column("day", Type::Date),
        column("quantity", Type::Int),
        column("returned", Type::Bool),
        column("shop", Type::String),
    ])
}

/// Rows from a small generator, the same in every run. Every shop's name is written out, as in a file.
fn table(schema: &Schema, rows: usize) -> Table {
    let mut state = 1u64;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let (mut amounts, mut days, mut quantities) = (Vec::new(), Vec::new(), Vec::new());
    let (mut returned, mut heap, mut spans) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        amounts.push(next(100_000) as i64);
        days.push(15_000 + next(2000) as i64);
        quantities.push(1 + next(20) as i64);
        returned.push(next(10) == 0);
        let shop = SHOPS[next(SHOPS.len() as u64) as usize];
        spans.push((heap.len() as u32, shop.len() as u32));
        heap.extend_from_slice(shop.as_bytes());
    }
    let values = [
        Values::Narrow(amounts),
        Values::Narrow(days),
        Values::Narrow(quantities),
        Values::Bool(returned),
        Values::Text(Text { heap: Arc::new(heap), spans }),
    ];
    let columns = values.map(|values| Arc::new(ColumnData { values, validity: None }));
    Table { schema: schema.clone(), rows, columns: columns.into() }
}

fn write_csv(table: &Table, path: &str) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "amount,day,quantity,returned,shop")?;
    let columns: Vec<&Values> = table.columns.iter().map(|column| &column.values).collect();
    let [
        Values::Narrow(amounts),
        Values::Narrow(days),
        Values::Narrow(quantities),
        Values::Bool(returned),
        Values::Text(shops),
    ] = columns[..]
    else {
        return Ok(());
    };
    for row in 0..table.rows {
        let day = proofmark_plan::calendar::date_text(days[row] as i32);
        let (day, shop) = (String::from_utf8_lossy(&day), String::from_utf8_lossy(shops.get(row)));
        let (whole, cents) = (amounts[row] / 100, amounts[row] % 100);
        writeln!(out, "{whole}.{cents:02},{day},{},{},{shop}", quantities[row], returned[row])?;
    }
    out.flush()
}

/// `filter(!returned && amount > 5.00)`, then count, sum and mean of the amount and sum of the quantity by shop.
fn plan(schema: &Schema) -> Result<TypedPlan, String> {
    let expr = |kind| Expr { kind, at: 0 };
    let column = |name: &str| expr(ExprKind::Column(name.into()));
    let call = |function, args| expr(ExprKind::Call(function, args));
    let condition = call(
        Function::And,
        vec![
            call(Function::Not, vec![column("returned")]),
            call(Function::Gt, vec![column("amount"), expr(ExprKind::Literal(Literal::Decimal(500, 2)))]),
        ],
    );
    let data = DataInput {
        data_commitment: None,
        schema: InputSchema::Table {
            schema: schema.clone(),
            hints: vec![ColumnHint::default(); schema.len()],
        },
        source: Source { kind: SourceKind::File, uri: None, attestation: Attestation::None },
        rows_per_leaf: 64,
    };
    let field = |name: &str| name.to_string();
    let aggregates = vec![
        (field("average"), Reduction::Mean { field: field("amount"), scale: 4 }),
        (field("quantity"), Reduction::Sum { field: field("quantity") }),
        (field("sales"), Reduction::Count { field: None }),
        (field("total"), Reduction::Sum { field: field("amount") }),
    ];
    let steps = vec![
        Step { id: field("sales"), kind: StepKind::DataInput(data) },
        Step { id: field("kept"), kind: StepKind::Filter { input: field("sales"), condition } },
        Step {
            id: field("totals"),
            kind: StepKind::Aggregate(Aggregate::Reduce {
                input: field("kept"),
                group_by: vec![field("shop")],
                aggregates,
            }),
        },
    ];
    let limits = Limits { max_memory_bytes: 4 << 30, ..Limits::DEFAULT };
    let plan = Plan { id: field("bench"), job_request_hash: None, steps, output: field("totals"), limits };
    check::typed(&plan).map_err(|findings| format!("{findings:?}"))
}
