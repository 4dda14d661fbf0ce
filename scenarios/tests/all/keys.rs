//! The keys that machine secrets rest on: the first, the next, a lost one, and their way back.

use crate::direct::{at_work, issue, secret, wish};
use crate::people::address;
use crate::process::{self, Serving, binary};
use crate::rest_people::staffed;
use postern_app::{AuditQuery, Issued, KeyState, Purpose, TokenRole, TokenWish};
use postern_testkit::{Engine, House, RestAnswer, TestDatabase, scenario};
use postern_types::DisplayName;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const SUPPORT: &str = "support@example.org";

/// The files of keys for machine secrets; each is for its owner alone and has a key's length.
fn files(data_dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(data_dir.join("keys")).expect("the folder of keys").map(Result::unwrap) {
        let name = entry.file_name().into_string().expect("a name");
        if name.starts_with("credential-") {
            let about = entry.metadata().expect("a file");
            assert_eq!((about.permissions().mode() & 0o777, about.len()), (0o600, 32), "{name}");
            names.push(name);
        }
    }
    names.sort();
    names
}

fn remove(data_dir: &Path, key: &str) {
    std::fs::remove_file(data_dir.join("keys").join(key)).expect("a key that is there");
}

/// Name, credentials, and what else is true of each key.
fn told(keys: &[KeyState]) -> Vec<String> {
    let told = |key: &KeyState| {
        let words = [(key.is_newest, " newest"), (key.is_usable, " usable"), (key.since.is_none(), " missing")];
        let words: String = words.iter().filter(|(is_so, _)| *is_so).map(|(_, word)| *word).collect();
        format!("{} {}{words}", key.name, key.credentials)
    };
    keys.iter().map(told).collect()
}

async fn revoke(house: &House, issued: &Issued) {
    house.app().revoke_credential(house.operator(), &issued.row.public_id, false).await.expect("revoked");
}

async fn keys(house: &House) -> Vec<String> {
    told(&house.app().keys(house.operator()).await.expect("the keys"))
}

fn names(answer: &RestAnswer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let document = answer.document();
    let keys = document["keys"].as_array().expect("a list");
    keys.iter().map(|key| key["id"].as_str().expect("a name").to_owned()).collect()
}

