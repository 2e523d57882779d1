//! `proofmark witness vote`, `certify` and `certificate`.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use proofmark_core::{Digest, PublicKey, Tier};
use proofmark_verifier::{Expectations, Policy};
use proofmark_witness::{
    chain::Head,
    quorum::{
        Ballot, Certificate, Committee, DoubleSigning, EpochTree, Inclusion, MAX_CERTIFICATE_BYTES, Tally,
        TallyError, Vote,
    },
};
use serde::Serialize;

use super::{
    folder::ShardFolder,
    run::nonce,
    verify::{Beside, claim_of, judge, now_ns, read_claim, read_identities, read_json},
};
use crate::{
    config::Config,
    error::{Error, exit},
    files, keys,
    ui::{Tone, Ui, clean},
};

/// Who votes, and how many of them certify.
#[derive(Debug, clap::Args)]
pub(super) struct CommitteeArgs {
    /// The committee that you trust, JSON
    #[arg(long, value_name = "FILE")]
    committee: PathBuf,
    /// Another quorum than the committee's, for example 36: votes and certificates are for one committee and one quorum, and a
    /// certificate says what its own is worth
    #[arg(long, value_name = "N")]
    quorum: Option<usize>,
}

impl CommitteeArgs {
    pub(super) fn read(&self) -> Result<Committee, Error> {
        let committee: Committee = read_json(&self.committee)?;
        match self.quorum {
            Some(quorum) => {
                Committee::new(committee.validators().to_vec(), quorum).map_err(|e| Error::usage(e, ""))
            }
            None => Ok(committee),
        }
    }
}

/// Arguments of `witness vote`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every witness is judged in full, with its recording. One that is refused is refused for the epoch: nothing is signed.
The book beside the key remembers what was signed; a second root for one epoch is never signed with it.

