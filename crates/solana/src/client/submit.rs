//! Sending a transaction until it is settled or cannot be.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use solana_instruction::Instruction as ChainInstruction;

use super::{Failure, Rpc, RpcError, Status, Transaction, TransactionError, Transport, rpc::signature_text};

/// How long to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Blockhashes, each fresh when the one before has expired.
    pub blockhashes: u32,
    /// Tries of a request that may succeed later.
    pub tries: u32,
    /// The time between two looks at the transaction's status, and before the first repetition of a request; it doubles
    /// with each.
    pub pause: Duration,
    /// Looks at the status for one blockhash, so that a node that stands still does not hold us for ever.
    pub looks: u32,
}

impl Default for Patience {
    /// A blockhash is good for about a minute.
    fn default() -> Self {
        Self { blockhashes: 4, tries: 5, pause: Duration::from_millis(500), looks: 240 }
    }
}

/// A settled transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its signature in base58.
    pub signature: String,
    /// The slot that it is in.
    pub slot: u64,
    /// How many blockhashes it took.
    pub blockhashes: u32,
}

/// Why a transaction was not settled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// Every blockhash expired before the transaction was carried out. Nothing was done, and trying again may help.
    #[error("not carried out before {0} blockhashes had expired")]
    Expired(u32),
    /// The node does not answer as it must.
    #[error(transparent)]
    Rpc(RpcError),
    /// It cannot be made.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// It was sent, and the node stopped saying what became of it. It may still be carried out.
    #[error("transaction {0} was sent, but what became of it is not known")]
    Unknown(String),
}

impl SubmitError {
    /// Why the chain refuses, if it does.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Rpc(RpcError::Transaction(failure)) => Some(failure),
            _ => None,
        }
    }

    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Expired(_) | Self::Unknown(_) => true,
            Self::Rpc(error) => error.is_retryable(),
            Self::Transaction(_) => false,
        }
    }
}

/// Signs, sends and waits. The first key's owner pays.
///
/// The same transaction is sent again and again while its blockhash is good, because nodes drop what they cannot place;
/// that is harmless, for it has one signature and is carried out once. It is signed anew only when the last height of its
/// blockhash has passed and no node's history has it, so it cannot be carried out twice.
///
/// # Errors
/// [`SubmitError`].
pub fn submit<T: Transport>(
    rpc: &Rpc<T>,
    instructions: &[ChainInstruction],
    keys: &[&SigningKey],
    patience: &Patience,
    sleep: &mut dyn FnMut(Duration),
) -> Result<Sent, SubmitError> {
    for used in 1..=patience.blockhashes {
        let blockhash = retried(patience, sleep, || rpc.latest_blockhash())?;
        let transaction = Transaction::sign(instructions, keys, blockhash.hash)?;
        match retried(patience, sleep, || rpc.send(&transaction)) {
            Ok(()) | Err(RpcError::Transaction(Failure::AlreadyProcessed)) => {}
            // The node that tries it out is behind the one that gave the hash, or it has expired on the way.
            Err(RpcError::Transaction(Failure::BlockhashNotFound)) => {
                sleep(patience.pause);
                continue;
            }
            Err(error) => return Err(SubmitError::Rpc(error)),
        }
        if let Some(status) = settle(rpc, &transaction, blockhash.last_height, patience, sleep)? {
            return match status.failure {
                Some(failure) => Err(SubmitError::Rpc(RpcError::Transaction(failure))),
                None => Ok(Sent {
                    signature: signature_text(transaction.signature()),
                    slot: status.slot,
                    blockhashes: used,
                }),
            };
        }
    }
    Err(SubmitError::Expired(patience.blockhashes))
}

/// Waits for a transaction's end; nothing if it expired.
fn settle<T: Transport>(
    rpc: &Rpc<T>,
    transaction: &Transaction,
    last_height: u64,
    patience: &Patience,
    sleep: &mut dyn FnMut(Duration),
) -> Result<Option<Status>, SubmitError> {
    const SEND_EVERY: u32 = 4;
    let unknown = |_| SubmitError::Unknown(signature_text(transaction.signature()));
    for look in 1..=patience.looks {
        // The height first: what is not there after its last height is never there.
        let height = retried(patience, sleep, || rpc.block_height()).map_err(unknown)?;
        let status = retried(patience, sleep, || rpc.status(transaction.signature())).map_err(unknown)?;
        match status {
            Some(status) if status.failure.is_some() || status.commitment >= Some(rpc.commitment()) => {
                return Ok(Some(status));
            }
            // In a block, but not settled.
            Some(_) => {}
            None if height > last_height => return Ok(None),
            None if look % SEND_EVERY == 0 => {
                // Whether it arrives is seen by its status.
                let _ = rpc.send(transaction);
            }
            None => {}
        }
        sleep(patience.pause);
    }
    Err(SubmitError::Unknown(signature_text(transaction.signature())))
}

