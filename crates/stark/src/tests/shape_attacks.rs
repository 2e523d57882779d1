//! Attacks on plans that together use every step and every gadget.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use ethnum::I256;
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use proofmark_plan::testing::Rng;

use super::{
    attacks::moved_rows,
    bench::Bench,
    shapes::{SHAPES, shape},
};
use crate::{
    Level,
    air::{Chip, F, Fault, Place, Rule, Table, Target, committed_rounds, differences},
    compile::compile,
    digest::from_digest,
    gadget::{RANGE_BUS, RATE},
    statement::publics,
    verify::verify_chips,
};

/// For each column of a chip what reads it.
struct Readers {
    constraints: Vec<Vec<usize>>,
    messages: Vec<Vec<usize>>,
}

impl Readers {
    fn new(chip: &Chip) -> Self {
        let mut readers = Self {
            constraints: alloc::vec![Vec::new(); chip.width],
            messages: alloc::vec![Vec::new(); chip.width],
        };
        for (number, constraint) in chip.constraints.iter().enumerate() {
            let mut columns = BTreeSet::new();
            match &constraint.rule {
                Rule::Zero(node) => chip.graph.reads(*node, &mut columns),
                Rule::Permutation { input, at } => {
                    input.iter().for_each(|node| chip.graph.reads(*node, &mut columns));
                    columns.extend(*at..*at + crate::air::ROUND_CELLS);
                }
            }
            columns.into_iter().for_each(|column| readers.constraints[column].push(number));
        }
        for (number, message) in chip.interactions.iter().enumerate() {
            let mut columns = BTreeSet::new();
            message
                .fields
                .iter()
                .chain([&message.count])
                .for_each(|node| chip.graph.reads(*node, &mut columns));
            columns.into_iter().for_each(|column| readers.messages[column].push(number));
        }
        readers
    }
}

/// Whether a changed cell breaks something; the counts of the range chip follow the change.
fn is_broken(chip: &Chip, readers: &Readers, table: &Table, (row, column): (usize, usize), value: F) -> bool {
    let height = chip.height();
    let mut changed = table.row(row).to_vec();
    changed[column] = value;
    let pick = |place: usize, new: bool| if new && place == row { &changed[..] } else { table.row(place) };
    let mut buses: BTreeMap<(&str, Vec<u32>), F> = BTreeMap::new();
    for at in [(row + height - 1) % height, row] {
        let next = (at + 1) % height;
        let place = |new: bool| Place {
            local: pick(at, new),
            next: pick(next, new),
            publics: &table.publics,
            first: at == 0,
            last: at + 1 == height,
        };
        for number in &readers.constraints[column] {
            let broken = match &chip.constraints[*number].rule {
                Rule::Zero(node) => chip.value(*node, &place(true)) != F::ZERO,
                Rule::Permutation { input, at } => {
                    let place = place(true);
                    let cells = &place.local[*at..];
                    let mut wrong = false;
                    let _ = committed_rounds(input.map(|node| chip.value(node, &place)), |index, value| {
                        wrong |= value != cells[index];
                        cells[index]
                    });
                    wrong
                }
            };
            if broken {
                return true;
            }
        }
        for number in &readers.messages[column] {
            let message = &chip.interactions[*number];
            for (new, sign) in [(true, F::ONE), (false, -F::ONE)] {
                let place = place(new);
                let fields: Vec<u32> =
                    message.fields.iter().map(|node| chip.value(*node, &place).as_canonical_u32()).collect();
                if message.bus != RANGE_BUS {
                    let count = chip.value(message.count, &place);
                    *buses.entry((&message.bus, fields)).or_default() += count * sign;
                } else if new && fields[1] >= 1 << fields[0] {
                    return true;
                }
            }
        }
    }
    buses.into_values().any(|count| count != F::ZERO)
}

