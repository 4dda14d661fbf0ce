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
        let attempt = Attempt {
            username: ALICE.to_owned(),
            secret: Secret::new(password.trim()),
            peer: Peer { address: None, encrypted: true },
            protocol: "submission",
            mechanism: "PLAIN",
        };
        let session = house.sign_in(attempt).await.unwrap();
        let raw = "From: support@example.org\r\nTo: bob@example.org\r\nSubject: private\r\n\r\nFor Bob.\r\n";
        let request = SubmitRequest {
            id: id.to_owned(),
            raw: Arc::new(raw.as_bytes().to_vec()),
            received: "Received: by mail.example.org\r\n".to_owned(),
            reverse_path: Some(Address::parse("support@example.org").unwrap()),
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
    assert!(document["all_messages"].is_null() && document["next_before"].is_null(), "{document}");
    assert_eq!(scene.json("queue list").await["all_messages"], 2);
    let older = scene.json("queue list --before msg_abcdefghijk2").await;
    assert_eq!(older["messages"].as_array().unwrap().len(), 1, "{older}");

    let text = scene.text(&format!("queue hold {MESSAGE}")).await;
    assert!(text.starts_with(&format!("{MESSAGE} is held: it leaves when somebody says so.\nNext: ")), "{text}");
    let shown = scene.text(&format!("queue show {MESSAGE}")).await;
    assert_eq!((row(&shown, "Next  "), row(&shown, "Sender")), ("held by operator(0)", ALICE), "{shown}");
    assert_eq!(row(&shown, "bob@example.org"), "0      held      -", "{shown}");
    assert!(!shown.contains("private"), "{shown}");
    let text = scene.text(&format!("queue retry {MESSAGE}")).await;
    assert!(text.starts_with(&format!("{MESSAGE} is sent now, to 1 recipient.\n")), "{text}");
    let document = scene.json(&format!("queue show {MESSAGE}")).await;
    assert!(document["held_because"].is_null() && !document["next_try_at"].is_null(), "{document}");
    assert_eq!(document["recipients"][0]["address"], "bob@example.org");
    let removed = scene.json(&format!("queue remove {MESSAGE}")).await;
    assert_eq!((&removed["removed_recipients"], &removed["message"]["id"]), (&1.into(), &MESSAGE.into()));
    let (text, _) = scene.failure("queue list --account nobody@example.org").await;
    assert!(text.starts_with("postern: There is no account nobody@example.org"), "{text}");
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

    // Nothing could change them on a person's own account, so they end with it.
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
