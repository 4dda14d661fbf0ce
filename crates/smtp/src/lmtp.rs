//! One LMTP connection (RFC 2033).
//!
//! Replies are gathered while commands are waiting and written once (RFC 2920 section 3.2).
//! The reply to a message is given for each recipient, after the commit that holds it
//! (docs/design.md law 3).

use postern_app::wire::{Shutdown, Wire};
use postern_app::{Delivery, DeliveryError, House, Recipient};
use postern_smtp_wire::{
    Command, DataReport, Enhanced, Event, ForwardPath, Framer, HelloVerb, Mail, Offer, Protocol, Refusal, Reply,
    ReversePath, Sequence, Trace, Transport, help_reply, return_path,
};
use std::sync::Arc;
use std::time::Duration;

/// Serves one connection until it ends.
pub async fn serve_lmtp<W: Wire>(house: Arc<House>, mut wire: W, mut shutdown: Shutdown) {
    let offer = Offer::new(Protocol::Lmtp, house.hostname(), house.limits().message_bytes);
    let mut session = Lmtp {
        sequence: Sequence::new(Protocol::Lmtp),
        helo: String::new(),
        mail: None,
        recipients: Vec::new(),
        message: Vec::new(),
        errors: 0,
        house,
        offer,
    };
    let mut output = Vec::new();
    Reply::greeting(session.offer.hostname(), Protocol::Lmtp).encode(&mut output);
    let mut framer = Framer::new();
    let mut input = Vec::new();
    loop {
        if !output.is_empty() {
            if wire.write(&output).await.is_err() {
                return;
            }
            output = Vec::new();
        }
        if session.wants_end() {
            return;
        }
        let idle = Duration::from_secs(session.house.limits().idle_seconds.min(300));
        let read = tokio::select! {
            read = tokio::time::timeout(idle, wire.read(&mut input)) => read,
            () = shutdown.requested(), if !session.sequence.in_transaction() => {
                Reply::going_away(session.offer.hostname(), "the server is going down").encode(&mut output);
                let _ = wire.write(&output).await;
                return;
            }
        };
        match read {
            Ok(Ok(1..)) => {}
            Ok(_) => return,
            Err(_) => {
                Reply::going_away(session.offer.hostname(), "nothing came for too long").encode(&mut output);
                let _ = wire.write(&output).await;
                return;
            }
        }
        framer.feed(&input);
        input.clear();
        input.shrink_to(16 << 10);
        session.obey(&mut framer, &mut wire, &mut output).await;
    }
}

struct Lmtp {
    house: Arc<House>,
    offer: Offer,
    sequence: Sequence,
    helo: String,
    mail: Option<Mail>,
    recipients: Vec<(ForwardPath, Recipient)>,
    message: Vec<u8>,
    /// Bad commands in a row.
    errors: u32,
}

/// Sentinel for a session that answered QUIT or refused too much.
const ENDED: u32 = u32::MAX;

impl Lmtp {
    fn wants_end(&self) -> bool {
        self.errors == ENDED
    }

    /// Obeys every command that has come.
    async fn obey<W: Wire>(&mut self, framer: &mut Framer, wire: &mut W, output: &mut Vec<u8>) {
        while !self.wants_end() {
            let step = match framer.next() {
                None => return,
                Some(Event::Line(line)) => Step::Command(Command::parse(line, &self.offer)),
                Some(Event::BadLine(bad)) => Step::Command(Err(bad.refusal())),
                Some(Event::Data(bytes)) => {
                    self.message.extend_from_slice(bytes);
                    continue;
                }
                Some(Event::DataEnd(report)) => Step::Message(report),
                Some(Event::ChunkEnd(_) | Event::Discarded) => continue,
            };
            match step {
                Step::Command(command) => self.command(command, framer, output).await,
                Step::Message(report) => {
                    // The client waits for nothing else, so what was gathered goes out now.
                    if !output.is_empty() && wire.write(output).await.is_err() {
                        self.errors = ENDED;
                        return;
                    }
                    output.clear();
                    self.message_came(&report, wire, output).await;
                }
            }
        }
    }

    async fn command(&mut self, command: Result<Command, Refusal>, framer: &mut Framer, output: &mut Vec<u8>) {
        let checked = command.and_then(|command| self.sequence.check(&command).map(|()| command));
        let command = match checked {
            Ok(command) => command,
            Err(refusal) => return self.refuse(&refusal, output),
        };
        match self.act(&command, framer).await {
            Ok(reply) => {
                self.sequence.accepted(&command);
                self.errors = if matches!(command, Command::Quit) { ENDED } else { 0 };
                reply.encode(output);
            }
            // A recipient who is not there, or is one too many, is the sender's matter: the command
            // was good, and the client goes on with the next one (RFC 5321 section 4.5.3.1.10).
            Err(refusal) if matches!(command, Command::Rcpt(_)) => refusal.reply.encode(output),
            Err(refusal) => self.refuse(&refusal, output),
        }
    }

    /// Answers a bad command, and ends a connection that says little else.
    fn refuse(&mut self, refusal: &Refusal, output: &mut Vec<u8>) {
        refusal.reply.encode(output);
        self.errors += 1;
        if refusal.close {
            self.errors = ENDED;
        } else if self.errors > self.house.limits().bad_commands {
            Reply::too_many_bad_commands(self.offer.hostname()).encode(output);
            self.errors = ENDED;
        }
    }

