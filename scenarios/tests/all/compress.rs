//! COMPRESS=DEFLATE (RFC 4978) over the real wire: a client that sends little which means much.

use crate::process::{PASSWORD, Serving, init};
use postern_testkit::ImapClient;
use tokio::net::TcpStream;

/// What a client sends, once it is inflated; on the wire it is a thousandth.
const BOMB_BYTES: usize = 1 << 30;
/// What may be held of it: its line, the pieces on their way, and what an allocator keeps.
const MOST_BYTES: u64 = 16 << 20;

/// A line and two literals of a GiB: refused by the limits that hold for everyone, each read past, and no more memory
/// is held for it than for a line.
#[test]
fn a_bomb_fills_no_memory() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let house = folder.path().join("house");
        init(&house, None).await;
        let serving = Serving::start(&house, &[]).await;
        serving.person("alice@example.org").await;
        let stream = TcpStream::connect(serving.listener("imap")).await.expect("it listens");
        let mut alice = ImapClient::start(stream, "alice").await;
        alice.login("alice@example.org", PASSWORD).await;
        alice.compress().await;
        let zeroes = vec![0; 1 << 20];
        let before = serving.most_bytes();
        for (command, refused) in [
            ("a NOOP ".to_owned(), "a BAD The line is longer than the limit"),
            (format!("b SELECT {{{BOMB_BYTES}+}}\r\n"), "b NO [TOOBIG] The command is larger"),
            (format!("c APPEND INBOX {{{BOMB_BYTES}+}}\r\n"), "c NO [TOOBIG] The message is larger"),
        ] {
            alice.send(command.as_bytes()).await;
            for _ in 0..BOMB_BYTES / zeroes.len() {
                alice.send(&zeroes).await;
            }
            alice.send(b"\r\n").await;
            let answer = String::from_utf8_lossy(&alice.response().await).into_owned();
            assert!(answer.starts_with(refused), "{answer}");
        }
        let more = serving.most_bytes().saturating_sub(before);
        assert!(more <= MOST_BYTES, "{more} bytes more");
        alice.ok("NOOP", "Done").await;
    });
}
