//! The canonical form of a plan, and its hash.
//!
//! The canonical form is RFC 8785 JSON in which every default is written out, schemas list columns, and
//! expressions are trees: `["gt",["col","amount"],["decimal","5.00"]]`. It is itself a plan.
//!
//! **Different plans have different canonical texts.** Every field of the model appears under its own member
//! (an absent optional field has no member), lists keep their order and length, strings are quoted, and a tree's
//! first element tells its kind: a literal's second element is never a list, while a call's arguments always are, so
//! the literal `["int","5"]` and the call `["int",["col","x"]]` differ. Only the byte offset of an expression in
//! its source, which has no meaning, is left out (and hints beyond the columns of their schema, which `check`
//! refuses). So whoever knows the hash knows the plan, whichever way the plan
//! came to him.

mod steps;

use alloc::{string::String, vec::Vec};

use proofmark_core::{
    Digest,
    json::{self, Sink},
    sha256::Sha256,
};

use crate::{
    calendar,
    expr::{Expr, ExprKind, Literal},
    model::{ColumnHint, Limits, Plan, VERSION},
    types::{Schema, Type},
};

/// The canonical text.
pub fn json(plan: &Plan) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    write(plan, &mut out);
    out
}

/// SHA-256 of the canonical text, which is never held in memory as a whole.
pub fn plan_hash(plan: &Plan) -> Digest {
    let mut blocks = Blocks { hasher: Sha256::new(), buffer: Buffer([0; BUFFER]), filled: 0 };
    write(plan, &mut blocks);
    Digest::sha256(blocks.finish())
}

/// Writes the canonical text.
pub fn write(plan: &Plan, sink: &mut impl Sink) {
    sink.put(b"{\"id\":");
    json::string(sink, &plan.id);
    if let Some(job) = &plan.job_request_hash {
        sink.put(b",\"jobRequestHash\":");
        digest(sink, job);
    }
    sink.put(b",\"limits\":");
    limits(sink, &plan.limits);
    sink.put(b",\"output\":{\"step\":");
    json::string(sink, &plan.output);
    sink.put(b"},\"steps\":");
    list(sink, &plan.steps, |sink, each| steps::step(sink, each));
    sink.put(b",\"version\":\"");
    sink.put(VERSION.as_bytes());
    sink.put(b"\"}");
}

/// Writes a schema as `{"columns":{…}}`; without hints, types only.
pub fn schema(sink: &mut impl Sink, schema: &Schema, hints: &[ColumnHint]) {
    sink.put(b"{\"columns\":");
    let mut hints = hints.iter();
    object(sink, schema.columns().iter().map(|column| (&column.name, column.ty)), |sink, ty| {
        let hint = hints.next().filter(|hint| hint.source.is_some() || hint.format.is_some());
        let Some(hint) = hint else {
            return column_type(sink, ty.ty, ty.nullable);
        };
        sink.put(b"{");
        if let Some(format) = &hint.format {
            sink.put(b"\"format\":");
            json::string(sink, format);
            sink.put(b",");
        }
        if let Some(source) = &hint.source {
            sink.put(b"\"source\":");
            json::string(sink, source);
            sink.put(b",");
        }
        sink.put(b"\"type\":");
        column_type(sink, ty.ty, ty.nullable);
        sink.put(b"}");
    });
    sink.put(b"}");
}

/// Writes an expression as a tree.
pub fn expression(sink: &mut impl Sink, expr: &Expr) {
    match &expr.kind {
        ExprKind::Call(function, arguments) => {
            sink.put(b"[\"");
            sink.put(function.name().as_bytes());
            sink.put(b"\"");
            for argument in arguments {
                sink.put(b",");
                expression(sink, argument);
            }
            sink.put(b"]");
        }
        ExprKind::Column(name) => column(sink, name),
        ExprKind::Literal(value) => literal(sink, value),
        ExprKind::Previous { column: name, by, order } => {
            sink.put(b"[\"previous\",");
            column(sink, name);
            sink.put(b",");
            names(sink, by);
            sink.put(b",");
            names(sink, order);
            sink.put(b"]");
        }
    }
}

