//! The configuration as people meet it: defaults, the environment, and every refusal with
//! its line, reason and cure.

use super::*;
use postern_app::{Hop, HopTls, Routes};
use std::os::unix::fs::PermissionsExt;

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
    assert_eq!(keys(&quiet), keys(&printed), "every key is shown in both:\n{quiet}");
    let examples =
        ["smarthost", "username", "password_file", "tls", "\"example.net\"", "contact", "directory", "challenge"];
    // Two more: the names are a list, and both tables have a ca_file.
    assert_eq!(keys(&printed), values(&printed) + examples.len() + 3, "what has no default is an example:\n{printed}");
    assert_eq!(printed.matches("\n# ca_file = \"").count(), 2, "{printed}");
    for name in examples {
        assert!(printed.contains(&format!("\n# {name} = \"")), "{name} is missing:\n{printed}");
    }
}

/// Only what is set is shown, and what it came from; never a password.
#[test]
fn what_is_set_is_shown_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("postern.toml");
    let quiet = document(
        &Settings {
            hostname: Some("mail.example.org".into()),
            smarthost: Some("relay.example.net:587".into()),
            ..Settings::default()
        },
        Shown::AsComments,
    );
    let text = format!("{quiet}\n[relay.route]\n\"example.net\" = \"127.0.0.1:2525\"\n");
    postern_store::Disk::replace_file_durably(&postern_store::RealDisk, &file, text.as_bytes(), 0o600).unwrap();
    let environment = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let shown = Config::chosen(&file, &environment("POSTERN_LIMITS__IDLE_SECONDS", "1800")).unwrap();
    assert_eq!(
        shown,
        "hostname = \"mail.example.org\"\n\n[limits]\nidle_seconds = 1800  # from POSTERN_LIMITS__IDLE_SECONDS\n\n\
         [relay]\nsmarthost = \"relay.example.net:587\"\n\n[relay.route]\n\"example.net\" = \"127.0.0.1:2525\"\n"
    );
    assert_eq!(parse(&shown).unwrap().hostname, "mail.example.org", "it is a file of its own");
    let database = environment("POSTERN_DATABASE__URL", "postgres://postern:quiet-garden@db.example.org/postern");
    let shown = Config::chosen(&file, &database).unwrap();
    assert!(shown.contains("\"postgres://postern:…@db.example.org/postern\"  # from "), "{shown}");
    assert!(Config::chosen(&file, &environment("POSTERN_LIMITS__IDLE_SECONDS", "1")).is_err(), "checked first");
}

/// What was pasted twice is told with both places, and not in TOML's words.
#[test]
fn what_stands_twice_is_told_with_both_places() {
    let head = format!("{MINIMAL}[log]\nlevel = \"info\"\n[relay]\n");
    let relay = "smarthost = \"relay.example.net:587\"\nusername = \"postern\"\n";
    let twice = |more: &str| format!("{head}{relay}{more}");
    refused(&twice(relay), 7, &["[relay] smarthost stands there twice, first on line 5", "keep one of the lines"]);
    refused(&twice("\"username\" = \"other\"\n"), 7, &["[relay] username stands there twice, first on line 6"]);
    let whole = twice(&format!("[limits]\nidle_seconds = 1800\n[relay]\n{relay}"));
    refused(&whole, 9, &["[relay] stands there twice, first on line 4", "put all keys of [relay] below one of them"]);
    refused(&format!("{MINIMAL}{MINIMAL}"), 2, &["hostname stands there twice, first on line 1"]);
    let route = twice("[relay.route]\n\"example.net\" = \"127.0.0.1:2525\"\n\"example.net\" = \"127.0.0.1:2526\"\n");
    refused(&route, 9, &["[relay.route] example.net stands there twice, first on line 8"]);
}

