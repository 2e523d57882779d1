//! A Solana program: one signed record of a witness per shard and epoch, final once a quorum voted.
//!
//! Everything that can be decided from bytes is decided in `proofmark-solana`, which is tested on ordinary machines. Here
//! is what only the chain knows: who signed, which account is whose, what time it is.
//!
//! No account is trusted for what it looks like. Rosters and records must belong to this program, which alone writes them;
//! new ones must lie at the one canonical address that roster, epoch and shard give, so there is room for one record
//! only; and the instructions sysvar must be the runtime's.

#![no_std]
#![deny(unsafe_op_in_unsafe_fn)]

mod accounts;
mod memory;
mod system;

use pinocchio::{
    AccountView, Address, ProgramResult, address::MAX_SEEDS, error::ProgramError, no_allocator,
    nostd_panic_handler, program_entrypoint, sysvars::instructions::Instructions,
};
use proofmark_solana::{
    Fault, Instruction, Roster, ZkPerfWitness,
    ed25519::{self, Signed},
    record,
    roster::{self, MAX_SKEW_S, Terms},
};

program_entrypoint!(process, 8);
no_allocator!();
nostd_panic_handler!();

const _: () = assert!(MAX_SEEDS >= 4);

fn process(program: &Address, accounts: &mut [AccountView], data: &[u8]) -> ProgramResult {
    let Some(instruction) = Instruction::read(data) else { return fail(Fault::BadInstruction) };
    let done = match instruction {
        Instruction::Open(terms) => open(program, accounts, terms),
        Instruction::Enrol { keys } => enrol(program, accounts, keys),
        Instruction::Record { epoch, borsh } => record(program, accounts, epoch, borsh),
        Instruction::Vote { validator, digest } => vote(program, accounts, validator, digest),
    };
    done.map_err(Stop::into)
}

/// Why an instruction stops.
enum Stop {
    /// We refuse.
    Fault(Fault),
    /// The runtime does.
    Runtime(ProgramError),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<ProgramError> for Stop {
    fn from(error: ProgramError) -> Self {
        Self::Runtime(error)
    }
}

impl From<Stop> for ProgramError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Fault(fault) => Self::Custom(fault.number()),
            Stop::Runtime(error) => error,
        }
    }
}

fn fail(fault: Fault) -> ProgramResult {
    Err(ProgramError::Custom(fault.number()))
}

/// Opens a roster at the address of its authority and label. Nobody but the authority can take that address.
fn open(program: &Address, views: &mut [AccountView], terms: Terms) -> Result<(), Stop> {
    let [authority, account, _system] = accounts::exactly(views)?;
    accounts::must_sign(authority)?;
    let terms = Terms { authority: *authority.address().as_array(), ..terms };
    terms.check()?;
    let seeds = [roster::SEED, &terms.authority, &terms.label];
    let bump = accounts::canonical_bump(account, &seeds, program)?;
    let [kind, who, label] = seeds;
    let seeds = [kind, who, label, &[bump]];
    system::create(authority, account, terms.account_bytes(), program, &seeds)?;
    terms.open(bump, &mut account.try_borrow_mut()?);
    Ok(())
}

/// Adds keys to a roster that lacks some.
fn enrol(program: &Address, views: &mut [AccountView], keys: &[u8]) -> Result<(), Stop> {
    let [authority, account] = accounts::exactly(views)?;
    accounts::must_sign(authority)?;
    accounts::must_be_ours(account, program)?;
    let mut bytes = account.try_borrow_mut()?;
    if Roster::read(&bytes)?.authority() != authority.address().as_array() {
        return Err(Fault::BadAccount.into());
    }
    Ok(roster::enrol(&mut bytes, keys)?)
}

