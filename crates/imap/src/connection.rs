//! One connection from its greeting to its end: input, output, limits, and what it remembers.
//!
//! Replies gather in one buffer and leave in one write before the connection waits, so
//! pipelined commands share a write. While it waits it holds no buffer. The future of a
//! command is allocated for that command alone.

use crate::answer::{Completion, End, SIGN_IN_ENDED, Stop, is_hidden, not_held, refused};
use crate::capabilities;
use crate::compressed::Compressed;
use crate::hearing::{Hearing, OfSelected};
use crate::names::{parents, spelled};
use crate::resync::Resync;
use crate::selected::Selected;
use crate::telling::Manner;
use postern_app::wire::{Shutdown, Wire};
use postern_app::{House, Locator, Peer, Refused, Session, Stopped};
use postern_imap_wire::{
    AppendHead, BadCommand, BadKind, Command, CommandBody, CommandKind, Encoder, Event, Framer, ResponseCode, Status,
    Tag,
};
use postern_types::{MailboxId, ModSeq, Timestamp, Uid};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a client that is told goodbye may take to hear it.
const FAREWELL: Duration = Duration::from_secs(2);

pub(crate) const GOING_DOWN: End = End::Bye(None, "Server is going down");
pub(crate) const UNKNOWN: &str = "Unknown command; CAPABILITY says what this server can do";
/// Replies of pipelined commands leave when they are this many bytes.
pub(crate) const GATHERED_BYTES: usize = 16 << 10;
/// What has gathered when the connection ends leaves with the farewell, if it is no more than
/// this: so that little is told to someone whose sign-in was taken back.
const LAST_BYTES: usize = 8 << 10;

/// A connection: its bytes, and the client behind them.
pub(crate) struct Connection<W> {
    pub(crate) wire: Compressed<W>,
    pub(crate) framer: Framer,
    pub(crate) shutdown: Shutdown,
    pub(crate) client: Client,
    /// When something was last looked at by the clock.
    pub(crate) last_look: Option<Instant>,
    bad_in_a_row: u32,
}

/// What a connection remembers of its client.
pub(crate) struct Client {
    pub(crate) house: Arc<House>,
    pub(crate) peer: Peer,
    /// Replies on their way.
    pub(crate) out: Vec<u8>,
    /// ENABLE IMAP4rev2 was answered.
    pub(crate) rev2: bool,
    pub(crate) resync: Resync,
    pub(crate) hearing: Hearing,
    pub(crate) failed_sign_ins: u32,
    pub(crate) signed_in: Option<Box<SignedIn>>,
}

/// Who is signed in, and what they have selected.
pub(crate) struct SignedIn {
    pub(crate) session: Session,
    pub(crate) selected: Option<Box<Selected>>,
}

/// What commands after sign-in work with.
pub(crate) struct Desk<'a> {
    pub(crate) house: &'a House,
    pub(crate) session: &'a Session,
    pub(crate) selected: &'a mut Option<Box<Selected>>,
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) rev2: bool,
    pub(crate) resync: Resync,
}

/// What commands on a selected mailbox work with.
pub(crate) struct Work<'a> {
    pub(crate) house: &'a House,
    pub(crate) session: &'a Session,
    pub(crate) selected: &'a mut Selected,
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) rev2: bool,
    pub(crate) resync: Resync,
}

