//! Malicious provers: changed cells, changed statements, changed proofs.

use alloc::{collections::BTreeSet, vec::Vec};

use p3_field::PrimeCharacteristicRing;
use rand::{SeedableRng, rngs::StdRng};

use super::{
    bench::Bench,
    plans::{Case, csv, typed},
};
use crate::{
    Level, VerifyError,
    air::{F, Place, Rule, differences, touched},
    prove::{Filled, prove_filled},
    verify,
};

/// A plan that uses every gadget, on a table of a few rows.
pub(crate) fn small_case() -> Case {
    let plan = typed(
        r#"
version: "1.0"
id: small
steps:
  - id: rows
    type: data-input
    schema: { columns: { shop: string, day: date, amount: "decimal(9,2)", back: "bool?", size: "int?" } }
    source: { type: file, uri: rows.csv }
  - { id: kept, type: filter, input: rows, condition: "amount > 1.50 || back" }
  - id: more
    type: compute
    input: kept
    operation:
      op: math
      columns:
        year: "year(day)"
        before: "previous(amount, [shop], [day])"
        share: "div(amount, 3.00 - amount, 4)"
        whole: "coalesce(size, 7) * 3 - abs(size)"
        best: "greatest(amount, 2.00)"
        flag: "back ? size == 4 : !(amount <= 2.50)"
  - id: shops
    type: aggregate
    input: more
    operation:
      op: reduce
      groupBy: [shop, year]
      aggregates:
        rows: { fn: count }
        sizes: { fn: count, field: size }
        total: { fn: sum, field: amount }
        mean: { fn: mean, field: whole, scale: 3 }
        spread: { fn: stddev, field: amount, scale: 4 }
        most: { fn: max, field: share }
        least: { fn: min, field: best }
        first: { fn: first, field: before, orderBy: [{ field: size, descending: true, nulls: last }, day] }
        last: { fn: last, field: flag, orderBy: [day] }
output: { step: shops }
"#,
    );
    let table = csv(
        &plan,
        0,
        "shop,day,amount,back,size\nOslo,2024-02-29,4.00,true,4\nRom,2023-12-31,2.50,,\nOslo,2024-03-01,1.00,false,9\n\
         Oslo,2024-12-31,-7.25,true,-3\nRom,2023-01-01,2.00,,5\nRom,2023-12-31,9.99,false,4\nOslo,2100-01-01,3.50,true,\n",
    );
    Case::new(plan, alloc::vec![table])
}

/// The small case and a proof of it, made once for all tests.
pub(crate) fn small_proof() -> (&'static Case, &'static [u8]) {
    static PROOF: std::sync::OnceLock<(Case, Vec<u8>)> = std::sync::OnceLock::new();
    let (case, proof) = PROOF.get_or_init(|| {
        let case = small_case();
        let proof = case.proof(Level::Fast);
        (case, proof)
    });
    (case, proof)
}

/// Whether a cell is free by design: nothing depends on it there.
fn is_free(filled: &Filled, chip: usize, column: usize, row: usize) -> bool {
    let (chip, table) = (&filled.chips[chip], &filled.traces.tables[chip]);
    let place = Place {
        local: table.row(row),
        next: table.row((row + 1) % chip.height()),
        publics: &[],
        first: false,
        last: false,
    };
    chip.free.iter().any(|(free, unless)| *free == column && chip.value(*unless, &place) == F::ZERO)
}

