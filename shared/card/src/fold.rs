//! Folding: one spelling for all the spellings that people take for the same. Names are sorted and
//! found by it, on the way in and in a query alike.
//!
//! A text is decomposed by compatibility (Unicode NFKD), combining marks (general category M) and
//! invisible formatting characters are dropped, case is folded, and a few letters that Unicode does
//! not decompose are spelled in plain ones. The result is the same for any case and for composed and
//! decomposed spellings, and folding it again changes nothing; tests prove both for every character.
//!
//! Case is folded as `lowercase(uppercase(c))`, one character at a time, by the standard library.
//! That gives Unicode's full case folding where it matters (ß and ẞ → ss, ſ → s, ς → σ) without the
//! tables of another crate. One character at a time, because a prefix must fold to a prefix: lowercasing a
//! whole text treats a final sigma differently.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Folds a text. White space and control characters become single spaces, none at either end.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.nfd().map(before_compatibility).nfkd() {
        if c.is_whitespace() || c.is_control() {
            gap = !folded.is_empty();
        } else if !is_combining_mark(c) && !is_invisible(c) {
            if std::mem::take(&mut gap) {
                folded.push(' ');
            }
            for c in c.to_uppercase().flat_map(char::to_lowercase) {
                push_plain(c, &mut folded);
            }
        }
    }
    folded
}

/// The longest beginning of `text` of at most `bytes` bytes that ends between characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// Accents standing alone, such as ´, serve as apostrophes; by compatibility they are a space and a
/// mark, which would split the word.
fn before_compatibility(c: char) -> char {
    let alone =
        !c.is_ascii() && !c.is_whitespace() && std::iter::once(c).nfkd().next() == Some(' ');
    if alone { '\'' } else { c }
}

/// Soft hyphens, joiners, and the marks of direction that phones put around numbers.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// The zeros of the scripts whose digits are used in names and phone numbers.
const ZEROS: [u32; 20] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0x19D0, 0xA620,
];

/// Pushes `c`, spelled in plain letters, digits and punctuation where there is a usual way (letters as
/// in the Latin-ASCII transform of the Unicode CLDR).
fn push_plain(c: char, out: &mut String) {
    match c {
        // ẞ alone arrives here: its lower case is ß, which by itself would have become SS first.
        'ß' => out.push_str("ss"),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'þ' => out.push_str("th"),
        'ø' => out.push('o'),
        'đ' | 'ð' => out.push('d'),
        'ł' => out.push('l'),
        'ħ' => out.push('h'),
        'ŧ' => out.push('t'),
        'ı' => out.push('i'),
        '`' | '‘' | '’' | '‚' | '‛' | '′' | 'ʹ' | 'ʻ' | 'ʼ' | 'ʽ' | 'ʾ' | 'ʿ' => {
            out.push('\'')
        }
        '‐'..='―' | '−' => out.push('-'),
        c => {
            let code = u32::from(c);
            let zero = ZEROS
                .iter()
                .find(|zero| (**zero..**zero + 10).contains(&code));
            out.push(
                zero.and_then(|zero| char::from_digit(code - zero, 10))
                    .unwrap_or(c),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_folds_alike_in_upper_and_lower_case() {
        for c in '\0'..=char::MAX {
            // The iota under a Greek vowel is a mark, but a letter of its own in capitals.
            if std::iter::once(c).nfd().any(|c| c == '\u{345}') {
                continue;
            }
            let folded = fold(&c.to_string());
            assert_eq!(
                fold(&c.to_uppercase().to_string()),
                folded,
                "{c:?} in upper case"
            );
            assert_eq!(
                fold(&c.to_lowercase().to_string()),
                folded,
                "{c:?} in lower case"
            );
        }
    }

    #[test]
    fn folding_what_is_folded_changes_nothing_for_every_character() {
        for c in '\0'..=char::MAX {
            let folded = fold(&format!("a{c}b"));
            assert_eq!(fold(&folded), folded, "{c:?}");
        }
    }

    #[test]
    fn every_character_folds_alike_composed_and_decomposed() {
        for c in '\0'..=char::MAX {
            let decomposed: String = std::iter::once(c).nfd().collect();
            assert_eq!(fold(&decomposed), fold(&c.to_string()), "{c:?}");
        }
    }

    #[test]
    fn names_fold_to_what_people_type() {
        for (name, folded) in [
            ("Renée", "renee"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("Søren Łukasz", "soren lukasz"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
            ("Οδυσσεύς", "οδυσσευσ"),
            ("İstanbul", "istanbul"),
            ("ﬁnn", "finn"),
            ("Ｊｏｈｎ", "john"),
            ("O’Brien", "o'brien"),
            ("  a\t\u{0}\n b ", "a b"),
            ("\u{202A}+49\u{202C}", "+49"),
            ("٠١٢", "012"),
        ] {
            assert_eq!(fold(name), folded);
        }
    }

    #[test]
    fn a_cut_ends_between_characters() {
        assert_eq!(cut("aéb", 2), "a");
        assert_eq!(cut("ab", 64), "ab");
    }
}
