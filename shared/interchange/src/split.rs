//! Cuts a stream of vCards into single ones.

use crate::VCardError;
use crate::lines::{lines, trim};

/// Cuts a stream into single vCards, each the exact bytes as sent: from `BEGIN` through `END` and
/// its line ending, which the last may lack. A vCard nested in another (2.1 `AGENT`) stays inside.
///
/// Blank lines between vCards and a byte order mark at the start are skipped; anything else outside
/// of a vCard is an error. So the slices, with what was skipped, are the input.
///
/// # Errors
/// [`VCardError::Empty`], [`VCardError::NotVCard`] or [`VCardError::Unterminated`].
pub fn split(input: &[u8]) -> Result<Vec<&[u8]>, VCardError> {
    let mut cards = Vec::new();
    let mut depth = 0_usize;
    let (mut start, mut begin_line) = (0, 0);
    for line in lines(input) {
        let text = trim(line.text);
        if text.eq_ignore_ascii_case(b"BEGIN:VCARD") {
            if depth == 0 {
                (start, begin_line) = (line.start, line.number);
            }
            depth += 1;
        } else if depth == 0 {
            if !text.is_empty() {
                return Err(VCardError::NotVCard { line: line.number });
            }
        } else if text.eq_ignore_ascii_case(b"END:VCARD") {
            depth -= 1;
            if depth == 0 {
                cards.push(&input[start..line.end]);
            }
        }
    }
    if depth > 0 {
        return Err(VCardError::Unterminated { line: begin_line });
    }
    if cards.is_empty() {
        return Err(VCardError::Empty);
    }
    Ok(cards)
}
