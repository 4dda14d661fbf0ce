//! WITHIN (RFC 5032) and SAVEDATE (RFC 8514): when a message came, and when it came here.

mod common;

use common::{MAIL, Scene};

/// The clock of the scene stands at 22 November 2026, 21:00:00.
#[tokio::test]
async fn messages_are_found_by_their_age_and_by_when_they_came_here() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    let capabilities = alice.untagged("CAPABILITY").await;
    assert!(capabilities[0].contains(" WITHIN SAVEDATE "), "{capabilities:?}");
    let size = MAIL.len();
    for date in ["22-Nov-2026 20:00:00 +0000", "22-Nov-2026 21:00:00 +0000", "01-Jan-2015 18:50:53 +0100"] {
        let answer = alice.last(&format!("APPEND INBOX \"{date}\" {{{size}+}}\r\n{MAIL}")).await;
        assert!(answer.starts_with("OK"), "{answer}");
    }
    alice.ok("SELECT INBOX").await;
    // RFC 5032 section 2: to the second, and what is just so old is both.
    for (search, found) in [
        ("OLDER 3600", "* SEARCH 1 3"),
        ("YOUNGER 3600", "* SEARCH 1 2"),
        ("OLDER 3601", "* SEARCH 3"),
        ("YOUNGER 3599", "* SEARCH 2"),
        ("YOUNGER 1", "* SEARCH 2"),
        ("OLDER 4294967295", "* SEARCH"),
        ("NOT YOUNGER 4294967295", "* SEARCH"),
        // RFC 8514 section 4.3: the day on which it came here, whatever it says of itself.
        ("SAVEDON 22-Nov-2026", "* SEARCH 1 2 3"),
        ("SAVEDBEFORE 22-Nov-2026", "* SEARCH"),
        ("SAVEDSINCE 22-Nov-2026 BEFORE 1-Jan-2020", "* SEARCH 3"),
        ("SAVEDSINCE 23-Nov-2026", "* SEARCH"),
        ("SAVEDATESUPPORTED", "* SEARCH 1 2 3"),
    ] {
        assert_eq!(alice.untagged(&format!("SEARCH {search}")).await, [found], "{search}");
    }
    for wrong in ["OLDER 0", "YOUNGER x", "SAVEDON x", "SAVEDON"] {
        assert!(alice.last(&format!("SEARCH {wrong}")).await.starts_with("BAD"), "{wrong}");
    }
    assert_eq!(
        alice.untagged("FETCH 3 (INTERNALDATE SAVEDATE)").await,
        ["* 3 FETCH (INTERNALDATE \" 1-Jan-2015 17:50:53 +0000\" SAVEDATE \"22-Nov-2026 21:00:00 +0000\")"]
    );
    // A copy came when it was copied, and is as old as what it was copied from.
    alice.ok("COPY 3 Archive").await;
    alice.ok("EXAMINE Archive").await;
    assert_eq!(alice.untagged("SEARCH SAVEDON 22-Nov-2026 SENTBEFORE 1-Jan-2020").await, ["* SEARCH 1"]);
}
