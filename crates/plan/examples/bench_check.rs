//! Measures how long it takes to read, check and hash a plan of a thousand steps.
//!
//! `cargo run --release -p proofmark-plan --example bench_check -- [STEPS]`
//!
//! The steps are maps, filters and sorts in turn. The last line
//! is JSON.

use std::{fmt::Write as _, time::Instant};

use proofmark_plan::{
    canonical,
    source::{self, Format},
};

const ROUNDS: usize = 15;

fn main() {
    let steps =
        std::env::args().nth(1).map_or(1000, |steps| steps.parse().expect("the number of steps is a number"));
    let text = plan(steps);
    let mut millis: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let read = source::read(&text, "bench.yaml", Format::Yaml).expect("the plan is well written");
            let (checked, _) = read.check().expect("the plan is right");
            assert_eq!(checked.typed.hash, canonical::plan_hash(&read.plan));
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    let (best, median) = (millis[0], millis[ROUNDS / 2]);
    println!(
        "{steps} steps, {} bytes of YAML: read, checked and hashed in {median:.1} ms (best {best:.1})",
        text.len()
    );
    println!("{{\"bench\":\"check\",\"steps\":{steps},\"median_ms\":{median:.3},\"best_ms\":{best:.3}}}");
}

/// A plan of `steps` steps, each on the one before.
fn plan(steps: usize) -> String {
    let mut text = String::from(
        "version: \"1.0\"\nid: bench\nsteps:\n  - id: s0\n    type: data-input\n    schema:\n      columns: { k: int, a: int, b: \
         \"decimal(10,2)\", c: \"string?\" }\n    source: { type: parameter }\n",
    );
    for at in 1..steps {
        let before = at - 1;
        let _ = match at % 3 {
            0 => writeln!(
                text,
                "  - {{ id: s{at}, type: filter, input: s{before}, condition: \"a > {at} || c in ['x', 'y'] && b < 2.50\" }}"
            ),
            1 => writeln!(
                text,
                "  - id: s{at}\n    type: transform\n    input: s{before}\n    operation:\n      op: map\n      columns:\n        a: \
                 \"a % 1000 + {at}\"\n        b: \"decimal(round(b, 2), 10, 2)\"\n        d: \"coalesce(c, 'none').upperAscii()\""
            ),
            _ => writeln!(
                text,
                "  - {{ id: s{at}, type: transform, input: s{before}, operation: {{ op: sort, by: [k, {{ field: b, descending: true }}] }} }}"
            ),
        };
    }
    let _ = writeln!(text, "output: {{ step: s{} }}", steps - 1);
    text
}
