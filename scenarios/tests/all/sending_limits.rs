//! How much may be sent: limits of credentials and accounts, on a clock that the story moves on.

use crate::direct::{issue, secret, wish};
use crate::people::address;
use crate::sending::{ALICE, BOB, CUSTOMER, SEND_AS, SUPPORT, at_work, letter, only, wait_for};
use postern_app::{CredentialWish, OnLimit, Purpose, SendingWish};
use postern_testkit::{Engine, House, HouseBuilder, Sink, SmtpClient, run_by, scenario};

/// On a clock that the story moves on; this machine is counted like any other.
pub fn counted(house: HouseBuilder) -> HouseBuilder {
    house.without_exemption().standing_still()
}

pub async fn signed_in(house: &House, wish: CredentialWish) -> (SmtpClient, String) {
    let issued = issue(house, wish).await;
    let secret = secret(&issued);
    let mut client = house.submission().await;
    assert!(client.auth(SUPPORT, &secret).await.starts_with("235"));
    (client, secret)
}

pub async fn send(client: &mut SmtpClient, to: &str, id: &str) -> String {
    client.submit(SUPPORT, &[to], &letter(SUPPORT, to, id)).await
}

scenario! { by counted;
    /// Messages in a minute, recipients in a day and new ones among them: refused for now, with the moment at
    /// which there is room. Mail within the house counts nothing, and the owner hears of a day's limit once.
    async fn limits_refuse_for_now_and_tell_when(house: House) {
        let _sink = at_work(&house).await;
        let sending = SendingWish {
            messages_per_minute: Some(3),
            recipients_per_day: Some(4),
            new_recipients_per_day: Some(2),
            ..SendingWish::default()
        };
        let (mut tool, _) = signed_in(&house, CredentialWish { sending, ..wish(Purpose::Ticketing) }).await;
        for (number, to) in ["a@example.net", "b@example.net", "a@example.net"].into_iter().enumerate() {
            let reply = send(&mut tool, to, &number.to_string()).await;
            assert!(reply.starts_with("250"), "{to}: {reply}");
        }
        let reply = send(&mut tool, "a@example.net", "4").await;
        assert!(reply.starts_with("451 4.7.1") && reply.contains("3 messages in a minute"), "{reply}");
        assert!(reply.contains("try again at 20"), "{reply}");

        house.pass_minutes(1);
        let reply = send(&mut tool, "c@example.net", "5").await;
        assert!(reply.starts_with("451 4.7.1") && reply.contains("never sent before"), "{reply}");
        assert!(send(&mut tool, "b@example.net", "6").await.starts_with("250"));
        let reply = send(&mut tool, "a@example.net", "7").await;
        assert!(reply.starts_with("451 4.7.1") && reply.contains("4 recipients in a day"), "{reply}");
        let reply = send(&mut tool, "a@example.net", "8").await;
        assert!(reply.starts_with("451 4.7.1"), "{reply}");
        for number in 0..5 {
            let reply = send(&mut tool, BOB, &format!("in{number}")).await;
            assert!(reply.starts_with("250"), "mail within the house: {reply}");
        }
        let mut alice = house.imap_as(ALICE).await;
        wait_for(&mut alice, "INBOX", 1).await;
        alice.ok("EXAMINE INBOX", "* 1 EXISTS").await;
        alice.ok("FETCH 1 BODY.PEEK[]", "support@example.org/ticketing has reached a limit").await;
        house.pass_days(1);
        assert!(send(&mut tool, "a@example.net", "9").await.starts_with("250"));
    }

    /// A credential that is to stop at a limit is suspended, and its owner told.
    async fn a_credential_may_stop_at_a_limit(house: House) {
        let _sink = at_work(&house).await;
        let sending = SendingWish { recipients_per_day: Some(1), on_limit: Some(OnLimit::Suspend), ..SendingWish::default() };
        let (mut tool, secret) = signed_in(&house, CredentialWish { sending, ..wish(Purpose::Ticketing) }).await;
        assert!(send(&mut tool, "a@example.net", "1").await.starts_with("250"));
        let reply = send(&mut tool, "b@example.net", "2").await;
        assert!(reply.starts_with("550 5.7.1") && reply.contains("suspended") || reply.starts_with("421"), "{reply}");
        let mut again = house.submission().await;
        assert!(again.auth(SUPPORT, &secret).await.starts_with("535"));
        let mut alice = house.imap_as(ALICE).await;
        wait_for(&mut alice, "INBOX", 1).await;
    }

    /// A device sends within the house alone, and a credential with From sends as nothing else.
    async fn scopes_of_sending_hold(house: House) {
        let sink = at_work(&house).await;
        let (mut scanner, _) = signed_in(&house, wish(Purpose::Device)).await;
        let reply = send(&mut scanner, CUSTOMER, "1").await;
        assert!(reply.starts_with("550 5.7.1") && reply.contains("within the organisation"), "{reply}");
        assert!(send(&mut scanner, BOB, "2").await.starts_with("250"));
        let alias = postern_app::SharedChange { add_aliases: vec![address("help@example.org")], ..Default::default() };
        house.app().set_shared(house.operator(), &address(SUPPORT), alias).await.expect("an alias");
        let sending = SendingWish { from: vec![address("help@example.org")], ..SendingWish::default() };
        let (mut tool, _) = signed_in(&house, CredentialWish { sending, ..wish(Purpose::Ticketing) }).await;
        let reply = send(&mut tool, CUSTOMER, "3").await;
        assert!(reply.starts_with("550 5.7.1") && reply.contains("you may send as help@example.org"), "{reply}");
        let letter = letter("help@example.org", CUSTOMER, "4");
        assert!(tool.submit("help@example.org", &[CUSTOMER], &letter).await.starts_with("250"));
        sink.wait_for(1).await;
    }

    /// A campaign: its recipients have reverse paths of their own, and one whose mail comes back for good is
    /// sent no other.
    async fn what_comes_back_of_a_campaign_is_suppressed(house: House) {
        let sink = at_work(&house).await;
        let (mut platform, _) = signed_in(&house, wish(Purpose::Marketing)).await;
        let offer = letter(SUPPORT, CUSTOMER, "1").replace(
            "Bcc:",
            "List-Unsubscribe: <https://example.org/leave>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nBcc:",
        );
        assert!(platform.submit(SUPPORT, &[CUSTOMER, "gone@example.com"], &offer).await.starts_with("250"));
        let mut taken = sink.wait_for(2).await;
        taken.sort_by(|one, other| one.recipients.cmp(&other.recipients));
        let path = &taken[1].from;
        assert!(path.starts_with("support+b-") && path.ends_with("=gone=example.com@example.org"), "{path}");
        assert!(taken[0].from != taken[1].from);
        assert!(taken[0].message.contains("List-Unsubscribe: <https://example.org/leave>"), "{}", taken[0].message);
        assert!(taken[0].message.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"));

        let bounce = |status: &str| format!(
            "From: mailer-daemon@example.com\r\nTo: {path}\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n\r\nNo.\r\n--x\r\n\
             Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; example.com\r\n\r\n\
             Final-Recipient: rfc822; gone@example.com\r\nAction: failed\r\nStatus: {status}\r\n\
             Diagnostic-Code: smtp; 550 {status} gone\r\n\r\n--x--\r\n"
        );
        let mut server = house.smtp().await;
        let forged = path.replace("support+b-", "support+b-a");
        assert!(server.submit("", &[&forged], &bounce("5.1.1")).await.starts_with("250"));
        assert!(server.submit("", &[path.as_str()], &bounce("4.2.2")).await.starts_with("250"));
        assert!(send(&mut platform, "gone@example.com", "2").await.starts_with("250"), "not yet");
        assert!(server.submit("", &[path.as_str()], &bounce("5.1.1")).await.starts_with("250"));
        let reply = send(&mut platform, "gone@example.com", "3").await;
        assert!(reply.starts_with("550 5.7.1") && reply.contains("came back for good"), "{reply}");
        let list = house.app().list_suppressed(house.operator(), &address(SUPPORT), None).await.expect("a list");
        assert_eq!(list.recipients.len(), 1);
        assert_eq!(list.recipients[0].address, "gone@example.com");
    }
}

/// Mails of a campaign are taken at once and leave at their pace, six hundred a minute; what a person sends
/// meanwhile passes them.
async fn at_its_pace(house: House, messages: usize) {
    let sink = at_work(&house).await;
    let (platform, secret) = signed_in(&house, wish(Purpose::Marketing)).await;
    drop(platform);
    let mut senders = tokio::task::JoinSet::new();
    for part in 0..4 {
        let mut client = house.submission().await;
        assert!(client.auth(SUPPORT, &secret).await.starts_with("235"));
        senders.spawn(async move { campaign(&mut client, part, messages / 4).await });
    }
    while let Some(sent) = senders.join_next().await {
        sent.expect("every message is taken");
    }
    let first = sink.wait_for(600).await;
    assert_eq!(first.len(), 600, "a minute's, and no more");
    let mut alice = house.submission_as(ALICE).await;
    alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "mine")).await;
    assert_eq!(sink.wait_for(601).await.len(), 601, "a person's mail passes");
    let mut all = 600;
    while all < messages {
        house.pass_minutes(1);
        all = messages.min(all + 600);
        assert_eq!(sink.wait_for(all + 1).await.len(), all + 1);
    }
    each_once(&sink, messages);
}

