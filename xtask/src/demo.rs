//! The newcomer's first minutes: a result, then a proof of it, then an attempt to cheat.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    shell::{self, cargo, command, watch},
    tools,
};

/// Options of the demo.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where results go.
    #[arg(long, default_value = "out/demo")]
    out: PathBuf,
    /// Stop after tier 1.
    #[arg(long)]
    skip_proof: bool,
}

/// Runs the demo.
pub(crate) fn run(args: &Args) -> Result<()> {
    let out = shell::root().join(&args.out);
    chapter("1. Build the proofmark command (once)");
    tools::c_compiler()?;
    shell::run(cargo(["build", "--package", "proofmark-cli"])?)?;

    chapter("2. Run the stocks example at tier 1: a result and a signed commitment, at once");
    STOCKS.run(1, &out.join("tier1"))?;
    println!("\nThe result, {}:", args.out.join("tier1/output.json").display());
    print_rows(&out.join("tier1/output.json"))?;
    if args.skip_proof {
        return Ok(());
    }

    prove_and_cheat(&STOCKS, &out)?;
    println!(
        "\nThe proof stands, both forgeries fell. The receipt: {receipt}\n\
         What it says, in words: proofmark inspect {receipt}\n\
         The same by a zkVM, in half an hour: cargo xtask setup && proofmark run {} --backend risc0",
        STOCKS.plan,
        receipt = args.out.join("tier2/receipt.json").display(),
    );
    Ok(())
}

/// An example of the repository.
pub(crate) struct Example {
    plan: &'static str,
    input: &'static str,
    /// The prover.
    backend: &'static str,
    /// How long its proof takes, for a reader who wonders.
    proving: &'static str,
}

/// The example that the demo shows.
const STOCKS: Example = Example {
    plan: "examples/stocks/plan.yaml",
    input: "prices=examples/stocks/stocks.csv",
    backend: "auto",
    proving: "by the STARK over tables, in seconds",
};

/// The example that is cheapest to prove in a zkVM.
pub(crate) const SALES: Example = Example {
    plan: "examples/sales/plan.yaml",
    input: "sales=examples/sales/sales.csv",
    backend: "risc0",
    proving: "in RISC Zero's zkVM, about ten minutes on two cores",
};

/// Proves an example, verifies the receipt, and expects two forgeries of it to be refused.
pub(crate) fn prove_and_cheat(example: &Example, out: &Path) -> Result<()> {
    chapter(&format!("3. Prove it at tier 2: a real proof, {}", example.proving));
    let proved = out.join("tier2");
    example.run(2, &proved)?;

    chapter("4. Verify it, as a buyer would: offline, without the data");
    verify(&proved.join("receipt.cbor"), &proved.join("output.json"), true)?;

    chapter("5. Cheat");
    cheat(&proved, &out.join("tampered"))
}

/// The proofmark command with arguments.
pub(crate) fn proofmark(args: &[&str]) -> Result<Command> {
    Ok(command(shell::target()?.join("debug/proofmark"), args))
}

/// Flips one digit of the output and one bit of the proof, in copies, and expects both to be refused.
fn cheat(proved: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let (receipt, output) = (proved.join("receipt.cbor"), proved.join("output.json"));

    let mut text = fs::read(&output)?;
    let rows = text.windows(6).position(|window| window == b"\"rows\"").context("an output has rows")?;
    let digit = rows + text[rows..].iter().rposition(u8::is_ascii_digit).context("the rows hold a number")?;
    let forged = if text[digit] == b'9' { b'8' } else { text[digit] + 1 };
    println!(
        "A digit of the output, byte {digit}: {} becomes {}.",
        char::from(text[digit]),
        char::from(forged)
    );
    text[digit] = forged;
    let forged_output = folder.join("output.json");
    fs::write(&forged_output, text)?;
    verify(&receipt, &forged_output, false)?;

    let mut proof = fs::read(&receipt)?;
    // The proof is by far the largest part, so the middle of the receipt lies inside it.
    let middle = proof.len() / 2;
    println!(
        "\nA bit of the proof, byte {middle} of {}: {:#04x} becomes {:#04x}.",
        proof.len(),
        proof[middle],
        proof[middle] ^ 1
    );
    proof[middle] ^= 1;
    let forged_receipt = folder.join("receipt.cbor");
    fs::write(&forged_receipt, proof)?;
    verify(&forged_receipt, &output, false)
}

/// Verifies in the open and insists on the verdict: exit code 0 is valid, 1 invalid, anything else an error.
fn verify(receipt: &Path, output: &Path, valid: bool) -> Result<()> {
    let mut command = proofmark(&["verify"])?;
    command.arg(receipt).arg("--output").arg(output);
    let seen = watch(command)?;
    match (seen.code, valid) {
        (Some(0), true) => Ok(()),
        (Some(1), false) => {
            println!("Refused, as it should be.");
            Ok(())
        }
        (code, _) => bail!(
            "expected a verdict of {}, but the exit code is {code:?}",
            if valid { "valid" } else { "invalid" }
        ),
    }
}

impl Example {
    fn run(&self, tier: u8, out: &Path) -> Result<()> {
        let mut command = proofmark(&["run", self.plan, "--input", self.input])?;
        command.args(["--tier", &tier.to_string(), "--backend", self.backend, "--timeout", "3h"]);
        command.arg("--out").arg(out);
        shell::run(command)
    }
}

/// Prints the rows of an output document, one a line.
fn print_rows(output: &Path) -> Result<()> {
    let document: serde_json::Value = serde_json::from_slice(&fs::read(output)?)?;
    let rows = document["rows"].as_array().context("an output has rows")?;
    ensure!(!rows.is_empty(), "the output is empty");
    for row in rows {
        let cells = row.as_object().context("a row is an object")?;
        let cells = cells.iter().map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name} {text}"),
            None => format!("{name} {value}"),
        });
        let cells: Vec<_> = cells.collect();
        println!("  {}", cells.join(" · "));
    }
    Ok(())
}

fn chapter(title: &str) {
    println!("\n\x1b[1m{title}\x1b[0m");
}
