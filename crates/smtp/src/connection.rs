//! One connection from its greeting to its end, the same for LMTP, submission and mail from other
//! servers: what differs is told by a [`Face`].
//!
//! Replies gather while commands are waiting and leave in one write (RFC 2920 section 3.2). The
//! reply to a message comes after the commit that holds it (docs/design.md law 3). Where somebody
//! has signed in, everything is waited for no longer than the sign-in holds, DATA too. While a
//! connection waits it holds no buffer, and the future of a command is allocated for that command.

use crate::gather::Gathered;
use crate::link::{Envelope, Face, Link};
use postern_app::wire::{Shutdown, Wire};
use postern_app::{House, Stopped};
use postern_smtp_wire::{
    Bdat, Body, Chunk, Command, DataReport, Enhanced, Event, Extension, Framer, Hello, HelloVerb, Protocol, Rcpt,
    Refusal, Reply, Sequence, help_reply,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a client that is told goodbye may take to hear it.
const FAREWELL: Duration = Duration::from_secs(5);
/// Replies of pipelined commands leave when they are this many bytes.
const GATHERED_BYTES: usize = 16 << 10;
/// A BDAT of so many times what a message may have is nobody's mistake: its octets are not waited for.
const ABSURD: u64 = 16;

/// Why a connection ends.
pub(crate) enum End {
    /// The other side is gone, or nobody knows how much it has heard.
    Gone,
    /// What has gathered is the last that is said.
    Over,
    /// This is said, then it is over.
    Bye(Reply),
}

/// Why a command was not obeyed.
pub(crate) enum Stop {
    Refused(Refusal),
    End(End),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

/// The reply to a command, where one is owed now.
pub(crate) type Handled = Result<Option<Reply>, Stop>;

pub(crate) struct Connection<W, F: Face> {
    pub(crate) wire: W,
    pub(crate) framer: Framer,
    pub(crate) sequence: Sequence,
    pub(crate) link: Link,
    pub(crate) failed_sign_ins: u32,
    /// Replies on their way.
    pub(crate) out: Vec<u8>,
    shutdown: Shutdown,
    face: F,
    envelope: Option<Box<Envelope<F::To>>>,
    gathered: Gathered,
    /// What a BDAT is answered once its octets are gone.
    refused_chunk: Option<Refusal>,
    /// Bad commands in a row.
    errors: u32,
}

/// What came, without what it was read from.
enum Came {
    Command(Result<Command, Refusal>),
    Chunk(DataReport),
    Message(DataReport),
    Discarded,
}

impl<W: Wire, F: Face> Connection<W, F> {
    pub(crate) fn new(house: Arc<House>, wire: W, shutdown: Shutdown, face: F) -> Self {
        let mut sequence = Sequence::new(F::PROTOCOL);
        if wire.peer().encrypted {
            sequence.under_tls();
        }
        let link = Link::new(house, wire.peer().clone(), F::PROTOCOL);
        let mut connection = Self {
            wire,
            framer: Framer::new(),
            sequence,
            link,
            failed_sign_ins: 0,
            out: Vec::new(),
            shutdown,
            face,
            envelope: None,
            gathered: Gathered::default(),
            refused_chunk: None,
            errors: 0,
        };
        connection.renew_offer();
        connection
    }

    /// Serves until the end, and says why where anyone still listens.
    pub(crate) async fn run(mut self) {
        let mut end = self.talk().await;
        if let End::Over = end
            && let Err(instead) = self.flush().await
        {
            end = instead;
        }
        let session = self.link.session.as_ref().map(|session| session.number());
        tracing::debug!(event = "smtp.ended", protocol = F::PROTOCOL.name(), session);
        if let End::Bye(reply) = end {
            // What has gathered goes with it: the reply to a message that was taken is one of them.
            reply.encode(&mut self.out);
            let _ = timeout(FAREWELL, self.wire.write(&self.out)).await;
        }
    }

    async fn talk(&mut self) -> End {
        Reply::greeting(self.link.offer.hostname(), F::PROTOCOL).encode(&mut self.out);
        if F::PROTOCOL == Protocol::Submission {
            let limit = Duration::from_secs(self.link.house.limits().sign_in_seconds);
            match timeout(limit, self.until_signed_in()).await {
                Ok(Ok(())) => {}
                Ok(Err(end)) => return end,
                Err(_) => return End::Bye(self.link.farewell(Enhanced(7, 0), "Signing in took too long")),
            }
        }
        loop {
            if let Err(end) = self.step().await {
                return end;
            }
        }
    }

    async fn until_signed_in(&mut self) -> Result<(), End> {
        while self.link.session.is_none() {
            self.step().await?;
        }
        Ok(())
    }

    /// One thing that came, or the wait for more.
    async fn step(&mut self) -> Result<(), End> {
        let came = match self.framer.next() {
            None => return self.fill_or_drain().await,
            Some(Event::Line(line)) => Came::Command(Command::parse(line, &self.link.offer)),
            Some(Event::BadLine(bad)) => Came::Command(Err(bad.refusal())),
            Some(Event::Data(bytes)) => {
                let taken = self.gathered.take(bytes, &self.link).await;
                return taken.map_err(|refused| End::Bye(self.link.not_held(&refused)));
            }
            Some(Event::ChunkEnd(report)) => Came::Chunk(report),
            Some(Event::DataEnd(report)) => Came::Message(report),
            Some(Event::Discarded) => Came::Discarded,
        };
        match came {
            Came::Command(command) => Box::pin(self.command(command)).await?,
            Came::Message(report) => Box::pin(self.message_came(&report)).await?,
            Came::Chunk(report) => self.chunk_came(report),
            Came::Discarded => self.chunk_gone()?,
        }
        if self.out.len() >= GATHERED_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Waits for bytes: between two messages a drain ends the connection here.
    async fn fill_or_drain(&mut self) -> Result<(), End> {
        self.flush().await?;
        if self.sequence.in_transaction() {
            return self.fill().await;
        }
        let mut shutdown = self.shutdown.clone();
        tokio::select! {
            biased;
            () = shutdown.requested() => {}
            filled = self.fill() => return filled,
        }
        Err(End::Bye(Reply::going_away(self.link.offer.hostname(), "the server is going down")))
    }

    /// Waits for bytes within a command or a message.
    pub(crate) async fn fill(&mut self) -> Result<(), End> {
        self.flush().await?;
        if self.framer.is_doomed() {
            self.gathered.let_go();
        }
        let mut bytes = Vec::new();
        let Link { house, session, .. } = &self.link;
        let receive = house.receive(session.as_deref(), &mut self.wire, &mut bytes);
        match timeout(self.link.idle(), receive).await {
            Ok(Ok(())) => {
                self.framer.feed(&bytes);
                Ok(())
            }
            Ok(Err(Stopped::Gone)) => Err(End::Gone),
            Ok(Err(Stopped::NotHeld(refused))) => Err(End::Bye(self.link.not_held(&refused))),
            Err(_) | Ok(Err(Stopped::TooLong)) => {
                Err(End::Bye(Reply::going_away(self.link.offer.hostname(), "nothing came for too long")))
            }
        }
    }

    /// Writes what has gathered. Where the sign-in has ended before the first byte of it, it is left
    /// for the farewell.
    pub(crate) async fn flush(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.admit().await?;
        let bytes = std::mem::take(&mut self.out);
        let Link { house, session, .. } = &self.link;
        house.send(session.as_deref(), &mut self.wire, &bytes).await.map_err(|_| End::Gone)
    }

    /// Does the sign-in hold?
    async fn admit(&self) -> Result<(), End> {
        let Some(session) = &self.link.session else { return Ok(()) };
        let held = self.link.house.check_session(session).await;
        held.map_err(|refused| End::Bye(self.link.not_held(&refused)))
    }

    async fn command(&mut self, command: Result<Command, Refusal>) -> Result<(), End> {
        self.admit().await?;
        let command = match command {
            Ok(command) => command,
            Err(refusal) => return self.refuse(&refusal),
        };
        if let Err(refusal) = self.sequence.check(&command) {
            return self.out_of_order(&command, refusal);
        }
        match self.act(&command).await {
            Ok(reply) => {
                self.sequence.accepted(&command);
                self.errors = 0;
                if let Some(reply) = reply {
                    reply.encode(&mut self.out);
                }
                if matches!(command, Command::Quit) { Err(End::Over) } else { Ok(()) }
            }
            // A recipient who is not there, or is one too many, is the sender's matter: the command
            // was good, and the client goes on with the next one (RFC 5321 section 4.5.3.1.10).
            Err(Stop::Refused(refusal)) if matches!(command, Command::Mail(_) | Command::Rcpt(_)) => {
                refusal.reply.encode(&mut self.out);
                if refusal.close { Err(End::Over) } else { Ok(()) }
            }
            Err(Stop::Refused(refusal)) => self.refuse(&refusal),
            Err(Stop::End(end)) => Err(end),
        }
    }

    /// Answers a bad command, and ends a connection that says little else.
    fn refuse(&mut self, refusal: &Refusal) -> Result<(), End> {
        refusal.reply.encode(&mut self.out);
        self.errors += 1;
        if refusal.close {
            return Err(End::Over);
        }
        if self.errors > self.link.house.limits().bad_commands {
            return Err(End::Bye(Reply::too_many_bad_commands(self.link.offer.hostname())));
        }
        Ok(())
    }

    /// The octets of a BDAT follow, whether it may come now or not (RFC 3030 section 2).
    fn out_of_order(&mut self, command: &Command, refusal: Refusal) -> Result<(), End> {
        let Command::Bdat(bdat) = command else { return self.refuse(&refusal) };
        if let Some(absurd) = self.absurd(bdat) {
            return self.refuse(&absurd);
        }
        self.refused_chunk = (!self.sequence.is_unanswered(bdat)).then_some(refusal);
        self.framer.discard_chunk(bdat.octets);
        Ok(())
    }

    async fn act(&mut self, command: &Command) -> Handled {
        let ok = Reply::new(250, Enhanced(0, 0), "Ok");
        Ok(Some(match command {
            Command::Hello(hello) => self.hello(hello),
            Command::Mail(mail) => {
                self.forget();
                self.face.mail(&self.link, mail).await?;
                self.envelope = Some(Box::new(Envelope { mail: mail.clone(), recipients: Vec::new() }));
                Reply::new(250, Enhanced(1, 0), "Ok")
            }
            Command::Rcpt(rcpt) => self.rcpt(rcpt).await?,
            Command::Data => {
                self.framer.begin_data(self.link.offer.message_bytes());
                Reply::go_ahead()
            }
            Command::Bdat(bdat) => return self.begin_chunk(bdat),
            Command::Rset => {
                self.forget();
                ok
            }
            Command::Noop => ok,
            Command::Vrfy(_) | Command::Expn(_) => Reply::cannot_verify(),
            Command::Help(_) => help_reply(&self.link.offer),
            Command::Quit => Reply::closing(self.link.offer.hostname()),
            Command::StartTls => return self.start_tls().await,
            Command::Auth(auth) => return self.authenticate(auth).await,
        }))
    }

    fn hello(&mut self, hello: &Hello) -> Reply {
        self.forget();
        self.link.hello = hello.clone();
        self.renew_offer();
        if hello.verb == HelloVerb::Helo { self.link.offer.helo_reply() } else { self.link.offer.hello_reply() }
    }

    async fn rcpt(&mut self, rcpt: &Rcpt) -> Result<Reply, Refusal> {
        let Some(envelope) = &mut self.envelope else { return Err(begin_anew()) };
        let already = envelope.recipients.len();
        if let Some(refusal) = self.face.too_many(&self.link, already) {
            return Err(refusal);
        }
        let to = self.face.rcpt(&self.link, rcpt, &self.framer).await?;
        envelope.recipients.push((rcpt.clone(), to));
        Ok(Reply::new(250, Enhanced(1, 5), "Ok"))
    }

    fn begin_chunk(&mut self, bdat: &Bdat) -> Handled {
        if let Some(absurd) = self.absurd(bdat) {
            return Err(absurd.into());
        }
        let Some(envelope) = &self.envelope else { return Err(begin_anew().into()) };
        self.framer.begin_chunk(Chunk {
            octets: bdat.octets,
            last: bdat.last,
            binary: envelope.mail.body == Body::BinaryMime,
            limit: self.link.offer.message_bytes(),
            before: self.gathered.report,
        });
        Ok(None)
    }

    /// Octets that are too many to be read to their end. What is somewhat too large is read, so that
    /// the client hears why it is refused.
    fn absurd(&self, bdat: &Bdat) -> Option<Refusal> {
        let limit = self.link.offer.message_bytes();
        let reply = || Reply::new(552, Enhanced(3, 4), format!("The message may have {limit} octets"));
        (bdat.octets / ABSURD > limit).then(|| Refusal { reply: reply(), close: true })
    }

    fn chunk_came(&mut self, report: DataReport) {
        self.gathered.report = report;
        let reply = self.gathered.chunk_reply();
        if reply.class() != 2 {
            self.gathered.let_go();
            self.sequence.chunk_failed();
        }
        reply.encode(&mut self.out);
    }

    /// The octets of a refused BDAT are gone. Within a transaction its chunks may all be on their
    /// way when the first is refused, so they are one mistake (RFC 3030 section 4.2).
    fn chunk_gone(&mut self) -> Result<(), End> {
        match self.refused_chunk.take() {
            Some(refusal) if self.sequence.in_transaction() => refusal.reply.encode(&mut self.out),
            Some(refusal) => return self.refuse(&refusal),
            None => {}
        }
        Ok(())
    }

    async fn message_came(&mut self, report: &DataReport) -> Result<(), End> {
        // The client waits for nothing else, so what was gathered goes out now.
        self.flush().await?;
        let whole = self.gathered.end();
        self.sequence.message_ended();
        let Some(envelope) = self.envelope.take() else { return Ok(()) };
        let outcome = match (report.refusal(), whole.bytes) {
            (Some(reply), _) => Err(reply.into()),
            (None, None) => Err(crate::gather::no_room().into()),
            (None, Some(message)) => self.face.message(&self.link, &envelope, message).await,
        };
        let (replies, close) = match outcome {
            Ok(replies) => (replies, false),
            Err(refusal) => (F::refused(refusal.reply, &envelope), refusal.close),
        };
        replies.iter().for_each(|reply| reply.encode(&mut self.out));
        if close { Err(End::Over) } else { Ok(()) }
    }

    /// RFC 3207 section 4. What came behind the command in clear is dropped, or it would be obeyed as
    /// if it had come inside TLS (CVE-2011-0411); and nothing that was said before counts.
    async fn start_tls(&mut self) -> Handled {
        Reply::new(220, Enhanced(0, 0), "Begin TLS").encode(&mut self.out);
        self.flush().await?;
        self.framer.discard_buffered();
        match timeout(self.link.idle(), self.wire.start_tls()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Err(End::Gone.into()),
        }
        self.forget();
        self.link.peer = self.wire.peer().clone();
        self.link.forget_hello();
        self.renew_offer();
        Ok(None)
    }

    /// What is offered may change: with TLS, with a sign-in, with time.
    pub(crate) fn renew_offer(&mut self) {
        let offer = F::offer(&self.link);
        let begins_tls = self.wire.offers_tls() && !self.link.peer.encrypted && self.link.session.is_none();
        // After a sign-in it would have to be forgotten again, so TLS comes first or not at all.
        self.link.offer = if begins_tls { offer.with(Extension::StartTls) } else { offer };
    }

    /// Forgets the transaction.
    fn forget(&mut self) {
        self.envelope = None;
        self.gathered = Gathered::default();
    }
}

/// The order of commands keeps this from being said.
fn begin_anew() -> Refusal {
    Reply::new(503, Enhanced(5, 1), "Say MAIL first").into()
}
