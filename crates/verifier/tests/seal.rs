//! A genuine seal, and what becomes of it when it is changed.

mod common;

use common::*;
use proofmark_core::Digest;
use proofmark_verifier::systems::risc0::Seal;
use risc0_zkvm::InnerReceipt;

fn id() -> Digest {
    FOREIGN_ID.parse().expect("a digest")
}

#[test]
fn a_genuine_seal_holds_for_its_program_and_journal_only() {
    let (seal, journal) = Seal::split(FOREIGN).expect("genuine");
    assert_eq!(seal.check_journal(&id(), &journal), Ok(()));
    assert!(seal.check_journal(&Digest::of(b"another"), &journal).is_err());
    assert!(seal.check_journal(&id(), &journal[1..]).is_err());
    let mut other = journal.clone();
    other[200] ^= 1;
    assert!(seal.check_journal(&id(), &other).is_err());
    assert_eq!(Seal::parse(&seal.to_bytes()).map(|again| again.to_bytes()).ok(), Some(seal.to_bytes()));
}

/// RISC Zero's verifier does not look at these; here each of them has one allowed value.
#[test]
fn fields_that_carry_no_meaning_cannot_vary() {
    let seal = Seal::split(FOREIGN).expect("genuine").0.to_bytes();
    let change = |change: &dyn Fn(&mut risc0_zkvm::CompositeReceipt)| {
        let InnerReceipt::Composite(mut composite) = bincode::deserialize(&seal).expect("genuine") else {
            panic!("the fixture is a composite receipt")
        };
        change(&mut composite);
        Seal::parse(&bincode::serialize(&InnerReceipt::Composite(composite)).expect("encodes")).is_ok()
    };
    let other = risc0_zkvm::Digest::from([7; 32]);
    assert!(change(&|_| ()));
    assert!(!change(&|c| c.segments[0].index = 1));
    assert!(!change(&|c| c.segments[0].verifier_parameters = other));
    assert!(!change(&|c| c.verifier_parameters = other));
    assert!(!change(&|c| c.segments[0].hashfn = "sha-256".into()));
    assert!(!change(&|c| c.segments.clear()));
    assert!(!change(&|c| c.segments[0].seal.clear()));
    assert!(!change(&|c| c.segments[0].seal.push(0)));
    assert!(!change(&|c| c.segments[0].seal[1] = 13));
    assert!(!change(&|c| c.segments[0].seal[1] = 64));
    assert!(!change(&|c| c.segments[0].seal[5000] = u32::MAX));
}

/// No changed byte is accepted, and none makes RISC Zero's verifier panic.
#[test]
fn changed_bytes_are_refused() {
    let (seal, journal) = Seal::split(FOREIGN).expect("genuine");
    let seal = seal.to_bytes();
    // The bytes around the proof itself, then a sample of the proof. Release builds try more of them.
    let (fine, coarse) = if cfg!(debug_assertions) { (7, 4001) } else { (1, 97) };
    let around = (0..24).chain((seal.len() - 900..seal.len()).step_by(fine));
    let inside = (24..seal.len() - 900).step_by(coarse);
    for at in around.chain(inside) {
        let mut changed = seal.clone();
        changed[at] ^= 1 << (at % 8);
        if let Ok(parsed) = Seal::parse(&changed) {
            assert!(parsed.check_journal(&id(), &journal).is_err(), "byte {at}");
        }
    }
}
