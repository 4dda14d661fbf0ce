//! Credentials and policy at the command line.

use super::*;
use std::os::unix::fs::PermissionsExt;

const BACKUP: &str = "credential issue support@example.org --purpose backup --owner alice@example.org --reason copies";

impl Scene {
    /// support@, with Alice and Bob who are no delegates of it yet.
    pub(super) async fn at_work() -> (Self, OpenHouse) {
        let scene = Self::new().await;
        let open = scene.serve();
        for line in ["person add alice@example.org", "person add bob@example.org", "shared add support@example.org"] {
            scene.text(line).await;
        }
        (scene, open)
    }

    pub(super) async fn json(&self, line: &str) -> serde_json::Value {
        self.run(line).await.unwrap_or_else(|failure| panic!("{line}: {failure}")).document
    }
}

pub(super) fn row<'t>(text: &'t str, name: &str) -> &'t str {
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no {name} in {text}")).trim()
}

/// From nobody to a credential and back, told by the commands themselves.
#[tokio::test]
async fn a_credential_is_issued_shown_and_taken_back() {
    let (scene, _serving) = Scene::at_work().await;
    assert_eq!(
        scene.text("credential list support@example.org").await,
        "No credential is live: nobody can sign in directly to support@example.org. People work there as delegates: \
         postern delegate add support@example.org PERSON\n"
    );
    let text = scene.text(&format!("{BACKUP} --name nightly --network 192.0.2.0/24")).await;
    assert!(text.starts_with("support@example.org/nightly is issued (crd_"), "{text}");
    assert_eq!(row(&text, "May  "), "see, read in every mailbox (lr)");
    assert!(row(&text, "May not").ends_with("mark as deleted, expunge, send"), "{text}");
    assert_eq!((row(&text, "From"), row(&text, "Username")), ("192.0.2.0/24", "support@example.org"));
    assert!(row(&text, "Secret").starts_with("ptn1_"), "{text}");
    assert_eq!(row(&text, "By"), "imap; pop3 once that is served here", "{text}");
    assert!(text.contains("Next: see it sign in for the first time: postern credential watch crd_"), "{text}");

    let listed = scene.text("credential list").await;
    let words: Vec<&str> = listed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        words[1..6],
        ["support@example.org/nightly", "backup", "active", "alice@example.org", "never"],
        "{listed}"
    );
    assert_eq!(scene.text("credential list --expiring 14d").await, "No credential ends within 14 days.\n");
    let shown = scene.text("credential show support@example.org/nightly").await;
    assert_eq!((row(&shown, "Reason"), row(&shown, "Issued").contains("operator(0)")), ("copies", true), "{shown}");
    assert!(!shown.contains("ptn1_"), "{shown}");

    for (verb, then) in [("suspend", "have stopped until then"), ("resume", "count again")] {
        let text = scene.text(&format!("person {verb} alice@example.org")).await;
        let stopped = format!("Credentials that they answer for or use {then}: support@example.org/nightly.");
        assert!(text.contains(&stopped), "{text}");
    }
    let bob = scene.json("person suspend bob@example.org").await;
    assert_eq!(bob["credentials"], serde_json::json!([]), "none of his: {bob}");
    scene.text("person resume bob@example.org").await;
    let text = scene.text("credential suspend support@example.org/nightly").await;
    assert!(text.contains("No session of it was open.\nNext: to let it back: postern credential resume"), "{text}");
    assert!(scene.text("credential list").await.contains("suspended"));
    assert!(scene.text("credential resume support@example.org/nightly").await.contains("may sign in again"));
    let text = scene.text("credential revoke support@example.org/nightly --compromised").await;
    assert!(text.starts_with("support@example.org/nightly (crd_"), "{text}");
    assert!(text.contains("on the trail as compromised"), "{text}");
    let named = "--purpose other --owner alice@example.org --reason copies --not-delegation none --name named --protocols \
                 pop3 --rights lr --network 192.0.2.0/24";
    let text = scene.text(&format!("credential issue support@example.org {named}")).await;
    assert_eq!(row(&text, "By"), "nothing yet; pop3 once that is served here", "{text}");
    let first = scene.json("credential revoke support@example.org/named").await;
    let again = scene.text("credential revoke support@example.org/named").await;
    assert!(again.contains(") had been taken back already at 20") && !again.contains("No session"), "{again}");
    assert!(again.ends_with("Next: who did that: postern audit list --account support@example.org\n"), "{again}");
    let second = scene.json("credential revoke support@example.org/named").await;
    assert_eq!((&first["had_ended"], &second["had_ended"]), (&false.into(), &true.into()));
    assert_eq!(first["credential"]["ended_at"], second["credential"]["ended_at"]);
    assert!(scene.text("credential list").await.starts_with("There is no live credential that you may see."));
    assert!(scene.text("credential list --ended").await.contains("revoked"));
    let (refusal, code) = scene.failure("credential show crd_nothing2").await;
    assert_eq!((refusal.contains("postern credential list"), code), (true, 1), "{refusal}");
}

