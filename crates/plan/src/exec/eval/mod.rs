//! Expressions over whole columns.
//!
//! Every node is evaluated once for all live rows. Where laziness makes rows live in one branch only, the branch
//! is evaluated for just these rows, so what is not needed cannot fail; branches that cannot fail are evaluated
//! for all rows, which is cheaper. If several rows fail, the error is that of the lowest row of the sub-expression
//! that is evaluated first (operands from left to right, then the operator).

mod blend;
mod cells;
mod compare;
mod convert;
mod dates;
mod number;
mod previous;
mod text;

use alloc::{sync::Arc, vec::Vec};

pub(super) use self::cells::{Cells, Live, scalar_at};
use self::{
    blend::{Part, blend},
    cells::{Frame, all_valid},
};
use super::{
    columns,
    error::{ExecErrorKind, Result},
    exact,
};
use crate::{
    expr::Function,
    typed::{Scalar, TypedExpr, TypedKind},
    types::{ColumnType, Type},
    value::{ColumnData, Table, Values},
};

/// Evaluates expressions over one table.
#[derive(Clone, Copy)]
pub(super) struct Evaluator<'a> {
    /// The input of the step.
    pub(super) table: &'a Table,
    /// Bytes that a text built on the way may take.
    pub(super) memory_left: u64,
}

