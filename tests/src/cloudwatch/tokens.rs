//! Words of the three small languages that alarms are written in.

use anyhow::{Result, bail, ensure};

/// The longest of the three, the rule of a composite alarm (CloudWatch API Reference, `PutCompositeAlarm`).
const LONGEST: usize = 10_240;

/// How deep brackets may lie in each other. It bounds the stack; AWS names no limit.
const DEEPEST: usize = 64;

const SYMBOLS: [&str; 18] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "=", "+", "-", "*", "/", "(", ")", "[", "]", ",",
];

/// A word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Number(f64),
    /// Of what stood between quotes, and which they were.
    Quoted(char, String),
    Symbol(&'static str),
}

/// What is left to read.
#[derive(Debug)]
pub(super) struct Tokens {
    rest: std::iter::Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
}

impl Tokens {
    pub(super) fn of(text: &str) -> Result<Self> {
        ensure!(text.len() <= LONGEST, "longer than {LONGEST} characters");
        let mut all = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (token, left) = match first {
                '"' | '\'' => quoted(first, &rest[1..])?,
                '0'..='9' | '.' => number(rest)?,
                letter if letter.is_ascii_alphabetic() || letter == '_' => word(rest),
                _ => symbol(rest)?,
            };
            all.push(token);
            rest = left.trim_start();
        }
        Ok(Self {
            rest: all.into_iter().peekable(),
            depth: 0,
        })
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        self.rest.next()
    }

    /// Takes the symbol or word if it is next.
    pub(super) fn takes(&mut self, wanted: &str) -> bool {
        let fits = |token: &Token| match token {
            Token::Word(word) => word == wanted,
            Token::Symbol(symbol) => *symbol == wanted,
            Token::Number(_) | Token::Quoted(..) => false,
        };
        self.rest.next_if(fits).is_some()
    }

    /// Takes the first of these that is next.
    pub(super) fn takes_one_of<'a>(&mut self, wanted: &[&'a str]) -> Option<&'a str> {
        wanted.iter().copied().find(|one| self.takes(one))
    }

    pub(super) fn expect(&mut self, wanted: &str) -> Result<()> {
        if self.takes(wanted) {
            return Ok(());
        }
        bail!("expected {wanted}, found {:?}", self.rest.peek())
    }

    pub(super) fn word(&mut self) -> Result<String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => bail!("expected a name, found {other:?}"),
        }
    }

    pub(super) fn quoted(&mut self, by: char) -> Result<String> {
        match self.next() {
            Some(Token::Quoted(quote, text)) if quote == by => Ok(text),
            other => bail!("expected a text between {by}, found {other:?}"),
        }
    }

    /// Reads what lies one level deeper.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        ensure!(self.depth < DEEPEST, "deeper than {DEEPEST} levels");
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    pub(super) fn end(mut self) -> Result<()> {
        match self.next() {
            None => Ok(()),
            Some(token) => bail!("nothing should follow, found {token:?}"),
        }
    }
}

fn quoted(quote: char, rest: &str) -> Result<(Token, &str)> {
    let Some((text, left)) = rest.split_once(quote) else {
        bail!("{quote} is never closed");
    };
    Ok((Token::Quoted(quote, text.to_owned()), left))
}

fn number(rest: &str) -> Result<(Token, &str)> {
    let (text, left) = split(rest, |c| c.is_ascii_digit() || c == '.');
    match text.parse() {
        Ok(number) => Ok((Token::Number(number), left)),
        Err(_) => bail!("{text} is no number"),
    }
}

fn word(rest: &str) -> (Token, &str) {
    let (text, left) = split(rest, |c| c.is_ascii_alphanumeric() || c == '_');
    (Token::Word(text.to_owned()), left)
}

fn symbol(rest: &str) -> Result<(Token, &str)> {
    for known in SYMBOLS {
        if let Some(left) = rest.strip_prefix(known) {
            return Ok((Token::Symbol(known), left));
        }
    }
    bail!("nothing is known that begins like {rest}")
}

fn split(text: &str, fits: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !fits(c)).unwrap_or(text.len()))
}
