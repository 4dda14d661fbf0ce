//! From nothing to a connection that takes mail: greeting, EHLO, TLS, sign-in.
//!
//! A hop that asks for TLS with a certificate gets not one command of a transaction, and no
//! password, before it stands. What keeps us from it is *later* for everybody, and said so that the
//! operator can mend it.

use super::connection::{Broken, Connection};
use super::{DialError, Dialer, Patience, said};
use postern_app::wire::Wire;
use postern_app::{Hop, HopTls, Said};
use postern_smtp_wire::HelloVerb;
use postern_smtp_wire::client::{
    AUTH_CANCEL, Answer, Mechanism, PeerOffer, STARTTLS, Unsayable, hello, printable, sign_in_lines,
};
use postern_types::{Secret, length};
use std::sync::Arc;
use tokio::time::timeout;

pub(super) struct Opening<'a, D> {
    pub dialer: &'a D,
    pub hop: &'a Arc<Hop>,
    pub hostname: &'a str,
    pub patience: &'a Patience,
}

/// The door stays closed.
#[derive(Debug)]
pub(super) struct Closed {
    pub server: Option<String>,
    pub said: Said,
}

/// Why one attempt failed.
#[derive(Debug)]
enum Failure {
    /// The connection is gone.
    Broken(Said),
    /// The handshake failed; the connection is of no more use.
    Tls(Said),
    /// We can not go on, and say goodbye.
    Refused(Said),
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken.said)
    }
}

impl From<Unsayable> for Failure {
    fn from(unsayable: Unsayable) -> Self {
        Self::Refused(said::ours("4.3.5", format!("We can not introduce ourselves: {unsayable}")))
    }
}

impl<D: Dialer> Opening<'_, D> {
    pub async fn open(&self) -> Result<Connection<D::Wire>, Closed> {
        match self.attempt(Tls::Wanted).await {
            Ok(connection) => Ok(connection),
            // Whoever can break a handshake can also hide STARTTLS, so nothing is lost that an
            // attacker had not taken anyway (RFC 7435 section 3).
            Err((Failure::Tls(_), _)) if self.hop.tls == HopTls::Opportunistic => {
                tracing::warn!(event = "relay.tls-failed", hop = %self.hop);
                self.attempt(Tls::GivenUp).await.map_err(closed)
            }
            Err(failed) => Err(closed(failed)),
        }
    }

    async fn attempt(&self, tls: Tls) -> Result<Connection<D::Wire>, (Failure, Option<String>)> {
        let wire = self.dial().await.map_err(|said| (Failure::Broken(said), None))?;
        let mut connection = Connection::new(wire);
        match self.introduce(&mut connection, tls).await {
            Ok(()) => {
                let encrypted = connection.is_encrypted();
                tracing::debug!(event = "relay.connected", hop = %self.hop, encrypted);
                Ok(connection)
            }
            Err(failure) => {
                let server = connection.server.take();
                if matches!(failure, Failure::Refused(_)) {
                    connection.quit(self.patience.farewell).await;
                }
                Err((failure, server))
            }
        }
    }

    async fn dial(&self) -> Result<D::Wire, Said> {
        let patience = self.patience.dial;
        match timeout(patience, self.dialer.dial(self.hop)).await {
            Ok(Ok(wire)) => Ok(wire),
            Ok(Err(DialError::NoAddress(text))) => Err(said::ours("4.4.3", text)),
            Ok(Err(DialError::Unreachable(text))) => Err(said::ours("4.4.1", text)),
            Ok(Err(DialError::Tls(text))) => Err(said::ours("4.7.5", text)),
            Err(_) => {
                let seconds = i64::try_from(patience.as_secs()).unwrap_or(i64::MAX);
                Err(said::ours("4.4.1", format!("{} did not answer within {}", self.hop, length(seconds))))
            }
        }
    }

    async fn introduce(&self, connection: &mut Connection<D::Wire>, tls: Tls) -> Result<(), Failure> {
        let greeting = connection.answer(self.patience.greeting).await?;
        connection.server = server_name(&greeting);
        if greeting.class() != 2 {
            // 554 here is for good (RFC 5321 section 3.1), but about us and not about the mail.
            return Err(Failure::Refused(said::reply(&greeting)));
        }
        self.hello(connection).await?;
        self.secure(connection, tls).await?;
        self.sign_in(connection).await
    }

    /// EHLO, or HELO for those who do not know it (RFC 5321 section 3.2).
    async fn hello(&self, connection: &mut Connection<D::Wire>) -> Result<(), Failure> {
        let patience = self.patience.command;
        let mut answer = connection.ask(&hello(HelloVerb::Ehlo, self.hostname)?, patience).await?;
        if answer.class() == 2 {
            connection.offer = PeerOffer::read(&answer);
        } else if answer.class() == 5 {
            answer = connection.ask(&hello(HelloVerb::Helo, self.hostname)?, patience).await?;
        }
        if answer.class() != 2 {
            return Err(Failure::Refused(said::reply(&answer)));
        }
        if connection.server.is_none() {
            connection.server = server_name(&answer);
        }
        Ok(())
    }

    /// STARTTLS as the hop wishes (RFC 3207).
    async fn secure(&self, connection: &mut Connection<D::Wire>, tls: Tls) -> Result<(), Failure> {
        let must = match self.hop.tls {
            _ if connection.is_encrypted() => return Ok(()),
            HopTls::Never => return Ok(()),
            HopTls::Opportunistic if tls == Tls::GivenUp || !connection.offer.starttls => return Ok(()),
            HopTls::Opportunistic => false,
            HopTls::Required => true,
            HopTls::Implicit => return Err(Failure::Refused(said::ours("4.7.5", "The connection is not under TLS"))),
        };
        if !connection.offer.starttls {
            let text = "The server offers no STARTTLS, and nothing is sent there without TLS";
            return Err(Failure::Refused(said::ours("4.7.4", text)));
        }
        let answer = connection.ask(STARTTLS, self.patience.command).await?;
        if answer.code() != 220 {
            return if must { Err(Failure::Refused(said::reply(&answer))) } else { Ok(()) };
        }
        // Someone between us would have what it says in clear taken for the server's words under
        // TLS (RFC 3207 section 6, CVE-2011-0411). An honest server waits for our handshake.
        if connection.has_unread() {
            let text = "The server said more in clear after it had agreed to TLS; somebody may be in between";
            return Err(Failure::Broken(said::ours("4.7.5", text)));
        }
        connection.start_tls(self.patience.command).await.map_err(Failure::Tls)?;
        self.hello(connection).await
    }

    /// AUTH, where the hop has a login (RFC 4954).
    async fn sign_in(&self, connection: &mut Connection<D::Wire>) -> Result<(), Failure> {
        let Some(login) = &self.hop.login else { return Ok(()) };
        // Both mechanisms show the password to whoever listens (RFC 4954 section 9).
        if !connection.is_encrypted() && !connection.is_loopback() {
            let text = "The password is not sent without TLS; set tls of this relay to required or implicit";
            return Err(Failure::Refused(said::ours("4.7.11", text)));
        }
        let known = [Mechanism::Plain, Mechanism::Login];
        let offered: Vec<_> =
            known.into_iter().filter(|mechanism| connection.offer.has_mechanism(mechanism.name())).collect();
        if offered.is_empty() {
            let text = "The server offers no way to sign in that we know (PLAIN or LOGIN)";
            return Err(Failure::Refused(said::ours("4.7.4", text)));
        }
        let mut refusal = None;
        for mechanism in offered {
            let lines = sign_in_lines(mechanism, &login.username, &login.password).map_err(|unsayable| {
                Failure::Refused(said::ours("4.7.8", format!("We can not sign in there: {unsayable}")))
            })?;
            let answer = exchange(connection, &lines, self.patience).await?;
            if answer.class() == 2 {
                return Ok(());
            }
            // Only where the mechanism itself is refused: a wrong password is not tried twice.
            let is_mechanism = matches!(answer.code(), 500..=504);
            refusal = Some(without_secrets(&answer, &login.password, &lines));
            if !is_mechanism {
                break;
            }
        }
        let otherwise = || said::ours("4.7.8", "The sign-in failed");
        Err(Failure::Refused(refusal.unwrap_or_else(otherwise)))
    }
}

