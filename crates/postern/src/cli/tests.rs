//! The command line over a real house: by the socket, offline, and where nobody answers.

mod advice;
mod direct;
mod importing;
mod sending;

use super::output::Said;
use super::transport::Client;
use super::{Failure, Logins, Noun, answer};
use crate::globals::GlobalArgs;
use clap::Parser;
use postern_http::PeerUid;
use postern_server::config::Settings;
use postern_server::{Disk, NewHouse, OpenHouse, RealDisk, open_house};
use postern_types::{Address, Domain, Secret};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

#[derive(Parser)]
#[command(name = "postern")]
struct Line {
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(subcommand)]
    noun: Noun,
}

/// A folder with a new house of example.org.
struct Scene {
    folder: TempDir,
    config: postern_server::Config,
}

impl Scene {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let config = NewHouse {
            data_dir: folder.path().join("house"),
            domain: Domain::parse("example.org").unwrap(),
            admin: Address::parse("admin@example.org").unwrap(),
            password: Secret::new("a door in the garden wall"),
            settings: Settings { hostname: Some("mail.example.org".into()), ..Settings::default() },
        }
        .make()
        .await
        .unwrap();
        Self { folder, config }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("house/postern.toml")
    }

    /// Serves REST on the socket of the house, as the server does for the user with id 0.
    fn serve(&self) -> OpenHouse {
        let open = open_house(&self.config).unwrap();
        let listener = UnixListener::bind(self.config.data_dir.join("admin.sock")).unwrap();
        let router = postern_http::router(Arc::clone(open.house())).layer(axum::Extension(PeerUid(0)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        open
    }

    async fn run(&self, line: &str) -> Result<Said, Failure> {
        run(&format!("{line} --config {}", self.file().display())).await
    }

    async fn text(&self, line: &str) -> String {
        self.run(line).await.unwrap_or_else(|failure| panic!("{line}: {failure}")).text
    }

    async fn failure(&self, line: &str) -> (String, u8) {
        let failure = self.run(line).await.expect_err(line);
        (failure.to_string(), failure.code())
    }
}

async fn run(line: &str) -> Result<Said, Failure> {
    let line = Line::try_parse_from(format!("postern {line}").split_whitespace()).unwrap_or_else(|e| panic!("{e}"));
    let mut client = Client::new(&line.globals, nobodys());
    let outcome = answer(line.noun, &mut client).await;
    client.close().await;
    outcome
}

/// The logins of whoever runs the tests are not for these.
fn nobodys() -> Logins {
    Logins::at(PathBuf::from("/nowhere/logins.json"))
}

fn usage(line: &str) -> String {
    match Line::try_parse_from(format!("postern {line}").split_whitespace()) {
        Ok(_) => panic!("{line} was understood"),
        Err(error) => {
            assert_eq!(error.exit_code(), 2, "{line}");
            error.to_string()
        }
    }
}

/// A shared mailbox from nothing to a delegate and back, told by the commands themselves.
#[tokio::test]
async fn a_shared_mailbox_is_set_up_by_the_socket() {
    let scene = Scene::new().await;
    let _serving = scene.serve();
    assert_eq!(
        scene.text("shared add support@example.org --alias help@example.org").await,
        "support@example.org is a shared mailbox now; it also receives the mail of help@example.org.\n\
         Next: postern delegate add support@example.org PERSON\n"
    );
    let added = scene.text("person add alice@example.org --name Alice").await;
    assert!(added.starts_with("alice@example.org is there now, and chooses a password.\nInvitation: ptni_"), "{added}");
    assert_eq!(
        scene.text("delegate add support@example.org alice@example.org").await,
        "alice@example.org is a delegate of support@example.org now, with full access (lrswipkxte) and send-as.\n\
         Next: they find it under Shared/support@example.org in their mail program; \
         what was given: postern delegate list support@example.org\n"
    );
    let given = scene.text("delegate add support@example.org alice@example.org --role reader --until 2046-01-01T00:00:00Z --no-automap").await;
    assert!(
        given.starts_with(
            "alice@example.org is a delegate of support@example.org now, as reader (lr), until 2046-01-01T00:00:00Z.\n\
             That takes the place of what they held there: with full access (lrswipkxte) and send-as.\nNext: they subscribe"
        ),
        "{given}"
    );
    let listed = scene.text("delegate list support@example.org").await;
    let words: Vec<&str> = listed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words[..7], ["alice@example.org", "person", "all", "lr", "(reader)", "-", "no"], "{listed}");

    let removed = scene.text("delegate remove support@example.org alice@example.org").await;
    assert!(removed.starts_with("alice@example.org is no delegate of support@example.org any more,"), "{removed}");
    let trail = scene.text("audit list --account support@example.org").await;
    let stories: Vec<&str> = trail.lines().filter_map(|line| Some(line.split_once("  ")?.1)).collect();
    assert_eq!(
        stories,
        [
            "operator(0) took back what alice@example.org held on support@example.org (socket)",
            "operator(0) gave alice@example.org the rights of a reader (lr) on support@example.org until 2046-01-01T00:00:00Z (socket)",
            "operator(0) gave alice@example.org full access (lrswipkxte) and send-as on support@example.org (socket)",
            "operator(0) gave support@example.org the further address help@example.org (socket)",
            "operator(0) made the shared mailbox support@example.org (socket)",
        ]
    );
}

