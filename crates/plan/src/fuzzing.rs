//! Bodies of fuzz targets: what must hold for any bytes. `fuzz/` runs them under libFuzzer; the tests below run them on damaged
//! copies of good bytes.

use alloc::{string::ToString, sync::Arc, vec::Vec};

use crate::{
    canonical, check, commit, document, exec,
    format::{self, json},
    guest,
    model::{ParseFormat, Plan},
    types::{Column, ColumnType, Schema, Type, ValueType},
    value::Bytes,
    wire,
};
#[cfg(feature = "source")]
use crate::{
    source,
    value::{TableBuilder, Value},
};

/// The most bytes of a table that the readers of files may make.
const MAX_TABLE_BYTES: u64 = 1 << 20;

/// Reads a wire form. What passes the check, as a guest demands, must be a plan that can also be written; see [`settled`].
pub fn wire(bytes: &[u8]) {
    let Ok(plan) = wire::decode(bytes) else { return };
    if check::check(&plan).is_ok() {
        settled(&plan);
    }
}

/// Reads a plan in JSON; see [`settled`].
#[cfg(feature = "source")]
pub fn plan_json(bytes: &[u8]) {
    plan(bytes, source::Format::Json);
}

/// Reads a plan in YAML; see [`settled`].
#[cfg(feature = "source")]
pub fn plan_yaml(bytes: &[u8]) {
    plan(bytes, source::Format::Yaml);
}

/// Reads an expression; an error lies inside the text.
#[cfg(feature = "source")]
pub fn expression(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    match source::parse_expression(text) {
        Ok(expr) => canonical::expression(&mut Vec::new(), &expr),
        Err(error) => assert!(error.offset <= text.len() && !error.to_string().is_empty()),
    }
}

/// Reads a CSV file.
pub fn csv(bytes: &[u8]) {
    file(bytes, &ParseFormat::Csv { delimiter: b',' });
}

/// Reads an XML file.
pub fn xml(bytes: &[u8]) {
    file(bytes, &ParseFormat::Xml { record: "row".to_string() });
}

/// Reads a JSON file.
pub fn json(bytes: &[u8]) {
    file(bytes, &ParseFormat::Json { path: Vec::new() });
}

/// Reads an output document; what was read must be the same when written and read again.
pub fn document(bytes: &[u8]) {
    match document::read(&Bytes::from(bytes.to_vec()), MAX_TABLE_BYTES) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(value) => {
            let again = document::read(&Bytes::from(document::write(&value)), u64::MAX);
            assert_eq!(again.as_ref(), Ok(&value));
        }
    }
}

/// Reads the leaves of a table. Every table has one encoding, so what was read must be written as it was.
pub fn leaves(bytes: &[u8]) {
    const ROWS_PER_LEAF: u16 = 4;
    let heap = Arc::new(bytes.to_vec());
    let mut decoder = commit::Decoder::new(heap, 0);
    let Ok((value, root)) = decoder.value(&ValueType::Table(schema()), ROWS_PER_LEAF) else { return };
    let read = &bytes[..decoder.offset()];
    let salt = read[44..76].try_into().expect("a header has a salt there");
    let mut written = Vec::new();
    commit::write_value(&value, ROWS_PER_LEAF, &salt, &mut written);
    assert_eq!(written, read);
    assert_eq!(commit::root(&value, ROWS_PER_LEAF, &salt), root);
}

/// Reads a plan in YAML and executes it on small tables of the types that it asks for, under small limits.
#[cfg(feature = "source")]
pub fn execute(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let Ok(read) = source::read(text, "fuzz", source::Format::Yaml) else { return };
    let Ok((mut checked, _)) = read.check() else { return };
    let plan = &mut checked.typed;
    plan.limits.max_memory_bytes = plan.limits.max_memory_bytes.min(MAX_TABLE_BYTES);
    plan.limits.max_steps = plan.limits.max_steps.min(200);
    let inputs: Vec<_> = plan.inputs.iter().map(|input| sample(&input.ty)).collect();
    match exec::execute(plan, inputs, &exec::NoCustom) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(execution) => {
            let _ = commit::root(&execution.output, 64, &[0; 32]);
            let written = document::write(&execution.output);
            assert_eq!(document::read(&Bytes::from(written), u64::MAX).as_ref(), Ok(&execution.output));
        }
    }
}

