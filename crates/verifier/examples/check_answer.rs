//! What a client does with an answer and its binding receipt: no network, no secret, no prover.
//!
//! ```text
//! cargo run -p proofmark-verifier --example check_answer -- receipt.json KEY-ID job.json answer.txt
//! ```
//!
//! `KEY-ID` is what the provider publishes and `proofmark binding key show` prints: `sha256:…`.

use std::{error::Error, fs, process::ExitCode};

use proofmark_core::{Job, Verdict};
use proofmark_registry::Registry;
use proofmark_verifier::{BindingPolicy, Expectations, ExpectedOutput, Policy, Verifier};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [receipt, key, job, answer] = &args[..] else {
        return Err("usage: check_answer RECEIPT KEY-ID JOB ANSWER".into());
    };
    // Who trusts no key and expects nothing learns only that some four digests belong together.
    let policy = Policy {
        binding: Some(BindingPolicy { keys: [key.parse()?].into(), ..BindingPolicy::default() }),
        ..Policy::default()
    };
    let expectations = Expectations {
        job: Some(Job::parse(&fs::read(job)?)?.digest()),
        output: Some(ExpectedOutput::Document(fs::read(answer)?)),
        ..Expectations::default()
    };
    let registry = Registry::embedded();
    match Verifier::new(&registry).verify(&fs::read(receipt)?, &policy, &expectations) {
        Verdict::Valid { proves, does_not_prove, .. } => {
            println!("valid\nproves: {proves}\ndoes not prove: {does_not_prove}");
            Ok(ExitCode::SUCCESS)
        }
        Verdict::Invalid { reason, detail } => {
            println!("invalid {reason}: {detail}");
            Ok(ExitCode::FAILURE)
        }
    }
}
