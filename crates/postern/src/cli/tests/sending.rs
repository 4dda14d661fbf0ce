//! Sending at the command line: how a shared mailbox sends, what a credential sends, and the queue.

use super::direct::row;
use super::*;
use postern_app::{Attempt, House, Peer, SubmitRecipient, SubmitRequest};

const ALICE: &str = "alice@example.org";
const MESSAGE: &str = "msg_abcdefghijkl";

impl Scene {
    /// A file of the scene, as the path of a flag.
    fn keep(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        RealDisk.replace_file_durably(&path, text.as_bytes(), 0o600).unwrap();
        path.display().to_string()
    }

    /// support@ with Alice as its delegate, and Bob who has no part in it; and how they act.
    async fn with_delegate() -> (Self, OpenHouse, impl Fn(&str) -> String) {
        let (scene, open) = Self::at_work().await;
        scene.text("delegate add support@example.org alice@example.org").await;
        let made = scene.json("person set-password alice@example.org").await;
        let alice = scene.keep(ALICE, made["password"].as_str().unwrap());
        let made = scene.json("person set-password bob@example.org").await;
        let bob = scene.keep("bob@example.org", made["password"].as_str().unwrap());
        let acting = move |who: &str| {
            let file = if who == ALICE { &alice } else { &bob };
            format!("--as {who} --as-password-file {file}")
        };
        (scene, open, acting)
    }

    /// Alice sends a message as support@, within the house; nothing here brings it away.
    async fn submit(&self, house: &House, id: &str) {
        let password = std::fs::read_to_string(self.folder.path().join(ALICE)).unwrap();
        self.submit_by(house, (ALICE, password.trim()), id).await;
    }

    /// The same by whoever signs in so.
    async fn submit_by(&self, house: &House, who: (&str, &str), id: &str) {
        let raw = b"From: support@example.org\r\nTo: bob@example.org\r\nSubject: private\r\n\r\nFor Bob.\r\n";
        self.submit_raw(house, who, ("support@example.org", raw), id).await;
    }

    async fn submit_raw(&self, house: &House, (username, secret): (&str, &str), (from, raw): (&str, &[u8]), id: &str) {
        let attempt = Attempt {
            username: username.to_owned(),
            secret: Secret::new(secret),
            peer: Peer { address: None, encrypted: true },
            protocol: "submission",
            mechanism: "PLAIN",
        };
        let session = house.sign_in(attempt).await.unwrap();
        let request = SubmitRequest {
            id: id.to_owned(),
            raw: Arc::new(raw.to_vec()),
            received: "Received: by mail.example.org\r\n".to_owned(),
            reverse_path: Some(Address::parse(from).unwrap()),
            recipients: vec![SubmitRecipient { address: "bob@example.org".into(), notify: None, original: None }],
            smtputf8: false,
            return_full: None,
            envelope_id: None,
            hold_until: None,
        };
        house.submit(&session, request).await.unwrap();
    }
}

/// What was sent is taken back by whoever sent it while it waits, and nobody else learns of it.
#[tokio::test]
async fn a_sender_takes_back_what_waits() {
    let (scene, open, acting) = Scene::with_delegate().await;
    assert_eq!(scene.text("queue list").await, "Nothing waits to be sent.\n");
    scene.text("shared set support@example.org --undo 5m").await;
    scene.submit(open.house(), MESSAGE).await;

    let text = scene.text(&format!("queue list {}", acting(ALICE))).await;
    let words: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words[..4], [MESSAGE, "support@example.org", ALICE, "1"], "{text}");
    assert!(text.contains("can be taken back until 20") && !text.contains("private"), "{text}");
    assert!(text.ends_with("1 message to 1 recipient, newest first.\n"), "{text}");
    let bob = acting("bob@example.org");
    let text = scene.text(&format!("queue list {bob}")).await;
    assert!(text.starts_with("Nothing that you sent waits to be sent.\n"), "{text}");
    for verb in ["show", "retry", "hold", "remove"] {
        let (text, code) = scene.failure(&format!("queue {verb} {MESSAGE} {bob}")).await;
        let absent = format!("postern: There is no message {MESSAGE} waiting to be sent\nNext step: ");
        assert!(text.starts_with(&absent) && code == 1, "{verb}: {text}");
    }
    let (text, _) = scene.failure(&format!("queue list --account support@example.org {bob}")).await;
    assert!(text.starts_with("postern: There is no such account"), "{text}");

    let text = scene.text(&format!("queue remove {MESSAGE} {}", acting(ALICE))).await;
    assert!(
        text.starts_with(&format!(
            "{MESSAGE} is taken out: 1 recipient does not get it, and {ALICE} hears nothing of that.\nNext: its copy is in"
        )),
        "{text}"
    );
    assert_eq!(scene.text("queue list").await, "Nothing waits to be sent.\n");
    let trail = scene.text("audit list --account support@example.org --limit 3").await;
    assert!(trail.contains(&format!("{ALICE} took {MESSAGE} out of what waits to be sent as support@")), "{trail}");
    assert!(trail.contains(&format!("{ALICE} sent {MESSAGE} as support@example.org to bob@example.org")), "{trail}");
}

