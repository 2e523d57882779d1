//! What an attacker would try against the witness-anchor program.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use ed25519_dalek::{Signer as _, SigningKey};
use proofmark_programs_tests::{
    Answer, Chain, NOW, PROGRAM, address, key, shard_key, signed, validator_key,
};
use proofmark_solana::{
    Fault, Instruction, Record, ZkPerfWitness,
    client::{AccountMeta, Address, ChainInstruction, Program, record_address, roster_address},
    ed25519::{self, Signed},
    roster::{MAX_SKEW_S, Terms},
};
use serde_json::json;
use solana_account::Account;

/// The program refused, in the instruction at this place, with this fault.
#[track_caller]
fn refused(answer: &Answer, place: u8, fault: Fault) {
    let expected = json!({"InstructionError": [place, {"Custom": fault.number()}]});
    assert_eq!(answer.as_ref().unwrap_err(), &expected, "expected {fault}");
}

/// A chain with a roster of 3 shards and 4 validators, of which 3 make a record final.
fn chain() -> (Chain, Address) {
    let mut chain = Chain::new();
    let roster = chain.roster(&chain.terms(3, 4, 3));
    (chain, roster)
}

fn raw(instruction: &Instruction<'_>, accounts: Vec<AccountMeta>) -> ChainInstruction {
    let (head, length, rest) = instruction.data();
    ChainInstruction { program_id: PROGRAM, accounts, data: [&head[..length], rest].concat() }
}

/// An Ed25519 instruction over any bytes by any key.
fn signature(key: &SigningKey, message: &[u8]) -> ChainInstruction {
    let signature = key.sign(message).to_bytes();
    let signed = Signed { key: &key.verifying_key().to_bytes(), signature: &signature, message };
    ChainInstruction {
        program_id: Address::new_from_array(ed25519::PROGRAM),
        accounts: Vec::new(),
        data: [&signed.header()[..], message].concat(),
    }
}

#[test]
fn a_record_is_kept_and_votes_make_it_final() {
    let (mut chain, roster) = chain();
    let payer = chain.payer.clone();
    let witness = signed("agent-1", 1, &roster, 7, &shard_key(1));
    chain.send(&chain.record(&roster, 7, &witness), &[&payer]).unwrap();
    let at = record_address(&PROGRAM, &roster, 7, 1);
    let read = |chain: &Chain| {
        let data = chain.svm.get_account(&at).unwrap().data;
        let record = Record::read(&data).unwrap();
        assert_eq!(record.witness(), Some(witness));
        assert_eq!((record.epoch(), record.roster(), record.recorded_at()), (7, roster.to_bytes(), NOW));
        (record.votes(), record.is_final(), record.digest())
    };
    let digest = proofmark_core::Digest::of(&witness.message(roster.as_array(), 7).unwrap());
    assert_eq!(read(&chain), (0, false, *digest.as_bytes()));
    for (count, validator) in [2, 0, 3].into_iter().enumerate() {
        let vote = chain.vote(&roster, 7, 1, validator);
        chain.send(&[vote], &[&payer, &validator_key(validator)]).unwrap();
        assert_eq!(read(&chain).0, count as u16 + 1);
        assert_eq!(read(&chain).1, count == 2, "final with the third vote and not before");
    }
    let late = chain.vote(&roster, 7, 1, 1);
    chain.send(&[late], &[&payer, &validator_key(1)]).unwrap();
    assert_eq!((read(&chain).0, read(&chain).1), (4, true));
}

