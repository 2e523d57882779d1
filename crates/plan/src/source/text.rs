//! The text form of expressions, a subset of CEL.
//!
//! Precedence climbing over a lexer that looks one token ahead. Both the recursion and the depth of the tree are
//! bounded, so that a text of brackets or a long chain of operators cannot exhaust the stack.

use std::{
    fmt, format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::node::shown;
use crate::{
    calendar,
    diagnostic::{Code, did_you_mean},
    expr::{Expr, ExprKind, Function, Literal, MAX_ARGUMENTS, operator},
    model::{MAX_EXPRESSION_DEPTH, MAX_TEXT_BYTES},
};

/// The most brackets inside each other.
const MAX_NESTING: u32 = 64;

/// Reads the text form of an expression.
///
/// # Errors
/// If the text is not an expression; its writer is at fault.
pub fn parse_expression(text: &str) -> Result<Expr, ExpressionError> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("an expression has at most {MAX_TEXT_BYTES} bytes");
        return Err(ExpressionError { code: Code::TextTooLong, offset: 0, message, hint: None });
    }
    let mut parser = Parser { text, at: 0, start: 0, token: Token::End, nesting: 0 };
    parser.advance()?;
    let built = parser.expression()?;
    match parser.token {
        Token::End => Ok(built.expr),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

/// Why a text is not an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// The kind of error.
    pub code: Code,
    /// Where, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for ExpressionError {}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// With a decimal point.
    Decimal(i128, u8),
    End,
    Identifier(String),
    /// Up to 2^63, so that a minus sign can come before it.
    Int(u64),
    String(String),
    /// An operator or bracket.
    Symbol(&'static str),
}

/// An expression and the depth of its tree.
struct Built {
    expr: Expr,
    depth: u32,
}

/// The state of reading one expression.
pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    /// After the token.
    pub(super) at: usize,
    /// Where the token starts.
    pub(super) start: usize,
    pub(super) token: Token,
    nesting: u32,
}

pub(super) type Parsing<T> = Result<T, ExpressionError>;

/// Binary operators, loosest first; `in` binds like a comparison.
const BINARY: &[&[(&str, Function)]] = &[
    &[("||", Function::Or)],
    &[("&&", Function::And)],
    &[
        ("==", Function::Eq),
        ("!=", Function::Ne),
        ("<=", Function::Le),
        (">=", Function::Ge),
        ("<", Function::Lt),
        (">", Function::Gt),
    ],
    &[("+", Function::Add), ("-", Function::Sub)],
    &[("*", Function::Mul), ("/", Function::Quotient), ("%", Function::Remainder)],
];

/// The level of `in`.
const COMPARISON: usize = 2;

