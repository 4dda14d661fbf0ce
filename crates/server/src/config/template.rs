//! The commented file: what `init` writes and `config show --defaults` prints.
//!
//! Both come from one text, so that what a newcomer finds in their file and what the manual
//! command says never differ. In a file of a house only what was chosen is set; every other
//! key stands there as a comment with its default.

use super::acme::DIRECTORY;
use super::check::{BLOBS, CERTIFICATE, IMAPS, KEY, LMTP, SMTP, SUBMISSION, SUBMISSIONS};
use super::limits::LIMITS;
use super::relay::CONNECTIONS;
use postern_types::Limits;
use std::fmt::Write;

/// What a house chose for itself; everything else keeps its default.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `hostname`; the text's example without one.
    pub hostname: Option<String>,
    /// `[database] url`.
    pub database_url: Option<String>,
    /// `[listen]` imaps.
    pub imaps: Option<Vec<String>>,
    /// `[listen]` imap.
    pub imap: Option<Vec<String>>,
    /// `[listen]` lmtp.
    pub lmtp: Option<Vec<String>>,
    /// `[listen]` smtp.
    pub smtp: Option<Vec<String>>,
    /// `[listen]` submission.
    pub submission: Option<Vec<String>>,
    /// `[listen]` submissions.
    pub submissions: Option<Vec<String>>,
    /// `[listen]` https.
    pub https: Option<Vec<String>>,
    /// `[listen]` http.
    pub http: Option<Vec<String>>,
    /// `[relay]` smarthost.
    pub smarthost: Option<String>,
    /// `[security]` plaintext_sign_in = "loopback" and exempt_loopback = true.
    pub trust_loopback: bool,
}

/// Every listener on this machine only, at `base` + its well-known port, and what a house
/// that nobody else can reach may allow; base 0 leaves the ports to the system.
pub fn loopback(settings: Settings, base: u16) -> Settings {
    let at = |port: u16| {
        let port = if base == 0 { 0 } else { base.saturating_add(port) };
        Some(vec![format!("127.0.0.1:{port}")])
    };
    Settings {
        imaps: at(993),
        imap: at(143),
        lmtp: at(24),
        smtp: at(25),
        submission: at(587),
        submissions: at(465),
        https: at(443),
        http: at(80),
        trust_loopback: true,
        ..settings
    }
}

/// How defaults stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// As comments: the file says what this house chose.
    AsComments,
    /// As values: the file says everything.
    AsValues,
}

/// The file.
pub fn document(settings: &Settings, defaults: Shown) -> String {
    let mut page = Page { text: String::new(), defaults };
    page.opening();
    let hostname = settings.hostname.as_deref().map(quoted);
    page.key("The name that people's programs connect to.", "hostname", &quoted("mail.example.org"), hostname);
    page.default(
        "Where everything lies; begins at the folder of this file, as do all paths below.",
        "data_dir",
        "\".\"",
    );
    page.storage(settings);
    page.listen(settings);
    page.tls();
    page.relay(settings);
    page.log();
    page.limits();
    page.security(settings);
    page.text
}

struct Page {
    text: String,
    defaults: Shown,
}

impl Page {
    fn opening(&mut self) {
        self.line("# Postern's boot facts. People, mailboxes and policy live in the database: see `postern --help`.");
        self.line("# A key of the environment comes first: POSTERN_DATABASE__URL, POSTERN_LISTEN__IMAPS …");
        self.line(
            "# After a change: `kill -HUP` for certificates, where [relay] sends to, [log] level and most of [security]; a \
             restart for the rest.",
        );
    }

    fn storage(&mut self, settings: &Settings) {
        self.section("database");
        let what = "\"sqlite:\" (files in data_dir) or \"postgres://user@host/name\".";
        self.key(what, "url", &quoted("sqlite:"), settings.database_url.as_deref().map(quoted));
        self.section("blobs");
        self.default("Bodies of large messages.", "url", &quoted(BLOBS));
    }

    fn listen(&mut self, settings: &Settings) {
        self.section("listen");
        self.line("# Lists of \"address:port\" (port 0: the system chooses) and \"unix:path\".");
        self.key("IMAP under TLS.", "imaps", &list(&IMAPS), settings.imaps.as_deref().map(list));
        self.key("IMAP without TLS, this machine only.", "imap", "[]", settings.imap.as_deref().map(list));
        self.key("Mail coming in by LMTP.", "lmtp", &list(&LMTP), settings.lmtp.as_deref().map(list));
        self.key(
            "Mail going out, from those who sign in: TLS with the first byte.",
            "submissions",
            &list(&SUBMISSIONS),
            settings.submissions.as_deref().map(list),
        );
        self.key("The same by STARTTLS.", "submission", &list(&SUBMISSION), settings.submission.as_deref().map(list));
        self.key("Mail coming in from other servers.", "smtp", &list(&SMTP), settings.smtp.as_deref().map(list));
        let https = "REST under TLS, for people who sign in, and set-up help for mail programs.";
        self.key(https, "https", "[]", settings.https.as_deref().map(list));
        let http =
            "Set-up help for mail programs where TLS has no certificate for autoconfig.DOMAIN, and ACME; nothing else.";
        self.key(http, "http", "[]", settings.http.as_deref().map(list));
    }

