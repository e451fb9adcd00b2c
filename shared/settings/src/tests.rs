//! Tests of the settings as a door reads them.

use super::*;

fn read(door: Door, pairs: &[(&str, &str)]) -> Result<Settings, Error> {
    Settings::read(door, &pairs.iter().copied().collect())
}

fn message(pairs: &[(&str, &str)]) -> String {
    read(Door::Standalone, pairs).unwrap_err().to_string()
}

const GOOD_TOKEN: &str = "cm_0123456789abcdefghijABCDEFGHIJ0123456789-_";
const SHOWN_BY_THE_SITE: &str = "1bd39c22-7fe8-4a06-a3a2-5e3b3e9f4c11";

/// What the site has to show, if this door hears of one.
fn shown_by_the_site(settings: &Settings) -> Option<&str> {
    match &settings.limits.client {
        ClientAddress::Forwarded { site_secret } => site_secret.as_ref().map(Secret::expose),
        ClientAddress::Peer => None,
    }
}

#[test]
fn standalone_needs_no_variable() {
    let settings = read(Door::Standalone, &[]).unwrap();
    assert_eq!(settings.listen.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.listen.metrics.to_string(), "127.0.0.1:5000");
    assert_eq!(settings.listen.linger, Duration::ZERO);
    assert_eq!(settings.data.dir, PathBuf::from("./data"));
    assert!(settings.token.is_none());
    assert_eq!(settings.table.name, "contacts");
    assert_eq!(settings.table.changes_days, 90);
    assert_eq!(settings.http.cors_origins, Vec::<String>::new());
    assert_eq!(settings.queue_url, None);
    assert_eq!(settings.topic_arn, None);
    assert!(settings.cache.is_none());
    assert_eq!(settings.limits.rate, None);
    assert!(matches!(settings.limits.client, ClientAddress::Peer));
    assert_eq!(settings.oidc, None);
    assert_eq!(settings.traces, None);
}

#[test]
fn container_and_lambda_need_the_table() {
    for door in [Door::Container, Door::Lambda] {
        let error = read(door, &[]).unwrap_err().to_string();
        assert!(error.starts_with("CONTACTS_TABLE is not set: "), "{error}");
        assert_eq!(
            read(door, &[(TABLE, "cm-dev")]).unwrap().table.name,
            "cm-dev"
        );
    }
}

#[test]
fn a_task_is_given_time_to_leave() {
    let drain = |pairs: &[(&str, &str)]| {
        let settings = read(Door::Container, pairs);
        settings.map(|settings| settings.listen.linger.as_secs())
    };
    let table = (TABLE, "cm-dev");
    assert_eq!(drain(&[table]).unwrap(), 15);
    assert_eq!(drain(&[table, (DRAIN_S, "0")]).unwrap(), 0);
    for wrong in ["-1", "61", "soon"] {
        let error = drain(&[table, (DRAIN_S, wrong)]).unwrap_err().to_string();
        assert!(error.contains("from 0 to 60"), "{error}");
    }
}

#[test]
fn every_variable_is_read() {
    let settings = read(
        Door::Container,
        &[
            (LISTEN, "0.0.0.0:80"),
            (METRICS_LISTEN, "[::1]:9000"),
            (DRAIN_S, "20"),
            (DATA_DIR, "/srv/data"),
            (TOKEN, GOOD_TOKEN),
            (TABLE, "cm.prod_1"),
            (CHANGES_DAYS, "3650"),
            (QUEUE_URL, "https://sqs.eu-central-1.amazonaws.com/1/cm"),
            (CORS_ORIGINS, "https://a.example, http://localhost:5173"),
            (CACHE_URL, "rediss://cache.example"),
            (RATE_LIMIT, "10000"),
            (SITE_SECRET, SHOWN_BY_THE_SITE),
            (OIDC_ISSUER, "https://id.example/t"),
            (OIDC_AUDIENCE, "contacts"),
            ("AWS_REGION", "eu-central-1"),
        ],
    )
    .unwrap();
    assert_eq!(settings.listen.listen.to_string(), "0.0.0.0:80");
    assert_eq!(settings.listen.metrics.to_string(), "[::1]:9000");
    assert_eq!(settings.listen.linger, Duration::from_secs(20));
    assert_eq!(settings.data.dir, PathBuf::from("/srv/data"));
    assert_eq!(shown_by_the_site(&settings), Some(SHOWN_BY_THE_SITE));
    assert_eq!(settings.token.unwrap().expose(), GOOD_TOKEN);
    assert_eq!(settings.table.name, "cm.prod_1");
    assert_eq!(settings.table.changes_days, 3650);
    assert_eq!(
        settings.http.cors_origins,
        ["https://a.example", "http://localhost:5173"]
    );
    assert_eq!(settings.cache.unwrap().host, "cache.example");
    assert_eq!(settings.limits.rate, NonZeroU32::new(10_000));
    assert_eq!(
        settings.oidc,
        Some(Oidc {
            issuer: "https://id.example/t".to_owned(),
            audience: "contacts".to_owned()
        })
    );
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let every: Vec<_> = KNOWN.iter().map(|name| (*name, "")).collect();
    assert_eq!(
        read(Door::Standalone, &every).unwrap().table.name,
        "contacts"
    );
}

