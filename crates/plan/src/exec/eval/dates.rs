//! Dates and timestamps.

use super::{
    super::error::{ExecErrorKind, Fault, Result},
    cells::{Cells, Frame},
};
use crate::{
    calendar::{DAY_MICROSECONDS, MAX_DATE, MIN_DATE, civil},
    expr::Function,
    types::Type,
    value::Values,
};

/// `d - e`, `d + n`, `d - n`.
pub(super) fn add_or_sub(
    function: Function,
    args: &[Cells],
    types: &[Type],
    ty: Type,
    frame: Frame<'_>,
) -> Result<Values> {
    let (a, b) = (args[0].numbers()?, args[1].numbers()?);
    let days_only = types.iter().all(|ty| matches!(ty, Type::Date | Type::Int));
    if !days_only {
        return Err(ExecErrorKind::BadPlan("only dates and days are added"));
    }
    Ok(Values::Narrow(frame.try_fill(|at| {
        let (a, b) = (a.at(at), b.at(at));
        // Operands have 64 bits, so 128 bits hold every sum.
        let result = if function == Function::Add { a + b } else { a - b };
        match i64::try_from(result) {
            Ok(days) if ty != Type::Date || (i64::from(MIN_DATE)..=i64::from(MAX_DATE)).contains(&days) => {
                Ok(days)
            }
            _ => Err(Fault::Date),
        }
    })?))
}

/// `year`, `month`, `day` of a date or timestamp; `date` of a timestamp.
pub(super) fn part(function: Function, arg: &Cells, from: Type, frame: Frame<'_>) -> Result<Values> {
    let a = arg.numbers()?;
    let days = |at: usize| {
        let value = a.at(at) as i64;
        (if from == Type::Timestamp { value.div_euclid(DAY_MICROSECONDS) } else { value }) as i32
    };
    Ok(Values::Narrow(match function {
        Function::DateOf => frame.fill(|at| i64::from(days(at))),
        Function::Year => frame.fill(|at| i64::from(civil(days(at)).0)),
        Function::Month => frame.fill(|at| i64::from(civil(days(at)).1)),
        _ => frame.fill(|at| i64::from(civil(days(at)).2)),
    }))
}
