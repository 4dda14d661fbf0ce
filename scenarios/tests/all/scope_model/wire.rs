//! Commands as bytes, and the kinds of their answers.

use postern_testkit::ImapClient;

/// What kind of answer a command got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ok,
    /// `NO [NOPERM]`
    Missing,
    /// `NO [NONEXISTENT]`, and `[TRYCREATE]` of the target of APPEND, COPY and MOVE.
    Hidden,
    Cannot,
    Taken,
    HasChildren,
    Bad,
    /// What no command is to be answered with.
    Strange,
}

/// An answer: untagged lines, and the completion without its tag.
#[derive(Debug)]
pub struct Heard {
    pub lines: Vec<String>,
    pub completion: String,
}

impl Heard {
    pub fn kind(&self) -> Kind {
        let kinds = [
            ("OK ", Kind::Ok),
            ("BAD ", Kind::Bad),
            ("NO [NOPERM] ", Kind::Missing),
            ("NO [NONEXISTENT] No such mailbox", Kind::Hidden),
            ("NO [TRYCREATE] No such mailbox", Kind::Hidden),
            ("NO [NONEXISTENT] No such quota root", Kind::Hidden),
            ("NO [CANNOT] ", Kind::Cannot),
            ("NO [ALREADYEXISTS] ", Kind::Taken),
            ("NO [HASCHILDREN] ", Kind::HasChildren),
        ];
        let found = kinds.into_iter().find(|(begin, _)| self.completion.starts_with(begin));
        found.map_or(Kind::Strange, |(_, kind)| kind)
    }

    /// What follows this in the lines that begin with it.
    pub fn after(&self, begin: &str) -> Vec<String> {
        self.lines.iter().filter_map(|line| Some(line.strip_prefix(begin)?.to_owned())).collect()
    }

    /// All of it, the name masked, and without what only a mailbox that was open before is told.
    pub fn masked(&self, name: &str) -> Vec<String> {
        let lines = self.lines.iter().filter(|line| !line.contains("[CLOSED]"));
        lines.chain([&self.completion]).map(|line| line.replace(name, "{mailbox}")).collect()
    }
}

/// Sends a command, then what it was asked for, and reads to the completion.
pub async fn ask(client: &mut ImapClient, command: &str, more: &str) -> Heard {
    let tag = client.next_tag();
    client.send(format!("{tag} {command}\r\n").as_bytes()).await;
    let mut lines = Vec::new();
    loop {
        let line = String::from_utf8_lossy(&client.response().await).into_owned();
        if let Some(completion) = line.strip_prefix(&tag).and_then(|rest| rest.strip_prefix(' ')) {
            return Heard { lines, completion: completion.to_owned() };
        }
        if line.starts_with('+') {
            client.send(format!("{more}\r\n").as_bytes()).await;
        } else {
            lines.push(line);
        }
    }
}

/// UID and flags of the lines of FETCH, `\Recent` left out.
pub fn fetched(lines: &[String]) -> Vec<(u32, Vec<String>)> {
    let one = |line: &String| {
        let (uid, rest) = line.split_once(" FETCH (UID ")?.1.split_once(' ')?;
        let flags = rest.strip_prefix("FLAGS (")?.split_once(')')?.0;
        let mut flags: Vec<String> =
            flags.split(' ').filter(|flag| !flag.is_empty() && *flag != "\\Recent").map(str::to_owned).collect();
        flags.sort();
        Some((uid.parse().ok()?, flags))
    };
    lines.iter().filter_map(one).collect()
}
