//! The canonical form of steps and their operations.

use proofmark_core::json::{self, Sink};

use super::{decimal, digest, expression, list, member, names, object, optional_fields, schema};
use crate::model::{
    Aggregate, Attestation, Branch, Compute, Condition, DataInput, InputSchema, Loop, LoopMode, MergeHow,
    ParseFormat, Reduction, SerializeFormat, SortKey, SourceKind, Step, StepKind, SubPlan, Transform,
};

pub(super) fn step(sink: &mut impl Sink, step: &Step) {
    sink.put(b"{");
    match &step.kind {
        StepKind::Aggregate(aggregate) => {
            step_aggregate(sink, &step.id, aggregate);
            sink.put(b",\"type\":\"aggregate\"}");
        }
        StepKind::Branch(Branch { condition: test, then, otherwise }) => {
            sink.put(b"\"condition\":");
            condition(sink, test);
            sink.put(b",\"else\":");
            sub_plan(sink, otherwise);
            member(sink, b",\"id\":", &step.id);
            sink.put(b",\"then\":");
            sub_plan(sink, then);
            sink.put(b",\"type\":\"branch\"}");
        }
        StepKind::Compute { input, operation } => {
            before_operation(sink, &step.id, input);
            compute(sink, operation);
            sink.put(b",\"type\":\"compute\"}");
        }
        StepKind::DataInput(input) => data_input(sink, &step.id, input),
        StepKind::Filter { input, condition } => {
            sink.put(b"\"condition\":");
            expression(sink, condition);
            member(sink, b",\"id\":", &step.id);
            member(sink, b",\"input\":", input);
            sink.put(b",\"type\":\"filter\"}");
        }
        StepKind::Loop(each) => step_loop(sink, &step.id, each),
        StepKind::Transform { input, operation } => {
            before_operation(sink, &step.id, input);
            transform(sink, operation);
            sink.put(b",\"type\":\"transform\"}");
        }
    }
}

/// The members that stand before the operation of a step.
fn before_operation(sink: &mut impl Sink, id: &str, input: &str) {
    member(sink, b"\"id\":", id);
    member(sink, b",\"input\":", input);
    sink.put(b",\"operation\":");
}

fn data_input(sink: &mut impl Sink, id: &str, input: &DataInput) {
    if let Some(root) = &input.data_commitment {
        sink.put(b"\"dataCommitment\":");
        digest(sink, root);
        sink.put(b",");
    }
    member(sink, b"\"id\":", id);
    sink.put(b",\"rowsPerLeaf\":");
    json::unsigned(sink, u64::from(input.rows_per_leaf));
    sink.put(b",\"schema\":");
    match &input.schema {
        InputSchema::Bytes => sink.put(b"\"bytes\""),
        InputSchema::Table { schema: table, hints } => schema(sink, table, hints),
    }
    sink.put(b",\"source\":{\"attestation\":");
    sink.put(match input.source.attestation {
        Attestation::None => b"\"none\"",
        Attestation::TlsNotary => b"\"tls-notary\"",
        Attestation::TrustedProvider => b"\"trusted-provider\"",
    });
    sink.put(b",\"type\":");
    sink.put(match input.source.kind {
        SourceKind::Api => b"\"api\"",
        SourceKind::File => b"\"file\"",
        SourceKind::Parameter => b"\"parameter\"",
        SourceKind::PreviousJob => b"\"previous-job\"",
    });
    if let Some(uri) = &input.source.uri {
        member(sink, b",\"uri\":", uri);
    }
    sink.put(b"},\"type\":\"data-input\"}");
}