#[test]
fn a_loopback_house_says_so_in_its_file() {
    let settings = Settings {
        hostname: Some("mail.example.org".into()),
        imaps: Some(vec!["127.0.0.1:10993".into()]),
        imap: Some(vec!["127.0.0.1:10143".into()]),
        lmtp: Some(vec!["127.0.0.1:10024".into()]),
        smtp: Some(vec!["127.0.0.1:10025".into()]),
        submission: Some(vec!["127.0.0.1:10587".into()]),
        submissions: Some(vec!["127.0.0.1:10465".into()]),
        https: Some(vec!["127.0.0.1:10443".into()]),
        http: Some(vec!["127.0.0.1:10080".into()]),
        smarthost: Some("127.0.0.1:2525".into()),
        trust_loopback: true,
        ..Settings::default()
    };
    let same =
        Settings { hostname: settings.hostname.clone(), smarthost: settings.smarthost.clone(), ..Settings::default() };
    assert_eq!(document(&loopback(same, 10_000), Shown::AsComments), document(&settings, Shown::AsComments));
    let config = parse(&document(&settings, Shown::AsComments)).unwrap();
    assert_eq!(config.listen.imaps, ["127.0.0.1:10993".parse().unwrap()]);
    assert_eq!(config.listen.https, ["127.0.0.1:10443".parse().unwrap()]);
    assert_eq!(config.listen.http, ["127.0.0.1:10080".parse().unwrap()]);
    assert_eq!(config.listen.smtp, ["127.0.0.1:10025".parse().unwrap()]);
    assert_eq!(config.listen.submission, ["127.0.0.1:10587".parse().unwrap()]);
    assert_eq!(config.listen.submissions, ["127.0.0.1:10465".parse().unwrap()]);
    assert_eq!(config.relay.routes().unwrap().smarthost.unwrap().to_string(), "127.0.0.1:2525");
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
    for name in ["pop3", "pop3s", "sieve"] {
        let text = format!("{MINIMAL}\n[listen]\n{name} = [\"127.0.0.1:1\"]\n");
        refused(&text, 4, &[name, "is not built yet", "remove the line"]);
    }
    refused(&format!("{MINIMAL}[blobs]\nurl = \"s3://bucket\"\n"), 3, &["s3 is not built yet"]);
}

/// Ports of RFC 5321 section 4.5.4.2, RFC 6409 section 3.1 and RFC 8314 section 7.3.
#[test]
fn an_installed_house_takes_mail_in_and_out_at_the_well_known_ports() {
    let listen = parse(MINIMAL).unwrap().listen;
    for (addresses, port) in [(listen.smtp, 25), (listen.submission, 587), (listen.submissions, 465)] {
        let wanted = ["0.0.0.0", "[::]"].map(|ip| format!("{ip}:{port}").parse().unwrap());
        assert_eq!(addresses, wanted);
    }
    let quiet = format!("{MINIMAL}[listen]\nsmtp = []\nsubmission = []\nsubmissions = [\"unix:out.sock\"]\n");
    let listen = parse(&quiet).unwrap().listen;
    assert!(listen.smtp.is_empty() && listen.submission.is_empty() && listen.submissions.len() == 1);
}

fn relay(lines: &str) -> Result<Relay, String> {
    parse(&format!("{MINIMAL}[relay]\n{lines}")).map(|config| config.relay)
}

fn hop(host: &str, port: u16, tls: HopTls) -> Hop {
    Hop { host: host.into(), port, tls, login: None }
}

#[test]
fn a_smarthost_has_a_port_and_tls_that_fit_it() {
    let smarthost = |lines: &str| {
        let routes = relay(lines).unwrap().routes().unwrap();
        Hop::clone(&routes.smarthost.unwrap())
    };
    let at = |place: &str| smarthost(&format!("smarthost = \"{place}\"\n"));
    assert_eq!(at("Relay.example.net"), hop("relay.example.net", 25, HopTls::Opportunistic));
    assert_eq!(at("relay.example.net:587"), hop("relay.example.net", 587, HopTls::Opportunistic));
    assert_eq!(at("relay.example.net:465"), hop("relay.example.net", 465, HopTls::Implicit));
    assert_eq!(at("192.0.2.1:2525"), hop("192.0.2.1", 2525, HopTls::Opportunistic));
    assert_eq!(at("[2001:DB8::1]"), hop("2001:db8::1", 25, HopTls::Opportunistic));
    assert_eq!(at("[::1]:465"), hop("::1", 465, HopTls::Implicit));
    let chosen = |tls: &str| smarthost(&format!("smarthost = \"relay.example.net:465\"\ntls = \"{tls}\"\n")).tls;
    assert_eq!(chosen("required"), HopTls::Required);
    assert_eq!(chosen("never"), HopTls::Never);
}

