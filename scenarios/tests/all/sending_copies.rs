//! The copy of what was sent: exactly once, whether the client files one before, after or never, and
//! never hidden by a message that looks like it (docs/design.md section 6).

use crate::sending::{ALICE, BOB, CUSTOMER, SEND_AS, SUPPORT, at_work, letter, only};
use postern_testkit::{House, ImapClient, PASSWORD, scenario};

const SENT: &str = "Shared/support@example.org/Sent";

/// A delegate of support@ at both of their connections.
async fn delegate(house: &House, name: &str) -> (postern_testkit::SmtpClient, ImapClient) {
    house.delegate(SUPPORT, name, SEND_AS).await;
    (house.submission_as(name).await, house.imap_as(name).await)
}

async fn count(imap: &mut ImapClient, mailbox: &str, messages: u64) {
    imap.ok(&format!("STATUS \"{mailbox}\" (MESSAGES)"), &format!("MESSAGES {messages}")).await;
}

/// The client files a copy; it must be taken.
async fn file(imap: &mut ImapClient, mailbox: &str, flags: &str, message: &[u8]) -> postern_testkit::Answer {
    let answer = imap.append(mailbox, flags, message).await;
    assert!(answer.status.starts_with("OK"), "{}", answer.status);
    answer
}

scenario! {
    /// The client files its copy after it has sent: it is answered with the one that is there, whose flags are
    /// merged. What differs in the body is another message, and is kept.
    async fn a_client_that_files_after_gets_no_second_copy(house: House) {
        let _sink = at_work(&house).await;
        let (mut smtp, mut imap) = delegate(&house, ALICE).await;
        let message = letter(SUPPORT, CUSTOMER, "1");
        smtp.sends(SUPPORT, &[CUSTOMER], &message).await;
        count(&mut imap, SENT, 1).await;

        let answer = file(&mut imap, SENT, "\\Seen $Important", message.as_bytes()).await;
        assert!(answer.status.contains("[APPENDUID") && answer.status.contains(" 1]"), "{}", answer.status);
        count(&mut imap, SENT, 1).await;
        imap.ok(&format!("EXAMINE {SENT}"), "* 1 EXISTS").await;
        imap.ok("FETCH 1 FLAGS", "$Important").await;

        let other = message.replace("Please try now.", "Please try later.");
        file(&mut imap, SENT, "\\Seen", other.as_bytes()).await;
        count(&mut imap, SENT, 2).await;
        // Dated anew a moment later, as mutt does, it is the same; on another day it is not.
        let answer = file(&mut imap, SENT, "\\Seen", message.replace("10:00:00", "10:00:02").as_bytes()).await;
        assert!(answer.status.contains(" 1]"), "{}", answer.status);
        file(&mut imap, SENT, "\\Seen", message.replace("Wed, 25 Nov", "Thu, 26 Nov").as_bytes()).await;
        count(&mut imap, SENT, 3).await;
        // Another folder is no place for what was sent.
        file(&mut imap, "Shared/support@example.org/Drafts", "\\Draft", message.as_bytes()).await;
        count(&mut imap, "Shared/support@example.org/Drafts", 1).await;
        // Somebody else's copy is theirs to file.
        let (_, mut bob) = delegate(&house, BOB).await;
        file(&mut bob, SENT, "\\Seen", message.as_bytes()).await;
        count(&mut imap, SENT, 4).await;
    }

    /// The client files its copy first: the house's takes its place, so that what is there says who sent it,
    /// whatever the client wrote beside what makes it the same message.
    async fn a_client_that_files_before_gets_no_second_copy(house: House) {
        let _sink = at_work(&house).await;
        let (mut smtp, mut imap) = delegate(&house, ALICE).await;
        let message = letter(SUPPORT, CUSTOMER, "1");
        let forged = format!("Postern-Sent-By: bob@example.org\r\nCc: nobody@example.net\r\n{message}");
        file(&mut imap, SENT, "\\Seen", forged.as_bytes()).await;
        smtp.sends(SUPPORT, &[CUSTOMER], &message).await;
        let copy = only(&mut imap, SENT).await;
        assert!(copy.contains("Postern-Sent-By: alice@example.org\r\n"), "{copy}");
        assert!(!copy.contains("bob@example.org") && !copy.contains("Cc:"), "{copy}");
        file(&mut imap, SENT, "\\Seen", message.as_bytes()).await;
        count(&mut imap, SENT, 1).await;
        // The same message sent in several envelopes has one copy.
        smtp.sends(SUPPORT, &[BOB], &message).await;
        count(&mut imap, SENT, 1).await;
    }

    /// A message with the same Message-ID, filed before by somebody who wants to hide what is sent, hides nothing.
    async fn a_decoy_hides_nothing(house: House) {
        let _sink = at_work(&house).await;
        let (mut smtp, mut imap) = delegate(&house, ALICE).await;
        let (_, mut bob) = delegate(&house, BOB).await;
        let message = letter(SUPPORT, CUSTOMER, "1");
        file(&mut bob, SENT, "\\Seen", message.as_bytes()).await;
        for (from, to) in [
            ("Please try now.", "Nothing to see."),
            ("Subject: It starts again", "Subject: Lunch"),
            ("To: customer@example.net", "To: bob@example.org"),
            ("10:00:00", "10:00:01"),
        ] {
            file(&mut imap, SENT, "\\Seen", message.replace(from, to).as_bytes()).await;
        }
        count(&mut imap, SENT, 5).await;
        smtp.sends(SUPPORT, &[CUSTOMER], &message).await;
        count(&mut imap, SENT, 6).await;
        imap.ok(&format!("EXAMINE {SENT}"), "* 6 EXISTS").await;
        imap.ok("FETCH 6 BODY.PEEK[]", "Postern-Sent-By: alice@example.org").await;
    }

    /// What is answered is marked so, and what is forwarded, for whoever may mark it.
    async fn originals_are_marked(house: House) {
        let _sink = at_work(&house).await;
        let (mut smtp, mut imap) = delegate(&house, ALICE).await;
        let question = "From: customer@example.net\r\nTo: support@example.org\r\nSubject: Help\r\n\
                        Message-ID: <question@example.net>\r\n\r\nHow?\r\n";
        house.deliver(SUPPORT, question).await;
        let inbox = "Shared/support@example.org/INBOX";
        let answer = letter(SUPPORT, CUSTOMER, "1").replace("Bcc:", "In-Reply-To: <question@example.net>\r\nBcc:");
        smtp.sends(SUPPORT, &[CUSTOMER], &answer).await;
        imap.ok(&format!("EXAMINE {inbox}"), "* 1 EXISTS").await;
        let flags = imap.ok("FETCH 1 FLAGS", "\\Answered").await;
        assert!(!flags.has("$Forwarded"));
        let forward = letter(SUPPORT, BOB, "2").replace("Bcc:", "X-Forwarded-Message-Id: <question@example.net>\r\nBcc:");
        smtp.sends(SUPPORT, &[BOB], &forward).await;
        imap.ok("FETCH 1 FLAGS", "$Forwarded").await;
        // Who may send and change nothing sends, and marks nothing.
        house.deliver(SUPPORT, &question.replace("question@", "second@")).await;
        house.delegate_with(SUPPORT, BOB, "lr", SEND_AS).await;
        let mut bob = house.submission_as(BOB).await;
        bob.sends(SUPPORT, &[CUSTOMER], &answer.replace("question@", "second@").replace("<1@", "<3@")).await;
        imap.ok("NOOP", "").await;
        let flags = imap.ok("FETCH 2 FLAGS", "FLAGS").await;
        assert!(!flags.has("\\Answered"), "{flags:?}");
    }

    /// Signed in directly, or rooted at the mailbox, the copy is the mailbox's; a rooted delegate sends as
    /// nobody else.
    async fn rooted_and_direct_sessions_have_their_copies_there(house: House) {
        let sink = at_work(&house).await;
        let (_, mut imap) = delegate(&house, ALICE).await;
        let mut rooted = house.submission().await;
        assert!(rooted.auth("alice@example.org/support@example.org", PASSWORD).await.starts_with("235"));
        let reply = rooted.submit(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "1")).await;
        assert!(reply.starts_with("550 5.7.1") && reply.contains("you may send as support@example.org"), "{reply}");
        rooted.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "2")).await;
        count(&mut imap, SENT, 1).await;

        let issued = crate::direct::issue(&house, crate::direct::wish(postern_app::Purpose::Ticketing)).await;
        let mut direct = house.submission().await;
        assert!(direct.auth(SUPPORT, &crate::direct::secret(&issued)).await.starts_with("235"));
        let reply = direct.submit(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "3")).await;
        assert!(reply.starts_with("550 5.7.1"), "{reply}");
        direct.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "4")).await;
        count(&mut imap, SENT, 2).await;
        imap.ok(&format!("EXAMINE {SENT}"), "* 2 EXISTS").await;
        imap.ok("FETCH 2 BODY.PEEK[]", "Postern-Sent-By: support@example.org/ticketing").await;
        sink.wait_for(2).await;
        // Taken back, it sends nothing more: the open connection ends.
        let id = issued.row.public_id.clone();
        house.app().revoke_credential(house.operator(), &id, false).await.expect("a credential to revoke");
        let ended = direct.next_reply().await;
        assert!(ended.as_deref().is_none_or(|reply| reply.starts_with("421")), "{ended:?}");
    }
}
