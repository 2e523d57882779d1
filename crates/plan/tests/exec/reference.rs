//! A naive second executor: one row at a time, big integers, ordered maps. It shares no code with the first but the
//! types of checked plans and the calendar.

use std::{cmp::Ordering, collections::BTreeMap};

use num_bigint::{BigInt, Sign};
use proofmark_plan::{
    calendar,
    expr::Function as F,
    model::MergeHow,
    typed::{
        MapColumn, MergeColumn, ReduceColumn, Scalar, TypedExpr, TypedKind, TypedOp, TypedReduction,
        TypedSortKey,
    },
    types::{ColumnType, Schema, Type},
    value::{ColumnBuilder, Table, Values},
};

/// A value; the order is that of ascending sorting, nulls last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Bool(bool),
    Bytes(Vec<u8>),
    Number(BigInt),
    Null,
}

pub(crate) type Row = Vec<Cell>;

/// Why a row failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Conversion,
    Date,
    Division,
    Overflow,
    Root,
}

type Outcome = Result<Cell, Failure>;

/// A table as rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) schema: Schema,
    pub(crate) rows: Vec<Row>,
}

impl Rows {
    pub(crate) fn of(table: &Table) -> Self {
        let cell = |column: usize, row: usize| {
            let column = &table.columns[column];
            if column.is_null(row) {
                // A null must be stored as nothing.
                match &column.values {
                    Values::Bool(values) => assert!(!values[row]),
                    Values::Narrow(values) => assert_eq!(values[row], 0),
                    Values::Text(text) => assert!(text.get(row).is_empty()),
                    Values::Wide(values) => assert_eq!(values[row], 0),
                }
                return Cell::Null;
            }
            match &column.values {
                Values::Bool(values) => Cell::Bool(values[row]),
                Values::Narrow(values) => Cell::Number(values[row].into()),
                Values::Text(text) => Cell::Bytes(text.get(row).to_vec()),
                Values::Wide(values) => Cell::Number(values[row].into()),
            }
        };
        let rows = (0..table.rows).map(|row| (0..table.columns.len()).map(|at| cell(at, row)).collect());
        Self { schema: table.schema.clone(), rows: rows.collect() }
    }

    pub(crate) fn to_table(&self) -> Table {
        let columns = self.schema.columns().iter().enumerate().map(|(at, column)| {
            let mut builder = ColumnBuilder::new(column.ty, self.rows.len());
            for row in &self.rows {
                match &row[at] {
                    Cell::Bool(value) => builder.push_bool(*value),
                    Cell::Bytes(bytes) => builder.push_text(bytes).unwrap(),
                    Cell::Number(number) => builder.push_number(i128::try_from(number).unwrap()),
                    Cell::Null => builder.push_null(),
                }
            }
            builder.finish().into()
        });
        Table { schema: self.schema.clone(), rows: self.rows.len(), columns: columns.collect() }
    }
}

fn ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// `a / b` to the nearest integer, ties to even.
pub(crate) fn nearest(a: &BigInt, b: &BigInt) -> BigInt {
    let (a, b) = if b.sign() == Sign::Minus { (-a, -b) } else { (a.clone(), b.clone()) };
    let floor = floor_div(&a, &b);
    let twice: BigInt = (&a - &floor * &b) * 2;
    let odd = (&floor % 2i32) != BigInt::ZERO;
    match twice.cmp(&b) {
        Ordering::Less => floor,
        Ordering::Equal if !odd => floor,
        _ => floor + 1,
    }
}

fn floor_div(a: &BigInt, b: &BigInt) -> BigInt {
    let quotient = a / b;
    if (a % b) != BigInt::ZERO && (a.sign() != b.sign()) { quotient - 1 } else { quotient }
}

/// The root of `a / b` to the nearest integer, ties to even.
fn nearest_root(a: &BigInt, b: &BigInt) -> BigInt {
    let floor = (a / b).sqrt();
    let odd = &floor * 2 + 1;
    let (left, right): (BigInt, BigInt) = (a * 4, &odd * &odd * b);
    match left.cmp(&right) {
        Ordering::Less => floor,
        Ordering::Equal if (&floor % 2i32) == BigInt::ZERO => floor,
        _ => floor + 1,
    }
}

