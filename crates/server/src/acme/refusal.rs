//! Why there is no certificate, for the one who can do something about it.

use super::answer::Foreign;
use crate::config::Challenge;
use instant_acme::{Error, Problem};
use serde::{Deserialize, Serialize};
use std::error::Error as _;

/// Octets of an authority's words that are passed on.
const MOST_WORDS: usize = 600;
/// The command alone does not read the configuration.
const AFTER_MENDING: &str =
    "then: systemctl reload postern where the configuration was changed, and postern certificate renew";

/// An attempt that failed: why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refusal {
    pub reason: String,
    pub next: String,
    /// The authority does not know the account.
    #[serde(default)]
    pub account_is_gone: bool,
    /// Nothing that is done here would help before the time that it names.
    #[serde(default)]
    pub is_rate_limit: bool,
    /// That is so whatever names are asked for.
    #[serde(default)]
    pub is_for_all_names: bool,
    /// Nothing is to be mended here: it is asked again by itself.
    #[serde(default)]
    pub needs_nobody: bool,
}

impl Refusal {
    pub fn new(reason: impl Into<String>, next: impl Into<String>) -> Self {
        // Both may have words and names of the authority's.
        let (reason, next) = (plain(&reason.into()), plain(&next.into()));
        Self {
            reason,
            next,
            account_is_gone: false,
            is_rate_limit: false,
            is_for_all_names: false,
            needs_nobody: false,
        }
    }

    /// Time alone helps.
    pub fn waiting(reason: impl Into<String>, next: impl Into<String>) -> Self {
        Self { needs_nobody: true, ..Self::new(reason, next) }
    }

    /// Another list of names would be refused, too.
    pub fn whatever_names(self) -> Self {
        Self { is_for_all_names: true, ..self }
    }

    /// What to do, to the end: where something is to be mended, it is asked again after that.
    pub fn to_do(&self) -> String {
        match self.is_rate_limit || self.needs_nobody {
            true => self.next.clone(),
            false => format!("{}; {AFTER_MENDING}", self.next),
        }
    }

    /// Something on this machine is in the way.
    pub fn of_disk(error: &std::io::Error) -> Self {
        Self::new(error.to_string(), "let the user that Postern runs as write there, and see that the disk has room")
    }

    /// What went wrong between us and the authority, about this name where one is known.
    pub fn of(error: &Error, directory: &str, challenge: Challenge, name: Option<&str>) -> Self {
        let foreign = if let Error::Other(cause) = error { cause.downcast_ref::<Foreign>() } else { None };
        if let Some(foreign) = foreign {
            return Self::of_foreign(foreign, directory);
        }
        match error {
            Error::Api(problem) => Self::of_problem(problem, challenge, name),
            Error::Timeout(_) => Self::waiting(
                "the authority did not come to an end in time",
                "nothing: it is asked again; if this stays so, look at the authority's own status page",
            ),
            Error::Json(_) | Error::Str(_) | Error::Unsupported(_) => Self::new(
                format!("{directory} answers something that an authority does not: {}", with_causes(error)),
                "see that [tls.acme] directory is that of an authority; if it is, report this: Postern does not understand it",
            ),
            other => Self::new(
                format!("{directory} could not be asked: {}", with_causes(other)),
                "check [tls.acme] directory (and ca_file, where it is not a public one), and that this machine reaches it",
            ),
        }
    }

    /// The same of the account, before any name is looked at: one that was shut is "unauthorized" (RFC 8555 section
    /// 7.3), as a name is at which somebody else answers.
    pub fn of_account(error: &Error, directory: &str, challenge: Challenge) -> Self {
        let refusal = Self::of(error, directory, challenge, None);
        match error {
            Error::Api(problem) if kind(problem) == "unauthorized" && about(problem).is_none() => Self {
                reason: format!("the authority does not accept the account: {}", refusal.reason),
                next: waiting("accountDoesNotExist").to_owned(),
                account_is_gone: true,
                needs_nobody: true,
                ..refusal
            },
            _ => refusal,
        }
    }

