//! Words, numbers and texts of expressions.

use std::{
    format,
    string::{String, ToString},
};

use super::text::{Parser, Parsing, Token};
use crate::{diagnostic::Code, types::MAX_PRECISION};

/// Longer ones first.
const SYMBOLS: &[&str] = &[
    "||", "&&", "==", "!=", "<=", ">=", "?", ":", "<", ">", "+", "-", "*", "/", "%", "!", "(", ")", "[", "]",
    ",", ".",
];

impl Parser<'_> {
    /// Reads the next token.
    pub(super) fn advance(&mut self) -> Parsing<()> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.start = self.at;
        let rest = &self.text[self.at..];
        self.token = match bytes.get(self.at) {
            None => Token::End,
            Some(b'0'..=b'9') => self.lex_number()?,
            Some(b'\'' | b'"') => self.lex_string()?,
            Some(byte) if byte.is_ascii_alphabetic() || *byte == b'_' => {
                let length =
                    rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
                self.at += length;
                Token::Identifier(rest[..length].to_string())
            }
            Some(_) => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => {
                    self.at += symbol.len();
                    if *symbol == "<" && rest.starts_with("<>") {
                        return Err(self
                            .error_at(self.start, Code::ExpressionSyntax, "no operator `<>`")
                            .hint("write `!=`"));
                    }
                    if (*symbol == "==" || *symbol == "!=") && rest[2..].starts_with('=') {
                        let error = self.error_at(
                            self.start,
                            Code::ExpressionSyntax,
                            "an operator with three characters",
                        );
                        return Err(error.hint("write `==` or `!=`"));
                    }
                    Token::Symbol(symbol)
                }
                None => {
                    let found = rest.chars().next().unwrap_or(' ');
                    let error = self.error_at(
                        self.start,
                        Code::ExpressionSyntax,
                        format!("{found:?} means nothing here"),
                    );
                    return Err(match found {
                        '=' => error.hint("`==` compares"),
                        '&' => error.hint("write `&&`"),
                        '|' => error.hint("write `||`"),
                        '`' | '’' | '‘' | '“' | '”' => error.hint("texts stand in ' or \""),
                        _ => error,
                    });
                }
            },
        };
        Ok(())
    }

    fn lex_number(&mut self) -> Parsing<Token> {
        let bytes = self.text.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let whole = digits(self.at);
        let mut end = whole;
        if bytes.get(whole) == Some(&b'.') && bytes.get(whole + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(whole + 1);
        }
        if bytes.get(end).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
            let error =
                self.error_at(self.start, Code::ExpressionSyntax, "a number and a letter without space");
            return Err(error.hint("numbers are written with digits and a decimal point only"));
        }
        let text = &self.text[self.at..end];
        self.at = end;
        if whole == end {
            let value = text.parse::<u64>().ok().filter(|&value| value <= 1 << 63);
            return match value {
                Some(value) => Ok(Token::Int(value)),
                None => {
                    let error = self.error_at(self.start, Code::OutOfRange, "an int has 64 bits");
                    Err(error.hint("with a decimal point it is a decimal of up to 38 digits"))
                }
            };
        }
        decimal(text).map(|(digits, scale)| Token::Decimal(digits, scale)).ok_or_else(|| {
            self.error_at(
                self.start,
                Code::OutOfRange,
                format!("a decimal has at most {MAX_PRECISION} digits"),
            )
        })
    }

    fn lex_string(&mut self) -> Parsing<Token> {
        let bytes = self.text.as_bytes();
        let quote = bytes[self.at];
        let mut out = String::new();
        let mut at = self.at + 1;
        loop {
            let piece = at;
            while bytes.get(at).is_some_and(|&byte| byte != quote && byte != b'\\') {
                at += 1;
            }
            out.push_str(&self.text[piece..at]);
            match bytes.get(at) {
                None => {
                    return Err(self.error_at(self.start, Code::ExpressionSyntax, "this text has no end"));
                }
                Some(b'\\') => {
                    let (meaning, length) = match bytes.get(at + 1) {
                        Some(b'\'') => ('\'', 2),
                        Some(b'b' | b'f' | b'/') | None => ('\0', 0),
                        Some(_) => crate::json_reader::escape(&bytes[at..]).unwrap_or(('\0', 0)),
                    };
                    if length == 0 {
                        let error = self.error_at(at, Code::ExpressionSyntax, "an unknown escape in a text");
                        return Err(error.hint("known are \\n \\r \\t \\\\ \\' \\\" and \\uXXXX"));
                    }
                    out.push(meaning);
                    at += length;
                }
                Some(_) => break,
            }
        }
        self.at = at + 1;
        Ok(Token::String(out))
    }
}

/// Digits and scale of an unsigned number with or without a point, if it has at most 38 digits.
pub(super) fn decimal(text: &str) -> Option<(i128, u8)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = whole.trim_start_matches('0');
    if significant.len() + fraction.len() > usize::from(MAX_PRECISION) {
        return None;
    }
    let digits = significant
        .bytes()
        .chain(fraction.bytes())
        .fold(0i128, |sum, byte| sum * 10 + i128::from(byte - b'0'));
    Some((digits, fraction.len() as u8))
}
