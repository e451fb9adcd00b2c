//! What the rules of a listener say about a request ("Listener rules for your Application Load
//! Balancer"), and what the load balancer counts ("CloudWatch metrics for your Application Load
//! Balancer").

use std::{collections::BTreeMap, sync::Arc};

use super::{Backend, State, answer};
use crate::client::{Request, Response};

/// A rule: what it is for, and what it does.
#[derive(Clone, Debug)]
pub struct Rule {
    /// All of them must hold.
    pub conditions: Vec<Condition>,
    /// What becomes of the request then.
    pub action: Action,
    served: u32,
}

/// A condition of a rule: one of its values must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The path, without its query; case counts.
    Path(Vec<String>),
    /// A header's name and its values; case does not count.
    Header(String, Vec<String>),
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Forwards to groups by weight, without stickiness.
    Forward(Vec<(String, u32)>),
    /// Answers itself: status, content type, body.
    Fixed(u16, String, String),
}

/// What became of the requests since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests of each group, and those of them that its targets answered with 5xx.
    pub groups: BTreeMap<String, (u64, u64)>,
    /// Answers of the load balancer itself with 5xx, by status.
    pub own: BTreeMap<u16, u64>,
}

impl Counts {
    pub(super) fn note(&mut self, group: Option<String>, status: u16) {
        let failed = u64::from(status >= 500);
        match group {
            Some(group) => {
                let (all, failures) = self.groups.entry(group).or_default();
                *all += 1;
                *failures += failed;
            }
            None if failed > 0 => *self.own.entry(status).or_default() += 1,
            None => {}
        }
    }
}

impl Rule {
    /// Whether it says the same as another, whosever turn it is.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (&self.conditions, &self.action) == (&other.conditions, &other.action)
    }

    /// A rule for every request.
    #[must_use]
    pub fn new(action: Action) -> Self {
        Self {
            conditions: Vec::new(),
            action,
            served: 0,
        }
    }

    /// The same rule, if this holds as well.
    #[must_use]
    pub fn only(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    fn is_for(&self, request: &Request) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Path(patterns) => {
                let (path, _) = request.path_and_query();
                patterns
                    .iter()
                    .any(|pattern| fits(pattern.as_bytes(), path))
            }
            Condition::Header(name, patterns) => request.all(name).any(|value| {
                let value = value.to_ascii_lowercase();
                let mut patterns = patterns.iter().map(|pattern| pattern.to_ascii_lowercase());
                patterns.any(|pattern| fits(pattern.as_bytes(), &value))
            }),
        })
    }

    /// The next group in turn: of every run of as many requests as the weights' sum, each group gets
    /// its weight. A real load balancer draws lots.
    fn next(&mut self) -> Option<String> {
        let Action::Forward(groups) = &self.action else {
            return None;
        };
        let total: u32 = groups.iter().map(|(_, weight)| weight).sum();
        // Every ticket comes once in a run, and those of a group are spread over it.
        let stride = (total * 5 / 8..).find(|stride| gcd(*stride, total) == 1)?;
        let mut ticket = self.served.checked_rem(total)? * stride % total;
        self.served = self.served.wrapping_add(1);
        let mut groups = groups.iter();
        groups.find_map(|(group, weight)| match ticket.checked_sub(*weight) {
            Some(rest) => {
                ticket = rest;
                None
            }
            None => Some(group.clone()),
        })
    }
}

/// Who answers a request.
#[derive(Debug)]
pub(super) enum Choice {
    Target(String, Arc<Backend>),
    Fixed(Response),
    Nobody,
}

impl State {
    pub(super) fn choose(&mut self, request: &Request) -> Choice {
        let Some(rule) = self.rules.iter_mut().find(|rule| rule.is_for(request)) else {
            return Choice::Nobody;
        };
        if let Action::Fixed(status, content_type, body) = &rule.action {
            return Choice::Fixed(answer::fixed(*status, content_type, body));
        }
        let Some(name) = rule.next() else {
            return Choice::Nobody;
        };
        let Some(group) = self.groups.get_mut(&name) else {
            return Choice::Nobody;
        };
        group.served = group.served.wrapping_add(1);
        let turn = group.served.checked_rem(group.targets.len());
        match turn.and_then(|turn| group.targets.get(turn)) {
            Some(target) => Choice::Target(name, Arc::clone(target)),
            None => Choice::Nobody,
        }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Whether a pattern with `*` (any characters) and `?` (one) fits the whole text.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|from| fits(rest, &text[from..])),
        Some((b'?', rest)) => text.split_first().is_some_and(|(_, text)| fits(rest, text)),
        Some((byte, rest)) => {
            let same = text.split_first().filter(|(first, _)| *first == byte);
            same.is_some_and(|(_, text)| fits(rest, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Rule, fits};
    use crate::alb::Alb;

    fn shared_out() -> Vec<Rule> {
        let groups = [("old", 90), ("new", 10)].map(|(name, weight)| (name.to_owned(), weight));
        vec![Rule::new(Action::Forward(groups.to_vec()))]
    }

    #[test]
    fn a_small_weight_has_its_share_of_every_short_while() {
        let mut rules = shared_out();
        let turns: Vec<bool> = (0..100)
            .map(|_| rules[0].next().as_deref() == Some("new"))
            .collect();
        assert_eq!(turns.iter().filter(|new| **new).count(), 10);
        assert!(turns.windows(20).all(|while_| while_.contains(&true)));
    }

    #[test]
    fn rules_that_say_the_same_leave_whose_turn_it_is() {
        let alb = Alb::empty();
        alb.apply(shared_out());
        alb.state().rules[0].next();
        alb.apply(shared_out());
        assert_eq!(alb.state().rules[0].served, 1);
        alb.apply(vec![Rule::new(Action::Forward(vec![(
            "new".to_owned(),
            1,
        )]))]);
        assert_eq!(alb.state().rules[0].served, 0);
    }

    #[test]
    fn stars_and_question_marks_stand_for_characters() {
        for (pattern, text, wanted) in [
            ("/v1/*", "/v1/books", true),
            ("/v1/*", "/v1", false),
            ("/health", "/health", true),
            ("/health", "/healthy", false),
            ("/a?c*", "/abc", true),
            ("/a?c*", "/ac", false),
            ("*x*", "aaxbb", true),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), text.as_bytes()),
                wanted,
                "{pattern} {text}"
            );
        }
    }
}
