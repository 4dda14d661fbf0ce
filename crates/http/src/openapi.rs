//! The OpenAPI description, made from the table of routes and the documents' own schemas.

use crate::audit;
use crate::model;
use crate::problem::{Kind, Problem};
use crate::route::{Ask, Form, Query, Reply, Route, Verb, Who};
use crate::table::ROUTES;
use axum::http::StatusCode;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, InfoBuilder, LicenseBuilder, Object, OpenApi, OpenApiBuilder, Paths, Ref, Required, Response,
    ResponseBuilder, Server,
};
use utoipa::{PartialSchema, ToSchema};

const ABOUT: &str = "Administration of a Postern house. Nouns are those of the command line, which is a client of this.

A person signs in with `POST /api/v1/login` and sends the token as `Authorization: Bearer`; they may do what is theirs: \
a delegate with role owner manages the delegates of their mailbox, an administrator the organisation. Over the socket \
`admin.sock` in the data folder the kernel says who asks: whoever may open it acts as \
`operator(uid)`, administers, and never reads mail. Every act is in the trail.

Dates are RFC 3339 in UTC. Errors are problem details (RFC 9457) whose `type` is stable. What is hidden from \
whoever asks and what does not exist are answered with the same bytes.";

/// The name of the one security scheme.
const BEARER: &str = "bearer";

/// The description as it is sent: the table does not change while the house runs, and anybody
/// may ask for this.
static BODY: OnceLock<Result<Vec<u8>, Problem>> = OnceLock::new();

/// `GET /api/v1/openapi.json`.
pub(crate) async fn serve(_: Ask) -> Result<Reply, Problem> {
    let body = BODY.get_or_init(|| Reply::ok(&description()).map(|reply| reply.body)).clone()?;
    Ok(Reply { status: StatusCode::OK, body })
}

/// The description as a document.
pub fn description() -> OpenApi {
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    let info = InfoBuilder::new().title("Postern").version("1").description(Some(ABOUT)).license(Some(license)).build();
    let mut paths = Paths::new();
    for route in ROUTES {
        paths.add_path_operation(route.path, vec![http_method(route.verb)], operation(route));
    }
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/")]))
        .paths(paths)
        .components(Some(components()))
        .build()
}

fn http_method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Put => HttpMethod::Put,
        Verb::Patch => HttpMethod::Patch,
        Verb::Delete => HttpMethod::Delete,
    }
}

fn components() -> Components {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("ptnt_…")
        .description(Some("A token of a person. Over `admin.sock` none is needed: the kernel names the operator."))
        .build();
    let mut components = ComponentsBuilder::new()
        .security_scheme(BEARER, SecurityScheme::Http(bearer))
        .schema(model::Problem::name(), model::Problem::schema());
    for form in ROUTES.iter().flat_map(|route| [route.takes, route.gives]).flatten() {
        let mut others = Vec::new();
        (form.others)(&mut others);
        components = components.schema((form.name)(), (form.schema)()).schemas_from_iter(others);
    }
    components.build()
}

fn reference(form: Form) -> Ref {
    Ref::from_schema_name((form.name)())
}

fn operation(route: &Route) -> Operation {
    let tag = route.operation.split('.').next().unwrap_or_default();
    let who = match route.who {
        Who::Anyone => "Anyone who can connect.".to_owned(),
        Who::SignedIn => "Whoever is signed in; the answer holds what is theirs.".to_owned(),
        Who::Person => "A person who is signed in, about themselves; not an operator.".to_owned(),
        Who::Has(duty) => format!("Needs the duty `{}`.", duty.name()),
    };
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.operation))
        .tag(tag)
        .summary(Some(route.summary))
        .description(Some(who))
        .request_body(route.takes.map(|form| request(form, route)).or(route.takes_bytes.map(bytes)));
    for parameter in parameters(route) {
        operation = operation.parameter(parameter);
    }
    operation = operation.response(route.status.to_string(), success(route));
    for (status, kinds) in refusals(route) {
        operation = operation.response(status.to_string(), refusal(&kinds));
    }
    let mut operation = operation.build();
    // An empty list says that nobody needs to sign in; without one a reader could only guess.
    let bearer = (route.who != Who::Anyone).then(|| SecurityRequirement::new::<_, [&str; 0], &str>(BEARER, []));
    operation.security = Some(bearer.into_iter().collect());
    operation
}

