//! An authority's answer, looked at before the library reads it: is it of the protocol at all, and how long does
//! the authority want to be left alone?
//!
//! The library takes every error for a problem document (RFC 8555 section 6.7) and every success for what it asked
//! for. A proxy's page is neither, and a mistyped URL leads to somebody's web site.

use super::due::LONGEST_WISH_MS;
use hyper::StatusCode;
use hyper::header::{DATE, HeaderMap, RETRY_AFTER};
use postern_types::Timestamp;
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Characters of a foreign answer that are passed on.
const MOST_WORDS: usize = 80;

/// An answer that no authority gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it answers {status}, {words}")]
pub(super) struct Foreign {
    /// The directory was asked for.
    pub is_directory: bool,
    pub status: StatusCode,
    /// What it begins with.
    pub words: String,
}

/// Whether this is an answer of the protocol.
pub(super) fn look(is_directory: bool, status: StatusCode, body: &[u8]) -> Result<(), Foreign> {
    let document = serde_json::from_slice::<Map<String, Value>>(body).ok();
    let has = |name: &str| document.as_ref().is_some_and(|document| document.get(name).is_some_and(Value::is_string));
    let is_ours = match status.is_client_error() || status.is_server_error() {
        true => ["type", "detail", "title"].into_iter().any(has),
        // RFC 8555 section 7.1.1.
        false => !is_directory || (status.is_success() && ["newNonce", "newAccount", "newOrder"].into_iter().all(has)),
    };
    if is_ours { Ok(()) } else { Err(Foreign { is_directory, status, words: words(body) }) }
}

/// The first words of a page, without its marks.
fn words(body: &[u8]) -> String {
    let mut is_mark = false;
    let mut text = String::new();
    for c in String::from_utf8_lossy(&body[..body.len().min(4096)]).chars() {
        match c {
            '<' => is_mark = true,
            '>' if is_mark => {
                is_mark = false;
                text.push(' ');
            }
            _ if is_mark => {}
            _ => text.push(if c.is_control() { ' ' } else { c }),
        }
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => "without a word".to_owned(),
        1..=MOST_WORDS => format!("\"{text}\""),
        _ => format!("\"{}…\"", text.chars().take(MOST_WORDS).collect::<String>()),
    }
}

/// Seconds that `Retry-After` asks for (RFC 9110 section 10.2.3). A date is told against that of the answer, for one
/// of both clocks may be wrong. No more than we would wait.
pub(super) fn wish(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |name| text(name).and_then(|text| httpdate::parse_http_date(text).ok());
    let given = text(RETRY_AFTER)?;
    let seconds = match given.parse::<u64>() {
        Ok(seconds) => seconds,
        // More digits than a number holds.
        Err(_) if !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit()) => u64::MAX,
        Err(_) => {
            let then = date(RETRY_AFTER)?;
            then.duration_since(date(DATE).unwrap_or_else(|| moment(now))).unwrap_or_default().as_secs()
        }
    };
    Some(seconds.min(LONGEST_WISH_MS.unsigned_abs() / 1000))
}

fn moment(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(at.seconds()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    const NOW: Timestamp = Timestamp(1_795_381_200_000);

    #[test]
    fn what_no_authority_answers_is_told_apart() {
        let page = b"<html>\r\n<head><title>502 Bad\x1b Gateway</title></head><body>nginx</body></html>";
        let foreign = look(false, StatusCode::BAD_GATEWAY, page).unwrap_err();
        assert_eq!(foreign.to_string(), "it answers 502 Bad Gateway, \"502 Bad Gateway nginx\"");
        assert_eq!(look(false, StatusCode::NOT_FOUND, b"").unwrap_err().words, "without a word");
        assert!(
            look(false, StatusCode::NOT_FOUND, b"[]").is_err() && look(false, StatusCode::OK, b"-----BEGIN").is_ok()
        );
        let problem = br#"{"type":"urn:ietf:params:acme:error:badNonce","detail":"no"}"#;
        assert_eq!(look(false, StatusCode::BAD_REQUEST, problem), Ok(()));
        let long = look(false, StatusCode::FORBIDDEN, "é".repeat(3000).as_bytes()).unwrap_err().words;
        assert_eq!(long.chars().count(), MOST_WORDS + 3, "{long}");
    }

    /// RFC 8555 section 7.1.1.
    #[test]
    fn a_directory_names_where_things_are_asked_for() {
        let directory =
            br#"{"newNonce":"https://ca/n","newAccount":"https://ca/a","newOrder":"https://ca/o","meta":{}}"#;
        assert_eq!(look(true, StatusCode::OK, directory), Ok(()));
        for (status, body) in [
            (StatusCode::OK, &b"<h1>Welcome</h1>"[..]),
            (StatusCode::OK, b"{}"),
            (StatusCode::OK, br#"{"newNonce":1,"newAccount":"https://ca/a","newOrder":"https://ca/o"}"#),
            (StatusCode::MOVED_PERMANENTLY, directory),
            (StatusCode::NOT_FOUND, b"gone"),
        ] {
            assert!(look(true, status, body).is_err_and(|foreign| foreign.is_directory), "{status}");
        }
    }

    /// RFC 9110 section 10.2.3.
    #[test]
    fn patience_is_asked_for_in_seconds_or_until_a_date() {
        let of = |headers: &[(HeaderName, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            wish(&headers.collect(), NOW)
        };
        assert_eq!((of(&[(RETRY_AFTER, "3600")]), of(&[])), (Some(3600), None));
        assert_eq!(of(&[(RETRY_AFTER, "99999999999999999999999")]), Some(7 * 24 * 3600), "beyond reason");
        assert_eq!(of(&[(RETRY_AFTER, "soon")]), None);
        let until = (RETRY_AFTER, "Fri, 31 Dec 1999 23:59:59 GMT");
        assert_eq!(of(&[until.clone(), (DATE, "Fri, 31 Dec 1999 22:59:59 GMT")]), Some(3600), "by its own clock");
        assert_eq!(of(&[until]), Some(0), "it is over");
        // NOW is the 22nd of November 2026, 21:00.
        assert_eq!(of(&[(RETRY_AFTER, "Sun, 22 Nov 2026 21:00:30 GMT")]), Some(30), "by ours");
    }
}