impl Parser<'_> {
    /// `c ? a : b` and everything that binds tighter.
    fn expression(&mut self) -> Parsing<Built> {
        self.nested(|parser| {
            let condition = parser.binary(0)?;
            let at = parser.start;
            if !parser.take("?")? {
                return Ok(condition);
            }
            let then = parser.binary(0)?;
            parser.expect(":")?;
            let otherwise = parser.expression()?;
            parser.call(Function::If, at, vec![condition, then, otherwise])
        })
    }

    /// Operators of at least this level: precedence climbing.
    fn binary(&mut self, least: usize) -> Parsing<Built> {
        let mut left = self.unary()?;
        loop {
            let at = self.start;
            if least <= COMPARISON && self.token == Token::Identifier("in".into()) {
                left = self.is_in(left)?;
                continue;
            }
            let Some((level, function)) = self.operator().filter(|&(level, _)| level >= least) else {
                return Ok(left);
            };
            self.advance()?;
            let right = self.binary(level + 1)?;
            left = self.comparison_or_call(function, at, left, right)?;
        }
    }

    /// The binary operator that the token is, and its level.
    fn operator(&self) -> Option<(usize, Function)> {
        let Token::Symbol(token) = self.token else { return None };
        BINARY.iter().enumerate().find_map(|(level, operators)| {
            operators.iter().find(|(symbol, _)| *symbol == token).map(|&(_, function)| (level, function))
        })
    }

    /// `in` and its list.
    fn is_in(&mut self, left: Built) -> Parsing<Built> {
        let at = self.start;
        self.advance()?;
        let mut arguments = vec![left];
        self.expect("[")?;
        self.list("]", |parser| {
            let literal = parser.unary()?;
            match literal.expr.kind {
                ExprKind::Literal(_) => arguments.push(literal),
                _ => {
                    let message = "the list of `in` holds literals";
                    return Err(parser.error_at(literal.expr.at as usize, Code::ExpressionSyntax, message));
                }
            }
            Ok(())
        })?;
        if arguments.len() == 1 {
            return Err(self.error_at(at, Code::Empty, "the list of `in` is empty"));
        }
        self.call(Function::In, at, arguments)
    }

    /// `x == null` and `x != null` test for null.
    fn comparison_or_call(&self, function: Function, at: usize, left: Built, right: Built) -> Parsing<Built> {
        let is_null = |built: &Built| matches!(built.expr.kind, ExprKind::Literal(Literal::Null));
        if matches!(function, Function::Eq | Function::Ne) && (is_null(&left) || is_null(&right)) {
            let value = if is_null(&right) { left } else { right };
            let test = self.call(Function::IsNull, at, vec![value])?;
            return if function == Function::Eq {
                Ok(test)
            } else {
                self.call(Function::Not, at, vec![test])
            };
        }
        self.call(function, at, vec![left, right])
    }

    fn unary(&mut self) -> Parsing<Built> {
        let at = self.start;
        for (symbol, function) in [("!", Function::Not), ("-", Function::Neg)] {
            if self.token != Token::Symbol(symbol) {
                continue;
            }
            self.advance()?;
            if symbol == "-"
                && matches!(self.token, Token::Int(_) | Token::Decimal(..))
                && !self.method_follows()
            {
                return self.number(at, true);
            }
            return self.nested(|parser| {
                let operand = parser.unary()?;
                parser.call(function, at, vec![operand])
            });
        }
        self.postfix()
    }

    /// Whether a `.` comes after the current token.
    fn method_follows(&self) -> bool {
        self.text[self.at..].trim_start().starts_with('.')
    }

    fn postfix(&mut self) -> Parsing<Built> {
        let mut value = self.primary()?;
        while self.take(".")? {
            let at = self.start;
            let Token::Identifier(name) = self.token.clone() else {
                return Err(self.unexpected("the name of a function"));
            };
            self.advance()?;
            if self.token != Token::Symbol("(") {
                let error = self.error_at(at, Code::ExpressionSyntax, format!("`.{name}` is not called"));
                return Err(error.hint("columns are flat; functions are called with `(…)`"));
            }
            value = self.function(&name, at, Some(value))?;
        }
        Ok(value)
    }

    fn primary(&mut self) -> Parsing<Built> {
        let at = self.start;
        match self.token.clone() {
            Token::Int(_) | Token::Decimal(..) => self.number(at, false),
            Token::String(text) => {
                self.advance()?;
                Ok(literal(Literal::String(text.into()), at))
            }
            Token::Symbol("(") => {
                self.advance()?;
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Identifier(name) => {
                self.advance()?;
                match name.as_str() {
                    "true" | "false" => Ok(literal(Literal::Bool(name == "true"), at)),
                    "null" => Ok(literal(Literal::Null, at)),
                    "in" => Err(self.error_at(at, Code::ExpressionSyntax, "`in` needs a value before it")),
                    _ if self.token == Token::Symbol("(") => self.function(&name, at, None),
                    _ => match &self.token {
                        Token::Identifier(next) if next == "in" => Ok(column(name, at)),
                        Token::Identifier(_) | Token::Int(_) | Token::String(_) => {
                            Err(self.unexpected("an operator"))
                        }
                        _ => {
                            Ok(Built { expr: Expr { kind: ExprKind::Column(name), at: at as u32 }, depth: 1 })
                        }
                    },
                }
            }
            Token::End => Err(self.unexpected("a value")),
            Token::Symbol("[") => Err(self.error_at(
                at,
                Code::ExpressionSyntax,
                "lists stand after `in` and in `previous` only",
            )),
            Token::Symbol(_) => Err(self.unexpected("a value")),
        }
    }

    fn number(&mut self, at: usize, negative: bool) -> Parsing<Built> {
        let value = match self.token {
            Token::Decimal(digits, scale) => Literal::Decimal(if negative { -digits } else { digits }, scale),
            Token::Int(value) if negative && value <= 1 << 63 => Literal::Int((value as i64).wrapping_neg()),
            Token::Int(value) if !negative && value < 1 << 63 => Literal::Int(value as i64),
            _ => return Err(self.error_at(at, Code::OutOfRange, "an int has 64 bits")),
        };
        self.advance()?;
        Ok(literal(value, at))
    }

    /// A call; the token is the opening bracket.
    fn function(&mut self, name: &str, at: usize, receiver: Option<Built>) -> Parsing<Built> {
        self.expect("(")?;
        if name == "previous" && receiver.is_none() {
            return self.previous(at);
        }
        if matches!(name, "date" | "timestamp")
            && receiver.is_none()
            && let Token::String(text) = &self.token
        {
            let value = match name {
                "date" => calendar::parse_date(text).map(Literal::Date),
                _ => calendar::parse_timestamp(text).map(Literal::Timestamp),
            };
            let Some(value) = value else {
                let message = format!("`{}` is not a {name}", shown(text));
                let hint =
                    "dates are written `2012-01-31`, timestamps `2012-01-31T08:00:00Z`, years 0001 to 9999";
                return Err(self.error_at(self.start, Code::OutOfRange, message).hint(hint));
            };
            self.advance()?;
            self.expect(")")?;
            return Ok(literal(value, at));
        }
        let function = Function::from_name(name).filter(|&function| operator(function).is_none());
        let Some(function) = function else {
            let names = Function::ALL
                .iter()
                .filter(|&&function| operator(function).is_none())
                .map(|each| each.name());
            let hint = match name {
                "has" => Some("`x != null` tests whether a value is there".to_string()),
                "upper" | "lower" => Some(format!("did you mean `{name}Ascii`?")),
                "length" | "len" => Some("did you mean `size`?".to_string()),
                _ => did_you_mean(name, names.chain(["previous", "timestamp"])),
            };
            let mut error =
                self.error_at(at, Code::UnknownFunction, format!("there is no function `{}`", shown(name)));
            error.hint = hint;
            return Err(error);
        };
        let mut arguments: Vec<Built> = receiver.into_iter().collect();
        self.list(")", |parser| {
            arguments.push(parser.expression()?);
            Ok(())
        })?;
        let (fewest, most) = function.arity();
        if arguments.len() < fewest || arguments.len() > most {
            let expected = if fewest == most { format!("{fewest}") } else { format!("{fewest} to {most}") };
            let message = format!("`{name}` takes {expected} arguments, and here are {}", arguments.len());
            return Err(self.error_at(at, Code::Arguments, message));
        }
        self.call(function, at, arguments)
    }

    /// `previous(column, [by…], [order…])` after its bracket.
    fn previous(&mut self, at: usize) -> Parsing<Built> {
        let column = self.name("the column to look at")?;
        let mut lists = [Vec::new(), Vec::new()];
        for list in &mut lists {
            if self.take(",")? {
                self.expect("[")?;
                self.list("]", |parser| {
                    list.push(parser.name("the name of a column")?);
                    Ok(())
                })?;
            }
        }
        self.expect(")")?;
        let [by, order] = lists;
        Ok(Built { expr: Expr { kind: ExprKind::Previous { column, by, order }, at: at as u32 }, depth: 1 })
    }

    fn name(&mut self, expected: &'static str) -> Parsing<String> {
        match self.token.clone() {
            Token::Identifier(name) => {
                self.advance()?;
                Ok(name)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// Items between commas, up to and including `end`.
    fn list(&mut self, end: &'static str, mut item: impl FnMut(&mut Self) -> Parsing<()>) -> Parsing<()> {
        if self.take(end)? {
            return Ok(());
        }
        let mut count = 0;
        loop {
            count += 1;
            if count > MAX_ARGUMENTS {
                let message = format!("a list has at most {MAX_ARGUMENTS} items");
                return Err(self.error_at(self.start, Code::Arguments, message));
            }
            item(self)?;
            if self.take(end)? {
                return Ok(());
            }
            if !self.take(",")? {
                return Err(self.unexpected(if end == ")" { "`,` or `)`" } else { "`,` or `]`" }));
            }
        }
    }

    fn call(&self, function: Function, at: usize, arguments: Vec<Built>) -> Parsing<Built> {
        let depth = 1 + arguments.iter().map(|argument| argument.depth).max().unwrap_or(0);
        if depth > MAX_EXPRESSION_DEPTH {
            let message = format!("an expression is nested at most {MAX_EXPRESSION_DEPTH} levels deep");
            let error = self.error_at(at, Code::TooDeep, message);
            return Err(
                error.hint("use `in` for a chain of comparisons, or compute parts of it in a `map` step")
            );
        }
        let arguments = arguments.into_iter().map(|argument| argument.expr).collect();
        Ok(Built { expr: Expr { kind: ExprKind::Call(function, arguments), at: at as u32 }, depth })
    }

    fn nested(&mut self, parse: impl FnOnce(&mut Self) -> Parsing<Built>) -> Parsing<Built> {
        if self.nesting == MAX_NESTING {
            let message = format!("brackets and operators are nested deeper than {MAX_NESTING} levels");
            return Err(self.error_at(self.start, Code::TooDeep, message));
        }
        self.nesting += 1;
        let result = parse(self);
        self.nesting -= 1;
        result
    }

    fn take(&mut self, symbol: &'static str) -> Parsing<bool> {
        let found = self.token == Token::Symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, symbol: &'static str) -> Parsing<()> {
        if self.take(symbol)? { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    fn unexpected(&self, expected: &str) -> ExpressionError {
        let hint = match &self.token {
            Token::Identifier(word) => match word.to_ascii_lowercase().as_str() {
                "and" => Some("write `&&`"),
                "or" => Some("write `||`"),
                "not" => Some("write `!`"),
                "is" => Some("write `x == null` or `x != null`"),
                _ => None,
            },
            _ => None,
        };
        let found = match &self.token {
            Token::End => "the end".to_string(),
            _ => format!("`{}`", shown(&self.text[self.start..self.at])),
        };
        let error =
            self.error_at(self.start, Code::ExpressionSyntax, format!("expected {expected}, found {found}"));
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    pub(super) fn error_at(&self, offset: usize, code: Code, message: impl Into<String>) -> ExpressionError {
        ExpressionError { code, offset, message: message.into(), hint: None }
    }
}

impl ExpressionError {
    pub(super) fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

fn column(name: String, at: usize) -> Built {
    Built { expr: Expr { kind: ExprKind::Column(name), at: at as u32 }, depth: 1 }
}

fn literal(value: Literal, at: usize) -> Built {
    Built { expr: Expr { kind: ExprKind::Literal(value), at: at as u32 }, depth: 1 }
}
