//! Small plans that together use every step and every gadget.

use alloc::{format, vec::Vec};

use super::plans::{Case, csv, typed};

/// A plan by name: its steps after the inputs. The last step is called `out`; `names` is read where it is named.
pub(super) const SHAPES: [(&str, &str); 23] = [
    (
        "filter",
        "  - { id: out, type: filter, input: facts, condition: \"(a > 3 && !(b == false)) || n == null || m != 2.50\" }\n",
    ),
    (
        "sums and products",
        "  - { id: out, type: compute, input: facts, operation: { op: math, columns: { x: \"a * n - 7\", y: \"-(m * 3.5) + a\", z: \"abs(a) * sign(m)\" } } }\n",
    ),
    (
        "quotients",
        "  - { id: out, type: compute, input: facts, operation: { op: math, columns: { x: \"div(m, 3.00 - m, 4)\", y: \"a / 7\", z: \"a % (n + 20)\" } } }\n",
    ),
    (
        "roundings",
        "  - { id: out, type: compute, input: facts, operation: { op: math, columns: { v: \"round(m, 1)\", w: \"trunc(m, 0)\", x: \"floor(m)\", y: \"ceil(m)\", z: \"round(m, 0)\" } } }\n",
    ),
    (
        "roots and conversions",
        "  - { id: out, type: compute, input: facts, operation: { op: math, columns: { x: \"sqrt(abs(m), 3)\", y: \"decimal(a, 12, 2)\", z: \"int(round(m, 0)) + 1\" } } }\n",
    ),
    (
        "nulls",
        "  - { id: out, type: compute, input: facts, operation: { op: math, columns: { w: \"coalesce(n, a, 1)\", x: \"b && n > 0\", y: \"least(n, a, 5)\", z: \"n in [4, 5]\" } } }\n",
    ),
    (
        "choices",
        "  - { id: out, type: compute, input: facts, operation: { op: math, columns: { x: \"b ? (a > 3 ? n : 12) : a * 2\", y: \"a > 3 ? k : 'none'\", z: \"k in ['Oslo', 'Rom'] ? d : null\" } } }\n",
    ),
    (
        "counts and sums of groups",
        "  - { id: out, type: aggregate, input: facts, operation: { op: reduce, groupBy: [k], aggregates: { c: { fn: count }, s: { fn: count, field: n }, t: { fn: sum, field: m }, u: { fn: sum, field: n } } } }\n",
    ),
    (
        "means and spreads",
        "  - { id: out, type: aggregate, input: facts, operation: { op: reduce, groupBy: [b], aggregates: { x: { fn: mean, field: n, scale: 3 }, y: { fn: variance, field: m, scale: 2, population: true }, z: { fn: stddev, field: m, scale: 3 } } } }\n",
    ),
    (
        "extremes",
        "  - { id: out, type: aggregate, input: facts, operation: { op: reduce, groupBy: [], aggregates: { v: { fn: min, field: n }, w: { fn: max, field: k }, x: { fn: min, field: d }, y: { fn: max, field: m }, z: { fn: max, field: b } } } }\n",
    ),
    (
        "first and last",
        "  - { id: out, type: aggregate, input: facts, operation: { op: reduce, groupBy: [k, b], aggregates: { x: { fn: first, field: n, orderBy: [{ field: m, descending: true }, d] }, y: { fn: last, field: k, orderBy: [{ field: n, nulls: first }] } } } }\n",
    ),
    (
        "sort",
        "  - { id: out, type: transform, input: facts, operation: { op: sort, by: [{ field: n, descending: true, nulls: last }, k], limit: 4 } }\n",
    ),
    (
        "limit",
        "  - { id: out, type: transform, input: facts, operation: { op: limit, count: 3, offset: 2 } }\n",
    ),
    (
        "distinct",
        "  - { id: some, type: transform, input: facts, operation: { op: distinct, fields: [k] } }\n  - { id: names2, type: transform, input: facts, operation: { op: select, fields: [b, k] } }\n  - { id: all, type: transform, input: names2, operation: { op: distinct } }\n  - { id: less, type: transform, input: some, operation: { op: select, fields: [b, k] } }\n  - { id: out, type: aggregate, inputs: [less, all], operation: { op: concat } }\n",
    ),
    (
        "inner join",
        "  - { id: out, type: aggregate, inputs: [facts, names], operation: { op: merge, how: inner, on: [k] } }\n",
    ),
    (
        "left join",
        "  - { id: out, type: aggregate, inputs: [facts, names], operation: { op: merge, how: left, on: [k] } }\n",
    ),
    (
        "semi join",
        "  - { id: out, type: aggregate, inputs: [facts, names], operation: { op: merge, how: semi, on: [k] } }\n",
    ),
    (
        "anti join",
        "  - { id: out, type: aggregate, inputs: [facts, names], operation: { op: merge, how: anti, on: [k] } }\n",
    ),
    (
        "union",
        "  - { id: big, type: filter, input: facts, condition: \"a > 3\" }\n  - { id: out, type: aggregate, inputs: [big, facts], operation: { op: merge, how: union, on: [k] } }\n",
    ),
    (
        "branch",
        "  - { id: sum, type: aggregate, input: facts, operation: { op: reduce, groupBy: [], aggregates: { t: { fn: sum, field: a } } } }\n  - id: out\n    type: branch\n    condition: { input: sum, expression: \"t > 10\" }\n    then:\n      steps:\n        - { id: big, type: filter, input: facts, condition: \"a > 3\" }\n      output: big\n    else:\n      steps:\n        - { id: product, type: compute, input: facts, operation: { op: math, columns: { a: \"a * 9223372036854775807\" } } }\n      output: product\n",
    ),
    (
        "loop",
        "  - id: out\n    type: loop\n    input: facts\n    as: state\n    maxIterations: 3\n    body:\n      steps:\n        - { id: step, type: transform, input: state, operation: { op: map, columns: { a: \"a * 2 - 1\" } } }\n        - { id: kept, type: filter, input: step, condition: \"a < 60\" }\n      output: kept\n",
    ),
    (
        "windows and years",
        "  - { id: out, type: compute, input: facts, operation: { op: math, columns: { x: \"m - previous(m, [k], [d])\", y: \"year(d)\", z: \"previous(n, [], [m, d])\" } } }\n",
    ),
    (
        "texts",
        "  - { id: more, type: compute, input: facts, operation: { op: math, columns: { x: \"a > 3 ? k : 'a longer text'\", y: \"k < 'Paris'\", z: \"'a constant of more than thirty bytes'\" } } }\n  - { id: out, type: filter, input: more, condition: \"x != 'Rom' && x >= 'O'\" }\n",
    ),
];

