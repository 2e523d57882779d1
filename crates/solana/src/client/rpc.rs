//! JSON-RPC, as far as it is needed here (<https://solana.com/docs/rpc>).

use std::{io::Read as _, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use solana_address::Address;
use solana_hash::Hash;
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

use super::{Failure, Transaction};

/// The longest answer, in bytes, that is read.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// What carries a request to a node and its answer back.
pub trait Transport {
    /// The answer to a request; both are JSON.
    ///
    /// # Errors
    /// [`RpcError::Unreachable`], [`RpcError::Status`], [`RpcError::Malformed`].
    fn call(&self, request: &Value) -> Result<Value, RpcError>;
}

/// Why a node gave no answer, or none that helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The answer is not what the protocol says. The node is at fault.
    #[error("the node's answer to {method} makes no sense: {detail}")]
    Malformed {
        /// What it was asked.
        method: String,
        /// What is wrong.
        detail: String,
    },
    /// The node refuses the request.
    #[error("the node refuses: {message} ({code})")]
    Refused {
        /// JSON-RPC's or Solana's code.
        code: i64,
        /// In its words.
        message: String,
    },
    /// The HTTP server answers with an error.
    #[error("the node's server answers with status {0}")]
    Status(u16),
    /// The transaction failed or would fail.
    #[error("{0}")]
    Transaction(Failure),
    /// The connection failed or took too long.
    #[error("the node cannot be reached: {0}")]
    Unreachable(String),
}

impl RpcError {
    /// Whether the same request may succeed later.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Status(status) => *status >= 500 || *status == 429,
            // Behind the cluster, or behind the slot that was asked for.
            Self::Refused { code, .. } => matches!(code, -32_005 | -32_016),
            Self::Malformed { .. } | Self::Transaction(_) => false,
        }
    }
}

/// How settled what a node tells must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Commitment {
    /// Two thirds of the stake voted for its block.
    #[default]
    Confirmed,
    /// It will not be undone.
    Finalized,
}

impl Commitment {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Finalized => "finalized",
        }
    }
}

/// A recent block, which makes a transaction fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blockhash {
    /// Its hash.
    pub hash: [u8; 32],
    /// The last height at which a transaction with it is taken.
    pub last_height: u64,
}

/// An account's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The program that it belongs to.
    pub owner: Address,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Its money.
    pub lamports: u64,
}

/// What became of a transaction that the node knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The slot that it is in.
    pub slot: u64,
    /// How settled it is; nothing if less than [`Commitment::Confirmed`].
    pub commitment: Option<Commitment>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Rpc<T> {
    transport: T,
    commitment: Commitment,
}

impl<T: Transport> Rpc<T> {
    /// A node behind a transport.
    pub const fn new(transport: T, commitment: Commitment) -> Self {
        Self { transport, commitment }
    }

    /// How settled its answers are.
    pub const fn commitment(&self) -> Commitment {
        self.commitment
    }

