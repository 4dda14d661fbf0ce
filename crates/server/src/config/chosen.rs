//! What is set: by the file and by the environment, as a file that says no more than that.

use super::environment;
use super::{Config, ConfigError};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use toml::{Table, Value};

impl Config {
    /// Every key that the file or the environment sets, as TOML, once all of it is checked. What came from the
    /// environment says so; the password in the address of a database is not shown.
    pub fn chosen(file: &Path, environment: &[(String, String)]) -> Result<String, ConfigError> {
        Config::load(file, environment)?;
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError::unreadable(file, &error))?;
        let table = toml::from_str(&text).map_err(|error| ConfigError::in_file(file, &text, &error))?;
        let (table, sources) = environment::apply(table, environment)?;
        let mut shown = String::new();
        write_table(&mut shown, "", &table, &sources);
        Ok(shown)
    }
}

/// The keys of a table, then the tables below it. Writing to a String can not fail.
fn write_table(shown: &mut String, path: &str, table: &Table, sources: &BTreeMap<String, String>) {
    let (below, keys): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| value.is_table());
    if !path.is_empty() && !keys.is_empty() {
        let _ = writeln!(shown, "{}[{path}]", if shown.is_empty() { "" } else { "\n" });
    }
    let full = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, value) in keys {
        let from = sources.get(&full(name)).map(|variable| format!("  # from {variable}")).unwrap_or_default();
        let _ = writeln!(shown, "{} = {}{from}", key(name), without_password(value));
    }
    for (name, value) in below {
        if let Value::Table(inner) = value {
            write_table(shown, &full(name), inner, sources);
        }
    }
}

/// A key as TOML writes it: the name of a domain stands in quotes.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { Value::from(name).to_string() }
}

/// `postgres://user:…@host/name`.
fn without_password(value: &Value) -> String {
    let hidden = value.as_str().and_then(|text| {
        let (scheme, rest) = text.split_once("://")?;
        let (login, host) = rest.rsplit_once('@')?;
        let (user, _) = login.split_once(':')?;
        Some(Value::from(format!("{scheme}://{user}:…@{host}")).to_string())
    });
    hidden.unwrap_or_else(|| value.to_string())
}
