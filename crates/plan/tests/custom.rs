//! Custom steps: a module that works, and modules that must not.
#![cfg(feature = "wasm")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use proofmark_core::Digest;
use proofmark_plan::{
    check,
    exec::{CustomError, CustomHost, ExecErrorKind, NoCustom, execute, wasm::WasmHost},
    model::{
        Attestation, ColumnHint, DataInput, InputSchema, Limits, Plan, Source, SourceKind, Step, StepKind,
        Transform,
    },
    types::{Column, ColumnType, Schema, Type},
    value::{ColumnData, Table, Value, Values},
};

fn schema() -> Schema {
    let ty = ColumnType { ty: Type::Int, nullable: false };
    Schema::new(vec![Column { name: "n".into(), ty }]).unwrap()
}

fn table(numbers: Vec<i64>) -> Table {
    let rows = numbers.len();
    let column = ColumnData { values: Values::Narrow(numbers), validity: None };
    Table { schema: schema(), rows, columns: vec![Arc::new(column)] }
}

/// Runs `function` of a module on a table of integers.
fn run(host: &dyn CustomHost, module: Digest, numbers: Vec<i64>) -> Result<Value, ExecErrorKind> {
    let data = DataInput {
        data_commitment: None,
        schema: InputSchema::Table { schema: schema(), hints: vec![ColumnHint::default()] },
        source: Source { kind: SourceKind::File, uri: None, attestation: Attestation::None },
        rows_per_leaf: 64,
    };
    let operation = Transform::Custom { wasm_module: module, function_name: "f".into(), schema: schema() };
    let steps = vec![
        Step { id: "a".into(), kind: StepKind::DataInput(data) },
        Step { id: "b".into(), kind: StepKind::Transform { input: "a".into(), operation } },
    ];
    let limits = Limits { max_memory_bytes: 1 << 20, max_cycles: 1_000_000, ..Limits::DEFAULT };
    let plan = Plan { id: "test".into(), job_request_hash: None, steps, output: "b".into(), limits };
    let plan = check::typed(&plan).unwrap();
    match execute(&plan, vec![Value::Table(table(numbers))], host) {
        Ok(execution) => Ok(execution.output),
        Err(error) => {
            assert_eq!(error.step, "b");
            Err(error.kind)
        }
    }
}

fn run_wat(text: &str, numbers: Vec<i64>) -> Result<Value, ExecErrorKind> {
    let mut host = WasmHost::new();
    let module = host.add(&wat::parse_str(text).unwrap()).unwrap();
    run(&host, module, numbers)
}

/// A module whose function has this body.
fn module(body: &str) -> String {
    format!(
        r#"(module
            (memory (export "memory") 1)
            (func (export "alloc") (param i32) (result i32) (i32.const 1024))
            (func (export "f") (param $at i32) (param $len i32) (result i64) {body}))"#
    )
}

/// Doubles every number in place, in a loop over the eight-byte values of each block.
const DOUBLE: &str = r#"
    (local $p i32) (local $end i32) (local $rows i32)
    (local.set $p (i32.add (local.get $at) (i32.const 4)))
    (local.set $end (i32.add (local.get $at) (local.get $len)))
    (block $done (loop $blocks
        (br_if $done (i32.ge_u (local.get $p) (local.get $end)))
        (local.set $rows (i32.load16_u offset=2 (local.get $p)))
        (local.set $p (i32.add (local.get $p) (i32.const 4)))
        (loop $values
            (i64.store (local.get $p) (i64.mul (i64.load (local.get $p)) (i64.const 2)))
            (local.set $p (i32.add (local.get $p) (i32.const 8)))
            (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
            (br_if $values (local.get $rows)))
        (br $blocks)))
    (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $len)))"#;

