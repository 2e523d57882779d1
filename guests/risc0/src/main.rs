//! The program that executes plans inside RISC Zero's zkVM: checks plan hash and data roots itself, executes, and commits the
//! 208 bytes of the journal. See `docs/src/guest.md`.

#![no_std]
#![no_main]
extern crate alloc;

mod heap;
mod runtime;

use alloc::{string::ToString as _, sync::Arc};

use proofmark_core::journal::JOURNAL_BYTES;
use proofmark_plan::{exec::NoCustom, guest};

/// The version in the journal. A change of what a plan means, of the journal or of commitments is a new one.
const VERSION: [u16; 3] = [1, 0, 0];

fn main() -> [u8; JOURNAL_BYTES] {
    match guest::run(Arc::new(runtime::input()), VERSION, &NoCustom) {
        Ok(outcome) => outcome.journal.encode(),
        Err(error) => runtime::fail(&error.to_string()),
    }
}