#[test]
fn replays_are_refused() {
    let (mut chain, roster) = chain();
    let payer = chain.payer.clone();
    let witness = signed("agent-0", 0, &roster, 7, &shard_key(0));
    let record = chain.record(&roster, 7, &witness);
    chain.send(&record, &[&payer]).unwrap();
    // The same again, and another one by the same shard for the same epoch.
    refused(&chain.send(&record, &[&payer]), 1, Fault::Replayed);
    let mut other = ZkPerfWitness { samples: 163, ..witness };
    other.signature = shard_key(0).sign(&other.message(roster.as_array(), 7).unwrap()).to_bytes();
    refused(&chain.send(&chain.record(&roster, 7, &other), &[&payer]), 1, Fault::Replayed);
    // Twice in one transaction.
    let twice = signed("agent-1", 1, &roster, 7, &shard_key(1));
    let [check, ask] = chain.record(&roster, 7, &twice);
    let four = [check.clone(), ask.clone(), check, ask];
    refused(&chain.send(&four, &[&payer]), 3, Fault::Replayed);
    assert!(chain.svm.get_account(&record_address(&PROGRAM, &roster, 7, 1)).is_none(), "nothing of it is kept");
    // The signature of epoch 7 is no good for epoch 8 …
    refused(&chain.send(&moved(&chain, &roster, 8, &witness), &[&payer]), 1, Fault::WrongMessage);
    // … nor for another roster with the same shards.
    let twin = chain.roster(&Terms { label: [b's'; 32], ..chain.terms(3, 4, 3) });
    refused(&chain.send(&moved(&chain, &twin, 7, &witness), &[&payer]), 1, Fault::WrongMessage);
    // A record at another address of the same shard and epoch: any bump but the canonical one.
    let fresh = signed("agent-2", 2, &roster, 9, &shard_key(2));
    let seeds: [&[u8]; 4] = [b"record", roster.as_array(), &9u64.to_le_bytes(), &[2]];
    let (canonical, bump) = Address::find_program_address(&seeds, &PROGRAM);
    assert_eq!(canonical, record_address(&PROGRAM, &roster, 9, 2));
    let second = (0..bump).rev().find_map(|bump| {
        let seeds: [&[u8]; 5] = [seeds[0], seeds[1], seeds[2], seeds[3], &[bump]];
        Address::create_program_address(&seeds, &PROGRAM).ok()
    });
    let [check, mut ask] = chain.record(&roster, 9, &fresh);
    ask.accounts[2] = AccountMeta::new(second.unwrap(), false);
    refused(&chain.send(&[check, ask], &[&payer]), 1, Fault::BadAccount);
}

/// A witness with its signature's message as it was signed, asked for another epoch or roster.
fn moved(chain: &Chain, to: &Address, epoch: u64, witness: &ZkPerfWitness<'_>) -> [ChainInstruction; 2] {
    let old = roster_address(&PROGRAM, &address(&chain.payer), &[b'r'; 32]);
    let [check, _] = chain.record(&old, 7, witness);
    let [_, ask] = chain.record(to, epoch, witness);
    [check, ask]
}

#[test]
fn the_signature_must_be_the_shards_over_exactly_this() {
    let (mut chain, roster) = chain();
    let payer = chain.payer.clone();
    let honest = signed("agent-0", 0, &roster, 1, &shard_key(0));
    let [check, ask] = chain.record(&roster, 1, &honest);
    let send = |chain: &mut Chain, instructions: &[ChainInstruction]| chain.send(instructions, &[&payer]);

    // Wrong shards: signed by another shard's key, or by a stranger; a shard that does not exist.
    for wrong in [shard_key(1), key(42)] {
        let witness = signed("agent-0", 0, &roster, 1, &wrong);
        let check = signature(&wrong, &witness.message(roster.as_array(), 1).unwrap());
        let [_, ask] = chain.record(&roster, 1, &witness);
        refused(&send(&mut chain, &[check, ask]), 1, Fault::WrongKey);
    }
    let unknown = signed("agent-3", 3, &roster, 1, &shard_key(3));
    refused(&chain.send(&chain.record(&roster, 1, &unknown), &[&payer]), 1, Fault::UnknownShard);

    // No signature at all; not right before; a transfer or our own instruction in its place.
    refused(&send(&mut chain, &[ask.clone()]), 0, Fault::NoSignature);
    let budget = Program::budget(100_000, 0).remove(0);
    refused(&send(&mut chain, &[check.clone(), budget.clone(), ask.clone()]), 2, Fault::NoSignature);
    refused(&send(&mut chain, &[ask.clone(), check.clone()]), 0, Fault::NoSignature);

    // Signed, but other bytes: without the domain, one byte more, another field.
    let message = honest.message(roster.as_array(), 1).unwrap().to_vec();
    for other in [message[20..].to_vec(), [&message[..], &[0]].concat(), vec![], {
        let mut other = message.clone();
        *other.last_mut().unwrap() ^= 1;
        other
    }] {
        let check = signature(&shard_key(0), &other);
        refused(&send(&mut chain, &[check, ask.clone()]), 1, Fault::WrongMessage);
    }
    // The right message, another signature in the record than the one that was checked.
    let forged = ZkPerfWitness { signature: [7; 64], ..honest };
    let [_, unsigned] = chain.record(&roster, 1, &forged);
    refused(&send(&mut chain, &[check.clone(), unsigned]), 1, Fault::WrongMessage);

    // A signature that does not hold stops the transaction before the program.
    let mut broken = check.clone();
    broken.data[50] ^= 1;
    let answer = send(&mut chain, &[broken, ask.clone()]).unwrap_err();
    assert_eq!(answer["InstructionError"][0], 0, "the Ed25519 program: {answer}");
    send(&mut chain, &[check, ask]).unwrap();
}

