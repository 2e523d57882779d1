//! Prints every metric of the prover service as Prometheus scrapes it, after some work with a development key.
//!
//! ```text
//! cargo run -p proofmark-binding --example metrics | promtool check metrics
//! ```

use std::{error::Error, sync::Arc};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use proofmark_binding::{
    ceremony::development_key,
    circuit::Form,
    keyfile,
    manager::KeyManager,
    service::{Options, Service, metrics},
};
use proofmark_core::{Digest, InferenceClaim};

fn main() -> Result<(), Box<dyn Error>> {
    // The recorder comes first: the service looks its handles up when it starts.
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), metrics::BUCKETS)?
        .install_recorder()?;

    let folder = std::env::temp_dir().join(format!("proofmark-metrics-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("open.pk");
    keyfile::install(&path, &keyfile::encode_proving_key(&development_key(Form::Open).tabulate()))?;
    let service = Service::start(Arc::new(KeyManager::open(&path, None)?), Options::default());

    let digest = |text: &str| Digest::of(text.as_bytes());
    let facts = InferenceClaim {
        job: digest("job"),
        model: digest("model"),
        input: digest("input"),
        output: digest("output"),
    };
    for _ in 0..2 {
        let bound = service.prove(&facts)?;
        service.verify(&bound.claim, &bound.evidence)?;
    }
    print!("{}", recorder.render());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
