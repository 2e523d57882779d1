//! A long run: many proofs through the service, keys taken anew in between, memory watched.

use std::{collections::VecDeque, path::Path, sync::Arc, time::Instant};

use proofmark_binding::{
    ceremony::development_key,
    circuit::Form,
    keyfile,
    manager::KeyManager,
    service::{Options, Service},
};
use proofmark_measure as measure;

use crate::facts;

/// Lines that are printed, and times that the key is exchanged.
const STEPS: u64 = 40;

/// Every proof is checked by the prover, as always; every hundredth once more as a verifier does.
///
/// # Panics
/// If a proof fails or memory grows: after a quarter of the run everything that the service keeps is there.
pub(crate) fn run(folder: &Path, proofs: u64, workers: usize) {
    let path = folder.join("open");
    let keys = [(); 2].map(|()| keyfile::encode_proving_key(&development_key(Form::Open).tabulate()));
    keyfile::install(&path, &keys[0]).expect("writes");
    let manager = Arc::new(KeyManager::open(&path, None).expect("a good key"));
    let service = Service::start(manager, Options { workers, queue: 64, cache_bytes: 4 << 20 });
    println!("{proofs} proofs, {workers} worker(s), a new key every {} proofs", (proofs / STEPS).max(1));
    let start = Instant::now();
    let mut tickets = VecDeque::new();
    let (mut asked, mut memory, mut verified) = (0, Vec::new(), 0u64);
    for done in 1..=proofs {
        while tickets.len() < 16 && asked < proofs {
            tickets.push_back(service.submit(&facts(asked)).expect("room"));
            asked += 1;
        }
        let bound = tickets.pop_front().expect("filled").wait().expect("proves");
        if done % 100 == 0 {
            service.verify(&bound.claim, &bound.evidence).expect("holds");
            verified += 1;
        }
        if done % (proofs / STEPS).max(1) == 0 {
            let memory_now = measure::memory();
            let [all, own] = [memory_now.resident, memory_now.own].map(|bytes| bytes as f64 / 1e6);
            memory.push(all);
            println!(
                "{done:>9} proofs  {:>8.1} s  {:>8.1} s CPU  {all:>6.1} MB resident, {own:>5.1} MB of them its own  cache {:.1} MB  load {:.2}",
                start.elapsed().as_secs_f64(),
                measure::cpu_time().as_secs_f64(),
                service.cache_bytes() as f64 / 1e6,
                measure::load(),
            );
            keyfile::install(&path, &keys[memory.len() % 2]).expect("writes");
            service.reload_key().expect("a good key");
        }
    }
    let (quarter, last) = (memory[memory.len() / 4], memory[memory.len() - 1]);
    let most = memory[memory.len() / 4..].iter().copied().fold(0.0, f64::max);
    println!(
        "{proofs} proofs, each checked, {verified} verified again, {} keys; memory after a quarter {quarter:.1} MB, most {most:.1} MB, at the end {last:.1} MB",
        memory.len() + 1
    );
    assert!(most < quarter * 1.1 + 1.0, "memory is not flat");
}