/// Records a witness that its shard signed for this roster and epoch.
fn record(program: &Address, views: &mut [AccountView], epoch: u64, borsh: &[u8]) -> Result<(), Stop> {
    let [payer, list, account, sysvar, _system] = accounts::exactly(views)?;
    accounts::must_sign(payer)?;
    accounts::must_be_ours(list, program)?;
    let witness = ZkPerfWitness::from_borsh(borsh).ok_or(Fault::BadRecord)?;
    let list_address = *list.address().as_array();
    let list_bytes = list.try_borrow()?;
    let roster = Roster::read(&list_bytes)?;
    roster.check_complete()?;
    let key = roster.shard(witness.shard_id)?;
    let now = system::unix_time()?;
    if !is_timely(&witness, roster.max_age_s(), now) {
        return Err(Fault::BadTime.into());
    }
    let message = witness.message(&list_address, epoch).ok_or(Fault::BadRecord)?;
    check_signature(sysvar, key, &witness.signature, &message)?;

    let (epoch_bytes, shard) = (epoch.to_le_bytes(), [witness.shard_id]);
    let seeds = [record::SEED, &list_address, &epoch_bytes, &shard];
    let bump = accounts::canonical_bump(account, &seeds, program)?;
    // The address is the only one of this shard and epoch; what is there was put there by this program.
    if account.owned_by(program) || !account.is_data_empty() {
        return Err(Fault::Replayed.into());
    }
    let bumps = [bump];
    let [kind, whose, when, which] = seeds;
    let seeds = [kind, whose, when, which, &bumps];
    system::create(payer, account, record::account_bytes(borsh.len()), program, &seeds)?;
    let digest = system::sha256(&message);
    record::New { bump, epoch, roster: &list_address, digest, now, borsh }
        .write(&mut account.try_borrow_mut()?);
    Ok(())
}

/// Counts a validator's vote.
fn vote(
    program: &Address,
    views: &mut [AccountView],
    validator: u16,
    digest: &[u8; 32],
) -> Result<(), Stop> {
    let [voter, list, account] = accounts::exactly(views)?;
    accounts::must_sign(voter)?;
    accounts::must_be_ours(list, program)?;
    accounts::must_be_ours(account, program)?;
    let list_bytes = list.try_borrow()?;
    let roster = Roster::read(&list_bytes)?;
    roster.check_complete()?;
    if roster.validator(validator)? != voter.address().as_array() {
        return Err(Fault::NotValidator.into());
    }
    let mut bytes = account.try_borrow_mut()?;
    if record::Record::read(&bytes)?.roster() != *list.address().as_array() {
        return Err(Fault::BadAccount.into());
    }
    Ok(record::vote(&mut bytes, validator, digest, roster.quorum, system::unix_time()?)?)
}

/// Whether the run began neither too long ago nor in the future.
fn is_timely(witness: &ZkPerfWitness<'_>, max_age_s: u64, now: i64) -> bool {
    let oldest = i64::try_from(max_age_s).map_or(i64::MIN, |age| now.saturating_sub(age));
    (oldest..=now.saturating_add(MAX_SKEW_S)).contains(&witness.timestamp)
}

/// The instruction right before this one is the Ed25519 program's, over these bytes and nothing else.
fn check_signature(
    sysvar: &AccountView,
    key: &[u8; 32],
    signature: &[u8; 64],
    message: &[u8],
) -> Result<(), Stop> {
    // This compares the account's address: a forged sysvar is no sysvar.
    let instructions = Instructions::try_from(sysvar).map_err(|_| Fault::BadAccount)?;
    let before = instructions.get_instruction_relative(-1).map_err(|_| Fault::NoSignature)?;
    if before.get_program_id().as_array() != &ed25519::PROGRAM {
        return Err(Fault::NoSignature.into());
    }
    let signed = Signed::read(before.get_instruction_data()).ok_or(Fault::NoSignature)?;
    if signed.key != key {
        return Err(Fault::WrongKey.into());
    }
    if signed.message != message || signed.signature != signature {
        return Err(Fault::WrongMessage.into());
    }
    Ok(())
}
