//! Tests of the verdict: its letters, its properties, its stories and its matrix.
#![expect(clippy::print_stdout, reason = "random tests print their seed")]

mod credential_properties;
mod duties;
mod explaining;
mod house;
mod letters;
mod matrix;
mod properties;
mod sending;
mod signing_in;
mod stories;
