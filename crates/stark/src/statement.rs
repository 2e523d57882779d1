//! What a proof states, and its encoding as public values.

use alloc::vec::Vec;

use p3_field::PrimeCharacteristicRing;
use proofmark_core::Digest;
use proofmark_plan::{typed::TypedPlan, value::Table};

use crate::{
    air::F,
    config::Level,
    gadget::RATE,
    table::{is_text_bound, text_bounds},
};

/// Version of the constraints and of the encoding of public values. Whatever changes either changes it.
const PROTOCOL: u32 = 1;

/// The statement of a proof: *tables with these digests exist such that the plan gives a table with that digest*,
/// together with whatever `claim` is the digest of.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// The plan. Its hash and everything that is built from it are part of the statement.
    pub plan: &'a TypedPlan,
    /// SHA-256 of the claim that the proof is for. It is bound to the proof and not looked into.
    pub claim: [u8; 32],
    /// The digest of each input, parallel to [`TypedPlan::inputs`].
    pub inputs: &'a [Digest],
    /// The digest of the output.
    pub output: Digest,
    /// Public bounds.
    pub bounds: &'a Bounds,
    /// Security level.
    pub level: Level,
}

/// Public bounds, from which the sizes of all tables of a proof follow: so sizes tell nothing else about the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// For each input.
    pub inputs: Vec<TableBounds>,
    /// For each `reduce` step in execution order, the most groups; 255 where none is given.
    pub groups: Vec<u32>,
}

/// Public bounds of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableBounds {
    /// The most rows. What is shown is the next number of the form `2^k - 1`.
    pub rows: u32,
    /// For each text column in the order of the schema, the most bytes: 3, 7, 11, 15 or 30; or 255 for texts of any
    /// length, which are known by their hashes: they can be equal, and have no order.
    pub text_bytes: Vec<u8>,
}

impl TableBounds {
    /// The least bounds of a table: its rows rounded up to a number of the form `2^k - 1`, and the text bounds that
    /// its digest has. `None` if a table has 2^32 rows.
    pub fn of(table: &Table) -> Option<Self> {
        let rows = (table.rows as u64 + 1).next_power_of_two() - 1;
        Some(Self { rows: u32::try_from(rows).ok()?, text_bytes: text_bounds(table) })
    }
}

/// Public values that describe the statement. They belong to the range chip, whose constraints do not read them: it
/// is the transcript that binds them.
pub(crate) fn header(statement: &Statement<'_>) -> Vec<F> {
    let mut out = Vec::new();
    let mut put = |value: u32| out.push(F::from_u32(value));
    put(PROTOCOL);
    put(statement.level.number());
    put(statement.inputs.len() as u32);
    for table in &statement.bounds.inputs {
        put(table.rows);
        put(table.text_bytes.len() as u32);
        table.text_bytes.iter().for_each(|bound| put(u32::from(*bound)));
    }
    put(statement.bounds.groups.len() as u32);
    statement.bounds.groups.iter().for_each(|groups| put(*groups));
    let job = statement.plan.job.map_or([0; 32], |job| *job.as_bytes());
    for bytes in [statement.plan.hash.as_bytes(), &job, &statement.claim] {
        bytes.chunks_exact(2).for_each(|pair| put(u32::from(u16::from_le_bytes([pair[0], pair[1]]))));
    }
    out
}

/// The number of public values of a header.
pub(crate) fn header_length(bounds: &Bounds) -> usize {
    let tables: usize = bounds.inputs.iter().map(|table| 2 + table.text_bytes.len()).sum();
    4 + tables + bounds.groups.len() + 3 * 16
}

impl Bounds {
    /// Whether all numbers are small enough to be public values, and their numbers are those of the plan.
    pub(crate) fn are_sane(&self, inputs: usize) -> bool {
        let small = |number: &u32| *number < 1 << 24;
        self.inputs.len() == inputs
            && self.groups.len() <= 1024
            && self.groups.iter().all(small)
            && self.inputs.iter().all(|table| {
                small(&table.rows)
                    && table.text_bytes.len() <= 1024
                    && table.text_bytes.iter().all(|bound| is_text_bound(*bound))
            })
    }
}

/// The public values of every chip.
pub(crate) fn publics(
    statement: &Statement<'_>,
    digests: &[usize],
    chips: usize,
    elements: &[[F; RATE]],
) -> Vec<Vec<F>> {
    let mut publics = alloc::vec![Vec::new(); chips];
    publics[0] = header(statement);
    for (chip, digest) in digests.iter().zip(elements) {
        publics[*chip].extend_from_slice(digest);
    }
    publics
}