/// The classic: the checked signature is a true one of the attacker, and the bytes at the usual places are the victim's.
#[test]
fn places_that_point_elsewhere_are_refused() {
    let (mut chain, roster) = chain();
    let payer = chain.payer.clone();
    let attacker = key(66);
    let mut forged = signed("agent-0", 0, &roster, 1, &attacker);
    forged.signature = [3; 64];
    let message = forged.message(roster.as_array(), 1).unwrap();
    let victim = shard_key(0).verifying_key().to_bytes();
    let shown = Signed { key: &victim, signature: &forged.signature, message: &message };
    // At the usual places what the program looks at; behind them what is really checked.
    let mut data = [&shown.header()[..], &message].concat();
    let hidden = data.len() as u16;
    let truth = attacker.sign(b"anything");
    data.extend_from_slice(&attacker.verifying_key().to_bytes());
    data.extend_from_slice(&truth.to_bytes());
    data.extend_from_slice(b"anything");
    let here = u16::MAX;
    for (at, value) in [hidden + 32, here, hidden, here, hidden + 96, 8, here].into_iter().enumerate() {
        data[2 + 2 * at..4 + 2 * at].copy_from_slice(&value.to_le_bytes());
    }
    let check = ChainInstruction {
        program_id: Address::new_from_array(ed25519::PROGRAM),
        accounts: Vec::new(),
        data,
    };
    let [_, ask] = chain.record(&roster, 1, &forged);
    // The Ed25519 program itself is content …
    chain.send(&[check.clone()], &[&payer]).unwrap();
    // … and ours is not.
    refused(&chain.send(&[check, ask.clone()], &[&payer]), 1, Fault::NoSignature);

    // Two signatures, the first of them the attacker's.
    let honest = signed("agent-0", 0, &roster, 1, &shard_key(0));
    let [mut two, _] = chain.record(&roster, 1, &honest);
    two.data[0] = 2;
    assert!(chain.send(&[two, ask.clone()], &[&payer]).is_err());
    // No signature at all: a count of zero is content with anything.
    let none = ChainInstruction {
        program_id: Address::new_from_array(ed25519::PROGRAM),
        accounts: Vec::new(),
        data: [&[0, 0][..], &[0; 14], &victim, &forged.signature, &message].concat(),
    };
    let answer = chain.send(&[none, ask], &[&payer]);
    assert!(answer.is_err());
    assert!(chain.svm.get_account(&record_address(&PROGRAM, &roster, 1, 0)).is_none());
}

