//! Reading a dialogue file: steps, each with what must be heard after it. What can not be read
//! is told with its line, the reason and the cure. The format is described in
//! `scenarios/dialogues/README.md`.

use postern_types::{Rights, Seen};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A file that was read.
#[derive(Debug)]
pub struct Script {
    pub steps: Vec<Step>,
}

/// One act and what must be heard after it.
#[derive(Debug)]
pub struct Step {
    /// From 1.
    pub line: usize,
    pub act: Act,
    pub expected: Vec<Expected>,
}

/// What somebody does.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// A client sends a command.
    Say { client: String, command: Vec<Piece> },
    /// A client hears something unasked.
    Hears { client: String },
    /// The operator administers.
    Admin(Admin),
}

impl Act {
    /// The names of numbers that are said.
    fn kept(&self) -> impl Iterator<Item = &String> {
        let command: &[Piece] = if let Act::Say { command, .. } = self { command } else { &[] };
        command.iter().filter_map(|piece| match piece {
            Piece::Kept(name) => Some(name),
            Piece::Text(_) | Piece::Literal(_) => None,
        })
    }
}

/// A part of a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// A number that was heard before, by its name.
    Kept(String),
    /// Sent as a literal, after the server has asked for it.
    Literal(Vec<u8>),
}

/// What the operator, the clock or a sender elsewhere does.
#[derive(Debug, PartialEq, Eq)]
pub enum Admin {
    Person(String),
    Shared(String),
    Group { name: String, members: Vec<String> },
    Join { group: String, member: String },
    Leave { group: String, member: String },
    Disband(String),
    Grant { grantee: String, account: String, reach: Reach, letters: Rights, automap: bool, ends_in_ms: Option<i64> },
    Revoke { grantee: String, account: String, reach: Option<Reach> },
    Suspend { person: String, suspended: bool },
    Deliver { to: String, subject: String },
    Seen { account: String, seen: Seen },
    // It signs in to the account by itself and sees only what came there so long ago.
    Program { name: String, account: String, owner: String, older_than_ms: i64 },
    Clock { forward_ms: i64 },
}

/// What a grant covers.
#[derive(Debug, PartialEq, Eq)]
pub enum Reach {
    Account,
    Mailbox(String),
    Subtree(String),
}

/// One line that is expected.
#[derive(Debug)]
pub struct Expected {
    pub line: usize,
    pub what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// This line, here.
    Line(Pattern),
    /// Any lines or none.
    AnyLines,
    /// No line like this anywhere in the answer.
    Never(Pattern),
}

/// Numbers that were heard, by the names that a file gives them.
pub type Kept = BTreeMap<String, String>;

/// A line in which `...` stands for anything and `{name}` for a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Anything,
    /// A run of digits: those that were kept by this name, or any, which are kept.
    Number(String),
}

