//! Untagged data about the server, mailboxes and searches (RFC 9051 sections 7.2 to
//! 7.4, RFC 3501 section 7.2, RFC 2971, RFC 4314, RFC 7162, RFC 8474, RFC 9208).

use super::{Encoder, join, string, write_number_set};
use crate::command::{StatusItem, Tag};
use postern_types::{Flags, ModSeq, Rights, SpecialUse, Uid};

/// An attribute of a mailbox in LIST (RFC 9051 section 7.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListAttribute {
    /// `\NonExistent`
    NonExistent,
    /// `\NoAccess`: seen, and not to be read (RFC 5465 section 5.9)
    NoAccess,
    /// `\Noinferiors`
    NoInferiors,
    /// `\Noselect`
    NoSelect,
    /// `\HasChildren`
    HasChildren,
    /// `\HasNoChildren`
    HasNoChildren,
    /// `\Marked`
    Marked,
    /// `\Unmarked`
    Unmarked,
    /// `\Subscribed`
    Subscribed,
    /// `\Remote`
    Remote,
    /// What it is for (RFC 6154 section 2).
    Use(SpecialUse),
}

impl ListAttribute {
    /// With its backslash.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NonExistent => "\\NonExistent",
            Self::NoAccess => "\\NoAccess",
            Self::NoInferiors => "\\Noinferiors",
            Self::NoSelect => "\\Noselect",
            Self::HasChildren => "\\HasChildren",
            Self::HasNoChildren => "\\HasNoChildren",
            Self::Marked => "\\Marked",
            Self::Unmarked => "\\Unmarked",
            Self::Subscribed => "\\Subscribed",
            Self::Remote => "\\Remote",
            Self::Use(purpose) => purpose.as_str(),
        }
    }
}

/// What STATUS tells of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusValue {
    /// A number.
    Number(u64),
    /// An object id, in parentheses (RFC 8474 section 4.3).
    Id(String),
}

/// What is bounded in a quota root (RFC 9208 section 4.2.1), in the unit of the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaResource<'a> {
    /// Its name, an atom.
    pub name: &'a str,
    /// So much is used.
    pub used: u64,
    /// So much may be.
    pub most: u64,
}

/// One line of LIST or LSUB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListEntry<'a> {
    /// What is known of the mailbox.
    pub attributes: &'a [ListAttribute],
    /// What separates levels; an ASCII character, or `None` for a flat name space.
    pub delimiter: Option<char>,
    /// Its name with its namespace.
    pub mailbox: &'a str,
    /// CHILDINFO ("SUBSCRIBED"): something below it matched (RFC 5258 section 3.5).
    pub subscribed_below: bool,
    /// OLDNAME: the name it had (RFC 9051 section 6.3.9.7).
    pub old_name: Option<&'a str>,
}

/// One namespace (RFC 9051 section 6.3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamespaceEntry<'a> {
    /// What its names start with, its delimiter included: `Shared/`.
    pub prefix: &'a str,
    /// What separates levels.
    pub delimiter: Option<char>,
}

/// An ESEARCH reply (RFC 9051 section 7.3.4): what is `None` was not asked for or has no
/// value, and is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Esearch<'a> {
    /// The tag of the command it answers.
    pub tag: &'a Tag,
    /// Numbers are UIDs.
    pub by_uid: bool,
    /// MIN
    pub min: Option<u32>,
    /// MAX
    pub max: Option<u32>,
    /// ALL, sorted. An empty result is left out (RFC 9051 section 7.3.4).
    pub all: Option<&'a [u32]>,
    /// COUNT
    pub count: Option<u32>,
    /// MODSEQ (RFC 7162 section 3.1.10)
    pub mod_seq: Option<ModSeq>,
}

