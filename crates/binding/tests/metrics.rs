//! What operators see: metrics as Prometheus gets them, events as loggers get them, and that `deploy/` speaks of these.

mod common;

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock},
};

use common::{Keys, facts, key_bytes};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use proofmark_binding::{
    circuit::Form,
    error::Error,
    keyfile,
    service::{Options, Service, metrics},
};
use proofmark_core::Claim;

/// The recorder of this process: workers have threads of their own, so it must be the global one.
fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), metrics::BUCKETS)
            .expect("buckets")
            .install_recorder()
            .expect("the only one")
    })
}

/// Keeps every event.
struct Log(Mutex<Vec<String>>);

static LOG: Log = Log(Mutex::new(Vec::new()));

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target().starts_with("proofmark_binding") {
            self.0.lock().expect("no panic").push(format!("{} {}", record.level(), record.args()));
        }
    }

    fn flush(&self) {}
}

/// Samples by name and labels.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name, value.parse().expect(name)))
        .collect()
}

/// One test, because recorder and logger belong to the process.
#[test]
fn an_operator_sees_what_happens() {
    let handle = recorder();
    log::set_logger(&LOG).expect("the only one");
    log::set_max_level(log::LevelFilter::Trace);
    let keys = Keys::new(Form::Sealed);
    let service = Service::start(keys.manager(), Options { workers: 1, queue: 2, cache_bytes: 1 << 20 });

    // A typical load: few different requests, repeated.
    for request in 0..60 {
        service.prove(&facts(request % 6)).expect("proves");
    }
    let bound = service.prove(&facts(0)).expect("from the cache");
    service.verify(&bound.claim, &bound.evidence).expect("holds");
    let Claim::SealedBinding(mut other) = bound.claim.clone() else { panic!("sealed") };
    other.job = facts(1).job;
    service.verify(&Claim::SealedBinding(other), &bound.evidence).expect_err("another job");

    // More than fits, of which one is given up.
    let mut tickets = Vec::new();
    let mut busy = 0;
    for seed in 100..120 {
        match service.submit(&facts(seed)) {
            Ok(ticket) => tickets.push(ticket),
            Err(Error::Busy { .. }) => busy += 1,
            Err(other) => panic!("{other}"),
        }
    }
    tickets.pop().expect("some were taken").cancel();
    for ticket in tickets {
        ticket.wait().expect("proves");
    }

    // A pair that does not match, then one that does.
    keyfile::install(&keys.path("pk"), &key_bytes(Form::Sealed, 1).0).expect("writes");
    service.reload_key().expect_err("half a pair");
    keyfile::install(&keys.path("vk"), &key_bytes(Form::Sealed, 1).1).expect("writes");
    service.reload_key().expect("a pair");

    let text = handle.render();
    for (name, kind, meaning) in metrics::ALL {
        assert!(
            text.contains(&format!("# TYPE {name} {kind}\n")) || *name == metrics::JOINED_TOTAL,
            "{name}\n{text}"
        );
        assert!(text.contains(&format!("# HELP {name} {meaning}\n")), "{name}\n{text}");
    }
    let samples = samples(&text);
    let value = |name: &str| *samples.get(name).unwrap_or_else(|| panic!("{name} is missing in\n{text}"));
    let (hits, misses) = (value(metrics::CACHE_HITS_TOTAL), value(metrics::CACHE_MISSES_TOTAL));
    assert_eq!(hits, 55.0, "54 of 60, and one more");
    assert!(hits / (hits + 6.0) > 0.8, "the hit rate of repeated requests");
    assert!(value("proofmark_binding_failures_total{reason=\"busy\"}") == f64::from(busy) && busy > 0);
    let cancelled = value("proofmark_binding_failures_total{reason=\"cancelled\"}");
    assert!(cancelled <= 1.0, "it may have been under way");
    let proofs = value("proofmark_binding_proofs_total{form=\"sealed\"}");
    assert_eq!(proofs, misses - cancelled);
    assert_eq!(value("proofmark_binding_prove_seconds_count{form=\"sealed\"}"), proofs);
    assert!(value("proofmark_binding_prove_seconds_sum{form=\"sealed\"}") > 0.0);
    assert_eq!(value("proofmark_binding_prove_seconds_bucket{form=\"sealed\",le=\"+Inf\"}"), proofs);
    assert_eq!(value("proofmark_binding_queue_seconds_count"), proofs);
    assert_eq!(value("proofmark_binding_verifications_total{verdict=\"valid\"}"), 1.0);
    assert_eq!(value("proofmark_binding_verifications_total{verdict=\"invalid\"}"), 1.0);
    assert_eq!(value("proofmark_binding_verify_seconds_count"), 2.0);
    assert_eq!(value("proofmark_binding_queue_capacity"), 2.0);
    assert_eq!(value("proofmark_binding_queue_depth"), 0.0);
    assert_eq!(value("proofmark_binding_cache_bytes"), service.cache_bytes() as f64);
    assert_eq!(value("proofmark_binding_dev_key"), 1.0);
    assert_eq!(value("proofmark_binding_key_reloads_total"), 1.0);
    assert_eq!(value("proofmark_binding_failures_total{reason=\"key-mismatch\"}"), 1.0);
    for reason in Error::CODES {
        value(&format!("proofmark_binding_failures_total{{reason=\"{reason}\"}}"));
    }

    let events = LOG.0.lock().expect("no panic").join("\n");
    for event in [
        "INFO binding prover: 1 worker(s)",
        "(development: its receipts are rejected)",
        "[key-mismatch]",
        "[busy]",
    ] {
        assert!(events.contains(event), "{event}\n{events}");
    }
    let job = facts(3).job.to_string();
    assert_eq!(events.matches(&format!("DEBUG binding proof for job {job} in ")).count(), 1);
    for hidden in [facts(3).model, facts(3).input, facts(3).output] {
        assert!(!events.contains(&hidden.to_hex()), "a sealed receipt hides it");
    }
}