impl Client {
    /// For replies.
    pub(crate) fn reply(&mut self) -> Encoder<'_> {
        Encoder::new(&mut self.out, self.rev2)
    }

    /// What to work with after sign-in. The table of commands keeps others out before.
    pub(crate) fn desk(&mut self) -> Result<Desk<'_>, Stop> {
        let Self { house, out, rev2, resync, signed_in, .. } = self;
        let Some(signed_in) = signed_in else { return Err(Completion::bad("Sign in first").into()) };
        let SignedIn { session, selected } = &mut **signed_in;
        Ok(Desk { house, session, selected, out, rev2: *rev2, resync: *resync })
    }

    /// What to work with in a selected mailbox.
    pub(crate) fn work(&mut self) -> Result<Work<'_>, Stop> {
        let Desk { house, session, selected, out, rev2, resync } = self.desk()?;
        let Some(selected) = selected else { return Err(Completion::bad("Select a mailbox first").into()) };
        let resync = resync.in_mailbox(selected.keeps_modseqs());
        Ok(Work { house, session, selected, out, rev2, resync })
    }

    /// A command asks for modification sequences: from here on changes are told with them (RFC 7162 section 3.1).
    /// Where that begins in a selected mailbox, it is told from where on.
    pub(crate) fn enable_resync(&mut self, wanted: Resync) {
        if self.resync.tells_uids() || self.resync == wanted {
            return;
        }
        let begins = !self.resync.tells_changes();
        self.resync = wanted;
        if let (true, Ok(Work { selected, out, rev2, resync, .. })) = (begins, self.work())
            && resync.tells_changes()
        {
            tell_highest(&mut Encoder::new(out, rev2), selected.told());
        }
    }

    /// A command names modification sequences: where the selected mailbox has none, it is BAD (RFC 7162 section 3.1.2.2).
    pub(crate) fn use_modseqs(&mut self) -> Result<(), Stop> {
        if !self.work()?.selected.keeps_modseqs() {
            return Err(Completion::bad("There are no modification sequences in this mailbox").into());
        }
        self.enable_resync(Resync::Changes);
        Ok(())
    }

    pub(crate) fn is_selected(&self) -> bool {
        self.signed_in.as_ref().is_some_and(|signed_in| signed_in.selected.is_some())
    }

    /// Which mailbox is selected.
    pub(crate) fn selected_id(&self) -> Option<MailboxId> {
        self.signed_in.as_ref()?.selected.as_ref().map(|selected| selected.mailbox)
    }

    /// When the letters on the selected mailbox change by themselves, as it was last seen.
    pub(crate) fn selected_until(&self) -> Option<Timestamp> {
        self.signed_in.as_ref()?.selected.as_ref()?.until()
    }

    /// The client has put messages under this name.
    pub(crate) fn note_made(&mut self, at: &Locator, uids: &[Uid]) {
        if let Some(selected) = self.selected() {
            selected.note_made(at, uids);
        }
    }

    fn selected(&mut self) -> Option<&mut Box<Selected>> {
        self.signed_in.as_mut()?.selected.as_mut()
    }

    fn deselect(&mut self) {
        if let Some(signed_in) = &mut self.signed_in {
            signed_in.selected = None;
        }
    }
}

/// HIGHESTMODSEQ (RFC 7162 section 3.1.2.1).
pub(crate) fn tell_highest(reply: &mut Encoder<'_>, modseq: ModSeq) {
    reply.untagged(Status::Ok, Some(&ResponseCode::HighestModSeq(modseq)), "Changes up to here are told");
}

/// The next thing a client wants.
enum Input {
    Command(Command),
    Bad(BadCommand),
    Append(AppendHead),
}

impl<W: Wire> Connection<W> {
    pub(crate) fn new(house: Arc<House>, wire: W, shutdown: Shutdown) -> Self {
        let framer = Framer::new(house.limits());
        let peer = wire.peer().clone();
        let (rev2, resync) = (false, Resync::Off);
        let hearing = Hearing::default();
        let client =
            Client { house, peer, out: Vec::new(), rev2, resync, hearing, failed_sign_ins: 0, signed_in: None };
        Self { wire: Compressed::new(wire), framer, shutdown, client, last_look: None, bad_in_a_row: 0 }
    }

    /// Serves until the end, and says goodbye where anyone still listens.
    pub(crate) async fn run(mut self) {
        let end = self.talk().await;
        let session = self.client.signed_in.as_ref().map(|signed_in| signed_in.session.number());
        let reason = if let End::Bye(_, text) = &end { text } else { "closed" };
        tracing::debug!(event = "imap.ended", session, reason);
        if let End::Bye(code, text) = end {
            if self.client.out.len() > LAST_BYTES {
                self.client.out.clear();
            }
            self.client.reply().bye(code.as_ref(), text);
            // The connection ends either way, and who does not read holds it no longer.
            let _ = timeout(FAREWELL, self.wire.write(&self.client.out)).await;
        }
    }

