//! Cycles of the general guest against guests written by hand for one job each, and of an empty plan. By execution, without a
//! proof, so the figures are the same on every machine.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{fs, path::PathBuf};

use proofmark_plan::calendar;
use proofmark_prover::{Control, Executed, Prover, Work};
use proofmark_prover_risc0::Risc0;
use support::{Job, example_file};

fn main() {
    let prover = Risc0::default();
    println!("{:<22} {:>12} {:>12} {:>12} {:>10}", "", "user cycles", "paging", "total", "requests");
    let empty = Job::empty(&prover);
    let row = |name: &str, executed: &Executed, bytes: usize| {
        let (user, paging) = cycles(executed);
        println!("{name:<22} {user:>12} {paging:>12} {:>12} {bytes:>10}", executed.work.total());
    };
    let ours = |job: &Job| {
        // For experiments: another build of the general guest.
        if let Some(path) = std::env::var_os("PROOFMARK_GUEST") {
            let request = job.encoded();
            let input = [&(request.len() as u32).to_le_bytes()[..], &request].concat();
            return prover.execute_program(&fs::read(path).unwrap(), &input, &Control::default()).unwrap();
        }
        prover.execute(&job.request(), &Control::default()).unwrap()
    };
    row("empty plan", &ours(&empty), empty.encoded().len());
    for (name, plan, data) in [
        ("stocks", "stocks/plan.yaml", "stocks/stocks.csv"),
        ("weather", "weather/plan.yaml", "weather/seattle-weather.csv"),
    ] {
        let job = Job::example(plan, data, &prover);
        let general = ours(&job);
        row(name, &general, job.encoded().len());
        let Some(program) = handwritten(name) else {
            println!("{name} by hand: not built; see benches/handwritten/README.md");
            continue;
        };
        let input = handwritten_input(name);
        let by_hand = prover.execute_program(&program, &input, &Control::default()).unwrap();
        row(&format!("{name} by hand"), &by_hand, input.len());
        let ratio = |ours: u64, theirs: u64| ours * 100 / theirs;
        let sum = |(user, paging)| user + paging;
        println!(
            "{name}: {} % of the hand-written guest's user cycles, {} % with paging",
            ratio(cycles(&general).0, cycles(&by_hand).0),
            ratio(sum(cycles(&general)), sum(cycles(&by_hand))),
        );
    }
}

/// Cycles of the program and of paging.
fn cycles(executed: &Executed) -> (u64, u64) {
    match executed.work {
        Work::Cycles { user, paging, .. } => (user, paging),
        Work::Cells { .. } => unreachable!("a virtual machine counts cycles"),
    }
}

fn handwritten(name: &str) -> Option<Vec<u8>> {
    let folder: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "../../benches/handwritten/artifacts"].iter().collect();
    fs::read(folder.join(format!("{name}.bin"))).ok()
}

/// The frame that a hand-written guest reads: its length, then rows as RISC Zero's serde writes them.
fn handwritten_input(name: &str) -> Vec<u8> {
    let tenths = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
    let words = match name {
        "stocks" => {
            let file = String::from_utf8(example_file("stocks/stocks.csv")).unwrap();
            let rows: Vec<(String, i32, i64)> = file
                .lines()
                .skip(1)
                .map(|line| {
                    let [symbol, date, price] = line.split(',').collect::<Vec<_>>()[..] else {
                        panic!("{line}")
                    };
                    let (whole, part) = price.split_once('.').unwrap_or((price, ""));
                    (symbol.to_owned(), days(date), format!("{whole}{part:0<2}").parse().unwrap())
                })
                .collect();
            risc0_zkvm::serde::to_vec(&rows).unwrap()
        }
        _ => {
            let file = String::from_utf8(example_file("weather/seattle-weather.csv")).unwrap();
            let rows: Vec<(u32, i64, i64, i64, i64, String)> = file
                .lines()
                .skip(1)
                .map(|line| {
                    let cells: Vec<_> = line.split(',').collect();
                    let date = cells[0].replace('/', "").parse().unwrap();
                    let [rain, max, min, wind] = [1, 2, 3, 4].map(|at| tenths(cells[at]));
                    (date, rain, max, min, wind, cells[5].to_owned())
                })
                .collect();
            risc0_zkvm::serde::to_vec(&rows).unwrap()
        }
    };
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    [&(bytes.len() as u32).to_le_bytes()[..], &bytes].concat()
}

/// `Jan 1 2000` as days since 1970.
fn days(text: &str) -> i32 {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let [month, day, year] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let month = MONTHS.find(month).unwrap() / 3 + 1;
    calendar::days(year.parse().unwrap(), month as u32, day.parse().unwrap()).unwrap()
}
