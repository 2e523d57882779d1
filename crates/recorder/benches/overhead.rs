//! What recording costs a processor-bound command: `cargo bench -p proofmark-recorder --bench overhead [PAIRS] [ROUNDS]`.
//!
//! Each pair runs the same command bare, under bare `perf record` with the same clocks, and under the recorder, in an order
//! that turns round. Processor time is the command's own; wall time is of everything from start to end.

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    time::Instant,
};

use proofmark_recorder::{EventChoice, Perf, Request, record};

/// Processor time and wall time of one run: bare, under bare `perf`, under the recorder.
type Row = [(f64, f64); 3];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if arguments.first().is_some_and(|word| word == "spin") {
        println!("{:x}", spin(arguments[1].parse().expect("a number of rounds")));
        return;
    }
    let number =
        |at: usize, usual: u64| arguments.get(at).and_then(|word| word.parse().ok()).unwrap_or(usual);
    let (pairs, rounds) = (number(0, 20), number(1, 2_000_000_000));
    let own = std::env::current_exe().expect("this program").to_string_lossy().into_owned();
    let command = vec![own, "spin".to_owned(), rounds.to_string()];
    let folder = tempfile::tempdir().expect("a scratch folder");
    let perf = Perf::find().expect("perf");
    let mut rows: Vec<Row> = Vec::new();
    let mut sizes = Vec::new();
    for pair in 0..pairs {
        let mut row = [(0.0, 0.0); 3];
        for step in 0..3 {
            let which = ((pair + step) % 3) as usize;
            let start = Instant::now();
            let cpu = match which {
                0 => waited(&command),
                1 => {
                    let output = folder.path().join("bare.data");
                    let mut bare = ["perf", "record", "-q", "-N", "--buildid-mmap", "-k", "CLOCK_MONOTONIC"]
                        .map(str::to_owned)
                        .to_vec();
                    bare.extend(
                        ["--call-graph", "fp", "-F", "97", "-e", "cpu-clock", "-o"].map(str::to_owned),
                    );
                    bare.extend([output.to_string_lossy().into_owned(), "--".to_owned()]);
                    bare.extend(command.iter().cloned());
                    waited(&bare)
                }
                _ => {
                    let output = folder.path().join("ours.data");
                    let request = Request {
                        shard: 0,
                        agent: "bench".into(),
                        sequence: 0,
                        previous: None,
                        nonce: None,
                        job: None,
                        command: command.clone(),
                        environment: Vec::new(),
                        tree: None,
                        events: EventChoice::Auto,
                        output: output.clone(),
                    };
                    let recorded = record(&perf, &request, |_| {}).expect("recorded");
                    sizes.push(recorded.claim.recording.perf_bytes);
                    let usage = recorded.claim.usage;
                    (usage.user_us + usage.system_us) as f64 / 1e6
                }
            };
            row[which] = (cpu, start.elapsed().as_secs_f64());
        }
        rows.push(row);
    }
    let compare = |what: &str, pick: fn(&Row) -> f64| {
        let mut values: Vec<f64> = rows.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        let at = |part: f64| values[((values.len() - 1) as f64 * part) as usize] * 100.0;
        println!("{what}: median {:+.2} %, quartiles {:+.2} % to {:+.2} %", at(0.5), at(0.25), at(0.75));
    };
    let mut bare: Vec<f64> = rows.iter().map(|row| row[0].0).collect();
    bare.sort_by(f64::total_cmp);
    sizes.sort_unstable();
    println!(
        "{pairs} pairs of a command of {:.2} s; recording {} bytes",
        bare[bare.len() / 2],
        sizes[sizes.len() / 2]
    );
    compare("processor time of the command, ours over none", |row| row[2].0 / row[0].0 - 1.0);
    compare("processor time of the command, bare perf over none", |row| row[1].0 / row[0].0 - 1.0);
    compare("processor time of the command, ours over bare perf", |row| row[2].0 / row[1].0 - 1.0);
    compare("wall time of everything, ours over none", |row| row[2].1 / row[0].1 - 1.0);
    compare("wall time of everything, bare perf over none", |row| row[1].1 / row[0].1 - 1.0);
    compare("wall time of everything, ours over bare perf", |row| row[2].1 / row[1].1 - 1.0);
}

/// Runs a command and returns the processor time that it used.
#[allow(clippy::zombie_processes, reason = "`wait4` waits for it, and says what it used")]
fn waited(words: &[String]) -> f64 {
    let mut command = Command::new(&words[0]);
    let child = command.args(&words[1..]).stdout(Stdio::null()).process_group(0).spawn().expect("started");
    let pid = i32::try_from(child.id()).expect("a process id");
    let mut status = 0;
    // SAFETY: `rusage` is plain integers, for which zeros are a value; both pointers are to live locals.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        while libc::wait4(pid, &raw mut status, 0, &raw mut usage) != pid {
            assert_eq!(io::Error::last_os_error().kind(), io::ErrorKind::Interrupted);
        }
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Work that only the processor does.
fn spin(rounds: u64) -> u64 {
    let mut state = 1u64;
    for _ in 0..rounds {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    state
}
