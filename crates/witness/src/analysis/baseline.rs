//! Is a run like the earlier runs of its agent?
//!
//! Half of the earlier runs say what is usual: the median and the median absolute deviation of each feature. The other
//! half say how unusual usual runs are: each gets a score, the largest number of deviations that any feature is away. A
//! new run whose score is above the `k`-th largest of `m` such scores is reported. If the runs are exchangeable, that
//! happens to an ordinary run with probability at most `k / (m + 1)`: split conformal prediction, which assumes nothing
//! about distributions (Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World, 2005, proposition 2.3).

use std::collections::{BTreeMap, BTreeSet};

use proofmark_core::{Digest, WitnessClaim};
use serde::{Deserialize, Serialize};

use super::Profile;

/// The longest baseline, in bytes, that is read.
pub const MAX_BASELINE_BYTES: usize = 64 << 20;

/// What a baseline needs of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Run {
    /// Digest of the program.
    pub program: Digest,
    /// Features in the order of the module's list, the last left out: it depends on the other runs.
    pub features: Vec<f64>,
    /// Functions' own shares of the profile, those of at least a thousandth.
    pub functions: BTreeMap<String, f64>,
}

impl Run {
    /// The features of a run.
    pub fn of(claim: &WitnessClaim, profile: &Profile) -> Self {
        let usage = &claim.usage;
        let log = |value: u64| (value as f64 + 1.0).ln();
        let cpu = usage.user_us + usage.system_us;
        let wall = claim.ended_ns.saturating_sub(claim.started_ns) / 1000;
        let functions = profile
            .functions
            .keys()
            .map(|name| (name.clone(), profile.share(name)))
            .filter(|(_, share)| *share >= 0.001)
            .collect();
        Self {
            program: claim.command.program.digest,
            features: vec![
                log(cpu),
                log(wall),
                cpu as f64 / wall.max(1) as f64,
                log(usage.max_resident_bytes),
                log(usage.minor_faults),
                log(usage.voluntary_switches),
            ],
            functions,
        }
    }

    fn is_sound(&self) -> bool {
        self.features.len() == FEATURES.len() - 1
            && self.features.iter().chain(self.functions.values()).all(|value| value.is_finite())
    }
}

/// The earlier runs of an agent, and what is usual among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Baseline {
    runs: Vec<Run>,
}

/// Why there is no baseline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// The rate cannot be had with so few runs.
    #[error("a false-alarm rate of {rate_percent} % needs at least {needed} earlier runs, found {found}")]
    TooFewRuns {
        /// The rate that was asked for, in percent, rounded down.
        rate_percent: u64,
        /// Runs that it needs.
        needed: usize,
        /// Runs that there are.
        found: usize,
    },
    /// The file is none; the text says why.
    #[error("no baseline: {0}")]
    Malformed(String),
}

/// What a baseline says of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Whether the run is unlike the earlier ones.
    pub anomalous: bool,
    /// The bound on the probability that an ordinary run is reported.
    pub false_alarm_rate: f64,
    /// The largest number of deviations that a feature is away.
    pub score: f64,
    /// The score above which a run is reported.
    pub threshold: f64,
    /// Earlier runs that it was compared with.
    pub runs: usize,
    /// Features, the most unusual first.
    pub causes: Vec<Cause>,
}

/// A feature of a run beside what is usual.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// The feature.
    pub feature: &'static str,
    /// How many deviations it is away, with its sign.
    pub deviations: f64,
}

/// The features, in order.
const FEATURES: [&str; 7] = [
    "processor time",
    "wall time",
    "processor time per wall time",
    "resident memory",
    "page faults",
    "waits",
    "profile",
];
/// Deviations below these count as these: logarithms of times and sizes vary by 2 % for no reason worth a report.
const FLOORS: [f64; 7] = [0.02, 0.02, 0.02, 0.02, 0.02, 0.1, 0.02];

