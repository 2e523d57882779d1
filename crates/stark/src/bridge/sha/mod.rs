//! SHA-256, sixteen rounds a row.
//!
//! A block of a message takes four rows. Row `q` holds, as bits, the sixteen schedule words `w_(16 q + i)` and the
//! sixteen new values of the working variables `a` and `e`; the other six are older values of these two. With `A, E`
//! the values of `a, e` in order, starting with the four of each before the row, and all sums in halves of 16 bits
//! with carries:
//!
//! ```text
//!     E_(i+4) = A_i + E_i + S1(E_(i+3)) + Ch(E_(i+3), E_(i+2), E_(i+1)) + K + w_i           mod 2^32
//!     A_(i+4) = E_(i+4) - A_i + S0(A_(i+3)) + Maj(A_(i+3), A_(i+2), A_(i+1))                mod 2^32
//!     w_t     = s1(w_(t-2)) + w_(t-7) + s0(w_(t-15)) + w_(t-16)       mod 2^32, but in the first row of a block
//! ```
//!
//! The four values before a row are those at the end of the row before; before a block's first row they are the
//! chaining value, which is the standard's start, or what the block before gave if that says that its message has
//! `more`. Carries of the schedule are free in a block's first row, where its sixteen words are the message instead.
//!
//! Each block that is `live` takes its words from the bus [`WORDS`], by the message's `id` and their place in it; the
//! last block of a message sends `(id, blocks, digest)` on [`DIGESTS`]. So: *if every word of every message is
//! offered once, and every digest is taken once, each digest is that of a message made of the words offered under its
//! id, padding included.* Who offers words is responsible for the padding.
//!
//! Every sum is below `8 · 2^16`, far from `p`: equal as field elements means equal as integers. A half of a word is
//! below `2^16` because it is sixteen bits; the halves of a digest are ranged by whoever takes them.

mod fill;

use alloc::{vec, vec::Vec};
use core::array;

pub(super) use self::fill::fill;
#[cfg(test)]
pub(super) use self::fill::{Value, fill_with};
use crate::air::{Chip, Node, Op};

/// Rounds in a row.
const ROUNDS: usize = 16;

/// Rows of a block.
pub(super) const ROWS: usize = 64 / ROUNDS;

/// The bus of `(id · 2^16 + place, b_0 + 256 b_1, b_2 + 256 b_3)`: the four bytes of a word in the order of the
/// message.
pub(super) const WORDS: &str = "words";

/// Logarithm of the most words of a message.
pub(super) const PLACE_BITS: u32 = 16;

/// The bus of `(id, blocks, halves)`: for each word of a digest the lower, then the upper 16 bits.
pub(super) const DIGESTS: &str = "digests";

/// A message to hash, with its padding.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: u32,
    /// A multiple of sixteen.
    pub(super) words: Vec<u32>,
}

impl Message {
    /// `content`, whose length is a multiple of four bytes or not, with the padding of the standard.
    pub(super) fn new(id: u32, content: &[u8]) -> Self {
        let mut bytes = content.to_vec();
        bytes.push(0x80);
        bytes.resize((bytes.len() + 8).next_multiple_of(64) - 8, 0);
        bytes.extend_from_slice(&(content.len() as u64 * 8).to_be_bytes());
        let words = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word)).collect();
        Self { id, words }
    }

    pub(super) const fn blocks(&self) -> usize {
        self.words.len() / 16
    }
}

/// Where the columns of the chip are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    phase: usize,
    id: usize,
    block: usize,
    pub(super) live: usize,
    more: usize,
    pub(super) words: usize,
    pub(super) a: usize,
    pub(super) e: usize,
    pub(super) before: usize,
    pub(super) start: usize,
    carry_out: usize,
    /// For each round two cells for each half: `t + 3 s`.
    pub(super) carry_e: usize,
    /// For each round two cells for each half: `t + 2 s - 1`, both bits.
    pub(super) carry_a: usize,
    /// For each word two cells for each half: `t + 2 s`.
    pub(super) carry_w: usize,
}

type Word = [Node; 32];

/// A word as bits of an expression and what it takes to read it.
struct Build<'c> {
    chip: &'c mut Chip,
}

