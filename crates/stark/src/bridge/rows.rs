//! The table: one row each, with its digest and its share of the leaves.
//!
//! The digest is that of any other table of this crate. Beside it each row knows its leaf `l`, its place `j` in it and
//! the leaf's number of rows `k`. With `end` marking the last row of each leaf, the head counting as the end of leaf
//! zero, and `R` the public rows of a leaf:
//!
//! ```text
//!     l' = l + end      j' = (1 - end)(j + 1)      0 <= j < R      where the next row is real
//!     end = 1 on the last real row      j = R - 1 where end = 1 and the next row is real
//!     k = j + 1 where end = 1           k' = k where end = 0 and the next row is real
//! ```
//!
//! So leaves are numbered from one and all full but the last. Each end sends `(l, k, …)` on [`LEAVES`].
//!
//! A row offers the words that it alone fills, each number and each length of a text, on the bus of words. Words that
//! rows share, truth values and bits of validity, are gathered: on [`PARTS`] a row sends the key of each half of a
//! word that it has a part in, *weighted* with its part. The sum over all rows is a half's value.

use alloc::{vec, vec::Vec};

use p3_field::PrimeCharacteristicRing;
use proofmark_plan::types::Schema;

use super::{
    format::{Counts, Field, Format, Kind, Place},
    halves::halves,
    sha::{PLACE_BITS, WORDS},
    text::Texts,
};
use crate::{
    air::{Chip, F, Node},
    compile::{Data, Val, load_table},
    gadget::LIMB_BITS,
    table::Layout,
};

/// The bus of `(leaf, rows, …)`, the counts of `Counts`.
pub(super) const LEAVES: &str = "leaves";

/// The bus of keys of half words, `2 · key of the word + half`, weighted with parts of them.
pub(super) const PARTS: &str = "parts";

/// What each row knows of its leaf.
pub(super) struct Leaf {
    /// One on the last row of a leaf and on the head.
    pub(super) end: Node,
    /// Its number, times the words between two leaves' keys.
    pub(super) base: Node,
    pub(super) place: Node,
}

/// The chip of a table.
pub(super) fn chip(
    schema: &Schema,
    layout: &Layout,
    text_bytes: &[u8],
    format: &Format,
    log_height: u32,
) -> Chip {
    let mut chip = Chip::new("rows", log_height);
    let columns = load_table(&mut chip, schema, layout, text_bytes, 0);
    for value in &columns {
        nothing_without_row(&mut chip, value);
    }
    let (leaf, counts, mut texts) = leaves(&mut chip, format);
    let (places, _) = format.places(&mut chip, &counts);
    let mut shared = Shared::default();
    for ((field, value), place) in format.fields.iter().zip(&columns).zip(&places) {
        if field.nullable {
            shared.validity(&mut chip, &leaf, place, value.valid);
        }
        column(&mut chip, (&leaf, &counts, &mut texts), &mut shared, (field, value, place));
    }
    texts.finish(&mut chip, format.rows_per_leaf);
    let fields = [vec![leaf_number(&mut chip, &leaf)], counts.nodes()].concat();
    let head = chip.head;
    let count = chip.sub(leaf.end, head);
    chip.send(LEAVES, fields, count, 1);
    chip
}

/// Truth values and bits of validity are zero where no row is, so that they have no part in any word.
fn nothing_without_row(chip: &mut Chip, value: &Val) {
    let none = chip.not(chip.real);
    let bit = match value.data {
        Data::Bit(bit) => Some(bit),
        Data::Int(_) | Data::Text(..) => None,
    };
    let valid = chip.graph.as_constant(value.valid).is_none().then_some(value.valid);
    for node in bit.into_iter().chain(valid) {
        let product = chip.mul(none, node);
        chip.zero(product, "nothing is true where no row is");
    }
}

fn column(
    chip: &mut Chip,
    (leaf, counts, texts): (&Leaf, &Counts, &mut Texts),
    shared: &mut Shared,
    (field, value, place): (&Field, &Val, &Place),
) {
    let real = chip.real;
    match (&value.data, field.kind) {
        (Data::Bit(bit), Kind::Bool) => shared.bool(chip, leaf, place, *bit),
        (Data::Int(int), Kind::Number { words }) => {
            let halves = halves(chip, real, int, 4 * words);
            let start = chip.add(leaf.base, place.values);
            let offset = chip.scale(leaf.place, words.into());
            let start = chip.add(start, offset);
            for (at, pair) in halves.chunks(2).enumerate() {
                let at = chip.int(at as i64);
                let key = chip.add(start, at);
                chip.send(WORDS, vec![key, pair[0], pair[1]], real, 1);
            }
        }
        (Data::Text(int, _), Kind::Text { bound }) => {
            texts.column(chip, (leaf, counts, place), int, bound);
        }
        _ => chip.fault = Some("a column whose values are not of its kind"),
    }
}

