//! Times, and the table of targets that they are held against.

use std::time::{Duration, Instant};

use proofmark_measure as measure;
use serde_json::{Map, Value, json};

/// Times of one thing done many times, sorted, and the CPU time that one of them took on average.
pub(crate) struct Times {
    sorted: Vec<Duration>,
    cpu_each: Duration,
}

impl Times {
    /// Does the work so many times; `work` gets the number of the round.
    pub(crate) fn of(rounds: usize, mut work: impl FnMut(u64)) -> Self {
        let cpu = measure::cpu_time();
        let mut sorted: Vec<Duration> = (0..rounds as u64)
            .map(|round| {
                let start = Instant::now();
                work(round);
                start.elapsed()
            })
            .collect();
        sorted.sort();
        Self { sorted, cpu_each: (measure::cpu_time() - cpu) / rounds as u32 }
    }

    /// Of times that were taken elsewhere, one after the other with those of something else.
    pub(crate) fn taken(mut times: Vec<Duration>, cpu: Duration) -> Self {
        times.sort();
        Self { cpu_each: cpu / times.len() as u32, sorted: times }
    }

    /// The time, in milliseconds, that so many percent of the rounds stayed below.
    pub(crate) fn ms(&self, percent: usize) -> f64 {
        let at = (self.sorted.len() * percent / 100).min(self.sorted.len() - 1);
        millis(self.sorted[at])
    }

    /// CPU time of one round in milliseconds, of all threads together.
    pub(crate) fn cpu_ms(&self) -> f64 {
        millis(self.cpu_each)
    }

    /// Prints one line.
    pub(crate) fn report(&self, name: &str) {
        println!(
            "{name:<26} min {:>8.3}  p50 {:>8.3}  p95 {:>8.3}  p99 {:>8.3}  CPU {:>8.3} ms  of {}",
            self.ms(0),
            self.ms(50),
            self.ms(95),
            self.ms(99),
            self.cpu_ms(),
            self.sorted.len()
        );
    }
}

/// A duration in milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What was measured beside what was wanted.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    /// At most, or at least.
    below: bool,
    target: f64,
    measured: f64,
    unit: &'static str,
}

impl Table {
    /// A figure that should be below its target.
    pub(crate) fn below(&mut self, what: &str, measured: f64, target: f64, unit: &'static str) {
        self.rows.push(Row { what: what.into(), below: true, target, measured, unit });
    }

    /// A figure that should reach its target.
    pub(crate) fn at_least(&mut self, what: &str, measured: f64, target: f64, unit: &'static str) {
        self.rows.push(Row { what: what.into(), below: false, target, measured, unit });
    }

    /// The table, as Markdown.
    pub(crate) fn print(&self) {
        println!("\n| what | target | measured | |\n|---|---|---|---|");
        for row in &self.rows {
            println!(
                "| {} | {} {} {} | {} | {} |",
                row.what,
                if row.below { "≤" } else { "≥" },
                plain(row.target),
                row.unit,
                plain(row.measured),
                if row.is_met() { "met" } else { "**missed**" }
            );
        }
    }

    /// The figures by name, for whoever compares others with them.
    pub(crate) fn json(&self) -> Value {
        let figures: Map<String, Value> =
            self.rows.iter().map(|row| (row.what.clone(), json!(row.measured))).collect();
        figures.into()
    }
}

impl Row {
    fn is_met(&self) -> bool {
        if self.below { self.measured <= self.target } else { self.measured >= self.target }
    }
}

/// Three digits that count.
fn plain(number: f64) -> String {
    match number {
        n if n >= 100.0 => format!("{n:.0}"),
        n if n >= 10.0 => format!("{n:.1}"),
        n if n >= 1.0 => format!("{n:.2}"),
        n => format!("{n:.3}"),
    }
}