    /// A recent block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn latest_blockhash(&self) -> Result<Blockhash, RpcError> {
        let method = "getLatestBlockhash";
        let value = self.ask(method, json!([{"commitment": self.commitment.name()}]))?;
        let read = || {
            let hash: Hash = value["value"]["blockhash"].as_str()?.parse().ok()?;
            let last_height = value["value"]["lastValidBlockHeight"].as_u64()?;
            Some(Blockhash { hash: hash.to_bytes(), last_height })
        };
        read().ok_or_else(|| malformed(method, "no block hash"))
    }

    /// The height of the last block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn block_height(&self) -> Result<u64, RpcError> {
        let method = "getBlockHeight";
        let value = self.ask(method, json!([{"commitment": self.commitment.name()}]))?;
        value.as_u64().ok_or_else(|| malformed(method, "no number"))
    }

    /// An account, if there is one.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn account(&self, address: &Address) -> Result<Option<Account>, RpcError> {
        let method = "getAccountInfo";
        let options = json!({"encoding": "base64", "commitment": self.commitment.name()});
        let value = self.ask(method, json!([address.to_string(), options]))?;
        let Some(account) = value.get("value") else { return Err(malformed(method, "no value")) };
        if account.is_null() {
            return Ok(None);
        }
        let read = || {
            let data = account["data"].as_array()?;
            if data.get(1)?.as_str()? != "base64" {
                return None;
            }
            Some(Account {
                owner: account["owner"].as_str()?.parse().ok()?,
                data: BASE64.decode(data.first()?.as_str()?).ok()?,
                lamports: account["lamports"].as_u64()?,
            })
        };
        read().map(Some).ok_or_else(|| malformed(method, "no account"))
    }

    /// Hands a transaction to the node, which tries it out first.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn send(&self, transaction: &Transaction) -> Result<(), RpcError> {
        let method = "sendTransaction";
        let options = json!({"encoding": "base64", "preflightCommitment": self.commitment.name()});
        let value = self.ask(method, json!([BASE64.encode(transaction.bytes()), options]))?;
        let signature = signature_text(transaction.signature());
        if value.as_str() == Some(&signature) {
            Ok(())
        } else {
            Err(malformed(method, "another signature than the transaction's"))
        }
    }

    /// What became of a transaction; nothing if the node does not know it.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn status(&self, signature: &[u8; 64]) -> Result<Option<Status>, RpcError> {
        let method = "getSignatureStatuses";
        let options = json!({"searchTransactionHistory": true});
        let value = self.ask(method, json!([[signature_text(signature)], options]))?;
        let Some(status) = value["value"].get(0) else { return Err(malformed(method, "no status")) };
        if status.is_null() {
            return Ok(None);
        }
        Ok(Some(Status {
            slot: status["slot"].as_u64().ok_or_else(|| malformed(method, "no slot"))?,
            commitment: match status["confirmationStatus"].as_str() {
                Some("finalized") => Some(Commitment::Finalized),
                Some("confirmed") => Some(Commitment::Confirmed),
                _ => None,
            },
            failure: Some(&status["err"]).filter(|err| !err.is_null()).map(Failure::read),
        }))
    }

    fn ask(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut answer = self.transport.call(&request)?;
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            if let Some(err) = error["data"].get("err").filter(|err| !err.is_null()) {
                return Err(RpcError::Transaction(Failure::read(err)));
            }
            let message = error["message"].as_str().unwrap_or_default();
            return Err(RpcError::Refused {
                code: error["code"].as_i64().unwrap_or_default(),
                message: message.chars().filter(|c| !c.is_control()).take(300).collect(),
            });
        }
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(malformed(method, "neither result nor error")),
        }
    }
}

/// A signature in the form that nodes write it: base58.
pub(super) fn signature_text(signature: &[u8; 64]) -> String {
    let mut text = [0; five8::BASE58_ENCODED_64_MAX_LEN];
    let length = five8::encode_64(signature, &mut text);
    text[..usize::from(length)].iter().map(|byte| char::from(*byte)).collect()
}

fn malformed(method: &str, detail: &str) -> RpcError {
    RpcError::Malformed { method: method.to_owned(), detail: detail.to_owned() }
}

/// HTTP and HTTPS.
#[derive(Clone, Debug)]
pub struct Http {
    url: String,
    agent: Agent,
}

impl Http {
    /// The node at an address. Each request takes at most `timeout`.
    ///
    /// # Errors
    /// If the address is no `http://` or `https://` one.
    pub fn new(url: impl Into<String>, timeout: Duration) -> Result<Self, String> {
        let url = url.into();
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(format!("`{url}` is not an http:// or https:// address"));
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .max_redirects(0)
            .http_status_as_error(false)
            .tls_config(tls);
        Ok(Self { url, agent: config.build().into() })
    }
}

impl Transport for Http {
    fn call(&self, request: &Value) -> Result<Value, RpcError> {
        let unreachable = |detail: &dyn std::fmt::Display| RpcError::Unreachable(detail.to_string());
        let body = request.to_string();
        let post = self.agent.post(&self.url).header("Content-Type", "application/json");
        let mut response = post.send(body.as_bytes()).map_err(|e| unreachable(&e))?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        let mut reader = response.body_mut().as_reader().take(MAX_ANSWER_BYTES as u64 + 1);
        reader.read_to_end(&mut bytes).map_err(|e| unreachable(&e))?;
        let method = request["method"].as_str().unwrap_or_default();
        if bytes.len() > MAX_ANSWER_BYTES {
            return Err(malformed(method, "it is too long"));
        }
        // Some servers send JSON-RPC errors with an HTTP error; others send a page.
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(answer) if status == 200 || answer.get("error").is_some_and(Value::is_object) => Ok(answer),
            Ok(_) => Err(RpcError::Status(status)),
            Err(_) if status != 200 => Err(RpcError::Status(status)),
            Err(error) => Err(malformed(method, &error.to_string())),
        }
    }
}
