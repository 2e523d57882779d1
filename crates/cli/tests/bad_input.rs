//! Everything that can be wrong with what a user gives: a clear error each, nothing written, never a panic.

mod common;

use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
};

use common::{Desk, Ran, example};

/// A plan over one table `t` from `t.csv`, with these columns and steps.
fn plan(columns: &str, steps: &str, output: &str) -> String {
    format!(
        "version: \"1.0\"\nid: bad\nsteps:\n  - id: t\n    type: data-input\n    schema: {{ columns: {{ {columns} }} }}\n    \
         source: {{ type: file, uri: t.csv }}\n{steps}output: {{ step: {output} }}\n"
    )
}

/// A step `s` that computes `c` from an expression.
fn computing(expression: &str) -> String {
    format!(
        "  - id: s\n    type: compute\n    input: t\n    operation: {{ op: math, columns: {{ c: \"{expression}\" }} }}\n"
    )
}

/// Runs at tier 1 and asserts that nothing was written.
#[track_caller]
fn refused(desk: &Desk, args: &[&str], code: i32, says: &[&str]) -> Ran {
    let mut line = vec!["run", "plan.yaml", "--tier", "1", "--out", "out"];
    line.extend(args);
    let ran = desk.run_args(line).exits(code).says(says);
    assert!(!desk.path("out").exists(), "nothing is written");
    ran
}

#[test]
fn malformed_plans() {
    let desk = Desk::new();
    for (text, says) in [
        ("", &["plan.yaml"][..]),
        ("{", &["plan.yaml:1:"]),
        ("\"just text\"", &["plan.yaml"]),
        ("version: \"1.0\"\nid: x\nid: y\nsteps: []\noutput: {step: a}\n", &["plan.yaml:3", "id"]),
        ("a: &x [1]\nb: *x\n", &["plan.yaml"]),
        ("\u{0}\u{1}\u{2}", &["plan.yaml"]),
    ] {
        desk.file("plan.yaml", text);
        refused(&desk, &[], 1, says);
        desk.run("plan check plan.yaml").exits(1);
    }
    desk.file("plan.json", "{\"version\": \"1.0\", \"id\": NaN}");
    desk.run("plan check plan.json").exits(1).says(&["plan.json:1:"]);
    desk.file("latin.yaml", b"id: caf\xe9\n");
    desk.run("plan check latin.yaml").exits(2).says(&["UTF-8"]);
    desk.run("plan check absent.yaml").exits(2).says(&["cannot read absent.yaml"]);
}

