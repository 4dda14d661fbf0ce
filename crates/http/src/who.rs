//! Who asks: the bearer of a token (RFC 6750), or the process at the other end of the
//! administration socket. What they may is asked at the gate.

use crate::problem::{Kind, Problem};
use crate::route::{Route, Who};
use crate::visit::Visit;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use postern_access::Actor;
use postern_app::{Caller, House, Refused};
use postern_types::Secret;

/// The user id of the process at the other end of the administration socket, as the kernel
/// told it. The server puts it into the extensions of each request of that socket, and of
/// no other: it is the proof that an operator asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerUid(pub u32);

/// Beside a [`PeerUid`]: it is this process's own, and no server was asked. The trail says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offline;

/// Who makes a request in this process.
#[derive(Debug, Clone)]
pub enum Asker {
    /// The operator with this user id.
    Operator(u32),
    /// Whoever bears this token.
    Bearer(Secret),
}

/// What a request shows of who sent it.
pub(crate) struct Shown {
    token: Option<Result<Secret, Problem>>,
    uid: Option<PeerUid>,
    is_offline: bool,
}

impl Shown {
    pub fn by(request: &Request) -> Self {
        let extensions = request.extensions();
        Self {
            token: bearer(request.headers()),
            uid: extensions.get::<PeerUid>().copied(),
            is_offline: extensions.get::<Offline>().is_some(),
        }
    }
}

/// Whose request it is; nobody where the route is for everyone. A request with a token is the
/// bearer's wherever it came from, so a person can act as themselves over the socket too.
pub(crate) async fn identify(
    route: &Route,
    house: &House,
    shown: Shown,
    visit: &Visit,
) -> Result<Option<Caller>, Problem> {
    if route.who == Who::Anyone {
        return Ok(None);
    }
    let caller = match shown {
        Shown { token: Some(token), .. } => {
            let bearer = match token {
                Ok(token) => house.bearer(&token, visit.peer()).await.map_err(Problem::from),
                Err(problem) => Err(problem),
            };
            // A token that is none is a guess; that the house is busy is not.
            bearer.inspect_err(|problem| {
                if problem.kind == Kind::SignInEnded {
                    visit.failed();
                }
            })?
        }
        Shown { token: None, uid: Some(PeerUid(uid)), is_offline: true } => house.operator_offline(uid)?,
        Shown { token: None, uid: Some(PeerUid(uid)), .. } => house.operator(uid)?,
        Shown { token: None, uid: None, .. } => return Err(Problem::sign_in_needed()),
    };
    visit.signed_in();
    match (route.who, caller.actor()) {
        (Who::Person, Actor::Person(_)) => Ok(Some(caller)),
        (Who::Person, _) => {
            let text = "This is for people who have signed in: an operator has no password and no tokens; sign in, or name whose";
            Err(Problem::new(Kind::NotYours, text))
        }
        _ => Ok(Some(caller)),
    }
}

/// The token of a request. A header that holds no token of ours is a token that has ended: who
/// shows something is told the same whatever is wrong with it.
fn bearer(headers: &HeaderMap) -> Option<Result<Secret, Problem>> {
    let bytes = headers.get(AUTHORIZATION)?.as_bytes();
    let scheme = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    // RFC 9110 section 11.1: the scheme is written in any case.
    let is_bearer = scheme.eq_ignore_ascii_case(b"Bearer");
    Some(if is_bearer { Ok(Secret::new(bytes[scheme.len()..].trim_ascii())) } else { Err(Refused::Ended.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_token_stands_after_its_scheme() {
        let token = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
            bearer(&headers)
        };
        let is = |value, expected: &str| {
            assert_eq!(token(value).unwrap().unwrap().expose_text(), Some(expected), "{value}");
        };
        is("Bearer ptnt_x", "ptnt_x");
        is("bearer  ptnt_x", "ptnt_x");
        is("Bearer", "");
        assert_eq!(token("Basic YWxpY2U6c2VjcmV0").unwrap().unwrap_err().kind, Kind::SignInEnded);
        assert!(bearer(&HeaderMap::new()).is_none());
    }
}
