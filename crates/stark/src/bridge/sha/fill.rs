//! SHA-256 in numbers, and from these the cells of its chip.

use alloc::{vec, vec::Vec};
use core::array;

use p3_field::{Field, PrimeCharacteristicRing};

use super::{Columns, K, Message, ROUNDS, ROWS, START};
use crate::air::{F, Table};

/// What a row holds, as numbers.
#[derive(Clone, Copy)]
struct Row {
    words: [u32; ROUNDS],
    a: [u32; ROUNDS],
    e: [u32; ROUNDS],
    before: [u32; 8],
}

/// A value of a block, for provers that lie about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bridge) enum Value {
    /// The working variable `a` after a round.
    A,
    /// The working variable `e` after a round.
    E,
    /// The variable `d` before a round.
    State,
    /// A word of the schedule.
    Word,
}

/// The rows of a block and what it gives. Each value goes through `change`, with its round.
fn compress(
    start: [u32; 8],
    words: &[u32],
    change: impl Fn(Value, usize, u32) -> u32,
) -> ([Row; ROWS], [u32; 8]) {
    let mut w = [0u32; 64];
    w[..16].copy_from_slice(words);
    for t in 16..64 {
        let word =
            small1(w[t - 2]).wrapping_add(w[t - 7]).wrapping_add(small0(w[t - 15])).wrapping_add(w[t - 16]);
        w[t] = change(Value::Word, t, word);
    }
    let mut state = start;
    let rows = array::from_fn(|row| {
        state[3] = change(Value::State, ROUNDS * row, state[3]);
        let mut out = Row { words: [0; ROUNDS], a: [0; ROUNDS], e: [0; ROUNDS], before: state };
        for at in 0..ROUNDS {
            let t = ROUNDS * row + at;
            let [a, b, c, d, e, f, g, h] = state;
            let first = h
                .wrapping_add(large1(e))
                .wrapping_add((e & f) ^ (!e & g))
                .wrapping_add(K[t])
                .wrapping_add(w[t]);
            let second = large0(a).wrapping_add((a & b) ^ (a & c) ^ (b & c));
            let new_e = change(Value::E, t, d.wrapping_add(first));
            let new_a = change(Value::A, t, new_e.wrapping_sub(d).wrapping_add(second));
            state = [new_a, a, b, c, new_e, e, f, g];
            (out.words[at], out.a[at], out.e[at]) = (w[t], state[0], state[4]);
        }
        out
    });
    (rows, array::from_fn(|at| start[at].wrapping_add(state[at])))
}

/// Fills the table of the chip. The messages fit its rows.
pub(in crate::bridge) fn fill(table: &mut Table, columns: &Columns, messages: &[Message]) {
    fill_with(table, columns, messages, |_, _, value| value);
}

/// The same with values of the first block changed.
pub(in crate::bridge) fn fill_with(
    table: &mut Table,
    columns: &Columns,
    messages: &[Message],
    change: impl Fn(Value, usize, u32) -> u32,
) {
    let width = table.width;
    let height = table.cells.len() / width;
    let mut rows: Vec<Row> = Vec::with_capacity(height);
    let mut at = 0;
    let dead = Message { id: 0, words: vec![0; 16] };
    let mut rest = messages.iter();
    while at < height {
        let message = rest.next();
        let blocks = message.map_or(1, Message::blocks);
        let mut start = START;
        for (number, words) in message.unwrap_or(&dead).words.chunks(16).enumerate() {
            let first = at == 0;
            let changed = |what, round, value| if first { change(what, round, value) } else { value };
            let (block, out) = compress(start, words, changed);
            for row in 0..ROWS {
                let cells = &mut table.cells[(at + row) * width..(at + row + 1) * width];
                cells[columns.phase + row] = F::ONE;
                cells[columns.id] = F::from_u32(message.map_or(0, |message| message.id));
                cells[columns.block] = F::from_usize(number);
                cells[columns.live] = F::from_bool(message.is_some());
                cells[columns.more] = F::from_bool(number + 1 < blocks);
                for half in 0..16 {
                    cells[columns.start + half] = half_of(start[half / 2], half % 2);
                }
            }
            fill_out(&mut table.cells[(at + ROWS - 1) * width..(at + ROWS) * width], columns, &block, start);
            rows.extend(block);
            (start, at) = (out, at + ROWS);
        }
    }
    for (row, cells) in table.cells.chunks_mut(width).enumerate() {
        let before = &rows[(row + height - 1) % height];
        fill_row(cells, columns, row % ROWS, before, &rows[row]);
    }
}

