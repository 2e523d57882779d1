//! Holes that proof systems of this kind had, each with the guard that closes it here: the attack fails with the guard
//! and, where a guard can be taken out, succeeds without.

use alloc::{sync::Arc, vec::Vec};

use ethnum::I256;
use p3_field::PrimeCharacteristicRing;

use super::{
    attacks::{small_case, small_proof},
    bench::Bench,
};
use crate::{
    Level, VerifyError,
    air::{Chip, F, Fault, Target, Violation},
    compile::compile,
    digest::from_digest,
    statement::{header_length, publics},
    verify,
    verify::verify_chips,
};

/// A change that is stopped by one guard of this kind alone.
fn stopped_by(bench: &Bench, wanted: impl Fn(&Violation) -> bool) -> (Fault, Violation) {
    for chip in 1..bench.machine.chips.len() {
        let real = bench.honest.tables[chip].rows;
        for target in (0..bench.machine.chips[chip].width).map(Target::Cell) {
            for (row, change) in [(real, 1 << 13), (1, 1 << 13), (2, 1), (1, 1)] {
                let fault = Fault { chip, row, target, change: I256::from(change) };
                if let [violation] = &bench.breaks(fault)[..]
                    && wanted(violation)
                {
                    return (fault, violation.clone());
                }
            }
        }
    }
    panic!("no such change")
}

/// The machine of the small case without one guard.
fn without(log_height: u32, guard: &Violation) -> Vec<Arc<Chip>> {
    let case = small_case();
    let machine = compile(&case.plan, &case.bounds, log_height).expect("chips");
    let mut chips = machine.chips;
    match guard {
        Violation::Constraint { chip, index, .. } => {
            Arc::get_mut(&mut chips[*chip]).expect("unshared").constraints.remove(*index);
        }
        Violation::Range { chip, index } => {
            Arc::get_mut(&mut chips[*chip]).expect("unshared").interactions.remove(*index);
        }
        other => panic!("{other:?} is no guard"),
    }
    chips
}

/// Proves false tables: refused with the guard, accepted without.
fn matters(fault: Fault, guard: &Violation) {
    let case = small_case();
    let log_height = Level::Fast.least_log_height();
    let bench = Bench::with_height(&case, log_height);
    assert_eq!(bench.breaks(fault), core::slice::from_ref(guard));
    let weak = without(log_height, guard);
    let (proof, publics) = bench.proof(&case, fault, &weak);
    verify_chips(Level::Fast, &weak, &publics, &proof).expect("nothing is left to refuse it");
    let (proof, publics) = bench.proof(&case, fault, &bench.machine.chips);
    assert!(verify_chips(Level::Fast, &bench.machine.chips, &publics, &proof).is_err());
}

/// A digit that nothing else reads on its row, past its range.
#[test]
fn a_missing_range_check_would_be_seen() {
    let bench = Bench::with_height(&small_case(), Level::Fast.least_log_height());
    let faults = bench
        .machine
        .chips
        .iter()
        .enumerate()
        .skip(1)
        .flat_map(|(chip, data)| data.free.iter().map(move |(column, _)| (chip, Target::Poke(*column))));
    let found = faults.filter_map(|(chip, target)| {
        let row = bench.honest.tables[chip].rows;
        let fault = Fault { chip, row, target, change: I256::from(1 << 13) };
        match &bench.breaks(fault)[..] {
            [guard @ Violation::Range { .. }] => Some((fault, guard.clone())),
            _ => None,
        }
    });
    let (fault, guard) = { found }.next().expect("a digit that is free on the last row");
    matters(fault, &guard);
}

#[test]
fn a_null_has_one_encoding() {
    let bench = Bench::new(&small_case());
    let is_zero = |violation: &Violation| {
        matches!(violation, Violation::Constraint { label: "no number where none counts", .. })
    };
    let (fault, guard) = stopped_by(&bench, is_zero);
    matters(fault, &guard);
}

#[test]
fn every_public_value_is_absorbed() {
    let (case, proof) = small_proof();
    let statement = case.statement(Level::Fast);
    let machine = compile(&case.plan, &case.bounds, Level::Fast.least_log_height()).expect("chips");
    let digests: Vec<[F; 8]> = [&statement.inputs[0], &statement.output]
        .map(|digest| from_digest(digest).expect("canonical"))
        .to_vec();
    let publics = publics(&statement, &machine.digests, machine.chips.len(), &digests);
    assert_eq!(publics[0].len(), header_length(&case.bounds));
    verify_chips(Level::Fast, &machine.chips, &publics, proof).expect("a valid proof");
    for chip in 0..publics.len() {
        for at in 0..publics[chip].len() {
            let mut changed = publics.clone();
            changed[chip][at] += F::ONE;
            assert!(
                verify_chips(Level::Fast, &machine.chips, &changed, proof).is_err(),
                "public value {at} of chip {chip}"
            );
        }
    }
}

/// Counts that could sum to the order of the field would let messages vanish.
#[test]
fn counts_that_could_wrap_are_refused() {
    let (case, proof) = small_proof();
    let statement = case.statement(Level::Fast);
    let machine = compile(&case.plan, &case.bounds, Level::Fast.least_log_height()).expect("chips");
    let digests: Vec<[F; 8]> = [&statement.inputs[0], &statement.output]
        .map(|digest| from_digest(digest).expect("canonical"))
        .to_vec();
    let publics = publics(&statement, &machine.digests, machine.chips.len(), &digests);
    let mut chips = machine.chips;
    let chip = Arc::get_mut(&mut chips[1]).expect("unshared");
    // 2^7 rows with counts up to 2^24: 2^31 passes the order.
    chip.interactions[0].weight = 1 << 24;
    let refused = verify_chips(Level::Fast, &chips, &publics, proof);
    assert!(matches!(refused, Err(VerifyError::Refused)));
}

/// Selectors of rows are not normalised: as counts they would break honest proofs or hide false ones.
#[test]
fn no_selector_is_a_count() {
    use crate::air::Op;
    for chip in &Bench::new(&small_case()).machine.chips {
        for message in &chip.interactions {
            let mut open = alloc::vec![message.count];
            open.extend(&message.fields);
            while let Some(node) = open.pop() {
                match chip.graph.op(node) {
                    Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) => open.extend([a, b]),
                    Op::First | Op::Last | Op::Transition => {
                        panic!("a selector in a message of {}", chip.name)
                    }
                    Op::Const(_) | Op::Local(_) | Op::Next(_) | Op::Public(_) => {}
                }
            }
        }
        assert!(chip.fault.is_none());
    }
}

/// Whoever could choose the witness of the work could draw queries until they suit him.
#[test]
fn the_work_before_the_queries_is_checked() {
    let (case, proof) = small_proof();
    let statement = case.statement(Level::Fast);
    let at = proof.len() - 4;
    for change in 1..40u32 {
        let mut changed = proof.to_vec();
        let witness = u32::from_le_bytes(changed[at..].try_into().expect("four bytes"));
        let other = (witness + change) % 0x7f00_0001;
        changed[at..].copy_from_slice(&other.to_le_bytes());
        assert!(verify(&statement, &changed).is_err(), "{change}");
    }
    for level in [Level::Standard, Level::Paranoid] {
        assert_eq!(level.query_work_bits(), 20);
    }
}