/// Multiplies a fraction by `10^shift`.
fn shifted(a: BigInt, b: BigInt, shift: i64) -> (BigInt, BigInt) {
    let factor = ten(shift.unsigned_abs() as u32);
    if shift >= 0 { (a * factor, b) } else { (a, b * factor) }
}

fn fit(value: BigInt, ty: Type) -> Outcome {
    let fits = match ty {
        Type::Decimal { precision, .. } => value.magnitude() < ten(precision.into()).magnitude(),
        _ => i64::try_from(&value).is_ok(),
    };
    if fits { Ok(Cell::Number(value)) } else { Err(Failure::Overflow) }
}

fn scale(ty: Type) -> i64 {
    ty.scale().unwrap_or(0).into()
}

fn number(cell: &Cell) -> &BigInt {
    match cell {
        Cell::Number(number) => number,
        other => panic!("{other:?} is not a number"),
    }
}

fn bytes(cell: &Cell) -> &[u8] {
    match cell {
        Cell::Bytes(bytes) => bytes,
        other => panic!("{other:?} is not a text"),
    }
}

fn text(cell: &Cell) -> &str {
    std::str::from_utf8(bytes(cell)).unwrap()
}

fn constant(scalar: &Scalar) -> Cell {
    match scalar {
        Scalar::Bool(value) => Cell::Bool(*value),
        Scalar::Bytes(bytes) => Cell::Bytes(bytes.to_vec()),
        Scalar::Number(number) => Cell::Number((*number).into()),
        Scalar::Null => Cell::Null,
    }
}

/// An expression over row `at`.
pub(crate) fn evaluate(expr: &TypedExpr, table: &Rows, at: usize) -> Outcome {
    let row = &table.rows[at];
    match &expr.kind {
        TypedKind::Column(column) => Ok(row[*column].clone()),
        TypedKind::Constant(scalar) => Ok(constant(scalar)),
        TypedKind::In(inner, constants) => {
            let value = evaluate(inner, table, at)?;
            if value == Cell::Null {
                return Ok(Cell::Null);
            }
            Ok(Cell::Bool(constants.iter().any(|scalar| constant(scalar) == value)))
        }
        TypedKind::Previous { column, by, order } => Ok(previous(table, at, *column, by, order)),
        TypedKind::Widen(inner) => {
            let value = evaluate(inner, table, at)?;
            if value == Cell::Null {
                return Ok(Cell::Null);
            }
            let shift = scale(expr.ty.ty) - scale(inner.ty.ty);
            fit(number(&value) * ten(shift as u32), expr.ty.ty)
        }
        TypedKind::Call(function, args) => call(*function, args, expr.ty, table, at),
    }
}

fn previous(table: &Rows, at: usize, column: usize, by: &[usize], order: &[usize]) -> Cell {
    let key = |row: usize, columns: &[usize]| -> Vec<Cell> {
        columns.iter().map(|&column| table.rows[row][column].clone()).collect()
    };
    let mine = (key(at, order), at);
    let before = (0..table.rows.len()).filter(|&other| key(other, by) == key(at, by));
    let before = before.map(|other| (key(other, order), other)).filter(|other| *other < mine).max();
    before.map_or(Cell::Null, |(_, row)| table.rows[row][column].clone())
}

