//! Metric math, computed (User Guide, "Using math expressions with CloudWatch metrics", "Metric math syntax and
//! functions").

use anyhow::{Result, bail, ensure};

use super::math::{Expression, Filler, Many, Operator};

/// What a series has at a moment: a value, or nothing.
pub(super) type Point = Option<f64>;

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// The same at all times.
    Number(f64),
    /// A point for each period, the oldest first.
    Series(Vec<Point>),
}

/// What FILL makes of a series that has no point at all. The User Guide does not say, so an alarm must do with both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// It fills every point.
    Always,
    /// It leaves nothing as it is.
    UnlessEmpty,
}

impl Value {
    fn at(&self, index: usize) -> Point {
        match self {
            Self::Number(number) => Some(*number),
            Self::Series(points) => points.get(index).copied().flatten(),
        }
    }
}

/// Computes an expression, over this many points.
///
/// # Errors
/// If `query` does not know an id, or the values do not fit.
pub(super) fn compute(
    expression: &Expression,
    points: usize,
    filling: Filling,
    query: &mut dyn FnMut(&str) -> Result<Value>,
) -> Result<Value> {
    let mut of = |one: &Expression| compute(one, points, filling, query);
    Ok(match expression {
        Expression::Number(number) => Value::Number(*number),
        Expression::Id(id) => query(id)?,
        Expression::Minus(value) => {
            let zero = Value::Number(0.0);
            both(Operator::Minus, &zero, &of(value)?, points)?
        }
        Expression::Both(operator, left, right) => {
            let (left, right) = (of(left)?, of(right)?);
            both(*operator, &left, &right, points)?
        }
        Expression::If(condition, then, otherwise) => {
            let (condition, then) = (of(condition)?, of(then)?);
            let otherwise = otherwise.as_deref().map(of).transpose()?;
            choose(&condition, then, otherwise, points)
        }
        Expression::Fill(series, filler) => {
            let Value::Series(series) = of(series)? else {
                bail!("a number has nothing to fill");
            };
            if filling == Filling::UnlessEmpty && series.iter().all(Option::is_none) {
                return Ok(Value::Series(series));
            }
            let by = match filler {
                Filler::By(by) => Some(of(by)?),
                Filler::Repeat => None,
            };
            let mut before = None;
            let fill = |(index, point): (usize, Point)| {
                before = point.or_else(|| by.as_ref().map_or(before, |by| by.at(index)));
                before
            };
            Value::Series(series.into_iter().enumerate().map(fill).collect())
        }
        Expression::Of(many, all) => {
            let all: Vec<_> = all.iter().map(of).collect::<Result<_>>()?;
            let series = |one: &Value| matches!(one, Value::Series(_));
            ensure!(all.iter().all(series), "an array is made of series");
            let reduce = match many {
                Many::Max => f64::max,
                Many::Min => f64::min,
                Many::Sum => |a: f64, b: f64| a + b,
            };
            let at = |index| all.iter().filter_map(|one| one.at(index)).reduce(reduce);
            Value::Series((0..points).map(at).collect())
        }
    })
}

/// Where one of two series has nothing, 0 stands for it. What would be divided by 0 is dropped.
fn both(operator: Operator, left: &Value, right: &Value, points: usize) -> Result<Value> {
    if let (Value::Number(left), Value::Number(right)) = (left, right) {
        let Some(number) = operate(operator, *left, *right) else {
            bail!("{left} is divided by 0");
        };
        return Ok(Value::Number(number));
    }
    let two_series = matches!((left, right), (Value::Series(_), Value::Series(_)));
    let point = |index| match (left.at(index), right.at(index)) {
        (Some(left), Some(right)) => operate(operator, left, right),
        (Some(left), None) if two_series => operate(operator, left, 0.0),
        (None, Some(right)) if two_series => operate(operator, 0.0, right),
        _ => None,
    };
    Ok(Value::Series((0..points).map(point).collect()))
}

#[expect(
    clippy::float_cmp,
    reason = "CloudWatch compares the numbers as they are"
)]
fn operate(operator: Operator, left: f64, right: f64) -> Point {
    let truth = |holds: bool| f64::from(u8::from(holds));
    Some(match operator {
        Operator::Plus => left + right,
        Operator::Minus => left - right,
        Operator::Times => left * right,
        Operator::Divide if right == 0.0 => return None,
        Operator::Divide => left / right,
        Operator::Less => truth(left < right),
        Operator::More => truth(left > right),
        Operator::AtMost => truth(left <= right),
        Operator::AtLeast => truth(left >= right),
        Operator::Equal => truth(left == right),
        Operator::Different => truth(left != right),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Or => truth(left != 0.0 || right != 0.0),
    })
}

/// "Using IF expressions": where the condition has nothing, so has the result; where it holds and the series that it
/// chooses has nothing, that is 0.
fn choose(condition: &Value, then: Value, otherwise: Option<Value>, points: usize) -> Value {
    let nothing = Value::Series(vec![None; points]);
    let otherwise = otherwise.unwrap_or(nothing);
    if let Value::Number(condition) = condition {
        return if *condition != 0.0 { then } else { otherwise };
    }
    let point = |index| {
        if condition.at(index)? != 0.0 {
            then.at(index).or(Some(0.0))
        } else {
            otherwise.at(index)
        }
    };
    Value::Series((0..points).map(point).collect())
}
