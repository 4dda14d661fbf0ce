//! The shelf of real mail, where there is one.

use std::path::{Path, PathBuf};

/// Every file of the corpus that is mail, with its bytes, in order of name; an empty list,
/// and a line that says so, where there is no corpus.
pub fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = std::env::var_os("POSTERN_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"), PathBuf::from);
    let mut files = Vec::new();
    collect(&folder, &mut files);
    files.sort();
    if files.is_empty() {
        report(&format!("skipped: there is no mail corpus at {} (POSTERN_CORPUS names another)", folder.display()));
    }
    files
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == "LICENSE" || name == "README.md" || name.starts_with('.') {
            continue;
        }
        if let Ok(bytes) = std::fs::read(&path) {
            if looks_like_mail(&bytes) {
                files.push((path, bytes));
            } else {
                report(&format!("not mail, skipped: {}", path.display()));
            }
        }
    }
}

/// Something with a header line near its start, or a body after an empty header; a file of
/// binary zeros is not mail.
fn looks_like_mail(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(4096)];
    !bytes.is_empty() && !start.contains(&0) && start.contains(&b':')
}

/// Tests say what they skip.
#[expect(clippy::print_stderr, reason = "a test that skips says so where its reader looks")]
fn report(text: &str) {
    eprintln!("{text}");
}
