//! One message over one connection: MAIL, RCPT, DATA (RFC 5321 section 3.3).
//!
//! Commands go out in groups, where the server offers PIPELINING in as few as there can be
//! (RFC 2920), else one by one; the answers are read the same way for both. No answer is
//! taken for another's: every group is answered in full before the next one leaves.

use super::connection::{Broken, Connection};
use super::{Patience, said};
use postern_app::wire::Wire;
use postern_app::{NotifyWish, Outcome, Parcel, ParcelRecipient, Said};
use postern_smtp_wire::client::{Answer, DATA, DotStuffer, MailLine, PeerOffer, RSET, RcptLine, Unsayable};
use postern_smtp_wire::{Body, Enhanced, Notify, ReturnContent};
use postern_types::counted;

/// Octets of one group of commands: little enough to be on its way whether or not the server reads,
/// so that we never wait for one that waits for us (RFC 2920 section 3.1).
const GROUP_BYTES: usize = 8 << 10;
/// Octets of the message that are written at once.
const BLOCK_BYTES: usize = 64 << 10;

pub(super) struct Transaction<'a> {
    parcel: &'a Parcel,
    outcomes: Vec<Option<Outcome>>,
    /// Those to whom the server said yes, by index.
    accepted: Vec<usize>,
    mail_refused: bool,
    is_answered: bool,
}

/// One command of the envelope.
struct Step {
    kind: Kind,
    line: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mail,
    /// Of the recipient at this index.
    Rcpt(usize),
    Data,
}

impl<'a> Transaction<'a> {
    pub fn new(parcel: &'a Parcel) -> Self {
        let outcomes = vec![None; parcel.recipients.len()];
        Self { parcel, outcomes, accepted: Vec::new(), mail_refused: false, is_answered: false }
    }