/// The life of a shared mailbox, told by the commands; the trail tells it again.
#[tokio::test]
async fn a_shared_mailbox_is_set_removed_and_converted() {
    let scene = Scene::new().await;
    let _serving = scene.serve();
    scene.text("person add bob@example.org").await;
    scene.text("shared add support@example.org").await;
    let text = scene.text("person set bob@example.org --quota 500M --message-quota 9").await;
    assert!(text.starts_with("The quota of bob@example.org is set: 500.0 MiB, 9 messages.\nNext: "), "{text}");
    assert!(scene.text("person set bob@example.org --message-quota none").await.contains("is set: 500.0 MiB.\n"));
    assert!(scene.text("person show bob@example.org").await.contains("Quota       500.0 MiB\n"));
    let set = "shared set support@example.org --seen personal --delete-protection on --quota 10G --message-quota 50000 --add-alias help@example.org";
    let text = scene.text(set).await;
    assert!(text.starts_with("support@example.org is set so.\n"), "{text}");
    for fact in [
        "Also               help@example.org",
        "Seen flags         personal",
        "Delete protection  on",
        "Quota              10.0 GiB, 50000 messages",
    ] {
        assert!(text.contains(fact), "{text}");
    }
    assert!(text.contains("Next: nobody may delete there now; make someone an owner: "), "{text}");
    let text =
        scene.text("shared set support@example.org --quota none --message-quota none --remove-alias help@example.org --name Support").await;
    assert!(text.contains("Quota              none") && !text.contains("help@example.org"), "{text}");
    assert_eq!(scene.failure("shared set support@example.org").await.1, 2);
    // What is so already is no event; the trail below has none of it.
    let again = scene.text("shared set support@example.org --quota none --seen personal --name Support").await;
    assert!(again.starts_with("support@example.org is set so.\n"), "{again}");

    let text = scene.text("shared remove support@example.org").await;
    assert!(text.contains("Next: for 30 days it can come back: postern shared restore support@example.org;"), "{text}");
    assert!(scene.text("shared list").await.contains("removed, 30 days left"));
    let report = scene.text("report access support@example.org").await;
    assert!(report.ends_with("\nNext: bring it back: postern shared restore support@example.org\n"), "{report}");
    for line in ["person add support@example.org", "shared add support@example.org", "group add support@example.org"] {
        let (text, _) = scene.failure(line).await;
        assert!(text.starts_with("postern: support@example.org is taken or reserved\n"), "{text}");
        assert!(text.contains("postern shared restore EMAIL"), "{text}");
    }
    let text = scene.text("shared restore support@example.org").await;
    assert!(text.starts_with("support@example.org is back, with its mail, addresses and delegates:\n"), "{text}");

    let (text, code) = scene.failure("shared convert-from-person bob@example.org --json").await;
    assert_eq!((text.contains("will read mail that was private"), code), (true, 2), "{text}");
    let text = scene.text("shared convert-from-person bob@example.org --member admin@example.org --yes").await;
    assert!(text.starts_with("bob@example.org is a shared mailbox now;"), "{text}");
    assert!(text.contains("Delegates: admin@example.org.\n"), "{text}");
    let text = scene.text("shared convert-to-person bob@example.org").await;
    assert!(text.contains("Delegates in it still: admin@example.org."), "{text}");
    assert!(
        text.ends_with(
            "Next: they can sign in once there is a password: postern person set-password bob@example.org\n"
        ),
        "{text}"
    );

    let told = async |account: &str| {
        let trail = scene.text(&format!("audit list --account {account}")).await;
        trail.lines().filter_map(|line| Some(line.split_once("Z  ")?.1.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(
        told("support@example.org").await[..7],
        [
            "operator(0) brought the shared mailbox support@example.org back (socket)",
            "operator(0) removed the shared mailbox support@example.org (socket)",
            "operator(0) changed settings of support@example.org: no quota, any number of messages, name (socket)",
            "operator(0) took the address help@example.org from support@example.org (socket)",
            "operator(0) changed settings of support@example.org: seen personal, delete protection on, \
             quota 10737418240 bytes, quota 50000 messages (socket)",
            "operator(0) gave support@example.org the further address help@example.org (socket)",
            "operator(0) made the shared mailbox support@example.org (socket)",
        ]
    );
    assert_eq!(
        told("bob@example.org").await[..3],
        [
            "operator(0) made the shared mailbox bob@example.org a person's own: 0 credentials ended (socket)",
            "operator(0) gave admin@example.org full access (lrswipkxte) and send-as on bob@example.org (socket)",
            "operator(0) made the private mailbox of bob@example.org shared: delegates can read what was private; \
             1 credential ended (socket)",
        ]
    );
}

#[tokio::test]
async fn people_groups_and_domains_are_administered_offline() {
    let scene = Scene::new().await;
    let offline = async |line: &str| scene.text(&format!("{line} --offline")).await;
    let domain = offline("domain add example.net").await;
    assert!(domain.contains("Next: publish its DNS records: postern domain show example.net"), "{domain}");
    let records = offline("domain show example.net").await;
    assert!(records.contains("example.net.") && records.contains("10 mail.example.org."), "{records}");
    assert!(offline("domain list").await.starts_with("DOMAIN       SINCE\nexample.net  20"));
    offline("person add bob@example.net").await;
    let listed = offline("person list").await;
    assert!(
        listed.lines().any(|line| line.starts_with("bob@example.net") && line.contains(" invited, until 20")),
        "{listed}"
    );
    assert!(offline("person show bob@example.net").await.contains("Invitation  can be taken until 20"));
    assert!(offline("person suspend bob@example.net").await.starts_with("bob@example.net is suspended:"));
    assert!(
        offline("person list")
            .await
            .lines()
            .any(|line| line.starts_with("bob@example.net") && line.contains("suspended"))
    );
    offline("person resume bob@example.net").await;
    assert!(offline("person show bob@example.net").await.contains("State       no password\n"));
    let first = offline("person set-password bob@example.net").await;
    assert!(first.starts_with("bob@example.net has a new password now.\nPassword: "), "{first}");
    let second = offline("person set-password bob@example.net").await;
    assert!(
        second.starts_with("bob@example.net has a new password now; sessions that came of the one before"),
        "{second}"
    );
    assert!(offline("person show bob@example.net").await.contains("State       active\n"));
    let trail = offline("audit list --since 1h").await;
    assert!(trail.contains("suspended bob@example.net (offline)\n") && !trail.contains("(socket)"), "{trail}");
    let made = offline("person set bob@example.net --admin on").await;
    assert!(
        made.starts_with("bob@example.net administers the organisation now, and holds no mail by that.\n"),
        "{made}"
    );
    assert!(offline("person show bob@example.net").await.contains("State       active, admin\n"));
    let ended = offline("person set bob@example.net --admin off").await;
    assert!(ended.starts_with("bob@example.net does not administer the organisation any more;"), "{ended}");
    let trail = offline("audit list --account bob@example.net").await;
    for line in [
        "operator(0) made bob@example.net an administrator of the organisation",
        "operator(0) ended that bob@example.net is an administrator of the organisation",
    ] {
        assert!(trail.contains(line), "{trail}");
    }
    let group = offline("group add team@example.org --member bob@example.net").await;
    assert!(group.starts_with("team@example.org is a group now, with 1 member.\n"), "{group}");
    offline("group add-member team@example.org admin@example.org").await;
    offline("group remove-member team@example.org bob@example.net").await;
    let shown = offline("group show team@example.org").await;
    assert!(shown.contains("admin@example.org") && !shown.contains("bob@example.net"), "{shown}");
    assert!(offline("group remove team@example.org").await.starts_with("The group team@example.org is gone"));
    let (text, code) = scene.failure("domain remove example.net --offline").await;
    assert_eq!((text.contains("in use by bob@example.net"), code), (true, 1), "{text}");
}

/// `--json` prints the document of REST, whatever the text says.
#[tokio::test]
async fn documents_are_stable() {
    let scene = Scene::new().await;
    let json = async |line: &str| scene.run(&format!("{line} --offline --json")).await.unwrap().document;
    let made = json("person add alice@example.org --name Alice").await;
    assert_eq!((&made["address"], &made["name"]), (&"alice@example.org".into(), &"Alice".into()));
    assert!(made["invitation"]["code"].as_str().is_some_and(|code| code.starts_with("ptni_")), "{made}");
    assert_eq!(made["invitation"]["expires_at"].as_str().map(|end| end.ends_with('Z')), Some(true), "{made}");
    json("shared add support@example.org").await;
    let given =
        json("delegate add support@example.org alice@example.org admin@example.org --rights lrs --send-as").await;
    let rights: Vec<&str> =
        given["delegates"].as_array().unwrap().iter().map(|d| d["rights"].as_str().unwrap()).collect();
    assert_eq!(rights, ["lrs", "lrs"]);
    assert_eq!(json("shared show support@example.org").await["addresses"][0], "support@example.org");
    assert_eq!(json("audit list --limit 1").await["events"][0]["action"], "grant.given");
    assert_eq!(json("domain list").await["domains"][0]["domain"], "example.org");
}

#[tokio::test]
async fn a_refusal_names_the_next_step() {
    let scene = Scene::new().await;
    let _serving = scene.serve();
    let (text, code) = scene.failure("shared show suport@example.org").await;
    assert_eq!(
        text,
        "postern: There is no shared mailbox suport@example.org\nNext step: see which there are: postern shared list\n"
    );
    assert_eq!(code, 1);
    let (text, _) = scene.failure("person add admin@example.org").await;
    assert!(text.starts_with("postern: admin@example.org is taken or reserved\nNext step: see who has it:"), "{text}");

    scene.text("shared add support@example.org").await;
    let (text, _) = scene.failure("delegate add support@example.org admin@example.org nobody@example.org").await;
    assert!(text.contains("nobody@example.org (done before that: admin@example.org)"), "{text}");
}

#[tokio::test]
async fn without_a_server_the_way_to_one_is_shown() {
    let scene = Scene::new().await;
    let (text, code) = scene.failure("person list").await;
    assert!(text.starts_with("postern: no server answers at ") && text.contains("/admin.sock\n"), "{text}");
    assert!(
        text.contains(&format!("Next step: start it with: postern serve --config {}", scene.file().display())),
        "{text}"
    );
    assert_eq!(code, 1);

    let failure = run("person list --config /nowhere/postern.toml").await.unwrap_err();
    assert!(failure.reason().contains("/nowhere/postern.toml"), "{failure}");
}

/// The lock of the data folder: `--offline` and a server never write beside each other.
#[tokio::test]
async fn offline_yields_to_a_server() {
    let scene = Scene::new().await;
    let serving = scene.serve();
    let (text, code) = scene.failure("person list --offline").await;
    assert_eq!((text.contains(&format!("process {}", std::process::id())), code), (true, 1), "{text}");
    drop(serving);
}

/// A server that ends in the middle leaves a question, and the text says where its answer is.
#[tokio::test]
async fn a_broken_connection_points_to_the_trail() {
    let scene = Scene::new().await;
    let listener = UnixListener::bind(scene.config.data_dir.join("admin.sock")).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut begun = [0; 16];
        stream.read_exact(&mut begun).await.unwrap();
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut begun).await.unwrap();
        stream.write_all(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    });
    let (text, code) = scene.failure("domain add example.net").await;
    assert!(text.starts_with("postern: the connection to the server broke: "), "{text}");
    assert_eq!((text.contains("postern audit list"), code), (true, 1), "{text}");
    let (text, _) = scene.failure("domain add example.net").await;
    assert!(text.starts_with("postern: the server answered with status 500\n"), "{text}");
}

#[tokio::test]
async fn what_is_not_built_is_refused_and_never_ignored() {
    for (line, name) in [
        ("person remove bob@example.org", "`postern person remove`"),
        ("audit verify", "`postern audit verify`"),
        ("report exposure --check strict", "`postern report exposure`"),
        ("backup create /somewhere", "`postern backup`"),
        ("request list", "`postern request`"),
        ("review certify rev_1", "`postern review`"),
        ("alert list", "`postern alert`"),
        ("session list support@example.org", "`postern session`"),
        ("export support@example.org --format mbox old.mbox", "`postern export`"),
    ] {
        let failure = run(line).await.expect_err(line);
        assert_eq!(failure.reason(), format!("{name} is not built yet"), "{line}");
        assert_eq!(failure.code(), 1);
        assert!(failure.to_string().contains("Next step: "), "{failure}");
    }
}

/// Who can do what, and why, for whoever looks after the house.
#[tokio::test]
async fn who_can_do_what_is_reported_and_explained() {
    let scene = Scene::new().await;
    let _serving = scene.serve();
    scene.text("shared add support@example.org").await;
    let empty = scene.text("report access support@example.org").await;
    assert!(
        empty.contains("\nNobody works in it: it takes mail in, and there is no one who can read it.\n"),
        "{empty}"
    );
    assert!(empty.ends_with("\nNext: postern delegate add support@example.org PERSON\n"), "{empty}");
    assert!(empty.contains("Administrators hold no mail by being that: admin@example.org."), "{empty}");

    for person in ["alice", "bob", "carol", "dave"] {
        scene.text(&format!("person add {person}@example.org")).await;
    }
    scene.text("group add team@example.org --member bob@example.org").await;
    scene.text("group add void@example.org").await;
    scene.text("delegate add support@example.org alice@example.org").await;
    scene.text("delegate add support@example.org alice@example.org --role reader --mailbox Archive").await;
    let wider = scene.text("delegate add support@example.org alice@example.org").await;
    assert!(
        wider.contains(
            "\nIn Archive a grant of its own decides: as reader (lr). To end that one: \
             postern delegate remove support@example.org alice@example.org --mailbox Archive\nNext: "
        ) && !wider.contains("takes the place"),
        "{wider}"
    );
    let (past, code) =
        scene.failure("delegate add support@example.org carol@example.org --until 2020-01-01T00:00:00Z").await;
    assert!(past.contains("That end has passed") && code == 1, "{past}");
    scene.text("delegate add support@example.org team@example.org --role editor --until 2046-01-01T00:00:00Z").await;
    scene.text("delegate add support@example.org void@example.org --role reader").await;
    scene.text("delegate add support@example.org carol@example.org --role reader --until 8h").await;
    scene.text("delegate add support@example.org dave@example.org").await;
    scene.text("person suspend dave@example.org").await;
    let report = scene.text("report access support@example.org").await;
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = report.lines().map(words).collect();
    for expected in [
        "alice@example.org everywhere else lrswipkxte (full-access) as yes -",
        "alice@example.org Archive lr (reader) as yes -",
        "bob@example.org everywhere lrswipte (editor) - yes 2046-01-01T00:00:00Z",
        "dave@example.org is suspended and can do nothing; the grants stay for when they are back.",
        "void@example.org holds lr (reader) (grt_5) and has nobody in it.",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected} is not in\n{report}");
    }
    assert!(lines.iter().any(|line| line.starts_with("bob@example.org grt_4 team@example.org everywhere")), "{report}");
    let soon = scene.text("report access support@example.org --at 2d").await;
    assert!(soon.contains("carol@example.org can do nothing any more: every grant of theirs has ended.\n"), "{soon}");
    let later = scene.text("report access support@example.org --at 2046-06-01T00:00:00Z").await;
    assert!(later.contains("bob@example.org can do nothing any more"), "{later}");

    let explained = scene.text("explain alice@example.org expunge support@example.org/Archive").await;
    assert_eq!(
        explained,
        "No. alice@example.org may not expunge messages here: that needs e.\n  \
         alice@example.org is a delegate as reader in Archive alone (grant 2).\n  \
         Grant 1 does not count here, since the more specific grant 2 does.\n\
         Where  Archive of support@example.org\n\
         Holds  lr (reader)\n\
         Sends  as it\n\
         Next: everyone who can do anything there: postern report access support@example.org\n"
    );
    let json = scene.run("explain bob@example.org move support@example.org").await.unwrap().document;
    assert_eq!(
        (&json["allowed"], &json["verb"], &json["rights"]),
        (&true.into(), &"move-out".into(), &"lrswipte".into())
    );
    assert_eq!(json["valid_until"], "2046-01-01T00:00:00Z");
    for (line, reason) in [
        ("explain nobody@example.org read support@example.org", "There is no person nobody@example.org"),
        ("explain team@example.org read support@example.org", "is a group; ask about one of its members"),
        ("explain bob@example.org read nothing@example.org", "There is no account nothing@example.org"),
        ("explain bob@example.org read support@example.org/Nothing", "There is no mailbox Nothing in it"),
        ("explain bob@example.org read organisation", "name one, such as support@example.org"),
        ("explain bob@example.org manage-people support@example.org", "the target organisation"),
        ("explain bob@example.org send-as support@example.org/INBOX", "leave the mailbox out"),
        ("explain bob@example.org read support@example.org --at 2020-01-01T00:00:00Z", "postern audit list"),
        ("report access nothing@example.org", "There is no shared mailbox nothing@example.org"),
    ] {
        let (text, code) = scene.failure(line).await;
        assert_eq!((text.contains(reason), code), (true, 1), "{line}: {text}");
    }
}