fn request(form: Form, route: &Route) -> RequestBody {
    let example = route.example_body.and_then(|text| serde_json::from_str(text).ok());
    let content = ContentBuilder::new().schema(Some(reference(form))).example(example).build();
    RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", content).build()
}

fn bytes(what: &'static str) -> RequestBody {
    let schema =
        ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    let content = ContentBuilder::new().schema(Some(schema.build())).build();
    RequestBodyBuilder::new()
        .description(Some(what))
        .required(Some(Required::True))
        .content("application/octet-stream", content)
        .build()
}

fn success(route: &Route) -> Response {
    let response = ResponseBuilder::new().description("Done.");
    match route.gives {
        Some(form) => {
            let content = ContentBuilder::new().schema(Some(reference(form))).build();
            response.content("application/json", content).build()
        }
        None => {
            let any = ObjectBuilder::new().build();
            response.content("application/json", ContentBuilder::new().schema(Some(any)).build()).build()
        }
    }
}

fn refusal(kinds: &[Kind]) -> Response {
    let list: Vec<String> = kinds.iter().map(|kind| format!("`{}`: {}", kind.slug(), kind.title())).collect();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(model::Problem::name()))).build();
    ResponseBuilder::new()
        .description(format!("{}.", list.join("; ")))
        .content("application/problem+json", content)
        .build()
}

fn parameters(route: &Route) -> impl Iterator<Item = Parameter> {
    let text = || ObjectBuilder::new().schema_type(Type::String).build();
    let path = route.parameters().map(move |name| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(path_description(name)))
            .schema(Some(text()))
            .build()
    });
    let query = route.query.iter().map(|(name, kind, description)| {
        let needed = if *kind == Query::Needed { Required::True } else { Required::False };
        ParameterBuilder::new()
            .name(*name)
            .parameter_in(ParameterIn::Query)
            .required(needed)
            .description(Some(*description))
            .schema(Some(query_schema(*kind)))
            .build()
    });
    path.chain(query)
}

fn query_schema(kind: Query) -> Object {
    let schema = ObjectBuilder::new();
    let schema = match kind {
        Query::Text | Query::Needed => schema.schema_type(Type::String),
        Query::Time => schema.schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
        Query::Flag => schema.schema_type(Type::Boolean),
        Query::Page => schema.schema_type(Type::Integer).minimum(Some(1)).maximum(Some(audit::PAGE_MOST as f64)),
    };
    schema.build()
}

fn path_description(name: &str) -> &'static str {
    match name {
        "domain" => "Name of the domain.",
        "slug" => "Last part of a problem's `type`.",
        "token" => "Id of the token, or the name that its person gave it.",
        "id" => "Its id.",
        "member" => "Address of the member.",
        "recipient" => "Address of the recipient.",
        "grantee" => "Address of the person or group.",
        _ => "Its address.",
    }
}

/// What the route may refuse, by status: its own kinds, and those that follow from its form.
fn refusals(route: &Route) -> BTreeMap<u16, Vec<Kind>> {
    let mut kinds = route.refuses.to_vec();
    kinds.push(Kind::Unavailable);
    if route.who != Who::Anyone {
        kinds.extend([Kind::SignInNeeded, Kind::SignInEnded, Kind::NotYours, Kind::TokenTooNarrow]);
    }
    if route.takes_bytes.is_some() {
        kinds.extend([Kind::BadDocument, Kind::TooLarge, Kind::TooSlow, Kind::Unusable]);
    }
    if route.takes.is_some() {
        kinds.extend([Kind::BadDocument, Kind::TooLarge, Kind::TooSlow, Kind::NotJson, Kind::Unusable]);
    }
    if route.parameters().next().is_some() {
        kinds.push(Kind::Unusable);
    }
    if !route.query.is_empty() {
        kinds.push(Kind::BadQuery);
    }
    if route.absent.is_some() {
        kinds.push(Kind::Absent);
    }
    let mut by_status: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for kind in kinds {
        let same_status = by_status.entry(kind.status()).or_default();
        if !same_status.contains(&kind) {
            same_status.push(kind);
        }
    }
    by_status
}