#[test]
fn forged_sysvars_and_accounts_are_refused() {
    let (mut chain, roster) = chain();
    let payer = chain.payer.clone();
    let witness = signed("agent-0", 0, &roster, 1, &shard_key(0));
    let [check, ask] = chain.record(&roster, 1, &witness);
    // Each account replaced by a stranger's; an account too few, one too many.
    let stranger = Address::new_from_array([0x33; 32]);
    chain.svm.airdrop(&stranger, 1_000_000_000).unwrap();
    for place in 1..4 {
        let mut other = ask.clone();
        other.accounts[place].pubkey = stranger;
        refused(&chain.send(&[check.clone(), other], &[&payer]), 1, Fault::BadAccount);
    }
    let mut fewer = ask.clone();
    fewer.accounts.pop();
    refused(&chain.send(&[check.clone(), fewer], &[&payer]), 1, Fault::BadAccount);
    let mut more = ask.clone();
    more.accounts.push(AccountMeta::new_readonly(stranger, false));
    refused(&chain.send(&[check.clone(), more], &[&payer]), 1, Fault::BadAccount);

    // A sysvar with the right bytes at another address, without any signature in the transaction.
    let mut fake = vec![2, 0, 6, 0, 0, 0];
    fake.extend_from_slice(&[0, 0]); // no accounts
    fake.extend_from_slice(&ed25519::PROGRAM);
    fake.extend_from_slice(&(check.data.len() as u16).to_le_bytes());
    fake.extend_from_slice(&check.data);
    fake.extend_from_slice(&1u16.to_le_bytes());
    let place = Address::new_from_array([0x44; 32]);
    let account = Account { lamports: 10_000_000, data: fake, owner: stranger, ..Account::default() };
    chain.svm.set_account(place, account).unwrap();
    let mut other = ask.clone();
    other.accounts[3].pubkey = place;
    refused(&chain.send(&[other], &[&payer]), 0, Fault::BadAccount);

    // A roster with the attacker's keys that another program owns.
    let real = chain.svm.get_account(&roster).unwrap();
    let mine = Address::new_from_array([0x55; 32]);
    chain.svm.set_account(mine, Account { owner: stranger, ..real.clone() }).unwrap();
    let forged = signed("agent-0", 0, &mine, 1, &shard_key(0));
    refused(&chain.send(&chain.record(&mine, 1, &forged), &[&payer]), 1, Fault::BadAccount);
    // A record in the place of a roster, and a roster in the place of a record.
    chain.send(&[check, ask], &[&payer]).unwrap();
    let at = record_address(&PROGRAM, &roster, 1, 0);
    let vote = chain.vote(&roster, 1, 0, 0);
    for place in 1..3 {
        let mut other = vote.clone();
        other.accounts[place].pubkey = if place == 1 { at } else { roster };
        refused(&chain.send(&[other], &[&payer, &validator_key(0)]), 0, Fault::BadAccount);
    }
    // A record that looks right and is not the program's.
    let kept = chain.svm.get_account(&at).unwrap();
    chain.svm.set_account(mine, Account { owner: stranger, ..kept }).unwrap();
    let mut other = vote;
    other.accounts[2].pubkey = mine;
    refused(&chain.send(&[other], &[&payer, &validator_key(0)]), 0, Fault::BadAccount);
}

