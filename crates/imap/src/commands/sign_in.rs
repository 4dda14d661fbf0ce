//! LOGIN and AUTHENTICATE PLAIN (RFC 9051 sections 6.2.2 and 6.2.3, RFC 4616, RFC 4959).
//!
//! The house checks and answers a refusal at its own fixed time; here is only what the
//! client wrote and which code the answer has. What is no well-formed name goes the same
//! way as a wrong one, so nothing is told by being faster.

use crate::answer::{Code, Completion, Handled, Stop};
use crate::capabilities;
use crate::connection::{Connection, SignedIn};
use postern_access::SignInDenied;
use postern_app::wire::Wire;
use postern_app::{Attempt, Plain, SignInRefused};
use postern_imap_wire::{Event, ResponseCode, Status};
use postern_types::Secret;

impl<W: Wire> Connection<W> {
    /// LOGIN
    pub(crate) async fn login(&mut self, username: String, password: Secret) -> Handled {
        self.sign_in(username, password, "LOGIN").await
    }

    /// AUTHENTICATE
    pub(crate) async fn authenticate(&mut self, mechanism: &str, initial_response: Option<Secret>) -> Handled {
        if mechanism != "PLAIN" {
            return Ok(Completion::no(ResponseCode::Cannot, "This server knows the mechanism PLAIN"));
        }
        let response = match initial_response {
            Some(response) => response,
            None => self.challenge().await?,
        };
        let Some(Plain { username, password }) = Plain::read(&response) else {
            return Ok(Completion::bad("A response of PLAIN is a name and a password with NUL before each"));
        };
        self.sign_in(username, password, "PLAIN").await
    }

    /// Asks for the response with an empty challenge.
    async fn challenge(&mut self) -> Result<Secret, Stop> {
        self.client.reply().challenge(b"");
        self.framer.expect_response();
        loop {
            match self.framer.next_event() {
                Some(Event::Response(response)) => return Ok(response),
                Some(Event::Bad(bad)) => return Err(Completion::bad(bad.text).into()),
                Some(Event::Cancelled) => return Err(Completion::bad("AUTHENTICATE was cancelled").into()),
                // Nothing else comes while a response is expected.
                Some(_) => {}
                None => self.fill().await?,
            }
        }
    }

    async fn sign_in(&mut self, username: String, secret: Secret, mechanism: &'static str) -> Handled {
        let attempt = Attempt { username, secret, peer: self.client.peer.clone(), protocol: "imap", mechanism };
        self.flush().await?;
        let session = match self.client.house.sign_in(attempt).await {
            Ok(session) => session,
            Err(refused) => {
                self.client.failed_sign_ins += 1;
                return Ok(failed(refused));
            }
        };
        self.framer.signed_in();
        self.wire.signed_in();
        self.client.signed_in = Some(Box::new(SignedIn { session, selected: None }));
        let code = Code::Capability(capabilities::signed_in(self.client.house.limits()));
        Ok(Completion { status: Status::Ok, code: Some(code), text: "Welcome".into() })
    }
}

/// RFC 5530 section 3: AUTHENTICATIONFAILED, PRIVACYREQUIRED, UNAVAILABLE.
fn failed(refused: SignInRefused) -> Completion {
    let code = match refused {
        SignInRefused::Denied(SignInDenied::NeedsTls) => ResponseCode::PrivacyRequired,
        SignInRefused::Denied(SignInDenied::Refused) => ResponseCode::AuthenticationFailed,
        SignInRefused::TooMany => ResponseCode::Limit,
        SignInRefused::Unavailable => ResponseCode::Unavailable,
    };
    Completion::no(code, refused.to_string())
}
