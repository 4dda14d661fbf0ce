//! Problem details (RFC 9457): one stable `type` for each kind, a text that helps.
//!
//! The type is a path of this server (section 3.1.1 allows a relative reference), and that
//! path answers with what the kind means. Causes stay in the log.

use crate::model;
use crate::route::{Ask, Reply};
use axum::http::StatusCode;
use postern_app::{Denied, Refused, Rule, SignInRefused};

/// The kinds of problems, each with its own `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The body is no JSON, or not the document that the route takes.
    BadDocument,
    /// The query is not what the route takes.
    BadQuery,
    /// Nobody signed in.
    SignInNeeded,
    /// The sign-in ended.
    SignInEnded,
    /// The name or the password is wrong, or the connection is not private.
    SignInRefused,
    /// They see it, and it is not theirs to do.
    NotYours,
    /// It is theirs to do, and not through the token they came with.
    TokenTooNarrow,
    /// A right on the mailbox is missing.
    MissingRight,
    /// They would give what they do not hold.
    RightNotHeld,
    /// Not there, or hidden from whoever asks.
    Absent,
    /// No route has that path.
    NoSuchRoute,
    /// The route has no such method.
    NoSuchMethod,
    /// The body did not come in time.
    TooSlow,
    /// The address or domain is in use or reserved.
    AddressTaken,
    /// The name is in use.
    NameTaken,
    /// A rule of the house forbids it.
    Forbidden,
    /// The body is too large.
    TooLarge,
    /// The body is not announced as JSON.
    NotJson,
    /// A value can not be used.
    Unusable,
    /// A limit of the house was reached.
    OverLimit,
    /// Something failed that is not the caller's doing.
    Unavailable,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 21] = [
        Kind::BadDocument,
        Kind::BadQuery,
        Kind::SignInNeeded,
        Kind::SignInEnded,
        Kind::SignInRefused,
        Kind::NotYours,
        Kind::TokenTooNarrow,
        Kind::MissingRight,
        Kind::RightNotHeld,
        Kind::Absent,
        Kind::NoSuchRoute,
        Kind::NoSuchMethod,
        Kind::TooSlow,
        Kind::AddressTaken,
        Kind::NameTaken,
        Kind::Forbidden,
        Kind::TooLarge,
        Kind::NotJson,
        Kind::Unusable,
        Kind::OverLimit,
        Kind::Unavailable,
    ];

    /// Slug, status and title: the parts that never change.
    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Kind::BadDocument => ("bad-document", StatusCode::BAD_REQUEST, "The body is not what this route takes"),
            Kind::BadQuery => ("bad-query", StatusCode::BAD_REQUEST, "The query is not what this route takes"),
            Kind::SignInNeeded => ("sign-in-needed", StatusCode::UNAUTHORIZED, "Nobody is signed in"),
            Kind::SignInEnded => ("sign-in-ended", StatusCode::UNAUTHORIZED, "The sign-in has ended"),
            Kind::SignInRefused => ("sign-in-refused", StatusCode::UNAUTHORIZED, "The sign-in was refused"),
            Kind::TokenTooNarrow => ("token-too-narrow", StatusCode::FORBIDDEN, "The token does not let it through"),
            Kind::TooSlow => ("too-slow", StatusCode::REQUEST_TIMEOUT, "The body did not come in time"),
            Kind::NotYours => ("not-yours", StatusCode::FORBIDDEN, "This is someone else's to do"),
            Kind::MissingRight => ("missing-right", StatusCode::FORBIDDEN, "A right is missing"),
            Kind::RightNotHeld => ("right-not-held", StatusCode::FORBIDDEN, "Nobody gives what they do not hold"),
            Kind::Absent => ("absent", StatusCode::NOT_FOUND, "Not there"),
            Kind::NoSuchRoute => ("no-such-route", StatusCode::NOT_FOUND, "No such path"),
            Kind::NoSuchMethod => ("no-such-method", StatusCode::METHOD_NOT_ALLOWED, "No such method here"),
            Kind::AddressTaken => ("address-taken", StatusCode::CONFLICT, "Taken or reserved"),
            Kind::NameTaken => ("name-taken", StatusCode::CONFLICT, "The name is taken"),
            Kind::Forbidden => ("forbidden", StatusCode::CONFLICT, "A rule of the house forbids it"),
            Kind::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Kind::NotJson => ("not-json", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not announced as JSON"),
            Kind::Unusable => ("unusable", StatusCode::UNPROCESSABLE_ENTITY, "A value can not be used"),
            Kind::OverLimit => ("over-limit", StatusCode::UNPROCESSABLE_ENTITY, "A limit was reached"),
            Kind::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "It did not work now"),
        }
    }

    /// The last part of its `type`.
    pub fn slug(self) -> &'static str {
        self.facts().0
    }
    /// Its status.
    pub fn status(self) -> u16 {
        self.facts().1.as_u16()
    }
    /// Its title.
    pub fn title(self) -> &'static str {
        self.facts().2
    }
    pub(crate) fn status_code(self) -> StatusCode {
        self.facts().1
    }
    /// The kind whose slug this is.
    pub fn of_slug(slug: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.slug() == slug)
    }
}

