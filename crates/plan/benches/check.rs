//! Time to check a plan of a thousand steps. `cargo bench -p proofmark-plan --bench check`.

use std::time::{Duration, Instant};

use proofmark_plan::{
    canonical,
    check::{check, typed},
    source::{Format, read},
    wire,
};

/// A chain of filters, maps, sorts and merges.
fn plan(steps: usize) -> String {
    let mut text = String::from(
        r#"{"version":"1.0","id":"long","steps":[{"id":"s0","type":"data-input","schema":{"columns":{"shop":"string","day":"date","amount":"decimal(10,2)","count":"int"}}}"#,
    );
    for step in 1..steps {
        let before = step - 1;
        text.push_str(",\n");
        text.push_str(&match step % 4 {
            0 => format!(
                r#"{{"id":"s{step}","type":"filter","input":"s{before}","condition":"amount > 5.00 && shop != 'x' || count in [1, 2, 3]"}}"#
            ),
            1 => format!(
                r#"{{"id":"s{step}","type":"transform","input":"s{before}","operation":{{"op":"map","columns":{{"count":"count + 1","day":"day + 1"}}}}}}"#
            ),
            2 => format!(
                r#"{{"id":"s{step}","type":"transform","input":"s{before}","operation":{{"op":"sort","by":["shop",{{"field":"day","descending":true}}]}}}}"#
            ),
            _ => format!(
                r#"{{"id":"s{step}","type":"aggregate","inputs":["s{before}","s{}"],"operation":{{"op":"merge","how":"semi","on":["shop","day"]}}}}"#,
                step / 2
            ),
        });
    }
    text.push_str(&format!(r#"],"output":"s{}"}}"#, steps - 1));
    text
}

/// The best of several runs.
fn best<T>(mut run: impl FnMut() -> T) -> Duration {
    (0..20)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(run());
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn main() {
    for steps in [10, 1000, 10_000] {
        let text = plan(steps);
        let source = match read(&text, "bench.json", Format::Json) {
            Ok(source) => source,
            Err(report) => panic!("{report}"),
        };
        let encoded = wire::encode(&source.plan);
        println!("{steps} steps, {} bytes of JSON, {} bytes on the wire", text.len(), encoded.len());
        println!("  read JSON      {:>12?}", best(|| read(&text, "bench.json", Format::Json).is_ok()));
        println!("  read YAML      {:>12?}", best(|| read(&text, "bench.yaml", Format::Yaml).is_ok()));
        println!("  check          {:>12?}", best(|| check(&source.plan).is_ok()));
        println!("  check in guest {:>12?}", best(|| typed(&source.plan).is_ok()));
        println!("  hash           {:>12?}", best(|| canonical::plan_hash(&source.plan)));
        println!("  decode wire    {:>12?}", best(|| wire::decode(&encoded).is_ok()));
    }
}