impl Build<'_> {
    fn word(&mut self, label: &'static str) -> Word {
        let word = array::from_fn(|_| self.chip.column());
        word.iter().for_each(|bit| self.chip.boolean(*bit, label));
        word
    }

    fn next_word(&mut self, word: &Word) -> Word {
        array::from_fn(|bit| self.chip.next(word[bit]))
    }

    /// The lower or the upper 16 bits.
    fn half(&mut self, word: &Word, half: usize) -> Node {
        // From the top: doubling is cheaper than multiplying by another power of two.
        let zero = self.chip.int(0);
        (0..16).rev().fold(zero, |sum, bit| {
            let double = self.chip.scale(sum, 2);
            self.chip.add(double, word[16 * half + bit])
        })
    }

    /// The same, one product for each bit: messages are resolved as trees, where a sum of a sum with itself is read
    /// twice, and so on.
    fn flat_half(&mut self, word: &Word, half: usize) -> Node {
        let zero = self.chip.int(0);
        (0..16).fold(zero, |sum, bit| {
            let cell = self.chip.scale(word[16 * half + bit], 1 << bit);
            self.chip.add(sum, cell)
        })
    }

    fn xor(&mut self, x: Node, y: Node) -> Node {
        let both = self.chip.mul(x, y);
        let (sum, twice) = (self.chip.add(x, y), self.chip.scale(both, 2));
        self.chip.sub(sum, twice)
    }

    /// The exclusive or of two rotations and a third rotation, or a shift.
    fn sigma(&mut self, word: &Word, turns: [usize; 3], shift: bool) -> Word {
        array::from_fn(|bit| {
            let [x, y] = [0, 1].map(|at| word[(bit + turns[at]) % 32]);
            let two = self.xor(x, y);
            let third = bit + turns[2];
            if shift && third >= 32 { two } else { self.xor(two, word[third % 32]) }
        })
    }

    /// The sum of two words bit by bit: values up to two.
    fn bitwise_sum(&mut self, x: &Word, y: &Word) -> Word {
        array::from_fn(|bit| self.chip.add(x[bit], y[bit]))
    }

    fn choose(&mut self, [e, f, g]: [&Word; 3]) -> Word {
        array::from_fn(|bit| {
            let difference = self.chip.sub(f[bit], g[bit]);
            let chosen = self.chip.mul(e[bit], difference);
            self.chip.add(g[bit], chosen)
        })
    }

    fn majority(&mut self, [a, b, c]: [&Word; 3]) -> Word {
        array::from_fn(|bit| {
            let both = self.chip.mul(b[bit], c[bit]);
            let other = self.xor(b[bit], c[bit]);
            let tipped = self.chip.mul(a[bit], other);
            self.chip.add(both, tipped)
        })
    }

    /// `t + scale · s` of two new cells.
    fn two_cells(&mut self, scale: i64) -> (Node, [Node; 2]) {
        let cells = [self.chip.column(), self.chip.column()];
        let high = self.chip.scale(cells[1], scale);
        (self.chip.add(cells[0], high), cells)
    }

    /// Demands `sums = word` modulo `2^32`, given the sums of both halves and their carries.
    fn halves(&mut self, sums: [Node; 2], word: &Word, carries: [Node; 2], label: &'static str) {
        let mut carry_in = self.chip.int(0);
        for half in 0..2 {
            let sum = self.chip.add(sums[half], carry_in);
            let low = self.half(word, half);
            let high = self.chip.scale(carries[half], 1 << 16);
            let total = self.chip.add(low, high);
            self.chip.equal(sum, total, label);
            carry_in = carries[half];
        }
    }
}