/// The number of the leaf.
fn leaf_number(chip: &mut Chip, leaf: &Leaf) -> Node {
    let inverse = p3_field::Field::inverse(&F::from_u32(1 << PLACE_BITS));
    let inverse = chip.graph.constant_field(inverse);
    chip.mul(leaf.base, inverse)
}

/// The columns that say which leaf a row is in.
fn leaves(chip: &mut Chip, format: &Format) -> (Leaf, Counts, Texts) {
    let (head, real) = (chip.head, chip.real);
    let [number, place, rows, end] = core::array::from_fn(|_| chip.column());
    let quarters = format.has_bools().then(|| chip.column());
    let bitmaps = format.has_nulls().then(|| chip.column());
    let texts = format.fields.iter().filter(|field| matches!(field.kind, Kind::Text { .. }));
    let texts: Vec<Node> = texts.map(|_| chip.column()).collect();
    let counts = Counts { rows, quarters, bitmaps, texts };

    let most = i64::from(format.rows_per_leaf);
    let (one, last_place) = (chip.int(1), chip.int(most - 1));
    let start = chip.add(head, real);
    let nothing = chip.not(start);
    chip.boolean(end, "an end is a bit");
    for (node, label) in [
        (end, "no leaf ends where no row is"),
        (number, "no leaf where no row is"),
        (place, "no place where no row is"),
    ] {
        let product = chip.mul(nothing, node);
        chip.zero(product, label);
    }
    for node in counts.nodes() {
        let product = chip.mul(nothing, node);
        chip.zero(product, "no counts where no row is");
    }
    let not_end = chip.not(end);
    let gated = chip.mul(head, not_end);
    chip.zero(gated, "leaf zero ends with the head");
    let gated = chip.mul(head, number);
    chip.zero(gated, "the head is leaf zero");
    let missing = chip.sub(place, last_place);
    let gated = chip.mul(head, missing);
    chip.zero(gated, "leaf zero is full");

    let [next_real, next_number, next_place] = [real, number, place].map(|node| chip.next(node));
    let counted = chip.add(number, end);
    let difference = chip.sub(next_number, counted);
    let gated = chip.mul(next_real, difference);
    chip.zero(gated, "leaves are numbered one by one");
    let after = chip.add(place, one);
    let after = chip.mul(not_end, after);
    let difference = chip.sub(next_place, after);
    let gated = chip.mul(next_real, difference);
    chip.zero(gated, "places in a leaf are numbered one by one");
    let ended = chip.mul(next_real, end);
    let gated = chip.mul(ended, missing);
    chip.zero(gated, "a leaf before another is full");
    let not_next = chip.not(next_real);
    let last = chip.mul(real, not_next);
    let gated = chip.mul(last, not_end);
    chip.zero(gated, "the last row ends its leaf");
    let after = chip.add(place, one);
    let difference = chip.sub(rows, after);
    let gated = chip.mul(end, difference);
    chip.zero(gated, "a leaf has as many rows as its last place says");
    let inside = chip.mul(next_real, not_end);
    for node in counts.nodes() {
        let next = chip.next(node);
        let difference = chip.sub(next, node);
        let gated = chip.mul(inside, difference);
        chip.zero(gated, "rows of a leaf agree on its counts");
    }
    let bits = (most as u32).next_power_of_two().ilog2();
    chip.in_range(place, bits);
    if !(most as u32).is_power_of_two() {
        let room = chip.sub(last_place, place);
        chip.in_range(room, bits);
    }

    let [number_at, place_at, rows_at, end_at] = [number, place, rows, end].map(|node| chip.column_of(node));
    let quarters_at = quarters.map(|node| chip.column_of(node));
    let bitmaps_at = bitmaps.map(|node| chip.column_of(node));
    chip.fill_pass(move |pass| {
        let count = (0..pass.height()).filter(|row| pass.field(*row, real) == F::ONE).count();
        let most = most as usize;
        for row in 0..=count {
            // The head is the last row of leaf zero.
            let (leaf, place) = ((row + most - 1) / most, (row + most - 1) % most);
            let rows = if row == 0 { most } else { most.min(count - (leaf - 1) * most) };
            pass.write(row, number_at, F::from_usize(leaf));
            pass.write(row, place_at, F::from_usize(place));
            pass.write(row, rows_at, F::from_usize(rows));
            pass.write(row, end_at, F::from_bool(place + 1 == rows));
            if let Some(at) = quarters_at {
                pass.write(row, at, F::from_usize(rows.div_ceil(4)));
            }
            if let Some(at) = bitmaps_at {
                pass.write(row, at, F::from_usize(rows.div_ceil(32)));
            }
        }
        Ok(())
    });
    let base = chip.scale(number, 1 << PLACE_BITS);
    let texts = Texts::default();
    (Leaf { end, base, place }, counts, texts)
}