#[test]
fn votes_count_once_and_only_of_validators() {
    let (mut chain, roster) = chain();
    let payer = chain.payer.clone();
    let witness = signed("agent-0", 0, &roster, 1, &shard_key(0));
    chain.send(&chain.record(&roster, 1, &witness), &[&payer]).unwrap();
    let at = record_address(&PROGRAM, &roster, 1, 0);
    let digest = Record::read(&chain.svm.get_account(&at).unwrap().data).unwrap().digest();
    let program = chain.program;
    let vote = |voter: &SigningKey, place: u16, digest: &[u8; 32]| {
        program.vote(&roster, &at, (&address(voter), place), digest)
    };
    // A stranger; a shard; a validator in another's place; a place that does not exist.
    for (voter, place) in [(key(9), 0), (shard_key(0), 0), (validator_key(1), 0), (validator_key(1), 4), (key(9), u16::MAX)] {
        refused(&chain.send(&[vote(&voter, place, &digest)], &[&payer, &voter]), 0, Fault::NotValidator);
    }
    // A validator's name without its signature.
    let mut unsigned = vote(&validator_key(0), 0, &digest);
    unsigned.accounts[0].is_signer = false;
    refused(&chain.send(&[unsigned], &[&payer]), 0, Fault::MissingSigner);
    // For another record than the one that is kept.
    refused(&chain.send(&[vote(&validator_key(0), 0, &[1; 32])], &[&payer, &validator_key(0)]), 0, Fault::OtherRecord);
    // Twice, in one transaction and in two.
    let own = vote(&validator_key(0), 0, &digest);
    refused(&chain.send(&[own.clone(), own.clone()], &[&payer, &validator_key(0)]), 1, Fault::VotedAlready);
    chain.send(&[own.clone()], &[&payer, &validator_key(0)]).unwrap();
    refused(&chain.send(&[own], &[&payer, &validator_key(0)]), 0, Fault::VotedAlready);
    // With another roster, whose only validator is the attacker, who alone is its quorum.
    let terms = Terms { label: [b'x'; 32], shards: 1, validators: 1, quorum: 1, ..chain.terms(1, 1, 1) };
    let mine = roster_address(&PROGRAM, &address(&payer), &terms.label);
    chain.send(&[chain.program.open(&terms)], &[&payer]).unwrap();
    let keys = [key(9).verifying_key().to_bytes(), key(9).verifying_key().to_bytes()];
    chain.send(&[chain.program.enrol(&mine, &address(&payer), &keys)], &[&payer]).unwrap();
    let foreign = chain.program.vote(&mine, &at, (&address(&key(9)), 0), &digest);
    refused(&chain.send(&[foreign], &[&payer, &key(9)]), 0, Fault::BadAccount);
    let kept = chain.svm.get_account(&at).unwrap().data;
    let kept = Record::read(&kept).unwrap();
    assert_eq!((kept.votes(), kept.is_final()), (1, false));
}

#[test]
fn rosters_are_their_authoritys_and_never_change() {
    let mut chain = Chain::new();
    let payer = chain.payer.clone();
    let terms = chain.terms(2, 2, 2);
    for bad in [
        Terms { quorum: 3, ..terms },
        Terms { quorum: 0, ..terms },
        Terms { shards: 0, ..terms },
        Terms { shards: 257, ..terms },
        Terms { shards: 256, validators: 256, ..terms },
        Terms { max_age_s: 0, ..terms },
    ] {
        refused(&chain.send(&[chain.program.open(&bad)], &[&payer]), 0, Fault::BadRoster);
    }
    // At another's address, without its signature.
    let thief = key(9);
    chain.svm.airdrop(&address(&thief), 1_000_000_000).unwrap();
    let mut stolen = chain.program.open(&terms);
    stolen.accounts[0] = AccountMeta::new(address(&thief), true);
    refused(&chain.send(&[stolen], &[&thief]), 0, Fault::BadAccount);
    let mut unsigned = chain.program.open(&terms);
    unsigned.accounts[0].is_signer = false;
    refused(&chain.send(&[unsigned], &[&thief]), 0, Fault::MissingSigner);

    chain.send(&[chain.program.open(&terms)], &[&payer]).unwrap();
    assert!(chain.send(&[chain.program.open(&terms)], &[&payer]).is_err(), "opened once");
    let at = roster_address(&PROGRAM, &address(&payer), &terms.label);
    let enrol = |keys: &[[u8; 32]]| chain.program.enrol(&at, &address(&payer), keys);
    let (first, second, third) = (enrol(&[[1; 32]]), enrol(&[[1; 32]]), enrol(&[[2; 32], [1; 32], [3; 32], [4; 32]]));
    let rest = enrol(&[[2; 32], [1; 32], [3; 32]]);
    let more = enrol(&[[5; 32]]);
    let mut theirs = first.clone();
    theirs.accounts[0] = AccountMeta::new_readonly(address(&thief), true);
    refused(&chain.send(&[theirs], &[&thief]), 0, Fault::BadAccount);
    chain.send(&[first], &[&payer]).unwrap();
    refused(&chain.send(&[second], &[&payer]), 0, Fault::KeyTwice);
    refused(&chain.send(&[third], &[&payer]), 0, Fault::RosterComplete);
    // Nothing is recorded or voted for before it is complete.
    let witness = signed("agent-0", 0, &at, 1, &shard_key(0));
    refused(&chain.send(&chain.record(&at, 1, &witness), &[&payer]), 1, Fault::RosterIncomplete);
    chain.send(&[rest], &[&payer]).unwrap();
    refused(&chain.send(&[more], &[&payer]), 0, Fault::RosterComplete);
}

