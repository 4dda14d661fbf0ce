//! Playing a dialogue: its clients over real sockets, its administration through the house, by
//! a clock that moves when the file says so.

use super::script::{Act, Admin, Expected, Kept, Piece, Reach, Script, Step, What};
use postern_app::{CredentialWish, GrantReach, GrantTerms, Networks, Purpose, Refused};
use postern_store::ManualClock;
use postern_testkit::{Engine, House, ImapClient};
use postern_types::{Address, DisplayName, MailboxName, SendRights, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// When every dialogue begins: 1 January 2100. House time never goes back, and the house was
/// made by the machine's clock.
const BEGIN: Timestamp = Timestamp(4_102_444_800_000);
/// What is heard when the server ends the connection.
const CLOSED: &str = "closed";

/// Plays a script on one engine; `Err` tells every step that went otherwise. Nothing to tell
/// where tests were told to leave the engine out.
pub async fn play(script: &Script, engine: Engine) -> Result<(), String> {
    let clock = Arc::new(ManualClock::new(BEGIN));
    let Some(house) = House::builder(engine).clock(Arc::clone(&clock) as Arc<_>).start().await else { return Ok(()) };
    let mut stage = Stage { house, clock, talks: BTreeMap::new(), programs: BTreeMap::new() };
    let (mut amiss, mut kept) = (Vec::new(), Kept::new());
    for step in &script.steps {
        match stage.step(step, &kept).await {
            Ok(heard) => amiss.extend(differs(step, &heard, &mut kept)),
            // What comes after it means nothing.
            Err(reason) => {
                amiss.push(format!("line {}: {reason}", step.line));
                break;
            }
        }
    }
    if amiss.is_empty() { Ok(()) } else { Err(amiss.join("\n")) }
}

struct Stage {
    house: House,
    clock: Arc<ManualClock>,
    talks: BTreeMap<String, Talk>,
    /// The account and the secret with which a program signs in.
    programs: BTreeMap<String, (Address, String)>,
}

/// One client's connection.
struct Talk {
    client: ImapClient,
    /// The tag of an IDLE that was not ended.
    idle: Option<String>,
}

impl Stage {
    async fn step(&mut self, step: &Step, kept: &Kept) -> Result<Vec<String>, String> {
        match &step.act {
            Act::Admin(admin) => {
                self.administer(admin).await?;
                Ok(Vec::new())
            }
            Act::Say { client, command } => {
                let command = with_numbers(command, kept)?;
                self.talk(client).await.say(&command).await
            }
            Act::Hears { client } => Ok(self.talk(client).await.hears(step.expected.len()).await),
        }
    }

    /// Who speaks for the first time signs in.
    async fn talk(&mut self, client: &str) -> &mut Talk {
        if !self.talks.contains_key(client) {
            let name = client.split('/').next().unwrap_or(client);
            let signed_in = match self.programs.get(name) {
                Some((account, secret)) => {
                    let mut program = self.house.imap(name).await;
                    program.login(account.as_str(), secret).await;
                    program
                }
                None => self.house.imap_as(&format!("{name}@example.org")).await,
            };
            self.talks.insert(client.to_owned(), Talk { client: signed_in, idle: None });
        }
        self.talks.get_mut(client).expect("it was put there")
    }

    async fn administer(&mut self, admin: &Admin) -> Result<(), String> {
        let (house, app, operator) = (&self.house, self.house.app(), self.house.operator());
        match admin {
            Admin::Person(name) => house.person(address(name)?.as_str()).await,
            Admin::Shared(name) => house.shared(address(name)?.as_str()).await,
            Admin::Group { name, members } => {
                let members = members.iter().map(|member| address(member)).collect::<Result<Vec<_>, _>>()?;
                app.add_group(operator, &address(name)?, &DisplayName::default(), &members).await.map_err(refused)?;
            }
            Admin::Join { group, member } => {
                app.add_member(operator, &address(group)?, &address(member)?).await.map_err(refused)?;
            }
            Admin::Leave { group, member } => {
                app.remove_member(operator, &address(group)?, &address(member)?).await.map_err(refused)?;
            }
            Admin::Disband(group) => app.remove_group(operator, &address(group)?).await.map_err(refused)?,
            Admin::Grant { grantee, account, reach, letters, automap, ends_in_ms } => {
                let terms = GrantTerms {
                    reach: reach_of(reach)?,
                    rights: *letters,
                    send: SendRights::NONE,
                    automap: *automap,
                    not_after: ends_in_ms.map(|span| Timestamp(app.now().0 + span)),
                };
                app.give(operator, &address(account)?, &address(grantee)?, terms).await.map_err(refused)?;
            }
            Admin::Revoke { grantee, account, reach } => {
                let reach = reach.as_ref().map(reach_of).transpose()?;
                app.take_back(operator, &address(account)?, &address(grantee)?, reach).await.map_err(refused)?;
            }
            Admin::Suspend { person, suspended } => {
                app.suspend_person(operator, &address(person)?, *suspended).await.map_err(refused)?;
            }
            Admin::Deliver { to, subject } => {
                let message = format!("From: Customer <customer@example.net>\r\nSubject: {subject}\r\n\r\nHello.\r\n");
                house.deliver(address(to)?.as_str(), &message).await;
            }
            Admin::Seen { account, seen } => house.set_seen(address(account)?.as_str(), *seen).await,
            Admin::Program { name, account, owner, older_than_ms } => {
                let (account, owner) = (address(account)?, address(owner)?);
                let wish = CredentialWish {
                    networks: Some(Networks::Any),
                    older_than_ms: Some(*older_than_ms),
                    ..CredentialWish::new(Purpose::Backup, owner, "what is old is kept elsewhere")
                };
                let issued = app.issue_credential(operator, &account, wish).await.map_err(refused)?;
                let secret = issued.secret.as_ref().and_then(|secret| secret.expose_text());
                let secret = secret.ok_or("a secret that can not be shown")?.to_owned();
                self.programs.insert(name.clone(), (account, secret));
            }
            Admin::Clock { forward_ms } => self.clock.advance_ms(*forward_ms),
        }
        Ok(())
    }
}

fn refused(refused: Refused) -> String {
    format!("refused: {refused}")
}

fn address(name: &str) -> Result<Address, String> {
    Address::parse(&format!("{name}@example.org")).map_err(|error| format!("{name:?}: {error}"))
}

fn reach_of(reach: &Reach) -> Result<GrantReach, String> {
    let parsed = |name: &str| MailboxName::parse(name).map_err(|error| format!("{name:?}: {error}"));
    Ok(match reach {
        Reach::Account => GrantReach::Account,
        Reach::Mailbox(name) => GrantReach::Mailbox(parsed(name)?),
        Reach::Subtree(name) => GrantReach::Subtree(parsed(name)?),
    })
}

/// The command with the numbers that were heard before.
fn with_numbers(command: &[Piece], kept: &Kept) -> Result<Vec<Piece>, String> {
    let mut said = Vec::new();
    for piece in command {
        said.push(match piece {
            Piece::Text(text) => Piece::Text(text.clone()),
            Piece::Literal(literal) => Piece::Literal(literal.clone()),
            Piece::Kept(name) => {
                let number =
                    kept.get(name).ok_or_else(|| format!("{{{name}}} was not heard, so it can not be said"))?;
                Piece::Text(number.clone())
            }
        });
    }
    Ok(said)
}

impl Talk {
    /// Sends a command; answers every line until its completion, which comes without its tag.
    async fn say(&mut self, command: &[Piece]) -> Result<Vec<String>, String> {
        let mut heard = Vec::new();
        let tag = match (command, self.idle.take()) {
            ([Piece::Text(word)], Some(tag)) if word == "DONE" => {
                self.client.send(b"DONE\r\n").await;
                tag
            }
            (_, Some(_)) => return Err("it is in IDLE; DONE comes first".into()),
            (command, None) => {
                let tag = self.client.next_tag();
                if !self.send(&tag, command, &mut heard).await {
                    return Ok(heard);
                }
                if matches!(command, [Piece::Text(word)] if word == "IDLE")
                    && self.is_asked_for_more(&tag, &mut heard).await
                {
                    self.idle = Some(tag);
                    return Ok(heard);
                }
                tag
            }
        };
        self.until_tagged(&tag, &mut heard).await;
        Ok(heard)
    }

    /// Sends the pieces; answers whether the whole command was taken.
    async fn send(&mut self, tag: &str, command: &[Piece], heard: &mut Vec<String>) -> bool {
        self.client.send(format!("{tag} ").as_bytes()).await;
        for piece in command {
            match piece {
                Piece::Text(text) | Piece::Kept(text) => self.client.send(text.as_bytes()).await,
                Piece::Literal(literal) => {
                    self.client.send(format!("{{{}}}\r\n", literal.len()).as_bytes()).await;
                    if !self.is_asked_for_more(tag, heard).await {
                        return false;
                    }
                    // That it asks is not worth a line in the file.
                    heard.pop();
                    self.client.send(literal).await;
                }
            }
        }
        self.client.send(b"\r\n").await;
        true
    }

    /// Reads until the server asks for more, or answers the command instead.
    async fn is_asked_for_more(&mut self, tag: &str, heard: &mut Vec<String>) -> bool {
        while !is_end(heard.last()) {
            let line = self.line(Some(tag)).await;
            let asked = line.text.starts_with('+');
            let ended = line.completes;
            heard.push(line.text);
            if asked || ended {
                return asked;
            }
        }
        false
    }

    async fn until_tagged(&mut self, tag: &str, heard: &mut Vec<String>) {
        while !is_end(heard.last()) {
            let line = self.line(Some(tag)).await;
            heard.push(line.text);
            if line.completes {
                return;
            }
        }
    }

    /// Reads so many lines that come unasked.
    async fn hears(&mut self, lines: usize) -> Vec<String> {
        let mut heard = Vec::new();
        while heard.len() < lines && !is_end(heard.last()) {
            heard.push(self.line(None).await.text);
        }
        heard
    }

    async fn line(&mut self, tag: Option<&str>) -> Line {
        let Some(response) = self.client.try_response().await else {
            return Line { text: CLOSED.to_owned(), completes: true };
        };
        let text = String::from_utf8_lossy(&response).replace("\r\n", "|");
        let completion = tag.and_then(|tag| text.strip_prefix(tag)?.strip_prefix(' '));
        match completion {
            Some(completion) => Line { text: completion.to_owned(), completes: true },
            None => Line { text, completes: false },
        }
    }
}

/// One line that was heard; a line end within it is `|`.
struct Line {
    text: String,
    /// It is the command's last.
    completes: bool,
}

fn is_end(line: Option<&String>) -> bool {
    line.is_some_and(|line| line == CLOSED)
}

/// What went otherwise than written, in words. The numbers that were heard are kept.
fn differs(step: &Step, heard: &[String], kept: &mut Kept) -> Option<String> {
    for expected in &step.expected {
        if let What::Never(pattern) = &expected.what
            && let Some(line) = heard.iter().find(|line| pattern.matches(line, kept).is_some())
        {
            return Some(format!("line {}: heard {line:?}, which is never to be heard", expected.line));
        }
    }
    let wanted: Vec<&Expected> =
        step.expected.iter().filter(|expected| !matches!(expected.what, What::Never(_))).collect();
    if let Some(now) = fits(&wanted, heard, kept) {
        *kept = now;
        return None;
    }
    let lines: Vec<String> = heard.iter().map(|line| format!("\n    <- {line}")).collect();
    let numbers: Vec<String> = kept.iter().map(|(name, number)| format!(" {name} = {number}")).collect();
    let numbers = if numbers.is_empty() { String::new() } else { format!("\n  kept:{}", numbers.concat()) };
    Some(format!("line {}: this was heard instead:{}{numbers}", step.line, lines.concat()))
}

/// What is kept when this was heard.
fn fits(wanted: &[&Expected], heard: &[String], kept: &Kept) -> Option<Kept> {
    match (wanted.split_first(), heard.split_first()) {
        (None, first) => first.is_none().then(|| kept.clone()),
        (Some((Expected { what: What::AnyLines, .. }, rest)), _) => {
            (0..=heard.len()).find_map(|skipped| fits(rest, &heard[skipped..], kept))
        }
        (Some((Expected { what: What::Line(pattern), .. }, rest)), Some((line, others))) => {
            fits(rest, others, &pattern.matches(line, kept)?)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogues::script::parse;

    fn told_with(kept: &mut Kept, expected: &str, heard: &[&str]) -> Option<String> {
        let script = parse(&format!("# Why.\nbob: NOOP\n{expected}")).expect("it reads");
        let heard: Vec<String> = heard.iter().map(|line| (*line).to_owned()).collect();
        differs(&script.steps[0], &heard, kept)
    }

    fn told(expected: &str, heard: &[&str]) -> Option<String> {
        told_with(&mut Kept::new(), expected, heard)
    }

    /// The whole answer is compared: a line too many is as wrong as one too few.
    #[test]
    fn an_answer_is_what_was_written_and_nothing_else() {
        assert_eq!(told("<- * 1 EXISTS\n<- OK Done\n", &["* 1 EXISTS", "OK Done"]), None);
        assert_eq!(told("<- ...\n<- OK Done\n", &["* 1 EXISTS", "* 1 RECENT", "OK Done"]), None);
        assert!(told("<- OK Done\n", &["* 1 EXISTS", "OK Done"]).is_some());
        assert!(told("<- * 1 EXISTS\n<- OK Done\n", &["OK Done"]).is_some());
        assert!(told("<- ...\n<- OK Done\n<! * 1 ...\n", &["* 1 EXISTS", "OK Done"]).is_some());
        let told = told("<- OK Done\n", &["NO [NOPERM] You may not"]).expect("it went otherwise");
        assert_eq!(told, "line 2: this was heard instead:\n    <- NO [NOPERM] You may not");
    }

    #[test]
    fn a_number_that_was_heard_is_said_and_heard_again() {
        let mut kept = Kept::new();
        assert_eq!(
            told_with(&mut kept, "<- ...\n<- * {a} EXISTS\n<- OK\n", &["* 1 RECENT", "* 12 EXISTS", "OK"]),
            None
        );
        let said = [Piece::Text("FETCH ".into()), Piece::Kept("a".into()), Piece::Text(":*".into())];
        let heard = with_numbers(&said, &kept).expect("it was kept");
        assert_eq!(heard, ["FETCH ", "12", ":*"].map(|text| Piece::Text(text.into())));
        assert_eq!(told_with(&mut kept, "<- * {a} {b}\n<- OK\n", &["* 12 7", "OK"]), None);
        let other = told_with(&mut kept, "<- * {a} {b}\n<- OK\n", &["* 12 8", "OK"]).expect("8 is not 7");
        assert!(other.ends_with("\n    <- * 12 8\n    <- OK\n  kept: a = 12 b = 7"), "{other}");
        assert!(told_with(&mut kept, "<! {a}\n<- ...\n<- OK\n", &["13", "OK"]).is_none(), "it is another number");
        assert!(told_with(&mut kept, "<! {a}\n<- ...\n<- OK\n", &["12", "OK"]).is_some());
        // What went otherwise keeps nothing.
        assert!(told_with(&mut kept, "<- {c}\n<- NO\n", &["9", "OK"]).is_some());
        let unheard = with_numbers(&[Piece::Kept("c".into())], &kept).expect_err("it was not heard");
        assert_eq!(unheard, "{c} was not heard, so it can not be said");
    }
}
