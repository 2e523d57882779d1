//! Many at once: batches of proofs to verify, and the service under load.

use std::{
    collections::VecDeque,
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use proofmark_binding::{
    evidence,
    manager::{KeyManager, LoadedKey},
    receipt::{Bound, bind},
    service::{Options, Service},
};
use proofmark_core::Claim;
use proofmark_measure::{self as measure, Memory};

use crate::{
    facts,
    table::{Table, Times, millis},
};

/// How long the service is kept busy.
const TIME: Duration = Duration::from_secs(5);

/// Batches of several sizes, and one with a bad member.
pub(crate) fn batch(key: &LoadedKey, table: &mut Table) {
    let mut bounds: Vec<Bound> = (0..1000).map(|seed| bind(key, &facts(seed)).expect("proves")).collect();
    for size in [10, 100, 1000] {
        let items: Vec<_> = bounds[..size].iter().map(|bound| (&bound.claim, &bound.evidence)).collect();
        let times = Times::of((5000 / size).min(100), |_| {
            assert!(evidence::check_batch(&items).iter().all(Result::is_ok));
        });
        let each = |ms: f64| ms / size as f64;
        println!(
            "{:<26} best {:>7.3}  p50 {:>7.3}  CPU {:>7.3} ms a proof",
            format!("batch of {size}"),
            each(times.ms(0)),
            each(times.ms(50)),
            each(times.cpu_ms())
        );
        if size == 1000 {
            table.below("open: batch of 1,000, a proof, p50", each(times.ms(50)), 0.35, "ms");
        }
    }
    bounds[777].claim = Claim::Binding(facts(5000));
    let items: Vec<_> = bounds.iter().map(|bound| (&bound.claim, &bound.evidence)).collect();
    let start = Instant::now();
    let results = evidence::check_batch(&items);
    let time = start.elapsed();
    let bad: Vec<_> = (0..results.len()).filter(|at| results[*at].is_err()).collect();
    assert_eq!(bad, [777]);
    println!("{:<26} {:>12.3} ms a proof to find it", "one bad among 1000", millis(time) / 1000.0);
}

/// One caller after the other, then ten at once; then the same again from the cache.
pub(crate) fn service(path: &Path, table: &mut Table) {
    let keys = Arc::new(KeyManager::open(path, None).expect("a good key"));
    for (workers, callers, target) in [(1, 1, 100.0), (2, 10, 180.0)] {
        let service =
            Service::start(Arc::clone(&keys), Options { workers, queue: 64, cache_bytes: 16 << 20 });
        let mut tickets = VecDeque::new();
        let (mut asked, mut done) = (0u64, 0u64);
        let (start, cpu) = (Instant::now(), measure::cpu_time());
        let mut most = Memory::default();
        while start.elapsed() < TIME {
            while tickets.len() < callers {
                tickets.push_back(service.submit(&facts(asked)).expect("room"));
                asked += 1;
            }
            tickets.pop_front().expect("filled").wait().expect("proves");
            done += 1;
            if done % 8 == 0 {
                let now = measure::memory();
                most = if now.resident > most.resident { now } else { most };
            }
        }
        let rate = done as f64 / start.elapsed().as_secs_f64();
        let cpu_each = millis(measure::cpu_time() - cpu) / done as f64;
        println!(
            "{:<26} {rate:>9.0} proofs a second, CPU {cpu_each:.2} ms each; {workers} core(s) could do {:.0}",
            format!("{callers} caller(s), {workers} worker(s)"),
            workers as f64 * 1e3 / cpu_each
        );
        drop(tickets);
        let what = if workers == 1 { "one after the other" } else { "two cores" };
        table.at_least(&format!("open: throughput, {what}"), rate, target, "a second");
        if workers == 2 {
            let [all, own] = [most.resident, most.own].map(|bytes| bytes as f64 / 1e6);
            println!("{:<26} {all:>9.1} MB, {own:.1} of them its own", "resident memory");
            table.below("keys, cache and 10 in flight", all, 64.0, "MB");
            let warm = facts(0);
            service.prove(&warm).expect("proves");
            let (start, mut hits) = (Instant::now(), 0u64);
            while start.elapsed() < Duration::from_secs(2) {
                for _ in 0..1000 {
                    black_box(service.prove(&warm).expect("cached"));
                }
                hits += 1000;
            }
            let rate = hits as f64 / start.elapsed().as_secs_f64();
            println!("{:<26} {rate:>9.0} a second, one thread", "cache hits");
            table.at_least("cache hits", rate, 1e6, "a second");
        }
    }
}
