//! The example's wrapper against a server that streams as OpenAI-compatible ones do.

mod common;
#[path = "../examples/answer_with_receipt/wrapper.rs"]
#[allow(dead_code, unreachable_pub, reason = "the example is a program of its own")]
mod wrapper;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use common::Keys;
use proofmark_binding::{
    circuit::Form,
    evidence,
    service::{Options, Service},
};
use proofmark_core::{Claim, Digest, Evidence, InferenceClaim, Receipt};
use serde_json::{Value, json};
use wrapper::{Client, CompletionError};

/// Serves one response to every request; gives its address and the bodies that it got.
fn server(status: &'static str, pieces: Vec<Vec<u8>>) -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}/v1/", listener.local_addr().expect("an address"));
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let got = Arc::clone(&bodies);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
            let (mut line, mut length) = (String::new(), 0);
            loop {
                line.clear();
                reader.read_line(&mut line).expect("a line");
                if line.trim().is_empty() {
                    break;
                }
                if let Some((name, value)) = line.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            got.lock().expect("no panic").push(body);
            let head =
                format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
            for piece in &pieces {
                let _ = write!(stream, "{:x}\r\n", piece.len());
                let _ = stream.write_all(piece);
                let _ = stream.write_all(b"\r\n");
                let _ = stream.flush();
            }
            let _ = stream.write_all(b"0\r\n\r\n");
        }
    });
    (base, bodies)
}

fn client(base: String, form: Form) -> Client {
    let keys = Keys::new(form).manager();
    let prover = Arc::new(Service::start(keys, Options { workers: 1, queue: 4, cache_bytes: 1 << 20 }));
    Client { base, api_key: Some("secret".into()), model: Digest::of(b"weights"), prover }
}

fn event(piece: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": piece}}]}))
}

fn request(stream: bool) -> Value {
    json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "Why?"}]})
}

/// Cuts a text into pieces of so many bytes, through characters if need be.
fn cut(text: &str, size: usize) -> Vec<Vec<u8>> {
    text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect()
}

#[test]
fn a_streamed_answer_has_a_receipt() {
    let mut text = String::from(
        ": a comment\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n",
    );
    for piece in ["Light", " scatters", " – däs", " ist es.\n"] {
        text.push_str(&event(piece));
    }
    text.push_str("data: {\"choices\":[],\"usage\":{\"total_tokens\":9}}\n\ndata: [DONE]\n\n");
    for size in [7, 1000] {
        let (base, bodies) = server("200 OK", cut(&text, size));
        let client = client(base, Form::Open);
        let mut heard = String::new();
        let job = Digest::of(b"job");
        let answer =
            client.complete(job, &request(true), &mut |piece| heard.push_str(piece)).expect("an answer");
        assert_eq!(answer.text, "Light scatters – däs ist es.\n");
        assert_eq!(heard, answer.text);
        assert_eq!(
            bodies.lock().expect("no panic").as_slice(),
            std::slice::from_ref(&answer.input),
            "byte for byte"
        );
        let expected = InferenceClaim {
            job,
            model: Digest::of(b"weights"),
            input: Digest::of(&answer.input),
            output: Digest::of(answer.text.as_bytes()),
        };
        let receipt = answer.bound.receipt("test", None);
        let receipt = Receipt::decode(receipt.to_json().as_bytes()).expect("reads");
        assert_eq!(receipt.claim, Claim::Binding(expected));
        let Evidence::Binding(evidence) = &receipt.evidence else { panic!("a proof") };
        assert_eq!(evidence::check(&receipt.claim, evidence), Ok(()));
    }
}

#[test]
fn a_whole_answer_has_a_sealed_receipt() {
    let whole = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Because."}}]});
    let (base, _) = server("200 OK", vec![whole.to_string().into_bytes()]);
    let client = client(base, Form::Sealed);
    let answer = client.complete(Digest::of(b"job"), &request(false), &mut |_| ()).expect("an answer");
    let Claim::SealedBinding(claim) = &answer.bound.claim else { panic!("sealed") };
    let opening = answer.bound.opening.as_ref().expect("the prover has it");
    assert!(evidence::opens(claim, opening));
    assert_eq!(opening.output, Digest::of(b"Because."));
}

#[test]
fn what_is_no_complete_answer_gets_no_receipt() {
    let two = json!({"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]});
    for (text, why) in [
        (event("half"), "broke off"),
        (format!("data: {two}\n\ndata: [DONE]\n\n"), "several choices"),
        ("data: {\"error\": \"overloaded\"}\n\n".to_owned(), "overloaded"),
        ("data: {nonsense\n\n".to_owned(), "key must be a string"),
    ] {
        let (base, _) = server("200 OK", vec![text.into_bytes()]);
        let result = client(base, Form::Open).complete(Digest::of(b"job"), &request(true), &mut |_| ());
        let Err(CompletionError::BadResponse(detail)) = result else { panic!("{why}: refused") };
        assert!(detail.contains(why), "{detail}");
    }
    let (base, _) = server("503 Service Unavailable", vec![b"{}".to_vec()]);
    let result = client(base, Form::Open).complete(Digest::of(b"job"), &request(true), &mut |_| ());
    assert!(matches!(result, Err(CompletionError::Http(_))));
}
