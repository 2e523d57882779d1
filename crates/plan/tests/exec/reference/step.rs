//! Steps.

use super::*;

/// How rows compare by sort keys, then by number.
fn by_keys(table: &Rows, keys: &[TypedSortKey], a: usize, b: usize) -> Ordering {
    for key in keys {
        let (left, right) = (&table.rows[a][key.column], &table.rows[b][key.column]);
        let order = match (*left == Cell::Null, *right == Cell::Null) {
            (true, true) => Ordering::Equal,
            (true, false) if key.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if key.nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if key.descending => right.cmp(left),
            (false, false) => left.cmp(right),
        };
        if order.is_ne() {
            return order;
        }
    }
    a.cmp(&b)
}

/// A step over one or two tables. Fails with the row and the reason of every row that fails.
pub(crate) fn step(op: &TypedOp, inputs: &[Rows], schema: &Schema) -> Result<Rows, BTreeMap<usize, Failure>> {
    let table = &inputs[0];
    let rows = match op {
        TypedOp::Filter { condition, .. } => {
            let bits = each(table, |at| evaluate(condition, table, at))?;
            let kept = table.rows.iter().zip(bits).filter(|(_, bit)| *bit == Cell::Bool(true));
            kept.map(|(row, _)| row.clone()).collect()
        }
        TypedOp::Map { columns, .. } => each(table, |at| {
            columns
                .iter()
                .map(|column| match column {
                    MapColumn::Compute(expr) => evaluate(expr, table, at),
                    MapColumn::Keep(column) => Ok(table.rows[at][*column].clone()),
                })
                .collect::<Result<Row, _>>()
        })?,
        TypedOp::Sort { by, limit, .. } => {
            let mut order: Vec<usize> = (0..table.rows.len()).collect();
            order.sort_by(|&a, &b| by_keys(table, by, a, b));
            order.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
            order.into_iter().map(|row| table.rows[row].clone()).collect()
        }
        TypedOp::Limit { offset, count, .. } => {
            table.rows.iter().skip(*offset as usize).take(*count as usize).cloned().collect()
        }
        TypedOp::Distinct { fields, .. } => {
            let mut seen: Vec<Row> = Vec::new();
            let mut rows = Vec::new();
            for row in &table.rows {
                let key: Row = fields.iter().map(|field| row[*field].clone()).collect();
                if !seen.contains(&key) {
                    seen.push(key);
                    rows.push(row.clone());
                }
            }
            rows
        }
        TypedOp::Concat { .. } => inputs.iter().flat_map(|table| table.rows.clone()).collect(),
        TypedOp::Merge { how, left_keys, right_keys, columns, .. } => {
            merge(table, &inputs[1], *how, (left_keys, right_keys), columns)
        }
        TypedOp::Reduce { keys, columns, .. } => reduce(table, keys, columns, schema)?,
        other => panic!("no reference for {other:?}"),
    };
    Ok(Rows { schema: schema.clone(), rows })
}

fn each<T>(
    table: &Rows,
    f: impl Fn(usize) -> Result<T, Failure>,
) -> Result<Vec<T>, BTreeMap<usize, Failure>> {
    let results: Vec<_> = (0..table.rows.len()).map(f).collect();
    let failures: BTreeMap<usize, Failure> =
        results.iter().enumerate().filter_map(|(row, result)| Some((row, *result.as_ref().err()?))).collect();
    if failures.is_empty() {
        Ok(results.into_iter().map(|result| result.ok().unwrap()).collect())
    } else {
        Err(failures)
    }
}

fn merge(
    left: &Rows,
    right: &Rows,
    how: MergeHow,
    (left_keys, right_keys): (&[usize], &[usize]),
    columns: &[MergeColumn],
) -> Vec<Row> {
    let matching = |a: &Row, b: &Row| {
        left_keys.iter().zip(right_keys).all(|(&l, &r)| a[l] == b[r] && a[l] != Cell::Null)
    };
    let joined = |a: Option<&Row>, b: Option<&Row>| -> Row {
        let cell = |row: Option<&Row>, at: usize| row.map_or(Cell::Null, |row| row[at].clone());
        columns
            .iter()
            .map(|column| match column {
                MergeColumn::Key(at) if a.is_some() => cell(a, left_keys[*at]),
                MergeColumn::Key(at) => cell(b, right_keys[*at]),
                MergeColumn::Left(at) => cell(a, *at),
                MergeColumn::Right(at) => cell(b, *at),
            })
            .collect()
    };
    let any_right = |a: &Row| right.rows.iter().any(|b| matching(a, b));
    let lonely_right = || right.rows.iter().filter(|b| !left.rows.iter().any(|a| matching(a, b)));
    match how {
        MergeHow::Semi => left.rows.iter().filter(|a| any_right(a)).cloned().collect(),
        MergeHow::Anti => left.rows.iter().filter(|a| !any_right(a)).cloned().collect(),
        MergeHow::Union => left.rows.iter().chain(lonely_right()).cloned().collect(),
        MergeHow::Inner | MergeHow::Left | MergeHow::Full => {
            let mut rows = Vec::new();
            for a in &left.rows {
                rows.extend(right.rows.iter().filter(|b| matching(a, b)).map(|b| joined(Some(a), Some(b))));
                if !any_right(a) && how != MergeHow::Inner {
                    rows.push(joined(Some(a), None));
                }
            }
            if how == MergeHow::Full {
                rows.extend(lonely_right().map(|b| joined(None, Some(b))));
            }
            rows
        }
    }
}

