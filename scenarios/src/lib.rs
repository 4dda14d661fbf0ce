//! Whole-system stories; they are in `tests/all`, one binary.