    async fn talk(&mut self) -> End {
        self.greet();
        let limit = Duration::from_secs(self.client.house.limits().sign_in_seconds);
        match timeout(limit, self.until_signed_in()).await {
            Ok(Ok(())) => {}
            Ok(Err(end)) => return end,
            Err(_) => return End::Bye(None, "Signing in took too long"),
        }
        loop {
            if let Err(end) = self.step().await {
                return end;
            }
        }
    }

    fn greet(&mut self) {
        let names = capabilities::before_sign_in(self.client.house.may_sign_in(&self.client.peer));
        let text = format!("{} Postern ready", self.client.house.hostname());
        self.client.reply().untagged(Status::Ok, Some(&ResponseCode::Capability(&names)), &text);
    }

    async fn until_signed_in(&mut self) -> Result<(), End> {
        while self.client.signed_in.is_none() {
            self.step().await?;
        }
        Ok(())
    }

    /// One command from its first byte to its reply.
    async fn step(&mut self) -> Result<(), End> {
        match self.next_input().await? {
            Input::Command(command) => Box::pin(self.command(command)).await,
            Input::Append(head) => Box::pin(self.append(head)).await,
            Input::Bad(bad) => {
                self.client.reply().bad_command(&bad);
                self.count_bad(bad.kind == BadKind::Syntax)
            }
        }
    }

    async fn next_input(&mut self) -> Result<Input, End> {
        loop {
            if self.shutdown.is_requested() {
                return Err(GOING_DOWN);
            }
            match self.framer.next_event() {
                Some(Event::Command(command)) => return Ok(Input::Command(command)),
                Some(Event::AppendStart(head)) => return Ok(Input::Append(head)),
                Some(Event::Bad(bad) | Event::AppendFailed(bad)) => return Ok(Input::Bad(bad)),
                Some(Event::Continue) => self.client.reply().continuation("Go on"),
                // They come only while a command waits for them.
                Some(Event::AppendData(_) | Event::AppendEnd | Event::Response(_) | Event::Cancelled | Event::Done) => {
                }
                None => self.fill_or_drain().await?,
            }
        }
    }

    /// Waits for bytes between commands: a drain ends the connection here.
    async fn fill_or_drain(&mut self) -> Result<(), End> {
        if self.client.hearing.is_unasked() {
            return Box::pin(self.fill_and_tell()).await;
        }
        self.flush().await?;
        let mut shutdown = self.shutdown.clone();
        tokio::select! {
            biased;
            () = shutdown.requested() => Err(GOING_DOWN),
            filled = self.fill() => filled,
        }
    }

    /// Waits for bytes within a command.
    pub(crate) async fn fill(&mut self) -> Result<(), End> {
        self.flush().await?;
        let mut bytes = Vec::new();
        let Client { house, signed_in, .. } = &self.client;
        let session = signed_in.as_ref().map(|signed_in| &signed_in.session);
        match house.receive(session, &mut self.wire, &mut bytes).await {
            Ok(()) => {
                self.framer.push(&bytes);
                Ok(())
            }
            Err(Stopped::Gone) => Err(End::Closed),
            Err(Stopped::TooLong) => Err(End::Bye(None, "Nothing was heard for too long")),
            Err(Stopped::NotHeld(refused)) => Err(not_held(refused)),
        }
    }

    /// Writes what has gathered. It is whole replies: where the sign-in has ended before the
    /// first byte of them, they are left for the farewell.
    pub(crate) async fn flush(&mut self) -> Result<(), End> {
        if self.client.out.is_empty() {
            return Ok(());
        }
        if let Some(signed_in) = &self.client.signed_in {
            self.client.house.check_session(&signed_in.session).await.map_err(not_held)?;
        }
        let bytes = std::mem::take(&mut self.client.out);
        self.write(&bytes).await
    }

