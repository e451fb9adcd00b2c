//! What to do is written down for each alert, and no page leads nowhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use contacts_tests::repository;

fn folder() -> PathBuf {
    repository().join("docs/RUNBOOKS")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Each alert of the list with the name of its page.
fn alerts() -> Vec<(String, String)> {
    let list = read(&repository().join("infra/modules/alerts/alerts.yaml"));
    let values = |key: &str| -> Vec<String> {
        let values = list.lines().filter_map(|line| line.strip_prefix(key));
        values.map(str::to_owned).collect()
    };
    let (names, pages) = (values("  - name: "), values("    runbook: "));
    assert!(!names.is_empty());
    assert_eq!(names.len(), pages.len(), "each alert names a page");
    names.into_iter().zip(pages).collect()
}

/// Where a page's relative links lead.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn every_alert_has_a_page_that_names_it_and_that_the_list_of_pages_has() {
    let list = read(&folder().join("README.md"));
    for (alert, page) in alerts() {
        let text = read(&folder().join(format!("{page}.md")));
        assert!(text.contains(&format!("`{alert}`")), "{page}.md: {alert}");
        assert!(text.contains("**Tried.**"), "{page}.md");
        let row = list
            .lines()
            .find(|line| line.starts_with(&format!("| [{page}.md]({page}.md) |")));
        let row = row.unwrap_or_else(|| panic!("README.md lacks {page}.md"));
        assert!(row.contains(&format!("`{alert}`")), "README.md: {row}");
    }
}

#[test]
fn every_page_is_in_the_list_of_pages() {
    let list = read(&folder().join("README.md"));
    let listed: BTreeSet<&str> = links(&list).collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || listed.contains(&*name), "{name}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let pages = fs::read_dir(folder()).unwrap();
    let pages = pages.map(|entry| entry.unwrap().path());
    let others = ["OBSERVABILITY.md", "SLO.md"].map(|name| repository().join("docs").join(name));
    for page in pages.chain(others) {
        let text = read(&page);
        for target in links(&text) {
            let place = page.with_file_name(target);
            assert!(place.exists(), "{}: {target}", page.display());
        }
    }
}
