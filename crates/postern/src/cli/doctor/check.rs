//! What a look at one thing came to.

use clap::ValueEnum;
use serde::Serialize;

/// What is looked at, in the order in which it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// The configuration, the data folder, the server
    House,
    /// Owners and modes
    Files,
    /// Addresses that are listened to, and who has them
    Listeners,
    /// The certificate: key, names, chain, end, and what is really shown
    Tls,
    /// The records of the host name and of each domain
    Dns,
    /// How mail leaves, and what waits
    Sending,
    /// Whether something keeps the clock right
    Clock,
    /// Room, and the kind of file system
    Disk,
    /// When the house was last copied
    Backup,
}

impl Group {
    /// As a heading.
    pub fn title(self) -> &'static str {
        match self {
            Group::House => "House",
            Group::Files => "Files",
            Group::Listeners => "Listeners",
            Group::Tls => "TLS",
            Group::Dns => "DNS",
            Group::Sending => "Sending",
            Group::Clock => "Clock",
            Group::Disk => "Disk",
            Group::Backup => "Backup",
        }
    }
}

/// How it is, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Worth knowing, or not to be found out.
    Note,
    /// It works, and somebody should do something.
    Warn,
    /// It does not work, or is open to those whom it should not be open to.
    Fail,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, which stays: `tls.days`.
    pub id: &'static str,
    /// Where it belongs.
    pub group: Group,
    /// How it is.
    pub status: Status,
    /// What was looked at.
    pub what: String,
    /// What was found, and why that is as it is.
    pub text: String,
    /// What to do about it.
    pub next: Option<String>,
}

impl Check {
    /// One of this name, as it should be.
    pub fn ok(group: Group, id: &'static str, what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { id, group, status: Status::Ok, what: what.into(), text: text.into(), next: None }
    }
    /// Worth knowing.
    pub fn note(group: Group, id: &'static str, what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { status: Status::Note, ..Self::ok(group, id, what, text) }
    }
    /// Something to do.
    pub fn warn(group: Group, id: &'static str, what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { status: Status::Warn, ..Self::ok(group, id, what, text) }
    }
    /// Broken, or open.
    pub fn fail(group: Group, id: &'static str, what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { status: Status::Fail, ..Self::ok(group, id, what, text) }
    }
    /// With what to do.
    pub fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }
    /// What this user may not read is no fault of the house.
    pub fn shut(group: Group, id: &'static str, what: impl Into<String>, file: &std::path::Path) -> Self {
        Self::note(group, id, what, format!("this user may not read {}", file.display()))
            .next("do this as root, or as the user that the house belongs to")
    }
    /// An error of ours, whose text has its next step on a line of its own.
    pub fn told(self, error: &str) -> Self {
        let (text, next) = match error.split_once("\nNext step: ") {
            Some((text, next)) => (text, Some(next.trim_end().to_owned())),
            None => (error, None),
        };
        Self { text: text.to_owned(), next: next.or(self.next), ..self }
    }
}