/// The operator sees all that waits, holds it and sends it on; never what is in it.
#[tokio::test]
async fn what_waits_is_shown_held_and_sent_on() {
    let (scene, open, _) = Scene::with_delegate().await;
    scene.submit(open.house(), MESSAGE).await;
    scene.submit(open.house(), "msg_abcdefghijk2").await;
    let document = scene.json("queue list --account support@example.org").await;
    let ids: Vec<&str> =
        document["messages"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["msg_abcdefghijk2", MESSAGE], "newest first");
    assert_eq!((&document["all_messages"], &document["only_own"]), (&2.into(), &false.into()), "{document}");
    assert!(document["next_before"].is_null() && document["messages"][0]["state"] == "due", "{document}");
    assert_eq!(scene.json("queue list").await["all_messages"], 2);
    // The numbers of messages begin at 1: a place is where one was, and need not be there.
    let older = scene.json("queue list --before pos_2").await;
    assert_eq!(older["messages"].as_array().unwrap().len(), 1, "{older}");
    let (text, _) = scene.failure("queue list --before msg_abcdefghijk2").await;
    assert!(text.contains("it is what next_before of the page before says"), "{text}");

    let text = scene.text(&format!("queue hold {MESSAGE}")).await;
    assert!(text.starts_with(&format!("{MESSAGE} is held: it leaves when somebody says so.\nNext: ")), "{text}");
    let shown = scene.text(&format!("queue show {MESSAGE}")).await;
    assert_eq!((row(&shown, "Waits"), row(&shown, "Sender")), ("held by operator(0)", ALICE), "{shown}");
    assert_eq!(row(&shown, "bob@example.org"), "0      -         -", "{shown}");
    assert!(!shown.contains("private"), "{shown}");
    let text = scene.text(&format!("queue retry {MESSAGE}")).await;
    assert!(text.starts_with(&format!("{MESSAGE} is tried now, for 1 recipient. What")), "{text}");
    let document = scene.json(&format!("queue show {MESSAGE}")).await;
    assert!(document["held_because"].is_null() && !document["next_try_at"].is_null(), "{document}");
    assert_eq!(document["recipients"][0]["address"], "bob@example.org");
    let removed = scene.json(&format!("queue remove {MESSAGE}")).await;
    assert_eq!((&removed["removed_recipients"], &removed["message"]["id"]), (&1.into(), &MESSAGE.into()));
    let (text, _) = scene.failure("queue list --account nobody@example.org").await;
    assert!(text.starts_with("postern: There is no account nobody@example.org"), "{text}");
}

