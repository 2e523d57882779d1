//! A node: JSON-RPC over HTTP on loopback, in front of a chain in memory.
//!
//! It answers what `proofmark` asks and does with transactions what a node does: tries them out, and says in the same words
//! why they fail. Blockhashes expire when told to.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use proofmark_solana::client::Address;
use serde_json::{Value, json};

use crate::{Chain, answer, decode};

/// The node.
pub struct Node {
    address: SocketAddr,
    /// What is behind it.
    pub state: Arc<Mutex<State>>,
}

/// What is behind a node.
pub struct State {
    /// The chain.
    pub chain: Chain,
    /// The height of the last block.
    height: u64,
    /// Transactions that are dropped without a word, as a busy network does.
    pub drop: u32,
    /// Requests that are answered with an HTTP error.
    pub refuse: u32,
    /// What became of transactions, by signature.
    done: Vec<(String, Value)>,
    /// Methods that were asked for.
    pub asked: Vec<String>,
}

impl Node {
    /// A node on a free port.
    pub fn start(chain: Chain) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { chain, height: 1000, drop: 0, refuse: 0, done: Vec::new(), asked: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, state }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let request: Value = serde_json::from_slice(&body).unwrap();
        let mut state = state.lock().unwrap();
        let (status, text) = if state.refuse > 0 {
            state.refuse -= 1;
            ("429 Too Many Requests", "slow down".to_owned())
        } else {
            ("200 OK", state.answer(&request).to_string())
        };
        drop(state);
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", text.len());
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes())).is_err() {
            return;
        }
    }
}

impl State {
    fn answer(&mut self, request: &Value) -> Value {
        let method = request["method"].as_str().unwrap();
        self.asked.push(method.to_owned());
        let params = &request["params"];
        let result = match method {
            "getLatestBlockhash" => {
                let hash = self.chain.svm.latest_blockhash().to_string();
                Ok(json!({"context": {"slot": self.height},
                    "value": {"blockhash": hash, "lastValidBlockHeight": self.height + 150}}))
            }
            "getBlockHeight" => Ok(json!(self.height)),
            "getAccountInfo" => {
                let address: Address = params[0].as_str().unwrap().parse().unwrap();
                let account = self.chain.svm.get_account(&address).filter(|account| account.lamports > 0);
                let value = account.map(|account| {
                    json!({"data": [BASE64.encode(&account.data), "base64"], "executable": account.executable,
                        "lamports": account.lamports, "owner": account.owner.to_string(), "rentEpoch": 0,
                        "space": account.data.len()})
                });
                Ok(json!({"context": {"slot": self.height}, "value": value}))
            }
            "getSignatureStatuses" => {
                let wanted = params[0][0].as_str().unwrap();
                let found = self.done.iter().find(|(signature, _)| signature == wanted);
                let value = found.map(|(_, err)| {
                    json!({"slot": self.height, "confirmations": 1, "err": err, "confirmationStatus": "confirmed"})
                });
                Ok(json!({"context": {"slot": self.height}, "value": [value]}))
            }
            "sendTransaction" => self.send(params),
            other => Err(json!({"code": -32601, "message": format!("Method not found: {other}")})),
        };
        match result {
            Ok(result) => json!({"jsonrpc": "2.0", "id": request["id"], "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": request["id"], "error": error}),
        }
    }

    /// Tries a transaction out, and carries it out if that went well.
    fn send(&mut self, params: &Value) -> Result<Value, Value> {
        let bytes = BASE64.decode(params[0].as_str().unwrap()).unwrap();
        assert_eq!(params[1]["encoding"], "base64");
        let transaction = decode(&bytes);
        let signature = transaction.signatures[0].to_string();
        if self.done.iter().any(|(known, _)| *known == signature) {
            return Ok(signature.into());
        }
        if self.drop > 0 {
            self.drop -= 1;
            // Time goes by, and the hash with it.
            self.height += 151;
            self.chain.svm.expire_blockhash();
            return Ok(signature.into());
        }
        let simulated = self.chain.svm.simulate_transaction(transaction.clone());
        if let Err(failed) = simulated {
            let err = serde_json::to_value(&failed.err).unwrap();
            let message = format!("Transaction simulation failed: {}", failed.err);
            return Err(json!({"code": -32002, "message": message, "data": {"err": err, "logs": failed.meta.logs}}));
        }
        let result = answer(self.chain.svm.send_transaction(transaction));
        self.done.push((signature.clone(), result.err().unwrap_or(Value::Null)));
        self.height += 1;
        Ok(signature.into())
    }
}
