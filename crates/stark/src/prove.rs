//! The prover.

use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use p3_batch_stark::{BatchProof, StarkInstance, prove_batch};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use proofmark_plan::{types::ValueType, value::Table};
use rand::{CryptoRng, Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    air::{Board, Chip, F, FillError, Inputs, Traces, fill},
    compile::{Machine, compile},
    config::{Config, Level},
    digest::{Salt, to_digest},
    error::ProveError,
    gadget::{MASKS, RANGE_BUS, RANGE_COUNT, range_row},
    proof::{Shape, encode},
    protocol::Protocol,
    statement::{Statement, publics},
    table::Columns,
};

/// What only the prover knows.
#[derive(Clone, Copy, Debug)]
pub struct Witness<'a> {
    /// The inputs, parallel to the plan's.
    pub inputs: &'a [Table],
    /// The salt of each input's digest.
    pub salts: &'a [Salt],
    /// The salt of the output's digest; [`Salt::NONE`] where whoever has the output shall recompute it.
    pub output_salt: Salt,
}

/// A part of proving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// From the plan to chips.
    Compile,
    /// Filling tables.
    Fill,
    /// Commitments and openings.
    Prove,
    /// Writing the proof.
    Encode,
}

/// Watches a proof, and may stop it.
pub trait Progress {
    /// Called before each phase.
    fn phase(&mut self, _phase: Phase) {}

    /// Asked before each phase; `true` stops the proof.
    fn cancelled(&mut self) -> bool {
        false
    }
}

impl Progress for () {}

/// Proves a statement.
///
/// `rng` must be the operating system's, or seeded from it: whoever predicts it sees the data through the masks.
///
/// # Errors
/// See [`ProveError`].
pub fn prove(
    statement: &Statement<'_>,
    witness: &Witness<'_>,
    rng: &mut impl CryptoRng,
    progress: &mut dyn Progress,
) -> Result<Vec<u8>, ProveError> {
    // From here on nothing is generic, so this crate compiles all of it, optimised in every profile.
    let mut rng = own(rng);
    let mut filled = fill_statement(statement, witness, &mut rng, progress)?;
    // Integers were for filling; cells are all that is proved.
    filled.traces.forget_values();
    prove_filled(statement, filled, &mut rng, progress)
}

/// Does everything of [`prove`] but the proof: computes all tables and compares the digests.
///
/// # Errors
/// As [`prove`]; after `Ok` a proof fails only if the caller stops it.
pub fn dry_run(
    statement: &Statement<'_>,
    witness: &Witness<'_>,
    rng: &mut impl CryptoRng,
    progress: &mut dyn Progress,
) -> Result<(), ProveError> {
    fill_statement(statement, witness, &mut own(rng), progress).map(|_| ())
}

/// A generator for one proof.
pub(crate) fn own(rng: &mut impl CryptoRng) -> StdRng {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    StdRng::from_seed(seed)
}

/// Tables that are filled for a statement.
pub(crate) struct Filled {
    pub(crate) chips: Vec<Arc<Chip>>,
    pub(crate) traces: Traces,
    pub(crate) publics: Vec<Vec<F>>,
}

#[cfg(test)]
impl Filled {
    /// What the tables break. Empty for an honest prover.
    pub(crate) fn violations(&self) -> Vec<crate::air::Violation> {
        crate::air::violations(&self.chips, &self.traces, &self.publics)
    }
}

/// Compiles, fills, and checks that the statement's digests are those of the data.
pub(crate) fn fill_statement(
    statement: &Statement<'_>,
    witness: &Witness<'_>,
    rng: &mut StdRng,
    progress: &mut dyn Progress,
) -> Result<Filled, ProveError> {
    enter(progress, Phase::Compile)?;
    let plan = statement.plan;
    if !statement.bounds.are_sane(plan.inputs.len())
        || [statement.inputs.len(), witness.inputs.len(), witness.salts.len()] != [plan.inputs.len(); 3]
    {
        return Err(ProveError::BadBounds);
    }
    let machine = compile(plan, statement.bounds, statement.level.least_log_height())
        .map_err(ProveError::Unsupported)?;
    enter(progress, Phase::Fill)?;
    let (traces, found) = fill_machine(statement, witness, &machine, rng)?;
    for (at, (found, wanted)) in
        found.iter().zip(statement.inputs.iter().chain([&statement.output])).enumerate()
    {
        if to_digest(found) != *wanted {
            let what = plan
                .inputs
                .get(at)
                .map_or_else(|| "the output".to_string(), |input| format!("input {}", input.name));
            return Err(ProveError::DigestMismatch { what });
        }
    }
    let publics = publics(statement, &machine.digests, machine.chips.len(), &found);
    Ok(Filled { chips: machine.chips, traces, publics })
}

