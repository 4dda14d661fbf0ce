//! `signins list`: every sign-in with its true reason, for whoever reads the trail there.

use crate::rest_people::staffed;
use postern_access::Actor;
use postern_store::{Caller, Detail, Event, FailedSignIn, GateError, Origin, StoreError, Tx};
use postern_testkit::{House, PASSWORD, RestClient, scenario};
use postern_types::{AccountId, CredentialId};
use serde_json::Value;

const SUPPORT: &str = "support@example.org";
const NIGHTLY: &str = "crd_nightly2";
const LABEL: &str = "support@example.org/nightly";

async fn list(client: &mut RestClient, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("/api/v1/signins?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.document()["sign_ins"].as_array().expect("a list").clone()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or("-")
}

/// Who, account, how and what came of it.
fn told(sign_in: &Value) -> String {
    let who = sign_in["actor"].as_str().or(sign_in["username"].as_str()).unwrap_or("-");
    let rooted = if sign_in["rooted"] == true { " rooted" } else { "" };
    let outcome = sign_in["reason"].as_str().unwrap_or("accepted");
    assert_eq!(sign_in["accepted"] == true, sign_in["reason"].is_null());
    format!("{who} | {} | {}{rooted} | {outcome}", text(sign_in, "account"), text(sign_in, "mechanism"))
}

async fn refused(house: &House, username: &str, password: &str) {
    let mut client = house.imap("refused").await;
    client.no(&format!("LOGIN {username} {password:?}"), "[AUTHENTICATIONFAILED]").await;
}

fn origin(label: &str) -> Origin {
    Origin::new(0, "imap", "192.0.2.7".into(), label.into(), [7; 32])
}

async fn nightly(house: &House) -> (AccountId, CredentialId) {
    house.machine_secret(SUPPORT, NIGHTLY, "credential-1").await;
    let named = house.app().db().read(|tx: &Tx<'_>| -> Result<_, StoreError> { tx.credential_named(NIGHTLY) });
    named.await.expect("a read").expect("a credential")
}

/// The credential signs in once, and once somebody names it with another secret.
async fn use_nightly(house: &House) {
    let (account, id) = nightly(house).await;
    let write = move |tx: &Tx<'_>| -> Result<(), GateError> {
        let detail = Detail { public: "PLAIN", personal: "" };
        let account_of = Some(account);
        let event = Event { class: "A", action: "sign-in.accepted", account: account_of, mailbox: None, detail };
        tx.record(&Caller::new(Actor::Credential { id, account }, origin(LABEL)), &event)?;
        let (how, reason, username) = ("PLAIN", "the secret is wrong", SUPPORT);
        let failed = FailedSignIn { account: Some(account), credential: Some(id), how, reason, username };
        Ok(tx.record_failed_sign_in(&origin(LABEL), &failed)?)
    };
    house.app().db().write(write).await.expect("written");
}

scenario! {
    /// docs/design.md law 2, class C: nobody who failed was told why; the trail says it.
    async fn every_sign_in_is_told_with_its_true_reason(house: House) {
        staffed(&house).await;
        let admin = house.rest_as("admin@example.org").await;
        house.imap_as("oona@example.org").await;
        refused(&house, "oona@example.org", "not the one").await;
        refused(&house, "stranger@example.net", PASSWORD).await;
        house.imap("rooted").await.login("oona@example.org/support@example.org", PASSWORD).await;
        refused(&house, "sam@example.org/support@example.org", PASSWORD).await;
        refused(&house, SUPPORT, PASSWORD).await;

        let mut admin = admin;
        let all = list(&mut admin, "limit=6").await;
        assert_eq!(
            all.iter().map(told).collect::<Vec<_>>(),
            [
                "support@example.org | support@example.org | LOGIN | no secret is set; the name is a shared mailbox's, and that is no \
                 secret of a credential",
                "sam@example.org/support@example.org | sam@example.org | LOGIN rooted | the person is no delegate of \
                 the mailbox named after their own",
                "oona@example.org | support@example.org | LOGIN rooted | accepted",
                "stranger@example.net | - | LOGIN | no secret is set; the name is no person's",
                "oona@example.org | oona@example.org | LOGIN | the secret is wrong",
                "oona@example.org | oona@example.org | LOGIN | accepted",
            ]
        );
        assert!(all.iter().all(|one| text(one, "protocol") == "imap" && text(one, "peer") == "127.0.0.1"), "{all:?}");
        let failed = list(&mut admin, "limit=3&failed=true").await;
        assert!(failed.iter().all(|one| one["accepted"] == false) && failed.len() == 3, "{failed:?}");
        assert_eq!((&failed[0], &failed[1], &failed[2]), (&all[0], &all[1], &all[3]));

        // Pages: before one and after another.
        let (third, fifth) = (text(&all[2], "id"), text(&all[4], "id"));
        assert_eq!(list(&mut admin, &format!("before={third}&after={fifth}")).await, [all[3].clone()]);
        assert_eq!(list(&mut admin, &format!("after={third}")).await, all[..2]);
        assert_eq!(list(&mut admin, &format!("after={}", text(&all[0], "id"))).await, Vec::<Value>::new());
        assert_eq!(list(&mut admin, "after=evt_0&limit=6").await, all);
        let page = admin.get("/api/v1/signins?limit=2").await.document();
        assert_eq!(page["next_before"], all[1]["id"]);
        assert_eq!(list(&mut admin, "since=2100-01-01T00:00:00Z").await, Vec::<Value>::new());
        assert_eq!(list(&mut admin, &format!("since={}&limit=6", text(&all[5], "at"))).await.len(), 6);

        // The trail tells the same acts.
        let trail = admin.get("/api/v1/audit?account=oona@example.org&limit=1").await.document();
        let event = serde_json::from_value(trail["events"][0].clone()).expect("an event");
        let line = postern_http::line(&event);
        let expected = "somebody failed to sign in as oona@example.org with LOGIN: the secret is wrong (imap from";
        assert!(line.contains(expected), "{line}");
    }

    /// Owners see the sign-ins of their account, people those of their own, administrators all;
    /// to others an account or a credential is as one that is not there (law 4).
    async fn sign_ins_are_for_whoever_reads_the_trail(house: House) {
        staffed(&house).await;
        house.shared("billing@example.org").await;
        let [mut oona, mut dora, mut sam, mut admin] = [
            house.rest_as("oona@example.org").await,
            house.rest_as("dora@example.org").await,
            house.rest_as("sam@example.org").await,
            house.rest_as("admin@example.org").await,
        ];
        use_nightly(&house).await;
        let expected = [
            format!("{LABEL} | {SUPPORT} | PLAIN | the secret is wrong"),
            format!("{LABEL} | {SUPPORT} | PLAIN | accepted"),
        ];
        for query in
            [format!("account={SUPPORT}"), format!("credential={NIGHTLY}"), format!("account={SUPPORT}&credential={NIGHTLY}")]
        {
            for client in [&mut oona, &mut admin] {
                let found = list(client, &query).await;
                assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected, "{query}");
                assert_eq!((&found[0]["actor_kind"], &found[1]["actor_kind"]), (&"stranger".into(), &"credential".into()));
                assert!(found.iter().all(|one| text(one, "credential") == NIGHTLY), "{found:?}");
                assert_eq!(found[0]["username"], SUPPORT);
                assert_eq!(list(client, &format!("{query}&failed=true")).await, found[..1]);
            }
        }
        assert_eq!(list(&mut sam, "account=sam@example.org").await.len(), 1, "one's own login");

        for (there, absent) in [
            (format!("credential={NIGHTLY}"), "credential=crd_nothing2".to_owned()),
            (format!("account={SUPPORT}&credential={NIGHTLY}"), "account=no@example.org&credential=x".to_owned()),
        ] {
            let (there, absent) = (format!("/api/v1/signins?{there}"), format!("/api/v1/signins?{absent}"));
            let (hidden, absent) = (sam.get(&there).await, sam.get(&absent).await);
            assert_eq!((hidden.status, &hidden.text), (404, &absent.text));
        }
        let (hidden, absent) = (
            dora.get(&format!("/api/v1/signins?credential={NIGHTLY}")).await,
            dora.get("/api/v1/signins?credential=crd_nothing2").await,
        );
        assert_eq!((hidden.status, &hidden.text), (404, &absent.text), "a delegate reads no trail");
        assert_eq!(dora.get(&format!("/api/v1/signins?account={SUPPORT}")).await.status, 403);
        assert_eq!(dora.get("/api/v1/signins").await.status, 403);
        // Of one account, and of another: nothing of the one is told under the other.
        let of_another = admin.get(&format!("/api/v1/signins?account=billing@example.org&credential={NIGHTLY}")).await;
        assert_eq!(of_another.status, 404, "{}", of_another.text);
        for unusable in ["limit=0", "before=evt_0", "after=x", "account=nobody", "failed=perhaps"] {
            let status = admin.get(&format!("/api/v1/signins?{unusable}")).await.status;
            assert!(matches!(status, 400 | 422), "{unusable}: {status}");
        }
    }
}
