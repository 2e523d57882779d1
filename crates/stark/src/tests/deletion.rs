//! Mutation testing of our own constraints: for each constraint, and for each message to the range chip, a change is
//! searched that it alone refuses. Where one is found, a machine without it would take a false table.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use ethnum::I256;

use super::{
    attacks::small_case,
    bench::Bench,
    false_digests::BY_FALSE_DIGESTS,
    solver::{Condition, Solver},
};
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
            Rule::Permutation { at, .. } => {
                columns.extend([*at, *at + 70, *at + crate::air::ROUND_CELLS - 1])
            }
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

/// Changes that are tried for a guard.
const TRIES: usize = 120;

/// Guards of a kind and a chip for which changes of several cells are searched, and rows on which they are.
const INSTANCES: (usize, usize) = (3, 3);

/// For the guards of a chip, changes that they alone refuse.
fn search(
    bench: &Bench,
    chip: usize,
    found: &mut BTreeSet<(usize, Guard)>,
    labels: &mut BTreeSet<&'static str>,
) {
    let slots = bench.slots_of_columns(chip);
    for (guard, columns, label) in guards(&bench.machine.chips[chip]) {
        if labels.contains(label) || BY_SEVERAL_CELLS.contains(&label) || NOT_SHOWN.contains(&label) {
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
        for fault in faults.take(TRIES) {
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

/// The same by changes of several cells of one row, for kinds that are not shown yet.
fn solve(
    bench: &Bench,
    chip: usize,
    found: &mut BTreeSet<(usize, Guard)>,
    labels: &mut BTreeSet<&'static str>,
) {
    let data = &bench.machine.chips[chip];
    for row in bench.rows(chip).into_iter().take(INSTANCES.1) {
        let solver = Solver::new(data, &bench.honest, chip, row);
        let mut tried: BTreeMap<&str, usize> = BTreeMap::new();
        for (guard, _, label) in guards(data) {
            let Guard::Constraint(index) = guard else { continue };
            let Rule::Zero(node) = data.constraints[index].rule else { continue };
            let tried = tried.entry(label).or_default();
            *tried += 1;
            if *tried <= INSTANCES.0
                && !labels.contains(label)
                && solver.breaks_alone(Condition::Zero(index, node))
            {
                found.insert((chip, guard));
                labels.insert(label);
            }
        }
    }
}

/// Kinds of guards for which it takes several cells; the search for a single number leaves them out.
const BY_SEVERAL_CELLS: [&str; 11] = [
    "a mark is a bit",
    "a zero test is a bit",
    "groups are numbered from the head",
    "groups come in the order of their numbers",
    "one mark where the lists differ",
    "only zero passes a zero test",
    "real is a bit",
    "rows are numbered from the head",
    "the first row is the head",
    "the head is not real",
    "words before the first difference are equal",
];

/// Kinds of guards that no search shows: numbers of several rows, or many of one, would have to change at once. `small_guards`
/// shows each of them to be needed. The arguments beside their gadgets say what each is for.
const NOT_SHOWN: [&str; 9] = [
    "a century is leap only if 400 divides it",
    "a divisor is not zero",
    "a group with candidates has a pick",
    "a tie is rounded to even",
    "greater is a bit",
    "less is a bit",
    "no year where none counts",
    "one mark between neighbours",
    "the value is that of the picked row",
];

/// One of each kind of guard is shown to be needed, or listed.
#[test]
fn no_kind_of_guard_can_be_removed_unseen() {
    let bench = Bench::new(&small_case());
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for chip in 1..bench.machine.chips.len() {
        search(&bench, chip, &mut found, &mut seen);
    }
    let single = seen.len();
    for chip in 1..bench.machine.chips.len() {
        solve(&bench, chip, &mut found, &mut seen);
    }
    let labels: BTreeSet<&str> =
        bench.machine.chips[1..].iter().flat_map(|chip| guards(chip)).map(|(_, _, label)| label).collect();
    let all = labels.len();
    std::eprintln!(
        "of {all} kinds of guards {single} are shown by one change, {} by several",
        seen.len() - single
    );
    let unseen = labels.difference(&seen).copied().filter(|label| !BY_FALSE_DIGESTS.contains(label));
    let unseen: Vec<&str> = unseen.collect();
    assert_eq!(unseen, NOT_SHOWN, "removing one of the first would go unseen");
}
