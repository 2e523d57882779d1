//! From nodes to the model: steps and their operations, with all their short forms.

use std::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    node::{Kind, Node, shown},
    read::{Fields, Reader},
};
use crate::{
    diagnostic::Code,
    expr::Expr,
    model::{
        Aggregate, Attestation, Branch, Compute, Condition, DataInput, Loop, LoopMode, MAX_PLAN_DEPTH,
        MergeHow, ParseFormat, Reduction, SerializeFormat, SortKey, Source, SourceKind, Step, StepKind,
        Transform,
    },
    types::MAX_PRECISION,
};

const STEP_TYPES: [&str; 7] = ["data-input", "transform", "filter", "aggregate", "compute", "branch", "loop"];
const TRANSFORMS: [&str; 9] =
    ["map", "select", "rename", "sort", "limit", "distinct", "parse", "serialize", "custom"];
const AGGREGATES: [&str; 3] = ["concat", "merge", "reduce"];
const COMPUTES: [&str; 3] = ["math", "statistics", "hash"];
const REDUCTIONS: [&str; 12] = [
    "count",
    "countDistinct",
    "sum",
    "min",
    "max",
    "first",
    "last",
    "mean",
    "variance",
    "stddev",
    "median",
    "percentile",
];

impl Reader<'_> {
    pub(super) fn step(&mut self, node: &Node, depth: u32) -> Option<Step> {
        let members = self.members(node, "a step")?;
        let head = Fields { node, members, what: "a step" };
        let type_node = self.required(&head, "type")?;
        let ty = self.text(type_node)?;
        let allowed: &[&str] = match ty.as_str() {
            "data-input" => &["id", "type", "schema", "source", "dataCommitment", "rowsPerLeaf"],
            "transform" | "compute" => &["id", "type", "input", "operation"],
            "filter" => &["id", "type", "input", "condition"],
            "aggregate" => &["id", "type", "input", "inputs", "operation"],
            "branch" => &["id", "type", "condition", "then", "else"],
            "loop" => &["id", "type", "input", "as", "maxIterations", "body", "until", "forEach"],
            _ => return self.unknown_word(type_node, &ty, &STEP_TYPES),
        };
        let what = match ty.as_str() {
            "data-input" => "a `data-input` step",
            "transform" => "a `transform` step",
            "compute" => "a `compute` step",
            "filter" => "a `filter` step",
            "aggregate" => "an `aggregate` step",
            "branch" => "a `branch` step",
            _ => "a `loop` step",
        };
        let fields = self.object(node, what, allowed)?;
        let id = self.required(&fields, "id").and_then(|node| self.text(node));
        let kind = match ty.as_str() {
            "data-input" => self.data_input(&fields).map(StepKind::DataInput),
            "transform" => {
                let input = self.required_text(&fields, "input");
                let operation = self.required(&fields, "operation").and_then(|node| self.transform(node));
                both(input, operation).map(|(input, operation)| StepKind::Transform { input, operation })
            }
            "compute" => {
                let input = self.required_text(&fields, "input");
                let operation = self.required(&fields, "operation").and_then(|node| self.compute(node));
                both(input, operation).map(|(input, operation)| StepKind::Compute { input, operation })
            }
            "filter" => {
                let input = self.required_text(&fields, "input");
                let condition = self.required(&fields, "condition").and_then(|node| self.expression(node));
                both(input, condition).map(|(input, condition)| StepKind::Filter { input, condition })
            }
            "aggregate" => self.aggregate(&fields).map(StepKind::Aggregate),
            "branch" => self.branch(&fields, depth).map(StepKind::Branch),
            _ => self.step_loop(&fields, depth).map(StepKind::Loop),
        };
        both(id, kind).map(|(id, kind)| Step { id, kind })
    }

    fn data_input(&mut self, fields: &Fields<'_>) -> Option<DataInput> {
        let schema = self.required(fields, "schema").and_then(|node| self.input_schema(node));
        let source = match fields.get("source") {
            Some(node) => self.source(node),
            None => Some(Source { kind: SourceKind::Parameter, uri: None, attestation: Attestation::None }),
        };
        let data_commitment = self.optional(fields, "dataCommitment", Self::digest);
        let rows_per_leaf = match fields.get("rowsPerLeaf") {
            Some(node) => self.small(node, u16::MAX),
            None => Some(64),
        };
        Some(DataInput {
            data_commitment: data_commitment?,
            schema: schema?,
            source: source?,
            rows_per_leaf: rows_per_leaf?,
        })
    }

    fn source(&mut self, node: &Node) -> Option<Source> {
        let fields = self.object(node, "`source`", &["type", "uri", "attestation"])?;
        let kind = self.required(&fields, "type").and_then(|node| {
            self.word(
                node,
                &[
                    ("file", SourceKind::File),
                    ("api", SourceKind::Api),
                    ("parameter", SourceKind::Parameter),
                    ("previous-job", SourceKind::PreviousJob),
                ],
            )
        });
        let uri = self.optional(&fields, "uri", Self::text);
        let attestation = match fields.get("attestation") {
            Some(node) => self.word(
                node,
                &[
                    ("none", Attestation::None),
                    ("tls-notary", Attestation::TlsNotary),
                    ("trusted-provider", Attestation::TrustedProvider),
                ],
            ),
            None => Some(Attestation::None),
        };
        Some(Source { kind: kind?, uri: uri?, attestation: attestation? })
    }

    /// The word after `op`, and the object without any check of its other members.
    fn operation<'n>(&mut self, node: &'n Node, names: &[&str]) -> Option<(&'n Node, String)> {
        let members = self.members(node, "`operation`")?;
        let fields = Fields { node, members, what: "`operation`" };
        let op_node = self.required(&fields, "op")?;
        let op = self.text(op_node)?;
        if names.contains(&op.as_str()) {
            Some((op_node, op))
        } else {
            self.unknown_word(op_node, &op, names)
        }
    }

    fn transform(&mut self, node: &Node) -> Option<Transform> {
        let (_, op) = self.operation(node, &TRANSFORMS)?;
        Some(match op.as_str() {
            "map" => Transform::Map { columns: self.computed_columns(node, "`map`")? },
            "select" => {
                let fields = self.object(node, "`select`", &["op", "fields"])?;
                let fields = self.required(&fields, "fields").and_then(|node| self.names(node));
                Transform::Select { fields: fields? }
            }
            "rename" => {
                let fields = self.object(node, "`rename`", &["op", "mapping"])?;
                let mapping =
                    self.required(&fields, "mapping").and_then(|node| self.text_map(node, "`mapping`"));
                Transform::Rename { mapping: mapping? }
            }
            "sort" => {
                let fields = self.object(node, "`sort`", &["op", "by", "limit"])?;
                let by = self.required(&fields, "by").and_then(|node| self.sort_keys(node));
                let limit = self.optional(&fields, "limit", Self::unsigned);
                Transform::Sort { by: by?, limit: limit? }
            }
            "limit" => {
                let fields = self.object(node, "`limit`", &["op", "count", "offset"])?;
                let count = self.required(&fields, "count").and_then(|node| self.unsigned(node));
                let offset = self.optional(&fields, "offset", Self::unsigned);
                Transform::Limit { count: count?, offset: offset?.unwrap_or(0) }
            }
            "distinct" => {
                let fields = self.object(node, "`distinct`", &["op", "fields"])?;
                Transform::Distinct { fields: self.optional(&fields, "fields", Self::names)? }
            }
            "parse" => self.parse(node)?,
            "serialize" => {
                let fields = self.object(node, "`serialize`", &["op", "format", "fields"])?;
                let words = [("json", SerializeFormat::Json), ("csv", SerializeFormat::Csv)];
                let format = self.required(&fields, "format").and_then(|node| self.word(node, &words));
                let fields = self.optional(&fields, "fields", Self::names);
                Transform::Serialize { format: format?, fields: fields? }
            }
            _ => {
                let fields =
                    self.object(node, "`custom`", &["op", "wasmModule", "functionName", "schema"])?;
                let wasm_module = self.required(&fields, "wasmModule").and_then(|node| self.digest(node));
                let function_name = self.required_text(&fields, "functionName");
                let schema = self.required(&fields, "schema").and_then(|node| {
                    let (schema, hints) = self.schema(node)?;
                    if hints.iter().any(|hint| *hint != Default::default()) {
                        let message = "the result of `custom` is no file: `source` and `format` mean nothing"
                            .to_string();
                        return self.fail(Code::UnknownField, node, message, None);
                    }
                    Some(schema)
                });
                Transform::Custom {
                    wasm_module: wasm_module?,
                    function_name: function_name?,
                    schema: schema?,
                }
            }
        })
    }

    fn parse(&mut self, node: &Node) -> Option<Transform> {
        let all = self.object(node, "`parse`", &["op", "format", "schema", "delimiter", "path", "record"])?;
        let schema = self.required(&all, "schema").and_then(|node| self.schema(node));
        let format_node = self.required(&all, "format")?;
        let format = match self.word(format_node, &[("json", 0), ("csv", 1), ("xml", 2)])? {
            0 => {
                self.object(node, "`parse` of JSON", &["op", "format", "schema", "path"])?;
                let path = self.optional(&all, "path", Self::names);
                ParseFormat::Json { path: path?.unwrap_or_default() }
            }
            1 => {
                self.object(node, "`parse` of CSV", &["op", "format", "schema", "delimiter"])?;
                let delimiter = match fields_text(self, &all, "delimiter")? {
                    None => b',',
                    Some((node, text)) => match text.as_bytes() {
                        [byte] if byte.is_ascii() => *byte,
                        _ => {
                            let message = "a delimiter is one ASCII character".to_string();
                            return self.fail(Code::InvalidFormat, node, message, None);
                        }
                    },
                };
                ParseFormat::Csv { delimiter }
            }
            _ => {
                self.object(node, "`parse` of XML", &["op", "format", "schema", "record"])?;
                ParseFormat::Xml { record: self.required_text(&all, "record")? }
            }
        };
        let (schema, hints) = schema?;
        Some(Transform::Parse { format, schema, hints })
    }

    fn aggregate(&mut self, step: &Fields<'_>) -> Option<Aggregate> {
        let node = self.required(step, "operation")?;
        let (_, op) = self.operation(node, &AGGREGATES)?;
        let wrong = if op == "reduce" { "inputs" } else { "input" };
        if let Some(node) = step.get(wrong) {
            let right = if op == "reduce" { "input" } else { "inputs" };
            let hint = Some(format!("did you mean `{right}`?"));
            return self.fail(Code::UnknownField, node, format!("`{op}` does not take `{wrong}`"), hint);
        }
        match op.as_str() {
            "concat" => {
                self.object(node, "`concat`", &["op"])?;
                let inputs = self.required(step, "inputs").and_then(|node| self.names(node))?;
                Some(Aggregate::Concat { inputs })
            }
            "merge" => {
                let fields = self.object(node, "`merge`", &["op", "how", "on"])?;
                let words = [
                    ("inner", MergeHow::Inner),
                    ("left", MergeHow::Left),
                    ("full", MergeHow::Full),
                    ("semi", MergeHow::Semi),
                    ("anti", MergeHow::Anti),
                    ("union", MergeHow::Union),
                ];
                let how = self.required(&fields, "how").and_then(|node| self.word(node, &words));
                let on = self.required(&fields, "on").and_then(|node| self.keys(node));
                let inputs_node = self.required(step, "inputs")?;
                let inputs = self.names(inputs_node)?;
                let Ok([left, right]) = <[String; 2]>::try_from(inputs) else {
                    return self.fail(
                        Code::WrongKind,
                        inputs_node,
                        "`merge` takes two inputs: [left, right]".into(),
                        None,
                    );
                };
                Some(Aggregate::Merge { left, right, how: how?, on: on? })
            }
            _ => {
                let fields = self.object(node, "`reduce`", &["op", "groupBy", "aggregates"])?;
                let input = self.required_text(step, "input");
                let group_by = self.optional(&fields, "groupBy", Self::names);
                let aggregates = match fields.get("aggregates") {
                    Some(node) => self.aggregates(node),
                    None => Some(Vec::new()),
                };
                Some(Aggregate::Reduce {
                    input: input?,
                    group_by: group_by?.unwrap_or_default(),
                    aggregates: aggregates?,
                })
            }
        }
    }

    /// `on`: a list of columns, or `{left: right}`.
    fn keys(&mut self, node: &Node) -> Option<Vec<(String, String)>> {
        match &node.kind {
            Kind::Map(_) => self.text_map(node, "`on`"),
            _ => {
                let mut names = self.names(node)?;
                names.sort_unstable();
                if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                    let message = format!("`{}` is listed twice", shown(&pair[0]));
                    return self.fail(Code::DuplicateColumn, node, message, None);
                }
                Some(names.into_iter().map(|name| (name.clone(), name)).collect())
            }
        }
    }

    fn aggregates(&mut self, node: &Node) -> Option<Vec<(String, Reduction)>> {
        let members = self.members(node, "`aggregates`")?;
        let read: Vec<_> =
            members.iter().map(|member| Some((member.key.clone(), self.reduction(&member.value)?))).collect();
        let mut aggregates = read.into_iter().collect::<Option<Vec<_>>>()?;
        aggregates.sort_by(|(a, _), (b, _)| a.cmp(b));
        Some(aggregates)
    }

    fn reduction(&mut self, node: &Node) -> Option<Reduction> {
        let members = self.members(node, "an aggregate")?;
        let head = Fields { node, members, what: "an aggregate" };
        let fn_node = self.required(&head, "fn")?;
        let function = self.text(fn_node)?;
        let allowed: &[&str] = match function.as_str() {
            "count" | "countDistinct" | "max" | "min" | "sum" => &["fn", "field"],
            "first" | "last" => &["fn", "field", "orderBy"],
            "mean" | "median" => &["fn", "field", "scale"],
            "stddev" | "variance" => &["fn", "field", "scale", "population"],
            "percentile" => &["fn", "field", "p", "scale", "discrete"],
            "avg" | "average" => {
                let hint = Some("did you mean `mean`?".to_string());
                return self.fail(
                    Code::UnknownValue,
                    fn_node,
                    format!("`{function}` is not known here"),
                    hint,
                );
            }
            _ => return self.unknown_word(fn_node, &function, &REDUCTIONS),
        };
        let fields = self.object(node, "this aggregate", allowed)?;
        if function == "count" {
            return Some(Reduction::Count { field: self.optional(&fields, "field", Self::text)? });
        }
        let field = self.required_text(&fields, "field");
        let scale = if allowed.contains(&"scale") {
            self.required(&fields, "scale").and_then(|node| self.small(node, MAX_PRECISION))
        } else {
            Some(0)
        };
        let order_by = self.optional(&fields, "orderBy", Self::sort_keys);
        let population = self.optional(&fields, "population", Self::boolean);
        let discrete = self.optional(&fields, "discrete", Self::boolean);
        let p = match function.as_str() {
            "percentile" => self.required(&fields, "p").and_then(|node| self.percentage(node)),
            _ => Some((5, 1)),
        };
        let (field, scale) = (field?, scale?);
        let (order_by, population) = (order_by?.unwrap_or_default(), population?.unwrap_or(false));
        Some(match function.as_str() {
            "countDistinct" => Reduction::CountDistinct { field },
            "first" => Reduction::First { field, order_by },
            "last" => Reduction::Last { field, order_by },
            "max" => Reduction::Max { field },
            "mean" => Reduction::Mean { field, scale },
            "min" => Reduction::Min { field },
            "stddev" => Reduction::Stddev { field, scale, population },
            "sum" => Reduction::Sum { field },
            "variance" => Reduction::Variance { field, scale, population },
            _ => Reduction::Percentile { field, p: p?, scale, discrete: discrete?.unwrap_or(false) },
        })
    }

    /// A decimal from 0 to 1.
    fn percentage(&mut self, node: &Node) -> Option<(u64, u8)> {
        let (Kind::Text(text, _) | Kind::Number(text)) = &node.kind else {
            return self.fail(
                Code::WrongKind,
                node,
                format!("expected a number, found {}", node.kind_name()),
                None,
            );
        };
        let read = super::lexer::decimal(text).and_then(|(digits, scale)| {
            let most = 10i128.checked_pow(u32::from(scale)).filter(|_| scale <= 18)?;
            if digits <= most { Some((u64::try_from(digits).ok()?, scale)) } else { None }
        });
        match read {
            Some(p) => Some(p),
            None => {
                let message = format!("`{}` is no decimal from 0 to 1 with at most 18 digits", shown(text));
                self.fail(Code::OutOfRange, node, message, Some("the median is 0.5".to_string()))
            }
        }
    }

    fn compute(&mut self, node: &Node) -> Option<Compute> {
        let (_, op) = self.operation(node, &COMPUTES)?;
        Some(match op.as_str() {
            "math" => Compute::Math { columns: self.computed_columns(node, "`math`")? },
            "statistics" => {
                let fields = self.object(node, "`statistics`", &["op", "fields", "scale"])?;
                let names = self.required(&fields, "fields").and_then(|node| self.names(node));
                let scale = self.required(&fields, "scale").and_then(|node| self.small(node, MAX_PRECISION));
                Compute::Statistics { fields: names?, scale: scale? }
            }
            _ => {
                let fields = self.object(node, "`hash`", &["op", "as", "fields"])?;
                let name = self.required_text(&fields, "as");
                let names = self.optional(&fields, "fields", Self::names);
                Compute::Hash { fields: names?, name: name? }
            }
        })
    }

    /// `columns: {name: expression}`, or `as` and `expression` for one.
    fn computed_columns(&mut self, node: &Node, what: &'static str) -> Option<Vec<(String, Expr)>> {
        let fields = self.object(node, what, &["op", "columns", "as", "expression"])?;
        if fields.get("as").is_some() || fields.get("expression").is_some() {
            if let Some(columns) = fields.get("columns") {
                let message = format!("{what} takes `columns`, or `as` and `expression`, but not both");
                return self.fail(Code::UnknownField, columns, message, None);
            }
            let name = self.required_text(&fields, "as");
            let expression = self.required(&fields, "expression").and_then(|node| self.expression(node));
            return both(name, expression).map(|column| [column].into());
        }
        let columns = self.required(&fields, "columns")?;
        let members = self.members(columns, "`columns`")?;
        let read: Vec<_> = members
            .iter()
            .map(|member| Some((member.key.clone(), self.expression(&member.value)?)))
            .collect();
        let mut columns = read.into_iter().collect::<Option<Vec<_>>>()?;
        columns.sort_by(|(a, _), (b, _)| a.cmp(b));
        Some(columns)
    }

    /// Sort keys: names, or objects with more to say.
    fn sort_keys(&mut self, node: &Node) -> Option<Vec<SortKey>> {
        let items = self.list(node)?;
        let keys: Vec<_> = items.iter().map(|item| self.sort_key(item)).collect();
        keys.into_iter().collect()
    }

    fn sort_key(&mut self, node: &Node) -> Option<SortKey> {
        if let Kind::Text(..) = node.kind {
            return Some(SortKey { field: self.text(node)?, descending: false, nulls_first: false });
        }
        let fields = self.object(node, "a sort key", &["field", "descending", "nulls"])?;
        let field = self.required_text(&fields, "field");
        let descending = self.optional(&fields, "descending", Self::boolean);
        let words = [("first", true), ("last", false)];
        let nulls = self.optional(&fields, "nulls", |reader, node| reader.word(node, &words));
        let descending = descending?.unwrap_or(false);
        Some(SortKey { field: field?, descending, nulls_first: nulls?.unwrap_or(descending) })
    }

    fn branch(&mut self, fields: &Fields<'_>, depth: u32) -> Option<Branch> {
        let condition = self.required(fields, "condition").and_then(|node| self.condition(node));
        self.not_too_deep(fields.node, depth)?;
        let then = self.required(fields, "then").and_then(|node| self.sub_plan(node, depth + 1));
        let otherwise = self.required(fields, "else").and_then(|node| self.sub_plan(node, depth + 1));
        Some(Branch { condition: condition?, then: then?.into(), otherwise: otherwise?.into() })
    }

    fn condition(&mut self, node: &Node) -> Option<Condition> {
        let fields = self.object(node, "a condition", &["input", "expression"])?;
        let input = self.required_text(&fields, "input");
        let expression = self.required(&fields, "expression").and_then(|node| self.expression(node));
        both(input, expression).map(|(input, expression)| Condition { input, expression })
    }

    fn step_loop(&mut self, fields: &Fields<'_>, depth: u32) -> Option<Loop> {
        let input = self.required_text(fields, "input");
        let name = self.required_text(fields, "as");
        let max_iterations =
            self.required(fields, "maxIterations").and_then(|node| self.small(node, u32::MAX));
        self.not_too_deep(fields.node, depth)?;
        let body = self.required(fields, "body").and_then(|node| self.sub_plan(node, depth + 1));
        let for_each = self.optional(fields, "forEach", Self::boolean)?.unwrap_or(false);
        let until = self.optional(fields, "until", Self::condition)?;
        let mode = match (for_each, until) {
            (true, Some(_)) => {
                let message = "a loop has `until` or `forEach`, but not both".to_string();
                return self.fail(
                    Code::UnknownField,
                    fields.get("until").unwrap_or(fields.node),
                    message,
                    None,
                );
            }
            (true, None) => LoopMode::ForEach,
            (false, Some(until)) => LoopMode::Until(until),
            (false, None) => LoopMode::Times,
        };
        Some(Loop { input: input?, name: name?, max_iterations: max_iterations?, mode, body: body?.into() })
    }

    fn not_too_deep(&mut self, node: &Node, depth: u32) -> Option<()> {
        if depth < MAX_PLAN_DEPTH {
            return Some(());
        }
        self.fail(
            Code::TooDeep,
            node,
            format!("sub-plans are nested deeper than {MAX_PLAN_DEPTH} levels"),
            None,
        )
    }

    fn required_text(&mut self, fields: &Fields<'_>, name: &str) -> Option<String> {
        self.required(fields, name).and_then(|node| self.text(node))
    }

    /// An object of texts, sorted by key.
    fn text_map(&mut self, node: &Node, what: &'static str) -> Option<Vec<(String, String)>> {
        let members = self.members(node, what)?;
        let read: Vec<_> =
            members.iter().map(|member| Some((member.key.clone(), self.text(&member.value)?))).collect();
        let mut pairs = read.into_iter().collect::<Option<Vec<_>>>()?;
        pairs.sort_unstable();
        Some(pairs)
    }
}

/// An optional text with its node.
#[allow(clippy::option_option, reason = "an error and an absent member differ")]
fn fields_text<'n>(
    reader: &mut Reader<'_>,
    fields: &Fields<'n>,
    name: &str,
) -> Option<Option<(&'n Node, String)>> {
    match fields.get(name) {
        None => Some(None),
        Some(node) => reader.text(node).map(|text| Some((node, text))),
    }
}

/// Both, after both had their chance to report errors.
fn both<A, B>(a: Option<A>, b: Option<B>) -> Option<(A, B)> {
    Some((a?, b?))
}
