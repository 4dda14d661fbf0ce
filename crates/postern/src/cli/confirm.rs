//! What can not be taken back is asked for: at the terminal by a word, elsewhere by `--yes`.

use super::failure::Failure;
use std::io::{BufRead, Write};

/// What is asked before it is done.
pub(super) struct Question<'a> {
    /// What follows, as it reads after "Careful: ".
    pub consequence: &'a str,
    /// What to type, as it reads after "Type ".
    pub word: &'a str,
    /// What is said where something else was typed.
    pub otherwise: &'a str,
}

impl Question<'_> {
    /// Asks whether it is meant; refuses where nobody can be asked.
    pub fn ask(
        &self,
        is_asked: bool,
        is_right: impl Fn(&str) -> bool,
        screen: &mut impl Write,
        answers: &mut impl BufRead,
    ) -> Result<(), Failure> {
        let Question { consequence, word, otherwise } = self;
        if !is_asked {
            return Err(Failure::usage(*consequence).next("if that is meant, say so with --yes"));
        }
        let mut answer = String::new();
        let asked = write!(screen, "Careful: {consequence}.\nType {word} to go on: ").and_then(|()| screen.flush());
        match asked.and_then(|()| answers.read_line(&mut answer)) {
            Ok(_) if is_right(answer.trim()) => Ok(()),
            _ => Err(Failure::new(format!("nothing was changed: {otherwise}"))),
        }
    }
}
