//! A strict pull reader of JSON (RFC 8259): tokens with byte offsets, nothing copied.
//!
//! It checks the grammar completely (no comments, trailing commas, leading zeros, `NaN`, lone surrogates) and
//! uses constant memory: nesting is a bit set of [`MAX_DEPTH`] levels. Strings stay in the input until they are
//! [decoded](Text::decode), numbers stay text, so no precision is lost. Whether member names repeat is for the
//! caller to judge, who knows which names matter.

use alloc::{borrow::Cow, string::String};
use core::fmt;

/// The deepest nesting of arrays and objects that is read: enough for the canonical form of any plan.
pub const MAX_DEPTH: u32 = 512;

/// A token and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub event: Event<'a>,
    /// Byte offset of its first character.
    pub start: usize,
    /// Byte offset after its last character.
    pub end: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// `]`
    ArrayEnd,
    /// `[`
    ArrayStart,
    /// `true` or `false`
    Bool(bool),
    /// A member's name; its value follows.
    Key(Text<'a>),
    /// `null`
    Null,
    /// A number as it is written.
    Number(&'a str),
    /// `}`
    ObjectEnd,
    /// `{`
    ObjectStart,
    /// A string.
    String(Text<'a>),
}

/// A string between its quotation marks, escapes still in place. Its escapes are known to be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// The text as it is written, without the quotation marks.
    pub const fn raw(self) -> &'a str {
        self.raw
    }

    /// Whether this string means `text`; cheap where nothing is escaped.
    pub fn is(self, text: &str) -> bool {
        if self.escaped { self.decode() == text } else { self.raw == text }
    }

    /// What the string means.
    pub fn decode(self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut out = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some(at) = rest.find('\\') {
            out.push_str(&rest[..at]);
            let (meaning, length) = escape(&rest.as_bytes()[at..]).unwrap_or(('\u{fffd}', 1));
            out.push(meaning);
            rest = &rest[at + length..];
        }
        out.push_str(rest);
        Cow::Owned(out)
    }
}

/// What the escape at the start of `bytes` means, and its length. A surrogate pair is one escape.
pub fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let simple = |meaning| Some((meaning, 2));
    match bytes.get(1)? {
        b'"' => simple('"'),
        b'\\' => simple('\\'),
        b'/' => simple('/'),
        b'b' => simple('\u{8}'),
        b'f' => simple('\u{c}'),
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'u' => {
            let first = hex4(bytes.get(2..6)?)?;
            if (0xd800..0xdc00).contains(&first) {
                if bytes.get(6..8)? != b"\\u" {
                    return None;
                }
                let second = hex4(bytes.get(8..12)?)?;
                if !(0xdc00..0xe000).contains(&second) {
                    return None;
                }
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Some((char::from_u32(code)?, 12));
            }
            Some((char::from_u32(first)?, 6))
        }
        _ => None,
    }
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, &digit| Some(sum << 4 | (digit as char).to_digit(16)?))
}

/// Reads one JSON document token by token.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    /// One bit for each level: 1 for an object.
    objects: [u64; MAX_DEPTH as usize / 64],
    expect: Expect,
}

/// What the grammar allows next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// Only white space.
    End,
    /// A comma or the end of the innermost level.
    CommaOrEnd,
    /// A member's name, or `}`.
    FirstKey,
    /// A value, or `]`.
    FirstValue,
    /// A value.
    Value,
}

