//! The documents: each page is in the summary of the book, and no link between them leads nowhere.

use super::{Finding, line_of};
use std::collections::BTreeSet;

const SUMMARY: &str = "docs/SUMMARY.md";

/// Pages that are missing in the summary, and links to files that are not there. `files` is every file of
/// the repository that somebody wrote.
pub fn check(texts: &[(String, String)], exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let summary = texts.iter().find(|(path, _)| path == SUMMARY).map_or("", |(_, text)| text.as_str());
    let listed: BTreeSet<String> = links(summary).filter_map(|link| resolve(SUMMARY, link)).collect();
    for (path, text) in texts.iter().filter(|(path, _)| path.ends_with(".md")) {
        if path.starts_with("docs/") && path != SUMMARY && !listed.contains(path) {
            findings.push(Finding::error(
                path,
                1,
                "no line of docs/SUMMARY.md leads here",
                "add one where a reader looks",
            ));
        }
        for link in links(text) {
            let Some(target) = resolve(path, link).filter(|target| !exists(target)) else { continue };
            let reason = format!("the link leads to {target}, which is not there");
            findings.push(Finding::error(path, line_of(text, link), reason, "name the file that is meant"));
        }
    }
    findings
}

/// Targets of Markdown's inline links, code left out.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    let prose = text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    });
    prose.flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()))
}

/// A path from the root; nothing for what is elsewhere or in the page itself.
fn resolve(page: &str, link: &str) -> Option<String> {
    let file = link
        .split('#')
        .next()
        .filter(|file| !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:"))?;
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<String> {
        let texts = [
            ("docs/SUMMARY.md".to_owned(), "[A](a.md)\n[R](../README.md)".to_owned()),
            ("docs/a.md".to_owned(), page.to_owned()),
            ("docs/b.md".to_owned(), String::new()),
        ];
        let exists = |path: &str| ["docs/a.md", "docs/b.md", "README.md", "docs/decisions"].contains(&path);
        check(&texts, exists).into_iter().map(|finding| format!("{} {}", finding.file, finding.reason)).collect()
    }

    #[test]
    fn a_page_that_is_not_listed_is_found() {
        assert_eq!(found(""), ["docs/b.md no line of docs/SUMMARY.md leads here"]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let page = "[b](b.md#top) [up](../README.md) [out](https://example.org/x.md) [here](#a) [d](decisions/)\n```\n[x](y)\n```\n[no](c.md)";
        assert_eq!(found(page)[0], "docs/a.md the link leads to docs/c.md, which is not there");
        assert_eq!(found(page).len(), 2);
    }
}
