//! Which steps can be proved.

use alloc::vec::Vec;

use proofmark_plan::{typed::TypedPlan, types::ValueType};

use super::{Unsupported, compile};
use crate::{
    statement::{Bounds, TableBounds},
    table::is_text,
};

/// Every step that this back end cannot prove, with its reason. Empty if the plan can be proved, for tables within
/// its limits: 131,071 rows; texts that are put in order have at most 30 bytes.
pub(crate) fn supports(plan: &TypedPlan) -> Vec<Unsupported> {
    let inputs = plan.inputs.iter().map(|input| {
        let texts = match &input.ty {
            ValueType::Table(schema) => schema.columns().iter().filter(|column| is_text(column.ty)).count(),
            ValueType::Bytes => 0,
        };
        TableBounds { rows: 1000, text_bytes: alloc::vec![15; texts] }
    });
    let bounds = Bounds { inputs: inputs.collect(), groups: Vec::new() };
    compile(plan, &bounds, 8).err().unwrap_or_default()
}
