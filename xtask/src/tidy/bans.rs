//! Calls that are right in one module and wrong in all others.
//!
//! `clippy.toml` bans by the resolved path and lets an `#[expect]` with a reason pass; here the
//! modules that may are named, so that a new one is a change of this table. Tests are exempt
//! here; clippy still asks them for a reason.

use super::Finding;
use super::lexer::is_word;
use super::tree::Source;

/// One rule. A path pattern that ends with a slash is a folder, one that starts with `*/` is a
/// file name anywhere, any other is one file.
struct Ban {
    /// Text of the calls, as written in code.
    calls: &'static [&'static str],
    /// Where the rule holds; everywhere if empty.
    within: &'static [&'static str],
    /// Where it does not.
    except: &'static [&'static str],
    reason: &'static str,
    cure: &'static str,
}

const BANS: [Ban; 7] = [
    Ban {
        calls: &["SystemTime::now(", "Instant::now(", "Timestamp::now(", "Zoned::now("],
        within: &[],
        except: &["*/clock.rs", "xtask/"],
        reason: "only a clock module asks the machine for the time",
        cure: "take the time as an argument, or ask the Clock that is passed in: tests move it, and house time never runs back",
    },
    Ban {
        calls: &[
            "fs::write(",
            "File::create(",
            "File::create_new(",
            "File::options(",
            "OpenOptions::new(",
            "fs::rename(",
            "fs::remove_file(",
            "fs::hard_link(",
            "sync_all(",
            "sync_data(",
        ],
        within: &["crates/store/"],
        // The lock file is no durable state.
        except: &["crates/store/src/disk.rs", "crates/store/src/disk/", "crates/store/src/lock.rs"],
        reason: "a durable write goes past the Disk seam",
        cure: "use Disk: the power-cut tests drop and reorder what passes it, and can prove nothing of what does not",
    },
    Ban {
        calls: &["println!(", "print!(", "eprintln!(", "eprint!("],
        within: &["crates/"],
        except: &["crates/postern/"],
        reason: "a library prints to nobody",
        cure: "log with tracing (a fixed event name and fields), or return the text to the command that shows it",
    },
    Ban {
        calls: &[".unwrap()", ".unwrap_err()"],
        within: &["crates/"],
        except: &[],
        reason: "a panic that gives no reason",
        cure: "return the error, or write .expect(\"…\") with a sentence that says why it cannot fail",
    },
    Ban {
        calls: &["process::exit(", "process::abort("],
        within: &["crates/"],
        except: &["crates/postern/", "crates/store/src/disk.rs", "crates/store/src/disk/"],
        reason: "the process ends without draining its connections",
        cure: "return an error to `serve`; only a failed sync ends the process where it stands",
    },
    Ban {
        calls: &["todo!(", "unimplemented!(", "dbg!("],
        within: &[],
        except: &[],
        reason: "unfinished work is reachable",
        cure: "finish it, or refuse with a clear error text",
    },
    Ban {
        calls: &["unsafe {", "unsafe fn", "unsafe impl"],
        within: &["crates/"],
        except: &[],
        reason: "no code here needs unsafe",
        cure: "use rustix or another safe wrapper",
    },
];

/// Every banned call of one file.
pub fn check(file: &Source) -> Vec<Finding> {
    BANS.iter().filter(|ban| ban.holds_in(&file.path)).flat_map(|ban| ban.find(file)).collect()
}

impl Ban {
    fn holds_in(&self, path: &str) -> bool {
        let within = self.within.is_empty() || self.within.iter().any(|pattern| matches(pattern, path));
        within && !self.except.iter().any(|pattern| matches(pattern, path))
    }

    fn find(&self, file: &Source) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (index, line) in file.production.lines().enumerate() {
            for call in self.calls.iter().filter(|call| stands_in(line, call)) {
                if *call == "Instant::now(" && line_means_tokio(&file.production, line) {
                    continue;
                }
                let reason = format!("`{}`: {}", call.trim_end_matches(['(', ' ', '{']), self.reason);
                findings.push(Finding::error(&file.path, index + 1, reason, self.cure));
            }
        }
        findings
    }
}

/// Tokio's own Instant stands still when a test pauses time, so it is no ban; clippy tells the
/// two apart by type, we by the import.
fn line_means_tokio(code: &str, line: &str) -> bool {
    line.contains("tokio::time::Instant::now(")
        || code.lines().any(|line| line.trim_start().starts_with("use tokio::time::") && line.contains("Instant"))
}

fn matches(pattern: &str, path: &str) -> bool {
    if let Some(name) = pattern.strip_prefix('*') {
        path.ends_with(name)
    } else if pattern.ends_with('/') {
        path.starts_with(pattern)
    } else {
        path == pattern
    }
}

/// As a whole word: `println!(` is not found in `eprintln!(`.
fn stands_in(line: &str, call: &str) -> bool {
    let starts_with_word = call.bytes().next().is_some_and(is_word);
    line.match_indices(call).any(|(at, _)| !starts_with_word || at == 0 || !is_word(line.as_bytes()[at - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Source::of(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn the_clock_is_asked_in_clock_modules_only() {
        let text = "fn a() {\n    let now = std::time::SystemTime::now();\n}\n";
        assert_eq!(lines("crates/app/src/rules.rs", text), [2]);
        assert!(lines("crates/app/src/clock.rs", text).is_empty());
        assert!(lines("crates/app/tests/rules.rs", text).is_empty());
        assert_eq!(lines("crates/app/src/a.rs", "fn a() { Instant::now(); }"), [1]);
        assert!(lines("crates/app/src/a.rs", "use tokio::time::Instant;\nfn a() { Instant::now(); }").is_empty());
    }

    #[test]
    fn the_store_writes_through_its_disk() {
        let text = "fn a() { std::fs::write(x, y); }";
        assert_eq!(lines("crates/store/src/blobs.rs", text), [1]);
        assert!(lines("crates/store/src/disk.rs", text).is_empty());
        assert!(lines("crates/store/src/disk/real.rs", text).is_empty());
        assert!(lines("crates/postern/src/init.rs", text).is_empty());
    }

    #[test]
    fn words_are_whole_and_comments_are_free() {
        assert!(lines("crates/store/src/a.rs", "// println!(x) and .unwrap()\nfn a() { b(\".unwrap()\") }").is_empty());
        assert_eq!(lines("crates/store/src/a.rs", "fn a() { eprintln!(\"x\"); }").len(), 1);
        assert_eq!(lines("crates/store/src/a.rs", "fn a() {\n b().unwrap();\n c().unwrap_or(d) }"), [2]);
    }
}
