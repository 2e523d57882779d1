//! What a recording tells: where the time went, and whether a run is like its predecessors.

mod baseline;
mod compare;
mod profile;
mod report;

#[cfg(feature = "report")]
pub use self::report::{flame_graph, html};
pub use self::{
    baseline::{Baseline, BaselineError, Cause, Finding, MAX_BASELINE_BYTES, Run},
    compare::{Comparison, Shift, compare},
    profile::{Collector, Frame, Profile, Weight},
    report::Report,
};
