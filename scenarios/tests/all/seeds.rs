//! Seeds of the tests that are random: how many, or which one again.

/// What a variable of the environment says, where it says something.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, which is no number")))
}

/// The one seed that is to be run again (`POSTERN_SEED`).
pub fn one() -> Option<u64> {
    number("POSTERN_SEED")
}

/// How many seeds are asked for (`POSTERN_SEEDS`); `usual` where nothing is said.
pub fn count(usual: u64) -> u64 {
    number("POSTERN_SEEDS").unwrap_or(usual)
}
