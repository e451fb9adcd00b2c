//! Policies of topics, as far as this product writes them.

use serde_json::Value;

/// Whether a topic's policy lets a service of AWS publish on behalf of this resource.
pub(crate) fn allows(policy: &Value, service: &str, source: &str) -> bool {
    let account = source.split(':').nth(4).unwrap_or_default();
    let statements = policy["Statement"].as_array().into_iter().flatten();
    statements.into_iter().any(|one| {
        let conditions = one["Condition"].as_object();
        one["Effect"] == "Allow"
            && texts(&one["Principal"]["Service"]).contains(&service)
            && texts(&one["Action"]).contains(&"sns:Publish")
            && conditions.is_some_and(|all| {
                all.iter()
                    .all(|(operator, of)| holds(operator, of, source, account))
            })
    })
}

/// Whether all keys under an operator have a value that is wanted; what is not known holds for nobody.
fn holds(operator: &str, of: &Value, source: &str, account: &str) -> bool {
    let mut keys = of.as_object().into_iter().flatten();
    keys.all(|(key, wanted)| {
        let is = match key.as_str() {
            "aws:SourceArn" => source,
            "aws:SourceAccount" => account,
            _ => return false,
        };
        match operator {
            "StringEquals" | "ArnEquals" => texts(wanted).contains(&is),
            "ArnLike" => texts(wanted).iter().any(|pattern| like(pattern, is)),
            _ => false,
        }
    })
}

/// One text or several.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// Whether a text fits a pattern in which a star stands for anything.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|left| {
            (0..=left.len()).any(|from| left.is_char_boundary(from) && like(rest, &left[from..]))
        }),
    }
}
