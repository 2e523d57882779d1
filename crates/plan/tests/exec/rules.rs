//! Rules that random tests do not reach: overflow at each operator, laziness, Kleene's tables, limits, loops, and
//! the account of what an execution used.

use proofmark_plan::{
    check,
    exec::{
        ExecError, ExecErrorKind, Execution, LimitKind, NoCustom, Observer, StepReport, Usage, execute,
        execute_with,
    },
    expr::{Expr, ExprKind, Function as F, Literal},
    model::{
        Aggregate, Branch, Compute, Condition, Limits, Loop, LoopMode, MergeHow, Plan, Reduction, Step,
        StepKind, SubPlan, Transform,
    },
    types::{Column, ColumnType, Schema, Type},
    value::{Table, Value},
};

use crate::{
    random::{call, column, input, int, literal, plan},
    reference::{Cell, Rows},
};

fn schema(columns: &[(&str, Type, bool)]) -> Schema {
    let column = |(name, ty, nullable): &(&str, Type, bool)| Column {
        name: (*name).into(),
        ty: ColumnType { ty: *ty, nullable: *nullable },
    };
    Schema::new(columns.iter().map(column).collect()).unwrap()
}

fn number(value: i128) -> Cell {
    Cell::Number(value.into())
}

fn table(schema: &Schema, rows: Vec<Vec<Cell>>) -> Value {
    Value::Table(Rows { schema: schema.clone(), rows }.to_table())
}

fn ints(values: &[i64]) -> (Schema, Value) {
    let schema = schema(&[("n", Type::Int, false)]);
    let value = table(&schema, values.iter().map(|value| vec![number((*value).into())]).collect());
    (schema, value)
}

fn map(id: &str, from: &str, columns: Vec<(&str, Expr)>) -> Step {
    let columns = columns.into_iter().map(|(name, expr)| (name.to_string(), expr)).collect();
    Step {
        id: id.into(),
        kind: StepKind::Transform { input: from.into(), operation: Transform::Map { columns } },
    }
}

fn run(plan: &Plan, inputs: Vec<Value>) -> Result<Execution, ExecError> {
    execute(&check::typed(plan).unwrap_or_else(|findings| panic!("{findings:?}")), inputs, &NoCustom)
}

/// The column `r` of a map over a table.
fn evaluate(schema: &Schema, value: &Value, expr: Expr) -> Result<Vec<Cell>, ExecErrorKind> {
    let steps = vec![input("a", schema), map("b", "a", vec![("r", expr)])];
    let execution = run(&plan(steps, "b"), vec![value.clone()]).map_err(|error| error.kind)?;
    let Value::Table(table) = &execution.output else { panic!("a table") };
    let at = table.schema.index_of("r").unwrap();
    Ok(Rows::of(table).rows.into_iter().map(|mut row| row.swap_remove(at)).collect())
}

#[test]
fn overflow_is_an_error_at_every_operator() {
    let (schema, value) = ints(&[1, i64::MAX, i64::MIN]);
    let n = || column("n");
    let cases: Vec<(Expr, usize)> = vec![
        (call(F::Add, vec![n(), int(1)]), 1),
        (call(F::Sub, vec![n(), int(2)]), 2),
        (call(F::Mul, vec![n(), int(2)]), 1),
        (call(F::Neg, vec![n()]), 2),
        (call(F::Abs, vec![n()]), 2),
        (call(F::Quotient, vec![n(), int(-1)]), 2),
        (call(F::Power, vec![n(), int(3)]), 1),
    ];
    for (expr, expected) in cases {
        let result = evaluate(&schema, &value, expr.clone());
        assert!(
            matches!(result, Err(ExecErrorKind::Overflow { row, .. }) if row == expected),
            "{expr:?}: {result:?}"
        );
    }
    // Decimals of 38 digits.
    let wide = self::schema(&[("d", Type::Decimal { precision: 38, scale: 0 }, false)]);
    let most = 10i128.pow(38) - 1;
    let value = table(&wide, vec![vec![number(0)], vec![number(-most)], vec![number(most)]]);
    let d = || column("d");
    let cases = [
        call(F::Add, vec![d(), d()]),
        call(F::Sub, vec![d(), call(F::Neg, vec![d()])]),
        call(F::Mul, vec![d(), int(10)]),
        call(F::Div, vec![d(), int(1), int(2)]),
        call(F::Round, vec![d(), int(2)]),
        call(F::Power, vec![d(), int(2)]),
        call(F::Decimal, vec![d(), int(10), int(0)]),
        call(F::Int, vec![d()]),
    ];
    for expr in cases {
        let result = evaluate(&wide, &value, expr.clone());
        let fails = matches!(
            result,
            Err(ExecErrorKind::Overflow { row: 1, .. } | ExecErrorKind::ConversionFailed { row: 1, .. })
        );
        assert!(fails, "{expr:?}: {result:?}");
    }
    // A remainder never overflows, even where the quotient would.
    let (schema, value) = ints(&[i64::MIN]);
    assert_eq!(evaluate(&schema, &value, call(F::Remainder, vec![n(), int(-1)])), Ok(vec![number(0)]));
}

