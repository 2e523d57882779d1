//! The output document: a value as JSON for people and tools, one row a line.
//!
//! ```json
//! {
//!   "schema": {"columns": {"day": "date", "total": "decimal(38,2)"}},
//!   "rows": [
//!     {"day": "2012-01-31", "total": "39.81"}
//!   ]
//! }
//! ```
//! or `{"bytes": "<base64>"}`. Members of a row are sorted by name. Numbers with a scale are strings, as are integers
//! beyond 2^53 − 1, dates and bytes (base64). White space has no meaning; reading a document gives the value back, and so
//! its root.

use alloc::{string::ToString, vec::Vec};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::{
    format::{FormatError, FormatErrorKind, JsonRecords, JsonSource, readers, source_text, write_json},
    json_reader::{Event, Reader, Token},
    model::{MAX_COLUMNS, MAX_NAME_BYTES},
    types::{Column, ColumnType, Schema},
    value::{Bytes, Table, Value},
};

/// The document of a value.
pub fn write(value: &Value) -> Vec<u8> {
    match value {
        Value::Bytes(bytes) => {
            let mut out = b"{\"bytes\": \"".to_vec();
            out.extend_from_slice(BASE64.encode(&**bytes).as_bytes());
            out.extend_from_slice(b"\"}\n");
            out
        }
        Value::Table(table) => write_table(table),
    }
}

/// Reads a document of a value whose table, without its texts, takes at most `max_bytes`.
///
/// # Errors
/// If the bytes are not a document, or too large. Whoever wrote them is at fault.
pub fn read(bytes: &Bytes, max_bytes: u64) -> Result<Value, FormatError> {
    let (text, skipped) = source_text(bytes)?;
    let source = JsonSource { bytes, skipped };
    let mut reader = Reader::new(text);
    let malformed =
        |problem, token: &Token<'_>| source.error(FormatErrorKind::Malformed(problem), token.start);
    let start = source.next(&mut reader)?;
    if start.event != Event::ObjectStart {
        return Err(malformed("an output document is an object", &start));
    }
    let token = source.next(&mut reader)?;
    let value = match token.event {
        Event::Key(key) if key.is("bytes") => {
            let token = source.next(&mut reader)?;
            let Event::String(text) = token.event else {
                return Err(malformed("`bytes` must be a string", &token));
            };
            match BASE64.decode(text.decode().as_bytes()) {
                Ok(bytes) => Value::Bytes(bytes.into()),
                Err(_) => return Err(malformed("`bytes` must be padded base64", &token)),
            }
        }
        Event::Key(key) if key.is("schema") => {
            let schema = read_schema(&mut reader, &source)?;
            let token = source.next(&mut reader)?;
            if !matches!(token.event, Event::Key(key) if key.is("rows")) {
                return Err(malformed("`rows` must follow `schema`", &token));
            }
            let token = source.next(&mut reader)?;
            if token.event != Event::ArrayStart {
                return Err(malformed("`rows` must be an array", &token));
            }
            let records = JsonRecords::new(source, readers(&schema, &[])?, true);
            Value::Table(records.read(&mut reader, &schema, max_bytes)?)
        }
        _ => return Err(malformed("an output document begins with `schema` or `bytes`", &token)),
    };
    let end = source.next(&mut reader)?;
    if end.event != Event::ObjectEnd {
        return Err(malformed("nothing may follow here", &end));
    }
    match reader.next() {
        Ok(_) => Ok(value),
        Err(error) => Err(source.json(error)),
    }
}

