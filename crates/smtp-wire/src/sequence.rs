//! The order of commands (RFC 5321 section 4.1.4, RFC 2033 section 4, RFC 3030 section 2).
//!
//! A pure state: [`Sequence::check`] before a command is obeyed, [`Sequence::accepted`] once
//! it was answered with success. So a command that the house refuses changes nothing.

use crate::command::{Bdat, Body, Command, Mail};
use crate::path::ForwardPath;
use crate::reply::{Enhanced, Reply};
use crate::{Protocol, Refusal};

/// Where a connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    protocol: Protocol,
    greeted: bool,
    tls: bool,
    signed_in: bool,
    transaction: Option<Transaction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Transaction {
    smtputf8: bool,
    body: Body,
    recipients: usize,
    /// A BDAT was taken.
    chunked: bool,
    /// A BDAT failed: only RSET helps (RFC 3030 section 2).
    broken: bool,
}

impl Sequence {
    /// A connection that has said nothing yet.
    pub fn new(protocol: Protocol) -> Self {
        Self { protocol, greeted: false, tls: false, signed_in: false, transaction: None }
    }

    /// Whether this command may come now.
    ///
    /// If a BDAT is refused here, its octets follow all the same: drop them with
    /// [`crate::Framer::discard_chunk`], and answer afterwards, unless [`Self::is_unanswered`].
    pub fn check(&self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::Mail(_) => self.check_mail(),
            Command::Rcpt(rcpt) => self.check_rcpt(&rcpt.path),
            Command::Data => self.check_data(),
            Command::Bdat(_) => self.check_bdat(),
            Command::StartTls if self.tls => Err(Refusal::order("TLS is already on")),
            Command::Auth(_) => self.check_auth(),
            _ => Ok(()),
        }
    }

    /// The command was obeyed and answered with success. AUTH is reported by
    /// [`Self::signed_in`], the end of a message by [`Self::message_ended`].
    pub fn accepted(&mut self, command: &Command) {
        match command {
            Command::Hello(_) => {
                self.greeted = true;
                self.transaction = None; // RFC 5321 section 4.1.4
            }
            Command::Mail(mail) => self.transaction = Some(Transaction::new(mail)),
            Command::Rcpt(_) => self.change(|transaction| transaction.recipients += 1),
            Command::Bdat(_) => self.change(|transaction| transaction.chunked = true),
            Command::Rset => self.transaction = None,
            // RFC 3207 section 4.2: nothing learnt in clear is kept.
            Command::StartTls => *self = Self { tls: true, ..Self::new(self.protocol) },
            _ => {}
        }
    }

    /// The connection is under TLS from its first byte (RFC 8314 section 3.3).
    pub fn under_tls(&mut self) {
        self.tls = true;
    }

    /// AUTH ended with success.
    pub fn signed_in(&mut self) {
        self.signed_in = true;
    }

    /// The message was answered, with success or not: the transaction is over.
    pub fn message_ended(&mut self) {
        self.transaction = None;
    }

    /// A chunk was answered with failure: until RSET nothing more is taken.
    pub fn chunk_failed(&mut self) {
        self.change(|transaction| transaction.broken = true);
    }

    /// Whether TLS is on.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether somebody has signed in.
    pub fn is_signed_in(&self) -> bool {
        self.signed_in
    }

    /// Whether MAIL was accepted and its message has not ended.
    pub fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// How many RCPT were accepted: LMTP answers the message so many times (RFC 2033 section 4.2).
    pub fn recipients(&self) -> usize {
        self.transaction.map_or(0, |transaction| transaction.recipients)
    }

    /// LMTP gives no reply at all to BDAT LAST when no recipient was accepted (RFC 2033 section 4.3).
    pub fn is_unanswered(&self, bdat: &Bdat) -> bool {
        let empty = self.transaction.is_some_and(|transaction| transaction.recipients == 0);
        self.protocol == Protocol::Lmtp && bdat.last && empty
    }

    fn change(&mut self, change: impl FnOnce(&mut Transaction)) {
        if let Some(transaction) = &mut self.transaction {
            change(transaction);
        }
    }

    fn check_mail(&self) -> Result<(), Refusal> {
        if !self.greeted {
            let hello = if self.protocol == Protocol::Lmtp { "LHLO" } else { "EHLO" };
            return Err(Refusal::order(format!("Say {hello} first")));
        }
        if self.protocol == Protocol::Submission && !self.signed_in {
            // RFC 4954 section 6.
            return Err(Reply::new(530, Enhanced(7, 0), "Sign in first").into());
        }
        if self.transaction.is_some() {
            return Err(Refusal::order("A message is already begun; RSET forgets it"));
        }
        Ok(())
    }

    fn begun(&self) -> Result<Transaction, Refusal> {
        match self.transaction {
            None => Err(Refusal::order("Say MAIL first")),
            Some(Transaction { broken: true, .. }) => Err(Refusal::order("The message has failed; RSET forgets it")),
            Some(transaction) => Ok(transaction),
        }
    }

    fn check_rcpt(&self, path: &ForwardPath) -> Result<(), Refusal> {
        let transaction = self.begun()?;
        if transaction.chunked {
            return Err(Refusal::order("The message has begun; its recipients are fixed"));
        }
        match path {
            ForwardPath::Mailbox(mailbox) if mailbox.needs_smtputf8() && !transaction.smtputf8 => {
                Err(Refusal::needs_smtputf8(553))
            }
            _ => Ok(()),
        }
    }

    fn check_data(&self) -> Result<(), Refusal> {
        let transaction = self.begun()?;
        if transaction.chunked {
            return Err(Refusal::order("DATA does not follow BDAT")); // RFC 3030 section 2
        }
        if transaction.body == Body::BinaryMime {
            return Err(Refusal::order("BODY=BINARYMIME is sent with BDAT")); // RFC 3030 section 3
        }
        self.has_recipients(transaction)
    }

    fn check_bdat(&self) -> Result<(), Refusal> {
        self.has_recipients(self.begun()?)
    }

    /// LMTP must say 503 (RFC 2033 section 4.2); SMTP says 554, "no valid recipients" (RFC 5321 section 3.3).
    fn has_recipients(&self, transaction: Transaction) -> Result<(), Refusal> {
        match (transaction.recipients, self.protocol) {
            (0, Protocol::Lmtp) => Err(Refusal::order("No recipient was accepted")),
            (0, _) => Err(Reply::new(554, Enhanced(5, 1), "No recipient was accepted").into()),
            _ => Ok(()),
        }
    }

    /// RFC 4954 section 4: after EHLO, once, and not inside a transaction.
    fn check_auth(&self) -> Result<(), Refusal> {
        if !self.greeted {
            return Err(Refusal::order("Say EHLO first"));
        }
        if self.signed_in {
            return Err(Refusal::order("You are signed in already"));
        }
        if self.transaction.is_some() {
            return Err(Refusal::order("A message is begun; RSET forgets it"));
        }
        Ok(())
    }
}

impl Transaction {
    fn new(mail: &Mail) -> Self {
        Self { smtputf8: mail.smtputf8, body: mail.body, recipients: 0, chunked: false, broken: false }
    }
}