    /// An answer that is not of the protocol: a proxy's, or of a server that is no authority.
    fn of_foreign(foreign: &Foreign, directory: &str) -> Self {
        let Foreign { is_directory, status, words } = foreign;
        let said = format!("it answers {status}, {words}");
        match status.as_u16() {
            429 => Self {
                is_rate_limit: true,
                needs_nobody: true,
                ..Self::new(format!("{directory} wants to be left alone: {said}"), waiting("rateLimited"))
            }
            .whatever_names(),
            500.. => Self::waiting(
                format!("the authority, or what is in front of it, does not work: {said}"),
                "nothing: it is asked again; if this stays so, look at the authority's own status page",
            ),
            _ if *is_directory => Self::new(
                format!("{directory} is no ACME directory: {said}"),
                "check [tls.acme] directory: it is the URL that the authority names for ACME programs",
            ),
            _ => Self::new(
                format!("{directory}: something in front of the authority answers in its place: {said}"),
                "see that nothing on the way, such as a proxy, keeps this machine from it",
            ),
        }
    }

    /// A refusal in the authority's own words (RFC 8555 section 6.7).
    pub fn of_problem(problem: &Problem, challenge: Challenge, name: Option<&str>) -> Self {
        let kind = kind(problem);
        let name = name.or_else(|| about(problem));
        let about = name.map(|name| format!("{name}: ")).unwrap_or_default();
        let subproblems = problem.subproblems.iter().filter_map(|sub| sub.detail.as_deref());
        let words: Vec<&str> = problem.detail.as_deref().into_iter().chain(subproblems).collect();
        let words = if words.is_empty() { "the authority gave no reason".to_owned() } else { words.join("; ") };
        let reason = if kind.is_empty() { format!("{about}{words}") } else { format!("{about}{words} ({kind})") };
        let cure = cure(kind, challenge, name.unwrap_or("the name"));
        Self {
            account_is_gone: kind == "accountDoesNotExist",
            is_rate_limit: kind == "rateLimited",
            needs_nobody: cure.is_none(),
            ..Self::new(reason, cure.unwrap_or_else(|| waiting(kind).to_owned()))
        }
    }
}

fn kind(problem: &Problem) -> &str {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind)
}

/// The first name that it is about.
fn about(problem: &Problem) -> Option<&str> {
    match &problem.subproblems.first()?.identifier {
        Some(instant_acme::Identifier::Dns(name)) => Some(name),
        _ => None,
    }
}

/// Where nothing is to be mended here.
fn waiting(kind: &str) -> &'static str {
    match kind {
        "rateLimited" => "wait: the authority is asked again when it lets us; asking sooner does not help",
        "accountDoesNotExist" => "nothing: a new account is made with the next attempt",
        _ => "read what the authority says; it is asked again by itself",
    }
}

/// What to do about each kind of refusal.
fn cure(kind: &str, challenge: Challenge, name: &str) -> Option<String> {
    let (listener, port) = challenge.place();
    Some(match kind {
        "connection" | "tls" => format!(
            "let port {port} of {name} reach [listen] {listener} of this server from everywhere: open it in the firewall, or \
             forward it"
        ),
        "dns" => format!("publish an A or AAAA record of {name} that leads to this machine, or take it from the names"),
        "unauthorized" | "incorrectResponse" => format!(
            "another server answers at port {port} of {name}: let its A and AAAA records lead to this machine alone, and that \
             port to [listen] {listener}"
        ),
        "caa" => format!("let the CAA record of {name} name this authority, or remove it"),
        "rejectedIdentifier" | "unsupportedIdentifier" => {
            format!("{name} is a name that this authority gives no certificate for: check hostname and [tls.acme] names")
        }
        "externalAccountRequired" => {
            "this authority wants an account that was made with it beforehand, which Postern does not know how to show: choose \
             another [tls.acme] directory"
                .to_owned()
        }
        "invalidContact" | "unsupportedContact" => "correct [tls.acme] contact, or leave it out".to_owned(),
        "userActionRequired" => "do what the authority says there".to_owned(),
        _ => return None,
    })
}

