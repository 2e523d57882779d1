//! With RISC Zero's real server: what every prover must do, limits in the middle of a proof, servers that misbehave.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use proofmark_core::Receipt;
use proofmark_plan::document;
use proofmark_prover::{Control, Gpu, Phase, Progress, ProveError, Proved, Prover, testing};
use proofmark_prover_risc0::{Options, PROGRAM_BINARY, Risc0};
use support::Job;

fn prove(prover: &Risc0, job: &Job, control: &Control<'_>) -> Result<Proved, ProveError> {
    prover.prove(&job.request(), control)
}

/// Processes of r0vm that descend from this test, by their command lines.
fn servers() -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let is_zombie = stat.contains(") Z ");
        let parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        if !is_zombie
            && parent == Some(std::process::id())
            && String::from_utf8_lossy(&line).contains("--receipt")
        {
            found.push(id);
        }
    }
    found
}

#[test]
fn it_passes_the_suite() {
    let prover = Risc0::default();
    for job in [
        Job::empty(&prover),
        Job::example("stocks/plan.yaml", "stocks/stocks.csv", &prover),
        Job::example("weather/plan.yaml", "weather/seattle-weather.csv", &prover),
        Job::example("weather/hottest.yaml", "weather/seattle-weather.csv", &prover),
        Job::example("signals/plan.yaml", "signals/ohlc.json", &prover),
    ] {
        testing::suite(&prover, &job.request());
    }
}

#[test]
fn damaged_input_is_refused_and_the_server_works_on() {
    let prover = Risc0::default();
    let job = Job::example("stocks/plan.yaml", "stocks/stocks.csv", &prover);
    let input = job.encoded();
    let framed = |input: &[u8]| [&(input.len() as u32).to_le_bytes()[..], input].concat();
    let (program, control) = (PROGRAM_BINARY, Control::default());
    for damaged in [&[][..], &[0xff; 64], &input[..input.len() / 2]] {
        let result = prover.execute_program(program, &framed(damaged), &control);
        assert!(matches!(result, Err(ProveError::GuestRejected { .. })), "{result:?}");
    }
    prover.execute_program(program, &framed(&input), &control).unwrap();
}

/// One test, so that the server is at work once at a time.
#[test]
fn a_proof_is_stopped_in_its_middle() {
    let cache = tempfile::tempdir().unwrap();
    let prover = Risc0::new(Options { cache: Some(cache.path().into()), ..Options::default() });
    let job = Job::empty(&prover);

    let control = Control { deadline: Some(Duration::from_secs(3)), ..Control::default() };
    let start = Instant::now();
    let result = prove(&prover, &job, &control);
    assert!(matches!(result, Err(ProveError::DeadlineExceeded { .. })), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(8));
    assert!(servers().is_empty());

    let cancelled = Control::default();
    let token = cancelled.cancel.clone();
    let begun = AtomicBool::new(false);
    let sink = |progress: Progress| {
        if matches!(progress.phase, Phase::Prove { .. }) {
            begun.store(true, Ordering::Relaxed);
            token.cancel();
        }
    };
    let result = prove(&prover, &job, &Control { progress: Some(&sink), ..cancelled });
    assert!(matches!(result, Err(ProveError::Cancelled { .. })), "{result:?}");
    assert!(begun.load(Ordering::Relaxed));
    assert!(servers().is_empty());

    let killed = thread::scope(|scope| {
        let proof = scope.spawn(|| prove(&prover, &job, &Control::default()));
        let id = loop {
            if let [id] = servers()[..] {
                break id;
            }
            thread::sleep(Duration::from_millis(50));
        };
        thread::sleep(Duration::from_secs(2));
        let status = std::process::Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
        assert!(status.success());
        proof.join().unwrap()
    });
    match killed {
        Err(ProveError::Crashed { exit, .. }) => assert!(exit.contains("signal 9"), "{exit}"),
        other => panic!("{other:?}"),
    }
    assert!(servers().is_empty());
}