/// Whether a cell is free by design: nothing depends on it there.
fn is_free(chip: &Chip, table: &Table, (row, column): (usize, usize)) -> bool {
    let place = Place {
        local: table.row(row),
        next: table.row((row + 1) % chip.height()),
        publics: &[],
        first: false,
        last: false,
    };
    chip.free.iter().any(|(free, unless)| *free == column && chip.value(*unless, &place) == F::ZERO)
}

/// What was tried on a plan.
#[derive(Default)]
struct Tried {
    cells: usize,
    free: usize,
    moves: usize,
    publics: usize,
    lies: usize,
    /// Lies that stand because they are about other data, or change nothing that is said.
    harmless: usize,
}

/// Changes every cell of every real row to three other values.
fn cells(bench: &Bench, tried: &mut Tried) -> BTreeSet<(String, usize, usize, Vec<&'static str>)> {
    let mut loose = BTreeSet::new();
    for (at, chip) in bench.machine.chips.iter().enumerate().skip(1) {
        let (readers, table) = (Readers::new(chip), &bench.honest.tables[at]);
        for row in 1..=table.rows {
            for column in 0..chip.width {
                let old = table.row(row)[column];
                tried.cells += 1;
                let changes = [F::ONE, -F::ONE, F::from_u32(1 << 13)];
                if changes.into_iter().all(|by| is_broken(chip, &readers, table, (row, column), old + by)) {
                    continue;
                }
                tried.free += 1;
                if !is_free(chip, table, (row, column)) {
                    let labels = &readers.constraints[column];
                    let labels = labels.iter().map(|number| chip.constraints[*number].label).collect();
                    loose.insert((chip.name.clone(), column, row, labels));
                }
            }
        }
    }
    loose
}

/// Changes every public value that tables show.
fn publics_of_tables(bench: &Bench, tried: &mut Tried) {
    for (at, chip) in bench.machine.chips.iter().enumerate().skip(1) {
        for element in 0..chip.publics {
            let mut traces = bench.honest.clone();
            traces.tables[at].publics[element] += F::ONE;
            let broken = differences(&bench.machine.chips, &bench.honest, &traces);
            assert!(!broken.is_empty(), "{}: public value {element}", chip.name);
            tried.publics += 1;
        }
    }
}

/// Whether a change is of the salt of a digest: then the digest is another one of the same table.
fn is_salt(chip: &Chip, fault: &Fault) -> bool {
    let (Target::Cell(column) | Target::Poke(column)) = fault.target else { return false };
    let block = chip.constraints.iter().find_map(|constraint| match &constraint.rule {
        Rule::Permutation { input, .. } => Some(input),
        Rule::Zero(_) => None,
    });
    // In the head the first block is the number of rows and the salt.
    fault.row == 0 && block.is_some_and(|block| block[1..RATE].iter().any(|it| chip.column_of(*it) == column))
}

/// A number is changed while tables are filled, and all that follows is consistent with the lie. If nothing breaks,
/// either the inputs are others, or the output is the same.
fn lie(bench: &Bench, fault: Fault, tried: &mut Tried) {
    tried.lies += 1;
    if let Some(digests) = bench.accepted(fault) {
        let honest = bench.digests();
        let output = honest.len() - 1;
        assert!(
            digests[..output] != honest[..output]
                || digests[output] == honest[output]
                || is_salt(&bench.machine.chips[fault.chip], &fault),
            "{}: another output of the same inputs: {fault:?}",
            bench.machine.chips[fault.chip].name
        );
        tried.harmless += 1;
    }
}

/// What is added to numbers: neighbours, a digit, two digits, and what no digit holds.
fn changes() -> [I256; 6] {
    let one = I256::ONE;
    [one, -one, one << 13u32, -(one << 13u32), one << 26u32, I256::from(0x2b5a_17c3)]
}

