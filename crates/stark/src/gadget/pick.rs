//! Sums over groups, and the one row of a group that comes first in some order.
//!
//! Rows of a group lie together; `cont` says that the next row is of the same group.
//!
//! **Sums.** `A' = cont · A + w' · v'` on every row, cyclically: the head row has weight zero, and no row continues
//! into it, so every group starts from zero. With `v < 2^13` (or `2^26`) and at most `2^17` rows no sum reaches `p`.
//!
//! **Picks.** Candidates are the rows with `w = 1`; each has a key `K`, different from all other keys of the group.
//! The group agrees on a key `K*` and a value: `cont · (K*' - K*) = 0`. Every candidate shows `K* <= K`; where they
//! are equal it shows that the value is its own. The number of equal ones is summed, and at the last row of a group
//! with candidates it must not be zero. So `K*` is the least key, and the value that of its row.

use alloc::vec::Vec;

use p3_field::PrimeCharacteristicRing;

use super::Word;
use crate::air::{Chip, F, Node};

/// How rows hang together.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cont {
    /// By an expression of the row: whether the next one continues its group.
    By(Node),
    /// All real rows are one group, which the head starts.
    All,
}

impl Chip {
    /// The expression that says whether the next row continues the group.
    pub(crate) fn cont_node(&mut self, cont: Cont) -> Node {
        match cont {
            Cont::By(node) => node,
            Cont::All => {
                let real = self.real;
                self.next(real)
            }
        }
    }

    /// The sum of `weight · value` over the rows of the group up to this one. `weight` is a bit that is zero where no
    /// row is.
    pub(crate) fn running_sum(&mut self, cont: Cont, weight: Node, value: Node) -> Node {
        let sum = self.column();
        let link = self.cont_node(cont);
        let (next_sum, next_weight, next_value) = (self.next(sum), self.next(weight), self.next(value));
        let kept = self.mul(link, sum);
        let added = self.mul(next_weight, next_value);
        let wanted = self.add(kept, added);
        self.equal(next_sum, wanted, "a sum over a group");
        let (column, real) = (self.column_of(sum), self.real);
        self.fill_row(move |row| {
            let continues = match cont {
                Cont::By(node) => row.field_before(node) == Some(F::ONE),
                Cont::All => row.bit(real),
            };
            let before =
                if continues { row.before().map_or(F::ZERO, |cells| cells[column]) } else { F::ZERO };
            let value = before + row.field(weight) * row.field(value);
            row.write(column, value);
            Ok(())
        });
        sum
    }

    /// Picks the candidate of each group with the least key. `values` are cells with what they hold for zero. Returns the picked values, and an expression that is one
    /// on the last row of a group exactly if there was a candidate.
    pub(crate) fn pick(
        &mut self,
        cont: Cont,
        last: Node,
        candidate: Node,
        key: &[Word],
        values: &[(Node, i64)],
    ) -> (Vec<Node>, Node) {
        let link = self.cont_node(cont);
        let best: Vec<Node> = key.iter().map(|_| self.column()).collect();
        let picked: Vec<Node> = values.iter().map(|_| self.column()).collect();
        // Groups without candidates may agree on anything.
        let never = self.int(0);
        self.leave_free(&best, never);
        for node in best.iter().chain(&picked) {
            let next = self.next(*node);
            let difference = self.sub(next, *node);
            let gated = self.mul(link, difference);
            self.zero(gated, "a group has one pick");
        }
        let mut columns: Vec<(Node, usize)> =
            key.iter().zip(&best).map(|(word, best)| (word.node, self.column_of(*best))).collect();
        columns
            .extend(values.iter().zip(&picked).map(|((value, _), picked)| (*value, self.column_of(*picked))));
        let zeros: Vec<(usize, i64)> =
            values.iter().zip(&picked).map(|((_, zero), picked)| (self.column_of(*picked), *zero)).collect();
        let words: Vec<Node> = key.iter().map(|word| word.node).collect();
        let real = self.real;
        self.fill_pass(move |pass| {
            let mut start = 0;
            while start < pass.height() {
                let continues = |pass: &crate::air::Pass<'_>, row: usize| match cont {
                    Cont::By(node) => pass.field(row, node) == F::ONE,
                    Cont::All => row + 1 < pass.height() && pass.field(row + 1, real) == F::ONE,
                };
                let mut end = start;
                while continues(pass, end) {
                    end += 1;
                }
                let key = |pass: &crate::air::Pass<'_>, row: usize| -> Vec<u32> {
                    words
                        .iter()
                        .map(|word| p3_field::PrimeField32::as_canonical_u32(&pass.field(row, *word)))
                        .collect()
                };
                let best = (start..=end)
                    .filter(|row| pass.field(*row, candidate) == F::ONE)
                    .min_by_key(|row| key(pass, *row));
                if let Some(best) = best {
                    for (node, column) in &columns {
                        let value = pass.field(best, *node);
                        (start..=end).for_each(|row| pass.write(row, *column, value));
                    }
                } else {
                    for (column, zero) in &zeros {
                        (start..=end).for_each(|row| pass.write(row, *column, F::from_i64(*zero)));
                    }
                }
                start = end + 1;
            }
            Ok(())
        });

        let best: Vec<Word> =
            best.iter().zip(key).map(|(node, word)| Word { node: *node, bits: word.bits }).collect();
        let later = self.at_most(candidate, &best, key);
        let is_best = self.sub(candidate, later);
        for ((value, _), picked) in values.iter().zip(&picked) {
            let difference = self.sub(*value, *picked);
            let gated = self.mul(is_best, difference);
            self.zero(gated, "the value is that of the picked row");
        }
        let one = self.int(1);
        let found = self.running_sum(cont, is_best, one);
        let candidates = self.running_sum(cont, candidate, one);
        let missing = self.sub(one, found);
        let some = self.mul(candidates, missing);
        let gated = self.mul(last, some);
        self.zero(gated, "a group with candidates has a pick");
        (picked, found)
    }
}

#[cfg(test)]
mod tests {
    use crate::{air::P, compile::MAX_LOG_HEIGHT, gadget::LIMB_BITS};

    #[test]
    fn sums_of_digits_do_not_wrap() {
        const { assert!(((1i128 << LIMB_BITS) - 1) << MAX_LOG_HEIGHT < P) };
    }
}
