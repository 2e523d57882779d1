//! Bodies of fuzz targets: whatever comes in, the verifier answers, and nothing but an honest proof passes.

mod bridge;

use alloc::sync::Arc;
use std::{sync::OnceLock, vec::Vec};

use proofmark_core::{Algorithm, Digest};
use proofmark_plan::{
    check,
    exec::{NoCustom, execute},
    model::Plan,
    source::{self, Format},
    typed::TypedPlan,
    types::ValueType,
    value::{ColumnData, Table, Value, Values},
    wire,
};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    Bounds, Level, Salt, Statement, TableBounds, Witness,
    air::Chip,
    compile::compile,
    digest,
    proof::{Shape, shaped},
    protocol::Protocol,
    prove,
    shards::{MAX_SHARD_ROWS, MAX_SHARDS, Part, Sharded, Source, Split, shard_bound, sharded_digest},
    verify,
};

const PLAN: &str = r#"
version: "1.0"
id: fuzz
steps:
  - { id: rows, type: data-input, schema: { columns: { a: int } }, source: { type: file, uri: rows.csv } }
  - { id: kept, type: filter, input: rows, condition: "a > 1" }
output: { step: kept }
"#;

/// A small statement with its honest proof and the shape of all its proofs.
struct Known {
    plan: TypedPlan,
    bounds: Bounds,
    inputs: [Digest; 1],
    output: Digest,
    proof: Vec<u8>,
    shape: Shape,
}

impl Known {
    fn statement(&self) -> Statement<'_> {
        Statement {
            plan: &self.plan,
            claim: [0; 32],
            inputs: &self.inputs,
            output: self.output,
            bounds: &self.bounds,
            level: Level::Fast,
        }
    }

    fn new() -> Option<Self> {
        let plan = source::read(PLAN, "plan.yaml", Format::Yaml).ok()?.check().ok()?.0.typed;
        let ValueType::Table(schema) = plan.inputs.first()?.ty.clone() else { return None };
        let column = ColumnData { values: Values::Narrow(vec![0, 1, 2, 3]), validity: None };
        let table = Table { schema, rows: 4, columns: vec![column.into()] };
        let Value::Table(output) = execute(&plan, vec![Value::Table(table.clone())], &NoCustom).ok()?.output
        else {
            return None;
        };
        let bounds = Bounds { inputs: vec![TableBounds::of(&table)?], groups: Vec::new() };
        let inputs = [digest::table(&table, Salt::NONE).ok()?];
        let output = digest::table(&output, Salt::NONE).ok()?;
        let machine = compile(&plan, &bounds, Level::Fast.least_log_height()).ok()?;
        let shape = shape_of(&machine.chips);
        let mut known = Self { plan, bounds, inputs, output, proof: Vec::new(), shape };
        let (tables, salts) = ([table], [Salt::NONE]);
        let witness = Witness { inputs: &tables, salts: &salts, output_salt: Salt::NONE };
        known.proof = prove(&known.statement(), &witness, &mut StdRng::seed_from_u64(1), &mut ()).ok()?;
        Some(known)
    }
}

/// The shape of proofs over these chips.
fn shape_of(chips: &[Arc<Chip>]) -> Shape {
    Protocol::new(Level::Fast, [0; 32], chips).shape
}

/// What is judged as a proof: bytes as they are, as the values of a proof of the right shape, or as changes of an honest
/// one.
fn candidate(data: &[u8], shape: &Shape, honest: &[u8]) -> Option<Vec<u8>> {
    let (kind, data) = data.split_first()?;
    Some(match kind % 3 {
        0 => data.to_vec(),
        1 => shaped(shape, data),
        _ => {
            let mut bytes = honest.to_vec();
            for change in data.chunks_exact(5) {
                let place = u32::from_le_bytes([change[0], change[1], change[2], change[3]]);
                let place = place as usize % bytes.len();
                bytes[place] ^= change[4];
            }
            bytes
        }
    })
}

/// Judges bytes as the proof of a bridge; see [`proof`].
pub fn bridge_proof(data: &[u8]) {
    bridge::proof(data);
}

/// Judges bytes as a proof: as they are, as the values of a proof of the right shape, or as changes of an honest one.
pub fn proof(data: &[u8]) {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    let known = KNOWN.get_or_init(|| Known::new().expect("part of the crate"));
    let Some(bytes) = candidate(data, &known.shape, &known.proof) else { return };
    let answer = verify(&known.statement(), &bytes);
    assert_eq!(answer.is_ok(), bytes == known.proof, "only the honest proof passes: {answer:?}");
}

