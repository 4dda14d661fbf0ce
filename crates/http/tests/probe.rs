//! Every route, asked by everyone: `probe.txt` has a line for each route and a column for each
//! who asks, and a test compares it with what a real house answers.
//!
//! The file is for reading in a review, as `matrix.txt` of `postern-access` is: a change of who
//! may do what over REST is a change of its lines. `POSTERN_BLESS=1` writes it anew. What must
//! hold of every route, whatever the file says, the tests beside it say in words.

mod waiting;

use postern_access::{Duty, PlaintextSignIn};
use postern_app::{
    CredentialWish, Founder, GrantReach, GrantTerms, House, HouseOptions, Issued, KeyRing, Networks, NoVault, Purpose,
    TokenRole, TokenWish,
};
use postern_http::{Answered, Asker, ROUTES, Route, Verb, Who, call_as};
use postern_store::{BlobOptions, Blobs, Caller, DatabaseUrl, Db, DbOptions, ManualClock, RealDisk};
use postern_types::{Address, DisplayName, Domain, Limits, Rights, Secret, SendRights, Timestamp};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// 2026-11-22T21:00:00Z.
const NOW: Timestamp = Timestamp(1_795_381_200_000);
/// That of the example of `login`.
const PASSWORD: &str = "loud garden by the river";

/// That of the examples about what waits to be sent.
const QUEUED: &str = "msg_abcdefghijkl";

/// Who asks, in the order of the columns.
const CAST: [(&str, &str); 10] = [
    ("nobody", "a token that is none"),
    ("stranger", "a person without any part in support@"),
    ("delegate", "holds lrsw on support@"),
    ("other", "owns billing@"),
    ("owner", "owns support@"),
    ("auditor", "the administrator's token of role auditor"),
    ("narrow", "the administrator's token of role owner"),
    ("script", "the administrator's token of role admin"),
    ("admin", "administers the organisation"),
    ("operator", "at the socket"),
];

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// A house on disk, from which a fresh one is opened for each probe that changes something.
struct Scene {
    template: TempDir,
    askers: Vec<Asker>,
    /// The id of a token of the owner's.
    token_id: String,
    /// The code of a secret that waits for the administrator.
    code: String,
    invitation: String,
}

fn open(folder: &Path) -> Arc<House> {
    // A refusal need not take its time here: what it costs is another test's matter.
    let (disk, limits) = (Arc::new(RealDisk), Limits { failure_deadline_ms: 1, ..Limits::default() });
    let options = DbOptions::new(folder, DatabaseUrl::Sqlite);
    let db = Db::open(options, disk.clone(), Arc::new(ManualClock::new(NOW))).unwrap();
    let blobs = Blobs::in_folder(&folder.join("blobs"), &BlobOptions::new([7; 32], &limits), disk);
    House::open(HouseOptions {
        db,
        blobs,
        keys: KeyRing::new(Arc::new(NoVault), vec![("credential-1".to_owned(), Secret::new([7; 32]))]),
        limits,
        hostname: "mail.example.org".into(),
        plaintext_sign_in: PlaintextSignIn::Never,
        password_places: 2,
        exempt_loopback: true,
        node: 1,
    })
    .unwrap()
}

async fn own(house: &House, operator: &Caller, shared: &str, grantee: &str, letters: &str) {
    let terms = GrantTerms {
        reach: GrantReach::Account,
        rights: Rights::parse(letters).unwrap(),
        send: SendRights { send_as: letters.contains('a'), send_on_behalf: false },
        automap: true,
        not_after: None,
    };
    house.give(operator, &address(shared), &address(grantee), terms).await.unwrap();
}

