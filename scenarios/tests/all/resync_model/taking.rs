//! The mailbox is taken from somebody who keeps a copy of it, and given back.

use super::Story;
use super::commands::{Act, Command};
use postern_testkit::ImapClient;

impl Story<'_> {
    /// Takes the mailbox from somebody, who may be in IDLE then, or gives it back; or gives a delegate other letters.
    pub async fn change_rights(&mut self) -> Result<(), String> {
        let place = self.random.below(self.keepers.len());
        if self.keepers[place].taken.is_some() {
            self.give_back(place).await;
            return Ok(());
        }
        if !self.keepers[place].is_program() && self.random.below(2) == 0 {
            self.keepers[place].give_others(self.house, &mut self.random).await;
            self.told.push(format!("other letters: {:?}", self.keepers[place].who));
            return Ok(());
        }
        let may_idle = self.random.below(3) == 0 && self.keepers[place].is_there();
        let idle = if may_idle { Some(self.begin_idle(place).await?) } else { None };
        self.keepers[place].take(self.house, &mut self.random).await;
        self.told.push(format!("taken: {:?} {:?}", self.keepers[place].who, self.keepers[place].taken));
        if let Some((client, _)) = idle {
            // There may be news from before.
            let bye = match self.keepers[place].is_program() {
                true => "* BYE Your sign-in has ended",
                false => "* BYE The mailbox can not be read any more",
            };
            self.hear_end(place, client, |said| said.last().is_some_and(|last| last == bye)).await;
        }
        Ok(())
    }

    pub async fn give_back(&mut self, place: usize) {
        self.keepers[place].give_back(self.house, &mut self.random).await;
        self.told.push(format!("given back: {:?}", self.keepers[place].who));
    }

    /// What somebody does from whom the mailbox was taken, whether they know or not.
    pub async fn act_without(&mut self, place: usize) -> Result<(), String> {
        // APPEND is not about what is selected, and a number that no message has is BAD before anything is asked.
        let half = match self.command(place) {
            Command { act: Act::Append(_) | Act::Beyond, .. } => Command::noop().text,
            command => command.text,
        };
        let keeper = &mut self.keepers[place];
        let name = keeper.who.name();
        match keeper.client.take() {
            Some(mut client) if keeper.is_ended => {
                self.told.push(format!("{name}, whose sign-in has ended: {half}"));
                keeper.is_ended = false;
                client.send(format!("x {half}\r\n").as_bytes()).await;
                self.hear_end(place, client, |said| said == ["* BYE Your sign-in has ended"]).await;
            }
            Some(client) if self.random.below(2) == 0 => {
                // Given back before they say a word, nothing has happened to them.
                keeper.client = Some(client);
                self.give_back(place).await;
            }
            Some(client) => return self.is_refused(place, client, &half).await,
            None if self.random.below(2) == 0 => self.give_back(place).await,
            None => {
                self.told.push(format!("{name} is kept out"));
                return keeper.is_kept_out(self.house).await;
            }
        }
        Ok(())
    }

    /// A delegate's next command is refused as if there were no mailbox, and nothing is selected any more.
    async fn is_refused(&mut self, place: usize, mut client: ImapClient, command: &str) -> Result<(), String> {
        let keeper = &mut self.keepers[place];
        self.told.push(format!("{} without it: {command}", keeper.who.name()));
        let answer = client.command(command).await;
        if !answer.status.starts_with("NO [NONEXISTENT]") || !answer.untagged.is_empty() {
            return Err(format!("{} hears {:?} {}", keeper.who.name(), answer.lines(), answer.status));
        }
        client.bad("FETCH 1 FLAGS", "Select a mailbox first").await;
        keeper.copy.lose_numbers();
        keeper.spare = Some(client);
        self.model.sessions[place] = None;
        Ok(())
    }

    /// The server has ended the connection, and said nothing that it should not.
    async fn hear_end(&mut self, place: usize, mut client: ImapClient, is_right: impl Fn(&[String]) -> bool) {
        let keeper = &mut self.keepers[place];
        let said = client.closed().await;
        self.told.extend(said.iter().map(|line| format!("    {line}")));
        said.iter().for_each(|line| keeper.copy.hear(line));
        keeper.copy.lose_numbers();
        self.model.sessions[place] = None;
        if !is_right(&said) {
            keeper.copy.amiss.get_or_insert_with(|| format!("{} hears {said:?}", keeper.who.name()));
        }
    }
}