scenario! {
    /// A new key takes over; an older one goes when nothing rests on it any more, and its number
    /// does not come again.
    async fn a_new_key_takes_over(house: House) {
        at_work(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        assert_eq!(names(&admin.get("/api/v1/keys").await), ["credential-1"]);
        let nightly = issue(&house, wish(Purpose::Backup)).await;
        assert_eq!(keys(&house).await, ["credential-1 1 newest usable"]);

        let turned = admin.ask("POST", "/api/v1/keys/rotate", None).await;
        assert_eq!(names(&turned), ["credential-1", "credential-2"]);
        assert_eq!((&turned.document()["newest"], &turned.document()["deleted"]), (&"credential-2".into(), &serde_json::json!([])));
        assert_eq!(keys(&house).await, ["credential-1 1 usable", "credential-2 0 newest usable"]);

        revoke(&house, &nightly).await;
        let turned = admin.ask("POST", "/api/v1/keys/rotate", None).await.document();
        assert_eq!(turned["deleted"], serde_json::json!(["credential-1", "credential-2"]));
        assert_eq!((keys(&house).await, files(house.data_dir())), (vec!["credential-3 0 newest usable".to_owned()], vec!["credential-3.key".to_owned()]));

        let trail = admin.get("/api/v1/audit?limit=5").await.document();
        let of_keys = trail["events"].as_array().expect("events").iter().filter(|event| event["account"].is_null());
        let lines = of_keys.map(|event| {
            postern_http::line(&serde_json::from_value(event.clone()).expect("an event"))[22..].to_owned()
        });
        assert_eq!(
            lines.collect::<Vec<_>>(),
            [
                "admin@example.org deleted the key credential-2, on which no credential rested (rest from 127.0.0.1)",
                "admin@example.org deleted the key credential-1, on which no credential rested (rest from 127.0.0.1)",
                "admin@example.org made the key credential-3 for machine secrets (rest from 127.0.0.1)",
                "admin@example.org made the key credential-2 for machine secrets (rest from 127.0.0.1)",
            ]
        );

        // Two at once take turns, and the newest stays in a new life of the house.
        let (app, operator) = (house.app(), house.operator());
        let (one, other) = tokio::join!(app.rotate_key(operator), app.rotate_key(operator));
        let mut newest = [one.expect("a key").newest, other.expect("a key").newest];
        newest.sort();
        assert_eq!(newest, ["credential-4", "credential-5"]);
        let house = house.restart().await;
        assert_eq!(keys(&house).await, ["credential-5 0 newest usable"]);
    }

    /// What rests on an older key moves by its next sign-in, and the trail of its mailbox says so; the
    /// session goes on, and so does the secret.
    async fn a_credential_moves_to_the_newest_key_by_signing_in(house: House) {
        at_work(&house).await;
        let nightly = issue(&house, wish(Purpose::Backup)).await;
        let mut before = house.imap("before").await;
        before.login(SUPPORT, &secret(&nightly)).await;
        house.app().rotate_key(house.operator()).await.expect("a new key");
        assert_eq!(keys(&house).await, ["credential-1 1 usable", "credential-2 0 newest usable"]);
        for name in ["moving", "moved"] {
            house.imap(name).await.login(SUPPORT, &secret(&nightly)).await;
            assert_eq!(keys(&house).await, ["credential-1 0 usable", "credential-2 1 newest usable"]);
        }
        before.ok("NOOP", "").await;
        let query = AuditQuery { account: Some(address(SUPPORT)), most: 50, ..AuditQuery::default() };
        let rows = house.app().audit(house.operator(), query).await.expect("the trail");
        let moved: Vec<_> = rows.iter().filter(|row| row.action == "credential.rekeyed").collect();
        assert_eq!(moved.len(), 1);
        assert_eq!(moved[0].detail, format!("{} credential-2", nightly.row.public_id));
    }

    /// Keys are for operators and administrators; who may not leaves no file behind.
    async fn keys_are_for_whoever_sets_the_policy(house: House) {
        staffed(&house).await;
        for person in ["oona", "dora", "sam"] {
            let mut person = house.rest_as(&format!("{person}@example.org")).await;
            for (method, target) in [("GET", "/api/v1/keys"), ("POST", "/api/v1/keys/rotate")] {
                let answer = person.ask(method, target, None).await;
                assert_eq!((answer.status, answer.detail().starts_with("You may not change the policy")), (403, true), "{}", answer.text);
            }
        }
        assert_eq!(house.rest().await.ask("POST", "/api/v1/keys/rotate", None).await.status, 401);
        let admin = house.acting_as("admin@example.org").await;
        let wish = TokenWish { name: DisplayName::parse("watch").expect("a name"), role: TokenRole::Auditor, expires: None };
        let token = house.app().make_token(&admin, wish).await.expect("a token").token;
        let mut auditor = house.rest().await.bearing(token.expose_text().expect("text"));
        assert_eq!(auditor.ask("POST", "/api/v1/keys/rotate", None).await.status, 403);
        assert_eq!(files(house.data_dir()), ["credential-1.key"]);
        let suspended = house.app().suspend_person(house.operator(), &address("admin@example.org"), true).await;
        suspended.expect("suspended");
        assert!(house.app().rotate_key(&admin).await.is_err());
        assert_eq!(files(house.data_dir()), ["credential-1.key"]);
    }

    /// A house of a version without these keys gets its first when it is opened.
    async fn an_old_house_gets_its_key(house: House) {
        remove(house.data_dir(), "credential-1.key");
        let house = house.restart().await;
        assert_eq!(files(house.data_dir()), ["credential-1.key"]);
        assert_eq!(keys(&house).await, ["credential-1 0 newest usable"]);
    }

    /// What was made with a key that has ended since is no reason to miss it, and its number is
    /// not given again.
    async fn a_key_of_ended_credentials_is_not_missed(house: House) {
        at_work(&house).await;
        let nightly = issue(&house, wish(Purpose::Backup)).await;
        revoke(&house, &nightly).await;
        remove(house.data_dir(), "credential-1.key");
        let house = house.restart().await;
        assert_eq!(keys(&house).await, ["credential-2 0 newest usable"]);
    }

    /// A lost key: the house opens and no new one hides the loss. It is told while the server has
    /// the key in memory, when it is lost, when its file has come back, and when it is read again.
    async fn a_lost_key_is_told_until_it_is_back(house: House) {
        at_work(&house).await;
        issue(&house, wish(Purpose::Backup)).await;
        let file = house.data_dir().join("keys/credential-1.key");
        let key = std::fs::read(&file).expect("a key");
        remove(house.data_dir(), "credential-1.key");
        assert_eq!(keys(&house).await, ["credential-1 1 newest usable missing"]);

        let house = house.restart().await;
        assert_eq!((keys(&house).await, files(house.data_dir())), (vec!["credential-1 1 missing".to_owned()], vec![]));
        let turned = house.app().rotate_key(house.operator()).await.expect("a new key");
        assert_eq!((turned.newest.as_str(), turned.deleted.len()), ("credential-2", 0));
        assert_eq!(told(&turned.keys), ["credential-1 1 missing", "credential-2 0 newest usable"]);

        use postern_store::{Disk, RealDisk};
        RealDisk.write_new_file_durably(&file, &key).expect("the backup");
        assert_eq!(keys(&house).await, ["credential-1 1", "credential-2 0 newest usable"]);
        let house = house.restart().await;
        assert_eq!(keys(&house).await, ["credential-1 1 usable", "credential-2 0 newest usable"]);
    }
}

fn postern(config: &Path, arguments: &[&str]) -> Output {
    Command::new(binary()).arg("--config").arg(config).args(arguments).output().expect("the command runs")
}

fn said(config: &Path, arguments: &[&str]) -> String {
    let output = postern(config, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The command and the server as people run them: keys are exported, lost and brought back.
async fn exported_lost_and_brought_back(engine: Engine) {
    let scratch = tempfile::tempdir().expect("a folder");
    let Some(database) = TestDatabase::create(engine, scratch.path()).await else { return };
    let folder = scratch.path().join("house");
    process::init(&folder, (engine == Engine::Postgres).then_some(database.text.as_str())).await;
    let (config, keys) = (folder.join("postern.toml"), folder.join("keys"));
    assert_eq!(files(&folder), ["credential-1.key"]);
    let first = std::fs::read(keys.join("credential-1.key")).expect("a key");

    let server = Serving::start(&folder, &[]).await;
    said(&config, &["shared", "add", SUPPORT]);
    let (owner, reason) = ("admin@example.org", "a copy every night");
    said(
        &config,
        &["credential", "issue", SUPPORT, "--purpose", "backup", "--owner", owner, "--reason", reason, "--any-network"],
    );
    let turned = said(&config, &["key", "rotate"]);
    let expected = "Secrets are made with credential-2 from now on.\n1 credential rests on credential-1; it moves to the new \
                    one by signing in.\nNext: the copies that you have lack the new key: postern --config";
    assert!(turned.starts_with(expected), "{turned}");
    let copy = scratch.path().join("keys.tar");
    let exported = said(&config, &["key", "export", &copy.display().to_string()]);
    assert!(exported.contains("blob.key, credential-1.key, credential-2.key"), "{exported}");
    assert!(server.terminate().await.success());

    // Lost: the house opens, says so in its log, and shows it.
    std::fs::remove_dir_all(&keys).expect("the keys");
    std::fs::create_dir(&keys).expect("an empty folder");
    let back =
        exported.lines().last().and_then(|line| line.split("stopped: ").nth(1)).expect("the way back").to_owned();
    let restored = |line: &str| {
        let output = Command::new("sh").args(["-c", line]).output().expect("sh runs");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    restored(&format!("{back} blob.key"));
    let log = scratch.path().join("log").display().to_string();
    let server = Serving::start(&folder, &["sh", "-c", &format!("exec \"$0\" \"$@\" 2>{log}")]).await;
    let shown = said(&config, &["key", "show"]);
    let line = shown.lines().find(|line| line.starts_with("credential-1 ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(line.contains(" 1 ") && line.ends_with("missing: what rests on it can not sign in"), "{shown}");
    assert!(shown.contains("has to be issued again") && shown.contains("Next: bring the missing file back"), "{shown}");
    assert!(server.terminate().await.success());
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(log.contains("key.missing") && log.contains("credential-1"), "{log}");
    assert!(files(&folder).is_empty(), "no new key hides the loss");

    // Brought back by the printed line: the same bytes, for their owner alone, and in use.
    restored(&back);
    assert_eq!(files(&folder), ["credential-1.key", "credential-2.key"]);
    assert_eq!(std::fs::read(keys.join("credential-1.key")).expect("a key"), first);
    let server = Serving::start(&folder, &[]).await;
    let shown = said(&config, &["key", "show", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let is_whole = |key: &serde_json::Value| key["usable"] == true && key["missing"] == false;
    assert!(shown["keys"].as_array().is_some_and(|keys| keys.len() == 2 && keys.iter().all(is_whole)), "{shown}");
    assert!(server.terminate().await.success());
}

/// On one engine, in a runtime of its own.
fn story_on(engine: Engine) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(exported_lost_and_brought_back(engine));
}

#[test]
fn keys_are_exported_lost_and_brought_back_sqlite() {
    story_on(Engine::Sqlite);
}

#[test]
fn keys_are_exported_lost_and_brought_back_postgres() {
    story_on(Engine::Postgres);
}
