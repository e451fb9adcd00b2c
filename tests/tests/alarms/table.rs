//! What each alarm hears of: every minute what it must bear, and what it must not.

use contacts_tests::cloudwatch::{Metric, Samples, Seconds, State};

use crate::functions::{API, Recording, Recordings, WORKER, own};

/// What happens in a minute.
pub(crate) enum Feed {
    /// A metric has this value.
    Value(Metric, f64),
    /// What a function wrote happens so many times.
    Times(u32, Recording),
}

impl Feed {
    pub(crate) fn give(&self, at: Seconds, samples: &mut Samples) {
        match self {
            Self::Value(metric, value) => samples.put(metric, at, [(*value, 1)]),
            Self::Times(times, recording) => recording.play(*times, at, samples),
        }
    }
}

/// An alarm and its minutes.
pub(crate) struct Case {
    /// What follows the product and the environment in its name.
    pub(crate) alarm: String,
    /// What it bears for ever: as near to the threshold as can be.
    pub(crate) bears: Vec<Feed>,
    /// What it does not.
    pub(crate) fires: Vec<Feed>,
    /// After how many minutes of it.
    pub(crate) after: Seconds,
    /// How it is when nothing is heard any more, and when nothing ever was.
    pub(crate) silent: State,
}

fn case(alarm: &str, after: Seconds, bears: Vec<Feed>, fires: Vec<Feed>) -> Case {
    Case {
        alarm: alarm.to_owned(),
        bears,
        fires,
        after,
        silent: State::Ok,
    }
}

const LOAD_BALANCER: (&str, &str) = ("LoadBalancer", "app/contact-manager-dev/0123456789abcdef");

fn balancer(name: &str, value: f64) -> Feed {
    let metric = Metric::new("AWS/ApplicationELB", name, &[LOAD_BALANCER]);
    Feed::Value(metric, value)
}

fn target(name: &str, target: &str, value: f64) -> Feed {
    let group = format!("targetgroup/{target}/0123456789abcdef");
    let dimensions = [LOAD_BALANCER, ("TargetGroup", &group)];
    Feed::Value(Metric::new("AWS/ApplicationELB", name, &dimensions), value)
}

fn function(name: &str, function: &str, value: f64) -> Feed {
    let dimensions = [("FunctionName", function)];
    Feed::Value(Metric::new("AWS/Lambda", name, &dimensions), value)
}

fn tasks(name: &str, side: &str, service: &str, value: f64) -> Feed {
    let cluster = format!("contact-manager-dev-{side}");
    let dimensions = [("ClusterName", &*cluster), ("ServiceName", service)];
    Feed::Value(Metric::new("AWS/ECS", name, &dimensions), value)
}

fn queue(name: &str, queue: &str, value: f64) -> Feed {
    let dimensions = [("QueueName", queue)];
    Feed::Value(Metric::new("AWS/SQS", name, &dimensions), value)
}

fn prometheus(name: &str, workspace: &str, value: f64) -> Feed {
    // Of each workspace there are several, told apart by more dimensions.
    let dimensions = [("Workspace", workspace), ("RuleGroup", "any")];
    Feed::Value(Metric::new("AWS/Prometheus", name, &dimensions), value)
}

