//! Tables in shards against the executor: what it gives on a whole table, shards give too, or nothing can be proved.

use alloc::{format, string::String, vec::Vec};

use proofmark_plan::{
    exec::{NoCustom, execute},
    model::Plan,
    source::{self, Format},
    typed::TypedPlan,
    value::{Table, Value},
};
use rand::{SeedableRng, rngs::StdRng};

use super::{plans::csv, random::Generator};
use crate::{
    Bounds, Level, ProveError, Salt, Security, TableBounds, VerifyError, Witness, digest, output_text_bounds,
    prove::{Filled, fill_statement},
    shards::{Part, Piece, Sharded, Source, Split, sharded_digest, slice},
};

fn run(plan: &TypedPlan, inputs: Vec<Table>) -> Option<Table> {
    let inputs = inputs.into_iter().map(Value::Table).collect();
    match execute(plan, inputs, &NoCustom).ok()?.output {
        Value::Table(table) => Some(table),
        Value::Bytes(_) => None,
    }
}

/// A plan and data in shards, with all that the prover of a receipt knows.
pub(crate) struct Shards {
    plan: TypedPlan,
    split: Split,
    rows: u32,
    input: usize,
    inputs: Vec<Table>,
    shards: Vec<Table>,
    groups: Vec<Table>,
    bounds: Bounds,
    digests: Vec<proofmark_core::Digest>,
    parts: Vec<Part>,
    pub(crate) output: proofmark_core::Digest,
}

/// Why there are no shards.
#[derive(Debug, PartialEq, Eq)]
enum Why {
    /// A shard or the merge has no value.
    NoValue,
    /// The plan cannot be split, or its parts not be proved.
    Unsupported(String),
}

impl Shards {
    fn new(plan: &Plan, typed: &TypedPlan, name: &str, inputs: &[Table], rows: u32) -> Result<Self, Why> {
        let no = |found: &dyn core::fmt::Debug| Why::Unsupported(format!("{found:?}"));
        let input = typed.inputs.iter().position(|input| input.name == name).expect("an input");
        let shards: Vec<Table> = slice(&inputs[input], rows).collect();
        let split = Split::new(plan, name, shards.len()).map_err(|found| no(&found))?;
        let of_shard = |shard: &Table| {
            let inputs = split.shard_inputs.iter().map(|source| match source {
                Source::Input(at) => inputs[*at].clone(),
                Source::Part(_) => panic!("a part in a shard"),
                Source::Shard => shard.clone(),
            });
            run(&split.shard, inputs.collect()).ok_or(Why::NoValue)
        };
        let groups = shards.iter().map(of_shard).collect::<Result<Vec<_>, _>>()?;
        let merged = run(&split.merge, merge_inputs(&split, inputs, &groups)).ok_or(Why::NoValue)?;
        let whole = run(typed, inputs.to_vec());
        assert_eq!(Some(&merged), whole.as_ref(), "{plan:?} in shards of {rows}");

        let mut bounds = Bounds {
            inputs: inputs.iter().map(|table| TableBounds::of(table).expect("a small table")).collect(),
            groups: Vec::new(),
        };
        bounds.inputs[input].rows = (rows + 1).next_power_of_two() - 1;
        let text = bounds.inputs[input].text_bytes.clone();
        let shard_digests: Vec<_> = shards
            .iter()
            .map(|shard| digest::table_with_text_bounds(shard, &text, Salt::NONE).expect("a digest"))
            .collect();
        let mut digests: Vec<_> =
            inputs.iter().map(|table| digest::table(table, Salt::NONE).expect("a digest")).collect();
        digests[input] = sharded_digest(rows, &shard_digests).expect("digests of tables");
        let unknown = digests[0];
        let parts = shard_digests.iter().map(|table| Part { table: *table, groups: unknown });
        let mut made = Self {
            plan: typed.clone(),
            rows,
            input,
            inputs: inputs.to_vec(),
            bounds,
            parts: parts.collect(),
            digests,
            output: unknown,
            shards,
            groups,
            split,
        };
        let Some(piece) = made.sharded().shard(0) else { panic!("a shard") };
        let text =
            output_text_bounds(&made.split.shard, piece.statement().bounds).map_err(|found| no(&found))?;
        for (at, groups) in made.groups.iter().enumerate() {
            made.parts[at].groups =
                digest::table_with_text_bounds(groups, &text, salt(at)).expect("a digest");
        }
        let piece = made.sharded().merge().map_err(|found| no(&found))?.expect("a merge");
        let text =
            output_text_bounds(&made.split.merge, piece.statement().bounds).map_err(|found| no(&found))?;
        made.output = digest::table_with_text_bounds(&merged, &text, Salt::NONE).expect("a digest");
        Ok(made)
    }