/// The chip for `2^log_height` rows.
pub(super) fn chip(name: &'static str, log_height: u32) -> (Chip, Columns) {
    let mut chip = Chip::bare(name, log_height);
    let phase: [Node; ROWS] = array::from_fn(|_| chip.column());
    let [id, block, live, more] = array::from_fn(|_| chip.column());
    let mut build = Build { chip: &mut chip };
    let words: Vec<Word> = (0..ROUNDS).map(|_| build.word("a bit of a word")).collect();
    let a: Vec<Word> = (0..ROUNDS).map(|_| build.word("a bit of a")).collect();
    let e: Vec<Word> = (0..ROUNDS).map(|_| build.word("a bit of e")).collect();
    let before: [Word; 8] = array::from_fn(|_| build.word("a bit before the row"));
    let start: [Node; 16] = array::from_fn(|_| build.chip.column());
    let carry_out: [Node; 16] = array::from_fn(|_| build.chip.column());
    phases(build.chip, &phase);
    let carry_e = rounds(&mut build, &phase, (&words, &a, &e), &before);
    let carry_w = schedule(&mut build, phase[0], &words);
    let state = [0, 1, 2, 3].map(|at| a[ROUNDS - 1 - at]);
    let state: [Word; 8] = array::from_fn(|at| if at < 4 { state[at] } else { e[ROUNDS - 1 - (at - 4)] });
    let turns = (phase[0], phase[ROWS - 1]);
    let out = chaining(&mut build, turns, [live, more], (&before, &state), &start, &carry_out);
    blocks(&mut chip, phase[ROWS - 1], [id, block, live, more]);
    messages(&mut chip, turns, [id, block, live, more], &words, &out);
    let at = |node| chip.column_of(node);
    let columns = Columns {
        phase: at(phase[0]),
        id: at(id),
        block: at(block),
        live: at(live),
        more: at(more),
        words: at(words[0][0]),
        a: at(a[0][0]),
        e: at(e[0][0]),
        before: at(before[0][0]),
        start: at(start[0]),
        carry_out: at(carry_out[0]),
        carry_e: at(carry_e[0]),
        carry_a: at(carry_e[1]),
        carry_w: at(carry_w),
    };
    (chip, columns)
}

/// The row's place in its block: one of the bits is one, and they take turns.
fn phases(chip: &mut Chip, phase: &[Node; ROWS]) {
    let first = chip.graph.add_op(Op::First);
    for (at, bit) in phase.iter().enumerate() {
        let wanted = chip.int(i64::from(at == 0));
        let difference = chip.sub(*bit, wanted);
        let gated = chip.mul(first, difference);
        chip.zero(gated, "the first row begins a block");
        let after = chip.next(phase[(at + 1) % ROWS]);
        chip.equal(after, *bit, "rows take turns");
    }
}

/// The rounds of a row. Returns the first cells of both kinds of carries.
fn rounds(
    build: &mut Build<'_>,
    phase: &[Node; ROWS],
    (words, a, e): (&[Word], &[Word], &[Word]),
    before: &[Word; 8],
) -> [Node; 2] {
    let sequence = |at: usize, new: &[Word]| -> Vec<Word> {
        (0..4).rev().map(|old| before[at + old]).chain(new.iter().copied()).collect()
    };
    let (all_a, all_e) = (sequence(0, a), sequence(4, e));
    let mut first = Vec::new();
    for round in 0..ROUNDS {
        let (carries, cells): (Vec<Node>, Vec<[Node; 2]>) = (0..2).map(|_| build.two_cells(3)).unzip();
        first.push(cells[0][0]);
        for [low, high] in cells {
            let (one, two) = (build.chip.int(1), build.chip.int(2));
            let (less_one, less_two) = (build.chip.sub(low, one), build.chip.sub(low, two));
            let product = build.chip.mul(low, less_one);
            let product = build.chip.mul(product, less_two);
            build.chip.zero(product, "a carry of e is up to two");
            build.chip.boolean(high, "and three times a bit");
        }
        let window = |all: &[Word]| [3, 2, 1].map(|back| all[round + back]);
        let [e3, e2, e1] = window(&all_e);
        let sigma = build.sigma(&e3, [6, 11, 25], false);
        let choice = build.choose([&e3, &e2, &e1]);
        let mixed = build.bitwise_sum(&sigma, &choice);
        let sums = [0, 1].map(|half| {
            let zero = build.chip.int(0);
            let constant = (0..ROWS).fold(zero, |sum, row| {
                let value = (K[ROUNDS * row + round] >> (16 * half)) & 0xffff;
                let value = build.chip.scale(phase[row], value.into());
                build.chip.add(sum, value)
            });
            let parts = [all_a[round], all_e[round], mixed, words[round]];
            let parts = parts.map(|part| build.half(&part, half));
            let sum = build.chip.sum(&parts);
            build.chip.add(sum, constant)
        });
        build.halves(sums, &e[round], [carries[0], carries[1]], "a round's e");
    }
    let first_a = build.chip.width;
    for round in 0..ROUNDS {
        let (carries, cells): (Vec<Node>, Vec<[Node; 2]>) = (0..2).map(|_| build.two_cells(2)).unzip();
        cells.iter().flatten().for_each(|cell| build.chip.boolean(*cell, "a carry of a is two bits"));
        let one = build.chip.int(1);
        let carries = [0, 1].map(|half| build.chip.sub(carries[half], one));
        let window = |all: &[Word]| [3, 2, 1].map(|back| all[round + back]);
        let [a3, a2, a1] = window(&all_a);
        let sigma = build.sigma(&a3, [2, 13, 22], false);
        let majority = build.majority([&a3, &a2, &a1]);
        let mixed = build.bitwise_sum(&sigma, &majority);
        let sums = [0, 1].map(|half| {
            let [mixed, new, old] = [mixed, e[round], all_a[round]].map(|part| build.half(&part, half));
            let sum = build.chip.add(mixed, new);
            build.chip.sub(sum, old)
        });
        build.halves(sums, &a[round], carries, "a round's a");
    }
    let first_a = build.chip.graph.add_op(Op::Local(first_a as u32));
    [first[0], first_a]
}

