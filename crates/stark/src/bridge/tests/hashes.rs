//! The chip of SHA-256 against reference vectors and against another implementation.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

use super::super::sha::{self, Columns, DIGESTS, Message, ROWS, Value};
use crate::air::{Chip, F, Inputs, Place, Rule, Traces, Violation, fill, violations};

/// The digests that a filled chip shows, by the ids of messages, all constraints of the chip holding.
fn shown(messages: &[Message]) -> BTreeMap<u32, [u8; 32]> {
    let blocks: usize = messages.iter().map(Message::blocks).sum();
    let (chip, columns) = sha::chip("sha256", (ROWS * blocks).next_power_of_two().ilog2());
    assert_eq!(chip.fault, None);
    let chips = [Arc::new(chip)];
    let inputs = Inputs { tables: &[], salts: &[], masks: &[], fault: None };
    let mut traces = Traces::default();
    let mut table = fill(&chips[0], &chips, &traces, &inputs).expect("a table");
    sha::fill(&mut table, &columns, messages);
    traces.tables.push(table);
    let found = violations(&chips, &traces, &[Vec::new()]);
    assert!(!found.iter().any(|found| matches!(found, Violation::Constraint { .. })), "{found:?}");

    let (chip, table) = (&chips[0], &traces.tables[0]);
    let sent = chip.interactions.iter().find(|message| message.bus == DIGESTS).expect("a message");
    let mut digests = BTreeMap::new();
    for row in 0..chip.height() {
        let place = Place {
            local: table.row(row),
            next: table.row((row + 1) % chip.height()),
            publics: &[],
            first: row == 0,
            last: row + 1 == chip.height(),
        };
        if chip.value(sent.count, &place) == F::ZERO {
            continue;
        }
        let fields: Vec<u32> =
            sent.fields.iter().map(|field| chip.value(*field, &place).as_canonical_u32()).collect();
        let mut bytes = [0; 32];
        for (word, halves) in bytes.chunks_exact_mut(4).zip(fields[2..].chunks_exact(2)) {
            word.copy_from_slice(&(halves[1] << 16 | halves[0]).to_be_bytes());
        }
        assert_eq!(digests.insert(fields[0], bytes), None, "one digest a message");
        let message = messages.iter().find(|message| message.id == fields[0]).expect("its message");
        assert_eq!(fields[1] as usize, message.blocks());
    }
    assert_eq!(digests.len(), messages.len());
    digests
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hex")).collect()
}