#[test]
fn sums_overflow_only_if_the_total_does() {
    let total = |values: &[i64]| {
        let (schema, value) = ints(values);
        let aggregates = vec![("s".to_string(), Reduction::Sum { field: "n".into() })];
        let kind = StepKind::Aggregate(Aggregate::Reduce { input: "a".into(), group_by: vec![], aggregates });
        run(&plan(vec![input("a", &schema), Step { id: "b".into(), kind }], "b"), vec![value])
    };
    let execution = total(&[i64::MAX, i64::MAX, i64::MIN, i64::MIN, 5]).unwrap();
    let Value::Table(table) = execution.output else { panic!("a table") };
    assert_eq!(Rows::of(&table).rows, vec![vec![number(3)]]);
    let error = total(&[i64::MAX, 1]).unwrap_err();
    assert!(matches!(error.kind, ExecErrorKind::Overflow { row: 0, what: "sum" }));
}

#[test]
fn branches_that_are_not_taken_cannot_fail() {
    let (schema, value) = ints(&[0, 2, 0, -4]);
    let inverse = || call(F::Quotient, vec![int(100), column("n")]);
    let is_zero = || call(F::Eq, vec![column("n"), int(0)]);
    assert_eq!(evaluate(&schema, &value, inverse()), Err(ExecErrorKind::DivisionByZero { row: 0 }));
    let guarded = call(F::If, vec![is_zero(), int(7), inverse()]);
    let expected: Vec<Cell> = [7, 50, 7, -25].map(number).into();
    assert_eq!(evaluate(&schema, &value, guarded), Ok(expected));
    let large = |of| call(F::Gt, vec![of, int(0)]);
    let or = call(F::Or, vec![is_zero(), large(inverse())]);
    assert_eq!(evaluate(&schema, &value, or), Ok([true, true, true, false].map(Cell::Bool).into()));
    let and = call(F::And, vec![call(F::Not, vec![is_zero()]), large(inverse())]);
    assert_eq!(evaluate(&schema, &value, and), Ok([false, true, false, false].map(Cell::Bool).into()));
    let first = call(F::If, vec![is_zero(), int(1), literal(Literal::Null)]);
    let coalesce = call(F::Coalesce, vec![first, inverse()]);
    assert_eq!(evaluate(&schema, &value, coalesce), Ok([1, 50, 1, -25].map(number).into()));
    // The row of an error is the row of the table, not of the branch.
    let late = call(F::If, vec![is_zero(), inverse(), int(1)]);
    let (_, value) = ints(&[1, 2, 0]);
    assert_eq!(evaluate(&schema, &value, late), Err(ExecErrorKind::DivisionByZero { row: 2 }));
    // What has no rows cannot fail either.
    let constant = call(F::Quotient, vec![int(1), call(F::Sub, vec![int(1), int(1)])]);
    assert_eq!(evaluate(&schema, &ints(&[]).1, constant.clone()), Ok(vec![]));
    assert_eq!(evaluate(&schema, &value, constant), Err(ExecErrorKind::DivisionByZero { row: 0 }));
}

