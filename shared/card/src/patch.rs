//! JSON Merge Patch (RFC 7396).

use serde_json::{Map, Value};

/// Applies `patch` to `target` as section 2 of the RFC says, member order kept.
pub(crate) fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, change) in patch {
        match change {
            Value::Null => {
                target.shift_remove(name);
            }
            Value::Object(change) => {
                let member = target.entry(name.as_str()).or_insert(Value::Null);
                if !member.is_object() {
                    *member = Value::Object(Map::new());
                }
                if let Value::Object(member) = member {
                    merge(member, change);
                }
            }
            change => {
                target.insert(name.clone(), change.clone());
            }
        }
    }
}

/// Whether `value` has at most `levels` levels of arrays and objects.
pub(crate) fn is_within(levels: usize, value: &Value) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| is_within(levels - 1, item)),
        Value::Object(members) => {
            levels > 0 && members.values().all(|member| is_within(levels - 1, member))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_examples_of_rfc_7396_appendix_a_give_the_results_listed_there() {
        // Those whose target and patch are objects; merge_patch accepts no others.
        let cases = [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (
                json!({"a":"b","b":"c"}),
                json!({"a":null}),
                json!({"b":"c"}),
            ),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (
                json!({"a":{"b":"c"}}),
                json!({"a":{"b":"d","c":null}}),
                json!({"a":{"b":"d"}}),
            ),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (
                json!({}),
                json!({"a":{"bb":{"ccc":null}}}),
                json!({"a":{"bb":{}}}),
            ),
        ];
        for (target, patch, result) in cases {
            let (Value::Object(mut map), Value::Object(patch)) = (target.clone(), patch) else {
                panic!()
            };
            merge(&mut map, &patch);
            assert_eq!(Value::Object(map), result, "{target}");
        }
    }

    #[test]
    fn removing_a_member_keeps_the_order_of_the_others() {
        let Value::Object(mut map) = json!({"a":1,"b":2,"c":3,"d":4}) else {
            panic!()
        };
        let Value::Object(patch) = json!({"b":null}) else {
            panic!()
        };
        merge(&mut map, &patch);
        assert_eq!(map.keys().collect::<Vec<_>>(), ["a", "c", "d"]);
    }
}
