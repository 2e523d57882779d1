//! Random steps. `check` decides afterwards whether a candidate is valid.

use std::{boxed::Box, string::String, vec, vec::Vec};

use super::{
    Generator,
    expr::{Place, Want, int},
};
use crate::{
    expr::{Expr, ExprKind, Function},
    model::{
        Aggregate, Branch, ColumnHint, Compute, Condition, Loop, LoopMode, MergeHow, ParseFormat, Reduction,
        SerializeFormat, SortKey, Step, StepKind, SubPlan, Transform,
    },
    types::{Column, ColumnType, Schema, Type},
};

impl Generator {
    /// A few new steps, of which the last is the one in mind.
    pub(super) fn candidate(&mut self) -> Vec<Step> {
        let (input, schema) = self.table();
        match self.rng.below(20) {
            0..=3 => {
                let kind = self.map(input, &schema);
                self.one(kind)
            }
            4 | 5 => {
                let kind = self.filter(input, &schema);
                self.one(kind)
            }
            6..=9 => {
                let kind = self.reduce(input, &schema);
                self.one(kind)
            }
            10 | 11 => {
                let kind = self.merge(input, &schema);
                self.one(kind)
            }
            12 => {
                let inputs = (0..self.rng.between(1, 3)).map(|_| input.clone()).collect();
                self.one(StepKind::Aggregate(Aggregate::Concat { inputs }))
            }
            13 => {
                let kind = self.compute(input, &schema);
                self.one(kind)
            }
            14 => self.branch(&input, &schema),
            15 => self.repeat(input, &schema),
            16 => self.documents(input, &schema),
            17 => self.parse(),
            _ => {
                let operation = self.reshape(&schema);
                self.one(StepKind::Transform { input, operation })
            }
        }
    }

    fn one(&mut self, kind: StepKind) -> Vec<Step> {
        vec![self.step(kind)]
    }

    fn step(&mut self, kind: StepKind) -> Step {
        Step { id: self.id(), kind }
    }

    /// Short of the end of the alphabet, so that replacements of columns are frequent.
    fn new_name(&mut self) -> String {
        (*self.rng.pick(&["a", "amount", "k", "m", "r", "s", "u", "v", "w"])).into()
    }

    fn columns(&mut self, schema: &Schema) -> Vec<(String, Expr)> {
        let mut columns: Vec<(String, Expr)> = Vec::new();
        for _ in 0..self.rng.between(1, 3) {
            let want = self.want();
            let depth = self.rng.between(1, 4);
            let expr = self.expr(Place { schema, previous: true }, want, depth);
            let name = self.new_name();
            if columns.iter().all(|(other, _)| *other != name) {
                columns.push((name, expr));
            }
        }
        columns.sort_by(|(a, _), (b, _)| a.cmp(b));
        columns
    }

    fn map(&mut self, input: String, schema: &Schema) -> StepKind {
        let columns = self.columns(schema);
        match self.rng.chance(70) {
            true => StepKind::Transform { input, operation: Transform::Map { columns } },
            false => StepKind::Compute { input, operation: Compute::Math { columns } },
        }
    }

    fn filter(&mut self, input: String, schema: &Schema) -> StepKind {
        let depth = self.rng.between(1, 3);
        let condition = self.expr(Place { schema, previous: false }, Want::Bool, depth);
        StepKind::Filter { input, condition }
    }

    fn sort_keys(&mut self, schema: &Schema) -> Vec<SortKey> {
        let fields = self.some_columns(schema, 3);
        fields
            .into_iter()
            .map(|field| SortKey { field, descending: self.rng.chance(40), nulls_first: self.rng.chance(40) })
            .collect()
    }

    /// Operations that take a table and keep or change its columns.
    fn reshape(&mut self, schema: &Schema) -> Transform {
        match self.rng.below(5) {
            0 => {
                let limit = self.rng.chance(40).then(|| self.rng.below(12) as u64);
                Transform::Sort { by: self.sort_keys(schema), limit }
            }
            1 => Transform::Limit { count: self.rng.below(12) as u64, offset: self.rng.below(4) as u64 },
            2 => {
                let fields = self.rng.chance(50).then(|| self.some_columns(schema, 2));
                Transform::Distinct { fields: fields.filter(|fields| !fields.is_empty()) }
            }
            3 => Transform::Select { fields: self.some_columns(schema, 4) },
            _ => {
                let mut old = self.some_columns(schema, 2);
                old.sort_unstable();
                Transform::Rename { mapping: old.into_iter().map(|old| (old, self.new_name())).collect() }
            }
        }
    }

