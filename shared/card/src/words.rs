//! Words: what a text is found by, and what a query asks for.
//!
//! A query word finds a text if it begins one of its words. So the two sides differ: a query is split
//! in one way, while a text keeps every word that some way of typing it may begin.
//!
//! | typed | asks for | because the text kept |
//! |---|---|---|
//! | `o'brien`, `obrien`, `brien` | `obrien`, `obrien`, `brien` | `obrien`, `brien` |
//! | `jean-luc`, `jeanluc`, `luc` | `jean` and `luc`, `jeanluc`, `luc` | `jean`, `luc`, `jeanluc` |
//! | `jo.doe@ex`, `@example.com`, `doe` | `jo.doe@ex`, `example.com`, `doe` | the address, its domain, the pieces |
//! | `+1 (418) 656` | `1418656` | all digits of a number in one word |
//! | `party🎉`, `👍🏽`, `🇩🇪` | `party` and `🎉`, `👍`, `🇩🇪` | each symbol and flag, without its skin tone |

use std::collections::HashSet;

use crate::fold::{cut, fold};
use crate::limits::WORD_BYTES;

/// The folded words of a search query, in order and without repeats: a card is found if each of them
/// begins one of its [`crate::Card::terms`].
///
/// Digits with `+`, `-`, `(`, `)`, `.`, `/` and spaces between them are one phone number and become one
/// word; a word with an `@` stays whole; all else is split at what is no letter or digit. An emoji or
/// another pictographic symbol is a word of its own.
pub fn query_words(q: &str) -> Vec<String> {
    let folded = fold(q);
    let mut words = Words::default();
    let mut number = Vec::new();
    for token in folded.split(' ') {
        if is_number(token) {
            number.push(token);
            continue;
        }
        if !is_number_punctuation(token) {
            words.push_numbers(&std::mem::take(&mut number));
        }
        if token.contains('@') {
            words.push_whole(token.trim_matches(|c: char| !c.is_alphanumeric()));
        } else {
            for segment in segments(token) {
                words.push(segment);
            }
            words.push_symbols(token);
        }
    }
    words.push_numbers(&number);
    let mut seen = HashSet::new();
    words.0.retain(|word| seen.insert(word.clone()));
    words.0
}

/// All words that a text (a name, an organisation, an e-mail address) is found by, perhaps repeated.
pub(crate) fn text_words(text: &str) -> Vec<String> {
    let folded = fold(text);
    let mut words = Words::default();
    let mut number = Vec::new();
    for token in folded.split(' ') {
        if is_number(token) {
            number.push(token);
        } else if !is_number_punctuation(token) {
            words.push_numbers(&std::mem::take(&mut number));
        }
        let trimmed = token.trim_start_matches(|c: char| !c.is_alphanumeric());
        if token.contains('@') {
            words.push_whole(trimmed);
        }
        for (index, part) in token.split('@').enumerate() {
            let part = part.trim_start_matches(|c: char| !c.is_alphanumeric());
            if index > 0 {
                words.push_whole(part);
            }
            let segments: Vec<&str> = segments(part).collect();
            for segment in &segments {
                words.push(segment);
                // "d'artagnan" is looked for under A as well.
                for (at, _) in segment.match_indices('\'') {
                    words.push(&segment[at..]);
                }
            }
            // Nobody types "examplecom"; but "1-2" may begin the domain 1-2a.example.
            if segments.len() > 1 && (index == 0 || part.starts_with(|c: char| c.is_ascii_digit()))
            {
                words.push(&segments.concat());
            }
        }
        words.push_symbols(token);
    }
    words.push_numbers(&number);
    words.0
}

/// The digits of each number in `text`, with a `+` in front if it begins with one. A `+` begins another
/// number, unless digits stand right before it.
pub(crate) fn numbers(text: &str) -> Vec<String> {
    let mut numbers = vec![String::new()];
    let mut within = false;
    for c in text.chars() {
        match (c, numbers.last_mut()) {
            ('0'..='9', Some(number)) => {
                number.push(c);
                within = true;
            }
            ('+', _) if !within => numbers.push("+".to_owned()),
            (' ', _) => within = false,
            _ => {}
        }
    }
    numbers.retain(|number| number.contains(|c: char| c.is_ascii_digit()));
    numbers
}

/// What may stand in a phone number.
pub(crate) fn is_number_character(c: char) -> bool {
    c.is_ascii_digit() || is_number_separator(c)
}

fn is_number_separator(c: char) -> bool {
    matches!(c, '+' | '-' | '(' | ')' | '.' | '/')
}

fn is_number(token: &str) -> bool {
    token.chars().all(is_number_character) && token.contains(|c: char| c.is_ascii_digit())
}

fn is_number_punctuation(token: &str) -> bool {
    token.chars().all(is_number_separator)
}

/// The parts of a token between what is neither letter, digit nor inner apostrophe.
fn segments(token: &str) -> impl Iterator<Item = &str> {
    token
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|segment| segment.trim_matches('\''))
        .filter(|segment| !segment.is_empty())
}

/// Emoji and other pictures among the symbols; arrows and mathematical signs are not. Skin tones are
/// not either: like an accent, one is no word.
fn is_symbol(c: char) -> bool {
    matches!(
        c,
        '©' | '®'
            | '\u{2300}'..='\u{23FF}'
            | '\u{25A0}'..='\u{27BF}'
            | '\u{2B00}'..='\u{2BFF}'
            | '\u{1F000}'..='\u{1F3FA}'
            | '\u{1F400}'..='\u{1FAFF}'
    ) && !c.is_alphanumeric()
        && !matches!(c, '\u{2329}' | '\u{232A}' | '\u{2768}'..='\u{2775}')
}

/// Two of these make a flag.
fn is_regional_indicator(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

/// Words, each cut to [`WORD_BYTES`].
#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn push_whole(&mut self, word: &str) {
        if !word.is_empty() {
            self.0.push(cut(word, WORD_BYTES).to_owned());
        }
    }

    /// Pushes a word without its apostrophes. Takes no more than it keeps, or a text of apostrophes
    /// alone would take time by the square of its length.
    fn push(&mut self, segments: &str) {
        let mut word = String::new();
        for c in segments.chars().filter(|c| *c != '\'') {
            if word.len() + c.len_utf8() > WORD_BYTES {
                break;
            }
            word.push(c);
        }
        self.push_whole(&word);
    }

    fn push_symbols(&mut self, token: &str) {
        let mut chars = token.chars().filter(|c| is_symbol(*c)).peekable();
        while let Some(c) = chars.next() {
            let mut word = c.to_string();
            if is_regional_indicator(c) {
                word.extend(chars.next_if(|c| is_regional_indicator(*c)));
            }
            self.0.push(word);
        }
    }

    fn push_numbers(&mut self, tokens: &[&str]) {
        for number in numbers(&tokens.join(" ")) {
            self.push_whole(number.trim_start_matches('+'));
        }
    }
}
