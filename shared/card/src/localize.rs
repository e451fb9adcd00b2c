//! `localizations` (RFC 9553, section 2.7.1): per language, patches on the card, each from a path
//! such as `titles/t1/name` to the value that stands there in that language.

use serde_json::{Map, Value};

use crate::check;
use crate::error::Report;
use crate::rfc9553::CARD;
use crate::schema::Kind;

/// Checks that every patch applies (section 1.4.3): it leads through objects that are there, at most
/// its last part is new, it puts a valid value there, and no patch lies inside another's.
pub(crate) fn check(card: &Map<String, Value>, report: &mut Report) {
    let Some(languages) = card.get("localizations").and_then(Value::as_object) else {
        return;
    };
    report.at("localizations", |report| {
        for (language, patches) in languages {
            let Some(patches) = patches.as_object() else {
                continue;
            };
            report.at(language, |report| {
                let mut before: Option<String> = None;
                let mut sorted: Vec<_> = patches.iter().collect();
                // With a slash at its end, a path sorts right before those inside it.
                sorted.sort_by_key(|(path, _)| format!("{path}/"));
                for (path, value) in sorted {
                    report.at(path, |report| {
                        if before.as_ref().is_some_and(|outer| path.starts_with(outer)) {
                            report.expect("no patch inside what another patch replaces");
                        } else {
                            before = Some(format!("{path}/"));
                            check_patch(card, path, value, report);
                        }
                    });
                }
            });
        }
    });
}

fn check_patch(card: &Map<String, Value>, path: &str, value: &Value, report: &mut Report) {
    let tokens = tokens(path);
    let Some((last, parents)) = tokens.split_last() else {
        return;
    };
    if tokens[0] == "localizations" {
        return report.expect("a patch of another property than \"localizations\"");
    }
    let (mut target, mut kind) = (card, Kind::Object(&CARD));
    for token in parents {
        kind = step(kind, target, token);
        match target.get(token) {
            Some(Value::Object(members)) => target = members,
            _ => {
                return report
                    .expect("under a path whose parts but the last are objects of the card");
            }
        }
    }
    if let Kind::Object(of) = kind
        && value.is_null()
        && of.mandatory.contains(&last.as_str())
    {
        return report.expect("a value: this member cannot be removed");
    }
    if !value.is_null() {
        check::value(step(kind, target, last), value, report);
    }
}

/// What the member `token` of `target`, itself a `kind`, must hold.
fn step(kind: Kind, target: &Map<String, Value>, token: &str) -> Kind {
    match kind {
        Kind::Object(of) => of.property(token),
        Kind::Map(_, of) => *of,
        Kind::Date => check::date_type(target).property(token),
        _ => Kind::Any,
    }
}

/// For each language, what its patches say, in the shape of a card that has nothing else.
pub(crate) fn fragments(card: &Map<String, Value>) -> impl Iterator<Item = Map<String, Value>> {
    let languages = card
        .get("localizations")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    languages.filter_map(|(_, patches)| {
        let mut fragment = Map::new();
        for (path, value) in patches.as_object()? {
            let tokens = tokens(path);
            let (last, parents) = tokens.split_last()?;
            let mut target = &mut fragment;
            for token in parents {
                let child = target
                    .entry(token.as_str())
                    .or_insert_with(|| Value::Object(Map::new()));
                target = child.as_object_mut()?;
            }
            target.insert(last.clone(), value.clone());
        }
        Some(fragment)
    })
}

/// The parts of a path: a JSON pointer (RFC 6901) without its first slash.
fn tokens(path: &str) -> Vec<String> {
    path.split('/')
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect()
}