    pub fn parcel(&self) -> &'a Parcel {
        self.parcel
    }

    /// The server answered something of it.
    pub fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// For all of whom nothing is known yet.
    pub fn everybody_later(&mut self, said: &Said) {
        self.everybody(&said::later(said.clone()));
    }

    pub fn into_outcomes(self) -> Vec<Outcome> {
        let unknown = || Outcome::Later(said::ours("4.5.0", "The server gave no answer for this recipient"));
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unknown)).collect()
    }

    fn everybody(&mut self, outcome: &Outcome) {
        for unknown in self.outcomes.iter_mut().filter(|unknown| unknown.is_none()) {
            *unknown = Some(outcome.clone());
        }
    }

    /// After success the connection is ready for the next one.
    pub async fn run<W: Wire>(&mut self, connection: &mut Connection<W>, patience: &Patience) -> Result<(), Broken> {
        let steps = self.envelope(&connection.offer);
        if steps.is_empty() {
            return Ok(());
        }
        connection.transactions += 1;
        match self.say(steps, connection, patience).await? {
            Some(answer) if answer.class() == 3 => self.send(connection, patience).await,
            unwanted => {
                if let Some(answer) = unwanted {
                    self.everybody(&said::verdict(&answer));
                }
                // It is begun and not finished, and the next MAIL would come too early (section 4.1.4).
                settle(connection, RSET, patience).await;
                Ok(())
            }
        }
    }

    /// The commands to send; none where no recipient is left.
    fn envelope(&mut self, offer: &PeerOffer) -> Vec<Step> {
        let smtputf8 = offer.smtputf8 && self.needs_smtputf8();
        let mail = match self.mail(offer, smtputf8) {
            Ok(line) => line,
            Err(said) => {
                self.everybody(&Outcome::Never(said));
                return Vec::new();
            }
        };
        let mut steps = vec![Step { kind: Kind::Mail, line: mail }];
        for (index, recipient) in self.parcel.recipients.iter().enumerate() {
            if let Some(limit) = offer.recipients_limit.filter(|limit| steps.len() > *limit) {
                let text = format!(
                    "The server takes {} at once; this one is for the next time",
                    counted(limit as u64, "recipient")
                );
                self.outcomes[index] = Some(Outcome::Later(said::ours("4.5.3", text)));
                continue;
            }
            match rcpt(recipient, offer.dsn, smtputf8) {
                Ok(line) => steps.push(Step { kind: Kind::Rcpt(index), line }),
                Err(unsayable) => self.outcomes[index] = Some(Outcome::Never(unsaid(unsayable, "5.1.3"))),
            }
        }
        if steps.len() == 1 {
            return Vec::new();
        }
        steps.push(Step { kind: Kind::Data, line: DATA.to_vec() });
        steps
    }

    fn needs_smtputf8(&self) -> bool {
        let recipients = &self.parcel.recipients;
        self.message_needs_smtputf8() || recipients.iter().any(|recipient| !recipient.address.is_ascii())
    }

    /// A recipient who needs it is refused alone.
    fn message_needs_smtputf8(&self) -> bool {
        self.parcel.smtputf8 || !self.parcel.reverse_path.is_ascii()
    }

    /// MAIL, or why the server will never take this message. Nothing is converted on the way: a
    /// downgrade of the body (RFC 6152 section 3) would also break its signatures.
    fn mail(&self, offer: &PeerOffer, smtputf8: bool) -> Result<Vec<u8>, Said> {
        let parcel = self.parcel;
        let size = size(parcel);
        if let Some(limit) = offer.size_limit.filter(|limit| size > *limit) {
            let text = format!("The message has {size} octets and the server takes no more than {limit}");
            return Err(said::ours("5.3.4", text)); // RFC 1870 section 6.2
        }
        if self.message_needs_smtputf8() && !smtputf8 {
            let text = "The message has addresses or a header that are not ASCII, which the server does not take";
            return Err(said::ours("5.6.7", text)); // RFC 6531 section 3.2
        }
        if parcel.eight_bit && !offer.eight_bit_mime {
            let text = "The message has bytes over 127, which the server does not take, and it is not converted";
            return Err(said::ours("5.6.3", text)); // RFC 6152 section 3
        }
        let returned = |full| if full { ReturnContent::Full } else { ReturnContent::Headers };
        let line = MailLine {
            reverse_path: &parcel.reverse_path,
            size: offer.size.then_some(size),
            body: parcel.eight_bit.then_some(Body::EightBitMime),
            smtputf8,
            return_content: parcel.return_full.filter(|_| offer.dsn).map(returned),
            envelope_id: parcel.envelope_id.as_deref().filter(|_| offer.dsn),
        };
        line.encode().map_err(|unsayable| unsaid(unsayable, "5.1.7"))
    }

    /// Says the envelope; gives the answer to DATA, if it came to that.
    async fn say<W: Wire>(
        &mut self,
        steps: Vec<Step>,
        connection: &mut Connection<W>,
        patience: &Patience,
    ) -> Result<Option<Answer>, Broken> {
        for group in groups(steps, connection.offer.pipelining) {
            let is_data_alone = group.len() == 1 && group[0].kind == Kind::Data;
            if self.mail_refused || (is_data_alone && self.accepted.is_empty()) {
                return Ok(None);
            }
            let lines: Vec<&[u8]> = group.iter().map(|step| step.line.as_slice()).collect();
            connection.write(&lines.concat(), patience.command).await?;
            for step in &group {
                let patience = if step.kind == Kind::Data { patience.data_start } else { patience.command };
                let answer = connection.answer(patience).await?;
                self.is_answered = true;
                match step.kind {
                    Kind::Mail => self.mail_answered(&answer),
                    Kind::Rcpt(index) => self.rcpt_answered(index, &answer),
                    Kind::Data => return Ok(Some(answer)),
                }
            }
        }
        Ok(None)
    }

    fn mail_answered(&mut self, answer: &Answer) {
        if answer.class() != 2 {
            self.mail_refused = true;
            self.everybody(&said::verdict(answer));
        }
    }

    fn rcpt_answered(&mut self, index: usize, answer: &Answer) {
        if self.mail_refused {
            // What is said of them now is that there was no MAIL.
            return;
        }
        if answer.class() == 2 {
            self.accepted.push(index);
            return;
        }
        // 552 was once the code of too many recipients (RFC 5321 section 4.5.3.1.10).
        let is_too_many = answer.code() == 552
            && !self.accepted.is_empty()
            && matches!(answer.enhanced(), None | Some(Enhanced(5, 3)));
        let said = said::reply(answer);
        self.outcomes[index] = Some(if is_too_many { said::later(said) } else { said::verdict(answer) });
    }

    /// The message, and what becomes of it.
    async fn send<W: Wire>(&mut self, connection: &mut Connection<W>, patience: &Patience) -> Result<(), Broken> {
        if self.accepted.is_empty() {
            // All were refused, and the server waits for a message all the same: it gets an empty
            // one, which is for nobody (RFC 2920 section 3.1).
            settle(connection, b".\r\n", patience).await;
            return Ok(());
        }
        if let Err(broken) = write_message(self.parcel, connection, patience).await {
            return Err(self.broken_off(broken, connection, patience).await);
        }
        let answer = connection.answer(patience.data_end).await.map_err(unknown_end)?;
        let reports = connection.offer.dsn;
        let outcome = if answer.class() == 2 { Outcome::Done { reports } } else { said::verdict(&answer) };
        self.everybody(&outcome);
        Ok(())
    }

    /// A server that hangs up in the middle of a message may have said why.
    async fn broken_off<W: Wire>(
        &mut self,
        broken: Broken,
        connection: &mut Connection<W>,
        patience: &Patience,
    ) -> Broken {
        match connection.answer(patience.farewell).await {
            Ok(answer) => self.everybody(&said::verdict(&answer)),
            Err(closing) if closing.said.is_reply => return closing,
            Err(_) => {}
        }
        broken
    }
}

