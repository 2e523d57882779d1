//! `select key, count(*), sum(a * b) from rows where a > 100 group by key`, proved and verified by `proof-of-sql`, over the
//! rows of `crates/stark/examples/figures.rs`: `cargo run --release [-- ROWS…]`.
//!
//! The table's accessor for tests computes commitments when it is asked for them, so the time of verifying has that of
//! committing in it.

use std::time::Instant;

use proof_of_sql::{
    base::database::{
        owned_table_utility::{bigint, owned_table},
        ColumnField, ColumnRef, ColumnType, LiteralValue, OwnedTableTestAccessor, TableRef, TestAccessor,
    },
    proof_primitive::dory::{DynamicDoryEvaluationProof, ProverSetup, PublicParameters, VerifierSetup},
    sql::{
        proof::VerifiableQueryResult,
        proof_exprs::{AliasedDynProofExpr, DynProofExpr},
        proof_plans::DynProofPlan,
    },
};

type Scheme = DynamicDoryEvaluationProof;

fn main() {
    let sizes: Vec<usize> =
        std::env::args().skip(1).map(|rows| rows.parse().expect("a number of rows")).collect();
    println!("| rows | set-up s | prove s, best of 3 | verify s, with commitments | proof KB |");
    println!("|---|---|---|---|---|");
    for rows in if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes } {
        measure(rows);
    }
}

fn measure(rows: usize) {
    let start = Instant::now();
    let log_side = (rows as f64).log2().div_euclid(2.0) as usize + 2;
    let parameters = PublicParameters::rand(log_side, &mut rand::rngs::OsRng);
    let (prover, verifier) = (ProverSetup::from(&parameters), VerifierSetup::from(&parameters));
    let set_up = start.elapsed().as_secs_f64();

    let [key, a, b] = data(rows);
    let name = TableRef::new("bench", "rows");
    let mut accessor = OwnedTableTestAccessor::<Scheme>::new_empty_with_setup(&prover);
    accessor.add_table(name.clone(), owned_table([bigint("key", key), bigint("a", a), bigint("b", b)]), 0);
    let plan = plan(&name);

    let (mut proved, mut verified, mut bytes) = (f64::MAX, f64::MAX, 0);
    for _ in 0..3 {
        let start = Instant::now();
        let result = VerifiableQueryResult::<Scheme>::new(&plan, &accessor, &&prover, &[]).expect("a proof");
        proved = proved.min(start.elapsed().as_secs_f64());
        let encoded = bincode::serde::encode_to_vec(&result.proof, bincode::config::standard());
        bytes = encoded.expect("memory").len();
        let start = Instant::now();
        result.verify(&plan, &accessor, &&verifier, &[]).expect("it holds");
        verified = verified.min(start.elapsed().as_secs_f64());
    }
    println!("| {rows} | {set_up:.2} | {proved:.2} | {verified:.2} | {} |", bytes / 1000);
}

/// The rows of `figures`.
fn data(rows: usize) -> [Vec<i64>; 3] {
    let mut columns = [Vec::new(), Vec::new(), Vec::new()];
    let mut state = 1u64;
    for _ in 0..rows {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let row = [(state >> 56) as i64, ((state >> 20) % 1000) as i64, i64::from((state >> 30) as i32)];
        columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }
    columns
}

fn plan(table: &TableRef) -> DynProofPlan {
    let names = ["key", "a", "b"];
    let column =
        |name: &str| DynProofExpr::new_column(ColumnRef::new(table.clone(), name.into(), ColumnType::BigInt));
    let schema = names.map(|name| ColumnField::new(name.into(), ColumnType::BigInt)).to_vec();
    let hundred = DynProofExpr::new_literal(LiteralValue::BigInt(100));
    DynProofPlan::try_new_aggregate(
        vec![AliasedDynProofExpr { expr: column("key"), alias: "key".into() }],
        vec![AliasedDynProofExpr {
            expr: DynProofExpr::try_new_multiply(column("a"), column("b")).expect("two numbers"),
            alias: "total".into(),
        }],
        "rows".into(),
        DynProofPlan::new_table(table.clone(), schema),
        DynProofExpr::try_new_inequality(column("a"), hundred, false).expect("two numbers"),
    )
    .expect("a plan")
}