/// The schedule of the next row from this one. Returns the first cell of its carries.
fn schedule(build: &mut Build<'_>, begins: Node, words: &[Word]) -> Node {
    let next: Vec<Word> = words.iter().map(|word| build.next_word(word)).collect();
    let all: Vec<Word> = words.iter().chain(&next).copied().collect();
    let first = build.chip.width;
    for at in 0..ROUNDS {
        let (carries, cells): (Vec<Node>, Vec<[Node; 2]>) = (0..2).map(|_| build.two_cells(2)).unzip();
        for cell in cells.iter().flatten() {
            let one = build.chip.int(1);
            let less = build.chip.sub(*cell, one);
            let product = build.chip.mul(*cell, less);
            let inside = build.chip.not(begins);
            let gated = build.chip.mul(product, inside);
            build.chip.zero(gated, "a carry of the schedule is two bits");
        }
        let carries = [0, 1].map(|half| build.chip.next(carries[half]));
        let place = ROUNDS + at;
        let small0 = build.sigma(&all[place - 15], [7, 18, 3], true);
        let small1 = build.sigma(&all[place - 2], [17, 19, 10], true);
        let mixed = build.bitwise_sum(&small0, &small1);
        let sums = [0, 1].map(|half| {
            let parts = [mixed, all[place - 7], all[place - 16]].map(|part| build.half(&part, half));
            build.chip.sum(&parts)
        });
        build.halves(sums, &all[place], carries, "a word of the schedule");
    }
    build.chip.graph.add_op(Op::Local(first as u32))
}

/// From row to row and from block to block. Returns the halves of what a block gives.
fn chaining(
    build: &mut Build<'_>,
    (begins, ends): (Node, Node),
    [live, more]: [Node; 2],
    (before, state): (&[Word; 8], &[Word; 8]),
    start: &[Node; 16],
    carry_out: &[Node; 16],
) -> [Node; 16] {
    let inside = build.chip.not(ends);
    // A dead block gives nothing to anybody.
    let used = build.chip.mul(ends, live);
    let mut out = Vec::with_capacity(16);
    for at in 0..8 {
        let after = build.next_word(&before[at]);
        for bit in 0..32 {
            let difference = build.chip.sub(after[bit], state[at][bit]);
            let gated = build.chip.mul(inside, difference);
            build.chip.zero(gated, "a row goes on from the row before");
        }
        let mut carry_in = build.chip.int(0);
        for half in 0..2 {
            let place = 2 * at + half;
            let now = build.half(&before[at], half);
            let difference = build.chip.sub(start[place], now);
            let gated = build.chip.mul(begins, difference);
            build.chip.zero(gated, "a block keeps what it starts from");
            let next_start = build.chip.next(start[place]);
            let difference = build.chip.sub(next_start, start[place]);
            let gated = build.chip.mul(inside, difference);
            build.chip.zero(gated, "through all its rows");
            build.chip.boolean(carry_out[place], "a carry of the chaining value is a bit");
            build.chip.leave_free(&[carry_out[place]], used);
            let last = build.flat_half(&state[at], half);
            let high = build.chip.scale(carry_out[place], 1 << 16);
            let sum = build.chip.sum(&[start[place], last, carry_in]);
            let given = build.chip.sub(sum, high);
            let standard = build.chip.int(i64::from((START[at] >> (16 * half)) & 0xffff));
            let then = build.half(&after, half);
            let change = build.chip.sub(given, standard);
            let change = build.chip.mul(more, change);
            let wanted = build.chip.add(standard, change);
            let difference = build.chip.sub(then, wanted);
            let gated = build.chip.mul(ends, difference);
            build.chip.zero(gated, "a block starts from the block before, or anew");
            carry_in = carry_out[place];
            out.push(given);
        }
    }
    array::from_fn(|at| out[at])
}