const FACTS: &str = "k,d,a,n,m,b\nOslo,2024-02-29,4,4,4.00,true\nRom,2023-12-31,-3,,2.50,\nOslo,2024-03-01,9,9,1.00,false\n\
    Oslo,2000-12-31,7,-3,-7.25,true\nParis,2100-01-01,1,5,2.50,\nRom,1999-06-15,12,4,9.99,false\n";

const NAMES: &str = "k,w\nRom,3.5\nOslo,\nLima,-0.5\n";

/// The plan and its data.
pub(super) fn shape(steps: &str) -> Case {
    let names = steps.contains("names]");
    let head = "  - { id: facts, type: data-input, schema: { columns: { k: string, d: date, a: int, n: \"int?\", m: \"decimal(9,2)\", b: \"bool?\" } }, source: { type: file, uri: x.csv } }\n";
    let more = if names {
        "  - { id: names, type: data-input, schema: { columns: { k: string, w: \"decimal(6,1)?\" } }, source: { type: file, uri: y.csv } }\n"
    } else {
        ""
    };
    let plan =
        typed(&format!("version: \"1.0\"\nid: shape\nsteps:\n{head}{more}{steps}output: {{ step: out }}\n"));
    let tables: Vec<_> = (0..plan.inputs.len())
        .map(|at| csv(&plan, at, if plan.inputs[at].name == "facts" { FACTS } else { NAMES }))
        .collect();
    Case::new(plan, tables)
}
