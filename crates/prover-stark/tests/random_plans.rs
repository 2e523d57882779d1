//! Three machines do the same: the native executor, the guest of the zkVM by execution without proof, and the tables of
//! the STARK, on random plans of the generator that all provers share.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use proofmark_core::{Claim, Digest, InputClaim, Limits, PlanClaim, Usage};
use proofmark_plan::{
    check::check,
    commit,
    exec::NoCustom,
    guest::{self, Known, Request},
    testing::plan_and_inputs,
};
use proofmark_prover::{Control, ProveError, ProveRequest, Prover};
use proofmark_prover_risc0::Risc0;
use proofmark_prover_stark::{Level, table_digest};

/// What became of plans.
#[derive(Debug, Default)]
struct Tally {
    agree: usize,
    fail: usize,
    /// Plans that the STARK does not cover.
    uncovered: usize,
}

/// Compares so many plans within coverage; about one in fifteen is.
fn compare(plans: usize) {
    let guest = Risc0::default();
    if let Err(error) = guest.availability() {
        eprintln!("skipped, there is no prover server: {error}");
        return;
    }
    let version = guest.program().unwrap().version;
    let (stark, _cache) = support::prover(Level::Fast);
    // The guest's execution is compared with the executor and not with a claim, so any claim will do.
    let unread = Claim::Plan(PlanClaim {
        plan: Digest::of(b""),
        job: None,
        inputs: Vec::new(),
        output: Digest::of(b""),
        limits: Some(Limits { max_memory_bytes: 0, max_cycles: 0, max_output_bytes: 0, max_steps: 0 }),
        usage: Some(Usage::default()),
    });
    let mut tally = Tally::default();
    for seed in 0.. {
        if tally.agree + tally.fail >= plans {
            break;
        }
        let (plan, values) = plan_and_inputs(seed);
        let typed = check(&plan).unwrap().typed;
        let inputs: Vec<_> = values.into_iter().map(|value| (value, [seed as u8; 32])).collect();
        let request =
            Request { plan: &plan, typed: &typed, job: None, inputs: &inputs, output_salt: [7; 32] };
        if !stark.unsupported(&typed).is_empty() {
            tally.uncovered += 1;
            continue;
        }
        let roots = inputs
            .iter()
            .zip(&typed.inputs)
            .map(|((value, salt), input)| (value.clone(), commit::root(value, input.rows_per_leaf, salt)));
        let known = Known { typed: &typed, job: None, output_salt: [7; 32], program_version: version };
        let native = guest::run_values(&known, roots.collect(), &NoCustom, &mut ());

        // The tables must show the digest of the executor's output. Where it has none, they must not exist, whatever is
        // claimed.
        let roots: Vec<Digest> =
            inputs.iter().map(|(value, salt)| table_digest(value, salt).expect("a table")).collect();
        let output = match &native {
            Ok(outcome) => match stark.digests(&request, &outcome.output) {
                Ok(digests) => digests.output,
                // What only the data show: texts that are too long to be put in order, say.
                Err(ProveError::Unsupported { .. }) => {
                    tally.uncovered += 1;
                    continue;
                }
                Err(error) => panic!("seed {seed}: {error}"),
            },
            Err(_) => roots[0],
        };
        let claimed = typed.inputs.iter().zip(roots);
        let claim = Claim::Plan(PlanClaim {
            plan: typed.hash,
            job: None,
            inputs: claimed.map(|(input, root)| InputClaim { name: input.name.clone(), root }).collect(),
            output,
            limits: None,
            usage: None,
        });
        match (&native, stark.execute(&ProveRequest { claim: &claim, request }, &Control::default())) {
            (Ok(_), Ok(_)) | (Err(_), Err(ProveError::Unsupported { .. })) => {}
            (Ok(_), Err(ProveError::Unsupported { detail, .. })) if detail.contains("have one key") => {
                tally.uncovered += 1;
                continue;
            }
            (native, tables) => panic!("seed {seed}: native {native:?}, tables {tables:?}"),
        }
        let request = ProveRequest { claim: &unread, request };
        match (native, guest.execute(&request, &Control::default())) {
            (Ok(outcome), Ok(executed)) => {
                assert_eq!(executed.journal, outcome.journal.encode(), "seed {seed}");
                tally.agree += 1;
            }
            (Err(error), Err(ProveError::GuestRejected { message })) => {
                assert_eq!(message, error.to_string(), "seed {seed}");
                tally.fail += 1;
            }
            (native, guest) => panic!("seed {seed}: native {native:?}, guest {guest:?}"),
        }
        if (tally.agree + tally.fail).is_multiple_of(25) {
            eprintln!("{tally:?}, seed {seed}");
        }
    }
    eprintln!("{tally:?}");
    assert!(tally.agree > plans / 2);
}

#[test]
fn executor_guest_and_tables_agree_on_some_plans() {
    compare(4);
}

/// `PROOFMARK_RANDOM_PLANS` asks for another number.
#[test]
#[ignore = "heavy: needs r0vm and many minutes"]
fn executor_guest_and_tables_agree_on_five_hundred_plans() {
    let asked = std::env::var("PROOFMARK_RANDOM_PLANS");
    compare(asked.map_or(500, |plans| plans.parse().expect("a number of plans")));
}
