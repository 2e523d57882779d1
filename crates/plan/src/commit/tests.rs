use alloc::{sync::Arc, vec, vec::Vec};
use proofmark_core::merkle;
use proptest::prelude::*;

use super::{
    test_values::{every_type, table_of},
    *,
};
use crate::{
    types::{Column, ValueType},
    value::TableBuilder,
};

/// All preimages one after the other, as in a request.
fn encoded(value: &Value, rows_per_leaf: u16, salt: &[u8; 32]) -> Vec<u8> {
    let mut out = Vec::new();
    encode::write_value(value, rows_per_leaf, salt, &mut out);
    out
}

fn decoded(bytes: Vec<u8>, ty: &ValueType, rows_per_leaf: u16) -> Result<(Value, Digest), CommitError> {
    let mut decoder = Decoder::new(Arc::new(bytes), 0);
    decoder.value(ty, rows_per_leaf)
}

#[test]
fn the_format_is_fixed() {
    let schema = Schema::new(vec![
        Column { name: "d".into(), ty: "date".parse().unwrap() },
        Column { name: "s".into(), ty: "string?".parse().unwrap() },
    ])
    .unwrap();
    let mut builder = TableBuilder::new(&schema, 2);
    builder.column(0).push_narrow(1);
    builder.column(1).push_text(b"ab").unwrap();
    builder.column(0).push_narrow(-2);
    builder.column(1).push_null();
    let value = Value::Table(builder.finish());
    let mut rows = Vec::from([0, 1, 2, 0, 1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff]);
    rows.extend([1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b', 0, 0]);
    let mut head = Vec::from([0, 0, 64, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    let mut schema_text = Vec::from([19]);
    schema_text.extend(b"proofmark/schema/v1{\"columns\":{\"d\":\"date\",\"s\":\"string?\"}}");
    head.extend(Digest::of(&schema_text).as_bytes());
    head.extend([7; 32]);
    assert_eq!(encoded(&value, 64, &[7; 32]), [&head[..], &rows].concat());
    let expected = merkle::node_hash(&merkle::leaf_hash(&head[1..]), &merkle::leaf_hash(&rows[1..]));
    assert_eq!(root(&value, 64, &[7; 32]).as_bytes(), &expected);

    let file = Value::Bytes(vec![9; CHUNK_BYTES + 1].into());
    let leaf = |content: &[u8]| merkle::leaf_hash(content);
    let head = [&[2, 0, 0][..], &4097u64.to_le_bytes(), &[0; 32]].concat();
    let chunks = [[&[3, 0, 0][..], &[9; 4096]].concat(), [3, 0, 0, 9].to_vec()];
    let left = merkle::node_hash(&leaf(&head), &leaf(&chunks[0]));
    assert_eq!(root(&file, 64, &NO_SALT).as_bytes(), &merkle::node_hash(&left, &leaf(&chunks[1])));
}

#[test]
fn values_come_back_with_the_same_root() {
    let schema = every_type();
    let ty = ValueType::Table(schema.clone());
    for (rows, per_leaf) in
        [(0, 64), (1, 1), (1, 64), (63, 64), (64, 64), (65, 64), (200, 1), (300, 33), (1500, 1024)]
    {
        let value = Value::Table(table_of(&schema, rows, rows as u64));
        let expected = root(&value, per_leaf, &NO_SALT);
        let bytes = encoded(&value, per_leaf, &NO_SALT);
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(decoded(bytes, &ty, per_leaf), Ok((value.clone(), expected)), "{rows}");
        assert_ne!(root(&value, per_leaf, &[1; 32]), expected);
    }
    for length in [0, 1, 3, 4, 4095, 4096, 4097, 10_000] {
        let value = Value::Bytes((0..length).map(|at| at as u8).collect::<Vec<_>>().into());
        let bytes = encoded(&value, 64, &[3; 32]);
        let expected = root(&value, 64, &[3; 32]);
        assert_eq!(decoded(bytes, &ValueType::Bytes, 64), Ok((value, expected)), "{length}");
    }
}

#[test]
fn no_change_of_a_byte_keeps_the_root() {
    let schema = every_type();
    let ty = ValueType::Table(schema.clone());
    let value = Value::Table(table_of(&schema, 11, 5));
    let expected = root(&value, 4, &NO_SALT);
    let bytes = encoded(&value, 4, &NO_SALT);
    let mut refused = 0;
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            match decoded(changed, &ty, 4) {
                Ok((other, other_root)) => {
                    assert_ne!(other_root, expected);
                    // What is read is what the root says, wherever the byte was changed; only the salt is no part.
                    if other != value {
                        assert_ne!(root(&other, 4, &NO_SALT), expected, "byte {at}");
                    }
                }
                Err(_) => refused += 1,
            }
        }
        assert!(decoded(bytes[..at].to_vec(), &ty, 4).is_err(), "cut at {at}");
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn malformed_leaves_say_what_is_wrong() {
    let one = |ty: &str| Schema::new(vec![Column { name: "a".into(), ty: ty.parse().unwrap() }]).unwrap();
    for (ty, content, expected) in [
        ("bool", &[2, 0, 0, 0][..], CommitErrorKind::Bool),
        ("bool", &[1, 0, 0, 1], CommitErrorKind::Padding),
        ("bool", &[1, 0], CommitErrorKind::Truncated),
        ("bool?", &[0, 0, 0, 0, 1, 0, 0, 0], CommitErrorKind::Null),
        ("bool?", &[2, 0, 0, 0, 0, 0, 0, 0], CommitErrorKind::Padding),
        ("decimal(2,0)", &[100, 0, 0, 0], CommitErrorKind::OutOfRange),
        ("decimal(2,0)", &[0x9c, 0xff, 0xff, 0xff], CommitErrorKind::OutOfRange),
        ("date", &[0, 0, 0, 0x7f], CommitErrorKind::OutOfRange),
        ("timestamp", &[0xff; 8], CommitErrorKind::Padding),
        ("timestamp", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], CommitErrorKind::OutOfRange),
        ("string", &[1, 0, 0, 0, 0xff, 0, 0, 0], CommitErrorKind::Utf8),
        ("bytes", &[1, 0, 0, 0, 0xff, 1, 0, 0], CommitErrorKind::Padding),
        ("bytes", &[0xff, 0xff, 0xff, 0xff], CommitErrorKind::Truncated),
    ] {
        let leaf = [&[0, 1, 1, 0], content].concat();
        let result = decode_rows(leaf, &one(ty));
        if (ty, expected) == ("timestamp", CommitErrorKind::Padding) {
            assert!(result.is_ok(), "minus one microsecond is a time");
        } else {
            assert_eq!(result, Err(expected), "{ty} {content:?}");
        }
    }
    // Two strings that are UTF-8 only together.
    let leaf = [&[0, 1, 2, 0][..], &1u32.to_le_bytes(), &1u32.to_le_bytes(), "é\0\0".as_bytes()].concat();
    assert_eq!(decode_rows(leaf, &one("string")), Err(CommitErrorKind::Utf8));
}

#[test]
fn a_header_cannot_claim_what_does_not_follow() {
    let schema = every_type();
    let value = Value::Table(table_of(&schema, 3, 1));
    let ty = ValueType::Table(schema);
    for rows in [4u64, 1 << 20, u64::from(u32::MAX), u64::MAX] {
        let mut bytes = encoded(&value, 64, &NO_SALT);
        bytes[4..12].copy_from_slice(&rows.to_le_bytes());
        assert!(decoded(bytes, &ty, 64).is_err(), "{rows}");
        let mut file = encoded(&Value::Bytes(vec![1, 2, 3].into()), 64, &NO_SALT);
        file[4..12].copy_from_slice(&(rows + u64::from(rows < 8)).to_le_bytes());
        assert!(decoded(file, &ValueType::Bytes, 64).is_err(), "{rows}");
    }
}

#[test]
fn single_leaves_open() {
    let schema = every_type();
    let table = table_of(&schema, 13, 2);
    for per_leaf in [1, 4, 64] {
        let expected = root(&Value::Table(table.clone()), per_leaf, &[1; 32]);
        let leaves = 13u64.div_ceil(u64::from(per_leaf));
        assert_eq!(open(&table, per_leaf, &[1; 32], leaves), None);
        for index in 0..leaves {
            let opening = open(&table, per_leaf, &[1; 32], index).unwrap();
            let opened = opening.verify(&expected, &schema).unwrap();
            assert_eq!((opened.first_row, opened.of_rows), (index * u64::from(per_leaf), 13));
            let mut leaf = Vec::new();
            write_rows(&opened.table, 0..opened.table.rows, &mut leaf);
            assert_eq!(leaf, opening.rows);
            for other in (0..leaves).filter(|other| *other != index) {
                let moved = Opening { index: other, ..opening.clone() };
                assert!(moved.verify(&expected, &schema).is_err());
            }
            let mut changed = opening.clone();
            changed.rows[5] ^= 1;
            assert!(changed.verify(&expected, &schema).is_err());
            let mut changed = opening;
            changed.header[4] ^= 1;
            assert!(changed.verify(&expected, &schema).is_err());
        }
    }
}

#[test]
fn a_row_hash_is_the_hash_of_its_own_leaf() {
    let schema = every_type();
    let table = table_of(&schema, 5, 3);
    let all: Vec<usize> = (0..schema.len()).rev().collect();
    let mut hashes = Vec::new();
    row_hashes(&table, &all, &mut hashes);
    for row in 0..5 {
        let mut leaf = Vec::new();
        write_rows(&table, row..row + 1, &mut leaf);
        assert_eq!(hashes[row * 32..row * 32 + 32], merkle::leaf_hash(&leaf[1..]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn hostile_leaves_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), rows in 0u16..5) {
        let schema = every_type();
        let mut leaf = Vec::from([0, 1]);
        leaf.extend(rows.to_le_bytes());
        leaf.extend(&bytes);
        let _ = decode_rows(leaf, &schema);
        let _ = decoded(bytes, &ValueType::Table(schema), 64);
    }
}
