//! A person's connection as the story sees it: commands, and the kind of their answers.

use postern_testkit::ImapClient;
use std::collections::BTreeSet;

/// What kind of answer a command got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Ok,
    /// `NO [NOPERM]`
    Missing,
    /// `NO [NONEXISTENT]`, and `[TRYCREATE]` of the target of APPEND and COPY.
    Hidden,
    Cannot,
    Taken,
    HasChildren,
    Bad,
    /// BYE, and the end of the connection.
    Bye,
    /// What no command is to be answered with.
    Strange,
}

/// An answer: untagged lines, and the completion; `None` where the connection ended.
#[derive(Debug)]
pub struct Heard {
    pub lines: Vec<String>,
    pub completion: Option<String>,
}

impl Heard {
    pub fn kind(&self) -> Kind {
        let Some(completion) = &self.completion else {
            let said = self.lines.iter().any(|line| line.starts_with("* BYE "));
            return if said { Kind::Bye } else { Kind::Strange };
        };
        let kinds = [
            ("OK ", Kind::Ok),
            ("BAD ", Kind::Bad),
            ("NO [NOPERM] ", Kind::Missing),
            ("NO [NONEXISTENT] ", Kind::Hidden),
            ("NO [TRYCREATE] ", Kind::Hidden),
            ("NO [CANNOT] ", Kind::Cannot),
            ("NO [ALREADYEXISTS] ", Kind::Taken),
            ("NO [HASCHILDREN] ", Kind::HasChildren),
        ];
        let found = kinds.into_iter().find(|(begin, _)| completion.starts_with(begin));
        found.map_or(Kind::Strange, |(_, kind)| kind)
    }

    /// What follows this in the lines that begin with it.
    pub fn after(&self, begin: &str) -> Vec<String> {
        self.lines.iter().filter_map(|line| Some(line.strip_prefix(begin)?.to_owned())).collect()
    }
}

/// A signed-in session.
pub struct Session {
    pub client: ImapClient,
    /// Account and number of the mailbox that is selected.
    pub selected: Option<(usize, usize)>,
    /// UIDs that the session was told of since it selected.
    pub known: BTreeSet<u32>,
    /// The tag of an IDLE that goes on.
    pub idle: Option<String>,
}

impl Session {
    pub fn new(client: ImapClient) -> Self {
        Self { client, selected: None, known: BTreeSet::new(), idle: None }
    }

    /// Sends a command, its literal once the server asks for it, and reads to the completion.
    pub async fn ask(&mut self, command: &str, literal: Option<&str>) -> Heard {
        let tag = self.client.next_tag();
        self.client.send(format!("{tag} {command}\r\n").as_bytes()).await;
        let mut heard = self.read(&tag, literal.is_some()).await;
        if let Some(literal) = literal
            && heard.completion.is_none()
            && heard.lines.pop_if(|line| line.starts_with('+')).is_some()
        {
            self.client.send(format!("{literal}\r\n").as_bytes()).await;
            heard = self.read(&tag, false).await;
        }
        heard
    }

    /// IDLE: `OK` once the server waits.
    pub async fn begin_idle(&mut self) -> Heard {
        let tag = self.client.next_tag();
        self.client.send(format!("{tag} IDLE\r\n").as_bytes()).await;
        let mut heard = self.read(&tag, true).await;
        if heard.completion.is_none() && heard.lines.pop_if(|line| line.starts_with('+')).is_some() {
            heard.completion = Some("OK Waiting".to_owned());
            self.idle = Some(tag);
        }
        heard
    }

    pub async fn end_idle(&mut self, tag: &str) -> Heard {
        self.client.send(b"DONE\r\n").await;
        self.read(tag, false).await
    }

    /// Reads to the end of the connection.
    pub async fn farewell(&mut self) -> Heard {
        self.read("-", false).await
    }

    async fn read(&mut self, tag: &str, stops_when_asked: bool) -> Heard {
        let mut lines = Vec::new();
        while let Some(response) = self.client.try_response().await {
            let line = String::from_utf8_lossy(&response).into_owned();
            if let Some(completion) = line.strip_prefix(tag).and_then(|rest| rest.strip_prefix(' ')) {
                return Heard { lines, completion: Some(completion.to_owned()) };
            }
            let asked = line.starts_with('+');
            lines.push(line);
            if asked && stops_when_asked {
                break;
            }
        }
        Heard { lines, completion: None }
    }
}
