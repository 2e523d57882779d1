//! Expressions, as the executor evaluates them: strict functions are null where an operand is, and what a branch does
//! not take cannot fail. `live` is one on the rows whose value counts; constraints are gated by it.

use alloc::{format, vec::Vec};

use ethnum::I256;
use p3_field::PrimeCharacteristicRing;
use proofmark_plan::{
    expr::Function,
    typed::{Scalar, TypedExpr, TypedKind},
    types::{ColumnType, Type},
};

use super::{
    Reason,
    relation::{Data, Val, no, ordered},
};
use crate::{
    air::{Chip, F, Node},
    gadget::{Comparison, Int, Term, Word},
    table::{HASHED, TEXT_CLASSES, bounds, text_number},
};

/// Values of windows that a step uses.
pub(crate) type Windows = Vec<Window>;

/// The value of a column in the row before.
pub(crate) struct Window {
    pub(crate) column: usize,
    pub(crate) by: Vec<usize>,
    pub(crate) order: Vec<usize>,
    pub(crate) value: Val,
}

/// Where expressions are evaluated.
pub(crate) struct Scope<'a> {
    pub(crate) chip: &'a mut Chip,
    pub(crate) columns: &'a [Val],
    pub(crate) windows: &'a Windows,
}

/// The bits of a truth value: known to be true, known to be false.
#[derive(Clone, Copy)]
struct Known {
    yes: Node,
    no: Node,
}

