//! The description of REST: the golden file, and that it describes every route.

use postern_http::{ROUTES, Verb, Who};
use serde_json::Value;
use std::path::Path;

/// The description is reviewed like code: `POSTERN_BLESS=1` writes it anew.
#[test]
fn the_description_is_the_golden_one() {
    let text = serde_json::to_string_pretty(&postern_http::description()).unwrap() + "\n";
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os("POSTERN_BLESS").is_some() {
        #[expect(clippy::disallowed_methods, reason = "a golden file is no mail")]
        std::fs::write(&golden, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(kept == text, "crates/http/openapi.json is not what the routes say; look, then set POSTERN_BLESS=1");
}

/// Every route is described with its documents, and every reference leads somewhere.
#[test]
fn the_description_is_complete() {
    let description = serde_json::to_value(postern_http::description()).unwrap();
    for route in ROUTES {
        let method = route.verb.method().as_str().to_lowercase();
        let operation = &description["paths"][route.path][&method];
        assert_eq!(operation["operationId"], route.operation);
        assert!(operation["responses"][route.status.to_string()].is_object(), "{}", route.operation);
        assert!(operation["responses"]["503"].is_object(), "{}", route.operation);
        let is_guarded = route.who != Who::Anyone;
        let needs = operation["security"].as_array().expect("says whether one signs in");
        assert_eq!(!needs.is_empty(), is_guarded, "{}", route.operation);
        let may_refuse = is_guarded || ["login", "invitation.take"].contains(&route.operation);
        assert_eq!(operation["responses"]["401"].is_object(), may_refuse, "{}", route.operation);
        assert_eq!(operation["requestBody"].is_object(), route.example_body.is_some(), "{}", route.operation);
        let parameters = operation["parameters"].as_array().map_or(0, Vec::len);
        assert!(parameters >= route.parameters().count(), "{}", route.operation);
        assert!(route.verb != Verb::Get || route.example_body.is_none(), "GET has no body");
    }
    let mut references = Vec::new();
    collect_references(&description, &mut references);
    assert!(references.len() > ROUTES.len());
    for reference in references {
        assert!(description.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "$ref" => found.push(text.clone()),
                    _ => collect_references(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}