/// Several at once: named one by one, of an account, of a credential, or all that is listed.
#[tokio::test]
async fn many_are_held_sent_and_taken_out_at_once() {
    let (scene, open, acting) = Scene::with_delegate().await;
    let issue = "credential issue support@example.org --purpose ticketing --name desk --owner alice@example.org \
                 --reason needed --any-network";
    let issued = scene.json(issue).await;
    let secret = issued["secret"].as_str().unwrap().to_owned();
    for id in ["msg_aaaaaaaaaaaa", "msg_bbbbbbbbbbbb", "msg_cccccccccccc"] {
        scene.submit(open.house(), id).await;
    }
    scene.submit_by(open.house(), ("support@example.org", &secret), "msg_dddddddddddd").await;

    let held = scene.text("queue hold msg_aaaaaaaaaaaa msg_bbbbbbbbbbbb").await;
    assert!(held.starts_with("2 messages to 2 recipients are held until somebody sends or removes them.\n"), "{held}");
    let (text, code) = scene.failure("queue retry msg_aaaaaaaaaaaa msg_zzzzzzzzzzzz").await;
    let left = "postern: There is no message msg_zzzzzzzzzzzz waiting to be sent (done to the other 1 message)\n";
    assert!(text.starts_with(left) && code == 1, "{text}");
    let sent = scene.text("queue retry --account support@example.org").await;
    assert!(sent.starts_with("4 messages sent as support@example.org are tried now, for 4 recipients. What"), "{sent}");

    let bob = acting("bob@example.org");
    assert_eq!(scene.text(&format!("queue hold --all {bob}")).await, "No message waits to be sent.\n");
    for (which, absent) in [
        ("--account support@example.org", "--account no@example.org"),
        ("--credential support@example.org/desk", "--credential crd_aaaaaaaa"),
    ] {
        let told = scene.failure(&format!("queue hold {which} {bob}")).await;
        assert_eq!(told, scene.failure(&format!("queue hold {absent} {bob}")).await);
        assert!(told.0.starts_with("postern: There is no such account or credential\n"), "{}", told.0);
    }

    // What takes out many says so first, where nobody can be asked.
    let (text, code) = scene.failure("queue remove --all").await;
    assert!(
        text.starts_with("postern: 4 messages are to be taken out: 4 recipients do not get them") && code == 2,
        "{text}"
    );
    let text = scene.text("credential show support@example.org/desk").await;
    assert!(row(&text, "Waiting").starts_with("1 message: postern queue list --credential crd_"), "{text}");
    let used = "today 0 recipients, 0 of 200 new, 0 B; this minute 0 of 30 messages";
    assert_eq!(row(&text, "Used"), used, "mail within the house counts nothing: {text}");
    let text = scene.text("credential revoke support@example.org/desk").await;
    assert!(text.contains("1 message that it handed in waits to be sent still, and leaves.\nNext: to take them out now: postern queue remove --credential crd_"), "{text}");
    let id = issued["id"].as_str().unwrap();
    assert_eq!(scene.json(&format!("queue list --credential {id}")).await["messages"][0]["id"], "msg_dddddddddddd");
    let text = scene.text(&format!("queue remove --credential {id} --yes")).await;
    assert!(
        text.starts_with(&format!("1 message that {id} handed in is taken out: 1 recipient does not get it")),
        "{text}"
    );
    let text = scene.text("delegate remove support@example.org alice@example.org").await;
    let still =
        "3 messages that alice@example.org sent as support@example.org wait to be sent still, and leave.\nNext: ";
    assert!(text.contains(still) && text.contains("postern queue list --account support@example.org\n"), "{text}");
    // What she sent is hers to take back, whatever she may do now.
    let removed = scene.json(&format!("queue remove --all --yes {}", acting(ALICE))).await;
    assert_eq!((&removed["messages"], &removed["left_messages"]), (&3.into(), &0.into()), "{removed}");
}

/// A credential is of a shared mailbox: of a person's own it is said what to do instead.
#[tokio::test]
async fn a_person_needs_no_credential() {
    let (scene, _open, acting) = Scene::with_delegate().await;
    let issue = |address: &str| {
        format!("credential issue {address} --purpose backup --owner {ALICE} --reason copy --any-network")
    };
    for (by, whose) in [("", "a person's own"), (&*acting(ALICE), "no shared")] {
        let (text, code) = scene.failure(&format!("{} {by}", issue(ALICE))).await;
        assert!(
            text.contains(&format!("is {whose} mailbox, and credentials are of shared ones. People sign in as"))
                && code == 1,
            "{text}"
        );
    }
    let bob = acting("bob@example.org");
    let told = scene.failure(&format!("{} {bob}", issue(ALICE))).await.0.replace(ALICE, "WHO");
    assert!(told.contains("There is no shared mailbox WHO"), "{told}");
}

