use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use proptest::prelude::*;

use super::*;
use crate::{
    commit::test_values::{every_type, table_of},
    types::Column,
    value::{TableBuilder, Value, Values},
};

const ROOM: u64 = 1 << 24;

fn schema(columns: &[(&str, &str)]) -> Schema {
    let column = |(name, ty): &(&str, &str)| Column { name: (*name).into(), ty: ty.parse().unwrap() };
    Schema::new(columns.iter().map(column).collect()).unwrap()
}

fn json_table(text: &str, columns: &[(&str, &str)]) -> Result<Table, FormatError> {
    json::read(&text.as_bytes().to_vec().into(), &[], &schema(columns), &[], ROOM)
}

fn csv_table(text: &str, columns: &[(&str, &str)]) -> Result<Table, FormatError> {
    csv::read(&text.as_bytes().to_vec().into(), b',', &schema(columns), &[], ROOM)
}

fn xml_table(text: &str, columns: &[(&str, &str)]) -> Result<Table, FormatError> {
    xml::read(&text.as_bytes().to_vec().into(), "row", &schema(columns), &[], ROOM)
}

/// The rows as RFC 8785 JSON.
fn shown(table: &Table) -> String {
    let all: Vec<usize> = (0..table.schema.len()).collect();
    String::from_utf8(json::write(table, &all, u64::MAX).unwrap()).unwrap()
}

#[test]
fn all_formats_read_the_same_rows() {
    let columns = [("a", "int"), ("b", "decimal(5,2)?"), ("c", "string"), ("d", "date"), ("e", "bool?")];
    let rows = r#"[{"a":1,"b":"1.50","c":"x, \"y\"","d":"2012-02-29","e":true},{"a":-2,"b":null,"c":"","d":"0001-01-01","e":null}]"#;
    let json = r#" [ {"c":"x, \"y\"","b":1.5,"a":1,"d":"2012-02-29","more":[{"a":{}}],"e":true},
        {"a":-2,"d":"0001-01-01","c":"","e":null} ] "#;
    let csv = "c,e,more,a,d,b\r\n\"x, \"\"y\"\"\",true,?,1,2012-02-29,1.5\r\n,,,-2,0001-01-01,\r\n";
    let xml = r#"<?xml version="1.0"?><t><row a="1" e=" true "><b> 1.5</b><c><![CDATA[x, "y"]]></c><d>2012-02-29</d><more><row/></more></row>
        <!-- <row/> --><g><row><c/><a>-2</a><d>0001-01-01</d></row></g></t>"#;
    assert_eq!(shown(&json_table(json, &columns).unwrap()), rows);
    assert_eq!(shown(&csv_table(csv, &columns).unwrap()), rows);
    assert_eq!(shown(&csv_table(&format!("\u{feff}{csv}\n\r\n"), &columns).unwrap()), rows);
    assert_eq!(shown(&xml_table(xml, &columns).unwrap()), rows);
    assert_eq!(shown(&json_table(&format!("\u{feff}{rows}"), &columns).unwrap()), rows);
}

#[test]
fn texts_without_escapes_are_not_copied() {
    let file: Bytes = b"[{\"a\":\"one\"},{\"a\":\"two\"}]".to_vec().into();
    let table = json::read(&file, &[], &schema(&[("a", "string")]), &[], ROOM).unwrap();
    let Values::Text(text) = &table.columns[0].values else { panic!() };
    assert!(alloc::sync::Arc::ptr_eq(&text.heap, file.heap()));
    let table = csv_table("a\none\n\"two \"\"2\"\"\"\n", &[("a", "string")]).unwrap();
    let Values::Text(text) = &table.columns[0].values else { panic!() };
    assert_eq!(text.iter().collect::<Vec<_>>(), [b"one".as_slice(), b"two \"2\""]);
}