    /// Writes bytes. A client that takes none for too long is gone; one whose sign-in ends is told
    /// nothing more, for it may be within a literal.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        let Client { house, signed_in, .. } = &self.client;
        let session = signed_in.as_ref().map(|signed_in| &signed_in.session);
        house.send(session, &mut self.wire, bytes).await.map_err(|_| End::Closed)
    }

    async fn command(&mut self, command: Command) -> Result<(), End> {
        let Command { tag, body } = command;
        let kind = body.kind();
        let ends_as = if has_numbers(&body) { CommandKind::Search } else { kind };
        let own = self.client.hearing.around.as_ref().map(|_| names_changed_by(&body)).unwrap_or_default();
        if kind == CommandKind::Logout {
            return Err(self.log_out(&tag).await);
        }
        let completion = match self.admit(kind).await {
            Ok(()) => match self.dispatch(&tag, body).await {
                Ok(completion) => completion,
                Err(stop) => self.stopped(kind, stop)?,
            },
            Err(stop) => self.stopped(kind, stop)?,
        };
        if let Some(selected) = self.client.selected() {
            selected.messages.command_is_done();
        }
        self.finish(&tag, ends_as, &completion, &own).await?;
        if self.wire.is_agreed() {
            self.flush().await?;
            self.wire.begin();
        }
        let limits = self.client.house.limits();
        if self.client.signed_in.is_none() && self.client.failed_sign_ins >= limits.sign_in_attempts {
            return Err(End::Bye(None, "Too many failed sign-ins"));
        }
        Ok(())
    }

    /// May this command be begun now?
    pub(crate) async fn admit(&mut self, kind: CommandKind) -> Result<(), Stop> {
        if !is_served(kind) {
            return Err(Completion::bad(UNKNOWN).into());
        }
        let Some(signed_in) = &self.client.signed_in else {
            return if kind.spec().states.allow(false, false) {
                Ok(())
            } else {
                Err(Completion::bad("Sign in first").into())
            };
        };
        self.client.house.check_session(&signed_in.session).await?;
        if kind.spec().states.allow(true, signed_in.selected.is_some()) {
            return Ok(());
        }
        let text = if signed_in.selected.is_some() || kind.spec().states.allow(false, false) {
            "You are signed in already"
        } else {
            "Select a mailbox first"
        };
        Err(Completion::bad(text).into())
    }

    /// The completion of a command that did not go through. When it was about the selected
    /// mailbox and that is hidden or gone, nothing is selected any more (docs/design.md section 4).
    pub(crate) fn stopped(&mut self, kind: CommandKind, stop: Stop) -> Result<Completion, End> {
        match stop {
            Stop::End(end) => Err(end),
            Stop::Answer(completion) => Ok(completion),
            Stop::Refused(error) => {
                let on_selected = kind.spec().states == postern_imap_wire::States::Selected
                    || matches!(kind, CommandKind::Noop | CommandKind::Idle);
                if on_selected && is_hidden(&error) {
                    self.client.deselect();
                }
                refused(error)
            }
        }
    }

    /// Tells what others did, then the completion. `own`: names that the client itself has changed.
    pub(crate) async fn finish(
        &mut self,
        tag: &Tag,
        kind: CommandKind,
        completion: &Completion,
        own: &[String],
    ) -> Result<(), End> {
        self.tell_changes(kind, completion.status).await?;
        let own = if completion.status == Status::Ok { own } else { &[] };
        for told in [self.tell_new().await, self.tell_around(own).await] {
            match told {
                Err(Stop::End(end)) => return Err(end),
                Err(Stop::Refused(Refused::Ended)) => return Err(SIGN_IN_ENDED),
                Ok(()) | Err(_) => {}
            }
        }
        let told = self.client.selected().filter(|selected| selected.keeps_modseqs()).map(|selected| selected.told());
        completion.write(&mut self.client.reply(), tag, told);
        if self.client.out.len() >= GATHERED_BYTES {
            self.flush().await?;
        }
        self.count_bad(completion.status == Status::Bad)
    }

    /// At the end of a command the client hears what happened in its mailbox. A mailbox that
    /// can not be read now is told by the next command that names it.
    async fn tell_changes(&mut self, kind: CommandKind, status: Status) -> Result<(), End> {
        let may_expunge = !matches!(kind, CommandKind::Fetch | CommandKind::Store | CommandKind::Search);
        let own_change = status == Status::Ok && changes_mailbox(kind);
        let hears = self.client.hearing.selected;
        let flags = hears.flags();
        let Ok(Work { house, session, selected, rev2, resync, .. }) = self.client.work() else { return Ok(()) };
        let manner = Manner { rev2, resync, flags };
        let telling = if hears == OfSelected::Nothing && !own_change {
            selected.past(manner)
        } else if selected.has_notice() || own_change {
            match selected.sync(house, session, manner, may_expunge).await {
                Ok(telling) => telling,
                Err(Refused::Ended) => return Err(SIGN_IN_ENDED),
                Err(_) => return Ok(()),
            }
        } else if may_expunge {
            selected.gone(manner)
        } else {
            selected.behind(manner)
        };
        self.tell_to_end(telling).await
    }

    async fn log_out(&mut self, tag: &Tag) -> End {
        let mut reply = self.client.reply();
        reply.bye(None, "Until next time");
        reply.tagged(tag, Status::Ok, None, "Logged out");
        match self.flush().await {
            Ok(()) => End::Closed,
            Err(end) => end,
        }
    }

    pub(crate) fn count_bad(&mut self, bad: bool) -> Result<(), End> {
        self.bad_in_a_row = if bad { self.bad_in_a_row + 1 } else { 0 };
        if self.bad_in_a_row > self.client.house.limits().bad_commands {
            return Err(End::Bye(None, "Too many bad commands"));
        }
        Ok(())
    }
}

