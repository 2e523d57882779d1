//! Damaged bytes.

use crate::{Instruction, Record, Roster, ZkPerfWitness, ed25519::Signed, record, roster};

#[test]
fn damaged_bytes_never_panic() {
    let witness = ZkPerfWitness {
        shard_id: 1,
        agent: "agent-1",
        timestamp: 2,
        perf_hash: [3; 32],
        samples: 4,
        signature: [5; 64],
    };
    let borsh = witness.to_borsh().unwrap();
    let mut account = vec![0; record::account_bytes(borsh.len())];
    record::New { bump: 1, epoch: 2, roster: &[3; 32], digest: [4; 32], now: 5, borsh: &borsh }
        .write(&mut account);
    let terms = roster::Terms {
        shards: 2,
        validators: 2,
        quorum: 2,
        max_age_s: 1,
        authority: [1; 32],
        label: [2; 32],
    };
    let mut list = vec![0; terms.account_bytes()];
    terms.open(255, &mut list);
    let signed = Signed { key: &[1; 32], signature: &[2; 64], message: &borsh };
    let signature = [&signed.header()[..], &borsh[..]].concat();
    let mut ask = vec![2, 9, 0, 0, 0, 0, 0, 0, 0];
    ask.extend_from_slice(&borsh);
    let seeds: [&[u8]; 5] = [&borsh, &account, &list, &signature, &ask];
    for bytes in proofmark_core::fuzzing::damaged(&seeds, 20_000) {
        if let Some(witness) = ZkPerfWitness::from_borsh(&bytes) {
            assert_eq!(witness.to_borsh().unwrap()[..], bytes[..]);
        }
        if let Some(signed) = Signed::read(&bytes) {
            assert_eq!([&signed.header()[..], signed.message].concat(), bytes);
        }
        if let Some(instruction) = Instruction::read(&bytes) {
            let (head, length, rest) = instruction.data();
            assert_eq!([&head[..length], rest].concat(), bytes);
        }
        if let Ok(record) = Record::read(&bytes) {
            let _ = (record.witness(), record.has_voted(u16::MAX), record.final_at());
            let votes = record.votes();
            let mut copy = bytes.clone();
            if votes < u16::MAX && record::vote(&mut copy, 7, &record.digest(), 1, 1).is_ok() {
                assert_eq!(Record::read(&copy).unwrap().votes(), votes + 1);
            }
        }
        if let Ok(roster) = Roster::read(&bytes) {
            let known = (0..=u8::MAX).filter(|shard| roster.shard(*shard).is_ok()).count();
            assert_eq!(known, usize::from(roster.shards).min(256));
            assert!(roster.validator(roster.validators).is_err());
            let _ = roster::enrol(&mut bytes.clone(), &[9; 64]);
        }
    }
}