/// What rows of a block share, and how blocks follow each other.
fn blocks(chip: &mut Chip, ends: Node, [id, block, live, more]: [Node; 4]) {
    let inside = chip.not(ends);
    for (node, label) in [
        (id, "a block has one message"),
        (block, "a block has one number"),
        (live, "a block is live or not"),
        (more, "a block is followed or not"),
    ] {
        let next = chip.next(node);
        let difference = chip.sub(next, node);
        let gated = chip.mul(inside, difference);
        chip.zero(gated, label);
    }
    chip.boolean(live, "live is a bit");
    chip.boolean(more, "more is a bit");
    let dead = chip.not(live);
    let both = chip.mul(more, dead);
    chip.zero(both, "only a live block is followed");
    let followed = chip.mul(ends, more);
    let (next_id, next_live, next_block) = (chip.next(id), chip.next(live), chip.next(block));
    let difference = chip.sub(next_id, id);
    let gated = chip.mul(followed, difference);
    chip.zero(gated, "the next block is of the same message");
    let next_dead = chip.not(next_live);
    let gated = chip.mul(followed, next_dead);
    chip.zero(gated, "and live");
    let one = chip.int(1);
    let counted = chip.add(block, one);
    let counted = chip.mul(more, counted);
    let difference = chip.sub(next_block, counted);
    let gated = chip.mul(ends, difference);
    chip.zero(gated, "blocks of a message are counted from zero");
    // No block is followed by the first row's: so no message goes on from the last row.
    let first = chip.graph.add_op(Op::First);
    let gated = chip.mul(first, block);
    chip.zero(gated, "the first block is the first of a message");
}

fn messages(
    chip: &mut Chip,
    (begins, ends): (Node, Node),
    [id, block, live, more]: [Node; 4],
    words: &[Word],
    out: &[Node; 16],
) {
    let taken = chip.mul(begins, live);
    let message = chip.scale(id, 1 << PLACE_BITS);
    let place = chip.scale(block, 16);
    let base = chip.add(message, place);
    for (at, word) in words.iter().enumerate().take(16) {
        let offset = chip.int(at as i64);
        let key = chip.add(base, offset);
        let zero = chip.int(0);
        // Byte `b` of the message is the `b`-th from the top of the word.
        let halves = [0, 1].map(|half| {
            (0..16).fold(zero, |sum, bit| {
                let byte = 2 * half + bit / 8;
                let cell = chip.scale(word[8 * (3 - byte) + bit % 8], 1 << bit);
                chip.add(sum, cell)
            })
        });
        chip.receive(WORDS, vec![key, halves[0], halves[1]], taken);
    }
    let last = chip.sub(live, more);
    let count = chip.mul(ends, last);
    let one = chip.int(1);
    let blocks = chip.add(block, one);
    let fields = [id, blocks].into_iter().chain(out.iter().copied()).collect();
    chip.send(DIGESTS, fields, count, 1);
}

/// The initial hash value (FIPS 180-4, section 5.3.3).
const START: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// The constants of the rounds (FIPS 180-4, section 4.2.2).
#[rustfmt::skip]
const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];
