//! Other people's programs send through the house, as a person and with a credential of a shared
//! mailbox; what they sent is looked at where it arrives.
//!
//! Skips what is missing as [`crate::foreign`] does, and tries nothing again.

use crate::direct::{SUPPORT, issue, secret, wish};
use crate::foreign::{Printed, program, python, run, script, text, write};
use crate::sending::wait_for;
use postern_app::Purpose;
use postern_testkit::{House, ImapClient, PASSWORD, Sink, Taken, scenario};
use postern_types::SendRights;

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";
const CUSTOMER: &str = "customer@example.net";
const SEND_AS: SendRights = SendRights { send_as: true, send_on_behalf: false };
/// Eight bits, dots where SMTP doubles them, and a space that somebody might trim.
const BODY: &str = "Grüße,\r\n.\r\n..two dots\r\nFrom here on \r\n";

/// Somebody who sends.
struct Sender {
    username: &'static str,
    secret: String,
    /// Where their copies are, as Alice sees it.
    sent: &'static str,
}

/// A house with Alice, who works in support@ too, Bob, and customers elsewhere.
struct Post<'a> {
    house: &'a House,
    sink: Sink,
    authority: String,
    senders: [Sender; 2],
}

async fn post(house: &House) -> Post<'_> {
    let sink = Sink::start().await;
    house.relay_to(&sink).await;
    for person in [ALICE, BOB] {
        house.person(person).await;
    }
    house.shared(SUPPORT).await;
    house.delegate(SUPPORT, ALICE, SendRights::NONE).await;
    let direct = secret(&issue(house, wish(Purpose::Client)).await);
    let senders = [
        Sender { username: ALICE, secret: PASSWORD.to_owned(), sent: "Sent" },
        Sender { username: SUPPORT, secret: direct, sent: "Shared/support@example.org/Sent" },
    ];
    Post { house, sink, authority: text(&house.data_dir().join("tls/ca.pem")), senders }
}

/// From whom, to a customer; Bob is in the envelope alone.
fn letter(from: &str, subject: &str) -> String {
    format!(
        "From: {from}\r\nTo: {CUSTOMER}\r\nSubject: {subject}\r\nDate: Wed, 25 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{}@client.example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{BODY}",
        subject.replace(' ', "-")
    )
}

/// How many messages of a mailbox have this in their subject.
async fn with_subject(imap: &mut ImapClient, mailbox: &str, subject: &str) -> usize {
    imap.ok(&format!("EXAMINE \"{mailbox}\""), "").await;
    let found = imap.ok(&format!("SEARCH SUBJECT \"{subject}\""), "* SEARCH").await;
    let line = found.line_with("* SEARCH").expect("a line");
    line.split_whitespace().skip(2).count()
}

