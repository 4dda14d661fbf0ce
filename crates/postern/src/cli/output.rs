//! What a command says: text for people, and the same as one JSON document.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

/// The outcome of a command.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    /// For people.
    pub text: String,
    /// For programs: the document that REST answered.
    pub document: Value,
    /// All of it has been printed as it came.
    pub is_told: bool,
    /// For people, beside a text that is for a program: on standard error.
    pub aside: String,
    /// Not all of it was done: exit code 1.
    pub is_partial: bool,
}

impl Said {
    /// Both forms of an outcome. A document of ours always encodes; were it not so, programs
    /// would read `null`.
    pub fn new(text: impl Into<String>, document: &impl Serialize) -> Self {
        let document = serde_json::to_value(document).unwrap_or_default();
        Self { text: text.into(), document, is_told: false, aside: String::new(), is_partial: false }
    }

    /// With what people are told beside it, on standard error.
    pub fn beside(self, aside: impl Into<String>) -> Self {
        Self { aside: aside.into(), ..self }
    }

    /// Of a command that has not done all that it was told to.
    pub fn partial(self, is_partial: bool) -> Self {
        Self { is_partial, ..self }
    }

    /// Of a command that has printed what it had to say while it came.
    pub fn told() -> Self {
        Self { is_told: true, ..Self::new(String::new(), &()) }
    }

    /// The document, as `--json` prints it.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        if self.is_told {
            return Ok(String::new());
        }
        Ok(serde_json::to_string_pretty(&self.document)? + "\n")
    }
}

/// A table without borders, or the sentence for none.
pub(super) fn table(headings: &[&str], rows: Vec<Vec<String>>, none: &str) -> String {
    if rows.is_empty() {
        return format!("{none}\n");
    }
    let mut table = Table::new();
    // Never wrapped: a line stays one thing for `grep`.
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings.to_vec()).add_rows(rows);
    trimmed(&table.to_string())
}

/// Facts about one thing, a line each.
pub(super) fn facts(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = rows
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:width$}  {value}\n"))
        .collect();
    lines.concat()
}

fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    // The preset pads every cell on both sides; the first column needs no margin.
    let margin = if lines.iter().all(|line| line.starts_with(' ')) { 1 } else { 0 };
    lines.iter().map(|line| format!("{}\n", &line[margin..])).collect()
}

/// A number of bytes as people read it.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Text from someone else, on one line: a name must not draw on the terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_no_borders_and_no_trailing_blanks() {
        let rows = vec![vec!["a@example.org".into(), "1".into()], vec!["bob@example.org".into(), String::new()]];
        let text = table(&["ADDRESS", "COUNT"], rows, "none");
        assert_eq!(text, "ADDRESS          COUNT\na@example.org    1\nbob@example.org\n");
        assert_eq!(table(&["ADDRESS"], vec![], "There is nobody."), "There is nobody.\n");
    }

    #[test]
    fn sizes_and_names_are_readable() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(u64::MAX), "16777216.0 TiB");
        assert_eq!(plain("A\u{1b}[2J\nB"), "A\u{fffd}[2J\u{fffd}B");
    }
}