/// What programs read is stable, and a secret that went into a file is nowhere else.
#[tokio::test]
async fn a_secret_is_shown_once_or_goes_into_a_file() {
    let (scene, _serving) = Scene::at_work().await;
    let document = scene.json(&format!("{BACKUP} --any-network")).await;
    for name in ["id", "username", "secret", "expires_at", "settings"] {
        assert!(!document[name].is_null(), "{name}: {document}");
    }
    let path = scene.folder.path().join("secret");
    let said = scene.run(&format!("{BACKUP} --any-network --secret-file {}", path.display())).await.unwrap();
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept.starts_with("ptn1_") && kept.ends_with('\n'), "{kept}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!said.text.contains("ptn1_") && !said.document.to_string().contains("ptn1_"), "{}", said.text);
    assert_eq!(said.document["secret_file"], path.display().to_string());

    let (refusal, _) = scene.failure(&format!("{BACKUP} --any-network --secret-file {}", path.display())).await;
    assert!(refusal.contains("is not overwritten"), "{refusal}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
    assert_eq!(scene.json("credential list").await["credentials"].as_array().unwrap().len(), 2, "nothing was issued");

    let other = scene.folder.path().join("other");
    let (refusal, _) = scene.failure(&format!("{BACKUP} --secret-file {}", other.display())).await;
    assert!(refusal.contains("--network") && refusal.contains("--any-network"), "{refusal}");
    assert!(!other.exists(), "what is refused leaves no file");
}

/// Who could sign in as themselves is named before and after.
#[tokio::test]
async fn delegation_comes_first() {
    let (scene, _serving) = Scene::at_work().await;
    let client = "credential issue support@example.org --purpose client --owner alice@example.org --reason old \
                  --holder bob@example.org --any-network";
    let (refusal, _) = scene.failure(client).await;
    assert!(refusal.contains("postern delegate add support@example.org bob@example.org"), "{refusal}");
    scene.text("delegate add support@example.org bob@example.org").await;
    let (refusal, _) = scene.failure(client).await;
    assert!(refusal.contains("bob@example.org is a delegate with full access already"), "{refusal}");
    let text = scene.text(&format!("{client} --not-delegation fax")).await;
    assert!(text.contains("bob@example.org is a delegate already, with full access"), "{text}");
    assert!(text.contains("as bob@example.org/support@example.org"), "{text}");
    assert!(!text.contains("Wider than"), "{text}");
    let text = scene.text(&format!("{BACKUP} --any-network --rights lrs --protocols imap,submission")).await;
    assert!(text.contains("Wider than backup needs: submission, s."), "{text}");
    assert!(row(&text, "May  ").ends_with("send as support@example.org"), "{text}");

    let (refusal, _) = scene.failure("person set-password support@example.org").await;
    assert!(refusal.contains("has no password") && refusal.contains("postern delegate add support"), "{refusal}");
    assert!(refusal.find("delegate add").unwrap() < refusal.find("credential issue").unwrap(), "{refusal}");
}

/// A secret for somebody else: who issues it never sees it.
#[tokio::test]
async fn a_secret_is_handed_over_by_a_code() {
    let (scene, _serving) = Scene::at_work().await;
    let said = scene.run(&format!("{BACKUP} --any-network --wrap bob@example.org")).await.unwrap();
    assert!(!said.text.contains("ptn1_") && said.document["secret"].is_null(), "{}", said.text);
    let code = said.document["code"].as_str().unwrap().to_owned();
    assert!(!said.document["opens_before"].is_null());
    assert_eq!(row(&said.text, "Code"), code);
    assert!(said.text.contains("bob@example.org alone opens it, once, before "), "{}", said.text);
    assert!(scene.text("credential list").await.contains("waits to be opened"));
    let (refusal, _) = scene.failure(&format!("credential unwrap {code}")).await;
    assert!(refusal.starts_with("postern: "), "{refusal}");

    let made = scene.json("person set-password bob@example.org").await;
    let password = scene.folder.path().join("password");
    #[expect(clippy::disallowed_methods, reason = "a file of the test, gone with it")]
    std::fs::write(&password, made["password"].as_str().unwrap()).unwrap();
    let path = scene.folder.path().join("secret");
    let line = format!(
        "credential unwrap {code} --as bob@example.org --as-password-file {} --secret-file {}",
        password.display(),
        path.display()
    );
    let text = scene.text(&line).await;
    assert!(text.contains(&format!("in {}", path.display())) && !text.contains("ptn1_"), "{text}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("ptn1_"));
    assert!(scene.text("credential list").await.contains("active"));
    std::fs::remove_file(&path).unwrap();
    scene.failure(&line).await;
    assert!(!path.exists(), "a code opens once, and what is refused leaves no file");
}

/// A recipe is all that goes to standard output.
#[tokio::test]
async fn a_recipe_is_a_file_and_nothing_else() {
    let (scene, _serving) = Scene::at_work().await;
    let said = scene.run(&format!("{BACKUP} --name m --any-network --recipe mbsync")).await.unwrap();
    let secret = said.document["secret"].as_str().unwrap();
    assert!(said.text.starts_with("# mbsync: support@example.org/m (crd_"), "{}", said.text);
    assert!(said.text.contains(&format!("Pass \"{secret}\"\n")) && said.text.contains("Sync PullNew PullFlags\n"));
    let authority = scene.folder.path().canonicalize().unwrap().join("house/tls/ca.pem");
    assert!(said.text.contains(&format!("CertificateFile \"{}\"\n", authority.display())), "{}", said.text);
    assert!(said.aside.contains("is issued (crd_") && !said.aside.contains("ptn1_"), "{}", said.aside);

    let path = scene.folder.path().join("secret");
    let line = format!("{BACKUP} --any-network --recipe getmail --secret-file {}", path.display());
    let said = scene.run(&line).await.unwrap();
    assert!(!said.text.contains("ptn1_") && said.text.contains(&path.display().to_string()), "{}", said.text);
    let line = format!("credential show support@example.org/m --recipe offlineimap --secret-file {}", path.display());
    let shown = scene.run(&line).await.unwrap();
    assert!(shown.text.contains(&format!("remotepassfile = {}\n", path.display())), "{}", shown.text);
    assert_eq!(shown.aside, "", "the secret is there");

    let before = scene.json("credential list").await;
    let (refusal, _) = scene.failure(&format!("{BACKUP} --any-network --recipe msmtp")).await;
    assert!(refusal.contains("msmtp sends, and needs submission"), "{refusal}");
    assert_eq!(scene.json("credential list").await, before, "refused before anything was issued");
    let sends = "credential issue support@example.org --purpose marketing --owner alice@example.org --reason letters";
    let file = scene.folder.path().join("sending");
    let line = format!("{sends} --any-network --recipe msmtp --secret-file {}", file.display());
    let said = scene.run(&line).await.unwrap();
    for wanted in [
        "host mail.example.org\nport 465\nfrom \"support@example.org\"\n".to_owned(),
        format!("user \"support@example.org\"\npasswordeval \"head -n1 {}\"\n", file.display()),
        format!("tls on\ntls_starttls off\ntls_trust_file \"{}\"\n", authority.display()),
    ] {
        assert!(said.text.contains(&wanted) && !said.text.contains("ptn1_"), "{wanted} is missing: {}", said.text);
    }
    let before = scene.json("credential list").await;
    let (refusal, _) = scene.failure(&format!("{BACKUP} --any-network --recipe fetchmail")).await;
    assert!(refusal.contains("not served here yet (done before that: crd_"), "{refusal}");
    assert_eq!(scene.json("credential list").await, before, "nothing live is left");
    let (refusal, code) = scene.failure(&format!("{BACKUP} --any-network --recipe mbsync --json")).await;
    assert_eq!((refusal.contains("leave one of them out"), code), (true, 2), "{refusal}");
}

/// What is promised and not there is refused, and nothing is issued.
#[tokio::test]
async fn what_comes_later_is_refused() {
    let (scene, _serving) = Scene::at_work().await;
    for flag in
        ["--deputy bob@example.org", "--tool restic", "--ticket 17", "--reserved-connections 2", "--expect-every 24h"]
    {
        let (refusal, _) = scene.failure(&format!("{BACKUP} --any-network {flag}")).await;
        assert!(refusal.contains(&format!("{} is not built yet", flag.split(' ').next().unwrap())), "{refusal}");
    }
    assert!(scene.json("credential list").await["credentials"].as_array().unwrap().is_empty());
    for line in [
        "credential rotate crd_abcd2345 --overlap 72h",
        "policy diff",
        "policy unlock",
        "policy show --at 2026-12-31",
        "policy set --steward bob@example.org",
        "policy set --solo",
        "policy set --profile sensitive",
        "policy set --audit-retention 400d",
        "policy set --require-network",
    ] {
        let (refusal, _) = scene.failure(line).await;
        assert!(refusal.contains("is not built yet"), "{line}: {refusal}");
    }
}

#[test]
fn what_can_not_be_meant_is_refused_before_anybody_is_asked() {
    let backup = format!("{BACKUP} --any-network");
    for (flags, says) in [
        ("--network 192.0.2.0/24", "cannot be used with"),
        ("--rights lr --read-only", "cannot be used with"),
        ("--read-only=perhaps", "perhaps"),
        ("--wrap bob@example.org --secret-file s", "cannot be used with"),
        ("--wrap bob@example.org --recipe mbsync", "cannot be used with"),
        ("--protocols telnet", "is no protocol"),
        ("--hours morning", "08:00-18:00"),
        ("--older-than 2026-12-31", "give a span"),
        ("--name Nightly", "no name for a credential"),
        ("--recipe thunderbird", "thunderbird"),
        ("--on-limit wait", "there are refuse, slow, suspend"),
        ("--max-messages-per-minute 601", "1..=600"),
        ("--max-recipients-per-day 0", "1..=10000"),
        ("--from support", "an address looks like"),
    ] {
        let text = usage(&format!("{backup} {flags}"));
        assert!(text.contains(says), "{flags}: {text}");
    }
    assert!(usage("credential issue support@example.org --purpose backup --owner a@example.org").contains("--reason"));
    assert!(usage("policy set --direct-sign-in maybe").contains("allowed, by-approval or blocked"));
    assert!(usage("policy set support@example.org --time-zone UTC").contains("cannot be used with"));
    assert!(usage("policy set --purposes fun").contains("or all"));
}

/// Policy says what holds and why, and what a change did.
#[tokio::test]
async fn policy_says_what_holds_and_why() {
    let (scene, _serving) = Scene::at_work().await;
    let text = scene.text("policy show").await;
    assert!(
        text.starts_with(
            "Direct sign-in is allowed (the default). No credential is live: nobody can sign in directly.\n"
        ),
        "{text}"
    );
    assert!(text.contains("Next: people work there as delegates, signed in as themselves"), "{text}");
    for name in ["one", "two"] {
        scene.text(&format!("{BACKUP} --any-network --name {name}")).await;
    }
    let text = scene.text("policy set support@example.org --direct-sign-in blocked").await;
    assert!(text.starts_with("2 credentials stop while this stands"), "{text}");
    assert!(
        text.contains("Nothing is ended") && text.contains("blocked, set for this mailbox. 2 credentials"),
        "{text}"
    );
    assert!(scene.text("credential list").await.contains("stopped: policy blocks direct sign-in"));
    assert!(scene.failure(&format!("{BACKUP} --any-network")).await.0.contains("blocked here by policy"));
    let text =
        scene.text("policy set support@example.org --direct-sign-in allowed --max-life 30d --purposes backup").await;
    assert!(
        text.starts_with("Direct sign-in is allowed, here as in the organisation (the default). 2 credentials"),
        "{text}"
    );
    assert_eq!(row(&text, "Longest life"), "30 days from when a credential is issued");
    assert_eq!(row(&text, "Purposes"), "backup");
    let text = scene.text("policy set support@example.org --max-life none --purposes all").await;
    assert_eq!((row(&text, "Longest life").starts_with("as its purpose"), row(&text, "Purposes")), (true, "all"));
    let text = scene.text("policy set --direct-sign-in blocked --end-credentials --time-zone Europe/Berlin").await;
    assert!(
        text.starts_with(
            "2 credentials are taken back for good; no session of theirs was open.\nDirect sign-in is blocked by the"
        ),
        "{text}"
    );
    assert_eq!(row(&text, "Time zone"), "Europe/Berlin");
    let text = scene.text("policy show support@example.org").await;
    assert!(text.contains("blocked by the organisation, and no mailbox is wider. No credential is live"), "{text}");
    let text = scene.text("policy set --direct-sign-in by-approval").await;
    assert!(text.starts_with("Direct sign-in needs an approval by the organisation."), "{text}");
    assert_eq!(scene.failure("policy set").await.1, 2, "nothing is to be changed");
}

/// A role is shut until somebody checks it out.
#[tokio::test]
async fn a_role_is_checked_out() {
    let (scene, _serving) = Scene::at_work().await;
    let role = "credential issue support@example.org --purpose role --owner alice@example.org --holder bob@example.org \
                --reason desk --not-delegation turns --name desk --any-network --read-only=lenient";
    let text = scene.text(role).await;
    assert!(text.contains("Next: it is shut until somebody checks it out: postern credential open crd_"), "{text}");
    assert_eq!(row(&text, "Lenient"), "changes of flags are taken and forgotten");
    assert!(scene.text("credential list").await.contains("it is not checked out"));
    let text = scene.text("credential open support@example.org/desk --for 2h").await;
    assert!(text.starts_with("support@example.org/desk is checked out until 20"), "{text}");
    assert!(scene.failure("credential open support@example.org/desk --for 2d").await.0.contains("a day at most"));
    assert!(scene.text("credential close support@example.org/desk").await.contains("is shut until"));
}

/// `explain` answers about a credential as about anybody.
#[tokio::test]
async fn a_credential_is_explained() {
    let (scene, _serving) = Scene::at_work().await;
    let issued = scene.json(&format!("{BACKUP} --any-network --name nightly")).await;
    scene.text("shared add billing@example.org").await;
    let text = scene.text("explain support@example.org/nightly read support@example.org/INBOX").await;
    assert!(text.starts_with("Yes. support@example.org/nightly may read messages here.\n"), "{text}");
    let id = issued["id"].as_str().unwrap();
    let text = scene.text(&format!("explain {id} store support@example.org/INBOX")).await;
    assert!(text.starts_with(&format!("No. Credential {id} may not change flags here")), "{text}");
    let text = scene.text(&format!("explain {id} read billing@example.org/INBOX")).await;
    assert!(text.starts_with("No. ") && text.contains("signs in to another mailbox"), "{text}");
    assert!(scene.text(&format!("explain {id} manage-people organisation")).await.starts_with("No. "));
    assert!(scene.failure("explain crd_nothing2 read support@example.org").await.0.contains("There is no credential"));
}
