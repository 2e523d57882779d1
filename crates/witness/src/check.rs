//! Comparing a claim with its recording, and with itself.

use std::collections::BTreeMap;

use proofmark_core::{Digest, Reason, WitnessClaim, sha256::Sha256};

use crate::{Rejection, perf::Facts, verify::reject};

/// What a recording is made for, before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The shard.
    pub shard: u32,
    /// The agent.
    pub agent: &'a str,
    /// Its place in the shard's chain.
    pub sequence: u64,
    /// Digest of the claim before it.
    pub previous: Option<Digest>,
    /// The challenge, in hex.
    pub nonce: Option<&'a str>,
    /// Digest of the command.
    pub command: Digest,
}

impl Subject<'_> {
    /// The name of the empty event that ties a recording to its claim: `proofmark_` and 64 hex digits.
    ///
    /// The recorder gives it to `perf` before the command starts. It is a digest of everything above, so a recording
    /// cannot be moved to another claim without editing it.
    pub fn marker(&self) -> String {
        let mut hasher = Sha256::domain("proofmark/witness-marker/v1");
        hasher.update(&self.shard.to_be_bytes());
        hasher.update(&self.sequence.to_be_bytes());
        for part in [self.agent, self.nonce.unwrap_or_default()] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(self.previous.as_ref().map_or(&[0; 32], |digest| digest.as_bytes()));
        hasher.update(self.command.as_bytes());
        format!("{MARKER}{}", Digest::sha256(hasher.finish()).to_hex())
    }
}

fn marker(claim: &WitnessClaim) -> String {
    let subject = Subject {
        shard: claim.shard,
        agent: &claim.agent,
        sequence: claim.sequence,
        previous: claim.previous,
        nonce: claim.nonce.as_deref(),
        command: claim.command.digest,
    };
    subject.marker()
}

/// Checks that the claim does not contradict itself.
pub(crate) fn itself(claim: &WitnessClaim) -> Result<(), Rejection> {
    let recording = &claim.recording;
    let implausible = |detail: String| reject(Reason::Implausible, detail);
    if claim.ended_ns < claim.started_ns {
        return reject(Reason::BadTimestamp, "it ended before it started");
    }
    let command = &claim.command;
    if claim.redacted_from.is_none()
        && proofmark_core::WitnessedCommand::digest_of(command.arguments.iter().map(String::as_str))
            != command.digest
    {
        return implausible("the command's digest is not that of its arguments".into());
    }
    let sum = recording.events.iter().try_fold(0u64, |sum, event| sum.checked_add(event.samples));
    if sum != Some(recording.samples) {
        return implausible(format!("its events do not add up to {} samples", recording.samples));
    }
    // As the kernel writes microseconds, a run that just fits may be off by one in each of them.
    let span_us = (claim.ended_ns - claim.started_ns) / 1000 + 1;
    let cpu_us = claim.usage.user_us.saturating_add(claim.usage.system_us);
    let most = u128::from(span_us) * u128::from(claim.machine.cpus) * 11 / 10 + u128::from(SLACK_US);
    if u128::from(cpu_us) > most {
        let cpus = claim.machine.cpus;
        return implausible(format!("{cpu_us} µs of processor time in {span_us} µs on {cpus} processors"));
    }
    if recording.last_ns < recording.first_ns {
        return implausible("the last sample is before the first".into());
    }
    Ok(())
}

/// Checks that the recording says what the claim says.
pub(crate) fn against_recording(claim: &WitnessClaim, facts: &Facts) -> Result<(), Rejection> {
    let recording = &claim.recording;
    compare("samples", recording.samples, facts.samples)?;
    compare("lost records", recording.lost, facts.lost)?;
    compare("first sample", recording.first_ns, facts.first_ns)?;
    compare("last sample", recording.last_ns, facts.last_ns)?;
    compare("recorder", recording.tool.as_str(), facts.tool.as_str())?;
    compare("kernel", claim.machine.kernel.as_str(), facts.kernel.as_str())?;
    compare("architecture", claim.machine.architecture.as_str(), facts.architecture.as_str())?;
    compare("processor", claim.machine.cpu.as_str(), facts.cpu.as_str())?;
    if recording.events != facts.events {
        let names = |events: &[proofmark_core::Event]| {
            let texts: Vec<_> =
                events.iter().map(|event| format!("{} ×{}", event.name, event.samples)).collect();
            texts.join(", ")
        };
        return mismatch("events", names(&recording.events), names(&facts.events));
    }
    if recording.build_ids != facts.build_ids {
        return mismatch("build ids", differing(&recording.build_ids, &facts.build_ids), "others");
    }
    command_line(claim, facts)?;
    program(claim, facts)?;
    times(claim, facts)?;
    processor_time(claim, facts)
}

/// The recording names its claim, or, where another tool started `perf`, ends in the command.
fn command_line(claim: &WitnessClaim, facts: &Facts) -> Result<(), Rejection> {
    if let Some(event) = facts.events.iter().find(|event| event.name.starts_with(MARKER)) {
        // A redacted copy has the fields that the marker is made of, all but the arguments themselves.
        return compare("marker", marker(claim).as_str(), event.name.as_str());
    }
    let arguments = &claim.command.arguments;
    if arguments.is_empty() || !facts.command_line.ends_with(arguments) {
        return mismatch("command line", arguments.join(" "), facts.command_line.join(" "));
    }
    Ok(())
}