/// Whether STARTTLS is tried at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    Wanted,
    GivenUp,
}

fn closed((failure, server): (Failure, Option<String>)) -> Closed {
    let (Failure::Broken(said) | Failure::Tls(said) | Failure::Refused(said)) = failure;
    Closed { server, said }
}

/// The first word of greeting and EHLO (RFC 5321 section 4.2); it is only told, never relied on.
fn server_name(answer: &Answer) -> Option<String> {
    answer.first_word().map(|word| printable(word).chars().take(255).collect())
}

/// One line for each 334; the answer that ends it.
async fn exchange<W: Wire>(
    connection: &mut Connection<W>,
    lines: &[Secret],
    patience: &Patience,
) -> Result<Answer, Failure> {
    let mut lines = lines.iter();
    let mut line = lines.next().map_or(AUTH_CANCEL, Secret::expose);
    loop {
        let answer = connection.ask(line, patience.command).await?;
        if answer.code() != 334 {
            return Ok(answer);
        }
        if line == AUTH_CANCEL {
            return Err(Failure::Broken(said::ours("4.5.0", "The sign-in does not come to an end")));
        }
        // A server that asks for more than the mechanism has is told so (RFC 4954 section 4).
        line = lines.next().map_or(AUTH_CANCEL, Secret::expose);
    }
}

/// What the server says of a sign-in goes into the log of the queue; a server that repeats our
/// secrets in it is cut short.
fn without_secrets(answer: &Answer, password: &Secret, lines: &[Secret]) -> Said {
    let whole = answer.lines().join(" ");
    let sent = lines.iter().filter_map(Secret::expose_text).filter_map(|line| line.split_whitespace().last());
    let mut secrets = sent.filter(|word| !matches!(*word, "PLAIN" | "LOGIN")).chain(password.expose_text());
    let mut said = said::reply(answer);
    if secrets.any(|secret| whole.contains(&printable(secret))) {
        said.text = format!("{} (the rest repeats what we signed in with)", answer.code());
    }
    said
}
