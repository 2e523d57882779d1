//! All chips of a bridge. Prover and verifier build the same ones from the statement.

use alloc::{sync::Arc, vec::Vec};

use proofmark_plan::commit::schema_digest;

use super::{Statement, error::Unsupported, format::Format, gather, header_length, leaves, rows, sha, tree};
use crate::{air::Chip, compile::hide_terminals, gadget::range_chip, table::Layout};

/// The chips, and where the prover finds their columns.
pub(super) struct Machine {
    pub(super) chips: Vec<Arc<Chip>>,
    pub(super) format: Format,
    pub(super) rows: usize,
    pub(super) leaves: (usize, leaves::Columns),
    pub(super) tree: (usize, tree::Columns),
    pub(super) gather: Option<(usize, gather::Columns)>,
    pub(super) hashes: Vec<(usize, sha::Columns)>,
    /// Messages of inner nodes are numbered from the one after this, past every row of the leaves.
    pub(super) first_node_id: u32,
}

impl Machine {
    pub(super) fn new(statement: &Statement<'_>) -> Result<Self, Unsupported> {
        let least = statement.level.least_log_height();
        let bounds = statement.bounds;
        let format = Format::new(statement.schema, bounds, statement.rows_per_leaf, least)?;
        let layout = Layout::new(statement.schema, &bounds.text_bytes).ok_or(Unsupported::TextBounds)?;
        // Room for `rows` rows beside the head or, without a head, for as many and one more.
        let height = |rows: u32| (u64::from(rows) + 1).next_power_of_two().ilog2().max(least);

        let mut range = range_chip();
        range.publics = header_length(bounds);
        let mut chips = alloc::vec![range];
        let mut add = |chip: Chip| {
            chips.push(chip);
            chips.len() - 1
        };
        let table = rows::chip(statement.schema, &layout, &bounds.text_bytes, &format, height(bounds.rows));
        let rows = add(table);
        let leaves_height = height(format.leaves);
        let (leaves, columns) = leaves::chip(&format, &schema_digest(statement.schema), leaves_height);
        let leaves = (add(leaves), columns);
        let first_node_id = 1 << leaves_height;
        let (tree, columns) = tree::chip(first_node_id, height(format.leaves));
        let tree = (add(tree), columns);
        let gather = (format.has_bools() || format.has_nulls() || !bounds.text_bytes.is_empty()).then(|| {
            let (gather, columns) = gather::chip(height(format.gathered));
            (add(gather), columns)
        });
        let hashes = format.hash_heights.iter().map(|height| {
            let (hashes, columns) = sha::chip("sha256", *height);
            (add(hashes), columns)
        });
        let hashes = hashes.collect();
        hide_terminals(&mut chips);
        debug_assert!(
            chips.iter().all(|chip| chip.fault.is_none()),
            "chips of supported tables have no fault"
        );
        let chips = chips.into_iter().map(Arc::new).collect();
        Ok(Self { chips, format, rows, leaves, tree, gather, hashes, first_node_id })
    }
}
