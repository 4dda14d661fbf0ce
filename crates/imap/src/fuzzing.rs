//! For the fuzz targets alone: patterns of LIST and compressed streams, which nobody outside may otherwise try.
//!
//! Built under `--cfg fuzzing` only (`cargo xtask fuzz`).

pub use crate::compressed::fuzzing::{deflate, inflate};
use crate::pattern::Pattern;

/// Does a pattern mean this name?
pub fn pattern_matches(reference: &str, pattern: &str, name: &str) -> bool {
    Pattern::new(reference, pattern).matches(name)
}

/// The nearest level above this name that a pattern means.
pub fn level_above<'n>(reference: &str, pattern: &str, name: &'n str) -> Option<&'n str> {
    Pattern::new(reference, pattern).level_above(name)
}
