//! Words that several rows have parts in.
//!
//! A live row offers the word of key `K` with halves `u, v`, and takes `u` of `2 K` and `v` of `2 K + 1` from the
//! weighted bus of parts. The bus balances if for each key the parts that rows send sum to what is taken. Rows of the
//! table send disjoint bits of a half, below `2^16` together, so `u` and `v` are the half itself, and a word no part
//! of which was sent is zero. Two live rows with one key would offer one word twice, and it is taken only once.
//!
//! Nothing says which keys are gathered: each word of a leaf has to be offered once, numbers, lengths, header and
//! padding are offered elsewhere, and what is left are the words with parts, and zeros where all parts are zero.

use alloc::{vec, vec::Vec};

use p3_field::PrimeCharacteristicRing;

use super::{rows::PARTS, sha::WORDS};
use crate::air::{Chip, F, Table};

/// Columns that are filled from the leaves.
pub(super) struct Columns {
    live: usize,
    key: usize,
    halves: [usize; 2],
}

/// The chip of gathered words.
pub(super) fn chip(log_height: u32) -> (Chip, Columns) {
    let mut chip = Chip::bare("gather", log_height);
    let [live, key, low, high] = core::array::from_fn(|_| chip.column());
    chip.boolean(live, "live is a bit");
    chip.leave_free(&[key, low, high], live);
    chip.send(WORDS, vec![key, low, high], live, 1);
    let (one, double) = (chip.int(1), chip.scale(key, 2));
    let odd = chip.add(double, one);
    for (key, half) in [(double, low), (odd, high)] {
        let weight = chip.mul(live, half);
        chip.receive(PARTS, vec![key], weight);
    }
    let at = |node| chip.column_of(node);
    let columns = Columns { live: at(live), key: at(key), halves: [at(low), at(high)] };
    (chip, columns)
}

/// A word and its key.
pub(super) struct Word {
    pub(super) key: u32,
    pub(super) bytes: [u8; 4],
}

/// Fills the chip.
pub(super) fn fill(table: &mut Table, columns: &Columns, words: &[Word]) {
    let width = table.width;
    for (word, cells) in words.iter().zip(table.cells.chunks_mut(width)) {
        cells[columns.live] = F::ONE;
        cells[columns.key] = F::from_u32(word.key);
        for (half, at) in columns.halves.iter().enumerate() {
            cells[*at] = F::from_u16(u16::from_le_bytes([word.bytes[2 * half], word.bytes[2 * half + 1]]));
        }
    }
}

/// Words of a stretch of a leaf that are gathered.
pub(super) fn words(leaf: &[u8], base: u32, places: core::ops::Range<u32>) -> Vec<Word> {
    places
        .filter_map(|place| {
            let at = 4 * place as usize;
            let bytes = leaf.get(at..at + 4)?;
            Some(Word { key: base + place, bytes: [bytes[0], bytes[1], bytes[2], bytes[3]] })
        })
        .collect()
}