/// Repeats a request that may succeed later.
///
/// # Errors
/// The last answer's.
pub fn retried<T>(
    patience: &Patience,
    sleep: &mut dyn FnMut(Duration),
    mut request: impl FnMut() -> Result<T, RpcError>,
) -> Result<T, RpcError> {
    let mut pause = patience.pause;
    for _ in 1..patience.tries {
        match request() {
            Err(error) if error.is_retryable() => {
                sleep(pause);
                pause = pause.saturating_mul(2);
            }
            answer => return answer,
        }
    }
    request()
}

impl From<RpcError> for SubmitError {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Address, Commitment};
    use serde_json::{Value, json};
    use std::cell::RefCell;

    /// What each method answers, in order; the last answer stays.
    type Part = Vec<(&'static str, Vec<Result<Value, RpcError>>)>;

    /// A node that plays a part.
    struct Scripted {
        parts: RefCell<Part>,
        sent: RefCell<Vec<String>>,
    }

    impl Transport for &Scripted {
        fn call(&self, request: &Value) -> Result<Value, RpcError> {
            let method = request["method"].as_str().unwrap();
            let transaction = request["params"][0].as_str().filter(|_| method == "sendTransaction");
            self.sent.borrow_mut().extend(transaction.map(str::to_owned));
            let mut parts = self.parts.borrow_mut();
            let answers = &mut parts.iter_mut().find(|part| part.0 == method).expect("a known method").1;
            let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
            answer.map(|mut answer| {
                // What a node answers to a transaction is its own signature.
                if answer["result"] == "SIGNATURE" {
                    use base64::Engine as _;
                    let bytes =
                        base64::engine::general_purpose::STANDARD.decode(transaction.unwrap()).unwrap();
                    answer["result"] = signature_text(bytes[1..65].try_into().unwrap()).into();
                }
                answer
            })
        }
    }

    fn ok(result: Value) -> Result<Value, RpcError> {
        Ok(json!({"jsonrpc": "2.0", "id": 1, "result": result}))
    }

    fn refused(err: Value) -> Result<Value, RpcError> {
        Ok(
            json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32002, "message": "simulation failed", "data": {"err": err}}}),
        )
    }

    fn hash(number: u8, last: u64) -> Result<Value, RpcError> {
        let hash = Address::new_from_array([number; 32]).to_string();
        ok(json!({"value": {"blockhash": hash, "lastValidBlockHeight": last}}))
    }

    fn confirmed() -> Result<Value, RpcError> {
        ok(json!({"value": [{"slot": 7, "confirmationStatus": "confirmed", "err": null}]}))
    }

    fn unknown() -> Result<Value, RpcError> {
        ok(json!({"value": [null]}))
    }

    fn play(parts: Part) -> (Result<Sent, SubmitError>, Vec<String>, Duration) {
        let node = Scripted { parts: RefCell::new(parts), sent: RefCell::default() };
        let key = SigningKey::from_bytes(&[1; 32]);
        let ask = ChainInstruction {
            program_id: Address::new_from_array([2; 32]),
            accounts: Vec::new(),
            data: vec![1],
        };
        let mut slept = Duration::ZERO;
        let rpc = Rpc::new(&node, Commitment::Confirmed);
        let patience = Patience { looks: 20, ..Patience::default() };
        let result = submit(&rpc, &[ask], &[&key], &patience, &mut |pause| slept += pause);
        (result, node.sent.into_inner(), slept)
    }

    #[test]
    fn it_is_sent_and_confirmed() {
        let (result, sent, _) = play(vec![
            ("getLatestBlockhash", vec![hash(1, 100)]),
            ("sendTransaction", vec![ok(json!("SIGNATURE"))]),
            ("getBlockHeight", vec![ok(json!(50))]),
            ("getSignatureStatuses", vec![unknown(), unknown(), confirmed()]),
        ]);
        let result = result.unwrap();
        assert_eq!((result.slot, result.blockhashes, sent.len()), (7, 1, 1));
    }

    #[test]
    fn an_expired_blockhash_is_replaced_and_only_then() {
        let (result, sent, _) = play(vec![
            ("getLatestBlockhash", vec![hash(1, 100), hash(2, 200)]),
            ("sendTransaction", vec![ok(json!("SIGNATURE"))]),
            // Expired at 101; the second one is carried out.
            ("getBlockHeight", vec![ok(json!(99)), ok(json!(100)), ok(json!(101)), ok(json!(102))]),
            ("getSignatureStatuses", vec![unknown(), unknown(), unknown(), confirmed()]),
        ]);
        assert_eq!(result.unwrap().blockhashes, 2);
        assert_eq!(sent.len(), 2);
        assert_ne!(sent[0], sent[1], "signed anew");
        // One that was carried out at the last moment is not sent twice.
        let (result, sent, _) = play(vec![
            ("getLatestBlockhash", vec![hash(1, 100)]),
            ("sendTransaction", vec![ok(json!("SIGNATURE"))]),
            ("getBlockHeight", vec![ok(json!(101))]),
            ("getSignatureStatuses", vec![confirmed()]),
        ]);
        assert_eq!((result.unwrap().blockhashes, sent.len()), (1, 1));
        // A node that knows no such hash.
        let (result, sent, _) = play(vec![
            ("getLatestBlockhash", vec![hash(1, 100), hash(2, 100)]),
            ("sendTransaction", vec![refused(json!("BlockhashNotFound")), ok(json!("SIGNATURE"))]),
            ("getBlockHeight", vec![ok(json!(1))]),
            ("getSignatureStatuses", vec![confirmed()]),
        ]);
        assert_eq!((result.unwrap().blockhashes, sent.len()), (2, 2));
        // And one that never does: it ends.
        let (result, sent, _) = play(vec![
            ("getLatestBlockhash", vec![hash(1, 100)]),
            ("sendTransaction", vec![refused(json!("BlockhashNotFound"))]),
        ]);
        assert_eq!((result, sent.len()), (Err(SubmitError::Expired(4)), 4));
    }

    #[test]
    fn what_may_succeed_later_is_tried_again_and_the_rest_is_not() {
        let busy = || Err(RpcError::Status(429));
        let (result, _, slept) = play(vec![
            ("getLatestBlockhash", vec![busy(), Err(RpcError::Unreachable("reset".into())), hash(1, 100)]),
            ("sendTransaction", vec![busy(), ok(json!("SIGNATURE"))]),
            ("getBlockHeight", vec![busy(), ok(json!(50))]),
            ("getSignatureStatuses", vec![busy(), confirmed()]),
        ]);
        assert_eq!(result.unwrap().blockhashes, 1);
        assert_eq!(slept, Duration::from_millis(500 + 1000 + 500 + 500 + 500));
        let (result, sent, slept) = play(vec![
            ("getLatestBlockhash", vec![hash(1, 100)]),
            ("sendTransaction", vec![refused(json!({"InstructionError": [2, {"Custom": 6011}]}))]),
        ]);
        assert_eq!(result.unwrap_err().failure(), Some(&Failure::Fault(crate::Fault::WrongKey)));
        assert_eq!((sent.len(), slept), (1, Duration::ZERO));
        let (result, ..) = play(vec![("getLatestBlockhash", vec![Err(RpcError::Status(503))])]);
        assert!(result.unwrap_err().is_retryable());
        let (result, ..) = play(vec![("getLatestBlockhash", vec![ok(json!({"value": {}}))])]);
        assert!(matches!(result, Err(SubmitError::Rpc(RpcError::Malformed { .. }))));
    }

    #[test]
    fn a_node_that_stands_still_does_not_hold_us() {
        let (result, sent, _) = play(vec![
            ("getLatestBlockhash", vec![hash(1, 100)]),
            ("sendTransaction", vec![ok(json!("SIGNATURE"))]),
            ("getBlockHeight", vec![ok(json!(50))]),
            ("getSignatureStatuses", vec![unknown()]),
        ]);
        assert!(matches!(result, Err(SubmitError::Unknown(_))));
        assert_eq!(sent.len(), 1 + 5, "repeated while the hash is good");
        assert!(sent.iter().all(|other| *other == sent[0]), "always the same one");
    }

    #[test]
    fn a_node_that_answers_another_signature_lies() {
        let (result, ..) = play(vec![
            ("getLatestBlockhash", vec![hash(1, 100)]),
            ("sendTransaction", vec![ok(json!("1111"))]),
        ]);
        assert!(matches!(result, Err(SubmitError::Rpc(RpcError::Malformed { .. }))));
    }

    #[test]
    fn a_transaction_needs_its_keys_and_its_room() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let ask = |data: Vec<u8>, signer: u8| ChainInstruction {
            program_id: Address::new_from_array([2; 32]),
            accounts: vec![solana_instruction::AccountMeta::new(Address::new_from_array([signer; 32]), true)],
            data,
        };
        let made = Transaction::sign(&[ask(vec![], 9)], &[&key], [0; 32]);
        assert_eq!(made, Err(TransactionError::MissingKey(Address::new_from_array([9; 32]))));
        let own = ChainInstruction { accounts: Vec::new(), ..ask(vec![0; 1200], 0) };
        assert!(matches!(Transaction::sign(&[own], &[&key], [0; 32]), Err(TransactionError::TooLong(_))));
        assert!(Transaction::sign(&[], &[], [0; 32]).is_err());
    }
}
