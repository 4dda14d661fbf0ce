//! AUTH PLAIN and LOGIN (RFC 4954, RFC 4616, draft-murchison-sasl-login-00).
//!
//! The house checks and answers a refusal at its own fixed time; here is only what the client
//! wrote and which code the answer has. What is no well-formed name goes the same way as a wrong
//! one, so nothing is told by being faster.

use crate::connection::{Connection, End, Handled, Stop};
use crate::link::Face;
use postern_access::SignInDenied;
use postern_app::wire::Wire;
use postern_app::{Attempt, Plain, SignInRefused};
use postern_smtp_wire::{Auth, AuthResponse, BadLine, Enhanced, Event, Refusal, Reply};
use postern_types::Secret;

/// The SASL mechanisms. LOGIN is obsolete, and much software knows nothing else.
pub(crate) const MECHANISMS: &[&str] = &["PLAIN", "LOGIN"];

impl<W: Wire, F: Face> Connection<W, F> {
    /// AUTH; only those mechanisms come here that were offered.
    pub(crate) async fn authenticate(&mut self, auth: &Auth) -> Handled {
        let first = auth.initial.clone();
        if auth.mechanism == "LOGIN" {
            // Clients were seen that ignore what is asked, and some that wait for these very words.
            let username = self.response(first, b"Username:").await?;
            let password = self.response(None, b"Password:").await?;
            return self.sign_in(text(username.expose()), password, "LOGIN").await;
        }
        let response = self.response(first, b"").await?;
        let Some(Plain { username, password }) = Plain::read(&response) else {
            let text = "A response of PLAIN is a name and a password with NUL before each";
            return Err(Refusal::from(Reply::new(501, Enhanced(5, 2), text)).into());
        };
        self.sign_in(username, password, "PLAIN").await
    }

    /// What the client sent along, or what it answers to a challenge.
    async fn response(&mut self, sent_along: Option<Secret>, challenge: &[u8]) -> Result<Secret, Stop> {
        if let Some(response) = sent_along {
            return Ok(response);
        }
        Reply::challenge(challenge).encode(&mut self.out);
        self.framer.expect_auth_response();
        loop {
            let response = match self.framer.next() {
                Some(Event::Line(line)) => AuthResponse::parse(line),
                Some(Event::BadLine(bad)) => Err(too_long(bad)),
                // Nothing else comes while a response is expected.
                Some(_) => continue,
                None => {
                    self.fill().await?;
                    continue;
                }
            };
            return match response? {
                AuthResponse::Response(response) => Ok(response),
                AuthResponse::Cancel => {
                    Err(Refusal::from(Reply::new(501, Enhanced(7, 0), "AUTH was cancelled")).into())
                }
            };
        }
    }

    async fn sign_in(&mut self, username: String, secret: Secret, mechanism: &'static str) -> Handled {
        let attempt = Attempt { username, secret, peer: self.link.peer.clone(), protocol: "submission", mechanism };
        self.flush().await?;
        match self.link.house.sign_in(attempt).await {
            Ok(session) => {
                self.wire.signed_in();
                self.sequence.signed_in();
                self.link.session = Some(Box::new(session));
                self.renew_offer();
                Ok(Some(Reply::new(235, Enhanced(7, 0), "Welcome")))
            }
            Err(refused) => Err(self.sign_in_failed(refused)),
        }
    }

    fn sign_in_failed(&mut self, refused: SignInRefused) -> Stop {
        self.failed_sign_ins += 1;
        let reply = failed(refused);
        if self.failed_sign_ins < self.link.house.limits().sign_in_attempts {
            return Refusal::from(reply).into();
        }
        reply.encode(&mut self.out);
        End::Bye(self.link.farewell(Enhanced(7, 0), "Too many failed sign-ins")).into()
    }
}

/// RFC 4954 section 6.
fn failed(refused: SignInRefused) -> Reply {
    let (code, enhanced) = match refused {
        SignInRefused::Denied(SignInDenied::NeedsTls) => (538, Enhanced(7, 11)),
        SignInRefused::Denied(SignInDenied::Refused) => (535, Enhanced(7, 8)),
        SignInRefused::TooMany | SignInRefused::Unavailable => (454, Enhanced(7, 0)),
    };
    Reply::new(code, enhanced, refused.to_string())
}

/// RFC 4954 section 6 has a code of its own for a line of the exchange that is too long.
fn too_long(bad: BadLine) -> Refusal {
    match bad {
        BadLine::TooLong => Reply::new(500, Enhanced(5, 6), "The response is too long").into(),
        BadLine::BareNewline => bad.refusal(),
    }
}

/// A name that is not UTF-8 is nobody's, and is looked up all the same.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