#[test]
fn every_cell_of_every_row_is_constrained() {
    let filled = small_case().check();
    let (mut tried, mut free) = (0, 0);
    let mut loose = BTreeSet::new();
    for (at, chip) in filled.chips.iter().enumerate() {
        let rows: Vec<usize> = match at {
            0 => (0..20).collect(),
            // The head row belongs to no table.
            _ => (1..=filled.traces.tables[at].rows).collect(),
        };
        for row in rows {
            for column in 0..chip.width {
                let old = filled.traces.tables[at].row(row)[column];
                let broken = [F::ONE, -F::ONE, F::from_u32(1 << 13)]
                    .into_iter()
                    .all(|change| !touched(&filled, at, row, &[(column, old + change)]).is_empty());
                tried += 1;
                if !broken {
                    free += 1;
                    if !is_free(&filled, at, column, row) {
                        let readers = chip.constraints.iter().filter(|constraint| {
                            let mut columns = BTreeSet::new();
                            if let Rule::Zero(node) = constraint.rule {
                                chip.graph.reads(node, &mut columns);
                            }
                            columns.contains(&column)
                        });
                        let readers: Vec<_> = readers.map(|constraint| constraint.label).collect();
                        loose.insert((chip.name.clone(), column, row, readers));
                    }
                }
            }
        }
    }
    std::eprintln!("{tried} cells, {free} free by design");
    assert!(loose.is_empty(), "{loose:?}");
    assert!(free * 10 < tried);
}

#[test]
fn moved_rows_break_something() {
    let moves = moved_rows(&Bench::new(&small_case()));
    std::eprintln!("{moves} moves");
}

/// Tries rows that are swapped, repeated or left out, in every chip. Returns how many changes it tried.
pub(super) fn moved_rows(bench: &Bench) -> usize {
    let mut tried = 0;
    for (at, chip) in bench.machine.chips.iter().enumerate().skip(1) {
        let rows = bench.honest.tables[at].rows;
        let width = bench.honest.tables[at].width;
        let real = chip.column_of(chip.real);
        for first in 1..=rows {
            let row = |row: usize| bench.honest.tables[at].row(row).to_vec();
            let mut moves = Vec::new();
            for second in (1..=rows).filter(|second| *second != first) {
                if second > first {
                    moves.push(alloc::vec![(first, row(second)), (second, row(first))]);
                }
                moves.push(alloc::vec![(second, row(first))]);
            }
            // The row becomes padding, and so do all that follow.
            let gone = (first..=rows).map(|place| (place, row(rows + 1)));
            moves.push(gone.collect());
            let mut last = row(rows);
            last[real] = F::ZERO;
            moves.push(alloc::vec![(rows, last)]);
            for change in moves {
                let mut traces = bench.honest.clone();
                for (place, cells) in change {
                    traces.tables[at].cells[place * width..(place + 1) * width].copy_from_slice(&cells);
                }
                if traces.tables[at].cells != bench.honest.tables[at].cells {
                    let broken = differences(&bench.machine.chips, &bench.honest, &traces);
                    assert!(!broken.is_empty(), "{}: row {first}", chip.name);
                    tried += 1;
                }
            }
        }
    }
    tried
}

#[test]
fn every_public_digest_is_that_of_its_rows() {
    let bench = Bench::new(&small_case());
    let mut digests = 0;
    for (at, chip) in bench.machine.chips.iter().enumerate().skip(1) {
        for element in 0..chip.publics {
            let mut traces = bench.honest.clone();
            traces.tables[at].publics[element] += F::ONE;
            let broken = differences(&bench.machine.chips, &bench.honest, &traces);
            assert!(!broken.is_empty(), "{}: public value {element}", chip.name);
            digests += 1;
        }
    }
    assert_eq!(digests, 16);
}

#[test]
fn a_false_trace_gives_no_proof() {
    let case = small_case();
    let statement = case.statement(Level::Fast);
    let mut rng = StdRng::seed_from_u64(3);
    // A sum of a group, the answer of the range chip.
    for (at, column) in [(3, 5), (0, 4)] {
        let mut filled = case.check();
        let table = &mut filled.traces.tables[at];
        table.cells[table.width + column] += F::ONE;
        assert_ne!(filled.violations(), []);
        let proof = prove_filled(&statement, filled, &mut rng, &mut ());
        if let Ok(proof) = proof {
            assert!(verify(&statement, &proof).is_err(), "chip {at}");
        }
    }
}

