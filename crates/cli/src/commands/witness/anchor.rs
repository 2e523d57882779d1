//! `proofmark witness anchor` and `anchored`: records of witnesses on a Solana cluster.

use std::path::PathBuf;

use proofmark_core::{Digest, PublicKey, Tier, Verdict, WitnessClaim};
use proofmark_solana::{
    Fault, Record, Roster,
    client::{Address, Failure, Program, Sent, record_address, sign},
};
use proofmark_verifier::{Expectations, Policy};
use proofmark_witness::Identity;
use serde::Serialize;

use super::{
    analyse::{beside, receipt_path},
    cluster::{Cluster, NodeArgs, explain},
    verify::{Beside, judge, now_ns, read_claim},
};
use crate::{
    config::Config,
    error::{Error, exit},
    keys,
    ui::{Facts, Tone, Ui, clean},
};

/// Arguments of `witness anchor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
One record for each shard and epoch of a roster, signed by the shard's key for exactly that; a second one is refused. With --vote
the witness is judged in full, compared with the record, and voted for by --key.

Exit codes: 0 done (or done before), 1 refused by the chain or by the judgement, 2 usage

Example: proofmark witness anchor witnesses/shard-0 --rpc http://127.0.0.1:8899 --program ADDRESS --roster ADDRESS --epoch 1")]
pub(crate) struct AnchorArgs {
    /// A shard's folder, or a receipt
    witness: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
    /// The roster's address: `witness roster` prints it
    #[arg(long, value_name = "ADDRESS")]
    roster: Address,
    /// The epoch
    #[arg(long, value_name = "N")]
    epoch: u64,
    /// The shard's key, or with --vote the validator's; default: the provider's
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Vote for the record as a validator
    #[arg(long)]
    vote: bool,
    /// With --vote: the challenge that the witness must answer
    #[arg(long, value_name = "HEX", value_parser = super::run::nonce, requires = "vote")]
    nonce: Option<String>,
}

/// Arguments of `witness anchored`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads only. The shard's signature is checked here, whatever the node says.

Exit codes: 0 final, 1 not there, not final or another record, 2 usage

Example: proofmark witness anchored --rpc http://127.0.0.1:8899 --program ADDRESS --roster ADDRESS --epoch 1 --shard 0")]
pub(crate) struct AnchoredArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// The roster's address
    #[arg(long, value_name = "ADDRESS")]
    roster: Address,
    /// The epoch
    #[arg(long, value_name = "N")]
    epoch: u64,
    /// The shard
    #[arg(long, value_name = "N")]
    shard: u8,
    /// The witness that must be the record's: a shard's folder, or a receipt
    #[arg(long, value_name = "WITNESS")]
    witness: Option<PathBuf>,
}

/// What a transaction did.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    record: String,
    epoch: u64,
    shard: u8,
    /// Missing where it had been done before.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<Transaction>,
    votes: u16,
    quorum: u16,
    #[serde(rename = "final")]
    is_final: bool,
}

/// A settled transaction.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transaction {
    pub(super) signature: String,
    pub(super) slot: u64,
    /// Blockhashes that it took: more than one if some expired.
    pub(super) blockhashes: u32,
}

impl From<Sent> for Transaction {
    fn from(sent: Sent) -> Self {
        Self { signature: sent.signature, slot: sent.slot, blockhashes: sent.blockhashes }
    }
}