/// The one of the table's examples, or one whose secret waits for somebody.
async fn credential(house: &House, operator: &Caller, purpose: Purpose, wrap_for: Option<&str>) -> Issued {
    let is_role = purpose == Purpose::Role;
    let wish = CredentialWish {
        holder: is_role.then(|| address("alice@example.org")),
        not_delegation: is_role.then(|| "its program knows one sign-in".to_owned()),
        name: is_role.then(|| "desk".to_owned()),
        networks: Some(Networks::Any),
        wrap_for: wrap_for.map(address),
        ..CredentialWish::new(purpose, address("admin@example.org"), "the front desk")
    };
    house.issue_credential(operator, &address("support@example.org"), wish).await.unwrap()
}

async fn login(house: &Arc<House>, email: &str) -> Secret {
    let body = format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#);
    let answered = ask(house, &Asker::Operator(0), "POST", "/api/v1/login", Some(&body)).await;
    let document: Value = serde_json::from_slice(&answered.body).unwrap();
    Secret::new(document["token"].as_str().unwrap_or_else(|| panic!("{document}")))
}

async fn ask(house: &Arc<House>, asker: &Asker, method: &str, target: &str, body: Option<&str>) -> Answered {
    call_as(Arc::clone(house), asker, method, target, body.map(|body| body.as_bytes().to_vec())).await.unwrap()
}

impl Scene {
    /// example.org with everything that the examples of the table name.
    async fn new() -> Self {
        let template = TempDir::new().unwrap();
        let house = open(template.path());
        let operator = house.operator(0).unwrap();
        let (domain, admin) = (Domain::parse("example.org").unwrap(), address("admin@example.org"));
        house.found(&operator, Founder { domain, admin, password: Secret::new(PASSWORD) }).await.unwrap();
        house.add_domain(&operator, &Domain::parse("example.net").unwrap()).await.unwrap();
        for name in ["alice", "sam", "dora", "olga", "oona"] {
            let (email, password) = (address(&format!("{name}@example.org")), Secret::new(PASSWORD));
            house.add_person(&operator, &email, &DisplayName::default(), Some(password)).await.unwrap();
        }
        for name in ["support@example.org", "billing@example.org"] {
            house.add_shared(&operator, &address(name), &DisplayName::default(), &[], &[]).await.unwrap();
        }
        own(&house, &operator, "support@example.org", "alice@example.org", "lr").await;
        own(&house, &operator, "support@example.org", "dora@example.org", "lrsw").await;
        own(&house, &operator, "support@example.org", "oona@example.org", "lrswipkxtea").await;
        own(&house, &operator, "billing@example.org", "olga@example.org", "lrswipkxtea").await;
        let members = [address("admin@example.org")];
        house.add_group(&operator, &address("team@example.org"), &DisplayName::default(), &members).await.unwrap();
        let peer = postern_app::Peer { address: None, encrypted: true };
        let sam = house.bearer(&login(&house, "sam@example.org").await, &peer).await.unwrap();
        own(&house, &sam, "sam@example.org", "team@example.org", "lr").await;

        let admin = login(&house, "admin@example.org").await;
        let mut askers = vec![Asker::Bearer(Secret::new("ptnt_nothing"))];
        for email in ["sam@example.org", "dora@example.org", "olga@example.org", "oona@example.org"] {
            askers.push(Asker::Bearer(login(&house, email).await));
        }
        let caller = house.bearer(&admin, &peer).await.unwrap();
        for role in [TokenRole::Auditor, TokenRole::Owner, TokenRole::Admin] {
            let wish = TokenWish { name: DisplayName::parse(role.name()).unwrap(), role, expires: None };
            askers.push(Asker::Bearer(house.make_token(&caller, wish).await.unwrap().token));
        }
        askers.extend([Asker::Bearer(admin), Asker::Operator(1000)]);
        let Asker::Bearer(owner) = &askers[4] else { panic!("the owner bears a token") };
        let caller = house.bearer(owner, &peer).await.unwrap();
        let wish = TokenWish { name: DisplayName::parse("rota").unwrap(), role: TokenRole::Owner, expires: None };
        let token_id = house.make_token(&caller, wish).await.unwrap().public_id;
        let desk = credential(&house, &operator, Purpose::Role, None).await;
        assert!(desk.secret.is_some(), "shown to whoever issues it");
        let wrapped = credential(&house, &operator, Purpose::Backup, Some("admin@example.org")).await;
        // Sent as the mailbox by its owner: hers, its owners' and the administrators' to see.
        waiting::submit(&house, ("oona@example.org", PASSWORD), "support@example.org", QUEUED).await;
        waiting::suppress(&house, "support@example.org", "customer@example.net").await;
        let code = wrapped.wrapped.unwrap().code.expose_text().unwrap().to_owned();
        let invited = house.invite(&operator, &address("sam@example.org")).await.unwrap();
        let invitation = invited.code.expose_text().unwrap().to_owned();
        house.db().close().await;
        Self { template, askers, token_id, code, invitation }
    }

