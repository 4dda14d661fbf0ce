//! `POSTERN_DATABASE__URL=…`: keys from the environment, in place of the file's.
//!
//! Two underscores stand for the dot. A variable without them is a key of the top level, or
//! belongs to somebody else (`POSTERN_CONFIG`) and is left alone.

use super::error::ConfigError;
use super::raw::RawConfig;
use std::collections::BTreeMap;
use toml::{Table, Value};

const PREFIX: &str = "POSTERN_";
const TOP_LEVEL: [&str; 2] = ["hostname", "data_dir"];

/// The variables of this process that may be keys.
pub fn environment() -> Vec<(String, String)> {
    let text =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    text.filter(|(name, _)| name.starts_with(PREFIX)).collect()
}

/// Puts each variable into the table; also tells which variable each key came from.
pub(super) fn apply(
    mut table: Table,
    environment: &[(String, String)],
) -> Result<(Table, BTreeMap<String, String>), ConfigError> {
    let mut sources = BTreeMap::new();
    for (name, text) in environment {
        let Some(path) = path_of(name) else { continue };
        let value = value_of(&path, text);
        // Alone first, so that a fault is this variable's.
        let mut alone = Table::new();
        let kept = set(&mut alone, &path, value.clone()) && set(&mut table, &path, value);
        let judged: Result<RawConfig, _> = alone.try_into();
        if let Err(error) = judged {
            return Err(ConfigError::of_variable(name, &path, &error));
        }
        if !kept {
            return Err(ConfigError::variable(name, format!("{} has no keys below it", path[0])));
        }
        sources.insert(path.join("."), name.clone());
    }
    Ok((table, sources))
}

fn path_of(name: &str) -> Option<Vec<String>> {
    let key = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
    let path: Vec<String> = key.split("__").map(str::to_owned).collect();
    (path.len() > 1 || TOP_LEVEL.contains(&key.as_str())).then_some(path)
}

/// Booleans, numbers and lists as TOML writes them, everything else as text. Addresses may
/// also be a plain list with commas.
fn value_of(path: &[String], text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}")).ok().and_then(|mut table| table.remove("value"));
    match parsed {
        // Names that may look like numbers.
        _ if path == ["relay", "username"] => Value::from(text),
        Some(value @ (Value::Boolean(_) | Value::Integer(_) | Value::Array(_))) => value,
        _ if path[0] == "listen" => {
            let addresses = text.split(',').map(str::trim).filter(|address| !address.is_empty());
            Value::Array(addresses.map(Value::from).collect())
        }
        _ => Value::from(text),
    }
}

/// Answers whether the path was free of values where tables have to be.
fn set(table: &mut Table, path: &[String], value: Value) -> bool {
    match path {
        [] => false,
        [last] => {
            table.insert(last.clone(), value);
            true
        }
        [first, rest @ ..] => match table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new())) {
            Value::Table(inner) => set(inner, rest, value),
            _ => false,
        },
    }
}
