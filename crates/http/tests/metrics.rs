//! docs/metrics.md, the alerts and the dashboard name metrics that there are, and no others.
//!
//! That the server serves what the table says is held by `crates/server/tests/metrics.rs`.

#![expect(clippy::print_stderr, reason = "what could not be tried is said")]

use postern_http::{METRICS, Metric, MetricKind};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const BEGIN: &str =
    "<!-- The table is written by a test: POSTERN_BLESS=1 cargo nextest run -p postern-http metrics -->\n";
const END: &str = "<!-- The end of the table -->\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn table() -> String {
    let mut table =
        "| Metric | Type | Unit | Labels | From | Meaning |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for Metric { name, kind, unit, labels, source, meaning, .. } in METRICS {
        let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        table.push_str(&format!("| `{name}` | {} | {unit} | {labels} | {source} | {meaning} |\n", kind.name()));
    }
    table
}

/// Each metric has its row, and each row is one: the page's table is made of the one in the code.
#[test]
fn the_page_has_every_metric_and_no_other() {
    let page = read("docs/metrics.md");
    let (before, rest) = page.split_once(BEGIN).expect("the mark before the table");
    let (found, after) = rest.split_once(END).expect("the mark after the table");
    if std::env::var_os("POSTERN_BLESS").is_some() {
        #[expect(clippy::disallowed_methods, reason = "a page is no mail")]
        std::fs::write(root().join("docs/metrics.md"), [before, BEGIN, &table(), END, after].concat()).unwrap();
        return;
    }
    assert!(found == table(), "docs/metrics.md is not what the table says; look, then set POSTERN_BLESS=1");
    // What the text names beside the table is there, too.
    for word in named(&[before, after].concat()) {
        assert!(METRICS.iter().any(|row| row.name == word), "docs/metrics.md names {word}, which is no metric");
    }
}

/// Words that begin as metrics do.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("postern_") || word.starts_with("process_"))
}

/// What is named can be asked for; answers how many.
fn check_names(file: &str, text: &str) -> usize {
    named(text).inspect(|word| assert!(is_series(word), "{file} names {word}, which is not served")).count()
}

fn is_series(word: &str) -> bool {
    METRICS.iter().any(|row| match row.kind {
        MetricKind::Histogram => {
            ["_bucket", "_sum", "_count"].iter().any(|end| word.strip_suffix(end) == Some(row.name))
        }
        _ => word == row.name,
    })
}

/// Every label in braces is one of its metric's, and every value of `event` stands in the source.
fn check_labels(file: &str, expression: &str, source: &str) {
    for (series, rest) in expression.match_indices('{').map(|(at, _)| (&expression[..at], &expression[at + 1..])) {
        let name = series.rsplit(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next().unwrap();
        if name == "up" {
            // Prometheus's own, of each of its targets.
            continue;
        }
        let row = METRICS
            .iter()
            .find(|row| name.strip_prefix(row.name).is_some_and(|end| end.is_empty() || end.starts_with("_bucket")));
        let row = row.unwrap_or_else(|| panic!("{file}: {expression}: {name} is no metric"));
        for matcher in rest.split('}').next().unwrap().split("\",").filter(|matcher| !matcher.trim().is_empty()) {
            let label = matcher.split(['=', '!']).next().unwrap().trim();
            let is_added = ["job", "instance", "le"].contains(&label);
            assert!(is_added || row.labels.contains(&label), "{file}: {expression}: {name} has no label {label}");
            if label == "event" {
                for event in matcher.split('"').nth(1).unwrap().split('|') {
                    assert!(source.contains(&format!("event = \"{event}\"")), "{file}: no event is called {event}");
                }
            }
        }
    }
}

/// The sources of all crates, where the names of events stand.
fn source() -> String {
    let mut text = String::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}

/// Each alert has what it means, what to do, and a page that there is.
#[test]
fn alerts_name_metrics_and_say_what_to_do() {
    let (file, source) = ("deploy/prometheus/alerts.yml", source());
    let text = read(file);
    assert!(check_names(file, &text) >= 10);
    let alerts: Vec<&str> = text.split("- alert:").skip(1).collect();
    assert!(alerts.len() >= 10, "{} alerts", alerts.len());
    for alert in &alerts {
        let name = alert.lines().next().unwrap().trim();
        for key in ["expr:", "severity:", "summary:", "description:", "runbook:"] {
            assert!(alert.contains(key), "{name} has no {key}");
        }
        let expression = alert.split_once("expr:").unwrap().1.lines().next().unwrap();
        check_labels(file, expression, &source);
        let (page, place) =
            alert.split_once("runbook:").unwrap().1.lines().next().unwrap().trim().split_once('#').unwrap();
        let is_there = read(page).lines().any(|line| line.starts_with('#') && anchor(line) == place);
        assert!(is_there, "{name}: {page} has no heading #{place}");
    }
    let tests = read("deploy/prometheus/alerts_test.yml");
    check_names("deploy/prometheus/alerts_test.yml", &tests);
    for alert in alerts {
        let name = alert.lines().next().unwrap().trim();
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} has no test in alerts_test.yml");
    }
}

/// As pages in Markdown are linked to.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|letter| letter.is_alphanumeric() || *letter == '-').collect()
}

/// Prometheus's own checker, where it is installed; CI asks for none.
#[test]
fn promtool_agrees_where_it_is_installed() {
    let folder = root().join("deploy/prometheus");
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        match Command::new("promtool").args(arguments).current_dir(&folder).output() {
            Ok(done) => {
                let said = [done.stdout, done.stderr].concat();
                assert!(done.status.success(), "promtool {arguments:?}: {}", String::from_utf8_lossy(&said));
            }
            Err(error) => eprintln!("promtool is not here ({error}); the rules were read by our own tests alone"),
        }
    }
}

#[test]
fn the_dashboard_names_metrics() {
    let (file, source) = ("deploy/grafana/postern.json", source());
    let dashboard: Value = serde_json::from_str(&read(file)).unwrap();
    let mut expressions = Vec::new();
    collect(&dashboard, &mut expressions);
    assert!(expressions.len() >= 20, "{} expressions", expressions.len());
    for expression in &expressions {
        assert!(check_names(file, expression) > 0, "{expression}");
        check_labels(file, expression, &source);
    }
    let panels = dashboard["panels"].as_array().unwrap();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(panel["description"].is_string(), "{} does not say what it shows", panel["title"]);
    }
}

fn collect(value: &Value, expressions: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "expr" => expressions.push(text.clone()),
                    _ => collect(value, expressions),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, expressions)),
        _ => {}
    }
}
