//! Set-up help for mail programs: three documents that say where mail is read and sent.
//!
//! | Path | For | Who |
//! | --- | --- | --- |
//! | `/.well-known/autoconfig/mail/config-v1.1.xml`, `/mail/config-v1.1.xml` | Thunderbird and its kin | anyone |
//! | `/autodiscover/autodiscover.xml`, in any case | Outlook and its kin | anyone; more to a person |
//! | `/set-up/postern.mobileconfig` | Apple Mail | a person, by Basic |
//!
//! They are no rows of the table of REST: their forms are others' and no OpenAPI tells of them. A
//! stranger learns what an address of a domain of ours is set up with, whether or not anybody has
//! it: nothing here asks for it (docs/decisions/0039-set-up-help.md, law 4).

mod autoconfig;
mod autodiscover;
mod basic;
#[cfg(fuzzing)]
pub mod fuzzing;
mod mobileconfig;
pub(crate) mod places;
#[cfg(test)]
mod tree;
mod xml;

use crate::challenges::Challenges;
use crate::dispatch::{no_such_route, problem_response, read_body, with_farewell};
use crate::invitation;
use crate::problem::{Kind, Problem};
use crate::visit::Visit;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HOST, LOCATION, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use postern_app::House;
use postern_types::{Address, Domain};
use serde::Deserialize;
use std::sync::Arc;

/// Most bytes of what Autodiscover is asked; Outlook sends some hundred.
const ASKED_BYTES: usize = 8 << 10;

/// One of the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Autoconfig,
    Autodiscover,
    Profile,
}

impl Page {
    fn at(path: &str) -> Option<Self> {
        match path {
            "/.well-known/autoconfig/mail/config-v1.1.xml" | "/mail/config-v1.1.xml" => Some(Page::Autoconfig),
            "/set-up/postern.mobileconfig" => Some(Page::Profile),
            // Programs write it as they like, and Exchange takes it so.
            path if path.eq_ignore_ascii_case("/autodiscover/autodiscover.xml") => Some(Page::Autodiscover),
            _ => None,
        }
    }

    /// For the log.
    fn operation(self) -> &'static str {
        match self {
            Page::Autoconfig => "set-up.autoconfig",
            Page::Autodiscover => "set-up.autodiscover",
            Page::Profile => "set-up.mobileconfig",
        }
    }

    fn allowed(self) -> &'static str {
        if self == Page::Autodiscover { "POST" } else { "GET, HEAD" }
    }

    fn takes(self, method: &Method) -> bool {
        match self {
            Page::Autodiscover => method == Method::POST,
            Page::Autoconfig | Page::Profile => method == Method::GET || method == Method::HEAD,
        }
    }
}

/// A document and its kind.
struct Document {
    kind: &'static str,
    body: String,
    /// It is to be kept as a file of this name.
    file: Option<&'static str>,
}

impl Document {
    fn xml(body: String) -> Self {
        Self { kind: "text/xml; charset=utf-8", body, file: None }
    }

    fn respond(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
        // It depends on who asks, and on where the house listens.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(name) = self.file {
            let value = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
            headers.extend(value.ok().map(|value| (CONTENT_DISPOSITION, value)));
        }
        response
    }
}

/// Whatever no route of REST is: one of the documents, or nothing.
pub(crate) async fn page(house: Arc<House>, request: Request, visit: Visit) -> Response {
    let Some(page) = Page::at(request.uri().path()) else { return no_such_route(request).await };
    if !page.takes(request.method()) {
        let text = format!("{} takes {}, not {}", request.uri().path(), page.allowed(), request.method());
        let mut response = problem_response(&Problem::new(Kind::NoSuchMethod, text));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(page.allowed()));
        return response;
    }
    let answer = answer(page, &house, request, &visit).await;
    let response = answer.map_or_else(|problem| refuse(&problem), Document::respond);
    tracing::debug!(event = "rest.answered", operation = page.operation(), status = response.status().as_u16());
    with_farewell(response, &house, &visit)
}

/// What is said without TLS: set-up help that everybody is told, and what an authority asks for. Where the rest is, at `https`, programs are sent on to;
/// Outlook looks for Autodiscover in this way. No header that proves who asks is looked at here.
pub fn plain_router(house: Arc<House>, https: Option<String>, challenges: Challenges) -> axum::Router {
    axum::Router::new().fallback(move |request: Request| {
        let (house, https, challenges) = (Arc::clone(&house), https.clone(), challenges.clone());
        async move {
            if let Some(answer) = challenges.at(request.method(), request.uri().path()) {
                return answer;
            }
            let found = Page::at(request.uri().path());
            match (found, https) {
                (None, Some(https)) if request.uri().path() == invitation::PATH => moved(&https, invitation::PATH),
                (Some(Page::Autoconfig), _) => page(house, request, Visit::unknown()).await,
                (Some(_), Some(https)) => moved(&https, request.uri().path()),
                _ => problem_response(&Problem::new(Kind::NoSuchRoute, "This is told under TLS alone; ask over https")),
            }
        }
    })
}

/// 302: programs follow it, and ask here again the next time.
fn moved(https: &str, path: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().extend(HeaderValue::try_from(format!("{https}{path}")).ok().map(|to| (LOCATION, to)));
    response
}