    fn sharded(&self) -> Sharded<'_> {
        Sharded {
            plan: self.plan.hash,
            split: &self.split,
            claim: [7; 32],
            inputs: &self.digests,
            input: self.input,
            rows: self.rows,
            shards: &self.parts,
            output: self.output,
            bounds: &self.bounds,
            merge_groups: &[],
            level: Level::Fast,
        }
    }

    /// The statement of a proof and what only its prover knows; the merge comes after the shards.
    fn piece(&self, at: usize) -> (Piece<'_>, Vec<Table>, Vec<Salt>, Salt) {
        if let Some(piece) = self.sharded().shard(at) {
            let inputs = self.split.shard_inputs.iter().map(|source| match source {
                Source::Input(input) => self.inputs[*input].clone(),
                Source::Part(_) => panic!("a part in a shard"),
                Source::Shard => self.shards[at].clone(),
            });
            let inputs: Vec<Table> = inputs.collect();
            let salts = alloc::vec![Salt::NONE; inputs.len()];
            return (piece, inputs, salts, salt(at));
        }
        let piece = self.sharded().merge().expect("a plan that can be proved").expect("a merge");
        let salts = self.split.merge_inputs.iter().map(|source| match source {
            Source::Part(part) => salt(*part),
            _ => Salt::NONE,
        });
        (piece, merge_inputs(&self.split, &self.inputs, &self.groups), salts.collect(), Salt::NONE)
    }

    fn fill(&self, at: usize) -> Result<Filled, ProveError> {
        let (piece, inputs, salts, output_salt) = self.piece(at);
        let witness = Witness { inputs: &inputs, salts: &salts, output_salt };
        fill_statement(&piece.statement(), &witness, &mut StdRng::seed_from_u64(1), &mut ())
    }

    fn prove(&self, at: usize) -> Vec<u8> {
        let (piece, inputs, salts, output_salt) = self.piece(at);
        let witness = Witness { inputs: &inputs, salts: &salts, output_salt };
        crate::prove(&piece.statement(), &witness, &mut StdRng::seed_from_u64(2), &mut ()).expect("a proof")
    }

    fn proofs(&self) -> Vec<Vec<u8>> {
        (0..=self.shards.len()).map(|at| self.prove(at)).collect()
    }
}

fn merge_inputs(split: &Split, inputs: &[Table], groups: &[Table]) -> Vec<Table> {
    let inputs = split.merge_inputs.iter().map(|source| match source {
        Source::Input(at) => inputs[*at].clone(),
        Source::Part(part) => groups[*part].clone(),
        Source::Shard => panic!("a shard in a merge"),
    });
    inputs.collect()
}

fn salt(at: usize) -> Salt {
    Salt::from_seed(&[at as u8 + 1; 32])
}

fn verify(sharded: &Sharded<'_>, proofs: &[Vec<u8>]) -> Result<Security, VerifyError> {
    let (merge, shards) = proofs.split_last().expect("a merge");
    let shards: Vec<&[u8]> = shards.iter().map(Vec::as_slice).collect();
    sharded.verify(&shards, merge)
}

/// Cuts random plans over random tables in every way; fills every `often`th natively.
fn compare(seeds: core::ops::Range<u64>, often: usize) -> [usize; 4] {
    let [mut equal, mut fail, mut without, mut filled] = [0; 4];
    for seed in seeds {
        let (plan, typed, tables) = Generator::new(seed).source();
        let Some(at) = typed.inputs.iter().position(|input| input.name == "facts") else { continue };
        let total = tables[at].rows as u32;
        for rows in 1..total {
            let sharded = Shards::new(&plan, &typed, "facts", &tables, rows);
            match sharded {
                Ok(sharded) => {
                    equal += 1;
                    if equal % often == 0 {
                        filled += 1;
                        for piece in 0..=sharded.shards.len() {
                            match sharded.fill(piece) {
                                Ok(filled) => assert_eq!(filled.violations(), [], "seed {seed}"),
                                // Of joins, whose coverage only the data show.
                                Err(ProveError::NoValue { reason, .. }) if reason.contains("right table") => {
                                }
                                Err(error) => panic!("seed {seed}: {error}"),
                            }
                        }
                    }
                }
                // That the whole has a value all the same is seldom: a part passes 38 digits.
                Err(Why::NoValue) if run(&typed, tables.clone()).is_some() => without += 1,
                Err(Why::NoValue) => fail += 1,
                Err(Why::Unsupported(_)) => {}
            }
        }
    }
    std::eprintln!("{equal} equal, {fail} fail in both, {without} in shards only, {filled} filled");
    [equal, fail, without, filled]
}

#[test]
fn random_plans_in_shards_agree_with_the_executor() {
    let [equal, fail, without, filled] = compare(0..2500, 40);
    assert!(equal >= 1000 && fail >= 100 && without * 20 < equal && filled >= 20);
}

