//! A signed transaction in the bytes that a node takes.

use ed25519_dalek::{Signer as _, SigningKey};
use solana_address::Address;
use solana_hash::Hash;
use solana_instruction::Instruction as ChainInstruction;
use solana_message::Message;

/// The longest transaction that the network carries.
pub const MAX_TRANSACTION_BYTES: usize = 1232;

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    bytes: Vec<u8>,
    signature: [u8; 64],
}

/// Why a transaction cannot be made. Its caller is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// An account must sign and its key is not at hand.
    #[error("the key of {0} must sign and is not at hand")]
    MissingKey(Address),
    /// The network would not carry it.
    #[error("the transaction has {0} bytes; the network carries {MAX_TRANSACTION_BYTES}")]
    TooLong(usize),
}

impl Transaction {
    /// Signs instructions. The first key's owner pays; keys that no instruction asks for are not used.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn sign(
        instructions: &[ChainInstruction],
        keys: &[&SigningKey],
        blockhash: [u8; 32],
    ) -> Result<Self, TransactionError> {
        let address = |key: &SigningKey| Address::new_from_array(key.verifying_key().to_bytes());
        let payer = keys.first().map(|key| address(key));
        let message =
            Message::new_with_blockhash(instructions, payer.as_ref(), &Hash::new_from_array(blockhash));
        let signers = &message.account_keys[..usize::from(message.header.num_required_signatures)];
        let body = message.serialize();
        // A short vector: fewer than 128 signatures have their count in one byte.
        let mut bytes = vec![message.header.num_required_signatures];
        let mut first = None;
        for signer in signers {
            let key = keys.iter().find(|key| address(key) == *signer);
            let signature = key.ok_or(TransactionError::MissingKey(*signer))?.sign(&body).to_bytes();
            first.get_or_insert(signature);
            bytes.extend_from_slice(&signature);
        }
        bytes.extend_from_slice(&body);
        let Some(signature) = first else { return Err(TransactionError::MissingKey(Address::default())) };
        if bytes.len() > MAX_TRANSACTION_BYTES {
            return Err(TransactionError::TooLong(bytes.len()));
        }
        Ok(Self { bytes, signature })
    }

    /// The bytes that a node takes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The payer's signature: the transaction's name.
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }
}