#[test]
fn the_rest_of_relay_has_its_defaults() {
    let nothing = relay("").unwrap();
    assert_eq!((nothing.routes().unwrap(), nothing.ca_file, nothing.connections), (Routes::default(), None, 10));
    let given =
        relay("ca_file = \"tls/relay.pem\"\nconnections = 3\n[relay.route]\n\"Example.NET\" = \"127.0.0.1:465\"\n");
    let given = given.unwrap();
    assert_eq!((given.ca_file.as_deref(), given.connections), (Some(Path::new("house/tls/relay.pem")), 3));
    let routes = given.routes().unwrap();
    let place = |domain: &str| routes.to(&postern_types::Domain::parse(domain).unwrap()).map(|hop| Hop::clone(hop));
    assert_eq!(place("example.net"), Some(hop("127.0.0.1", 465, HopTls::Implicit)));
    assert_eq!(place("example.com"), None);
}

#[test]
fn a_relay_that_can_not_be_is_refused() {
    let bad = |lines: &str, line: usize, words: &[&str]| refused(&format!("{MINIMAL}[relay]\n{lines}"), line, words);
    for place in [
        "",
        "a b",
        "bücher.example:25",
        "relay:0",
        "relay:99999",
        "relay:",
        ":25",
        "[::1",
        "[relay]:25",
        "[::1]25",
        "::1",
        "relay:a",
    ] {
        bad(&format!("smarthost = \"{place}\"\n"), 3, &["is no server", "write HOST:PORT"]);
    }
    let with = |lines: &str| format!("smarthost = \"relay.example.net\"\n{lines}");
    bad(&with("tls = \"yes\"\n"), 4, &["\"yes\" is not known", "\"required\""]);
    bad(&with("username = \"us\"\n"), 4, &["has no password_file"]);
    bad(&with("username = \"\"\npassword_file = \"p\"\n"), 4, &["is no name"]);
    bad(&with("username = \"us\"\npassword_file = \"\"\n"), 5, &["names no file"]);
    bad(&with("password_file = \"p\"\n"), 4, &["has no username"]);
    bad(&with("connections = 0\n"), 4, &["is 0", "from 1 to 100"]);
    bad(&with("password = \"p\"\n"), 4, &["[relay] has no password; it knows smarthost, username, password_file"]);
    for idle in ["username", "password_file", "tls"] {
        bad(&format!("{idle} = \"never\"\n"), 3, &[idle, "no", "add smarthost"]);
    }
    bad("[relay.route]\n\n\"example.com\" = \"127.0.0.1\"\n\"example.net\" = \"a b\"\n", 6, &["is no server"]);
    bad("[relay.route]\n\"a b\" = \"127.0.0.1\"\n", 4, &["\"a b\" is no domain"]);
}

