//! Malicious provers: changed cells, changed statements, changed proofs.

use alloc::{collections::BTreeSet, vec::Vec};

use p3_field::PrimeCharacteristicRing;
use rand::{SeedableRng, rngs::StdRng};

use super::plans::{Case, csv, typed};
use crate::{
    Level, VerifyError,
    air::{F, Op, Place, Rule, Violation, touched},
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

#[test]
fn the_small_plan_is_proved() {
    let case = small_case();
    case.check();
    case.prove(Level::Fast);
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

/// For each constraint a change that breaks it and nothing else: without it, that change would be accepted.
#[test]
fn constraints_are_necessary() {
    let filled = small_case().check();
    let mut state = StdRng::seed_from_u64(5);
    let (mut necessary, mut all) = (BTreeSet::new(), 0);
    for (at, chip) in filled.chips.iter().enumerate() {
        all += chip.constraints.len();
        let rows =
            if at == 0 { chip.height() } else { (filled.traces.tables[at].rows + 3).min(chip.height()) };
        let mut places: Vec<usize> = (0..rows.min(24)).collect();
        places.push(chip.height() - 1);
        for row in places {
            for column in 0..chip.width {
                let old = filled.traces.tables[at].row(row)[column];
                for change in [F::ONE, -F::ONE, F::TWO, F::from_u32(1 << 12), random(&mut state)] {
                    alone(&mut necessary, touched(&filled, at, row, &[(column, old + change)]));
                }
                alone(&mut necessary, touched(&filled, at, row, &[(column, F::ZERO)]));
                alone(&mut necessary, touched(&filled, at, row, &[(column, F::ONE)]));
            }
        }
    }
    std::eprintln!("{} of {all} constraints are alone in refusing some single cell", necessary.len());
    // Others are necessary too, but their change needs several cells, or they follow each other.
    assert!(necessary.len() * 5 >= all, "{} of {all}", necessary.len());
}

fn alone(necessary: &mut BTreeSet<(usize, usize)>, broken: Vec<Violation>) {
    if let [Violation::Constraint { chip, index, .. }] = broken[..] {
        necessary.insert((chip, index));
    }
}

fn random(rng: &mut StdRng) -> F {
    F::from_u32(rand::Rng::next_u32(rng) >> 2)
}

#[test]
fn a_false_trace_gives_no_proof() {
    let case = small_case();
    let statement = case.statement(Level::Fast);
    let mut rng = StdRng::seed_from_u64(3);
    // A digit of an input, a sum of a group, the answer of the range chip.
    for (at, column) in [(1, 4), (3, 5), (0, 4)] {
        let mut filled = case.check();
        let table = &mut filled.traces.tables[at];
        table.cells[table.width + column] += F::ONE;
        assert_ne!(filled.violations(), []);
        let proof = prove_filled(&statement, &filled, &mut rng, &mut ());
        if let Ok(proof) = proof {
            assert!(verify(&statement, &proof).is_err(), "chip {at}");
        }
    }
}

#[test]
fn every_part_of_the_statement_is_bound() {
    let case = small_case();
    let filled = case.check();
    let statement = case.statement(Level::Fast);
    let proof = prove_filled(&statement, &filled, &mut StdRng::seed_from_u64(4), &mut ()).expect("a proof");
    verify(&statement, &proof).expect("a valid proof");

    for at in 0..32 {
        let mut other = statement;
        other.claim[at] ^= 0x10;
        assert!(verify(&other, &proof).is_err(), "claim byte {at}");
    }
    for at in 0..32 {
        let flip = |digest: &proofmark_core::Digest| {
            let mut bytes = *digest.as_bytes();
            bytes[at] ^= 1;
            proofmark_core::Digest::new(digest.algorithm(), bytes)
        };
        let output = crate::Statement { output: flip(&statement.output), ..statement };
        assert!(verify(&output, &proof).is_err(), "output byte {at}");
        let digests = [flip(&statement.inputs[0])];
        let input = crate::Statement { inputs: &digests, ..statement };
        assert!(verify(&input, &proof).is_err(), "input byte {at}");
        let mut plan = case.plan.clone();
        plan.hash = flip(&plan.hash);
        assert!(verify(&crate::Statement { plan: &plan, ..statement }, &proof).is_err(), "plan byte {at}");
    }
    let mut plan = case.plan.clone();
    plan.job = Some(proofmark_core::Digest::sha256([1; 32]));
    assert!(verify(&crate::Statement { plan: &plan, ..statement }, &proof).is_err());
    let mut bounds = case.bounds.clone();
    bounds.inputs[0].rows -= 1;
    assert!(verify(&crate::Statement { bounds: &bounds, ..statement }, &proof).is_err());
    let mut bounds = case.bounds.clone();
    bounds.inputs[0].text_bytes[0] = 15;
    assert!(verify(&crate::Statement { bounds: &bounds, ..statement }, &proof).is_err());
    let mut bounds = case.bounds.clone();
    bounds.groups.push(100);
    assert!(verify(&crate::Statement { bounds: &bounds, ..statement }, &proof).is_err());
    assert!(verify(&crate::Statement { level: Level::Standard, ..statement }, &proof).is_err());
    let sha = proofmark_core::Digest::sha256(*statement.output.as_bytes());
    let refused = verify(&crate::Statement { output: sha, ..statement }, &proof);
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
    let case = small_case();
    let filled = case.check();
    let statement = case.statement(Level::Fast);
    let proof = prove_filled(&statement, &filled, &mut StdRng::seed_from_u64(4), &mut ()).expect("a proof");
    let mut rng = StdRng::seed_from_u64(9);
    let mut pick = |below: usize| rand::Rng::next_u64(&mut rng) as usize % below;
    // The start holds commitments and opened values, the end the witness of the work before the queries.
    let mut places: Vec<usize> = (0..40).map(|_| pick(proof.len())).collect();
    places.extend([0, 33, 600, proof.len() - 1, proof.len() - 4]);
    for place in places {
        let mut changed = proof.clone();
        changed[place] ^= 1 << pick(8);
        assert!(verify(&statement, &changed).is_err(), "byte {place}");
    }
    for length in [0, 1, 100, proof.len() / 2, proof.len() - 1] {
        let refused = verify(&statement, &proof[..length]);
        assert!(matches!(refused, Err(VerifyError::Malformed(_))), "{length}");
    }
    let mut longer = proof.clone();
    longer.push(0);
    assert!(matches!(verify(&statement, &longer), Err(VerifyError::Malformed(_))));
    // Random words in the place of a proof, and in its second half.
    for half in [0, proof.len() / 2] {
        let mut noise = proof.clone();
        noise[half..].chunks_exact_mut(4).for_each(|word| {
            word.copy_from_slice(&((pick(usize::MAX) as u32) >> 2).to_le_bytes());
        });
        assert!(verify(&statement, &noise).is_err());
    }
}

#[test]
fn no_selector_is_a_count_and_no_constraint_multiplies_more_than_three_cells() {
    for case in [small_case()] {
        for chip in &case.check().chips {
            for message in &chip.interactions {
                let mut open = alloc::vec![message.count];
                open.extend(&message.fields);
                while let Some(node) = open.pop() {
                    match chip.graph.op(node) {
                        Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) => open.extend([a, b]),
                        Op::First | Op::Last | Op::Transition => {
                            panic!("a selector in a message of {}", chip.name)
                        }
                        _ => {}
                    }
                }
            }
            assert!(chip.fault.is_none());
        }
    }
}