fn custom(result: Result<Value, ExecErrorKind>) -> CustomError {
    match result {
        Err(ExecErrorKind::Custom(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_function_computes_a_table() {
    for rows in [0, 1, 63, 1024, 1025, 5000] {
        let numbers: Vec<i64> = (0..rows).collect();
        let doubled = numbers.iter().map(|number| number * 2).collect();
        assert_eq!(run_wat(&module(DOUBLE), numbers), Ok(Value::Table(table(doubled))));
    }
}

#[test]
fn without_a_host_or_module_there_is_a_clear_error() {
    assert_eq!(custom(run(&NoCustom, Digest::of(b"x"), vec![1])), CustomError::Unavailable);
    let unknown = Digest::of(b"x");
    assert_eq!(custom(run(&WasmHost::new(), unknown, vec![1])), CustomError::UnknownModule(unknown));
}

#[test]
fn work_and_memory_are_limited() {
    let endless = module("(loop $again (br $again)) (i64.const 0)");
    assert_eq!(custom(run_wat(&endless, vec![1])), CustomError::OutOfFuel { limit: 1_000_000 });
    let hungry = module("(drop (memory.grow (i32.const 1000))) (i64.const 0)");
    let limit = (1 << 20) - 8;
    assert_eq!(custom(run_wat(&hungry, vec![1])), CustomError::OutOfMemory { limit });
    let large = module("(i64.const 0)").replace("\"memory\") 1", "\"memory\") 100");
    assert_eq!(custom(run_wat(&large, vec![1])), CustomError::OutOfMemory { limit });
    let deep = r#"(module
        (memory (export "memory") 1)
        (func (export "alloc") (param i32) (result i32) (i32.const 1024))
        (func $f (export "f") (param i32 i32) (result i64)
            (i64.add (i64.const 1) (call $f (local.get 0) (local.get 1)))))"#;
    assert!(matches!(custom(run_wat(deep, vec![1])), CustomError::Trap(_)));
}

#[test]
fn traps_and_bad_results_are_errors() {
    assert!(matches!(custom(run_wat(&module("unreachable"), vec![1])), CustomError::Trap(_)));
    let divides = module("(i64.div_s (i64.const 1) (i64.const 0))");
    assert!(matches!(custom(run_wat(&divides, vec![1])), CustomError::Trap(_)));
    // Outside of its memory, too short, a wrong number of rows, bytes left over.
    for packed in ["0x7fffffff00000010", "0x0000000000000002", "0x0000000000000040", "-1"] {
        let body = format!("(i64.const {packed})");
        let error = custom(run_wat(&module(&body), vec![1]));
        assert!(matches!(error, CustomError::BadResult(_)), "{packed}: {error}");
    }
    let misplaced = module("(i64.const 0)").replace("(i32.const 1024)", "(i32.const -8)");
    assert!(matches!(custom(run_wat(&misplaced, vec![1])), CustomError::BadResult(_)));
}

#[test]
fn what_is_not_deterministic_is_refused() {
    let refused = |text: &str| WasmHost::new().add(&wat::parse_str(text).unwrap()).unwrap_err();
    let imports = r#"(module (import "env" "clock" (func (result i64))))"#;
    let floats = r#"(module (func (param f64) (result f64) (f64.add (local.get 0) (f64.const 1))))"#;
    let hidden = r#"(module (func (drop (f32.const 1))))"#;
    for text in [imports, floats, hidden] {
        assert!(matches!(refused(text), CustomError::BadModule(_)), "{text}");
    }
    assert!(matches!(WasmHost::new().add(b"not wasm"), Err(CustomError::BadModule(_))));
}

#[test]
fn missing_exports_are_named() {
    let no_alloc = module("(i64.const 0)").replace("\"alloc\"", "\"other\"");
    assert_eq!(custom(run_wat(&no_alloc, vec![1])), CustomError::MissingExport("alloc".into()));
    let no_function = module("(i64.const 0)").replace("\"f\"", "\"g\"");
    assert_eq!(custom(run_wat(&no_function, vec![1])), CustomError::MissingExport("f".into()));
    let no_memory = module("(i64.const 0)").replace("\"memory\"", "\"mem\"");
    assert_eq!(custom(run_wat(&no_memory, vec![1])), CustomError::MissingExport("memory".into()));
}
