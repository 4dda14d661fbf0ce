//! The page on which somebody who was invited chooses their password: for people without the command line.
//!
//! A form and nothing else: no script, nothing from elsewhere, and nothing that says who is there. It takes
//! what `POST /api/v1/invitation` takes, and tells the same.

use crate::dispatch::{read_body, with_farewell};
use crate::problem::{Kind, Problem};
use crate::set_up::places::Places;
use crate::set_up::{escape, places};
use crate::visit::Visit;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use postern_app::{House, InvitationRefused};
use postern_types::Secret;

/// Where it is.
pub(crate) const PATH: &str = "/invitation";
/// Most bytes of an invitation that is shown again: many more than one has.
const CODE_BYTES: usize = 256;
/// Most bytes of the form.
const FORM_BYTES: usize = 16 << 10;

const STYLE: &str = "
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 30rem; padding: 3rem 1.25rem; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 1rem; }
label { display: block; margin-top: 1.25rem; font-weight: 600; }
input { box-sizing: border-box; width: 100%; margin-top: .25rem; padding: .6rem; font: inherit;
  border: 1px solid #8888; border-radius: .4rem; }
button { margin-top: 1.5rem; padding: .65rem 1.5rem; font: inherit; font-weight: 600; color: #fff;
  background: #1f5f8b; border: 0; border-radius: .4rem; cursor: pointer; }
:focus-visible { outline: 3px solid #5aa9d6; outline-offset: 1px; }
.why { padding: .75rem 1rem; border-left: .25rem solid #c0392b; background: #c0392b1a; }
.hint { font-weight: 400; font-size: .9rem; opacity: .8; }
th, td { text-align: left; padding: .3rem 1.25rem .3rem 0; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
";

/// What a request for the page is answered.
pub(crate) async fn page(house: &House, request: Request, visit: &Visit) -> Response {
    let response = match *request.method() {
        Method::GET | Method::HEAD => respond(StatusCode::OK, &form(house, None, None)),
        Method::POST => take(house, request, visit).await,
        _ => {
            let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, &form(house, None, None));
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
            response
        }
    };
    tracing::debug!(event = "rest.answered", operation = "invitation.page", status = response.status().as_u16());
    with_farewell(response, house, visit)
}

fn respond(status: StatusCode, body: &str) -> Response {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = status;
    // Nothing but this page and its style; it is in nobody's frame, and no address is told of it.
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let headers: [(HeaderName, &'static str); 5] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// What was typed.
struct Typed {
    code: Secret,
    password: Secret,
    again: Secret,
}

impl Typed {
    /// Fields of a form (`application/x-www-form-urlencoded`); what else is in it is passed over.
    fn read(body: &[u8]) -> Self {
        let field = |wanted: &str| {
            let found = form_urlencoded::parse(body).find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        Self {
            code: Secret::new(field("code").trim()),
            password: Secret::new(field("password")),
            again: Secret::new(field("again")),
        }
    }

    /// What can be said against it without asking anybody.
    fn fault(&self) -> Option<&'static str> {
        let is_empty = |secret: &Secret| secret.expose().is_empty();
        // The reader puts this letter where bytes were none.
        let is_lossy = |secret: &Secret| secret.expose_text().is_some_and(|text| text.contains('\u{fffd}'));
        if is_empty(&self.code) || is_empty(&self.password) {
            Some("Fill in the invitation, and the password that you want twice")
        } else if self.password.expose() != self.again.expose() {
            Some("The two passwords are not the same; nothing was changed")
        } else if is_lossy(&self.password) {
            Some("The password did not come as text in UTF-8; nothing was changed")
        } else {
            None
        }
    }
}

/// Whether the form is ours. A page elsewhere, with an invitation that it has from somewhere, would have somebody's
/// browser take it; browsers say where a form was (Fetch Metadata), and older ones whence (RFC 6454 section 7).
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let kind = text("content-type").unwrap_or_default();
    let is_form = kind.split(';').next().is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded");
    let is_from_here = match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => site == "same-origin" || site == "none",
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        (None, None, _) => true,
        (None, Some(_), None) => false,
    };
    is_form && is_from_here
}

async fn take(house: &House, request: Request, visit: &Visit) -> Response {
    let again = |status, why: &str| respond(status, &form(house, Some(why), None));
    if !is_ours(request.headers()) {
        return again(StatusCode::FORBIDDEN, "That form was not this page's; fill it in here");
    }
    let body = match read_body(request, FORM_BYTES).await {
        Ok(body) => body,
        Err(problem) => return again(problem.kind.status_code(), &problem.detail),
    };
    let typed = Typed::read(&body);
    // Who typed it has it again, in the answer to them and nowhere else; a password never.
    let again = |status, why: &str| respond(status, &form(house, Some(why), Some(&typed.code)));
    if let Some(fault) = typed.fault() {
        return again(StatusCode::UNPROCESSABLE_ENTITY, fault);
    }
    match house.take_invitation(&typed.code, typed.password.clone(), visit.peer()).await {
        Ok((address, _)) => {
            visit.signed_in();
            respond(StatusCode::OK, &done(house, &address))
        }
        Err(refused @ InvitationRefused::NotValid) => {
            visit.failed();
            again(StatusCode::FORBIDDEN, &format!("{refused}. Ask whoever invited you for another"))
        }
        Err(InvitationRefused::Refused(refused)) => {
            let problem = Problem::from(refused);
            let why = match problem.kind {
                // Whether it was taken nobody knows.
                Kind::Unavailable => problem.detail,
                _ => format!("{}. Your invitation is good still", sentence(&problem.detail)),
            };
            again(problem.kind.status_code(), &why)
        }
    }
}

/// With a capital, and the full stop left to whoever goes on.
fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn document(title: &str, content: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{content}</main>\n</body>\n</html>\n"
    )
}

/// The form, with the invitation that was typed before. What is no text, or longer than any invitation, is left out.
fn form(house: &House, why: Option<&str>, code: Option<&Secret>) -> String {
    let host = escape(house.hostname());
    let code = code.and_then(Secret::expose_text).filter(|code| code.len() <= CODE_BYTES).map(escape);
    let code = code.filter(|code| !code.is_empty()).map(|code| format!(" value=\"{code}\"")).unwrap_or_default();
    let why = why.map(|why| format!("<p class=\"why\" role=\"alert\">{}.</p>\n", escape(why.trim_end_matches('.'))));
    let content = format!(
        "<h1>Choose your password</h1>\n{}<p>For your mail at {host}. The invitation was handed to you by whoever \
         administers it; it is good once.</p>\n<form method=\"post\" action=\"{PATH}\">\n\
         <label for=\"code\">Invitation</label>\n<input id=\"code\" name=\"code\" placeholder=\"ptni_…\"{code} required \
         autocomplete=\"off\" autocapitalize=\"none\" spellcheck=\"false\" autofocus>\n\
         <label for=\"password\">Password <span class=\"hint\">15 characters or more; a few words are \
         easy to remember</span></label>\n<input id=\"password\" name=\"password\" type=\"password\" required \
         autocomplete=\"new-password\">\n<label for=\"again\">The same again</label>\n<input id=\"again\" name=\"again\" \
         type=\"password\" required autocomplete=\"new-password\">\n<button>Choose it</button>\n</form>\n",
        why.unwrap_or_default()
    );
    document("Choose your password", &content)
}

/// It is chosen: what a mail program is told.
fn done(house: &House, address: &str) -> String {
    let address = escape(address);
    let programs = places::of(house).map(|places| settings(&places)).unwrap_or_default();
    let content = format!(
        "<h1>Your password is set</h1>\n<p>You sign in as <strong>{address}</strong>, in your mail program and \
         everywhere else here.</p>\n{programs}"
    );
    document("Your password is set", &content)
}

fn settings(places: &Places) -> String {
    let line = |what: &str, place: &places::Place| {
        let tls = if place.is_implicit { "TLS" } else { "STARTTLS" };
        format!("<tr><th scope=\"row\">{what}</th><td>{} port {}, {tls}</td></tr>\n", escape(&place.host), place.port)
    };
    let mail = places.imap.first().map(|place| line("Mail (IMAP)", place));
    let sending = places.submission.first().map(|place| line("Sending (SMTP)", place));
    format!(
        "<p>Most mail programs find the rest by your address and the password. On an iPhone, iPad or Mac open \
         <a href=\"/set-up/postern.mobileconfig\">this profile</a>. By hand, with your address as the user name:</p>\n<table>\n{}{}</table>\n",
        mail.unwrap_or_default(),
        sending.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_signs() {
        let typed = Typed::read(b"code=+ptni_abc%0D%0A&other=1&password=a+b%26%C3%BC+&again=a+b%26%C3%BC+");
        assert_eq!(typed.code.expose(), b"ptni_abc");
        assert_eq!(typed.password.expose_text(), Some("a b&ü "));
        assert_eq!(typed.fault(), None);
        let fault = |body: &[u8]| Typed::read(body).fault().unwrap_or_default();
        assert!(fault(b"code=a&password=b&again=c").contains("not the same"));
        assert!(fault(b"code=a&password=%FF&again=%FF").contains("UTF-8"));
        assert!(fault(b"password=b&again=b").contains("Fill in"));
    }

    #[test]
    fn forms_of_other_sites_are_not_taken() {
        let asked = |fields: &[(&'static str, &'static str)]| {
            let form =
                [("content-type", "application/x-www-form-urlencoded; charset=utf-8"), ("host", "mail.example.org")];
            let all = fields
                .iter()
                .chain(&form)
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_ours(&all.collect())
        };
        assert!(asked(&[]) && asked(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(asked(&[("origin", "https://mail.example.org")]));
        for elsewhere in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://a.example.net"),
            ("origin", "null"),
        ] {
            assert!(!asked(&[elsewhere]), "{elsewhere:?}");
        }
        assert!(!asked(&[("content-type", "text/plain")]));
    }

    #[test]
    fn what_is_not_ours_stays_text() {
        assert_eq!(escape("\"R&D\" <b>"), "&quot;R&amp;D&quot; &lt;b&gt;");
    }

    #[test]
    fn settings_name_each_way_once() {
        let text = settings(&places::installed());
        assert!(text.contains("mail.example.org port 993, TLS") && text.contains("port 465, TLS"), "{text}");
        assert!(!text.contains("143") && !text.contains("587"), "{text}");
    }
}
