//! Expressions, one row at a time.

use super::*;

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
