//! `If-Match` and `If-None-Match` (RFC 9110 section 13).

use axum::extract::FromRequestParts;
use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;

use crate::problem::{Problem, Result};

/// The tags of one of the two headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`: whatever is there, as long as something is.
    Any,
    /// The tags of the list.
    List(Vec<EntityTag>),
}

/// One tag as a client sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag {
    /// It began with `W/`.
    pub weak: bool,
    /// With its quotes, as `ETag` carries it.
    pub quoted: String,
}

impl EntityTags {
    fn of(headers: &HeaderMap, name: &HeaderName) -> Option<std::result::Result<Self, ()>> {
        let mut tags = Vec::new();
        let mut any = false;
        let mut values = headers.get_all(name).iter().peekable();
        values.peek()?;
        for value in values {
            let Ok(text) = value.to_str() else {
                return Some(Err(()));
            };
            if text.trim() == "*" {
                any = true;
            } else if parse_list(text, &mut tags).is_none() {
                return Some(Err(()));
            }
        }
        Some(match (any, tags.is_empty()) {
            (true, true) => Ok(Self::Any),
            (false, false) => Ok(Self::List(tags)),
            _ => Err(()),
        })
    }

    /// Strong comparison (section 8.8.3.2): neither tag is weak. `current` are the tags of the
    /// representations of the resource, none if it does not exist.
    fn match_strongly(&self, current: &[&str]) -> bool {
        match self {
            Self::Any => !current.is_empty(),
            Self::List(tags) => tags
                .iter()
                .any(|tag| !tag.weak && current.contains(&tag.quoted.as_str())),
        }
    }

    /// Weak comparison: `W/` is ignored.
    fn match_weakly(&self, current: &[&str]) -> bool {
        match self {
            Self::Any => !current.is_empty(),
            Self::List(tags) => tags
                .iter()
                .any(|tag| current.contains(&tag.quoted.as_str())),
        }
    }
}

/// Adds the tags of `text` to `tags`; `None` if it is not a list of entity tags (section 8.8.3).
fn parse_list(text: &str, tags: &mut Vec<EntityTag>) -> Option<()> {
    let mut rest = text.trim_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (weak, opaque) = match rest.strip_prefix("W/") {
            Some(opaque) => (true, opaque),
            None => (false, rest),
        };
        let end = opaque.strip_prefix('"')?.find('"')? + 2;
        let (quoted, after) = opaque.split_at(end);
        if quoted.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return None;
        }
        tags.push(EntityTag {
            weak,
            quoted: quoted.to_owned(),
        });
        let next = after.trim_start_matches([' ', '\t']);
        rest = match next.strip_prefix(',') {
            Some(next) => next.trim_start_matches([' ', '\t', ',']),
            None if next.is_empty() => next,
            None => return None,
        };
    }
    Some(())
}

/// Both headers; 400 if one is malformed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// `If-Match`.
    pub if_match: Option<EntityTags>,
    /// `If-None-Match`.
    pub if_none_match: Option<EntityTags>,
}

