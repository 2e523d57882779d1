//! A small bridge, to be attacked.

use std::{sync::OnceLock, vec, vec::Vec};

use proofmark_core::Digest;
use proofmark_plan::{
    commit,
    types::{Column, Schema},
    value::{ColumnData, Table, Value, Values},
};
use rand::{SeedableRng, rngs::StdRng};

use super::{candidate, shape_of};
use crate::{
    Level, Salt, TableBounds,
    bridge::{self, Statement, Witness},
    digest,
    proof::Shape,
};

/// Rows in a leaf: two leaves.
const ROWS_PER_LEAF: u16 = 2;

/// A table with its honest bridge.
struct Known {
    table: Table,
    bounds: TableBounds,
    digest: Digest,
    root: Digest,
    proof: Vec<u8>,
}

impl Known {
    fn statement(&self) -> Statement<'_> {
        Statement {
            schema: &self.table.schema,
            bounds: &self.bounds,
            rows_per_leaf: ROWS_PER_LEAF,
            digest: self.digest,
            root: self.root,
            level: Level::Fast,
        }
    }

    /// Nulls and bools, so that every kind of chip is there.
    fn new() -> Option<Self> {
        let column = |name: &str, ty: &str| Some(Column { name: name.into(), ty: ty.parse().ok()? });
        let schema = Schema::new(vec![column("a", "int?")?, column("b", "bool")?]).ok()?;
        let numbers = Values::Narrow(vec![-1, 0, 7]);
        let columns = vec![
            ColumnData { values: numbers, validity: Some(vec![true, false, true]) }.into(),
            ColumnData { values: Values::Bool(vec![true, false, true]), validity: None }.into(),
        ];
        let table = Table { schema, rows: 3, columns };
        let bounds = TableBounds::of(&table)?;
        let digest = digest::table(&table, Salt::NONE).ok()?;
        let root = commit::root(&Value::Table(table.clone()), ROWS_PER_LEAF, &commit::NO_SALT);
        let mut known = Self { table, bounds, digest, root, proof: Vec::new() };
        let witness = Witness { table: &known.table, digest_salt: Salt::NONE, root_salt: &commit::NO_SALT };
        let mut rng = StdRng::seed_from_u64(1);
        known.proof = bridge::prove(&known.statement(), &witness, &mut rng, &mut ()).ok()?;
        Some(known)
    }
}

pub(super) fn proof(data: &[u8]) {
    static KNOWN: OnceLock<(Known, Shape)> = OnceLock::new();
    let (known, shape) = KNOWN.get_or_init(|| {
        let known = Known::new().expect("part of the crate");
        let shape = bridge::chips(&known.statement()).map(|chips| shape_of(&chips));
        (known, shape.expect("part of the crate"))
    });
    let Some(bytes) = candidate(data, shape, &known.proof) else { return };
    let answer = bridge::verify(&known.statement(), &bytes);
    assert_eq!(answer.is_ok(), bytes == known.proof, "only the honest proof passes: {answer:?}");
}
