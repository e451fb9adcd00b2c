//! `docs/METRICS.md` against the table. `UPDATE_DOCS=1 cargo test -p contacts-telemetry --test docs`
//! writes the table into the document.

use std::{env, fs};

use contacts_telemetry::names::{self, Kind, Metric, Unit};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/METRICS.md");
const BEGIN: &str = "<!-- The table below is written by UPDATE_DOCS=1 cargo test -p contacts-telemetry --test docs -->\n";
const END: &str = "<!-- End of the table -->\n";

fn table() -> String {
    let mut table =
        String::from("| name | type | unit | labels | meaning |\n|---|---|---|---|---|\n");
    for metric in names::ALL {
        let Metric {
            name,
            labels,
            dimension,
            help,
            ..
        } = metric;
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let unit = match metric.unit {
            Unit::Seconds => "seconds",
            Unit::Bytes => "bytes",
            Unit::Count => "",
        };
        let shown = |label: &&str| match dimension {
            Some(dimension) if dimension == label => format!("**`{label}`**"),
            _ => format!("`{label}`"),
        };
        let labels: Vec<_> = labels.iter().map(shown).collect();
        let labels = labels.join(", ");
        table += &format!("| `{name}` | {kind} | {unit} | {labels} | {help} |\n");
    }
    table
}

#[test]
fn the_document_has_the_table_of_names() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document
        .split_once(BEGIN)
        .expect("the table's first marker");
    let (written, after) = rest.split_once(END).expect("the table's last marker");
    let expected = table();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(DOCUMENT, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
    } else {
        assert_eq!(
            written, expected,
            "run UPDATE_DOCS=1 cargo test -p contacts-telemetry --test docs"
        );
    }
}

#[test]
fn names_and_units_follow_the_conventions() {
    for metric in names::ALL {
        let Metric {
            name, kind, unit, ..
        } = *metric;
        assert!(
            ["contacts_", "process_", "system_"]
                .iter()
                .any(|prefix| name.starts_with(prefix)),
            "{name}"
        );
        assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
        assert_eq!(name.contains("_seconds"), unit == Unit::Seconds, "{name}");
        assert_eq!(name.contains("_bytes"), unit == Unit::Bytes, "{name}");
        assert_eq!(metric.buckets.is_empty(), kind != Kind::Histogram, "{name}");
        assert!(metric.buckets.is_sorted(), "{name}");
        let known = |dimension| metric.labels.contains(&dimension);
        assert!(metric.dimension.is_none_or(known), "{name}");
    }
}