pub(super) fn execute(args: &AnchorArgs, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let (receipt, claim) = read_claim(&receipt_path(&args.witness))?;
    let cluster = Cluster::new(&args.node)?;
    let key = keys::load(&args.key.clone().unwrap_or_else(|| config.provider_key()))?;
    let payer = args.node.payer(config)?;
    let list = cluster.roster(&args.roster)?;
    let roster = Roster::read(&list).map_err(refused)?;
    let witness = sign(&claim, &args.roster, args.epoch, &key).map_err(|e| Error::usage(e, ""))?;
    let message = witness.message(args.roster.as_array(), args.epoch).expect("it was signed");
    let digest = *Digest::of(&message).as_bytes();
    let shard = witness.shard_id;
    let at = record_address(&args.node.program, &args.roster, args.epoch, shard);
    let program = Program(args.node.program);

    let mut instructions = Program::budget(args.node.units(), args.node.price);
    if args.vote {
        let own = keys::public(&key);
        let place = (0..roster.validators).find(|at| roster.validator(*at) == Ok(own.as_bytes()));
        let place = place.ok_or_else(|| refused(Fault::NotValidator))?;
        let kept = cluster.record(&at)?.ok_or_else(|| nothing_there(args.epoch, shard))?;
        let kept = Record::read(&kept).map_err(refused)?;
        judge_in_full(args, &receipt.to_cbor(), &claim, &roster)?;
        if kept.digest() != digest {
            return Err(refused(Fault::OtherRecord));
        }
        if !kept.has_voted(place) {
            let validator = Address::new_from_array(*own.as_bytes());
            instructions.push(program.vote(&args.roster, &at, (&validator, place), &digest));
        }
    } else {
        let expected = roster.shard(shard).map_err(refused)?;
        if expected != keys::public(&key).as_bytes() {
            return Err(refused(Fault::WrongKey));
        }
        if !cluster.keeps(&at, &digest)? {
            let payer = Address::new_from_array(payer.verifying_key().to_bytes());
            let record = program.record(&args.roster, args.epoch, &witness, expected, &payer);
            instructions.extend(record.expect("its name was short enough to sign"));
        }
    }
    let is_done = instructions.iter().all(|instruction| instruction.program_id != args.node.program);
    let transaction = if is_done {
        None
    } else {
        match cluster.submit(&instructions, &[&payer, &key]) {
            Ok(sent) => Some(sent.into()),
            // It was carried out under a blockhash that was thought to have expired, or by somebody else.
            Err(error)
                if matches!(error.failure(), Some(Failure::Fault(Fault::Replayed)))
                    && cluster.keeps(&at, &digest)? =>
            {
                None
            }
            Err(error) => return Err(explain(&error)),
        }
    };
    let kept = cluster.record(&at)?.ok_or_else(|| nothing_there(args.epoch, shard))?;
    let kept = Record::read(&kept).map_err(refused)?;
    let answer = Answer {
        record: at.to_string(),
        epoch: args.epoch,
        shard,
        transaction,
        votes: kept.votes(),
        quorum: roster.quorum,
        is_final: kept.is_final(),
    };
    ui.answer(&answer, |ui| render(ui, &answer, args.vote));
    Ok(0)
}

fn render(ui: &Ui, answer: &Answer, vote: bool) -> String {
    let done = if vote { "voted for" } else { "anchored" };
    let mut facts = Facts::default();
    facts.add("record", &answer.record);
    match &answer.transaction {
        Some(sent) => facts.add("transaction", format!("{} in slot {}", sent.signature, sent.slot)),
        None => facts.add("transaction", "none: it had been done before"),
    };
    let word = if answer.is_final { ", final" } else { "" };
    facts.add("votes", format!("{} of {} that make it final{word}", answer.votes, answer.quorum));
    format!(
        "{} shard {} of epoch {}\n{}",
        ui.paint(Tone::Good, done),
        answer.shard,
        answer.epoch,
        facts.render(ui, 0)
    )
}

/// A validator votes for what it would accept itself: the key is the one in the roster, the recording is at hand.
fn judge_in_full(
    args: &AnchorArgs,
    receipt: &[u8],
    claim: &WitnessClaim,
    roster: &Roster<'_>,
) -> Result<(), Error> {
    let mut policy = Policy { min_tier: Tier::Commitment, ..Policy::default() };
    let shard = u8::try_from(claim.shard).map_err(|_| refused(Fault::UnknownShard))?;
    let key = PublicKey::new(*roster.shard(shard).map_err(refused)?);
    policy.witness.identities = vec![Identity { shard: claim.shard, key, agent: None }];
    policy.witness.max_age_s = roster.max_age_s();
    let mut expectations = Expectations::default();
    expectations.witness.nonce.clone_from(&args.nonce);
    expectations.witness.now_ns = Some(now_ns());
    let verdict = judge(receipt, beside(&args.witness).map(Beside::File), &policy, &expectations)?;
    match verdict {
        Verdict::Invalid { reason, detail } => Err(Error::Refused {
            code: "witness-refused",
            message: format!("{}: {}", reason.code(), clean(&detail)),
            hint: Some("nothing was signed".into()),
        }),
        _ => Ok(()),
    }
}

/// What a record says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    record: String,
    epoch: u64,
    shard: u8,
    agent: String,
    timestamp: i64,
    perf_hash: String,
    samples: u64,
    recorded_at: i64,
    votes: u16,
    quorum: u16,
    #[serde(rename = "final")]
    is_final: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    final_at: Option<i64>,
    validators: Vec<PublicKey>,
}

