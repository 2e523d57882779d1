//! The guest does what the native executor does, to the byte of the journal and to the words of an error: on random typed plans,
//! by execution without proof.

#![allow(missing_docs, clippy::unwrap_used)]

use proofmark_core::{Claim, Digest, Limits, PlanClaim, Usage};
use proofmark_plan::{
    check::check,
    commit,
    exec::NoCustom,
    guest::{self, Known, Request},
    testing::plan_and_inputs,
};
use proofmark_prover::{Control, ProveError, ProveRequest, Prover};
use proofmark_prover_risc0::Risc0;

const PLANS: u64 = 500;

#[test]
#[ignore = "heavy: needs r0vm and some minutes"]
fn the_guest_agrees_on_random_plans() {
    let prover = Risc0::default();
    let version = prover.program().unwrap().version;
    // Executions are not compared with a claim, so any claim will do.
    let unread = Claim::Plan(PlanClaim {
        plan: Digest::of(b""),
        job: None,
        inputs: Vec::new(),
        output: Digest::of(b""),
        limits: Some(Limits { max_memory_bytes: 0, max_cycles: 0, max_output_bytes: 0, max_steps: 0 }),
        usage: Some(Usage::default()),
    });
    let (mut succeeded, mut failed, mut cycles) = (0, 0, 0);
    for seed in 0..PLANS {
        let (plan, values) = plan_and_inputs(seed);
        let typed = check(&plan).unwrap().typed;
        let inputs: Vec<_> = values.into_iter().map(|value| (value, [seed as u8; 32])).collect();
        let request =
            Request { plan: &plan, typed: &typed, job: None, inputs: &inputs, output_salt: [0; 32] };
        let roots = inputs
            .iter()
            .zip(&typed.inputs)
            .map(|((value, salt), input)| (value.clone(), commit::root(value, input.rows_per_leaf, salt)));
        let known = Known { typed: &typed, job: None, output_salt: [0; 32], program_version: version };
        let native = guest::run_values(&known, roots.collect(), &NoCustom, &mut ());

        let request = ProveRequest { claim: &unread, request };
        match (native, prover.execute(&request, &Control::default())) {
            (Ok(outcome), Ok(executed)) => {
                assert_eq!(executed.journal, outcome.journal.encode(), "seed {seed}");
                succeeded += 1;
                cycles += executed.work.user_cycles().unwrap();
            }
            (Err(error), Err(ProveError::GuestRejected { message })) => {
                assert_eq!(message, error.to_string(), "seed {seed}");
                failed += 1;
            }
            (native, guest) => panic!("seed {seed}: native {native:?}, guest {guest:?}"),
        }
    }
    println!("{succeeded} plans agree, {failed} fail alike; {} cycles on average", cycles / succeeded.max(1));
    assert!(succeeded > PLANS / 2);
}
