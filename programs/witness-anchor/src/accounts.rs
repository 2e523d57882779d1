//! What is demanded of accounts.

use pinocchio::{AccountView, Address};
use proofmark_solana::Fault;

/// As many accounts as an instruction takes. More are refused too: nobody needs them.
pub(crate) fn exactly<const N: usize>(views: &mut [AccountView]) -> Result<&mut [AccountView; N], Fault> {
    views.try_into().map_err(|_| Fault::BadAccount)
}

pub(crate) fn must_sign(view: &AccountView) -> Result<(), Fault> {
    if view.is_signer() { Ok(()) } else { Err(Fault::MissingSigner) }
}

pub(crate) fn must_be_ours(view: &AccountView, program: &Address) -> Result<(), Fault> {
    if view.owned_by(program) { Ok(()) } else { Err(Fault::BadAccount) }
}

/// The bump of the address that these seeds give, if that is the account's. Only the first bump that gives an address off
/// the curve is taken; any other would be a second place for the same thing.
pub(crate) fn canonical_bump(view: &AccountView, seeds: &[&[u8]], program: &Address) -> Result<u8, Fault> {
    match Address::try_find_program_address(seeds, program) {
        Some((address, bump)) if address == *view.address() => Ok(bump),
        _ => Err(Fault::BadAccount),
    }
}
