//! `cargo xtask`: what this repository needs done around the crates. Every task is a plain list of commands, printed as they
//! run, and can be run again at any time.

mod bench;
mod demo;
mod fuzz;
mod guests;
mod programs;
mod r0vm;
mod shell;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Set-up, demo, tests and measurements of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Run the stocks example: at tier 1 at once, then proved, verified and tampered with.
    Demo(demo::Args),
    /// Check everything: format, lints, licences, tests, proofs, documentation.
    Test(test::Args),
    /// Measure, and print tables.
    Bench(bench::Args),
    /// Fuzz the readers of untrusted bytes.
    Fuzz(fuzz::Args),
    /// Build the zkVM guests again and compare them with the committed programs.
    Guests(guests::Args),
    /// Build the programs for chains again and compare them with the committed ones.
    Programs(programs::Args),
    /// Install the prover server into the cache.
    Setup,
}

fn main() -> ExitCode {
    match perform(Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\x1b[31merror:\x1b[0m {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<()> {
    match task {
        Task::Demo(args) => demo::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Guests(args) => guests::run(&args),
        Task::Programs(args) => programs::run(&args),
        Task::Setup => r0vm::ensure().map(|path| println!("r0vm {}: {}", r0vm::VERSION, path.display())),
    }
}
