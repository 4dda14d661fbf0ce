//! REST over a real house on SQLite: the table's own story, every route's door, and every kind
//! of refusal.

mod waiting;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use postern_access::PlaintextSignIn;
use postern_app::{Founder, House, HouseOptions, KeyRing, NoVault};
use postern_http::{Kind, PeerUid, ROUTES, Route, Who, router};
use postern_store::{BlobOptions, Blobs, DatabaseUrl, Db, DbOptions, ManualClock, RealDisk};
use postern_types::{Address, Domain, Limits, Secret, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt;

/// 2026-11-22T21:00:00Z; a second passes with every request.
const NOW: Timestamp = Timestamp(1_795_381_200_000);

struct Scene {
    house: Arc<House>,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

struct Reply {
    status: u16,
    kind: String,
    body: Value,
    response: Response<()>,
}

impl Scene {
    async fn new() -> Self {
        let (folder, clock) = (TempDir::new().unwrap(), Arc::new(ManualClock::new(NOW)));
        let (disk, limits) = (Arc::new(RealDisk), Limits::default());
        let options = DbOptions::new(folder.path(), DatabaseUrl::Sqlite);
        let db = Db::open(options, disk.clone(), clock.clone()).unwrap();
        let blobs = Blobs::in_folder(&folder.path().join("blobs"), &BlobOptions::new([7; 32], &limits), disk);
        let house = House::open(HouseOptions {
            db,
            blobs,
            keys: KeyRing::new(Arc::new(NoVault), vec![("credential-1".to_owned(), Secret::new([7; 32]))]),
            limits,
            hostname: "mail.example.org".into(),
            plaintext_sign_in: PlaintextSignIn::Never,
            password_places: 1,
            exempt_loopback: true,
            node: 1,
        })
        .unwrap();
        let founder = Founder {
            domain: Domain::parse("example.org").unwrap(),
            admin: Address::parse("admin@example.org").unwrap(),
            password: Secret::new("a door in the garden wall"),
        };
        house.found(&house.operator(0).unwrap(), founder).await.unwrap();
        Self { house, clock, _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        self.clock.advance_ms(1000);
        let response = router(Arc::clone(&self.house)).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let response = Response::from_parts(parts, ());
        let kind = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status: response.status().as_u16(), kind, body, response }
    }

    /// As the operator with user id 1000.
    async fn ask(&self, method: &str, target: &str, body: Option<&str>) -> Reply {
        let mut request = request(method, target, body);
        request.extensions_mut().insert(PeerUid(1000));
        self.send(request).await
    }

    async fn example(&self, route: &Route) -> Reply {
        self.ask(route.verb.method().as_str(), route.example, route.example_body).await
    }

    async fn example_by(&self, route: &Route, token: &str) -> Reply {
        let mut request = request(route.verb.method().as_str(), route.example, route.example_body);
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        self.send(request).await
    }

    /// The slug, status and text of a refusal.
    async fn refused(&self, method: &str, target: &str, body: Option<&str>) -> (String, u16, String) {
        let reply = self.ask(method, target, body).await;
        slug_of(&reply)
    }
}

fn request(method: &str, target: &str, body: Option<&str>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(target);
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    request.body(body.map_or_else(Body::empty, |text| Body::from(text.to_owned()))).unwrap()
}

/// A problem document (RFC 9457 section 3), checked for what all have in common.
fn slug_of(reply: &Reply) -> (String, u16, String) {
    assert_eq!(reply.kind, "application/problem+json", "{}", reply.body);
    let text = |name: &str| reply.body[name].as_str().unwrap_or_default().to_owned();
    let slug = text("type").strip_prefix("/api/v1/problems/").expect("a type of ours").to_owned();
    let kind = Kind::of_slug(&slug).expect("a known kind");
    assert_eq!(
        (reply.status, json!(reply.status), text("title")),
        (kind.status(), reply.body["status"].clone(), kind.title().to_owned())
    );
    (slug, reply.status, text("detail"))
}

/// The examples of the table, from top to bottom, each with the status it promises. What is
/// for persons alone is asked by the one who signs in.
#[tokio::test]
async fn the_examples_of_the_table_are_a_story_that_works() {
    let scene = Scene::new().await;
    let mut token = String::new();
    for route in ROUTES {
        match route.operation {
            "shared.suppressed" => {
                waiting::suppress(&scene.house, "support@example.org", "customer@example.net").await;
            }
            "queue.list" => {
                let alice = ("alice@example.org", "still garden by the river");
                waiting::submit(&scene.house, alice, alice.0, "msg_abcdefghijkl").await;
            }
            _ => {}
        }
        let is_theirs = route.who == Who::Person || route.operation == "tokens.revoke";
        let reply = match route.operation {
            // The code is known once it is made.
            "credentials.unwrap" => {
                let wrapped = r#"{"purpose":"backup","owner":"admin@example.org","reason":"copy","any_network":true,"wrap_for":"alice@example.org"}"#;
                let issued = scene.ask("POST", "/api/v1/shared/support@example.org/credentials", Some(wrapped)).await;
                let body = json!({ "code": issued.body["code"] }).to_string();
                let login = r#"{"email":"alice@example.org","password":"still garden by the river"}"#;
                let login = scene.ask("POST", "/api/v1/login", Some(login)).await;
                let token = login.body["token"].as_str().unwrap_or_default();
                let mut request = request("POST", route.example, Some(&body));
                request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
                scene.send(request).await
            }
            "invitation.take" => {
                let invited = scene.ask("POST", "/api/v1/persons/alice@example.org/invitation", None).await;
                let body = json!({ "code": invited.body["code"], "password": "loud garden by the river" }).to_string();
                scene.send(request("POST", route.example, Some(&body))).await
            }
            _ if is_theirs => scene.example_by(route, &token).await,
            _ => scene.example(route).await,
        };
        if route.operation == "login" {
            token = reply.body["token"].as_str().unwrap_or_default().to_owned();
        }
        assert_eq!(reply.status, route.status, "{}: {}", route.operation, reply.body);
        assert_eq!((reply.kind.as_str(), reply.body.is_object()), ("application/json", true), "{}", route.operation);
        assert_eq!(reply.response.headers()["cache-control"], "no-store");
    }
}

/// Whoever did not come by the socket may ask for health and the description alone.
#[tokio::test]
async fn without_peer_credentials_every_administrative_door_is_shut() {
    let scene = Scene::new().await;
    for route in ROUTES {
        let method = route.verb.method();
        let reply = scene.send(request(method.as_str(), route.example, route.example_body)).await;
        match route.who {
            // Of a connection that nothing is known of nothing is believed.
            Who::Anyone if route.operation == "login" => {
                assert_eq!(slug_of(&reply).2, "Signing in needs TLS; connect with it and try again");
            }
            Who::Anyone if route.operation == "invitation.take" => assert_eq!(slug_of(&reply).0, "sign-in-refused"),
            Who::Anyone => assert_eq!(reply.status, route.status, "{}", route.operation),
            Who::SignedIn | Who::Person | Who::Has(_) => {
                assert_eq!(slug_of(&reply).0, "sign-in-needed", "{}", route.operation);
                // RFC 9110 section 11.6.1, RFC 6750 section 3.
                assert_eq!(reply.response.headers()["www-authenticate"], "Bearer realm=\"postern\"");
            }
        }
    }
    let reply = scene.ask("GET", "/api/v1/persons", None).await;
    assert_eq!(reply.body["persons"].as_array().unwrap().len(), 1, "nothing was done");
}

/// With the socket, each is open: it answers, if only that this is not there.
#[tokio::test]
async fn with_peer_credentials_every_door_leads_somewhere() {
    let scene = Scene::new().await;
    for route in ROUTES.iter().filter(|route| route.operation != "invitation.take") {
        let reply = scene.example(route).await;
        assert!(!matches!(reply.status, 401 | 405 | 500..), "{}: {}", route.operation, reply.body);
        assert_ne!(reply.body["type"], "/api/v1/problems/no-such-route", "{}", route.operation);
    }
}

#[tokio::test]
async fn what_is_given_is_shown_and_can_be_taken_back() {
    let scene = Scene::new().await;
    scene.ask("POST", "/api/v1/persons", Some(r#"{"address":"Alice@Example.org","name":"Alice"}"#)).await;
    let made = r#"{"address":"support@example.org","aliases":["help@example.org"],"members":["alice@example.org"]}"#;
    assert_eq!(scene.ask("POST", "/api/v1/shared", Some(made)).await.status, 201);

    let shown = scene.ask("GET", "/api/v1/shared/SUPPORT@example.org", None).await.body;
    assert_eq!(shown["addresses"], json!(["support@example.org", "help@example.org"]));
    let delegate = &shown["delegates"][0];
    assert_eq!(delegate["grantee"], "alice@example.org");
    assert_eq!((&delegate["rights"], &delegate["role"]), (&json!("lrswipkxte"), &json!("full-access")));
    assert_eq!((&delegate["send_as"], &delegate["given_by"]), (&json!(true), &json!("operator(1000)")));
    assert_eq!(delegate["created_at"], "2026-11-22T21:00:02Z");

    let terms = r#"{"rights":"lr","until":"2026-12-24T12:00:00+01:00"}"#;
    let given = scene.ask("PUT", "/api/v1/shared/support@example.org/delegates/alice@example.org", Some(terms)).await;
    assert_eq!((given.status, &given.body["role"]), (200, &json!("reader")), "{}", given.body);
    assert_eq!((&given.body["until"], &given.body["send_as"]), (&json!("2026-12-24T11:00:00Z"), &json!(false)));

    // A send right alone comes beside what is held: letters, end and automap stay.
    let target = "/api/v1/shared/support@example.org/delegates/alice@example.org";
    let hidden = r#"{"rights":"lr","automap":false,"until":"2026-12-24T12:00:00+01:00"}"#;
    scene.ask("PUT", target, Some(hidden)).await;
    let given = scene.ask("PUT", target, Some(r#"{"send_on_behalf":true}"#)).await.body;
    let kept = (&given["rights"], &given["until"], &given["automap"], &given["send_on_behalf"]);
    assert_eq!(kept, (&json!("lr"), &json!("2026-12-24T11:00:00Z"), &json!(false), &json!(true)), "{given}");
    assert_eq!(scene.ask("DELETE", target, None).await.body["removed"], 1);
    let (slug, _, text) = scene.refused("DELETE", target, None).await;
    assert_eq!((slug.as_str(), text.contains("no grant to alice@example.org in support")), ("absent", true), "{text}");

    let trail = scene.ask("GET", "/api/v1/audit?account=support@example.org", None).await.body;
    let actions: Vec<&str> =
        trail["events"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        [
            "grant.revoked",
            "grant.given",
            "grant.given",
            "grant.given",
            "grant.given",
            "shared.alias-added",
            "shared.added"
        ],
        "newest first"
    );
    assert_eq!(trail["events"][0]["actor"], "operator(1000)");
    assert_eq!(trail["events"][0]["protocol"], "socket");
}

/// What is named alone changes that and nothing else: nobody is raised to full access by it.
#[tokio::test]
async fn what_is_not_named_stays() {
    let scene = Scene::new().await;
    scene.ask("POST", "/api/v1/persons", Some(r#"{"address":"alice@example.org"}"#)).await;
    scene.ask("POST", "/api/v1/shared", Some(r#"{"address":"support@example.org"}"#)).await;
    let target = "/api/v1/shared/support@example.org/delegates/alice@example.org";
    let holds = async |terms: &str, rights: &str, send_as: bool| {
        let given = scene.ask("PUT", target, Some(terms)).await;
        let held = (given.body["rights"].clone(), given.body["send_as"].clone());
        assert_eq!(held, (json!(rights), json!(send_as)), "{terms}: {}", given.body);
    };
    holds(r#"{"mailbox":"Archive","role":"reader"}"#, "lr", false).await;
    holds(r#"{"mailbox":"Archive","until":"2046-01-01T00:00:00Z"}"#, "lr", false).await;
    holds(r#"{"send_as":true}"#, "", true).await;
    holds(r#"{"role":"editor"}"#, "lrswipte", false).await;
    holds(r#"{"mailbox":"Sent","send_as":true}"#, "lrswipte", true).await;
    holds(r#"{"mailbox":"Sent","send_as":false}"#, "lrswipte", false).await;
    holds(r#"{"automap":false}"#, "lrswipte", false).await;
    let until = r#"{"mailbox":"Trash","until":"2046-01-01T00:00:00Z"}"#;
    let (slug, _, text) = scene.refused("PUT", target, Some(until)).await;
    assert_eq!((slug.as_str(), text.contains("name a role or letters")), ("unusable", true), "{text}");
    holds("{}", "lrswipkxte", true).await;
}

/// A removed mailbox is shown with the days it has left; settings that are null end.
#[tokio::test]
async fn a_shared_mailbox_is_set_removed_and_brought_back() {
    let scene = Scene::new().await;
    let (all, one) = ("/api/v1/shared", "/api/v1/shared/support@example.org");
    scene.ask("POST", all, Some(r#"{"address":"support@example.org","name":"Support"}"#)).await;
    let set = r#"{"seen":"both","delete_protection":true,"quota_bytes":1000,"add_aliases":["help@example.org"]}"#;
    let shown = scene.ask("PATCH", one, Some(set)).await.body;
    assert_eq!((&shown["seen"], &shown["delete_protection"]), (&json!("both"), &json!(true)), "{shown}");
    assert_eq!((&shown["quota_bytes"], &shown["name"]), (&json!(1000), &json!("Support")));
    assert_eq!(shown["addresses"], json!(["support@example.org", "help@example.org"]));
    let shown =
        scene.ask("PATCH", one, Some(r#"{"quota_bytes":null,"remove_aliases":["help@example.org"]}"#)).await.body;
    assert_eq!((&shown["quota_bytes"], &shown["seen"]), (&Value::Null, &json!("both")), "{shown}");
    assert_eq!(shown["addresses"], json!(["support@example.org"]));
    for (document, text) in [
        ("{}", "Nothing is to be changed"),
        (r#"{"seen":"mine"}"#, "shared, personal or both"),
        (r#"{"add_aliases":["support@example.org"]}"#, "support@example.org is taken or reserved"),
        (r#"{"remove_aliases":["support@example.org"]}"#, "the address of the mailbox itself"),
    ] {
        let (_, _, said) = scene.refused("PATCH", one, Some(document)).await;
        assert!(said.contains(text), "{document}: {said}");
    }

    let removed = scene.ask("DELETE", one, None).await.body;
    assert_eq!((&removed["state"], &removed["days_left"]), (&json!("removed"), &json!(30)), "{removed}");
    scene.clock.advance_ms(3 * 24 * 60 * 60 * 1000);
    let listed = scene.ask("GET", all, None).await.body;
    assert_eq!((&listed["shared"][0]["state"], &listed["shared"][0]["days_left"]), (&json!("removed"), &json!(27)));
    let (slug, _, text) = scene.refused("PATCH", one, Some(set)).await;
    assert_eq!(
        (slug.as_str(), text.contains("postern shared restore support@example.org")),
        ("unusable", true),
        "{text}"
    );
    assert_eq!(
        scene.refused("POST", "/api/v1/persons", Some(r#"{"address":"support@example.org"}"#)).await.0,
        "address-taken"
    );
    let restored = scene.ask("POST", &format!("{one}/restore"), None).await.body;
    assert_eq!((&restored["state"], &restored["days_left"]), (&json!("active"), &Value::Null));
    scene.ask("DELETE", one, None).await;
    scene.clock.advance_ms(30 * 24 * 60 * 60 * 1000);
    assert_eq!(scene.refused("POST", &format!("{one}/restore"), None).await.0, "absent");
    assert_eq!(scene.ask("GET", all, None).await.body["shared"], json!([]));
}

/// Nobody opens a person's mail by accident, and the answer tells what ended.
#[tokio::test]
async fn a_persons_mailbox_is_made_shared_when_that_is_confirmed() {
    let scene = Scene::new().await;
    let body = r#"{"address":"bob@example.org","password":"silver key under the mat"}"#;
    scene.ask("POST", "/api/v1/persons", Some(body)).await;
    let convert = "/api/v1/shared/bob@example.org/convert-from-person";
    for document in ["{}", r#"{"confirm":false}"#, r#"{"members":["admin@example.org"]}"#] {
        let (slug, _, text) = scene.refused("POST", convert, Some(document)).await;
        assert_eq!((slug.as_str(), text.contains("private mail of bob@example.org")), ("unusable", true), "{text}");
    }
    let document = r#"{"members":["admin@example.org"],"confirm":true}"#;
    let converted = scene.ask("POST", convert, Some(document)).await.body;
    assert_eq!(
        (&converted["address"], &converted["ended_credentials"]),
        (&json!("bob@example.org"), &json!(1)),
        "{converted}"
    );
    assert_eq!(converted["delegates"][0]["grantee"], "admin@example.org");
    assert_eq!(scene.refused("GET", "/api/v1/persons/bob@example.org", None).await.0, "absent");
    let admin = "/api/v1/shared/admin@example.org/convert-from-person";
    assert_eq!(scene.refused("POST", admin, Some(document)).await.0, "forbidden");
    let back = scene.ask("POST", "/api/v1/shared/bob@example.org/convert-to-person", None).await.body;
    assert_eq!((&back["address"], &back["delegates"][0]["rights"]), (&json!("bob@example.org"), &json!("lrswipkxte")));
    assert_eq!(scene.ask("GET", "/api/v1/persons/bob@example.org", None).await.status, 200);
}

/// Pages neither repeat an event nor leave one out.
#[tokio::test]
async fn the_trail_is_read_in_pages() {
    let scene = Scene::new().await;
    for name in ["a", "b", "c", "d"] {
        scene.ask("POST", "/api/v1/domains", Some(&format!(r#"{{"domain":"{name}.example"}}"#))).await;
    }
    let whole = scene.ask("GET", "/api/v1/audit", None).await.body;
    let mut pages = Vec::new();
    let mut target = "/api/v1/audit?limit=2".to_owned();
    loop {
        let page = scene.ask("GET", &target, None).await.body;
        pages.extend(page["events"].as_array().unwrap().clone());
        let Some(before) = page["next_before"].as_str() else { break };
        target = format!("/api/v1/audit?limit=2&before={before}");
    }
    assert_eq!(&pages, whole["events"].as_array().unwrap());
    assert!(pages.len() >= 6 && whole["next_before"].is_null(), "{} events", pages.len());
    assert_eq!(scene.ask("GET", "/api/v1/audit?since=2026-11-22T22:00:00Z", None).await.body["events"], json!([]));
}

#[tokio::test]
async fn a_refusal_says_what_was_wrong() {
    let scene = Scene::new().await;
    let persons = "/api/v1/persons";
    let cases = [
        ("POST", persons, Some("{"), "bad-document", "EOF"),
        ("POST", persons, Some(r#"{"adress":"a@example.org"}"#), "bad-document", "unknown field `adress`"),
        ("POST", persons, Some(r#"{"address":"alice"}"#), "unusable", "address is \"alice\": an address looks like"),
        ("POST", persons, Some(r#"{"address":"a@example.com"}"#), "unusable", "which has example.org; if"),
        ("POST", persons, Some(r#"{"address":"a@example.org","password":"short"}"#), "unusable", "at least 15"),
        ("POST", persons, Some(r#"{"address":"a@example.org","name":"a\u0000b"}"#), "unusable", "name is \"a\\0b\""),
        (
            "POST",
            "/api/v1/groups",
            Some(r#"{"address":"g@example.org","name":"a\nb"}"#),
            "unusable",
            "control characters",
        ),
        (
            "POST",
            "/api/v1/shared",
            Some(r#"{"address":"s@example.org","name":"\u202eb"}"#),
            "unusable",
            "control characters",
        ),
        ("POST", persons, Some(r#"{"address":"admin@example.org"}"#), "address-taken", "admin@example.org is taken"),
        (
            "POST",
            "/api/v1/groups",
            Some(r#"{"address":"g@example.org","members":["x@example.org"]}"#),
            "unusable",
            "x@example.org",
        ),
        ("GET", "/api/v1/persons/alice@example.org", None, "absent", "There is no person alice@example.org"),
        ("GET", "/api/v1/persons/alice", None, "unusable", "\"alice\" in the path"),
        ("DELETE", "/api/v1/domains/example.org", None, "unusable", "in use by admin@example.org"),
        ("GET", "/api/v1/audit?acount=x", None, "bad-query", "unknown field `acount`"),
        ("GET", "/api/v1/audit?limit=0", None, "unusable", "1 to 500"),
        ("GET", "/api/v1/audit?before=0", None, "unusable", "evt_42"),
        ("GET", "/api/v1/audit?account=nobody@example.org", None, "absent", "no account nobody@example.org"),
        ("GET", "/api/v1/explain?actor=operator&verb=read", None, "bad-query", "missing field `target`"),
        ("GET", "/api/v1/explain?actor=x&verb=read&target=organisation", None, "unusable", "delivery, submission"),
        (
            "GET",
            "/api/v1/explain?actor=operator&verb=fly&target=organisation",
            None,
            "unusable",
            "lookup, read, change",
        ),
        ("GET", "/api/v1/explain?actor=operator&verb=read&target=x@example.org/a//b", None, "unusable", "empty level"),
        (
            "GET",
            "/api/v1/explain?actor=operator&verb=read&target=x@example.org",
            None,
            "unusable",
            "no account x@example",
        ),
        ("GET", "/api/v1/shared/x@example.org/access", None, "absent", "There is no shared mailbox x@example.org"),
        ("GET", "/api/v1/shared/x@example.org/access?at=soon", None, "unusable", "at is \"soon\""),
        ("GET", "/api/v1/nothing", None, "no-such-route", "/api/v1/openapi.json"),
        ("PATCH", persons, None, "no-such-method", "takes POST, GET, HEAD"),
        ("PUT", "/metrics", None, "no-such-method", "takes GET, HEAD"),
        ("GET", "/metrics", None, "not-yours", "metrics_networks"),
    ];
    for (method, target, body, slug, text) in cases {
        let refused = scene.refused(method, target, body).await;
        assert_eq!(refused.0, slug, "{method} {target}: {refused:?}");
        assert!(refused.2.contains(text), "{method} {target}: {refused:?}");
    }
    let allow = scene.ask("PATCH", persons, None).await.response.headers()["allow"].clone();
    assert_eq!(allow, "POST, GET, HEAD", "RFC 9110 section 15.5.6");
}

/// Every route that takes a document bounds it, wants JSON, and refuses what it does not know.
#[tokio::test]
async fn every_document_is_bounded_and_strict() {
    let scene = Scene::new().await;
    for route in ROUTES.iter().filter(|route| route.takes_document()) {
        let method = route.verb.method();
        if route.who == Who::Person {
            // An operator is turned away before anything is read.
            continue;
        }
        let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(70_000));
        assert_eq!(scene.refused(method.as_str(), route.example, Some(&large)).await.0, "too-large");
        let unknown = Some(r#"{"no_such_field":1}"#);
        assert_eq!(scene.refused(method.as_str(), route.example, unknown).await.0, "bad-document");
        let mut plain = Request::builder().method(method).uri(route.example).body(Body::from("{}")).unwrap();
        plain.extensions_mut().insert(PeerUid(0));
        assert_eq!(slug_of(&scene.send(plain).await).0, "not-json", "{}", route.operation);
    }
}

/// A password comes in and never goes out: not in replies, not in refusals of the house.
#[tokio::test]
async fn passwords_are_not_echoed() {
    let scene = Scene::new().await;
    let secret = "silver key under the mat";
    let body = format!(r#"{{"address":"bob@example.org","password":"{secret}"}}"#);
    for target in ["/api/v1/persons", "/api/v1/persons"] {
        let reply = scene.ask("POST", target, Some(&body)).await;
        assert!(!reply.body.to_string().contains(secret), "{}", reply.body);
    }
    let everything = [scene.ask("GET", "/api/v1/persons", None).await, scene.ask("GET", "/api/v1/audit", None).await];
    assert!(everything.iter().all(|reply| !reply.body.to_string().contains(secret)));
}

#[tokio::test]
async fn a_suspended_person_is_shown_so() {
    let scene = Scene::new().await;
    scene.ask("POST", "/api/v1/persons", Some(r#"{"address":"carol@example.org"}"#)).await;
    let state = async || {
        scene.ask("GET", "/api/v1/persons/carol@example.org", None).await.body["state"].as_str().unwrap().to_owned()
    };
    scene.ask("POST", "/api/v1/persons/carol@example.org/suspend", None).await;
    assert_eq!(state().await, "suspended");
    scene.ask("POST", "/api/v1/persons/carol@example.org/resume", None).await;
    assert_eq!(state().await, "active");
}

/// A login holds for twelve hours, a token until its own end, and neither a moment longer.
#[tokio::test]
async fn a_token_ends_at_its_time() {
    let scene = Scene::new().await;
    let login = r#"{"email":"admin@example.org","password":"a door in the garden wall"}"#;
    let signed_in = scene.ask("POST", "/api/v1/login", Some(login)).await;
    assert_eq!(signed_in.body["expires_at"], "2026-11-23T09:00:01Z", "{}", signed_in.body);
    let token = signed_in.body["token"].as_str().unwrap().to_owned();
    let by = async |token: &str, method: &str, target: &str, body: Option<&str>| {
        let mut request = request(method, target, body);
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        scene.send(request).await
    };
    let wish = |expires: &str| format!(r#"{{"name":"nightly","role":"auditor","expires_at":"{expires}"}}"#);
    for (expires, text) in [
        ("2026-11-22T20:00:00Z", "A token ends in the future"),
        ("2028-01-01T00:00:00Z", "A token lasts 366 days at most"),
        ("soon", "expires_at is \"soon\""),
    ] {
        let refused = by(&token, "POST", "/api/v1/tokens", Some(&wish(expires))).await;
        let (slug, status, detail) = slug_of(&refused);
        assert_eq!((slug.as_str(), status, detail.contains(text)), ("unusable", 422, true), "{detail}");
    }
    for name in ["", "login", "tok_abcdefgh"] {
        let body = format!(r#"{{"name":"{name}","role":"owner"}}"#);
        let refused = by(&token, "POST", "/api/v1/tokens", Some(&body)).await;
        assert!(slug_of(&refused).2.contains("is no name for a token"), "{name}: {}", refused.body);
    }
    let made = by(&token, "POST", "/api/v1/tokens", Some(&wish("2026-11-24T00:00:00Z"))).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let nightly = made.body["token"].as_str().unwrap().to_owned();
    let again = by(&token, "POST", "/api/v1/tokens", Some(&wish("2026-11-24T00:00:00Z"))).await;
    assert!(slug_of(&again).2.contains("You have a token called \"nightly\""), "{}", again.body);

    let is_good = async |token: &str| {
        let reply = by(token, "GET", "/api/v1/me", None).await;
        if reply.status != 200 {
            assert_eq!(slug_of(&reply), ("sign-in-ended".to_owned(), 401, "Your sign-in has ended".to_owned()));
        }
        reply.status == 200
    };
    scene.clock.advance_ms(11 * 3600 * 1000);
    assert!(is_good(&token).await && is_good(&nightly).await);
    scene.clock.advance_ms(3600 * 1000);
    assert!(!is_good(&token).await && is_good(&nightly).await);
    assert_eq!(by(&nightly, "GET", "/api/v1/tokens", None).await.body["tokens"].as_array().map(Vec::len), Some(1));
    scene.clock.advance_ms(15 * 3600 * 1000);
    assert!(!is_good(&nightly).await);
    // Its name is free again.
    let signed_in = scene.ask("POST", "/api/v1/login", Some(login)).await;
    let token = signed_in.body["token"].as_str().unwrap().to_owned();
    let body = r#"{"name":"nightly","role":"auditor"}"#;
    assert_eq!(by(&token, "POST", "/api/v1/tokens", Some(body)).await.status, 201);
}

/// HEAD is GET without the body (RFC 9110 section 9.3.2).
#[tokio::test]
async fn head_is_get_without_a_body() {
    let scene = Scene::new().await;
    let reply = scene.ask("HEAD", "/healthz", None).await;
    assert_eq!((reply.status, reply.body), (StatusCode::OK.as_u16(), Value::Null));
}

#[tokio::test]
async fn the_offline_way_is_the_same_router() {
    let scene = Scene::new().await;
    let house = Arc::clone(&scene.house);
    let answered = postern_http::call(house, 7, "GET", "/api/v1/domains", None).await.unwrap();
    let document: Value = serde_json::from_slice(&answered.body).unwrap();
    assert_eq!((answered.status, &document["domains"][0]["domain"]), (200, &json!("example.org")));
    assert_eq!(document, scene.ask("GET", "/api/v1/domains", None).await.body);
    assert!(postern_http::call(Arc::clone(&scene.house), 7, "GET", "not a target", None).await.is_err());
}