/// Ten thousand, as many as it may send in a day; on PostgreSQL, where each takes longer, a few minutes' worth.
mod a_campaign_leaves_at_its_pace_and_people_pass {
    use super::*;

    #[test]
    fn sqlite() {
        run_by(Engine::Sqlite, counted, |house| at_its_pace(house, 10_000));
    }

    #[test]
    fn postgres() {
        run_by(Engine::Postgres, counted, |house| at_its_pace(house, 2000));
    }
}

/// Sends a part of a campaign, each message to one recipient, many commands at a time.
async fn campaign(client: &mut SmtpClient, part: usize, messages: usize) {
    for number in 0..messages {
        let to = format!("r{part}-{number}@example.net");
        let message = letter(SUPPORT, &to, &format!("{part}-{number}"));
        client.send(format!("MAIL FROM:<{SUPPORT}>\r\nRCPT TO:<{to}>\r\nDATA\r\n").as_bytes()).await;
        for expected in ["250", "250", "354"] {
            let reply = client.reply().await;
            assert!(reply.starts_with(expected), "{to}: {reply}");
        }
        client.send(format!("{message}.\r\n").as_bytes()).await;
        let reply = client.reply().await;
        assert!(reply.starts_with("250"), "{to}: {reply}");
    }
}

fn each_once(sink: &Sink, messages: usize) {
    let recipients: std::collections::BTreeSet<String> =
        sink.taken().into_iter().flat_map(|taken| taken.recipients).filter(|to| to.starts_with('r')).collect();
    assert_eq!(recipients.len(), messages);
}