impl Pattern {
    fn read(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        for (index, text) in text.split(ANYTHING).enumerate() {
            if index > 0 {
                parts.push(Part::Anything);
            }
            let mut rest = text;
            while let Some((text, name, after)) = split_name(rest) {
                if text.is_empty() && !parts.is_empty() {
                    return Err(format!("write what stands before {{{name}}}, so that it is clear where it begins"));
                }
                parts.push(Part::Text(text.to_owned()));
                parts.push(Part::Number(name.to_owned()));
                rest = after;
            }
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// What is kept when the line is like this: what was kept before and the numbers that are new.
    pub fn matches(&self, line: &str, kept: &Kept) -> Option<Kept> {
        fits(&self.0, line, kept)
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter_map(|part| match part {
            Part::Number(name) => Some(name),
            Part::Text(_) | Part::Anything => None,
        })
    }
}

fn fits(parts: &[Part], line: &str, kept: &Kept) -> Option<Kept> {
    let Some((part, rest)) = parts.split_first() else { return line.is_empty().then(|| kept.clone()) };
    match part {
        Part::Text(text) => fits(rest, line.strip_prefix(text.as_str())?, kept),
        Part::Anything => {
            let mut ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
            ends.find_map(|at| fits(rest, &line[at..], kept))
        }
        Part::Number(name) => {
            let after = line.trim_start_matches(|c: char| c.is_ascii_digit());
            let number = &line[..line.len() - after.len()];
            if number.is_empty() || kept.get(name).is_some_and(|kept| kept != number) {
                return None;
            }
            let mut kept = kept.clone();
            kept.insert(name.clone(), number.to_owned());
            fits(rest, after, &kept)
        }
    }
}

/// The text before the next `{name}`, the name, and what follows. A name begins with a letter: `{17}` is text, as it
/// stands in IMAP before a literal.
fn split_name(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(found) = text[from..].find('{') {
        let open = from + found;
        let (name, after) = text[open + 1..].split_once('}')?;
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if name.starts_with(|first: char| first.is_ascii_alphabetic()) && is_name(name) {
            return Some((&text[..open], name, after));
        }
        from = open + 1;
    }
    None
}

const ANYTHING: &str = "...";

/// Why a file can not be read, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub struct ScriptError {
    pub line: usize,
    pub reason: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// Reads a whole file.
pub fn parse(text: &str) -> Result<Script, ScriptError> {
    let mut steps: Vec<Step> = Vec::new();
    let mut heard: BTreeSet<String> = BTreeSet::new();
    let at = |line, reason: String| ScriptError { line, reason };
    if !text.starts_with("# ") {
        return Err(at(1, "a dialogue opens with its reason: # l alone: … (RFC 4314 section 4)".into()));
    }
    for (index, text) in text.lines().enumerate() {
        let (line, text) = (index + 1, text.trim_end());
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some(what) = expectation(text) {
            let step = steps.last_mut().filter(|step| !matches!(step.act, Act::Admin(_)));
            let step = step.ok_or_else(|| at(line, "nobody was told anything: a <- follows a client's line".into()))?;
            let what = what.map_err(|reason| at(line, reason))?;
            if let What::Line(pattern) = &what {
                heard.extend(pattern.names().cloned());
            }
            step.expected.push(Expected { line, what });
            continue;
        }
        complete(steps.last())?;
        let act = act(text).map_err(|reason| at(line, reason))?;
        if let Some(name) = act.kept().find(|name| !heard.contains(*name)) {
            return Err(at(line, format!("{{{name}}} was not kept yet; a <- above has it where the number is heard")));
        }
        steps.push(Step { line, act, expected: Vec::new() });
    }
    complete(steps.last())?;
    match steps.iter().any(|step| !step.expected.is_empty()) {
        true => Ok(Script { steps }),
        false => Err(at(1, "nobody expects anything in this file, so it can not fail".into())),
    }
}

/// A client's line says what is heard after it: a command its completion, and what comes
/// unasked every line.
fn complete(step: Option<&Step>) -> Result<(), ScriptError> {
    let Some(step) = step else { return Ok(()) };
    let is_line = |expected: &&Expected| matches!(expected.what, What::Line(_));
    let last = step.expected.iter().rfind(|expected| !matches!(expected.what, What::Never(_)));
    let reason = match &step.act {
        Act::Say { .. } if last.is_none_or(|last| !is_line(&last)) => {
            "nothing is expected of it in the end; add <- OK … or <- NO …"
        }
        Act::Hears { .. } if last.is_none() || !step.expected.iter().all(|expected| is_line(&expected)) => {
            "what is heard unasked is written out line by line with <-"
        }
        _ => return Ok(()),
    };
    Err(ScriptError { line: step.line, reason: reason.into() })
}

fn expectation(text: &str) -> Option<Result<What, String>> {
    if let Some(pattern) = text.strip_prefix("<! ") {
        return Some(Pattern::read(pattern).map(What::Never));
    }
    let pattern = text.strip_prefix('<')?;
    Some(match pattern.strip_prefix("- ") {
        Some(ANYTHING) => Ok(What::AnyLines),
        Some(pattern) if !pattern.is_empty() => Pattern::read(pattern).map(What::Line),
        _ => Err("an expectation is <- LINE, <- ... or <! LINE".into()),
    })
}

fn act(text: &str) -> Result<Act, String> {
    if let Some(words) = text.strip_prefix("admin ") {
        return admin(&words.split_whitespace().collect::<Vec<_>>()).map(Act::Admin);
    }
    if let Some(client) = text.strip_suffix(" hears") {
        return Ok(Act::Hears { client: client_name(client)? });
    }
    let unknown = || format!("{text:?} is neither `NAME: COMMAND`, `NAME hears`, `admin …` nor `<- LINE`");
    let (client, command) = text.split_once(": ").ok_or_else(unknown)?;
    Ok(Act::Say { client: client_name(client)?, command: pieces(command)? })
}

/// `bob`, or `bob/phone` for another session of his.
fn client_name(text: &str) -> Result<String, String> {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    match text.split('/').all(word) && text.split('/').count() <= 2 {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is no client; write bob, or bob/phone for another session of his")),
    }
}

/// Text with `{names}` and `<<literals>>` in it; in a literal `|` is a line end.
fn pieces(command: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = command;
    while let Some((text, after)) = rest.split_once("<<") {
        let (literal, after) = after.split_once(">>").ok_or("a literal that begins with << ends with >>")?;
        text_pieces(text, &mut pieces);
        pieces.push(Piece::Literal(literal.replace('|', "\r\n").into_bytes()));
        rest = after;
    }
    text_pieces(rest, &mut pieces);
    Ok(pieces)
}

fn text_pieces(text: &str, pieces: &mut Vec<Piece>) {
    let mut rest = text;
    while let Some((text, name, after)) = split_name(rest) {
        pieces.push(Piece::Text(text.to_owned()));
        pieces.push(Piece::Kept(name.to_owned()));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
}

const ADMIN_HELP: &str = "admin knows: person NAME; shared NAME; group NAME MEMBER…; join GROUP NAME; leave GROUP NAME; \
    disband GROUP; grant WHO ACCOUNT [mailbox NAME|subtree NAME] LETTERS|none [no-automap] [ends SPAN]; \
    revoke WHO ACCOUNT [mailbox NAME|subtree NAME]; suspend NAME; resume NAME; deliver NAME SUBJECT; \
    seen ACCOUNT shared|personal|both; program NAME ACCOUNT of OWNER older SPAN; clock SPAN";

fn admin(words: &[&str]) -> Result<Admin, String> {
    let owned = |word: &str| word.to_owned();
    Ok(match words {
        ["person", name] => Admin::Person(owned(name)),
        ["shared", name] => Admin::Shared(owned(name)),
        ["group", name, members @ ..] => {
            Admin::Group { name: owned(name), members: members.iter().copied().map(owned).collect() }
        }
        ["join", group, member] => Admin::Join { group: owned(group), member: owned(member) },
        ["leave", group, member] => Admin::Leave { group: owned(group), member: owned(member) },
        ["disband", group] => Admin::Disband(owned(group)),
        ["grant", grantee, account, terms @ ..] => grant(owned(grantee), owned(account), terms)?,
        ["revoke", grantee, account, reach @ ..] => {
            let (reach, rest) = reach_of(reach)?;
            if !rest.is_empty() {
                return Err(ADMIN_HELP.into());
            }
            let reach = Some(reach).filter(|reach| *reach != Reach::Account);
            Admin::Revoke { grantee: owned(grantee), account: owned(account), reach }
        }
        ["suspend", name] => Admin::Suspend { person: owned(name), suspended: true },
        ["resume", name] => Admin::Suspend { person: owned(name), suspended: false },
        ["deliver", to, subject @ ..] if !subject.is_empty() => {
            Admin::Deliver { to: owned(to), subject: subject.join(" ") }
        }
        ["seen", account, seen] => {
            let seen = Seen::parse(seen).map_err(|error| format!("{seen:?}: {error}"))?;
            Admin::Seen { account: owned(account), seen }
        }
        ["program", name, account, "of", owner, "older", span] => {
            let older_than_ms = span_ms(span)?;
            Admin::Program { name: client_name(name)?, account: owned(account), owner: owned(owner), older_than_ms }
        }
        ["clock", span] => Admin::Clock { forward_ms: span_ms(span)? },
        _ => return Err(ADMIN_HELP.into()),
    })
}

fn grant(grantee: String, account: String, terms: &[&str]) -> Result<Admin, String> {
    let (reach, rest) = reach_of(terms)?;
    let (letters, mut rest) = rest.split_first().ok_or(ADMIN_HELP)?;
    let letters = match *letters {
        "none" => Rights::NONE,
        letters => Rights::parse(letters).map_err(|error| format!("{letters:?}: {error}"))?,
    };
    let (mut automap, mut ends_in_ms) = (true, None);
    loop {
        rest = match rest {
            [] => break,
            ["no-automap", rest @ ..] => {
                automap = false;
                rest
            }
            ["ends", span, rest @ ..] => {
                ends_in_ms = Some(span_ms(span)?);
                rest
            }
            _ => return Err(ADMIN_HELP.into()),
        };
    }
    Ok(Admin::Grant { grantee, account, reach, letters, automap, ends_in_ms })
}

fn reach_of<'a, 'b>(words: &'a [&'b str]) -> Result<(Reach, &'a [&'b str]), String> {
    match words {
        ["mailbox", name, rest @ ..] => Ok((Reach::Mailbox((*name).to_owned()), rest)),
        ["subtree", name, rest @ ..] => Ok((Reach::Subtree((*name).to_owned()), rest)),
        ["mailbox" | "subtree"] => Err(ADMIN_HELP.into()),
        rest => Ok((Reach::Account, rest)),
    }
}

fn span_ms(text: &str) -> Result<i64, String> {
    let unreadable = || format!("{text:?} is no span; write 30s, 15m, 8h or 90d");
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(unreadable()),
    };
    Ok(number.parse::<i64>().map_err(|_| unreadable())? * unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text).expect_err("it can not be read").to_string()
    }

    #[test]
    fn a_file_that_can_not_be_read_names_the_line_and_the_cure() {
        let reason = "# Why.\n";
        assert!(error("bob: NOOP\n<- OK Done\n").starts_with("line 1: a dialogue opens with its reason"));
        assert!(error(&format!("{reason}bob: NOOP\n\nbob: NOOP\n<- OK\n")).starts_with("line 2: nothing is expected"));
        assert!(error(&format!("{reason}bob: NOOP\n<- ...\n")).starts_with("line 2: nothing is expected"));
        assert!(error(&format!("{reason}bob: NOOP\n<! BAD...\n")).starts_with("line 2: nothing is expected"));
        assert!(error(&format!("{reason}<- OK\n")).starts_with("line 2: nobody was told anything"));
        assert!(error(&format!("{reason}admin person bob\n<- OK\n")).starts_with("line 3: nobody was told anything"));
        assert!(error(&format!("{reason}bob hears\n<- ...\n")).starts_with("line 2: what is heard unasked"));
        assert!(error(&format!("{reason}bob: NOOP\n<OK\n")).starts_with("line 3: an expectation is <- LINE"));
        assert!(error(&format!("{reason}admin person bob\n")).ends_with("so it can not fail"));
        assert!(error(&format!("{reason}bob NOOP\n")).starts_with("line 2: \"bob NOOP\" is neither"));
        assert!(error(&format!("{reason}Bob: NOOP\n")).contains("is no client"));
        assert!(error(&format!("{reason}bob: APPEND INBOX <<a\n")).contains("ends with >>"));
        let grants = ["grant bob", "grant bob help", "grant bob help mailbox", "grant bob help lr for 1h"];
        for admin in ["", "person", "program archive help older 1d"].into_iter().chain(grants) {
            assert!(error(&format!("{reason}admin {admin}\n")).starts_with("line 2: "), "{admin}");
        }
        assert!(error(&format!("{reason}admin grant bob help lq\n")).contains("\"lq\""));
        assert!(error(&format!("{reason}admin clock soon\n")).contains("is no span"));
    }

    #[test]
    fn a_file_is_steps_with_what_is_heard_after_each() {
        let text = "# Why.\nadmin grant bob help mailbox Cases none no-automap ends 2h\n\
            bob/phone: APPEND INBOX (\\Seen) <<a: b||c|>>\n<- ...\n<! ...NO...\n<- OK [APPENDUID ...] Added\n";
        let script = parse(text).expect("it reads");
        let reach = Reach::Mailbox("Cases".into());
        let (grantee, account) = ("bob".to_owned(), "help".to_owned());
        let (letters, ends_in_ms) = (Rights::NONE, Some(7_200_000));
        let grant = Admin::Grant { grantee, account, reach, letters, automap: false, ends_in_ms };
        assert_eq!(script.steps[0].act, Act::Admin(grant));
        let command = vec![
            Piece::Text("APPEND INBOX (\\Seen) ".into()),
            Piece::Literal(b"a: b\r\n\r\nc\r\n".to_vec()),
            Piece::Text(String::new()),
        ];
        assert_eq!(script.steps[1].act, Act::Say { client: "bob/phone".into(), command });
        assert_eq!(script.steps[1].expected.len(), 3);
    }

    #[test]
    fn dots_stand_for_anything() {
        let matches = |pattern, line| read(pattern).matches(line, &Kept::new()).is_some();
        assert!(matches("OK Done", "OK Done") && !matches("OK Done", "OK Done."));
        assert!(matches("OK [...] Added", "OK [APPENDUID 1 2] Added") && !matches("OK [...] Added", "OK Added"));
        assert!(matches("...a...b", "xaxb") && !matches("...b...a", "xaxb") && matches("...", ""));
        assert!(!matches("ab...b", "ab"), "the end is not the begin again");
    }

    #[test]
    fn a_name_stands_for_a_number_and_from_then_on_for_the_same() {
        let pattern = read("* OK [HIGHESTMODSEQ {highest}] ...");
        let first = pattern.matches("* OK [HIGHESTMODSEQ 17] Told", &Kept::new()).expect("a number");
        assert_eq!(first, Kept::from([("highest".to_owned(), "17".to_owned())]));
        assert_eq!(pattern.matches("* OK [HIGHESTMODSEQ 17] Again", &first), Some(first.clone()));
        for other in ["* OK [HIGHESTMODSEQ 18] Told", "* OK [HIGHESTMODSEQ 1] Told", "* OK [HIGHESTMODSEQ 170] Told"] {
            assert_eq!(pattern.matches(other, &first), None, "{other}");
        }
        for none in ["* OK [HIGHESTMODSEQ ] Told", "* OK [HIGHESTMODSEQ x] Told"] {
            assert_eq!(pattern.matches(none, &Kept::new()), None, "{none}");
        }
        assert!(read("{a} {a}").matches("1 1", &Kept::new()).is_some());
        assert!(read("{a} {a}").matches("1 2", &Kept::new()).is_none(), "within a line too");
        let kept = read("...({a})").matches("(1) (2) (3)", &Kept::new()).expect("the last one is at the end");
        assert_eq!(kept["a"], "3");
    }

    /// `{17}` is how IMAP begins a literal, and not a name.
    #[test]
    fn names_are_no_literals() {
        let literals = "BODY[] {17}|{17+}|{~}|{}|{a b}";
        assert!(read(literals).matches(literals, &Kept::new()).is_some_and(|kept| kept.is_empty()));
        assert_eq!(pieces("X {17+} {").expect("it reads"), [Piece::Text("X {17+} {".into())]);
        let text = "# Why.\nbob: NOOP\n<- {17} {a}\nbob: FETCH {a} {17}\n<- OK\n";
        let script = parse(text).expect("it reads");
        let command = vec![Piece::Text("FETCH ".into()), Piece::Kept("a".into()), Piece::Text(" {17}".into())];
        assert_eq!(script.steps[1].act, Act::Say { client: "bob".into(), command });
    }

    #[test]
    fn a_number_is_kept_before_it_is_said() {
        let not_kept = "{a} was not kept yet";
        let said = "bob: FETCH {a} UID\n<- * {a} FETCH ...\n<- OK\n";
        assert!(error(&format!("# Why.\n{said}")).starts_with(&format!("line 2: {not_kept}")));
        let never = "bob: NOOP\n<! * {a} EXISTS\n<- OK\n";
        assert!(error(&format!("# Why.\n{never}{said}")).starts_with(&format!("line 5: {not_kept}")), "not heard");
        let heard = "bob: NOOP\n<- * {a} EXISTS\n<- OK\n";
        assert!(parse(&format!("# Why.\n{heard}{said}")).is_ok());
        assert!(error("# Why.\nbob: NOOP\n<- OK ...{a}\n").starts_with("line 3: write what stands before {a}"));
        assert!(error("# Why.\nbob: NOOP\n<- OK {a}{b}\n").starts_with("line 3: write what stands before {b}"));
    }

    fn read(pattern: &str) -> Pattern {
        Pattern::read(pattern).expect("it reads")
    }
}