#[test]
#[ignore = "minutes"]
fn many_random_plans_in_shards_agree_with_the_executor() {
    compare(10_000..40_000, 40);
}

fn text(aggregates: &str, keys: &str, rest: &str, output: &str) -> String {
    format!(
        "version: \"1.0\"\nid: t\nsteps:\n  - {{ id: rows, type: data-input, schema: {{ columns: {{ k: string, a: int, n: \"int?\", \
         m: \"decimal(9,2)\", d: date }} }}, source: {{ type: parameter }} }}\n  - {{ id: kept, type: filter, input: rows, condition: \
         \"a > -100\" }}\n  - {{ id: sums, type: aggregate, input: kept, operation: {{ op: reduce, groupBy: [{keys}], aggregates: \
         {{ {aggregates} }} }} }}\n{rest}output: {{ step: {output} }}\n"
    )
}

fn read(text: &str) -> (Plan, TypedPlan) {
    let source = source::read(text, "plan.yaml", Format::detect("plan.yaml", text)).expect("a plan");
    let typed = source.check().expect("a checked plan").0.typed;
    (source.plan, typed)
}

const ALL: &str = "c: { fn: count }, cn: { fn: count, field: n }, s: { fn: sum, field: a }, sn: { fn: sum, field: n }, \
                   sm: { fn: sum, field: m }, lo: { fn: min, field: n }, hi: { fn: max, field: d }, \
                   me: { fn: mean, field: n, scale: 3 }, mm: { fn: mean, field: m, scale: 1 }, \
                   f: { fn: first, field: n, orderBy: [{ field: d, descending: true }] }, \
                   l: { fn: last, field: m, orderBy: [d, a] }, l0: { fn: last, field: n }, \
                   v: { fn: variance, field: a, scale: 2 }, vp: { fn: variance, field: n, scale: 2, population: true }";

fn data(plan: &TypedPlan, rows: usize) -> Table {
    let mut lines = String::from("k,a,n,m,d\n");
    for row in 0..rows {
        let k = ["Rom", "Oslo", "Paris"][row * 7 % 3];
        let n = if row % 4 == 1 { String::new() } else { format!("{}", (row * 31) % 17) };
        let day = row * 13 % 28 + 1;
        lines.push_str(&format!("{k},{},{n},{}.25,2024-02-{day:02}\n", (row * 97) % 300, row % 9));
    }
    csv(plan, 0, &lines)
}

#[test]
fn every_aggregate_is_the_same_at_every_size_of_shards() {
    for keys in ["", "k"] {
        let (plan, typed) = read(&text(ALL, keys, "", "sums"));
        let table = data(&typed, 41);
        // The last of them leave a shard of one row, and a full one.
        for rows in [3, 7, 16, 20, 21, 40] {
            let sharded = Shards::new(&plan, &typed, "rows", core::slice::from_ref(&table), rows);
            let sharded = sharded.unwrap_or_else(|why| panic!("keys {keys:?}, {rows} rows: {why:?}"));
            let pieces = sharded.shards.len();
            for piece in [0, pieces - 1, pieces] {
                let filled = sharded.fill(piece).unwrap_or_else(|error| panic!("{rows}, {piece}: {error}"));
                assert_eq!(filled.violations(), []);
            }
        }
    }
}

#[test]
fn totals_overflow_where_the_executors_do() {
    let (plan, typed) = read(&text("s: { fn: sum, field: a }", "", "", "sums"));
    let table = |values: &[i64]| {
        let mut lines = String::from("k,a,n,m,d\n");
        values.iter().for_each(|a| lines.push_str(&format!("x,{a},,0.00,2024-01-01\n")));
        csv(&typed, 0, &lines)
    };
    let cut = |values: &[i64], rows| {
        Shards::new(&plan, &typed, "rows", &[table(values)], rows).map(|made| made.shards.len())
    };
    // A part passes 64 bits, the total does not: negative numbers are filtered, so the total is of one part.
    assert_eq!(cut(&[i64::MAX, -200, 0, -200], 2), Ok(2));
    assert_eq!(cut(&[i64::MAX, 1, 0], 2), Err(Why::NoValue));
    assert_eq!(cut(&[i64::MAX, 0, 1], 2), Err(Why::NoValue));
    let (plan, typed) = read(&text("s: { fn: sum, field: a }", "", "", "sums").replace("a > -100", "a != 5"));
    let cut = |values: &[i64], rows| {
        Shards::new(&plan, &typed, "rows", &[table(values)], rows).map(|made| made.shards.len())
    };
    assert_eq!(cut(&[i64::MAX, i64::MAX, i64::MIN, i64::MIN, 1, 0], 2), Ok(3));
    assert_eq!(cut(&[i64::MIN, i64::MIN, 5], 2), Err(Why::NoValue));
}

