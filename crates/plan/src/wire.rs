//! A compact binary form of a plan, for the way into a zkVM guest.
//!
//! **Why a second form is safe.** The guest decodes this form into a [`Plan`], and everything after that (the
//! check, the hash, the execution) sees only that `Plan`. The hash is computed from it by printing the canonical
//! text, which differs for different plans (see `canonical`). So two wire forms under one plan hash decode to one
//! and the same plan; that a plan may have several wire forms (a varint with needless bytes, say) changes nothing.
//!
//! Decoding is total and bounded: lengths are believed only as far as bytes follow, nesting stops at
//! [`MAX_EXPRESSION_DEPTH`] and [`MAX_PLAN_DEPTH`], values outside their range are refused.
//!
//! Integers are LEB128 varints (signed ones zigzag), texts are length and UTF-8, lists length and items, options and
//! enums a number and content. The byte offsets of expressions are not kept: they read as zero.

use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};
use core::fmt;

use proofmark_core::{Algorithm, Digest};

use crate::{
    calendar,
    expr::{Expr, ExprKind, Function, Literal},
    model::{
        Aggregate, Attestation, Branch, ColumnHint, Compute, Condition, DataInput, InputSchema, Limits, Loop,
        LoopMode, MAX_EXPRESSION_DEPTH, MAX_PLAN_DEPTH, MergeHow, ParseFormat, Plan, Reduction,
        SerializeFormat, SortKey, Source, SourceKind, Step, StepKind, SubPlan, Transform,
    },
    types::{Column, ColumnType, MAX_PRECISION, Schema, Type},
};

/// The first byte of every wire form.
const MAGIC: u8 = 0xa1;
/// The longest wire form that is read, in bytes.
pub const MAX_WIRE_BYTES: usize = 16 << 20;

/// The wire form of `plan`.
pub fn encode(plan: &Plan) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.push(MAGIC);
    plan.put(&mut out);
    out
}

/// Reads a wire form.
///
/// # Errors
/// If `bytes` are not a wire form; whoever made them is at fault.
pub fn decode(bytes: &[u8]) -> Result<Plan, WireError> {
    if bytes.len() > MAX_WIRE_BYTES {
        return Err(WireError::TooLong);
    }
    let mut reader = Reader { rest: bytes, expression_depth: 0, plan_depth: 0 };
    if reader.byte()? != MAGIC {
        return Err(WireError::NotAPlan);
    }
    let plan = Plan::get(&mut reader)?;
    if reader.rest.is_empty() { Ok(plan) } else { Err(WireError::TrailingBytes) }
}

/// Why bytes are not a wire form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// The first byte is another one.
    NotAPlan,
    /// A number does not fit, or a value is outside its range.
    OutOfRange,
    /// A schema is not sorted, or names a column twice.
    Schema,
    /// Expressions or sub-plans are nested too deep.
    TooDeep,
    /// More than [`MAX_WIRE_BYTES`].
    TooLong,
    /// Bytes after the plan.
    TrailingBytes,
    /// The bytes end inside the plan.
    Truncated,
    /// The number of a variant that does not exist.
    UnknownVariant,
    /// A text is not UTF-8.
    Utf8,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an encoded plan: ")?;
        f.write_str(match self {
            Self::NotAPlan => "the first byte is wrong",
            Self::OutOfRange => "a value is out of range",
            Self::Schema => "a schema is not sorted",
            Self::TooDeep => "nested too deep",
            Self::TooLong => "longer than 16 MiB",
            Self::TrailingBytes => "more bytes follow",
            Self::Truncated => "the bytes end too early",
            Self::UnknownVariant => "an unknown kind of value",
            Self::Utf8 => "a text is not UTF-8",
        })
    }
}

impl core::error::Error for WireError {}

struct Reader<'a> {
    rest: &'a [u8],
    expression_depth: u32,
    plan_depth: u32,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, WireError> {
        let (&first, rest) = self.rest.split_first().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn length(&mut self) -> Result<usize, WireError> {
        let length = usize::try_from(u64::get(self)?).map_err(|_| WireError::Truncated)?;
        // Every item of a list takes at least one byte.
        if length > self.rest.len() { Err(WireError::Truncated) } else { Ok(length) }
    }
}

/// A value with a wire form.
trait Wire: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError>;
}

impl Wire for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let first = reader.byte()?;
        let mut value = Self::from(first & 0x7f);
        let (mut byte, mut shift) = (first, 7);
        while byte >= 0x80 {
            byte = reader.byte()?;
            let bits = Self::from(byte & 0x7f);
            if shift > 63 || shift == 63 && bits > 1 {
                return Err(WireError::OutOfRange);
            }
            value |= bits << shift;
            shift += 7;
        }
        Ok(value)
    }
}

macro_rules! small_integers {
    ($($ty:ty),+) => {$(
        impl Wire for $ty {
            fn put(&self, out: &mut Vec<u8>) {
                u64::from(*self).put(out);
            }
            fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
                u64::get(reader)?.try_into().map_err(|_| WireError::OutOfRange)
            }
        }
    )+};
}