/// Runs a request to a guest. Requests that may use much are left out: whoever fuzzes has less time than a guest.
pub fn request(bytes: &[u8]) {
    const HEAD_BYTES: usize = 80;
    let Some(head) = bytes.get(..HEAD_BYTES) else { return };
    let plan_bytes = u32::from_le_bytes([head[12], head[13], head[14], head[15]]) as usize;
    let Some(plan) = bytes[HEAD_BYTES..].get(..plan_bytes) else { return };
    let is_modest =
        |plan: Plan| plan.limits.max_memory_bytes <= MAX_TABLE_BYTES && plan.limits.max_steps <= 200;
    if wire::decode(plan).is_ok_and(is_modest) {
        match guest::run(Arc::new(bytes.to_vec()), [1, 0, 0], &exec::NoCustom) {
            Ok(outcome) => assert_eq!(outcome.inputs.len(), usize::from(head[8])),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// A value of this type: a table of nine rows with repetitions, extremes and nulls, or a small CSV file.
#[cfg(feature = "source")]
fn sample(ty: &ValueType) -> Value {
    const TEXTS: [&str; 3] = ["", "a", "B\u{e9}"];
    const NUMBERS: [i128; 9] = [0, 1, -1, 7, 7, 50, -50, i128::MAX, i128::MIN];
    let schema = match ty {
        ValueType::Bytes => return Value::Bytes(Bytes::from(b"shop;city\na;b\n".to_vec())),
        ValueType::Table(schema) => schema,
    };
    let mut table = TableBuilder::new(schema, NUMBERS.len());
    for (row, number) in NUMBERS.into_iter().enumerate() {
        for (at, column) in schema.columns().iter().enumerate() {
            let builder = table.column(at);
            let within = |most: i128| number.clamp(-most, most);
            match column.ty.ty {
                _ if column.ty.nullable && row % 4 == at % 4 => builder.push_null(),
                Type::Bool => builder.push_bool(row % 2 == 0),
                Type::Bytes | Type::String => {
                    builder.push_text(TEXTS[(row + at) % 3].as_bytes()).expect("nine short texts fit");
                }
                Type::Date => builder.push_number(within(700_000)),
                Type::Decimal { precision, .. } => {
                    builder.push_number(within(10i128.pow(u32::from(precision)) - 1))
                }
                Type::Int => builder.push_number(number.clamp(i64::MIN.into(), i64::MAX.into())),
                Type::Timestamp => builder.push_number(within(60_000_000_000_000_000)),
            }
        }
    }
    Value::Table(table.finish())
}

#[cfg(feature = "source")]
fn plan(bytes: &[u8], format: source::Format) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let explained = |report: &source::Report| assert!(!report.is_empty() && !report.to_string().is_empty());
    match source::read(text, "fuzz", format) {
        Err(report) => explained(&report),
        Ok(read) => {
            settled(&read.plan);
            if let Err(report) = read.check() {
                explained(&report);
            }
        }
    }
}

/// A plan that was read survives the turn through its wire form and its canonical form, with the same hash.
fn settled(plan: &Plan) {
    assert_eq!(wire::decode(&wire::encode(plan)).as_ref(), Ok(plan));
    let _hash = canonical::plan_hash(plan);
    #[cfg(feature = "source")]
    {
        let text = canonical::json(plan);
        let text = core::str::from_utf8(&text).expect("canonical JSON is UTF-8");
        match source::read(text, "canonical", source::Format::Json) {
            Ok(read) => assert_eq!(canonical::plan_hash(&read.plan), _hash),
            Err(report) => panic!("a canonical plan is a plan: {text}\n{report}"),
        }
    }
}

/// A table that was read from a file survives the turn through JSON.
fn file(bytes: &[u8], format: &ParseFormat) {
    let schema = schema();
    match format::parse(&Bytes::from(bytes.to_vec()), format, &schema, &[], MAX_TABLE_BYTES) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(table) => {
            let fields: Vec<_> = (0..schema.len()).collect();
            let written = json::write(&table, &fields, u64::MAX).expect("nothing is longer than 2^64 bytes");
            let again = json::read(&Bytes::from(written), &[], &schema, &[], u64::MAX);
            assert_eq!(again.as_ref(), Ok(&table));
        }
    }
}

/// A column of each type, null and not null.
fn schema() -> Schema {
    let decimal = |precision, scale| Type::Decimal { precision, scale };
    let types = [
        Type::Bool,
        Type::Bytes,
        Type::Date,
        decimal(9, 2),
        decimal(38, 10),
        Type::Int,
        Type::String,
        Type::Timestamp,
    ];
    let column = |(at, ty): (usize, Type)| {
        let name = char::from(b'a' + at as u8).to_string();
        Column { name, ty: ColumnType { ty, nullable: at > 0 } }
    };
    Schema::new(types.into_iter().enumerate().map(column).collect()).expect("the names differ")
}

#[cfg(all(test, feature = "source"))]
mod tests {
    use super::*;
    use proofmark_core::fuzzing::damaged;

    const STOCKS: &[u8] = include_bytes!("../../../examples/stocks/plan.yaml");
    const SIGNALS: &[u8] = include_bytes!("../../../examples/signals/plan.yaml");
    const WORKING: &[u8] = include_bytes!("../../../fuzz/seeds/plan_yaml/expressions.yaml");
    const EVERYTHING: &[u8] = include_bytes!("../../../fuzz/seeds/plan_yaml/everything.yaml");

    fn canonical(yaml: &[u8]) -> Plan {
        let text = core::str::from_utf8(yaml).expect("the seed is UTF-8");
        source::read(text, "seed", source::Format::Yaml).unwrap_or_else(|report| panic!("{report}")).plan
    }

    #[test]
    fn damaged_plans() {
        for seed in [STOCKS, SIGNALS, EVERYTHING] {
            plan_yaml(seed);
            let canonical = canonical::json(&canonical(seed));
            damaged(&[&canonical, seed], 300).for_each(|bytes| plan_json(&bytes));
        }
        damaged(&[STOCKS, SIGNALS, EVERYTHING], 1000).for_each(|bytes| plan_yaml(&bytes));
    }

    #[test]
    fn damaged_plans_execute() {
        for seed in [STOCKS, EVERYTHING, WORKING] {
            let text = core::str::from_utf8(seed).unwrap();
            let read = source::read(text, "seed", source::Format::Yaml).unwrap();
            read.check().unwrap_or_else(|report| panic!("{report}"));
            execute(seed);
        }
        damaged(&[STOCKS, EVERYTHING, WORKING], 1000).for_each(|bytes| execute(&bytes));
    }

    #[test]
    fn damaged_documents() {
        let rows: &[u8] = include_bytes!("../../../fuzz/seeds/document/rows.json");
        let raw: &[u8] = b"{\"bytes\": \"AQI=\"}";
        for seed in [rows, raw] {
            assert!(document::read(&Bytes::from(seed.to_vec()), u64::MAX).is_ok());
        }
        damaged(&[rows, raw], 2000).for_each(|bytes| document(&bytes));
    }

    #[test]
    fn damaged_leaves() {
        let table = sample(&ValueType::Table(schema()));
        let mut seed = Vec::new();
        commit::write_value(&table, 4, &[7; 32], &mut seed);
        leaves(&seed);
        damaged(&[&seed], 3000).for_each(|bytes| leaves(&bytes));
    }

    #[test]
    fn damaged_requests() {
        let seeds = [STOCKS, EVERYTHING, WORKING].map(|seed| {
            let mut plan = canonical(seed);
            plan.limits.max_memory_bytes = MAX_TABLE_BYTES;
            plan.limits.max_steps = 200;
            let typed = check::typed(&plan).unwrap();
            let inputs: Vec<_> = typed.inputs.iter().map(|input| (sample(&input.ty), [0; 32])).collect();
            let asked = guest::Request {
                plan: &plan,
                typed: &typed,
                job: None,
                inputs: &inputs,
                output_salt: [0; 32],
            };
            asked.encode().unwrap()
        });
        let seeds = seeds.each_ref().map(|seed| &seed[..]);
        seeds.into_iter().for_each(request);
        damaged(&seeds, 3000).for_each(|bytes| request(&bytes));
    }

    #[test]
    fn damaged_wire_forms() {
        let seeds = [STOCKS, SIGNALS, EVERYTHING].map(|seed| wire::encode(&canonical(seed)));
        let seeds = seeds.each_ref().map(|seed| &seed[..]);
        damaged(&seeds, 3000).for_each(|bytes| wire(&bytes));
    }

    #[test]
    fn damaged_expressions() {
        let seeds: &[&[u8]] = &[
            b"decimal(div(price - before, before, 6), 9, 6) >= -1.50 && !(a in ['x', \"\\u00e9\"])",
            b"a == null ? coalesce(b, 0) : least(a % 3, power(b, 2)) * -c + date('2012-02-29').year()",
            b"previous(price, [symbol], [date]) != s.substring(1, 2).trim().size()",
        ];
        damaged(seeds, 5000).for_each(|bytes| expression(&bytes));
    }

    #[test]
    fn damaged_files() {
        let rows: &[u8] = include_bytes!("../../../fuzz/seeds/json/rows.json");
        let table: &[u8] = include_bytes!("../../../fuzz/seeds/csv/rows.csv");
        let elements: &[u8] = include_bytes!("../../../fuzz/seeds/xml/rows.xml");
        for (seed, body) in [(rows, json as fn(&[u8])), (table, csv), (elements, xml)] {
            body(seed);
            damaged(&[seed], 2000).for_each(|bytes| body(&bytes));
        }
    }

    #[test]
    fn the_seeds_are_good() {
        for (path, format) in [
            (
                &include_bytes!("../../../fuzz/seeds/json/rows.json")[..],
                ParseFormat::Json { path: Vec::new() },
            ),
            (include_bytes!("../../../fuzz/seeds/csv/rows.csv"), ParseFormat::Csv { delimiter: b',' }),
            (
                include_bytes!("../../../fuzz/seeds/xml/rows.xml"),
                ParseFormat::Xml { record: "row".to_string() },
            ),
        ] {
            let table = format::parse(&Bytes::from(path.to_vec()), &format, &schema(), &[], u64::MAX);
            assert_eq!(table.map(|table| table.rows), Ok(2), "{format:?}");
        }
    }
}