A committee is {\"validators\": [\"ed25519:…\", …], \"quorum\": 48}; without a quorum, the smallest that makes roots unique and lets
certificates come about with the most faulty validators: 48 of 71. Exit codes: 0 signed, 1 refused, 2 usage")]
pub(crate) struct VoteArgs {
    /// Where the folders of shards are
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// The epoch
    #[arg(long, value_name = "N")]
    epoch: u64,
    #[command(flatten)]
    committee: CommitteeArgs,
    /// Which key speaks for which shard, JSON
    #[arg(long, value_name = "FILE")]
    identities: PathBuf,
    /// The challenge of this epoch
    #[arg(long, value_name = "HEX", value_parser = nonce)]
    nonce: Option<String>,
    /// The last witness of each shard that this validator signed for, JSON: gaps and forks are refused, and what is signed is
    /// added
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// How many shards must have a witness; default: all identities
    #[arg(long, value_name = "N")]
    shards: Option<usize>,
    /// The validator's key; default: the provider's
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where the vote goes
    #[arg(long, value_name = "FILE")]
    vote: PathBuf,
}

/// Arguments of `witness certify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 certified, 1 no quorum yet, 2 usage")]
pub(crate) struct CertifyArgs {
    /// Votes
    #[arg(required = true)]
    votes: Vec<PathBuf>,
    /// The epoch
    #[arg(long, value_name = "N")]
    epoch: u64,
    #[command(flatten)]
    committee: CommitteeArgs,
    /// Where the certificate goes
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Where evidence of double signing goes; default: beside the certificate
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
}

/// Arguments of `witness certificate`.
#[derive(Debug, clap::Args)]
pub(crate) struct CertificateArgs {
    /// A certificate, or evidence of double signing
    file: PathBuf,
    #[command(flatten)]
    committee: CommitteeArgs,
    /// An inclusion proof whose root must be the certified one
    #[arg(long, value_name = "FILE")]
    inclusion: Option<PathBuf>,
    /// The witness that must be the proof's: a receipt
    #[arg(long, value_name = "FILE", requires = "inclusion")]
    receipt: Option<PathBuf>,
}

pub(super) fn vote(args: &VoteArgs, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let committee = args.committee.read()?;
    let key_path = args.key.clone().unwrap_or_else(|| config.provider_key());
    let key = keys::load(&key_path)?;
    if committee.position(&keys::public(&key)).is_none() {
        return Err(Error::usage(
            format!("{} is not in the committee", keys::public(&key)),
            "a validator signs with its own key; name it with --key",
        ));
    }
    let mut policy = Policy { min_tier: Tier::Commitment, ..Policy::default() };
    policy.witness.identities = read_identities(&args.identities)?;
    let mut expectations = Expectations::default();
    expectations.witness.nonce.clone_from(&args.nonce);
    expectations.witness.now_ns = Some(now_ns());
    let mut heads: BTreeMap<u32, Head> = match &args.heads {
        Some(path) if path.exists() => read_json(path)?,
        _ => BTreeMap::new(),
    };
    let folders = ShardFolder::list(&args.out)?;
    let wanted = args.shards.unwrap_or(policy.witness.identities.len());
    let mut refused = Vec::new();
    let mut claims = Vec::new();
    for folder in &folders {
        let receipt = files::read(&folder.receipt(), proofmark_core::MAX_RECEIPT_BYTES as u64)?;
        expectations.witness.shard = Some(folder.shard());
        expectations.witness.head = heads.get(&folder.shard()).copied();
        let perf = Some(folder.perf()).filter(|path| path.is_file()).map(Beside::File);
        let verdict = judge(&receipt, perf, &policy, &expectations)?;
        if let proofmark_core::Verdict::Invalid { reason, detail } = verdict {
            refused.push(format!("shard {}: {}: {detail}", folder.shard(), reason.code()));
            continue;
        }
        // What was judged, not what the file says by now.
        claims.push(claim_of(receipt, &folder.receipt())?.1);
    }
    if claims.len() < wanted {
        refused.push(format!("{} of {wanted} shards have a valid witness", claims.len()));
    }
    if !refused.is_empty() {
        return Err(Error::Refused {
            code: "epoch-refused",
            message: refused.iter().map(|line| clean(line).into_owned()).collect::<Vec<_>>().join("\n"),
            hint: Some("nothing was signed".into()),
        });
    }
    let tree = EpochTree::new(args.epoch, &claims)
        .map_err(|e| Error::usage(format!("{}: {e}", args.out.display()), ""))?;
    let ballot = Ballot::of(&tree, &committee);
    enter_book(&key_path, &ballot)?;
    if let Some(path) = &args.heads {
        heads.extend(claims.iter().map(|claim| (claim.shard, Head::of(claim))));
        files::write_whole(path, to_json(&heads).as_bytes())?;
    }
    let vote = Vote::sign(ballot, &key);
    files::write_whole(&args.vote, to_json(&vote).as_bytes())?;
    ui.answer(&vote, |_| {
        format!("signed root {} of epoch {} over {} witnesses\n", ballot.root, ballot.epoch, ballot.leaves)
    });
    Ok(0)
}

/// Remembers what is about to be signed, and refuses a second ballot for an epoch.
fn enter_book(key: &Path, ballot: &Ballot) -> Result<(), Error> {
    let path = key.with_extension("votes.json");
    let failed = |source| Error::Write { path: path.clone(), source };
    let lock =
        File::options().create(true).truncate(false).write(true).open(key.with_extension("votes.lock"));
    let lock = lock.map_err(failed)?;
    lock.lock().map_err(failed)?;
    let mut book: BTreeMap<String, Ballot> =
        if path.exists() { read_json(&path)? } else { BTreeMap::default() };
    let place = format!("{}:{}", ballot.committee, ballot.epoch);
    match book.get(&place) {
        Some(signed) if signed != ballot => {
            return Err(Error::Refused {
                code: "voted-already",
                message: format!("this key signed root {} for epoch {}", signed.root, ballot.epoch),
                hint: Some("two signatures in one epoch are double signing; nothing was signed".into()),
            });
        }
        Some(_) => return Ok(()),
        None => book.insert(place, *ballot),
    };
    // Before the signature: a crash in between loses a vote, never an entry.
    files::write_whole(&path, to_json(&book).as_bytes())
}

pub(super) fn certify(args: &CertifyArgs, ui: &Ui) -> Result<u8, Error> {
    let committee = args.committee.read()?;
    let mut tally = Tally::new(&committee, args.epoch);
    let (mut counted, mut evidence) = (0, Vec::new());
    for path in &args.votes {
        let vote: Vote = read_json(path)?;
        check_quorum(&vote, &committee, path)?;
        match tally.add(vote) {
            Ok(()) => counted += 1,
            Err(TallyError::DoubleSigning(found)) => evidence.push(*found),
            Err(error) => ui.warn(&format!("{}: {}", path.display(), clean(&error.to_string()))),
        }
    }
    let folder = args.evidence.clone().unwrap_or_else(|| files::parent(&args.certificate));
    for found in &evidence {
        let validator = Digest::sha256(*found.first.validator.as_bytes()).to_hex();
        let path = folder.join(format!("double-signing-{}-{}.json", args.epoch, &validator[..16]));
        files::write_whole(&path, to_json(found).as_bytes())?;
        ui.warn(&format!("{} signed twice: {}", found.first.validator, path.display()));
    }
    let Some(certificate) = tally.certificate() else {
        return Err(Error::Refused {
            code: "no-quorum",
            message: format!("no root has {} votes; {counted} were counted", committee.quorum()),
            hint: None,
        });
    };
    files::write_whole(&args.certificate, to_json(&certificate).as_bytes())?;
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        ballot: Ballot,
        votes: usize,
        quorum: usize,
        guarantee: proofmark_witness::quorum::Guarantee,
        double_signers: Vec<PublicKey>,
    }
    let answer = Answer {
        ballot: certificate.ballot,
        votes: certificate.votes.len(),
        quorum: committee.quorum(),
        guarantee: certificate.guarantee,
        double_signers: evidence.iter().map(|found| found.first.validator).collect(),
    };
    ui.answer(&answer, |ui| {
        format!(
            "{} root {} of epoch {} by {} votes of {}: {}\n",
            ui.paint(Tone::Good, "certified"),
            answer.ballot.root,
            answer.ballot.epoch,
            answer.votes,
            committee.validators().len(),
            answer.guarantee
        )
    });
    Ok(0)
}

