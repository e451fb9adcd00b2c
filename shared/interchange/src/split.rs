//! Cuts a stream of vCards into single ones.

use crate::VCardError;
use crate::lines::{Line, lines, trim};

/// A vCard of a stream, or what is wrong with what stands in its place.
pub type Piece<'a> = Result<&'a [u8], VCardError>;

/// Cuts a stream into single vCards, each the exact bytes as sent: from `BEGIN` through `END` and
/// its line ending, which the last may lack. A vCard nested in another (2.1 `AGENT`) stays inside.
///
/// Blank lines between vCards and a byte order mark at the start are skipped. What is no vCard has a
/// place of its own, and takes no other with it: lines outside of any ([`VCardError::NotVCard`]), and
/// a vCard that another begins in, or the input ends in, before its own end
/// ([`VCardError::Unterminated`]). Their lines are counted from the start of the input.
///
/// # Errors
/// [`VCardError::Empty`], or that of the first piece where none is a vCard.
pub fn split(input: &[u8]) -> Result<Vec<Piece<'_>>, VCardError> {
    let lines: Vec<_> = lines(input)
        .filter(|line| !trim(line.text).is_empty())
        .collect();
    let mut pieces = Vec::new();
    let mut rest = lines.as_slice();
    let mut strict = false;
    while let Some(first) = rest.first() {
        let (length, piece) = if is_begin(first) {
            let mut end = end(rest, strict);
            if matches!(end, End::Lost(_)) {
                // A nested vCard has no end: from here on each `BEGIN` has to stand in its place.
                strict = true;
                end = self::end(rest, strict);
            }
            match end {
                End::Closed(length) => (length, Ok(&input[first.start..rest[length - 1].end])),
                End::Open(length) | End::Lost(length) => {
                    (length, Err(VCardError::Unterminated { line: first.number }))
                }
            }
        } else {
            let length = rest.iter().take_while(|line| !is_begin(line)).count();
            (length, Err(VCardError::NotVCard { line: first.number }))
        };
        pieces.push(piece);
        rest = &rest[length..];
    }
    if pieces.iter().any(Result::is_ok) {
        return Ok(pieces);
    }
    let first = pieces.into_iter().next().and_then(Result::err);
    Err(first.unwrap_or(VCardError::Empty))
}

/// Where the vCard that begins the lines ends: after so many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With its `END`.
    Closed(usize),
    /// Without, because another vCard or the end of the input follows.
    Open(usize),
    /// Within a nested vCard that takes all the rest.
    Lost(usize),
}

/// A nested vCard stands behind an empty `AGENT`; if not `strict`, what a nested one holds is its own
/// affair.
fn end(lines: &[Line<'_>], strict: bool) -> End {
    let mut depth = 0;
    let mut agent = false;
    for (at, line) in lines.iter().enumerate() {
        if is_begin(line) {
            let takes_nested = agent && trim(lines[at - 1].text).ends_with(b":");
            if depth > 0 && !takes_nested && (strict || depth == 1) {
                return End::Open(at);
            }
            depth += 1;
        } else if trim(line.text).eq_ignore_ascii_case(b"END:VCARD") {
            depth -= 1;
            if depth == 0 {
                return End::Closed(at + 1);
            }
        }
        if !line.text.starts_with(b" ") && !line.text.starts_with(b"\t") {
            agent = is_agent(line);
        }
    }
    if strict || depth == 1 {
        End::Open(lines.len())
    } else {
        End::Lost(lines.len())
    }
}

/// Whether a property `AGENT` starts here, in a group or not.
fn is_agent(line: &Line<'_>) -> bool {
    let name = line.text.split(|byte| b":;".contains(byte)).next();
    let name = name.and_then(|name| name.rsplit(|byte| *byte == b'.').next());
    name.is_some_and(|name| trim(name).eq_ignore_ascii_case(b"AGENT"))
}

fn is_begin(line: &Line<'_>) -> bool {
    trim(line.text).eq_ignore_ascii_case(b"BEGIN:VCARD")
}