/// How one's own mail is sent is one's own to say.
#[tokio::test]
async fn a_person_says_how_their_own_mail_is_sent() {
    let (scene, open, acting) = Scene::with_delegate().await;
    let alice = acting(ALICE);
    let text = scene.text(&format!("person show --self {alice}")).await;
    assert_eq!(
        (row(&text, "Copy of what you send"), row(&text, "Can be taken back")),
        ("in your Sent", "no: it leaves at once")
    );
    let text = scene.text(&format!("person set --self --undo 30s --sent-copy none {alice}")).await;
    assert_eq!(
        (row(&text, "Copy of what you send"), row(&text, "Can be taken back")),
        ("none", "for 30 seconds"),
        "{text}"
    );
    let me = scene.json(&format!("person show --self {alice}")).await;
    assert_eq!((&me["sent_copy"], &me["undo_seconds"]), (&"none".into(), &30.into()), "{me}");
    let trail = scene.text("audit list --account alice@example.org --limit 9").await;
    assert!(trail.contains("changed how alice@example.org sends: sent copy none, undo 30 seconds ("), "{trail}");
    scene.text(&format!("person set --self --sent-copy own {alice}")).await;
    assert_eq!(scene.json(&format!("person show --self {alice}")).await["undo_seconds"], 30, "what is not named stays");

    let (text, code) = scene.failure("person set --self --undo 30s").await;
    assert!(text.contains("people who have signed in") && code == 1, "{text}");
    let (text, code) = scene.failure(&format!("person set --self {alice}")).await;
    assert!(text.contains("nothing is to be changed") && code == 2, "{text}");
    // Mail as herself waits now.
    let raw = b"From: alice@example.org\r\nTo: bob@example.org\r\nSubject: private\r\n\r\nFor Bob.\r\n";
    let password = std::fs::read_to_string(scene.folder.path().join(ALICE)).unwrap();
    scene.submit_raw(open.house(), (ALICE, password.trim()), (ALICE, raw), MESSAGE).await;
    assert_eq!(scene.json(&format!("queue show {MESSAGE} {alice}")).await["state"], "undo");
}

/// How a shared mailbox sends is set, shown and on the trail.
#[tokio::test]
async fn a_shared_mailbox_says_how_it_sends() {
    let (scene, _serving) = Scene::at_work().await;
    let text = scene.text("shared show support@example.org").await;
    assert_eq!(row(&text, "Sent copy"), "shared: in its own Sent");
    assert_eq!(
        (row(&text, "Undo"), row(&text, "Stale replies").starts_with("off")),
        ("off: what is sent leaves at once", true)
    );
    let set = "shared set support@example.org --sent-copy both --show-sender via --undo 30s --stale-reply 2h";
    let text = scene.text(set).await;
    assert_eq!(row(&text, "Sent copy"), "both: in its own Sent, and in that of who sent it");
    assert_eq!(row(&text, "Sender"), "via: named in From, as in Alice via Support");
    assert!(row(&text, "Undo").starts_with("30 seconds: ") && row(&text, "Stale replies").starts_with("2 hours: "));
    let shown = scene.json("shared show support@example.org").await;
    assert_eq!(
        (&shown["sent_copy"], &shown["show_sender"], &shown["undo_seconds"], &shown["stale_reply_minutes"]),
        (&"both".into(), &"via".into(), &30.into(), &120.into())
    );
    scene.text(set).await;
    scene.text("shared set support@example.org --undo 0 --stale-reply off").await;
    let trail = scene.text("audit list --account support@example.org --limit 2").await;
    assert!(trail.contains("changed settings of support@example.org: no undo, no look for stale replies ("), "{trail}");
    let all =
        "settings of support@example.org: sent copy both, show sender via, undo 30 seconds, stale reply 2 hours (";
    assert!(trail.contains(all), "{trail}");

    // A person's own mail is sent as they say, and not as the shared mailbox was.
    scene.text("shared convert-to-person support@example.org").await;
    scene.text("shared convert-from-person support@example.org --yes").await;
    let shown = scene.json("shared show support@example.org").await;
    assert_eq!((&shown["sent_copy"], &shown["show_sender"]), (&"shared".into(), &"hidden".into()), "{shown}");
}