impl Evaluator<'_> {
    /// The column of `expr` for all rows.
    pub(super) fn column(&self, expr: &TypedExpr) -> Result<Arc<ColumnData>> {
        let cells = self.cells(expr, Live::All(self.table.rows))?;
        Ok(cells.into_column(expr.ty.ty, self.table.rows))
    }

    /// The values of `expr` for the live rows.
    pub(super) fn cells(&self, expr: &TypedExpr, live: Live<'_>) -> Result<Cells> {
        match &expr.kind {
            TypedKind::Call(function, args) => self.call(*function, args, expr.ty, live),
            TypedKind::Column(index) => {
                let column =
                    self.table.columns.get(*index).ok_or(ExecErrorKind::BadPlan("no such column"))?;
                Ok(Cells::Column(match live {
                    Live::All(_) => column.clone(),
                    Live::Some(rows) => Arc::new(columns::take(column, rows)),
                }))
            }
            TypedKind::Constant(scalar) => Ok(Cells::Constant(scalar.clone())),
            TypedKind::In(inner, constants) => {
                let cells = self.cells(inner, live)?;
                self.strict(&[cells], live, |args, frame| compare::one_of(&args[0], constants, frame))
            }
            TypedKind::Previous { column, by, order } => {
                let column = previous::previous(self.table, *column, by, order)?;
                Ok(Cells::Column(Arc::new(match live {
                    Live::All(_) => column,
                    Live::Some(rows) => columns::take(&column, rows),
                })))
            }
            TypedKind::Widen(inner) => {
                let cells = self.cells(inner, live)?;
                if number::widens_for_free(inner.ty.ty, expr.ty.ty) {
                    return Ok(cells);
                }
                self.strict(&[cells], live, |args, frame| {
                    number::widen(&args[0], inner.ty.ty, expr.ty.ty, frame).map(Strict::Values)
                })
            }
        }
    }

    fn call(&self, function: Function, args: &[TypedExpr], ty: ColumnType, live: Live<'_>) -> Result<Cells> {
        use Function as F;
        let (least, _) = function.arity();
        // Literal scales are in the result type and may be left out of the arguments.
        let least =
            if matches!(function, F::Decimal | F::Div | F::Round | F::Trunc | F::Sqrt) { 1 } else { least };
        if args.len() < least || (function == F::Div && args.len() < 2) {
            return Err(ExecErrorKind::BadPlan("a function has too few arguments"));
        }
        match function {
            F::And => self.logic(args, false, live),
            F::Or => self.logic(args, true, live),
            F::Coalesce => self.coalesce(args, ty.ty, live),
            F::If => self.choose(args, ty.ty, live),
            F::IsNull => {
                let cells = self.cells(&args[0], live)?;
                Ok(match cells {
                    Cells::Constant(scalar) => Cells::Constant(Scalar::Bool(scalar == Scalar::Null)),
                    Cells::Column(column) => match &column.validity {
                        None => Cells::Constant(Scalar::Bool(false)),
                        Some(validity) => {
                            Cells::new(Values::Bool(validity.iter().map(|valid| !valid).collect()), None)
                        }
                    },
                })
            }
            F::Eq | F::Ne | F::Lt | F::Le | F::Gt | F::Ge => {
                let (left, right) = compare::peel(&args[0], &args[1]);
                let cells = [self.operand(left, live)?, self.operand(right, live)?];
                self.strict(&cells, live, |args, frame| compare::compare(function, args, frame))
            }
            _ => {
                let types: Vec<Type> = args.iter().map(|arg| arg.ty.ty).collect();
                let cells = args.iter().map(|arg| self.cells(arg, live)).collect::<Result<Vec<_>>>()?;
                self.strict(&cells, live, |args, frame| self.kernel(function, args, &types, ty.ty, frame))
            }
        }
    }

    fn operand(&self, operand: compare::Operand<'_>, live: Live<'_>) -> Result<Cells> {
        match operand {
            compare::Operand::Expr(expr) => self.cells(expr, live),
            compare::Operand::Number(number) => Ok(Cells::Constant(Scalar::Number(number))),
        }
    }

    /// Runs a kernel that is null where an operand is null, once if all operands are constants.
    fn strict(
        &self,
        args: &[Cells],
        live: Live<'_>,
        kernel: impl FnOnce(&[Cells], Frame<'_>) -> Result<Strict>,
    ) -> Result<Cells> {
        if live.len() == 0 || args.iter().any(Cells::is_null_constant) {
            return Ok(Cells::Constant(Scalar::Null));
        }
        let constant = args.iter().all(|arg| matches!(arg, Cells::Constant(_)));
        let len = if constant { 1 } else { live.len() };
        let validity = all_valid(args);
        let result = kernel(args, Frame { len, validity: validity.as_deref(), live })?;
        let column = match result {
            Strict::Values(values) => ColumnData { values, validity },
            Strict::Column(column) => column,
        };
        Ok(if constant { Cells::Constant(scalar_at(&column, 0)) } else { Cells::Column(Arc::new(column)) })
    }

    fn kernel(
        &self,
        function: Function,
        args: &[Cells],
        types: &[Type],
        ty: Type,
        frame: Frame<'_>,
    ) -> Result<Strict> {
        use Function as F;
        let is_text = matches!(types[0], Type::String | Type::Bytes);
        let values = match function {
            F::Add if is_text => text::concat(args, frame, self.memory_left),
            F::Add | F::Sub if !is_number(types[0]) => dates::add_or_sub(function, args, types, ty, frame),
            F::Abs
            | F::Add
            | F::Div
            | F::Mul
            | F::Neg
            | F::Power
            | F::Quotient
            | F::Remainder
            | F::Sign
            | F::Sub => number::arithmetic(function, args, types, ty, frame),
            F::Ceil | F::Floor | F::Round | F::Sqrt | F::Trunc => {
                number::round_or_root(function, &args[0], types[0], ty, frame)
            }
            F::Least | F::Greatest => {
                blend::extreme(args, ty, function == F::Greatest, frame, self.memory_left)
            }
            F::Not => {
                let bits = args[0].bools()?;
                Ok(Values::Bool(frame.fill(|at| !bits.at(at))))
            }
            F::DateOf | F::Day | F::Month | F::Year => dates::part(function, &args[0], types[0], frame),
            F::Decimal | F::Int => convert::to_number(&args[0], types[0], ty, frame),
            F::String => convert::to_text(&args[0], types[0], frame, self.memory_left),
            F::Contains | F::EndsWith | F::StartsWith => text::test(function, args, frame),
            F::LowerAscii | F::UpperAscii => text::change_case(function, &args[0], frame, self.memory_left),
            F::Sha256 => text::sha256(&args[0], frame, self.memory_left),
            F::Size => text::size(&args[0], types[0], frame),
            F::Substring | F::Trim => text::cut(function, args, frame),
            F::And | F::Or | F::Coalesce | F::If | F::In | F::IsNull => {
                Err(ExecErrorKind::BadPlan("a lazy function among the strict ones"))
            }
            F::Eq | F::Ne | F::Lt | F::Le | F::Gt | F::Ge => {
                Err(ExecErrorKind::BadPlan("a comparison among the other functions"))
            }
        };
        values.map(Strict::Values)
    }

    /// Kleene's `&&` and `||`: `decided` is the value that settles the result alone.
    fn logic(&self, args: &[TypedExpr], decided: bool, live: Live<'_>) -> Result<Cells> {
        let left = self.cells(&args[0], live)?;
        let open: Vec<bool> = match &left {
            Cells::Constant(Scalar::Bool(value)) if *value == decided => return Ok(left),
            Cells::Constant(Scalar::Bool(_)) => return self.cells(&args[1], live),
            Cells::Constant(_) => Vec::new(),
            Cells::Column(_) if cannot_fail(&args[1]) => Vec::new(),
            Cells::Column(column) => {
                let bits = left.bools()?;
                match &column.validity {
                    None => (0..live.len()).map(|at| bits.at(at) != decided).collect(),
                    Some(valid) => (0..live.len()).map(|at| !valid[at] || bits.at(at) != decided).collect(),
                }
            }
        };
        let right = if open.iter().all(|open| *open) {
            self.cells(&args[1], live)?
        } else {
            let rows = live.restrict(&open, true);
            let right = self.cells(&args[1], Live::Some(&rows))?;
            let parts = [Part::compact(right), Part::dense(Cells::Constant(Scalar::Bool(decided)))];
            blend(&open, parts, Type::Bool, self.memory_left)?
        };
        blend::kleene(&left, &right, decided, live.len())
    }

    fn coalesce(&self, args: &[TypedExpr], ty: Type, live: Live<'_>) -> Result<Cells> {
        let mut result = self.cells(&args[0], live)?;
        for arg in &args[1..] {
            let present = match &result {
                Cells::Constant(Scalar::Null) => {
                    result = self.cells(arg, live)?;
                    continue;
                }
                Cells::Column(column) => match &column.validity {
                    Some(validity) if !validity.iter().all(|valid| *valid) => validity.clone(),
                    _ => break,
                },
                Cells::Constant(_) => break,
            };
            let rows = live.restrict(&present, false);
            let next = self.cells(arg, Live::Some(&rows))?;
            result = blend(&present, [Part::dense(result), Part::compact(next)], ty, self.memory_left)?;
        }
        Ok(result)
    }

    /// `c ? a : b`; null is not true.
    fn choose(&self, args: &[TypedExpr], ty: Type, live: Live<'_>) -> Result<Cells> {
        let condition = self.cells(&args[0], live)?;
        let taken: &[bool] = match &condition {
            Cells::Constant(scalar) => {
                let branch = if *scalar == Scalar::Bool(true) { &args[1] } else { &args[2] };
                return self.cells(branch, live);
            }
            Cells::Column(column) => match &column.values {
                Values::Bool(bits) => bits,
                _ => return Err(ExecErrorKind::BadPlan("a condition is not a bool")),
            },
        };
        let count = taken.iter().filter(|bit| **bit).count();
        if count == taken.len() {
            return self.cells(&args[1], live);
        }
        if count == 0 {
            return self.cells(&args[2], live);
        }
        let part = |arg: &TypedExpr, wanted: bool| {
            if cannot_fail(arg) {
                return Ok(Part::dense(self.cells(arg, live)?));
            }
            let rows = live.restrict(taken, wanted);
            Ok(Part::compact(self.cells(arg, Live::Some(&rows))?))
        };
        let parts = [part(&args[1], true)?, part(&args[2], false)?];
        blend(taken, parts, ty, self.memory_left)
    }
}