#[test]
fn deep_documents() {
    let desk = Desk::new();
    for (name, text) in [
        ("list.yaml", "[".repeat(100_000)),
        ("map.json", "{\"a\":".repeat(100_000)),
        ("block.yaml", (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect()),
        (
            "expression.yaml",
            plan("a: int", &computing(&format!("{}a{}", "(".repeat(50_000), ")".repeat(50_000))), "s"),
        ),
        ("not.yaml", plan("a: int", &computing(&"!".repeat(50_000)), "s")),
    ] {
        desk.file(name, text);
        desk.run(&format!("plan check {name}")).exits(1).says(&[name]);
    }
    desk.file("quotes.json", "[".repeat(100_000));
    let quotes = format!("quotes={}", desk.path("quotes.json").display());
    desk.run_args(["run", &example("signals/plan.yaml"), "--tier", "1", "--input", &quotes])
        .exits(3)
        .says(&["days"]);
    desk.file("t.json", "[".repeat(100_000));
    desk.file("plan.yaml", plan("a: int", "", "t"));
    refused(&desk, &["--input", "t=t.json"], 2, &["input t", "t.json"]);
}

#[test]
fn several_errors_at_once_each_with_place_and_hint() {
    let desk = Desk::new();
    let steps = "  - id: kept\n    type: filter\n    input: t\n    condition: \"b > 1\"\n  - id: kept\n    type: filter\n    \
                 input: kebt\n    condition: \"a > 1\"\n";
    desk.file("plan.yaml", plan("a: int", steps, "kept"));
    let ran = refused(
        &desk,
        &[],
        1,
        &["plan.yaml:12:9", "duplicate-id", "plan.yaml:14:12", "unknown-step", "kebt"],
    );
    assert!(ran.stderr.contains("did you mean"), "{}", ran.stderr);
    let report = desk.run("plan check plan.yaml --json").exits(1).json();
    let diagnostics = report["plans"][0]["diagnostics"].as_array().expect("a list").clone();
    assert!(diagnostics.len() >= 2, "{report}");
    for diagnostic in diagnostics {
        for member in ["severity", "code", "message", "line", "column"] {
            assert!(!diagnostic[member].is_null(), "{member} in {diagnostic}");
        }
    }
    let cycle = "  - id: x\n    type: filter\n    input: y\n    condition: \"a > 1\"\n  - id: y\n    type: filter\n    input: x\n    \
                 condition: \"a > 1\"\n";
    desk.file("plan.yaml", plan("a: int", cycle, "x"));
    refused(&desk, &[], 1, &["cycle", "x", "y"]);
    desk.file("plan.yaml", plan("a: int", "", "t").replace("version", "limits: { maxSteps: 0 }\nversion"));
    refused(&desk, &[], 1, &["limit-out-of-range", "maxSteps"]);
}

#[test]
fn csv_that_does_not_fit() {
    let desk = Desk::new();
    desk.file("plan.yaml", plan("a: int, d: date, p: \"decimal(6,2)\"", "", "t"));
    let good = "a,d,p\n1,2024-02-29,1.50\n";
    for (text, says) in [
        ("a,d\n1,2024-01-01\n".to_string(), &["\"p\""][..]),
        ("a,d,p\n1,2024-01-01\n".to_string(), &["row 1", "3 cells"]),
        ("a,a,d,p\n1,1,2024-01-01,1\n".to_string(), &["twice"]),
        (good.replace("1,2024", "\"1,2024"), &["t.csv"]),
        (good.replace("2024-02-29", "2023-02-29"), &["row 1", "column d", "does not exist"]),
        (good.replace("2024-02-29", "2024-13-01"), &["row 1", "column d"]),
        (good.replace("1.50", "NaN"), &["row 1", "column p", "NaN"]),
        (good.replace("1.50", "1e400"), &["row 1", "column p", "1e400"]),
        (good.replace("1.50", "1.505"), &["row 1", "column p", "digits"]),
        (good.replace("1.50", "12345.00"), &["row 1", "column p"]),
        (good.replace("1,2024", "9223372036854775808,2024"), &["row 1", "column a"]),
        (good.replace("1,2024", ",2024"), &["row 1", "column a"]),
        (good.replace("1,2024", "\u{1b}[2J,2024"), &["row 1", "column a"]),
    ] {
        desk.file("t.csv", text);
        let ran = refused(&desk, &[], 2, &["input t", "t.csv"]).says(says);
        assert!(!ran.stderr.contains('\u{1b}'), "what a file says does not steer the terminal");
    }
    desk.file("t.csv", b"a,d,p\n1,2024-01-01,\xff\n");
    refused(&desk, &[], 2, &["UTF-8"]);
    desk.file("t.csv", "");
    refused(&desk, &[], 2, &["input t"]);
}

#[test]
fn the_row_is_named_even_if_it_is_the_ten_thousandth() {
    let desk = Desk::new();
    desk.file("plan.yaml", plan("a: int", "", "t"));
    let mut csv = String::from("a\n");
    let mut json = String::from("[");
    for row in 1..=10_500 {
        let value = if row == 10_000 { "\"x\"".to_string() } else { row.to_string() };
        csv.push_str(&format!("{}\n", value.replace('"', "")));
        json.push_str(&format!("{}{{\"a\": {value}}}\n", if row > 1 { "," } else { "" }));
    }
    json.push(']');
    desk.file("t.csv", csv);
    refused(&desk, &[], 2, &["row 10000", "column a", "line 10001"]);
    desk.file("t.json", json);
    refused(&desk, &["--input", "t=t.json"], 2, &["row 10000", "column a", "line 10000"]);
}

#[test]
fn json_that_does_not_fit() {
    let desk = Desk::new();
    desk.file("plan.yaml", plan("a: int, p: \"decimal(6,2)?\"", "", "t"));
    for (text, says) in [
        ("", &["t.json"][..]),
        ("{", &["t.json"]),
        ("[{\"a\": 1}", &["t.json"]),
        ("[{\"a\": 1}] x", &["t.json"]),
        ("[{\"a\": 1, \"a\": 2}]", &["\"a\"", "twice"]),
        ("[{\"a\": NaN}]", &["t.json"]),
        ("[{\"a\": 1e400}]", &["row 1", "column a"]),
        ("[{\"a\": 1, \"p\": 1e400}]", &["row 1", "column p"]),
        ("[{\"a\": 1.5}]", &["row 1", "column a"]),
        ("[{\"a\": 9223372036854775808}]", &["row 1", "column a"]),
        ("[{\"a\": null}]", &["row 1", "column a"]),
        ("[{}]", &["row 1"]),
        ("[[1]]", &["t.json"]),
        ("{\"a\": 1}", &["t.json"]),
    ] {
        desk.file("t.json", text);
        refused(&desk, &["--input", "t=t.json"], 2, says);
    }
    desk.file("t.parquet", "x");
    refused(&desk, &["--input", "t=t.parquet"], 2, &[".csv", ".json"]);
}

#[test]
fn xml_that_does_not_parse() {
    let desk = Desk::new();
    let text = "version: \"1.0\"\nid: bad\nsteps:\n  - { id: f, type: data-input, schema: bytes, source: { type: file, uri: f.xml } }\n  \
                - id: p\n    type: transform\n    input: f\n    operation: { op: parse, format: xml, record: r, schema: { columns: { a: int } } }\n\
                output: { step: p }\n";
    desk.file("plan.yaml", text);
    for xml in [
        "<x><r><a>1</a></x>",
        "<x><r><a>1</r></a></x>",
        "<x><r><a>one</a></r></x>",
        "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><x><r><a>&b;</a></r></x>",
        "",
    ] {
        desk.file("f.xml", xml);
        refused(&desk, &[], 3, &["step p"]);
    }
    desk.file("f.xml", "<a>".repeat(100_000));
    refused(&desk, &[], 3, &["step p"]);
    desk.file("f.xml", "<x><r><a>1</a></r></x>");
    desk.run("run plan.yaml --tier 1 --out out").exits(0);
}

#[test]
fn arithmetic_that_has_no_result() {
    let desk = Desk::new();
    desk.file("t.csv", "a,b\n1,1\n9223372036854775807,0\n");
    for (expression, says) in [
        ("a + 1", "does not fit"),
        ("-a - 2", "does not fit"),
        ("a * 2", "does not fit"),
        ("a / b", "division by zero"),
        ("a % b", "division by zero"),
        ("div(a, b, 2)", "division by zero"),
        ("power(a, 2)", "does not fit"),
        ("sqrt(0 - a, 2)", "negative"),
        ("decimal(a, 5, 2)", "row"),
        ("date('9999-12-31') + a", "date"),
    ] {
        desk.file("plan.yaml", plan("a: int, b: int", &computing(expression), "s"));
        refused(&desk, &[], 3, &["step s", "row", says]);
    }
}

#[test]
fn loops_and_outputs_stop_at_their_bounds() {
    let desk = Desk::new();
    desk.file("t.csv", "a\n1\n");
    let body = "  - id: l\n    type: loop\n    input: t\n    as: state\n    maxIterations: 50\n    until: { input: state, expression: \"a < 0\" }\n    \
                body:\n      steps:\n        - { id: n, type: compute, input: state, operation: { op: math, columns: { a: \"a + 1\" } } }\n      \
                output: n\n";
    desk.file("plan.yaml", plan("a: int", body, "l"));
    refused(&desk, &[], 3, &["step l", "50 rounds", "maxIterations"]);
    desk.file(
        "plan.yaml",
        plan("a: int", "", "t").replace("version", "limits: { maxOutputBytes: 4 }\nversion"),
    );
    refused(&desk, &[], 3, &["output", "limits.maxOutputBytes"]);
    desk.file(
        "plan.yaml",
        plan("a: int", "", "t").replace("version", "limits: { maxMemoryBytes: 4 }\nversion"),
    );
    // The table alone is too large, so reading stops already.
    refused(&desk, &[], 2, &["input t", "limits.maxMemoryBytes"]);
    let more = "  - { id: s, type: compute, input: t, operation: { op: math, columns: { b: \"a + 1\", c: \"a + 2\" } } }\n";
    desk.file(
        "plan.yaml",
        plan("a: int", more, "s").replace("version", "limits: { maxMemoryBytes: 20 }\nversion"),
    );
    refused(&desk, &[], 3, &["step s", "limits.maxMemoryBytes"]);
}

#[test]
fn a_line_without_an_end() {
    let desk = Desk::new();
    desk.file("plan.yaml", plan("a: int", "", "t"));
    // 64 MB of one cell: read, then refused by the column's type without being shown whole.
    let mut file = File::create(desk.path("t.csv")).expect("creates");
    file.write_all(b"a\n").expect("writes");
    let block = vec![b'7'; 1 << 20];
    for _ in 0..64 {
        file.write_all(&block).expect("writes");
    }
    drop(file);
    let ran = refused(&desk, &[], 2, &["input t", "row 1"]);
    assert!(ran.stderr.len() < 2000, "the message stays short: {} bytes", ran.stderr.len());
    // Above the limit nothing is read at all.
    let mut command = desk.command(["run", "plan.yaml", "--tier", "1", "--out", "out"]);
    let ran = Ran::from(command.env("PROOFMARK_INPUTS_MAX_BYTES", "32MiB").output().expect("starts"));
    ran.exits(2).says(&["is longer than 33554432 bytes", "inputs.maxBytes"]);
    // A sparse file of more than a gigabyte, which holds one line of zeros.
    let mut file = File::create(desk.path("t.csv")).expect("creates");
    file.seek(SeekFrom::Start(1 << 30)).expect("seeks");
    file.write_all(b"\n").expect("writes");
    drop(file);
    refused(&desk, &[], 2, &["is longer than 1073741824 bytes"]);
}

#[test]
fn folders_and_devices_are_no_files() {
    let desk = Desk::new();
    fs::create_dir(desk.path("t.csv")).expect("a folder");
    desk.file("plan.yaml", plan("a: int", "", "t"));
    refused(&desk, &[], 2, &["cannot read", "t.csv"]);
    let mut command = desk.command(["run", "plan.yaml", "--tier", "1", "--input", "t=/dev/zero"]);
    let ran = Ran::from(command.env("PROOFMARK_INPUTS_MAX_BYTES", "1MiB").output().expect("starts"));
    ran.exits(2);
    desk.run("plan check .").exits(2).says(&["cannot read"]);
    desk.file("file", "x");
    desk.file("t2.csv", "a\n1\n");
    desk.run("run plan.yaml --tier 1 --input t=t2.csv --out file").exits(5).says(&["cannot write"]);
}

#[test]
fn a_receipt_cut_at_any_byte_is_no_receipt() {
    let desk = Desk::new();
    desk.run_args(["run", &example("signals/plan.yaml"), "--tier", "1", "--out", "out"]).exits(0);
    for form in ["receipt.json", "receipt.cbor"] {
        let whole = fs::read(desk.path("out").join(form)).expect("is there");
        // The line feed at the end of the JSON form carries nothing.
        let last = if form.ends_with("json") { whole.len() - 1 } else { whole.len() };
        let mut args = vec!["verify".to_string(), "--tier".into(), "1".into(), "--json".into()];
        for length in 0..last {
            let path = desk.file(&format!("cut/{length}-{form}"), &whole[..length]);
            args.push(path.display().to_string());
        }
        let answer = desk.run_args(&args).exits(1).json();
        let receipts = answer["receipts"].as_array().expect("a list");
        assert_eq!(receipts.len(), last);
        for receipt in receipts {
            assert_eq!(receipt["verdict"]["reason"], "bad-encoding", "{receipt}");
        }
        desk.run(&format!("inspect {}", args[args.len() / 2])).exits(2).says(&["not a receipt"]);
    }
}

#[test]
fn a_receipt_changed_at_any_byte_is_refused() {
    let desk = Desk::new();
    desk.run_args(["run", &example("signals/plan.yaml"), "--tier", "1", "--out", "out"]).exits(0);
    let whole = fs::read(desk.path("out/receipt.cbor")).expect("is there");
    let output = desk.path("out/output.json").display().to_string();
    let original = desk.run("inspect out/receipt.cbor --json").exits(0).json()["claimDigest"].clone();
    let mut args: Vec<String> =
        ["verify", "--tier", "1", "--json", "--output", &output].map(String::from).into();
    for at in 0..whole.len() {
        let mut forged = whole.clone();
        forged[at] ^= 1;
        args.push(desk.file(&format!("forged/{at}"), forged).display().to_string());
    }
    let answer = desk.run_args(&args).exits(1).json();
    for receipt in answer["receipts"].as_array().expect("a list") {
        if receipt["verdict"]["verdict"] == "valid" {
            // Provenance is not signed: a change there is harmless, and the claim is the same.
            let path = receipt["path"].as_str().expect("a path");
            let forged = desk.run(&format!("inspect {path} --json")).exits(0).json();
            assert_eq!(forged["claimDigest"], original, "{receipt}");
        }
    }
}