    /// The house as it was made, in a folder of its own.
    fn fresh(&self) -> (TempDir, Arc<House>) {
        let folder = TempDir::new().unwrap();
        for entry in std::fs::read_dir(self.template.path()).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
        }
        let house = open(folder.path());
        (folder, house)
    }

    /// The example of a route about something that is there: the table's story has its own token,
    /// and has made a person of the mailbox that it converts back.
    fn target(&self, route: &Route) -> String {
        match route.operation {
            "tokens.revoke" => route.example.replace("nightly-report", &self.token_id),
            "shared.convert-from-person" => route.example.replace("support@example.org", "sam@example.org"),
            _ => route.example.to_owned(),
        }
    }

    /// The body of the example, about something that is there.
    fn body(&self, route: &Route) -> Option<String> {
        match route.operation {
            "credentials.unwrap" => Some(serde_json::json!({ "code": self.code }).to_string()),
            "invitation.take" => {
                let password = "loud garden by the river";
                Some(serde_json::json!({ "code": self.invitation, "password": password }).to_string())
            }
            _ => route.example_body.map(str::to_owned),
        }
    }

    /// Asks the example of each route; what is changed by one is as before for the next.
    async fn walk(&self, asker: &Asker) -> Vec<Answered> {
        let (mut _folder, mut house) = self.fresh();
        let mut answers = Vec::new();
        for route in ROUTES {
            let target = self.target(route);
            let body = self.body(route);
            let answered = ask(&house, asker, route.verb.method().as_str(), &target, body.as_deref()).await;
            if route.verb != Verb::Get && answered.status < 300 {
                house.db().close().await;
                (_folder, house) = self.fresh();
            }
            answers.push(answered);
        }
        house.db().close().await;
        answers
    }
}

/// `200`, or the status with the kind of problem.
fn cell(answered: &Answered) -> String {
    let document: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
    let kind = document["type"].as_str().and_then(|kind| kind.rsplit('/').next()).unwrap_or_default();
    format!("{} {kind}", answered.status).trim_end().to_owned()
}

fn page(walks: &[Vec<Answered>]) -> String {
    let mut rows = vec![["route"].into_iter().chain(CAST.map(|(name, _)| name)).map(str::to_owned).collect::<Vec<_>>()];
    for (number, route) in ROUTES.iter().enumerate() {
        let cells = walks.iter().map(|walk| cell(&walk[number]));
        rows.push(std::iter::once(route.operation.to_owned()).chain(cells).collect());
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..=CAST.len()).map(width).collect();
    let mut text = String::from(
        "# Every route, asked by everyone\n\nWritten by a test from what a house answers to the example of each route, always in the same state. Read the\n\
         difference when it changes. 404 absent is what is said of a thing that is not there; 409 and 422 mean that the\n\
         one who asked was let in, and that what they wanted could not be done.\n\n",
    );
    for (name, who) in CAST {
        writeln!(text, "{name:<9} {who}").unwrap();
    }
    text.push('\n');
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end()).unwrap();
    }
    text
}

