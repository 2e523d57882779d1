//! Compute units of everything that the witness-anchor program does, at the size of the real thing.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use proofmark_programs_tests::{Chain, PROGRAM, shard_key, signed, validator_key};
use proofmark_solana::{Record, client::record_address};

const MOST: u64 = 20_000;

/// 71 shards, 71 validators, a quorum of 48; the longest name, so that every record is as long as it can be.
#[test]
fn a_record_and_a_vote_cost_less_than_20_000_units() {
    let mut chain = Chain::new();
    let payer = chain.payer.clone();
    let roster = chain.roster(&chain.terms(71, 71, 48));
    let agent = "a".repeat(64);
    let mut records: Vec<u64> = (0..71)
        .map(|shard| {
            let witness = signed(&agent, shard, &roster, 1, &shard_key(shard.into()));
            chain.send(&chain.record(&roster, 1, &witness), &[&payer]).unwrap()
        })
        .collect();
    let mut votes: Vec<u64> = (0..48)
        .map(|validator| {
            let vote = chain.vote(&roster, 1, 70, validator);
            chain.send(&[vote], &[&payer, &validator_key(validator)]).unwrap()
        })
        .collect();
    let at = record_address(&PROGRAM, &roster, 1, 70);
    let account = chain.svm.get_account(&at).unwrap();
    assert!(Record::read(&account.data).unwrap().is_final());
    for (name, units) in [("record", &mut records), ("vote", &mut votes)] {
        units.sort_unstable();
        let (median, most) = (units[units.len() / 2], units[units.len() - 1]);
        println!("{name}: median {median}, most {most} compute units of {} transactions", units.len());
        assert!(most < MOST, "{name} costs {most}");
    }
    println!("a record keeps {} bytes: {} lamports", account.data.len(), account.lamports);
}
