//! Typing of `aggregate` steps.

use alloc::{format, string::String, vec::Vec};

use super::{Checker, Seg, Typing, steps::OPERATION};
use crate::{
    diagnostic::Code,
    model::{Aggregate, MergeHow, Reduction},
    typed::{MergeColumn, ReduceColumn, Slot, TypedOp, TypedReduction},
    types::{Column, ColumnType, MAX_PRECISION, Schema, Type, ValueType},
};

/// The most inputs of `concat`.
const MAX_CONCAT_INPUTS: usize = 256;

impl Checker<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate, block: usize) -> Typing<(TypedOp, ValueType)> {
        match aggregate {
            Aggregate::Concat { inputs } => self.concat(inputs, block),
            Aggregate::Merge { left, right, how, on } => {
                let left = self.table(left, block, &[Seg::Member("inputs"), Seg::Index(0)]);
                let right = self.table(right, block, &[Seg::Member("inputs"), Seg::Index(1)]);
                self.merge(left?, right?, *how, on)
            }
            Aggregate::Reduce { input, group_by, aggregates } => {
                let (input, schema) = self.table(input, block, &[Seg::Member("input")])?;
                self.reduce(input, &schema, group_by, aggregates)
            }
        }
    }

    fn concat(&mut self, inputs: &[String], block: usize) -> Typing<(TypedOp, ValueType)> {
        let at = [Seg::Member("inputs")];
        if inputs.is_empty() || inputs.len() > MAX_CONCAT_INPUTS {
            let message = format!("`concat` takes 1 to {MAX_CONCAT_INPUTS} inputs");
            return self.fail(Code::OutOfRange, &at, message, None);
        }
        if inputs.len() == 1 {
            self.fail::<()>(Code::Needless, &at, "`concat` of one table is that table".into(), None);
        }
        let mut slots = Vec::with_capacity(inputs.len());
        let mut first: Option<Schema> = None;
        let mut fine = true;
        for (index, input) in inputs.iter().enumerate() {
            let at = [Seg::Member("inputs"), Seg::Index(index)];
            let Some((slot, schema)) = self.table(input, block, &at) else {
                fine = false;
                continue;
            };
            slots.push(slot);
            match &first {
                None => first = Some(schema),
                Some(expected) if *expected != schema => {
                    let message = format!(
                        "`concat` takes tables of one schema; the first has {expected}, this one {schema}"
                    );
                    let hint = Some("`map` and `select` bring them together".into());
                    fine &= self.fail::<()>(Code::SchemaMismatch, &at, message, hint).is_some();
                }
                Some(_) => {}
            }
        }
        let schema = first.filter(|_| fine)?;
        Some((TypedOp::Concat { inputs: slots }, ValueType::Table(schema)))
    }

    fn merge(
        &mut self,
        (left, left_schema): (Slot, Schema),
        (right, right_schema): (Slot, Schema),
        how: MergeHow,
        on: &[(String, String)],
    ) -> Typing<(TypedOp, ValueType)> {
        let at = [OPERATION, Seg::Member("on")];
        if on.is_empty() {
            let message = "`merge` needs at least one column to merge on".into();
            return self.fail(Code::Empty, &at, message, None);
        }
        self.sorted(on.iter().map(|(left, _)| left), &at)?;
        let mut left_keys = Vec::with_capacity(on.len());
        let mut right_keys = Vec::with_capacity(on.len());
        let mut fine = true;
        for (left_name, right_name) in on {
            let at = [OPERATION, Seg::Member("on"), Seg::Member(left_name)];
            let keys = (self.field(&left_schema, left_name, &at), self.field(&right_schema, right_name, &at));
            let (Some(left_key), Some(right_key)) = keys else {
                fine = false;
                continue;
            };
            let (left_type, right_type) =
                (left_schema.columns()[left_key].ty.ty, right_schema.columns()[right_key].ty.ty);
            if left_type != right_type {
                let message = format!(
                    "`{left_name}` is {left_type} on the left, `{right_name}` is {right_type} on the right"
                );
                let hint = Some("keys have one type; convert one of them in a `map` step".into());
                fine &= self.fail::<()>(Code::TypeMismatch, &at, message, hint).is_some();
            }
            if right_keys.contains(&right_key) {
                let message = format!("`{right_name}` is used as a key twice");
                fine &= self.fail::<()>(Code::DuplicateColumn, &at, message, None).is_some();
            }
            left_keys.push(left_key);
            right_keys.push(right_key);
        }
        if !fine {
            return None;
        }
        let (schema, columns) = match how {
            MergeHow::Anti | MergeHow::Semi | MergeHow::Union => {
                if how == MergeHow::Union && left_schema != right_schema {
                    let message = format!(
                        "`union` takes tables of one schema; left has {left_schema}, right {right_schema}"
                    );
                    let hint = Some("`map` and `select` bring them together".into());
                    return self.fail(
                        Code::SchemaMismatch,
                        &[Seg::Member("inputs"), Seg::Index(1)],
                        message,
                        hint,
                    );
                }
                let columns = (0..left_schema.len()).map(MergeColumn::Left).collect();
                (left_schema, columns)
            }
            MergeHow::Full | MergeHow::Inner | MergeHow::Left => {
                self.joined(&left_schema, &right_schema, how, &left_keys, &right_keys)?
            }
        };
        let op = TypedOp::Merge { left, right, how, left_keys, right_keys, columns };
        Some((op, ValueType::Table(schema)))
    }

    /// Columns of left, then right's without its keys, by name.
    fn joined(
        &mut self,
        left: &Schema,
        right: &Schema,
        how: MergeHow,
        left_keys: &[usize],
        right_keys: &[usize],
    ) -> Typing<(Schema, Vec<MergeColumn>)> {
        let nullable = |ty: ColumnType, also: bool| ColumnType { nullable: ty.nullable || also, ..ty };
        let mut columns: Vec<(Column, MergeColumn)> = Vec::with_capacity(left.len() + right.len());
        for (index, column) in left.columns().iter().enumerate() {
            let (ty, source) = match left_keys.iter().position(|&key| key == index) {
                Some(key) => {
                    let other = right.columns()[right_keys[key]].ty.nullable;
                    (nullable(column.ty, how == MergeHow::Full && other), MergeColumn::Key(key))
                }
                None => (nullable(column.ty, how == MergeHow::Full), MergeColumn::Left(index)),
            };
            columns.push((Column { name: column.name.clone(), ty }, source));
        }
        for (index, column) in right.columns().iter().enumerate() {
            if right_keys.contains(&index) {
                continue;
            }
            if left.index_of(&column.name).is_some() {
                let message = format!("both tables have a column `{}`", column.name);
                let hint = Some("rename or leave out one of them before `merge`".into());
                return self.fail(
                    Code::DuplicateColumn,
                    &[Seg::Member("inputs"), Seg::Index(1)],
                    message,
                    hint,
                );
            }
            let ty = nullable(column.ty, how != MergeHow::Inner);
            columns.push((Column { name: column.name.clone(), ty }, MergeColumn::Right(index)));
        }
        columns.sort_unstable_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let (columns, sources) = columns.into_iter().unzip();
        Some((self.new_schema(columns, &[OPERATION])?, sources))
    }

    fn reduce(
        &mut self,
        input: Slot,
        schema: &Schema,
        group_by: &[String],
        aggregates: &[(String, Reduction)],
    ) -> Typing<(TypedOp, ValueType)> {
        let at = [OPERATION, Seg::Member("aggregates")];
        let keys = self.fields(schema, group_by, &[OPERATION, Seg::Member("groupBy")]);
        self.sorted(aggregates.iter().map(|(name, _)| name), &at)?;
        if aggregates.is_empty() && group_by.is_empty() {
            let message = "`reduce` without keys and without aggregates has no columns".into();
            return self.fail(Code::Empty, &at, message, None);
        }
        let grouped = !group_by.is_empty();
        let mut columns = Vec::with_capacity(group_by.len() + aggregates.len());
        let mut fine = true;
        for (name, reduction) in aggregates {
            let at = [OPERATION, Seg::Member("aggregates"), Seg::Member(name)];
            fine &= self.column_name(name, &at).is_some();
            match self.reduction(schema, reduction, grouped, name) {
                Some((ty, typed)) => {
                    columns.push((Column { name: name.clone(), ty }, ReduceColumn::Aggregate(typed)))
                }
                None => fine = false,
            }
        }
        let keys = keys?;
        if !fine {
            return None;
        }
        for (position, &key) in keys.iter().enumerate() {
            columns.push((schema.columns()[key].clone(), ReduceColumn::Key(position)));
        }
        columns.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let (result, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let result = self.new_schema(result, &at)?;
        Some((TypedOp::Reduce { input, keys, columns }, ValueType::Table(result)))
    }

    fn reduction(
        &mut self,
        schema: &Schema,
        reduction: &Reduction,
        grouped: bool,
        name: &str,
    ) -> Typing<(ColumnType, TypedReduction)> {
        let inside = |member| [OPERATION, Seg::Member("aggregates"), Seg::Member(name), Seg::Member(member)];
        let (field, scale) = match reduction {
            Reduction::Count { field: None } => {
                return Some((ColumnType { ty: Type::Int, nullable: false }, TypedReduction::CountRows));
            }
            Reduction::Mean { field, scale }
            | Reduction::Percentile { field, scale, .. }
            | Reduction::Stddev { field, scale, .. }
            | Reduction::Variance { field, scale, .. } => (field, Some(*scale)),
            Reduction::Count { field: Some(field) }
            | Reduction::CountDistinct { field }
            | Reduction::First { field, .. }
            | Reduction::Last { field, .. }
            | Reduction::Max { field }
            | Reduction::Min { field }
            | Reduction::Sum { field } => (field, None),
        };
        let column = self.field(schema, field, &inside("field"))?;
        let ColumnType { ty, nullable } = schema.columns()[column].ty;
        if let Some(scale) = scale {
            self.scale(scale, &inside("scale"))?;
        }
        let number = match reduction {
            Reduction::Mean { .. } => Some("mean"),
            Reduction::Percentile { .. } => Some("percentile"),
            Reduction::Stddev { .. } => Some("stddev"),
            Reduction::Sum { .. } => Some("sum"),
            Reduction::Variance { .. } => Some("variance"),
            _ => None,
        };
        if let Some(function) = number.filter(|_| ty.scale().is_none()) {
            let message = format!("`{function}` takes a number, and `{field}` is {ty}");
            return self.fail(Code::TypeMismatch, &inside("field"), message, None);
        }
        let figure = |scale| Type::Decimal { precision: MAX_PRECISION, scale };
        let mut orders = |keys| self.sort_keys(schema, keys, &inside("orderBy"));
        let (ty, typed) = match reduction {
            Reduction::Count { .. } => {
                return Some((ColumnType { ty: Type::Int, nullable: false }, TypedReduction::Count(column)));
            }
            Reduction::CountDistinct { .. } => {
                return Some((
                    ColumnType { ty: Type::Int, nullable: false },
                    TypedReduction::CountDistinct(column),
                ));
            }
            Reduction::First { order_by, .. } => (ty, TypedReduction::First(column, orders(order_by)?)),
            Reduction::Last { order_by, .. } => (ty, TypedReduction::Last(column, orders(order_by)?)),
            Reduction::Max { .. } | Reduction::Min { .. } if ty == Type::Bytes => {
                let message = format!("bytes such as `{field}` have no smallest and no largest value");
                return self.fail(Code::TypeMismatch, &inside("field"), message, None);
            }
            Reduction::Max { .. } => (ty, TypedReduction::Max(column)),
            Reduction::Mean { scale, .. } => (figure(*scale), TypedReduction::Mean(column, *scale)),
            Reduction::Min { .. } => (ty, TypedReduction::Min(column)),
            Reduction::Percentile { p: (digits, p_scale), scale, discrete, .. } => {
                if *p_scale > 18 || *digits > 10u64.pow(u32::from(*p_scale)) {
                    let message = "`p` is 0 to 1, with at most 18 digits after the point".into();
                    return self.fail(Code::OutOfRange, &inside("p"), message, None);
                }
                let (digits, p_scale, scale, discrete) = (*digits, *p_scale, *scale, *discrete);
                (
                    figure(scale),
                    TypedReduction::Percentile { field: column, digits, p_scale, scale, discrete },
                )
            }
            Reduction::Sum { .. } => {
                let ty = match ty {
                    Type::Decimal { scale, .. } => figure(scale),
                    other => other,
                };
                (ty, TypedReduction::Sum(column))
            }
            Reduction::Stddev { scale, population, .. } | Reduction::Variance { scale, population, .. } => {
                let root = matches!(reduction, Reduction::Stddev { .. });
                let (scale, population) = (*scale, *population);
                (figure(scale), TypedReduction::Variance { field: column, scale, population, root })
            }
        };
        let sample = matches!(typed, TypedReduction::Variance { population: false, .. });
        Some((ColumnType { ty, nullable: nullable || !grouped || sample }, typed))
    }
}