fn write_table(table: &Table) -> Vec<u8> {
    let columns = table.schema.columns();
    let mut out = b"{\n  \"schema\": {\"columns\": {".to_vec();
    for (at, column) in columns.iter().enumerate() {
        put_name(&mut out, at, &column.name);
        out.push(b'"');
        out.extend_from_slice(column.ty.to_string().as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b"}},\n  \"rows\": [");
    for row in 0..table.rows {
        out.extend_from_slice(if row == 0 { b"\n    {" } else { b",\n    {" });
        for (at, (column, data)) in columns.iter().zip(&table.columns).enumerate() {
            put_name(&mut out, at, &column.name);
            write_json(&mut out, column.ty.ty, data, row);
        }
        out.push(b'}');
    }
    out.extend_from_slice(if table.rows == 0 { b"]\n}\n" } else { b"\n  ]\n}\n" });
    out
}

/// A member's name; names of columns need no escapes.
fn put_name(out: &mut Vec<u8>, at: usize, name: &str) {
    out.extend_from_slice(if at == 0 { b"\"" } else { b", \"" });
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\": ");
}

/// `{"columns": {…}}`.
fn read_schema(reader: &mut Reader<'_>, source: &JsonSource<'_>) -> Result<Schema, FormatError> {
    const FORM: &str = "`schema` must be {\"columns\": {name: type}}";
    let malformed =
        |problem, token: &Token<'_>| source.error(FormatErrorKind::Malformed(problem), token.start);
    let mut expect = |wanted: fn(&Event<'_>) -> bool| {
        let token = source.next(reader)?;
        if wanted(&token.event) { Ok(()) } else { Err(malformed(FORM, &token)) }
    };
    expect(|event| *event == Event::ObjectStart)?;
    expect(|event| matches!(event, Event::Key(key) if key.is("columns")))?;
    expect(|event| *event == Event::ObjectStart)?;
    let mut columns = Vec::new();
    let end = loop {
        let token = source.next(reader)?;
        let Event::Key(key) = token.event else { break token };
        let name = key.decode();
        if !is_name(&name) {
            return Err(malformed(
                "names of columns are [A-Za-z_][A-Za-z0-9_]* of at most 64 characters",
                &token,
            ));
        }
        if columns.len() == MAX_COLUMNS {
            return Err(malformed("a table has at most 256 columns", &token));
        }
        let token = source.next(reader)?;
        let Event::String(text) = token.event else { return Err(malformed(FORM, &token)) };
        let Ok(ty) = text.decode().parse::<ColumnType>() else {
            return Err(malformed("there is no such type; see the types of the plan language", &token));
        };
        columns.push(Column { name: name.into_owned(), ty });
    };
    let schema =
        Schema::new(columns).map_err(|name| source.error(FormatErrorKind::Duplicate(name), end.start))?;
    let token = source.next(reader)?;
    if token.event == Event::ObjectEnd { Ok(schema) } else { Err(malformed(FORM, &token)) }
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let mut bytes = name.bytes();
    name.len() <= MAX_NAME_BYTES
        && bytes.next().is_some_and(letter)
        && bytes.all(|byte| letter(byte) || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commit::{NO_SALT, root, test_values},
        types::Type,
    };
    use alloc::{format, string::String, vec};

    const ROOM: u64 = 1 << 20;

    fn sample() -> Value {
        Value::Table(test_values::table_of(&test_values::every_type(), 7, 11))
    }

    #[test]
    fn a_document_gives_back_the_value() {
        let values = [
            sample(),
            Value::Table(Table::empty(test_values::every_type())),
            Value::Bytes(vec![0, 255, 7].into()),
        ];
        for value in values {
            let document = write(&value);
            let other = read(&document.clone().into(), ROOM).unwrap();
            assert_eq!(other, value);
            assert_eq!(root(&other, 64, &NO_SALT), root(&value, 64, &NO_SALT));
            assert_eq!(write(&other), document);
            // White space and the order of members mean nothing.
            let json: serde_json::Value = serde_json::from_slice(&document).unwrap();
            if json.get("rows").is_some() {
                let text = format!("{{\"schema\":{},\n\t\"rows\":{}}}", json["schema"], json["rows"]);
                assert_eq!(read(&text.into_bytes().into(), ROOM).unwrap(), value);
            }
        }
    }

    #[test]
    fn the_form_is_fixed() {
        let schema = Schema::new(vec![
            Column { name: "n".into(), ty: ColumnType { ty: Type::Int, nullable: true } },
            Column { name: "d".into(), ty: "decimal(5,2)".parse().unwrap() },
        ])
        .unwrap();
        let mut table = crate::value::TableBuilder::new(&schema, 2);
        for (decimal, int) in [(-5, Some(1 << 53)), (12345, Some((1 << 53) - 1)), (0, None)] {
            table.column(0).push_narrow(decimal);
            match int {
                Some(int) => table.column(1).push_narrow(int),
                None => table.column(1).push_null(),
            }
        }
        let text = r#"{
  "schema": {"columns": {"d": "decimal(5,2)", "n": "int?"}},
  "rows": [
    {"d": "-0.05", "n": "9007199254740992"},
    {"d": "123.45", "n": 9007199254740991},
    {"d": "0.00", "n": null}
  ]
}
"#;
        assert_eq!(String::from_utf8(write(&Value::Table(table.finish()))).unwrap(), text);
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_place() {
        for text in [
            "",
            "[]",
            "{}",
            "{\"rows\":[],\"schema\":{\"columns\":{}}}",
            "{\"schema\":{\"columns\":{\"a\":\"int\"}}}",
            "{\"schema\":{\"columns\":{\"a\":\"int\"}},\"rows\":[{}]}",
            "{\"schema\":{\"columns\":{\"a\":\"int?\"}},\"rows\":[{}]}",
            "{\"schema\":{\"columns\":{\"a\":\"int\"}},\"rows\":[{\"a\":1,\"b\":2}]}",
            "{\"schema\":{\"columns\":{\"a\":\"int\"}},\"rows\":[{\"a\":1,\"a\":1}]}",
            "{\"schema\":{\"columns\":{\"a\":\"int\"}},\"rows\":[{\"a\":\"1\"}]}",
            "{\"schema\":{\"columns\":{\"a\":\"int\"}},\"rows\":[{\"a\":1.0}]}",
            "{\"schema\":{\"columns\":{\"a\":\"int\"}},\"rows\":[{\"a\":null}]}",
            "{\"schema\":{\"columns\":{\"a\":\"int\",\"a\":\"int\"}},\"rows\":[]}",
            "{\"schema\":{\"columns\":{\"a b\":\"int\"}},\"rows\":[]}",
            "{\"schema\":{\"columns\":{\"a\":\"float\"}},\"rows\":[]}",
            "{\"schema\":{\"columns\":{\"a\":\"int\"}},\"rows\":[],\"more\":1}",
            "{\"bytes\":\"AA\"}",
            "{\"bytes\":\"AA==\"} 1",
        ] {
            let error = read(&text.as_bytes().to_vec().into(), ROOM).unwrap_err();
            assert!(error.place.is_some(), "{text}: {error}");
        }
        let rows = "{},".repeat(100);
        let many = format!("{{\"schema\":{{\"columns\":{{}}}},\"rows\":[{}{{}}]}}", rows);
        let error = read(&many.into_bytes().into(), 50).unwrap_err();
        assert!(matches!(error.kind, FormatErrorKind::TooLarge { .. }), "{error}");
    }

    #[test]
    fn no_change_of_a_byte_keeps_the_value_and_differs() {
        let value = sample();
        let document = write(&value);
        let expected = root(&value, 64, &NO_SALT);
        for at in 0..document.len() {
            for flip in [1, 4, 0x20, 0x80] {
                let mut changed = document.clone();
                changed[at] ^= flip;
                if let Ok(other) = read(&changed.into(), ROOM) {
                    // Where white space became other white space, nothing changed.
                    assert_eq!(other == value, root(&other, 64, &NO_SALT) == expected);
                }
            }
            let cut: Vec<u8> = document[..at].to_vec();
            assert!(at + 1 == document.len() || read(&cut.into(), ROOM).is_err(), "cut at {at}");
        }
    }
}
