//! What a dishonest prover of a table in shards tries. None is accepted.

use alloc::vec::Vec;

use proofmark_plan::{
    types::Type,
    value::{Table, Values},
};

use super::shards::{Shards, data, merge_inputs, read, run, salt, text, verify};
use crate::{
    Bounds, Level, ProveError, Salt, VerifyError, digest, output_text_bounds,
    shards::{Part, Sharded, Split, sharded_digest},
};

/// A small table in three shards, the last of one row, and its proofs.
fn proved() -> &'static (Shards, Vec<Vec<u8>>) {
    static MADE: std::sync::OnceLock<(Shards, Vec<Vec<u8>>)> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let made = small(13, 6, 0);
        let proofs = made.proofs();
        (made, proofs)
    })
}

/// So many rows of the data after the first ones, in shards of `size`.
fn small(rows: usize, size: u32, skipped: usize) -> Shards {
    let aggregates = "c: { fn: count }, s: { fn: sum, field: a }";
    let (plan, typed) = read(&text(aggregates, "k", "", "sums"));
    let table = data(&typed, skipped..skipped + rows);
    Shards::new(&plan, &typed, "rows", &[table], size).unwrap_or_else(|why| panic!("{why:?}"))
}

#[test]
fn shards_are_proved_and_merged() {
    let (made, proofs) = proved();
    assert_eq!(made.shards.last().map(|shard| shard.rows), Some(1));
    let security = verify(&made.sharded(), proofs).expect("valid");
    let piece = made.sharded().shard(0).expect("a shard");
    let one = crate::verify(&piece.statement(), &proofs[0]).expect("valid");
    // Four proofs cost two bits.
    assert!(security.proven_bits + 2 <= one.proven_bits && security.zero_knowledge);
}

#[test]
fn a_shard_serves_in_its_own_place_only() {
    let (made, proofs) = proved();
    let refused = |sharded: &Sharded<'_>, proofs: &[Vec<u8>], what: &str| {
        assert!(verify(sharded, proofs).is_err(), "accepted: {what}");
    };
    let honest = made.sharded();
    let (a, b, c, merge) = (&proofs[0], &proofs[1], &proofs[2], &proofs[3]);
    for (list, what) in [
        (alloc::vec![a, b, merge], "dropped"),
        (alloc::vec![a, b, c, c, merge], "one more"),
        (alloc::vec![b, a, c, merge], "swapped"),
        (alloc::vec![a, a, c, merge], "repeated"),
        (alloc::vec![a, b, c, a], "a shard as the merge"),
        (alloc::vec![a, b, merge, c], "the merge as a shard"),
    ] {
        let list: Vec<Vec<u8>> = list.into_iter().cloned().collect();
        refused(&honest, &list, what);
    }
    // With the statement changed alike: the digest of the input is that of the parts stated, as a liar would have it.
    for (order, what) in [
        (alloc::vec![0, 1], "dropped"),
        (alloc::vec![1, 0, 2], "swapped"),
        (alloc::vec![0, 0, 2], "repeated"),
        (alloc::vec![0, 1, 2, 2], "one more"),
    ] {
        let parts: Vec<Part> = order.iter().map(|at| made.parts[*at]).collect();
        let mut list: Vec<Vec<u8>> = order.iter().map(|at| proofs[*at].clone()).collect();
        list.push(merge.clone());
        let tables: Vec<_> = parts.iter().map(|part| part.table).collect();
        let digests = [sharded_digest(made.rows, &tables).expect("a digest")];
        let (plan, _) = read(&text("c: { fn: count }, s: { fn: sum, field: a }", "k", "", "sums"));
        let split = Split::new(&plan, "rows", parts.len()).expect("splits");
        refused(&Sharded { shards: &parts, inputs: &digests, split: &split, ..honest }, &list, what);
        refused(&Sharded { shards: &parts, inputs: &digests, ..honest }, &list, what);
        refused(&Sharded { shards: &parts, ..honest }, &list, what);
    }
}

