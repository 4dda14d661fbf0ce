//! The table of commands is complete, and what it says is so.

use std::collections::HashSet;

use postern_smtp_wire::{COMMANDS, Command, CommandSpec, Extension, Offer, Protocol, help_reply};

/// An offer under which this command exists.
fn everything(protocol: Protocol) -> Offer {
    let offer = Offer::new(protocol, "mail.example.org", 10_000).with_mechanisms(&["PLAIN"]);
    Extension::ALL.into_iter().fold(offer, Offer::with)
}

/// Each row's example is read by that row, in each of its protocols, in any case of its letters.
#[test]
fn every_row_reads_its_example() {
    for spec in COMMANDS {
        for protocol in spec.protocols {
            let offer = everything(*protocol);
            let command = Command::parse(spec.example.as_bytes(), &offer).unwrap();
            assert_eq!(command.name(), spec.name);
            let lower = spec.example.replacen(spec.name, &spec.name.to_lowercase(), 1);
            assert_eq!(Command::parse(lower.as_bytes(), &offer).unwrap(), command);
        }
    }
}

/// `Command::name` is a match over every kind of command, so a new kind needs a name;
/// here every name of every kind has its one row, and a rule to cite.
#[test]
fn every_command_has_one_row() {
    let names: Vec<&str> = COMMANDS.iter().map(|spec| spec.name).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    let kinds = include_str!("../src/command.rs");
    let (_, names_of_kinds) = kinds.split_once("pub fn name(&self)").unwrap();
    let (names_of_kinds, _) = names_of_kinds.split_once("\n    }\n").unwrap();
    let named: Vec<&str> = names_of_kinds.split('"').skip(1).step_by(2).collect();
    assert_eq!(named.iter().collect::<HashSet<_>>(), names.iter().collect::<HashSet<_>>());
    for CommandSpec { name, syntax, protocols, reference, summary, .. } in COMMANDS {
        assert!(reference.starts_with("RFC ") && reference.contains(" section "), "{name}");
        assert!(syntax.starts_with(name) && !summary.is_empty() && !protocols.is_empty(), "{name}");
    }
}

/// Where it is not offered it does not exist, and where it is not served HELP does not list it.
#[test]
fn a_command_exists_only_where_its_row_says() {
    for protocol in [Protocol::Lmtp, Protocol::Submission, Protocol::Smtp] {
        let (bare, full) = (Offer::new(protocol, "mail.example.org", 10_000), everything(protocol));
        for spec in COMMANDS {
            for offer in [&bare, &full] {
                let read = Command::parse(spec.example.as_bytes(), offer);
                assert_eq!(read.is_ok(), spec.is_served(offer), "{} in {protocol:?}", spec.name);
                let listed = help_reply(offer).lines().iter().any(|line| line.starts_with(spec.syntax));
                assert_eq!(listed, spec.is_served(offer), "{} in {protocol:?}", spec.name);
            }
        }
    }
}

/// No input at all makes a reply with a line of its own, or a panic.
#[test]
fn refusals_quote_nothing_that_breaks_a_line() {
    let offer = everything(Protocol::Submission);
    for spec in COMMANDS {
        for tail in [
            "\u{85}",
            " \u{2028}",
            " <>",
            " x=\u{9f}",
            " FROM:<> \u{2029}=1",
            " TO:<a@example.org> é=é",
            " =",
            " \u{1F600}",
        ] {
            let line = format!("{}{tail}", spec.name);
            if let Err(refusal) = Command::parse(line.as_bytes(), &offer) {
                let text = refusal.reply.to_text();
                assert!(text.is_ascii() && text.matches("\r\n").count() == refusal.reply.lines().len(), "{line:?}");
                assert!(
                    !text.trim_end().contains(['\n', '\0']) || refusal.reply.lines().len() > 1,
                    "{line:?}: {text:?}"
                );
            }
        }
    }
}