#[test]
fn malformed_instructions_are_refused() {
    let (mut chain, roster) = chain();
    let payer = chain.payer.clone();
    let accounts = chain.record(&roster, 1, &signed("a", 0, &roster, 1, &shard_key(0)))[1].accounts.clone();
    for data in [vec![], vec![4], vec![2, 1], vec![3; 36], vec![255; 100]] {
        let ask = ChainInstruction { program_id: PROGRAM, accounts: accounts.clone(), data };
        refused(&chain.send(&[ask], &[&payer]), 0, Fault::BadInstruction);
    }
    let honest = signed("agent-0", 0, &roster, 1, &shard_key(0));
    let borsh = honest.to_borsh().unwrap();
    let mut long_name = borsh.to_vec();
    long_name[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut no_utf8 = borsh.to_vec();
    no_utf8[5] = 0xff;
    for bad in [&borsh[..borsh.len() - 1], &[&borsh[..], &[0]].concat(), &[], &long_name, &no_utf8] {
        let ask = raw(&Instruction::Record { epoch: 1, borsh: bad }, accounts.clone());
        refused(&chain.send(&[ask], &[&payer]), 0, Fault::BadRecord);
    }
}

#[test]
fn times_are_the_chains() {
    let (mut chain, roster) = chain();
    let payer = chain.payer.clone();
    let at = |timestamp: i64| {
        let mut witness = ZkPerfWitness { timestamp, ..signed("agent-0", 0, &roster, 1, &shard_key(0)) };
        witness.signature = shard_key(0).sign(&witness.message(roster.as_array(), 1).unwrap()).to_bytes();
        witness
    };
    for bad in [NOW - 3601, NOW + MAX_SKEW_S + 1, i64::MIN, i64::MAX, 0, -1] {
        refused(&chain.send(&chain.record(&roster, 1, &at(bad)), &[&payer]), 1, Fault::BadTime);
    }
    chain.send(&chain.record(&roster, 1, &at(NOW - 3600)), &[&payer]).unwrap();
}

/// Anybody can send money to where a record will be. It must not keep the record out.
#[test]
fn money_at_a_records_address_does_not_block_it() {
    let (mut chain, roster) = chain();
    let payer = chain.payer.clone();
    for (shard, lamports) in [(0, 1_000_000), (1, 890_880), (2, 5_000_000_000)] {
        let at = record_address(&PROGRAM, &roster, 1, shard);
        chain.svm.airdrop(&at, lamports).unwrap();
        let witness = signed("agent", shard, &roster, 1, &shard_key(shard.into()));
        let cost = chain.send(&chain.record(&roster, 1, &witness), &[&payer]).unwrap();
        assert!(cost < 20_000, "{cost}");
        let kept = chain.svm.get_account(&at).unwrap();
        assert_eq!(kept.owner, PROGRAM);
        assert!(kept.lamports >= chain.svm.minimum_balance_for_rent_exemption(kept.data.len()));
        assert_eq!(Record::read(&kept.data).unwrap().witness(), Some(witness));
        refused(&chain.send(&chain.record(&roster, 1, &witness), &[&payer]), 1, Fault::Replayed);
    }
}

#[test]
fn addresses_are_those_of_solanas_own_library() {
    for number in 0..500u64 {
        let roster = Address::new_from_array(*proofmark_core::Digest::of(&number.to_le_bytes()).as_bytes());
        let (shard, label) = (number as u8, [number as u8; 32]);
        let seeds: [&[u8]; 4] = [b"record", roster.as_array(), &number.to_le_bytes(), &[shard]];
        let expected = Address::find_program_address(&seeds, &PROGRAM).0;
        assert_eq!(record_address(&PROGRAM, &roster, number, shard), expected);
        let expected = Address::find_program_address(&[b"roster", roster.as_array(), &label], &PROGRAM).0;
        assert_eq!(roster_address(&PROGRAM, &roster, &label), expected);
    }
}