impl Baseline {
    /// A baseline of these runs, in the order in which they were made.
    pub const fn new(runs: Vec<Run>) -> Self {
        Self { runs }
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// If the bytes are too long, no baseline, or hold runs without the right features.
    pub fn parse(bytes: &[u8]) -> Result<Self, BaselineError> {
        if bytes.len() > MAX_BASELINE_BYTES {
            return Err(BaselineError::Malformed(format!("more than {MAX_BASELINE_BYTES} bytes")));
        }
        let baseline: Self =
            serde_json::from_slice(bytes).map_err(|e| BaselineError::Malformed(e.to_string()))?;
        if !baseline.runs.iter().all(Run::is_sound) {
            return Err(BaselineError::Malformed("a run has not the right features".into()));
        }
        Ok(baseline)
    }

    /// The JSON form.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("baselines hold finite numbers and text")
    }

    /// Adds a run.
    pub fn push(&mut self, run: Run) {
        self.runs.push(run);
    }

    /// Earlier runs.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Judges a run. `rate` is the probability, above 0 and below 1, with which an ordinary run may be reported.
    ///
    /// # Errors
    /// If there are too few earlier runs for that rate.
    pub fn judge(&self, run: &Run, rate: f64) -> Result<Finding, BaselineError> {
        // Every other run, so that a slow drift is in both halves.
        let (fit, calibrate): (Vec<_>, Vec<_>) =
            self.runs.iter().enumerate().partition(|(at, _)| at % 2 == 0);
        let fit: Vec<&Run> = fit.into_iter().map(|(_, run)| run).collect();
        let allowed = (rate * (calibrate.len() + 1) as f64).floor() as usize;
        if allowed == 0 || fit.len() < 3 {
            return Err(BaselineError::TooFewRuns {
                rate_percent: (rate * 100.0) as u64,
                needed: (2 * ((1.0 / rate).ceil() as usize - 1)).max(6),
                found: self.runs.len(),
            });
        }
        let usual = Usual::of(&fit);
        let mut scores: Vec<f64> = calibrate.iter().map(|(_, run)| score(&usual.deviations(run))).collect();
        scores.sort_by(|one, other| other.total_cmp(one));
        let threshold = scores[allowed - 1];
        let deviations = usual.deviations(run);
        let score = score(&deviations);
        let mut causes: Vec<_> = FEATURES
            .into_iter()
            .zip(deviations)
            .map(|(feature, deviations)| Cause { feature, deviations })
            .collect();
        let other_program = fit.iter().all(|earlier| earlier.program != run.program);
        if other_program {
            causes.push(Cause { feature: "program", deviations: f64::MAX });
        }
        causes.sort_by(|one, other| other.deviations.abs().total_cmp(&one.deviations.abs()));
        Ok(Finding {
            anomalous: other_program || score > threshold,
            false_alarm_rate: allowed as f64 / (calibrate.len() + 1) as f64,
            score,
            threshold,
            runs: self.runs.len(),
            causes,
        })
    }
}

/// What is usual: the middle and the spread of each feature, and the middle of each function's share.
struct Usual {
    middle: Vec<f64>,
    spread: Vec<f64>,
    functions: BTreeMap<String, f64>,
}

impl Usual {
    fn of(runs: &[&Run]) -> Self {
        let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.functions.keys()).collect();
        let functions: BTreeMap<String, f64> = names
            .into_iter()
            .map(|name| (name.clone(), median(runs.iter().map(|run| share(&run.functions, name)).collect())))
            .collect();
        let features = |run: &&Run| full(run, &functions);
        let rows: Vec<Vec<f64>> = runs.iter().map(features).collect();
        let column = |at: usize| rows.iter().map(|row| row[at]).collect::<Vec<_>>();
        let middle: Vec<f64> = (0..FEATURES.len()).map(|at| median(column(at))).collect();
        let spread = (0..FEATURES.len())
            .map(|at| {
                let away = column(at).into_iter().map(|value| (value - middle[at]).abs()).collect();
                // 1.4826 makes the median deviation of a normal distribution its standard deviation.
                (1.4826 * median(away)).max(FLOORS[at])
            })
            .collect();
        Self { middle, spread, functions }
    }

    fn deviations(&self, run: &Run) -> Vec<f64> {
        let row = full(run, &self.functions);
        row.iter()
            .zip(&self.middle)
            .zip(&self.spread)
            .map(|((value, middle), spread)| (value - middle) / spread)
            .collect()
    }
}