#[test]
fn every_part_of_a_sharded_statement_is_bound() {
    let (made, proofs) = proved();
    let honest = made.sharded();
    let refused = |sharded: Sharded<'_>, what: &str| {
        assert!(verify(&sharded, proofs).is_err(), "accepted: {what}");
    };
    let mut claim = honest.claim;
    claim[31] ^= 1;
    refused(Sharded { claim, ..honest }, "another claim");
    refused(Sharded { plan: honest.inputs[0], ..honest }, "another plan");
    refused(Sharded { output: honest.inputs[0], ..honest }, "another output");
    refused(Sharded { level: Level::Standard, ..honest }, "another level");
    refused(Sharded { merge_groups: &[255], ..honest }, "other bounds of groups");
    refused(Sharded { input: 1, ..honest }, "another input");
    let mut bounds = made.bounds.clone();
    bounds.groups = alloc::vec![511];
    refused(Sharded { bounds: &bounds, ..honest }, "more groups");
    for rows in [0, 5, 7, 13, 1 << 17, u32::MAX] {
        refused(Sharded { rows, ..honest }, "another size");
        // A liar states a digest that fits.
        let tables: Vec<_> = made.parts.iter().map(|part| part.table).collect();
        let digests = [sharded_digest(rows, &tables).expect("a digest")];
        let mut bounds = made.bounds.clone();
        bounds.inputs[0].rows =
            rows.saturating_add(1).checked_next_power_of_two().unwrap_or(0).wrapping_sub(1);
        refused(
            Sharded { rows, inputs: &digests, bounds: &bounds, ..honest },
            "another size, digest and bound",
        );
    }
    // Groups that the shard did not give: of another shard, and with the proof that gave them.
    let other = small(13, 6, 3);
    let others = other.proofs();
    verify(&other.sharded(), &others).expect("valid");
    let mut parts = made.parts.clone();
    parts[1].groups = other.parts[1].groups;
    refused(Sharded { shards: &parts, ..honest }, "other groups");
    parts[1] = other.parts[1];
    refused(Sharded { shards: &parts, ..honest }, "another table's shard");
    let tables: Vec<_> = parts.iter().map(|part| part.table).collect();
    let digests = [sharded_digest(made.rows, &tables).expect("a digest")];
    let mut mixed = proofs.clone();
    mixed[1] = others[1].clone();
    let lie = Sharded { shards: &parts, inputs: &digests, ..honest };
    assert!(verify(&lie, &mixed).is_err(), "a shard of another receipt");
}

#[test]
fn a_prover_cannot_change_groups_between_shard_and_merge() {
    let (made, proofs) = proved();
    // The merge takes other groups than shard 1 gave, and is proved honestly for these.
    let mut lie = small(13, 6, 0);
    lie.parts.clone_from(&made.parts);
    let more = &lie.groups[1];
    lie.groups[1] = one_more(more);
    let text = {
        let piece = made.sharded().shard(0).expect("a shard");
        output_text_bounds(&made.split.shard, piece.statement().bounds).expect("bounds")
    };
    let digest = digest::table_with_text_bounds(&lie.groups[1], &text, salt(1)).expect("a digest");
    assert_ne!(digest, made.parts[1].groups);
    // As stated by the honest parts the merge cannot be filled; as stated by the lie the shard's proof is refused.
    let merged = run(&lie.split.merge, merge_inputs(&lie.split, &lie.inputs, &lie.groups)).expect("a table");
    let piece = made.sharded().merge().expect("can be proved").expect("a merge");
    let bounds = output_text_bounds(&made.split.merge, piece.statement().bounds).expect("bounds");
    lie.output = digest::table_with_text_bounds(&merged, &bounds, Salt::NONE).expect("a digest");
    assert_ne!(lie.output, made.output);
    assert!(matches!(lie.fill(3), Err(ProveError::DigestMismatch { .. })));
    lie.parts[1].groups = digest;
    let mut list: Vec<Vec<u8>> = proofs.clone();
    list[3] = lie.prove(3);
    assert!(verify(&lie.sharded(), &list).is_err());
    // Even if all other shards are proved again for the new statement.
    for at in [0, 2] {
        list[at] = lie.prove(at);
    }
    let refused = verify(&lie.sharded(), &list);
    assert!(matches!(refused, Err(VerifyError::Shard { shard: 1, .. })), "{refused:?}");
    assert!(matches!(lie.fill(1), Err(ProveError::DigestMismatch { .. })), "and that shard has no proof");
}

/// Groups with one count more.
fn one_more(groups: &Table) -> Table {
    let mut changed = groups.clone();
    let at = changed.schema.columns().iter().position(|column| column.ty.ty == Type::Int);
    let column = alloc::sync::Arc::make_mut(&mut changed.columns[at.expect("a count")]);
    if let Values::Narrow(values) = &mut column.values {
        values[0] += 1;
    }
    changed
}

#[test]
fn too_many_shards_are_refused_before_anything_is_read() {
    let (made, proofs) = proved();
    let parts: Vec<Part> = made.parts.iter().cycle().take(65).copied().collect();
    let refused = Sharded { shards: &parts, ..made.sharded() }.verify(&[], &proofs[3]);
    assert!(matches!(refused, Err(VerifyError::Shards(_))), "{refused:?}");
    let refused = Sharded { shards: &parts[..1], ..made.sharded() }.verify(&[], &proofs[3]);
    assert!(matches!(refused, Err(VerifyError::Shards(_))), "{refused:?}");
    let bounds = Bounds::default();
    assert!(verify(&Sharded { bounds: &bounds, ..made.sharded() }, proofs).is_err());
    assert!(verify(&Sharded { inputs: &[], ..made.sharded() }, proofs).is_err());
}
