//! The files of the repository, and which parts of them are tests.
//!
//! The folder is walked rather than git asked, so that a source archive can be checked too.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result};

use super::lexer::{code_of, is_word};

/// Folders of things that are made, not written.
const MADE: [&str; 8] =
    [".git", "target", "node_modules", "dist", "postern-data", "corpus", "artifacts", "proptest-regressions"];

/// Trees whose every file serves tests alone.
const TEST_TREES: [&str; 4] = ["scenarios/", "crates/testkit/", "fuzz/", "bench/"];

/// Everything a check looks at.
pub struct Tree {
    /// Rust files.
    pub sources: Vec<Source>,
    /// Every text file, Rust too: path from the root, content.
    pub texts: Vec<(String, String)>,
}

/// One Rust file.
pub struct Source {
    /// From the root of the repository, with slashes.
    pub path: String,
    /// As written.
    pub text: String,
    /// Comments, literals and test code blanked out.
    pub production: String,
}

impl Tree {
    /// Reads every file under `root` that somebody wrote.
    pub fn read(root: &Path) -> Result<Self> {
        let mut texts = Vec::new();
        walk(root, root, &mut texts)?;
        texts.sort();
        Ok(Self::of(texts))
    }

    fn of(texts: Vec<(String, String)>) -> Self {
        let rust = texts.iter().filter(|(path, _)| path.ends_with(".rs"));
        let code: Vec<(&String, &String, String)> = rust.map(|(path, text)| (path, text, code_of(text))).collect();
        let only_tests: HashSet<String> =
            code.iter().flat_map(|(path, _, code)| test_module_files(path, code)).collect();
        let sources = code
            .into_iter()
            .map(|(path, text, code)| {
                let all_tests = serves_tests(path) || only_tests.iter().any(|stem| is_module_file(path, stem));
                let production = if all_tests { blank(&code, 0..code.len()) } else { without_tests(&code) };
                Source { path: path.clone(), text: text.clone(), production }
            })
            .collect();
        Self { sources, texts }
    }
}

impl Source {
    /// A file as the checks see it, for their own tests.
    #[cfg(test)]
    pub fn of(path: &str, text: &str) -> Self {
        let mut tree = Tree::of(vec![(path.to_owned(), text.to_owned())]);
        tree.sources.pop().expect("a Rust file was given")
    }
}

fn walk(root: &Path, folder: &Path, texts: &mut Vec<(String, String)>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        let name = entry.file_name();
        if kind.is_dir() {
            if !MADE.iter().any(|made| name == *made) {
                walk(root, &path, texts)?;
            }
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            // What is not UTF-8 is data, and no rule here is about data.
            if let Ok(text) = String::from_utf8(bytes) {
                texts.push((path.strip_prefix(root)?.to_string_lossy().into_owned(), text));
            }
        }
    }
    Ok(())
}

fn serves_tests(path: &str) -> bool {
    let within = |folder: &str| path.split('/').rev().skip(1).any(|part| part == folder);
    TEST_TREES.iter().any(|tree| path.starts_with(tree)) || within("tests") || within("benches") || within("examples")
}

/// `#[cfg(test)] mod name;` makes the file of that module a test as a whole; answers with the
/// path such a file has, without `.rs`.
fn test_module_files(path: &str, code: &str) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.trim_end_matches(".rs");
    let home = if matches!(stem, "lib" | "main" | "mod") { folder.to_owned() } else { format!("{folder}/{stem}") };
    let mut files = Vec::new();
    for (start, _) in code.match_indices("#[cfg(test)]") {
        let item = code[start..].split_once(']').map_or("", |(_, rest)| rest).trim_start();
        let item = item.strip_prefix("pub(crate) ").unwrap_or(item);
        if let Some(name) = item.strip_prefix("mod ").and_then(|rest| rest.split_once(';')).map(|(name, _)| name.trim())
            && name.bytes().all(is_word)
        {
            files.push(format!("{home}/{name}"));
        }
    }
    files
}

fn is_module_file(path: &str, stem: &str) -> bool {
    path.strip_prefix(stem).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Blanks what `#[cfg(test)]`, `#[cfg(all(test …` and `#[test]`-like attributes stand before.
fn without_tests(code: &str) -> String {
    let mut blanked = code.to_owned();
    for attribute in ["#[cfg(test)]", "#[cfg(all(test", "#[test]", "#[tokio::test"] {
        for (start, _) in code.match_indices(attribute) {
            blanked = blank(&blanked, start..end_of_item(code, start));
        }
    }
    blanked
}

/// The end of the item at `start`: its closing brace, or a semicolon before any brace opens.
fn end_of_item(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    let mut brackets = 0_usize;
    for (offset, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'[' | b'(' => brackets += 1,
            b']' | b')' => brackets = brackets.saturating_sub(1),
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return offset + 1;
                }
            }
            b';' if depth == 0 && brackets == 0 => return offset + 1,
            _ => {}
        }
    }
    code.len()
}

fn blank(code: &str, range: std::ops::Range<usize>) -> String {
    let inside =
        code[range.clone()].chars().map(|c| if c == '\n' { "\n".to_owned() } else { " ".repeat(c.len_utf8()) });
    format!("{}{}{}", &code[..range.start], inside.collect::<String>(), &code[range.end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_inside_a_file_are_no_production() {
        let source = Source::of(
            "crates/store/src/lib.rs",
            "fn a() { kept() }\n#[cfg(test)]\nmod tests { fn b() { gone() } }\nfn c() { kept() }\n#[test]\nfn d() { gone() }\n",
        );
        assert_eq!(source.production.matches("kept()").count(), 2);
        assert_eq!(source.production.matches("gone()").count(), 0);
        assert_eq!(source.production.len(), source.text.len());
    }

    #[test]
    fn a_test_module_in_its_own_file_is_no_production() {
        let texts = [
            ("crates/store/src/lib.rs", "#[cfg(test)]\nmod proofs;\nmod gate;"),
            ("crates/store/src/proofs.rs", "fn a() { b() }"),
            ("crates/store/src/gate.rs", "#[cfg(test)] mod more;\nfn a() { b() }"),
            ("crates/store/src/gate/more.rs", "fn a() { b() }"),
            ("crates/store/tests/roads.rs", "fn a() { b() }"),
        ];
        let tree = Tree::of(texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect());
        let alive: Vec<&str> =
            tree.sources.iter().filter(|s| s.production.contains("b()")).map(|s| s.path.as_str()).collect();
        assert_eq!(alive, ["crates/store/src/gate.rs"]);
    }

    #[test]
    fn an_item_without_a_body_ends_at_its_semicolon() {
        let source = Source::of("crates/a/src/lib.rs", "#[cfg(test)]\nuse x::{y, z};\nfn a() { kept() }");
        assert!(source.production.contains("kept()"));
        let source = Source::of("crates/a/src/lib.rs", "#[cfg(test)]\nconst A: [u8; 2] = [0; 2];\nfn a() { kept() }");
        assert!(source.production.contains("kept()"));
    }
}
