//! What a running server answers at `/metrics` is what the table says, and its numbers move.

use postern_http::METRICS;
use postern_server::config::{Config, Settings, loopback};
use postern_server::{NewHouse, Running, Server, StartOptions};
use postern_types::{Address, Domain, Secret};
use std::collections::BTreeMap;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

async fn running(folder: &Path) -> (Running, Config) {
    let settings = Settings { hostname: Some("mail.example.org".into()), ..Settings::default() };
    let house = NewHouse {
        data_dir: folder.join("house"),
        domain: Domain::parse("example.org").unwrap(),
        admin: Address::parse("admin@example.org").unwrap(),
        password: Secret::new("a password for the tests"),
        settings: loopback(settings, 0),
    };
    let config = house.make().await.unwrap();
    let running = Server::start(StartOptions::new(config.clone())).await.unwrap_or_else(|error| panic!("{error}"));
    (running, config)
}

async fn ask(config: &Config, request: &str) -> String {
    let mut socket = UnixStream::connect(config.data_dir.join("admin.sock")).await.unwrap();
    let request = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The answer in parts: types by name, and values by line.
struct Scrape {
    types: BTreeMap<String, String>,
    values: BTreeMap<String, f64>,
}

async fn scrape(config: &Config) -> Scrape {
    let answer = ask(config, "GET /metrics").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    let (mut types, mut values) = (BTreeMap::new(), BTreeMap::new());
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(values.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{series} twice");
        }
    }
    Scrape { types, values }
}

impl Scrape {
    fn value(&self, series: &str) -> f64 {
        *self.values.get(series).unwrap_or_else(|| panic!("{series} is not among {:?}", self.values.keys()))
    }
}

/// Each row has lines, those lines have its labels, and there is no line of anything else.
#[tokio::test]
async fn what_is_served_is_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let (running, config) = running(folder.path()).await;
    let scrape = scrape(&config).await;
    let table: BTreeMap<_, _> = METRICS.iter().map(|row| (row.name.to_owned(), row.kind.name().to_owned())).collect();
    assert_eq!(scrape.types, table);
    let mut with_lines = std::collections::BTreeSet::new();
    for series in scrape.values.keys() {
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let is_its = |row: &&postern_http::Metric| match row.kind {
            postern_http::MetricKind::Histogram => {
                ["_bucket", "_sum", "_count"].iter().any(|end| name.strip_suffix(end) == Some(row.name))
            }
            _ => name == row.name,
        };
        let row = METRICS.iter().find(is_its).unwrap_or_else(|| panic!("{name} is in no row"));
        let found: Vec<&str> = labels.split(',').filter_map(|label| label.split('=').next()).collect();
        let found: Vec<&str> = found.into_iter().filter(|label| !["", "le"].contains(label)).collect();
        assert_eq!(found, row.labels, "{series}");
        with_lines.insert(row.name);
    }
    let without: Vec<_> = METRICS.iter().map(|row| row.name).filter(|name| !with_lines.contains(name)).collect();
    assert!(without.is_empty(), "no lines of {without:?}");
    running.drain(std::time::Duration::from_secs(5)).await;
}

/// A connection, a sign-in and a refusal are seen; and the certificate is one of 820 days.
#[tokio::test]
async fn the_numbers_move_with_what_happens() {
    let folder = tempfile::tempdir().unwrap();
    let (running, config) = running(folder.path()).await;
    let before = scrape(&config).await;
    let series = |name: &str, what: &str| format!("postern_{name}{{{what}}}");
    let refused = series("sign_ins_refused_total", "protocol=\"imap\",reason=\"wrong\"");
    let accepted = series("sign_ins_total", "protocol=\"imap\",by=\"person\"");
    let sessions = series("sessions_open", "protocol=\"imap\"");
    let open = series("connections_open", "listener=\"imap\"");
    assert_eq!([&refused, &accepted, &sessions, &open].map(|series| before.value(series)), [0.0; 4]);

    let mut imap = TcpStream::connect(&running.listeners()["imap"]).await.unwrap();
    let mut said = String::new();
    for (line, until) in [
        ("", "* OK"),
        ("a LOGIN admin@example.org wrong\r\n", "a NO"),
        ("b LOGIN admin@example.org \"a password for the tests\"\r\n", "b OK"),
    ] {
        imap.write_all(line.as_bytes()).await.unwrap();
        while !said.contains(until) {
            let mut piece = [0; 4096];
            let bytes = imap.read(&mut piece).await.unwrap();
            assert!(bytes > 0, "{said}");
            said.push_str(&String::from_utf8_lossy(&piece[..bytes]));
        }
    }
    let after = scrape(&config).await;
    assert_eq!([&refused, &accepted, &sessions, &open].map(|series| after.value(series)), [1.0; 4]);
    assert_eq!(after.value("postern_database_up"), 1.0);
    assert!(after.value("postern_store_job_seconds_count{kind=\"write\"}") > 0.0);
    let days = after.value("postern_certificate_ends_seconds") - after.value("process_start_time_seconds");
    assert!((819.0..=820.0).contains(&(days / 86400.0)), "{days} s");
    assert!(
        after.value("postern_disk_free_bytes{place=\"data\"}") <= after.value("postern_disk_bytes{place=\"data\"}")
    );
    running.drain(std::time::Duration::from_secs(5)).await;
}

/// Nothing but reading is done there, and paths below it are none.
#[tokio::test]
async fn metrics_are_read_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (running, config) = running(folder.path()).await;
    let posted = ask(&config, "POST /metrics").await;
    assert!(posted.starts_with("HTTP/1.1 405") && posted.contains("allow: GET, HEAD"), "{posted}");
    assert!(ask(&config, "GET /metrics/more").await.starts_with("HTTP/1.1 404"));
    let head = ask(&config, "HEAD /metrics").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    running.drain(std::time::Duration::from_secs(5)).await;
}
