//! A malicious prover who wants another digest: for each guard of a digest, tables that show a digest that is not that of
//! their rows, and that this guard alone refuses.

use alloc::{collections::BTreeSet, vec::Vec};

use ethnum::I256;
use p3_field::PrimeCharacteristicRing;

use super::{
    attacks::small_case,
    bench::Bench,
    plans::{Case, csv, typed},
};
use crate::{
    air::{Chip, F, Fault, Node, Op, Place, Rule, Table, Target, Violation, differences},
    gadget::RATE,
};

/// The kinds of guards that this shows.
pub(super) const BY_FALSE_DIGESTS: [&str; 7] =
    [DIGEST, END_ROW, AFTER_END, LEFT_OVER, DONE_AT_START, END_AT_ABSORBED, ONE_END];

const DIGEST: &str = "the digest is the rate after the last row";
const END_ROW: &str = "the end is at a row or at the head";
const AFTER_END: &str = "no row is absorbed after the end";
const LEFT_OVER: &str = "no row is left over";
const DONE_AT_START: &str = "nothing is done at the start";
const END_AT_ABSORBED: &str = "the end is at an absorbed row";
const ONE_END: &str = "there is one end";

/// A digest on the bench, and the columns of its gadget.
struct Sponge<'a> {
    bench: &'a Bench,
    at: usize,
    chip: &'a Chip,
    honest: &'a Table,
    fin: usize,
    /// The column of its own that a digest of several blocks a row has for an end at a row.
    end_row: Option<usize>,
    done: usize,
    left: usize,
    /// The first element of the block that a row gives.
    input: usize,
    /// The rate after the last block of a row, and after its first one.
    rates: [Vec<Node>; 2],
}

impl<'a> Sponge<'a> {
    fn all(bench: &'a Bench) -> Vec<Self> {
        bench.machine.digests.iter().map(|at| Self::new(bench, *at)).collect()
    }

    fn new(bench: &'a Bench, at: usize) -> Self {
        let chip = &*bench.machine.chips[at];
        let nodes = |label: &str| -> Vec<Node> {
            let all = chip.constraints.iter().filter(|constraint| constraint.label == label);
            all.filter_map(|constraint| match constraint.rule {
                Rule::Zero(node) => Some(node),
                Rule::Permutation { .. } => None,
            })
            .collect()
        };
        // The column that a kind of guard reads beside those that are known.
        let column = |label: &str, known: &[usize]| -> usize {
            let mut columns = BTreeSet::new();
            chip.graph.reads(nodes(label)[0], &mut columns);
            let new: Vec<usize> = columns.into_iter().filter(|column| !known.contains(column)).collect();
            assert_eq!(new.len(), 1, "{label}");
            new[0]
        };
        let done = column(ONE_END, &[]);
        let fin = column(DONE_AT_START, &[done]);
        let left = column(LEFT_OVER, &[]);
        let head = chip.column_of(chip.head);
        let end_row = nodes(END_ROW).first().map(|node| match chip.graph.op(*node) {
            Op::Sub(cell, _) => chip.column_of(cell),
            other => panic!("{other:?}"),
        });
        let rate = |node: &Node| match chip.graph.op(*node) {
            Op::Mul(_, difference) => match chip.graph.op(difference) {
                Op::Sub(rate, _) => Some(rate),
                _ => None,
            },
            _ => None,
        };
        let rates: Vec<Node> = nodes(DIGEST).iter().filter_map(rate).collect();
        let each = rates.len() / RATE;
        let of = |place: usize| rates.iter().copied().skip(place % each).step_by(each).collect();
        Self {
            bench,
            at,
            chip,
            honest: &bench.honest.tables[at],
            fin,
            end_row,
            done,
            left,
            input: column("the first element is the number of rows", &[head, left]),
            rates: [of(0), of(1)],
        }
    }

    /// The digest if the end were at a row: after its last block, or after its first one.
    fn digest(&self, table: &Table, row: usize, first_block: bool) -> Vec<F> {
        let height = self.chip.height();
        let place = Place {
            local: table.row(row),
            next: table.row((row + 1) % height),
            publics: &table.publics,
            first: row == 0,
            last: row + 1 == height,
        };
        self.rates[usize::from(first_block)].iter().map(|node| self.chip.value(*node, &place)).collect()
    }

    fn end(&self) -> usize {
        let is_end = |row: &usize| self.honest.row(*row)[self.fin] == F::ONE;
        (0..self.chip.height()).find(is_end).expect("an end")
    }

    /// Rows that are absorbed: where fewer are left than before.
    fn absorbed(&self) -> Vec<usize> {
        let left = |row: usize| self.honest.row(row)[self.left];
        (1..self.chip.height()).filter(|row| left(*row) != left(row - 1)).collect()
    }

