//! Asks an OpenAI-compatible server and writes the answer with a receipt.
//!
//! ```text
//! proofmark binding setup --dev --out keys
//! PROOFMARK_BINDING_PROVING_KEY=keys/open.pk cargo run --release -p proofmark-binding --example answer_with_receipt -- \
//!     http://127.0.0.1:8080/v1 my-model model.gguf "Why is the sky blue?"
//! ```

mod wrapper;

use std::{error::Error, fs, io::Write as _, path::Path, sync::Arc};

use proofmark_binding::{
    hashing::{self, Watch},
    service::{Options, Service},
    settings::Settings,
};
use proofmark_core::{Digest, Job};
use serde_json::json;
use wrapper::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [base, name, model, question] = &args[..] else {
        return Err("usage: answer_with_receipt URL MODEL-NAME MODEL-PATH|HASH QUESTION".into());
    };
    let settings = Settings::from_env()?;
    let keys = Arc::new(settings.keys()?);
    let options = Options { cache_bytes: settings.cache_bytes, ..Options::default() };
    let model: Digest = match model.parse() {
        Ok(digest) => digest,
        Err(_) => hashing::model(Path::new(model), &Watch::default())?.digest,
    };
    // What was asked for, as a job, so that the receipt answers exactly this.
    let job =
        Job::parse(json!({"version": 1, "title": "Answer a question", "tier": "2"}).to_string().as_bytes())?;
    let client = Client {
        base: base.clone(),
        api_key: std::env::var("OPENAI_API_KEY").ok(),
        model,
        prover: Arc::new(Service::start(keys, options)),
    };
    let request = json!({"model": name, "stream": true, "messages": [{"role": "user", "content": question}]});
    let answer = client.complete(job.digest(), &request, &mut |piece| {
        print!("{piece}");
        // A terminal that is gone is no reason to lose the answer.
        let _ = std::io::stdout().flush();
    })?;
    println!();
    let tool = concat!("answer_with_receipt ", env!("CARGO_PKG_VERSION"));
    fs::write("job.json", job.to_json())?;
    fs::write("input.json", &answer.input)?;
    fs::write("output.txt", &answer.text)?;
    fs::write("receipt.json", answer.bound.receipt(tool, None).to_json())?;
    if let Some(opening) = &answer.bound.opening {
        fs::write("opening.json", serde_json::to_string_pretty(opening)?)?;
    }
    eprintln!(
        "wrote job.json, input.json, output.txt, receipt.json; the receipt does not show that the model ran"
    );
    Ok(())
}