/// Ends a transaction that is nobody's any more. What became of everybody is known already, so it
/// is not waited for long.
async fn settle<W: Wire>(connection: &mut Connection<W>, command: &[u8], patience: &Patience) {
    let answer = connection.ask(command, patience.farewell).await;
    // An empty message for nobody is refused, which ends the transaction as well.
    connection.is_spoiled = match answer {
        Ok(answer) => command == RSET && answer.class() != 2,
        Err(_) => true,
    };
}

/// The dot was sent and no answer came, so nobody knows who has the message now. It is sent
/// again: perhaps twice is better than perhaps never (RFC 1047, RFC 5321 section 4.5.4.1).
fn unknown_end(mut broken: Broken) -> Broken {
    if !broken.said.is_reply {
        let text = format!("{} (after the message was sent: it may have been taken)", broken.said.text);
        broken.said = said::ours(&broken.said.status, text);
    }
    broken
}

/// In blocks, and never all of it at once: `Arc`s of large messages are shared by many parcels.
async fn write_message<W: Wire>(
    parcel: &Parcel,
    connection: &mut Connection<W>,
    patience: &Patience,
) -> Result<(), Broken> {
    let (mut stuffer, mut block) = (DotStuffer::default(), Vec::new());
    for part in parcel.message.iter().flat_map(|piece| piece.chunks(BLOCK_BYTES)) {
        stuffer.push(part, &mut block);
        if block.len() >= BLOCK_BYTES {
            connection.write(&block, patience.data_block).await?;
            block.clear();
        }
    }
    stuffer.finish(&mut block);
    connection.write(&block, patience.data_block).await
}

/// Octets of the message, its last line ended (RFC 1870 section 5).
fn size(parcel: &Parcel) -> u64 {
    let octets: u64 = parcel.message.iter().map(|piece| piece.len() as u64).sum();
    let last = parcel.message.iter().rev().find_map(|piece| piece.last());
    octets + if last.is_none_or(|last| *last == b'\n') { 0 } else { 2 }
}

fn rcpt(recipient: &ParcelRecipient, dsn: bool, smtputf8: bool) -> Result<Vec<u8>, Unsayable> {
    let original = recipient.original.as_ref().filter(|_| dsn);
    let line = RcptLine {
        recipient: &recipient.address,
        smtputf8,
        notify: recipient.notify.filter(|_| dsn).map(notify),
        original: original.map(|(kind, address)| (kind.as_str(), address.as_str())),
    };
    line.encode()
}

fn notify(wish: NotifyWish) -> Notify {
    let NotifyWish { success, failure, delay } = wish;
    if wish == NotifyWish::NEVER { Notify::Never } else { Notify::On { success, failure, delay } }
}

/// Why a line was not said; `path` is the status of an address that can not be.
fn unsaid(unsayable: Unsayable, path: &str) -> Said {
    let status = match unsayable {
        Unsayable::NeedsSmtpUtf8 => "5.6.7",
        Unsayable::Path => path,
        Unsayable::HostName | Unsayable::Parameter(_) | Unsayable::SignIn => "5.5.4",
    };
    said::ours(status, format!("It was not sent: {unsayable}"))
}

/// Groups that may be on their way at once.
fn groups(steps: Vec<Step>, pipelining: bool) -> Vec<Vec<Step>> {
    let mut groups: Vec<Vec<Step>> = Vec::new();
    let mut octets = 0;
    for step in steps {
        let fits = pipelining && octets + step.line.len() <= GROUP_BYTES;
        octets = if fits { octets } else { 0 } + step.line.len();
        match groups.last_mut() {
            Some(group) if fits => group.push(step),
            _ => groups.push(vec![step]),
        }
    }
    groups
}
