//! `proofmark witness roster`.

use std::path::PathBuf;

use proofmark_core::PublicKey;
use proofmark_solana::{
    Fault, Roster,
    client::{Address, ENROL_KEYS, Program, roster_address},
    roster::Terms,
};
use serde::Serialize;

use super::{
    anchor::{Transaction, label, refused},
    cluster::{Cluster, NodeArgs, explain},
    epoch::CommitteeArgs,
    verify::read_identities,
};
use crate::{
    config::Config,
    error::Error,
    ui::{Facts, Tone, Ui},
};

/// Arguments of `witness roster`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A roster never changes once it is complete. One that was interrupted is taken up again by the same command.

Example: proofmark witness roster --label fleet-1 --identities witnesses/identities.json --committee committee.json \\
  --rpc http://127.0.0.1:8899 --program ADDRESS --keypair id.json")]
pub(crate) struct RosterArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// What tells it from other rosters of the same payer, at most 32 bytes
    #[arg(long, value_name = "TEXT", value_parser = label)]
    label: [u8; 32],
    /// Which key speaks for which shard, JSON: shards 0 to their number
    #[arg(long, value_name = "FILE")]
    identities: PathBuf,
    #[command(flatten)]
    committee: CommitteeArgs,
    /// The oldest witness that is recorded, in seconds from its start
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    max_age: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    roster: String,
    shards: u16,
    validators: u16,
    quorum: u16,
    max_age_s: u64,
    transactions: Vec<Transaction>,
}

pub(super) fn execute(args: &RosterArgs, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let payer = args.node.payer(config)?;
    let authority = Address::new_from_array(payer.verifying_key().to_bytes());
    let shards = shard_keys(args)?;
    let committee = args.committee.read()?;
    let count = |number: usize| u16::try_from(number).map_err(|_| refused(Fault::BadRoster));
    let terms = Terms {
        shards: count(shards.len())?,
        validators: count(committee.validators().len())?,
        quorum: count(committee.quorum())?,
        max_age_s: args.max_age,
        authority: authority.to_bytes(),
        label: args.label,
    };
    terms.check().map_err(refused)?;
    let all: Vec<[u8; 32]> =
        shards.iter().chain(committee.validators()).map(|key: &PublicKey| *key.as_bytes()).collect();

    let cluster = Cluster::new(&args.node)?;
    let at = roster_address(&args.node.program, &authority, &args.label);
    let program = Program(args.node.program);
    let mut transactions: Vec<Transaction> = Vec::new();
    // Comparing a key with those before it takes most of the work.
    const UNITS: u32 = 400_000;
    let mut send = |instruction| -> Result<(), Error> {
        let mut instructions = Program::budget(UNITS, args.node.price);
        instructions.push(instruction);
        let sent = cluster.submit(&instructions, &[&payer]).map_err(|error| explain(&error))?;
        transactions.push(sent.into());
        Ok(())
    };
    if cluster.account(&at)?.is_none() {
        send(program.open(&terms))?;
    }
    let filled = |expected: usize| -> Result<usize, Error> {
        let bytes = cluster.roster(&at)?;
        let roster = Roster::read(&bytes).map_err(refused)?;
        let own = (0..roster.filled.min(roster.shards)).map(|shard| roster.shard(shard as u8));
        let theirs = (roster.shards..roster.filled).map(|at| roster.validator(at - roster.shards));
        let same = own.chain(theirs).zip(&all).all(|(found, key)| found == Ok(key));
        if roster.terms() != terms || !same {
            return Err(Error::Refused {
                code: "another-roster",
                message: format!("the roster at {at} has other terms or keys"),
                hint: Some("a roster never changes: give this one another --label".into()),
            });
        }
        match usize::from(roster.filled) {
            filled if filled < expected => Err(Error::Refused {
                code: "outcome-unknown",
                message: format!("the node shows {filled} keys where {expected} were confirmed"),
                hint: Some("run it again: it goes on where it stopped".into()),
            }),
            filled => Ok(filled),
        }
    };
    let mut done = filled(0)?;
    while done < all.len() {
        let next = all.len().min(done + ENROL_KEYS);
        send(program.enrol(&at, &authority, &all[done..next]))?;
        ui.note(&format!("{next} of {} keys", all.len()));
        done = filled(next)?;
    }
    let answer = Answer {
        roster: at.to_string(),
        shards: terms.shards,
        validators: terms.validators,
        quorum: terms.quorum,
        max_age_s: terms.max_age_s,
        transactions,
    };
    ui.answer(&answer, |ui| {
        let mut facts = Facts::default();
        facts.add("shards", answer.shards.to_string());
        facts.add(
            "validators",
            format!("{}, of which {} make a record final", answer.validators, answer.quorum),
        );
        facts.add("transactions", answer.transactions.len().to_string());
        format!("{} {}\n{}", ui.paint(Tone::Good, "roster"), answer.roster, facts.render(ui, 0))
    });
    Ok(0)
}

/// The keys of shards 0, 1, 2 and so on, without a hole.
fn shard_keys(args: &RosterArgs) -> Result<Vec<PublicKey>, Error> {
    let mut identities = read_identities(&args.identities)?;
    identities.sort_by_key(|identity| identity.shard);
    let has_holes = identities.iter().zip(0..).any(|(identity, shard)| identity.shard != shard);
    if has_holes {
        return Err(Error::File {
            path: args.identities.clone(),
            message: "a roster has one key for each of the shards 0, 1, 2 and so on".into(),
            hint: None,
        });
    }
    Ok(identities.into_iter().map(|identity| identity.key).collect())
}
