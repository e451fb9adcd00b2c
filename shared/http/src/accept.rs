//! Content negotiation by `Accept` (RFC 9110 section 12.5.1).

use http::header::{self, HeaderMap};

use crate::problem::{Problem, Result};

/// One media range: how exactly it must match, and what it is worth.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    version: Option<&'a str>,
    /// Thousandths, 0 to 1,000.
    quality: u16,
}

impl<'a> Range<'a> {
    /// `None` for an element that is no media range; such an element is ignored.
    fn parse(element: &'a str) -> Option<Self> {
        let mut parts = element.split(';');
        let (kind, subtype) = parts.next()?.trim().split_once('/')?;
        let valid = !kind.is_empty() && !subtype.is_empty() && (kind != "*" || subtype == "*");
        let parameters: Vec<_> = parts
            .filter_map(|parameter| parameter.split_once('='))
            .collect();
        let parameter = |wanted: &str| {
            let mut named = parameters.iter();
            named
                .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim())
        };
        let quality = parameter("q").map_or(Some(1_000), parse_quality)?;
        valid.then_some(Self {
            kind,
            subtype,
            version: parameter("version").map(|version| version.trim_matches('"')),
            quality,
        })
    }

    /// 4 for the type in its version, 3 for the type itself, 2 for `type/*`, 1 for `*/*`. A version
    /// plays a part where the type is offered in several (`versioned`); other parameters are tolerated.
    fn specificity(&self, offered: &str, versioned: bool) -> Option<u8> {
        let (offered, version) = match offered.split_once(";version=") {
            Some((offered, version)) => (offered, Some(version)),
            None => (offered, None),
        };
        let (kind, subtype) = offered.split_once('/')?;
        if self.kind == "*" {
            Some(1)
        } else if !self.kind.eq_ignore_ascii_case(kind) {
            None
        } else if self.subtype == "*" {
            Some(2)
        } else if !self.subtype.eq_ignore_ascii_case(subtype) {
            None
        } else if self.version.is_some() && versioned {
            (self.version == version).then_some(4)
        } else {
            Some(3)
        }
    }
}

/// `0` to `1` with at most three decimals (section 12.4.2), in thousandths.
fn parse_quality(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{decimals:0<3}").parse::<u16>().ok()?;
    match (whole, thousandths) {
        ("0", _) => Some(thousandths),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

/// The offered type that the client likes best; the earlier of two equal ones. Without an `Accept`,
/// or with none that can be read, it is the first; 406 if every one is ruled out.
/// A type that is offered in several versions is there once more for each: `type/subtype;version=…`.
pub fn negotiate<'a>(headers: &HeaderMap, offered: &[&'a str]) -> Result<&'a str> {
    let ranges: Vec<Range<'_>> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(Range::parse)
        .collect();
    let quality = |name: &str| {
        let kind = name.split(';').next().unwrap_or_default();
        let mut others = offered.iter().filter_map(|other| other.strip_prefix(kind));
        let versioned = others.any(|rest| rest.starts_with(';'));
        ranges
            .iter()
            .filter_map(|range| Some((range.specificity(name, versioned)?, range.quality)))
            // The most specific range decides; of two equal ones the better.
            .max()
            .map_or(0, |(_, quality)| quality)
    };
    let mut best = None;
    for name in offered.iter().copied() {
        let quality = if ranges.is_empty() { 1 } else { quality(name) };
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((name, quality));
        }
    }
    best.map(|(name, _)| name)
        .ok_or_else(|| Problem::not_acceptable(offered))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    const OFFERED: [&str; 2] = ["application/json", "text/vcard"];

    fn chosen(accept: &str) -> Result<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        negotiate(&headers, &OFFERED)
    }

    #[test]
    fn without_accept_the_first_is_given() {
        assert_eq!(
            negotiate(&HeaderMap::new(), &OFFERED),
            Ok("application/json")
        );
        assert_eq!(chosen(""), Ok("application/json"));
        assert_eq!(chosen("*/*"), Ok("application/json"));
    }

    #[test]
    fn the_type_is_matched_in_any_case_and_with_parameters() {
        assert_eq!(chosen("Text/VCard; version=4.0"), Ok("text/vcard"));
        assert_eq!(
            chosen("text/vcard;charset=utf-8;q=0.9, application/json;q=0.5"),
            Ok("text/vcard")
        );
    }

    #[test]
    fn quality_decides_and_the_more_specific_range_sets_it() {
        assert_eq!(
            chosen("application/json;q=0.5, text/vcard;q=0.6"),
            Ok("text/vcard")
        );
        assert_eq!(chosen("*/*, application/json;q=0.1"), Ok("text/vcard"));
        assert_eq!(chosen("text/*;q=0.9, */*;q=0.1"), Ok("text/vcard"));
    }

    #[test]
    fn a_version_is_matched_where_there_are_several() {
        let offered = [
            "application/json",
            "text/vcard",
            "text/vcard;version=4.0",
            "text/vcard;version=3.0",
        ];
        let chosen = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
            negotiate(&headers, &offered).ok()
        };
        for (accept, wanted) in [
            ("text/vcard", Some("text/vcard")),
            ("text/*", Some("text/vcard")),
            ("*/*;version=3.0", Some("application/json")),
            ("text/vcard; VERSION=3.0", Some("text/vcard;version=3.0")),
            ("Text/VCard;version=\"4.0\"", Some("text/vcard;version=4.0")),
            ("text/vcard;version=5.0", None),
            (
                "text/vcard;version=5.0, application/json;q=0.1",
                Some("application/json"),
            ),
            (
                "text/vcard;version=3.0;q=0.5, text/vcard;version=4.0;charset=utf-8;q=0.8",
                Some("text/vcard;version=4.0"),
            ),
            (
                "text/vcard;q=0.1, text/vcard;version=3.0",
                Some("text/vcard;version=3.0"),
            ),
            ("application/json;version=9", Some("application/json")),
        ] {
            assert_eq!(chosen(accept), wanted, "{accept}");
        }
    }

    #[test]
    fn zero_rules_a_type_out() {
        assert_eq!(chosen("application/json;q=0, */*"), Ok("text/vcard"));
        assert!(chosen("*/*;q=0").is_err());
    }

    #[test]
    fn nothing_in_common_is_406_and_names_what_is_offered() {
        let problem = chosen("image/png").unwrap_err();
        assert_eq!(
            problem.document(None)["offered"],
            serde_json::json!(OFFERED)
        );
    }

    proptest! {
        #[test]
        fn any_header_is_answered(accept in "[ -~]{0,80}") {
            let _ = chosen(&accept);
        }
    }
}
