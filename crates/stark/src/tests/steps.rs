//! Steps that random plans do not make: branches, loops, long texts; and what is refused, with its reason.

use alloc::{format, string::String, vec::Vec};

use proofmark_plan::value::Table;

use super::{
    bench::check,
    plans::{Case, csv, typed},
};
use crate::{ProveError, TableBounds, Unsupported, supports};

const ROWS: &str = "  - { id: rows, type: data-input, schema: { columns: { a: int, k: string } }, source: { type: file, uri: x.csv } }\n";

fn plan_text(steps: &str) -> String {
    format!("version: \"1.0\"\nid: steps\nsteps:\n{ROWS}{steps}output: {{ step: out }}\n")
}

/// Compares a plan over one table with the executor.
fn agrees(steps: &str, data: &str) -> Case {
    let plan = typed(&plan_text(steps));
    let table = csv(&plan, 0, data);
    let case = Case::new(plan, alloc::vec![table]);
    let (broken, digests) = check(&case).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(broken, []);
    assert_eq!(digests.last(), Some(&case.output_digest));
    case
}

fn reasons(steps: &str) -> Vec<Unsupported> {
    supports(&typed(&plan_text(steps)))
}

const SMALL: &str = "a,k\n4,Rom\n1,Oslo\n3,Rom\n9,Paris\n";

const BRANCH: &str = r#"
  - { id: sum, type: aggregate, input: rows, operation: { op: reduce, groupBy: [], aggregates: { t: { fn: sum, field: a } } } }
  - id: out
    type: branch
    condition: { input: sum, expression: "t > 10" }
    then:
      steps:
        - { id: big, type: filter, input: rows, condition: "a > 3" }
      output: big
    else:
      steps:
        - { id: product, type: compute, input: rows, operation: { op: math, columns: { a: "a * 9223372036854775807" } } }
      output: product
"#;

#[test]
fn a_branch_on_an_aggregate_takes_either_side() {
    agrees(BRANCH, SMALL);
    // The block that is not taken would overflow on these rows; the other one would, too, if it were.
    agrees(BRANCH, "a,k\n1,Rom\n0,Oslo\n");
    let plan = typed(&plan_text(BRANCH));
    let table = csv(&plan, 0, "a,k\n2,Rom\n3,Oslo\n");
    let inputs = Vec::from([TableBounds::of(&table).expect("rows")]);
    let bounds = crate::Bounds { inputs, groups: Vec::new() };
    let refused = check(&Case::without_output(plan, alloc::vec![table], bounds));
    assert!(matches!(refused, Err(ProveError::NoValue { .. })));
}

#[test]
fn a_loop_of_fixed_rounds_is_written_out() {
    agrees(
        r#"
  - id: out
    type: loop
    input: rows
    as: state
    maxIterations: 5
    body:
      steps:
        - { id: step, type: transform, input: state, operation: { op: map, columns: { a: "a * 2 - 1" } } }
        - { id: kept, type: filter, input: step, condition: "a < 60" }
      output: kept
"#,
        SMALL,
    );
}

const GROUPS: &str = r#"
  - id: out
    type: aggregate
    input: rows
    operation:
      op: reduce
      groupBy: [k]
      aggregates:
        n: { fn: count }
        total: { fn: sum, field: a }
        mean: { fn: mean, field: a, scale: 3 }
        spread: { fn: stddev, field: a, scale: 2 }
        most: { fn: max, field: a }
        first: { fn: first, field: a, orderBy: [k] }
"#;

/// Sums over the largest tables are near the order of the field.
#[test]
fn groups_of_the_largest_tables_can_be_proved() {
    let plan = typed(&plan_text(GROUPS));
    for rows in [255, 16_383, 65_535, 131_071] {
        let inputs = Vec::from([TableBounds { rows, text_bytes: Vec::from([30]) }]);
        let bounds = crate::Bounds { inputs, groups: Vec::new() };
        let compiled = crate::compile::compile(&plan, &bounds, 8);
        assert!(compiled.is_ok(), "{rows}: {:?}", compiled.err());
    }
}

/// Counts and sums that need several digits are those of the executor.
#[test]
fn sums_over_high_chips_have_several_digits() {
    let plan = typed(&plan_text(GROUPS));
    let mut data = String::from("a,k\n");
    for row in 0..9000i64 {
        data.push_str(&format!(
            "{},{}\n",
            (row - 40) * 123_456_789_012_345 % 10_000_000_000_000,
            if row == 5 { "Oslo" } else { "Rom" }
        ));
    }
    let table = csv(&plan, 0, &data);
    let case = Case::new(plan, alloc::vec![table]);
    let (broken, digests) = check(&case).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(broken, []);
    assert_eq!(digests.last(), Some(&case.output_digest));
}

