//! From a request to a handler and back: who asks, how much may come, what an error says.

use crate::invitation;
use crate::metrics;
use crate::problem::{Kind, Problem};
use crate::route::{Ask, Reply, Route};
use crate::set_up;
use crate::table::ROUTES;
use crate::visit::Visit;
use crate::who::{Asker, Offline, PeerUid, Shown, identify};
use axum::RequestExt;
use axum::body::Body;
use axum::extract::{RawPathParams, Request};
use axum::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{any, on};
use postern_app::House;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tower::ServiceExt;

/// Most bytes of a request's body; documents are small.
const BODY_BYTES: usize = 64 << 10;
/// A client on the slowest line sends that much in less.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The routes of the table, over a house, and metrics beside them.
pub fn router(house: Arc<House>) -> axum::Router {
    let router = ROUTES.iter().fold(axum::Router::new(), |router, route| {
        let house = Arc::clone(&house);
        let handler = move |request: Request| dispatch(route, Arc::clone(&house), request);
        router.route(route.path, on(route.verb.filter(), handler))
    });
    let measured = Arc::clone(&house);
    let metrics = move |request: Request| metrics::serve(Arc::clone(&measured), request);
    let other = move |request: Request| {
        let (house, visit) = (Arc::clone(&house), visit_of(&request));
        async move {
            match request.uri().path() {
                invitation::PATH => invitation::page(&house, request, &visit).await,
                _ => set_up::page(house, request, visit).await,
            }
        }
    };
    router.route(metrics::PATH, any(metrics)).fallback(other).method_not_allowed_fallback(no_such_method)
}

/// Status and document of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The document.
    pub body: Vec<u8>,
}

/// One request in this process, by an operator: what `--offline` does. It passes the same
/// router as a request of the socket.
pub async fn call(
    house: Arc<House>,
    uid: u32,
    method: &str,
    target: &str,
    body: Option<Vec<u8>>,
) -> Result<Answered, Box<dyn std::error::Error + Send + Sync>> {
    call_as(house, &Asker::Operator(uid), method, target, body).await
}

