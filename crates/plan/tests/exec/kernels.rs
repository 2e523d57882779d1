//! Random steps over random tables: both executors agree on every value, and on which row fails and why.

use proofmark_plan::{
    check,
    exec::{ExecErrorKind, NoCustom, execute},
    model::Step,
    types::ValueType,
    value::Value,
};

use crate::{
    random::{self, Random},
    reference::{self, Failure, Rows},
};

/// The row and reason of an error about a value.
fn failure(kind: &ExecErrorKind) -> Option<(usize, Failure)> {
    Some(match kind {
        ExecErrorKind::ConversionFailed { row, .. } => (*row, Failure::Conversion),
        ExecErrorKind::DivisionByZero { row } => (*row, Failure::Division),
        ExecErrorKind::InvalidDate { row } => (*row, Failure::Date),
        ExecErrorKind::NegativeRoot { row } => (*row, Failure::Root),
        ExecErrorKind::Overflow { row, .. } => (*row, Failure::Overflow),
        _ => return None,
    })
}

/// What one seed showed.
#[derive(Default)]
struct Tally {
    equal: usize,
    failed: usize,
    untyped: usize,
}

fn compare(seed: u64, tally: &mut Tally) {
    let mut random = Random(seed);
    let wild = random.below(3) == 0;
    let (schema, right_schema) = (random::schema(), random::right_schema());
    let sizes = [random.below(40), random.below(25), random.below(30)];
    let tables = [
        random::table(&mut random, &schema, sizes[0], wild),
        random::table(&mut random, &right_schema, sizes[1], wild),
        random::table(&mut random, &schema, sizes[2], wild),
    ];
    let steps = vec![
        random::input("a", &schema),
        random::input("b", &right_schema),
        random::input("c", &schema),
        Step { id: "out".into(), kind: random::step(&mut random) },
    ];
    let Ok(plan) = check::typed(&random::plan(steps, "out")) else {
        tally.untyped += 1;
        return;
    };
    let values = tables.iter().map(|rows| Value::Table(rows.to_table())).collect();
    let result = execute(&plan, values, &NoCustom);
    let step = plan.body.steps.last().unwrap();
    let ValueType::Table(result_schema) = &step.result else { panic!("a table") };
    let inputs = match &step.op {
        proofmark_plan::typed::TypedOp::Concat { .. } => vec![tables[0].clone(), tables[0].clone()],
        proofmark_plan::typed::TypedOp::Merge { right, .. } => {
            vec![tables[0].clone(), tables[*right].clone()]
        }
        _ => vec![tables[0].clone()],
    };
    let context = || format!("seed {seed}: {:?}", step.op);
    match (result, reference::step(&step.op, &inputs, result_schema)) {
        (Ok(execution), Ok(expected)) => {
            let Value::Table(table) = &execution.output else { panic!("a table") };
            for (column, declared) in table.columns.iter().zip(table.schema.columns()) {
                let nulls = column.validity.as_ref().is_some_and(|bits| bits.contains(&false));
                assert!(declared.ty.nullable || !nulls, "{}: null in {}", context(), declared.name);
            }
            let found = Rows::of(table);
            assert_eq!(found.schema, expected.schema, "{}", context());
            assert_eq!(found.rows.len(), expected.rows.len(), "{}", context());
            for (at, (found, expected)) in found.rows.iter().zip(&expected.rows).enumerate() {
                assert_eq!(found, expected, "{}, row {at}", context());
            }
            tally.equal += 1;
        }
        (Err(error), Err(failures)) => {
            assert_eq!(error.step, "out");
            let (row, reason) = failure(&error.kind).unwrap_or_else(|| panic!("{}: {error}", context()));
            assert_eq!(failures.get(&row), Some(&reason), "{}", context());
            tally.failed += 1;
        }
        (Ok(_), Err(failures)) => panic!("{}: must fail with {failures:?}", context()),
        (Err(error), Ok(_)) => panic!("{}: must not fail with {error}", context()),
    }
}

#[test]
fn random_steps_agree_with_the_reference() {
    let seeds = std::env::var("PROOFMARK_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6000);
    let mut tally = Tally::default();
    for seed in 0..seeds {
        compare(seed, &mut tally);
    }
    println!("{} equal, {} failed alike, {} did not type-check", tally.equal, tally.failed, tally.untyped);
    assert!(tally.equal * 3 > seeds as usize, "most random steps must run, to be worth something");
    assert!(tally.failed * 50 > seeds as usize, "some random steps must fail, to be worth something");
}