/// A password goes to the right server and under TLS, or stays on this machine.
#[test]
fn a_password_is_not_sent_where_others_may_see_it() {
    let with = |place: &str, tls: &str| {
        relay(&format!("smarthost = \"{place}\"\nusername = \"us\"\npassword_file = \"p\"\n{tls}"))
    };
    for tls in ["never", "opportunistic"] {
        let line = format!("tls = \"{tls}\"\n");
        let refusal = with("relay.example.net", &line).unwrap_err();
        assert!(refusal.contains("line 6") && refusal.contains("would show the password"), "{refusal}");
        for near in ["127.0.0.1:2525", "[::1]:2525", "localhost:2525"] {
            assert!(with(near, &line).is_ok(), "{near}");
        }
    }
    let tls = |place: &str| with(place, "").unwrap().known.smarthost.unwrap().tls;
    assert_eq!((tls("relay.example.net:587"), tls("relay.example.net:465")), (HopTls::Required, HopTls::Implicit));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's file need not last")]
fn the_password_is_one_line_of_a_file_that_others_can_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("relay.password");
    let lines = "smarthost = \"relay.example.net\"\nusername = \"us\"\n";
    let relay = relay(&format!("{lines}password_file = {:?}\n", file.display().to_string())).unwrap();
    let refusal = relay.routes().unwrap_err().to_string();
    assert!(refusal.contains("can not be read") && refusal.contains("Next step: check [relay]"), "{refusal}");

    let write = |bytes: &[u8], mode: u32| {
        std::fs::write(&file, bytes).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        relay.routes().map(|routes| routes.smarthost.unwrap().login.clone().unwrap())
    };
    for (bytes, mode) in [(&b"hunter2"[..], 0o600), (b"hunter2\n", 0o640), (b"hunter2\r\n", 0o400)] {
        let login = write(bytes, mode).unwrap();
        assert_eq!((login.username.as_str(), login.password.expose()), ("us", &b"hunter2"[..]));
    }
    assert_eq!(write(b" spaced out \n", 0o600).unwrap().password.expose(), b" spaced out ", "one line end and no more");
    let open = write(b"hunter2\n", 0o644).unwrap_err().to_string();
    assert!(open.contains(&format!("Next step: chmod o= {}", file.display())), "{open}");
    for bytes in [&b""[..], b"\n", b"hunter2\n\n", b"hun\0ter2", b"\xff", &[b'x'; 5000]] {
        let bad = write(bytes, 0o600).unwrap_err();
        assert!(bad.to_string().contains("no password in one line"), "{bad}");
        assert!(!format!("{bad} {bad:?}").contains("hunter2"), "{bad:?}");
    }
    write(b"hunter2", 0o600).unwrap();
    assert!(!format!("{:?} {relay:?}", relay.routes()).contains("hunter2"), "no secret in Debug");
}

#[test]
fn mistakes_are_told_with_line_reason_and_cure() {
    refused("hostname = \"mail.example.org\"\n\n[listen]\nimapz = []\n", 4, &["[listen] has no imapz; it knows smtp,"]);
    refused(
        "hostname = \"mail.example.org\"\ncolour = 1\n",
        2,
        &["the file has no colour; it knows hostname, data_dir,"],
    );
    refused("hostname = \"mail.example.org\n", 1, &["compare it with"]);
    refused("hostname = \"mail server\"\n", 1, &["is no host name", "mail.example.org"]);
    refused(&format!("{MINIMAL}[listen]\nimaps = [\"localhost:993\"]\n"), 3, &["numbers, not names"]);
    refused(&format!("{MINIMAL}[listen]\nimap = [\"0.0.0.0:143\"]\n"), 3, &["for this machine alone", "use imaps"]);
    refused(&format!("{MINIMAL}[listen]\nlmtp = [\"0.0.0.0:24\"]\n"), 3, &["open to other machines", "lmtp_networks"]);
    refused(&format!("{MINIMAL}[log]\nlevel = \"loud\"\n"), 3, &["\"loud\" is no level"]);
    refused(&format!("{MINIMAL}[log]\nformat = \"xml\"\n"), 3, &["\"json\""]);
    refused(&format!("{MINIMAL}[limits]\nmessage_bites = 1\n"), 3, &["has no message_bites", "message_bytes"]);
    refused(&format!("{MINIMAL}[limits]\nmessage_bytes = -1\n"), 3, &["is -1", "from 65536 to"]);
    refused(&format!("{MINIMAL}[limits]\nqueue_days = 31\n"), 3, &["is 31", "from 1 to 30"]);
    refused(&format!("{MINIMAL}[limits]\nqueue_delay_hours = 73\n"), 3, &["is 73", "from 1 to 72"]);
    refused(&format!("{MINIMAL}[security]\nsmtp_messages_per_minute = 0\n"), 3, &["is 0", "from 1 to"]);
    refused(&format!("{MINIMAL}[security]\nplaintext_sign_in = \"always\"\n"), 3, &["\"loopback\""]);
    refused(&format!("{MINIMAL}[security]\nlmtp_networks = [\"192.0.2.0/40\"]\n"), 3, &["is no network"]);
    let refusal = parse("[listen]\nimaps = []\n").unwrap_err();
    assert!(refusal.starts_with("house/postern.toml: hostname is missing"), "{refusal}");
}

