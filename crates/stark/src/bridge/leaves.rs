//! The leaves: their lengths, their padding, and the header.
//!
//! The head row is leaf zero, the header; row `l` is the leaf of that number. From its counts follows the number `W`
//! of its words, and with blocks of sixteen words
//!
//! ```text
//!     16 B = W + 3 + r      0 <= r < 16          one word with the bit 1, two with the length, the rest zeros
//!     word 0        00, 01, rows of the leaf
//!     word W        80 00 00 00
//!     W + 1 … W + 1 + r       zeros               r + 1 bits z_0 >= z_1 >= … that sum to r + 1
//!     word 16 B - 1           32 W, the length in bits
//! ```
//!
//! The digest of `(l, B)` goes to the tree as the hash of the leaves `l … l + 1`. The header is a message of 76 bytes
//! that are constants but for the salt and the number of rows, `n = sum of all leaves' rows`; the last real row takes
//! the hash of the leaves `0 … l + 1` from the tree: it is the public root.

use alloc::{vec, vec::Vec};

use p3_field::PrimeCharacteristicRing;

use super::{
    format::{Counts, Format},
    rows::LEAVES,
    sha::{DIGESTS, Message, PLACE_BITS, WORDS},
};
use crate::{
    air::{Chip, F, Node, Op, Table},
    gadget::LIMB_BITS,
};

/// The bus of `(first leaf, leaf after the last, halves of the hash)`.
pub(super) const NODES: &str = "nodes";

/// Halves of a hash.
pub(super) const HALVES: usize = 16;

/// Bytes of the header.
const HEADER_BYTES: usize = 76;

/// Columns that are filled from the table and its hashes.
pub(super) struct Columns {
    rows: usize,
    quarters: Option<usize>,
    bitmaps: Option<usize>,
    texts: Vec<usize>,
    left: usize,
    blocks: usize,
    zeros: [usize; 16],
    length: [usize; 2],
    hash: [usize; HALVES],
    fin: usize,
    count: [usize; 2],
    salt: [usize; 16],
    words: Node,
}

/// The chip of the leaves.
pub(super) fn chip(format: &Format, schema_digest: &[u8; 32], log_height: u32) -> (Chip, Columns) {
    let mut chip = Chip::new("leaves", log_height);
    let (head, real) = (chip.head, chip.real);
    let number = chip.row_number().limbs[0].raw;
    let rows = chip.column();
    let quarters = format.has_bools().then(|| chip.ranged(LIMB_BITS));
    let bitmaps = format.has_nulls().then(|| chip.ranged(LIMB_BITS));
    let texts = format.fields.iter().filter(|field| matches!(field.kind, super::format::Kind::Text { .. }));
    let texts: Vec<Node> = texts.map(|_| chip.ranged(LIMB_BITS)).collect();
    let counts = Counts { rows, quarters, bitmaps, texts };
    let nothing = chip.not(real);
    for node in [rows].iter().chain(&counts.texts) {
        let product = chip.mul(nothing, *node);
        chip.zero(product, "no counts where no leaf is");
    }
    for (part, shift) in [(counts.quarters, 2), (counts.bitmaps, 5)] {
        if let Some(part) = part {
            let whole = chip.scale(part, 1 << shift);
            let rest = chip.sub(whole, rows);
            chip.in_range(rest, shift);
        }
    }
    let fields = [vec![number], counts.nodes()].concat();
    chip.receive(LEAVES, fields, real);
    let (_, words) = format.places(&mut chip, &counts);
    let base = chip.scale(number, 1 << PLACE_BITS);
    let (blocks, zeros, length) = padding(&mut chip, base, words);
    let high = chip.int(256);
    chip.send(WORDS, vec![base, high, rows], real, 1);

    let hash: [Node; HALVES] = core::array::from_fn(|_| chip.column());
    let message = |first: Node, second: Node| [first, second].into_iter().chain(hash).collect::<Vec<_>>();
    chip.receive(DIGESTS, message(number, blocks), real);
    let (zero, two, one) = (chip.int(0), chip.int(2), chip.int(1));
    chip.receive(DIGESTS, message(zero, two), head);
    let after = chip.add(number, one);
    let any = chip.add(head, real);
    chip.send(NODES, message(number, after), any, 1);
    chip.leave_free(&hash, any);

    let fin = chip.column();
    let next_real = chip.next(real);
    let alone = chip.not(next_real);
    let last = chip.mul(any, alone);
    chip.equal(fin, last, "the last leaf is followed by none");
    let root: [Node; HALVES] = core::array::from_fn(|_| chip.public());
    chip.receive(NODES, [zero, after].into_iter().chain(root).collect(), fin);

    let (left, count, salt) = header(&mut chip, format, schema_digest, rows);
    let at = |node| chip.column_of(node);
    let columns = Columns {
        rows: at(rows),
        quarters: counts.quarters.map(at),
        bitmaps: counts.bitmaps.map(at),
        texts: counts.texts.iter().map(|node| at(*node)).collect(),
        left: at(left),
        blocks: at(blocks),
        zeros: zeros.map(at),
        length: length.map(at),
        hash: hash.map(at),
        fin: at(fin),
        count: count.map(at),
        salt: salt.map(at),
        words,
    };
    (chip, columns)
}

