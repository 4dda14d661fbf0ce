//! COMPRESS (RFC 4978): its dialogue, all that goes through it, and its limits.

mod common;

use common::{MAIL, PASSWORD, Scene};

/// RFC 4978 section 3: what its examples show.
#[tokio::test]
async fn both_sides_compress_after_its_ok() {
    let scene = Scene::new().await;
    let mut alice = scene.connect().await;
    assert!(!alice.untagged("CAPABILITY").await[0].contains("COMPRESS"));
    assert!(alice.last("COMPRESS DEFLATE").await.starts_with("BAD Sign in first"));
    let welcome = alice.last(&format!("LOGIN alice@example.org \"{PASSWORD}\"")).await;
    assert!(welcome.contains(" COMPRESS=DEFLATE"), "{welcome}");
    for unknown in ["COMPRESS LZ4", "COMPRESS", "COMPRESS DEFLATE 9"] {
        assert!(alice.last(unknown).await.starts_with("BAD "), "{unknown}");
    }
    alice.compress().await;
    assert_eq!(alice.untagged("STATUS INBOX (MESSAGES)").await, ["* STATUS INBOX (MESSAGES 0)"]);
    assert_eq!(alice.last("COMPRESS DEFLATE").await, "BAD [COMPRESSIONACTIVE] DEFLATE is active already");
    alice.send("b LOGOUT\r\n").await;
    assert_eq!(alice.rest().await, ["* BYE Until next time", "b OK Logged out"]);
}

/// RFC 4978 section 3: the client sends nothing more until it has the answer. What it sent all
/// the same could be either, so nothing is compressed.
#[tokio::test]
async fn what_follows_unasked_keeps_it_off() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    alice.send("b COMPRESS DEFLATE\r\nc NOOP\r\n").await;
    assert!(alice.answer("b").await[0].starts_with("BAD Nothing is sent after COMPRESS"));
    assert_eq!(alice.answer("c").await, ["OK Done"]);
    alice.compress().await;
    alice.ok("NOOP").await;
}

#[tokio::test]
async fn literals_go_both_ways_and_idle_hears() {
    let scene = Scene::new().await;
    scene.give("bob", "lrs").await;
    let (mut alice, mut bob) = (scene.client("alice").await, scene.client("bob").await);
    alice.compress().await;
    bob.compress().await;
    bob.ok("SELECT Shared/support@example.org/INBOX").await;
    bob.send("i IDLE\r\n").await;
    assert!(bob.line().await.unwrap().starts_with("+ "));
    let line = |number: u32| format!("{:08x} is what this line is about.\r\n", number.wrapping_mul(2_654_435_761));
    let mail = format!("{MAIL}{}", (0..40_000).map(line).collect::<String>());
    alice.send(&format!("b APPEND Shared/support@example.org/INBOX {{{}}}\r\n", mail.len())).await;
    assert!(alice.line().await.unwrap().starts_with("+ "));
    alice.send(&mail).await;
    alice.send("\r\n").await;
    assert!(alice.answer("b").await[0].starts_with("OK [APPENDUID "));
    assert_eq!(bob.line().await.unwrap(), "* 1 EXISTS");
    bob.send("DONE\r\n").await;
    bob.answer("i").await;
    let fetched = bob.untagged("FETCH 1 BODY.PEEK[]").await;
    let expected = format!("* 1 FETCH (BODY[] {{{}}}\r\n{mail})", mail.len());
    assert!(fetched.contains(&expected), "the same bytes");
}

/// docs/design.md section 4: a sign-in that was taken back ends a compressed reply as any other.
#[tokio::test]
async fn a_compressed_reply_ends_with_its_sign_in() {
    let scene = Scene::new().await;
    let mut carol = scene.client_by("carol", 1000).await;
    carol.compress().await;
    let line = |number: u32| format!("{:08x}\r\n", number.wrapping_mul(2_654_435_761));
    let mail = format!("{MAIL}{}", (0..100_000).map(line).collect::<String>());
    assert!(carol.append("INBOX", "", &mail).await.starts_with("OK"));
    carol.ok("SELECT INBOX").await;
    let mut idle = scene.client("carol").await;
    idle.compress().await;
    idle.send("i IDLE\r\n").await;
    assert!(idle.line().await.unwrap().starts_with("+ "));
    let before = carol.taken_bytes();
    carol.send("f FETCH 1 BODY.PEEK[]\r\n").await;
    while carol.taken_bytes() == before {
        tokio::task::yield_now().await;
    }
    scene.suspend("carol").await;
    let taken = carol.taken_bytes();
    carol.ended().await;
    assert!(carol.taken_bytes() - taken <= 64 << 10);
    assert_eq!(idle.rest().await, ["* BYE Your sign-in has ended"]);
}

#[tokio::test]
async fn so_many_compress_and_the_others_go_on_without() {
    let scene = Scene::with(|limits| limits.compressed_connections = 1).await;
    let (mut alice, mut bob) = (scene.client("alice").await, scene.client("bob").await);
    alice.compress().await;
    let refused = "NO [LIMIT] As many connections compress as may; go on without";
    assert_eq!(bob.last("COMPRESS DEFLATE").await, refused);
    bob.ok("NOOP").await;
    alice.send("b LOGOUT\r\n").await;
    alice.rest().await;
    alice.ended().await;
    bob.compress().await;
    bob.ok("NOOP").await;
}

/// What is no DEFLATE ends the connection: where a command begins can not be known any more.
#[tokio::test]
async fn a_broken_stream_is_an_end() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    alice.ok("COMPRESS DEFLATE").await;
    // A block of the kind that is reserved (RFC 1951 section 3.2.3).
    alice.send("\x07\r\n").await;
    assert!(alice.rest().await.is_empty());
    alice.ended().await;
}