fn reduce(
    table: &Rows,
    keys: &[usize],
    columns: &[ReduceColumn],
    schema: &Schema,
) -> Result<Vec<Row>, BTreeMap<usize, Failure>> {
    let mut groups: BTreeMap<Row, Vec<usize>> = BTreeMap::new();
    if keys.is_empty() {
        groups.insert(Row::new(), Vec::new());
    }
    for (at, row) in table.rows.iter().enumerate() {
        groups.entry(keys.iter().map(|key| row[*key].clone()).collect()).or_default().push(at);
    }
    let mut failures = BTreeMap::new();
    let mut rows = Vec::new();
    for (key, members) in &groups {
        let mut row = Row::new();
        for (column, declared) in columns.iter().zip(schema.columns()) {
            let cell = match column {
                ReduceColumn::Key(at) => Ok(key[*at].clone()),
                ReduceColumn::Aggregate(reduction) => aggregate(table, members, reduction, declared.ty.ty),
            };
            match cell {
                Ok(cell) => row.push(cell),
                Err(failure) => {
                    failures.insert(members.first().copied().unwrap_or(0), failure);
                }
            }
        }
        rows.push(row);
    }
    if failures.is_empty() { Ok(rows) } else { Err(failures) }
}

fn aggregate(table: &Rows, members: &[usize], reduction: &TypedReduction, ty: Type) -> Outcome {
    use TypedReduction as R;
    let values = |field: usize| -> Vec<Cell> {
        let all = members.iter().map(|row| table.rows[*row][field].clone());
        all.filter(|cell| *cell != Cell::Null).collect()
    };
    let numbers =
        |field: usize| -> Vec<BigInt> { values(field).iter().map(|cell| number(cell).clone()).collect() };
    let from = |field: usize| scale(table.schema.columns()[field].ty.ty);
    let picked = |field: usize, keys: &[TypedSortKey], last: bool| {
        let mut order: Vec<usize> =
            members.iter().copied().filter(|row| table.rows[*row][field] != Cell::Null).collect();
        order.sort_by(|&a, &b| by_keys(table, keys, a, b));
        let row = if last { order.last() } else { order.first() };
        row.map_or(Cell::Null, |row| table.rows[*row][field].clone())
    };
    match reduction {
        R::CountRows => Ok(Cell::Number(members.len().into())),
        R::Count(field) => Ok(Cell::Number(values(*field).len().into())),
        R::CountDistinct(field) => {
            let mut all = values(*field);
            all.sort();
            all.dedup();
            Ok(Cell::Number(all.len().into()))
        }
        R::First(field, keys) => Ok(picked(*field, keys, false)),
        R::Last(field, keys) => Ok(picked(*field, keys, true)),
        R::Min(field) => Ok(values(*field).into_iter().min().unwrap_or(Cell::Null)),
        R::Max(field) => Ok(values(*field).into_iter().max().unwrap_or(Cell::Null)),
        R::Sum(field) => {
            let numbers = numbers(*field);
            if numbers.is_empty() { Ok(Cell::Null) } else { fit(numbers.into_iter().sum(), ty) }
        }
        R::Mean(field, _) => {
            let numbers = numbers(*field);
            let len = numbers.len();
            if len == 0 {
                return Ok(Cell::Null);
            }
            let (a, b) = shifted(numbers.into_iter().sum(), len.into(), scale(ty) - from(*field));
            fit(nearest(&a, &b), ty)
        }
        R::Variance { field, population, root, .. } => {
            let numbers = numbers(*field);
            let n = BigInt::from(numbers.len());
            let divisor = if *population { n.clone() } else { &n - 1 };
            if divisor <= BigInt::ZERO {
                return Ok(Cell::Null);
            }
            // The one bound on the way: 256 bits for n times the sum of squares.
            if &n * numbers.iter().map(|x| x * x).sum::<BigInt>() >= BigInt::from(2).pow(255) {
                return Err(Failure::Overflow);
            }
            // Deviations from the mean, times n so that they are whole.
            let total: BigInt = numbers.iter().sum();
            let deviations: BigInt = numbers.iter().map(|x| (x * &n - &total).pow(2)).sum();
            let divisor = divisor * &n * &n;
            if *root {
                let (a, b) = shifted(deviations, divisor, 2 * (scale(ty) - from(*field)));
                fit(nearest_root(&a, &b), ty)
            } else {
                let (a, b) = shifted(deviations, divisor, scale(ty) - 2 * from(*field));
                fit(nearest(&a, &b), ty)
            }
        }
        R::Percentile { field, digits, p_scale, discrete, .. } => {
            let mut numbers = numbers(*field);
            if numbers.is_empty() {
                return Ok(Cell::Null);
            }
            numbers.sort();
            let unit = ten(u32::from(*p_scale));
            let shift = scale(ty) - from(*field);
            let (a, b) = if *discrete {
                let at = numbers.iter().enumerate().position(|(at, _)| {
                    BigInt::from(at + 1) * &unit >= BigInt::from(*digits) * BigInt::from(numbers.len())
                });
                shifted(numbers[at.unwrap()].clone(), 1.into(), shift)
            } else {
                let place = BigInt::from(*digits) * BigInt::from(numbers.len() - 1);
                let below = usize::try_from(&place / &unit).unwrap();
                let above = (below + 1).min(numbers.len() - 1);
                let part = &place % &unit;
                let value = &numbers[below] * (&unit - &part) + &numbers[above] * &part;
                shifted(value, unit, shift)
            };
            fit(nearest(&a, &b), ty)
        }
    }
}