#[test]
fn wrong_usage_is_told_before_anything_is_asked() {
    assert!(usage("explain alice@example.org fly support@example.org").contains("lookup, read, change-flags"));
    assert!(usage("person add alice").contains("an address looks like name@example.org"));
    assert!(usage("delegate add support@example.org bob@example.org --role king").contains("the roles are reader"));
    assert!(usage("delegate add support@example.org bob@example.org --rights q").contains("the letters are l r s w"));
    assert!(usage("delegate add support@example.org bob@example.org --role reader --rights lr").contains("--rights"));
    assert!(usage("delegate add support@example.org").contains("<GRANTEE>"));
    assert!(usage("delegate add support@example.org bob@example.org --until soon").contains("a span (30s, 15m"));
    assert!(usage("shared set support@example.org --seen mine").contains("seen is shared, personal or both"));
    assert!(usage("shared set support@example.org --quota big").contains("a size such as 500M"));
    for (flag, known) in [
        ("--sent-copy drafts", "there are shared, sender, both, none"),
        ("--show-sender maybe", "there are hidden, via, sender"),
        ("--undo 11m", "it is 10 minutes at most"),
        ("--undo soon", "give a span"),
        ("--stale-reply 8d", "it is 7 days at most"),
        ("--stale-reply 90s", "give whole minutes"),
    ] {
        let text = usage(&format!("shared set support@example.org {flag}"));
        assert!(text.contains(known), "{flag}: {text}");
    }
    assert!(usage("shared set support@example.org --delete-protection maybe").contains("--delete-protection"));
    assert!(usage("audit list --limit 0").contains("1..=500"));
    assert!(usage("person add alice@example.org --password secret").contains("--password"), "secrets are no arguments");
}

