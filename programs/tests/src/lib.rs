//! A chain in memory with the witness-anchor program on it.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test stops at the first surprise")]

pub mod node;

use std::path::Path;

use ed25519_dalek::SigningKey;
use litesvm::{LiteSVM, types::TransactionResult};
use proofmark_solana::{
    Record, Roster, ZkPerfWitness,
    client::{Address, ChainInstruction, Program, Transaction, record_address, roster_address},
    roster::Terms,
};
use serde_json::Value;
use solana_clock::Clock;
use solana_transaction::versioned::VersionedTransaction;

/// The chain's time, in seconds.
pub const NOW: i64 = 1_800_000_000;
/// The program's address.
pub const PROGRAM: Address = Address::new_from_array([0x77; 32]);

/// A key from a number.
pub fn key(number: u16) -> SigningKey {
    let mut seed = [0x5a; 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    SigningKey::from_bytes(&seed)
}

/// The address of a key.
pub fn address(key: &SigningKey) -> Address {
    Address::new_from_array(key.verifying_key().to_bytes())
}

/// Keys of shards.
pub fn shard_key(shard: u16) -> SigningKey {
    key(1000 + shard)
}

/// Keys of validators.
pub fn validator_key(validator: u16) -> SigningKey {
    key(2000 + validator)
}

/// The chain.
pub struct Chain {
    /// The runtime.
    pub svm: LiteSVM,
    /// Who pays, and opens rosters.
    pub payer: SigningKey,
    /// Instructions for the program.
    pub program: Program,
}

/// What a transaction cost, or the node's `err` in JSON.
pub type Answer = Result<u64, Value>;

impl Chain {
    /// A chain with the committed program.
    pub fn new() -> Self {
        let mut svm = LiteSVM::new().with_log_bytes_limit(Some(100_000));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/proofmark-witness-anchor.so");
        svm.add_program(PROGRAM, &std::fs::read(path).unwrap()).unwrap();
        let payer = key(1);
        svm.airdrop(&address(&payer), 100_000_000_000).unwrap();
        let mut chain = Self { svm, payer, program: Program(PROGRAM) };
        chain.set_time(NOW);
        chain
    }

    /// Sets the clock.
    pub fn set_time(&mut self, unix: i64) {
        let mut clock: Clock = self.svm.get_sysvar();
        clock.unix_timestamp = unix;
        self.svm.set_sysvar(&clock);
    }

    /// Signs with these keys, the first of which pays, and carries out.
    pub fn send(&mut self, instructions: &[ChainInstruction], keys: &[&SigningKey]) -> Answer {
        self.svm.expire_blockhash();
        let hash = self.svm.latest_blockhash().to_bytes();
        let transaction = Transaction::sign(instructions, keys, hash).unwrap();
        self.carry_out(transaction.bytes())
    }

    /// Carries out the bytes of a transaction.
    pub fn carry_out(&mut self, bytes: &[u8]) -> Answer {
        answer(self.svm.send_transaction(decode(bytes)))
    }

    /// Terms of a roster of this many shards and validators.
    pub fn terms(&self, shards: u16, validators: u16, quorum: u16) -> Terms {
        Terms {
            shards,
            validators,
            quorum,
            max_age_s: 3600,
            authority: address(&self.payer).to_bytes(),
            label: [b'r'; 32],
        }
    }

    /// Opens a roster and fills it with the keys of this module. Its address.
    pub fn roster(&mut self, terms: &Terms) -> Address {
        let payer = self.payer.clone();
        let at = roster_address(&PROGRAM, &address(&payer), &terms.label);
        self.send(&[self.program.open(terms)], &[&payer]).unwrap();
        let shards = (0..terms.shards).map(shard_key);
        let keys: Vec<[u8; 32]> = shards
            .chain((0..terms.validators).map(validator_key))
            .map(|key| key.verifying_key().to_bytes())
            .collect();
        for part in keys.chunks(proofmark_solana::client::ENROL_KEYS) {
            self.send(&[self.program.enrol(&at, &address(&payer), part)], &[&payer]).unwrap();
        }
        let account = self.svm.get_account(&at).unwrap();
        assert_eq!(Roster::read(&account.data).unwrap().check_complete(), Ok(()));
        at
    }

    /// The instructions that record a witness.
    pub fn record(&self, roster: &Address, epoch: u64, witness: &ZkPerfWitness<'_>) -> [ChainInstruction; 2] {
        let key = shard_key(witness.shard_id.into()).verifying_key().to_bytes();
        self.program.record(roster, epoch, witness, &key, &address(&self.payer)).unwrap()
    }

    /// The instruction of a validator's vote for what is kept.
    pub fn vote(&self, roster: &Address, epoch: u64, shard: u8, validator: u16) -> ChainInstruction {
        let at = record_address(&PROGRAM, roster, epoch, shard);
        let account = self.svm.get_account(&at).unwrap();
        let digest = Record::read(&account.data).unwrap().digest();
        self.program.vote(roster, &at, (&address(&validator_key(validator)), validator), &digest)
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

/// A witness of a shard, signed for a roster and an epoch by a key.
pub fn signed<'a>(
    agent: &'a str,
    shard_id: u8,
    roster: &Address,
    epoch: u64,
    key: &SigningKey,
) -> ZkPerfWitness<'a> {
    use ed25519_dalek::Signer as _;
    let mut witness = ZkPerfWitness {
        shard_id,
        agent,
        timestamp: NOW - 60,
        perf_hash: [9; 32],
        samples: 162,
        signature: [0; 64],
    };
    witness.signature = key.sign(&witness.message(roster.as_array(), epoch).unwrap()).to_bytes();
    witness
}

/// Reads a transaction's bytes.
pub fn decode(bytes: &[u8]) -> VersionedTransaction {
    bincode::deserialize(bytes).unwrap()
}

/// What a node would say.
pub fn answer(result: TransactionResult) -> Answer {
    match result {
        Ok(meta) => Ok(meta.compute_units_consumed),
        Err(failed) => Err(serde_json::to_value(&failed.err).unwrap()),
    }
}
