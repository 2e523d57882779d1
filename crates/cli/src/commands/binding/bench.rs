//! `proofmark binding bench`: what this machine does with this key.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use proofmark_binding::{
    circuit::{Form, Witness},
    evidence,
    receipt::{bind, prove_witness},
    service::{Options, Service},
};
use proofmark_core::{Digest, InferenceClaim};
use proofmark_prover::CancelToken;
use serde::Serialize;

use super::files::{FormArg, failed, settings};
use crate::{
    cancel,
    config::Config,
    error::Error,
    ui::{Facts, Ui, duration, grouped},
};

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Times of one after the other, then proofs a second on all cores. The machine should have nothing else to do.

Example: proofmark binding bench --seconds 10")]
pub(crate) struct BenchArgs {
    /// Which key
    #[arg(long, value_enum, default_value = "open", hide_possible_values = true, value_name = "open|sealed")]
    form: FormArg,
    /// The proving key, instead of the configured one
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// How long each part measures, in seconds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    form: FormArg,
    key: Digest,
    dev: bool,
    load_us: u64,
    first_proof_us: u64,
    witness: Times,
    /// Proof and its check, which no proof leaves without.
    prove: Times,
    verify: Times,
    proofs_per_second: u64,
    workers: usize,
    cache_hits_per_second: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Times {
    count: usize,
    min_us: u64,
    p50_us: u64,
    p95_us: u64,
    p99_us: u64,
}

pub(crate) fn execute(args: &BenchArgs, config: &Config, ui: &Ui, stop: &CancelToken) -> Result<u8, Error> {
    let form = Form::from(args.form);
    let settings = settings(form, args.key.as_deref(), config)?;
    let time = Duration::from_secs(args.seconds);
    let progress = ui.progress();
    let start = Instant::now();
    let keys = Arc::new(settings.keys().map_err(failed)?);
    let load_us = micros(start.elapsed());
    let key = keys.current();
    if key.form() != form {
        return Err(Error::usage(
            format!("the key is for the {} form", key.form().name()),
            "say so with --form",
        ));
    }
    let first = bind(&key, &facts(0)).map_err(failed)?;
    let first_proof_us = micros(start.elapsed());
    let measure = |phase: &str, work: &mut dyn FnMut(u64) -> Result<(), Error>| {
        progress.phase(phase);
        cancel::watching(|| times(time, stop, work))
    };
    let witness = measure("witness", &mut |seed| {
        std::hint::black_box(make(form, seed));
        Ok(())
    })?;
    let prove =
        measure("prove", &mut |seed| prove_witness(&key, &make(form, seed)).map(|_| ()).map_err(failed))?;
    let verify = measure("verify", &mut |_| {
        evidence::check(&first.claim, &first.evidence).map_err(|error| Error::Prover {
            code: "prover-bad-output",
            message: error.to_string(),
            hint: None,
        })
    })?;

    progress.phase("all cores");
    let options = Options::default();
    let service = Service::start(Arc::clone(&keys), options);
    let start = Instant::now();
    let mut done = 0u64;
    let mut tickets = std::collections::VecDeque::new();
    cancel::watching(|| -> Result<(), Error> {
        while start.elapsed() < time && !stop.is_cancelled() {
            while tickets.len() < 4 * options.workers {
                tickets.push_back(service.submit(&facts(done + tickets.len() as u64 + 1)).map_err(failed)?);
            }
            let ticket = tickets.pop_front().expect("it was just filled");
            ticket.wait().map_err(|error| Error::Prover {
                code: "prover-failed",
                message: error.to_string(),
                hint: None,
            })?;
            done += 1;
        }
        Ok(())
    })?;
    let proofs_per_second = rate(done, start.elapsed());
    drop(tickets);
    let warm = facts(1);
    let start = Instant::now();
    let mut hits = 0u64;
    while start.elapsed() < time.min(Duration::from_secs(1)) && !stop.is_cancelled() {
        for _ in 0..1000 {
            let _ = std::hint::black_box(service.prove(&warm));
        }
        hits += 1000;
    }
    let cache_hits_per_second = rate(hits, start.elapsed());
    progress.finish();
    if stop.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let answer = Answer {
        form: args.form,
        key: key.id,
        dev: key.is_dev(),
        load_us,
        first_proof_us,
        witness,
        prove,
        verify,
        proofs_per_second,
        workers: options.workers,
        cache_hits_per_second,
    };
    ui.answer(&answer, |ui| render(ui, &answer));
    Ok(0)
}

fn times(
    time: Duration,
    stop: &CancelToken,
    work: &mut dyn FnMut(u64) -> Result<(), Error>,
) -> Result<Times, Error> {
    /// More than anybody needs, and a bound on memory.
    const MOST: usize = 100_000;
    let end = Instant::now() + time;
    let mut micros_each = Vec::new();
    while (Instant::now() < end && micros_each.len() < MOST) || micros_each.is_empty() {
        if stop.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let start = Instant::now();
        work(micros_each.len() as u64)?;
        micros_each.push(micros(start.elapsed()));
    }
    micros_each.sort_unstable();
    let count = micros_each.len();
    let at = |percent: usize| micros_each[(count * percent / 100).min(count - 1)];
    Ok(Times { count, min_us: at(0), p50_us: at(50), p95_us: at(95), p99_us: at(99) })
}

fn facts(seed: u64) -> InferenceClaim {
    let digest = |part: u8| Digest::of(&[&seed.to_be_bytes()[..], &[part]].concat());
    InferenceClaim { job: digest(0), model: digest(1), input: digest(2), output: digest(3) }
}

fn make(form: Form, seed: u64) -> Witness {
    match form {
        Form::Open => Witness::open(&facts(seed)),
        Form::Sealed => Witness::sealed(&facts(seed), u128::from(seed)),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn rate(count: u64, time: Duration) -> u64 {
    (count as f64 / time.as_secs_f64().max(1e-9)) as u64
}

fn render(ui: &Ui, answer: &Answer) -> String {
    let text = |us: u64| duration(Duration::from_micros(us));
    let times = |times: &Times| {
        format!(
            "p50 {}, p95 {}, p99 {}, best {} (of {})",
            text(times.p50_us),
            text(times.p95_us),
            text(times.p99_us),
            text(times.min_us),
            grouped(times.count as u64)
        )
    };
    let mut facts = Facts::default();
    facts.add("key", format!("{}{}", answer.key, if answer.dev { " (development)" } else { "" }));
    facts.add("load", format!("{}, first proof after {}", text(answer.load_us), text(answer.first_proof_us)));
    facts.add("witness", times(&answer.witness));
    facts.add("prove", times(&answer.prove));
    facts.add("verify", times(&answer.verify));
    facts.add(
        "throughput",
        format!("{} proofs a second with {} workers", grouped(answer.proofs_per_second), answer.workers),
    );
    facts.add("cache", format!("{} hits a second", grouped(answer.cache_hits_per_second)));
    facts.render(ui, 0)
}