fn some_lies(bench: &Bench, seed: u64, count: usize, tried: &mut Tried) {
    let mut rng = Rng::new(seed);
    for _ in 0..count {
        let chip = rng.between(1, bench.machine.chips.len() - 1);
        let data = &bench.machine.chips[chip];
        let column = rng.below(data.width);
        let target = match rng.below(5) {
            0 => Target::Poke(column),
            1 | 2 if data.slots > 0 => Target::Slot(rng.below(data.slots)),
            _ => Target::Cell(column),
        };
        // Real rows are the most interesting ones.
        let rows = bench.honest.tables[chip].rows;
        let row = if rows > 0 && rng.chance(80) { rng.between(1, rows) } else { rng.below(data.height()) };
        lie(bench, Fault { chip, row, target, change: *rng.pick(&changes()) }, tried);
    }
}

fn all_lies(bench: &Bench, tried: &mut Tried) {
    for (chip, data) in bench.machine.chips.iter().enumerate().skip(1) {
        let targets = (0..data.width).map(Target::Cell).chain((0..data.slots).map(Target::Slot));
        for target in targets {
            for row in bench.rows(chip) {
                changes()
                    .into_iter()
                    .for_each(|change| lie(bench, Fault { chip, row, target, change }, tried));
            }
        }
    }
}

/// Attacks all plans, with some lies or all.
fn attack(lies: Option<usize>) {
    let mut loose = BTreeSet::new();
    let mut all = Tried::default();
    for (seed, (name, steps)) in SHAPES.iter().enumerate() {
        let start = std::time::Instant::now();
        let bench = Bench::new(&shape(steps));
        let mut tried = Tried::default();
        loose.extend(cells(&bench, &mut tried).into_iter().map(|cell| (*name, cell)));
        tried.moves = moved_rows(&bench);
        publics_of_tables(&bench, &mut tried);
        match lies {
            Some(count) => some_lies(&bench, seed as u64, count, &mut tried),
            None => all_lies(&bench, &mut tried),
        }
        std::eprintln!(
            "{name}: {} cells, {} of them free; {} moves of rows; {} public values; {} lies, {} of them harmless; {:?}",
            tried.cells,
            tried.free,
            tried.moves,
            tried.publics,
            tried.lies,
            tried.harmless,
            start.elapsed()
        );
        all.cells += tried.cells;
        all.moves += tried.moves;
        all.lies += tried.lies;
    }
    std::eprintln!(
        "{} plans: {} cells, 3 changes of each; {} moves of rows; {} lies",
        SHAPES.len(),
        all.cells,
        all.moves,
        all.lies
    );
    assert!(loose.is_empty(), "{loose:#?}");
}

/// Every cell, every move of rows, every public value; lies from a seeded sample.
#[test]
fn plans_of_all_shapes_withstand_attacks() {
    attack(Some(500));
}

#[test]
#[ignore = "heavy: a lie about every number of 23 plans"]
fn plans_of_all_shapes_withstand_all_lies() {
    attack(None);
}

/// A proof of each plan, checked against other public values: of the statement and of the digests.
#[test]
#[ignore = "heavy: 23 proofs, some seventy checks of each"]
fn proofs_of_all_shapes_are_for_their_public_values() {
    for (name, steps) in SHAPES {
        let case = shape(steps);
        let proof = case.proof(Level::Fast);
        let machine = compile(&case.plan, &case.bounds, Level::Fast.least_log_height()).expect("chips");
        let digests: Vec<[F; 8]> = case
            .digests
            .iter()
            .chain([&case.output_digest])
            .map(|digest| from_digest(digest).expect("canonical"))
            .collect();
        let statement = case.statement(Level::Fast);
        let publics = publics(&statement, &machine.digests, machine.chips.len(), &digests);
        let verify = |publics: &[Vec<F>]| verify_chips(Level::Fast, &machine.chips, publics, &proof);
        verify(&publics).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut count = 0;
        for chip in 0..publics.len() {
            for at in 0..publics[chip].len() {
                let mut changed = publics.clone();
                changed[chip][at] += F::ONE;
                assert!(verify(&changed).is_err(), "{name}: public value {at} of chip {chip}");
                count += 1;
            }
        }
        std::eprintln!("{name}: {} bytes, {count} public values", proof.len());
    }
}
