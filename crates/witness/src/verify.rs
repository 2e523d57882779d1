//! The order of judgement.

use std::io::{Read, Seek, SeekFrom};

use ed25519_dalek::SigningKey;
use proofmark_core::{Digest, Reason, WitnessClaim, WitnessEvidence, sha256::Sha256};

use crate::{
    WitnessExpectations, WitnessPolicy, chain, check, dsse,
    perf::{self, Facts, Limits, PerfError},
};

/// A check that failed: the reason, and what was expected and found.
pub type Rejection = (Reason, String);

pub(crate) fn reject<T>(reason: Reason, detail: impl Into<String>) -> Result<T, Rejection> {
    Err((reason, detail.into()))
}

/// A witness that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Whether the policy vouches for the key.
    pub known_key: bool,
    /// Whether its age was judged.
    pub aged: bool,
    /// Whether it answers the challenge that was expected.
    pub challenged: bool,
    /// What the recording says; none if it was not at hand.
    pub facts: Option<Facts>,
    /// The new head of the shard's chain.
    pub head: chain::Head,
}

/// Signs a claim: the shard's side. A small recording may be put into the evidence afterwards.
pub fn sign(claim: &WitnessClaim, key: &SigningKey) -> WitnessEvidence {
    dsse::sign(claim, key)
}

/// Judges a witness.
///
/// `perf` is the recording that lies beside the witness, if it does; one inside the evidence is used otherwise. The
/// source is read twice, once for its digest and once for its content: nobody else should be writing to it.
///
/// The checks run in the order of [`Reason::ALL`], the recording last because it costs most.
///
/// # Errors
/// The one reason why the witness must not be accepted.
pub fn verify<R: Read + Seek>(
    claim: &WitnessClaim,
    evidence: &WitnessEvidence,
    perf: Option<R>,
    policy: &WitnessPolicy,
    expectations: &WitnessExpectations,
    limits: &Limits,
) -> Result<Checked, Rejection> {
    if let Err(error) = dsse::check(claim, evidence) {
        return reject(Reason::BadSignature, error);
    }
    let known_key = check_identity(claim, evidence, policy, expectations)?;
    let challenged = check_nonce(claim, policy, expectations)?;
    let aged = check_time(claim, policy, expectations)?;
    chain::check_form(claim)?;
    let head = match &expectations.head {
        Some(head) => chain::follow(Some(head), claim)?,
        None => chain::Head::of(claim),
    };
    let facts = match (perf, &evidence.perf) {
        (Some(perf), _) => Some(check_perf(claim, perf, limits)?),
        (None, Some(bytes)) => Some(check_perf(claim, std::io::Cursor::new(&bytes.0[..]), limits)?),
        (None, None) if policy.require_perf => {
            return reject(Reason::PerfMissing, format!("{} is not at hand", claim.recording.perf));
        }
        (None, None) => None,
    };
    check::itself(claim)?;
    Ok(Checked { known_key, aged, challenged, facts, head })
}

fn check_identity(
    claim: &WitnessClaim,
    evidence: &WitnessEvidence,
    policy: &WitnessPolicy,
    expectations: &WitnessExpectations,
) -> Result<bool, Rejection> {
    let shard = claim.shard;
    if let Some(expected) = expectations.shard.filter(|expected| *expected != shard) {
        return reject(Reason::WrongShard, format!("expected shard {expected}, found {shard}"));
    }
    if let Some(expected) = expectations.agent.as_ref().filter(|expected| **expected != claim.agent) {
        return reject(Reason::WrongShard, format!("expected agent `{expected}`, found `{}`", claim.agent));
    }
    if let Some(expected) = expectations.command.filter(|expected| *expected != claim.command.digest) {
        let found = claim.command.digest;
        return reject(Reason::PerfMismatch, format!("expected the command {expected}, found {found}"));
    }
    if policy.identities.is_empty() {
        return Ok(false);
    }
    let mut registered = policy.identities.iter().filter(|identity| identity.shard == shard).peekable();
    if registered.peek().is_none() {
        return reject(Reason::WrongShard, format!("no key is registered for shard {shard}"));
    }
    let fits = |identity: &&crate::Identity| {
        identity.key == evidence.key && identity.agent.as_ref().is_none_or(|agent| *agent == claim.agent)
    };
    if !registered.any(|identity| fits(&identity)) {
        return reject(
            Reason::WrongShard,
            format!("{} and agent `{}` are not registered for shard {shard}", evidence.key, claim.agent),
        );
    }
    Ok(true)
}

fn check_nonce(
    claim: &WitnessClaim,
    policy: &WitnessPolicy,
    expectations: &WitnessExpectations,
) -> Result<bool, Rejection> {
    let found = claim.nonce.as_deref();
    let shown = found.unwrap_or("none");
    match &expectations.nonce {
        Some(expected) if found != Some(expected) => {
            reject(Reason::WrongNonce, format!("expected {expected}, found {shown}"))
        }
        None if policy.require_nonce => {
            reject(Reason::WrongNonce, "the policy demands a challenge, and none was given to compare with")
        }
        expected => Ok(expected.is_some()),
    }
}

fn check_time(
    claim: &WitnessClaim,
    policy: &WitnessPolicy,
    expectations: &WitnessExpectations,
) -> Result<bool, Rejection> {
    let Some(now) = expectations.now_ns else { return Ok(false) };
    let nanos = |seconds: u64| u128::from(seconds) * 1_000_000_000;
    if u128::from(claim.ended_ns) > u128::from(now) + nanos(policy.max_skew_s) {
        return reject(Reason::BadTimestamp, "it ends in the future");
    }
    let age = now.saturating_sub(claim.ended_ns);
    if u128::from(age) > nanos(policy.max_age_s) + nanos(policy.max_skew_s) {
        let (age, most) = (age / 1_000_000_000, policy.max_age_s);
        return reject(Reason::BadTimestamp, format!("it is {age} s old; the policy allows {most} s"));
    }
    Ok(true)
}

fn check_perf<R: Read + Seek>(
    claim: &WitnessClaim,
    mut perf: R,
    limits: &Limits,
) -> Result<Facts, Rejection> {
    let recording = &claim.recording;
    let unreadable = |error: std::io::Error| (Reason::PerfMalformed, format!("it cannot be read: {error}"));
    if recording.perf_bytes > limits.max_bytes {
        let limit = PerfError::TooMuch { what: "bytes", limit: limits.max_bytes };
        return reject(Reason::PerfMalformed, limit.to_string());
    }
    let (digest, length) = perf_digest(&mut perf, recording.perf_bytes).map_err(unreadable)?;
    if length != recording.perf_bytes || digest != recording.perf {
        return reject(
            Reason::PerfDigest,
            format!("claimed {} of {} bytes, found {digest}", recording.perf, recording.perf_bytes),
        );
    }
    perf.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let facts = perf::read(perf, length, limits, |_| {})
        .map_err(|error| (Reason::PerfMalformed, error.to_string()))?;
    check::against_recording(claim, &facts)?;
    Ok(facts)
}

/// SHA-256 and length of a recording, of which at most one byte more than `most` is read.
///
/// # Errors
/// If the source cannot be read.
pub fn perf_digest<R: Read>(source: R, most: u64) -> std::io::Result<(Digest, u64)> {
    let (mut hasher, mut length) = (Sha256::new(), 0);
    let mut source = source.take(most.saturating_add(1));
    let mut buffer = vec![0; 1 << 16];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok((Digest::sha256(hasher.finish()), length)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                length += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
