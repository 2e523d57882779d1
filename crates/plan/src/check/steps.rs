//! Typing of steps. Aggregations are in `aggregate`.

use alloc::{format, string::String, vec::Vec};

use super::{
    Checker, Seg, Typing,
    expr::{Context, unknown_column},
};
use crate::{
    diagnostic::Code,
    expr::{Expr, ExprKind},
    model::{
        Branch, ColumnHint, Compute, DataInput, InputSchema, Loop, LoopMode, MAX_NAME_BYTES, MAX_TEXT_BYTES,
        ParseFormat, StepKind, Transform,
    },
    typed::{MapColumn, Slot, TypedCondition, TypedInput, TypedLoopMode, TypedOp, TypedStep},
    types::{Column, ColumnType, MAX_PRECISION, Schema, Type, ValueType},
};

/// The most rounds of a loop.
const MAX_ITERATIONS: u32 = 10_000;
/// The most rows in a leaf.
const MAX_ROWS_PER_LEAF: u16 = 1024;

const INPUT: Seg<'static> = Seg::Member("input");
pub(super) const OPERATION: Seg<'static> = Seg::Member("operation");

impl Checker<'_> {
    pub(super) fn step(&mut self, def: Slot) -> Typing<TypedStep> {
        let step = self.scope.defs[def].step?;
        let block = self.scope.defs[def].block;
        let (op, result) = match &step.kind {
            StepKind::Aggregate(aggregate) => self.aggregate(aggregate, block)?,
            StepKind::Branch(branch) => self.branch(def, branch, block)?,
            StepKind::Compute { input, operation } => {
                let (slot, schema) = self.table(input, block, &[INPUT])?;
                self.compute(slot, &schema, operation)?
            }
            StepKind::DataInput(input) => self.data_input(&step.id, input)?,
            StepKind::Filter { input, condition } => {
                let (slot, schema) = self.table(input, block, &[INPUT])?;
                let cx = Context { schema: &schema, at: &[Seg::Member("condition")], previous: false };
                let condition = self.condition(cx, condition)?;
                (TypedOp::Filter { input: slot, condition }, ValueType::Table(schema))
            }
            StepKind::Loop(each) => self.repeat(def, each, block)?,
            StepKind::Transform { input, operation: Transform::Parse { format, schema, hints } } => {
                self.parse(input, format, schema, hints, block)?
            }
            StepKind::Transform { input, operation } => {
                let (slot, schema) = self.table(input, block, &[INPUT])?;
                self.transform(slot, &schema, operation)?
            }
        };
        Some(TypedStep { id: step.id.clone(), slot: def, result, op })
    }

    fn data_input(&mut self, id: &str, input: &DataInput) -> Typing<(TypedOp, ValueType)> {
        let at = [Seg::Member("schema")];
        let mut fine = true;
        let (ty, hints) = match &input.schema {
            InputSchema::Bytes => (ValueType::Bytes, Vec::new()),
            InputSchema::Table { schema, hints } => {
                fine &= self.schema(schema, Some(hints), &at).is_some();
                (ValueType::Table(schema.clone()), hints.clone())
            }
        };
        if input.rows_per_leaf == 0 || input.rows_per_leaf > MAX_ROWS_PER_LEAF {
            let message = format!("rowsPerLeaf is 1 to {MAX_ROWS_PER_LEAF}");
            self.fail::<()>(Code::OutOfRange, &[Seg::Member("rowsPerLeaf")], message, None);
            fine = false;
        }
        if let Some(root) = &input.data_commitment {
            fine &= self.sha256(root, &[Seg::Member("dataCommitment")]).is_some();
        }
        if input.source.uri.as_ref().is_some_and(|uri| uri.len() > MAX_TEXT_BYTES) {
            fine &= self.text_too_long(&[Seg::Member("source"), Seg::Member("uri")]).is_some();
        }
        if !fine {
            return None;
        }
        self.inputs.push(TypedInput {
            name: id.into(),
            ty: ty.clone(),
            hints,
            data_commitment: input.data_commitment,
            rows_per_leaf: input.rows_per_leaf,
        });
        Some((TypedOp::Input { index: self.inputs.len() - 1 }, ty))
    }

    fn parse(
        &mut self,
        input: &str,
        format: &ParseFormat,
        schema: &Schema,
        hints: &[ColumnHint],
        block: usize,
    ) -> Typing<(TypedOp, ValueType)> {
        let fine = self.schema(schema, Some(hints), &[OPERATION, Seg::Member("schema")]);
        let pattern = match format {
            ParseFormat::Csv { delimiter }
                if matches!(delimiter, b'\t' | b' '..=b'~') && *delimiter != b'"' =>
            {
                Some(())
            }
            ParseFormat::Csv { .. } => {
                let message =
                    "a delimiter is one printable ASCII character or a tab, and no quotation mark".into();
                self.fail(Code::InvalidFormat, &[OPERATION, Seg::Member("delimiter")], message, None)
            }
            ParseFormat::Json { path }
                if path.iter().all(|member| member.len() <= MAX_TEXT_BYTES) && path.len() <= 64 =>
            {
                Some(())
            }
            ParseFormat::Json { .. } => self.text_too_long(&[OPERATION, Seg::Member("path")]),
            ParseFormat::Xml { record } if is_xml_name(record) => Some(()),
            ParseFormat::Xml { .. } => {
                let message = "`record` is the name of an XML element".into();
                self.fail(Code::InvalidName, &[OPERATION, Seg::Member("record")], message, None)
            }
        };
        let (slot, ty) = self.value(input, block)?;
        if ty != ValueType::Bytes {
            let hint = Some(
                "declare the data with `schema: bytes`, or leave `parse` out: it is a table already".into(),
            );
            return self.fail(
                Code::NeedsBytes,
                &[INPUT],
                format!("`parse` takes bytes, and `{input}` is a table"),
                hint,
            );
        }
        fine.and(pattern)?;
        let op = TypedOp::Parse { input: slot, format: format.clone(), hints: hints.to_vec() };
        Some((op, ValueType::Table(schema.clone())))
    }

    fn transform(
        &mut self,
        input: Slot,
        schema: &Schema,
        operation: &Transform,
    ) -> Typing<(TypedOp, ValueType)> {
        let same = || ValueType::Table(schema.clone());
        Some(match operation {
            Transform::Custom { wasm_module, function_name, schema: result } => {
                let module = self.sha256(wasm_module, &[OPERATION, Seg::Member("wasmModule")]);
                let fine = self.schema(result, None, &[OPERATION, Seg::Member("schema")]);
                if function_name.is_empty() || function_name.len() > MAX_NAME_BYTES {
                    let message = "a function's name has 1 to 64 bytes".into();
                    return self.fail(
                        Code::InvalidName,
                        &[OPERATION, Seg::Member("functionName")],
                        message,
                        None,
                    );
                }
                module.and(fine)?;
                let op = TypedOp::Custom { input, module: *wasm_module, function: function_name.clone() };
                (op, ValueType::Table(result.clone()))
            }
            Transform::Distinct { fields } => {
                let fields =
                    self.fields_or_all(schema, fields.as_deref(), &[OPERATION, Seg::Member("fields")])?;
                (TypedOp::Distinct { input, fields }, same())
            }
            Transform::Limit { count, offset } => {
                self.json_integer(*count, &[OPERATION, Seg::Member("count")])?;
                self.json_integer(*offset, &[OPERATION, Seg::Member("offset")])?;
                (TypedOp::Limit { input, offset: *offset, count: *count }, same())
            }
            Transform::Map { columns } => self.map(input, schema, columns)?,
            Transform::Parse { .. } => return None,
            Transform::Rename { mapping } => self.rename(input, schema, mapping)?,
            Transform::Select { fields } => {
                let at = [OPERATION, Seg::Member("fields")];
                let mut indices = self.fields(schema, fields, &at)?;
                if indices.is_empty() {
                    return self.fail(Code::Empty, &at, "a table has at least one column".into(), None);
                }
                indices.sort_unstable();
                let columns = indices.iter().map(|&index| schema.columns()[index].clone()).collect();
                let result = self.new_schema(columns, &at)?;
                let columns = indices.into_iter().map(MapColumn::Keep).collect();
                (TypedOp::Map { input, columns }, ValueType::Table(result))
            }
            Transform::Serialize { format, fields } => {
                let fields =
                    self.fields_or_all(schema, fields.as_deref(), &[OPERATION, Seg::Member("fields")])?;
                (TypedOp::Serialize { input, format: *format, fields }, ValueType::Bytes)
            }
            Transform::Sort { by, limit } => {
                let at = [OPERATION, Seg::Member("by")];
                let by = self.sort_keys(schema, by, &at)?;
                if by.is_empty() {
                    return self.fail(Code::Empty, &at, "`sort` needs at least one column".into(), None);
                }
                if let Some(limit) = limit {
                    self.json_integer(*limit, &[OPERATION, Seg::Member("limit")])?;
                }
                (TypedOp::Sort { input, by, limit: *limit }, same())
            }
        })
    }

    fn compute(&mut self, input: Slot, schema: &Schema, operation: &Compute) -> Typing<(TypedOp, ValueType)> {
        Some(match operation {
            Compute::Hash { fields, name } => {
                let at = [OPERATION, Seg::Member("as")];
                let fields =
                    self.fields_or_all(schema, fields.as_deref(), &[OPERATION, Seg::Member("fields")]);
                self.column_name(name, &at)?;
                if schema.index_of(name).is_some() {
                    let message = format!("the table has a column `{name}` already");
                    return self.fail(Code::DuplicateColumn, &at, message, None);
                }
                let mut columns = schema.columns().to_vec();
                columns
                    .push(Column { name: name.clone(), ty: ColumnType { ty: Type::Bytes, nullable: false } });
                let result = self.new_schema(columns, &at)?;
                let target = result.index_of(name)?;
                (TypedOp::HashRows { input, fields: fields?, target }, ValueType::Table(result))
            }
            Compute::Math { columns } => self.map(input, schema, columns)?,
            Compute::Statistics { fields, scale } => {
                let at = [OPERATION, Seg::Member("fields")];
                let indices = self.fields(schema, fields, &at);
                self.scale(*scale, &[OPERATION, Seg::Member("scale")])?;
                let mut indices = indices?;
                if indices.is_empty() {
                    return self.fail(
                        Code::Empty,
                        &at,
                        "`statistics` needs at least one column".into(),
                        None,
                    );
                }
                for (place, &index) in indices.iter().enumerate() {
                    let Column { name, ty } = &schema.columns()[index];
                    if ty.ty.scale().is_none() {
                        let message = format!("`statistics` takes numbers, and `{name}` is {ty}");
                        let at = [OPERATION, Seg::Member("fields"), Seg::Index(place)];
                        return self.fail(Code::TypeMismatch, &at, message, None);
                    }
                }
                indices.sort_unstable();
                let result = self.new_schema(statistics_columns(*scale), &at)?;
                (TypedOp::Statistics { input, fields: indices, scale: *scale }, ValueType::Table(result))
            }
        })
    }

    fn map(
        &mut self,
        input: Slot,
        schema: &Schema,
        columns: &[(String, Expr)],
    ) -> Typing<(TypedOp, ValueType)> {
        let at = [OPERATION, Seg::Member("columns")];
        if columns.is_empty() {
            return self.fail(Code::Empty, &at, "`columns` names no column".into(), None);
        }
        self.sorted(columns.iter().map(|(name, _)| name), &at)?;
        let mut computed = Vec::with_capacity(columns.len());
        let mut fine = true;
        for (name, expr) in columns {
            let at = [OPERATION, Seg::Member("columns"), Seg::Member(name)];
            fine &= self.column_name(name, &at).is_some();
            let cx = Context { schema, at: &at, previous: true };
            match self.expression(cx, expr) {
                Some(typed) => computed.push((name, typed)),
                None => fine = false,
            }
            if matches!(&expr.kind, ExprKind::Column(column) if column == name) {
                self.fail_at::<()>(
                    cx,
                    expr,
                    Code::Needless,
                    format!("`{name}` is kept as it is anyway"),
                    None,
                );
            }
        }
        if !fine {
            return None;
        }
        // Both lists are sorted by name, so that the result comes from merging them.
        let mut result = Vec::with_capacity(schema.len() + computed.len());
        let mut map = Vec::with_capacity(schema.len() + computed.len());
        let mut kept = schema.columns().iter().enumerate().peekable();
        let mut computed = computed.into_iter().peekable();
        loop {
            let keep = match (kept.peek(), computed.peek()) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((_, column)), Some((name, _))) => {
                    if column.name == **name {
                        kept.next();
                        continue;
                    }
                    column.name < **name
                }
            };
            if keep && let Some((index, column)) = kept.next() {
                result.push(column.clone());
                map.push(MapColumn::Keep(index));
            } else if let Some((name, typed)) = computed.next() {
                result.push(Column { name: name.clone(), ty: typed.ty });
                map.push(MapColumn::Compute(typed));
            }
        }
        let result = self.new_schema(result, &at)?;
        Some((TypedOp::Map { input, columns: map }, ValueType::Table(result)))
    }

    fn rename(
        &mut self,
        input: Slot,
        schema: &Schema,
        mapping: &[(String, String)],
    ) -> Typing<(TypedOp, ValueType)> {
        let at = [OPERATION, Seg::Member("mapping")];
        if mapping.is_empty() {
            return self.fail(Code::Empty, &at, "`mapping` names no column".into(), None);
        }
        self.sorted(mapping.iter().map(|(old, _)| old), &at)?;
        let mut names: Vec<&str> = schema.columns().iter().map(|column| column.name.as_str()).collect();
        let mut fine = true;
        for (old, new) in mapping {
            let at = [OPERATION, Seg::Member("mapping"), Seg::Member(old)];
            fine &= self.column_name(new, &at).is_some();
            match schema.index_of(old) {
                Some(index) => names[index] = new,
                None => {
                    let (message, hint) = unknown_column(schema, old);
                    fine &= self.fail::<()>(Code::UnknownColumn, &at, message, hint).is_some();
                }
            }
            if old == new {
                self.fail::<()>(Code::Needless, &at, format!("`{old}` keeps its name"), None);
            }
        }
        if !fine {
            return None;
        }
        let mut columns: Vec<_> = names.iter().enumerate().map(|(index, &name)| (name, index)).collect();
        columns.sort_unstable();
        let renamed =
            columns.iter().map(|&(name, index)| Column { name: name.into(), ty: schema.columns()[index].ty });
        let result = self.new_schema(renamed.collect(), &at)?;
        let columns = columns.into_iter().map(|(_, index)| MapColumn::Keep(index)).collect();
        Some((TypedOp::Map { input, columns }, ValueType::Table(result)))
    }

    fn branch(&mut self, def: Slot, branch: &Branch, block: usize) -> Typing<(TypedOp, ValueType)> {
        let at = [Seg::Member("condition"), Seg::Member("input")];
        let condition = self.table(&branch.condition.input, block, &at).and_then(|(input, schema)| {
            let at = [Seg::Member("condition"), Seg::Member("expression")];
            let cx = Context { schema: &schema, at: &at, previous: false };
            let expression = self.condition(cx, &branch.condition.expression)?;
            Some(TypedCondition { input, expression })
        });
        let then = self.block(self.scope.defs[def].first_block);
        let otherwise = self.block(self.scope.defs[def].second);
        self.current = def;
        let (then, otherwise) = (then?, otherwise?);
        let result = self.types[then.output].clone()?;
        let other = self.types[otherwise.output].clone()?;
        if result != other {
            let message = format!("`then` gives {} and `else` gives {}", describe(&result), describe(&other));
            let hint = Some("both sub-plans have one schema; `map` and `select` bring them together".into());
            return self.fail(
                Code::SchemaMismatch,
                &[Seg::Member("else"), Seg::Member("output")],
                message,
                hint,
            );
        }
        Some((TypedOp::Branch { condition: condition?, then, otherwise }, result))
    }

    fn repeat(&mut self, def: Slot, each: &Loop, block: usize) -> Typing<(TypedOp, ValueType)> {
        let rounds = (1..=MAX_ITERATIONS).contains(&each.max_iterations).then_some(());
        if rounds.is_none() {
            let message = format!("maxIterations is 1 to {MAX_ITERATIONS}");
            self.fail::<()>(Code::OutOfRange, &[Seg::Member("maxIterations")], message, None);
        }
        let (input, state_type) = match each.mode {
            LoopMode::ForEach => {
                let (input, schema) = self.table(&each.input, block, &[INPUT])?;
                (input, ValueType::Table(schema))
            }
            _ => self.value(&each.input, block)?,
        };
        let (inner, state) = (self.scope.defs[def].first_block, self.scope.defs[def].second);
        self.types[state] = Some(state_type.clone());
        let body = self.block(inner);
        self.current = def;
        let mode = match &each.mode {
            LoopMode::ForEach => Some(TypedLoopMode::ForEach),
            LoopMode::Times => Some(TypedLoopMode::Times),
            LoopMode::Until(until) => {
                let at = [Seg::Member("until"), Seg::Member("input")];
                self.table(&until.input, inner, &at).and_then(|(input, schema)| {
                    let at = [Seg::Member("until"), Seg::Member("expression")];
                    let cx = Context { schema: &schema, at: &at, previous: false };
                    let expression = self.condition(cx, &until.expression)?;
                    Some(TypedLoopMode::Until(TypedCondition { input, expression }))
                })
            }
        };
        let body = body?;
        let result = self.types[body.output].clone()?;
        let at = [Seg::Member("body"), Seg::Member("output")];
        if matches!(each.mode, LoopMode::ForEach) {
            if result == ValueType::Bytes {
                let message = "the results of `forEach` are put together and must be tables".into();
                return self.fail(Code::NeedsTable, &at, message, None);
            }
        } else if result != state_type {
            let message = format!(
                "the loop starts with {} and its body gives {}",
                describe(&state_type),
                describe(&result)
            );
            let hint = Some(
                "the body's output is the next round's input; `map` and `select` bring them together".into(),
            );
            return self.fail(Code::SchemaMismatch, &at, message, hint);
        }
        rounds?;
        let op = TypedOp::Loop { input, state, max_iterations: each.max_iterations, mode: mode?, body };
        Some((op, result))
    }
}

/// The result of `statistics`.
fn statistics_columns(scale: u8) -> Vec<Column> {
    let figure = ColumnType { ty: Type::Decimal { precision: MAX_PRECISION, scale }, nullable: true };
    let count = ColumnType { ty: Type::Int, nullable: false };
    let field = ColumnType { ty: Type::String, nullable: false };
    [
        ("count", count),
        ("field", field),
        ("max", figure),
        ("mean", figure),
        ("median", figure),
        ("min", figure),
        ("nulls", count),
        ("stddev", figure),
        ("sum", figure),
        ("variance", figure),
    ]
    .map(|(name, ty)| Column { name: name.into(), ty })
    .into()
}

fn is_xml_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_TEXT_BYTES
        && !name.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))
}

/// A type in an error message.
pub(super) fn describe(ty: &ValueType) -> String {
    match ty {
        ValueType::Bytes => "bytes".into(),
        ValueType::Table(schema) => format!("{schema}"),
    }
}