/// All features of a run, its profile's distance from the usual one last.
fn full(run: &Run, usual: &BTreeMap<String, f64>) -> Vec<f64> {
    let names: BTreeSet<&String> = run.functions.keys().chain(usual.keys()).collect();
    let distance: f64 =
        names.into_iter().map(|name| (share(&run.functions, name) - share(usual, name)).abs()).sum();
    run.features.iter().copied().chain([distance / 2.0]).collect()
}

fn share(functions: &BTreeMap<String, f64>, name: &str) -> f64 {
    functions.get(name).copied().unwrap_or_default()
}

fn score(deviations: &[f64]) -> f64 {
    deviations.iter().fold(0.0, |most, value| value.abs().max(most))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        length if length % 2 == 1 => values[length / 2],
        length => (values[length / 2 - 1] + values[length / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ordinary runs vary by some percent, in a way that has nothing of a normal distribution.
    fn ordinary(seed: u64) -> Run {
        let noise = |at: u64| {
            let mut state =
                (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (at + 1).wrapping_mul(0xd134_2543_de82_ef95);
            for _ in 0..3 {
                state ^= state >> 29;
                state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
            }
            let unit = (state >> 11) as f64 / (1u64 << 53) as f64;
            unit.powi(4) - 0.2
        };
        Run {
            program: Digest::of(b"program"),
            features: (0..6).map(|at| 10.0 + 0.1 * noise(at)).collect(),
            functions: [("hot".to_owned(), 0.8 + 0.02 * noise(9)), ("cold".to_owned(), 0.2)].into(),
        }
    }

    #[test]
    fn the_false_alarm_rate_is_kept() {
        let (mut alarms, mut trials) = (0, 0);
        for world in 0..100 {
            let baseline = Baseline::new((0..40).map(|at| ordinary(1000 * world + at)).collect());
            for at in 0..20 {
                let finding = baseline.judge(&ordinary(1000 * world + 500 + at), 0.05).unwrap();
                assert!(finding.false_alarm_rate <= 0.05);
                alarms += usize::from(finding.anomalous);
                trials += 1;
            }
        }
        let rate = f64::from(alarms as u32) / f64::from(trials);
        assert!(rate < 0.07, "{rate}: the bound is 1/21, and 2000 trials are within 2 % of it");
        assert!(rate > 0.02, "{rate}: a threshold that reports nothing is no threshold");
    }

    #[test]
    fn unusual_runs_are_reported_with_their_cause() {
        let baseline = Baseline::new((0..40).map(ordinary).collect());
        let mut longer = ordinary(99);
        longer.features[0] += 0.7;
        let finding = baseline.judge(&longer, 0.05).unwrap();
        assert!(finding.anomalous);
        assert_eq!(finding.causes[0].feature, "processor time");
        let mut elsewhere = ordinary(99);
        elsewhere.functions = [("miner".to_owned(), 1.0)].into();
        assert_eq!(baseline.judge(&elsewhere, 0.05).unwrap().causes[0].feature, "profile");
        let mut other = ordinary(99);
        other.program = Digest::of(b"other");
        assert_eq!(baseline.judge(&other, 0.05).unwrap().causes[0].feature, "program");
        let few = Baseline::new((0..10).map(ordinary).collect());
        assert!(matches!(few.judge(&longer, 0.05), Err(BaselineError::TooFewRuns { needed: 38, .. })));
        let again = Baseline::parse(baseline.to_json().as_bytes()).unwrap();
        // Written numbers may differ in their last bit.
        assert_eq!(again.judge(&longer, 0.05).unwrap().causes[0].feature, "processor time");
        assert_eq!(again.len(), 40);
    }
}
