//! What the runtime does for us: accounts, the time, SHA-256.
//!
//! The machine passes five arguments to a function and no more, so what takes more is inlined.

use pinocchio::{
    AccountView, Address, ProgramResult,
    cpi::{Seed, Signer, invoke_signed},
    error::ProgramError,
    instruction::{InstructionAccount, InstructionView},
    sysvars::{clock::CLOCK_ID, get_sysvar, rent::RENT_ID},
};

/// The system program's address is all zeros.
const SYSTEM: Address = Address::new_from_array([0; 32]);

/// Makes an account of ours at a derived address, with what its bytes cost.
///
/// `CreateAccount` refuses an address that holds money, so anybody could block a record by sending a lamport to where it
/// will be. Such an account is topped up, allocated and assigned instead.
#[inline(always)]
pub(crate) fn create(
    payer: &AccountView,
    account: &AccountView,
    bytes: usize,
    owner: &Address,
    seeds: &[&[u8]],
) -> ProgramResult {
    let rent = rent(bytes)?;
    let space = bytes as u64;
    if account.lamports() == 0 {
        let mut data = [0; 52];
        data[4..12].copy_from_slice(&rent.to_le_bytes());
        data[12..20].copy_from_slice(&space.to_le_bytes());
        data[20..].copy_from_slice(owner.as_array());
        return both(payer, account, &data, seeds);
    }
    let missing = rent.saturating_sub(account.lamports());
    if missing > 0 {
        let mut data = [0; 12];
        data[0] = 2; // Transfer
        data[4..].copy_from_slice(&missing.to_le_bytes());
        let metas = [
            InstructionAccount::writable_signer(payer.address()),
            InstructionAccount::writable(account.address()),
        ];
        call(&data, &metas, [payer, account], &[])?;
    }
    let metas = [InstructionAccount::writable_signer(account.address())];
    let mut data = [0; 12];
    data[0] = 8; // Allocate
    data[4..].copy_from_slice(&space.to_le_bytes());
    call(&data, &metas, [account], seeds)?;
    let mut data = [0; 36];
    data[0] = 1; // Assign
    data[4..].copy_from_slice(owner.as_array());
    call(&data, &metas, [account], seeds)
}

/// `CreateAccount`.
#[inline(always)]
fn both(payer: &AccountView, account: &AccountView, data: &[u8], seeds: &[&[u8]]) -> ProgramResult {
    let metas = [
        InstructionAccount::writable_signer(payer.address()),
        InstructionAccount::writable_signer(account.address()),
    ];
    call(data, &metas, [payer, account], seeds)
}

/// Calls the system program, signing for the address that the seeds give, if there are any.
#[inline(always)]
fn call<const N: usize>(
    data: &[u8],
    metas: &[InstructionAccount<'_>],
    accounts: [&AccountView; N],
    seeds: &[&[u8]],
) -> ProgramResult {
    let instruction = InstructionView { program_id: &SYSTEM, data, accounts: metas };
    // At most five: kind, roster, epoch, shard, bump.
    let mut list = [(); 5].map(|()| Seed::from(&[][..]));
    for (slot, seed) in list.iter_mut().zip(seeds) {
        *slot = Seed::from(*seed);
    }
    let signer = Signer::from(&list[..seeds.len()]);
    let signers = if seeds.is_empty() { &[][..] } else { core::slice::from_ref(&signer) };
    invoke_signed(&instruction, &accounts, signers)
}

/// Lamports that an account of so many bytes must hold.
///
/// The sysvar says a price for each byte and a factor, a float that is 2 in older versions of the runtime and 1 in newer
/// ones; it is compared as bits, because programs have no floats.
fn rent(bytes: usize) -> Result<u64, ProgramError> {
    const OVERHEAD: u64 = 128;
    let mut sysvar = [0; 16];
    get_sysvar(&mut sysvar, &RENT_ID, 0)?;
    let (mut price, mut factor) = ([0; 8], [0; 8]);
    price.copy_from_slice(&sysvar[..8]);
    factor.copy_from_slice(&sysvar[8..]);
    let factor = match u64::from_le_bytes(factor) {
        ONE => 1,
        TWO => 2,
        _ => return Err(ProgramError::UnsupportedSysvar),
    };
    let price = u64::from_le_bytes(price);
    if price > MAX_PRICE || bytes > MAX_ACCOUNT_BYTES {
        return Err(ProgramError::ArithmeticOverflow);
    }
    // Checked multiplication needs 128 bits, which the machine lacks; the bounds above make it needless.
    Ok((OVERHEAD + bytes as u64).wrapping_mul(price).wrapping_mul(factor))
}

/// The most bytes that an instruction gives an account.
const MAX_ACCOUNT_BYTES: usize = 10_240;
/// The highest price that fits: twice ten thousand bytes of it are below 2^63.
const MAX_PRICE: u64 = 1 << 48;
const ONE: u64 = 0x3ff0_0000_0000_0000;
const TWO: u64 = 0x4000_0000_0000_0000;

/// The chain's time in seconds.
pub(crate) fn unix_time() -> Result<i64, ProgramError> {
    // After slot, start of the epoch, epoch and leader schedule's epoch.
    const AT: usize = 32;
    let mut time = [0; 8];
    get_sysvar(&mut time, &CLOCK_ID, AT)?;
    Ok(i64::from_le_bytes(time))
}

/// SHA-256, by the runtime.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    let parts: [&[u8]; 1] = [bytes];
    #[cfg(target_arch = "bpf")]
    // SAFETY: the runtime reads one slice of bytes from `parts` and writes 32 bytes to `digest`; both live here. It ends
    // the transaction instead of coming back with an error.
    unsafe {
        pinocchio::syscalls::sol_sha256(parts.as_ptr().cast(), 1, digest.as_mut_ptr());
    }
    // Elsewhere this only has to compile.
    #[cfg(not(target_arch = "bpf"))]
    core::hint::black_box((&mut digest, parts));
    digest
}
