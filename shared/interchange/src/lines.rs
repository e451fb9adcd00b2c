//! Physical lines.

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A physical line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Counted from 1.
    pub(crate) number: usize,
    /// Where it starts in the input.
    pub(crate) start: usize,
    /// Where it ends, line ending included.
    pub(crate) end: usize,
    /// Its bytes, without line ending.
    pub(crate) text: &'a [u8],
}

/// The lines of the input, which end in CRLF or LF. A CR alone ends a line only where there is no
/// LF at all (old Macintosh files); elsewhere it is content. A byte order mark is skipped.
pub(crate) fn lines(input: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let ending = if input.contains(&b'\n') { b'\n' } else { b'\r' };
    let mut start = if input.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    let mut number = 0;
    std::iter::from_fn(move || {
        if start >= input.len() {
            return None;
        }
        let rest = &input[start..];
        let length = rest.iter().position(|byte| *byte == ending);
        let (text, taken) = match length {
            Some(length) => (&rest[..length], length + 1),
            None => (rest, rest.len()),
        };
        let text = match length {
            Some(_) => without_final_cr(text),
            None => text,
        };
        number += 1;
        let line = Line {
            number,
            start,
            end: start + taken,
            text,
        };
        start += taken;
        Some(line)
    })
}

/// Some writers end lines in CR CR LF.
fn without_final_cr(mut text: &[u8]) -> &[u8] {
    while let Some(shorter) = text.strip_suffix(b"\r") {
        text = shorter;
    }
    text
}

/// The bytes without the white space around them.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}
