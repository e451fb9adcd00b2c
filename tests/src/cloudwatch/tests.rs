//! Tests of the evaluator, by what AWS's documentation shows.

use anyhow::Result;
use proptest::prelude::{prop_assert, proptest};
use serde_json::{Value as Json, json};

use super::alarm::Watches;
use super::math::Expression;
use super::rule::Rule;
use super::samples::Statistic;
use super::series::{Value, compute};
use super::*;

/// `enough` out of three points of a minute above 5, of the metric `x`.
fn alarm(enough: u64, missing: &str) -> Alarm {
    of_queries(
        enough,
        missing,
        json!([{"Id": "x", "MetricStat": {
            "Metric": {"Namespace": "N", "MetricName": "x", "Dimensions": []}, "Period": 60, "Stat": "Sum",
        }}]),
    )
}

fn of_queries(enough: u64, missing: &str, queries: Json) -> Alarm {
    let described = json!({"MetricAlarms": [{
        "AlarmName": "a name", "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a name",
        "ActionsEnabled": true, "AlarmActions": ["topic"], "OKActions": ["topic"], "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 3, "DatapointsToAlarm": enough,
        "TreatMissingData": missing, "Metrics": queries,
    }]});
    Alarm::all(&described).unwrap().remove(0)
}

/// The state by points such as `0 - X`, which is what it was before where that is kept.
fn state(alarm: &Alarm, points: &str, before: State) -> State {
    let Watches::Metrics(metrics) = &alarm.watches else {
        panic!("it watches metrics");
    };
    let point = |word: &str| match word {
        "0" => Some(0.0),
        "X" => Some(9.0),
        _ => None,
    };
    let points: Vec<_> = points.split(' ').map(point).collect();
    metrics.state(&points, before)
}

#[test]
fn missing_points_count_as_in_the_tables_of_the_user_guide() {
    const O: Option<State> = Some(State::Ok);
    const A: Option<State> = Some(State::Alarm);
    const I: Option<State> = Some(State::InsufficientData);
    const KEEPS: Option<State> = None;
    for (enough, points, expected) in [
        (3, "0 - X - X", [O, O, O, O]),
        (3, "0 - - - -", [O, O, O, O]),
        (3, "- - - - -", [I, KEEPS, A, O]),
        (3, "0 X X - X", [A, A, A, A]),
        (3, "- - - - X", [I, KEEPS, A, O]),
        (3, "X - - - -", [A, KEEPS, A, O]),
        (2, "0 - X - X", [A, A, A, A]),
        (2, "0 0 X 0 X", [A, A, A, A]),
        (2, "0 - X - -", [O, O, A, O]),
        (2, "- - - - 0", [O, O, A, O]),
        (2, "- - - - X", [I, KEEPS, A, O]),
        // "Avoiding premature transitions to alarm state"
        (3, "- - - X -", [I, KEEPS, A, O]),
        (3, "- - X - -", [A, KEEPS, A, O]),
    ] {
        for (missing, expected) in ["missing", "ignore", "breaching", "notBreaching"]
            .iter()
            .zip(expected)
        {
            for before in [State::Ok, State::Alarm, State::InsufficientData] {
                let found = state(&alarm(enough, missing), points, before);
                assert_eq!(
                    found,
                    expected.unwrap_or(before),
                    "{enough} {points} {missing}"
                );
            }
        }
    }
}

/// Computes an expression over series such as `a: [30, 20]`, in which null is missing.
fn computed(expression: &str, series: &Json, filling: Filling) -> Result<Json> {
    let expression: Expression = expression.parse()?;
    let mut query = |id: &str| {
        let points = series[id].as_array();
        let points = points.ok_or_else(|| anyhow::anyhow!("nothing is called {id}"))?;
        Ok(Value::Series(points.iter().map(Json::as_f64).collect()))
    };
    Ok(match compute(&expression, 5, filling, &mut query)? {
        Value::Number(number) => json!(number),
        Value::Series(points) => json!(points),
    })
}

