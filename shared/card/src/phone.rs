//! Phone numbers: found by their digits, with and without what depends on where one dials from.

use crate::fold::fold;
use crate::words::{is_number_character, numbers};

/// The country codes of ITU-T E.164 that have one or two digits. The codes are prefix-free and all
/// others have three, so the first digits of a number say where its country code ends (ITU-T E.164,
/// annex to Operational Bulletin 1114: list of assigned country codes).
const SHORT_COUNTRY_CODES: [&str; 46] = [
    "1", "7", "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45",
    "46", "47", "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63",
    "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// The words by which a phone number is found: digits only.
///
/// A number that begins with `+` or `00` is international. `+44 (0)20 7946 0000` is found by
/// `44207946…`, as dialled from abroad `0044207946…`, without its country code `207946…`, and as
/// dialled in the country `0207946…`. Any other number is found as it is written, and without its
/// leading zero.
pub(crate) fn phone_words(number: &str) -> Vec<String> {
    let folded = fold(number);
    let mut words = Vec::new();
    for run in subscriber(&folded).split(|c: char| !is_number_character(c) && c != ' ') {
        for number in numbers(run) {
            let digits = number.trim_start_matches('+');
            words.push(digits.to_owned());
            if number.starts_with('+') {
                international(digits, &mut words);
            } else if let Some(rest) = digits.strip_prefix("00") {
                international(rest, &mut words);
            } else if let Some(rest) = digits.strip_prefix('0') {
                words.push(rest.to_owned());
            }
        }
        // The zero in parentheses is not dialled from abroad.
        if let Some((before, after)) = run.split_once("(0)") {
            for number in numbers(&format!("{before}{after}")) {
                if let Some(digits) = number
                    .strip_prefix('+')
                    .or_else(|| number.strip_prefix("00"))
                {
                    international(digits, &mut words);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Adds the ways to dial an international number, given without `+` and `00`.
fn international(digits: &str, words: &mut Vec<String>) {
    let national = &digits[country_code_len(digits).min(digits.len())..];
    words.push(digits.to_owned());
    words.push(format!("00{digits}"));
    words.push(national.to_owned());
    // North America dials no zero, Russia and Kazakhstan an eight, Italy has its zero in the number.
    if !national.is_empty() && !national.starts_with('0') && !digits.starts_with(['1', '7']) {
        words.push(format!("0{national}"));
    }
}

fn country_code_len(digits: &str) -> usize {
    let short = SHORT_COUNTRY_CODES
        .iter()
        .find(|code| digits.starts_with(**code));
    short.map_or(3, |code| code.len())
}

/// The number itself, if the text is a URI such as `tel:+1-418-656-9254;ext=102` (RFC 3966) or
/// `sip:+14186569254@example.com`, with percent-encoded spaces.
fn subscriber(text: &str) -> String {
    let uri = ["tel:", "sms:", "callto:", "sip:", "sips:"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    match uri {
        Some(rest) => rest
            .split([';', '?', '@'])
            .next()
            .unwrap_or_default()
            .replace("%20", " "),
        None => text.to_owned(),
    }
}
