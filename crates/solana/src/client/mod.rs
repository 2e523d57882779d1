//! The client's side: addresses, transactions, JSON-RPC.

mod address;
mod build;
mod failure;
mod rpc;
mod submit;
mod transaction;

pub use address::{record_address, roster_address};
pub use build::{ENROL_KEYS, Program, sign};
pub use failure::Failure;
pub use rpc::{Account, Blockhash, Commitment, Http, Rpc, RpcError, Status, Transport};
pub use solana_address::Address;
pub use solana_instruction::{AccountMeta, Instruction as ChainInstruction};
pub use submit::{Patience, Sent, SubmitError, submit};
pub use transaction::{MAX_TRANSACTION_BYTES, Transaction, TransactionError};
