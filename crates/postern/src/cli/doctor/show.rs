//! The findings on a page: a line each under the heading of their group, and one at the end.

use super::check::{Check, Group, Status};
use crate::cli::output::plain;
use crate::globals::GlobalArgs;
use serde::Serialize;
use std::fmt::Write;
use std::io::IsTerminal;

/// How many of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    ok: usize,
    note: usize,
    warn: usize,
    fail: usize,
}

/// All of it, as `--json` prints it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Nothing failed.
    healthy: bool,
    summary: Summary,
    /// In the order of their groups.
    pub checks: Vec<Check>,
}

impl Report {
    /// Of what was found. Next steps name the house, where a flag did.
    pub fn new(checks: Vec<Check>, globals: &GlobalArgs) -> Self {
        let mut summary = Summary::default();
        for check in &checks {
            *match check.status {
                Status::Ok => &mut summary.ok,
                Status::Note => &mut summary.note,
                Status::Warn => &mut summary.warn,
                Status::Fail => &mut summary.fail,
            } += 1;
        }
        let mut checks: Vec<Check> = checks.into_iter().map(|check| in_same_house(check, globals)).collect();
        checks.sort_by_key(|check| check.group);
        Self { healthy: summary.fail == 0, summary, checks }
    }

    /// The worst of it.
    pub fn worst(&self) -> Status {
        self.checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok)
    }

    /// For people.
    pub fn text(&self, paint: Paint) -> String {
        let mut text = String::new();
        let mut group = None;
        for check in &self.checks {
            heading(&mut text, &mut group, check.group);
            // Writing to a String can not fail.
            let _ = writeln!(text, "  {}  {}: {}", paint.mark(check.status), plain(&check.what), plain(&check.text));
            if let Some(next) = &check.next {
                let _ = writeln!(text, "        Next step: {}", plain(next));
            }
        }
        let _ = writeln!(text, "\n{}", self.end());
        text
    }

    fn end(&self) -> String {
        let Summary { ok, note, warn, fail } = self.summary;
        let counted = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {many}")),
        };
        let parts = [
            counted(fail, "failure", "failures"),
            counted(warn, "warning", "warnings"),
            counted(note, "note", "notes"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match parts.is_empty() {
            true => format!("Nothing is amiss: {ok} ok."),
            false => format!("{}, {ok} ok.", parts.join(", ")),
        }
    }
}

fn heading(text: &mut String, last: &mut Option<Group>, group: Group) {
    if *last != Some(group) {
        let _ = writeln!(text, "{}{}", if last.is_some() { "\n" } else { "" }, group.title());
        *last = Some(group);
    }
}

fn in_same_house(check: Check, globals: &GlobalArgs) -> Check {
    const START: &str = "Next step: ";
    let next = check.next.map(|next| {
        let named = globals.in_same_house(&format!("{START}{next}"));
        named.strip_prefix(START).unwrap_or(&next).to_owned()
    });
    Check { next, ..check }
}

/// Whether marks have colours: on a terminal, unless somebody does not want any (NO_COLOR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Words alone.
    Plain,
    /// Words in colours.
    Colours,
}

impl Paint {
    /// As standard output and the environment have it.
    pub fn of_output() -> Self {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_unwanted || !std::io::stdout().is_terminal() { Paint::Plain } else { Paint::Colours }
    }

    fn mark(self, status: Status) -> String {
        let (word, colour) = match status {
            Status::Ok => ("ok  ", 32),
            Status::Note => ("note", 36),
            Status::Warn => ("warn", 33),
            Status::Fail => ("FAIL", 31),
        };
        match self {
            Paint::Plain => word.to_owned(),
            Paint::Colours => format!("\u{1b}[{colour}m{word}\u{1b}[0m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(checks: Vec<Check>) -> Report {
        let globals = GlobalArgs { config: Some("d/postern.toml".into()), ..GlobalArgs::default() };
        Report::new(checks, &globals)
    }

    #[test]
    fn findings_stand_under_their_group_with_the_next_step() {
        let checks = vec![
            Check::fail(Group::Tls, "tls.days", "certificate", "it ended").next("postern serve"),
            Check::ok(Group::House, "house.folder", "data folder", "d"),
            Check::note(Group::Tls, "tls.chain", "chain", "own\u{1b}[2J"),
        ];
        let text = "House\n  ok    data folder: d\n\nTLS\n  FAIL  certificate: it ended\n        Next step: postern --config \
                    d/postern.toml serve\n  note  chain: own\u{fffd}[2J\n\n1 failure, 1 note, 1 ok.\n";
        let report = report(checks);
        assert_eq!(report.text(Paint::Plain), text);
        assert_eq!(report.worst(), Status::Fail);
        assert!(report.text(Paint::Colours).contains("  \u{1b}[31mFAIL\u{1b}[0m  certificate"));
        let document = serde_json::to_value(&report).unwrap();
        assert_eq!((&document["healthy"], &document["summary"]["fail"]), (&false.into(), &1.into()));
        assert_eq!(
            (&document["checks"][1]["id"], &document["checks"][1]["status"]),
            (&"tls.days".into(), &"fail".into())
        );
        assert_eq!(
            (&document["checks"][0]["group"], &document["checks"][0]["next"]),
            (&"house".into(), &serde_json::Value::Null)
        );
    }

    #[test]
    fn a_house_that_is_well_says_so() {
        let text = report(vec![Check::ok(Group::House, "house.folder", "data folder", "d")]).text(Paint::Plain);
        assert!(text.ends_with("\nNothing is amiss: 1 ok.\n"), "{text}");
    }
}