#[test]
fn metric_math_gives_what_the_user_guide_shows() {
    let series = json!({
        "m1": [1, 1, 0, 0, null], "m2": [30, null, 0, 0, 30], "m3": [0, 0, 20, null, 20],
        "a": [30, 20, 0, 0, null], "b": [20, null, 20, null, null], "none": [null, null, null, null, null],
    });
    for (expression, expected) in [
        ("IF(m1, m2, m3)", json!([30.0, 0.0, 20.0, null, null])),
        ("IF(m1, 5, m3)", json!([5.0, 5.0, 20.0, null, null])),
        ("IF(m1, m2, 5)", json!([30.0, 0.0, 5.0, 5.0, null])),
        ("IF(m1, m2)", json!([30.0, 0.0, null, null, null])),
        ("IF(1, m2, m3)", json!([30.0, null, 0.0, 0.0, 30.0])),
        ("a < b", json!([0.0, 0.0, 1.0, 0.0, null])),
        ("a >= 30", json!([1.0, 0.0, 0.0, 0.0, null])),
        ("a > 15 AND b > 15", json!([1.0, 0.0, 0.0, 0.0, null])),
        ("a > 15 || b > 15", json!([1.0, 1.0, 1.0, 0.0, null])),
        ("a + b", json!([50.0, 20.0, 20.0, 0.0, null])),
        ("b - a", json!([-10.0, -20.0, 20.0, 0.0, null])),
        ("a - b * 2", json!([-10.0, 20.0, -40.0, 0.0, null])),
        ("(a - b) * 2", json!([20.0, 40.0, -40.0, 0.0, null])),
        ("60 / a", json!([2.0, 3.0, null, null, null])),
        ("-a", json!([-30.0, -20.0, 0.0, 0.0, null])),
        ("FILL(a, 7)", json!([30.0, 20.0, 0.0, 0.0, 7.0])),
        ("FILL(b, REPEAT)", json!([20.0, 20.0, 20.0, 20.0, 20.0])),
        ("FILL(b, a)", json!([20.0, 20.0, 20.0, 0.0, null])),
        ("MAX([a, b])", json!([30.0, 20.0, 20.0, 0.0, null])),
        ("MIN([a, b])", json!([20.0, 20.0, 0.0, 0.0, null])),
        ("SUM([a, b, m1])", json!([51.0, 21.0, 20.0, 0.0, null])),
        ("2 * (3 + 4)", json!(14.0)),
    ] {
        for filling in [Filling::Always, Filling::UnlessEmpty] {
            let found = computed(expression, &series, filling).unwrap();
            // 0 and -0 are the same number.
            assert_eq!(
                found.to_string().replace("-0.0", "0.0"),
                expected.to_string(),
                "{expression}"
            );
        }
    }
    let filled = |filling| computed("FILL(none, 1)", &series, filling).unwrap();
    assert_eq!(filled(Filling::Always), json!([1.0, 1.0, 1.0, 1.0, 1.0]));
    assert_eq!(filled(Filling::UnlessEmpty), series["none"]);
}

#[test]
fn what_is_not_known_is_an_error() {
    let deep = "(".repeat(1000) + "a" + &")".repeat(1000);
    for expression in [
        "",
        "a +",
        "a b",
        "(a",
        "a)",
        "MEDIAN([a])",
        "MAX(a)",
        "IF(a)",
        "a = 1",
        "a < ",
        "FILL(1, 2)",
        "1 / 0",
        "unknown + 1",
        "MAX([1, 2])",
        "1.2.3",
        "a & b",
        "\"a",
        "ANOMALY_DETECTION_BAND(a)",
        &deep,
        &"-".repeat(1000),
    ] {
        let series = json!({"a": [1], "b": [2]});
        assert!(
            computed(expression, &series, Filling::Always).is_err(),
            "{expression}"
        );
    }
    let metric = |period: u32, stat: &str| {
        json!({"Id": "x", "ReturnData": false, "MetricStat": {
            "Metric": {"Namespace": "N", "MetricName": "x", "Dimensions": []}, "Period": period, "Stat": stat,
        }})
    };
    let other = json!({"Id": "y", "Period": 60, "Expression": "x"});
    for queries in [
        json!([]),
        json!([metric(60, "Sum")]),
        json!([metric(60, "Sum"), other, {"Id": "z", "Expression": "x"}]),
        json!([metric(300, "Sum"), other]),
        json!([metric(60, "TM(10%:90%)"), other]),
        json!([metric(7, "Sum"), {"Id": "y", "Expression": "x"}]),
        json!([{"Id": "y", "Period": 60, "Expression": "SELECT SUM(x) FROM N GROUP BY d"}]),
        json!([{"Id": "y", "Period": i64::MAX, "Expression": "SELECT SUM(x) FROM \"N\" WHERE d = 'v'"}]),
    ] {
        let described = json!({"MetricAlarms": [{
            "AlarmName": "n", "AlarmArn": "a", "Threshold": 1, "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold", "Metrics": queries,
        }]});
        assert!(Alarm::all(&described).is_err(), "{queries}");
    }
}

