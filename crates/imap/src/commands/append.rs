//! APPEND (RFC 9051 section 6.3.12), with literals of any size and no copy of the stream.
//!
//! Whether the message may be added is asked before a byte of it is taken, so a client that
//! waits to be asked for it is spared sending it. While it streams, nothing is parsed, and what is large lies in a file
//! ([`Incoming`]).

use crate::answer::{Completion, End, Handled, Stop, target_refused};
use crate::connection::{Client, Connection, Desk};
use crate::names;
use postern_app::wire::Wire;
use postern_app::{AppendRequest, Incoming, Locator, Refused};
use postern_imap_wire::{AppendHead, BadCommand, BadKind, CommandKind, Event, ResponseCode};
use std::sync::Arc;

/// How the message came.
enum Taken {
    Whole(Incoming),
    /// The command broke after it.
    Broken(BadCommand),
    /// It could not be kept; the rest is read past.
    Unkept(Refused),
    /// It holds NUL and was not sent as literal8; the rest is read past.
    Nul,
}

impl<W: Wire> Connection<W> {
    /// APPEND, from its head on.
    pub(crate) async fn append(&mut self, head: AppendHead) -> Result<(), End> {
        let at = names::locate(&head.mailbox);
        let completion = match self.may_append(&head, &at).await {
            Err(stop) => {
                self.framer.refuse_append();
                self.stopped(CommandKind::Append, stop)?
            }
            Ok(()) => match self.take_message(&head).await? {
                Taken::Broken(bad) => {
                    self.client.reply().bad_command(&bad);
                    return self.count_bad(bad.kind == BadKind::Syntax);
                }
                Taken::Nul => Completion::bad("A message that holds NUL is sent as literal8 (RFC 3516 section 4.4)"),
                Taken::Unkept(refused) => self.stopped(CommandKind::Append, refused.into())?,
                Taken::Whole(message) => match add(&mut self.client, &at, &head, message).await {
                    Ok(completion) => completion,
                    Err(stop) => self.stopped(CommandKind::Append, stop)?,
                },
            },
        };
        self.finish(&head.tag, CommandKind::Append, &completion, &[]).await
    }

    async fn may_append(&mut self, head: &AppendHead, at: &Locator) -> Result<(), Stop> {
        self.admit(CommandKind::Append).await?;
        if head.size == 0 {
            return Err(Completion::no(ResponseCode::Cannot, "A message has at least one byte").into());
        }
        let Desk { house, session, .. } = self.client.desk()?;
        house.may_append(session, at).await.map_err(target_refused)
    }

    async fn take_message(&mut self, head: &AppendHead) -> Result<Taken, End> {
        self.framer.accept_append();
        if head.synchronising {
            self.client.reply().continuation("Send the message");
        }
        let mut message = self.client.house.incoming();
        loop {
            match self.framer.next_event() {
                Some(Event::AppendData(bytes)) => {
                    if !head.binary && bytes.contains(&0) {
                        self.framer.refuse_append();
                        return Ok(Taken::Nul);
                    }
                    if let Err(refused) = message.push(bytes).await {
                        self.framer.refuse_append();
                        return Ok(Taken::Unkept(refused));
                    }
                }
                Some(Event::AppendEnd) => return Ok(Taken::Whole(message)),
                Some(Event::AppendFailed(bad) | Event::Bad(bad)) => return Ok(Taken::Broken(bad)),
                // Nothing else comes within an APPEND.
                Some(_) => {}
                None => self.fill().await?,
            }
        }
    }
}

async fn add(client: &mut Client, at: &Locator, head: &AppendHead, message: Incoming) -> Handled {
    let room = client.house.room(&client.peer);
    let Desk { house, session, .. } = client.desk()?;
    let Some(whole) = house.whole(session, room, message).await? else {
        let text = "The server has no room for the message now; please send it again later";
        return Ok(Completion::no(ResponseCode::Limit, text));
    };
    let request = AppendRequest { raw: Arc::new(whole.bytes), flags: head.flags.clone(), internal_date: head.date };
    let appended = house.append(session, at, request).await.map_err(target_refused)?;
    client.note_made(at, &[appended.uid]);
    let code = ResponseCode::AppendUid { uid_validity: appended.uid_validity, uid: appended.uid };
    Ok(Completion::ok("Added").with(code))
}