impl Post<'_> {
    fn port(&self, listener: &str) -> String {
        self.house.listener(listener).port().to_string()
    }

    fn write(&self, name: &str, content: &str) -> String {
        let file = self.house.scratch().join(name);
        write(&file, content);
        text(&file)
    }

    /// Runs a line of shell, for programs that read a message from standard input.
    async fn shell(&self, line: &str) -> Printed {
        run(self.house, "sh", &["-c", line]).await
    }

    /// The message of this number has left the house, for the customer and for nobody else.
    async fn left(&self, number: usize, sender: &Sender, subject: &str) -> Taken {
        let taken = self.sink.wait_for(number).await;
        assert_eq!(taken.len(), number, "once");
        let taken = taken.into_iter().next_back().expect("a message");
        assert_eq!((taken.from.as_str(), &taken.recipients[..]), (sender.username, &[CUSTOMER.to_owned()][..]));
        let (header, body) = taken.message.split_once("\r\n\r\n").expect("a header");
        assert_eq!(body, BODY);
        let from = header.lines().find_map(|line| line.strip_prefix("From: ")).expect("a From");
        let (bracketed, address) = (format!("<{}>", sender.username), sender.username);
        assert!(from == address || from.ends_with(&bracketed), "{from}");
        for field in [format!("To: {CUSTOMER}"), format!("Subject: {subject}")] {
            assert!(header.lines().any(|line| line == field), "{field:?} is missing: {header}");
        }
        assert!(header.starts_with("Received: ") && !header.contains("Bcc:"), "{header}");
        taken
    }

    /// It is Bob's message of this number as well, with the same bytes, and once in Sent of its sender.
    async fn is_here(&self, number: usize, sender: &Sender, subject: &str) {
        let mut bob = self.house.imap_as(BOB).await;
        wait_for(&mut bob, "INBOX", number as u64).await;
        bob.ok("EXAMINE INBOX", &format!("* {number} EXISTS")).await;
        let body = bob.ok(&format!("FETCH {number} BODY.PEEK[TEXT]"), "").await.literal().expect("a body");
        assert_eq!(String::from_utf8_lossy(&body), BODY);
        let header = bob.ok(&format!("FETCH {number} BODY.PEEK[HEADER]"), "").await.literal().expect("a header");
        let header = String::from_utf8_lossy(&header).into_owned();
        assert!(header.starts_with(&format!("Return-Path: <{}>\r\n", sender.username)), "{header}");
        assert!(header.contains(&format!("\r\nSubject: {subject}\r\n")), "{header}");
        self.is_filed_once(sender, subject).await;
    }

    /// In Sent of its sender alone, once.
    async fn is_filed_once(&self, sender: &Sender, subject: &str) {
        let mut alice = self.house.imap_as(ALICE).await;
        for other in &self.senders {
            let copies = usize::from(other.sent == sender.sent);
            assert_eq!(with_subject(&mut alice, other.sent, subject).await, copies, "{subject} in {}", other.sent);
        }
    }

    /// Nothing but these has left the house.
    fn nothing_more_left(&self, messages: usize) {
        assert_eq!(self.sink.taken().len(), messages);
    }
}