    /// Operations that keep the schema.
    fn same_schema(&mut self, input: &str, schema: &Schema) -> StepKind {
        let input = String::from(input);
        match self.rng.below(4) {
            0 => self.filter(input, schema),
            1 => StepKind::Transform { input, operation: Transform::Distinct { fields: None } },
            2 => {
                let operation = Transform::Limit { count: self.rng.between(1, 15) as u64, offset: 0 };
                StepKind::Transform { input, operation }
            }
            _ => {
                let field = schema.columns()[self.rng.below(schema.len())].name.clone();
                let by = vec![SortKey {
                    field,
                    descending: self.rng.chance(50),
                    nulls_first: self.rng.chance(50),
                }];
                StepKind::Transform { input, operation: Transform::Sort { by, limit: None } }
            }
        }
    }

    fn reduce(&mut self, input: String, schema: &Schema) -> StepKind {
        let group_by = self.some_columns(schema, 2);
        let mut aggregates: Vec<(String, Reduction)> = Vec::new();
        for _ in 0..self.rng.between(1, 4) {
            let field = schema.columns()[self.rng.below(schema.len())].name.clone();
            let scale = self.rng.below(9) as u8;
            let population = self.rng.chance(50);
            let reduction = match self.rng.below(14) {
                0 => Reduction::Count { field: None },
                1 => Reduction::Count { field: Some(field) },
                2 => Reduction::CountDistinct { field },
                3 => Reduction::First { field, order_by: self.sort_keys(schema) },
                4 => Reduction::Last { field, order_by: self.sort_keys(schema) },
                5 => Reduction::Max { field },
                6 => Reduction::Min { field },
                7 | 8 => Reduction::Sum { field },
                9 => Reduction::Mean { field, scale },
                10 => Reduction::Stddev { field, scale, population },
                11 => Reduction::Variance { field, scale, population },
                12 => Reduction::Percentile { field, p: (5, 1), scale, discrete: false },
                _ => {
                    let p = (self.rng.below(101) as u64, 2);
                    Reduction::Percentile { field, p, scale, discrete: self.rng.chance(50) }
                }
            };
            let name = self.new_name();
            if aggregates.iter().all(|(other, _)| *other != name) {
                aggregates.push((name, reduction));
            }
        }
        aggregates.sort_by(|(a, _), (b, _)| a.cmp(b));
        StepKind::Aggregate(Aggregate::Reduce { input, group_by, aggregates })
    }

    fn merge(&mut self, left: String, left_schema: &Schema) -> StepKind {
        let hows = [
            MergeHow::Inner,
            MergeHow::Left,
            MergeHow::Full,
            MergeHow::Semi,
            MergeHow::Anti,
            MergeHow::Union,
        ];
        let how = *self.rng.pick(&hows);
        let (right, right_schema) =
            if how == MergeHow::Union { (left.clone(), left_schema.clone()) } else { self.table() };
        let mut pairs: Vec<(String, String)> = Vec::new();
        for a in left_schema.columns() {
            for b in right_schema.columns() {
                if a.ty.ty == b.ty.ty && pairs.iter().all(|(x, y)| *x != a.name && *y != b.name) {
                    pairs.push((a.name.clone(), b.name.clone()));
                }
            }
        }
        let keep = self.rng.between(1, 2).min(pairs.len());
        pairs.truncate(keep);
        StepKind::Aggregate(Aggregate::Merge { left, right, how, on: pairs })
    }

