//! Mutation testing of our own constraints: for each constraint, and for each message to the range chip, a change is
//! searched that it alone refuses. Where one is found, a machine without it would take a false table.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use ethnum::I256;
use p3_field::PrimeCharacteristicRing;

use super::{
    attacks::small_case,
    bench::Bench,
    solver::{Condition, Solver},
};
use crate::{
    air::{Chip, F, Fault, Op, Rule, Target, Violation, differences},
    gadget::{RANGE_BUS, RATE},
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

/// Kinds of guards that a false digest shows.
const BY_DIGESTS: [&str; 2] =
    ["the digest is the rate after the last row", "the end is at a row or at the head"];

/// Kinds of guards that no search shows: numbers of several rows, or many of one, would have to change at once. Of
/// those outside of digests `small_guards` shows which are needed, and which follow from others. The arguments beside
/// their gadgets say what each is for.
const NOT_SHOWN: [&str; 17] = [
    "a century is leap only if 400 divides it",
    "a divisor is not zero",
    "a group with candidates has a pick",
    "a tie is rounded to even",
    "greater is a bit",
    "less is a bit",
    "no comparison where none is live",
    "no row is absorbed after the end",
    "no row is left over",
    "no year where none counts",
    "not less and greater at once",
    "nothing is done at the start",
    "one mark between neighbours",
    "the end is a bit",
    "the end is at an absorbed row",
    "the value is that of the picked row",
    "there is one end",
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
    let unseen = labels.difference(&seen).copied().filter(|label| !BY_DIGESTS.contains(label));
    let unseen: Vec<&str> = unseen.collect();
    assert_eq!(unseen, NOT_SHOWN, "removing one of the first would go unseen");
}

/// What refuses tables with changed cells and a changed digest of one chip.
fn refuse(bench: &Bench, chip: usize, cells: &[(usize, usize, F)], digest: &[F]) -> Vec<&'static str> {
    let mut changed = bench.honest.clone();
    let table = &mut changed.tables[chip];
    for (row, column, value) in cells {
        table.cells[row * table.width + column] = *value;
    }
    table.publics.copy_from_slice(digest);
    let broken = differences(&bench.machine.chips, &bench.honest, &changed);
    let mut labels: Vec<_> = broken
        .iter()
        .map(|violation| match violation {
            Violation::Constraint { label, .. } => *label,
            other => panic!("{other:?}"),
        })
        .collect();
    labels.dedup();
    labels
}

/// The other guards hold for a digest that is not that of the rows, or that of the first block of the last row.
#[test]
fn one_guard_alone_refuses_a_false_digest() {
    let bench = Bench::new(&small_case());
    let mut wide = 0;
    for at in &bench.machine.digests {
        let (chip, table) = (&bench.machine.chips[*at], &bench.honest.tables[*at]);
        for lane in 0..table.publics.len() {
            let mut digest = table.publics.clone();
            digest[lane] += F::ONE;
            assert_eq!(refuse(&bench, *at, &[], &digest), [BY_DIGESTS[0]]);
        }
        // The column that a constraint is about.
        let about = |label: &str| -> Vec<usize> {
            let all = chip.constraints.iter().filter(|constraint| constraint.label == label);
            all.filter_map(|constraint| match constraint.rule {
                Rule::Zero(node) => match chip.graph.op(node) {
                    Op::Sub(cell, _) => Some(chip.column_of(cell)),
                    _ => None,
                },
                Rule::Permutation { .. } => None,
            })
            .collect()
        };
        if let [end] = about(BY_DIGESTS[1])[..] {
            let row = (0..chip.height()).find(|row| table.row(*row)[end] == F::ONE).expect("an end");
            let first: Vec<F> = about("the state between blocks")[..RATE]
                .iter()
                .map(|column| table.row(row)[*column])
                .collect();
            assert_eq!(refuse(&bench, *at, &[(row, end, F::ZERO)], &first), [BY_DIGESTS[1]]);
            wide += 1;
        }
    }
    assert!(wide > 0, "a digest of rows with several blocks");
}
