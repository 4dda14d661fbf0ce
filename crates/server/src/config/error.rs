//! What is wrong with a configuration: where, why, and what to do.

use super::words;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A configuration that can not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    place: Place,
    reason: String,
    cure: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    File { file: PathBuf, line: Option<usize> },
    Variable(String),
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File { file, line: Some(line) } => write!(f, "{}, line {line}: ", file.display())?,
            Place::File { file, line: None } => write!(f, "{}: ", file.display())?,
            Place::Variable(name) => write!(f, "environment variable {name}: ")?,
        }
        write!(f, "{}\nNext step: {}", self.reason, self.cure)
    }
}

impl ConfigError {
    /// The line at fault, counted from 1, where one is.
    pub fn line(&self) -> Option<usize> {
        match self.place {
            Place::File { line, .. } => line,
            Place::Variable(_) => None,
        }
    }

    pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let cure = match error.kind() {
            std::io::ErrorKind::NotFound => "give the right file with --config, or make a house with: postern init",
            std::io::ErrorKind::PermissionDenied => "run this as the user the server runs as",
            _ => "look at the file and its disk",
        };
        Self::of_file(file, None, format!("the configuration can not be read: {error}"), cure)
    }

    pub(super) fn in_file(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let span = error.span();
        let line = span.as_ref().map(|span| line_at(text, span));
        let message = error.message().trim_end();
        let twice = span.clone().filter(|_| message.starts_with("duplicate key")).and_then(|span| twice(text, &span));
        if let Some((reason, cure)) = twice {
            return Self::of_file(file, line, reason, &cure);
        }
        let path = span.and_then(|span| words::path_at(text, &span)).unwrap_or_default();
        match words::tell(message, &path) {
            Some(told) => Self::of_file(file, line, told.reason, &told.cure),
            None if path.is_empty() => Self::of_file(file, line, message.to_owned(), SEE_DEFAULTS),
            None => Self::of_file(file, line, format!("{}: {message}", words::shown(&path)), SEE_DEFAULTS),
        }
    }

    pub(super) fn merged(file: &Path, error: &toml::de::Error) -> Self {
        Self::of_file(file, None, error.message().trim_end().to_owned(), SEE_DEFAULTS)
    }

    /// What the parser says of the value of a variable, which is that of this key.
    pub(super) fn of_variable(name: &str, path: &[String], error: &toml::de::Error) -> Self {
        let message = error.message().trim_end();
        // A table too many in between is unknown there, and not the last key.
        let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        let end =
            unknown.and_then(|unknown| path.iter().position(|part| part == unknown)).map_or(path.len(), |at| at + 1);
        let told = words::tell(message, &path[..end]);
        Self::variable(name, told.map_or_else(|| message.to_owned(), |told| told.reason))
    }

    pub(super) fn variable(name: &str, reason: String) -> Self {
        let cure = "unset it, or give it a value as the key would have (postern config show --defaults)";
        Self { place: Place::Variable(name.to_owned()), reason, cure: cure.to_owned() }
    }

    fn of_file(file: &Path, line: Option<usize>, reason: String, cure: &str) -> Self {
        Self { place: Place::File { file: file.to_owned(), line }, reason, cure: cure.to_owned() }
    }
}

const SEE_DEFAULTS: &str = "compare it with: postern config show --defaults";

/// A key whose value will not do; where it stands is found afterwards.
#[derive(Debug)]
pub(super) struct Problem {
    key: String,
    reason: String,
    cure: String,
}

impl Problem {
    /// `key` is a path such as `listen.imaps`.
    pub(super) fn new(key: impl Into<String>, reason: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { key: key.into(), reason: reason.into(), cure: cure.into() }
    }

    /// Names the line, or the variable that gave the value; `sources` has the variable of
    /// each key that came from one.
    pub(super) fn locate(self, file: &Path, text: &str, sources: &BTreeMap<String, String>) -> ConfigError {
        if let Some(name) = sources.get(&self.key) {
            return ConfigError { place: Place::Variable(name.clone()), reason: self.reason, cure: self.cure };
        }
        ConfigError::of_file(file, line_of_key(text, &self.key), self.reason, &self.cure)
    }
}

/// What stands twice, a table or a key of one, where it stands first, and what to do.
fn twice(text: &str, span: &Range<usize>) -> Option<(String, String)> {
    let is_quote = |c: char| c.is_whitespace() || "\"'[]".contains(c);
    let key = text.get(span.clone())?.trim_matches(is_quote);
    let second = line_at(text, span);
    let (mut table, mut first_table, mut first_key) = (None, None, None);
    for (number, line) in (1..second).zip(text.lines()) {
        let line = line.trim();
        if let Some((name, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            // Keys of another table are others.
            (table, first_key) = (Some(name.trim()), None);
            first_table = first_table.or((name.trim() == key).then_some(number));
        } else if line.split_once('=').is_some_and(|(name, _)| name.trim_matches(is_quote) == key) {
            first_key = first_key.or(Some(number));
        }
    }
    let is_table = text.lines().nth(second - 1)?.trim_start().starts_with('[');
    let (name, first, cure) = match table {
        _ if is_table => (format!("[{key}]"), first_table, format!("put all keys of [{key}] below one of them")),
        Some(table) => (format!("[{table}] {key}"), first_key, "keep one of the lines".to_owned()),
        None => (key.to_owned(), first_key, "keep one of the lines".to_owned()),
    };
    let before = first.map(|line| format!(", first on line {line}")).unwrap_or_default();
    Some((format!("{name} stands there twice{before}"), cure))
}

fn line_at(text: &str, span: &Range<usize>) -> usize {
    let upto = &text.as_bytes()[..span.start.min(text.len())];
    upto.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The line on which a key stands, or the nearest of its tables.
fn line_of_key(text: &str, key: &str) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut line = None;
    let mut rest = key;
    while !rest.is_empty() {
        // The name of a domain is one key and has dots.
        let (part, below) = match table.iter().any(|(name, _)| name.get_ref().as_ref() == rest) {
            true => (rest, ""),
            false => rest.split_once('.').unwrap_or((rest, "")),
        };
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref().as_ref() == part) else { break };
        line = Some(line_at(text, &name.span()));
        let toml::de::DeValue::Table(inner) = value.get_ref() else { break };
        (table, rest) = (inner, below);
    }
    line
}
