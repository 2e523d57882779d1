//! The checker: warnings, orders, bounds, and the promises that checked plans keep.

#![allow(clippy::unwrap_used, reason = "tests")]

use proofmark_plan::{
    check::{MAX_FINDINGS, check, execution_dag},
    diagnostic::{Code, Diagnostic},
    expr::Function,
    model::{Plan, Step, StepKind},
    source::{Format, read},
    testing::plan_and_inputs,
    typed::{MapColumn, TypedBlock, TypedExpr, TypedKind, TypedLoopMode, TypedOp},
    types::{Schema, Type, ValueType},
    wire,
};

const HEAD: &str = r#"{ "version": "1.0", "id": "t", "steps": [
    { "id": "a", "type": "data-input", "schema": { "columns": { "x": "int", "s": "string?", "d": "decimal(10,2)" } } }"#;

fn plan(steps: &str, output: &str) -> Plan {
    let text = format!("{HEAD}{steps}], \"output\": \"{output}\" }}");
    read(&text, "t.json", Format::Json).unwrap_or_else(|report| panic!("{report}")).plan
}

fn codes(findings: &[Diagnostic]) -> Vec<Code> {
    findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn warnings_do_not_stop_a_plan() {
    let plan = plan(
        r#",{ "id": "b", "type": "filter", "input": "a", "condition": "x > 1" },
        { "id": "c", "type": "filter", "input": "a", "condition": true },
        { "id": "m", "type": "transform", "input": "c", "operation": { "op": "map", "columns": { "x": "x", "y": "1" } } },
        { "id": "r", "type": "transform", "input": "m", "operation": { "op": "rename", "mapping": { "y": "y" } } },
        { "id": "k", "type": "aggregate", "inputs": ["r"], "operation": { "op": "concat" } }"#,
        "k",
    );
    let checked = check(&plan).unwrap();
    assert_eq!(
        codes(&checked.warnings),
        [Code::UnusedStep, Code::ConstantCondition, Code::Needless, Code::Needless, Code::Needless]
    );
    assert!(checked.warnings[0].to_string().contains("steps[1]"), "{}", checked.warnings[0]);
}

#[test]
fn ids_break_ties_and_sub_plans_follow_their_step() {
    let plan = plan(
        r#",{ "id": "z", "type": "filter", "input": "a", "condition": "x > 1" },
        { "id": "y", "type": "filter", "input": "z", "condition": "x > 1" },
        { "id": "b", "type": "filter", "input": "a", "condition": "x > 1" },
        { "id": "l", "type": "loop", "input": "b", "as": "state", "maxIterations": 2, "body": { "output": "in2", "steps": [
            { "id": "in2", "type": "aggregate", "inputs": ["in1", "y"], "operation": { "op": "concat" } },
            { "id": "in1", "type": "filter", "input": "state", "condition": "x > 1" } ] } }"#,
        "l",
    );
    let dag = execution_dag(&plan).unwrap();
    let order: Vec<_> = dag.order.iter().map(|&node| dag.nodes[node].id.as_str()).collect();
    assert_eq!(order, ["a", "b", "z", "y", "l", "in1", "in2"]);
    let edges: Vec<_> =
        dag.edges.iter().map(|&(a, b)| format!("{}{}", dag.nodes[a].id, dag.nodes[b].id)).collect();
    for edge in ["az", "zy", "ab", "bl", "yl", "in1in2"] {
        assert!(edges.iter().any(|other| other == edge), "{edge} in {edges:?}");
    }
    assert_eq!(dag.edges.len(), 6);
}

#[test]
fn findings_are_bounded_and_cheap_in_large_plans() {
    let mut large = plan("", "a");
    let filter = match plan(r#",{ "id": "f", "type": "filter", "input": "a", "condition": "x > 1" }"#, "f")
        .steps
        .pop()
    {
        Some(Step { kind: StepKind::Filter { condition, .. }, .. }) => condition,
        other => panic!("{other:?}"),
    };
    for at in 0..9_999 {
        let kind =
            StepKind::Filter { input: format!("dangling_with_a_long_name_{at}"), condition: filter.clone() };
        large.steps.push(Step { id: format!("another_long_name_{at}"), kind });
    }
    let start = std::time::Instant::now();
    let errors = check(&large).unwrap_err();
    assert_eq!(errors.len(), MAX_FINDINGS);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    large.steps.push(large.steps[1].clone());
    assert_eq!(codes(&check(&large).unwrap_err()), [Code::TooManySteps]);
}

#[test]
fn sub_plans_nest_as_deep_as_allowed() {
    let nested = |levels: usize| {
        let mut step =
            String::from(r#"{ "id": "s0", "type": "filter", "input": "a", "condition": "x > 1" }"#);
        for level in 1..=levels {
            step = format!(
                r#"{{ "id": "s{level}", "type": "loop", "input": "a", "as": "t{level}", "maxIterations": 1, "body": {{ "output": "s{}", "steps": [{step}] }} }}"#,
                level - 1
            );
        }
        format!("{HEAD},{step}], \"output\": \"s{levels}\" }}")
    };
    let source = read(&nested(64), "deep.json", Format::Json).unwrap_or_else(|report| panic!("{report}"));
    source.check().unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(wire::decode(&wire::encode(&source.plan)).unwrap(), source.plan);
    let report = read(&nested(65), "deep.json", Format::Json).unwrap_err();
    assert_eq!(report.entries[0].code, Code::TooDeep);
}

#[test]
fn bad_schemas_and_names_are_found_in_decoded_plans() {
    // What no text can say, the wire can: names out of order.
    let mut bad = plan(
        r#",{ "id": "m", "type": "transform", "input": "a", "operation": { "op": "map", "columns": { "u": "1", "v": "2" } } }"#,
        "m",
    );
    if let StepKind::Transform { operation: proofmark_plan::model::Transform::Map { columns }, .. } =
        &mut bad.steps[1].kind
    {
        columns.swap(0, 1);
    }
    let decoded = wire::decode(&wire::encode(&bad)).unwrap();
    assert_eq!(codes(&check(&decoded).unwrap_err()), [Code::NotSorted]);
}

/// A block and every block inside keep what `typed` promises.
fn keeps_promises(block: &TypedBlock, types: &mut Vec<Option<ValueType>>) {
    for step in &block.steps {
        let columns = match &step.result {
            ValueType::Table(schema) => schema.len(),
            ValueType::Bytes => 0,
        };
        let input = |types: &Vec<Option<ValueType>>, slot: usize| match &types[slot] {
            Some(ValueType::Table(schema)) => schema.clone(),
            _ => Schema::default(),
        };
        match &step.op {
            TypedOp::Map { input: slot, columns: map } => {
                assert_eq!(map.len(), columns);
                let schema = input(types, *slot);
                for column in map {
                    match column {
                        MapColumn::Keep(index) => assert!(*index < schema.len()),
                        MapColumn::Compute(expr) => well_typed(expr, &schema),
                    }
                }
            }
            TypedOp::Merge { columns: merge, left_keys, right_keys, .. } => {
                assert_eq!(merge.len(), columns);
                assert_eq!(left_keys.len(), right_keys.len());
            }
            TypedOp::Reduce { columns: reduce, .. } => assert_eq!(reduce.len(), columns),
            TypedOp::Filter { input: slot, condition } => {
                assert_eq!(condition.ty.ty, Type::Bool);
                well_typed(condition, &input(types, *slot));
            }
            TypedOp::Branch { then, otherwise, .. } => {
                keeps_promises(then, types);
                keeps_promises(otherwise, types);
                assert_eq!(types[then.output], types[otherwise.output]);
            }
            TypedOp::Loop { input, state, mode, body, .. } => {
                types[*state] = types[*input].clone();
                keeps_promises(body, types);
                if !matches!(mode, TypedLoopMode::ForEach) {
                    assert_eq!(types[body.output], types[*state]);
                }
            }
            _ => {}
        }
        assert!(types[step.slot].replace(step.result.clone()).is_none(), "a slot is written once");
    }
    assert!(types[block.output].is_some());
}

fn well_typed(expr: &TypedExpr, schema: &Schema) {
    match &expr.kind {
        TypedKind::Call(function, arguments) => {
            arguments.iter().for_each(|argument| well_typed(argument, schema));
            let equal =
                |arguments: &[TypedExpr]| arguments.windows(2).all(|pair| pair[0].ty.ty == pair[1].ty.ty);
            match function {
                Function::Add | Function::Sub
                    if expr.ty.ty.scale().is_some() && arguments[0].ty.ty != Type::Date =>
                {
                    assert!(equal(arguments), "{expr:?}");
                }
                Function::Coalesce | Function::Greatest | Function::Least => {
                    assert!(equal(arguments) && arguments[0].ty.ty == expr.ty.ty, "{expr:?}");
                }
                Function::If => {
                    assert!(equal(&arguments[1..]) && arguments[1].ty.ty == expr.ty.ty, "{expr:?}")
                }
                Function::Eq | Function::Ne | Function::Lt | Function::Le | Function::Gt | Function::Ge => {
                    assert!(equal(arguments), "{expr:?}");
                }
                _ => {}
            }
        }
        TypedKind::Column(index) => assert_eq!(schema.columns()[*index].ty, expr.ty),
        TypedKind::In(value, _) => well_typed(value, schema),
        TypedKind::Previous { column, by, order } => {
            assert!(expr.ty.nullable && schema.columns()[*column].ty.ty == expr.ty.ty);
            assert!(by.iter().chain(order).all(|index| *index < schema.len()));
        }
        TypedKind::Widen(inner) => {
            assert!(inner.ty.ty != expr.ty.ty && inner.ty.nullable == expr.ty.nullable);
            assert!(inner.ty.ty.scale() <= expr.ty.ty.scale());
            well_typed(inner, schema);
        }
        TypedKind::Constant(_) => {}
    }
}

#[test]
fn checked_plans_keep_their_promises() {
    for seed in 1000..1300 {
        let (plan, _) = plan_and_inputs(seed);
        let typed = check(&plan).unwrap().typed;
        let mut types = vec![None; typed.slots];
        keeps_promises(&typed.body, &mut types);
    }
}