#[test]
fn the_error_of_the_first_sub_expression_wins() {
    // Row 0 fails on the right, row 2 on the left: the left is evaluated first.
    let (schema, value) = ints(&[0, 5, i64::MAX]);
    let left = call(F::Add, vec![column("n"), int(1)]);
    let right = call(F::Quotient, vec![int(1), column("n")]);
    let both = call(F::Sub, vec![left, right]);
    assert!(matches!(evaluate(&schema, &value, both), Err(ExecErrorKind::Overflow { row: 2, .. })));
}

#[test]
fn logic_is_kleenes() {
    // As PostgreSQL prints its truth tables.
    let schema = schema(&[("p", Type::Bool, true), ("q", Type::Bool, true)]);
    let (t, f, n) = (Cell::Bool(true), Cell::Bool(false), Cell::Null);
    let values = [&t, &f, &n];
    let pairs: Vec<Vec<Cell>> =
        values.iter().flat_map(|p| values.iter().map(|q| vec![(*p).clone(), (*q).clone()])).collect();
    let value = table(&schema, pairs);
    let expect = |function, expected: [&Cell; 9]| {
        let result = evaluate(&schema, &value, call(function, vec![column("p"), column("q")]));
        assert_eq!(result, Ok(expected.map(Clone::clone).into()), "{function:?}");
    };
    expect(F::And, [&t, &f, &n, &f, &f, &f, &n, &f, &n]);
    expect(F::Or, [&t, &t, &t, &t, &f, &n, &t, &n, &n]);
    expect(F::Eq, [&t, &f, &n, &f, &t, &n, &n, &n, &n]);
    expect(F::Lt, [&f, &f, &n, &t, &f, &n, &n, &n, &n]);
}

fn limited(
    limits: Limits,
    steps: Vec<Step>,
    output: &str,
    inputs: Vec<Value>,
) -> Result<Execution, ExecError> {
    run(&Plan { limits, ..plan(steps, output) }, inputs)
}

#[test]
fn joins_and_texts_check_memory_before_they_allocate() {
    // 3000 rows of one key join to nine million, which would take hundreds of megabytes.
    let left = schema(&[("k", Type::Int, false), ("v", Type::Int, false)]);
    let right = schema(&[("k", Type::Int, false), ("w", Type::Int, false)]);
    let rows = || (0..3000).map(|at| vec![number(1), number(at)]).collect::<Vec<_>>();
    let merge = StepKind::Aggregate(Aggregate::Merge {
        left: "a".into(),
        right: "b".into(),
        how: MergeHow::Inner,
        on: vec![("k".into(), "k".into())],
    });
    let steps = vec![input("a", &left), input("b", &right), Step { id: "c".into(), kind: merge }];
    let limits = Limits { max_memory_bytes: 1 << 20, ..Limits::DEFAULT };
    let error = limited(limits, steps, "c", vec![table(&left, rows()), table(&right, rows())]).unwrap_err();
    let limit = (1 << 20) - 4 * 3000 * 8;
    let expected =
        ExecErrorKind::LimitExceeded { which: LimitKind::MemoryBytes, limit, needed: 9_000_000 * 24 };
    assert_eq!((error.step.as_str(), error.kind), ("c", expected));
    // A text that doubles in each of 40 rounds.
    let texts = schema(&[("s", Type::String, false)]);
    let double = map("d", "s", vec![("s", call(F::Add, vec![column("s"), column("s")]))]);
    let doubling = StepKind::Loop(Loop {
        input: "a".into(),
        name: "s".into(),
        max_iterations: 40,
        mode: LoopMode::Times,
        body: Box::new(SubPlan { steps: vec![double], output: "d".into() }),
    });
    let steps = vec![input("a", &texts), Step { id: "b".into(), kind: doubling }];
    let value = table(&texts, vec![vec![Cell::Bytes(b"ab".into())]]);
    let error = limited(limits, steps, "b", vec![value]).unwrap_err();
    assert_eq!(error.step, "d");
    assert!(
        matches!(error.kind, ExecErrorKind::LimitExceeded { which: LimitKind::MemoryBytes, .. }),
        "{error}"
    );
}