fn call(function: F, args: &[TypedExpr], ty: ColumnType, table: &Rows, at: usize) -> Outcome {
    let eval = |index: usize| evaluate(&args[index], table, at);
    match function {
        F::And | F::Or => {
            let decided = Cell::Bool(function == F::Or);
            let left = eval(0)?;
            if left == decided {
                return Ok(left);
            }
            let right = eval(1)?;
            return Ok(if right == decided || left != Cell::Null { right } else { Cell::Null });
        }
        F::If => return if eval(0)? == Cell::Bool(true) { eval(1) } else { eval(2) },
        F::Coalesce => {
            for index in 0..args.len() {
                let value = eval(index)?;
                if value != Cell::Null {
                    return Ok(value);
                }
            }
            return Ok(Cell::Null);
        }
        F::IsNull => return Ok(Cell::Bool(eval(0)? == Cell::Null)),
        _ => {}
    }
    let values = (0..args.len()).map(eval).collect::<Result<Vec<_>, _>>()?;
    if values.contains(&Cell::Null) {
        return Ok(Cell::Null);
    }
    let ty = ty.ty;
    let types: Vec<Type> = args.iter().map(|arg| arg.ty.ty).collect();
    let n = |index: usize| number(&values[index]).clone();
    let is_date = |index: usize| types[index] == Type::Date;
    let compared = || values[0].cmp(&values[1]);
    Ok(Cell::Number(match function {
        F::Eq => return Ok(Cell::Bool(compared().is_eq())),
        F::Ne => return Ok(Cell::Bool(compared().is_ne())),
        F::Lt => return Ok(Cell::Bool(compared().is_lt())),
        F::Le => return Ok(Cell::Bool(compared().is_le())),
        F::Gt => return Ok(Cell::Bool(compared().is_gt())),
        F::Ge => return Ok(Cell::Bool(compared().is_ge())),
        F::Least => return Ok(values.iter().min().unwrap().clone()),
        F::Greatest => return Ok(values.iter().max().unwrap().clone()),
        F::Not => return Ok(Cell::Bool(values[0] == Cell::Bool(false))),
        F::Add if types[0] == Type::String => {
            return Ok(Cell::Bytes([bytes(&values[0]), bytes(&values[1])].concat()));
        }
        F::Add | F::Sub if is_date(0) => {
            let days = if function == F::Add { n(0) + n(1) } else { n(0) - n(1) };
            let range = BigInt::from(calendar::MIN_DATE)..=BigInt::from(calendar::MAX_DATE);
            return if is_date(1) || range.contains(&days) {
                Ok(Cell::Number(days))
            } else {
                Err(Failure::Date)
            };
        }
        F::Abs => return fit(if n(0) < BigInt::ZERO { -n(0) } else { n(0) }, ty),
        F::Neg => return fit(-n(0), ty),
        F::Sign => n(0).cmp(&BigInt::ZERO).to_i64().into(),
        F::Add => return fit(n(0) + n(1), ty),
        F::Sub => return fit(n(0) - n(1), ty),
        F::Mul => return fit(n(0) * n(1), ty),
        F::Quotient | F::Remainder | F::Div if n(1) == BigInt::ZERO => return Err(Failure::Division),
        F::Quotient => return fit(n(0) / n(1), ty),
        F::Remainder => return fit(n(0) % n(1), ty),
        F::Div => {
            let (a, b) = shifted(n(0), n(1), scale(ty) + scale(types[1]) - scale(types[0]));
            return fit(nearest(&a, &b), ty);
        }
        F::Power => return fit(n(0).pow(u32::try_from(n(1)).unwrap()), ty),
        F::Sqrt if n(0) < BigInt::ZERO => return Err(Failure::Root),
        F::Sqrt => {
            let (a, b) = shifted(n(0), 1.into(), 2 * scale(ty) - scale(types[0]));
            return fit(nearest_root(&a, &b), ty);
        }
        F::Round | F::Trunc | F::Floor | F::Ceil => {
            let (a, b) = shifted(n(0), 1.into(), scale(ty) - scale(types[0]));
            let result = match function {
                F::Round => nearest(&a, &b),
                F::Trunc => a / b,
                F::Floor => floor_div(&a, &b),
                _ => -floor_div(&-a, &b),
            };
            return fit(result, ty);
        }
        F::Int | F::Decimal => return convert(&values[0], types[0], ty),
        F::String => return Ok(Cell::Bytes(written(&values[0], types[0]).into_bytes())),
        F::DateOf | F::Year | F::Month | F::Day => {
            let micros = types[0] == Type::Timestamp;
            let days = if micros { floor_div(&n(0), &calendar::DAY_MICROSECONDS.into()) } else { n(0) };
            let (year, month, day) = calendar::civil(i32::try_from(&days).unwrap());
            match function {
                F::Year => year.into(),
                F::Month => month.into(),
                F::Day => day.into(),
                _ => days,
            }
        }
        F::Contains => return Ok(Cell::Bool(text(&values[0]).contains(text(&values[1])))),
        F::StartsWith => return Ok(Cell::Bool(text(&values[0]).starts_with(text(&values[1])))),
        F::EndsWith => return Ok(Cell::Bool(text(&values[0]).ends_with(text(&values[1])))),
        F::LowerAscii => return Ok(Cell::Bytes(text(&values[0]).to_ascii_lowercase().into())),
        F::UpperAscii => return Ok(Cell::Bytes(text(&values[0]).to_ascii_uppercase().into())),
        F::Trim => return Ok(Cell::Bytes(bytes(&values[0]).trim_ascii().to_vec())),
        F::Substring => {
            let bound = |index: usize| usize::try_from(n(index).max(BigInt::ZERO)).unwrap();
            let (from, to) = (bound(1), bound(2));
            let chars = text(&values[0]).chars().take(to).skip(from);
            return Ok(Cell::Bytes(chars.collect::<String>().into()));
        }
        F::Size if types[0] == Type::String => text(&values[0]).chars().count().into(),
        F::Size => bytes(&values[0]).len().into(),
        F::Sha256 => {
            let mut hasher = proofmark_core::sha256::Sha256::new();
            hasher.update(bytes(&values[0]));
            return Ok(Cell::Bytes(hasher.finish().to_vec()));
        }
        F::And | F::Or | F::If | F::Coalesce | F::IsNull | F::In => unreachable!(),
    }))
}

