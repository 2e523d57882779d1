//! Random plans against the executor: what one gives, the other commits to; what one refuses, the other cannot fill.

use proofmark_plan::{
    check,
    exec::{NoCustom, execute},
    testing::plan_and_inputs,
    value::{Table, Value},
};

use super::plans::Case;
use crate::{Bounds, Level, TableBounds, supports};

/// Plans that are tried; about one in a hundred is within coverage.
const SEEDS: u64 = 3000;

#[test]
fn random_plans_agree_with_the_executor() {
    let (mut covered, mut failed) = (0, 0);
    for seed in 0..SEEDS {
        let (plan, inputs) = plan_and_inputs(seed);
        let Ok(plan) = check::typed(&plan) else { continue };
        let tables: Option<alloc::vec::Vec<Table>> = inputs
            .iter()
            .map(|value| match value {
                Value::Table(table) => Some(table.clone()),
                Value::Bytes(_) => None,
            })
            .collect();
        let Some(tables) = tables else { continue };
        if !supports(&plan).is_empty() || tables.iter().any(|table| TableBounds::of(table).is_none()) {
            continue;
        }
        let bounds = Bounds {
            inputs: tables.iter().filter_map(TableBounds::of).collect(),
            groups: alloc::vec::Vec::new(),
        };
        // Text bounds of small tables may differ between columns that meet; that is a limit, not an error.
        if crate::compile::compile(&plan, &bounds, 7).is_err() {
            continue;
        }
        match execute(&plan, inputs, &NoCustom) {
            Ok(execution) => {
                if !matches!(execution.output, Value::Table(_)) {
                    continue;
                }
                covered += 1;
                let case = Case::new(plan, tables);
                let filled = case.fill(Level::Fast).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                assert_eq!(filled.violations(), [], "seed {seed}");
            }
            Err(error) => {
                failed += 1;
                let case = Case::without_output(plan, tables, bounds);
                let filled = case.fill(Level::Fast);
                assert!(
                    !matches!(filled, Err(crate::ProveError::DigestMismatch { .. }) | Ok(_)),
                    "seed {seed}: the executor failed with {error:?}, the tables were filled"
                );
            }
        }
    }
    std::eprintln!("{covered} plans agree, {failed} fail in both");
    assert!(covered >= 20, "{covered}");
}