#[test]
fn ids_that_need_each_other_are_an_error() {
    let queries = json!([
        {"Id": "x", "Period": 60, "Expression": "y + 1"}, {"Id": "y", "Expression": "x + 1", "ReturnData": false},
    ]);
    let mut watch = Watch::new(vec![of_queries(3, "missing", queries)], Filling::Always);
    let error = watch.look(&Samples::default(), 0).unwrap_err();
    assert!(format!("{error:#}").contains("needs itself"), "{error:#}");
}

#[test]
fn statistics_are_those_of_the_samples_of_a_period() {
    let samples: Vec<_> = (1..=100)
        .rev()
        .map(|half| (f64::from(2 * half), 2))
        .collect();
    for (statistic, expected) in [
        ("Sum", 20_200.0),
        ("Average", 101.0),
        ("Minimum", 2.0),
        ("Maximum", 200.0),
        ("SampleCount", 200.0),
        ("p99", 198.0),
        ("p50", 100.0),
        ("p0", 2.0),
        ("p100", 200.0),
        ("p99.5", 200.0),
    ] {
        let statistic: Statistic = statistic.parse().unwrap();
        assert_eq!(statistic.of(&samples), Some(expected), "{statistic:?}");
        assert_eq!(statistic.of(&[]), None);
    }
}

#[test]
fn a_sample_belongs_to_the_period_that_it_was_measured_in() {
    let metric = Metric::new("N", "x", &[]);
    let mut samples = Samples::default();
    let mut watch = Watch::new(vec![alarm(3, "missing")], Filling::Always);
    for at in [0, 60, 119, 120] {
        samples.put(&metric, at, [(3.0, 2)]);
    }
    assert_eq!(
        watch.look(&samples, 120).unwrap().len(),
        0,
        "two points are too few"
    );
    let changes = watch.look(&samples, 180).unwrap();
    let reason = "Threshold Crossed: 3 out of the last 3 datapoints [6.0 (01/01/70 00:02:00), 12.0 (01/01/70 \
                  00:01:00), 6.0 (01/01/70 00:00:00)] were greater than the threshold (5.0) (minimum 3 datapoints for \
                  OK -> ALARM transition).";
    assert_eq!(changes[0].reason, reason);
    assert_eq!(changes[0].to, State::Alarm);
    samples.put(&metric, 180, [(5.0, 1)]);
    let changes = watch.look(&samples, 240).unwrap();
    let reason = "Threshold Crossed: 1 out of the last 3 datapoints [5.0 (01/01/70 00:03:00)] was not greater than the \
                  threshold (5.0) (minimum 1 datapoint for ALARM -> OK transition).";
    assert_eq!(changes[0].reason, reason);
}

#[test]
fn a_subject_is_cut_to_what_sns_takes() {
    let mut alarm = alarm(3, "breaching");
    alarm.name = "ä".repeat(120);
    let mut watch = Watch::new(vec![alarm], Filling::Always);
    let changes = watch.look(&Samples::default(), 0).unwrap();
    let subject = changes[0].email().subject;
    assert_eq!(subject, format!("ALARM: \"{}", "ä".repeat(92)));
}

#[test]
fn metrics_insights_adds_up_all_metrics_that_have_the_dimension() {
    let query = "SELECT SUM(x) FROM \"N/M\" WHERE d = 'v-1'";
    let mut watch = Watch::new(
        vec![of_queries(
            1,
            "notBreaching",
            json!([{"Id": "q", "Period": 60, "Expression": query}]),
        )],
        Filling::Always,
    );
    let mut samples = Samples::default();
    for (namespace, name, value, amount) in [
        ("N/M", "x", "other", 9.0),
        ("N/M", "y", "v-1", 9.0),
        ("N", "x", "v-1", 9.0),
        ("N/M", "x", "v-1", 3.0),
    ] {
        samples.put(
            &Metric::new(namespace, name, &[("d", value)]),
            0,
            [(amount, 1)],
        );
    }
    watch.look(&samples, 60).unwrap();
    assert_eq!(watch.state("a name").unwrap(), State::Ok);
    samples.put(
        &Metric::new("N/M", "x", &[("d", "v-1"), ("e", "w")]),
        0,
        [(3.0, 1)],
    );
    watch.look(&samples, 60).unwrap();
    assert_eq!(watch.state("a name").unwrap(), State::Alarm);
}

