//! Mail programs set themselves up: what strangers are told, and what a delegate is told besides.

use crate::direct::{issue, secret, wish};
use crate::foreign::{python, run, script, text};
use crate::people::address;
use crate::rest_people::staffed;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_app::{GrantReach, GrantTerms, Purpose};
use postern_testkit::{PASSWORD, RestAnswer, RestClient, scenario};
use postern_types::{Rights, SendRights};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PROFILE: &str = "/set-up/postern.mobileconfig";
const AUTODISCOVER: &str = "/autodiscover/autodiscover.xml";

fn autoconfig(email: &str) -> String {
    format!("/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress={email}")
}

fn asking(email: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/\
         autodiscover/outlook/requestschema/2006\"><Request><EMailAddress>{email}</EMailAddress>\
         <AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a\
         </AcceptableResponseSchema></Request></Autodiscover>"
    )
}

fn basic(email: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{email}:{password}")))
}

async fn post(client: &mut RestClient, fields: &str, body: &str) -> RestAnswer {
    client.send("POST", AUTODISCOVER, &format!("Content-Type: text/xml\r\n{fields}"), Some(body)).await
}

async fn profile(client: &mut RestClient, email: &str) -> RestAnswer {
    client.send("GET", PROFILE, &basic(email, PASSWORD), None).await
}

/// All that a stranger could compare, without what the clock says and the address that they gave.
fn compared(answer: &RestAnswer, email: &str) -> (u16, Vec<(String, String)>, String) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "date" && name != "content-length");
    (answer.status, headers, answer.text.replace(email, "ADDRESS"))
}

/// As an account that a program has: its name to sign in with.
fn accounts(profile: &RestAnswer) -> Vec<String> {
    assert_eq!(profile.status, 200, "{}", profile.text);
    let after = profile.text.split("<key>IncomingMailServerUsername</key>").skip(1);
    let name = |part: &str| part.split("<string>").nth(1)?.split("</string>").next().map(str::to_owned);
    after.map(|part| name(part).expect("a name")).collect()
}