/// Every case, for a workspace of this identifier.
pub(crate) fn cases(of: &Recordings, workspace: &str) -> Vec<Case> {
    let times = |times, recording: &Recording| Feed::Times(times, recording.clone());
    let requests =
        |answered, failed| vec![times(answered, &of.answered), times(failed, &of.failed)];
    let calls = |calls, errors| {
        let quiet = [
            balancer("RequestCount", calls),
            balancer("HTTPCode_ELB_5XX_Count", 0.0),
        ];
        let calls = [
            function("Invocations", API, calls),
            function("Errors", API, errors),
        ];
        quiet.into_iter().chain(calls).collect::<Vec<_>>()
    };
    let refused = |requests, refused| {
        vec![
            balancer("RequestCount", requests),
            balancer("HTTPCode_ELB_5XX_Count", refused),
        ]
    };
    let own = |name, service, value| vec![Feed::Value(own(name, service, None), value)];

    let mut all = vec![
        // Half of the calls may fail.
        case("P1 Down on lambda", 3, calls(10.0, 5.0), calls(10.0, 6.0)),
        // So may half of the requests, and those of which the load balancer could not even choose a target.
        case(
            "P1 Down on lambda",
            3,
            refused(10.0, 5.0),
            refused(10.0, 6.0),
        ),
        case("P1 Down on lambda", 3, refused(0.0, 0.0), refused(0.0, 1.0)),
        // 1.44 % of the requests may fail, and 0.6 %.
        case(
            "P1 ErrorsFast 1h on lambda",
            25,
            requests(986, 14),
            requests(985, 15),
        ),
        case(
            "P1 ErrorsFast 5m on lambda",
            3,
            requests(986, 14),
            requests(985, 15),
        ),
        case(
            "P1 ErrorsFast on lambda",
            25,
            requests(986, 14),
            requests(985, 15),
        ),
        case(
            "P2 ErrorsSlow 6h on lambda",
            1,
            requests(497, 3),
            requests(496, 4),
        ),
        case(
            "P2 ErrorsSlow 30m on lambda",
            1,
            requests(497, 3),
            requests(496, 4),
        ),
        case(
            "P2 ErrorsSlow on lambda",
            1,
            requests(497, 3),
            requests(496, 4),
        ),
        case(
            "P2 Slow on lambda",
            11,
            vec![times(99, &of.answered), times(1, &of.slow)],
            vec![times(98, &of.answered), times(2, &of.slow)],
        ),
        // Five a second, and a tenth of one.
        case(
            "P3 AuthFailures on lambda",
            11,
            vec![times(300, &of.refused)],
            vec![times(301, &of.refused)],
        ),
        case(
            "P2 DatabaseThrottled on lambda",
            11,
            vec![times(6, &of.throttled)],
            vec![times(7, &of.throttled)],
        ),
        case(
            "P3 DatabaseConflicts on lambda",
            11,
            own("contacts_dynamodb_conflicts_total", API, 300.0),
            own("contacts_dynamodb_conflicts_total", WORKER, 301.0),
        ),
        case(
            "P2 FunctionsThrottled on lambda",
            6,
            vec![
                function("Throttles", API, 0.0),
                function("Throttles", WORKER, 0.0),
            ],
            vec![
                function("Throttles", API, 0.0),
                function("Throttles", WORKER, 1.0),
            ],
        ),
        case(
            "P3 JobsFailed on lambda",
            1,
            vec![times(1, &of.job_done)],
            vec![times(1, &of.job_failed)],
        ),
        case(
            "P2 EventsLate on lambda",
            6,
            vec![times(1, &of.told_soon)],
            vec![times(1, &of.told_late)],
        ),
        // What a sweep has left, once a minute: of five minutes more than half must say so.
        case(
            "P2 EventsLate on lambda",
            8,
            own("contacts_outbox_age_seconds", WORKER, 300.0),
            own("contacts_outbox_age_seconds", WORKER, 301.0),
        ),
        case(
            "P3 CacheDown on lambda",
            5,
            vec![times(1, &of.with_cache)],
            vec![times(1, &of.without_cache)],
        ),
        case(
            "P3 AlertTest on lambda",
            1,
            vec![alert_test(0.0)],
            vec![alert_test(1.0)],
        ),
        // Nobody says how many are healthy when there is nobody.
        Case {
            silent: State::Alarm,
            ..case(
                "P1 NoHealthyTarget",
                3,
                vec![target("HealthyHostCount", "lambda", 1.0)],
                vec![target("HealthyHostCount", "lambda", 0.0)],
            )
        },
        case(
            "P2 QueueAge",
            6,
            vec![queue(
                "ApproximateAgeOfOldestMessage",
                "contact-manager-dev-jobs",
                900.0,
            )],
            vec![queue(
                "ApproximateAgeOfOldestMessage",
                "contact-manager-dev-jobs",
                901.0,
            )],
        ),
        case(
            "P2 DeadLetters",
            1,
            vec![queue(
                "ApproximateNumberOfMessagesVisible",
                "contact-manager-dev-dead-letters",
                0.0,
            )],
            vec![queue(
                "ApproximateNumberOfMessagesVisible",
                "contact-manager-dev-dead-letters",
                1.0,
            )],
        ),
        case(
            "P2 CertificateExpires",
            1,
            vec![days_left(30.0)],
            vec![days_left(29.0)],
        ),
        case(
            "P2 SwitchHalfDone",
            61,
            vec![
                target("RequestCount", "fargate", 10.0),
                target("RequestCount", "ec2", 0.0),
            ],
            vec![
                target("RequestCount", "fargate", 10.0),
                target("RequestCount", "ec2", 1.0),
            ],
        ),
    ];
    for side in ["fargate", "ec2"] {
        for (alert, metric) in [
            ("CpuHigh", "CPUUtilization"),
            ("MemoryHigh", "MemoryUtilization"),
        ] {
            let used = |api, worker| {
                vec![
                    tasks(metric, side, "api", api),
                    tasks(metric, side, "worker", worker),
                ]
            };
            let alarm = format!("P3 {alert} on {side}");
            all.push(case(&alarm, 15, used(90.0, 5.0), used(5.0, 91.0)));
        }
        let dropped = |count| {
            let name = format!("{side}-metrics-dropped");
            vec![Feed::Value(
                Metric::new("contact-manager-dev", &name, &[]),
                count,
            )]
        };
        let alarm = format!("P2 MetricsLost on {side}");
        all.push(case(&alarm, 1, dropped(0.0), dropped(1.0)));
        for (part, metric) in [
            (
                "AlertsLost notifications",
                "AlertManagerNotificationsFailed",
            ),
            ("AlertsLost rules", "RuleEvaluationFailures"),
            ("AlertsLost samples", "DiscardedSamples"),
            ("AlertsLost", "RuleEvaluationFailures"),
        ] {
            let lost = |count| vec![prometheus(metric, workspace, count)];
            let alarm = format!("P1 {part} on {side}");
            all.push(case(&alarm, 6, lost(0.0), lost(1.0)));
        }
    }
    all
}

fn alert_test(value: f64) -> Feed {
    let dimensions = [("environment", "dev")];
    Feed::Value(
        Metric::new("ContactManager", "contacts_alert_test", &dimensions),
        value,
    )
}

fn days_left(days: f64) -> Feed {
    let dimensions = [(
        "CertificateArn",
        "arn:aws:acm:us-east-1:123456789012:certificate/0",
    )];
    Feed::Value(
        Metric::new("AWS/CertificateManager", "DaysToExpiry", &dimensions),
        days,
    )
}
