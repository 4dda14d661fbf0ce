//! What the parser of TOML says, in the words of people who write a configuration: which key it is, what it is
//! now, and what is expected there.

use super::raw::UNBUILT;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A fault and its cure.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub reason: String,
    pub cure: String,
}

/// The fault in our words, where it is one of those that people make: `path` is the key that it is about.
pub(super) fn tell(message: &str, path: &[String]) -> Option<Told> {
    let (key, tables) = path.split_last()?;
    if let Some(found) = message.strip_prefix("invalid type: ") {
        let (found, expected) = found.rsplit_once(", expected ")?;
        let (expected, cure) = expectation(expected)?;
        let reason = format!("{} is {}, and {expected} is expected", shown(path), kind(found)?);
        return Some(Told { reason, cure: cure.replace("KEY", key) });
    }
    let unknown = message.strip_prefix("unknown field `")?;
    // Every other piece is a name: the first is the one that nobody knows.
    let known = unknown.split('`').skip(2).step_by(2).filter(|name| !UNBUILT.contains(name));
    let place = if tables.is_empty() { "the file".to_owned() } else { format!("[{}]", tables.join(".")) };
    Some(Told {
        reason: format!("{place} has no {key}; it knows {}", known.collect::<Vec<_>>().join(", ")),
        cure: "correct the name or remove the line; what each is for: postern config show --defaults".to_owned(),
    })
}

/// A key as the file has it: `[limits] idle_seconds`.
pub(super) fn shown(path: &[String]) -> String {
    match path.split_last() {
        Some((key, [])) => key.clone(),
        Some((key, tables)) => format!("[{}] {key}", tables.join(".")),
        None => String::new(),
    }
}

/// What stands there now. The value itself is not shown: it may be a password in the wrong place.
fn kind(found: &str) -> Option<&'static str> {
    Some(match found.split([' ', ',']).next()? {
        "string" => "text",
        "integer" => "a whole number",
        "floating" => "a number with a fraction",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a table",
        _ => return None,
    })
}

/// What is expected there, and how it is written.
fn expectation(expected: &str) -> Option<(&'static str, &'static str)> {
    Some(match expected {
        "a string" => ("text", "write it in double quotes: KEY = \"…\""),
        "a boolean" => ("true or false", "write KEY = true or KEY = false, without quotes"),
        "a sequence" => ("a list", "write a list of texts: KEY = [\"…\"]"),
        "a map" => ("a table", "write its keys below a line [KEY]"),
        _ if expected.starts_with("struct ") => ("a table", "write its keys below a line [KEY]"),
        _ if expected.trim_start_matches(['i', 'u']).parse::<u8>().is_ok() => {
            ("a whole number", "write digits alone, without quotes and unit")
        }
        _ => return None,
    })
}

/// The key that stands at this place of the file, or whose value does.
pub(super) fn path_at(text: &str, span: &Range<usize>) -> Option<Vec<String>> {
    let document = DeTable::parse(text).ok()?;
    let mut path = within(document.get_ref(), span)?;
    path.reverse();
    Some(path)
}

/// The innermost first.
fn within(table: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    let holds = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    table.iter().find_map(|(name, value)| {
        let below = match value.get_ref() {
            DeValue::Table(inner) => within(inner, span),
            _ => None,
        };
        let mut path = match below {
            Some(below) => below,
            None if holds(name.span()) || holds(value.span()) => Vec::new(),
            None => return None,
        };
        path.push(name.get_ref().to_string());
        Some(path)
    })
}