scenario! {
    /// docs/design.md law 4: a person, a shared mailbox, a group and an address that nobody has are the same
    /// to strangers.
    async fn a_stranger_learns_of_nobody(house: House) {
        staffed(&house).await;
        let members = [address("dora@example.org")];
        let team = address("team@example.org");
        house.app().add_group(house.operator(), &team, &Default::default(), &members).await.expect("a group");
        let mut client = house.rest().await;
        let nobody = "nobody@example.org";
        let first = client.get(&autoconfig(nobody)).await;
        assert_eq!((first.status, first.header("content-type")), (200, Some("text/xml; charset=utf-8")), "{}", first.text);
        let found = post(&mut client, "", &asking(nobody)).await;
        assert!(found.status == 200 && found.text.contains("<LoginName>nobody@example.org</LoginName>"), "{}", found.text);
        for email in ["dora@example.org", "support@example.org", "team@example.org", "admin@example.org"] {
            let other = client.get(&autoconfig(email)).await;
            assert_eq!(compared(&other, email), compared(&first, nobody), "{email}");
            assert!(!other.text.contains(email), "{email}: {}", other.text);
            let other = post(&mut client, "", &asking(email)).await;
            assert_eq!(compared(&other, email), compared(&found, nobody), "{email}");
            assert!(!other.text.contains("AlternativeMailbox"));
        }
        // What a program may not say it need not.
        let named = client.send("GET", "/mail/config-v1.1.xml", "", None).await;
        assert_eq!((named.status, named.detail()), (404, "mail.example.org is no domain of this server".to_owned()));
        let port = house.listener("imaps").port();
        assert!(first.text.contains(&format!("<port>{port}</port>")), "{}", first.text);
    }

    /// Whose domain is not ours is told nothing, and what can not be meant is refused with its reason.
    async fn what_is_not_ours_or_not_fit_is_refused(house: House) {
        let mut client = house.rest().await;
        for email in ["alice@example.net", "alice@sub.example.org", "alice@org"] {
            let domain = email.split_once('@').expect("an address").1;
            let text = format!("{domain} is no domain of this server");
            let refused = client.get(&autoconfig(email)).await;
            assert_eq!((refused.status, refused.detail()), (404, text.clone()));
            let refused = post(&mut client, "", &asking(email)).await;
            assert_eq!((refused.status, refused.detail()), (404, text));
        }
        for (email, status) in [("", 422), ("alice", 422), ("%3Cscript%3E@example.org", 422), ("a%00b@example.org", 422)] {
            let refused = client.get(&autoconfig(email)).await;
            assert_eq!((refused.status, refused.detail().starts_with("emailaddress is ")), (status, true), "{}", refused.text);
            assert_eq!(refused.header("content-type"), Some("application/problem+json"));
        }
        let bomb = format!("<!DOCTYPE a [<!ENTITY b \"{}\">]>{}", "b".repeat(1000), asking("&b;@example.org"));
        let long = asking(&format!("{}@example.org", "a".repeat(10_000)));
        for (body, status, reason) in [
            ("no XML at all", 400, "names no EMailAddress"),
            (bomb.as_str(), 400, "a document type is not taken"),
            (&asking("alice&amp;bob"), 422, "EMailAddress is \"alice&bob\""),
            (&long, 413, "A body has at most 8192 bytes"),
        ] {
            let mut fresh = house.rest().await;
            let refused = post(&mut fresh, "", body).await;
            assert_eq!((refused.status, refused.detail().contains(reason)), (status, true), "{}", refused.text);
        }
        let refused = client.get("/AutoDiscover/Autodiscover.XML").await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")));
        let refused = client.send("POST", PROFILE, "", Some("")).await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    }

    /// Each lists the shared mailboxes of a delegate, from the grant to its end; and they open by the
    /// sign-in that is given.
    async fn a_delegate_is_told_what_they_work_in(house: House) {
        staffed(&house).await;
        for hidden in ["billing@example.org", "events@example.org"] {
            house.shared(hidden).await;
        }
        // Not shown by itself; and INBOX is not read.
        let terms = GrantTerms {
            reach: GrantReach::Account,
            rights: Rights::FULL_ACCESS,
            send: SendRights::NONE,
            automap: false,
            not_after: None,
        };
        house.app().give(house.operator(), &address("billing@example.org"), &address("dora@example.org"), terms).await.expect("a grant");
        house.grant("events@example.org", "dora@example.org", "l").await;
        let mut client = house.rest().await;

        let rooted = "dora@example.org/support@example.org";
        let told = profile(&mut client, "dora@example.org").await;
        assert_eq!(accounts(&told), ["dora@example.org", rooted]);
        assert_eq!(told.header("content-type"), Some("application/x-apple-aspen-config"));
        assert_eq!(accounts(&profile(&mut client, "sam@example.org").await), ["sam@example.org"]);
        let dora = basic("dora@example.org", PASSWORD);
        let found = post(&mut client, &dora, &asking("Dora@example.org")).await;
        assert!(found.text.contains("<SmtpAddress>support@example.org</SmtpAddress>"), "{}", found.text);
        assert_eq!(found.text.matches("<AlternativeMailbox>").count(), 1, "{}", found.text);
        let others = post(&mut client, &dora, &asking("oona@example.org")).await;
        assert!(others.status == 200 && !others.text.contains("AlternativeMailbox"), "{}", others.text);
        house.deliver("support@example.org", "Subject: one\r\n\r\nOne.\r\n").await;
        house.imap_as(rooted).await.ok("SELECT INBOX", "* 1 EXISTS").await;

        house.revoke("support@example.org", "dora@example.org").await;
        assert_eq!(accounts(&profile(&mut client, "dora@example.org").await), ["dora@example.org"]);
        let found = post(&mut client, &dora, &asking("dora@example.org")).await;
        assert!(found.status == 200 && !found.text.contains("AlternativeMailbox"), "{}", found.text);
    }

    /// Basic is a sign-in as any other: who fails is told one text, the trail why; a shared mailbox does not come in.
    async fn only_people_sign_in_for_a_profile(house: House) {
        staffed(&house).await;
        house.person("alice@example.org").await;
        let credential = secret(&issue(&house, wish(Purpose::Backup)).await);
        let asked = house.rest().await.get(PROFILE).await;
        let challenge = Some("Basic realm=\"postern\", charset=\"UTF-8\"");
        assert_eq!((asked.status, asked.header("www-authenticate")), (401, challenge), "{}", asked.text);
        let mut told = Vec::new();
        for (email, password) in [
            ("dora@example.org", "wrong"),
            ("nobody@example.org", PASSWORD),
            ("support@example.org", &credential),
            ("dora@example.org", &credential),
        ] {
            for target in [PROFILE, AUTODISCOVER] {
                let mut client = house.rest().await;
                let fields = basic(email, password);
                let refused = match target {
                    PROFILE => client.send("GET", PROFILE, &fields, None).await,
                    _ => post(&mut client, &fields, &asking("dora@example.org")).await,
                };
                assert_eq!((refused.status, refused.header("www-authenticate")), (401, challenge), "{email}");
                told.push(refused.text);
            }
        }
        assert!(told.iter().all(|text| *text == told[0]) && told[0].contains("The name or the password is wrong"), "{told:?}");
        let mut admin = house.rest_as("admin@example.org").await;
        let token = format!("Authorization: Bearer {}\r\n", admin.token());
        let refused = house.rest().await.send("GET", PROFILE, &token, None).await;
        assert_eq!((refused.status, refused.detail().contains("no token")), (401, true), "{}", refused.text);

        assert_eq!(accounts(&profile(&mut house.rest().await, "dora@example.org").await).len(), 2);
        let listed = admin.get("/api/v1/signins?limit=100").await.document();
        let listed = listed["sign_ins"].as_array().expect("a list");
        let by_basic = listed.iter().filter(|one| one["mechanism"] == "Basic");
        let (accepted, failed): (Vec<&Value>, Vec<&Value>) = by_basic.partition(|one| one["accepted"] == true);
        assert_eq!((accepted.len(), failed.len()), (1, 8), "{listed:?}");
        assert!(!admin.get("/api/v1/signins?limit=100").await.text.contains(&credential));
        let dora = address("dora@example.org");
        house.app().suspend_person(house.operator(), &dora, true).await.expect("a person");
        assert_eq!(profile(&mut house.rest().await, "dora@example.org").await.status, 401);
    }

    /// Without TLS the same as everybody is told, and the way to the rest.
    async fn without_tls_nobody_is_known(house: House) {
        staffed(&house).await;
        let ask = async |method: &str, target: &str| {
            let mut stream = tokio::net::TcpStream::connect(house.listener("http")).await.expect("a connection");
            let head = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n", basic("dora@example.org", PASSWORD));
            stream.write_all(head.as_bytes()).await.expect("the server reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("the server writes");
            answer
        };
        let plain = ask("GET", &autoconfig("dora@example.org")).await;
        let private = house.rest().await.get(&autoconfig("dora@example.org")).await;
        assert_eq!(plain.split_once("\r\n\r\n").expect("a body").1, private.text);
        let https = house.listener("https");
        for (method, target) in [("GET", AUTODISCOVER), ("POST", AUTODISCOVER), ("GET", PROFILE)] {
            let answer = ask(method, target).await.to_ascii_lowercase();
            assert!(answer.starts_with("http/1.1 302 "), "{answer}");
            assert!(answer.contains(&format!("\r\nlocation: https://{https}{target}\r\n")), "{answer}");
        }
        for target in ["/", "/healthz", "/api/v1/openapi.json", "/api/v1/me"] {
            let answer = ask("GET", target).await;
            assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("told under TLS alone"), "{answer}");
        }
        let mut admin = house.rest_as("admin@example.org").await;
        let listed = admin.get("/api/v1/signins?limit=100").await.text;
        assert!(!listed.contains("dora"), "nobody signed in: {listed}");
    }

    /// Python's own readers of XML and of property lists understand what is told, and sign in by it.
    async fn foreign_python_sets_itself_up(house: House) {
        let Some(python) = python() else { return };
        staffed(&house).await;
        house.delegate("support@example.org", "dora@example.org", SendRights { send_as: true, send_on_behalf: false }).await;
        let authority = text(&house.data_dir().join("tls/ca.pem"));
        let port = house.listener("https").port().to_string();
        let arguments = [&script("set_up.py"), port.as_str(), authority.as_str(), PASSWORD];
        let printed = run(&house, &python, &arguments).await.must_succeed();
        assert!(printed.ends_with("all of it\n"), "{printed}");
    }
}