    /// Moves the end, or takes it away.
    fn set_end(&self, table: &mut Table, end: Option<usize>) {
        let at_row = |row: usize| self.absorbed().contains(&row);
        for row in 0..self.chip.height() {
            let cells = &mut table.cells[row * table.width..][..table.width];
            cells[self.fin] = F::from_bool(end == Some(row));
            cells[self.done] = F::from_bool(end.is_some_and(|end| row >= end));
            if let Some(end_row) = self.end_row {
                cells[end_row] = F::from_bool(end == Some(row) && at_row(row));
            }
        }
    }

    /// What refuses such a table, which shows a digest that is not the honest one.
    fn refuse(&self, table: Table) -> Vec<&'static str> {
        assert_ne!(table.publics, self.honest.publics);
        let mut changed = self.bench.honest.clone();
        changed.tables[self.at] = table;
        let broken = differences(&self.bench.machine.chips, &self.bench.honest, &changed);
        let labels = broken.iter().map(|violation| match violation {
            Violation::Constraint { label, .. } => *label,
            other => panic!("{other:?}"),
        });
        labels.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The honest table with the first element of a row's block changed, and all permutations after it.
    fn with_input(&self, row: usize) -> Table {
        self.bench.table(Fault { chip: self.at, row, target: Target::Cell(self.input), change: I256::ONE })
    }
}

fn small() -> Bench {
    Bench::new(&small_case())
}

/// Any other digest.
#[test]
fn the_digest_is_that_of_the_last_row() {
    for sponge in Sponge::all(&small()) {
        for lane in 0..RATE {
            let mut table = sponge.honest.clone();
            table.publics[lane] += F::ONE;
            assert_eq!(sponge.refuse(table), [DIGEST]);
        }
    }
}

/// The digest after the first block of the last row.
#[test]
fn the_last_row_is_absorbed_to_its_end() {
    let mut seen = 0;
    for sponge in Sponge::all(&small()) {
        let Some(end_row) = sponge.end_row else { continue };
        let (mut table, end) = (sponge.honest.clone(), sponge.end());
        let at = end * table.width + end_row;
        table.cells[at] = F::ZERO;
        let digest = sponge.digest(sponge.honest, end, true);
        table.publics.copy_from_slice(&digest);
        assert_eq!(sponge.refuse(table), [END_ROW]);
        seen += 1;
    }
    assert!(seen > 0, "a digest of rows with several blocks");
}

/// The digest after a row that is not the last one.
#[test]
fn all_rows_are_absorbed() {
    for sponge in Sponge::all(&small()) {
        let mut table = sponge.honest.clone();
        let first = sponge.absorbed()[0];
        sponge.set_end(&mut table, Some(first));
        let digest = sponge.digest(sponge.honest, first, false);
        table.publics.copy_from_slice(&digest);
        assert_eq!(sponge.refuse(table), [AFTER_END]);
    }
}

/// The digest of as many rows and one more.
#[test]
fn the_number_of_rows_is_theirs() {
    for sponge in Sponge::all(&small()) {
        let mut table = sponge.with_input(0);
        let (width, left) = (table.width, sponge.left);
        table.cells.chunks_exact_mut(width).for_each(|row| row[left] += F::ONE);
        assert_eq!(sponge.refuse(table), [LEFT_OVER]);
    }
}

/// The digest after a row of padding, which absorbs what it likes.
#[test]
fn nothing_else_is_absorbed() {
    for sponge in Sponge::all(&small()) {
        let padding = sponge.chip.height() - 1;
        let mut table = sponge.with_input(padding);
        sponge.set_end(&mut table, Some(padding));
        let digest = sponge.digest(&table, padding, true);
        table.publics.copy_from_slice(&digest);
        assert_eq!(sponge.refuse(table), [END_AT_ABSORBED]);
    }
}

/// Any digest, after no row.
#[test]
fn there_is_an_end() {
    for sponge in Sponge::all(&small()) {
        let mut table = sponge.honest.clone();
        sponge.set_end(&mut table, None);
        table.publics[0] += F::ONE;
        assert_eq!(sponge.refuse(table), [ONE_END]);
    }
}

/// Any digest of no rows, because the end is said to have been.
#[test]
fn an_empty_table_has_its_end() {
    let plan = typed(
        "version: \"1.0\"\nid: none\nsteps:\n  - { id: rows, type: data-input, schema: { columns: { a: int } }, source: { type: file, uri: x.csv } }\n  \
         - { id: out, type: filter, input: rows, condition: \"a > 5\" }\noutput: { step: out }\n",
    );
    let table = csv(&plan, 0, "a\n1\n2\n");
    let bench = Bench::new(&Case::new(plan, [table].into()));
    let sponges = Sponge::all(&bench);
    let empty: Vec<&Sponge<'_>> = sponges.iter().filter(|sponge| sponge.absorbed().is_empty()).collect();
    assert_eq!(empty.len(), 1, "the output");
    for sponge in empty {
        let mut table = sponge.honest.clone();
        sponge.set_end(&mut table, None);
        let (width, done) = (table.width, sponge.done);
        table.cells.chunks_exact_mut(width).for_each(|row| row[done] = F::ONE);
        table.publics[0] += F::ONE;
        assert_eq!(sponge.refuse(table), [DONE_AT_START]);
    }
}