impl Scope<'_> {
    /// The value of an expression.
    pub(crate) fn value(&mut self, expr: &TypedExpr, live: Node) -> Result<Val, Reason> {
        match &expr.kind {
            TypedKind::Column(at) => {
                self.columns.get(*at).cloned().ok_or_else(|| no("it reads a column that is not there"))
            }
            TypedKind::Constant(scalar) => self.constant(scalar, expr.ty),
            TypedKind::Call(function, args) => self.call(*function, args, expr.ty, live),
            TypedKind::In(inner, constants) => self.one_of(inner, constants, live),
            TypedKind::Previous { column, by, order } => {
                let window =
                    self.windows.iter().find(|w| w.column == *column && w.by == *by && w.order == *order);
                window.map(|window| window.value.clone()).ok_or_else(|| no("a window that was not prepared"))
            }
            TypedKind::Widen(inner) => {
                let val = self.value(inner, live)?;
                self.rescaled(&val, inner.ty.ty, expr.ty.ty, live)
            }
        }
    }

    fn constant(&mut self, scalar: &Scalar, ty: ColumnType) -> Result<Val, Reason> {
        let one = self.chip.int(1);
        Ok(match scalar {
            Scalar::Bool(value) => Val { valid: one, data: Data::Bit(self.chip.int((*value).into())) },
            Scalar::Bytes(bytes) => {
                let bound = TEXT_CLASSES.into_iter().find(|class| usize::from(*class) >= bytes.len());
                let bound = bound.unwrap_or(HASHED);
                Val { valid: one, data: Data::Text(self.chip.constant(text_number(bytes, bound)), bound) }
            }
            Scalar::Number(number) => {
                Val { valid: one, data: Data::Int(self.chip.constant(I256::from(*number))) }
            }
            Scalar::Null => {
                let zero = self.chip.int(0);
                let data = match ty.ty {
                    Type::Bool => Data::Bit(zero),
                    Type::Bytes | Type::String => Data::Text(self.chip.constant(I256::ZERO), NO_TEXT),
                    _ => Data::Int(self.chip.constant(I256::ZERO)),
                };
                Val { valid: zero, data }
            }
        })
    }

    fn call(
        &mut self,
        function: Function,
        args: &[TypedExpr],
        ty: ColumnType,
        live: Node,
    ) -> Result<Val, Reason> {
        use Function as F;
        match (function, args) {
            (F::And | F::Or, [a, b]) => self.logic(a, b, function == F::Or, live),
            (F::Not, [a]) => {
                let val = self.value(a, live)?;
                let known = self.known(&val)?;
                Ok(Val { valid: val.valid, data: Data::Bit(known.no) })
            }
            (F::If, [condition, then, otherwise]) => self.choose(condition, then, otherwise, live),
            (F::Coalesce, [first, rest @ ..]) => self.coalesce(first, rest, live),
            (F::IsNull, [a]) => {
                let val = self.value(a, live)?;
                let one = self.chip.int(1);
                Ok(Val { valid: one, data: Data::Bit(self.chip.not(val.valid)) })
            }
            (F::Eq | F::Ne | F::Lt | F::Le | F::Gt | F::Ge, [a, b]) => {
                let (a, b) = (self.value(a, live)?, self.value(b, live)?);
                self.comparison(function, &a, &b, live)
            }
            (F::Least | F::Greatest, [first, rest @ ..]) => {
                self.extreme(first, rest, function == F::Greatest, live)
            }
            (F::Year, [a]) if a.ty.ty == Type::Date => {
                let val = self.value(a, live)?;
                let live = self.chip.and(live, val.valid);
                let date = val.int().cloned().ok_or_else(|| no("it takes the year of what is no date"))?;
                Ok(Val { valid: val.valid, data: Data::Int(self.chip.year(live, &date)) })
            }
            (
                F::Abs
                | F::Add
                | F::Ceil
                | F::Decimal
                | F::Div
                | F::Floor
                | F::Int
                | F::Mul
                | F::Neg
                | F::Quotient
                | F::Remainder
                | F::Round
                | F::Sign
                | F::Sqrt
                | F::Sub
                | F::Trunc,
                args,
            ) => {
                let values = args.iter().map(|arg| self.value(arg, live)).collect::<Result<Vec<_>, _>>()?;
                let types: Vec<Type> = args.iter().map(|arg| arg.ty.ty).collect();
                self.arithmetic(function, &values, &types, ty.ty, live)
            }
            _ => Err(format!("the function {} has no constraints yet", function.name())),
        }
    }

    fn known(&mut self, val: &Val) -> Result<Known, Reason> {
        let Data::Bit(yes) = val.data else { return Err(no("a condition is no truth value")) };
        Ok(Known { yes, no: self.chip.sub(val.valid, yes) })
    }

    /// Kleene's connectives; the right side counts only where the left does not decide.
    fn logic(&mut self, a: &TypedExpr, b: &TypedExpr, or: bool, live: Node) -> Result<Val, Reason> {
        let a = self.value(a, live)?;
        let a = self.known(&a)?;
        let decided = self.chip.and(live, if or { a.yes } else { a.no });
        let open = self.chip.sub(live, decided);
        let b = self.value(b, open)?;
        let b = self.known(&b)?;
        let (yes, no) = if or {
            (self.chip.or(a.yes, b.yes), self.chip.and(a.no, b.no))
        } else {
            (self.chip.and(a.yes, b.yes), self.chip.or(a.no, b.no))
        };
        Ok(Val { valid: self.chip.add(yes, no), data: Data::Bit(yes) })
    }

    fn choose(
        &mut self,
        condition: &TypedExpr,
        then: &TypedExpr,
        otherwise: &TypedExpr,
        live: Node,
    ) -> Result<Val, Reason> {
        let condition = self.value(condition, live)?;
        // A null is no true bit.
        let taken = self.known(&condition)?.yes;
        let live_then = self.chip.and(live, taken);
        let live_otherwise = self.chip.sub(live, live_then);
        let (a, b) = (self.value(then, live_then)?, self.value(otherwise, live_otherwise)?);
        self.blend(taken, &a, &b, live)
    }

    /// `bit ? a : b`.
    fn blend(&mut self, bit: Node, a: &Val, b: &Val, live: Node) -> Result<Val, Reason> {
        let valid = self.mux(bit, a.valid, b.valid);
        let data = match (&a.data, &b.data) {
            (Data::Bit(x), Data::Bit(y)) => Data::Bit(self.mux(bit, *x, *y)),
            (Data::Int(x), Data::Int(y)) => Data::Int(self.chip.choose(live, bit, x, y)),
            (Data::Text(..), Data::Text(..)) => {
                let (x, y, bound) = self.same_bound(&a.data, &b.data, live)?;
                Data::Text(self.chip.choose(live, bit, &x, &y), bound)
            }
            _ => return Err(no("branches of different types")),
        };
        Ok(Val { valid, data })
    }

    fn mux(&mut self, bit: Node, a: Node, b: Node) -> Node {
        if a == b {
            return a;
        }
        let difference = self.chip.sub(a, b);
        let chosen = self.chip.mul(bit, difference);
        let value = self.chip.add(chosen, b);
        if self.chip.graph.degree(value) > 1 { self.chip.commit(value, "a choice by a bit") } else { value }
    }

    fn coalesce(&mut self, first: &TypedExpr, rest: &[TypedExpr], live: Node) -> Result<Val, Reason> {
        let mut result = self.value(first, live)?;
        for arg in rest {
            if self.chip.graph.as_constant(result.valid) == Some(F::ONE) {
                break;
            }
            let present = self.chip.and(live, result.valid);
            let open = self.chip.sub(live, present);
            let next = self.value(arg, open)?;
            let first = result.valid;
            result = self.blend(first, &result, &next, live)?;
            if self.chip.graph.as_constant(next.valid) == Some(F::ONE) {
                // One of the two is there.
                result.valid = next.valid;
            }
        }
        Ok(result)
    }

    fn extreme(
        &mut self,
        first: &TypedExpr,
        rest: &[TypedExpr],
        largest: bool,
        live: Node,
    ) -> Result<Val, Reason> {
        let mut best = self.value(first, live)?;
        for arg in rest {
            let next = self.value(arg, live)?;
            [&best, &next].into_iter().try_for_each(ordered)?;
            let valid = self.chip.and(best.valid, next.valid);
            let both = self.chip.and(live, valid);
            let comparison = self.compared(&next, &best, both)?;
            let better = if largest { comparison.gt } else { comparison.lt };
            let chosen = self.blend(better, &next, &best, both)?;
            best = self.strict(Val { valid, data: chosen.data }, both);
        }
        Ok(best)
    }

    /// The value, but zero where `live` is zero.
    fn strict(&mut self, val: Val, live: Node) -> Val {
        if self.chip.graph.as_constant(val.valid) == Some(F::ONE) {
            return val;
        }
        let data = match val.data {
            Data::Bit(bit) => Data::Bit(self.chip.and(live, bit)),
            Data::Int(int) => Data::Int(self.only(live, &int)),
            Data::Text(int, bound) => Data::Text(self.only(live, &int), bound),
        };
        Val { valid: val.valid, data }
    }

    fn only(&mut self, live: Node, int: &Int) -> Int {
        let zero = self.chip.constant(I256::ZERO);
        let one = self.chip.int(1);
        self.chip.choose(one, live, int, &zero)
    }

    /// Whether a value is among constants. No match among constants with a null is null.
    fn one_of(&mut self, inner: &TypedExpr, constants: &[Scalar], live: Node) -> Result<Val, Reason> {
        let val = self.value(inner, live)?;
        let both = self.chip.and(live, val.valid);
        let mut hit = self.chip.int(0);
        let mut seen: Vec<&Scalar> = Vec::new();
        for scalar in constants.iter().filter(|scalar| **scalar != Scalar::Null) {
            if !seen.contains(&scalar) {
                seen.push(scalar);
                let constant = self.constant(scalar, inner.ty)?;
                let comparison = self.compared(&val, &constant, both)?;
                hit = self.chip.add(hit, comparison.eq);
            }
        }
        let valid = if constants.contains(&Scalar::Null) { hit } else { val.valid };
        Ok(Val { valid, data: Data::Bit(hit) })
    }

    fn comparison(&mut self, function: Function, a: &Val, b: &Val, live: Node) -> Result<Val, Reason> {
        let valid = self.chip.and(a.valid, b.valid);
        let both = self.chip.and(live, valid);
        if !matches!(function, Function::Eq | Function::Ne) {
            [a, b].into_iter().try_for_each(ordered)?;
        }
        let Comparison { lt, eq, gt } = self.compared(a, b, both)?;
        let bit = match function {
            Function::Eq => eq,
            Function::Ne => self.chip.add(lt, gt),
            Function::Lt => lt,
            Function::Le => self.chip.add(lt, eq),
            Function::Gt => gt,
            _ => self.chip.add(gt, eq),
        };
        Ok(Val { valid, data: Data::Bit(bit) })
    }

    /// Compares two values where both count.
    fn compared(&mut self, a: &Val, b: &Val, both: Node) -> Result<Comparison, Reason> {
        let words = |bit: &Node| alloc::vec![Word { node: *bit, bits: 1 }];
        let (a, b) = match (&a.data, &b.data) {
            (Data::Bit(a), Data::Bit(b)) => (words(a), words(b)),
            (Data::Int(a), Data::Int(b)) => {
                let (a, b) = self.chip.same_encoding(both, a, b);
                (self.chip.words(&a), self.chip.words(&b))
            }
            (Data::Text(..), Data::Text(..)) => {
                let (a, b, _) = self.same_bound(&a.data, &b.data, both)?;
                let (a, b) = self.chip.same_encoding(both, &a, &b);
                (self.chip.words(&a), self.chip.words(&b))
            }
            _ => return Err(no("a comparison of different types")),
        };
        Ok(self.chip.compare(both, &a, &b))
    }

    /// Two texts under one bound.
    fn same_bound(&mut self, a: &Data, b: &Data, live: Node) -> Result<(Int, Int, u8), Reason> {
        let (Data::Text(a, x), Data::Text(b, y)) = (a, b) else { return Err(no("a text and another type")) };
        let bound = *x.max(y);
        Ok((widened(self.chip, live, a, *x, bound)?, widened(self.chip, live, b, *y, bound)?, bound))
    }
}

