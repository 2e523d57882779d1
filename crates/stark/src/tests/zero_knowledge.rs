//! What a verifier sees of two databases that differ in one row.
//!
//! Many proofs of each are made, with fresh salts and masks, and every value that a verifier sees outside of hashes is
//! tested by its position: that it is uniform, that its distribution is the same for both databases, and that proofs
//! do not repeat each other's values. The last is what shows a missing mask of an opened column, since points and
//! queries are random: unmasked rows repeat. From the sums of messages (terminals) the test first takes away what they
//! would be without masks if the first database were the true one: a verifier who guesses it right must learn nothing.
//!
//! The prover without masks, and the one whose randomness is the same each time, are caught: the test can fail.

use alloc::{format, sync::Arc, vec::Vec};

use p3_air::BaseAir;
use p3_batch_stark::{BatchProof, BatchShape, BatchVerifierTranscript};
use p3_field::{BasedVectorSpace, Field, PrimeCharacteristicRing};
use p3_lookup::{Kind, LogUpGadget};
use p3_uni_stark::StarkGenericConfig;
use proofmark_plan::{typed::TypedPlan, value::Table};
use rand::{Rng as _, SeedableRng, rngs::StdRng};

use super::{
    plans::{csv, typed},
    statistics::{Findings, Samples, findings},
};
use crate::{
    Bounds, Level, Salt, Statement, TableBounds, Witness,
    air::{Chip, F, Place, Traces},
    compile::{Machine, compile},
    config::{Challenge, Challenger, Config, FINAL, Root},
    digest::to_digest,
    gadget::{MASKS, RANGE_BUS, range_chip_to},
    protocol::Protocol,
    prove::{Filled, fill_machine, prove_chips},
    statement::publics,
};

/// A prover, honest or not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prover {
    Honest,
    /// The masks of its commitments are the same in each proof.
    Repeating,
    /// Its counts of mask messages are zero.
    Unmasked,
}

/// A plan on either of two databases, as chips.
struct Subject {
    plan: TypedPlan,
    databases: [Table; 2],
    bounds: Bounds,
    machine: Machine,
    protocol: Protocol,
}