    async fn act(&mut self, command: &Command, framer: &mut Framer) -> Result<Reply, Refusal> {
        match command {
            Command::Hello(hello) => {
                self.reset();
                self.helo.clone_from(&hello.name);
                Ok(self.offer.hello_reply())
            }
            Command::Mail(mail) => {
                self.reset();
                self.mail = Some(mail.clone());
                Ok(Reply::new(250, Enhanced(1, 0), "Ok"))
            }
            Command::Rcpt(rcpt) => {
                let recipient = self.recipient(&rcpt.path).await?;
                self.recipients.push((rcpt.path.clone(), recipient));
                Ok(Reply::new(250, Enhanced(1, 5), "Ok"))
            }
            Command::Data => {
                self.message.clear();
                framer.begin_data(self.offer.message_bytes());
                Ok(Reply::go_ahead())
            }
            Command::Rset => {
                self.reset();
                Ok(Reply::new(250, Enhanced(0, 0), "Ok"))
            }
            Command::Noop => Ok(Reply::new(250, Enhanced(0, 0), "Ok")),
            Command::Vrfy(_) | Command::Expn(_) => Ok(Reply::cannot_verify()),
            Command::Help(_) => Ok(help_reply(&self.offer)),
            Command::Quit => Ok(Reply::closing(self.offer.hostname())),
            Command::Bdat(_) | Command::StartTls | Command::Auth(_) => {
                Err(refusal(Reply::new(502, Enhanced(5, 1), format!("{} is not offered here", command.name()))))
            }
        }
    }

    fn reset(&mut self) {
        self.mail = None;
        self.recipients.clear();
        self.message = Vec::new();
    }

    async fn recipient(&self, path: &ForwardPath) -> Result<Recipient, Refusal> {
        if self.recipients.len() >= self.house.limits().recipients {
            let text = "Too many recipients; send the message again for the others";
            return Err(refusal(Reply::new(452, Enhanced(5, 3), text)));
        }
        let found = match (path, path.address()) {
            (ForwardPath::Postmaster, _) => self.house.postmaster().await,
            (_, Some(address)) => self.house.recipient(address).await,
            (_, None) => return Err(refusal(Reply::new(550, Enhanced(1, 1), "There is no such mailbox here"))),
        };
        found.map_err(|error| refusal(failure(&error)))
    }

    /// The message is there: delivers it and answers once for each recipient, in order.
    async fn message_came<W: Wire>(&mut self, report: &DataReport, wire: &W, output: &mut Vec<u8>) {
        let message = std::mem::take(&mut self.message);
        match report.refusal() {
            Some(reply) => {
                self.recipients.iter().for_each(|(path, _)| reply.for_recipient(path.as_str()).encode(output))
            }
            None => {
                let results = self.deliver(message, wire).await;
                for ((path, _), result) in self.recipients.iter().zip(results) {
                    let reply = match result {
                        Ok(()) => Reply::new(250, Enhanced(0, 0), "Delivered"),
                        Err(error) => failure(&error),
                    };
                    reply.for_recipient(path.as_str()).encode(output);
                }
            }
        }
        self.reset();
        self.sequence.message_ended();
    }

    async fn deliver<W: Wire>(&self, message: Vec<u8>, wire: &W) -> Vec<Result<(), DeliveryError>> {
        let mut raw = self.trace(wire, self.house.now()).into_bytes();
        let trace_bytes = raw.len();
        raw.extend_from_slice(&message);
        drop(message);
        self.house
            .deliver(Delivery {
                raw: Arc::new(raw),
                trace_bytes,
                recipients: self.recipients.iter().map(|(_, recipient)| recipient.clone()).collect(),
                peer: wire.peer().clone(),
                protocol: "lmtp",
            })
            .await
    }

    /// Return-Path and Received in front of the message (RFC 5321 section 4.4).
    fn trace<W: Wire>(&self, wire: &W, at: postern_types::Timestamp) -> String {
        let null = ReversePath::Null;
        let (path, smtputf8) = self.mail.as_ref().map_or((&null, false), |mail| (&mail.path, mail.smtputf8));
        let only = if let [(path, _)] = self.recipients.as_slice() { Some(path) } else { None };
        let transport = Transport {
            protocol: Protocol::Lmtp,
            greeting: HelloVerb::Lhlo,
            smtputf8,
            tls: wire.peer().encrypted,
            signed_in: false,
        };
        let id = format!("{:x}", at.0);
        let trace = Trace {
            helo: &self.helo,
            peer: wire.peer().address,
            hostname: self.offer.hostname(),
            transport,
            id: &id,
            recipient: only,
            at,
        };
        return_path(path) + &trace.received()
    }
}

enum Step {
    Command(Result<Command, Refusal>),
    Message(DataReport),
}

fn refusal(reply: Reply) -> Refusal {
    Refusal { reply, close: false }
}

/// What a recipient's failure is in SMTP's codes (RFC 3463).
fn failure(error: &DeliveryError) -> Reply {
    let (code, enhanced) = match error {
        DeliveryError::Unknown(_) => (550, Enhanced(1, 1)),
        DeliveryError::NotOurs(_) => (550, Enhanced(7, 1)),
        DeliveryError::Closed => (550, Enhanced(2, 1)),
        DeliveryError::OverQuota | DeliveryError::PartlyOverQuota => (452, Enhanced(2, 2)),
        DeliveryError::Message(postern_app::MessageError::Loop) => (554, Enhanced(4, 6)),
        DeliveryError::Message(postern_app::MessageError::TooLarge) => (552, Enhanced(3, 4)),
        DeliveryError::Unavailable => (451, Enhanced(3, 0)),
    };
    Reply::new(code, enhanced, error.to_string())
}