trait Signum {
    fn to_i64(self) -> i64;
}

impl Signum for Ordering {
    fn to_i64(self) -> i64 {
        self as i64
    }
}

fn convert(value: &Cell, from: Type, ty: Type) -> Outcome {
    let failure = Err(Failure::Conversion);
    let (digits, digits_scale) = match (value, from) {
        (Cell::Bool(value), _) => (BigInt::from(u8::from(*value)), 0),
        (Cell::Bytes(_), _) => {
            let text = text(value);
            let unsigned = text.strip_prefix('-').unwrap_or(text);
            let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if !digits(whole) || !digits(fraction) || (ty == Type::Int && text.contains('.')) {
                return failure;
            }
            let all: BigInt = format!("{whole}{fraction}").parse().unwrap();
            (if text.starts_with('-') { -all } else { all }, fraction.len() as i64)
        }
        _ => (number(value).clone(), scale(from)),
    };
    let (a, b) = shifted(digits, 1.into(), scale(ty) - digits_scale);
    if (&a % &b) != BigInt::ZERO {
        return failure;
    }
    fit(a / b, ty).map_err(|_| Failure::Conversion)
}

fn written(value: &Cell, ty: Type) -> String {
    match (value, ty) {
        (Cell::Bool(value), _) => value.to_string(),
        (_, Type::Date) => {
            let (year, month, day) = calendar::civil(i32::try_from(number(value)).unwrap());
            format!("{year:04}-{month:02}-{day:02}")
        }
        (_, Type::Timestamp) => {
            let (day, second) = (BigInt::from(calendar::DAY_MICROSECONDS), BigInt::from(1_000_000));
            let days = floor_div(number(value), &day);
            let time = number(value) - &days * &day;
            let (seconds, fraction) = (&time / &second, &time % &second);
            let clock = |unit: i32| i32::try_from(&seconds / unit % 60).unwrap();
            let (hours, minutes) = (i32::try_from(&seconds / 3600).unwrap(), clock(60));
            let date = written(&Cell::Number(days), Type::Date);
            let fraction = if fraction == BigInt::ZERO {
                String::new()
            } else {
                format!(".{:0>6}", fraction.to_string())
            };
            format!("{date}T{hours:02}:{minutes:02}:{:02}{fraction}Z", clock(1))
        }
        (_, Type::Decimal { scale: scale @ 1.., .. }) => {
            let number = number(value);
            let digits = format!("{:0>width$}", number.magnitude(), width = usize::from(scale) + 1);
            let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
            format!("{}{whole}.{fraction}", if number.sign() == Sign::Minus { "-" } else { "" })
        }
        (_, Type::String) => text(value).to_string(),
        _ => number(value).to_string(),
    }
}

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
