//! What is wrong with a JSON body, in words that quote nothing of it.

use serde_path_to_error::Segment;

use crate::problem::Problem;

/// Where a text is no JSON.
pub(super) fn no_json(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("it is not JSON at line {line}, column {column}")
}

/// What a body lacks or has too much, without what the client wrote: serde's message quotes values and
/// the names of unknown members. What it expects comes last, and is ours.
pub(super) fn misfit(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let (cause, text) = (error.inner(), error.inner().to_string());
    if !cause.is_data() {
        return Problem::invalid_json(no_json(cause));
    }
    let (text, _) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
    let (_, expected) = text.rsplit_once("expected ").unwrap_or_default();
    let is_unknown = text.starts_with("unknown field ");
    let mut path: Vec<&Segment> = error.path().iter().collect();
    if is_unknown {
        path.pop();
    }
    let place = place(&path);
    let subject = if place.is_empty() {
        "it".to_owned()
    } else {
        format!("`{place}`")
    };
    let named = |start: &str| Some(text.strip_prefix(start)?.split_once('`')?.0);
    let missing = named("missing field `").map(|name| (name, "is missing"));
    let repeated = || named("duplicate field `").map(|name| (name, "is there more than once"));
    Problem::invalid_json(if let Some((name, what)) = missing.or_else(repeated) {
        let dot = if place.is_empty() { "" } else { "." };
        format!("`{place}{dot}{name}` {what}")
    } else if is_unknown {
        let known = expected.trim_start_matches("one of ");
        format!("{subject} has a member that is not known here; known are {known}")
    } else {
        let expected = match expected {
            "a sequence" => "an array",
            one if one.starts_with("struct ") => "an object",
            "" => "something else",
            one => one,
        };
        format!("{subject} should be {expected}")
    })
}

/// The way to a member, such as `items[3].op`.
fn place(path: &[&Segment]) -> String {
    let mut place = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => place += &format!("[{index}]"),
            Segment::Map { key } if place.is_empty() => place += key,
            Segment::Map { key } => place += &format!(".{key}"),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    place
}