#[test]
fn hints_name_and_format_columns() {
    let hints = vec![
        ColumnHint { source: Some("Trade Date".into()), format: Some("%b %-d %Y".into()) },
        ColumnHint::default(),
    ];
    let columns = schema(&[("day", "date"), ("x", "int")]);
    let read = |text: &str| csv::read(&text.as_bytes().to_vec().into(), b';', &columns, &hints, ROOM);
    assert_eq!(shown(&read("x;Trade Date\n1;Jan 1 2000\n").unwrap()), r#"[{"day":"2000-01-01","x":1}]"#);
    let error = read("x;Trade Date\n1;Jan 1 2000\n1;Feb 30 2000\n").unwrap_err();
    assert_eq!((error.row, error.column.as_deref()), (Some(2), Some("day")));
    assert_eq!(
        error.to_string(),
        "row 2, column day, line 3:3: expected date as \"%b %-d %Y\", but \"Feb 30 2000\" does not exist"
    );
    let error = read("x;day\n1;Jan 1 2000\n").unwrap_err();
    assert!(error.to_string().contains("there is no \"Trade Date\" among x, day"), "{error}");
}

#[test]
fn a_path_leads_to_the_rows() {
    let read = |text: &str| {
        let path = ["data".to_owned(), "rows".to_owned()];
        json::read(&text.as_bytes().to_vec().into(), &path, &schema(&[("a", "int")]), &[], ROOM)
    };
    let text = r#"{"n":{"rows":[1]},"data":{"more":[],"rows":[{"a":1}],"after":{"rows":0}},"z":1}"#;
    assert_eq!(shown(&read(text).unwrap()), r#"[{"a":1}]"#);
    for text in [
        "[]",
        "{}",
        r#"{"data":[]}"#,
        r#"{"data":{"rows":{}}}"#,
        r#"{"data":{"rows":[],"rows":[]}}"#,
        r#"{"data":{"rows":[]},"data":1}"#,
        r#"{"data":{"rows":[]}"#,
        r#"{"data":{"rows":[]}} 1"#,
    ] {
        assert!(read(text).unwrap_err().place.is_some(), "{text}");
    }
}

#[test]
fn values_that_do_not_fit_are_named() {
    use ValueProblem::{NoSuchDate, Null, OutOfRange, TooPrecise, WrongForm};
    for (ty, json, problem) in [
        ("int", "1.0", WrongForm),
        ("int", "1e2", WrongForm),
        ("int", "\"1\"", WrongForm),
        ("int", "9223372036854775808", OutOfRange),
        ("int", "null", Null),
        ("int", "[1]", WrongForm),
        ("int", "{\"a\":1}", WrongForm),
        ("decimal(5,2)", "1.234", TooPrecise),
        ("decimal(5,2)", "1000", OutOfRange),
        ("decimal(5,2)", "1e400", OutOfRange),
        ("decimal(5,2)", "\"NaN\"", WrongForm),
        ("decimal(5,2)", "true", WrongForm),
        ("bool", "\"true\"", WrongForm),
        ("bool", "1", WrongForm),
        ("string", "1", WrongForm),
        ("bytes", "\"AA\"", WrongForm),
        ("date", "\"2011-02-29\"", NoSuchDate),
        ("date", "\"29.02.2012\"", WrongForm),
        ("timestamp", "\"2012-01-31T24:00:00Z\"", NoSuchDate),
        ("timestamp", "\"2012-01-31 08:00\"", WrongForm),
    ] {
        let text = format!("[{{\"a\":{json}}}]");
        let error = json_table(&text, &[("a", ty)]).unwrap_err();
        let FormatErrorKind::Value { problem: found, .. } = error.kind else { panic!("{text}: {error}") };
        assert_eq!((found, error.row, error.place.unwrap().offset), (problem, Some(1), 6), "{text}");
    }
    // The row is counted over ten thousand good ones.
    let mut text = "[".to_owned();
    for _ in 0..9_999 {
        text += "{\"a\":1},\n";
    }
    let error = json_table(&format!("{text}{{\"a\":true}}]"), &[("a", "int")]).unwrap_err();
    assert_eq!((error.row, error.place.unwrap().line), (Some(10_000), 10_000));
}

#[test]
fn malformed_files_are_refused_with_a_place() {
    let columns = [("a", "int"), ("b", "string")];
    for text in [
        "",
        "a,b,b\n",
        "a\n1\n",
        "a,b\n1\n",
        "a,b\n1,x,y\n",
        "a,b\n1,x\"y\n",
        "a,b\n1,\"x\n",
        "a,b\n1,\"x\"y\n",
        "a,b\n1,x\r2,y\n",
        "a,b\n\n1,x\n",
        "a,b\n,x\n",
    ] {
        let error = csv_table(text, &columns).unwrap_err();
        assert!(error.place.is_some(), "{text:?}: {error}");
    }
    for text in [
        "",
        "{}",
        "[1]",
        "[{\"a\":1,\"b\":\"\",\"a\":1}]",
        "[{\"a\":1}]",
        "[{\"a\":1,\"b\":\"\"},]",
        "[{\"a\":1,\"b\":\"\"}",
        "[{\"a\":1,\"b\":\"\\ud800\"}]",
        "[{\"a\":1,\"b\":\"\",\"c\":1,\"c\":1}]",
    ] {
        assert!(json_table(text, &columns).unwrap_err().place.is_some(), "{text}");
    }
    let deep = format!("[{{\"c\":{}", "[".repeat(100_000));
    assert!(json_table(&deep, &columns).is_err());
    for text in [
        "",
        "<a>",
        "<a><row/></a>",
        "<a><row a='1' b=''><a>1</a></row></a>",
        "<a><row a='1'><b><c/></b></row></a>",
        "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
        "<a><row a='x' b=''/></a>",
    ] {
        assert!(xml_table(text, &columns).is_err(), "{text}");
    }
    let deep = "<a>".repeat(100_000);
    assert!(matches!(xml_table(&deep, &columns).unwrap_err().kind, FormatErrorKind::TooLarge { .. }));
    let wide = format!("<a{}/>", (0..2000).map(|n| format!(" a{n}=''")).collect::<String>());
    assert!(matches!(xml_table(&wide, &columns).unwrap_err().kind, FormatErrorKind::TooLarge { .. }));
    let bad: Bytes = b"a,b\n1,\xff\n".to_vec().into();
    assert_eq!(csv::read(&bad, b',', &schema(&columns), &[], ROOM).unwrap_err().kind, FormatErrorKind::Utf8);
}

#[test]
fn tables_have_a_bound() {
    let rows = format!("[{}{{}}]", "{},".repeat(1000));
    let columns = schema(&[("a", "int?"), ("b", "decimal(30,2)?")]);
    let read = |room| json::read(&rows.clone().into_bytes().into(), &[], &columns, &[], room);
    assert_eq!(read(26 * 1001).unwrap().rows, 1001);
    assert!(matches!(read(26 * 1001 - 1).unwrap_err().kind, FormatErrorKind::TooLarge { .. }));
    let table = read(ROOM).unwrap();
    assert!(json::write(&table, &[0, 1], 10_000).is_err());
    assert!(csv::write(&table, &[0, 1], 100).is_err());
}

#[test]
fn written_files_read_the_same() {
    let types = every_type();
    let table = table_of(&types, 40, 4);
    let all: Vec<usize> = (0..types.len()).collect();
    let json = json::write(&table, &all, u64::MAX).unwrap();
    assert_eq!(json::read(&json.clone().into(), &[], &types, &[], ROOM).unwrap(), table);
    let tree: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(serde_json::to_vec(&tree).unwrap(), json, "sorted, without white space");
    let csv = csv::write(&table, &all.iter().rev().copied().collect::<Vec<_>>(), u64::MAX).unwrap();
    assert_eq!(csv::read(&csv.into(), b',', &types, &[], ROOM).unwrap(), table);
    let none = Table::empty(types.clone());
    assert_eq!(json::write(&none, &all, 2).unwrap(), b"[]");
}

#[test]
fn csv_is_quoted_as_postgresql_does() {
    let types = schema(&[("a", "string?"), ("b", "bytes?")]);
    let mut table = TableBuilder::new(&types, 4);
    for text in [Some("plain"), Some("a,\"b\"\n"), Some(""), None, Some("\\.")] {
        for column in table.columns() {
            match text {
                Some(text) => column.push_text(text.as_bytes()).unwrap(),
                None => column.push_null(),
            }
        }
    }
    let file = csv::write(&table.finish(), &[0, 1], u64::MAX).unwrap();
    let expected = "a,b\nplain,cGxhaW4=\n\"a,\"\"b\"\"\n\",YSwiYiIK\n\"\",\"\"\n,\n\"\\.\",XC4=\n";
    assert_eq!(String::from_utf8(file).unwrap(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Cells as another library writes them.
    #[test]
    fn csv_of_another_library_reads_the_same(
        rows in proptest::collection::vec(proptest::collection::vec("[ab,\"\n\r;é]{0,5}", 3), 1..6),
        delimiter in prop_oneof![Just(b','), Just(b';'), Just(b'\t')],
    ) {
        let mut writer = ::csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(["a", "b", "c"]).unwrap();
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        let columns = schema(&[("a", "string"), ("b", "string"), ("c", "string")]);
        let file = writer.into_inner().unwrap();
        let table = csv::read(&file.into(), delimiter, &columns, &[], ROOM).unwrap();
        prop_assert_eq!(table.rows, rows.len());
        for (at, column) in table.columns.iter().enumerate() {
            let Values::Text(text) = &column.values else { panic!() };
            for (row, cells) in rows.iter().enumerate() {
                prop_assert_eq!(text.get(row), cells[at].as_bytes());
            }
        }
    }

    /// What this module writes, as another library reads it.
    #[test]
    fn csv_reads_the_same_in_another_library(texts in proptest::collection::vec("[ab,\"\n\r\\\\.]{0,5}", 1..6)) {
        let columns = schema(&[("a", "string"), ("b", "int")]);
        let mut table = TableBuilder::new(&columns, 0);
        for text in &texts {
            table.column(0).push_text(text.as_bytes()).unwrap();
            table.column(1).push_narrow(1);
        }
        let file = csv::write(&table.finish(), &[0, 1], u64::MAX).unwrap();
        let mut reader = ::csv::Reader::from_reader(&file[..]);
        let read: Vec<String> = reader.records().map(|record| record.unwrap()[0].to_owned()).collect();
        prop_assert_eq!(read, texts);
    }

    #[test]
    fn damaged_files_are_read_without_panic(at in any::<prop::sample::Index>(), byte: u8, cut: bool, format in 0..3) {
        let types = every_type();
        let table = table_of(&types, 3, 8);
        let all: Vec<usize> = (0..types.len()).collect();
        let xml = || {
            let rows: Vec<serde_json::Value> = serde_json::from_str(&shown(&table)).unwrap();
            let mut out = "<t>".to_owned();
            for row in rows {
                out += "<row>";
                for (name, value) in row.as_object().unwrap() {
                    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                    out += &format!("<{name}>{}</{name}>", text.replace("null", ""));
                }
                out += "</row>";
            }
            out += "</t>";
            out.into_bytes()
        };
        let mut file = match format {
            0 => json::write(&table, &all, u64::MAX).unwrap(),
            1 => csv::write(&table, &all, u64::MAX).unwrap(),
            _ => xml(),
        };
        let at = at.index(file.len());
        if cut { file.truncate(at) } else { file[at] = byte }
        let format = match format {
            0 => ParseFormat::Json { path: Vec::new() },
            1 => ParseFormat::Csv { delimiter: b',' },
            _ => ParseFormat::Xml { record: "row".into() },
        };
        if let Ok(read) = parse(&file.into(), &format, &types, &[], ROOM) {
            // Whatever was read is a table of the schema: it has a root, and strings that are UTF-8.
            let _ = crate::document::write(&Value::Table(read));
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in "[\\[\\]{}\"ab:,1<>/= \n\r-]{0,40}", ty in prop_oneof![Just("int?"), Just("string"), Just("date?")]) {
        let columns = [("a", ty)];
        let _ = (json_table(&text, &columns), csv_table(&format!("a\n{text}"), &columns), xml_table(&text, &columns));
        let _ = xml_table(&format!("<row>{text}</row>"), &columns);
    }
}