/// Messages and digests of FIPS 180-4's examples and of NIST's SHAVS short-message file.
#[test]
fn reference_vectors() {
    let long = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    let vectors: [(Vec<u8>, &str); 6] = [
        (Vec::from(*b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (Vec::new(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (
            Vec::from(*b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (Vec::from(long.as_bytes()), "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"),
        (hex("d3"), "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"),
        (hex("11af"), "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"),
    ];
    let messages: Vec<Message> =
        (0..).zip(&vectors).map(|(id, (message, _))| Message::new(id, message)).collect();
    let digests = shown(&messages);
    for (id, (_, digest)) in (0..).zip(&vectors) {
        assert_eq!(digests[&id].to_vec(), hex(digest), "vector {id}");
    }
}

/// Every length around every way to pad: one, two and three blocks.
#[test]
fn random_messages_of_every_length() {
    let mut rng = StdRng::seed_from_u64(11);
    for lengths in [0..64usize, 64..132] {
        let contents: Vec<Vec<u8>> =
            lengths.map(|length| (0..length).map(|_| rng.next_u32() as u8).collect()).collect();
        let messages: Vec<Message> =
            (5..).zip(&contents).map(|(id, content)| Message::new(id, content)).collect();
        let digests = shown(&messages);
        for (id, content) in (5..).zip(&contents) {
            assert_eq!(digests[&id][..], Sha256::digest(content)[..], "{} bytes", content.len());
        }
    }
}

/// A filled chip with one message, its first block changed on the way.
fn lied(change: impl Fn(Value, usize, u32) -> u32) -> (Arc<Chip>, Columns, Traces) {
    let (chip, columns) = sha::chip("sha256", 4);
    let chips = [Arc::new(chip)];
    let inputs = Inputs { tables: &[], salts: &[], masks: &[], fault: None };
    let mut traces = Traces::default();
    let mut table = fill(&chips[0], &chips, &traces, &inputs).expect("a table");
    sha::fill_with(&mut table, &columns, &[Message::new(3, &[0x5a; 70])], change);
    traces.tables.push(table);
    let [chip] = chips;
    (chip, columns, traces)
}

/// For each constraint of a label that does not hold, its row, its number among those of the label, and what is
/// missing.
fn missing(chip: &Chip, traces: &Traces, label: &str) -> Vec<(usize, usize, F)> {
    let table = &traces.tables[0];
    let nodes = chip.constraints.iter().filter_map(|constraint| match constraint.rule {
        Rule::Zero(node) if constraint.label == label => Some(node),
        _ => None,
    });
    let nodes: Vec<_> = nodes.collect();
    let mut found = Vec::new();
    for row in 0..chip.height() {
        let place = Place {
            local: table.row(row),
            next: table.row((row + 1) % chip.height()),
            publics: &[],
            first: row == 0,
            last: row + 1 == chip.height(),
        };
        for (number, node) in nodes.iter().enumerate() {
            let value = chip.value(*node, &place);
            if value != F::ZERO {
                found.push((row, number, value));
            }
        }
    }
    found
}

/// The labels of constraints that do not hold, one for each constraint.
fn broken(chip: &Arc<Chip>, traces: &Traces) -> Vec<&'static str> {
    let found = violations(core::slice::from_ref(chip), traces, &[Vec::new()]);
    let labels = found.into_iter().filter_map(|found| match found {
        Violation::Constraint { label, .. } => Some(label),
        _ => None,
    });
    labels.collect()
}

/// A prover who takes a wrong value in one place, goes on honestly, and hides the difference in a carry that is no
/// small integer: one constraint is in his way, the range of the one cell that he chose.
#[test]
fn every_range_of_a_carry_is_all_that_refuses_some_lie() {
    let shift = F::from_u32(1 << 16).inverse();
    for (value, sum, [low, high], scale) in [
        (Value::E, "a round's e", ["a carry of e is up to two", "and three times a bit"], 3),
        (Value::A, "a round's a", ["a carry of a is two bits"; 2], 2),
        (Value::Word, "a word of the schedule", ["a carry of the schedule is two bits"; 2], 2),
    ] {
        for round in [16, 25, 47, 63] {
            for (bit, half) in [(0, 0), (31, 1)] {
                for (cell, label) in [(0, low), (1, high)] {
                    let (chip, columns, mut traces) =
                        lied(|what, at, old| if (what, at) == (value, round) { old ^ 1 << bit } else { old });
                    let at = match value {
                        Value::E => columns.carry_e,
                        Value::A => columns.carry_a,
                        _ => columns.carry_w,
                    };
                    let inverse = if cell == 0 { F::ONE } else { F::from_u32(scale).inverse() };
                    if value == Value::Word {
                        // Filling hides it already, in the first cell.
                        move_carries(&mut traces, at, cell, inverse);
                    }
                    // A lower half's carry is part of the upper half.
                    while let Some((row, number, residue)) = missing(&chip, &traces, sum).first().copied() {
                        let table = &mut traces.tables[0];
                        table.cells[row * table.width + at + 2 * number + cell] += residue * shift * inverse;
                    }
                    let wanted: &[&str] = if half == 0 { &[label; 2] } else { &[label] };
                    assert_eq!(broken(&chip, &traces), wanted, "{value:?} {round} bit {bit}");
                }
            }
        }
    }
}

/// Moves carries that are no small integers from their first cell to the one that is chosen.
fn move_carries(traces: &mut Traces, at: usize, cell: usize, inverse: F) {
    let table = &mut traces.tables[0];
    // Rows that begin a block are free.
    for row in (0..table.cells.len() / table.width).filter(|row| row % ROWS != 0) {
        for number in 0..32 {
            let first = row * table.width + at + 2 * number;
            let carry = table.cells[first];
            if carry.as_canonical_u32() > 1 {
                table.cells[first] = F::ZERO;
                table.cells[first + cell] = carry * inverse;
            }
        }
    }
}

/// Bits that are none, their halves unchanged: only that they are bits refuses them.
#[test]
fn every_kind_of_bit_is_all_that_refuses_some_lie() {
    let (chip, columns, honest) = lied(|_, _, value| value);
    let last = |word: usize| word + 15 * 32;
    for (row, word, label) in [
        (3, last(columns.a), "a bit of a"),
        (3, last(columns.e), "a bit of e"),
        (0, columns.before + 3 * 32, "a bit before the row"),
        (0, columns.before + 7 * 32, "a bit before the row"),
    ] {
        let width = honest.tables[0].width;
        let start = row * width + word;
        let cells = &honest.tables[0].cells[start..start + 16];
        let at = cells.windows(2).position(|pair| pair == [F::ZERO, F::ONE]).expect("such a pair");
        let (_, _, mut traces) = lied(|_, _, value| value);
        traces.tables[0].cells[start + at] = F::TWO;
        traces.tables[0].cells[start + at + 1] = F::ZERO;
        assert_eq!(broken(&chip, &traces), [label]);
    }
    // The last word of the schedule; carries of the next block's first row are free and follow.
    let (_, _, mut traces) = lied(|_, _, value| value);
    let table = &mut traces.tables[0];
    let (width, start) = (table.width, 3 * table.width + last(columns.words));
    let at = table.cells[start..start + 16].windows(2).position(|pair| pair == [F::ZERO, F::ONE]);
    let at = start + at.expect("such a pair");
    (table.cells[at], table.cells[at + 1]) = (F::TWO, F::ZERO);
    loop {
        // A lower half's carry is part of the upper half.
        let Some((row, number, residue)) = missing(&chip, &traces, "a word of the schedule").first().copied()
        else {
            break;
        };
        assert_eq!(row, 3, "only the next block's first row");
        let shift = F::from_u32(1 << 16).inverse();
        traces.tables[0].cells[4 * width + columns.carry_w + 2 * number] += residue * shift;
    }
    assert_eq!(broken(&chip, &traces), ["a bit of a word"]);
}

#[test]
fn every_link_between_rows_is_all_that_refuses_some_lie() {
    // A row that starts from another state.
    for round in [16, 32, 48] {
        let (chip, _, traces) =
            lied(|what, at, old| if (what, at) == (Value::State, round) { old ^ 4 } else { old });
        assert_eq!(broken(&chip, &traces), ["a row goes on from the row before"], "{round}");
    }
    // Another chaining value is added at the end of the last block, in all its rows or in some.
    for (rows, label) in [(4..8, "a block keeps what it starts from"), (6..8, "through all its rows")] {
        let (chip, columns, mut traces) = lied(|_, _, value| value);
        let table = &mut traces.tables[0];
        rows.for_each(|row| table.cells[row * table.width + columns.start + 5] += F::ONE);
        assert_eq!(broken(&chip, &traces), [label]);
    }
    // A block that counts for two.
    let (chip, columns, mut traces) = lied(|_, _, value| value);
    let table = &mut traces.tables[0];
    (8..12).for_each(|row| table.cells[row * table.width + columns.live] = F::TWO);
    assert_eq!(broken(&chip, &traces), ["live is a bit"]);
}

/// Words that drive every carry to its ends.
#[test]
fn extreme_words() {
    for byte in [0, 0xff, 0x80, 0x7f, 0x01] {
        let content = [byte; 200];
        let digests = shown(&[Message::new(1, &content)]);
        assert_eq!(digests[&1][..], Sha256::digest(content)[..]);
    }
}