fn column(sink: &mut impl Sink, name: &str) {
    sink.put(b"[\"col\",");
    json::string(sink, name);
    sink.put(b"]");
}

fn literal(sink: &mut impl Sink, value: &Literal) {
    match value {
        Literal::Bool(value) => sink.put(if *value { b"[\"bool\",true]" } else { b"[\"bool\",false]" }),
        Literal::Date(days) => {
            sink.put(b"[\"date\",\"");
            if (calendar::MIN_DATE..=calendar::MAX_DATE).contains(days) {
                sink.put(&calendar::date_text(*days));
            } else {
                // No plan that was read holds such a date; it still gets a text of its own.
                decimal(sink, i128::from(*days), 0);
            }
            sink.put(b"\"]");
        }
        Literal::Decimal(digits, scale) => {
            sink.put(b"[\"decimal\",\"");
            decimal(sink, *digits, *scale);
            sink.put(b"\"]");
        }
        Literal::Int(value) => {
            sink.put(b"[\"int\",\"");
            decimal(sink, i128::from(*value), 0);
            sink.put(b"\"]");
        }
        Literal::Null => sink.put(b"[\"null\"]"),
        Literal::String(text) => {
            sink.put(b"[\"string\",");
            json::string(sink, text);
            sink.put(b"]");
        }
        Literal::Timestamp(micros) => {
            sink.put(b"[\"timestamp\",\"");
            if (calendar::MIN_TIMESTAMP..=calendar::MAX_TIMESTAMP).contains(micros) {
                let (text, length) = calendar::timestamp_text(*micros);
                sink.put(&text[..length]);
            } else {
                decimal(sink, i128::from(*micros), 0);
            }
            sink.put(b"\"]");
        }
    }
}

/// Writes an unscaled number with `scale` digits after the point.
pub(crate) fn decimal(sink: &mut impl Sink, digits: i128, scale: u8) {
    if digits < 0 {
        sink.put(b"-");
    }
    // 2^128 has 39 digits; a scale is at most 255, so that the text has at most 256 digits.
    let mut text = [b'0'; 256];
    let mut at = text.len();
    let mut rest = digits.unsigned_abs();
    while rest > 0 {
        // Division of 64 bits is far cheaper inside a zkVM.
        let (mut low, places) = if let Ok(small) = u64::try_from(rest) {
            rest = 0;
            (small, 1)
        } else {
            let low = (rest % 10u128.pow(19)) as u64;
            rest /= 10u128.pow(19);
            (low, 19)
        };
        let end = at - places;
        while low > 0 || at > end {
            at -= 1;
            text[at] = b'0' + (low % 10) as u8;
            low /= 10;
        }
    }
    let point = text.len() - usize::from(scale);
    let start = at.min(point - 1);
    sink.put(&text[start..point]);
    if scale > 0 {
        sink.put(b".");
        sink.put(&text[point..]);
    }
}

fn column_type(sink: &mut impl Sink, ty: Type, nullable: bool) {
    let name: &[u8] = match ty {
        Type::Bool => b"\"bool",
        Type::Bytes => b"\"bytes",
        Type::Date => b"\"date",
        Type::Decimal { precision, scale } => {
            sink.put(b"\"decimal(");
            json::unsigned(sink, u64::from(precision));
            sink.put(b",");
            json::unsigned(sink, u64::from(scale));
            b")"
        }
        Type::Int => b"\"int",
        Type::String => b"\"string",
        Type::Timestamp => b"\"timestamp",
    };
    sink.put(name);
    sink.put(if nullable { b"?\"" } else { b"\"" });
}

