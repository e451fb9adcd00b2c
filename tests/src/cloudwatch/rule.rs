//! Rules of composite alarms (CloudWatch API Reference, `PutCompositeAlarm`).

use std::str::FromStr;

use anyhow::Result;

use super::alarm::State;
use super::tokens::Tokens;

/// What must hold for a composite alarm to be in alarm. Alarms are named between quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Another alarm is in this state.
    Is(State, String),
    /// It is always so, or never.
    Always(bool),
    /// The opposite.
    Not(Box<Self>),
    /// All of them hold.
    All(Vec<Self>),
    /// One of them holds.
    Any(Vec<Self>),
}

impl FromStr for Rule {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut tokens = Tokens::of(text)?;
        let rule = any(&mut tokens)?;
        tokens.end()?;
        Ok(rule)
    }
}

fn any(tokens: &mut Tokens) -> Result<Rule> {
    let mut rules = vec![all(tokens)?];
    while tokens.takes("OR") {
        rules.push(all(tokens)?);
    }
    Ok(Rule::Any(rules))
}

fn all(tokens: &mut Tokens) -> Result<Rule> {
    let mut rules = vec![one(tokens)?];
    while tokens.takes("AND") {
        rules.push(one(tokens)?);
    }
    Ok(Rule::All(rules))
}

fn one(tokens: &mut Tokens) -> Result<Rule> {
    if tokens.takes("NOT") {
        return Ok(Rule::Not(Box::new(tokens.deeper(one)?)));
    }
    if tokens.takes("(") {
        let inner = tokens.deeper(any)?;
        tokens.expect(")")?;
        return Ok(inner);
    }
    if let Some(word) = tokens.takes_one_of(&["TRUE", "FALSE"]) {
        return Ok(Rule::Always(word == "TRUE"));
    }
    let state = tokens.word()?.parse()?;
    tokens.expect("(")?;
    let name = tokens.quoted('"')?;
    tokens.expect(")")?;
    Ok(Rule::Is(state, name))
}

impl Rule {
    /// Whether it holds, when alarms are in these states.
    ///
    /// # Errors
    /// If `state` does not know an alarm.
    pub(super) fn holds(&self, state: &impl Fn(&str) -> Result<State>) -> Result<bool> {
        Ok(match self {
            Self::Is(wanted, name) => state(name)? == *wanted,
            Self::Always(holds) => *holds,
            Self::Not(rule) => !rule.holds(state)?,
            Self::All(rules) => {
                let held: Vec<_> = rules
                    .iter()
                    .map(|rule| rule.holds(state))
                    .collect::<Result<_>>()?;
                held.iter().all(|held| *held)
            }
            Self::Any(rules) => {
                let held: Vec<_> = rules
                    .iter()
                    .map(|rule| rule.holds(state))
                    .collect::<Result<_>>()?;
                held.iter().any(|held| *held)
            }
        })
    }
}