fn counter(mode: LoopMode, max_iterations: u32) -> Vec<Step> {
    let next = map("next", "state", vec![("n", call(F::Add, vec![column("n"), int(1)]))]);
    let body = Box::new(SubPlan { steps: vec![next], output: "next".into() });
    let kind = StepKind::Loop(Loop { input: "a".into(), name: "state".into(), max_iterations, mode, body });
    vec![input("a", &ints(&[]).0), Step { id: "loop".into(), kind }]
}

fn until(bound: i64) -> LoopMode {
    let expression = call(F::Ge, vec![column("n"), int(bound)]);
    LoopMode::Until(Condition { input: "next".into(), expression })
}

fn output_rows(execution: &Execution) -> Vec<Vec<Cell>> {
    let Value::Table(table) = &execution.output else { panic!("a table") };
    Rows::of(table).rows
}

#[test]
fn loops_keep_their_bounds() {
    let run = |mode, max, values: &[i64]| {
        limited(Limits::DEFAULT, counter(mode, max), "loop", vec![ints(values).1])
    };
    let times = run(LoopMode::Times, 10, &[5]).unwrap();
    assert_eq!(output_rows(&times), vec![vec![number(15)]]);
    assert_eq!(times.usage, Usage { steps: 12, rows: 12, peak_memory_bytes: 24, output_bytes: 8 });
    assert_eq!(output_rows(&run(until(8), 10, &[5]).unwrap()), vec![vec![number(8)]]);
    // At the bound exactly, and one beyond.
    assert_eq!(output_rows(&run(until(15), 10, &[5]).unwrap()), vec![vec![number(15)]]);
    let error = run(until(16), 10, &[5]).unwrap_err();
    assert_eq!(error.kind, ExecErrorKind::LoopBound { max_iterations: 10, rows: None });
    let error = run(until(16), 10, &[5, 6]).unwrap_err();
    assert_eq!(error.kind, ExecErrorKind::NotOneRow { rows: 2 });
    let each = run(LoopMode::ForEach, 3, &[7, 8, 9]).unwrap();
    assert_eq!(output_rows(&each), vec![vec![number(8)], vec![number(9)], vec![number(10)]]);
    assert_eq!(output_rows(&run(LoopMode::ForEach, 3, &[]).unwrap()), Vec::<Vec<Cell>>::new());
    let error = run(LoopMode::ForEach, 2, &[7, 8, 9]).unwrap_err();
    assert_eq!(error.kind, ExecErrorKind::LoopBound { max_iterations: 2, rows: Some(3) });
    let limits = Limits { max_steps: 5, ..Limits::DEFAULT };
    let error = limited(limits, counter(LoopMode::Times, 10), "loop", vec![ints(&[1]).1]).unwrap_err();
    assert_eq!(error.kind, ExecErrorKind::LimitExceeded { which: LimitKind::Steps, limit: 5, needed: 6 });
}

fn branching() -> Vec<Step> {
    let sub = |id: &str, value| {
        let steps = vec![map(id, "a", vec![("n", value)])];
        Box::new(SubPlan { steps, output: id.into() })
    };
    let kind = StepKind::Branch(Branch {
        condition: Condition { input: "a".into(), expression: call(F::Gt, vec![column("n"), int(0)]) },
        then: sub("yes", int(1)),
        otherwise: sub("no", call(F::Quotient, vec![int(10), column("n")])),
    });
    vec![input("a", &ints(&[]).0), Step { id: "branch".into(), kind }]
}

