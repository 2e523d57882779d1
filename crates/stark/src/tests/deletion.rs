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

/// How hard the search is: changes that are tried for a guard, and for one of a kind that was shown already.
#[derive(Clone, Copy)]
struct Tries {
    first: usize,
    later: usize,
}

/// For the guards of a chip, changes that they alone refuse.
fn search(
    tries: Tries,
    bench: &Bench,
    chip: usize,
    found: &mut BTreeSet<(usize, Guard)>,
    labels: &mut BTreeSet<&'static str>,
) {
    let slots = bench.slots_of_columns(chip);
    for (guard, columns, label) in guards(&bench.machine.chips[chip]) {
        let known = labels.contains(label) || SEVERAL.contains(&label);
        let limit = if known { tries.later } else { tries.first };
        if limit == 0 {
            continue;
        }
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
        for fault in faults.take(limit) {
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

/// Kinds of guards that no change of one number shows: the others notice too, unless several numbers change at once. The
/// arguments beside their gadgets say what each is for.
const SEVERAL: [&str; 29] = [
    "a century is leap only if 400 divides it",
    "a divisor is not zero",
    "a group with candidates has a pick",
    "a mark is a bit",
    "a tie is rounded to even",
    "a zero test is a bit",
    "greater is a bit",
    "groups are numbered from the head",
    "groups come in the order of their numbers",
    "less is a bit",
    "no comparison where none is live",
    "no row is absorbed after the end",
    "no row is left over",
    "no year where none counts",
    "not less and greater at once",
    "nothing is done at the start",
    "one mark between neighbours",
    "one mark where the lists differ",
    "only zero passes a zero test",
    "real is a bit",
    "rows are numbered from the head",
    "the digest is the rate after the last row",
    "the end is a bit",
    "the end is at an absorbed row",
    "the first row is the head",
    "the head is not real",
    "the value is that of the picked row",
    "there is one end",
    "words before the first difference are equal",
];

fn shown(tries: Tries) -> (usize, usize) {
    let bench = Bench::new(&small_case());
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for chip in 1..bench.machine.chips.len() {
        search(tries, &bench, chip, &mut found, &mut seen);
    }
    let mut missing: BTreeMap<(&str, &str), Vec<Guard>> = BTreeMap::new();
    let (mut all, mut labels) = (0, BTreeSet::new());
    for (at, chip) in bench.machine.chips.iter().enumerate().skip(1) {
        for (guard, _, label) in guards(chip) {
            all += 1;
            labels.insert(label);
            match found.contains(&(at, guard)) {
                true => drop(seen.insert(label)),
                false => missing.entry((&chip.name, label)).or_default().push(guard),
            }
        }
    }
    for ((chip, label), guards) in &missing {
        std::eprintln!("not shown: {chip}: {label}: {}", guards.len());
    }
    let unseen: Vec<_> = labels.difference(&seen).filter(|label| !SEVERAL.contains(label)).collect();
    assert!(unseen.is_empty(), "removing one of these would go unseen: {unseen:?}");
    (found.len(), all)
}

/// One of each kind of guard, shown to be needed.
#[test]
fn no_kind_of_guard_can_be_removed_unseen() {
    let (found, all) = shown(Tries { first: 120, later: 0 });
    std::eprintln!("{found} of {all} guards are alone in refusing some change");
}

/// The same for every single guard; what is left is listed.
#[test]
#[ignore = "minutes"]
fn hardly_any_guard_can_be_removed_unseen() {
    let (found, all) = shown(Tries { first: 400, later: 200 });
    std::eprintln!("{found} of {all} guards are alone in refusing some change");
    assert!(found * 10 >= all * 8, "{found} of {all}");
}