/// The filled tables, and the digest of each input and of the output.
pub(crate) fn fill_machine(
    statement: &Statement<'_>,
    witness: &Witness<'_>,
    machine: &Machine,
    rng: &mut StdRng,
) -> Result<(Traces, Vec<[F; 8]>), ProveError> {
    let mut tables = Vec::with_capacity(witness.inputs.len());
    for (input, (table, bounds)) in witness.inputs.iter().zip(&statement.bounds.inputs).enumerate() {
        let declared = statement.plan.inputs[input].ty == ValueType::Table(table.schema.clone());
        let columns = Columns::of(table, &bounds.text_bytes).filter(|_| declared);
        tables.push(columns.ok_or(ProveError::BadInput { input })?);
    }
    let mut salts: Vec<_> = witness.salts.iter().map(|salt| salt.elements()).collect();
    salts.push(witness.output_salt.elements());
    let masks: Vec<F> = (0..MASKS * machine.chips.len()).map(|_| random_element(rng)).collect();
    let inputs = Inputs {
        tables: &tables,
        salts: &salts,
        masks: &masks,
        #[cfg(test)]
        fault: None,
    };
    let mut traces = Traces::default();
    for (chip, step) in machine.chips.iter().zip(&machine.steps) {
        let table = fill(chip, &machine.chips, &traces, &inputs).map_err(|error| fill_error(error, step))?;
        traces.tables.push(table);
    }
    count_ranges(&machine.chips, &mut traces);
    let digests = machine_digests(machine, &traces);
    Ok((traces, digests))
}

/// The digest of each input and of the output.
pub(crate) fn machine_digests(machine: &Machine, traces: &Traces) -> Vec<[F; 8]> {
    let digest = |chip: &usize| {
        let publics = &traces.tables[*chip].publics;
        core::array::from_fn(|lane| publics.get(lane).copied().unwrap_or_default())
    };
    machine.digests.iter().map(digest).collect()
}

fn fill_error(error: FillError, step: &str) -> ProveError {
    match error {
        FillError::Number(reason) => ProveError::NoValue { step: step.into(), reason },
        FillError::TooManyRows { rows, bound } => ProveError::TooManyRows { step: step.into(), rows, bound },
    }
}

/// Fills the counts of the range chip.
pub(crate) fn count_ranges(chips: &[Arc<Chip>], traces: &mut Traces) {
    let counts = range_counts(chips, traces);
    let table = &mut traces.tables[0];
    for (row, count) in counts.into_iter().enumerate() {
        table.cells[row * table.width + RANGE_COUNT] = F::from_u32(count);
    }
}

/// How often each row of the range chip is asked for.
pub(crate) fn range_counts(chips: &[Arc<Chip>], traces: &Traces) -> Vec<u32> {
    let mut counts = alloc::vec![0u32; chips[0].height()];
    for (chip, table) in chips.iter().zip(&traces.tables).skip(1) {
        let lookups: Vec<_> = chip.interactions.iter().filter(|message| message.bus == RANGE_BUS).collect();
        for row in 0..chip.height() {
            let place = crate::air::Place {
                local: table.row(row),
                next: table.row((row + 1) % chip.height()),
                publics: &table.publics,
                first: row == 0,
                last: row + 1 == chip.height(),
            };
            for lookup in &lookups {
                let [width, value] =
                    [0, 1].map(|at| chip.value(lookup.fields[at], &place).as_canonical_u32());
                // A value outside its range has no row; the bus will not balance.
                if value < 1 << width {
                    counts[range_row(width, value)] += 1;
                }
            }
        }
    }
    counts
}

/// A uniform field element.
pub(crate) fn random_element(rng: &mut StdRng) -> F {
    // 128 bits modulo a 31-bit order are uniform but for 2^-97.
    let wide = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
    F::from_u32((wide % u128::from(F::ORDER_U32)) as u32)
}

/// Proves what filled tables show.
pub(crate) fn prove_filled(
    statement: &Statement<'_>,
    filled: Filled,
    rng: &mut StdRng,
    progress: &mut dyn Progress,
) -> Result<Vec<u8>, ProveError> {
    enter(progress, Phase::Prove)?;
    let (shape, proof) = prove_chips(statement.level, filled, rng).map_err(ProveError::Internal)?;
    enter(progress, Phase::Encode)?;
    encode(&shape, proof).map_err(|error| ProveError::Internal(error.to_string()))
}

/// Proves that filled chips hold.
pub(crate) fn prove_chips(
    level: Level,
    filled: Filled,
    rng: &mut StdRng,
) -> Result<(Shape, BatchProof<Config>), String> {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let protocol = Protocol::new(level, seed, &filled.chips);
    let publics = protocol.publics(&filled.publics);
    let matrices = protocol.matrices(filled.traces);
    let instances: Vec<StarkInstance<'_, _, Board>> = { protocol.boards.iter().zip(&matrices).zip(publics) }
        .map(|((air, trace), public_values)| StarkInstance { air, trace, public_values })
        .collect();
    let proof =
        prove_batch(&protocol.config, &instances, &protocol.data).map_err(|error| error.to_string())?;
    Ok((protocol.shape, proof))
}

fn enter(progress: &mut dyn Progress, phase: Phase) -> Result<(), ProveError> {
    if progress.cancelled() {
        return Err(ProveError::Cancelled);
    }
    progress.phase(phase);
    Ok(())
}