impl Encoder<'_> {
    fn line(&mut self, start: &str) -> &mut Self {
        self.out.extend_from_slice(start.as_bytes());
        self
    }

    /// CAPABILITY. Capabilities are atoms of the house, not words of a client.
    pub fn capability(&mut self, capabilities: &[&str]) {
        self.line("* CAPABILITY ");
        join(self.out, capabilities, |out, name| out.extend_from_slice(name.as_bytes()));
        self.end();
    }
    /// ENABLED (RFC 9051 section 7.2.1)
    pub fn enabled(&mut self, capabilities: &[&str]) {
        self.line("* ENABLED");
        for capability in capabilities {
            self.line(" ").line(capability);
        }
        self.end();
    }
    /// ID (RFC 2971 section 3.2); NIL when there is nothing to say.
    pub fn id(&mut self, parameters: &[(&str, &str)]) {
        self.line("* ID ");
        if parameters.is_empty() {
            self.line("NIL");
        } else {
            self.line("(");
            for (index, (field, value)) in parameters.iter().enumerate() {
                self.line(if index > 0 { " " } else { "" }).string(field);
                self.line(" ").string(value);
            }
            self.line(")");
        }
        self.end();
    }
    /// NAMESPACE: personal, other people's, shared (RFC 9051 section 6.3.10).
    pub fn namespace(
        &mut self,
        personal: &[NamespaceEntry<'_>],
        others: &[NamespaceEntry<'_>],
        shared: &[NamespaceEntry<'_>],
    ) {
        self.line("* NAMESPACE");
        for class in [personal, others, shared] {
            self.line(" ");
            if class.is_empty() {
                self.line("NIL");
                continue;
            }
            self.line("(");
            for entry in class {
                self.line("(");
                let mut wire = Vec::with_capacity(entry.prefix.len());
                crate::mailbox::encode_mailbox(&mut wire, entry.prefix, self.utf8);
                string::write_string(self.out, &wire, self.utf8);
                self.line(" ").delimiter(entry.delimiter);
                self.line(")");
            }
            self.line(")");
        }
        self.end();
    }
    /// LIST (RFC 9051 section 7.3.1)
    pub fn list(&mut self, entry: &ListEntry<'_>) {
        self.line("* LIST ").list_entry(entry);
        if entry.subscribed_below || entry.old_name.is_some() {
            self.line(" (");
            if entry.subscribed_below {
                self.line("\"CHILDINFO\" (\"SUBSCRIBED\")");
            }
            if let Some(old_name) = entry.old_name {
                self.line(if entry.subscribed_below { " " } else { "" });
                self.line("\"OLDNAME\" (").mailbox(old_name);
                self.line(")");
            }
            self.line(")");
        }
        self.end();
    }
    /// LSUB (RFC 3501 section 7.2.3); it has no extended items.
    pub fn lsub(&mut self, entry: &ListEntry<'_>) {
        self.line("* LSUB ").list_entry(entry);
        self.end();
    }
    fn list_entry(&mut self, entry: &ListEntry<'_>) {
        self.line("(");
        join(self.out, entry.attributes, |out, attribute| out.extend_from_slice(attribute.as_str().as_bytes()));
        self.line(") ").delimiter(entry.delimiter);
        self.line(" ").mailbox(entry.mailbox);
    }
    fn delimiter(&mut self, delimiter: Option<char>) {
        match delimiter.filter(char::is_ascii_graphic) {
            Some(c @ ('"' | '\\')) => self.out.extend_from_slice(&[b'"', b'\\', c as u8, b'"']),
            Some(c) => self.out.extend_from_slice(&[b'"', c as u8, b'"']),
            None => self.out.extend_from_slice(b"NIL"),
        }
    }
    /// STATUS (RFC 9051 section 7.3.2)
    pub fn status(&mut self, mailbox: &str, values: &[(StatusItem, StatusValue)]) {
        self.line("* STATUS ").mailbox(mailbox);
        self.line(" (");
        for (index, (item, value)) in values.iter().enumerate() {
            self.line(if index > 0 { " " } else { "" }).line(item.as_str()).line(" ");
            match value {
                StatusValue::Number(number) => self.number(*number),
                StatusValue::Id(id) => drop(self.line("(").line(id).line(")")),
            }
        }
        self.line(")").end();
    }
    /// FLAGS (RFC 9051 section 7.3.5)
    pub fn flags(&mut self, flags: &Flags) {
        self.line("* FLAGS (");
        super::fetch::write_flags(self.out, flags, false);
        self.line(")").end();
    }
    /// EXISTS (RFC 9051 section 7.4.1)
    pub fn exists(&mut self, count: u32) {
        self.counted(count, " EXISTS");
    }
    /// RECENT (RFC 3501 section 7.3.2)
    pub fn recent(&mut self, count: u32) {
        self.counted(count, " RECENT");
    }
    /// EXPUNGE (RFC 9051 section 7.5.1); later numbers move down by one.
    pub fn expunge(&mut self, sequence_number: u32) {
        self.counted(sequence_number, " EXPUNGE");
    }
    fn counted(&mut self, number: u32, what: &str) {
        self.line("* ").number(u64::from(number));
        self.line(what).end();
    }
    /// VANISHED (RFC 7162 section 3.2.10), of ranges with both ends included; nothing when there is none.
    pub fn vanished(&mut self, earlier: bool, ranges: &[(Uid, Uid)]) {
        if ranges.is_empty() {
            return;
        }
        self.line(if earlier { "* VANISHED (EARLIER) " } else { "* VANISHED " });
        for (index, (first, last)) in ranges.iter().enumerate() {
            self.line(if index > 0 { "," } else { "" }).number(u64::from(first.get()));
            if last != first {
                self.line(":").number(u64::from(last.get()));
            }
        }
        self.end();
    }
    /// SEARCH (RFC 3501 section 7.2.5)
    pub fn search(&mut self, numbers: &[u32], mod_seq: Option<ModSeq>) {
        self.line("* SEARCH");
        for number in numbers {
            self.line(" ").number(u64::from(*number));
        }
        if let (Some(mod_seq), false) = (mod_seq, numbers.is_empty()) {
            self.line(" (MODSEQ ").line(&mod_seq.to_string()).line(")");
        }
        self.end();
    }
    /// ESEARCH (RFC 9051 section 7.3.4)
    pub fn esearch(&mut self, reply: &Esearch<'_>) {
        self.line("* ESEARCH (TAG ").string(reply.tag.as_str());
        self.line(if reply.by_uid { ") UID" } else { ")" });
        for (name, value) in [(" MIN ", reply.min), (" MAX ", reply.max), (" COUNT ", reply.count)] {
            if let Some(value) = value {
                self.line(name).number(u64::from(value));
            }
        }
        if let Some(all) = reply.all.filter(|all| !all.is_empty()) {
            self.line(" ALL ");
            write_number_set(self.out, all.iter().copied());
        }
        if let Some(mod_seq) = reply.mod_seq {
            self.line(" MODSEQ ").line(&mod_seq.to_string());
        }
        self.end();
    }
    /// ACL (RFC 4314 section 3.6): who may do what, letters with the virtual `c` and `d`.
    pub fn acl(&mut self, mailbox: &str, entries: &[(&str, Rights)]) {
        self.line("* ACL ").mailbox(mailbox);
        for (identifier, rights) in entries {
            self.line(" ").astring(identifier);
            self.line(" ").astring(&rights.with_virtual_letters());
        }
        self.end();
    }
    /// LISTRIGHTS (RFC 4314 section 3.7): what is always granted, then what is granted
    /// and taken together, set by set. Old clients are told `c` and `d` beside what they
    /// stand for (section 2.1.1).
    pub fn list_rights(&mut self, mailbox: &str, identifier: &str, always: Rights, optional: &[Rights]) {
        self.line("* LISTRIGHTS ").mailbox(mailbox);
        self.line(" ").astring(identifier);
        self.line(" ").astring(&always.with_virtual_letters());
        for rights in optional {
            self.line(" ").astring(&rights.to_string());
        }
        let together = optional.iter().fold(Rights::NONE, |all, rights| all | *rights);
        for letter in together.with_virtual_letters().strip_prefix(&together.to_string()).unwrap_or_default().chars() {
            self.line(" ").astring(letter.encode_utf8(&mut [0; 4]));
        }
        self.end();
    }
    /// QUOTAROOT (RFC 9208 section 4.2.2): the quota roots of a mailbox.
    pub fn quota_root(&mut self, mailbox: &str, roots: &[&str]) {
        self.line("* QUOTAROOT ").mailbox(mailbox);
        for root in roots {
            self.line(" ").astring(root);
        }
        self.end();
    }
    /// QUOTA (RFC 9208 section 4.2.1): what is bounded in a quota root.
    pub fn quota(&mut self, root: &str, resources: &[QuotaResource<'_>]) {
        self.line("* QUOTA ").astring(root);
        self.line(" (");
        for (index, QuotaResource { name, used, most }) in resources.iter().enumerate() {
            self.line(if index > 0 { " " } else { "" }).line(name).line(" ").number(*used);
            self.line(" ").number(*most);
        }
        self.line(")").end();
    }
    /// MYRIGHTS (RFC 4314 section 3.8), letters with the virtual `c` and `d`.
    pub fn my_rights(&mut self, mailbox: &str, rights: Rights) {
        self.line("* MYRIGHTS ").mailbox(mailbox);
        self.line(" ").astring(&rights.with_virtual_letters());
        self.end();
    }
}