small_integers!(u8, u16, u32);

impl Wire for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        ((self << 1) ^ (self >> 63)).cast_unsigned().put(out);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let value = u64::get(reader)?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::OutOfRange),
        }
    }
}

impl Wire for String {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let length = reader.length()?;
        core::str::from_utf8(reader.take(length)?).map(ToOwned::to_owned).map_err(|_| WireError::Utf8)
    }
}

impl Wire for Box<str> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        String::get(reader).map(String::into_boxed_str)
    }
}

impl Wire for Digest {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(match self.algorithm() {
            Algorithm::Poseidon2KoalaBear => 1,
            _ => 0,
        });
        out.extend_from_slice(self.as_bytes());
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let algorithm = match reader.byte()? {
            0 => Algorithm::Sha256,
            1 => Algorithm::Poseidon2KoalaBear,
            _ => return Err(WireError::UnknownVariant),
        };
        let bytes = reader.take(32)?.try_into().map_err(|_| WireError::Truncated)?;
        Ok(Self::new(algorithm, bytes))
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        if bool::get(reader)? { T::get(reader).map(Some) } else { Ok(None) }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        for item in self {
            item.put(out);
        }
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let length = reader.length()?;
        // A small reserve: a hostile length must not cost memory before its items arrive.
        let mut items = Self::with_capacity(length.min(64));
        for _ in 0..length {
            items.push(T::get(reader)?);
        }
        Ok(items)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok((A::get(reader)?, B::get(reader)?))
    }
}

impl<T: Wire> Wire for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        T::get(reader).map(Self::new)
    }
}

macro_rules! structs {
    ($($name:ident { $($field:ident),+ })+) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)+
            }
            fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(Self { $($field: Wire::get(reader)?),+ })
            }
        }
    )+};
}

structs! {
    Branch { condition, then, otherwise }
    ColumnHint { source, format }
    Condition { input, expression }
    DataInput { data_commitment, schema, source, rows_per_leaf }
    Limits { max_memory_bytes, max_cycles, max_output_bytes, max_steps }
    Loop { input, name, max_iterations, mode, body }
    Plan { id, job_request_hash, steps, output, limits }
    SortKey { field, descending, nulls_first }
    Source { kind, uri, attestation }
    Step { id, kind }
}

/// Enums by number; the numbers are part of the format.
macro_rules! enums {
    ($($name:ident {
        $($number:literal => $variant:ident $({ $($field:ident),+ })? $(( $($item:ident),+ ))?,)+
    })+) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $({ $($field),+ })? $(( $($item),+ ))? => {
                        out.push($number);
                        $($($field.put(out);)+)?
                        $($($item.put(out);)+)?
                    })+
                }
            }
            fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(match reader.byte()? {
                    $($number => Self::$variant
                        $({ $($field: Wire::get(reader)?),+ })?
                        $(( $({ let $item = Wire::get(reader)?; $item }),+ ))?,)+
                    _ => return Err(WireError::UnknownVariant),
                })
            }
        }
    )+};
}

enums! {
    Aggregate {
        0 => Concat { inputs },
        1 => Merge { left, right, how, on },
        2 => Reduce { input, group_by, aggregates },
    }
    Attestation { 0 => None, 1 => TlsNotary, 2 => TrustedProvider, }
    Compute {
        0 => Hash { fields, name },
        1 => Math { columns },
        2 => Statistics { fields, scale },
    }
    ExprKind {
        0 => Call(function, arguments),
        1 => Column(name),
        2 => Literal(value),
        3 => Previous { column, by, order },
    }
    InputSchema { 0 => Bytes, 1 => Table { schema, hints }, }
    LoopMode { 0 => ForEach, 1 => Times, 2 => Until(condition), }
    MergeHow { 0 => Anti, 1 => Full, 2 => Inner, 3 => Left, 4 => Semi, 5 => Union, }
    ParseFormat { 0 => Csv { delimiter }, 1 => Json { path }, 2 => Xml { record }, }
    Reduction {
        0 => Count { field },
        1 => CountDistinct { field },
        2 => First { field, order_by },
        3 => Last { field, order_by },
        4 => Max { field },
        5 => Mean { field, scale },
        6 => Min { field },
        7 => Percentile { field, p, scale, discrete },
        8 => Stddev { field, scale, population },
        9 => Sum { field },
        10 => Variance { field, scale, population },
    }
    SerializeFormat { 0 => Csv, 1 => Json, }
    SourceKind { 0 => Api, 1 => File, 2 => Parameter, 3 => PreviousJob, }
    StepKind {
        0 => Aggregate(aggregate),
        1 => Branch(branch),
        2 => Compute { input, operation },
        3 => DataInput(data),
        4 => Filter { input, condition },
        5 => Loop(each),
        6 => Transform { input, operation },
    }
    Transform {
        0 => Custom { wasm_module, function_name, schema },
        1 => Distinct { fields },
        2 => Limit { count, offset },
        3 => Map { columns },
        4 => Parse { format, schema, hints },
        5 => Rename { mapping },
        6 => Select { fields },
        7 => Serialize { format, fields },
        8 => Sort { by, limit },
    }
}

