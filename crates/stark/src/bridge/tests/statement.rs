//! What a proof is for: every public value is bound, and nothing but a proof is accepted.

use proofmark_core::{Algorithm, Digest};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::honest::{Case, random_table, schema};
use crate::{
    Level, Salt, TableBounds,
    bridge::{self, ProveError, Statement, Unsupported, VerifyError, Witness},
};

fn small() -> Case {
    Case::new(random_table(&schema(&[("a", "int"), ("b", "bool?"), ("c", "string")]), 9, 3, 6), 4)
}

fn flip(digest: Digest, at: usize) -> Digest {
    let mut bytes = *digest.as_bytes();
    bytes[at] ^= 1;
    Digest::new(digest.algorithm(), bytes)
}

#[test]
fn every_part_of_the_statement_is_bound() {
    let case = small();
    let statement = case.statement(Level::Fast);
    let mut rng = StdRng::seed_from_u64(5);
    let proof = bridge::prove(&statement, &case.witness(), &mut rng, &mut ()).expect("a proof");
    bridge::verify(&statement, &proof).expect("a valid proof");
    let refused = |what: &str, other: Statement<'_>| {
        assert!(bridge::verify(&other, &proof).is_err(), "{what}");
    };
    for at in 0..32 {
        refused("digest", Statement { digest: flip(statement.digest, at), ..statement });
        refused("root", Statement { root: flip(statement.root, at), ..statement });
    }
    refused("rows in a leaf", Statement { rows_per_leaf: 5, ..statement });
    refused("rows in a leaf", Statement { rows_per_leaf: 2, ..statement });
    // Fewer rows that need tables of the same size: only the transcript tells them apart.
    let bounds = TableBounds { rows: case.bounds.rows - 1, ..case.bounds.clone() };
    refused("bound of rows", Statement { bounds: &bounds, ..statement });
    let bounds = TableBounds { text_bytes: alloc::vec![11], ..case.bounds.clone() };
    refused("bound of texts", Statement { bounds: &bounds, ..statement });
    refused("level", Statement { level: Level::Standard, ..statement });
    for other in [
        schema(&[("a", "int"), ("b", "bool?"), ("d", "string")]),
        schema(&[("a", "int"), ("b", "bool?"), ("c", "bytes")]),
        schema(&[("a", "timestamp"), ("b", "bool?"), ("c", "string")]),
        schema(&[("a", "int"), ("b", "bool"), ("c", "string")]),
        schema(&[("a", "int?"), ("b", "bool?"), ("c", "string")]),
    ] {
        refused("schema", Statement { schema: &other, ..statement });
    }

    // Digests of the wrong kind, or not canonical.
    let swapped = Statement { digest: statement.root, root: statement.digest, ..statement };
    assert!(matches!(bridge::verify(&swapped, &proof), Err(VerifyError::BadDigest)));
    let mut bytes = *statement.digest.as_bytes();
    let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    bytes[..4].copy_from_slice(&word.wrapping_add(0x7f00_0001).to_le_bytes());
    let digest = Digest::new(Algorithm::Poseidon2KoalaBear, bytes);
    let refused = bridge::verify(&Statement { digest, ..statement }, &proof);
    assert!(matches!(refused, Err(VerifyError::BadDigest)));

    changed_proofs(&statement, &proof);
}

fn changed_proofs(statement: &Statement<'_>, proof: &[u8]) {
    let mut rng = StdRng::seed_from_u64(9);
    let mut pick = |below: usize| rng.next_u64() as usize % below;
    for _ in 0..25 {
        let place = pick(proof.len());
        let mut changed = proof.to_vec();
        changed[place] ^= 1 << pick(8);
        assert!(bridge::verify(statement, &changed).is_err(), "byte {place}");
    }
    for length in [0, 1, 100, proof.len() / 2, proof.len() - 1] {
        let refused = bridge::verify(statement, &proof[..length]);
        assert!(matches!(refused, Err(VerifyError::Malformed(_))), "{length}");
    }
    let longer = [proof, &[0]].concat();
    assert!(matches!(bridge::verify(statement, &longer), Err(VerifyError::Malformed(_))));
    for half in [0, proof.len() / 2] {
        let mut noise = proof.to_vec();
        noise[half..].chunks_exact_mut(4).for_each(|word| {
            word.copy_from_slice(&((pick(usize::MAX) as u32) >> 2).to_le_bytes());
        });
        assert!(bridge::verify(statement, &noise).is_err());
    }
}

#[test]
fn a_prover_states_only_what_he_knows() {
    let case = small();
    let statement = case.statement(Level::Fast);
    let mut rng = StdRng::seed_from_u64(5);
    let mut refused = |statement: &Statement<'_>, witness: &Witness<'_>| {
        bridge::prove(statement, witness, &mut rng, &mut ()).expect_err("no proof")
    };
    let other = random_table(&case.table.schema, 9, 4, 6);
    let error = refused(&statement, &Witness { table: &other, ..case.witness() });
    assert!(matches!(error, ProveError::Mismatch { what: "digest" }));
    let error = refused(&statement, &Witness { digest_salt: Salt::NONE, ..case.witness() });
    assert!(matches!(error, ProveError::Mismatch { what: "digest" }));
    let error = refused(&statement, &Witness { root_salt: &[0; 32], ..case.witness() });
    assert!(matches!(error, ProveError::Mismatch { what: "root" }));
    let error = refused(&Statement { rows_per_leaf: 3, ..statement }, &case.witness());
    assert!(matches!(error, ProveError::Mismatch { what: "root" }));
    let schema = schema(&[("a", "int"), ("b", "bool?"), ("x", "string")]);
    let error = refused(&Statement { schema: &schema, ..statement }, &case.witness());
    assert!(matches!(error, ProveError::BadTable));
    let bounds = TableBounds { rows: 8, ..case.bounds.clone() };
    let error = refused(&Statement { bounds: &bounds, ..statement }, &case.witness());
    assert!(matches!(error, ProveError::TooManyRows { rows: 9, bound: 8 }));
    let bounds = TableBounds { text_bytes: alloc::vec![3], ..case.bounds.clone() };
    let error = refused(&Statement { bounds: &bounds, ..statement }, &case.witness());
    assert!(matches!(error, ProveError::BadTable));

    struct Stop;
    impl crate::Progress for Stop {
        fn cancelled(&mut self) -> bool {
            true
        }
    }
    let stopped = bridge::prove(&statement, &case.witness(), &mut rng, &mut Stop);
    assert!(matches!(stopped, Err(ProveError::Cancelled)));
}