/// Which of the parts of a word is a row's, by its place in the leaf.
#[derive(Default)]
struct Shared {
    /// For truth values: the half of all of a column's, and one or 256.
    byte: Option<(Node, Node)>,
    /// For bits of validity: the half, and a power of two.
    bit: Option<(Node, Node)>,
}

impl Shared {
    /// `j = 2 h + b`: the byte of place `j` is in half `h`, times `1 + 255 b`.
    fn bool(&mut self, chip: &mut Chip, leaf: &Leaf, place: &Place, value: Node) {
        let (half, unit) = *self.byte.get_or_insert_with(|| {
            let odd = chip.column();
            chip.boolean(odd, "odd or even is a bit");
            let half = halved(chip, leaf.place, &[odd]);
            let extra = chip.scale(odd, 255);
            let one = chip.int(1);
            (half, chip.add(extra, one))
        });
        part(chip, leaf, place.values, (half, value, unit));
    }

    /// `j = 16 h + b_0 + 2 b_1 + 4 b_2 + 8 b_3`: the bit of place `j` is in half `h`, times
    /// `(1 + b_0)(1 + 3 b_1) · (1 + 15 b_2)(1 + 255 b_3)`, two products that have a column each.
    fn validity(&mut self, chip: &mut Chip, leaf: &Leaf, place: &Place, valid: Node) {
        let (half, unit) = *self.bit.get_or_insert_with(|| {
            let bits: Vec<Node> = (0..4).map(|_| chip.column()).collect();
            bits.iter().for_each(|bit| chip.boolean(*bit, "a bit of a place"));
            let half = halved(chip, leaf.place, &bits);
            let factor = |chip: &mut Chip, at: usize, value: i64| {
                let (extra, one) = (chip.scale(bits[at], value - 1), chip.int(1));
                chip.add(extra, one)
            };
            let factors: [Node; 4] =
                [(0, 2), (1, 4), (2, 16), (3, 256)].map(|(at, value)| factor(chip, at, value));
            let low = product(chip, factors[0], factors[1]);
            let high = product(chip, factors[2], factors[3]);
            (half, product(chip, low, high))
        });
        part(chip, leaf, place.validity, (half, valid, unit));
    }
}

/// A column that holds a product.
fn product(chip: &mut Chip, a: Node, b: Node) -> Node {
    let column = chip.column();
    let value = chip.mul(a, b);
    chip.equal(column, value, "a power of two");
    let at = chip.column_of(column);
    chip.fill_row(move |row| {
        let value = row.field(value);
        row.write(at, value);
        Ok(())
    });
    column
}

/// The quotient of a place by a power of two, given the bits of the rest; both are shown to be integers in range.
fn halved(chip: &mut Chip, place: Node, bits: &[Node]) -> Node {
    let zero = chip.int(0);
    let rest = bits.iter().enumerate().fold(zero, |sum, (at, bit)| {
        let shifted = chip.scale(*bit, 1 << at);
        chip.add(sum, shifted)
    });
    let quotient = chip.ranged(LIMB_BITS - 1);
    let whole = chip.scale(quotient, 1 << bits.len());
    let whole = chip.add(whole, rest);
    chip.equal(place, whole, "a place is a quotient and a rest");
    let (at, columns) =
        (chip.column_of(quotient), bits.iter().map(|bit| chip.column_of(*bit)).collect::<Vec<_>>());
    chip.fill_row(move |row| {
        let place = row.integer(place, 0) as u32;
        for (bit, column) in columns.iter().enumerate() {
            row.write(*column, F::from_u32(place >> bit & 1));
        }
        row.write(at, F::from_u32(place >> columns.len()));
        Ok(())
    });
    quotient
}

/// A part `value · unit` of a half of the words from `start` on.
fn part(chip: &mut Chip, leaf: &Leaf, start: Node, (half, value, unit): (Node, Node, Node)) {
    let word = chip.add(leaf.base, start);
    let key = chip.scale(word, 2);
    let key = chip.add(key, half);
    let weight = chip.mul(value, unit);
    // Weights are bounded by what they are made of: see the chip that gathers.
    chip.send(PARTS, vec![key], weight, 0);
}
