//! Expressions as syntax trees. The text form is read by `text`; only the tree is hashed.

use alloc::{boxed::Box, string::String, vec::Vec};

/// An expression and where it starts in its text.
#[derive(Clone, Debug)]
pub struct Expr {
    /// The expression.
    pub kind: ExprKind,
    /// Byte offset in the text that it was read from; zero if it was read from a tree.
    pub at: u32,
}

/// Position is no part of an expression's identity.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Expr {}

/// What an expression is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    /// An operator or a function.
    Call(Function, Vec<Expr>),
    /// A column of the input.
    Column(String),
    /// A constant.
    Literal(Literal),
    /// The value of a column in the row before.
    Previous {
        /// The column to look at.
        column: String,
        /// Rows with equal values here belong together.
        by: Vec<String>,
        /// Their order.
        order: Vec<String>,
    },
}

/// A constant in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `true` or `false`.
    Bool(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Unscaled digits and scale; `1.50` is `(150, 2)`.
    Decimal(i128, u8),
    /// An integer.
    Int(i64),
    /// The null of any type.
    Null,
    /// Text.
    String(Box<str>),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
}

macro_rules! functions {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $min:literal ..= $max:expr;)+) => {
        /// Operators and functions, by the names that the canonical tree uses.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Function {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Function {
            /// Every function, in the order of their wire numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in canonical trees, and in the text form where the function has no operator.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The fewest and most arguments.
            pub const fn arity(self) -> (usize, usize) {
                match self { $(Self::$variant => ($min, $max)),+ }
            }

            /// The function called `name`.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|function| function.name() == name)
            }
        }
    };
}

/// The most arguments of a function that takes any number, and of `in`.
pub const MAX_ARGUMENTS: usize = 256;

functions! {
    /// `|x|`.
    Abs = "abs", 1..=1;
    /// `a + b`: numbers, text, date and days.
    Add = "add", 2..=2;
    /// Kleene and.
    And = "and", 2..=2;
    /// The smallest integer not below.
    Ceil = "ceil", 1..=1;
    /// The first argument that is not null.
    Coalesce = "coalesce", 1..=MAX_ARGUMENTS;
    /// Whether a text contains another.
    Contains = "contains", 2..=2;
    /// The date of a timestamp.
    DateOf = "date", 1..=1;
    /// The day of the month.
    Day = "day", 1..=1;
    /// `decimal(x, precision, scale)`: exact conversion.
    Decimal = "decimal", 3..=3;
    /// `div(a, b, scale)`, rounded half to even.
    Div = "div", 3..=3;
    /// Whether a text ends with another.
    EndsWith = "endsWith", 2..=2;
    /// `a == b`.
    Eq = "eq", 2..=2;
    /// The largest integer not above.
    Floor = "floor", 1..=1;
    /// `a >= b`.
    Ge = "ge", 2..=2;
    /// The largest argument; null if one is null.
    Greatest = "greatest", 1..=MAX_ARGUMENTS;
    /// `a > b`.
    Gt = "gt", 2..=2;
    /// `c ? a : b`.
    If = "if", 3..=3;
    /// `x in [literal, …]`.
    In = "in", 2..=MAX_ARGUMENTS;
    /// Exact conversion to int.
    Int = "int", 1..=1;
    /// `x == null`; never null itself.
    IsNull = "isNull", 1..=1;
    /// `a <= b`.
    Le = "le", 2..=2;
    /// The smallest argument; null if one is null.
    Least = "least", 1..=MAX_ARGUMENTS;
    /// ASCII letters to lower case.
    LowerAscii = "lowerAscii", 1..=1;
    /// `a < b`.
    Lt = "lt", 2..=2;
    /// The month, 1 to 12.
    Month = "month", 1..=1;
    /// `a * b`.
    Mul = "mul", 2..=2;
    /// `a != b`.
    Ne = "ne", 2..=2;
    /// `-a`.
    Neg = "neg", 1..=1;
    /// `!a`.
    Not = "not", 1..=1;
    /// Kleene or.
    Or = "or", 2..=2;
    /// `power(x, n)` with a literal `n` from 0 to 38.
    Power = "power", 2..=2;
    /// `a / b` of integers, truncated.
    Quotient = "quotient", 2..=2;
    /// `a % b`, with the sign of `a`.
    Remainder = "remainder", 2..=2;
    /// `round(x, scale)`, half to even.
    Round = "round", 2..=2;
    /// SHA-256 of a text or byte string.
    Sha256 = "sha256", 1..=1;
    /// −1, 0 or 1, as an int.
    Sign = "sign", 1..=1;
    /// Code points of a text, bytes of a byte string.
    Size = "size", 1..=1;
    /// `sqrt(x, scale)`, rounded half to even.
    Sqrt = "sqrt", 2..=2;
    /// Whether a text starts with another.
    StartsWith = "startsWith", 2..=2;
    /// Conversion to text, as JSON output writes the value.
    String = "string", 1..=1;
    /// `a - b`: numbers, two dates, date and days.
    Sub = "sub", 2..=2;
    /// `s.substring(from, to)` in code points, zero-based, `to` exclusive.
    Substring = "substring", 3..=3;
    /// ASCII white space removed at both ends.
    Trim = "trim", 1..=1;
    /// `trunc(x, scale)`, towards zero.
    Trunc = "trunc", 2..=2;
    /// ASCII letters to upper case.
    UpperAscii = "upperAscii", 1..=1;
    /// The year.
    Year = "year", 1..=1;
}

/// How a function is written if it is an operator.
pub const fn operator(function: Function) -> Option<&'static str> {
    Some(match function {
        Function::Add => "+",
        Function::And => "&&",
        Function::Eq => "==",
        Function::Ge => ">=",
        Function::Gt => ">",
        Function::If => "? :",
        Function::In => "in",
        Function::Le => "<=",
        Function::Lt => "<",
        Function::Mul => "*",
        Function::Ne => "!=",
        Function::Neg => "-",
        Function::Not => "!",
        Function::Or => "||",
        Function::Quotient => "/",
        Function::Remainder => "%",
        Function::Sub => "-",
        _ => return None,
    })
}