#[test]
fn what_has_no_bridge_says_why() {
    let integers = schema(&[("a", "int")]);
    let texts = schema(&[("a", "string")]);
    let rows = |rows| TableBounds { rows, text_bytes: alloc::vec![] };
    let text = |bound| TableBounds { rows: 10, text_bytes: alloc::vec![bound] };
    assert_eq!(bridge::supports(&integers, &rows(10_000), 64), Ok(()));
    assert_eq!(bridge::supports(&integers, &rows(10), 0), Err(Unsupported::RowsPerLeaf));
    assert_eq!(bridge::supports(&integers, &rows(10), 1025), Err(Unsupported::RowsPerLeaf));
    assert_eq!(
        bridge::supports(&integers, &rows(1 << 17), 64),
        Err(Unsupported::TooManyRows { most: (1 << 17) - 1 })
    );
    assert_eq!(bridge::supports(&integers, &rows(5000), 1), Err(Unsupported::TooManyLeaves { most: 4095 }));
    assert_eq!(bridge::supports(&texts, &rows(10), 64), Err(Unsupported::TextBounds));
    assert_eq!(bridge::supports(&texts, &text(4), 64), Err(Unsupported::LongTexts { bound: 4 }));
    assert_eq!(bridge::supports(&integers, &text(3), 64), Err(Unsupported::TextBounds));
    assert_eq!(bridge::supports(&texts, &text(30), 1024), Err(Unsupported::TextsTooLong));
    let wide: alloc::vec::Vec<_> = (0..40).map(|at| (alloc::format!("c{at}"), "decimal(38,0)")).collect();
    let wide: alloc::vec::Vec<(&str, &str)> = wide.iter().map(|(name, ty)| (&name[..], *ty)).collect();
    let wide = schema(&wide);
    assert!(matches!(bridge::supports(&wide, &rows(10), 1024), Err(Unsupported::LeafTooLong { .. })));
    assert!(matches!(bridge::supports(&wide, &rows(100_000), 64), Err(Unsupported::TooMuchData { .. })));
}

#[test]
fn bounds_are_near_the_number_of_rows() {
    let columns = schema(&[("a", "int")]);
    for (rows, bound) in
        [(0, 0), (1, 1), (9, 15), (200, 255), (256, 256), (257, 288), (10_000, 10_240), (16_300, 16_383)]
    {
        let table = random_table(&columns, rows, 1, 0);
        let found = bridge::bounds(&table).expect("few rows").rows;
        assert_eq!(found, bound, "{rows} rows");
        assert!(found as usize >= rows && found <= TableBounds::of(&table).expect("few rows").rows);
    }
}

#[test]
fn costs_are_those_of_proofs_and_ids_those_of_statements() {
    let case = small();
    let statement = case.statement(Level::Fast);
    let cost = bridge::cost(&statement).expect("a cost");
    let mut rng = StdRng::seed_from_u64(5);
    let proof = bridge::prove(&statement, &case.witness(), &mut rng, &mut ()).expect("a proof");
    let length = proof.len() as u64;
    assert!(length <= cost.proof_bytes && cost.proof_bytes <= length + length / 5, "{length} {cost:?}");
    let long = alloc::vec![0; bridge::MAX_PROOF_BYTES + 1];
    assert!(matches!(bridge::verify(&statement, &long), Err(VerifyError::Malformed(_))));

    let bounds = TableBounds { rows: case.bounds.rows - 1, ..case.bounds.clone() };
    let other = schema(&[("a", "int"), ("b", "bool?"), ("d", "string")]);
    let ids = [
        statement,
        Statement { digest: flip(statement.digest, 9), ..statement },
        Statement { root: flip(statement.root, 9), ..statement },
        Statement { rows_per_leaf: 5, ..statement },
        Statement { level: Level::Standard, ..statement },
        Statement { bounds: &bounds, ..statement },
        Statement { schema: &other, ..statement },
    ]
    .map(|statement| statement.id());
    let distinct: alloc::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());

    let wide: alloc::vec::Vec<_> = (0..900).map(|at| (alloc::format!("c{at}"), "int")).collect();
    let wide: alloc::vec::Vec<(&str, &str)> = wide.iter().map(|(name, ty)| (&name[..], *ty)).collect();
    let (wide, bounds) = (schema(&wide), TableBounds { rows: 10, text_bytes: alloc::vec![] });
    let wide = Statement { schema: &wide, bounds: &bounds, level: Level::Paranoid, ..statement };
    let refused = bridge::cost(&wide);
    assert!(matches!(refused, Err(ProveError::Unsupported(Unsupported::TooLong { .. }))), "{refused:?}");
}