/// Rounds in rounds would need more columns than any proof has; the compiler stops early.
#[test]
fn loops_in_loops_end() {
    let mut body = String::from(
        "{ steps: [{ id: x, type: transform, input: s3, operation: { op: map, columns: { a: \"a * a\" } } }], output: x }",
    );
    for depth in [3, 2, 1] {
        let input = if depth == 1 { "rows".into() } else { format!("s{}", depth - 1) };
        let id = if depth == 1 { "out".into() } else { format!("l{depth}") };
        let inner = format!(
            "{{ id: {id}, type: loop, input: {input}, as: s{depth}, maxIterations: 60, body: {body} }}"
        );
        body = format!("{{ steps: [{inner}], output: {id} }}");
    }
    let inner = body.trim_start_matches("{ steps: [").trim_end_matches("], output: out }");
    let found = reasons(&format!("  - {inner}\n"));
    assert!(found.iter().any(|step| step.reason.contains("too many columns")), "{found:?}");
}

/// What a constant gives in both branches goes on to a table whose last rows are only there to fill it.
#[test]
fn a_choice_between_equal_constants_can_be_sorted() {
    agrees(
        r#"
  - { id: same, type: compute, input: rows, operation: { op: math, columns: { x: "a > 3 ? 'b' : 'b'", y: "a > 3 ? 7 : 7", z: "least(-5, -5)" } } }
  - { id: none, type: filter, input: same, condition: "a > 100" }
  - { id: out, type: transform, input: none, operation: { op: sort, by: [x, y, z] } }
"#,
        SMALL,
    );
}

const LONG: &str = "a,k\n4,a text that is longer than thirty bytes\n1,Oslo\n3,a text that is longer than thirty bytes\n9,\"\"\n";

#[test]
fn long_texts_are_known_by_their_hashes() {
    agrees("  - { id: out, type: transform, input: rows, operation: { op: distinct, fields: [k] } }\n", LONG);
    agrees("  - { id: out, type: filter, input: rows, condition: \"k != 'Oslo'\" }\n", LONG);
    let long = "  - { id: out, type: compute, input: rows, operation: { op: math, columns: { x: \"a > 3 ? k : null\", y: \"'a constant of more than thirty bytes'\" } } }\n";
    agrees(long, LONG);
    agrees(long, SMALL);
    let bounds = |table: &Table| crate::Bounds {
        inputs: Vec::from([TableBounds::of(table).expect("rows")]),
        groups: Vec::new(),
    };
    for step in [
        "type: transform, input: rows, operation: { op: sort, by: [k] }",
        "type: filter, input: rows, condition: \"k < 'b'\"",
        "type: aggregate, input: rows, operation: { op: reduce, groupBy: [k], aggregates: { n: { fn: count } } }",
        "type: aggregate, input: rows, operation: { op: reduce, groupBy: [], aggregates: { n: { fn: min, field: k } } }",
    ] {
        let plan = typed(&plan_text(&format!("  - {{ id: out, {step} }}\n")));
        let table = csv(&plan, 0, LONG);
        let refused = crate::compile::compile(&plan, &bounds(&table), 4).err().expect("texts without order");
        assert!(refused[0].reason.contains("30 bytes"), "{refused:?}");
    }
}

#[test]
fn texts_of_different_bounds_meet() {
    agrees(
        r#"
  - { id: twice, type: compute, input: rows, operation: { op: math, columns: { x: "a > 3 ? k : 'a longer text'" } } }
  - { id: other, type: transform, input: twice, operation: { op: select, fields: [k] } }
  - { id: named, type: transform, input: twice, operation: { op: rename, mapping: { a: n } } }
  - { id: short, type: transform, input: named, operation: { op: select, fields: [n, x] } }
  - { id: keyed, type: transform, input: short, operation: { op: rename, mapping: { x: k } } }
  - { id: once, type: transform, input: keyed, operation: { op: distinct, fields: [k] } }
  - { id: out, type: aggregate, inputs: [other, once], operation: { op: merge, how: left, on: [k] } }
"#,
        SMALL,
    );
}

#[test]
fn what_cannot_be_proved_is_said() {
    let cases = [
        ("  - { id: out, type: compute, input: rows, operation: { op: hash, as: h } }\n", "SHA-256"),
        (
            "  - { id: out, type: aggregate, input: rows, operation: { op: reduce, groupBy: [], aggregates: { m: { fn: median, field: a, scale: 1 } } } }\n",
            "percentiles",
        ),
        (
            "  - { id: other, type: transform, input: rows, operation: { op: rename, mapping: { a: b } } }\n  - { id: out, type: aggregate, inputs: [rows, other], operation: { op: merge, how: full, on: [k] } }\n",
            "full joins",
        ),
        ("  - { id: out, type: filter, input: rows, condition: \"k.startsWith('R')\" }\n", "startsWith"),
    ];
    for (steps, reason) in cases {
        let found = reasons(steps);
        assert!(found.len() == 1 && found[0].step == "out" && found[0].reason.contains(reason), "{found:?}");
    }
}
