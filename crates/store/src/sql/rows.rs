//! Many rows as one value of a statement, so that they go to the server and back once.
//!
//! They are JSON, since both engines walk an object of it by the same words: `json_each($1)` has a
//! `value` for each row, `value ->> 0` is its first column as text (a number on SQLite, so numbers
//! are CAST), and that of a null is NULL.

use super::Value;
use std::fmt::Write;

/// Rows for `json_each`.
#[derive(Debug)]
pub(crate) struct Rows(String);

impl Rows {
    /// None yet.
    pub fn new() -> Self {
        Self("{}".to_owned())
    }

    /// One row for each number.
    pub fn of(numbers: &[i64]) -> Self {
        let mut rows = Self::new();
        numbers.iter().for_each(|number| rows.push(&[Value::Int(*number)]));
        rows
    }

    /// One row for each text.
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut rows = Self::new();
        texts.into_iter().for_each(|text| rows.push(&[Value::Text(text)]));
        rows
    }

    /// One more. JSON has no bytes, so no column may be some.
    pub fn push(&mut self, columns: &[Value<'_>]) {
        let text = &mut self.0;
        text.pop();
        // A name that all of them share will do: nobody asks for it.
        text.push_str(if text.len() > 1 { ",\"\":[" } else { "\"\":[" });
        for (place, column) in columns.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            match *column {
                Value::Null => text.push_str("null"),
                // A String takes whatever is written.
                Value::Int(number) => drop(write!(text, "{number}")),
                Value::Text(column) => quote(text, column),
                Value::Bytes(_) => unreachable!("rows have no bytes"),
            }
        }
        text.push_str("]}");
    }

    /// All of them, for a placeholder that is walked by `json_each`.
    pub fn value(&self) -> Value<'_> {
        Value::Text(&self.0)
    }
}

/// A JSON string (RFC 8259 section 7).
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\0'..='\x1f' => drop(write!(out, "\\u{:04x}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out.push('"');
}