/// The padding of a leaf of `words`. Returns the blocks, the bits of zero words and the upper bytes of the length.
fn padding(chip: &mut Chip, base: Node, words: Node) -> (Node, [Node; 16], [Node; 2]) {
    let real = chip.real;
    let zero = chip.int(0);
    let blocks = chip.ranged(LIMB_BITS);
    let all = chip.scale(blocks, 16);
    let three = chip.int(3);
    let needed = chip.add(words, three);
    let rest = chip.sub(all, needed);
    chip.in_range(rest, 4);
    let first = chip.add(base, words);
    let mark = chip.int(0x80);
    chip.send(WORDS, vec![first, mark, zero], real, 1);
    let zeros: [Node; 16] = core::array::from_fn(|_| chip.column());
    for (at, bit) in zeros.iter().enumerate() {
        chip.boolean(*bit, "a word of zeros is there or not");
        if let Some(later) = zeros.get(at + 1) {
            let missing = chip.not(*bit);
            let gap = chip.mul(*later, missing);
            chip.zero(gap, "words of zeros have no gap");
        }
        let offset = chip.int(at as i64 + 1);
        let key = chip.add(first, offset);
        chip.send(WORDS, vec![key, zero, zero], *bit, 1);
    }
    let sum = chip.sum(&zeros);
    let one = chip.int(1);
    let wanted = chip.add(rest, one);
    let wanted = chip.mul(real, wanted);
    chip.equal(sum, wanted, "words of zeros fill the last block");
    // `32 W` is below 2^21: bytes 0, five bits, eight bits, eight bits.
    let (upper, middle) = (chip.ranged(5), chip.ranged(8));
    let length = chip.scale(words, 32);
    let [upper_part, middle_part] =
        [(upper, 16), (middle, 8)].map(|(node, shift)| chip.scale(node, 1 << shift));
    let lower = chip.sub(length, upper_part);
    let lower = chip.sub(lower, middle_part);
    chip.in_range(lower, 8);
    let end = chip.add(base, all);
    let last = chip.sub(end, one);
    let low = chip.scale(upper, 256);
    let high = chip.scale(lower, 256);
    let high = chip.add(middle, high);
    chip.send(WORDS, vec![last, low, high], real, 1);
    (blocks, zeros, [upper, middle])
}

/// The header. Returns the rows that are left, the halves of their number, and the salt.
fn header(
    chip: &mut Chip,
    format: &Format,
    schema_digest: &[u8; 32],
    rows: Node,
) -> (Node, [Node; 2], [Node; 16]) {
    let head = chip.head;
    let [transition, last] = [Op::Transition, Op::Last].map(|op| chip.graph.add_op(op));
    let left = chip.column();
    let (next_left, next_rows) = (chip.next(left), chip.next(rows));
    let spent = chip.sub(left, next_rows);
    let difference = chip.sub(next_left, spent);
    let gated = chip.mul(transition, difference);
    chip.zero(gated, "every leaf's rows count");
    let gated = chip.mul(last, left);
    chip.zero(gated, "no row is left over");
    let count = [chip.column(), chip.column()];
    // With at most 2^17 rows the upper half is a bit; more would let the number pass the order of the field.
    chip.boolean(count[1], "the upper half of the number of rows is a bit");
    let high = chip.scale(count[1], 1 << 16);
    let whole = chip.add(count[0], high);
    let difference = chip.sub(left, whole);
    let gated = chip.mul(head, difference);
    chip.zero(gated, "the header has the number of rows");
    let salt: [Node; 16] = core::array::from_fn(|_| chip.column());
    chip.leave_free(&salt, head);
    chip.leave_free(&count, head);

    let zero = chip.int(0);
    let pair = |chip: &mut Chip, bytes: &[u8]| {
        [0, 2].map(|at| chip.int(i64::from(bytes[at]) + 256 * i64::from(bytes[at + 1])))
    };
    let per_leaf = (format.rows_per_leaf as u16).to_le_bytes();
    let mut words = vec![pair(chip, &[0, 0, per_leaf[0], per_leaf[1]]), count, [zero; 2]];
    words.extend(schema_digest.chunks_exact(4).map(|bytes| pair(chip, bytes)));
    words.extend(salt.chunks_exact(2).map(|pair| [pair[0], pair[1]]));
    words.push(pair(chip, &[0x80, 0, 0, 0]));
    words.resize(31, [zero; 2]);
    words.push(pair(chip, &(8 * HEADER_BYTES as u32).to_be_bytes()));
    for (at, [low, high]) in words.into_iter().enumerate() {
        let key = chip.int(at as i64);
        chip.send(WORDS, vec![key, low, high], head, 1);
    }
    (left, count, salt)
}

