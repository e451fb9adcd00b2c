//! Metric math, read: the part of it that alarms may be made of (User Guide, "Using math expressions with CloudWatch
//! metrics").

use std::str::FromStr;

use anyhow::{Result, bail, ensure};

use super::tokens::{Token, Tokens};

/// An expression. What is not known here is an error, never a guess.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// A number.
    Number(f64),
    /// What another query of the alarm gives, by its id.
    Id(String),
    /// The opposite number.
    Minus(Box<Self>),
    /// Two values and what becomes of them.
    Both(Operator, Box<Self>, Box<Self>),
    /// One of two, by the first; without a last one, nothing.
    If(Box<Self>, Box<Self>, Option<Box<Self>>),
    /// A series without gaps.
    Fill(Box<Self>, Filler),
    /// Of several series one: at each moment the largest, the smallest, or the sum.
    Of(Many, Vec<Self>),
}

/// What becomes of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Times,
    Divide,
    Less,
    More,
    AtMost,
    AtLeast,
    Equal,
    Different,
    And,
    Or,
}

/// What stands where a value is missing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filler {
    /// A value.
    By(Box<Expression>),
    /// The one before.
    Repeat,
}

/// What becomes of several series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Many {
    Max,
    Min,
    Sum,
}

/// By how tightly they bind, the loosest first.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("OR", Operator::Or), ("||", Operator::Or)],
    &[("AND", Operator::And), ("&&", Operator::And)],
    &[
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("<", Operator::Less),
        (">", Operator::More),
        ("==", Operator::Equal),
        ("!=", Operator::Different),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[("*", Operator::Times), ("/", Operator::Divide)],
];

impl FromStr for Expression {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut tokens = Tokens::of(text)?;
        let expression = level(&mut tokens, 0)?;
        tokens.end()?;
        Ok(expression)
    }
}

fn expression(tokens: &mut Tokens) -> Result<Expression> {
    tokens.deeper(|tokens| level(tokens, 0))
}

fn level(tokens: &mut Tokens, number: usize) -> Result<Expression> {
    let Some(operators) = LEVELS.get(number) else {
        return unary(tokens);
    };
    let mut left = level(tokens, number + 1)?;
    while let Some((_, operator)) = operators.iter().find(|(word, _)| tokens.takes(word)) {
        let right = level(tokens, number + 1)?;
        left = Expression::Both(*operator, Box::new(left), Box::new(right));
    }
    Ok(left)
}

fn unary(tokens: &mut Tokens) -> Result<Expression> {
    if tokens.takes("-") {
        let of = tokens.deeper(unary)?;
        return Ok(Expression::Minus(Box::new(of)));
    }
    match tokens.next() {
        Some(Token::Number(number)) => Ok(Expression::Number(number)),
        Some(Token::Symbol("(")) => {
            let inner = expression(tokens)?;
            tokens.expect(")")?;
            Ok(inner)
        }
        Some(Token::Word(name)) if name.starts_with(|c: char| c.is_ascii_lowercase()) => {
            Ok(Expression::Id(name))
        }
        Some(Token::Word(name)) => function(&name, tokens),
        other => bail!("expected a value, found {other:?}"),
    }
}

fn function(name: &str, tokens: &mut Tokens) -> Result<Expression> {
    tokens.expect("(")?;
    let made = match name {
        "IF" => {
            let condition = expression(tokens)?;
            tokens.expect(",")?;
            let then = expression(tokens)?;
            let otherwise = match tokens.takes(",") {
                true => Some(Box::new(expression(tokens)?)),
                false => None,
            };
            Expression::If(Box::new(condition), Box::new(then), otherwise)
        }
        "FILL" => {
            let series = expression(tokens)?;
            tokens.expect(",")?;
            let filler = match tokens.takes("REPEAT") {
                true => Filler::Repeat,
                false => Filler::By(Box::new(expression(tokens)?)),
            };
            Expression::Fill(Box::new(series), filler)
        }
        "MAX" | "MIN" | "SUM" => {
            let many = match name {
                "MAX" => Many::Max,
                "MIN" => Many::Min,
                _ => Many::Sum,
            };
            // Of one series they give a number that depends on how many points were asked for, and an alarm asks for
            // more than it evaluates: AWS advises against it, and it is not known here.
            Expression::Of(many, array(tokens)?)
        }
        other => bail!("{other} is no function that is known here"),
    };
    tokens.expect(")")?;
    Ok(made)
}

fn array(tokens: &mut Tokens) -> Result<Vec<Expression>> {
    tokens.expect("[")?;
    let mut all = vec![expression(tokens)?];
    while tokens.takes(",") {
        all.push(expression(tokens)?);
    }
    tokens.expect("]")?;
    ensure!(all.len() <= 10, "more than the ten metrics of an alarm");
    Ok(all)
}
