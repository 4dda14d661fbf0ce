//! Operations on a mailbox, over IMAP. A keeper prepares each, sees what it did, and undoes it.

use super::cells::Word;
use postern_app::Denied;
use postern_testkit::{Answer, ImapClient};
use postern_types::Letter;

const LETTER: &[u8] = b"From: Customer <customer@example.net>\r\nSubject: Help\r\n\r\nPlease.\r\n";
const FLAGS: &str = "(\\Seen \\Flagged \\Deleted)";

/// What the server said, as the matrix writes it.
fn word(answer: &Answer) -> Word {
    let status = answer.status.as_str();
    if status.starts_with("OK") {
        return Word::Yes;
    }
    if status == "NO [NONEXISTENT] No such mailbox" || status == "NO [TRYCREATE] No such mailbox" {
        return Word::Hidden;
    }
    let of_letter = |letter: &Letter| status == format!("NO [NOPERM] {}", Denied::Missing { missing: *letter });
    let protected = |letter: &Letter| status == format!("NO [NOPERM] {}", Denied::Protected { withheld: *letter });
    if let Some(letter) = Letter::ALL.into_iter().find(of_letter) {
        return Word::Missing(letter);
    }
    match [Letter::DeleteMailbox, Letter::Expunge].into_iter().find(protected) {
        Some(letter) => Word::Kept(letter),
        None => panic!("no word of the matrix: {status}"),
    }
}

/// Tries one operation in `mailbox` as `client`; the keeper knows the same one as `kept`.
pub async fn attempt(
    client: &mut ImapClient,
    mailbox: &str,
    keeper: &mut ImapClient,
    kept: &str,
    operation: &str,
) -> Word {
    match operation {
        "lookup" => {
            let listed = client.ok(&format!("LIST \"\" {mailbox}"), "").await;
            let line = listed.line_with(&format!(" {mailbox}"));
            match line.is_some_and(|line| !line.contains("\\NonExistent")) {
                true => Word::Yes,
                false => Word::Hidden,
            }
        }
        "read" => {
            let answer = word(&client.command(&format!("EXAMINE {mailbox}")).await);
            if answer == Word::Yes {
                client.ok("UNSELECT", "").await;
            }
            answer
        }
        "change-flags" => change_flags(client, mailbox, keeper, kept).await,
        "insert" => {
            let answer = client.append(mailbox, "", LETTER).await;
            if let Some(uid) = appended(&answer) {
                assert!(take_out(keeper, kept, &uid).await, "what was added is there");
            }
            word(&answer)
        }
        "create-child" => {
            let answer = word(&client.command(&format!("CREATE {mailbox}/Child")).await);
            assert_eq!(drop_child(keeper, kept).await, answer == Word::Yes, "CREATE did what it said");
            answer
        }
        "delete-mailbox" => {
            // INBOX itself nobody deletes; a new child has the grants of its parent.
            keeper.ok(&format!("CREATE {kept}/Child"), "").await;
            let answer = word(&client.command(&format!("DELETE {mailbox}/Child")).await);
            assert_eq!(drop_child(keeper, kept).await, answer != Word::Yes, "DELETE did what it said");
            answer
        }
        "remove" => leave(client, mailbox, keeper, kept, "UID EXPUNGE {uid}").await,
        "move-out" => leave(client, mailbox, keeper, kept, "UID MOVE {uid} Taken").await,
        "own-rights" => word(&client.command(&format!("MYRIGHTS {mailbox}")).await),
        "administer" => word(&client.command(&format!("GETACL {mailbox}")).await),
        other => panic!("matrix.txt has an operation that is not tried here: {other}"),
    }
}

/// The UID of `[APPENDUID 1 2]` (RFC 4315 section 3).
fn appended(answer: &Answer) -> Option<String> {
    let (_, rest) = answer.status.split_once("[APPENDUID ")?;
    rest.split_once(']')?.0.split(' ').nth(1).map(str::to_owned)
}

async fn put_in(keeper: &mut ImapClient, kept: &str, flags: &str) -> String {
    let answer = keeper.append(kept, flags, LETTER).await;
    appended(&answer).unwrap_or_else(|| panic!("{}", answer.status))
}

/// Expunges a message; was it there?
async fn take_out(keeper: &mut ImapClient, kept: &str, uid: &str) -> bool {
    keeper.ok(&format!("SELECT {kept}"), "").await;
    let found = keeper.ok(&format!("UID STORE {uid} +FLAGS (\\Deleted)"), "").await.has("FETCH");
    keeper.ok(&format!("UID EXPUNGE {uid}"), "").await;
    keeper.ok("UNSELECT", "").await;
    found
}

/// Deletes the child; was it there?
async fn drop_child(keeper: &mut ImapClient, kept: &str) -> bool {
    word(&keeper.command(&format!("DELETE {kept}/Child")).await) == Word::Yes
}

/// Whoever is told that the selected mailbox is absent may have nothing selected any more.
async fn unselect(client: &mut ImapClient, answer: &Word) {
    let unselected = client.command("UNSELECT").await.status;
    let is_expected = unselected.starts_with("OK") || (*answer == Word::Hidden && unselected.starts_with("BAD"));
    assert!(is_expected, "{unselected}");
}

/// Flags change as far as letters go; without any of them the answer names the letter.
async fn change_flags(client: &mut ImapClient, mailbox: &str, keeper: &mut ImapClient, kept: &str) -> Word {
    let uid = put_in(keeper, kept, "").await;
    client.ok(&format!("SELECT {mailbox}"), "").await;
    let answer = client.command(&format!("UID STORE {uid} +FLAGS {FLAGS}")).await;
    unselect(client, &word(&answer)).await;
    keeper.ok(&format!("SELECT {kept}"), "").await;
    let now = keeper.ok(&format!("UID FETCH {uid} FLAGS"), "FETCH").await;
    let changed = ["\\Seen", "\\Flagged", "\\Deleted"].iter().any(|flag| now.has(flag));
    keeper.ok("UNSELECT", "").await;
    assert_eq!(changed, word(&answer) == Word::Yes, "STORE did what it said: {:?}", now.lines());
    assert!(take_out(keeper, kept, &uid).await, "the message stayed");
    word(&answer)
}

/// A message that goes, by a command with its UID.
async fn leave(client: &mut ImapClient, mailbox: &str, keeper: &mut ImapClient, kept: &str, command: &str) -> Word {
    let uid = put_in(keeper, kept, "\\Deleted").await;
    client.ok(&format!("SELECT {mailbox}"), "").await;
    let answer = word(&client.command(&command.replace("{uid}", &uid)).await);
    unselect(client, &answer).await;
    assert_eq!(take_out(keeper, kept, &uid).await, answer != Word::Yes, "{command} did what it said");
    answer
}
