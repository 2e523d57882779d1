//! The figures of binding proofs, with the machine's name: `cargo xtask bench binding`.
//!
//! Measures, on real key files: load and first proof, witness, proof (with and without the prover's own check), verification single
//! and in batches, throughput, cache hits, memory, sizes, and arkworks' stock prover on the same statements in the same run.
//! `--soak N [--workers N]` makes N proofs in the service and watches memory.

mod machine;
mod soak;

use std::{
    fs,
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use ark_bn254::{Bn254, Fr};
use ark_ff::UniformRand as _;
use ark_groth16::{Groth16, r1cs_to_qap::LibsnarkReduction};
use proofmark_binding::{
    ceremony::{SystemRng, development_key},
    circuit::{Form, Witness},
    evidence,
    key::Points,
    keyfile,
    manager::{KeyManager, LoadedKey},
    proof::prove,
    receipt::{Bound, bind, prove_witness},
    service::{Options, Service},
};
use proofmark_core::{Digest, InferenceClaim};

const ROUNDS: usize = 1000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    println!("{}", machine::name());
    let folder = std::env::temp_dir().join(format!("proofmark-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    match number("--soak") {
        Some(proofs) => soak::run(&folder, proofs, number("--workers").map_or(1, |n| n as usize)),
        None => figures(&folder, number("--rounds").map_or(ROUNDS, |rounds| rounds as usize)),
    }
    let _ = fs::remove_dir_all(&folder);
}

fn figures(folder: &Path, rounds: usize) {
    for form in Form::ALL {
        println!("\n{} form", form.name());
        let points = development_key(form);
        let start = Instant::now();
        let key = points.tabulate();
        println!("tables built in         {:>9.1} ms", millis(start.elapsed()));
        let path = folder.join(form.name());
        keyfile::install(&path, &keyfile::encode_proving_key(&key)).expect("writes");
        println!("proving key file        {:>9} bytes", fs::metadata(&path).expect("there").len());
        drop(key);
        load(&path);
        let key = LoadedKey::load(&path, None).expect("a good key");
        single(&key, form, rounds);
        reference(&points, &key, form, rounds.min(100));
        if form == Form::Open {
            batch(&key);
            service(&path);
        }
    }
}

/// From a file to a key, and to the first proof of a process that has nothing warm but the page cache.
fn load(path: &Path) {
    let start = Instant::now();
    let key = LoadedKey::load(path, None).expect("a good key");
    let loaded = start.elapsed();
    bind(&key, &facts(0)).expect("proves");
    println!("first load, first proof {:>9.1} ms, {:.1} ms", millis(loaded), millis(start.elapsed()));
    report("load", &mut times(100, |_| drop(black_box(LoadedKey::load(path, None)))));
}

fn single(key: &LoadedKey, form: Form, rounds: usize) {
    report("witness", &mut times(rounds, |seed| drop(black_box(witness(form, seed)))));
    let rng = &mut SystemRng;
    report(
        "prove",
        &mut times(rounds, |seed| {
            black_box(prove(&key.proving, &witness(form, seed), Fr::rand(rng), Fr::rand(rng)));
        }),
    );
    report(
        "prove and check",
        &mut times(rounds, |seed| {
            black_box(prove_witness(key, &witness(form, seed)).expect("proves"));
        }),
    );
    let bound = bind(key, &facts(1)).expect("proves");
    report(
        "verify",
        &mut times(rounds, |_| {
            evidence::check(&bound.claim, &bound.evidence).expect("holds");
        }),
    );
    let receipt = bound.receipt("bench", None);
    println!(
        "sizes                   proof {} bytes, key in the receipt {}, receipt {} as CBOR, {} as JSON",
        bound.evidence.proof.len(),
        bound.evidence.key.len(),
        receipt.to_cbor().len(),
        receipt.to_json().len()
    );
}

/// arkworks' stock prover and verifier on the same statements, one after the other with ours.
fn reference(points: &Points, key: &LoadedKey, form: Form, rounds: usize) {
    let reference = reference_key(points);
    let r1cs = form.r1cs();
    let rng = &mut SystemRng;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    let mut proof = None;
    for seed in 0..rounds as u64 {
        let witness = witness(form, seed);
        let (r, s) = (Fr::rand(rng), Fr::rand(rng));
        let start = Instant::now();
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
        let start = Instant::now();
        let same = prove(&key.proving, &witness, r, s);
        ours.push(start.elapsed());
        let made = made.expect("proves");
        assert_eq!((made.a, made.b, made.c), (same.a, same.b, same.c), "one proof from one randomness");
        proof = Some((made, witness.public.clone()));
    }
    report("arkworks prove", &mut theirs);
    report("ours, same statements", &mut ours);
    println!("ratio of medians        {:>9.2}", millis(theirs[rounds / 2]) / millis(ours[rounds / 2]));
    let (proof, public) = proof.expect("at least one round");
    let prepared = ark_groth16::prepare_verifying_key(&reference.vk);
    report(
        "arkworks verify",
        &mut times(rounds, |_| {
            assert!(Groth16::<Bn254>::verify_proof(&prepared, &proof, &public).expect("well-formed"));
        }),
    );
}

fn batch(key: &LoadedKey) {
    let bounds: Vec<Bound> = (0..1000).map(|seed| bind(key, &facts(seed)).expect("proves")).collect();
    for size in [10, 100, 1000] {
        let items: Vec<_> = bounds[..size].iter().map(|bound| (&bound.claim, &bound.evidence)).collect();
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let start = Instant::now();
            assert!(evidence::check_batch(&items).iter().all(Result::is_ok));
            best = best.min(start.elapsed());
        }
        println!("batch of {size:<4}           {:>9.3} ms a proof", millis(best) / size as f64);
    }
    let mut bounds = bounds;
    bounds[777].claim = proofmark_core::Claim::Binding(facts(5000));
    let items: Vec<_> = bounds.iter().map(|bound| (&bound.claim, &bound.evidence)).collect();
    let start = Instant::now();
    let bad: Vec<_> = evidence::check_batch(&items)
        .iter()
        .enumerate()
        .filter(|(_, r)| r.is_err())
        .map(|(at, _)| at)
        .collect();
    assert_eq!(bad, [777]);
    println!("one bad among 1000      {:>9.3} ms a proof to find it", millis(start.elapsed()) / 1000.0);
}