const SHARDED: &str = r#"
version: "1.0"
id: fuzz
steps:
  - { id: rows, type: data-input, schema: { columns: { a: int } }, source: { type: file, uri: rows.csv } }
  - { id: sums, type: aggregate, input: rows, operation: { op: reduce, groupBy: [], aggregates: { s: { fn: sum, field: a } } } }
output: { step: sums }
"#;

/// Splits whatever plan comes in, and judges bytes as the proofs of a table in shards, of which nobody proved anything.
pub fn shards(data: &[u8]) {
    if let Ok(plan) = wire::decode(data)
        && let Ok(typed) = check::typed(&plan)
    {
        for input in &typed.inputs {
            for count in [2, 3, MAX_SHARDS] {
                if let Ok(split) = Split::new(&plan, &input.name, count) {
                    assert_eq!(
                        split.shard.hash,
                        check_again(&plan, &input.name, count),
                        "splitting is a function"
                    );
                    let parts = split.merge_inputs.iter().filter(|source| matches!(source, Source::Part(_)));
                    assert_eq!(parts.count(), count);
                }
            }
        }
    }
    static PLAN: OnceLock<(Plan, Digest)> = OnceLock::new();
    let (plan, hash) = PLAN.get_or_init(|| {
        let source = source::read(SHARDED, "plan.yaml", Format::Yaml).expect("part of the crate");
        let hash = source.check().expect("part of the crate").0.typed.hash;
        (source.plan, hash)
    });
    let Some(([count, level, numbers @ ..], noise)) = data.split_first_chunk::<18>() else { return };
    let Ok(split) = Split::new(plan, "rows", usize::from(*count)) else { return };
    let word = |at: usize| {
        u32::from_le_bytes([numbers[4 * at], numbers[4 * at + 1], numbers[4 * at + 2], numbers[4 * at + 3]])
    };
    let digest = |at: usize| {
        let bytes: [u8; 32] = core::array::from_fn(|byte| noise.get(32 * at + byte).copied().unwrap_or(0));
        Digest::new(Algorithm::Poseidon2KoalaBear, bytes)
    };
    let parts: Vec<Part> = (0..usize::from(*count))
        .map(|at| Part { table: digest(2 * at), groups: digest(2 * at + 1) })
        .collect();
    let tables: Vec<Digest> = parts.iter().map(|part| part.table).collect();
    let rows = word(0) % (MAX_SHARD_ROWS + 2);
    let inputs = [sharded_digest(rows, &tables).unwrap_or(*hash)];
    let bounds = Bounds {
        inputs: vec![TableBounds { rows: shard_bound(rows), text_bytes: Vec::new() }],
        groups: vec![word(1) % 600],
    };
    let sharded = Sharded {
        plan: *hash,
        split: &split,
        claim: [0; 32],
        inputs: &inputs,
        input: usize::from(numbers[15] == 255),
        rows,
        shards: &parts,
        output: digest(0),
        bounds: &bounds,
        merge_groups: &[word(2)],
        level: if level % 2 == 0 { Level::Fast } else { Level::Standard },
    };
    let proofs: Vec<&[u8]> = parts.iter().map(|_| noise).collect();
    assert!(sharded.verify(&proofs, noise).is_err(), "nobody proved this");
}

fn check_again(plan: &Plan, input: &str, count: usize) -> Digest {
    Split::new(plan, input, count).expect("it was split before").shard.hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of candidate, in many lengths.
    fn try_all(body: fn(&[u8])) {
        let mut state = 7u64;
        let mut noise = |length: usize| -> Vec<u8> {
            let mut byte = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u8
            };
            (0..length).map(|_| byte()).collect()
        };
        for kind in 0..3 {
            for length in [0, 1, 4, 5, 64, 333, 5000] {
                let mut data = vec![kind];
                data.extend(noise(length));
                body(&data);
            }
        }
        let plan = source::read(SHARDED, "plan.yaml", Format::Yaml).expect("a plan").plan;
        shards(&wire::encode(&plan));
        for length in [0, 17, 18, 300, 5000] {
            let mut data = noise(length);
            data.iter_mut().take(1).for_each(|count| *count %= 5);
            shards(&data);
        }
        // Zeros have the right shape, and no Merkle path.
        body(&[1, 0, 0, 0, 0]);
    }

    #[test]
    fn hostile_bytes_are_refused() {
        try_all(proof);
    }

    #[test]
    fn hostile_bytes_are_no_bridge() {
        try_all(bridge_proof);
    }
}