impl<'a> Reader<'a> {
    /// Starts reading `text`. A byte order mark is refused, as RFC 8259 allows.
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, objects: [0; MAX_DEPTH as usize / 64], expect: Expect::Value }
    }

    /// The next token, or `None` after the document.
    ///
    /// # Errors
    /// If the text is not JSON; the writer of the text is at fault. The reader must not be used after an error.
    #[allow(clippy::should_implement_trait, reason = "an iterator would hide that errors are final")]
    pub fn next(&mut self) -> Result<Option<Token<'a>>, JsonError> {
        self.skip_space();
        match self.expect {
            Expect::End => match self.peek() {
                None => Ok(None),
                Some(_) => Err(self.error(JsonErrorKind::TrailingData)),
            },
            Expect::Value => self.value().map(Some),
            Expect::FirstValue if self.peek() == Some(b']') => self.close().map(Some),
            Expect::FirstValue => self.value().map(Some),
            Expect::FirstKey if self.peek() == Some(b'}') => self.close().map(Some),
            Expect::FirstKey => self.key().map(Some),
            Expect::CommaOrEnd => match (self.peek(), self.in_object()) {
                (Some(b','), in_object) => {
                    let comma = self.at;
                    self.at += 1;
                    self.skip_space();
                    match (self.peek(), in_object) {
                        (Some(b']' | b'}'), _) => {
                            Err(JsonError { kind: JsonErrorKind::TrailingComma, offset: comma })
                        }
                        (_, true) => self.key().map(Some),
                        (_, false) => self.value().map(Some),
                    }
                }
                (Some(b'}'), true) | (Some(b']'), false) => self.close().map(Some),
                (_, true) => Err(self.unexpected("`,` or `}`")),
                (_, false) => Err(self.unexpected("`,` or `]`")),
            },
        }
    }

    /// Passes over the value that comes next, or over the rest of the one whose start was the last token
    /// if `depth` is the depth before that start.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn skip_to_depth(&mut self, depth: u32) -> Result<(), JsonError> {
        while self.depth > depth {
            self.next()?;
        }
        Ok(())
    }

    /// How many arrays and objects are open.
    pub const fn depth(&self) -> u32 {
        self.depth
    }

    /// The byte offset after the last token.
    pub const fn offset(&self) -> usize {
        self.at
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Whether the innermost level is an object. There must be a level.
    const fn in_object(&self) -> bool {
        let level = self.depth - 1;
        self.objects[(level / 64) as usize] >> (level % 64) & 1 == 1
    }

    const fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { kind, offset: self.at }
    }

    fn unexpected(&self, expected: &'static str) -> JsonError {
        match self.text[self.at..].chars().next() {
            None => self.error(JsonErrorKind::UnexpectedEnd { expected }),
            Some('/' | '#') => self.error(JsonErrorKind::Comment),
            Some('\'') => self.error(JsonErrorKind::SingleQuote),
            Some(found) => self.error(JsonErrorKind::Unexpected { expected, found }),
        }
    }

    fn open(&mut self, object: bool) -> Result<Token<'a>, JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(JsonErrorKind::TooDeep));
        }
        let (word, bit) = ((self.depth / 64) as usize, 1 << (self.depth % 64));
        self.objects[word] = if object { self.objects[word] | bit } else { self.objects[word] & !bit };
        self.depth += 1;
        self.expect = if object { Expect::FirstKey } else { Expect::FirstValue };
        self.at += 1;
        let event = if object { Event::ObjectStart } else { Event::ArrayStart };
        Ok(Token { event, start: self.at - 1, end: self.at })
    }

    fn close(&mut self) -> Result<Token<'a>, JsonError> {
        let event = if self.in_object() { Event::ObjectEnd } else { Event::ArrayEnd };
        self.depth -= 1;
        self.at += 1;
        self.after_value();
        Ok(Token { event, start: self.at - 1, end: self.at })
    }

    fn after_value(&mut self) {
        self.expect = if self.depth == 0 { Expect::End } else { Expect::CommaOrEnd };
    }

    fn key(&mut self) -> Result<Token<'a>, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a member's name in quotation marks"));
        }
        let start = self.at;
        let text = self.string()?;
        let end = self.at;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.at += 1;
        self.expect = Expect::Value;
        Ok(Token { event: Event::Key(text), start, end })
    }

    fn value(&mut self) -> Result<Token<'a>, JsonError> {
        let start = self.at;
        let event = match self.peek() {
            Some(b'{') => return self.open(true),
            Some(b'[') => return self.open(false),
            Some(b'"') => Event::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Event::Number(self.number()?),
            _ => self.word()?,
        };
        self.after_value();
        Ok(Token { event, start, end: self.at })
    }

    fn word(&mut self) -> Result<Event<'a>, JsonError> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let event = match &rest[..length] {
            b"true" => Event::Bool(true),
            b"false" => Event::Bool(false),
            b"null" => Event::Null,
            b"NaN" | b"Infinity" | b"nan" | b"inf" => return Err(self.error(JsonErrorKind::NotFinite)),
            _ => return Err(self.unexpected("a value")),
        };
        self.at += length;
        Ok(event)
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start;
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let bad = |at, reason| Err(JsonError { kind: JsonErrorKind::Number(reason), offset: at });
        if bytes[at] == b'-' {
            at += 1;
            if bytes.get(at) == Some(&b'I') {
                return Err(JsonError { kind: JsonErrorKind::NotFinite, offset: start });
            }
        }
        match bytes.get(at) {
            Some(b'0') if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                return bad(at, "a number has no leading zeros");
            }
            Some(b'0'..=b'9') => at = digits(at),
            _ => return bad(at, "a digit must follow the minus sign"),
        }
        if bytes.get(at) == Some(&b'.') {
            let end = digits(at + 1);
            if end == at + 1 {
                return bad(at, "a digit must follow the decimal point");
            }
            at = end;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let end = digits(at + 1 + sign);
            if end == at + 1 + sign {
                return bad(at, "an exponent needs a digit");
            }
            at = end;
        }
        if bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.') {
            return bad(at, "a number ends with a digit");
        }
        self.at = at;
        Ok(&self.text[start..at])
    }

    fn string(&mut self) -> Result<Text<'a>, JsonError> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            match bytes.get(at) {
                None => {
                    self.at = bytes.len();
                    return Err(self.error(JsonErrorKind::UnexpectedEnd { expected: "`\"`" }));
                }
                Some(b'"') => break,
                Some(b'\\') => match escape(&bytes[at..]) {
                    Some((_, length)) => {
                        escaped = true;
                        at += length;
                    }
                    None => return Err(JsonError { kind: JsonErrorKind::Escape, offset: at }),
                },
                Some(0..0x20) => return Err(JsonError { kind: JsonErrorKind::ControlCharacter, offset: at }),
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(Text { raw: &self.text[start..at], escaped })
    }
}