pub(super) fn anchored(args: &AnchoredArgs, ui: &Ui) -> Result<u8, Error> {
    let cluster = Cluster::new(&args.node)?;
    let list = cluster.roster(&args.roster)?;
    let roster = Roster::read(&list).map_err(refused)?;
    let at = record_address(&args.node.program, &args.roster, args.epoch, args.shard);
    let bytes = cluster.record(&at)?.ok_or_else(|| nothing_there(args.epoch, args.shard))?;
    let record = Record::read(&bytes).map_err(refused)?;
    let witness = record.witness().ok_or_else(|| refused(Fault::BadRecord))?;
    let key = roster.shard(args.shard).map_err(refused)?;
    let message = witness.message(args.roster.as_array(), args.epoch);
    let message = message.ok_or_else(|| refused(Fault::BadRecord))?;
    if !is_signed(key, &witness.signature, &message) || record.digest() != *Digest::of(&message).as_bytes() {
        return Err(refused(Fault::WrongMessage));
    }
    if let Some(path) = &args.witness {
        let (_, claim) = read_claim(&receipt_path(path))?;
        let same = u32::from(witness.shard_id) == claim.shard
            && witness.agent == claim.agent
            && witness.perf_hash == *claim.recording.perf.as_bytes()
            && witness.samples == claim.recording.samples
            && i64::try_from(claim.started_ns / 1_000_000_000) == Ok(witness.timestamp);
        if !same {
            return Err(refused(Fault::OtherRecord));
        }
    }
    let voted = (0..roster.validators).filter(|at| record.has_voted(*at));
    let validators = voted.filter_map(|at| roster.validator(at).ok().map(|key| PublicKey::new(*key)));
    let found = Found {
        record: at.to_string(),
        epoch: args.epoch,
        shard: args.shard,
        agent: witness.agent.to_owned(),
        timestamp: witness.timestamp,
        perf_hash: Digest::sha256(witness.perf_hash).to_hex(),
        samples: witness.samples,
        recorded_at: record.recorded_at(),
        votes: record.votes(),
        quorum: roster.quorum,
        is_final: record.is_final(),
        final_at: record.final_at(),
        validators: validators.collect(),
    };
    ui.answer(&found, |ui| {
        let word =
            if found.is_final { ui.paint(Tone::Good, "final") } else { ui.paint(Tone::Bad, "not final") };
        let mut facts = Facts::default();
        facts.add("record", &found.record);
        facts.add("agent", clean(&found.agent));
        facts.add("recording", format!("{}, {} samples", found.perf_hash, found.samples));
        facts.add("votes", format!("{} of {} that make it final", found.votes, found.quorum));
        format!("{word} shard {} of epoch {}\n{}", found.shard, found.epoch, facts.render(ui, 0))
    });
    Ok(if found.is_final { 0 } else { exit::REFUSED })
}

fn is_signed(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    ed25519_dalek::VerifyingKey::from_bytes(key)
        .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// A refusal of the program, foreseen here.
pub(super) fn refused(fault: Fault) -> Error {
    let failure = Failure::Fault(fault);
    Error::Refused {
        code: fault.code(),
        message: fault.text().to_owned(),
        hint: failure.hint().map(str::to_owned),
    }
}

fn nothing_there(epoch: u64, shard: u8) -> Error {
    Error::Refused {
        code: "not-anchored",
        message: format!("there is no record of shard {shard} for epoch {epoch}"),
        hint: Some("`witness anchor` makes one; a new one is seen once it is confirmed".into()),
    }
}

/// The bytes of an account that must be this program's.
pub(super) fn owned(
    account: Option<proofmark_solana::client::Account>,
    program: &Address,
) -> Result<Option<Vec<u8>>, Error> {
    match account {
        Some(account) if account.owner == *program => Ok(Some(account.data)),
        // Money that somebody sent to where a record will be.
        Some(account) if account.data.is_empty() => Ok(None),
        Some(_) => Err(refused(Fault::BadAccount)),
        None => Ok(None),
    }
}

/// The most bytes of a label.
const MAX_LABEL_BYTES: usize = 32;

/// A label as a roster keeps it: text and zeros.
pub(super) fn label(text: &str) -> Result<[u8; MAX_LABEL_BYTES], String> {
    let mut label = [0; MAX_LABEL_BYTES];
    match label.get_mut(..text.len()) {
        Some(start) if !text.is_empty() => start.copy_from_slice(text.as_bytes()),
        _ => return Err(format!("a label has 1 to {MAX_LABEL_BYTES} bytes")),
    }
    Ok(label)
}
