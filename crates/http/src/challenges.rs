//! What an authority asks for before it gives a certificate: a text at a name (RFC 8555 section 8.3).
//!
//! Whoever asks for a token that is pending is told its text, which tells them nothing: it is the token and
//! the hash of a public key. Any other path is answered as one that is not there.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method};
use axum::response::Response;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The path below which tokens are asked for (RFC 8555 section 8.3).
pub const CHALLENGE_PATH: &str = "/.well-known/acme-challenge/";

/// Texts that wait to be asked for, by token. A copy is the same list.
#[derive(Debug, Clone, Default)]
pub struct Challenges(Arc<RwLock<BTreeMap<String, String>>>);

impl Challenges {
    /// Answers this token with this text, until what is given back is dropped.
    #[must_use]
    pub fn answer(&self, token: &str, text: &str) -> Pending {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), text.to_owned());
        Pending { list: self.clone(), token: token.to_owned() }
    }

    /// What is said at a path, where a token waits for it.
    pub(crate) fn at(&self, method: &Method, path: &str) -> Option<Response> {
        let token = path.strip_prefix(CHALLENGE_PATH)?;
        if method != Method::GET && method != Method::HEAD {
            return None;
        }
        let text = self.0.read().unwrap_or_else(PoisonError::into_inner).get(token)?.clone();
        tracing::info!(event = "certificate.challenge-answered", "an authority asked whether the name is ours");
        let mut response = Response::new(Body::from(text));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Some(response)
    }
}

/// A token that is answered as long as this is kept.
#[derive(Debug)]
pub struct Pending {
    list: Challenges,
    token: String,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.list.0.write().unwrap_or_else(PoisonError::into_inner).remove(&self.token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_answered_while_it_is_pending_and_nothing_else_is() {
        let challenges = Challenges::default();
        let is_told = |method: Method, path: &str| challenges.at(&method, path).is_some();
        let here = "/.well-known/acme-challenge/token-1";
        assert!(!is_told(Method::GET, here));
        let pending = challenges.answer("token-1", "token-1.thumb");
        assert!(is_told(Method::GET, here) && is_told(Method::HEAD, here));
        assert!(!is_told(Method::POST, here));
        for path in
            ["/.well-known/acme-challenge/", "/.well-known/acme-challenge/token-2", "/token-1", &format!("{here}/")]
        {
            assert!(!is_told(Method::GET, path), "{path}");
        }
        drop(pending);
        assert!(!is_told(Method::GET, here));
    }
}
