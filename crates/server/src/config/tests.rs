//! The configuration as people meet it: defaults, the environment, and every refusal with
//! its line, reason and cure.

use super::*;

const MINIMAL: &str = "hostname = \"mail.example.org\"\n";

fn parse(text: &str) -> Result<Config, String> {
    parse_with(text, &[])
}

fn parse_with(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::parse(Path::new("house/postern.toml"), text, &environment).map_err(|error| error.to_string())
}

/// The file is refused at this line, and the text has all of these words.
fn refused(text: &str, line: usize, words: &[&str]) {
    let refusal = parse(text).unwrap_err();
    assert!(refusal.starts_with(&format!("house/postern.toml, line {line}: ")), "{refusal}");
    for word in words.iter().chain(&["Next step: "]) {
        assert!(refusal.contains(word), "{word:?} is missing from: {refusal}");
    }
}

#[test]
fn the_printed_defaults_are_the_defaults() {
    let printed = document(&Settings::default(), Shown::AsValues);
    assert_eq!(parse(&printed).unwrap(), parse(MINIMAL).unwrap(), "{printed}");
    let quiet =
        document(&Settings { hostname: Some("mail.example.org".into()), ..Settings::default() }, Shown::AsComments);
    assert_eq!(parse(&quiet).unwrap(), parse(MINIMAL).unwrap(), "{quiet}");
    let values = |text: &str| text.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).count();
    assert_eq!(values(&quiet), 1, "only what was chosen is set:\n{quiet}");
    let keys = |text: &str| {
        text.lines()
            .filter(|line| line.trim_start_matches("# ").split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')))
            .count()
    };
    assert_eq!(keys(&quiet), values(&printed), "every key is shown in both:\n{quiet}");
}

#[test]
fn a_loopback_house_says_so_in_its_file() {
    let settings = Settings {
        hostname: Some("mail.example.org".into()),
        imaps: Some(vec!["127.0.0.1:10993".into()]),
        imap: Some(vec!["127.0.0.1:10143".into()]),
        lmtp: Some(vec!["127.0.0.1:10024".into()]),
        https: Some(vec!["127.0.0.1:10443".into()]),
        trust_loopback: true,
        ..Settings::default()
    };
    let config = parse(&document(&settings, Shown::AsComments)).unwrap();
    assert_eq!(config.listen.imaps, ["127.0.0.1:10993".parse().unwrap()]);
    assert_eq!(config.listen.https, ["127.0.0.1:10443".parse().unwrap()]);
    assert_eq!(config.security.plaintext_sign_in, PlaintextSignIn::Loopback);
    assert!(config.security.exempt_loopback);
}

#[test]
fn paths_begin_at_the_data_folder_and_that_at_the_file() {
    let config =
        parse("hostname = \"mail.example.org\"\ndata_dir = \"data\"\n[tls]\nkey = \"/etc/ssl/mail.key\"\n").unwrap();
    assert_eq!(config.data_dir, Path::new("house/data"));
    assert_eq!(config.blobs, Path::new("house/data/blobs"));
    assert_eq!(config.tls.certificate, Path::new("house/data/tls/cert.pem"));
    assert_eq!(config.tls.key, Path::new("/etc/ssl/mail.key"));
    assert_eq!(config.listen.lmtp, [ListenAddress::Unix("house/data/lmtp.sock".into())]);
}

#[test]
fn what_is_not_built_is_refused_and_not_ignored() {
    for name in ["smtp", "submission", "submissions", "pop3", "pop3s", "sieve", "http"] {
        let text = format!("{MINIMAL}\n[listen]\n{name} = [\"127.0.0.1:1\"]\n");
        refused(&text, 4, &[name, "is not built yet", "remove the line"]);
    }
    refused(&format!("{MINIMAL}[tls.acme]\ncontact = \"a@example.org\"\n"), 2, &["[tls.acme] is not built yet"]);
    refused(&format!("{MINIMAL}[relay]\nsmarthost = \"relay.example.org:25\"\n"), 3, &["[relay] is not built yet"]);
    refused(&format!("{MINIMAL}[relay.route]\n\"example.net\" = \"127.0.0.1:25\"\n"), 2, &["[relay] is not built yet"]);
    refused(&format!("{MINIMAL}[blobs]\nurl = \"s3://bucket\"\n"), 3, &["s3 is not built yet"]);
}