/// Why a text is not JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Byte offset of the place.
    pub offset: usize,
}

/// What is wrong with a text that is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// A comment.
    Comment,
    /// A control character inside a string.
    ControlCharacter,
    /// An escape that does not exist, or half a surrogate pair.
    Escape,
    /// `NaN` or `Infinity`.
    NotFinite,
    /// A malformed number.
    Number(&'static str),
    /// A string in single quotation marks.
    SingleQuote,
    /// A comma before the end of an array or object.
    TrailingComma,
    /// Something after the document.
    TrailingData,
    /// More than [`MAX_DEPTH`] levels.
    TooDeep,
    /// A character that cannot be here.
    Unexpected {
        /// What could be here.
        expected: &'static str,
        /// What is here.
        found: char,
    },
    /// The text stops too early.
    UnexpectedEnd {
        /// What is missing.
        expected: &'static str,
    },
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comment => f.write_str("JSON has no comments"),
            Self::ControlCharacter => f.write_str("a control character in a string must be escaped"),
            Self::Escape => f.write_str("an invalid escape in a string"),
            Self::NotFinite => f.write_str("JSON has no NaN and no Infinity"),
            Self::Number(reason) => f.write_str(reason),
            Self::SingleQuote => f.write_str("JSON strings have double quotation marks"),
            Self::TrailingComma => f.write_str("a comma before the end of a list or object"),
            Self::TrailingData => f.write_str("there is more text after the document"),
            Self::TooDeep => write!(f, "nested deeper than {MAX_DEPTH} levels"),
            Self::Unexpected { expected, found } => write!(f, "expected {expected}, found {found:?}"),
            Self::UnexpectedEnd { expected } => write!(f, "the text ends where {expected} is expected"),
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl core::error::Error for JsonError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString, vec::Vec};
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Vec<Token<'_>>, JsonError> {
        let mut reader = Reader::new(text);
        let mut tokens = Vec::new();
        while let Some(token) = reader.next()? {
            tokens.push(token);
        }
        Ok(tokens)
    }

    #[test]
    fn reads_every_kind_of_value_with_its_place() {
        let tokens = read(r#" {"a\n":[1.50,-0,true,null,"\ud83d\ude00"],"b":{}} "#).unwrap();
        assert_eq!(tokens.len(), 13);
        let Event::Key(key) = tokens[1].event else { panic!("{:?}", tokens[1]) };
        assert_eq!((key.decode().as_ref(), tokens[1].start, tokens[1].end), ("a\n", 2, 7));
        assert_eq!(tokens[3].event, Event::Number("1.50"));
        let Event::String(face) = tokens[7].event else { panic!("{:?}", tokens[7]) };
        assert_eq!(face.decode(), "😀");
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            "{",
            "[",
            "[1,]",
            "{\"a\":1,}",
            "[1 2]",
            "{\"a\" 1}",
            "01",
            "-",
            "1.",
            "1e",
            "NaN",
            "-Infinity",
            "0x1",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\n\"",
            "\"a",
            "'a'",
            "{a:1}",
            "// x\n1",
            "1 1",
            "]",
            "[}",
            "{]",
            "nul",
            "+1",
            ".5",
            "\u{feff}1",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read(&deep).unwrap_err().kind, JsonErrorKind::TooDeep);
        assert!(read(&format!("{}{}", "[".repeat(512), "]".repeat(512))).is_ok());
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_any_text(text in r#"[\[\]{}:,"\\a0-9eE.\-+ tu]{0,24}"#) {
            let ours = read(&text).is_ok();
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // serde_json refuses numbers beyond f64; we keep them as text.
            let out_of_range = theirs.as_ref().is_err_and(|e| e.to_string().contains("out of range"));
            prop_assert_eq!(ours, theirs.is_ok() || out_of_range, "{}", text);
        }

        #[test]
        fn strings_decode_as_in_serde_json(text in "\\PC*") {
            let quoted = serde_json::to_string(&text).unwrap();
            let tokens = read(&quoted).unwrap();
            let Event::String(ours) = tokens[0].event else { panic!("not a string") };
            prop_assert_eq!(ours.decode(), text);
        }
    }
}