/// The bound of the texts of a null: there are none, and it is zero under every other bound.
pub(super) const NO_TEXT: u8 = 0;

/// A text under a larger bound: `bytes · 256 + length` becomes `bytes · 2^(8 (to - from) + 8) + length`, zero where not
/// live. Every number is `bytes · 256 + length` for one pair with `length < 256`.
pub(super) fn widened(chip: &mut Chip, live: Node, int: &Int, from: u8, to: u8) -> Result<Int, Reason> {
    if from == to {
        return Ok(int.clone());
    }
    if from == NO_TEXT {
        return Ok(chip.constant(I256::ZERO));
    }
    let byte = I256::from(255);
    if to == HASHED {
        // Of a constant the text is known.
        let length = (int.lo & byte).as_usize();
        let bytes = int.lo.to_be_bytes();
        let start = bytes.len() - 1 - usize::from(from);
        return match bytes.get(start..start + length).filter(|_| int.lo == int.hi) {
            Some(text) => Ok(chip.constant(text_number(text, HASHED))),
            None => Err(no("texts of at most 30 bytes meet longer ones")),
        };
    }
    let padding = 8 * (u32::from(to) - u32::from(from) + 1);
    if int.lo == int.hi {
        return Ok(chip.constant(((int.lo >> 8u32) << padding) | (int.lo & byte)));
    }
    let Some((_, most)) = bounds(Type::String, to) else { return Err(no("a text without bound")) };
    let slot = int.slot;
    let length = chip.witness(live, I256::ZERO, byte, move |row| Ok(row.get(slot) & byte));
    let bytes = chip.witness(live, I256::ZERO, int.hi >> 8u32, move |row| Ok(row.get(slot) >> 8u32));
    let [one_byte, shift] = [8, padding].map(|bits| chip.constant(I256::ONE << bits));
    let whole = [Term::of(1, int), Term::product(-1, &bytes, &one_byte), Term::of(-1, &length)];
    chip.identity(live, &whole);
    Ok(chip.combine(live, &[(1, &bytes, Some(&shift)), (1, &length, None)], (I256::ZERO, most), false))
}