impl Preconditions {
    /// Reads the headers.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self> {
        let read = |name: HeaderName, label| {
            EntityTags::of(headers, &name)
                .transpose()
                .map_err(|()| Problem::invalid_header(label, "*, or entity tags in double quotes"))
        };
        Ok(Self {
            if_match: read(header::IF_MATCH, "If-Match")?,
            if_none_match: read(header::IF_NONE_MATCH, "If-None-Match")?,
        })
    }

    /// For GET and HEAD of something that exists (section 13.2.2): `Ok(true)` means 304, `Err` is
    /// 412. `selected` is the tag of the representation to be sent, `all` those `If-Match` takes.
    pub fn not_modified(&self, selected: &str, all: &[&str]) -> Result<bool> {
        match &self.if_match {
            Some(tags) if !tags.match_strongly(all) => {
                Err(Problem::precondition_failed(Some(selected)))
            }
            _ => Ok(self
                .if_none_match
                .as_ref()
                .is_some_and(|tags| tags.match_weakly(&[selected]))),
        }
    }

    /// For everything that writes: 412 unless both headers hold. `current` are the tags of what is
    /// there now, the preferred one first; none if nothing is there.
    pub fn allow_write(&self, current: &[&str]) -> Result<()> {
        let refused = self
            .if_match
            .as_ref()
            .is_some_and(|tags| !tags.match_strongly(current))
            || self
                .if_none_match
                .as_ref()
                .is_some_and(|tags| tags.match_weakly(current));
        if refused {
            Err(Problem::precondition_failed(current.first().copied()))
        } else {
            Ok(())
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Preconditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Self::from_headers(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn preconditions(headers: &[(&'static str, &str)]) -> Result<Preconditions> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Preconditions::from_headers(&map)
    }

    fn if_match(value: &str) -> Preconditions {
        preconditions(&[("if-match", value)]).unwrap()
    }

    fn if_none_match(value: &str) -> Preconditions {
        preconditions(&[("if-none-match", value)]).unwrap()
    }

    #[test]
    fn without_headers_everything_goes() {
        let none = Preconditions::default();
        assert_eq!(none.not_modified("\"1\"", &["\"1\""]), Ok(false));
        assert_eq!(none.allow_write(&[]), Ok(()));
    }

    #[test]
    fn if_match_takes_any_tag_of_its_list_and_any_current_tag() {
        assert!(
            if_match("\"0\", \"1\" ,\"2\"")
                .allow_write(&["\"1\"", "\"1-v\""])
                .is_ok()
        );
        assert!(
            if_match("\"1-v\"")
                .allow_write(&["\"1\"", "\"1-v\""])
                .is_ok()
        );
        assert!(if_match("\"3\"").allow_write(&["\"1\""]).is_err());
    }

    #[test]
    fn tags_may_come_in_several_lines_and_hold_commas() {
        let both = preconditions(&[("if-match", "\"a,b\""), ("if-match", "\"c\"")]).unwrap();
        assert!(both.allow_write(&["\"a,b\""]).is_ok());
        assert!(both.allow_write(&["\"c\""]).is_ok());
        assert!(both.allow_write(&["\"a\""]).is_err());
    }

    #[test]
    fn a_weak_tag_never_matches_strongly_but_matches_weakly() {
        assert!(if_match("W/\"1\"").allow_write(&["\"1\""]).is_err());
        assert_eq!(
            if_none_match("W/\"1\"").not_modified("\"1\"", &["\"1\""]),
            Ok(true)
        );
    }

    #[test]
    fn a_star_matches_what_exists() {
        assert!(if_match("*").allow_write(&["\"1\""]).is_ok());
        assert!(if_match("*").allow_write(&[]).is_err());
        assert!(if_none_match("*").allow_write(&[]).is_ok());
        assert!(if_none_match("*").allow_write(&["\"1\""]).is_err());
    }

    #[test]
    fn if_none_match_on_a_read_looks_at_the_selected_representation_alone() {
        let vcard = if_none_match("\"1-v\"");
        assert_eq!(
            vcard.not_modified("\"1\"", &["\"1\"", "\"1-v\""]),
            Ok(false)
        );
        assert_eq!(
            vcard.not_modified("\"1-v\"", &["\"1\"", "\"1-v\""]),
            Ok(true)
        );
    }

    #[test]
    fn if_match_is_judged_before_if_none_match() {
        let both = preconditions(&[("if-match", "\"2\""), ("if-none-match", "\"1\"")]).unwrap();
        assert!(both.not_modified("\"1\"", &["\"1\""]).is_err());
    }

    #[test]
    fn a_failed_precondition_names_the_current_tag() {
        let problem = if_match("\"2\"").allow_write(&["\"1\""]).unwrap_err();
        assert_eq!(problem.document(None)["etag"], "\"1\"");
    }

    #[test]
    fn malformed_tags_are_refused() {
        for value in [
            "",
            "1",
            "\"1",
            "w/\"1\"",
            "\"1\" \"2\"",
            "*, \"1\"",
            "\"a b\"",
            "\"1\";",
        ] {
            let problem = preconditions(&[("if-match", value)]).unwrap_err();
            assert_eq!(problem.document(None)["status"], 400, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(value in "[ -~]{0,60}") {
            let _ = preconditions(&[("if-match", &value)]);
        }

        #[test]
        fn a_list_of_tags_is_read_back(tags in proptest::collection::vec("[!#-~]{0,8}", 1..6)) {
            let quoted: Vec<_> = tags.iter().map(|tag| format!("\"{tag}\"")).collect();
            let read = if_match(&quoted.join(", "));
            for tag in &quoted {
                prop_assert!(read.allow_write(&[tag]).is_ok());
            }
        }
    }
}
