//! `signins list`: every sign-in with its true reason, for whoever reads the trail there.

use crate::direct::{issue, secret, wish};
use crate::rest_people::staffed;
use base64::Engine as _;
use postern_app::{CredentialWish, MachineSecret, Purpose};
use postern_testkit::{House, PASSWORD, RestClient, scenario};
use postern_types::Address;
use serde_json::Value;

const SUPPORT: &str = "support@example.org";
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

/// The credential signs in once, and once somebody names it with another secret. Answers its id.
async fn use_nightly(house: &House, owner: &str) -> String {
    let name = Some("nightly".to_owned());
    let owner = Address::parse(owner).expect("an address");
    let issued = issue(house, CredentialWish { name, owner, ..wish(Purpose::Backup) }).await;
    let secret = MachineSecret::parse(issued.secret.as_ref().expect("a secret")).expect("whole");
    let other = secret.with_secret_of(&MachineSecret::from_random(&[0; MachineSecret::RANDOM_BYTES]));
    for (secret, ok) in [(secret, true), (other, false)] {
        let mut client = house.imap("nightly").await;
        let response = format!("\0{SUPPORT}\0{}", secret.text().expose_text().expect("letters"));
        let response = base64::engine::general_purpose::STANDARD.encode(response);
        let said = client.command(&format!("AUTHENTICATE PLAIN {response}")).await.status;
        assert_eq!(said.starts_with("OK"), ok, "{said}");
    }
    issued.row.public_id
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
                "support@example.org | support@example.org | LOGIN | no secret is set; the name is a shared mailbox's, which has \
                 no password",
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
        let nightly = use_nightly(&house, "oona@example.org").await;
        let expected = [
            format!("{LABEL} | {SUPPORT} | PLAIN | the secret is wrong"),
            format!("{LABEL} | {SUPPORT} | PLAIN | accepted"),
        ];
        for query in
            [format!("account={SUPPORT}"), format!("credential={nightly}"), format!("account={SUPPORT}&credential={nightly}")]
        {
            for client in [&mut oona, &mut admin] {
                let found = list(client, &query).await;
                assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected, "{query}");
                assert_eq!((&found[0]["actor_kind"], &found[1]["actor_kind"]), (&"stranger".into(), &"credential".into()));
                assert!(found.iter().all(|one| text(one, "credential") == nightly), "{found:?}");
                assert_eq!(found[0]["username"], SUPPORT);
                assert_eq!(list(client, &format!("{query}&failed=true")).await, found[..1]);
            }
        }
        assert_eq!(list(&mut sam, "account=sam@example.org").await.len(), 1, "one's own login");

        for (there, absent) in [
            (format!("credential={nightly}"), "credential=crd_nothing2".to_owned()),
            (format!("account={SUPPORT}&credential={nightly}"), "account=no@example.org&credential=x".to_owned()),
        ] {
            let (there, absent) = (format!("/api/v1/signins?{there}"), format!("/api/v1/signins?{absent}"));
            let (hidden, absent) = (sam.get(&there).await, sam.get(&absent).await);
            assert_eq!((hidden.status, &hidden.text), (404, &absent.text));
        }
        let (hidden, absent) = (
            dora.get(&format!("/api/v1/signins?credential={nightly}")).await,
            dora.get("/api/v1/signins?credential=crd_nothing2").await,
        );
        assert_eq!((hidden.status, &hidden.text), (404, &absent.text), "a delegate reads no trail");
        assert_eq!(dora.get(&format!("/api/v1/signins?account={SUPPORT}")).await.status, 403);
        assert_eq!(dora.get("/api/v1/signins").await.status, 403);
        // Of one account, and of another: nothing of the one is told under the other.
        let of_another = admin.get(&format!("/api/v1/signins?account=billing@example.org&credential={nightly}")).await;
        assert_eq!(of_another.status, 404, "{}", of_another.text);
        for unusable in ["limit=0", "before=evt_0", "after=x", "account=nobody", "failed=perhaps"] {
            let status = admin.get(&format!("/api/v1/signins?{unusable}")).await.status;
            assert!(matches!(status, 400 | 422), "{unusable}: {status}");
        }
    }

    /// The likeliest mistake: a right secret with another name. Whoever answers for the credential hears of
    /// it, with the name that was tried; those whose name it was learn nothing of another's credential.
    async fn a_right_secret_by_another_name_is_told_to_its_owner(house: House) {
        staffed(&house).await;
        house.person("carol@example.org").await;
        let owner = Address::parse("carol@example.org").expect("an address");
        let issued = issue(&house, CredentialWish { owner, ..wish(Purpose::Backup) }).await;
        let secret = secret(&issued);
        for name in ["support", "nobody@example.org", "oona@example.org", "sam@example.org/support@example.org"] {
            refused(&house, name, &secret).await;
        }
        let mut carol = house.rest_as("carol@example.org").await;
        let found = list(&mut carol, &format!("credential={}", issued.row.public_id)).await;
        let names: Vec<&str> = found.iter().map(|one| text(one, "username")).collect();
        assert_eq!(names, ["sam@example.org/support@example.org", "oona@example.org", "nobody@example.org", "support"]);
        assert!(found.iter().all(|one| one["reason"] == "the name is not that of its mailbox"), "{found:?}");
        let mut oona = house.rest_as("oona@example.org").await;
        let own = list(&mut oona, "account=oona@example.org&failed=true").await;
        assert!(own.is_empty(), "{own:?}");
        house.app().revoke_credential(house.operator(), &issued.row.public_id, false).await.expect("revoked");
        refused(&house, "support", &secret).await;
        let last = list(&mut carol, &format!("credential={}&limit=1", issued.row.public_id)).await;
        assert_eq!(last[0]["reason"], "the name is not that of its mailbox; it is revoked");
    }

    /// Whoever answers for a credential sees what becomes of it, wherever it is, and nothing else of its
    /// mailbox.
    async fn sign_ins_of_a_credential_are_for_whoever_answers_for_it(house: House) {
        staffed(&house).await;
        house.person("carol@example.org").await;
        let nightly = use_nightly(&house, "carol@example.org").await;
        refused(&house, SUPPORT, PASSWORD).await;
        let mut carol = house.rest_as("carol@example.org").await;
        for which in [nightly.as_str(), "support@example.org%2Fnightly"] {
            let found = list(&mut carol, &format!("credential={which}")).await;
            let expected =
                ["the secret is wrong", "accepted"].map(|outcome| format!("{LABEL} | {SUPPORT} | PLAIN | {outcome}"));
            assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected);
            assert_eq!(list(&mut carol, &format!("credential={which}&failed=true")).await, found[..1]);
        }
        let hidden = carol.get(&format!("/api/v1/signins?account={SUPPORT}")).await;
        let absent = carol.get("/api/v1/signins?account=nobody@example.org").await;
        assert_eq!((hidden.status, hidden.text.replace(SUPPORT, "nobody@example.org")), (404, absent.text));
        assert_eq!(carol.get(&format!("/api/v1/signins?account={SUPPORT}&credential={nightly}")).await.status, 404);
    }
}