#[test]
fn a_wrong_value_names_the_variable_and_what_it_should_be() {
    for (variable, value, should) in [
        (LISTEN, "8080", "an IP address and a port"),
        (LISTEN, "localhost:8080", "an IP address and a port"),
        (METRICS_LISTEN, "127.0.0.1", "an IP address and a port"),
        (TABLE, "ab", "3 to 255 characters"),
        (TABLE, "a table", "3 to 255 characters"),
        (CHANGES_DAYS, "0", "1 to 3650"),
        (CHANGES_DAYS, "3651", "1 to 3650"),
        (CHANGES_DAYS, "ninety", "1 to 3650"),
        (CORS_ORIGINS, "*", "origins separated by commas"),
        (
            CORS_ORIGINS,
            "https://a.example,",
            "origins separated by commas",
        ),
        (RATE_LIMIT, "-1", "1 to 10000, or 0"),
        (RATE_LIMIT, "10001", "1 to 10000, or 0"),
        (RATE_LIMIT, "fast", "1 to 10000, or 0"),
        (OIDC_ISSUER, "http://id.example", "https URL"),
    ] {
        let error = message(&[(variable, value), (OIDC_AUDIENCE, "a")]);
        assert!(
            error.starts_with(&format!("{variable} is {value:?}: ")),
            "{error}"
        );
        assert!(error.contains(should), "{error}");
    }
}

#[test]
fn issuer_and_audience_come_together() {
    let error = message(&[(OIDC_ISSUER, "https://id.example")]);
    assert!(
        error.starts_with("CONTACTS_OIDC_AUDIENCE is not set"),
        "{error}"
    );
    let error = message(&[(OIDC_AUDIENCE, "contacts")]);
    assert!(
        error.starts_with("CONTACTS_OIDC_ISSUER is not set"),
        "{error}"
    );
}

#[test]
fn a_token_that_is_too_short_or_not_url_safe_is_refused_without_being_shown() {
    for token in [
        "cm_short",
        "0123456789012345678901234567890123456789012",
        "cm_0123456789abcdefghij0123456789abcdefghij+/",
        "cm_0123456789abcdefghij0123456789abcdefghi",
    ] {
        let error = read(Door::Standalone, &[(TOKEN, token)]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("CONTACTS_TOKEN is not usable"),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains(token), "{error:?}");
    }
}

#[test]
fn behind_a_load_balancer_a_limit_is_on_and_addresses_are_what_it_says() {
    for door in [Door::Container, Door::Lambda] {
        let settings = |more: &[(&str, &str)]| {
            let all = [&[(TABLE, "cm-dev")], more].concat();
            read(door, &all).unwrap()
        };
        let usual = settings(&[]);
        assert_eq!(usual.limits.rate, NonZeroU32::new(50));
        assert!(matches!(
            usual.limits.client,
            ClientAddress::Forwarded { site_secret: None }
        ));
        assert_eq!(settings(&[(RATE_LIMIT, "0")]).limits.rate, None);
    }
}

#[test]
fn what_the_site_shows_is_long_and_never_shown() {
    for wrong in ["short", &"x".repeat(31), &"x y".repeat(20), &"ö".repeat(40)] {
        let error = message(&[(SITE_SECRET, wrong)]);
        let should = "it should be at least 32 characters of A-Z a-z 0-9 - _";
        assert_eq!(error, format!("{SITE_SECRET} is not usable: {should}"));
    }
    let all = [(TABLE, "cm-dev"), (SITE_SECRET, SHOWN_BY_THE_SITE)];
    let settings = read(Door::Lambda, &all).unwrap();
    assert!(!format!("{settings:?}").contains(SHOWN_BY_THE_SITE));
}

