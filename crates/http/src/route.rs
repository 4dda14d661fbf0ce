//! What a row of the route table holds, and what its handler is given and gives back.

use crate::problem::{Kind, Problem};
use crate::visit::Visit;
use axum::body::Body;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::MethodFilter;
use postern_access::Duty;
use postern_app::{Caller, House};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::openapi::{RefOr, Schema};

/// The method of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    Get,
    /// Makes something, or does something that is no state.
    Post,
    /// Sets a state; doing it twice is doing it once.
    Put,
    /// Changes what the document names, and leaves the rest (RFC 5789, RFC 7396).
    Patch,
    /// Takes something away.
    Delete,
}

impl Verb {
    /// As HTTP writes it.
    pub fn method(self) -> Method {
        match self {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Patch => Method::PATCH,
            Verb::Delete => Method::DELETE,
        }
    }

    pub(crate) fn filter(self) -> MethodFilter {
        match self {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Put => MethodFilter::PUT,
            Verb::Patch => MethodFilter::PATCH,
            Verb::Delete => MethodFilter::DELETE,
        }
    }
}

/// Who may call a route. The verdict itself is made at the gate, in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anyone who can connect.
    Anyone,
    /// Whoever is signed in, and operators: the answer holds what is theirs.
    SignedIn,
    /// A person who is signed in, about themselves: operators have no password and no tokens.
    Person,
    /// Whoever has this duty.
    Has(Duty),
}

/// What a parameter of the query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Query {
    /// A text; may be left out, like all but the needed.
    Text,
    /// A text without which there is no answer.
    Needed,
    /// A moment (RFC 3339).
    Time,
    /// `true` or `false`.
    Flag,
    /// How much a page holds at most.
    Page,
}

/// A JSON document of a request or an answer, with its schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub name: fn() -> Cow<'static, str>,
    pub schema: fn() -> RefOr<Schema>,
    pub others: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Form {
    const fn of<T: utoipa::ToSchema>() -> Self {
        Self { name: T::name, schema: T::schema, others: T::schemas }
    }
}

/// The future of an answer.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

/// One row of the table: a method and path, who may, what it takes, gives and refuses.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Its method.
    pub verb: Verb,
    /// Its path, with parameters in braces.
    pub path: &'static str,
    /// Its name in the description and in logs.
    pub operation: &'static str,
    /// Who may call it.
    pub who: Who,
    /// One sentence about it.
    pub summary: &'static str,
    /// Path and query of an example; the examples, played in order, are a story that works.
    pub example: &'static str,
    /// The body of the example.
    pub example_body: Option<&'static str>,
    /// The status of success.
    pub status: u16,
    pub(crate) takes: Option<Form>,
    /// What its body is, where that is no document: the handler reads it as it comes.
    pub(crate) takes_bytes: Option<&'static str>,
    pub(crate) gives: Option<Form>,
    pub(crate) refuses: &'static [Kind],
    pub(crate) absent: Option<&'static str>,
    pub(crate) query: &'static [(&'static str, Query, &'static str)],
    pub(crate) handler: fn(Ask) -> Answer,
}

/// A row begins: what it is and who may.
pub(crate) const fn route(
    verb: Verb,
    path: &'static str,
    operation: &'static str,
    who: Who,
    handler: fn(Ask) -> Answer,
) -> Route {
    Route {
        verb,
        path,
        operation,
        who,
        summary: "",
        example: path,
        example_body: None,
        status: 200,
        takes: None,
        takes_bytes: None,
        gives: None,
        refuses: &[],
        absent: None,
        query: &[],
        handler,
    }
}