#[test]
fn what_cannot_be_split_is_named() {
    let sort = "  - { id: sorted, type: transform, input: kept, operation: { op: sort, by: [a] } }\n";
    let again = "  - { id: again, type: aggregate, input: kept, operation: { op: reduce, groupBy: [a], aggregates: {} } }\n";
    let both = "  - { id: both, type: aggregate, inputs: [kept, sums], operation: { op: merge, how: left, on: [k] } }\n";
    let window = "  - { id: before, type: compute, input: kept, operation: { op: math, columns: { p: \"previous(a, [k], [d])\" } } }\n";
    let count = "c: { fn: count }";
    for (plan, step, reason) in [
        (text("s: { fn: stddev, field: a, scale: 2 }", "k", "", "sums"), "sums", "root"),
        (text("s: { fn: median, field: a, scale: 2 }", "k", "", "sums"), "sums", "percentile"),
        (text("s: { fn: countDistinct, field: a }", "k", "", "sums"), "sums", "different values"),
        (text("s: { fn: first, field: a, orderBy: [n] }", "k", "", "sums"), "sums", "nulls in n"),
        (text(count, "k", "", "kept"), "kept", "has rows of rows"),
        (text(count, "k", sort, "sums"), "sorted", "all rows at once"),
        (text(count, "k", again, "sums"), "sums", "second step"),
        (text(count, "k", both, "both"), "both", "another table"),
        (text(count, "k", window, "sums"), "before", "another shard"),
    ] {
        let refused = Split::new(&read(&plan).0, "rows", 2).expect_err("cannot be split");
        assert_eq!(refused.step, step, "{refused:?}");
        assert!(refused.reason.contains(reason), "{refused:?}");
    }
    let (plan, _) = read(&text(count, "k", "", "sums"));
    for shards in [0, 1, 65] {
        assert!(Split::new(&plan, "rows", shards).is_err());
    }
    let split = Split::new(&plan, "rows", 64).expect("splits");
    assert_eq!(split.merge.inputs.len(), 64);
    let ungrouped = "version: \"1.0\"\nid: t\nsteps:\n  - { id: rows, type: data-input, schema: { columns: { a: int } }, source: { type: \
                     parameter } }\n  - { id: kept, type: filter, input: rows, condition: \"a > 1\" }\noutput: { step: kept }\n";
    let refused = Split::new(&read(ungrouped).0, "rows", 2).expect_err("nothing to merge");
    assert!(refused.reason.contains("no step brings"), "{refused:?}");
}

/// A small table in three shards, the last of one row, and its proofs.
pub(crate) fn proved() -> &'static (Shards, Vec<Vec<u8>>) {
    static MADE: std::sync::OnceLock<(Shards, Vec<Vec<u8>>)> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let made = small(13, 6, 0);
        let proofs = made.proofs();
        (made, proofs)
    })
}

/// `rows` rows from another place of the data, in shards of `size`.
fn small(rows: usize, size: u32, skipped: usize) -> Shards {
    let aggregates = "c: { fn: count }, s: { fn: sum, field: a }";
    let (plan, typed) = read(&text(aggregates, "k", "", "sums"));
    let table = slice(&data(&typed, rows + skipped), 1).skip(skipped).collect::<Vec<_>>();
    let table = join(&table);
    Shards::new(&plan, &typed, "rows", &[table], size).unwrap_or_else(|why| panic!("{why:?}"))
}

/// Tables one after the other.
fn join(parts: &[Table]) -> Table {
    let (plan, _) = read(&text("c: { fn: count }", "k", "", "sums"));
    let mut joined = proofmark_plan::model::Plan { steps: plan.steps[..1].to_vec(), ..plan };
    let one = joined.steps[0].clone();
    joined.steps = (0..parts.len())
        .map(|at| proofmark_plan::model::Step { id: format!("p{at:03}"), ..one.clone() })
        .collect();
    let inputs = joined.steps.iter().map(|step| step.id.clone()).collect();
    let kind =
        proofmark_plan::model::StepKind::Aggregate(proofmark_plan::model::Aggregate::Concat { inputs });
    joined.steps.push(proofmark_plan::model::Step { id: "all".into(), kind });
    joined.output = "all".into();
    let typed = proofmark_plan::check::typed(&joined).expect("a plan");
    run(&typed, parts.to_vec()).expect("a table")
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
    let at =
        changed.schema.columns().iter().position(|column| column.ty.ty == proofmark_plan::types::Type::Int);
    let column = alloc::sync::Arc::make_mut(&mut changed.columns[at.expect("a count")]);
    if let proofmark_plan::value::Values::Narrow(values) = &mut column.values {
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
