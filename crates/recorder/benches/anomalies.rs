//! How well a baseline tells runs apart: `cargo bench -p proofmark-recorder --bench anomalies [ORDINARY] [EACH]`.
//!
//! One program (this one, as `work …`) runs as usual to make the baseline; then runs with known labels are judged: usual,
//! twice the input, extra work, skipped work, sleeping, another binary.

use std::path::Path;

use proofmark_recorder::{EventChoice, Perf, Request, Symbols, record};
use proofmark_witness::{
    analysis::{Baseline, Collector, Run},
    perf::{self, Limits},
};

const RATE: f64 = 0.05;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if arguments.first().is_some_and(|word| word == "work") {
        let number = |at: usize| arguments[at].parse().expect("a number");
        println!("{}", work(number(1), number(2), number(3), number(4)));
        return;
    }
    let number =
        |at: usize, usual: usize| arguments.get(at).and_then(|word| word.parse().ok()).unwrap_or(usual);
    let (ordinary, each) = (number(0, 40), number(1, 20));
    let own = std::env::current_exe().expect("this program");
    let folder = tempfile::tempdir().expect("a scratch folder");
    // Another binary that does the same: a copy with one byte more.
    let other = folder.path().join("other");
    let mut bytes = std::fs::read(&own).expect("this program");
    bytes.push(0);
    std::fs::write(&other, bytes).expect("room");
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("own file");

    let classes: [(&str, &Path, [u32; 4]); 6] = [
        ("usual", &own, [400_000, 1, 1, 0]),
        ("twice the input", &own, [800_000, 1, 1, 0]),
        ("extra work", &own, [400_000, 1, 4, 0]),
        ("skipped work", &own, [400_000, 0, 1, 0]),
        ("sleeping", &own, [400_000, 1, 1, 200]),
        ("another binary", &other, [400_000, 1, 1, 0]),
    ];
    let run = |class: usize| one(folder.path(), classes[class].1, classes[class].2);
    let mut baseline = Baseline::new(Vec::new());
    // Mixed with the labelled runs in time, so that the machine's moods are in both.
    let mut labelled: Vec<Vec<Run>> = vec![Vec::new(); classes.len()];
    for at in 0..ordinary.max(each) {
        if at < ordinary {
            baseline.push(run(0));
        }
        if at < each {
            (0..classes.len()).for_each(|class| labelled[class].push(run(class)));
        }
    }
    println!("baseline of {} runs, stated false-alarm rate at most {:.1} %", baseline.len(), RATE * 100.0);
    for (class, (name, ..)) in classes.iter().enumerate() {
        let findings: Vec<_> =
            labelled[class].iter().map(|run| baseline.judge(run, RATE).expect("enough runs")).collect();
        let found = findings.iter().filter(|finding| finding.anomalous).count();
        let cause = findings.first().and_then(|finding| finding.causes.first());
        println!(
            "{name}: {found} of {} reported; first by {}",
            findings.len(),
            cause.map_or("nothing", |cause| cause.feature)
        );
    }
}

fn one(folder: &Path, program: &Path, parameters: [u32; 4]) -> Run {
    let output = folder.join("zkperf.data");
    let mut command = vec![program.to_string_lossy().into_owned(), "work".to_owned()];
    command.extend(parameters.map(|number| number.to_string()));
    let request = Request {
        shard: 0,
        agent: "labelled".into(),
        sequence: 0,
        previous: None,
        nonce: None,
        job: None,
        command,
        environment: Vec::new(),
        tree: None,
        events: EventChoice::Auto,
        output: output.clone(),
    };
    let recorded = record(&Perf::find().expect("perf"), &request, |_| {}).expect("recorded");
    let bytes = std::fs::read(&output).expect("just written");
    let mut collector = Collector::default();
    let facts = perf::read(std::io::Cursor::new(&bytes), bytes.len() as u64, &Limits::default(), |record| {
        collector.see(record);
    });
    let facts = facts.expect("a recording");
    let mut symbols = Symbols::new(&facts.build_ids);
    let profile = collector.finish(&facts.events, |frame| symbols.resolve(frame)).expect("small");
    Run::of(&recorded.claim, &profile)
}

/// Sorts and hashes numbers, `extra` times, the hashing only if `hash` is 1; then sleeps.
fn work(size: u32, hash: u32, extra: u32, sleep_ms: u32) -> u64 {
    let mut sum = 0;
    for round in 0..extra {
        let mut numbers = make(size, round);
        sorted(&mut numbers);
        sum ^= numbers[numbers.len() / 2];
        if hash == 1 {
            sum ^= hashed(&numbers);
        }
    }
    std::thread::sleep(std::time::Duration::from_millis(sleep_ms.into()));
    sum
}

#[inline(never)]
fn make(size: u32, round: u32) -> Vec<u64> {
    let mut state = 88_172_645_463_325_252 ^ u64::from(round);
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    std::iter::repeat_with(next).take(size as usize).collect()
}

#[inline(never)]
fn sorted(numbers: &mut [u64]) {
    numbers.sort();
}

#[inline(never)]
fn hashed(numbers: &[u64]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for _ in 0..30 {
        for number in numbers {
            hash = (hash ^ number).wrapping_mul(0x100_0000_01b3);
        }
    }
    hash
}