/// An error with what caused it: "error sending request" alone tells nobody anything.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// In one line, and not too long: the words are somebody else's.
fn plain(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.len() > MOST_WORDS {
        let end = (0..=MOST_WORDS).rev().find(|at| words.is_char_boundary(*at)).unwrap_or(0);
        words.truncate(end);
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str, detail: &str) -> Problem {
        let text = serde_json::json!({ "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let of = |kind: &str| Refusal::of_problem(&problem(kind, "no"), Challenge::Http01, Some("mail.example.org"));
        for (kind, words) in [
            ("connection", "port 80 of mail.example.org reach [listen] http"),
            ("dns", "an A or AAAA record of mail.example.org"),
            ("unauthorized", "another server answers at port 80 of mail.example.org"),
            ("caa", "the CAA record of mail.example.org"),
            ("rejectedIdentifier", "check hostname and [tls.acme] names"),
            ("rateLimited", "asking sooner does not help"),
            ("externalAccountRequired", "choose another [tls.acme] directory"),
            ("invalidContact", "correct [tls.acme] contact"),
            ("serverInternal", "asked again by itself"),
        ] {
            let refusal = of(kind);
            assert_eq!(refusal.reason, format!("mail.example.org: no ({kind})"));
            assert!(refusal.next.contains(words), "{kind}: {}", refusal.next);
        }
        assert_eq!(
            of("invalidContact").to_do(),
            "correct [tls.acme] contact, or leave it out; then: systemctl reload postern where the configuration was changed, \
             and postern certificate renew"
        );
        assert_eq!(of("rateLimited").to_do(), of("rateLimited").next, "asking does not help");
        assert!(of("rateLimited").is_rate_limit && of("accountDoesNotExist").account_is_gone);
        assert!(of("rateLimited").needs_nobody && of("serverInternal").needs_nobody && !of("dns").needs_nobody);
        let alpn = Refusal::of_problem(&problem("tls", "no"), Challenge::TlsAlpn01, Some("mail.example.org"));
        assert!(alpn.next.contains("port 443 of mail.example.org reach [listen] https"), "{}", alpn.next);
    }

    #[test]
    fn words_of_others_are_one_short_line() {
        let refusal = Refusal::of_problem(
            &problem("dns", &format!("a\n\u{1b}[31mb {}", "é".repeat(2000))),
            Challenge::Http01,
            None,
        );
        assert!(refusal.reason.starts_with("a [31mb é") && refusal.reason.ends_with('…'), "{}", refusal.reason);
        assert!(refusal.reason.len() < MOST_WORDS + 8 && !refusal.reason.contains(char::is_control));
        let named = Refusal::of_problem(&problem("dns", "no"), Challenge::Http01, Some("a\u{1b}[31m\nb.example"));
        assert!(!named.next.contains(char::is_control) && named.next.contains("a [31m b.example"), "{}", named.next);
    }

    #[test]
    fn an_account_that_was_shut_is_no_other_server() {
        let of = |kind: &str| Refusal::of_account(&Error::Api(problem(kind, "no")), "https://ca", Challenge::Http01);
        let shut = of("unauthorized");
        assert_eq!(shut.reason, "the authority does not accept the account: no (unauthorized)");
        assert!(shut.account_is_gone && shut.next.starts_with("nothing: a new account"), "{}", shut.next);
        assert!(!of("rejectedIdentifier").account_is_gone && of("accountDoesNotExist").account_is_gone);
    }

    /// In words of those who run the server: what answered, with what, and what to do.
    #[test]
    fn what_is_no_authority_is_told_with_its_status_and_first_words() {
        let of = |is_directory, status: u16| {
            let (status, words) = (hyper::StatusCode::from_u16(status).unwrap(), "\"Welcome\"".to_owned());
            let error = Error::Other(Box::new(Foreign { is_directory, status, words }));
            Refusal::of(&error, "https://www.example.net/dir", Challenge::Http01, None)
        };
        let page = of(true, 200);
        assert_eq!(page.reason, "https://www.example.net/dir is no ACME directory: it answers 200 OK, \"Welcome\"");
        assert!(page.next.starts_with("check [tls.acme] directory") && !page.needs_nobody, "{}", page.next);
        assert!(of(true, 404).reason.contains("is no ACME directory: it answers 404 Not Found"));
        for is_directory in [true, false] {
            let broken = of(is_directory, 502);
            assert!(broken.needs_nobody && !broken.is_rate_limit, "{broken:?}");
            assert!(
                broken.reason.ends_with("does not work: it answers 502 Bad Gateway, \"Welcome\""),
                "{}",
                broken.reason
            );
        }
        let limit = of(false, 429);
        assert!(limit.is_rate_limit && limit.is_for_all_names && limit.needs_nobody, "{limit:?}");
        assert!(of(false, 403).next.contains("such as a proxy"));
    }

    #[test]
    fn what_an_authority_says_of_single_names_is_told() {
        let text = serde_json::json!({
            "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "some names are refused",
            "subproblems": [{ "identifier": { "type": "dns", "value": "a.example" }, "detail": "on the list" }],
        });
        let problem: Problem = serde_json::from_value(text).unwrap();
        let refusal = Refusal::of_problem(&problem, Challenge::Http01, None);
        assert_eq!(refusal.reason, "a.example: some names are refused; on the list (rejectedIdentifier)");
    }
}