/// The page, and what must hold of each of its cells.
#[tokio::test]
async fn every_route_is_asked_by_everyone() {
    let scene = Scene::new().await;
    let mut walks = Vec::new();
    for asker in &scene.askers {
        walks.push(scene.walk(asker).await);
    }
    let of = |name: &str| &walks[CAST.iter().position(|(known, _)| *known == name).unwrap()];
    for (number, route) in ROUTES.iter().enumerate() {
        let status = |name: &str| of(name)[number].status;
        let operation = route.operation;
        if route.who == Who::Anyone {
            assert!(walks.iter().all(|walk| walk[number].status == route.status), "{operation} is for everyone");
            continue;
        }
        assert_eq!(status("nobody"), 401, "{operation}");
        let is_in = |name: &str| !matches!(status(name), 401 | 403 | 404);
        match route.who {
            Who::Has(_) => assert!(!is_in("stranger"), "{operation} lets a stranger in"),
            Who::Person => assert_eq!(status("operator"), 403, "{operation}: an operator is no person"),
            Who::SignedIn | Who::Anyone => {}
        }
        assert!(!is_in("auditor") || route.verb == Verb::Get || operation == "logout", "{operation} by an auditor");
        // Whoever has more part in it is not refused where one with less is let in.
        assert!(!is_in("delegate") || is_in("owner") || route.who == Who::Person, "{operation}: delegate over owner");
        assert!(!is_in("owner") || is_in("admin"), "{operation}: owner over administrator");
        for token in ["narrow", "script"] {
            assert!(!is_in(token) || is_in("admin"), "{operation}: a token over its person");
        }
    }
    // Something is there for each route, so no column of absences hides who is let in.
    for (number, route) in ROUTES.iter().enumerate() {
        let found = walks.iter().any(|walk| walk[number].status != 404);
        assert!(found, "{} is absent for everyone: put what it names into the scene", route.operation);
    }
    compare(&page(&walks));
}