/// The program was really mapped, under the build id that the claim states.
fn program(claim: &WitnessClaim, facts: &Facts) -> Result<(), Rejection> {
    let command = &claim.command;
    // A script is not mapped; its interpreter is.
    let binary = command.interpreter.as_ref().unwrap_or(&command.program);
    if !facts.mapped.contains(&binary.path) {
        return mismatch("program", &binary.path, "it was never mapped");
    }
    match (&binary.build_id, facts.build_ids.get(&binary.path)) {
        (Some(claimed), Some(found)) if claimed != found => {
            mismatch("the program's build id", claimed, found)
        }
        _ => Ok(()),
    }
}

/// Samples lie between start and end.
fn times(claim: &WitnessClaim, facts: &Facts) -> Result<(), Rejection> {
    if facts.samples == 0 {
        return Ok(());
    }
    let span = claim.ended_ns - claim.started_ns;
    if facts.last_ns - facts.first_ns > span + SLACK_NS {
        let sampled = facts.last_ns - facts.first_ns;
        return reject(Reason::Implausible, format!("samples over {sampled} ns in a run of {span} ns"));
    }
    let Some(clock) = facts.clock else { return Ok(()) };
    // A wall clock may be stepped or slewed during a long run: 500 ppm is what `adjtime` does at most.
    let slack = i128::from(CLOCK_SLACK_NS) + i128::from(span) / 2000;
    let (first, last) = (clock.wall(facts.first_ns), clock.wall(facts.last_ns));
    if first < i128::from(claim.started_ns) - slack || last > i128::from(claim.ended_ns) + slack {
        return reject(
            Reason::Implausible,
            format!(
                "samples from {first} to {last}, but the run from {} to {} (Unix ns)",
                claim.started_ns, claim.ended_ns
            ),
        );
    }
    Ok(())
}

/// Each sample of a clock stands for its period of processor time.
fn processor_time(claim: &WitnessClaim, facts: &Facts) -> Result<(), Rejection> {
    let usage = &claim.usage;
    let cpu_ns = usage.user_us.saturating_add(usage.system_us).saturating_mul(1000);
    let tasks = facts.tasks.saturating_add(1);
    let clocks = facts.events.iter().zip(&facts.periods).filter(|(event, _)| is_clock(&event.name));
    for (event, period) in clocks {
        // Time of processes that it left running is sampled but not counted.
        let most = u128::from(cpu_ns) * 5 / 4 + u128::from(*period) * 4 + u128::from(SLACK_NS);
        if usage.left_running == 0 && u128::from(event.total) > most {
            return reject(
                Reason::Implausible,
                format!("samples of {} ns by `{}` in {cpu_ns} ns of processor time", event.total, event.name),
            );
        }
        if event.name != STEADY || facts.lost > 0 {
            continue;
        }
        // A task that ends before its first period is over leaves no sample.
        let unseen = u128::from(*period).max(u128::from(STEADY_PERIOD_NS)) * u128::from(tasks + 1);
        if u128::from(event.total) + unseen + u128::from(SLACK_NS) < u128::from(cpu_ns) / 2 {
            return reject(
                Reason::Implausible,
                format!("only {} ns sampled of {cpu_ns} ns of processor time", event.total),
            );
        }
    }
    Ok(())
}

/// Whether an event counts nanoseconds of processor time.
pub(crate) fn is_clock(name: &str) -> bool {
    [FAST, MEDIUM, STEADY].contains(&name) || name.starts_with("cpu-clock") || name.starts_with("task-clock")
}

fn compare<T: PartialEq + ToString>(what: &str, claimed: T, found: T) -> Result<(), Rejection> {
    if claimed == found { Ok(()) } else { mismatch(what, claimed.to_string(), found.to_string()) }
}

fn mismatch<T>(what: &str, claimed: impl AsRef<str>, found: impl AsRef<str>) -> Result<T, Rejection> {
    let short = |text: &str| text.chars().take(300).collect::<String>();
    let (claimed, found) = (short(claimed.as_ref()), short(found.as_ref()));
    reject(Reason::PerfMismatch, format!("{what}: claimed `{claimed}`, recorded `{found}`"))
}

fn differing(claimed: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> String {
    let paths =
        claimed.iter().filter(|(path, id)| found.get(*path) != Some(id)).map(|(path, _)| path.as_str());
    let texts: Vec<_> = paths.take(3).collect();
    if texts.is_empty() { "too few".into() } else { texts.join(", ") }
}

/// How the marker's name begins.
const MARKER: &str = "proofmark_";
/// The clock that ticks fast for the first moments of a run.
pub const FAST: &str = "fast";
/// The clock that ticks for the first seconds.
pub const MEDIUM: &str = "medium";
/// The clock that ticks slowly from start to end.
pub const STEADY: &str = "steady";
/// The period of [`STEADY`] in nanoseconds: 19 ticks a second.
const STEADY_PERIOD_NS: u64 = 1_000_000_000 / 19;
/// What starting and ending may add to any time.
const SLACK_NS: u64 = 100_000_000;
const SLACK_US: u64 = SLACK_NS / 1000;
/// How far a recording's clock may be off from the wall clock.
const CLOCK_SLACK_NS: u64 = 2_000_000_000;