#[test]
fn mistakes_are_told_with_line_reason_and_cure() {
    refused("hostname = \"mail.example.org\"\n\n[listen]\nimapz = []\n", 4, &["unknown field `imapz`"]);
    refused("hostname = \"mail.example.org\"\ncolour = 1\n", 2, &["unknown field `colour`"]);
    refused("hostname = \"mail.example.org\n", 1, &["compare it with"]);
    refused("hostname = 5\n", 1, &["invalid type"]);
    refused("hostname = \"mail server\"\n", 1, &["is no host name", "mail.example.org"]);
    refused(&format!("{MINIMAL}[listen]\nimaps = [\"localhost:993\"]\n"), 3, &["numbers, not names"]);
    refused(&format!("{MINIMAL}[listen]\nimap = [\"0.0.0.0:143\"]\n"), 3, &["for this machine alone", "use imaps"]);
    refused(&format!("{MINIMAL}[listen]\nlmtp = [\"0.0.0.0:24\"]\n"), 3, &["open to other machines", "lmtp_networks"]);
    refused(&format!("{MINIMAL}[log]\nlevel = \"loud\"\n"), 3, &["\"loud\" is no level"]);
    refused(&format!("{MINIMAL}[log]\nformat = \"xml\"\n"), 3, &["\"json\""]);
    refused(&format!("{MINIMAL}[limits]\nmessage_bites = 1\n"), 3, &["has no message_bites", "message_bytes"]);
    refused(&format!("{MINIMAL}[limits]\nmessage_bytes = -1\n"), 3, &["is -1", "from 65536 to"]);
    refused(&format!("{MINIMAL}[security]\nplaintext_sign_in = \"always\"\n"), 3, &["\"loopback\""]);
    refused(&format!("{MINIMAL}[security]\nlmtp_networks = [\"192.0.2.0/40\"]\n"), 3, &["is no network"]);
    let refusal = parse("[listen]\nimaps = []\n").unwrap_err();
    assert!(refusal.starts_with("house/postern.toml: hostname is missing"), "{refusal}");
}

/// A database url may hold a password: no refusal shows it.
#[test]
fn secrets_of_a_url_stay_out_of_refusals() {
    let refusal = parse(&format!("{MINIMAL}[database]\nurl = \"mysql://root:hunter2@host/db\"\n")).unwrap_err();
    assert!(refusal.contains("line 3") && !refusal.contains("hunter2"), "{refusal}");
}

#[test]
fn the_environment_comes_first() {
    let config = parse_with(
        MINIMAL,
        &[
            ("POSTERN_HOSTNAME", "mx.example.org"),
            ("POSTERN_LISTEN__IMAPS", "127.0.0.1:1993, [::1]:1993"),
            ("POSTERN_SECURITY__EXEMPT_LOOPBACK", "true"),
            ("POSTERN_SECURITY__FAILURE_DEADLINE_MS", "250"),
            ("POSTERN_LOG__LEVEL", "debug"),
            ("POSTERN_CONFIG", "not a key"),
            ("POSTERN_SEED", "7"),
        ],
    )
    .unwrap();
    assert_eq!(config.hostname, "mx.example.org");
    assert_eq!(config.listen.imaps.len(), 2);
    assert!(config.security.exempt_loopback);
    assert_eq!((config.limits.failure_deadline_ms, config.log.level.as_str()), (250, "debug"));
}

#[test]
fn a_variable_at_fault_is_named() {
    let refusal = parse_with(MINIMAL, &[("POSTERN_LISTEN__IMAPZ", "127.0.0.1:1")]).unwrap_err();
    assert!(refusal.starts_with("environment variable POSTERN_LISTEN__IMAPZ: unknown field"), "{refusal}");
    let refusal = parse_with(MINIMAL, &[("POSTERN_LISTEN__HTTP", "127.0.0.1:1")]).unwrap_err();
    assert!(refusal.starts_with("environment variable POSTERN_LISTEN__HTTP: [listen] http is not built"), "{refusal}");
    let refusal = parse_with(MINIMAL, &[("POSTERN_LIMITS__RECIPIENTS", "many")]).unwrap_err();
    assert!(refusal.starts_with("environment variable POSTERN_LIMITS__RECIPIENTS: invalid type"), "{refusal}");
}