/// What is of the wrong kind is named with its key, in words that are none of the parser's.
#[test]
fn a_value_of_the_wrong_kind_names_its_key() {
    let bad = |lines: &str, line: usize, reason: &str, cure: &str| {
        refused(&format!("{MINIMAL}{lines}"), line, &[reason, &format!("Next step: {cure}")]);
    };
    let number = "write digits alone, without quotes and unit";
    bad(
        "[limits]\nidle_seconds = \"ten\"\n",
        3,
        "[limits] idle_seconds is text, and a whole number is expected",
        number,
    );
    bad(
        "[relay]\nconnections = 1.5\n",
        3,
        "[relay] connections is a number with a fraction, and a whole number",
        number,
    );
    bad(
        "\n[log]\nlevel = 5\n",
        4,
        "[log] level is a whole number, and text is expected",
        "write it in double quotes: level = \"…\"",
    );
    bad(
        "[listen]\nimaps = \"127.0.0.1:1\"\n",
        3,
        "[listen] imaps is text, and a list is expected",
        "write a list of texts: imaps = [\"…\"]",
    );
    bad(
        "[listen]\nimaps = [\n  \"127.0.0.1:1\",\n  1,\n]\n",
        5,
        "[listen] imaps is a whole number, and text",
        "write it",
    );
    bad(
        "[security]\nexempt_loopback = \"no\"\n",
        3,
        "[security] exempt_loopback is text, and true or false",
        "write exempt_loopback = true or",
    );
    bad("log = \"info\"\n", 2, "log is text, and a table is expected", "write its keys below a line [log]");
    bad(
        "[relay.route]\n\"example.net\" = 25\n",
        3,
        "[relay.route] example.net is a whole number, and text",
        "write it",
    );
    refused("hostname = 5\n", 1, &["hostname is a whole number, and text is expected"]);
    refused("[hostname]\na = 5\n", 1, &["hostname is a table, and text is expected"]);
    let refusal = parse(&format!("{MINIMAL}[limits]\nidle_seconds = \"hunter2\"\n")).unwrap_err();
    assert!(!refusal.contains("hunter2"), "it may be a password in the wrong place: {refusal}");
}

/// What no version listens for yet is offered to nobody.
#[test]
fn only_what_can_be_used_is_offered() {
    let refusal = parse(&format!("{MINIMAL}[listen]\nimapz = []\n")).unwrap_err();
    assert!(refusal.contains("it knows smtp, submission, submissions, lmtp, imap, imaps, http, https\n"), "{refusal}");
    let refusal = parse_with(MINIMAL, &[("POSTERN_LISTEN__IMAPZ", "127.0.0.1:1")]).unwrap_err();
    assert!(refusal.contains("imaps, http, https\n") && !refusal.contains("sieve"), "{refusal}");
    let refusal = parse_with(MINIMAL, &[("POSTERN_COLOUR__OF__DOOR", "green")]).unwrap_err();
    assert!(refusal.contains("the file has no colour; it knows hostname"), "{refusal}");
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
            ("POSTERN_RELAY__SMARTHOST", "relay.example.net:587"),
            ("POSTERN_RELAY__USERNAME", "4711"),
            ("POSTERN_RELAY__PASSWORD_FILE", "relay.password"),
            ("POSTERN_RELAY__CONNECTIONS", "2"),
            ("POSTERN_RELAY__ROUTE__EXAMPLE.COM", "[::1]:2525"),
            ("POSTERN_LIMITS__QUEUE_DAYS", "3"),
            ("POSTERN_SECURITY__SMTP_MESSAGES_PER_MINUTE", "7"),
            ("POSTERN_CONFIG", "not a key"),
            ("POSTERN_SEED", "7"),
        ],
    )
    .unwrap();
    assert_eq!(config.hostname, "mx.example.org");
    assert_eq!(config.listen.imaps.len(), 2);
    assert!(config.security.exempt_loopback);
    assert_eq!(config.relay.known.smarthost.unwrap().to_string(), "relay.example.net:587");
    let example = &config.relay.known.domains[&postern_types::Domain::parse("example.com").unwrap()];
    assert_eq!((example.to_string().as_str(), config.relay.connections), ("[::1]:2525", 2));
    assert_eq!((config.limits.queue_days, config.limits.smtp_messages_per_minute), (3, 7));
    assert_eq!((config.limits.failure_deadline_ms, config.log.level.as_str()), (250, "debug"));
}

