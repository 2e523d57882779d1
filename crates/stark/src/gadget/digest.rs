//! The Poseidon2 digest of selected rows.
//!
//! A sponge of width 16 and rate 8 in overwrite mode: a block of eight elements replaces the rate, then the
//! permutation runs. The capacity starts as `iv`, a hash of the schema; the first block, in the head row, is
//! `[n, salt_1, …, salt_7]`; then each selected row gives its `k` blocks. The digest is the rate at the end. With `c`
//! the capacity before a row, `out_b` the state after its block `b`, and `sel`, `head` bits that exclude each other:
//!
//! ```text
//!     head · (c - iv) = 0      sel · (in - block_0) = 0      head · (left - in_0) = 0
//!     c' = sel · out_(k-1) + head · out_0 + (1 - sel - head) · c          capacity parts
//!     left' = left - sel'      left = 0 on the last row                    so n counts the selected rows
//!     fin_row · (out_(k-1) - digest) = 0       (fin - fin_row) · (out_0 - digest) = 0       fin_row = fin · sel
//!     fin · (1 - sel - head) = 0         done' = done + fin'              done = 1 on the last row
//!     sel · (done - fin) = 0             done = fin on the first row
//! ```
//!
//! So one row is the end, the last selected one or the head: after the first row where `fin` is not zero no row is
//! selected, since `done` is not zero either, and so `fin` is zero; and it is one there, since it is all of `done`.
//!
//! A state between two permutations of a row is committed; the last one is an expression of degree three. With one block
//! a row, `out_(k-1)` is `out_0`, and `fin` stands for `fin_row`.
//!
//! Two tables with one digest are a collision: `n` and the fixed number of blocks per row make the absorbed sequence
//! a prefix code, and the packing of a row into elements below `2^30` is injective. Uniform salt of 217 bits hides
//! the rest (see docs/src/stark.md).

use alloc::vec::Vec;
use core::array;

use p3_field::PrimeCharacteristicRing;

use crate::air::{Chip, F, Node, Op, ROUND_CELLS, Rule, permute};

/// Field elements of salt.
pub(crate) const SALT: usize = 7;

/// Field elements of a block, and of a digest.
pub(crate) const RATE: usize = 8;