/// The limit of a mailbox is its owners' matter, whoever sends last: they hear of it, once, and not the
/// delegate who is refused. Campaigns have limits of their own and take nothing of it, and a person's notification
/// passes it.
async fn owners_hear_of_the_limit(house: House) {
    let sink = at_work(&house).await;
    sink.answer_so_many(0);
    house.delegate(SUPPORT, ALICE, SEND_AS).await;
    house.grant(SUPPORT, BOB, "lra").await;
    let (mut platform, _) = signed_in(&house, wish(Purpose::Marketing)).await;
    for number in 0..3 {
        assert!(send(&mut platform, CUSTOMER, &format!("offer{number}")).await.starts_with("250"));
    }
    let mut alice = house.submission_as(ALICE).await;
    for part in 0..20 {
        let to: Vec<String> = (0..500).map(|number| format!("r{part}-{number}@example.net")).collect();
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        let reply = alice.submit(SUPPORT, &to, &letter(SUPPORT, CUSTOMER, &part.to_string())).await;
        assert!(reply.starts_with("250"), "{part}: {reply}");
    }
    for id in ["one", "two"] {
        let reply = alice.submit(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, id)).await;
        assert!(
            reply.starts_with("451 4.7.1") && reply.contains("10000 recipients in a day, whoever sends"),
            "{reply}"
        );
    }
    assert!(send(&mut platform, CUSTOMER, "offer").await.starts_with("250"), "its limits are its own");
    // Nobody hears of what is sent with an empty reverse path; to one recipient it is a notification.
    let read = letter(SUPPORT, CUSTOMER, "read");
    assert!(alice.submit("", &[CUSTOMER], &read).await.starts_with("250"));
    let reply = alice.submit("", &[CUSTOMER, "other@example.net"], &read).await;
    assert!(reply.starts_with("451 4.7.1") && reply.contains("10000 recipients in a day"), "{reply}");
    let mut bob = house.imap_as(BOB).await;
    wait_for(&mut bob, "INBOX", 1).await;
    let told = only(&mut bob, "INBOX").await;
    for text in [
        "support@example.org has reached a limit: 10000 recipients in a day",
        "The last to send was alice@example.org.",
        "postern audit list --account support@example.org",
        "postern queue list --account support@example.org",
    ] {
        assert!(told.contains(text), "{text} is not in {told}");
    }
    let mut imap = house.imap_as(ALICE).await;
    imap.ok("STATUS INBOX (MESSAGES)", "MESSAGES 0").await;
}

/// Ten thousand recipients.
mod owners_hear_of_the_limit_of_their_mailbox {
    use super::*;

    #[test]
    fn sqlite() {
        run_by(Engine::Sqlite, counted, owners_hear_of_the_limit);
    }

    #[test]
    fn postgres() {
        run_by(Engine::Postgres, counted, owners_hear_of_the_limit);
    }
}
