//! Mutation testing of our own constraints: for each constraint, and for each message to the range chip, a change is
//! searched that it alone refuses. Where one is found, a machine without it would take a false table.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use ethnum::I256;

use super::{attacks::small_case, bench::Bench};
use crate::{
    air::{Chip, Fault, Rule, Target, Violation},
    gadget::RANGE_BUS,
};

/// A guard: something whose removal must not go unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Guard {
    Constraint(usize),
    Range(usize),
}

fn guards(chip: &Chip) -> Vec<(Guard, BTreeSet<usize>, &'static str)> {
    let mut all = Vec::new();
    for (at, constraint) in chip.constraints.iter().enumerate() {
        let mut columns = BTreeSet::new();
        match &constraint.rule {
            Rule::Zero(node) => chip.graph.reads(*node, &mut columns),
            Rule::Permutation { at, .. } => columns.extend([*at, *at + 70, *at + 147]),
        }
        all.push((Guard::Constraint(at), columns, constraint.label));
    }
    for (at, message) in chip.interactions.iter().enumerate().filter(|(_, message)| message.bus == RANGE_BUS)
    {
        let mut columns = BTreeSet::new();
        chip.graph.reads(message.fields[1], &mut columns);
        all.push((Guard::Range(at), columns, "a range"));
    }
    all
}

/// Changes of a number, from likely to unlikely ones: neighbours, digits, and what no digit holds.
fn changes() -> [I256; 7] {
    let one = I256::ONE;
    [one, -one, one << 13u32, -(one << 13u32), one << 26u32, I256::from(2), I256::from(0x2b5a_17c3)]
}

/// Changes that are tried for a guard, and for one like which another was shown already.
const TRIES: [usize; 2] = [80, 12];

/// For the guards of a chip, changes that they alone refuse.
fn search(
    bench: &Bench,
    chip: usize,
    found: &mut BTreeSet<(usize, Guard)>,
    labels: &mut BTreeSet<&'static str>,
) {
    let slots = bench.slots_of_columns(chip);
    for (guard, columns, label) in guards(&bench.machine.chips[chip]) {
        let mut targets: Vec<Target> = columns.iter().map(|column| Target::Cell(*column)).collect();
        let behind: BTreeSet<usize> =
            columns.iter().flat_map(|column| slots[*column].iter().copied()).collect();
        targets.extend(behind.into_iter().take(3).map(Target::Slot));
        let rows = bench.rows(chip);
        let faults = changes().into_iter().flat_map(|change| {
            let targets = &targets;
            rows.iter().flat_map(move |row| {
                targets.iter().map(move |target| Fault { chip, row: *row, target: *target, change })
            })
        });
        for fault in faults.take(TRIES[usize::from(labels.contains(label))]) {
            if found.contains(&(chip, guard)) {
                labels.insert(label);
                break;
            }
            match bench.breaks(fault)[..] {
                [Violation::Constraint { chip, index, .. }] => found.insert((chip, Guard::Constraint(index))),
                [Violation::Range { chip, index }] => found.insert((chip, Guard::Range(index))),
                _ => false,
            };
        }
    }
}

#[test]
fn no_guard_can_be_removed_unseen() {
    let bench = Bench::new(&small_case());
    let (mut found, mut shown) = (BTreeSet::new(), BTreeSet::new());
    let chips = bench.machine.chips.len();
    for chip in 1..chips {
        search(&bench, chip, &mut found, &mut shown);
    }
    let mut missing: BTreeMap<(&str, &str), Vec<Guard>> = BTreeMap::new();
    let (mut all, mut labels, mut seen) = (0, BTreeSet::new(), BTreeSet::new());
    for (at, chip) in bench.machine.chips.iter().enumerate().skip(1) {
        for (guard, _, label) in guards(chip) {
            all += 1;
            labels.insert(label);
            if found.contains(&(at, guard)) {
                seen.insert(label);
            } else {
                missing.entry((&chip.name, label)).or_default().push(guard);
            }
        }
    }
    std::eprintln!("{} of {all} guards are alone in refusing some change", found.len());
    for ((chip, label), guards) in &missing {
        std::eprintln!("  not shown: {chip}: {label}: {guards:?}");
    }
    std::eprintln!("labels without any: {:?}", labels.difference(&seen).collect::<Vec<_>>());
}