/// A leaf as its message, and the words of each text column in it.
pub(super) struct Leaf {
    pub(super) rows: usize,
    pub(super) texts: Vec<u32>,
    pub(super) message: Message,
    pub(super) hash: [u8; 32],
}

/// Halves of a hash in the order of messages.
pub(super) fn halves_of(hash: &[u8; 32]) -> [F; HALVES] {
    core::array::from_fn(|at| {
        let word = 4 * (at / 2);
        // The lower half first, of a word that starts with its highest byte.
        let byte = word + 2 * (1 - at % 2);
        F::from_u16(u16::from_be_bytes([hash[byte], hash[byte + 1]]))
    })
}

/// Fills the chip: `leaves[0]` is the header.
pub(super) fn fill(chip: &Chip, table: &mut Table, columns: &Columns, leaves: &[Leaf], salt: &[u8; 32]) {
    let width = table.width;
    let (head, real) = (chip.column_of(chip.head), chip.column_of(chip.real));
    let total: usize = leaves.iter().map(|leaf| leaf.rows).sum();
    let mut left = total;
    for (row, cells) in table.cells.chunks_mut(width).enumerate() {
        let leaf = leaves.get(row);
        let (is_head, is_real) = (row == 0, row > 0 && leaf.is_some());
        cells[head] = F::from_bool(is_head);
        cells[real] = F::from_bool(is_real);
        let rows = leaf.map_or(0, |leaf| leaf.rows);
        left -= rows;
        cells[columns.left] = F::from_usize(left);
        cells[columns.rows] = F::from_usize(rows);
        if let Some(at) = columns.quarters {
            cells[at] = F::from_usize(rows.div_ceil(4));
        }
        if let Some(at) = columns.bitmaps {
            cells[at] = F::from_usize(rows.div_ceil(32));
        }
        if let Some(leaf) = leaf.filter(|_| is_real) {
            for (at, words) in columns.texts.iter().zip(&leaf.texts) {
                cells[*at] = F::from_u32(*words);
            }
        }
        let place = crate::air::Place { local: cells, next: &[], publics: &[], first: false, last: false };
        let words = p3_field::PrimeField32::as_canonical_u32(&chip.value(columns.words, &place));
        let blocks = (words + 3).div_ceil(16);
        cells[columns.blocks] = F::from_u32(blocks);
        if is_real {
            let zeros = 16 * blocks - words - 3 + 1;
            columns.zeros.iter().take(zeros as usize).for_each(|at| cells[*at] = F::ONE);
        }
        cells[columns.length[0]] = F::from_u32((32 * words) >> 16);
        cells[columns.length[1]] = F::from_u32(((32 * words) >> 8) & 255);
        cells[columns.fin] = F::from_bool(row + 1 == leaves.len());
        if let Some(leaf) = leaf {
            for (at, half) in columns.hash.iter().zip(halves_of(&leaf.hash)) {
                cells[*at] = half;
            }
        }
        if is_head {
            cells[columns.left] = F::from_usize(total);
            left = total;
            cells[columns.count[0]] = F::from_usize(total & 0xffff);
            cells[columns.count[1]] = F::from_usize(total >> 16);
            for (at, bytes) in columns.salt.iter().zip(salt.chunks_exact(2)) {
                cells[*at] = F::from_u16(u16::from_le_bytes([bytes[0], bytes[1]]));
            }
        }
    }
}
