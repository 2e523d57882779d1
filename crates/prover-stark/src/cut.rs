//! How a large table is cut into shards, and the digest that it has then.

use proofmark_core::Digest;
use proofmark_plan::{
    guest,
    value::{Table, Value},
};
use proofmark_prover::{Digests, ProveError};
use proofmark_stark::{
    Bounds, Salt, cost, digest, output_text_bounds,
    shards::{MAX_SHARD_ROWS, MAX_SHARDS, Split, shard_bound, shard_salt, sharded_digest, slice},
};

use crate::{
    job::{Tables, unsupported},
    prove::Options,
};

/// The fewest rows that a memory limit makes a shard have: chips of fewer take no less.
const LEAST_ROWS: u32 = 255;

/// How a table is cut.
pub(crate) struct Cut {
    pub(crate) split: Split,
    /// Which input.
    pub(crate) input: usize,
    /// Rows of a shard.
    pub(crate) rows: u32,
    /// Bounds of the whole plan's inputs, of the large one those of a shard.
    pub(crate) bounds: Bounds,
}

impl Cut {
    /// How the largest input is cut. `None` if everything is proved at once.
    ///
    /// # Errors
    /// [`ProveError::Unsupported`] if the table takes shards and cannot have them.
    pub(crate) fn of(
        options: &Options,
        request: &guest::Request<'_>,
        tables: &Tables<'_>,
    ) -> Result<Option<Self>, ProveError> {
        let sizes = || tables.tables.iter().map(|table| table.rows);
        let Some(total) = sizes().max() else { return Ok(None) };
        let input = sizes().position(|rows| rows == total).unwrap_or_default();
        let name = &request.typed.inputs[input].name;
        let mut rows = options.shard_rows.clamp(1, MAX_SHARD_ROWS);
        // Shards are a choice as long as one proof takes all rows.
        let must = total > MAX_SHARD_ROWS as usize;
        if total <= rows as usize {
            let limit = options.memory_limit_bytes;
            let fits = limit.is_none_or(|limit| {
                cost(request.typed, &tables.bounds, options.level)
                    .map_or(true, |cost| cost.memory_bytes <= limit)
            });
            if fits {
                return Ok(None);
            }
            // Less than the whole: at least two shards.
            rows = shard_bound(total as u32) >> 1;
        }
        let found = Self::fitting(options, request, tables, (input, total, rows));
        match found {
            Ok(cut) => Ok(Some(cut)),
            Err(_) if !must => Ok(None),
            Err(reason) => Err(unsupported(format!(
                "input {name} has {total} rows, more than one proof takes ({MAX_SHARD_ROWS}): {reason}"
            ))),
        }
    }

    /// The largest shards of at most `rows` rows that fit the memory; if none does, the smallest.
    fn fitting(
        options: &Options,
        request: &guest::Request<'_>,
        tables: &Tables<'_>,
        (input, total, mut rows): (usize, usize, u32),
    ) -> Result<Self, String> {
        let name = &request.typed.inputs[input].name;
        let mut found: Option<Self> = None;
        loop {
            let count = total.div_ceil(rows.max(1) as usize);
            let split = match Split::new(request.plan, name, count) {
                Ok(split) => split,
                Err(refused) if found.is_none() => {
                    return Err(format!("step {}: {}", refused.step, refused.reason));
                }
                Err(_) => break,
            };
            let mut bounds = tables.bounds.clone();
            bounds.inputs[input].rows = shard_bound(rows);
            let of_shard = split.shard_bounds(input, &bounds).ok_or("a derived plan has other inputs")?;
            let cost = cost(&split.shard, &of_shard, options.level).map_err(|error| error.to_string())?;
            found = Some(Self { split, input, rows, bounds });
            let fits = options.memory_limit_bytes.is_none_or(|limit| cost.memory_bytes <= limit);
            let fewer = shard_bound(rows) >> 1;
            if fits || fewer < LEAST_ROWS || total.div_ceil(fewer as usize) > MAX_SHARDS {
                break;
            }
            rows = fewer;
        }
        found.ok_or_else(|| "it has no rows".to_owned())
    }

    /// The digests of a claim.
    ///
    /// # Errors
    /// [`ProveError::Unsupported`].
    pub(crate) fn digests(
        &self,
        request: &guest::Request<'_>,
        tables: &Tables<'_>,
        output: &Table,
    ) -> Result<Digests, ProveError> {
        let digest_of = |at| {
            if at != self.input {
                return tables.digest(at);
            }
            let text = &self.bounds.inputs[at].text_bytes;
            digest_of_shards(tables.tables[at], self.rows, text, &request.inputs[at].1)
                .map_err(|error| unsupported(error.to_string()))?
                .ok_or_else(|| unsupported("a shard without digest"))
        };
        let inputs = (0..tables.tables.len()).map(digest_of).collect::<Result<_, _>>()?;
        let none = || unsupported("the merge has other inputs");
        let bounds =
            self.split.merge_bounds(self.input, &self.bounds, &[]).map_err(steps)?.ok_or_else(none)?;
        let text = output_text_bounds(&self.split.merge, &bounds).map_err(steps)?;
        let output = digest::table_with_text_bounds(output, &text, Salt::from_seed(&request.output_salt))
            .map_err(|error| unsupported(format!("the output: {error}")))?;
        Ok(Digests { inputs, output })
    }
}

/// The digest of a table in shards, each under a salt of its own; `None` if there are none.
fn digest_of_shards(
    table: &Table,
    rows: u32,
    text: &[u8],
    seed: &[u8; 32],
) -> Result<Option<Digest>, digest::DigestError> {
    let of_shard = |(at, shard): (usize, Table)| {
        digest::table_with_text_bounds(&shard, text, Salt::from_seed(&shard_salt(seed, at)))
    };
    let shards = slice(table, rows).enumerate().map(of_shard).collect::<Result<Vec<_>, _>>()?;
    Ok(sharded_digest(rows, &shards))
}

/// The digest of a table in shards of so many rows, under a salt as for `Digests`; `None` if no proof can be about it.
pub fn sharded_table_digest(value: &Value, salt: &[u8; 32], rows: u32) -> Option<Digest> {
    let Value::Table(table) = value else { return None };
    let count = table.rows.div_ceil(rows.max(1) as usize);
    if !(1..=MAX_SHARD_ROWS).contains(&rows) || !(2..=MAX_SHARDS).contains(&count) {
        return None;
    }
    let bounds = proofmark_stark::TableBounds::of(table)?;
    digest_of_shards(table, rows, &bounds.text_bytes, salt).ok()?
}

pub(crate) fn steps(found: Vec<proofmark_stark::Unsupported>) -> ProveError {
    let steps: Vec<_> = found.iter().map(|step| format!("{}: {}", step.step, step.reason)).collect();
    unsupported(steps.join("; "))
}
