//! The verifier.

use alloc::{sync::Arc, vec::Vec};

use p3_batch_stark::{CommonData, ProverData, verify_batch};

use crate::{
    air::{Chip, ChipAir, F},
    compile::compile,
    config::{Config, Level, config},
    digest::from_digest,
    error::VerifyError,
    proof::{Shape, decode},
    security::{Security, security},
    statement::{Statement, publics},
};

/// Checks a proof of a statement. Total: any bytes give an answer.
///
/// # Errors
/// See [`VerifyError`].
pub fn verify(statement: &Statement<'_>, proof: &[u8]) -> Result<Security, VerifyError> {
    let plan = statement.plan;
    if !statement.bounds.are_sane(plan.inputs.len()) {
        return Err(VerifyError::BadBounds);
    }
    if statement.inputs.len() != plan.inputs.len() {
        return Err(VerifyError::BadDigest);
    }
    let digests: Option<Vec<[F; 8]>> =
        statement.inputs.iter().chain([&statement.output]).map(from_digest).collect();
    let digests = digests.ok_or(VerifyError::BadDigest)?;
    let machine = compile(plan, statement.bounds, statement.level.least_log_height())
        .map_err(VerifyError::Unsupported)?;
    let publics = publics(statement, &machine.digests, machine.chips.len(), &digests);
    verify_chips(statement.level, &machine.chips, &publics, proof)
}

/// Checks a proof against the chips and public values that follow from its statement.
pub(crate) fn verify_chips(
    level: Level,
    chips: &[Arc<Chip>],
    publics: &[Vec<F>],
    proof: &[u8],
) -> Result<Security, VerifyError> {
    let airs: Vec<ChipAir> = chips.iter().map(|chip| ChipAir::new(chip.clone())).collect();
    let degrees: Vec<usize> = chips.iter().map(|chip| chip.log_height as usize + 1).collect();
    // A verifier draws no masks.
    let config = config(level, [0; 32]);
    let data =
        ProverData::from_airs_and_degrees(&config, &airs, &degrees).map_err(|_| VerifyError::Refused)?;
    let common: CommonData<Config> = data.common;
    let shape = Shape::new(level, &config, &airs, &common);
    let proof = decode(&shape, proof)?;
    verify_batch(&config, &airs, &proof, publics, &common).map_err(|_| VerifyError::Refused)?;
    Ok(security(level, &shape))
}