/// No flag is accepted and ignored.
#[tokio::test]
async fn flags_that_mean_nothing_together_are_wrong_usage() {
    for (line, text) in [
        ("person list --url https://mail.example.org --offline", "--offline is for the house of --config"),
        ("person list --url http://mail.example.org", "write https://HOST"),
        ("person list --cacert ca.pem", "--cacert means nothing without --url"),
        ("person list --as alice@example.org", "--as needs --as-password-file"),
        ("person list --as-password-file p", "--as-password-file means nothing without --as"),
        ("person list --as a@example.org --as-password-file p --token-file t", "--as and --token-file both"),
        ("login alice@example.org --offline", "--offline means nothing to `postern login`"),
        ("logout --token-file t", "--token-file means nothing to `postern logout`"),
        ("login alice@example.org", "which house?"),
    ] {
        let failure = run(line).await.expect_err(line);
        assert!(failure.to_string().contains(text), "{line}: {failure}");
        assert_eq!(failure.code(), 2, "{line}: {failure}");
    }
    assert!(usage("person set-password").contains("<EMAIL>"));
    assert!(usage("person set-password a@example.org --self").contains("cannot be used with"));
    // It would give them another password, made from the invitation even.
    assert!(usage("person set-password a@example.org --invitation").contains("cannot be used with"));
    assert!(usage("token create --name n --role login").contains("admin, owner, auditor"));
    let failure = run("person list --token-file /nowhere/token --config /nowhere/postern.toml").await.unwrap_err();
    assert_eq!(failure.code(), 1, "{failure}");
}