fn transform(sink: &mut impl Sink, operation: &Transform) {
    match operation {
        Transform::Custom { wasm_module, function_name, schema: result } => {
            member(sink, b"{\"functionName\":", function_name);
            sink.put(b",\"op\":\"custom\",\"schema\":");
            schema(sink, result, &[]);
            sink.put(b",\"wasmModule\":");
            digest(sink, wasm_module);
        }
        Transform::Distinct { fields } => {
            sink.put(b"{");
            optional_fields(sink, fields.as_deref());
            sink.put(b"\"op\":\"distinct\"");
        }
        Transform::Limit { count, offset } => {
            sink.put(b"{\"count\":");
            json::unsigned(sink, *count);
            sink.put(b",\"offset\":");
            json::unsigned(sink, *offset);
            sink.put(b",\"op\":\"limit\"");
        }
        Transform::Map { columns } => {
            sink.put(b"{\"columns\":");
            object(sink, columns.iter().map(|(name, expr)| (name, expr)), expression);
            sink.put(b",\"op\":\"map\"");
        }
        Transform::Parse { format, schema: result, hints } => {
            match format {
                ParseFormat::Csv { delimiter } => {
                    sink.put(b"{\"delimiter\":");
                    json::string(sink, char::from(*delimiter).encode_utf8(&mut [0; 4]));
                    sink.put(b",\"format\":\"csv\",\"op\":\"parse\"");
                }
                ParseFormat::Json { path } => {
                    sink.put(b"{\"format\":\"json\",\"op\":\"parse\",\"path\":");
                    names(sink, path);
                }
                ParseFormat::Xml { record } => {
                    sink.put(b"{\"format\":\"xml\",\"op\":\"parse\",\"record\":");
                    json::string(sink, record);
                }
            }
            sink.put(b",\"schema\":");
            schema(sink, result, hints);
        }
        Transform::Rename { mapping } => {
            sink.put(b"{\"mapping\":");
            object(sink, mapping.iter().map(|(old, new)| (old, new)), |sink, new| json::string(sink, new));
            sink.put(b",\"op\":\"rename\"");
        }
        Transform::Select { fields } => {
            sink.put(b"{\"fields\":");
            names(sink, fields);
            sink.put(b",\"op\":\"select\"");
        }
        Transform::Serialize { format, fields } => {
            sink.put(b"{");
            optional_fields(sink, fields.as_deref());
            sink.put(match format {
                SerializeFormat::Csv => b"\"format\":\"csv\"",
                SerializeFormat::Json => b"\"format\":\"json\"",
            });
            sink.put(b",\"op\":\"serialize\"");
        }
        Transform::Sort { by, limit } => {
            sink.put(b"{\"by\":");
            sort_keys(sink, by);
            if let Some(limit) = limit {
                sink.put(b",\"limit\":");
                json::unsigned(sink, *limit);
            }
            sink.put(b",\"op\":\"sort\"");
        }
    }
    sink.put(b"}");
}

fn step_aggregate(sink: &mut impl Sink, id: &str, aggregate: &Aggregate) {
    member(sink, b"\"id\":", id);
    match aggregate {
        Aggregate::Concat { inputs } => {
            sink.put(b",\"inputs\":");
            names(sink, inputs);
            sink.put(b",\"operation\":{\"op\":\"concat\"}");
        }
        Aggregate::Merge { left, right, how, on } => {
            member(sink, b",\"inputs\":[", left);
            member(sink, b",", right);
            sink.put(b"],\"operation\":{\"how\":");
            sink.put(match how {
                MergeHow::Anti => b"\"anti\"",
                MergeHow::Full => b"\"full\"",
                MergeHow::Inner => b"\"inner\"",
                MergeHow::Left => b"\"left\"",
                MergeHow::Semi => b"\"semi\"",
                MergeHow::Union => b"\"union\"",
            });
            sink.put(b",\"on\":");
            object(sink, on.iter().map(|(left, right)| (left, right)), |sink, right| {
                json::string(sink, right)
            });
            sink.put(b",\"op\":\"merge\"}");
        }
        Aggregate::Reduce { input, group_by, aggregates } => {
            member(sink, b",\"input\":", input);
            sink.put(b",\"operation\":{\"aggregates\":");
            object(sink, aggregates.iter().map(|(name, each)| (name, each)), reduction);
            sink.put(b",\"groupBy\":");
            names(sink, group_by);
            sink.put(b",\"op\":\"reduce\"}");
        }
    }
}