#[test]
fn every_part_of_the_statement_is_bound() {
    let (case, proof) = small_proof();
    let statement = case.statement(Level::Fast);
    verify(&statement, proof).expect("a valid proof");
    for at in [0, 13, 31] {
        let mut other = statement;
        other.claim[at] ^= 0x10;
        assert!(verify(&other, proof).is_err(), "claim byte {at}");
        let flip = |digest: &proofmark_core::Digest| {
            let mut bytes = *digest.as_bytes();
            bytes[at] ^= 1;
            proofmark_core::Digest::new(digest.algorithm(), bytes)
        };
        let output = crate::Statement { output: flip(&statement.output), ..statement };
        assert!(verify(&output, proof).is_err(), "output byte {at}");
        let digests = [flip(&statement.inputs[0])];
        let input = crate::Statement { inputs: &digests, ..statement };
        assert!(verify(&input, proof).is_err(), "input byte {at}");
        let mut plan = case.plan.clone();
        plan.hash = flip(&plan.hash);
        assert!(verify(&crate::Statement { plan: &plan, ..statement }, proof).is_err(), "plan byte {at}");
    }
    let mut plan = case.plan.clone();
    plan.job = Some(proofmark_core::Digest::sha256([1; 32]));
    assert!(verify(&crate::Statement { plan: &plan, ..statement }, proof).is_err());
    for change in [
        |bounds: &mut crate::Bounds| bounds.inputs[0].rows -= 1,
        |bounds: &mut crate::Bounds| bounds.inputs[0].text_bytes[0] = 15,
        |bounds: &mut crate::Bounds| bounds.groups.push(100),
        |bounds: &mut crate::Bounds| bounds.inputs.clear(),
    ] {
        let mut bounds = case.bounds.clone();
        change(&mut bounds);
        assert!(verify(&crate::Statement { bounds: &bounds, ..statement }, proof).is_err());
    }
    assert!(verify(&crate::Statement { level: Level::Standard, ..statement }, proof).is_err());
    assert!(matches!(
        verify(&crate::Statement { inputs: &[], ..statement }, proof),
        Err(VerifyError::BadDigest)
    ));
    let sha = proofmark_core::Digest::sha256(*statement.output.as_bytes());
    let refused = verify(&crate::Statement { output: sha, ..statement }, proof);
    assert!(matches!(refused, Err(VerifyError::BadDigest)));
}

#[test]
fn a_digest_above_the_order_is_refused() {
    let case = small_case();
    let mut bytes = *case.output_digest.as_bytes();
    // The same field element, once more the order: not canonical.
    let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    bytes[..4].copy_from_slice(&word.wrapping_add(0x7f00_0001).to_le_bytes());
    let output = proofmark_core::Digest::new(case.output_digest.algorithm(), bytes);
    let refused = verify(&crate::Statement { output, ..case.statement(Level::Fast) }, &[]);
    assert!(matches!(refused, Err(VerifyError::BadDigest)));
}

#[test]
fn changed_proofs_are_refused() {
    let (case, proof) = small_proof();
    let statement = case.statement(Level::Fast);
    let mut rng = StdRng::seed_from_u64(9);
    let mut pick = |below: usize| rand::Rng::next_u64(&mut rng) as usize % below;
    // The start holds commitments and opened values, the end the witness of the work before the queries.
    let mut places: Vec<usize> = (0..20).map(|_| pick(proof.len())).collect();
    places.extend([0, 33, 600, proof.len() - 1, proof.len() - 4]);
    for place in places {
        let mut changed = proof.to_vec();
        changed[place] ^= 1 << pick(8);
        assert!(verify(&statement, &changed).is_err(), "byte {place}");
    }
    for length in [0, 1, 100, proof.len() / 2, proof.len() - 1] {
        let refused = verify(&statement, &proof[..length]);
        assert!(matches!(refused, Err(VerifyError::Malformed(_))), "{length}");
    }
    let mut longer = proof.to_vec();
    longer.push(0);
    assert!(matches!(verify(&statement, &longer), Err(VerifyError::Malformed(_))));
    // Random words in the place of a proof, and in its second half.
    for half in [0, proof.len() / 2] {
        let mut noise = proof.to_vec();
        noise[half..].chunks_exact_mut(4).for_each(|word| {
            word.copy_from_slice(&((pick(usize::MAX) as u32) >> 2).to_le_bytes());
        });
        assert!(verify(&statement, &noise).is_err());
    }
}
