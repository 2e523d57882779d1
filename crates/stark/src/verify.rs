//! The verifier.

use alloc::{sync::Arc, vec::Vec};

use p3_batch_stark::verify_batch;

use crate::{
    air::{Chip, F},
    compile::{Machine, compile},
    config::Level,
    digest::from_digest,
    error::VerifyError,
    proof::decode,
    protocol::Protocol,
    security::{Security, security},
    statement::{Statement, publics},
};

/// Checks a proof of a statement. Total: any bytes give an answer.
///
/// # Errors
/// See [`VerifyError`].
pub fn verify(statement: &Statement<'_>, proof: &[u8]) -> Result<Security, VerifyError> {
    if !statement.bounds.are_sane(statement.plan.inputs.len()) {
        return Err(VerifyError::BadBounds);
    }
    // Digests are cheaper to judge than the plan.
    digests(statement)?;
    let machine = compile(statement.plan, statement.bounds, statement.level.least_log_height())
        .map_err(VerifyError::Unsupported)?;
    verify_machine(statement, &machine, proof)
}

/// Checks a proof of a statement whose machine is known: that of its plan, bounds and level.
pub(crate) fn verify_machine(
    statement: &Statement<'_>,
    machine: &Machine,
    proof: &[u8],
) -> Result<Security, VerifyError> {
    let digests = digests(statement)?;
    let publics = publics(statement, &machine.digests, machine.chips.len(), &digests);
    verify_chips(statement.level, &machine.chips, &publics, proof)
}

/// The digests of inputs and output as field elements.
fn digests(statement: &Statement<'_>) -> Result<Vec<[F; 8]>, VerifyError> {
    if statement.inputs.len() != statement.plan.inputs.len() {
        return Err(VerifyError::BadDigest);
    }
    let digests: Option<Vec<[F; 8]>> =
        statement.inputs.iter().chain([&statement.output]).map(from_digest).collect();
    digests.ok_or(VerifyError::BadDigest)
}

/// Checks a proof against the chips and public values that follow from its statement.
pub(crate) fn verify_chips(
    level: Level,
    chips: &[Arc<Chip>],
    publics: &[Vec<F>],
    proof: &[u8],
) -> Result<Security, VerifyError> {
    // A verifier draws no masks.
    let protocol = Protocol::new(level, [0; 32], chips);
    let Protocol { config, boards, data, shape } = &protocol;
    let proof = decode(shape, proof)?;
    verify_batch(config, boards, &proof, &protocol.publics(publics), &data.common)
        .map_err(|_| VerifyError::Refused)?;
    Ok(security(level, shape))
}
