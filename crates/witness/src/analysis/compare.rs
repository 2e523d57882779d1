//! Two runs side by side.

use std::collections::BTreeSet;

use proofmark_core::WitnessClaim;
use serde::Serialize;

use super::Profile;

/// What differs between two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Whether both ran the same program.
    pub same_program: bool,
    /// Whether both ran the same command.
    pub same_command: bool,
    /// How far apart the profiles are: 0 equal, 1 nothing in common (total variation of the functions' own shares).
    pub distance: f64,
    /// Counters, by name: of the first run, of the second.
    pub counters: Vec<(String, u64, u64)>,
    /// Functions by how much their share changed, largest first.
    pub shifts: Vec<Shift>,
}

/// A function's own share of two profiles, in parts of one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shift {
    /// The function.
    pub function: String,
    /// Its share of the first profile.
    pub before: f64,
    /// Its share of the second.
    pub after: f64,
}

/// Compares two runs.
pub fn compare(first: (&WitnessClaim, &Profile), second: (&WitnessClaim, &Profile)) -> Comparison {
    let names: BTreeSet<&String> = first.1.functions.keys().chain(second.1.functions.keys()).collect();
    let mut shifts: Vec<_> = names
        .into_iter()
        .map(|name| Shift {
            function: name.clone(),
            before: first.1.share(name),
            after: second.1.share(name),
        })
        .collect();
    let change = |shift: &Shift| (shift.after - shift.before).abs();
    let distance = shifts.iter().map(change).sum::<f64>() / 2.0;
    shifts.sort_by(|one, other| change(other).total_cmp(&change(one)));
    shifts.truncate(20);
    let counters = counters(first.0)
        .into_iter()
        .zip(counters(second.0))
        .map(|((name, before), (_, after))| (name.to_owned(), before, after))
        .collect();
    Comparison {
        same_program: first.0.command.program.digest == second.0.command.program.digest,
        same_command: first.0.command.digest == second.0.command.digest,
        distance,
        counters,
        shifts,
    }
}

impl Profile {
    /// A function's own share of all weight, 0 to 1.
    pub(crate) fn share(&self, function: &str) -> f64 {
        let own = self.functions.get(function).map_or(0, |weight| weight.own);
        own as f64 / self.total.max(1) as f64
    }
}

/// What every run counts.
pub(crate) fn counters(claim: &WitnessClaim) -> [(&'static str, u64); 8] {
    let usage = &claim.usage;
    [
        ("wall time, µs", claim.ended_ns.saturating_sub(claim.started_ns) / 1000),
        ("user time, µs", usage.user_us),
        ("system time, µs", usage.system_us),
        ("largest resident memory, bytes", usage.max_resident_bytes),
        ("minor page faults", usage.minor_faults),
        ("major page faults", usage.major_faults),
        ("voluntary context switches", usage.voluntary_switches),
        ("involuntary context switches", usage.involuntary_switches),
    ]
}
