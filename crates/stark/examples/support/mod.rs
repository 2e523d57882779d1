//! The plan that figures are of, and its data.

use std::fmt::Write as _;

/// Filter, product and group-by.
pub(crate) const PLAN: &str = r#"
version: "1.0"
id: figures
steps:
  - id: rows
    type: data-input
    schema: { columns: { key: int, a: int, b: int } }
    source: { type: file, uri: rows.csv }
  - { id: kept, type: filter, input: rows, condition: "a > 100" }
  - id: products
    type: compute
    input: kept
    operation: { op: math, columns: { c: "a * b" } }
  - id: groups
    type: aggregate
    input: products
    operation:
      op: reduce
      groupBy: [key]
      aggregates: { rows: { fn: count }, total: { fn: sum, field: c } }
output: { step: groups }
"#;

/// So many rows of it as CSV.
pub(crate) fn data(rows: usize) -> String {
    let mut csv = String::from("key,a,b\n");
    let mut state = 1u64;
    for _ in 0..rows {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (key, a, b) = (state >> 56, (state >> 20) % 1000, (state >> 30) as i32);
        writeln!(csv, "{key},{a},{b}").expect("memory");
    }
    csv
}
