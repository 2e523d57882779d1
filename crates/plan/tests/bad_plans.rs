//! Wrong plans and the reports that they get. `UPDATE_EXPECT=1` writes the reports anew.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path};

use proofmark_plan::{
    diagnostic::Code,
    source::{Format, Report, read},
};

fn report(name: &str, text: &str) -> Report {
    match read(text, name, Format::detect(name, text)) {
        Ok(source) => match source.check() {
            Ok(_) => panic!("{name} has nothing wrong"),
            Err(report) => report,
        },
        Err(report) => report,
    }
}

#[test]
fn wrong_plans_get_the_expected_reports() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_plans");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut codes = BTreeSet::new();
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension != "txt"));
    names.sort();
    assert!(names.len() >= 40);
    let mut wrong = Vec::new();
    for path in names {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let report = report(name, &text);
        for entry in &report.entries {
            codes.insert(entry.code);
            assert!(entry.line <= text.lines().count().max(1) && entry.column > 0, "{name}");
        }
        let rendered = report.to_string();
        let expected = path.with_file_name(format!("{name}.txt"));
        if update {
            fs::write(&expected, &rendered).unwrap();
        } else if fs::read_to_string(&expected).ok().as_deref() != Some(&rendered) {
            wrong.push(rendered);
        }
    }
    assert!(wrong.is_empty(), "reports changed (UPDATE_EXPECT=1 accepts them):\n{}", wrong.join("\n"));
    // What no text can cause, and what needs texts too large for a corpus.
    let elsewhere = [
        Code::NotSorted,
        Code::TextTooLong,
        Code::TooManyColumns,
        Code::TooManySteps,
        Code::ConstantCondition,
        Code::Needless,
        Code::UnusedStep,
        Code::DuplicateColumn,
        Code::NeedsTable,
        Code::Empty,
        Code::UnsupportedDigest,
    ];
    let missing: Vec<_> =
        Code::ALL.iter().filter(|code| !codes.contains(code) && !elsewhere.contains(code)).collect();
    assert!(missing.is_empty(), "no wrong plan shows {missing:?}");
}