/// What a strict kernel gives: values with the validity of the operands, or a column with its own.
enum Strict {
    Column(ColumnData),
    Values(Values),
}

fn is_number(ty: Type) -> bool {
    ty.scale().is_some()
}

/// Whether evaluating `expr` cannot fail for any row, judged from its types alone.
fn cannot_fail(expr: &TypedExpr) -> bool {
    use Function as F;
    match &expr.kind {
        TypedKind::Column(_) | TypedKind::Constant(_) => true,
        // Cheap to evaluate once for all rows only if all rows are asked for; still it cannot fail.
        TypedKind::Previous { .. } => true,
        TypedKind::In(inner, _) => cannot_fail(inner),
        TypedKind::Widen(inner) => number::widen_cannot_fail(inner.ty.ty, expr.ty.ty) && cannot_fail(inner),
        TypedKind::Call(function, args) => {
            let itself = match function {
                F::And | F::Or | F::Not | F::If | F::Coalesce | F::IsNull => true,
                F::Eq | F::Ne | F::Lt | F::Le | F::Gt | F::Ge => true,
                F::Contains | F::StartsWith | F::EndsWith | F::Size | F::Day | F::Month | F::Year => true,
                // With fewer than 38 digits the type leaves room for every result.
                F::Add | F::Sub | F::Mul => {
                    matches!(expr.ty.ty, Type::Decimal { precision, .. } if precision < crate::types::MAX_PRECISION)
                }
                _ => false,
            };
            // A blend of texts copies them, so it can run out of memory.
            let text = matches!(expr.ty.ty, Type::String | Type::Bytes);
            itself && !text && args.iter().all(cannot_fail)
        }
    }
}

/// `10^exponent`, which types keep below 39 digits.
fn scale_factor(exponent: u8) -> Result<i128> {
    exact::power10(u32::from(exponent)).ok_or(ExecErrorKind::BadPlan("a scale above 38"))
}
