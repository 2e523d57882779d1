//! Keys, and rows that are sorted by them.
//!
//! A key is a list of fields, most significant first: for each column a null flag where the column may be null, then
//! the digits of its value, complemented for a descending order. Fields are packed into words of at most 26 bits.
//!
//! Rows are sorted if every real row but the last is less than its successor. With `pair = real · real'` and one mark
//! per word
//!
//! ```text
//!     s_w bits      sum_w s_w = pair      (pair - sum_{u <= w} s_u) · (K'_w - K_w) = 0
//!     sum_w s_w (K'_w - K_w) = d + pair     0 <= d < 2^26
//! ```
//!
//! The mark is thus at the first difference. If the words of a group's key come first, a mark behind them says that
//! the next row is of the same group: `cont`. Since keys end with the row's place in its table, no two are equal.

use alloc::vec::Vec;

use p3_field::PrimeCharacteristicRing;

use super::{Int, Word};
use crate::air::{Chip, F, FillError, Node};

/// One column of a key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) value: KeyValue,
    /// A bit that is one where the value is there; a constant one if it always is.
    pub(crate) valid: Node,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum KeyValue {
    Bit(Node),
    Int(Int),
}

/// What neighbouring rows have to do with each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbours {
    /// One where the next row is of the same group.
    pub(crate) cont: Node,
    /// One on the last row of each group.
    pub(crate) last: Node,
}

impl Chip {
    /// The words of a key.
    pub(crate) fn key_words(&mut self, keys: &[Key]) -> Vec<Word> {
        let mut fields: Vec<Word> = Vec::new();
        for key in keys {
            if self.graph.as_constant(key.valid).is_none() {
                let node = if key.nulls_first { key.valid } else { self.not(key.valid) };
                fields.push(Word { node, bits: 1 });
            }
            let mut digits: Vec<Word> = match &key.value {
                KeyValue::Bit(node) => alloc::vec![Word { node: *node, bits: 1 }],
                KeyValue::Int(int) => {
                    int.limbs.iter().rev().map(|limb| Word { node: limb.raw, bits: limb.bits }).collect()
                }
            };
            if key.descending {
                for digit in &mut digits {
                    let largest = self.int((1 << digit.bits) - 1);
                    digit.node = self.sub(largest, digit.node);
                }
            }
            fields.append(&mut digits);
        }
        let most = self.radix.word_bits();
        let mut words: Vec<Word> = Vec::new();
        for field in fields {
            match words.last_mut() {
                Some(word) if word.bits + field.bits <= most => {
                    let shifted = self.scale(word.node, 1 << field.bits);
                    *word = Word { node: self.add(shifted, field.node), bits: word.bits + field.bits };
                }
                _ => words.push(field),
            }
        }
        words
    }

    /// Demands that real rows are sorted strictly by `group`, then `rest`.
    pub(crate) fn sorted(&mut self, group: &[Word], rest: &[Word]) -> Neighbours {
        let words: Vec<Word> = group.iter().chain(rest).copied().collect();
        let most = self.radix.word_bits();
        if words.iter().any(|word| word.bits > most) {
            self.fault = Some("words that cannot be compared");
        }
        let real = self.real;
        let next_real = self.next(real);
        let pair = self.mul(real, next_real);
        let zero = self.int(0);
        let (mut seen, mut sum, mut marks) = (zero, zero, Vec::new());
        for word in &words {
            let mark = self.column();
            self.boolean(mark, "a mark is a bit");
            marks.push(mark);
            seen = self.add(seen, mark);
            let next = self.next(word.node);
            let difference = self.sub(next, word.node);
            let open = self.sub(pair, seen);
            let equal = self.mul(open, difference);
            self.zero(equal, "words before the first difference are equal");
            let marked = self.mul(mark, difference);
            sum = self.add(sum, marked);
        }
        self.equal(seen, pair, "one mark between neighbours");
        let bits = self.radix.bits;
        let (low, high) = (self.ranged(bits), self.ranged(bits));
        self.leave_free(&[low, high], pair);
        let shifted = self.scale(high, 1 << bits);
        let rest_of = self.add(low, shifted);
        let distance = self.add(rest_of, pair);
        self.equal(sum, distance, "the next row is larger");
        let cont = self.sum(&marks[group.len()..]);
        let last = self.sub(real, cont);
        let columns: Vec<usize> = marks.iter().map(|mark| self.column_of(*mark)).collect();
        let (low, high) = (self.column_of(low), self.column_of(high));
        self.fill_row(move |row| {
            if !row.bit(real) || row.index < 2 {
                return Ok(());
            }
            let difference = |at: usize, row: &crate::air::Row<'_>| {
                let before = row.field_before(words[at].node).unwrap_or_default();
                crate::air::integer(row.field(words[at].node) - before, -(1 << most))
            };
            let found =
                (0..words.len()).map(|at| (at, difference(at, row))).find(|(_, difference)| *difference != 0);
            let Some((at, difference)) = found.filter(|(_, difference)| *difference > 0) else {
                return Err(FillError::Number("rows are not in order"));
            };
            row.write_before(columns[at], F::ONE);
            row.write_before(low, F::from_i64(((difference - 1) & ((1 << bits) - 1)) as i64));
            row.write_before(high, F::from_i64(((difference - 1) >> bits) as i64));
            Ok(())
        });
        Neighbours { cont, last }
    }

    /// The number of the row: one on the first after the head.
    pub(crate) fn row_number(&mut self) -> Int {
        let number = self.column();
        let [first, transition] =
            [crate::air::Op::First, crate::air::Op::Transition].map(|op| self.graph.add_op(op));
        let at_first = self.mul(first, number);
        self.zero(at_first, "rows are numbered from the head");
        let next = self.next(number);
        let one = self.int(1);
        let wanted = self.add(number, one);
        let difference = self.sub(next, wanted);
        let gated = self.mul(transition, difference);
        self.zero(gated, "rows are numbered one by one");
        let column = self.column_of(number);
        let slot = self.slot();
        self.fill_row(move |row| {
            let index = row.index;
            row.write(column, F::from_usize(index));
            row.set(slot, ethnum::I256::from(index as u64));
            Ok(())
        });
        Int {
            limbs: alloc::vec![super::Limb { raw: number, bits: self.log_height, base: 0 }],
            slot,
            lo: ethnum::I256::ZERO,
            hi: ethnum::I256::from((self.height() - 1) as u64),
        }
    }
}
