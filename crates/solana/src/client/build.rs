//! Instructions for the program.

use ed25519_dalek::{Signer as _, SigningKey};
use proofmark_core::WitnessClaim;
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction as ChainInstruction};

use super::address::{record_address, roster_address};
use crate::{Instruction, ZkPerfWitness, ed25519, roster::Terms};

/// Keys that are added in one transaction: as many as fit.
pub const ENROL_KEYS: usize = 28;

/// Instructions for the program at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program(pub Address);

/// `Sysvar1nstructions1111111111111111111111111`
const INSTRUCTIONS_SYSVAR: Address = Address::new_from_array([
    6, 167, 213, 23, 24, 123, 209, 102, 53, 218, 212, 4, 85, 253, 194, 192, 193, 36, 198, 143, 33, 86, 117,
    165, 219, 186, 203, 95, 8, 0, 0, 0,
]);
/// `ComputeBudget111111111111111111111111111111`
const COMPUTE_BUDGET: Address = Address::new_from_array([
    3, 6, 70, 111, 229, 33, 23, 50, 255, 236, 173, 186, 114, 195, 155, 231, 188, 140, 229, 187, 197, 247, 18,
    107, 44, 67, 155, 58, 64, 0, 0, 0,
]);
const SYSTEM: Address = Address::new_from_array([0; 32]);

impl Program {
    /// Opens a roster. Its authority signs and pays.
    pub fn open(&self, terms: &Terms) -> ChainInstruction {
        let authority = Address::new_from_array(terms.authority);
        let roster = roster_address(&self.0, &authority, &terms.label);
        let accounts = vec![
            AccountMeta::new(authority, true),
            AccountMeta::new(roster, false),
            AccountMeta::new_readonly(SYSTEM, false),
        ];
        self.ask(&Instruction::Open(*terms), accounts)
    }

    /// Adds keys, at most [`ENROL_KEYS`] if they are alone in their transaction.
    pub fn enrol(&self, roster: &Address, authority: &Address, keys: &[[u8; 32]]) -> ChainInstruction {
        let accounts = vec![AccountMeta::new_readonly(*authority, true), AccountMeta::new(*roster, false)];
        self.ask(&Instruction::Enrol { keys: keys.as_flattened() }, accounts)
    }

    /// Records a witness: the signature's check, and what must follow it at once. Nothing if its name is too long.
    pub fn record(
        &self,
        roster: &Address,
        epoch: u64,
        witness: &ZkPerfWitness<'_>,
        key: &[u8; 32],
        payer: &Address,
    ) -> Option<[ChainInstruction; 2]> {
        let message = witness.message(roster.as_array(), epoch)?;
        let signed = ed25519::Signed { key, signature: &witness.signature, message: &message };
        let check = ChainInstruction {
            program_id: Address::new_from_array(ed25519::PROGRAM),
            accounts: Vec::new(),
            data: [&signed.header()[..], &message].concat(),
        };
        let accounts = vec![
            AccountMeta::new(*payer, true),
            AccountMeta::new_readonly(*roster, false),
            AccountMeta::new(record_address(&self.0, roster, epoch, witness.shard_id), false),
            AccountMeta::new_readonly(INSTRUCTIONS_SYSVAR, false),
            AccountMeta::new_readonly(SYSTEM, false),
        ];
        let borsh = witness.to_borsh()?;
        Some([check, self.ask(&Instruction::Record { epoch, borsh: &borsh }, accounts)])
    }

    /// Votes for a record. `at` is the validator's place in the roster, `digest` what it votes for.
    pub fn vote(
        &self,
        roster: &Address,
        record: &Address,
        (validator, at): (&Address, u16),
        digest: &[u8; 32],
    ) -> ChainInstruction {
        let accounts = vec![
            AccountMeta::new_readonly(*validator, true),
            AccountMeta::new_readonly(*roster, false),
            AccountMeta::new(*record, false),
        ];
        self.ask(&Instruction::Vote { validator: at, digest }, accounts)
    }

    /// The most compute units that a transaction may use, and what is paid for each, in millionths of a lamport.
    pub fn budget(units: u32, price: u64) -> Vec<ChainInstruction> {
        let ask = |data: Vec<u8>| ChainInstruction { program_id: COMPUTE_BUDGET, accounts: Vec::new(), data };
        let limit = ask([&[2][..], &units.to_le_bytes()].concat());
        let price = (price > 0).then(|| ask([&[3][..], &price.to_le_bytes()].concat()));
        [limit].into_iter().chain(price).collect()
    }

    fn ask(&self, instruction: &Instruction<'_>, accounts: Vec<AccountMeta>) -> ChainInstruction {
        let (head, length, rest) = instruction.data();
        ChainInstruction { program_id: self.0, accounts, data: [&head[..length], rest].concat() }
    }
}

/// What a chain keeps of a claim, signed by its shard for one roster and epoch.
///
/// # Errors
/// If the shard, the name or the time does not fit.
pub fn sign<'a>(
    claim: &'a WitnessClaim,
    roster: &Address,
    epoch: u64,
    key: &SigningKey,
) -> Result<ZkPerfWitness<'a>, &'static str> {
    let seconds = claim.started_ns / 1_000_000_000;
    let mut witness = ZkPerfWitness {
        shard_id: claim.shard.try_into().map_err(|_| "a chain keeps shards 0 to 255 only")?,
        agent: &claim.agent,
        timestamp: seconds.try_into().map_err(|_| "the time does not fit 64 bits with a sign")?,
        perf_hash: *claim.recording.perf.as_bytes(),
        samples: claim.recording.samples,
        signature: [0; 64],
    };
    let message = witness.message(roster.as_array(), epoch);
    let message = message.ok_or("a chain keeps names of agents of at most 64 bytes")?;
    witness.signature = key.sign(&message).to_bytes();
    Ok(witness)
}