#[test]
fn a_variable_at_fault_is_named() {
    let refusal = parse_with(MINIMAL, &[("POSTERN_LISTEN__IMAPZ", "127.0.0.1:1")]).unwrap_err();
    assert!(refusal.starts_with("environment variable POSTERN_LISTEN__IMAPZ: [listen] has no imapz; it"), "{refusal}");
    let refusal = parse_with(MINIMAL, &[("POSTERN_LISTEN__SIEVE", "127.0.0.1:1")]).unwrap_err();
    assert!(
        refusal.starts_with("environment variable POSTERN_LISTEN__SIEVE: [listen] sieve is not built"),
        "{refusal}"
    );
    let refusal = parse_with(MINIMAL, &[("POSTERN_RELAY__SMARTHOST", "a b")]).unwrap_err();
    assert!(
        refusal.starts_with("environment variable POSTERN_RELAY__SMARTHOST: relay.smarthost \"a b\" is no"),
        "{refusal}"
    );
    let refusal = parse_with(MINIMAL, &[("POSTERN_LIMITS__RECIPIENTS", "many")]).unwrap_err();
    assert!(
        refusal.starts_with("environment variable POSTERN_LIMITS__RECIPIENTS: [limits] recipients is text, and a "),
        "{refusal}"
    );
}

fn acme(lines: &str) -> Result<Config, String> {
    parse(&format!("{MINIMAL}[listen]\nhttp = [\"127.0.0.1:80\"]\n[tls.acme]\n{lines}"))
}

