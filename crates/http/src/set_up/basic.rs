//! HTTP Basic (RFC 7617), for people: mail programs and the browsers of telephones know no tokens.
//!
//! A sign-in as any other: the same use case, throttle, refusals at the same time, and trail. The
//! secret of a shared mailbox is a wrong password here.

use crate::problem::{Kind, Problem};
use crate::visit::Visit;
use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postern_app::{Attempt, House, Session};
use postern_types::{Address, Secret};

/// Signs in who sent this header.
pub(super) async fn sign_in(house: &House, shown: Option<&HeaderValue>, visit: &Visit) -> Result<Session, Problem> {
    let Some(shown) = shown else {
        let text = "Sign in with your own address and your password (HTTP Basic)";
        return Err(Problem::new(Kind::SignInNeeded, text));
    };
    let Some((username, secret)) = read(shown) else {
        visit.failed();
        let text = "Only HTTP Basic with one's own address and password is taken here, no token";
        return Err(Problem::new(Kind::SignInRefused, text));
    };
    let peer = visit.peer().clone();
    let attempt = Attempt { username, secret, peer, protocol: "rest", mechanism: "Basic" };
    let session = house.sign_in_in_person(attempt).await.inspect_err(|_| visit.failed())?;
    visit.signed_in();
    Ok(session)
}

/// Name and password. The name is a plain address: nobody is rooted at a mailbox here.
pub(super) fn read(shown: &HeaderValue) -> Option<(String, Secret)> {
    let (scheme, rest) = shown.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let pair = Secret::new(STANDARD.decode(rest.trim()).ok()?);
    let (username, password) = pair.expose_text()?.split_once(':')?;
    Address::parse(username).ok()?;
    Some((username.to_owned(), Secret::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Option<(String, Secret)> {
        read(&HeaderValue::from_str(text).unwrap())
    }

    fn basic(pair: &str) -> String {
        format!("bAsIC  {}", STANDARD.encode(pair))
    }

    #[test]
    fn a_password_may_hold_colons_and_a_name_is_an_address() {
        let (name, password) = read_text(&basic("alice@example.org:a:b ü")).unwrap();
        assert_eq!((name.as_str(), password.expose_text()), ("alice@example.org", Some("a:b ü")));
        for pair in ["alice:x", "alice@example.org", "alice@example.org/support@example.org:x", ":x"] {
            assert!(read_text(&basic(pair)).is_none(), "{pair}");
        }
        for text in ["Basic", "Basic !", "Bearer ptnt_x", "Negotiate YWxpY2VAZXhhbXBsZS5vcmc6eA=="] {
            assert!(read_text(text).is_none(), "{text}");
        }
    }
}