fn service(path: &Path) {
    let keys = Arc::new(KeyManager::open(path, None).expect("a good key"));
    for workers in [1, 2] {
        let options = Options { workers, queue: 64, cache_bytes: 16 << 20 };
        let service = Service::start(Arc::clone(&keys), options);
        let time = Duration::from_secs(5);
        let start = Instant::now();
        let mut tickets = std::collections::VecDeque::new();
        let (mut asked, mut done) = (0u64, 0u64);
        while start.elapsed() < time {
            // One worker stands for one caller after the other; more keep ten waiting.
            while tickets.len() < if workers == 1 { 1 } else { 10 } {
                tickets.push_back(service.submit(&facts(asked)).expect("room"));
                asked += 1;
            }
            tickets.pop_front().expect("filled").wait().expect("proves");
            done += 1;
        }
        println!(
            "service, {workers} worker(s)    {:>9.0} proofs a second",
            done as f64 / start.elapsed().as_secs_f64()
        );
        drop(tickets);
        if workers == 2 {
            println!(
                "resident memory         {:>9.1} MB (key, cache, 10 in flight)",
                machine::resident_mb().0
            );
            let warm = facts(0);
            service.prove(&warm).expect("proves");
            let (start, mut hits) = (Instant::now(), 0u64);
            while start.elapsed() < Duration::from_secs(2) {
                for _ in 0..1000 {
                    black_box(service.prove(&warm).expect("cached"));
                }
                hits += 1000;
            }
            println!(
                "cache hits              {:>9.0} a second, one thread",
                hits as f64 / start.elapsed().as_secs_f64()
            );
        }
    }
}

fn witness(form: Form, seed: u64) -> Witness {
    match form {
        Form::Open => Witness::open(&facts(seed)),
        Form::Sealed => Witness::sealed(&facts(seed), u128::from(seed)),
    }
}

fn facts(seed: u64) -> InferenceClaim {
    let digest = |part: u8| Digest::of(&[&seed.to_be_bytes()[..], &[part]].concat());
    InferenceClaim { job: digest(0), model: digest(1), input: digest(2), output: digest(3) }
}

fn times(rounds: usize, mut work: impl FnMut(u64)) -> Vec<Duration> {
    (0..rounds as u64)
        .map(|seed| {
            let start = Instant::now();
            work(seed);
            start.elapsed()
        })
        .collect()
}

fn report(name: &str, times: &mut [Duration]) {
    times.sort();
    let at = |percent: usize| millis(times[(times.len() * percent / 100).min(times.len() - 1)]);
    println!(
        "{name:<23} min {:>8.3}  p50 {:>8.3}  p95 {:>8.3}  p99 {:>8.3} ms  of {}",
        at(0),
        at(50),
        at(95),
        at(99),
        times.len()
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn reference_key(points: &Points) -> ark_groth16::ProvingKey<Bn254> {
    use ark_ec::AffineRepr as _;
    ark_groth16::ProvingKey {
        vk: ark_groth16::VerifyingKey {
            alpha_g1: points.verifying.alpha,
            beta_g2: points.verifying.beta,
            gamma_g2: ark_bn254::G2Affine::generator(),
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
