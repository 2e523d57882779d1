//! `docs/src/reason-codes.md` is written by this test: `UPDATE_EXPECT=1 cargo test -p proofmark-verifier --test reason_codes`.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use proofmark_core::Reason;

const HEAD: &str = "\
# Reason codes

A verdict is *valid*, or *invalid* with one of these codes. They are stable: never renamed, never reused. A
verifier checks them in this order, so of several faults the first is named; the proof itself comes last
because it costs most. `proofmark verify` exits with 1 and prints the code.

| code | what it means |
|---|---|
";

#[test]
fn the_page_lists_every_reason() {
    let mut page = HEAD.to_string();
    for reason in Reason::ALL {
        writeln!(page, "| `{reason}` | {} |", reason.meaning().trim()).expect("strings take everything");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/reason-codes.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, &page).expect("writable");
    }
    assert_eq!(
        fs::read_to_string(path).unwrap_or_default(),
        page,
        "out of date; run again with UPDATE_EXPECT=1"
    );
    let codes: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len(), "codes are unique");
    // A code is what serde writes, so that machines and pages agree.
    for reason in Reason::ALL {
        assert_eq!(serde_json::to_string(reason).expect("encodes"), format!("\"{}\"", reason.code()));
    }
}
