//! The authority that is asked for the certificate: how it was asked last, and whether it can look at us.

use super::check::{Check, Group};
use postern_http::show_date;
use postern_server::config::{Acme, Challenge, Config, ListenAddress};
use postern_server::{LastAttempt, last_attempt};
use postern_types::Timestamp;

const TLS: Group = Group::Tls;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub directory: String,
    pub challenge: Challenge,
    /// It has given a certificate.
    pub is_given: bool,
    pub last: Option<LastAttempt>,
    /// At which ports the challenge is answered on other addresses than loopback.
    pub ports: Vec<u16>,
}

/// Looks at what is kept of it, and at the listener that it looks at.
pub(super) fn look(acme: &Acme, config: &Config) -> Facts {
    let addresses = match acme.challenge {
        Challenge::Http01 => &config.listen.http,
        Challenge::TlsAlpn01 => &config.listen.https,
    };
    let port = |address: &ListenAddress| match address {
        ListenAddress::Tcp(at) if !at.ip().is_loopback() => Some(at.port()),
        _ => None,
    };
    Facts {
        directory: acme.directory.clone(),
        challenge: acme.challenge,
        is_given: acme.files().certificate.exists(),
        last: last_attempt(acme),
        ports: addresses.iter().filter_map(port).collect(),
    }
}

/// Judges.
pub(super) fn judge(facts: &Facts, now: Timestamp) -> Vec<Check> {
    vec![asked(facts, now), reached(facts)]
}

fn asked(facts: &Facts, now: Timestamp) -> Check {
    let (id, what) = ("tls.acme", format!("authority {}", facts.directory));
    let Some(last) = &facts.last else {
        return match facts.is_given {
            true => Check::ok(TLS, id, what, "it gave this certificate"),
            false => {
                Check::fail(TLS, id, what, "it was not asked yet; clients see a certificate that they do not trust")
                    .next("start the server, or reload it: it asks by itself")
            }
        };
    };
    let at = show_date(last.at);
    let Some((reason, next)) = &last.refusal else {
        return Check::ok(TLS, id, what, format!("asked on {at}, it gave the certificate, which is renewed by itself"));
    };
    let again = match last.not_before <= now {
        true => "now".to_owned(),
        false => format!("on {}", show_date(last.not_before)),
    };
    let text = format!("asked on {at} in vain: {reason}; it is asked again {again}");
    match facts.is_given {
        true => {
            Check::warn(TLS, id, what, format!("{text}; the certificate that there is stays until its end")).next(next)
        }
        false => {
            Check::fail(TLS, id, what, format!("{text}; clients see a certificate that they do not trust")).next(next)
        }
    }
}

/// From here nobody can tell whether the world reaches us; whether it could by itself, one can.
fn reached(facts: &Facts) -> Check {
    let (listener, port) = facts.challenge.place();
    let (id, what) = ("tls.challenge", format!("challenge {}", facts.challenge.name()));
    if facts.ports.contains(&port) {
        let text =
            format!("it is answered at port {port}; whether that is reached from outside is not to be seen from here");
        return Check::ok(TLS, id, what, text);
    }
    let text =
        format!("the authority asks at port {port}, and [listen] {listener} has no address there that others reach");
    let next = format!(
        "let what listens at port {port} pass it on, or write {listener} = [\"0.0.0.0:{port}\", \"[::]:{port}\"]"
    );
    Check::note(TLS, id, what, text).next(next)
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_381_200_000);

    fn found(is_given: bool, last: Option<Option<&str>>) -> Check {
        let last = last.map(|reason| LastAttempt {
            at: NOW,
            refusal: reason.map(|reason| (reason.to_owned(), "open port 80".to_owned())),
            not_before: NOW.plus_ms(300_000),
        });
        let directory = "https://ca.example.net/dir".to_owned();
        asked(&Facts { directory, challenge: Challenge::Http01, is_given, last, ports: vec![] }, NOW)
    }

    #[test]
    fn how_it_was_asked_last_is_told() {
        assert_eq!((found(true, Some(None)).status, found(true, None).status), (Status::Ok, Status::Ok));
        let never = found(false, None);
        assert!(never.status == Status::Fail && never.next.is_some_and(|next| next.contains("asks by itself")));
        let refused = found(false, Some(Some("nobody answers")));
        assert!(refused.text.contains("in vain: nobody answers; it is asked again on 2026-"), "{}", refused.text);
        assert_eq!(refused.status, Status::Fail);
        assert_eq!(refused.next.as_deref(), Some("open port 80"));
        assert_eq!(found(true, Some(Some("nobody answers"))).status, Status::Warn, "there is one");
    }

    #[test]
    fn a_port_that_the_authority_does_not_ask_at_is_noted() {
        let at = |challenge, ports: &[u16]| {
            let facts =
                Facts { directory: String::new(), challenge, is_given: true, last: None, ports: ports.to_vec() };
            reached(&facts).status
        };
        assert_eq!((at(Challenge::Http01, &[80]), at(Challenge::Http01, &[8080])), (Status::Ok, Status::Note));
        assert_eq!((at(Challenge::TlsAlpn01, &[443]), at(Challenge::TlsAlpn01, &[])), (Status::Ok, Status::Note));
    }
}
