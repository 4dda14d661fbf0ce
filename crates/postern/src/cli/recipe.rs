//! Recipes: a configuration file for a program that signs in with a credential, which works as
//! it is written.
//!
//! All that fetch do nothing but fetch: nothing is added, deleted or marked at the server, and
//! what is deleted there stays where it was copied to. So fetchmail is given POP3: over IMAP it
//! knows what it has by marking it as read (docs/decisions/0028-recipes.md).

use super::failure::Failure;
use crate::process::quoted;
use clap::ValueEnum;
use postern_access::Protocol;
use postern_http::model::{Credential, Setting};
use postern_types::Secret;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A program that there is a recipe for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Program {
    /// isync's mbsync: a copy in Maildirs, over IMAP
    Mbsync,
    /// getmail6: new messages into one Maildir, over IMAP
    Getmail,
    /// offlineimap3: a copy in Maildirs, over IMAP
    Offlineimap,
    /// msmtp: sends
    Msmtp,
    /// fetchmail: new messages into one Maildir, over POP3
    Fetchmail,
}

/// Where the program has the secret from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key<'a> {
    /// It is written into the configuration.
    Written(&'a Secret),
    /// The first line of this file.
    File(&'a Path),
}

/// What a recipe is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ingredients<'a> {
    /// What it signs in with, and where.
    pub credential: &'a Credential,
    /// The secret.
    pub key: Key<'a>,
    /// The authority of the house's certificate; one that the system trusts where there is none.
    pub authority: Option<&'a Path>,
}

/// Where Debian keeps the authorities that it trusts; for programs that have to be told.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

impl Program {
    /// Its name, as it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Program::Mbsync => "mbsync",
            Program::Getmail => "getmail",
            Program::Offlineimap => "offlineimap",
            Program::Msmtp => "msmtp",
            Program::Fetchmail => "fetchmail",
        }
    }

    /// What it speaks.
    pub fn protocol(self) -> Protocol {
        match self {
            Program::Mbsync | Program::Getmail | Program::Offlineimap => Protocol::Imap,
            Program::Msmtp => Protocol::Submission,
            Program::Fetchmail => Protocol::Pop3,
        }
    }

    /// Why there is none where its protocol is not to be had.
    pub fn needs(self) -> String {
        match self {
            Program::Msmtp => "msmtp sends, and needs submission".to_owned(),
            Program::Fetchmail => {
                "fetchmail changes nothing at the server over POP3 alone (over IMAP it marks what it has as \
                                   read), and needs pop3"
                    .to_owned()
            }
            other => format!("{} reads over IMAP, and needs imap", other.name()),
        }
    }

    /// Can it be served by this setting?
    fn takes(self, setting: &Setting) -> bool {
        let opens_late = setting.tls == "starttls" && self == Program::Getmail;
        setting.protocol == self.protocol().name() && !opens_late
    }

    /// Where it signs in, or why it can not.
    pub fn setting(self, credential: &Credential) -> Result<&Setting, Failure> {
        if let Some(setting) = credential.settings.iter().find(|setting| self.takes(setting)) {
            return Ok(setting);
        }
        let protocol = self.protocol().name();
        Err(match credential.settings.iter().any(|setting| setting.protocol == protocol) {
            true => Failure::new("getmail opens TLS with the first byte, and imap is served with STARTTLS alone here")
                .next("take --recipe mbsync, or open a listener imaps"),
            false => self.refusal(if credential.protocols.iter().any(|one| one == protocol) {
                "which is not served here yet"
            } else {
                "which is outside the scope of this credential"
            }),
        })
    }

    /// A refusal for want of its protocol.
    pub fn refusal(self, why: &str) -> Failure {
        let failure = Failure::new(format!("{}, {why}", self.needs()));
        match self {
            Program::Fetchmail => failure.next("take --recipe getmail, which copies over IMAP and changes nothing"),
            _ => failure.next("its settings for other programs: leave --recipe out"),
        }
    }

    /// Can it read its secret from a file?
    pub fn reads_files(self) -> bool {
        self != Program::Fetchmail
    }

    /// The file.
    pub fn write(self, made_of: &Ingredients<'_>) -> Result<String, Failure> {
        let setting = self.setting(made_of.credential)?;
        let kitchen = Kitchen { credential: made_of.credential, made_of, setting };
        kitchen.check(self)?;
        Ok(match self {
            Program::Mbsync => kitchen.mbsync(),
            Program::Getmail => kitchen.getmail(),
            Program::Offlineimap => kitchen.offlineimap(),
            Program::Msmtp => kitchen.msmtp(),
            Program::Fetchmail => kitchen.fetchmail(),
        })
    }
}