#[test]
fn branches_take_one_side() {
    let run = |values: &[i64]| limited(Limits::DEFAULT, branching(), "branch", vec![ints(values).1]);
    assert_eq!(output_rows(&run(&[5]).unwrap()), vec![vec![number(1)]]);
    assert_eq!(output_rows(&run(&[-5]).unwrap()), vec![vec![number(-2)]]);
    let error = run(&[0]).unwrap_err();
    assert_eq!((error.step.as_str(), error.kind), ("no", ExecErrorKind::DivisionByZero { row: 0 }));
    assert_eq!(run(&[]).unwrap_err().kind, ExecErrorKind::NotOneRow { rows: 0 });
}

#[test]
fn the_account_follows_its_rules() {
    let (schema, value) = ints(&[1, 2, 3, 4]);
    let keep = |id: &str, from: &str, bound| Step {
        id: id.into(),
        kind: StepKind::Filter { input: from.into(), condition: call(F::Gt, vec![column("n"), int(bound)]) },
    };
    // a (32 bytes) is read last by c; b (24) by c; c (16) is the output; d (8) by nobody.
    let steps = vec![
        input("a", &schema),
        keep("b", "a", 1),
        Step {
            id: "c".into(),
            kind: StepKind::Aggregate(Aggregate::Merge {
                left: "b".into(),
                right: "a".into(),
                how: MergeHow::Semi,
                on: vec![("n".into(), "n".into())],
            }),
        },
        keep("d", "c", 3),
    ];
    let execution = run(&plan(steps.clone(), "c"), vec![value.clone()]).unwrap();
    let usage = Usage { steps: 4, rows: 4 + 3 + 3 + 1, peak_memory_bytes: 32 + 24 + 24, output_bytes: 24 };
    assert_eq!(execution.usage, usage);
    // Exactly this much memory and output is enough.
    let limits = Limits { max_memory_bytes: 80, max_output_bytes: 24, max_steps: 4, ..Limits::DEFAULT };
    assert_eq!(limited(limits, steps.clone(), "c", vec![value.clone()]).unwrap().usage, usage);
    let tighter = [
        (Limits { max_memory_bytes: 79, ..limits }, "c", LimitKind::MemoryBytes, 79, 80),
        (Limits { max_memory_bytes: 31, ..limits }, "a", LimitKind::MemoryBytes, 31, 32),
        (Limits { max_output_bytes: 23, ..limits }, "c", LimitKind::OutputBytes, 23, 24),
        (Limits { max_steps: 3, ..limits }, "d", LimitKind::Steps, 3, 4),
    ];
    for (limits, step, which, limit, needed) in tighter {
        let error = limited(limits, steps.clone(), "c", vec![value.clone()]).unwrap_err();
        assert_eq!(
            (error.step.as_str(), &error.kind),
            (step, &ExecErrorKind::LimitExceeded { which, limit, needed })
        );
    }
}

#[test]
fn inputs_must_be_what_the_plan_declares() {
    let (schema, value) = ints(&[1]);
    let plan = plan(vec![input("a", &schema)], "a");
    let kind = |inputs| run(&plan, inputs).unwrap_err().kind;
    assert_eq!(kind(vec![]), ExecErrorKind::WrongInputCount { expected: 1, found: 0 });
    assert!(matches!(kind(vec![Value::Bytes(vec![1].into())]), ExecErrorKind::WrongInput { .. }));
    let other = self::schema(&[("n", Type::Int, true)]);
    assert!(matches!(kind(vec![table(&other, vec![])]), ExecErrorKind::WrongInput { .. }));
    // Columns that lie about their length or nulls.
    let Value::Table(table) = value else { panic!("a table") };
    assert!(matches!(
        kind(vec![Value::Table(Table { rows: 2, ..table.clone() })]),
        ExecErrorKind::WrongInput { .. }
    ));
    let mut column = (*table.columns[0]).clone();
    column.validity = Some(vec![false]);
    let lying = Table { columns: vec![column.into()], ..table };
    assert!(matches!(kind(vec![Value::Table(lying)]), ExecErrorKind::WrongInput { .. }));
}