/// What a verifier sees at one position of a proof, in one or several values.
type View = Vec<(&'static str, Vec<F>)>;

impl Subject {
    fn new(text: &str, databases: [&str; 2], shorten: bool) -> Self {
        let plan = typed(text);
        let databases = databases.map(|text| csv(&plan, 0, text));
        let [a, b] = [0, 1].map(|at| TableBounds::of(&databases[at]).expect("a few rows"));
        assert_eq!(a, b, "the bounds are public");
        let bounds = Bounds { inputs: [a].into(), groups: Vec::new() };
        let mut machine =
            compile(&plan, &bounds, Level::Fast.least_log_height()).unwrap_or_else(|no| panic!("{no:?}"));
        if shorten {
            machine.chips = shortened(machine.chips);
        }
        let protocol = Protocol::new(Level::Fast, [0; 32], &machine.chips);
        Self { plan, databases, bounds, machine, protocol }
    }

    /// A proof about a database, and what its terminals would be without masks if it were about the first.
    fn proof(&self, database: usize, number: u64, prover: Prover) -> View {
        // Two proofs have nothing in common, not even the claim, unless the prover is at fault.
        let mut rng = StdRng::seed_from_u64(2 * number + database as u64);
        let mut hiding = match prover {
            Prover::Repeating => StdRng::seed_from_u64(0),
            Prover::Honest | Prover::Unmasked => StdRng::seed_from_u64(rng.next_u64()),
        };
        let mut claim = [0; 32];
        rng.fill_bytes(&mut claim);
        let mut salt = || {
            let mut seed = [0; 32];
            hiding.fill_bytes(&mut seed);
            Salt::from_seed(&seed)
        };
        let (salts, output_salt) = ([salt()], salt());
        let nowhere = to_digest(&[F::ZERO; 8]);
        let statement = Statement {
            plan: &self.plan,
            claim,
            inputs: &[nowhere],
            output: nowhere,
            bounds: &self.bounds,
            level: Level::Fast,
        };
        let fill = |database: usize, rng: &mut StdRng| {
            let inputs = core::slice::from_ref(&self.databases[database]);
            let witness = Witness { inputs, salts: &salts, output_salt };
            fill_machine(&statement, &witness, &self.machine, rng).unwrap_or_else(|error| panic!("{error}"))
        };
        // The salts of digests do not matter for terminals: no message has them.
        let (mut guess, _) = fill(0, &mut StdRng::seed_from_u64(0));
        unmask(&self.machine.chips, &mut guess);
        let (mut traces, digests) = fill(database, &mut hiding);
        if prover == Prover::Unmasked {
            unmask(&self.machine.chips, &mut traces);
        }
        let publics = publics(&statement, &self.machine.digests, self.machine.chips.len(), &digests);
        let filled = Filled { chips: self.machine.chips.clone(), traces, publics: publics.clone() };
        let (_, proof) = prove_chips(Level::Fast, filled, &mut hiding).expect("a proof");
        let unmasked = self.terminals(&proof, &publics, &guess);
        view(proof, &unmasked)
    }

    /// The terminals that tables would have under the challenges of a proof.
    fn terminals(&self, proof: &BatchProof<Config>, publics: &[Vec<F>], traces: &Traces) -> Vec<Challenge> {
        let Protocol { config, boards, data, .. } = &self.protocol;
        let lookups = &data.common.lookups;
        let shape = BatchShape {
            trace_widths: boards.iter().map(BaseAir::width).collect(),
            public_value_counts: boards.iter().map(BaseAir::num_public_values).collect(),
            preprocessed_widths: alloc::vec![0; boards.len()],
            has_preprocessed_commitment: false,
            num_lookup_instances: lookups.iter().filter(|lookups| !lookups.is_empty()).count(),
            lookup_pow_bits: config.lookup_proof_of_work_bits(),
            has_randomization_commitment: false,
            ood_pow_bits: config.ood_proof_of_work_bits(),
        };
        let mut challenger = config.initialise_challenger();
        let mut transcript =
            BatchVerifierTranscript::<Challenger, F, Challenge, Root>::new(&mut challenger, shape);
        transcript.instance_bindings(&proof.degree_bits);
        transcript.main_phase(proof.commitments.main.clone(), &self.protocol.publics(publics));
        let challenges = transcript
            .lookup_phase(lookups, &LogUpGadget::new(), proof.lookup_pow_witness)
            .unwrap_or_else(|_| panic!("the transcript of the proof"));
        // It is not replayed to its end, which its destructor would ask for.
        core::mem::forget(transcript);
        let sum_of = |board: usize, at: usize| {
            let (chip, table) = (&self.machine.chips[at], &traces.tables[at]);
            let base_of = |bus: &str| {
                let mut all = lookups[board].iter();
                let lookup = all.find(|it| matches!(&it.kind, Kind::Global(name) if name == bus));
                let lookup = lookup.unwrap_or_else(|| panic!("bus {bus}"));
                [0, 1].map(|part| challenges[board][2 * lookup.column + part])
            };
            let bases: Vec<[Challenge; 2]> =
                chip.interactions.iter().map(|message| base_of(&message.bus)).collect();
            let mut sum = Challenge::ZERO;
            for row in 0..chip.height() {
                let place = Place {
                    local: table.row(row),
                    next: table.row((row + 1) % chip.height()),
                    publics: &publics[at],
                    first: row == 0,
                    last: row + 1 == chip.height(),
                };
                for (message, [base, beta]) in chip.interactions.iter().zip(&bases) {
                    let count = chip.value(message.count, &place);
                    if count != F::ZERO {
                        let word = message.fields.iter().fold(Challenge::ZERO, |word, field| {
                            word * *beta + Challenge::from(chip.value(*field, &place))
                        });
                        sum += (*base - word).inverse() * count;
                    }
                }
            }
            sum
        };
        let boards = boards.iter().enumerate();
        boards.map(|(board, it)| it.places().map(|at| sum_of(board, at)).sum()).collect()
    }

    /// Makes proofs about both databases and looks for what they tell.
    fn findings(&self, proofs: u64, prover: Prover) -> Findings {
        let start = std::time::Instant::now();
        let mut positions: Vec<(&'static str, Samples, Samples)> = Vec::new();
        for number in 0..proofs {
            for database in 0..2 {
                let view = self.proof(database, number, prover);
                if positions.is_empty() {
                    positions = view.iter().map(|(name, _)| (*name, Vec::new(), Vec::new())).collect();
                }
                assert_eq!(view.len(), positions.len(), "the shape is public");
                for ((_, a, b), (_, mut values)) in positions.iter_mut().zip(view) {
                    // Queries that fall on one place show the same values.
                    values.sort_unstable();
                    values.dedup();
                    let samples = if database == 0 { a } else { b };
                    samples.extend(values.into_iter().map(|value| (number as usize, value)));
                }
            }
        }
        let found = findings(&positions);
        std::eprintln!(
            "{proofs} proofs of each database: {} values at {} positions; {} biased, {} different, {} repeated; {:?}",
            found.samples,
            found.positions,
            found.biased.len(),
            found.different.len(),
            found.repeated.len(),
            start.elapsed()
        );
        found
    }
}

/// The machine with a short table of ranges: eight bits are enough for the places of a few rows. Masks and hiding know
/// nothing of widths, and most of the work of a small proof is in that table. With seven bits it would stand on the board
/// of the other chips, and no terminal would need a mask.
fn shortened(mut chips: Vec<Arc<Chip>>) -> Vec<Arc<Chip>> {
    const BITS: u32 = 8;
    let mut short = range_chip_to(BITS);
    short.publics = chips[0].publics;
    let links = chips[0].interactions.iter().filter_map(|message| message.bus.strip_prefix("mask "));
    let links: Vec<usize> = links.map(|link| link.parse().expect("a number")).collect();
    short.mask(links[0], false);
    chips[0] = Arc::new(short);
    for chip in &mut chips[1..] {
        let chip = Arc::get_mut(chip).expect("nobody else has it");
        let narrow = chip.int(BITS.into());
        for message in &mut chip.interactions {
            if message.bus == RANGE_BUS && chip.graph.as_constant(message.fields[0]) > Some(F::from_u32(BITS))
            {
                message.fields[0] = narrow;
            }
        }
    }
    chips
}

/// Sets the counts of mask messages to zero.
fn unmask(chips: &[Arc<Chip>], traces: &mut Traces) {
    for (chip, table) in chips.iter().zip(&mut traces.tables) {
        for message in chip.interactions.iter().filter(|message| message.bus.starts_with("mask ")) {
            let mut columns = Default::default();
            chip.graph.reads(message.count, &mut columns);
            for row in 0..MASKS {
                columns.iter().for_each(|column| table.cells[row * chip.width + column] = F::ZERO);
            }
        }
    }
}

/// The values of a proof by their positions; what several queries show has one position.
fn view(proof: BatchProof<Config>, unmasked: &[Challenge]) -> View {
    fn put(view: &mut View, name: &'static str, values: &[Challenge]) {
        for value in values {
            for part in BasedVectorSpace::<F>::as_basis_coefficients_slice(value) {
                view.push((name, [*part].into()));
            }
        }
    }
    /// One position for each column of what each query shows.
    fn queries(view: &mut View, name: &'static str, rows: &[Vec<F>]) {
        let width = rows.first().map_or(0, Vec::len);
        view.extend((0..width).map(|at| (name, rows.iter().map(|row| row[at]).collect())));
    }
    let mut view = View::new();
    for instance in &proof.opened_values.instances {
        let base = &instance.base_opened_values;
        put(&mut view, "a column", &base.trace_local);
        put(&mut view, "a column on the next row", base.trace_next.as_deref().unwrap_or_default());
        // The claims about the other cosets are zeros.
        put(&mut view, "a quotient", &base.quotient_chunks[0]);
        put(&mut view, "a sum of fractions", &instance.permutation_local);
        put(&mut view, "a sum of fractions on the next row", &instance.permutation_next);
    }
    for (terminal, unmasked) in proof.lookup_terminals.iter().zip(unmasked) {
        if let Some(terminal) = terminal {
            put(&mut view, "a terminal", &[terminal.0]);
            put(&mut view, "a terminal less the guess", &[terminal.0 - *unmasked]);
        }
    }
    let (quotients, uniform, fri) = &proof.opening_proof;
    put(&mut view, "a uniform polynomial", uniform);
    quotients.iter().flatten().for_each(|part| put(&mut view, "a part of a quotient", part));
    put(&mut view, "the last polynomial", &fri.final_poly[..FINAL]);
    for opening in &fri.input_openings {
        let matrices = opening.opened_values.first().map_or(0, Vec::len);
        for matrix in 0..matrices {
            let rows: Vec<Vec<F>> = opening.opened_values.iter().map(|query| query[matrix].clone()).collect();
            queries(&mut view, "a queried row", &rows);
        }
    }
    for step in &fri.commit_phase_openings {
        let rows: Vec<Vec<F>> = step
            .sibling_values
            .iter()
            .map(|siblings| {
                siblings
                    .iter()
                    .flat_map(|value| BasedVectorSpace::<F>::as_basis_coefficients_slice(value).to_vec())
                    .collect()
            })
            .collect();
        queries(&mut view, "a folded value", &rows);
    }
    view
}

/// The smallest shape: truth values need no ranges.
fn bits() -> Subject {
    let plan = "version: \"1.0\"\nid: bits\nsteps:\n  - { id: rows, type: data-input, schema: { columns: { a: bool, b: \"bool?\" } }, source: { type: file, uri: x.csv } }\n  \
         - { id: out, type: filter, input: rows, condition: \"a\" }\noutput: { step: out }\n";
    let rows = "a,b\ntrue,false\ntrue,\nfalse,true\ntrue,true\nfalse,\n";
    // The last row is selected in the other database, and another count of rows is committed.
    Subject::new(plan, [&format!("{rows}false,true\n"), &format!("{rows}true,true\n")], true)
}

/// Numbers, sums and groups, with the whole table of ranges.
fn groups() -> Subject {
    let plan = "version: \"1.0\"\nid: groups\nsteps:\n  - { id: rows, type: data-input, schema: { columns: { a: int, k: string } }, source: { type: file, uri: x.csv } }\n  \
         - { id: out, type: aggregate, input: rows, operation: { op: reduce, groupBy: [k], aggregates: { t: { fn: sum, field: a } } } }\noutput: { step: out }\n";
    let rows = "a,k\n4,Rom\n1,Oslo\n-3,Rom\n";
    Subject::new(plan, [&format!("{rows}9,Rom\n"), &format!("{rows}123456789,Bonn\n")], false)
}

#[test]
fn proofs_do_not_tell_databases_apart() {
    let found = bits().findings(40, Prover::Honest);
    assert!(found.nothing(), "{found:?}");
}

#[test]
#[ignore = "heavy: a thousand small proofs"]
fn a_thousand_proofs_do_not_tell_databases_apart() {
    let found = bits().findings(500, Prover::Honest);
    assert!(found.nothing(), "{found:?}");
}

#[test]
#[ignore = "heavy: four hundred proofs"]
fn proofs_with_groups_do_not_tell_databases_apart() {
    let found = groups().findings(200, Prover::Honest);
    assert!(found.nothing(), "{found:?}");
}

/// Without masks a verifier who guesses the database sees that the guess is right.
#[test]
fn missing_masks_of_terminals_are_seen() {
    let found = bits().findings(40, Prover::Unmasked);
    let wrong = ["a terminal less the guess"];
    assert!(found.biased.iter().all(|name| wrong.contains(name)) && !found.biased.is_empty(), "{found:?}");
    assert!(
        found.repeated.iter().all(|name| wrong.contains(name)) && !found.repeated.is_empty(),
        "{found:?}"
    );
}

/// With the same masks in each proof, queries of several proofs show the same rows.
#[test]
fn repeated_masks_are_seen() {
    let found = bits().findings(40, Prover::Repeating);
    assert!(found.repeated.contains(&"a queried row"), "{found:?}");
}
