//! What a demo prints when it is open: where it listens, who is in it, and lines that work as they are
//! printed.

use crate::process::{quoted, typed};
use crate::seed::{ADMIN, ALICE, BILLING, BOB, EVENTS, HR, NIGHTLY, PEOPLE, SUPPORT, TEAM, listed};
use postern_types::Secret;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

/// What the sheet speaks of.
pub(super) struct Sheet<'a> {
    pub listeners: &'a BTreeMap<String, String>,
    pub file: &'a Path,
    pub folder: &'a Path,
    pub secrets: &'a Path,
}

impl Sheet<'_> {
    /// The whole of it; with the secret of the credential that is told of at length, while that signs in.
    pub fn text(&self, nightly: Option<&Secret>) -> String {
        let ink = Ink::of_terminal();
        let mut page = format!("\n{}  a demo organisation on this machine\n", ink.bold("Postern"));
        let mut part = |title: &str, lines: Vec<String>| {
            page.push_str(&format!("\n{}\n", ink.bold(title)));
            lines.iter().for_each(|line| page.push_str(&format!("  {line}\n")));
        };
        part("Listening", self.listening(&ink));
        part("People, with what they began with", people(&ink));
        part("Shared mailboxes", shared(&ink));
        part("Credentials, one of each purpose: programs and roles sign in as the mailbox itself", self.keys(&ink));
        match nightly.and_then(Secret::expose_text) {
            Some(secret) => part("One of them: a program copies support@", pairs(&self.nightly(secret))),
            None => part("One of them: it signs in no more", pairs(&self.ended())),
        }
        part("Sending: Alice writes to Bob", pairs(&self.sending()));
        page.push_str(&format!("\n{}\n", ink.bold("Three things to try, each a line for another terminal")));
        for (number, (what, command)) in (1..).zip(self.tries()) {
            page.push_str(&format!("\n  {number}. {what}\n     {command}\n"));
        }
        let folder = self.folder.display();
        page.push_str(&format!("\n{}\n", ink.faint(&format!("Everything lies in {folder}. Ctrl-C stops the demo."))));
        page
    }

    fn at(&self, name: &str) -> &str {
        self.listeners.get(name).map(String::as_str).unwrap_or_default()
    }

    fn port(&self, name: &str) -> &str {
        self.at(name).rsplit(':').next().unwrap_or_default()
    }

    fn authority(&self) -> String {
        quoted(&self.folder.join("tls/ca.pem"))
    }

    fn postern(&self) -> String {
        format!("{} --config {}", typed(), quoted(self.file))
    }

    fn listening(&self, ink: &Ink) -> Vec<String> {
        let listeners = [
            ("imaps", "mail programs, TLS"),
            ("imap", "the same without TLS"),
            ("submissions", "mail going out, TLS"),
            ("submission", "the same by STARTTLS"),
            ("smtp", "mail coming in from other servers"),
            ("lmtp", "mail coming in"),
            ("https", "REST, for people who sign in"),
            ("http", "set-up help for mail programs"),
        ];
        let line = |(name, what): &(&str, &str)| format!("{name:11} {:22} {}", self.at(name), ink.faint(what));
        listeners.iter().map(line).chain([format!("{:11} {}", "admin", self.at("admin"))]).collect()
    }

    /// What each is called and for; their secrets are in a file.
    fn keys(&self, ink: &Ink) -> Vec<String> {
        let line = |(called, purpose)| format!("{called:31} {}", ink.faint(&format!("{purpose}")));
        let secrets = format!("{:31} {}", "their secrets", quoted(self.secrets));
        let list = format!("{:31} {} credential list", "what they may", self.postern());
        listed().map(line).chain([secrets, list]).collect()
    }

    /// The credential with its settings, and what to try with it.
    fn nightly(&self, secret: &str) -> [(&'static str, String); 5] {
        let (port, authority) = (self.port("imaps"), self.authority());
        [
            ("username", SUPPORT.to_owned()),
            ("secret", secret.to_owned()),
            (
                "settings",
                format!("IMAP at localhost port {port}, TLS from the first byte; it reads, from this machine alone"),
            ),
            (
                "read",
                format!("curl --cacert {authority} --user {SUPPORT}:{secret} 'imaps://localhost:{port}/INBOX/;UID=*'"),
            ),
            ("take back", format!("{} credential revoke {SUPPORT}/{NIGHTLY}", self.postern())),
        ]
    }

    fn ended(&self) -> [(&'static str, String); 2] {
        let postern = self.postern();
        [
            ("why", format!("{postern} credential show {SUPPORT}/{NIGHTLY}")),
            (
                "another",
                format!(
                    "{postern} credential issue {SUPPORT} --purpose backup --owner {} --network 127.0.0.0/8 \
                     --reason 'a copy of the mail, every night'",
                    ADMIN.0
                ),
            ),
        ]
    }

    /// Where mail goes out, a letter that does, and how it waits. None leaves the house until it has a smarthost.
    fn sending(&self) -> [(&'static str, String); 4] {
        let (implicit, late) = (self.port("submissions"), self.port("submission"));
        let authority = self.authority();
        let ((alice, password), (bob, _)) = (ALICE, BOB);
        let letter =
            format!("From: Alice <{alice}>\\r\\nTo: {bob}\\r\\nSubject: Friday\\r\\n\\r\\nI take support@ then.\\r\\n");
        [
            ("settings", format!("SMTP at localhost port {implicit}, TLS from the first byte; {late} by STARTTLS")),
            (
                "send",
                format!(
                    "printf '{letter}' | curl -sS --cacert {authority} --user {alice}:{password} --mail-from {alice} \
                     --mail-rcpt {bob} --upload-file - smtps://localhost:{implicit}"
                ),
            ),
            ("waiting", format!("{} queue list", self.postern())),
            (
                "elsewhere",
                format!(
                    "is refused until [relay] in {} names a smarthost; then: kill -HUP {}",
                    quoted(self.file),
                    std::process::id()
                ),
            ),
        ]
    }

    fn tries(&self) -> [(&'static str, String); 3] {
        let (imaps, lmtp, authority) = (self.port("imaps"), self.port("lmtp"), self.authority());
        let (alice, password) = ALICE;
        let read = format!(
            "curl --cacert {authority} --user {alice}:{password} \
             'imaps://localhost:{imaps}/Shared%2F{SUPPORT}%2FINBOX/;UID=*'"
        );
        let deliver = format!(
            "python3 -c \"import smtplib; smtplib.LMTP('127.0.0.1', {lmtp}).sendmail('me@example.net', '{SUPPORT}', \
             'Subject: Hello\\r\\n\\r\\nIs anybody there?\\r\\n')\""
        );
        let remove = format!("{} delegate remove {SUPPORT} {alice}", self.postern());
        [
            ("Alice, signed in as herself, reads the newest letter to support@:", read),
            ("Write to support@, then read again:", deliver),
            (
                "Take support@ away from Alice; her next look finds no such mailbox (the same with add in place of \
                 remove brings it back):",
                remove,
            ),
        ]
    }
}

fn people(ink: &Ink) -> Vec<String> {
    let line =
        |person: &crate::seed::Person| format!("{:18} {:20} {}", person.address, person.password, ink.faint(person.is));
    let team = format!("{TEAM:18} {:20} {}", "", ink.faint("a group: Alice, Bob and Erin; reads events@"));
    PEOPLE.iter().map(line).chain([team]).collect()
}

fn shared(ink: &Ink) -> Vec<String> {
    [
        (SUPPORT, "questions in six languages, an answer that waits in Drafts"),
        (BILLING, "invoices, kept by year below Archive"),
        (EVENTS, "in the second domain; bookings, a programme, a calendar"),
        (HR, "each sees what they have read themselves; deleting is its owner's"),
    ]
    .map(|(address, what)| format!("{address:20} {}", ink.faint(what)))
    .into()
}

fn pairs(pairs: &[(&'static str, String)]) -> Vec<String> {
    pairs.iter().map(|(name, value)| format!("{name:9} {value}")).collect()
}

/// Bold and faint where the screen can show them (https://no-color.org).
struct Ink(bool);

impl Ink {
    fn of_terminal() -> Self {
        Self(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }
    fn bold(&self, text: &str) -> String {
        if self.0 { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
    fn faint(&self, text: &str) -> String {
        if self.0 { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }
}
