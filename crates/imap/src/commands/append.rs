//! APPEND (RFC 9051 section 6.3.12), with literals of any size and no copy of the stream.
//!
//! Whether the message may be added is asked before a byte of it is taken, so a client that
//! waits to be asked for it is spared sending it. While it streams, nothing is parsed.

use crate::answer::{Completion, End, Handled, Stop, target_refused};
use crate::connection::{Client, Connection, Desk};
use crate::names;
use postern_app::wire::Wire;
use postern_app::{AppendRequest, Locator};
use postern_imap_wire::{AppendHead, BadCommand, BadKind, CommandKind, Event, ResponseCode};
use std::sync::Arc;

/// Memory that is taken for a message before its bytes are there.
const FIRST_BYTES: u64 = 64 << 10;

/// How the message came.
enum Taken {
    Whole(Vec<u8>),
    /// The command broke after it.
    Broken(BadCommand),
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
        // The size is within `Limits::message_bytes`, or the framer had refused it.
        let mut message = Vec::with_capacity(head.size.min(FIRST_BYTES) as usize);
        loop {
            match self.framer.next_event() {
                Some(Event::AppendData(bytes)) => {
                    if !head.binary && bytes.contains(&0) {
                        self.framer.refuse_append();
                        return Ok(Taken::Nul);
                    }
                    message.extend_from_slice(bytes);
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

async fn add(client: &mut Client, at: &Locator, head: &AppendHead, message: Vec<u8>) -> Handled {
    let Desk { house, session, .. } = client.desk()?;
    let request = AppendRequest { raw: Arc::new(message), flags: head.flags.clone(), internal_date: head.date };
    let appended = house.append(session, at, request).await.map_err(target_refused)?;
    client.note_made(at, &[appended.uid]);
    let code = ResponseCode::AppendUid { uid_validity: appended.uid_validity, uid: appended.uid };
    Ok(Completion::ok("Added").with(code))
}