#[test]
fn the_address_of_the_cache_is_never_shown() {
    let wrong = message(&[(CACHE_URL, "redis://:hunter2@")]);
    assert!(
        wrong.starts_with("CONTACTS_CACHE_URL is not usable: it should be rediss://"),
        "{wrong}"
    );
    assert!(!wrong.contains("hunter2"));
    let settings = read(Door::Standalone, &[(CACHE_URL, "redis://:hunter2@cache")]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn debug_output_shows_nothing_of_the_token() {
    let settings = read(Door::Standalone, &[(TOKEN, GOOD_TOKEN)]).unwrap();
    assert!(!format!("{settings:?}").contains("cm_"));
}

#[test]
fn a_misspelt_variable_is_refused_with_the_nearest_name() {
    for (misspelt, nearest) in [
        ("CONTACTS_LISTENS", LISTEN),
        ("CONTACTS_CORS_ORIGIN", CORS_ORIGINS),
        ("CONTACTS_ODIC_ISSUER", OIDC_ISSUER),
        ("CONTACTS_TABEL", TABLE),
    ] {
        let error = read(Door::Standalone, &[(misspelt, "x")]).unwrap_err();
        let Error::Misspelt {
            variable,
            nearest: found,
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(variable, misspelt);
        assert_eq!(found, &nearest);
    }
}

#[test]
fn a_variable_like_no_other_is_refused_with_all_names() {
    let error = message(&[("CONTACTS_FOO", "x")]);
    assert!(
        error.starts_with("CONTACTS_FOO is not a setting: unset it. There are CONTACTS_LISTEN, ")
    );
    for known in KNOWN {
        assert!(error.contains(known), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_unicode_are_a_path_but_no_table() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let bytes = OsString::from_vec(b"abc\xFF".to_vec());
    let strings: Strings = [(DATA_DIR, bytes.clone())].into_iter().collect();
    let settings = Settings::read(Door::Standalone, &strings).unwrap();
    assert_eq!(settings.data.dir, PathBuf::from(bytes.clone()));
    let strings: Strings = [(TABLE, bytes)].into_iter().collect();
    assert!(Settings::read(Door::Standalone, &strings).is_err());
}

#[test]
fn the_topic_is_named_by_the_arn_of_a_standard_one() {
    let arn = "arn:aws:sns:eu-central-1:123456789012:contacts";
    let settings = read(Door::Standalone, &[("CONTACTS_TOPIC_ARN", arn)]).unwrap();
    assert_eq!(settings.topic_arn.as_deref(), Some(arn));
    for wrong in [
        "contacts",
        "arn:aws:sqs:eu-central-1:123456789012:contacts",
        "arn:aws:sns:eu-central-1:123456789012:contacts.fifo",
        "arn:aws:sns:eu-central-1:1234:contacts",
        "arn:aws:sns::123456789012:contacts",
    ] {
        let error = read(Door::Standalone, &[("CONTACTS_TOPIC_ARN", wrong)]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("CONTACTS_TOPIC_ARN"), "{error}");
    }
}

#[test]
fn nothing_is_traced_unless_a_collector_is_named() {
    let traces = |door, pairs: &[(&str, &str)]| {
        let pairs = [
            &[(TABLE, "cm-dev"), (QUEUE_URL, "http://sqs.example/1")],
            pairs,
        ]
        .concat();
        read(door, &pairs).map(|settings| settings.traces)
    };
    let endpoint = (TRACES_ENDPOINT, "http://127.0.0.1:4318");
    assert_eq!(traces(Door::Lambda, &[(TRACES_SAMPLE, "1")]), Ok(None));
    for (door, service) in [
        (Door::Lambda, "contact-manager-api"),
        (Door::Container, "contact-manager-api"),
        (Door::WorkerLambda, "contact-manager-worker"),
        (Door::WorkerContainer, "contact-manager-worker"),
        (Door::Standalone, "contact-manager"),
    ] {
        let usual = TraceSettings {
            endpoint: "http://127.0.0.1:4318".to_owned(),
            sample: 0.05,
            service: service.to_owned(),
        };
        assert_eq!(traces(door, &[endpoint]), Ok(Some(usual)));
    }
    let own = [endpoint, (TRACES_SAMPLE, "0.5"), (TRACES_SERVICE, "cm-dev")];
    let own = traces(Door::Lambda, &own).unwrap().unwrap();
    assert_eq!((own.sample, own.service.as_str()), (0.5, "cm-dev"));
}

#[test]
fn wrong_settings_of_traces_stop_the_start_even_where_nothing_is_traced() {
    for (variable, wrong) in [
        (TRACES_ENDPOINT, "127.0.0.1:4318"),
        (TRACES_ENDPOINT, "grpc://127.0.0.1:4317"),
        (TRACES_ENDPOINT, "http://127.0.0.1:4318/?a=b"),
        (TRACES_ENDPOINT, "http://user@127.0.0.1:4318"),
        (TRACES_SAMPLE, "5 %"),
        (TRACES_SAMPLE, "1.1"),
        (TRACES_SAMPLE, "-0.1"),
        (TRACES_SAMPLE, "NaN"),
        (TRACES_SERVICE, "two words"),
    ] {
        let error = message(&[(variable, wrong)]);
        assert!(
            error.starts_with(&format!("{variable} is {wrong:?}: it should be ")),
            "{error}"
        );
    }
}
