//! One connection to another server: commands out, answers in, each within its time.

use super::said;
use postern_app::Said;
use postern_app::wire::Wire;
use postern_smtp_wire::client::{Answer, AnswerReader, BadAnswer, PeerOffer, QUIT};
use postern_types::length;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

/// A connection that was greeted.
pub(super) struct Connection<W> {
    wire: W,
    reader: AnswerReader,
    /// What the server offers, as of the last EHLO.
    pub offer: PeerOffer,
    /// What it calls itself.
    pub server: Option<String>,
    /// Transactions that were begun.
    pub transactions: usize,
    /// Nobody knows where it stands, so it takes no other message.
    pub is_spoiled: bool,
}

/// The connection is of no more use.
#[derive(Debug)]
pub(super) struct Broken {
    /// What to say of everybody who waits for an answer.
    pub said: Said,
    /// The server ended it, which is nobody's fault on a connection that was idle.
    pub is_gone: bool,
}

impl Broken {
    fn gone(error: Option<&io::Error>) -> Self {
        let text = match error {
            None => "The server closed the connection".to_owned(),
            Some(error) => format!("The connection was lost: {error}"),
        };
        Self { said: said::ours("4.4.2", text), is_gone: true }
    }

    pub fn too_late(patience: Duration) -> Self {
        let seconds = i64::try_from(patience.as_secs()).unwrap_or(i64::MAX);
        let text = format!("The server did not answer within {}", length(seconds));
        Self { said: said::ours("4.4.2", text), is_gone: false }
    }

    /// After nonsense nobody knows which answer is to which command.
    fn nonsense(bad: BadAnswer) -> Self {
        Self { said: said::ours("4.5.0", format!("The server does not speak SMTP: {bad}")), is_gone: false }
    }

    /// 421 may come at any time and ends the connection (RFC 5321 sections 3.8 and 4.2.1).
    fn closing(answer: &Answer) -> Self {
        Self { said: said::reply(answer), is_gone: true }
    }
}

impl<W: Wire> Connection<W> {
    pub fn new(wire: W) -> Self {
        Self {
            wire,
            reader: AnswerReader::default(),
            offer: PeerOffer::default(),
            server: None,
            transactions: 0,
            is_spoiled: false,
        }
    }

    pub async fn write(&mut self, bytes: &[u8], patience: Duration) -> Result<(), Broken> {
        match timeout(patience, self.wire.write(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Broken::gone(Some(&error))),
            Err(_) => Err(Broken::too_late(patience)),
        }
    }

    /// The next answer. A 421 is none: it breaks the connection.
    pub async fn answer(&mut self, patience: Duration) -> Result<Answer, Broken> {
        let answer = timeout(patience, self.read()).await.map_err(|_| Broken::too_late(patience))??;
        if answer.code() == 421 { Err(Broken::closing(&answer)) } else { Ok(answer) }
    }

    pub async fn ask(&mut self, command: &[u8], patience: Duration) -> Result<Answer, Broken> {
        self.write(command, patience).await?;
        self.answer(patience).await
    }

    async fn read(&mut self) -> Result<Answer, Broken> {
        loop {
            if let Some(answer) = self.reader.next().map_err(Broken::nonsense)? {
                return Ok(answer);
            }
            match self.wire.read(self.reader.input()).await {
                Ok(0) => return Err(Broken::gone(None)),
                Ok(_) => {}
                Err(error) => return Err(Broken::gone(Some(&error))),
            }
        }
    }

    /// Looks once and does not wait: nothing came since the last answer, not even the end.
    pub async fn is_quiet(&mut self) -> bool {
        if self.reader.buffered() > 0 {
            return false;
        }
        let mut read = pin!(self.wire.read(self.reader.input()));
        poll_fn(|context| Poll::Ready(read.as_mut().poll(context).is_pending())).await
    }

    pub fn is_encrypted(&self) -> bool {
        self.wire.peer().encrypted
    }

    /// It does not leave this machine.
    pub fn is_loopback(&self) -> bool {
        self.wire.peer().address.is_some_and(|address| address.is_loopback())
    }

    /// Something came that was not asked for.
    pub fn has_unread(&self) -> bool {
        self.reader.buffered() > 0
    }

    /// The server takes another message on this connection (RFC 9422 section 4.1, MAILMAX).
    pub fn may_go_on(&self) -> bool {
        let is_clean = !self.is_spoiled && !self.has_unread();
        is_clean && self.offer.messages_limit.is_none_or(|limit| self.transactions < limit)
    }

    /// TLS; everything that was learnt in clear is forgotten (RFC 3207 section 4.2).
    pub async fn start_tls(&mut self, patience: Duration) -> Result<(), Said> {
        match timeout(patience, self.wire.start_tls()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(said::ours("4.7.5", format!("TLS did not come about: {error}"))),
            Err(_) => return Err(Broken::too_late(patience).said),
        }
        self.reader = AnswerReader::default();
        self.offer = PeerOffer::default();
        self.server = None;
        Ok(())
    }

    /// QUIT; whatever comes of it (RFC 5321 section 4.1.1.10).
    pub async fn quit(mut self, patience: Duration) {
        let _ = self.ask(QUIT, patience).await;
    }
}
