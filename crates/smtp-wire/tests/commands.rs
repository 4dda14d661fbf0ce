//! Command lines that are made of what the grammar is made of: whatever they say, what is taken of them can be stored,
//! shown and said again.

mod common;
#[path = "properties/commands.rs"]
mod properties;

use std::collections::BTreeMap;

use common::Dice;
use postern_smtp_wire::{Command, Protocol};
use properties::{check_command, everything};

/// How lines begin.
const BEGINNINGS: [&str; 12] = [
    "MAIL FROM:<a@example.org>",
    "MAIL FROM:<>",
    "mail from: <\"a b\"@[IPv6:::1]>",
    "MAIL FROM:<",
    "RCPT TO:<a@example.org>",
    "RCPT TO:<Postmaster>",
    "rcpt to:<",
    "BDAT ",
    "bdat 100",
    "BDAT 18446744073709551615 last",
    "EHLO ",
    "EHLO mail.example.org",
];

/// What may follow.
const PARAMETERS: [&str; 20] = [
    " SIZE=",
    " SIZE=18446744073709551616",
    " BODY=8BITMIME",
    " BODY=binarymime",
    " SMTPUTF8",
    " RET=FULL",
    " ret=hdrs",
    " ENVID=",
    " ENVID=a+2Bb+3D",
    " AUTH=<>",
    " AUTH=a+2Bb@example.org",
    " HOLDFOR=3888000",
    " HOLDFOR=",
    " HOLDUNTIL=2026-11-22T21:49:59Z",
    " HOLDUNTIL=1970-01-01T00:00:00.25+23:59",
    " NOTIFY=NEVER",
    " NOTIFY=SUCCESS,failure",
    " NOTIFY=DELAY",
    " ORCPT=rfc822;a+2Bb@example.org",
    " ORCPT=utf-8;\\x{FC}@example.org",
];

/// Pieces that values and mistakes are made of.
const PIECES: [&str; 36] = [
    "+0D+0A",
    "+2B",
    "+",
    "=",
    " ",
    "a",
    "@",
    "example.org",
    "<",
    ">",
    "\"",
    "\\",
    ";",
    ":",
    ",",
    "é",
    "\u{2028}",
    "0",
    "9",
    "99999999999",
    "-",
    "T",
    "Z",
    "+01:00",
    ".5",
    "2024-02-29",
    "LAST",
    "\t",
    "\0",
    "\r",
    "[",
    "]",
    "\\x{",
    "}",
    "x",
    "utf-8;",
];

fn line(dice: &mut Dice) -> String {
    let mut line = dice.pick(&BEGINNINGS).to_owned();
    for _ in 0..dice.below(6) {
        line.push_str(if dice.below(3) > 0 { dice.pick(&PARAMETERS) } else { dice.pick(&PIECES) });
    }
    if dice.below(4) == 0 {
        let at = (0..dice.below(line.len()) + 1).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        line.insert_str(at, dice.pick(&PIECES));
    }
    line
}

#[test]
fn what_is_taken_of_a_line_can_be_said_again() {
    let mut dice = Dice::from_environment();
    let offers = [Protocol::Submission, Protocol::Smtp, Protocol::Lmtp].map(everything);
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..30_000 {
        let line = line(&mut dice);
        if let Ok(command) = check_command(line.as_bytes(), &offers[dice.below(3)]) {
            *taken.entry(command.name()).or_default() += 1;
            if let Command::Mail(mail) = &command {
                let held = if mail.hold.is_some() { "held" } else { "not held" };
                *taken.entry(held).or_default() += 1;
            }
        }
    }
    for kind in ["MAIL", "RCPT", "BDAT", "EHLO", "held"] {
        assert!(taken.get(kind).is_some_and(|count| *count > 100), "{kind} in {taken:?}");
    }
}
