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

pub(super) fn run(plan: &TypedPlan, inputs: Vec<Table>) -> Option<Table> {
    let inputs = inputs.into_iter().map(Value::Table).collect();
    match execute(plan, inputs, &NoCustom).ok()?.output {
        Value::Table(table) => Some(table),
        Value::Bytes(_) => None,
    }
}

/// A plan and data in shards, with all that the prover of a receipt knows.
pub(super) struct Shards {
    pub(super) plan: TypedPlan,
    pub(super) split: Split,
    pub(super) rows: u32,
    pub(super) input: usize,
    pub(super) inputs: Vec<Table>,
    pub(super) shards: Vec<Table>,
    pub(super) groups: Vec<Table>,
    pub(super) bounds: Bounds,
    digests: Vec<proofmark_core::Digest>,
    pub(super) parts: Vec<Part>,
    pub(super) output: proofmark_core::Digest,
}

/// Why there are no shards.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A shard or the merge has no value.
    NoValue,
    /// The plan cannot be split, or its parts not be proved.
    Unsupported(String),
}

impl Shards {
    pub(super) fn new(
        plan: &Plan,
        typed: &TypedPlan,
        name: &str,
        inputs: &[Table],
        rows: u32,
    ) -> Result<Self, Why> {
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

    pub(super) fn sharded(&self) -> Sharded<'_> {
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

    pub(super) fn fill(&self, at: usize) -> Result<Filled, ProveError> {
        let (piece, inputs, salts, output_salt) = self.piece(at);
        let witness = Witness { inputs: &inputs, salts: &salts, output_salt };
        fill_statement(&piece.statement(), &witness, &mut StdRng::seed_from_u64(1), &mut ())
    }

    pub(super) fn prove(&self, at: usize) -> Vec<u8> {
        let (piece, inputs, salts, output_salt) = self.piece(at);
        let witness = Witness { inputs: &inputs, salts: &salts, output_salt };
        crate::prove(&piece.statement(), &witness, &mut StdRng::seed_from_u64(2), &mut ()).expect("a proof")
    }

    pub(super) fn proofs(&self) -> Vec<Vec<u8>> {
        (0..=self.shards.len()).map(|at| self.prove(at)).collect()
    }
}

pub(super) fn merge_inputs(split: &Split, inputs: &[Table], groups: &[Table]) -> Vec<Table> {
    let inputs = split.merge_inputs.iter().map(|source| match source {
        Source::Input(at) => inputs[*at].clone(),
        Source::Part(part) => groups[*part].clone(),
        Source::Shard => panic!("a shard in a merge"),
    });
    inputs.collect()
}

pub(super) fn salt(at: usize) -> Salt {
    Salt::from_seed(&[at as u8 + 1; 32])
}

pub(super) fn verify(sharded: &Sharded<'_>, proofs: &[Vec<u8>]) -> Result<Security, VerifyError> {
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

pub(super) fn text(aggregates: &str, keys: &str, rest: &str, output: &str) -> String {
    format!(
        "version: \"1.0\"\nid: t\nsteps:\n  - {{ id: rows, type: data-input, schema: {{ columns: {{ k: string, a: int, n: \"int?\", \
         m: \"decimal(9,2)\", d: date }} }}, source: {{ type: parameter }} }}\n  - {{ id: kept, type: filter, input: rows, condition: \
         \"a > -100\" }}\n  - {{ id: sums, type: aggregate, input: kept, operation: {{ op: reduce, groupBy: [{keys}], aggregates: \
         {{ {aggregates} }} }} }}\n{rest}output: {{ step: {output} }}\n"
    )
}

pub(super) fn read(text: &str) -> (Plan, TypedPlan) {
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

pub(super) fn data(plan: &TypedPlan, rows: core::ops::Range<usize>) -> Table {
    let mut lines = String::from("k,a,n,m,d\n");
    for row in rows {
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
        let table = data(&typed, 0..41);
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