impl Route {
    pub(crate) const fn says(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }
    pub(crate) const fn at(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }
    pub(crate) const fn takes<T: utoipa::ToSchema>(mut self, example: &'static str) -> Self {
        self.takes = Some(Form::of::<T>());
        self.example_body = Some(example);
        self
    }
    pub(crate) const fn takes_bytes(mut self, what: &'static str, example: &'static str) -> Self {
        self.takes_bytes = Some(what);
        self.example_body = Some(example);
        self
    }
    pub(crate) const fn gives<T: utoipa::ToSchema>(mut self, status: u16) -> Self {
        self.gives = Some(Form::of::<T>());
        self.status = status;
        self
    }
    pub(crate) const fn refuses(mut self, kinds: &'static [Kind]) -> Self {
        self.refuses = kinds;
        self
    }
    /// What the answer says when something the path names is absent, or hidden from whoever
    /// asks: the same bytes for both (law 4), so the text comes from the path alone.
    pub(crate) const fn absent(mut self, text: &'static str) -> Self {
        self.absent = Some(text);
        self
    }
    pub(crate) const fn query(mut self, parameters: &'static [(&'static str, Query, &'static str)]) -> Self {
        self.query = parameters;
        self
    }

    /// Is its body a JSON document?
    pub fn takes_document(&self) -> bool {
        self.takes.is_some()
    }

    /// The names of its path parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The text for what is absent, with the parameters as they came.
    pub(crate) fn absent_text(&self, path: &[(String, String)]) -> Option<String> {
        let text = self.absent?.to_owned();
        Some(path.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{name}}}"), value)))
    }
}

/// What a handler is given.
pub(crate) struct Ask {
    pub house: Arc<House>,
    pub caller: Option<Caller>,
    pub visit: Visit,
    pub path: Vec<(String, String)>,
    pub uri: Uri,
    pub body: Vec<u8>,
    /// The body of a route that reads it as it comes.
    pub stream: Mutex<Body>,
}

impl Ask {
    /// Who asks; routes for everyone have nobody.
    pub fn caller(&self) -> Result<&Caller, Problem> {
        self.caller.as_ref().ok_or_else(Problem::sign_in_needed)
    }

    /// A path parameter, parsed. The text of a parse error is for the person.
    pub fn part<T, E: std::fmt::Display>(&self, name: &str, parse: fn(&str) -> Result<T, E>) -> Result<T, Problem> {
        let value = self.path.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
        parse(value).map_err(|error| Problem::unusable(format!("{value:?} in the path can not be used: {error}")))
    }

    /// The body as a document. Unknown fields are refused, so that a misspelt one is not
    /// silently without effect.
    pub fn document<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let bad = |why: String| Problem::new(Kind::BadDocument, format!("The body is not what was expected: {why}"));
        // The reader would take a list for the fields in their order.
        let first = self.body.iter().find(|byte| !byte.is_ascii_whitespace());
        if first.is_some_and(|byte| *byte != b'{') {
            return Err(bad("it is no object, { … }".to_owned()));
        }
        serde_json::from_slice(&self.body).map_err(|error| bad(error.to_string()))
    }

    /// The body as it comes; once.
    pub fn stream(&self) -> Body {
        std::mem::take(&mut *self.stream.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The query as a document.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        match axum::extract::Query::try_from_uri(&self.uri) {
            Ok(axum::extract::Query(query)) => Ok(query),
            Err(error) => Err(Problem::new(Kind::BadQuery, error.body_text())),
        }
    }
}

/// A field of a document, parsed; the problem names the field.
pub(crate) fn field<T, E: std::fmt::Display>(
    name: &str,
    value: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Problem> {
    parse(value).map_err(|error| Problem::unusable(format!("{name} is {value:?}: {error}")))
}

/// What a handler answers.
pub(crate) struct Reply {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Reply {
    fn json(status: StatusCode, document: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(document).map_err(|error| {
            tracing::error!(event = "rest.encode_failed", %error);
            Problem::unavailable()
        })?;
        Ok(Self { status, body })
    }
    /// 200 with a document.
    pub fn ok(document: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, document)
    }
    /// 201 with a document.
    pub fn made(document: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::CREATED, document)
    }
}