scenario! {
    /// swaks, under TLS from the first byte and by STARTTLS.
    async fn foreign_swaks_sends(house: House) {
        let Some(swaks) = program("swaks") else { return };
        let post = post(&house).await;
        let mut sent = 0;
        for sender in &post.senders {
            for (listener, tls) in [("submissions", "--tls-on-connect"), ("submission", "--tls")] {
                let (port, subject) = (post.port(listener), format!("Number {sent} of {}", sender.username));
                // It ends the last line itself.
                let written = letter(sender.username, &subject);
                let data = format!("@{}", post.write("letter", written.trim_end_matches("\r\n")));
                let base = ["--server", "localhost", "--port", &port, tls, "--tls-verify", "--tls-ca-path", &post.authority];
                let who = ["--auth", "PLAIN", "--auth-user", sender.username, "--auth-password", &sender.secret];
                let what = ["--helo", "client.example.org", "--timeout", "60", "--to", "customer@example.net,bob@example.org"];
                let send = async |from: &str, data: &str| {
                    let line = [&base[..], &who, &what, &["--from", from, "--data", data]].concat();
                    run(&house, &swaks, &line).await
                };
                send(sender.username, &data).await.must_succeed();
                sent += 1;
                let taken = post.left(sent, sender, &subject).await;
                assert!(taken.message.starts_with("Received: from unknown by mail.example.org"), "{}", taken.message);
                post.is_here(sent, sender, &subject).await;

                let forged = format!("@{}", post.write("forged", &letter(BOB, "forged")));
                for (from, data) in [(BOB, &data), (sender.username, &forged)] {
                    let refused = send(from, data).await;
                    let said = String::from_utf8_lossy(&refused.output).into_owned();
                    assert_ne!(refused.code, Some(0), "{said}");
                    says_who_may(&said, sender);
                }
            }
        }
        post.nothing_more_left(sent);
    }

    /// Python's smtplib: both kinds of TLS, eight bits, an address in UTF-8, one of several recipients
    /// refused, and another's address.
    async fn foreign_python_smtplib_sends(house: House) {
        let Some(python) = python() else { return };
        let post = post(&house).await;
        let (script, implicit, late) = (script("sending.py"), post.port("submissions"), post.port("submission"));
        for (turn, sender) in post.senders.iter().enumerate() {
            let line = [script.as_str(), &implicit, &late, &post.authority, sender.username, &sender.secret, sender.username];
            let printed = run(&house, &python, &line).await.must_succeed();
            assert!(printed.ends_with("all of it\n"), "{printed}");
            let taken = post.sink.wait_for(2 * turn + 2).await;
            assert_eq!(taken.len(), 2 * turn + 2);
            let [several, utf8] = &taken[2 * turn..] else { panic!("two") };
            let (several, utf8) = if several.parameters.contains("SMTPUTF8") { (utf8, several) } else { (several, utf8) };
            assert_eq!(several.recipients, [CUSTOMER]);
            assert!(several.parameters.contains("BODY=8BITMIME"), "{}", several.parameters);
            assert_eq!(utf8.recipients, ["jürgen@example.net"]);
            assert!(utf8.parameters.contains("SMTPUTF8"), "{}", utf8.parameters);
            assert!(utf8.message.contains("\r\nTo: jürgen@example.net\r\n"), "{}", utf8.message);
            assert!(utf8.message.contains(&format!("\r\nSubject: {} für alle\r\n", sender.username)), "{}", utf8.message);
            for taken in [several, utf8] {
                assert_eq!(taken.from, sender.username);
                let body = "\r\n\r\nGrüße,\r\n.\r\n..two dots\r\nFrom here on\r\n";
                assert!(taken.message.ends_with(body), "{}", taken.message);
            }
            let mut bob = house.imap_as(BOB).await;
            wait_for(&mut bob, "INBOX", 2 * turn as u64 + 2).await;
            post.is_filed_once(sender, &format!("{} to several", sender.username)).await;
        }
    }

    /// msmtp by STARTTLS, its recipients from the header; its recipe has the other kind of TLS.
    async fn foreign_msmtp_sends_by_starttls(house: House) {
        let Some(msmtp) = program("msmtp") else { return };
        let post = post(&house).await;
        for (sent, sender) in post.senders.iter().enumerate() {
            let conf = post.write("msmtprc", &format!(
                "account postern\nhost localhost\nport {}\nfrom {username}\nauth plain\nuser {username}\npassword \"{}\"\n\
                 tls on\ntls_starttls on\ntls_trust_file {}\naccount default : postern\n",
                post.port("submission"), sender.secret, post.authority, username = sender.username
            ));
            // What msmtp must do with Bcc is its own affair: it keeps it out of what it sends.
            let subject = format!("Number {sent} of {}", sender.username);
            let written = letter(sender.username, &subject).replace("Subject:", "Bcc: bob@example.org\r\nSubject:");
            let file = post.write("letter", &lf(&written));
            let send = format!("'{}' -C '{conf}' -t < '{file}'", text(&msmtp));
            post.shell(&send).await.must_succeed();
            post.left(sent + 1, sender, &subject).await;
            post.is_here(sent + 1, sender, &subject).await;

            let forged = post.write("forged", &lf(&letter(BOB, "forged")));
            let send = format!("'{}' -C '{conf}' -t < '{forged}'", text(&msmtp));
            let refused = post.shell(&send).await;
            assert_ne!(refused.code, Some(0));
            says_who_may(&refused.errors, sender);
        }
        post.nothing_more_left(2);
    }

    /// curl, which takes a message as bytes from a file.
    async fn foreign_curl_sends_over_tls(house: House) {
        let Some(curl) = program("curl") else { return };
        let post = post(&house).await;
        let url = format!("smtps://localhost:{}/client.example.org", post.port("submissions"));
        for (sent, sender) in post.senders.iter().enumerate() {
            let who = format!("{}:{}", sender.username, sender.secret);
            let base = ["--silent", "--show-error", "--max-time", "60", "--cacert", &post.authority, "--user", &who];
            let send = async |from: &str, file: &str| {
                let what = ["--mail-from", from, "--mail-rcpt", CUSTOMER, "--mail-rcpt", BOB, "--upload-file", file];
                run(&house, &curl, &[&base[..], &what, &["--verbose", &url]].concat()).await
            };
            let subject = format!("Number {sent} of {}", sender.username);
            let file = post.write("letter", &letter(sender.username, &subject));
            send(sender.username, &file).await.must_succeed();
            post.left(sent + 1, sender, &subject).await;
            post.is_here(sent + 1, sender, &subject).await;

            let forged = post.write("forged", &letter(BOB, "forged"));
            for (from, file) in [(BOB, &file), (sender.username, &forged)] {
                let refused = send(from, file).await;
                assert_ne!(refused.code, Some(0));
                says_who_may(&refused.errors, sender);
            }
        }
        post.nothing_more_left(2);
    }

    /// neomutt sends and keeps a copy of its own: it finds the one that is there, so that there is one.
    /// As a delegate it does both for the shared mailbox.
    async fn foreign_neomutt_sends_and_keeps_one_copy(house: House) {
        let (Some(neomutt), Some(terminal)) = (program("neomutt"), program("script")) else { return };
        let post = post(&house).await;
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        let ([alice, direct], body) = (&post.senders, post.write("body", &lf(BODY)));
        // Without a terminal it keeps no copies over IMAP, and one without a size is none for it.
        let send = async |rc: &str, subject: &str| {
            let line = format!(
                "stty columns 120 rows 40; '{}' -n -F '{rc}' -s '{subject}' -b {BOB} -i '{body}' -- {CUSTOMER}", text(&neomutt)
            );
            run(&house, &terminal, &["--quiet", "--return", "--command", &line, "/dev/null"]).await.must_succeed()
        };
        let shared = direct.sent;
        let turns = [(alice, ALICE, "Sent"), (direct, SUPPORT, "Sent"), (alice, SUPPORT, shared), (alice, ALICE, "Archive")];
        for (sent, (sender, from, record)) in turns.into_iter().enumerate() {
            let (rc, subject) = (neomuttrc(&post, sender, from, record), format!("Number {sent} of {from}"));
            send(&rc, &subject).await;
            let shown = if from == ALICE { alice } else { direct };
            post.left(sent + 1, shown, &subject).await;
            post.is_here(sent + 1, shown, &subject).await;
        }
        // It does keep copies: where the house keeps none there is its own.
        let mut imap = house.imap_as(ALICE).await;
        assert_eq!(with_subject(&mut imap, "Archive", "Number 3 of alice@example.org").await, 1);
        // Somebody else's name on it: nothing leaves, nothing is kept, and neomutt says why.
        let rc = neomuttrc(&post, alice, BOB, "Sent");
        let line = format!("'{}' -n -F '{rc}' -s forged {CUSTOMER} < '{body}'", text(&neomutt));
        let refused = post.shell(&line).await;
        assert_ne!(refused.code, Some(0));
        says_who_may(&refused.errors, alice);
        assert_eq!(with_subject(&mut imap, "Sent", "forged").await, 0);
        post.nothing_more_left(4);
    }
}

