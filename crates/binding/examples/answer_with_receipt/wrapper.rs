//! A client of any OpenAI-compatible completion that returns the answer and a receipt for it.
//!
//! The input is the body of the request, byte for byte as it is sent; the output is the UTF-8 of the answer's text, of a stream the
//! pieces joined. An answer that broke off gets no receipt.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    sync::Arc,
    time::Duration,
};

use proofmark_binding::{error::Error, receipt::Bound, service::Service};
use proofmark_core::{Digest, InferenceClaim};
use serde_json::Value;

/// The longest answer, in bytes of the server's response.
const MAX_RESPONSE_BYTES: u64 = 64 << 20;
/// The longest line of a stream.
const MAX_LINE_BYTES: u64 = 1 << 20;
/// How long a whole answer may take.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A model behind an HTTP server, and the prover that binds its answers.
pub(crate) struct Client {
    /// Such as `http://127.0.0.1:8080/v1`.
    pub(crate) base: String,
    /// Sent as a bearer token, if there is one.
    pub(crate) api_key: Option<String>,
    /// The hash of the weights that the server is said to run.
    pub(crate) model: Digest,
    /// Makes the proofs.
    pub(crate) prover: Arc<Service>,
}

/// An answer and the evidence that it belongs to its job, model and input. Not that the model ran.
pub(crate) struct Answer {
    /// The text.
    pub(crate) text: String,
    /// The bytes that were sent: whoever checks the receipt needs them.
    pub(crate) input: Vec<u8>,
    /// Claim and evidence; [`Bound::receipt`] makes the receipt.
    pub(crate) bound: Arc<Bound>,
}

/// Why there is no answer with a receipt.
#[derive(Debug)]
pub(crate) enum CompletionError {
    /// The server's response is no complete answer. The server is at fault; a retry may help.
    BadResponse(String),
    /// The server cannot be reached or refused. A retry may help.
    Http(String),
    /// The answer is there but its proof is not.
    Proof(Arc<Error>),
}

impl std::fmt::Display for CompletionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BadResponse(detail) => write!(f, "the server's response is no complete answer: {detail}"),
            Self::Http(detail) => write!(f, "the server cannot be asked: {detail}"),
            Self::Proof(error) => write!(f, "the answer has no proof: {error}"),
        }
    }
}

impl std::error::Error for CompletionError {}

fn bad<T>(detail: impl Into<String>) -> Result<T, CompletionError> {
    Err(CompletionError::BadResponse(detail.into()))
}

impl Client {
    /// Asks `POST {base}/chat/completions`; `on_text` hears of every piece as it comes.
    ///
    /// # Errors
    /// If the server fails, its answer is not complete, or no proof can be made.
    pub(crate) fn complete(
        &self,
        job: Digest,
        request: &Value,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Answer, CompletionError> {
        let input = serde_json::to_vec(request).expect("a JSON value always encodes");
        let http = |error: ureq::Error| CompletionError::Http(error.to_string());
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().into();
        let mut call = agent
            .post(format!("{}/chat/completions", self.base.trim_end_matches('/')))
            .header("Content-Type", "application/json");
        if let Some(key) = &self.api_key {
            call = call.header("Authorization", format!("Bearer {key}"));
        }
        let response = call.send(&input[..]).map_err(http)?;
        let streams = request.get("stream") == Some(&Value::Bool(true));
        let body = response.into_body().into_reader().take(MAX_RESPONSE_BYTES);
        let text = if streams { read_stream(body, on_text)? } else { read_whole(body, on_text)? };
        let facts = InferenceClaim {
            job,
            model: self.model,
            input: Digest::of(&input),
            output: Digest::of(text.as_bytes()),
        };
        let bound = self.prover.prove(&facts).map_err(CompletionError::Proof)?;
        Ok(Answer { text, input, bound })
    }
}

/// One JSON document with `choices[0].message.content`.
fn read_whole(
    mut body: impl std::io::Read,
    on_text: &mut dyn FnMut(&str),
) -> Result<String, CompletionError> {
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes).map_err(|e| CompletionError::BadResponse(e.to_string()))?;
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|e| CompletionError::BadResponse(e.to_string()))?;
    let choice = only_choice(&value)?;
    let Some(text) = choice.pointer("/message/content").and_then(Value::as_str) else {
        return bad("it has no text");
    };
    on_text(text);
    Ok(text.to_owned())
}

/// Server-sent events: `data: {…}` with `choices[0].delta.content`, then `data: [DONE]`.
fn read_stream(body: impl std::io::Read, on_text: &mut dyn FnMut(&str)) -> Result<String, CompletionError> {
    let mut reader = BufReader::new(body);
    let mut text = String::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = reader
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(|e| CompletionError::BadResponse(e.to_string()))?;
        if count == 0 {
            return bad("the stream broke off");
        }
        if count as u64 == MAX_LINE_BYTES {
            return bad("a line of the stream is too long");
        }
        // Comments, other fields and the empty lines between events carry no text.
        let Some(data) = line.strip_prefix(b"data:") else { continue };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            return Ok(text);
        }
        let value: Value =
            serde_json::from_slice(data).map_err(|e| CompletionError::BadResponse(e.to_string()))?;
        if let Some(error) = value.get("error") {
            return bad(error.to_string());
        }
        // The last event may carry only figures about usage.
        if value["choices"].as_array().is_some_and(Vec::is_empty) {
            continue;
        }
        if let Some(piece) = only_choice(&value)?.pointer("/delta/content").and_then(Value::as_str) {
            on_text(piece);
            text.push_str(piece);
        }
    }
}

/// A receipt is about one output, so a response with several has none.
fn only_choice(value: &Value) -> Result<&Value, CompletionError> {
    match value["choices"].as_array().map(Vec::as_slice) {
        Some([choice]) if choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0 => Ok(choice),
        Some(_) => bad("it has several choices; ask for one"),
        None => bad("it has no choices"),
    }
}