    fn tls(&mut self) {
        self.section("tls");
        self.default("PEM: the certificate and those between it and its root.", "certificate", &quoted(CERTIFICATE));
        self.default("PEM: its private key.", "key", &quoted(KEY));
        self.line(
            "# In place of both, a certificate by ACME, which the server asks for and renews: [tls.acme] and below it",
        );
        self.line(
            "# as many of these as differ. Having the table says that you agree to the authority's terms of service.",
        );
        self.line("# Where the authority may write to: one address or a list; may be left out.");
        self.line(&format!("# contact = {}", quoted("postmaster@example.org")));
        self.line("# Whom to ask.");
        self.line(&format!("# directory = {}", quoted(DIRECTORY)));
        self.line("# \"http-01\" (asked at port 80, [listen] http) or \"tls-alpn-01\" (at port 443, [listen] https).");
        self.line(&format!("# challenge = {}", quoted("http-01")));
        self.line("# Names besides hostname; each has to lead here.");
        self.line(&format!("# names = {}", list(&["autoconfig.example.org"])));
        self.line("# PEM: the root of a directory that is not a public one.");
        self.line(&format!("# ca_file = {}", quoted("tls/acme-ca.pem")));
    }

    fn relay(&mut self, settings: &Settings) {
        self.section("relay");
        let smarthost = settings.smarthost.as_deref().map(quoted);
        let what = "Who takes mail for other domains: \"HOST:PORT\"; without it nothing is sent out.";
        self.example(what, "smarthost", &quoted("relay.example.net:587"), smarthost);
        self.example("The name it knows us by.", "username", &quoted("postern"), None);
        let what = "The password, in a file that others on this machine can not read.";
        self.example(what, "password_file", &quoted("relay.password"), None);
        self.line("# \"implicit\" (with the first byte), \"required\" (STARTTLS), \"opportunistic\" or \"never\". Without it: implicit");
        let what = "at port 465, required where there is a username, else opportunistic.";
        self.example(what, "tls", &quoted("required"), None);
        let what = "PEM: authorities of its certificate, where they are not the public ones.";
        self.example(what, "ca_file", &quoted("tls/relay-ca.pem"), None);
        self.default("Connections to one server at once.", "connections", &CONNECTIONS.to_string());
        self.line("# Places for single domains, for tests: [relay.route] and below it lines such as");
        self.line("# \"example.net\" = \"127.0.0.1:2525\"");
    }

    fn log(&mut self) {
        self.section("log");
        self.default("error, warn, info, debug, trace, or a filter: \"info,postern_imap=debug\".", "level", "\"info\"");
        self.default("\"text\" or \"json\", on standard error.", "format", "\"text\"");
    }

    fn limits(&mut self) {
        self.section("limits");
        let defaults = Limits::default();
        for key in &LIMITS {
            self.default(key.what, key.name, &(key.get)(&defaults).to_string());
        }
    }

    fn security(&mut self, settings: &Settings) {
        let defaults = Limits::default();
        self.section("security");
        let loopback = settings.trust_loopback;
        self.key(
            "Sign-in without TLS: \"never\", or \"loopback\" for programs on this machine.",
            "plaintext_sign_in",
            &quoted("never"),
            loopback.then(|| quoted("loopback")),
        );
        self.default(
            "When a failed sign-in is answered, in milliseconds, whatever its cause.",
            "failure_deadline_ms",
            &defaults.failure_deadline_ms.to_string(),
        );
        self.default(
            "Connections that have not signed in, from one address.",
            "unauthenticated_per_address",
            &defaults.unauthenticated_per_address.to_string(),
        );
        self.default(
            "Messages of other servers taken from one network in a minute.",
            "smtp_messages_per_minute",
            &defaults.smtp_messages_per_minute.to_string(),
        );
        self.key(
            "Connections and wrong passwords from this machine are not counted.",
            "exempt_loopback",
            "false",
            loopback.then(|| "true".to_owned()),
        );
        self.default(
            "Who may deliver by LMTP over TCP besides this machine: \"192.0.2.0/24\" …",
            "lmtp_networks",
            "[]",
        );
        self.default("Who may read /metrics over https besides this machine.", "metrics_networks", "[]");
    }

    fn section(&mut self, name: &str) {
        // Writing to a String can not fail.
        let _ = write!(self.text, "\n[{name}]\n");
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn key(&mut self, what: &str, name: &str, default: &str, chosen: Option<String>) {
        match chosen {
            Some(value) => self.line(&format!("# {what}\n{name} = {value}")),
            None => self.default(what, name, default),
        }
    }

    /// A key that has no default: an example of it is a comment in every file.
    fn example(&mut self, what: &str, name: &str, example: &str, chosen: Option<String>) {
        match chosen {
            Some(value) => self.line(&format!("# {what}\n{name} = {value}")),
            None => self.line(&format!("# {what}\n# {name} = {example}")),
        }
    }

    fn default(&mut self, what: &str, name: &str, value: &str) {
        let mark = if self.defaults == Shown::AsComments { "# " } else { "" };
        let line = format!("# {what}\n{mark}{name} = {value}");
        self.line(&line);
    }
}

/// A TOML string; its escapes are those of TOML's own writer.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list<T: AsRef<str>>(texts: &[T]) -> String {
    toml::Value::Array(texts.iter().map(|text| toml::Value::from(text.as_ref())).collect()).to_string()
}
