//! Where the minutes go: a table of steps, printed however the run ends.
//!
//! Continuous integration has a time limit and our own goal is half of it. A run that says which
//! step grew is corrected before it fails. Rows of an outer script come in by a file that
//! `POSTERN_STEPS_FILE` names: one step a line, its seconds after a tab.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The steps done so far; the table is printed when this is dropped.
#[derive(Debug, Default)]
pub struct Steps {
    rows: Vec<(String, Duration)>,
}

impl Steps {
    /// Starts with the rows an outer script has written, if any.
    pub fn new() -> Result<Self> {
        let Some(file) = std::env::var_os("POSTERN_STEPS_FILE") else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(&file).with_context(|| format!("POSTERN_STEPS_FILE {}", file.display()))?;
        Ok(Self { rows: text.lines().filter_map(row).collect() })
    }

    /// Runs one step under its name; its time counts whether it succeeds or not.
    pub fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("==> {name}");
        let start = now();
        let result = step();
        let mark = if result.is_ok() { "" } else { " (failed)" };
        self.rows.push((format!("{name}{mark}"), now().duration_since(start)));
        result.with_context(|| format!("step '{name}' failed"))
    }

    fn table(&self) -> String {
        let mut lines = vec![format!("{:<28} {:>8}", "where the minutes went", "minutes")];
        let mut total = Duration::ZERO;
        for (name, time) in &self.rows {
            total += *time;
            lines.push(format!("{name:<28} {:>8.1}", time.as_secs_f64() / 60.0));
        }
        lines.push(format!("{:<28} {:>8.1}", "in all", total.as_secs_f64() / 60.0));
        lines.join("\n")
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        println!("\n{}", self.table());
    }
}

fn row(line: &str) -> Option<(String, Duration)> {
    let (name, seconds) = line.split_once('\t')?;
    Some((name.to_owned(), Duration::from_secs(seconds.trim().parse().ok()?)))
}

#[expect(clippy::disallowed_methods, reason = "measures the chores themselves, nothing the product decides by")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_adds_up_and_marks_what_failed() {
        let mut steps = Steps { rows: vec![row("format\t90").expect("a row"), row("lints\t210").expect("a row")] };
        assert!(steps.run("tests", || -> Result<()> { anyhow::bail!("broken") }).is_err());
        let table = steps.table();
        assert!(table.contains("tests (failed)"), "{table}");
        assert!(
            table.lines().last().is_some_and(|line| line.starts_with("in all") && line.ends_with("5.0")),
            "{table}"
        );
    }

    #[test]
    fn a_row_without_seconds_is_no_row() {
        assert_eq!(row("format"), None);
        assert_eq!(row("format\tsoon"), None);
    }
}