/// A vote names the committee with its quorum. One for the same validators and another quorum is told apart, because that
/// is easily set right.
fn check_quorum(vote: &Vote, committee: &Committee, path: &Path) -> Result<(), Error> {
    let validators = committee.validators();
    let same = |quorum: &usize| {
        let other = Committee::new(validators.to_vec(), *quorum);
        other.is_ok_and(|other| other.digest() == vote.ballot.committee)
    };
    if vote.ballot.committee == committee.digest() {
        return Ok(());
    }
    match (1..=validators.len()).find(same) {
        Some(quorum) => Err(Error::usage(
            format!("{} is a vote for a quorum of {quorum}, not of {}", path.display(), committee.quorum()),
            format!(
                "count with --quorum {quorum}, or ask for votes with `witness vote --quorum {}`",
                committee.quorum()
            ),
        )),
        None => Ok(()),
    }
}

pub(super) fn check(args: &CertificateArgs, ui: &Ui) -> Result<u8, Error> {
    let committee = args.committee.read()?;
    let bytes = files::read(&args.file, MAX_CERTIFICATE_BYTES as u64)?;
    let refused = |message: String| Error::Refused { code: "bad-certificate", message, hint: None };
    if let Ok(evidence) = serde_json::from_slice::<DoubleSigning>(&bytes) {
        let validator = evidence.check().map_err(|e| refused(e.to_owned()))?;
        let member = committee.position(&validator).is_some();
        ui.answer(&evidence, |_| {
            let which = if member { "of this committee" } else { "of another committee" };
            format!("{validator}, {which}, signed two roots for epoch {}\n", evidence.first.ballot.epoch)
        });
        return Ok(if member { 0 } else { exit::REFUSED });
    }
    let certificate = Certificate::parse(&bytes).map_err(refused)?;
    certificate.check(&committee).map_err(refused)?;
    if let Some(path) = &args.inclusion {
        let proof: Inclusion = read_json(path)?;
        let ballot = &certificate.ballot;
        if proof.root() != Some(ballot.root) || (proof.leaves, proof.epoch) != (ballot.leaves, ballot.epoch) {
            return Err(refused("the inclusion proof does not lead to the certified root".into()));
        }
        if let Some(receipt) = &args.receipt {
            let claim = read_claim(receipt)?.1;
            if (proof.shard, proof.claim) != (claim.shard, proofmark_witness::chain::digest(&claim)) {
                return Err(refused("the inclusion proof is of another witness".into()));
            }
        }
    }
    ui.answer(&certificate.ballot, |ui| {
        format!(
            "{} root {} of epoch {} over {} witnesses: {}\n",
            ui.paint(Tone::Good, "certified"),
            certificate.ballot.root,
            certificate.ballot.epoch,
            certificate.ballot.leaves,
            certificate.guarantee
        )
    });
    Ok(0)
}

fn to_json<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("votes hold text and integers only");
    text.push('\n');
    text
}