#[test]
fn observers_see_every_step_and_can_stop() {
    struct Log(Vec<(String, u64, u64)>, usize);
    impl Observer for Log {
        fn step(&mut self, report: &StepReport<'_>) {
            self.0.push((report.id.into(), report.rows_in, report.rows_out));
        }
        fn cancelled(&mut self) -> bool {
            self.0.len() == self.1
        }
    }
    let typed = check::typed(&plan(branching(), "branch")).unwrap();
    let mut log = Log(vec![], usize::MAX);
    execute_with(&typed, vec![ints(&[5]).1], &NoCustom, &mut log).unwrap();
    let names: Vec<&str> = log.0.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(names, ["a", "yes", "branch"]);
    assert!(log.0[1..].iter().all(|(_, rows_in, rows_out)| (*rows_in, *rows_out) == (1, 1)));
    let error = execute_with(&typed, vec![ints(&[5]).1], &NoCustom, &mut Log(vec![], 1)).unwrap_err();
    assert_eq!((error.step.as_str(), error.kind), ("branch", ExecErrorKind::Cancelled));
}

#[test]
fn a_null_condition_takes_the_second_value() {
    let schema = schema(&[("p", Type::Bool, true)]);
    let value = table(&schema, vec![vec![Cell::Null], vec![Cell::Bool(true)]]);
    let choice = Expr { kind: ExprKind::Call(F::If, vec![column("p"), int(1), int(2)]), at: 0 };
    assert_eq!(evaluate(&schema, &value, choice), Ok(vec![number(2), number(1)]));
}

fn compute(schema: &Schema, value: Value, operation: Compute) -> Table {
    let kind = StepKind::Compute { input: "a".into(), operation };
    let steps = vec![input("a", schema), Step { id: "b".into(), kind }];
    match run(&plan(steps, "b"), vec![value]).unwrap().output {
        Value::Table(table) => table,
        Value::Bytes(_) => panic!("a table"),
    }
}

#[test]
fn statistics_has_a_row_of_figures_per_field() {
    let schema = schema(&[("e", Type::Int, true), ("d", Type::Decimal { precision: 5, scale: 2 }, true)]);
    let cells = [Some(100), Some(450), None, Some(200)];
    let rows = cells.map(|cell| vec![cell.map_or(Cell::Null, number), Cell::Null]);
    let fields = vec!["d".to_string(), "e".to_string()];
    let table = compute(&schema, table(&schema, rows.into()), Compute::Statistics { fields, scale: 4 });
    let rows = Rows::of(&table).rows;
    let figures = |row: usize| -> Vec<(&str, Cell)> {
        table.schema.columns().iter().map(|column| column.name.as_str()).zip(rows[row].clone()).collect()
    };
    // 1.00, 2.00 and 4.50: deviations of -1.5, -0.5 and 2 from the mean 2.5.
    let expected = [
        ("count", number(3)),
        ("field", Cell::Bytes(b"d".into())),
        ("max", number(45_000)),
        ("mean", number(25_000)),
        ("median", number(20_000)),
        ("min", number(10_000)),
        ("nulls", number(1)),
        ("stddev", number(18_028)),
        ("sum", number(75_000)),
        ("variance", number(32_500)),
    ];
    assert_eq!(figures(0), expected);
    // A field without values has counts only.
    for (name, cell) in figures(1) {
        let expected = match name {
            "count" => number(0),
            "field" => Cell::Bytes(b"e".into()),
            "nulls" => number(4),
            _ => Cell::Null,
        };
        assert_eq!(cell, expected, "{name}");
    }
}

#[test]
fn row_hashes_are_leaves_of_one_row() {
    let (schema, value) = ints(&[5, -1]);
    let table = compute(&schema, value, Compute::Hash { fields: None, name: "h".into() });
    let expected = [5i64, -1].map(|value| {
        // RFC 6962's zero, the kind of leaf, one row; then the column.
        let leaf = [&[0, 1, 1, 0][..], &value.to_le_bytes()].concat();
        vec![Cell::Bytes(proofmark_core::Digest::of(&leaf).as_bytes().to_vec()), number(value.into())]
    });
    assert_eq!(Rows::of(&table).rows, expected);
}