/// Settings of neomutt for somebody who sends as this address and keeps copies in this mailbox.
fn neomuttrc(post: &Post<'_>, sender: &Sender, from: &str, record: &str) -> String {
    let (username, secret, escaped) = (sender.username, &sender.secret, sender.username.replace('@', "%40"));
    let (submissions, imaps) = (post.port("submissions"), post.port("imaps"));
    let (authority, scratch) = (&post.authority, text(post.house.scratch()));
    let settings = format!(
        "set folder = '{scratch}'\nset from = '{from}'\nset use_from = yes\nset use_envelope_from = yes\n\
         set hostname = 'client.example.org'\nset smtp_url = 'smtps://{escaped}@localhost:{submissions}'\n\
         set smtp_pass = '{secret}'\nset smtp_authenticators = 'plain'\nset imap_user = '{username}'\n\
         set imap_pass = '{secret}'\nset copy = yes\nset record = 'imaps://localhost:{imaps}/{record}'\n\
         set ssl_force_tls = yes\nset ssl_ca_certificates_file = '{authority}'\n\
         set certificate_file = '{scratch}/accepted'\nset header_cache = ''\nset confirm_append = no\n\
         set confirm_create = no\nset sleep_time = 0\nset postpone = no\nset charset = 'utf-8'\n\
         set send_charset = 'utf-8'\nset allow_8bit = yes\nset autoedit = yes\nset edit_headers = yes\n\
         set editor = true\nset abort_unmodified = no\nsend2-hook . 'push <send-message>'\n"
    );
    post.write("neomuttrc", &settings)
}

/// A refusal reached who reads the program's output, with what would be taken.
fn says_who_may(said: &str, sender: &Sender) {
    for part in ["You may not send as bob@example.org", "you may send as ", sender.username] {
        assert!(said.contains(part), "{part:?} is missing: {said}");
    }
}

/// Lines as programs of this system read them.
fn lf(text: &str) -> String {
    text.replace("\r\n", "\n")
}