#[test]
fn a_certificate_by_acme_has_its_defaults() {
    let config = acme("").unwrap();
    let nothing = config.acme.unwrap();
    let folder = Path::new("house/acme/acme-v02.api.letsencrypt.org-directory");
    assert_eq!((nothing.folder.as_path(), nothing.challenge), (folder, Challenge::Http01));
    assert_eq!(nothing.directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert_eq!(
        (config.tls.certificate, config.tls.key),
        (folder.join("certificate.pem"), folder.join("certificate.pem"))
    );
    assert_eq!(nothing.stand_in.certificate, Path::new("house/tls/cert.pem"));
    assert_eq!(nothing.wanted("mail.example.org"), ["mail.example.org"]);

    let lines = "contact = [\"a@example.org\", \"mailto:b@example.org\"]\ndirectory = \"https://127.0.0.1:14000/dir/\"\n\
                 ca_file = \"tls/root.pem\"\nnames = [\"Autoconfig.example.org\", \"mail.example.org\", \"autoconfig.example.org\"]\n";
    let given = acme(lines).unwrap().acme.unwrap();
    assert_eq!(given.contact, ["mailto:a@example.org", "mailto:b@example.org"]);
    assert_eq!(given.wanted("mail.example.org"), ["mail.example.org", "autoconfig.example.org"]);
    let folder = given.folder.to_str().unwrap();
    assert!(folder.starts_with("house/acme/127.0.0.1-14000-dir_") && folder.len() == 47, "{folder}");
    assert_eq!(given.ca_file.as_deref(), Some(Path::new("house/tls/root.pem")));
    assert_eq!(acme("contact = \"a@example.org\"\n").unwrap().acme.unwrap().contact, ["mailto:a@example.org"]);
    let text = format!("{MINIMAL}[listen]\nhttps = [\"[::]:443\"]\n[tls.acme]\nchallenge = \"tls-alpn-01\"\n");
    assert_eq!(parse(&text).unwrap().acme.unwrap().challenge, Challenge::TlsAlpn01);
    let wished =
        [("POSTERN_TLS__ACME__DIRECTORY", "https://ca.example.net/acme"), ("POSTERN_LISTEN__HTTP", "127.0.0.1:80")];
    assert_eq!(parse_with(MINIMAL, &wished).unwrap().acme.unwrap().directory, "https://ca.example.net/acme");
}

#[test]
fn what_acme_can_not_do_is_refused_with_its_cure() {
    let here = |line: usize, lines: &str, words: &[&str]| {
        refused(&format!("{MINIMAL}[listen]\nhttp = [\"127.0.0.1:80\"]\n[tls.acme]\n{lines}"), line, words);
    };
    refused(
        &format!("{MINIMAL}[tls.acme]\n"),
        2,
        &["\"http-01\" is answered at [listen] http", "add http = [\"0.0.0.0:80\", \"[::]:80\"] to [listen]"],
    );
    here(5, "challenge = \"tls-alpn-01\"\n", &["is answered at [listen] https", "add https = [\"0.0.0.0:443\""]);
    here(5, "challenge = \"dns-01\"\n", &["would need to write to your DNS", "write \"http-01\" or \"tls-alpn-01\""]);
    here(5, "challenge = \"smoke\"\n", &["challenge \"smoke\" is not known"]);
    for url in ["http://ca.example.net/dir", "ca.example.net", "https://", "https://me:secret@ca.example.net/"] {
        here(5, &format!("directory = \"{url}\"\n"), &["is no https URL", "write directory = \"https://acme-v02"]);
    }
    for contact in
        ["\"nobody\"", "[\"a@example.org\", \"\"]", "\"a@example.org?subject=x\"", "\"mailto:a@b.org,c@d.org\""]
    {
        here(5, &format!("contact = {contact}\n"), &["is no address", "or leave it out"]);
    }
    here(5, "contact = 7\n", &["an address or a list of addresses"]);
    here(
        5,
        "names = [\"*.example.org\"]\n",
        &["gets a certificate for a wildcard", "names = [\"autoconfig.example.org\"]"],
    );
    for name in ["localhost", "192.0.2.1", "a b.example.org", "m\u{fc}hle.example"] {
        here(5, &format!("names = [\"{name}\"]\n"), &["is no host name"]);
    }
    here(5, "email = \"a@example.org\"\n", &["[tls.acme] has no email; it knows contact,"]);
}

/// An account, a certificate and what was refused are one authority's.
#[test]
fn no_two_directories_have_one_folder() {
    let folder = |directory: &str| acme(&format!("directory = \"{directory}\"\n")).unwrap().acme.unwrap().folder;
    let long = "d/".repeat(200);
    let all = [
        "https://h.example/a/b",
        "https://h.example/a-b",
        "https://h.example/a/b/",
        "https://h.example/a:b",
        "https://h.example/a?b",
        "https://h.example-a/b",
        "https://h.example:1/b",
        "https://h.example-1/b",
        "https://h.example",
        "https://h.example/",
        &format!("https://h.example/{long}"),
        &format!("https://h.example/{long}e"),
    ];
    let folders: std::collections::BTreeSet<_> = all.iter().map(|directory| folder(directory)).collect();
    assert_eq!(folders.len(), all.len(), "{folders:?}");
    for folder in folders {
        assert_eq!(folder.parent(), Some(Path::new("house/acme")));
        assert!(folder.file_name().unwrap().len() < 255, "{folder:?}");
    }
}

/// It is the first name of the certificate.
#[test]
fn the_host_name_of_a_certificate_by_acme_is_a_full_one() {
    for name in ["localhost", "192.0.2.1"] {
        let rest = "[listen]\nhttp = [\"127.0.0.1:80\"]\n";
        assert!(parse(&format!("hostname = \"{name}\"\n{rest}")).is_ok());
        refused(
            &format!("hostname = \"{name}\"\n{rest}[tls.acme]\n"),
            1,
            &["is no full host name", "or remove [tls.acme]"],
        );
    }
}

/// Whichever of both is meant, the other would be ignored.
#[test]
fn a_certificate_comes_from_files_or_by_acme_and_not_from_both() {
    for (lines, named) in [
        ("certificate = \"a.pem\"\nkey = \"b.pem\"\n", "certificate and key"),
        ("certificate = \"a.pem\"\n", "certificate"),
        ("key = \"b.pem\"\n", "key"),
    ] {
        let text = format!("{MINIMAL}[tls]\n{lines}[tls.acme]\ncontact = \"a@example.org\"\n");
        let line = 3 + lines.lines().count();
        refused(
            &text,
            line,
            &[&format!("[tls.acme] stands beside [tls] {named},"), &format!("remove [tls] {named} to have it by ACME")],
        );
    }
}