/// What Grafana needs of a dashboard; its queries are read by promtool (`cargo xtask test deploy`).
#[test]
fn the_dashboard_is_one() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/grafana/binding.json");
    let text = std::fs::read_to_string(file).expect("in the repository");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(dashboard["uid"].is_string() && dashboard["schemaVersion"].as_u64() >= Some(36));
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = std::collections::BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title} has the id of another");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
        assert!(panel["gridPos"]["w"].as_u64().is_some_and(|width| (1..=24).contains(&width)), "{title}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let targets = panel["targets"].as_array().expect("queries");
        assert!(!targets.is_empty() && targets.iter().all(|target| target["expr"].is_string()), "{title}");
    }
}

/// Alerts and dashboard use only metrics, labels and reasons that exist.
#[test]
fn deploy_uses_metrics_that_exist() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy");
    let mut used = std::collections::BTreeSet::new();
    for file in ["prometheus/binding.rules.yml", "prometheus/binding.test.yml", "grafana/binding.json"] {
        let text = std::fs::read_to_string(format!("{root}/{file}")).expect("in the repository");
        for (at, _) in text.match_indices("proofmark_binding_") {
            let name: String =
                text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let name = ["_bucket", "_count", "_sum"]
                .iter()
                .fold(name.as_str(), |name, suffix| name.strip_suffix(suffix).unwrap_or(name));
            assert!(metrics::ALL.iter().any(|(known, ..)| *known == name), "{file}: no metric {name}");
            used.insert(name.to_owned());
        }
        for part in text.split("reason=~\\\"").skip(1).chain(text.split("reason=~\"").skip(1)) {
            let reasons = part.split(['"', '\\']).next().unwrap_or_default();
            for reason in reasons.split('|').filter(|reason| !reason.contains('.')) {
                assert!(Error::CODES.contains(&reason), "{file}: no reason {reason}");
            }
        }
    }
    let shown: Vec<_> =
        metrics::ALL.iter().map(|(name, ..)| *name).filter(|name| !used.contains(*name)).collect();
    assert!(shown.is_empty(), "nothing shows {shown:?}");
}
