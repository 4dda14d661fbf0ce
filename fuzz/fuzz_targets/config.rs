//! `postern.toml` and the environment of any text. A refusal names a line that there is, a reason and a next step; what
//! is taken is taken the same again, also with remarks below it.
//!
//! Lines that begin with `POSTERN_` are variables, all others the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_server::Config;
use std::path::Path;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let (variables, lines): (Vec<&str>, Vec<&str>) = text.split('\n').partition(|line| line.starts_with("POSTERN_"));
    let pairs = variables.iter().filter_map(|line| line.split_once('='));
    let variables: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (file, lines) = (Path::new("/srv/postern/postern.toml"), lines.join("\n"));
    match Config::parse(file, &lines, &variables) {
        Ok(config) => {
            let again = Config::parse(file, &format!("{lines}\n# a remark\n"), &variables);
            assert_eq!(again.as_ref(), Ok(&config));
            assert!(config.data_dir.is_absolute() && config.blobs.is_absolute());
            assert!(config.limits.parsing_bytes as u64 >= config.limits.message_bytes);
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.contains("\nNext step: "), "{shown}");
            assert!(error.line().is_none_or(|line| (1..=lines.split('\n').count()).contains(&line)), "{shown}");
        }
    }
});
