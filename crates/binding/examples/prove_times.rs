//! Times of proving and verifying, open and sealed, one after the other.
use std::time::Instant;

use ark_bn254::Fr;
use ark_ff::UniformRand as _;
use proofmark_binding::{
    circuit::{Form, Witness},
    phase1::PowersOfTau,
    proof::{PreparedKey, prove},
    setup::{contribute, initial},
};
use proofmark_core::{Digest, InferenceClaim};

fn main() {
    let mut rng = ark_std::test_rng();
    let powers = PowersOfTau::develop(9, Fr::rand(&mut rng), Fr::rand(&mut rng), Fr::rand(&mut rng));
    let digest = Digest::of(b"x");
    let facts = InferenceClaim { job: digest, model: digest, input: digest, output: digest };
    for form in Form::ALL {
        let mut points = initial(form, &powers).expect("enough powers");
        contribute(&mut points, &[], "bench", &mut rng);
        let start = Instant::now();
        let key = points.tabulate();
        let tables = start.elapsed();
        let prepared = PreparedKey::new(key.verifying.clone());
        let (mut times, mut verify, mut witness_times) = (Vec::new(), Vec::new(), Vec::new());
        for salt in 0..200 {
            let start = Instant::now();
            let witness = match form {
                Form::Open => Witness::open(&facts),
                Form::Sealed => Witness::sealed(&facts, salt),
            };
            witness_times.push(start.elapsed());
            let (r, s) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
            let start = Instant::now();
            let proof = prove(&key, &witness, r, s);
            times.push(start.elapsed());
            let start = Instant::now();
            assert!(prepared.holds(&proof, &witness.public));
            verify.push(start.elapsed());
        }
        for (name, times) in [("witness", &mut witness_times), ("prove", &mut times), ("verify", &mut verify)]
        {
            times.sort();
            println!("{} {name}: min {:?} p50 {:?} p99 {:?}", form.name(), times[0], times[100], times[198]);
        }
        println!("{} tables: {tables:?}", form.name());
    }
}