/// A person acts as themselves over the socket too; the token of `--as` ends with the command.
#[tokio::test]
async fn a_person_acts_as_themselves_by_password_and_by_token() {
    let scene = Scene::new().await;
    let serving = scene.serve();
    scene.text("shared add support@example.org").await;
    let file = |name: &str, text: &str| {
        let path = scene.folder.path().join(name);
        RealDisk.replace_file_durably(&path, text.as_bytes(), 0o600).unwrap();
        path.display().to_string()
    };
    let password = file("password", "a door in the garden wall\n");
    let admin = format!("--as admin@example.org --as-password-file {password}");
    let trail = scene.text(&format!("delegate add support@example.org admin@example.org --role owner {admin}")).await;
    assert!(trail.starts_with("admin@example.org is a delegate of support@example.org now, as owner"), "{trail}");
    let tokens = scene.text("token list --person admin@example.org").await;
    assert_eq!(tokens, "admin@example.org has no token, and no login.\n");
    let trail = scene.text("audit list --account admin@example.org --limit 3").await;
    assert!(trail.contains("admin@example.org ended a token of admin@example.org: login (rest)"), "{trail}");

    let made = scene.run(&format!("token create --name report --role owner {admin}")).await.unwrap().document;
    let token = file("token", made["token"].as_str().unwrap());
    let bearer = format!("--token-file {token}");
    assert!(scene.text(&format!("shared list {bearer}")).await.contains("support@example.org"));
    let (text, code) = scene.failure(&format!("person list {bearer}")).await;
    assert!(text.starts_with("postern: This token may not see what the organisation has; sign in, or use"), "{text}");
    assert_eq!(code, 1);
    let again = scene.failure(&format!("token create --name report --role owner {admin}")).await.0;
    assert!(again.contains("You have a token called"), "{again}");

    scene.text(&format!("token revoke report {admin}")).await;
    let (text, _) = scene.failure(&format!("shared list {bearer}")).await;
    assert_eq!(
        text,
        format!(
            "postern: the token in {token} has ended, or is none\n\
             Next step: make another: postern token create --name NAME --role ROLE\n"
        )
    );
    let wrong = file("wrong", "a door in the garden fence");
    let (text, _) = scene.failure(&format!("shared list --as admin@example.org --as-password-file {wrong}")).await;
    assert!(
        text.starts_with("postern: The name or the password is wrong\nNext step: a lost one is made anew"),
        "{text}"
    );
    drop(serving);
}

/// Global flags stand before or after the noun.
#[test]
fn global_flags_stand_anywhere() {
    for line in [
        "postern --json --config c person list",
        "postern person list --json --config c",
        "postern person --json list --config c",
    ] {
        let line = Line::try_parse_from(line.split_whitespace()).unwrap();
        assert!(line.globals.json && line.globals.config == Some(PathBuf::from("c")));
    }
}

#[tokio::test]
async fn the_house_must_be_named() {
    let noun = Line::try_parse_from(["postern", "person", "list"]).unwrap().noun;
    let failure = answer(noun, &mut Client::new(&GlobalArgs::default(), nobodys())).await.unwrap_err();
    assert_eq!((failure.code(), failure.to_string().contains("POSTERN_CONFIG")), (2, true));
}