/// Commands that can be read and are not offered are unknown commands to the client.
fn is_served(kind: CommandKind) -> bool {
    kind != CommandKind::StartTls
}

/// UID SEARCH that names messages by their numbers ends as SEARCH does, so that these are not changed within it (RFC 7162
/// section 3.2.10.2).
fn has_numbers(body: &CommandBody) -> bool {
    matches!(body, CommandBody::Search(search) if search.key.has_numbers())
}

/// Names that a command changes, with the levels above them where it may change these too: who watches names need not be
/// told of those that they changed themselves (RFC 5465 section 5).
fn names_changed_by(body: &CommandBody) -> Vec<String> {
    let names = match body {
        CommandBody::Subscribe { mailbox } | CommandBody::Unsubscribe { mailbox } => return vec![spelled(mailbox)],
        CommandBody::Create { mailbox, .. } | CommandBody::Delete { mailbox } => vec![mailbox],
        CommandBody::Rename { from, to } => vec![from, to],
        _ => Vec::new(),
    };
    let names = names.into_iter().map(|name| spelled(name));
    names.flat_map(|name| parents(&name).map(str::to_owned).chain([name.clone()]).collect::<Vec<_>>()).collect()
}

/// Commands after which the selected mailbox is looked at whether or not a notice came.
fn changes_mailbox(kind: CommandKind) -> bool {
    matches!(
        kind,
        CommandKind::Append
            | CommandKind::Expunge
            | CommandKind::UidExpunge
            | CommandKind::Copy
            | CommandKind::UidCopy
            | CommandKind::Move
            | CommandKind::UidMove
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_above_are_changed_by_what_comes_and_goes() {
        let mailbox = || "inbox/a/b".to_owned();
        assert_eq!(names_changed_by(&CommandBody::Subscribe { mailbox: mailbox() }), ["INBOX/a/b"]);
        assert_eq!(names_changed_by(&CommandBody::Unsubscribe { mailbox: mailbox() }), ["INBOX/a/b"]);
        let mut names = names_changed_by(&CommandBody::Delete { mailbox: mailbox() });
        names.sort_unstable();
        assert_eq!(names, ["INBOX", "INBOX/a", "INBOX/a/b"]);
    }
}