/// The same by anyone.
pub async fn call_as(
    house: Arc<House>,
    asker: &Asker,
    method: &str,
    target: &str,
    body: Option<Vec<u8>>,
) -> Result<Answered, Box<dyn std::error::Error + Send + Sync>> {
    let request = Request::builder().method(method).uri(target).header(CONTENT_TYPE, "application/json");
    let mut request = request.body(Body::from(body.unwrap_or_default()))?;
    request.extensions_mut().insert(Visit::within());
    match asker {
        Asker::Operator(uid) => {
            request.extensions_mut().insert(PeerUid(*uid));
            request.extensions_mut().insert(Offline);
        }
        Asker::Bearer(token) => {
            let mut value = HeaderValue::from_bytes(&[b"Bearer ", token.expose()].concat())?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
    }
    let response = router(house).oneshot(request).await?;
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await?;
    Ok(Answered { status, body: body.to_vec() })
}

/// The connection of a request. The socket is within this machine; of what the server says
/// nothing, nothing is believed.
fn visit_of(request: &Request) -> Visit {
    let extensions = request.extensions();
    match (extensions.get::<Visit>(), extensions.get::<PeerUid>()) {
        (Some(visit), _) => visit.clone(),
        (None, Some(_)) => Visit::within(),
        (None, None) => Visit::unknown(),
    }
}

async fn dispatch(route: &'static Route, house: Arc<House>, request: Request) -> Response {
    let visit = visit_of(&request);
    let reply = answer(route, Arc::clone(&house), request, &visit).await;
    let status = reply.as_ref().map_or_else(|problem| problem.kind.status(), |reply| reply.status.as_u16());
    tracing::debug!(event = "rest.answered", operation = route.operation, status);
    let response = match reply {
        Ok(reply) => respond(reply.status, "application/json", reply.body),
        Err(problem) => problem_response(&problem),
    };
    with_farewell(response, &house, &visit)
}

/// Whoever guesses comes again, and is counted with all who have not signed in.
pub(crate) fn with_farewell(mut response: Response, house: &House, visit: &Visit) -> Response {
    if visit.failures() >= house.limits().sign_in_attempts {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn answer(
    route: &'static Route,
    house: Arc<House>,
    mut request: Request,
    visit: &Visit,
) -> Result<Reply, Problem> {
    let caller = identify(route, &house, Shown::by(&request), visit).await?;
    let path = path_of(&mut request).await?;
    let uri = request.uri().clone();
    let (body, stream) = match (route.takes, route.takes_bytes) {
        (Some(_), _) => (body_of(request).await?, Body::empty()),
        (None, Some(_)) => (Vec::new(), request.into_body()),
        (None, None) => (Vec::new(), Body::empty()),
    };
    let (asked, who) = (Arc::clone(&house), caller.clone());
    let ask = Ask { house, caller, visit: visit.clone(), path: path.clone(), uri, body, stream: Mutex::new(stream) };
    match (route.handler)(ask).await {
        Err(problem) if problem.names_what_is_absent && route.absent.is_some() => {
            let may_know = match &who {
                Some(who) => asked.sees_organisation(who).await.unwrap_or(false),
                None => false,
            };
            Err(if may_know { problem } else { worded(problem, route, &path) })
        }
        answer => answer.map_err(|problem| worded(problem, route, &path)),
    }
}

/// The text for what is absent comes from the path alone where a path names it (law 4).
fn worded(problem: Problem, route: &Route, path: &[(String, String)]) -> Problem {
    match (problem.kind, route.absent_text(path)) {
        (Kind::Absent, Some(text)) => Problem::new(Kind::Absent, text),
        // Nothing in the path can be absent here: a field of the document names it.
        (Kind::Absent, None) => Problem::unusable(problem.detail),
        _ => problem,
    }
}

async fn path_of(request: &mut Request) -> Result<Vec<(String, String)>, Problem> {
    let parameters = request.extract_parts::<RawPathParams>().await;
    let parameters = parameters.map_err(|error| Problem::unusable(error.body_text()))?;
    Ok(parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

async fn body_of(request: Request) -> Result<Vec<u8>, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::new(Kind::NotJson, "Send the body with Content-Type: application/json"));
    }
    read_body(request, BODY_BYTES).await
}

/// The body, where it is small and comes in time.
pub(crate) async fn read_body(request: Request, most: usize) -> Result<Vec<u8>, Problem> {
    let reading = axum::body::to_bytes(request.into_body(), most);
    let too_slow = |_| Problem::new(Kind::TooSlow, format!("The body comes within {} s", BODY_TIME.as_secs()));
    let body = tokio::time::timeout(BODY_TIME, reading).await.map_err(too_slow)?;
    let too_large = |_| Problem::new(Kind::TooLarge, format!("A body has at most {most} bytes"));
    Ok(body.map_err(too_large)?.to_vec())
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

pub(crate) fn respond(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // Answers depend on who asks and on rights that end.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A problem as a response (RFC 9457 section 3).
pub(crate) fn problem_response(problem: &Problem) -> Response {
    // A document of four plain fields always encodes; should it not, the status says enough.
    let body = serde_json::to_vec(&problem.document()).unwrap_or_default();
    let mut response = respond(problem.kind.status_code(), "application/problem+json", body);
    let headers = response.headers_mut();
    match problem.kind {
        // RFC 9110 section 11.6.1 asks for a challenge with every 401.
        Kind::SignInNeeded | Kind::SignInRefused => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"postern\""));
        }
        // RFC 6750 section 3.1: what was shown is no token, or not any more.
        Kind::SignInEnded => {
            let challenge = "Bearer realm=\"postern\", error=\"invalid_token\"";
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        Kind::Unavailable => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}

pub(crate) async fn no_such_route(request: Request) -> Response {
    let text = format!("{} is no path of this server; /api/v1/openapi.json lists them", request.uri().path());
    problem_response(&Problem::new(Kind::NoSuchRoute, text))
}

/// RFC 9110 section 15.5.6 asks for Allow with every 405.
async fn no_such_method(request: Request) -> Response {
    let path = request.uri().path();
    // A path that is spelt out goes before one with a parameter in that place.
    let met = || ROUTES.iter().filter(|route| has_shape(route.path, path));
    let nearest = met().map(|route| route.parameters().count()).min();
    let methods: Vec<&str> = met()
        .filter(|route| Some(route.parameters().count()) == nearest)
        .map(|route| match route.verb {
            crate::route::Verb::Get => "GET, HEAD",
            crate::route::Verb::Post => "POST",
            crate::route::Verb::Put => "PUT",
            crate::route::Verb::Patch => "PATCH",
            crate::route::Verb::Delete => "DELETE",
        })
        .collect();
    let allowed = methods.join(", ");
    let text = format!("{} takes {allowed}, not {}", path, request.method());
    let mut response = problem_response(&Problem::new(Kind::NoSuchMethod, text));
    if let Ok(allowed) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

fn has_shape(route: &str, path: &str) -> bool {
    route.split('/').count() == path.split('/').count()
        && route.split('/').zip(path.split('/')).all(|(ours, theirs)| ours.starts_with('{') || ours == theirs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_app::{Denied, Refused, Rule};

    /// Law 4; RFC 4314 section 6 for mailboxes: whoever may not know learns nothing from
    /// the answer, in any route whose path names something.
    #[test]
    fn hidden_and_absent_are_the_same_bytes() {
        for route in ROUTES {
            let path: Vec<(String, String)> =
                route.parameters().map(|name| (name.to_owned(), format!("{name}@example.org"))).collect();
            let bytes =
                |refused: Refused| serde_json::to_vec(&worded(refused.into(), route, &path).document()).unwrap();
            let hidden = bytes(Refused::Denied(Denied::Hidden));
            let absent = bytes(Refused::Rule(Rule::Absent("shared mailbox address@example.org".into())));
            let grantee = bytes(Refused::Rule(Rule::Absent("person or group grantee@example.org".into())));
            if !path.is_empty() || !route.query.is_empty() {
                assert_eq!(hidden, absent, "{}", route.operation);
                assert_eq!(hidden, grantee, "{}", route.operation);
            }
        }
    }

    #[test]
    fn the_text_for_what_is_absent_names_what_was_asked_for() {
        let route = ROUTES.iter().find(|route| route.operation == "groups.add-member").unwrap();
        let path =
            [("address".to_owned(), "team@example.org".to_owned()), ("member".to_owned(), "bob@x.org".to_owned())];
        let problem = worded(Problem::absent(), route, &path);
        assert_eq!(problem.detail, "There is no group team@example.org, or nobody called bob@x.org");
    }

    #[test]
    fn only_json_is_taken_for_json() {
        let is = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            is_json(&headers)
        };
        assert!(is("application/json") && is("Application/JSON; charset=utf-8"));
        assert!(!is("text/plain") && !is("application/json-patch+json") && !is_json(&HeaderMap::new()));
    }
}
