//! The chip of SHA-256 against reference vectors and against another implementation.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

use super::super::sha::{self, DIGESTS, Message, ROWS};
use crate::air::{F, Inputs, Place, Traces, Violation, fill, violations};

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
    assert!(found.iter().all(|found| matches!(found, Violation::Bus(_))), "{found:?}");

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

/// Words that drive every carry to its ends.
#[test]
fn extreme_words() {
    for byte in [0, 0xff, 0x80, 0x7f, 0x01] {
        let content = [byte; 200];
        let digests = shown(&[Message::new(1, &content)]);
        assert_eq!(digests[&1][..], Sha256::digest(content)[..]);
    }
}