fn reduction(sink: &mut impl Sink, reduction: &Reduction) {
    match reduction {
        Reduction::Count { field: None } => sink.put(b"{\"fn\":\"count\"}"),
        Reduction::Count { field: Some(field) } => field_and(sink, field, b",\"fn\":\"count\"}"),
        Reduction::CountDistinct { field } => field_and(sink, field, b",\"fn\":\"countDistinct\"}"),
        Reduction::First { field, order_by } => {
            field_and(sink, field, b",\"fn\":\"first\",\"orderBy\":");
            sort_keys(sink, order_by);
            sink.put(b"}");
        }
        Reduction::Last { field, order_by } => {
            field_and(sink, field, b",\"fn\":\"last\",\"orderBy\":");
            sort_keys(sink, order_by);
            sink.put(b"}");
        }
        Reduction::Max { field } => field_and(sink, field, b",\"fn\":\"max\"}"),
        Reduction::Mean { field, scale } => {
            field_and(sink, field, b",\"fn\":\"mean\",\"scale\":");
            json::unsigned(sink, u64::from(*scale));
            sink.put(b"}");
        }
        Reduction::Min { field } => field_and(sink, field, b",\"fn\":\"min\"}"),
        Reduction::Percentile { field, p: (digits, p_scale), scale, discrete } => {
            sink.put(if *discrete { b"{\"discrete\":true" } else { b"{\"discrete\":false" });
            member(sink, b",\"field\":", field);
            sink.put(b",\"fn\":\"percentile\",\"p\":\"");
            decimal(sink, i128::from(*digits), *p_scale);
            sink.put(b"\",\"scale\":");
            json::unsigned(sink, u64::from(*scale));
            sink.put(b"}");
        }
        Reduction::Stddev { field, scale, population } => {
            field_and(sink, field, b",\"fn\":\"stddev\"");
            spread(sink, *scale, *population);
        }
        Reduction::Sum { field } => field_and(sink, field, b",\"fn\":\"sum\"}"),
        Reduction::Variance { field, scale, population } => {
            field_and(sink, field, b",\"fn\":\"variance\"");
            spread(sink, *scale, *population);
        }
    }
}

fn field_and(sink: &mut impl Sink, field: &str, end: &[u8]) {
    member(sink, b"{\"field\":", field);
    sink.put(end);
}

fn spread(sink: &mut impl Sink, scale: u8, population: bool) {
    sink.put(if population { b",\"population\":true" } else { b",\"population\":false" });
    sink.put(b",\"scale\":");
    json::unsigned(sink, u64::from(scale));
    sink.put(b"}");
}

fn compute(sink: &mut impl Sink, operation: &Compute) {
    match operation {
        Compute::Hash { fields, name } => {
            member(sink, b"{\"as\":", name);
            sink.put(b",");
            optional_fields(sink, fields.as_deref());
            sink.put(b"\"op\":\"hash\"}");
        }
        Compute::Math { columns } => {
            sink.put(b"{\"columns\":");
            object(sink, columns.iter().map(|(name, expr)| (name, expr)), expression);
            sink.put(b",\"op\":\"math\"}");
        }
        Compute::Statistics { fields, scale } => {
            sink.put(b"{\"fields\":");
            names(sink, fields);
            sink.put(b",\"op\":\"statistics\",\"scale\":");
            json::unsigned(sink, u64::from(*scale));
            sink.put(b"}");
        }
    }
}

fn step_loop(sink: &mut impl Sink, id: &str, each: &Loop) {
    member(sink, b"\"as\":", &each.name);
    sink.put(b",\"body\":");
    sub_plan(sink, &each.body);
    sink.put(match each.mode {
        LoopMode::ForEach => b",\"forEach\":true",
        LoopMode::Times | LoopMode::Until(_) => b",\"forEach\":false",
    });
    member(sink, b",\"id\":", id);
    member(sink, b",\"input\":", &each.input);
    sink.put(b",\"maxIterations\":");
    json::unsigned(sink, u64::from(each.max_iterations));
    sink.put(b",\"type\":\"loop\"");
    if let LoopMode::Until(until) = &each.mode {
        sink.put(b",\"until\":");
        condition(sink, until);
    }
    sink.put(b"}");
}

fn sub_plan(sink: &mut impl Sink, plan: &SubPlan) {
    member(sink, b"{\"output\":{\"step\":", &plan.output);
    sink.put(b"},\"steps\":");
    list(sink, &plan.steps, |sink, each| step(sink, each));
    sink.put(b"}");
}

fn condition(sink: &mut impl Sink, condition: &Condition) {
    sink.put(b"{\"expression\":");
    expression(sink, &condition.expression);
    member(sink, b",\"input\":", &condition.input);
    sink.put(b"}");
}

fn sort_keys(sink: &mut impl Sink, keys: &[SortKey]) {
    list(sink, keys, |sink, key| {
        sink.put(if key.descending { b"{\"descending\":true" } else { b"{\"descending\":false" });
        member(sink, b",\"field\":", &key.field);
        sink.put(if key.nulls_first { b",\"nulls\":\"first\"}" } else { b",\"nulls\":\"last\"}" });
    });
}
