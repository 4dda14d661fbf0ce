//! What is told to the queue of an answer, or of its absence (RFC 3463).

use postern_app::{Outcome, Said};
use postern_smtp_wire::client::{Answer, printable};

/// The server's own words.
pub(super) fn reply(answer: &Answer) -> Said {
    Said { status: answer.status(), text: answer.text(), is_reply: true }
}

/// Ours. What came from elsewhere, such as a machine's error, is made printable.
pub(super) fn ours(status: &str, text: impl AsRef<str>) -> Said {
    Said { status: status.to_owned(), text: printable(text.as_ref()), is_reply: false }
}

/// Not now, whatever was said: where a server refuses *us* for good, say at sign-in, somebody can
/// mend that, and the mail of others should not bounce meanwhile. The status tells what the
/// outcome is (RFC 3463 section 2), the text what was said.
pub(super) fn later(mut said: Said) -> Outcome {
    said.status.replace_range(..1, "4");
    Outcome::Later(said)
}

/// What a refusal means for a recipient: class 5 is for good (RFC 5321 section 4.2.1). An answer
/// that is no refusal and has no meaning where it came says nothing about the future.
pub(super) fn verdict(answer: &Answer) -> Outcome {
    match answer.class() {
        5 => Outcome::Never(reply(answer)),
        4 => later(reply(answer)),
        _ => Outcome::Later(Said { status: "4.5.0".to_owned(), ..reply(answer) }),
    }
}