fn half_of(word: u32, half: usize) -> F {
    F::from_u32((word >> (16 * half)) & 0xffff)
}

/// The carries of the sum that a block ends with.
fn fill_out(cells: &mut [F], columns: &Columns, rows: &[Row; ROWS], start: [u32; 8]) {
    let last = &rows[ROWS - 1];
    for (at, start) in start.iter().enumerate() {
        let value = if at < 4 { last.a[ROUNDS - 1 - at] } else { last.e[ROUNDS + 3 - at] };
        let low = (start & 0xffff) + (value & 0xffff) > 0xffff;
        cells[columns.carry_out + 2 * at] = F::from_bool(low);
        cells[columns.carry_out + 2 * at + 1] = F::from_bool(start.checked_add(value).is_none());
    }
}

fn fill_row(cells: &mut [F], columns: &Columns, phase: usize, previous: &Row, row: &Row) {
    let mut bits = |at: usize, words: &[u32]| {
        for (word, cells) in words.iter().zip(cells[at..].chunks_mut(32)) {
            cells.iter_mut().enumerate().for_each(|(bit, cell)| *cell = F::from_bool(word >> bit & 1 == 1));
        }
    };
    bits(columns.words, &row.words);
    bits(columns.a, &row.a);
    bits(columns.e, &row.e);
    bits(columns.before, &row.before);
    let old = |at: usize, from: usize| row.before[from + 3 - at];
    let a = |at: usize| if at < 4 { old(at, 0) } else { row.a[at - 4] };
    let e = |at: usize| if at < 4 { old(at, 4) } else { row.e[at - 4] };
    for round in 0..ROUNDS {
        let choice = (e(round + 3) & e(round + 2)) ^ (!e(round + 3) & e(round + 1));
        let terms =
            [a(round), e(round), large1(e(round + 3)), choice, K[ROUNDS * phase + round], row.words[round]];
        let mut carry = 0;
        for half in 0..2 {
            carry = (carry + terms.iter().map(|term| term >> (16 * half) & 0xffff).sum::<u32>()) >> 16;
            let at = columns.carry_e + 4 * round + 2 * half;
            let high = u32::from(carry > 2);
            (cells[at], cells[at + 1]) = (F::from_u32(carry - 3 * high), F::from_u32(high));
        }
        let majority =
            (a(round + 3) & a(round + 2)) ^ (a(round + 3) & a(round + 1)) ^ (a(round + 2) & a(round + 1));
        let mut carry = 0i32;
        for half in 0..2 {
            let part = |word: u32| (word >> (16 * half) & 0xffff) as i32;
            let sum = part(row.e[round]) + part(large0(a(round + 3))) + part(majority) - part(a(round));
            carry = (sum + carry) >> 16;
            let at = columns.carry_a + 4 * round + 2 * half;
            let shown = (carry + 1) as u32;
            (cells[at], cells[at + 1]) = (F::from_u32(shown & 1), F::from_u32(shown >> 1));
        }
    }
    let word = |at: usize| if at < ROUNDS { previous.words[at] } else { row.words[at - ROUNDS] };
    for place in ROUNDS..2 * ROUNDS {
        let terms = [small1(word(place - 2)), word(place - 7), small0(word(place - 15)), word(place - 16)];
        let mut carry = F::ZERO;
        for half in 0..2 {
            let sum: F = terms.iter().map(|term| half_of(*term, half)).sum::<F>() + carry;
            // An integer but in the first row of a block, where it is whatever makes the constraint hold.
            carry = (sum - half_of(word(place), half)) * F::TWO.exp_u64(16).inverse();
            let at = columns.carry_w + 4 * (place - ROUNDS) + 2 * half;
            (cells[at], cells[at + 1]) = match (phase, [2, 3].map(F::from_u32).contains(&carry)) {
                (1.., true) => (carry - F::TWO, F::ONE),
                _ => (carry, F::ZERO),
            };
        }
    }
}

const fn large0(x: u32) -> u32 {
    x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22)
}

const fn large1(x: u32) -> u32 {
    x.rotate_right(6) ^ x.rotate_right(11) ^ x.rotate_right(25)
}

const fn small0(x: u32) -> u32 {
    x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3)
}

const fn small1(x: u32) -> u32 {
    x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10)
}
