//! Figures for operators, through the `metrics` facade: whatever recorder the program installs gets them.
//!
//! Names are Prometheus names with units; `deploy/` has alerts and a dashboard over them.

use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

use crate::{error::Error, evidence::EvidenceError, manager::LoadedKey};

/// Time from the start of the witness to the checked proof. Label `form`.
pub const PROVE_SECONDS: &str = "proofmark_binding_prove_seconds";
/// Time of checking one proof. No label.
pub const VERIFY_SECONDS: &str = "proofmark_binding_verify_seconds";
/// Time that a proof waited before its work began.
pub const QUEUE_SECONDS: &str = "proofmark_binding_queue_seconds";
/// Proofs that wait.
pub const QUEUE_DEPTH: &str = "proofmark_binding_queue_depth";
/// Proofs that may wait.
pub const QUEUE_CAPACITY: &str = "proofmark_binding_queue_capacity";
/// Proofs that were made. Label `form`.
pub const PROOFS_TOTAL: &str = "proofmark_binding_proofs_total";
/// Requests without a proof, by label `reason`: [`Error::CODES`].
pub const FAILURES_TOTAL: &str = "proofmark_binding_failures_total";
/// Proofs that were checked, by label `verdict`: `valid` or `invalid`.
pub const VERIFICATIONS_TOTAL: &str = "proofmark_binding_verifications_total";
/// Requests that were answered from the cache.
pub const CACHE_HITS_TOTAL: &str = "proofmark_binding_cache_hits_total";
/// Requests that needed a proof.
pub const CACHE_MISSES_TOTAL: &str = "proofmark_binding_cache_misses_total";
/// Requests that joined an equal one that was being proved.
pub const JOINED_TOTAL: &str = "proofmark_binding_joined_total";
/// Memory of the cache.
pub const CACHE_BYTES: &str = "proofmark_binding_cache_bytes";
/// Key changes while running.
pub const KEY_RELOADS_TOTAL: &str = "proofmark_binding_key_reloads_total";
/// 1 while a development key is in use.
pub const DEV_KEY: &str = "proofmark_binding_dev_key";

/// Every metric: its name, kind and meaning. The unit ends the name, before `_total`; counts have none.
pub const ALL: &[(&str, &str, &str)] = &[
    (CACHE_BYTES, "gauge", "memory of the proof cache, in bytes"),
    (CACHE_HITS_TOTAL, "counter", "requests answered from the cache"),
    (CACHE_MISSES_TOTAL, "counter", "requests that needed a proof"),
    (DEV_KEY, "gauge", "1 while a development key is in use"),
    (FAILURES_TOTAL, "counter", "requests without a proof, by reason"),
    (JOINED_TOTAL, "counter", "requests that joined an equal one under way"),
    (KEY_RELOADS_TOTAL, "counter", "changes of the key while running"),
    (PROOFS_TOTAL, "counter", "proofs made, by form"),
    (PROVE_SECONDS, "histogram", "time from witness to checked proof, by form"),
    (QUEUE_CAPACITY, "gauge", "proofs that may wait"),
    (QUEUE_DEPTH, "gauge", "proofs that wait"),
    (QUEUE_SECONDS, "histogram", "time that a proof waited"),
    (VERIFICATIONS_TOTAL, "counter", "proofs checked, by verdict"),
    (VERIFY_SECONDS, "histogram", "time of checking one proof"),
];

/// Bounds of the histograms' buckets in seconds, for recorders that want them.
pub const BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Handles, looked up once: a cache hit must not pay for finding its counter.
pub(crate) struct Metrics {
    pub(crate) cache_bytes: Gauge,
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) joined: Counter,
    pub(crate) queue_depth: Gauge,
    queue: Histogram,
    reloads: Counter,
    dev_key: Gauge,
}

/// Tells the recorder that is installed now what each metric is: kind, unit, meaning. [`super::Service::start`] does it.
pub fn describe() {
    for (name, kind, meaning) in ALL {
        let unit = match *name {
            name if name.ends_with("_seconds") => Unit::Seconds,
            name if name.ends_with("_bytes") => Unit::Bytes,
            _ => Unit::Count,
        };
        match *kind {
            "counter" => describe_counter!(*name, unit, *meaning),
            "gauge" => describe_gauge!(*name, unit, *meaning),
            _ => describe_histogram!(*name, unit, *meaning),
        }
    }
}

impl Metrics {
    /// Finds the handles of the recorder that is installed now.
    pub(crate) fn new(capacity: usize) -> Self {
        describe();
        gauge!(QUEUE_CAPACITY).set(capacity as f64);
        // Alerts need series that exist before the first failure.
        for reason in Error::CODES {
            counter!(FAILURES_TOTAL, "reason" => *reason).increment(0);
        }
        Self {
            cache_bytes: gauge!(CACHE_BYTES),
            hits: counter!(CACHE_HITS_TOTAL),
            misses: counter!(CACHE_MISSES_TOTAL),
            joined: counter!(JOINED_TOTAL),
            queue_depth: gauge!(QUEUE_DEPTH),
            queue: histogram!(QUEUE_SECONDS),
            reloads: counter!(KEY_RELOADS_TOTAL),
            dev_key: gauge!(DEV_KEY),
        }
    }

    pub(crate) fn key(&self, key: &LoadedKey, changed: bool) {
        self.dev_key.set(if key.is_dev() { 1.0 } else { 0.0 });
        self.reloads.increment(u64::from(changed));
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.queue.record(time);
    }

    pub(crate) fn proved(&self, key: &LoadedKey, time: Duration) {
        let form = key.form().name();
        histogram!(PROVE_SECONDS, "form" => form).record(time);
        counter!(PROOFS_TOTAL, "form" => form).increment(1);
    }

    pub(crate) fn failed(&self, error: &Error) {
        counter!(FAILURES_TOTAL, "reason" => error.code()).increment(1);
    }
}

/// Notes a proof that was checked; for services that verify.
pub fn verified(result: &Result<(), EvidenceError>, time: Duration) {
    histogram!(VERIFY_SECONDS).record(time);
    let verdict = if result.is_ok() { "valid" } else { "invalid" };
    counter!(VERIFICATIONS_TOTAL, "verdict" => verdict).increment(1);
}