#[test]
fn a_missing_server_is_told_with_what_to_do() {
    let prover = Risc0::new(Options { server: Some("/nonexistent/r0vm".into()), ..Options::default() });
    let error = prover.availability().unwrap_err();
    assert!(matches!(error, ProveError::NotInstalled { .. }), "{error}");
}

#[test]
fn another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(folder.path(), "echo risc0-r0vm 1.2.0");
    let prover = Risc0::new(Options { server: Some(path), ..Options::default() });
    match prover.availability().unwrap_err() {
        ProveError::WrongVersion { found, needed, .. } => {
            assert_eq!((found.as_str(), needed.as_str()), ("1.2.0", proofmark_prover_risc0::VERSION));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_gpu_that_is_not_there_is_refused() {
    let prover = Risc0::new(Options { gpu: Gpu::On, ..Options::default() });
    if Path::new("/dev/nvidia0").exists() {
        return;
    }
    let error = prover.availability().unwrap_err();
    assert!(matches!(error, ProveError::GpuUnavailable { .. }), "{error}");
    let info = Risc0::new(Options { gpu: Gpu::Off, ..Options::default() }).availability().unwrap();
    assert!(!info.uses_gpu && info.gpu.starts_with("off"));
}

#[test]
fn a_server_that_talks_nonsense_or_dies_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let version =
        format!("[ \"$1\" = --version ] && echo risc0-r0vm {} && exit 0", proofmark_prover_risc0::VERSION);
    for (body, expected) in [
        ("exit 7", "exit code 7"),
        ("kill -11 $$", "signal 11"),
        ("printf '\\377\\377\\377\\377' >&0; cat >/dev/null", "answer"),
    ] {
        let path = script(folder.path(), &format!("{version}\n{body}"));
        let prover = Risc0::new(Options { server: Some(path), ..Options::default() });
        let job = Job::empty(&prover);
        let error = prove(&prover, &job, &Control::default()).unwrap_err();
        assert!(
            matches!(
                error,
                ProveError::Crashed { .. } | ProveError::BadOutput { .. } | ProveError::Io { .. }
            ),
            "{error}"
        );
        assert!(error.to_string().contains(expected), "{error}");
    }
}

fn script(folder: &Path, body: &str) -> std::path::PathBuf {
    let path = folder.join("r0vm");
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// One real proof, about a minute, of the plan in `tests/fixtures/best-sellers`. With `PROOFMARK_WRITE_FIXTURES=1` it writes the
/// receipt there, from which other tests are made; do so when the program's id has changed.
#[test]
#[ignore = "one real proof, a minute or more"]
fn a_real_proof() {
    let prover = Risc0::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/best-sellers");
    let plan = fs::read_to_string(folder.join("plan.json")).unwrap();
    let job = Job::new(&plan, "plan.json", &fs::read(folder.join("sales.csv")).unwrap(), &prover);
    let request = job.request();
    let proved = testing::proof(&prover, &request);
    println!("{:?}", proved.stats);
    assert_eq!(proved.stats.parameters["receiptKind"], "composite");
    assert!(prover.estimate(&prover.execute(&request, &Control::default()).unwrap()).calibrated);
    assert!(servers().is_empty());

    let tool = concat!("proofmark ", env!("CARGO_PKG_VERSION"));
    let receipt = Receipt {
        version: Receipt::VERSION,
        claim: job.claim.clone(),
        evidence: proved.evidence.clone(),
        provenance: proved.stats.provenance(tool),
    };
    let size = receipt.to_cbor().len();
    let segments = proved.stats.work.parts();
    println!("{segments} segments, receipt of {size} bytes");
    assert!(size as u64 <= 300_000 * segments, "{size}");
    if std::env::var_os("PROOFMARK_WRITE_FIXTURES").is_some() {
        fs::write(folder.join("receipt.json"), receipt.to_json()).unwrap();
        fs::write(folder.join("receipt.cbor"), receipt.to_cbor()).unwrap();
        fs::write(folder.join("output.json"), document::write(&job.output)).unwrap();
    }
}