/// Where a secret is looked for when nobody says where.
pub(super) fn default_secret_file(credential: &Credential) -> Result<PathBuf, Failure> {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let home =
        home.ok_or_else(|| Failure::usage("where is the secret? HOME is not set; name it with --secret-file"))?;
    Ok(home.join(".config/postern").join(format!("{}.secret", file_name(credential))))
}

/// A name for files of this credential: `support@example.org-nightly`.
fn file_name(credential: &Credential) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "@._+-".contains(c) { c } else { '_' };
    format!("{}-{}", credential.username, credential.name).chars().map(plain).collect()
}

struct Kitchen<'a> {
    credential: &'a Credential,
    made_of: &'a Ingredients<'a>,
    setting: &'a Setting,
}

impl Kitchen<'_> {
    /// Refuses what can not be written down for this program.
    fn check(&self, program: Program) -> Result<(), Failure> {
        let mut written = vec![self.credential.username.clone()];
        written.extend(self.made_of.authority.map(|path| path.display().to_string()));
        if let Key::File(path) = self.made_of.key {
            if !program.reads_files() {
                return Err(Failure::usage(format!("{} has its secret in its own file", program.name()))
                    .next("leave --secret-file out when it is issued; for one that is there, another is issued"));
            }
            written.push(path.display().to_string());
        }
        if program == Program::Mbsync {
            let names = || self.credential.places.iter().filter_map(|place| place.mailbox.as_deref());
            if self.credential.places.is_empty() {
                return Err(Failure::new("the mailboxes of its scope are gone, so there is nothing to pull"));
            }
            // A pattern of its own.
            if let Some(bad) = names().find(|name| name.starts_with('!') || name.contains(['*', '%'])) {
                return Err(Failure::new(format!("mbsync takes {bad:?} for a pattern")));
            }
        }
        // These two know no way to write a quotation mark; no program one for the end of a line.
        let is_plain = matches!(program, Program::Msmtp | Program::Fetchmail);
        let is_bad =
            |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER || is_plain && matches!(c, '"' | '\\');
        match written.iter().find(|text| text.contains(is_bad)) {
            Some(bad) => {
                Err(Failure::new(format!("{bad:?} can not be written into a configuration of {}", program.name())))
            }
            None => Ok(()),
        }
    }

    /// Where mail comes to.
    fn folder(&self) -> String {
        format!("~/mail/{}", file_name(self.credential))
    }

    /// This machine by its name: mbsync and offlineimap look for no address in a certificate.
    fn host(&self) -> &str {
        match self.setting.host.as_str() {
            "127.0.0.1" | "::1" => "localhost",
            host => host,
        }
    }

    fn tls<'w>(&self, implicit: &'w str, starttls: &'w str, none: &'w str) -> &'w str {
        match self.setting.tls.as_str() {
            "implicit" => implicit,
            "starttls" => starttls,
            _ => none,
        }
    }

    /// The authority, where there is TLS and the house has its own.
    fn authority(&self) -> Option<String> {
        let path = self.made_of.authority.filter(|_| self.setting.tls != "none")?;
        Some(path.display().to_string())
    }

    fn secret(&self) -> &str {
        match self.made_of.key {
            Key::Written(secret) => secret.expose_text().unwrap_or_default(),
            Key::File(_) => "",
        }
    }

    /// What the first lines say: whose it is, what it does, and what to do next.
    fn note(&self, program: &str, does: &str, steps: &[String]) -> String {
        let mut text = format!(
            "# {program}: {}/{} ({}), a credential for {}.\n# {does}\n#\n",
            self.credential.username, self.credential.name, self.credential.id, self.credential.purpose
        );
        let keep = match self.made_of.key {
            Key::Written(_) => {
                "Keep this file where you alone can read it, for it holds the secret: chmod 600 FILE".to_owned()
            }
            Key::File(path) => format!(
                "The secret is the first line of {}; you alone can read it: chmod 600 {}",
                path.display(),
                quoted(path)
            ),
        };
        for (number, step) in (1..).zip([keep].iter().chain(steps)) {
            // Writing to a String can not fail.
            let _ = writeln!(text, "# {number}. {step}");
        }
        text + "\n"
    }

    fn mbsync(&self) -> String {
        let folder = self.folder();
        let steps = [
            format!("mkdir -p {folder}"),
            "mbsync -c FILE -a     (again as often as you like, from cron or a timer)".to_owned(),
        ];
        let does =
            "Pulls new messages and their flags. Nothing changes at the server; what is deleted there stays here.";
        let username = in_quotes(&self.credential.username);
        let pass = match self.made_of.key {
            Key::Written(_) => format!("Pass {}", in_quotes(self.secret())),
            Key::File(path) => format!("PassCmd {}", in_quotes(&format!("cat {}", quoted(path)))),
        };
        let authority = match self.authority() {
            Some(path) => format!("SystemCertificates no\nCertificateFile {}\n", in_quotes(&path)),
            None => String::new(),
        };
        let (host, port, tls) = (self.host(), self.setting.port, self.tls("IMAPS", "STARTTLS", "None"));
        self.note("mbsync", does, &steps)
            + &format!(
                "IMAPAccount postern\nHost {host}\nPort {port}\nUser {username}\n{pass}\nAuthMechs LOGIN\nSSLType {tls}\n\
                 {authority}\nIMAPStore far\nAccount postern\n\nMaildirStore near\nPath {folder}/\nInbox {folder}/INBOX\n\
                 SubFolders Verbatim\n\nChannel pull\nFar :far:\nNear :near:\nPatterns {}\nSync PullNew PullFlags\n\
                 Create Near\nRemove None\nExpunge None\nCopyArrivalDate yes\nSyncState *\n",
                self.patterns()
            )
    }

    /// The mailboxes of its scope: the program takes it for an error that one it names is not there.
    fn patterns(&self) -> String {
        let places = self.credential.places.iter().filter_map(|place| place.mailbox.as_deref().zip(Some(place)));
        if self.credential.places.iter().any(|place| place.reach == "account") {
            return "* INBOX".to_owned();
        }
        let named = places.flat_map(|(name, place)| {
            let below = (place.reach == "subtree").then(|| in_quotes(&format!("{name}/*")));
            [Some(in_quotes(name)), below].into_iter().flatten()
        });
        named.collect::<Vec<_>>().join(" ")
    }

    fn getmail(&self) -> String {
        let folder = self.folder();
        let steps = [
            format!("mkdir -p ~/.config/getmail {folder}/cur {folder}/new {folder}/tmp"),
            "getmail --rcfile FILE     with the whole path of FILE; again as often as you like, and not as root"
                .to_owned(),
        ];
        let does = "Fetches messages that it has not fetched yet, of every mailbox. Nothing changes at the server.";
        let password = match self.made_of.key {
            Key::Written(_) => format!("password = {}", self.secret()),
            Key::File(path) => {
                format!("password_command = (\"/usr/bin/head\", \"-n1\", {})", in_quotes(&path.display().to_string()))
            }
        };
        let authority = match (self.setting.tls.as_str(), self.authority()) {
            ("none", _) => String::new(),
            (_, authority) => format!("ca_certs = {}\n", authority.unwrap_or_else(|| SYSTEM_AUTHORITIES.to_owned())),
        };
        let (host, Setting { port, username, .. }) = (self.host(), self.setting);
        let kind = self.tls("SimpleIMAPSSLRetriever", "", "SimpleIMAPRetriever");
        self.note("getmail6", does, &steps)
            + &format!(
                "[retriever]\ntype = {kind}\nserver = {host}\nport = {port}\nusername = {username}\n{password}\n{authority}\
                 mailboxes = ALL\n\n[destination]\ntype = Maildir\npath = {folder}/\n\n[options]\nread_all = false\n\
                 delete = false\ndelivered_to = false\nreceived = false\n"
            )
    }

    fn offlineimap(&self) -> String {
        let folder = self.folder();
        let steps = [
            format!("mkdir -p {folder}"),
            "offlineimap -c FILE -o     (again as often as you like, from cron or a timer)".to_owned(),
        ];
        let does =
            "Copies new messages and their flags. Nothing changes at the server; what is deleted there stays here.";
        // A percent sign begins a reference in such a file.
        let plain = |text: &str| text.replace('%', "%%");
        let password = match self.made_of.key {
            Key::Written(_) => format!("remotepass = {}", self.secret()),
            Key::File(path) => format!("remotepassfile = {}", plain(&path.display().to_string())),
        };
        let authority = match (self.setting.tls.as_str(), self.authority()) {
            ("none", _) => String::new(),
            (_, authority) => {
                format!("sslcacertfile = {}\n", authority.map_or_else(|| "OS-DEFAULT".to_owned(), |path| plain(&path)))
            }
        };
        let tls = self.tls("ssl = yes\nstarttls = no", "ssl = no\nstarttls = yes", "ssl = no\nstarttls = no");
        let (host, port, username) = (self.host(), self.setting.port, plain(&self.setting.username));
        self.note("offlineimap3", does, &steps)
            + &format!(
                "[general]\naccounts = postern\nmetadata = {folder}.state\nui = basic\n\n[Account postern]\n\
                 localrepository = near\nremoterepository = far\n\n[Repository near]\ntype = Maildir\n\
                 localfolders = {folder}\nsync_deletes = no\n\n[Repository far]\ntype = IMAP\nreadonly = yes\n\
                 createfolders = no\nremotehost = {host}\nremoteport = {port}\nremoteuser = {username}\n{password}\n{tls}\n\
                 {authority}"
            )
    }

    fn msmtp(&self) -> String {
        let steps = ["msmtp -C FILE -t < MESSAGE     (the recipients are those in its header)".to_owned()];
        let does = format!("Sends as {}.", self.credential.username);
        let quotes = |text: &str| format!("\"{text}\"");
        let password = match self.made_of.key {
            Key::Written(_) => format!("password {}", quotes(self.secret())),
            Key::File(path) => format!("passwordeval {}", quotes(&format!("head -n1 {}", quoted(path)))),
        };
        let trust = self.authority().map_or_else(|| "system".to_owned(), |path| quotes(&path));
        let tls = self.tls("tls on\ntls_starttls off\n", "tls on\ntls_starttls on\n", "tls off\n");
        let trust = if self.setting.tls == "none" { String::new() } else { format!("tls_trust_file {trust}\n") };
        let (host, port, username) = (self.host(), self.setting.port, quotes(&self.credential.username));
        self.note("msmtp", &does, &steps)
            + &format!(
                "account postern\nhost {host}\nport {port}\nfrom {username}\nauth plain\nuser {username}\n{password}\n\
                 {tls}{trust}\naccount default : postern\n"
            )
    }

    fn fetchmail(&self) -> String {
        let folder = self.folder();
        let steps = [
            format!("mkdir -p {folder}/cur {folder}/new {folder}/tmp"),
            "fetchmail -f FILE     (again as often as you like, and not as root)".to_owned(),
        ];
        let does = "Fetches messages that it has not fetched yet, and keeps them at the server as they are.";
        let quotes = |text: &str| format!("\"{text}\"");
        // Each message is written whole before it is seen, as a Maildir asks.
        let home = folder.replacen('~', "$HOME", 1);
        let deliver = format!("f=$(mktemp \"{home}/tmp/XXXXXXXXXXXX\") && cat > \"$f\" && mv \"$f\" \"{home}/new/\"");
        let authority = match self.authority() {
            Some(path) => format!(" sslcertfile {}", quotes(&path)),
            None => String::new(),
        };
        let tls = self.tls("ssl sslcertck", "sslproto \"TLS1.2+\" sslcertck", "sslproto \"\"");
        let (host, Setting { port, username, .. }) = (self.host(), self.setting);
        self.note("fetchmail", does, &steps)
            + &format!(
                "poll {host} protocol pop3 service {port} uidl\n    user {} password {}\n    {tls}{authority}\n    keep no \
                 fetchall no rewrite\n    mda '{deliver}'\n",
                quotes(username),
                quotes(self.secret()),
            )
    }
}

