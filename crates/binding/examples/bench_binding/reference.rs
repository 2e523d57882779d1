//! arkworks' stock prover and verifier on the same statements, one after the other with ours.

use std::time::Instant;

use ark_bn254::{Bn254, Fr, G2Affine};
use ark_ec::AffineRepr as _;
use ark_ff::UniformRand as _;
use ark_groth16::{Groth16, ProvingKey, VerifyingKey, prepare_verifying_key, r1cs_to_qap::LibsnarkReduction};
use proofmark_binding::{
    ceremony::SystemRng,
    circuit::Form,
    key::Points,
    manager::LoadedKey,
    proof::{Proof, prove},
};
use proofmark_measure as measure;

use crate::{
    table::{Table, Times},
    witness,
};

/// Prints both and their ratios. Both make the same proof from the same randomness.
pub(crate) fn compare(points: &Points, key: &LoadedKey, form: Form, rounds: usize, table: &mut Table) {
    let reference = stock_key(points);
    let r1cs = form.r1cs();
    let rng = &mut SystemRng;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    let (mut their_cpu, mut our_cpu) = Default::default();
    let mut last = None;
    for seed in 0..rounds as u64 {
        let witness = witness(form, seed);
        let (r, s) = (Fr::rand(rng), Fr::rand(rng));
        let (cpu, start) = (measure::cpu_time(), Instant::now());
        let made = Groth16::<Bn254, LibsnarkReduction>::create_proof_with_reduction_and_matrices(
            &reference,
            r,
            s,
            &r1cs.rows,
            r1cs.public,
            r1cs.constraints(),
            witness.assignment(),
        );
        theirs.push(start.elapsed());
        let between = measure::cpu_time();
        their_cpu += between - cpu;
        let start = Instant::now();
        let same = prove(&key.proving, &witness, r, s);
        ours.push(start.elapsed());
        our_cpu += measure::cpu_time() - between;
        let made = made.expect("proves");
        assert_eq!((made.a, made.b, made.c), (same.a, same.b, same.c), "one proof from one randomness");
        last = Some((made, same, witness.public.clone()));
    }
    let (theirs, ours) = (Times::taken(theirs, their_cpu), Times::taken(ours, our_cpu));
    theirs.report("arkworks prove");
    ours.report("ours, same statements");
    let (proof, same, public) = last.expect("at least one round");
    let prepared = prepare_verifying_key(&reference.vk);
    let their_check = Times::of(rounds, |_| {
        assert!(Groth16::<Bn254>::verify_proof(&prepared, &proof, &public).expect("well-formed"));
    });
    their_check.report("arkworks verify");
    // The same work: points that are read already, a key that is prepared.
    let bytes = same.to_bytes();
    let our_check = Times::of(rounds, |_| assert!(key.prepared.holds(&same, &public)));
    our_check.report("ours, points at hand");
    Times::of(rounds, |_| assert!(Proof::from_bytes(&bytes).is_some())).report("reading a proof strictly");
    println!(
        "{:<26} prove {:.2} by p50, {:.2} by best, {:.2} by CPU time; verify {:.2} by p50",
        "arkworks / ours",
        theirs.ms(50) / ours.ms(50),
        theirs.ms(0) / ours.ms(0),
        theirs.cpu_ms() / ours.cpu_ms(),
        their_check.ms(50) / our_check.ms(50)
    );
    let name = format!("{}: arkworks' prover, times our p50", form.name());
    table.at_least(&name, theirs.ms(50) / ours.ms(50), 1.0, "");
}

fn stock_key(points: &Points) -> ProvingKey<Bn254> {
    ProvingKey {
        vk: VerifyingKey {
            alpha_g1: points.verifying.alpha,
            beta_g2: points.verifying.beta,
            gamma_g2: G2Affine::generator(),
            delta_g2: points.verifying.delta,
            gamma_abc_g1: points.verifying.public.clone(),
        },
        beta_g1: points.beta_g1,
        delta_g1: points.delta_g1,
        a_query: points.a.clone(),
        b_g1_query: points.b_g1.clone(),
        b_g2_query: points.b_g2.clone(),
        h_query: points.h.clone(),
        l_query: points.l.clone(),
    }
}