/// Whom campaigns are not sent to.
#[tokio::test]
async fn nobody_is_suppressed_at_first() {
    let (scene, _serving) = Scene::at_work().await;
    let text = scene.text("shared suppressed support@example.org").await;
    assert!(text.starts_with("Campaigns of support@example.org go to everybody"), "{text}");
    assert_eq!(scene.json("shared suppressed support@example.org").await["recipients"].as_array().unwrap().len(), 0);
    let (text, _) = scene.failure("shared unsuppress support@example.org gone@example.net").await;
    assert!(text.contains("Next step: see which there are: postern shared suppressed support@example.org"), "{text}");
    assert!(scene.failure("shared suppressed nothing@example.org").await.0.contains("postern shared list"));
}

/// What a credential sends is shown when it is issued, afterwards, and on the trail.
#[tokio::test]
async fn a_credential_says_what_it_sends() {
    let (scene, _serving) = Scene::at_work().await;
    let issue = "credential issue support@example.org --owner alice@example.org --reason needed --any-network";
    let text = scene.text(&format!("{issue} --purpose marketing")).await;
    let template = "600 messages a minute, 10,000 recipients and as many new ones a day, slowed down beyond";
    assert_eq!((row(&text, "Sends"), row(&text, "May  ")), (template, "send as support@example.org"), "{text}");
    let text = scene.text(&format!("{issue} --purpose device")).await;
    let own = "recipients in your own domains only, 30 messages a minute, refused beyond";
    assert_eq!(row(&text, "Sends"), own, "{text}");

    scene.text("shared set support@example.org --add-alias help@example.org").await;
    let narrow = format!(
        "{issue} --purpose ticketing --name tickets --from help@example.org --max-recipients-per-day 500 \
         --max-messages-per-minute 60 --max-bytes-per-day 1G --on-limit suspend"
    );
    let text = scene.text(&narrow).await;
    assert!(row(&text, "May  ").ends_with("send as help@example.org"), "{text}");
    assert!(text.contains("Wider than ticketing needs: 60 messages in a minute. "), "{text}");
    let shown = scene.text("credential show support@example.org/tickets").await;
    let sends = row(&shown, "Sends");
    assert!(
        sends.starts_with("60 messages a minute, 500 recipients a day, 200 new recipients a day until 20"),
        "{sends}"
    );
    assert!(sends.ends_with("Z, 1.0 GiB a day, suspended beyond"), "{sends}");
    let sending = &scene.json("credential show support@example.org/tickets").await["credential"]["sending"];
    assert_eq!(
        (&sending["from"][0], &sending["own_domains_only"], &sending["messages_per_minute"], &sending["on_limit"]),
        (&"help@example.org".into(), &false.into(), &60.into(), &"suspend".into()),
        "{sending}"
    );
    assert!(sending["new_recipients_per_day"].is_null() && sending["while_young"]["new_recipients_per_day"] == 200);
    let trail = scene.text("audit list --account support@example.org --limit 1").await;
    let told = " sends as 1 address, 60 messages a minute, 500 recipients a day, 1073741824 bytes a day, at a limit suspend \
                from any network until 20";
    assert!(trail.contains(told), "{trail}");
    assert!(trail.contains("sends as help@example.org"), "{trail}");

    let backup = scene.json(&format!("{issue} --purpose backup --name nightly")).await;
    assert!(backup["credential"]["sending"].is_null(), "{backup}");
    for (flags, says) in [
        ("--purpose backup --max-messages-per-minute 5", "add the protocol submission"),
        ("--purpose ticketing --from sales@example.org", "is no address of this mailbox"),
    ] {
        let (text, _) = scene.failure(&format!("{issue} {flags}")).await;
        assert!(text.contains(says), "{flags}: {text}");
    }
}