async fn answer(page: Page, house: &House, request: Request, visit: &Visit) -> Result<Document, Problem> {
    match page {
        Page::Autoconfig => {
            let domain = wanted_domain(request.uri(), request.headers())?;
            own(house, &domain).await?;
            Ok(Document::xml(autoconfig::document(domain.as_str(), &places::of(house)?)))
        }
        Page::Autodiscover => {
            let shown = request.headers().get(AUTHORIZATION).cloned();
            let asked = autodiscover::read(&read_body(request, ASKED_BYTES).await?)?;
            let person = match shown {
                Some(shown) => Some(basic::sign_in(house, Some(&shown), visit).await?),
                None => None,
            };
            own(house, &asked.domain()).await?;
            // Whoever asks about somebody else is as strange to them as anyone.
            let person = person.filter(|session| *session.address() == asked);
            let mapped = match &person {
                Some(session) => house.mail_of(session).await?.mapped,
                None => Vec::new(),
            };
            Ok(Document::xml(autodiscover::document(&asked, &mapped, &places::of(house)?)))
        }
        Page::Profile => {
            let session = basic::sign_in(house, request.headers().get(AUTHORIZATION), visit).await?;
            let mail = house.mail_of(&session).await?;
            let body = mobileconfig::document(house.hostname(), session.address(), &mail, &places::of(house)?)?;
            Ok(Document { kind: "application/x-apple-aspen-config", body, file: Some("postern.mobileconfig") })
        }
    }
}

/// A text within HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    xml::escape(text, &mut escaped);
    escaped
}

/// A problem; who is to sign in is asked for a name and a password.
fn refuse(problem: &Problem) -> Response {
    let mut response = problem_response(problem);
    if matches!(problem.kind, Kind::SignInNeeded | Kind::SignInRefused) {
        // RFC 7617 section 2.1.
        let challenge = HeaderValue::from_static("Basic realm=\"postern\", charset=\"UTF-8\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The domain is ours, or there is nothing to tell.
async fn own(house: &House, domain: &Domain) -> Result<(), Problem> {
    match house.has_domain(domain).await? {
        true => Ok(()),
        false => Err(Problem::new(Kind::Absent, format!("{domain} is no domain of this server"))),
    }
}

#[derive(Debug, Deserialize)]
struct Query {
    emailaddress: Option<String>,
}

/// Which domain's mail is to be set up: that of the address, and where a program names none, that of
/// the host it asks, which is `autoconfig.DOMAIN` or the domain itself.
fn wanted_domain(uri: &Uri, headers: &HeaderMap) -> Result<Domain, Problem> {
    let query: axum::extract::Query<Query> =
        axum::extract::Query::try_from_uri(uri).map_err(|error| Problem::new(Kind::BadQuery, error.body_text()))?;
    if let Some(text) = &query.emailaddress {
        let parsed = Address::parse(text).map(|address| address.domain());
        return parsed.map_err(|error| Problem::unusable(format!("emailaddress is {text:?}: {error}")));
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let name = name.strip_prefix("autoconfig.").unwrap_or(&name);
    let missing = |_| Problem::unusable("Name the address to set up: ?emailaddress=alice@example.org");
    Domain::parse(name).map_err(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(uri: &str, host: Option<&'static str>) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        headers.extend(host.map(|host| (HOST, HeaderValue::from_static(host))));
        let domain = wanted_domain(&uri.parse().unwrap(), &headers);
        domain.map(|domain| domain.to_string()).map_err(|problem| problem.detail)
    }

    #[test]
    fn the_domain_is_that_of_the_address_or_of_the_host() {
        let address = "/mail/config-v1.1.xml?emailaddress=alice%40Example.org";
        assert_eq!(wanted(address, Some("autoconfig.example.net")).unwrap(), "example.org");
        for host in ["autoconfig.example.net", "example.net", "Autoconfig.Example.net:10443"] {
            assert_eq!(wanted("/mail/config-v1.1.xml", Some(host)).unwrap(), "example.net", "{host}");
        }
        assert!(wanted("/", None).unwrap_err().contains("?emailaddress=alice@example.org"));
        for text in ["", "alice", "alice@", "a%20b@example.org", "%3Cb%3E@example.org", "x@%26amp;", "x@a%0Ab.org"] {
            let refused = wanted(&format!("/?emailaddress={text}"), Some("example.net")).unwrap_err();
            assert!(refused.starts_with("emailaddress is "), "{text}: {refused}");
        }
    }

    #[test]
    fn pages_are_where_programs_look_for_them() {
        assert_eq!(Page::at("/Autodiscover/Autodiscover.xml"), Some(Page::Autodiscover));
        assert_eq!(Page::at("/AUTODISCOVER/AUTODISCOVER.XML"), Some(Page::Autodiscover));
        assert_eq!(Page::at("/.well-known/autoconfig/mail/config-v1.1.xml"), Some(Page::Autoconfig));
        assert_eq!(Page::at("/mail/config-v1.1.xml/"), None);
        assert_eq!(Page::at("/autodiscover/autodiscover.json"), None);
    }
}