/// In quotation marks, where a backslash takes the meaning of what follows.
fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_http::model::CredentialPlace;

    fn setting(protocol: &str, tls: &str) -> Setting {
        Setting {
            protocol: protocol.into(),
            host: "mail.example.org".into(),
            port: 993,
            tls: tls.into(),
            username: "support@example.org".into(),
        }
    }

    fn credential(settings: Vec<Setting>) -> Credential {
        let document = serde_json::json!({
            "id": "crd_abcd2345", "username": "support@example.org", "name": "nightly", "purpose": "backup",
            "state": "active", "stands": true, "because": [], "owner": "alice@example.org", "holder": null,
            "reason": "copy", "not_delegation": null, "issued_by": "alice@example.org",
            "issued_at": "2026-11-22T21:00:00Z", "protocols": ["imap", "pop3", "submission"],
            "places": [{ "reach": "account", "mailbox": null, "rights": "lr" }],
            "lenient": false, "older_than_seconds": null, "networks": null, "hours": null, "max_connections": null,
            "starts_at": null, "expires_at": "2027-02-20T21:00:00Z", "opened_until": null, "last_used_at": null,
            "ended_at": null, "ended_because": null, "waiting_for": null, "opens_before": null, "settings": [],
            "not_served": []
        });
        Credential { settings, ..serde_json::from_value(document).unwrap() }
    }

    fn written(program: Program, tls: &str) -> Result<String, Failure> {
        let credential = credential(vec![setting(program.protocol().name(), tls)]);
        let secret = Secret::new("ptn1_secret");
        program.write(&Ingredients { credential: &credential, key: Key::Written(&secret), authority: None })
    }

    fn from_file(program: Program, file: &str, authority: &str) -> Result<String, Failure> {
        let credential = credential(vec![setting(program.protocol().name(), "implicit")]);
        let (file, authority) = (Path::new(file), Some(Path::new(authority)));
        program.write(&Ingredients { credential: &credential, key: Key::File(file), authority })
    }

    fn settings_of(text: &str) -> String {
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    /// Where a house sends: msmtp 1.8 takes this as it is (`msmtp -C FILE --pretend`).
    #[test]
    fn msmtp_sends_by_submission() {
        assert_eq!(
            settings_of(&written(Program::Msmtp, "implicit").unwrap()),
            "account postern\nhost mail.example.org\nport 993\nfrom \"support@example.org\"\nauth plain\n\
             user \"support@example.org\"\npassword \"ptn1_secret\"\ntls on\ntls_starttls off\ntls_trust_file system\n\n\
             account default : postern"
        );
        assert!(written(Program::Msmtp, "starttls").unwrap().contains("tls on\ntls_starttls on\n"));
        let text = from_file(Program::Msmtp, "/my keys/one", "/srv/ca.pem").unwrap();
        assert!(text.contains("\npasswordeval \"head -n1 '/my keys/one'\"\n"), "{text}");
        assert!(text.contains("\ntls_trust_file \"/srv/ca.pem\"\n"), "{text}");
        assert!(from_file(Program::Msmtp, "/a\"b", "/srv/ca.pem").is_err(), "msmtp can not write that");
    }

    /// Where a house serves POP3: fetchmail 6.4 fetches with this as it is, and nothing again.
    #[test]
    fn fetchmail_keeps_what_it_fetches_over_pop3() {
        let text = settings_of(&written(Program::Fetchmail, "implicit").unwrap());
        assert!(text.starts_with("poll mail.example.org protocol pop3 service 993 uidl\n"), "{text}");
        for line in
            ["user \"support@example.org\" password \"ptn1_secret\"", "ssl sslcertck", "keep no fetchall no rewrite"]
        {
            assert!(text.lines().any(|there| there.trim() == line), "{text}");
        }
        assert!(text.ends_with("mv \"$f\" \"$HOME/mail/support@example.org-nightly/new/\"'"), "{text}");
        assert!(from_file(Program::Fetchmail, "/keys/one", "/ca.pem").is_err(), "it reads no secret from a file");
    }

    /// mbsync takes it for an error that what it names is not there, and some names for patterns.
    #[test]
    fn mbsync_names_the_mailboxes_of_the_scope() {
        let named = |places: &[(&str, &str)]| {
            let place = |(reach, mailbox): &(&str, &str)| CredentialPlace {
                reach: (*reach).to_owned(),
                mailbox: (*reach != "account").then(|| (*mailbox).to_owned()),
                rights: "lr".to_owned(),
            };
            let mut credential = credential(vec![setting("imap", "implicit")]);
            credential.places = places.iter().map(place).collect();
            let written = Program::Mbsync.write(&Ingredients {
                credential: &credential,
                key: Key::File(Path::new("/key")),
                authority: None,
            });
            written.map(|text| {
                let line = text.lines().find(|line| line.starts_with("Patterns ")).map(str::to_owned);
                line.unwrap_or_default()
            })
        };
        assert_eq!(named(&[("account", "")]).unwrap(), "Patterns * INBOX");
        assert_eq!(named(&[("account", ""), ("mailbox", "Archive")]).unwrap(), "Patterns * INBOX");
        let some = named(&[("mailbox", "Archive"), ("subtree", "Old mail")]).unwrap();
        assert_eq!(some, "Patterns \"Archive\" \"Old mail\" \"Old mail/*\"");
        for bad in [&[][..], &[("mailbox", "!x")], &[("subtree", "a*b")], &[("mailbox", "50%")]] {
            assert!(named(bad).is_err(), "{bad:?}");
        }
    }

    /// What a foreign program takes is proved with it, in the scenarios; here is how it is written.
    #[test]
    fn what_can_stand_in_a_path_is_written_so_that_it_is_read_back() {
        let text = from_file(Program::Mbsync, "/my keys/\"one\"", "/srv/c a.pem").unwrap();
        assert!(text.contains("\nPassCmd \"cat '/my keys/\\\"one\\\"'\"\n"), "{text}");
        assert!(text.contains("\nCertificateFile \"/srv/c a.pem\"\n"), "{text}");
        let text = from_file(Program::Offlineimap, "/keys/100%", "/ca%.pem").unwrap();
        assert!(text.contains("\nremotepassfile = /keys/100%%\n") && text.contains("= /ca%%.pem\n"), "{text}");
        let text = from_file(Program::Getmail, "/keys/a\\b", "/ca.pem").unwrap();
        assert!(text.contains("\npassword_command = (\"/usr/bin/head\", \"-n1\", \"/keys/a\\\\b\")\n"), "{text}");
        assert!(from_file(Program::Mbsync, "/keys/a\nb", "/ca.pem").is_err());
    }

    #[test]
    fn a_certificate_is_always_checked() {
        assert!(
            written(Program::Getmail, "implicit").unwrap().contains("ca_certs = /etc/ssl/certs/ca-certificates.crt")
        );
        assert!(written(Program::Offlineimap, "implicit").unwrap().contains("sslcacertfile = OS-DEFAULT"));
        assert!(!written(Program::Mbsync, "starttls").unwrap().contains("SystemCertificates no"));
        assert!(written(Program::Fetchmail, "starttls").unwrap().contains("sslproto \"TLS1.2+\" sslcertck"));
    }

    #[test]
    fn without_its_protocol_there_is_no_recipe() {
        let imap = credential(vec![setting("imap", "implicit")]);
        let refused = |program: Program| program.setting(&imap).unwrap_err().to_string();
        assert!(refused(Program::Msmtp).contains("needs submission, which is not served here yet"));
        assert!(refused(Program::Fetchmail).contains("--recipe getmail"));
        let narrow = Credential { protocols: vec!["imap".into()], ..imap };
        let refused = Program::Msmtp.setting(&narrow).unwrap_err().to_string();
        assert!(refused.contains("outside the scope"), "{refused}");
        let late = written(Program::Getmail, "starttls").unwrap_err().to_string();
        assert!(late.contains("STARTTLS alone"), "{late}");
    }
}