impl Wire for SubPlan {
    fn put(&self, out: &mut Vec<u8>) {
        self.steps.put(out);
        self.output.put(out);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        if reader.plan_depth == MAX_PLAN_DEPTH {
            return Err(WireError::TooDeep);
        }
        reader.plan_depth += 1;
        let plan = Self { steps: Wire::get(reader)?, output: Wire::get(reader)? };
        reader.plan_depth -= 1;
        Ok(plan)
    }
}

impl Wire for Expr {
    fn put(&self, out: &mut Vec<u8>) {
        self.kind.put(out);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        if reader.expression_depth == MAX_EXPRESSION_DEPTH {
            return Err(WireError::TooDeep);
        }
        reader.expression_depth += 1;
        let kind = ExprKind::get(reader)?;
        reader.expression_depth -= 1;
        Ok(Self { kind, at: 0 })
    }
}

impl Wire for Function {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::ALL.get(usize::from(reader.byte()?)).copied().ok_or(WireError::UnknownVariant)
    }
}

impl Wire for Literal {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(0),
            Self::Bool(value) => {
                out.push(1);
                value.put(out);
            }
            Self::Date(days) => {
                out.push(2);
                i64::from(*days).put(out);
            }
            Self::Decimal(digits, scale) => {
                out.push(3);
                out.push(*scale);
                // The high half is nearly always zero or minus one.
                ((digits >> 64) as i64).put(out);
                (*digits as u64).put(out);
            }
            Self::Int(value) => {
                out.push(4);
                value.put(out);
            }
            Self::String(text) => {
                out.push(5);
                text.put(out);
            }
            Self::Timestamp(micros) => {
                out.push(6);
                micros.put(out);
            }
        }
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let in_range = |fits| if fits { Ok(()) } else { Err(WireError::OutOfRange) };
        Ok(match reader.byte()? {
            0 => Self::Null,
            1 => Self::Bool(Wire::get(reader)?),
            2 => {
                let days = i32::try_from(i64::get(reader)?).map_err(|_| WireError::OutOfRange)?;
                in_range((calendar::MIN_DATE..=calendar::MAX_DATE).contains(&days))?;
                Self::Date(days)
            }
            3 => {
                let scale = reader.byte()?;
                let high = i64::get(reader)?;
                let digits = i128::from(high) << 64 | i128::from(u64::get(reader)?);
                in_range(scale <= MAX_PRECISION && digits.unsigned_abs() < 10u128.pow(MAX_PRECISION.into()))?;
                Self::Decimal(digits, scale)
            }
            4 => Self::Int(Wire::get(reader)?),
            5 => Self::String(Wire::get(reader)?),
            6 => {
                let micros = i64::get(reader)?;
                in_range((calendar::MIN_TIMESTAMP..=calendar::MAX_TIMESTAMP).contains(&micros))?;
                Self::Timestamp(micros)
            }
            _ => return Err(WireError::UnknownVariant),
        })
    }
}

impl Wire for ColumnType {
    fn put(&self, out: &mut Vec<u8>) {
        let tag = match self.ty {
            Type::Bool => 0,
            Type::Bytes => 1,
            Type::Date => 2,
            Type::Decimal { .. } => 3,
            Type::Int => 4,
            Type::String => 5,
            Type::Timestamp => 6,
        };
        out.push(tag << 1 | u8::from(self.nullable));
        if let Type::Decimal { precision, scale } = self.ty {
            out.extend_from_slice(&[precision, scale]);
        }
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let tag = reader.byte()?;
        let ty = match tag >> 1 {
            0 => Type::Bool,
            1 => Type::Bytes,
            2 => Type::Date,
            3 => match (reader.byte()?, reader.byte()?) {
                (precision @ 1..=MAX_PRECISION, scale) if scale <= precision => {
                    Type::Decimal { precision, scale }
                }
                _ => return Err(WireError::OutOfRange),
            },
            4 => Type::Int,
            5 => Type::String,
            6 => Type::Timestamp,
            _ => return Err(WireError::UnknownVariant),
        };
        Ok(Self { ty, nullable: tag & 1 == 1 })
    }
}

impl Wire for Schema {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        for column in self.columns() {
            column.name.put(out);
            column.ty.put(out);
        }
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let length = reader.length()?;
        let mut columns = Vec::with_capacity(length.min(64));
        for _ in 0..length {
            columns.push(Column { name: Wire::get(reader)?, ty: Wire::get(reader)? });
        }
        // Sorting here would let the hints beside a schema drift from their columns.
        if columns.windows(2).any(|pair| pair[0].name >= pair[1].name) {
            return Err(WireError::Schema);
        }
        Self::new(columns).map_err(|_| WireError::Schema)
    }
}