#[test]
fn rules_follow_the_states_of_other_alarms() {
    let state = |name: &str| match name {
        "a b" => Ok(State::Alarm),
        "c" => Ok(State::Ok),
        other => anyhow::bail!("{other}"),
    };
    for (rule, expected) in [
        ("ALARM(\"a b\")", true),
        ("ALARM(\"a b\") AND ALARM(\"c\")", false),
        ("ALARM(\"c\") OR ALARM(\"a b\")", true),
        ("NOT ALARM(\"c\") AND OK(\"c\")", true),
        ("NOT (ALARM(\"a b\") OR OK(\"c\"))", false),
        ("FALSE AND FALSE OR TRUE", true),
        ("FALSE AND (FALSE OR TRUE)", false),
        ("INSUFFICIENT_DATA(\"c\")", false),
    ] {
        let rule: Rule = rule.parse().unwrap();
        assert_eq!(rule.holds(&state).unwrap(), expected, "{rule:?}");
    }
    assert!(
        "ALARM(\"unknown\")"
            .parse::<Rule>()
            .unwrap()
            .holds(&state)
            .is_err()
    );
    for rule in [
        "",
        "ALARM(a)",
        "ALARM(\"a b\") ALARM(\"c\")",
        "XOR(\"a\")",
        "NOT",
        &"NOT ".repeat(2000),
    ] {
        assert!(rule.parse::<Rule>().is_err(), "{rule}");
    }
}

#[test]
fn a_line_of_metrics_is_a_sample_for_each_set_of_dimensions() {
    let line = json!({
        "_aws": {"Timestamp": 1, "CloudWatchMetrics": [{
            "Namespace": "N", "Dimensions": [["s"], ["s", "c"]], "Metrics": [{"Name": "m"}, {"Name": "n"}],
        }]},
        "s": "api", "c": "5xx", "route": "/", "m": 2, "n": [1, 2.5],
    });
    let mut samples = Samples::default();
    assert_eq!(read_emf(&line.to_string(), 60, &mut samples).unwrap(), 2);
    for (name, values) in [("m", vec![(2.0, 1)]), ("n", vec![(1.0, 1), (2.5, 1)])] {
        for dimensions in [&[("s", "api")][..], &[("s", "api"), ("c", "5xx")]] {
            let metric = Metric::new("N", name, dimensions);
            assert_eq!(samples.within(&metric, 60..61), values, "{metric:?}");
        }
    }
    assert_eq!(samples.metrics().count(), 4);
    for other in ["", "a log line", "{\"level\": \"INFO\"}"] {
        assert_eq!(read_emf(other, 0, &mut samples).unwrap(), 0);
    }
    for (member, wrong) in [
        ("m", json!("2")),
        ("n", json!([])),
        ("s", json!(1)),
        ("c", json!("")),
    ] {
        let mut line = line.clone();
        line[member] = wrong;
        assert!(
            read_emf(&line.to_string(), 0, &mut samples).is_err(),
            "{line}"
        );
    }
}

proptest! {
    #[test]
    fn no_text_at_all_makes_the_readers_panic(
        text in "(IF|FILL|MAX|SELECT|ALARM|NOT|AND|OR|REPEAT|a|b|7|0|\"|'|[-+*/<>=!&|(),\\[\\] .]|ü|.){0,60}",
        more in 0_usize..3000,
    ) {
        let series = json!({"a": [1, null, 0], "b": [null, 2, 3]});
        for filling in [Filling::Always, Filling::UnlessEmpty] {
            drop(computed(&text, &series, filling));
        }
        drop(text.parse::<Rule>());
        drop(text.parse::<insights::Select>());
        drop(text.parse::<Statistic>());
        drop(read_emf(&text, 0, &mut Samples::default()));
        prop_assert!(("(".repeat(more) + &text).parse::<Expression>().is_err() || more < 64);
    }
}