/// A refusal on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub kind: Kind,
    pub detail: String,
    /// It says which thing is absent: for those who may know what there is, and nobody else.
    pub names_what_is_absent: bool,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), names_what_is_absent: false }
    }
    pub fn sign_in_needed() -> Self {
        let text = "Sign in with POST /api/v1/login and send the token as Authorization: Bearer; on the machine of the \
                    server, whoever may open admin.sock in the data folder administers";
        Self::new(Kind::SignInNeeded, text)
    }
    pub fn unusable(detail: impl Into<String>) -> Self {
        Self::new(Kind::Unusable, detail)
    }
    /// Something the path names is not there; the route gives the text.
    pub fn absent() -> Self {
        Self::new(Kind::Absent, "There is no such thing")
    }
    pub fn unavailable() -> Self {
        Refused::Unavailable.into()
    }
    pub fn document(&self) -> model::Problem {
        model::Problem {
            kind: format!("/api/v1/problems/{}", self.kind.slug()),
            title: self.kind.title().to_owned(),
            status: self.kind.status(),
            detail: self.detail.clone(),
        }
    }
}

fn kind_of(refused: &Refused) -> Kind {
    match refused {
        Refused::Denied(Denied::Hidden) => Kind::Absent,
        Refused::Denied(Denied::Missing { .. } | Denied::Protected { .. }) => Kind::MissingRight,
        Refused::Denied(Denied::NotYours { .. }) => Kind::NotYours,
        Refused::Denied(Denied::TokenTooNarrow { .. } | Denied::TokenLoosens) => Kind::TokenTooNarrow,
        Refused::Denied(Denied::NotHeld { .. } | Denied::HeldForATime | Denied::WouldGive | Denied::SendNotHeld) => {
            Kind::RightNotHeld
        }
        Refused::Rule(Rule::Absent(_)) => Kind::Absent,
        Refused::Rule(Rule::AddressTaken(_)) => Kind::AddressTaken,
        Refused::Rule(Rule::NameTaken) => Kind::NameTaken,
        Refused::Rule(Rule::Cannot(_) | Rule::HasChildren) => Kind::Forbidden,
        Refused::Rule(Rule::OverLimit(_) | Rule::OverQuota) => Kind::OverLimit,
        Refused::Rule(Rule::Unusable(_)) | Refused::Message(_) => Kind::Unusable,
        Refused::Ended => Kind::SignInEnded,
        Refused::Lost | Refused::NoRoom | Refused::Unavailable => Kind::Unavailable,
        Refused::Partly { cause, .. } => kind_of(cause),
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let kind = kind_of(&refused);
        let named = matches!(&refused, Refused::Rule(Rule::Absent(what)) if !what.starts_with("such "));
        Self { names_what_is_absent: named, ..Self::new(kind, refused.to_string()) }
    }
}

impl From<SignInRefused> for Problem {
    fn from(refused: SignInRefused) -> Self {
        let kind = match refused {
            SignInRefused::Denied(_) | SignInRefused::TooMany => Kind::SignInRefused,
            SignInRefused::Unavailable => Kind::Unavailable,
        };
        Self::new(kind, refused.to_string())
    }
}

/// `GET /api/v1/problems/{slug}`: what a kind of problem means.
pub(crate) async fn explain(ask: Ask) -> Result<Reply, Problem> {
    let kind = ask.part("slug", |slug| Kind::of_slug(slug).ok_or(slug.to_owned())).map_err(|_| Problem::absent())?;
    Reply::ok(&model::ProblemKind {
        kind: kind.slug().to_owned(),
        title: kind.title().to_owned(),
        status: kind.status(),
    })
}
