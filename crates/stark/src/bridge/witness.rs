//! Filling the chips from a table.

use alloc::vec::Vec;

use proofmark_core::sha256::Sha256;
use proofmark_plan::{
    commit,
    value::{Table, Value, Values},
};
use rand::rngs::StdRng;

use super::{
    Statement, Witness,
    error::ProveError,
    format::{Format, Kind},
    gather,
    leaves::{self, Leaf},
    machine::Machine,
    sha::{self, Message, PLACE_BITS, ROWS},
    tree,
};
use crate::{
    air::{F, Inputs, Traces, fill as fill_chip},
    gadget::MASKS,
    prove::{count_ranges, random_element},
    table::Columns,
};

/// The filled tables, the digest of the table and its root.
pub(super) fn fill(
    statement: &Statement<'_>,
    witness: &Witness<'_>,
    machine: &Machine,
    rng: &mut StdRng,
) -> Result<(Traces, [F; 8], [u8; 32]), ProveError> {
    let table = witness.table;
    if table.schema != *statement.schema {
        return Err(ProveError::BadTable);
    }
    let bound = statement.bounds.rows;
    if table.rows > bound as usize {
        return Err(ProveError::TooManyRows { rows: table.rows, bound });
    }
    let columns = Columns::of(table, &statement.bounds.text_bytes).ok_or(ProveError::BadTable)?;
    let masks: Vec<F> = (0..MASKS * machine.chips.len()).map(|_| random_element(rng)).collect();
    let inputs = Inputs {
        tables: &[columns],
        salts: &[witness.digest_salt.elements()],
        masks: &masks,
        #[cfg(test)]
        fault: None,
    };
    let mut traces = Traces::default();
    for chip in &machine.chips {
        // Values were checked above, so that a number without a place is an error of this crate.
        let filled = fill_chip(chip, &machine.chips, &traces, &inputs)
            .map_err(|error| ProveError::Internal(alloc::format!("{error:?}")))?;
        traces.tables.push(filled);
    }
    let publics = &traces.tables[machine.rows].publics;
    let digest = core::array::from_fn(|lane| publics.get(lane).copied().unwrap_or_default());

    let parts = Parts::new(table, statement.rows_per_leaf, witness.root_salt, machine);
    parts.fill(machine, witness.root_salt, &mut traces)?;
    Ok((traces, digest, parts.root))
}

/// What is hashed, and what comes out.
pub(super) struct Parts {
    /// The header first.
    pub(super) leaves: Vec<Leaf>,
    pub(super) words: Vec<gather::Word>,
    pub(super) nodes: Vec<tree::Inner>,
    pub(super) root: [u8; 32],
}

impl Parts {
    pub(super) fn new(table: &Table, rows_per_leaf: u16, salt: &[u8; 32], machine: &Machine) -> Self {
        let (leaves, words) = leaves_of(table, rows_per_leaf, salt, &machine.format);
        let hashes: Vec<[u8; 32]> = leaves.iter().map(|leaf| leaf.hash).collect();
        let (nodes, root) = tree::nodes(&hashes, machine.first_node_id);
        Self { leaves, words, nodes, root }
    }

    /// Fills all chips but that of the table.
    pub(super) fn fill(
        &self,
        machine: &Machine,
        salt: &[u8; 32],
        traces: &mut Traces,
    ) -> Result<(), ProveError> {
        let (at, columns) = &machine.leaves;
        leaves::fill(&machine.chips[*at], &mut traces.tables[*at], columns, &self.leaves, salt);
        let (at, columns) = &machine.tree;
        tree::fill(&machine.chips[*at], &mut traces.tables[*at], columns, &self.nodes);
        if let Some((at, columns)) = &machine.gather {
            gather::fill(&mut traces.tables[*at], columns, &self.words);
        }
        let mut messages = assign(&self.leaves, &self.nodes, &machine.format.hash_heights)?.into_iter();
        for (at, columns) in &machine.hashes {
            sha::fill(&mut traces.tables[*at], columns, &messages.next().unwrap_or_default());
        }
        count_ranges(&machine.chips, traces);
        Ok(())
    }
}

/// The leaves, header first, and the words of all that are gathered.
fn leaves_of(
    table: &Table,
    rows_per_leaf: u16,
    salt: &[u8; 32],
    format: &Format,
) -> (Vec<Leaf>, Vec<gather::Word>) {
    let header = commit::header(&Value::Table(table.clone()), rows_per_leaf, salt);
    let leaf = |id: u32, rows: usize, texts: Vec<u32>, preimage: &[u8]| {
        let mut hash = Sha256::new();
        hash.update(preimage);
        Leaf { rows, texts, message: Message::new(id, preimage), hash: hash.finish() }
    };
    let mut leaves = alloc::vec![leaf(0, 0, Vec::new(), &header)];
    let mut words = Vec::new();
    for (number, start) in (1u32..).zip((0..table.rows).step_by(usize::from(rows_per_leaf))) {
        let rows = start..table.rows.min(start + usize::from(rows_per_leaf));
        let mut preimage = Vec::new();
        commit::write_rows(table, rows.clone(), &mut preimage);
        let texts = texts_of(table, rows.clone());
        words.extend(gathered(&preimage, number << PLACE_BITS, rows.len() as u32, &texts, format));
        leaves.push(leaf(number, rows.len(), texts, &preimage));
    }
    (leaves, words)
}

/// For each text column, the words of its texts.
fn texts_of(table: &Table, rows: core::ops::Range<usize>) -> Vec<u32> {
    let texts = table.columns.iter().filter_map(|data| match &data.values {
        Values::Text(text) => {
            Some(rows.clone().map(|row| text.get(row).len() as u32).sum::<u32>().div_ceil(4))
        }
        _ => None,
    });
    texts.collect()
}

/// The words of a leaf in which several rows have parts.
fn gathered(leaf: &[u8], base: u32, rows: u32, texts: &[u32], format: &Format) -> Vec<gather::Word> {
    let (mut at, mut texts, mut words) = (1, texts.iter(), Vec::new());
    let mut take = |from: u32, count: u32| words.extend(gather::words(leaf, base, from..from + count));
    for field in &format.fields {
        if field.nullable {
            take(at, rows.div_ceil(32));
            at += rows.div_ceil(32);
        }
        match field.kind {
            Kind::Bool => {
                take(at, rows.div_ceil(4));
                at += rows.div_ceil(4);
            }
            Kind::Number { words } => at += words * rows,
            Kind::Text { .. } => {
                let content = texts.next().copied().unwrap_or(0);
                take(at + rows, content);
                at += rows + content;
            }
        }
    }
    words
}

/// Which message goes into which table with hashes: leaves first, then nodes where there is room.
fn assign(leaves: &[Leaf], nodes: &[tree::Inner], heights: &[u32]) -> Result<Vec<Vec<Message>>, ProveError> {
    let mut room: Vec<usize> = heights.iter().map(|height| (1 << height) / ROWS).collect();
    let mut tables: Vec<Vec<Message>> = alloc::vec![Vec::new(); heights.len()];
    let long = leaves.iter().skip(1).map(|leaf| leaf.message.clone());
    let short = leaves.iter().take(1).map(|leaf| leaf.message.clone());
    let nodes = nodes.iter().map(|node| Message::new(node.id, &node.preimage()));
    for message in long.chain(short).chain(nodes) {
        let at = room.iter().position(|room| *room >= message.blocks());
        let at = at.ok_or_else(|| ProveError::Internal("no room for a message".into()))?;
        room[at] -= message.blocks();
        tables[at].push(message);
    }
    Ok(tables)
}
