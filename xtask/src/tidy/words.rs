//! Words that do not belong in the product: it speaks of itself alone.
//!
//! Paths of one machine, hosts of package registries and the names of writing aids say something
//! about how the text came to be and nothing about Postern. The list is kept in halves, so that
//! this file passes its own check.

use super::Finding;

/// Halves of the words, and why each is out of place. Letter case does not matter.
const WORDS: [(&str, &str, &str); 16] = [
    ("/wo", "rk/", MACHINE),
    ("/tm", "p/t/", MACHINE),
    ("/ro", "ot/", MACHINE),
    (".lib", "rary/", MACHINE),
    ("crates", ".io", REGISTRY),
    ("py", "pi.org", REGISTRY),
    ("python", "hosted.org", REGISTRY),
    ("npm", "js.org", REGISTRY),
    ("npm", "js.com", REGISTRY),
    ("deb.", "debian.org", REGISTRY),
    ("clau", "de", AID),
    ("anthro", "pic", AID),
    ("open", "ai", AID),
    ("chat", "gpt", AID),
    ("language ", "model", AID),
    ("sub", "agent", AID),
];

const MACHINE: &str = "a path of one machine";
const REGISTRY: &str = "the host of a package registry";
const AID: &str = "the name of a writing aid";

/// Lock files are cargo's and npm's to write.
const NOT_OURS_TO_WORD: [&str; 3] = ["Cargo.lock", "package-lock.json", "licences.html"];

/// Every word of one file that is out of place.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    if NOT_OURS_TO_WORD.iter().any(|name| path.rsplit('/').next() == Some(name)) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.to_lowercase();
        for (left, right, reason) in WORDS {
            if stands_in(&line, &format!("{left}{right}")) {
                let cure = "say it in words of the product, or leave it out";
                findings.push(Finding::error(path, index + 1, format!("\"{left}{right}\" is {reason}"), cure));
            }
        }
        if names_a_ticket(&line) {
            let cure = "give the reason itself, or the file under docs/decisions that holds it";
            findings.push(Finding::error(path, index + 1, "a ticket's number is no reason", cure));
        }
    }
    findings
}

/// Not inside a longer word or path: `/home/a/wo rk/` joined is somebody's folder, not ours.
fn stands_in(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || (word.starts_with('/') && c == '.'))
    })
}

/// A number after "issue", with or without its hash; but not "issues 2 statements".
fn names_a_ticket(line: &str) -> bool {
    line.match_indices("issue").any(|(at, word)| {
        let rest = &line[at + word.len()..];
        let number = [" #", "#", " ", "s #"].iter().find_map(|between| rest.strip_prefix(between)).unwrap_or_default();
        let digits = number.chars().take_while(char::is_ascii_digit).count();
        digits > 0 && !number[digits..].starts_with(|next: char| next.is_alphanumeric() || next == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_workplace_are_found() {
        for (left, right, _) in WORDS {
            let text = format!("a line\nsee {left}{right} here");
            let findings = check("docs/a.md", &text);
            assert_eq!(findings.first().map(|finding| finding.line), Some(2), "{left}{right}");
            assert!(check("Cargo.lock", &text).is_empty());
        }
    }

    #[test]
    fn kin_of_the_words_are_left_alone() {
        assert!(
            check("docs/a.md", "a network/server, homework/ and /srv/work, the agent, an issue of 2 kinds").is_empty()
        );
    }

    #[test]
    fn a_ticket_is_no_reason() {
        let number = 7;
        assert_eq!(check("a.rs", &format!("// see issue {number}")).len(), 1);
        assert_eq!(check("a.rs", &format!("// see issue #{number}, please")).len(), 1);
        assert!(check("a.rs", "credential issue support@example.org").is_empty());
        assert!(check("a.rs", "// the command issues 2 statements").is_empty());
    }
}