#[expect(clippy::disallowed_methods, reason = "a page for reviews is no mail")]
fn compare(page: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe.txt");
    if std::env::var_os("POSTERN_BLESS").is_some() {
        std::fs::write(&file, page).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    for (kept, now) in kept.lines().zip(page.lines()) {
        assert_eq!(kept, now, "crates/http/tests/probe.txt; look, then set POSTERN_BLESS=1");
    }
    assert!(kept == page, "crates/http/tests/probe.txt has other lines; look, then set POSTERN_BLESS=1");
}

/// Law 4: to whoever may not know, a shared mailbox that is there and one that is not are the
/// same bytes, in every route that names one.
#[tokio::test]
async fn what_is_hidden_is_answered_as_what_is_absent() {
    let scene = Scene::new().await;
    let (_folder, house) = scene.fresh();
    let answer = async |asker: &Asker, route: &Route, name: &str| {
        let target = route.example.replace("support@example.org", name);
        let answered = ask(&house, asker, route.verb.method().as_str(), &target, route.example_body).await;
        let text = String::from_utf8(answered.body).unwrap();
        (answered.status, text.replace(name, "NAME"))
    };
    let mut asked = 0;
    for route in ROUTES.iter().filter(|route| route.example.contains("support@example.org")) {
        for column in ["stranger", "other"] {
            let asker = &scene.askers[CAST.iter().position(|(name, _)| *name == column).unwrap()];
            let hidden = answer(asker, route, "support@example.org").await;
            assert_eq!(hidden, answer(asker, route, "nothing@example.org").await, "{} by {column}", route.operation);
            // Who manages the organisation is asked before anything is looked up.
            let is_of_office = matches!(route.who, Who::Has(Duty::ManageShared | Duty::OpenPrivate));
            let refused = if is_of_office { 403 } else { 404 };
            assert_eq!(hidden.0, refused, "{}", route.operation);
            // A person's own account is nobody else's business either.
            assert_eq!(hidden, answer(asker, route, "oona@example.org").await, "{} by {column}", route.operation);
            asked += 1;
        }
    }
    assert!(asked >= 8, "{asked}");

    // Nor does the trail, a token's id or a list of someone's tokens tell.
    let stranger = &scene.askers[1];
    let body = async |target: &str| {
        let answered = ask(&house, stranger, "GET", target, None).await;
        (answered.status, String::from_utf8(answered.body).unwrap())
    };
    for (there, absent) in [
        ("/api/v1/audit?account=support@example.org", "/api/v1/audit?account=nothing@example.org"),
        ("/api/v1/audit?actor=alice@example.org", "/api/v1/audit?actor=nobody@example.org"),
        ("/api/v1/signins?account=support@example.org", "/api/v1/signins?account=nothing@example.org"),
        ("/api/v1/signins?account=oona@example.org", "/api/v1/signins?account=nothing@example.org"),
        ("/api/v1/signins?credential=TOKEN", "/api/v1/signins?credential=tok_aaaaaaaa"),
        ("/api/v1/queue?account=support@example.org", "/api/v1/queue?account=nothing@example.org"),
        ("/api/v1/queue?account=oona@example.org", "/api/v1/queue?account=nothing@example.org"),
        ("/api/v1/queue?credential=support@example.org/desk", "/api/v1/queue?credential=nothing@example.org/desk"),
        ("/api/v1/tokens?person=alice@example.org", "/api/v1/tokens?person=nobody@example.org"),
        ("/api/v1/persons/alice@example.org", "/api/v1/persons/nobody@example.org"),
        ("/api/v1/groups/team@example.org", "/api/v1/groups/nothing@example.org"),
        ("/api/v1/domains/example.net", "/api/v1/domains/example.com"),
    ] {
        let (hidden, absent) = (body(&there.replace("TOKEN", &scene.token_id)).await, body(absent).await);
        assert!(hidden.0 >= 400, "{there}: {hidden:?}");
        assert_eq!(hidden, absent, "{there}");
    }
    // Nor does what is done to many of the messages that wait.
    for verb in ["retry", "hold", "remove"] {
        let act = async |which: &str| {
            let answered = ask(&house, stranger, "POST", &format!("/api/v1/queue/{verb}"), Some(which)).await;
            (answered.status, String::from_utf8(answered.body).unwrap())
        };
        let absent = act(r#"{"account":"nothing@example.org"}"#).await;
        assert_eq!(absent.0, 404, "{verb}: {absent:?}");
        for which in [
            r#"{"account":"support@example.org"}"#,
            r#"{"account":"oona@example.org"}"#,
            r#"{"credential":"support@example.org/desk"}"#,
            r#"{"credential":"nothing@example.org/desk"}"#,
        ] {
            assert_eq!(act(which).await, absent, "{verb}: {which}");
        }
        let (status, hidden) = act(&format!(r#"{{"messages":["{QUEUED}"]}}"#)).await;
        assert_eq!(
            (status, hidden.replace(QUEUED, "msg_aaaaaaaaaaaa")),
            act(r#"{"messages":["msg_aaaaaaaaaaaa"]}"#).await
        );
        assert!(hidden.starts_with(r#"{"messages":0,"#), "{hidden}");
        let all: Value = serde_json::from_str(&act(r#"{"all":true}"#).await.1).unwrap();
        assert_eq!((&all["messages"], &all["left_messages"]), (&0.into(), &0.into()), "{verb}: {all}");
    }
    // A delegate learns no more of the credentials of their mailbox than a stranger.
    let delegate = &scene.askers[2];
    for id in [&scene.token_id, "tok_aaaaaaaa"] {
        let answered = ask(&house, delegate, "GET", &format!("/api/v1/signins?credential={id}"), None).await;
        assert_eq!(
            (answered.status, answered.body),
            (404, ask(&house, stranger, "GET", "/api/v1/signins?credential=x", None).await.body)
        );
    }
    let owner = login(&house, "oona@example.org").await;
    let mine = ask(&house, &Asker::Bearer(owner), "GET", "/api/v1/tokens", None).await;
    let mine: Value = serde_json::from_slice(&mine.body).unwrap();
    let id = mine["tokens"][0]["id"].as_str().unwrap();
    let end = async |id: &str| {
        let answered = ask(&house, stranger, "DELETE", &format!("/api/v1/tokens/{id}"), None).await;
        (answered.status, String::from_utf8(answered.body).unwrap().replace(id, "ID"))
    };
    assert_eq!(end(id).await, end("tok_aaaaaaaa").await);
    assert_eq!(end(id).await.0, 404);

    // What waits is there for whoever sent it, its mailbox's owners and administrators alone.
    for route in ROUTES.iter().filter(|route| route.example.contains(QUEUED)) {
        for column in [1, 2, 3] {
            let answer = async |id: &str| {
                let target = route.example.replace(QUEUED, id);
                let method = route.verb.method();
                let answered = ask(&house, &scene.askers[column], method.as_str(), &target, None).await;
                (answered.status, String::from_utf8(answered.body).unwrap().replace(id, "ID"))
            };
            let hidden = answer(QUEUED).await;
            assert_eq!(hidden, answer("msg_aaaaaaaaaaaa").await, "{}", route.operation);
            assert_eq!(hidden.0, 404, "{}", route.operation);
        }
    }

    // An owner asks who did what in their mailbox: someone unknown did nothing.
    let owner = &scene.askers[4];
    let trail = async |actor: &str| {
        let target = format!("/api/v1/audit?account=support@example.org&actor={actor}");
        let answered = ask(&house, owner, "GET", &target, None).await;
        (answered.status, String::from_utf8(answered.body).unwrap())
    };
    assert_eq!(trail("sam@example.org").await, trail("nobody@example.org").await);
    assert_eq!(trail("sam@example.org").await.0, 200);
    house.db().close().await;
}

/// What a delegate without `a` sees of a shared mailbox is that it is there: not who else works
/// in it, and not how much mail is in what they may not open.
#[tokio::test]
async fn a_delegate_sees_their_mailbox_and_its_owner_sees_more() {
    let scene = Scene::new().await;
    let (_folder, house) = scene.fresh();
    let see = async |column: &str, target: &str| -> Value {
        let asker = &scene.askers[CAST.iter().position(|(name, _)| *name == column).unwrap()];
        serde_json::from_slice(&ask(&house, asker, "GET", target, None).await.body).unwrap()
    };
    let names = |list: &Value| -> Vec<String> {
        list["shared"].as_array().unwrap().iter().map(|one| one["address"].as_str().unwrap().to_owned()).collect()
    };
    let shown = see("delegate", "/api/v1/shared/support@example.org").await;
    assert_eq!(shown["addresses"][0], "support@example.org");
    assert!(shown["delegates"].is_null() && shown["messages"].is_null() && shown["bytes"].is_null(), "{shown}");
    let shown = see("owner", "/api/v1/shared/support@example.org").await;
    assert_eq!(
        (shown["delegates"].as_array().map(Vec::len), shown["messages"].as_u64()),
        (Some(3), Some(1)),
        "{shown}"
    );

    assert_eq!(names(&see("stranger", "/api/v1/shared").await), Vec::<String>::new());
    assert_eq!(names(&see("delegate", "/api/v1/shared").await), ["support@example.org"]);
    assert_eq!(names(&see("other", "/api/v1/shared").await), ["billing@example.org"]);
    assert_eq!(names(&see("narrow", "/api/v1/shared").await), Vec::<String>::new(), "an office does not count");
    let all = ["billing@example.org", "support@example.org"];
    for column in ["auditor", "admin", "operator"] {
        assert_eq!(names(&see(column, "/api/v1/shared").await), all, "{column}");
    }
    house.db().close().await;
}