impl Chip {
    /// Adds the digest of the rows where `select` is one as eight public values. `elements` are expressions of
    /// degree one; `salt` is the place of the salt among the prover's salts.
    pub(crate) fn digest(&mut self, select: Node, elements: &[Node], iv: [F; RATE], salt: usize) {
        let blocks = elements.len().div_ceil(RATE).max(1);
        let zero = self.int(0);
        let element = |at: usize| elements.get(at).copied().unwrap_or(zero);
        let capacity: [Node; RATE] = array::from_fn(|_| self.column());
        let input: [Node; RATE] = array::from_fn(|_| self.column());
        let [left, fin, done] = array::from_fn(|_| self.column());
        let public: [Node; RATE] = array::from_fn(|_| self.public());
        let first_public = self.publics - RATE;
        let head = self.head;

        let mut outputs: Vec<[Node; 16]> = Vec::new();
        let mut rounds: Vec<([Node; 16], usize, Option<usize>)> = Vec::new();
        for block in 0..blocks {
            let before: [Node; RATE] = match outputs.last() {
                Some(state) => array::from_fn(|lane| state[RATE + lane]),
                None => capacity,
            };
            let state = array::from_fn(|lane| match (lane < RATE, block) {
                (true, 0) => input[lane],
                (true, _) => element(block * RATE + lane),
                (false, _) => before[lane - RATE],
            });
            let cells: Vec<Node> = (0..ROUND_CELLS).map(|_| self.column()).collect();
            let at = self.column_of(cells[0]);
            self.constraints.push(crate::air::Constraint {
                rule: Rule::Permutation { input: state, at },
                label: "a permutation",
            });
            let output = self.last_round(array::from_fn(|lane| cells[ROUND_CELLS - 16 + lane]));
            let mut between = None;
            outputs.push(if block + 1 == blocks {
                output
            } else {
                // Another permutation takes it, and what it takes has degree one.
                let committed = array::from_fn(|_| self.column());
                for (cell, value) in committed.iter().zip(output) {
                    self.equal(*cell, value, "the state between blocks");
                }
                between = Some(self.column_of(committed[0]));
                committed
            });
            rounds.push((state, at, between));
        }
        let (out_head, out_row) = (outputs[0], outputs[blocks - 1]);
        let [first, last, transition] = [Op::First, Op::Last, Op::Transition].map(|op| self.graph.add_op(op));

        let active = self.add(select, head);
        let passive = self.not(active);
        // Where the end is: at a row, or at the head of an empty table.
        let (end_row, end_head) = match blocks {
            1 => (fin, self.int(0)),
            _ => {
                let (end_row, product) = (self.column(), self.mul(fin, select));
                self.equal(end_row, product, "the end is at a row or at the head");
                (end_row, self.sub(fin, end_row))
            }
        };
        for lane in 0..RATE {
            let start = self.graph.constant_field(iv[lane]);
            let difference = self.sub(capacity[lane], start);
            let gated = self.mul(head, difference);
            self.zero(gated, "the capacity starts with the schema");
            let wanted = element(lane);
            let difference = self.sub(input[lane], wanted);
            let gated = self.mul(select, difference);
            self.zero(gated, "a selected row is absorbed");
            let after = self.mux(select, out_row[RATE + lane], head, out_head[RATE + lane]);
            let kept = self.mul(passive, capacity[lane]);
            let expected = self.add(after, kept);
            let next = self.next(capacity[lane]);
            let difference = self.sub(next, expected);
            let gated = self.mul(transition, difference);
            self.zero(gated, "the capacity is carried from row to row");
            for (end, out) in [(end_row, out_row[lane]), (end_head, out_head[lane])] {
                let difference = self.sub(out, public[lane]);
                let gated = self.mul(end, difference);
                self.zero(gated, "the digest is the rate after the last row");
            }
        }
        let difference = self.sub(left, input[0]);
        let gated = self.mul(head, difference);
        self.zero(gated, "the first element is the number of rows");
        let (next_left, next_select) = (self.next(left), self.next(select));
        let counted = self.sub(left, next_select);
        let difference = self.sub(next_left, counted);
        let gated = self.mul(transition, difference);
        self.zero(gated, "every selected row counts");
        let gated = self.mul(last, left);
        self.zero(gated, "no row is left over");
        let elsewhere = self.mul(fin, passive);
        self.zero(elsewhere, "the end is at an absorbed row");
        let before = self.sub(done, fin);
        let late = self.mul(before, select);
        self.zero(late, "no row is absorbed after the end");
        let gated = self.mul(first, before);
        self.zero(gated, "nothing is done at the start");
        let (next_done, next_fin) = (self.next(done), self.next(fin));
        let sum = self.add(done, next_fin);
        let difference = self.sub(next_done, sum);
        let gated = self.mul(transition, difference);
        self.zero(gated, "the end is counted");
        let missing = self.not(done);
        let gated = self.mul(last, missing);
        self.zero(gated, "there is one end");

        let columns = Columns {
            capacity: capacity.map(|node| self.column_of(node)),
            input: input.map(|node| self.column_of(node)),
            left: self.column_of(left),
            fin: self.column_of(fin),
            end_row: self.column_of(end_row),
            done: self.column_of(done),
            first_public,
        };
        let first_block: [Node; RATE] = array::from_fn(element);
        self.fill_pass(move |pass| {
            let selected: Vec<bool> =
                (0..pass.height()).map(|row| pass.field(row, select) == F::ONE).collect();
            let count = selected.iter().filter(|selected| **selected).count();
            let end = selected.iter().rposition(|selected| *selected).unwrap_or(0);
            let (mut capacity, mut left, salts) = (iv, count, pass.salts[salt]);
            for (row, is_selected) in selected.into_iter().enumerate() {
                let is_head = row == 0;
                left -= usize::from(is_selected);
                let block: [F; RATE] = match (is_head, is_selected) {
                    (true, _) => array::from_fn(|lane| match lane {
                        0 => F::from_usize(count),
                        _ => salts[lane - 1],
                    }),
                    (_, true) => first_block.map(|node| pass.field(row, node)),
                    _ => [F::ZERO; RATE],
                };
                for lane in 0..RATE {
                    pass.write(row, columns.capacity[lane], capacity[lane]);
                    pass.write(row, columns.input[lane], block[lane]);
                }
                pass.write(row, columns.left, F::from_usize(left));
                pass.write(row, columns.end_row, F::from_bool(row == end && is_selected));
                pass.write(row, columns.fin, F::from_bool(row == end));
                pass.write(row, columns.done, F::from_bool(row >= end));
                let mut states = Vec::with_capacity(rounds.len());
                for (state, at, between) in &rounds {
                    let state = state.map(|node| pass.field(row, node));
                    let output = permute(state, |index, value| {
                        pass.write(row, at + index, value);
                        value
                    });
                    if let Some(between) = between {
                        for (lane, value) in output.into_iter().enumerate() {
                            pass.write(row, between + lane, value);
                        }
                    }
                    states.push(output);
                }
                let after = if is_head { states[0] } else { states[states.len() - 1] };
                if is_head || is_selected {
                    capacity = array::from_fn(|lane| after[RATE + lane]);
                }
                if row == end {
                    pass.publics[columns.first_public..][..RATE].copy_from_slice(&after[..RATE]);
                }
            }
            Ok(())
        });
    }

    /// `a · x + b · y`.
    fn mux(&mut self, a: Node, x: Node, b: Node, y: Node) -> Node {
        let (left, right) = (self.mul(a, x), self.mul(b, y));
        self.add(left, right)
    }
}

struct Columns {
    capacity: [usize; RATE],
    input: [usize; RATE],
    left: usize,
    fin: usize,
    end_row: usize,
    done: usize,
    first_public: usize,
}
