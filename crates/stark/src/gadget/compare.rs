//! Comparisons of numbers, and of lists of numbers in lexicographic order.
//!
//! `a` and `b` are lists of words, most significant first, each below `2^26`. One bit `s_w` per word marks the first
//! word in which they differ; where they are equal no bit is set:
//!
//! ```text
//!     s_w, gt, lt + gt are bits      sum_w s_w = lt + gt
//!     (live - sum_{u <= w} s_u) · (b_w - a_w) = 0         words before the marked one, or all, are equal
//!     sum_w s_w (b_w - a_w) = (lt - gt)(d + 1)            0 <= d < 2^26
//! ```
//!
//! `sum s_w` is `lt + gt`, a bit, so at most one word is marked. If none is, `-2 gt (d + 1) = 0`: both are zero. If one is,
//! `lt - gt` is `1 - 2 gt`, a sign. The marked difference lies in `±(2^26 - 1)`, the right side in `±2^26`: both below
//! `p / 2`, so they are equal as integers, the difference is not zero and its sign is told. Hence `eq = live - lt - gt`,
//! `lt` and `gt` are forced where the comparison is live; and where it is not, the second line with a marked word says
//! that it does not differ, so none is marked.

use alloc::vec::Vec;

use p3_field::PrimeCharacteristicRing;

use super::Radix;
use crate::air::{Chip, F, FillError, Node};

/// A part of a key: an expression in `0 .. 2^bits`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    pub(crate) node: Node,
    pub(crate) bits: u32,
}

impl Radix {
    /// Most bits of a word.
    pub(super) const fn word_bits(self) -> u32 {
        2 * self.bits
    }
}

/// How two lists compare: bits of which one is set where the comparison is live, and none elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    pub(crate) lt: Node,
    pub(crate) eq: Node,
    pub(crate) gt: Node,
}

impl Chip {
    /// Compares two lists of equally many words.
    pub(crate) fn compare(&mut self, live: Node, a: &[Word], b: &[Word]) -> Comparison {
        self.check_words(a, b);
        let (lt, gt) = (self.column(), self.column());
        self.boolean(gt, "greater is a bit");
        let decided = self.add(lt, gt);
        self.boolean(decided, "not less and greater at once");
        let one = self.int(1);
        let (marks, sum) = self.first_difference(live, a, b, decided);
        let bits = self.radix.bits;
        let (low, high) = (self.ranged(bits), self.ranged(bits));
        self.leave_free(&[low, high], decided);
        let shifted = self.scale(high, 1 << bits);
        let rest = self.add(low, shifted);
        let distance = self.add(rest, one);
        let sign = self.sub(lt, gt);
        let signed = self.mul(sign, distance);
        self.equal(sum, signed, "the first difference has the sign of the comparison");
        let columns = [lt, gt, low, high].map(|node| self.column_of(node));
        let pairs: Vec<(Node, Node)> = a.iter().zip(b).map(|(a, b)| (a.node, b.node)).collect();
        self.fill_row(move |row| {
            if !row.bit(live) {
                return Ok(());
            }
            let found = pairs.iter().position(|(a, b)| row.field(*a) != row.field(*b));
            if let Some(at) = found {
                let (a, b) = (row.integer(pairs[at].0, 0), row.integer(pairs[at].1, 0));
                row.write(columns[if a < b { 0 } else { 1 }], F::ONE);
                row.write(marks[at], F::ONE);
                let distance = (a - b).abs() - 1;
                row.write_int(columns[2], distance & ((1 << bits) - 1));
                row.write_int(columns[3], distance >> bits);
            }
            Ok(())
        });
        let eq = self.sub(live, decided);
        Comparison { lt, eq, gt }
    }

    /// Demands `a <= b` where live; returns a bit that says `a < b`.
    pub(crate) fn at_most(&mut self, live: Node, a: &[Word], b: &[Word]) -> Node {
        self.check_words(a, b);
        let decided = self.column();
        self.boolean(decided, "less is a bit");
        let (marks, sum) = self.first_difference(live, a, b, decided);
        let bits = self.radix.bits;
        let (low, high) = (self.ranged(bits), self.ranged(bits));
        self.leave_free(&[low, high], decided);
        let shifted = self.scale(high, 1 << bits);
        let rest = self.add(low, shifted);
        let distance = self.add(rest, decided);
        self.equal(sum, distance, "the first difference is positive");
        let columns = [decided, low, high].map(|node| self.column_of(node));
        let pairs: Vec<(Node, Node)> = a.iter().zip(b).map(|(a, b)| (a.node, b.node)).collect();
        self.fill_row(move |row| {
            if !row.bit(live) {
                return Ok(());
            }
            if let Some(at) = pairs.iter().position(|(a, b)| row.field(*a) != row.field(*b)) {
                let (a, b) = (row.integer(pairs[at].0, 0), row.integer(pairs[at].1, 0));
                if a > b {
                    return Err(FillError::Number("a number is larger than it may be"));
                }
                row.write(columns[0], F::ONE);
                row.write(marks[at], F::ONE);
                row.write_int(columns[1], (b - a - 1) & ((1 << bits) - 1));
                row.write_int(columns[2], (b - a - 1) >> bits);
            }
            Ok(())
        });
        decided
    }

    /// Marks for the first word in which the lists differ, and the difference there, `b - a`.
    pub(super) fn first_difference(
        &mut self,
        live: Node,
        a: &[Word],
        b: &[Word],
        decided: Node,
    ) -> (Vec<usize>, Node) {
        let zero = self.int(0);
        let (mut seen, mut sum, mut marks) = (zero, zero, Vec::new());
        for (a, b) in a.iter().zip(b) {
            let mark = self.column();
            self.boolean(mark, "a mark is a bit");
            marks.push(self.column_of(mark));
            seen = self.add(seen, mark);
            let difference = self.sub(b.node, a.node);
            let open = self.sub(live, seen);
            let equal = self.mul(open, difference);
            self.zero(equal, "words before the first difference are equal");
            let marked = self.mul(mark, difference);
            sum = self.add(sum, marked);
        }
        self.equal(seen, decided, "one mark where the lists differ");
        (marks, sum)
    }

    fn check_words(&mut self, a: &[Word], b: &[Word]) {
        let most = self.radix.word_bits();
        if a.len() != b.len() || a.iter().chain(b).any(|word| word.bits > most) {
            self.fault = Some("words that cannot be compared");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::air::P;

    #[test]
    fn nothing_wraps() {
        let largest = (1i128 << Radix::FULL.word_bits()) - 1;
        // |difference - (d + 1)| of two sides that must be equal as integers.
        assert!(largest + (1 << Radix::FULL.word_bits()) < P);
    }
}
