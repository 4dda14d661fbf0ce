//! Every Rust file opens with its reason and is short enough to have one.

use super::tree::Source;
use super::{Finding, Weight};

const LINES_TOLD: usize = 600;
const LINES_REFUSED: usize = 800;
/// Fewer words than this name a thing and give no reason.
const HEADER_WORDS: usize = 3;

/// The header and the length of one file.
pub fn check(file: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !has_header(&file.text) {
        findings.push(Finding::error(
            &file.path,
            1,
            "the file does not open with its reason",
            "begin with `//!`: what this module is for and why it is so, with the RFC sections it obeys",
        ));
    }
    let lines = file.text.lines().count();
    if lines > LINES_TOLD {
        let weight = if lines > LINES_REFUSED { Weight::Error } else { Weight::Warning };
        findings.push(Finding {
            file: file.path.clone(),
            line: LINES_TOLD + 1,
            weight,
            reason: format!("{lines} lines; {LINES_TOLD} are told, over {LINES_REFUSED} are refused"),
            cure: "find the second reason in it and give that a module of its own".to_owned(),
        });
    }
    findings
}

fn has_header(text: &str) -> bool {
    let header = text.trim_start().lines().take_while(|line| line.starts_with("//!"));
    header.map(|line| line.trim_start_matches("//!").split_whitespace().count()).sum::<usize>() >= HEADER_WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> String {
        format!("//! A reason in words.\n{}", "\n".repeat(count - 1))
    }

    #[test]
    fn a_file_opens_with_its_reason() {
        assert!(check(&Source::of("crates/a/src/b.rs", "//! Why this is here.\n")).is_empty());
        assert_eq!(check(&Source::of("crates/a/src/b.rs", "use x;\n//! Why this is here.\n")).len(), 1);
        assert_eq!(check(&Source::of("crates/a/tests/b.rs", "//! Later.\n")).len(), 1);
        assert_eq!(check(&Source::of("crates/a/tests/b.rs", "")).len(), 1);
    }

    #[test]
    fn long_files_are_told_and_longer_ones_refused() {
        assert!(check(&Source::of("a.rs", &lines(LINES_TOLD))).is_empty());
        let weight = |count| check(&Source::of("a.rs", &lines(count))).first().map(|finding| finding.weight);
        assert_eq!(weight(LINES_TOLD + 1), Some(Weight::Warning));
        assert_eq!(weight(LINES_REFUSED), Some(Weight::Warning));
        assert_eq!(weight(LINES_REFUSED + 1), Some(Weight::Error));
    }
}