fn limits(sink: &mut impl Sink, limits: &Limits) {
    sink.put(b"{\"maxCycles\":");
    json::unsigned(sink, limits.max_cycles);
    sink.put(b",\"maxMemoryBytes\":");
    json::unsigned(sink, limits.max_memory_bytes);
    sink.put(b",\"maxOutputBytes\":");
    json::unsigned(sink, limits.max_output_bytes);
    sink.put(b",\"maxSteps\":");
    json::unsigned(sink, limits.max_steps);
    sink.put(b"}");
}

fn digest(sink: &mut impl Sink, digest: &Digest) {
    sink.put(b"\"");
    sink.put(digest.algorithm().name().as_bytes());
    sink.put(b":");
    sink.put(digest.to_hex().as_bytes());
    sink.put(b"\"");
}

/// `fields` and a comma, if the plan names fields.
fn optional_fields(sink: &mut impl Sink, fields: Option<&[String]>) {
    if let Some(fields) = fields {
        sink.put(b"\"fields\":");
        names(sink, fields);
        sink.put(b",");
    }
}

/// What leads to a string, and the string.
fn member(sink: &mut impl Sink, before: &[u8], text: &str) {
    sink.put(before);
    json::string(sink, text);
}

fn names(sink: &mut impl Sink, names: &[String]) {
    list(sink, names, |sink, name| json::string(sink, name));
}

fn list<S: Sink, T>(sink: &mut S, items: &[T], mut write: impl FnMut(&mut S, &T)) {
    sink.put(b"[");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            sink.put(b",");
        }
        write(sink, item);
    }
    sink.put(b"]");
}

fn object<'a, S: Sink, T>(
    sink: &mut S,
    members: impl Iterator<Item = (&'a String, T)>,
    mut write: impl FnMut(&mut S, T),
) {
    sink.put(b"{");
    for (at, (name, value)) in members.enumerate() {
        if at > 0 {
            sink.put(b",");
        }
        json::string(sink, name);
        sink.put(b":");
        write(sink, value);
    }
    sink.put(b"}");
}

/// Gathers small pieces, because each call of a hasher costs inside a zkVM.
struct Blocks {
    hasher: Sha256,
    buffer: Buffer,
    filled: usize,
}

/// Sixteen blocks of SHA-256.
const BUFFER: usize = 1024;

/// Aligned as the accelerators of zkVMs want their blocks.
#[repr(align(4))]
struct Buffer([u8; BUFFER]);

impl Sink for Blocks {
    fn put(&mut self, mut bytes: &[u8]) {
        while bytes.len() > BUFFER - self.filled {
            let (now, later) = bytes.split_at(BUFFER - self.filled);
            self.buffer.0[self.filled..].copy_from_slice(now);
            self.hasher.update(&self.buffer.0);
            self.filled = 0;
            bytes = later;
        }
        self.buffer.0[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }
}

impl Blocks {
    fn finish(mut self) -> [u8; 32] {
        self.hasher.update(&self.buffer.0[..self.filled]);
        self.hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal_text(digits: i128, scale: u8) -> String {
        let mut out = Vec::new();
        decimal(&mut out, digits, scale);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_have_their_scale() {
        for (digits, scale, text) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (5, 2, "0.05"),
            (-150, 2, "-1.50"),
            (10i128.pow(19), 0, "10000000000000000000"),
            (10i128.pow(38) - 1, 38, "0.99999999999999999999999999999999999999"),
            (i128::MIN, 0, "-170141183460469231731687303715884105728"),
            (-(10i128.pow(20) + 7), 3, "-100000000000000000.007"),
        ] {
            assert_eq!(decimal_text(digits, scale), text);
        }
        assert_eq!(decimal_text(1, 255).len(), 257);
    }

    #[test]
    fn the_hash_is_of_the_text() {
        let plan = Plan {
            id: "x".repeat(5000),
            job_request_hash: Some(Digest::of(b"job")),
            steps: Vec::new(),
            output: "a".into(),
            limits: Limits::DEFAULT,
        };
        let text = json(&plan);
        assert_eq!(plan_hash(&plan), Digest::of(&text));
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(serde_json::to_vec(&value).unwrap(), text, "members are sorted");
    }
}