    fn compute(&mut self, input: String, schema: &Schema) -> StepKind {
        let operation = match self.rng.chance(50) {
            true => {
                let fields = self.rng.chance(50).then(|| self.some_columns(schema, 3));
                Compute::Hash { fields: fields.filter(|fields| !fields.is_empty()), name: "digest".into() }
            }
            false => {
                let numbers = schema.columns().iter().filter(|column| column.ty.ty.scale().is_some());
                let fields = numbers.map(|column| column.name.clone()).collect();
                Compute::Statistics { fields, scale: self.rng.below(9) as u8 }
            }
        };
        StepKind::Compute { input, operation }
    }

    /// One row with the number of rows, and a branch on it.
    fn branch(&mut self, input: &str, schema: &Schema) -> Vec<Step> {
        let count = self.count(input);
        let condition = Condition { input: count.id.clone(), expression: self.count_condition() };
        let part = |generator: &mut Self| {
            let kind = generator.same_schema(input, schema);
            let step = generator.step(kind);
            let output = if generator.rng.chance(20) { input.into() } else { step.id.clone() };
            Box::new(SubPlan { output, steps: vec![step] })
        };
        let (then, otherwise) = (part(self), part(self));
        let branch = self.step(StepKind::Branch(Branch { condition, then, otherwise }));
        vec![count, branch]
    }

    fn count(&mut self, input: &str) -> Step {
        let aggregates = vec![("rows".into(), Reduction::Count { field: None })];
        self.step(StepKind::Aggregate(Aggregate::Reduce {
            input: input.into(),
            group_by: Vec::new(),
            aggregates,
        }))
    }

    fn count_condition(&mut self) -> Expr {
        let rows = Expr { kind: ExprKind::Column("rows".into()), at: 0 };
        let function = *self.rng.pick(&[Function::Lt, Function::Ge, Function::Le]);
        Expr { kind: ExprKind::Call(function, vec![rows, int(self.rng.below(15) as i64)]), at: 0 }
    }

    fn repeat(&mut self, input: String, schema: &Schema) -> Vec<Step> {
        let state = self.id();
        let mode = self.rng.below(3);
        let kind = match mode {
            0 => self.map(state.clone(), schema),
            _ => self.same_schema(&state, schema),
        };
        let step = self.step(kind);
        let output = step.id.clone();
        let mut steps = vec![step];
        let (mode, max_iterations) = match mode {
            0 => (LoopMode::ForEach, 100),
            1 => (LoopMode::Times, self.rng.between(1, 3) as u32),
            _ => {
                let count = self.count(&output);
                let condition = Condition { input: count.id.clone(), expression: self.count_condition() };
                steps.push(count);
                (LoopMode::Until(condition), 3)
            }
        };
        let body = Box::new(SubPlan { steps, output });
        self.one(StepKind::Loop(Loop { input, name: state, max_iterations, mode, body }))
    }

    /// A table to bytes and, most of the time, back.
    fn documents(&mut self, input: String, schema: &Schema) -> Vec<Step> {
        let json = self.rng.chance(60);
        let format = if json { SerializeFormat::Json } else { SerializeFormat::Csv };
        let write = self
            .step(StepKind::Transform { input, operation: Transform::Serialize { format, fields: None } });
        if self.rng.chance(20) {
            return vec![write];
        }
        let format =
            if json { ParseFormat::Json { path: Vec::new() } } else { ParseFormat::Csv { delimiter: b',' } };
        let hints = schema.columns().iter().map(|_| ColumnHint::default()).collect();
        let operation = Transform::Parse { format, schema: schema.clone(), hints };
        let read = self.step(StepKind::Transform { input: write.id.clone(), operation });
        vec![write, read]
    }

    /// The random JSON file, if there is one.
    fn parse(&mut self) -> Vec<Step> {
        let Some(input) = self.bytes.first().cloned() else { return Vec::new() };
        let column = |name: &str, ty, nullable| Column { name: name.into(), ty: ColumnType { ty, nullable } };
        let columns = vec![
            column("amount", Type::Decimal { precision: 9, scale: 2 }, true),
            column("k", Type::Int, false),
            column("text", Type::String, false),
        ];
        let schema = Schema::new(columns).expect("three names");
        let hints = vec![ColumnHint::default(); 3];
        let format = ParseFormat::Json { path: Vec::new() };
        self.one(StepKind::Transform { input, operation: Transform::Parse { format, schema, hints } })
    }
}
