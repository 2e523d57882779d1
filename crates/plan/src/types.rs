//! Types of columns and values, and schemas.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, str::FromStr};

/// The most decimal digits of a `decimal`.
pub const MAX_PRECISION: u8 = 38;

/// The type of a column, without nullability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// True or false.
    Bool,
    /// A byte string.
    Bytes,
    /// Days since 1970-01-01 in the proleptic Gregorian calendar, years 1 to 9999.
    Date,
    /// An exact number of at most `precision` digits, `scale` of them after the point.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: u8,
    },
    /// A 64-bit signed integer.
    Int,
    /// UTF-8 text, compared by bytes.
    String,
    /// Microseconds since 1970-01-01T00:00:00Z, years 1 to 9999.
    Timestamp,
}

impl Type {
    /// The scale as a number: zero for `int`, `None` for what is not a number.
    pub const fn scale(self) -> Option<u8> {
        match self {
            Self::Int => Some(0),
            Self::Decimal { scale, .. } => Some(scale),
            _ => None,
        }
    }

    /// Bytes of a value in a leaf, or `None` for `string` and `bytes`.
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::Bool => Some(1),
            Self::Date => Some(4),
            Self::Decimal { precision: ..=9, .. } => Some(4),
            Self::Decimal { precision: ..=18, .. } | Self::Int | Self::Timestamp => Some(8),
            Self::Decimal { .. } => Some(16),
            Self::Bytes | Self::String => None,
        }
    }

    /// Whether values live in memory as `i128` rather than `i64`.
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::Decimal { precision: 19.., .. })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Bytes => f.write_str("bytes"),
            Self::Date => f.write_str("date"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Int => f.write_str("int"),
            Self::String => f.write_str("string"),
            Self::Timestamp => f.write_str("timestamp"),
        }
    }
}

/// The type of a column with its nullability, written with a `?` if nullable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ColumnType {
    /// The type of values that are not null.
    pub ty: Type,
    /// Whether a value may be null.
    pub nullable: bool,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.ty, if self.nullable { "?" } else { "" })
    }
}

impl FromStr for ColumnType {
    type Err = ParseTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, nullable) = match text.strip_suffix('?') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let ty = match name {
            "bool" => Type::Bool,
            "bytes" => Type::Bytes,
            "date" => Type::Date,
            "int" => Type::Int,
            "string" => Type::String,
            "timestamp" => Type::Timestamp,
            _ => {
                let arguments = name.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')'));
                let (precision, scale) =
                    arguments.and_then(|text| text.split_once(',')).ok_or(ParseTypeError::Unknown)?;
                let number = |text: &str| {
                    let text = text.trim_matches(' ');
                    let digits =
                        (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
                    if digits { text.parse::<u8>().ok() } else { None }
                };
                match (number(precision), number(scale)) {
                    (Some(precision @ 1..=MAX_PRECISION), Some(scale)) if scale <= precision => {
                        Type::Decimal { precision, scale }
                    }
                    _ => return Err(ParseTypeError::DecimalOutOfRange),
                }
            }
        };
        Ok(Self { ty, nullable })
    }
}

/// Why a text is not a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseTypeError {
    /// Precision or scale is out of range or no number.
    DecimalOutOfRange,
    /// No type has this name.
    Unknown,
}

impl fmt::Display for ParseTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DecimalOutOfRange => "decimal(p,s) needs 1 <= p <= 38 and 0 <= s <= p",
            Self::Unknown => {
                "types are int, decimal(p,s), bool, string, bytes, date and timestamp, with `?` if nullable"
            }
        })
    }
}

impl core::error::Error for ParseTypeError {}

/// A column of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name: `[A-Za-z_][A-Za-z0-9_]*`, at most 64 characters.
    pub name: String,
    /// Its type.
    pub ty: ColumnType,
}

/// The columns of a table, sorted by name without duplicates. Cloning shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    columns: Arc<[Column]>,
}

impl Schema {
    /// Sorts columns into a schema; on a duplicate, returns its name.
    pub fn new(mut columns: Vec<Column>) -> Result<Self, String> {
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        match columns.windows(2).find(|pair| pair[0].name == pair[1].name) {
            Some(pair) => Err(pair[0].name.clone()),
            None => Ok(Self { columns: columns.into() }),
        }
    }

    /// The columns, sorted by name.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The index of the column called `name`.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.binary_search_by(|column| column.name.as_str().cmp(name)).ok()
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, column) in self.columns.iter().enumerate() {
            write!(f, "{}{}: {}", if at > 0 { ", " } else { "" }, column.name, column.ty)?;
        }
        f.write_str("}")
    }
}

/// The type of a value: what a step results in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A raw file.
    Bytes,
    /// A table.
    Table(Schema),
}
