//! The file, read: tables of rows of cells.

use super::rows::{self, Place};
use postern_app::{Denied, TokenRole};
use postern_types::Letter;

const MATRIX: &str = include_str!("../../../../crates/access/matrix.txt");

/// What nothing in the house does yet.
const NOT_DONE_YET: [&str; 2] = ["post", "export"];

/// Columns that say whom a row is about.
const ABOUT: [&str; 5] = ["actor", "holds", "sends", "person", "token"];

/// What a cell says, or the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Allowed.
    Yes,
    /// As if it were not there.
    Hidden,
    /// Refused for want of this letter.
    Missing(Letter),
    /// Refused because delete protection withholds this letter.
    Kept(Letter),
    /// Somebody else's duty.
    NotYours,
    /// Theirs, and not through the token they came with.
    Narrow,
}

impl Word {
    fn parse(text: &str) -> Word {
        match text {
            "yes" => Word::Yes,
            "hidden" => Word::Hidden,
            "no" => Word::NotYours,
            "narrow" => Word::Narrow,
            _ => {
                let (word, name) = text.split_once(' ').unwrap_or((text, ""));
                let letter = Letter::ALL.into_iter().find(|letter| name.starts_with(letter.as_char()));
                match (word, letter) {
                    ("no", Some(letter)) => Word::Missing(letter),
                    ("keeps", Some(letter)) => Word::Kept(letter),
                    _ => panic!("{text:?} is no word of the matrix"),
                }
            }
        }
    }

    /// Of a refusal.
    pub fn of(denied: Denied) -> Word {
        match denied {
            Denied::Hidden => Word::Hidden,
            Denied::Missing { missing } => Word::Missing(missing),
            Denied::Protected { withheld } => Word::Kept(withheld),
            Denied::NotYours { .. } => Word::NotYours,
            Denied::TokenTooNarrow { .. } => Word::Narrow,
            other => panic!("{other} is no word of the matrix"),
        }
    }
}

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    pub table: String,
    pub place: Place,
    pub row: String,
    /// The role of the token they came with.
    pub token: Option<TokenRole>,
    pub column: String,
    pub word: Word,
    /// May whoever it is about select the mailbox?
    reads: bool,
}

impl Cell {
    pub fn row_key(&self) -> (String, String) {
        (self.table.clone(), self.row.clone())
    }

    pub fn is_duty(&self) -> bool {
        self.table.starts_with("Duties")
    }

    /// Is it done in a mailbox that is selected?
    fn needs_selecting(&self) -> bool {
        ["change-flags", "remove", "move-out"].contains(&self.column.as_str())
    }

    /// Is there a way to try it from outside?
    pub fn has_wire(&self) -> bool {
        match (self.is_duty(), self.column.as_str()) {
            (true, column) => super::gate::USE_CASES.contains(&column) && !self.would_change_somebody(),
            (false, _) if self.place == Place::Removed => false,
            (false, _) => rows::row(self).who.has_mail_program() && (self.reads || !self.needs_selecting()),
        }
    }

    /// Is this what the wire says for the word of the cell? Nothing hides a mailbox that is
    /// open: the letter is named (docs/decisions/0016-letters-in-an-open-mailbox.md).
    pub fn is_told_as(&self, answer: &Word) -> bool {
        match (&self.word, answer) {
            (Word::Hidden, Word::Missing(_) | Word::Kept(_)) => !self.is_duty() && self.needs_selecting() && self.reads,
            (word, answer) => word == answer,
        }
    }

    /// Alice's own account is a person's: there the duty does what it says.
    fn would_change_somebody(&self) -> bool {
        ["suspend", "resume"].contains(&self.column.as_str()) && self.place == Place::Own
    }
}

/// Every cell of the tables that can be built.
pub fn tables() -> Vec<Cell> {
    let mut cells = Vec::new();
    for table in MATRIX.split("\n## ").skip(1) {
        let (title, body) = table.split_once("\n\n").expect("a title");
        let Some(place) = Place::of(title) else { continue };
        let mut lines = body.lines().filter(|line| !line.is_empty());
        let head = columns(lines.next().expect("a head"));
        for line in lines.filter(|line| !line.starts_with(' ')) {
            let words = columns(line);
            assert_eq!(words.len(), head.len(), "{title}: {line}");
            let of = |column: &str| head.iter().position(|name| name == column).map(|at| words[at].as_str());
            let reads = of("read") == Some("yes");
            let token = of("token").map(|role| TokenRole::of_name(role).expect("a role of a token"));
            for (column, word) in head.iter().zip(&words) {
                if ABOUT.contains(&column.as_str()) || NOT_DONE_YET.contains(&column.as_str()) {
                    continue;
                }
                let (table, row, column) = (title.to_owned(), words[0].clone(), column.clone());
                cells.push(Cell { table, place, row, token, column, word: Word::parse(word), reads });
            }
        }
    }
    cells
}

/// Columns stand two blanks or more apart.
fn columns(line: &str) -> Vec<String> {
    line.split("  ").map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}
