//! Bits: conjunction, and values chosen by a bit.

use p3_field::PrimeCharacteristicRing;

use super::Int;
use crate::air::{Chip, F, Node};

impl Chip {
    /// A column that holds `a · b`, the conjunction of two bits. Free where one is a constant.
    pub(crate) fn and(&mut self, a: Node, b: Node) -> Node {
        if a == b || self.graph.as_constant(b) == Some(F::ONE) {
            return a;
        }
        if self.graph.as_constant(a) == Some(F::ONE) {
            return b;
        }
        let product = self.mul(a, b);
        if self.graph.as_constant(product).is_some() {
            return product;
        }
        let key = if a < b { (a, b) } else { (b, a) };
        if let Some(known) = self.products.get(&key) {
            return *known;
        }
        let column = self.column();
        self.equal(column, product, "a product of bits");
        let at = self.column_of(column);
        self.fill_row(move |row| {
            let value = row.field(a) * row.field(b);
            row.write(at, value);
            Ok(())
        });
        self.products.insert(key, column);
        column
    }

    /// `a or b` of two bits.
    pub(crate) fn or(&mut self, a: Node, b: Node) -> Node {
        let both = self.and(a, b);
        let sum = self.add(a, b);
        self.sub(sum, both)
    }

    /// A column that holds the value of an expression of degree at most three.
    pub(crate) fn commit(&mut self, node: Node, label: &'static str) -> Node {
        if self.graph.as_constant(node).is_some() {
            return node;
        }
        let column = self.column();
        self.equal(column, node, label);
        let at = self.column_of(column);
        self.fill_row(move |row| {
            let value = row.field(node);
            row.write(at, value);
            Ok(())
        });
        column
    }

    /// `bit ? a : b`; `live` is one where either counts.
    pub(crate) fn choose(&mut self, live: Node, bit: Node, a: &Int, b: &Int) -> Int {
        let (a, b) = self.same_encoding(live, a, b);
        if a.limbs == b.limbs {
            // Above all a constant and itself: a choice between them would have no digits for the zeros of rows that
            // only fill the table.
            return a;
        }
        let other = self.not(bit);
        let (lo, hi) = (a.lo.min(b.lo), a.hi.max(b.hi));
        let result = self.limbs_like(&a, lo, hi);
        for ((limb, left), right) in result.limbs.iter().zip(&a.limbs).zip(&b.limbs) {
            let (left, right) = (self.mul(bit, left.raw), self.mul(other, right.raw));
            let chosen = self.add(left, right);
            self.equal(limb.raw, chosen, "a choice by a bit");
        }
        let (slot, from, to) = (result.slot, a.slot, b.slot);
        self.fill_row(move |row| {
            let value = if row.bit(bit) { row.get(from) } else { row.get(to) };
            row.set(slot, value);
            Ok(())
        });
        self.fill_limbs(&result);
        result
    }

    /// A bit that says whether the non-negative expression `node`, below `p`, is zero where `live` is one, and is
    /// zero where `live` is zero: `node · inverse = live - bit`, `bit · node = 0`.
    pub(crate) fn is_zero(&mut self, live: Node, node: Node) -> Node {
        let (bit, inverse) = (self.column(), self.column());
        let counts = self.mul(live, node);
        self.leave_free(&[inverse], counts);
        self.boolean(bit, "a zero test is a bit");
        let product = self.mul(node, inverse);
        let gated = self.mul(live, product);
        let missing = self.sub(live, bit);
        self.equal(gated, missing, "what is not zero has an inverse");
        let both = self.mul(bit, node);
        self.zero(both, "only zero passes a zero test");
        let (bit_at, inverse_at) = (self.column_of(bit), self.column_of(inverse));
        self.fill_row(move |row| {
            let value = row.field(node);
            if row.bit(live) {
                row.write(bit_at, F::from_bool(value == F::ZERO));
                let inverse = p3_field::Field::try_inverse(&value).unwrap_or(F::ZERO);
                row.write(inverse_at, inverse);
            }
            Ok(())
        });
        bit
    }
}
