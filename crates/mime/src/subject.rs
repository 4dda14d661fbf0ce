//! The base subject: a subject without `Re:`, `[list]`, `(fwd)` and their like.
//!
//! RFC 5256 section 2.1, steps 2 to 6 (step 1, decoding, is done by the caller). All clients and servers must
//! come to the same text, so nothing is added to the RFC's rules. One pass: a run of blobs is read once, since
//! no suffix of it can lead to a `Re:` that the whole run does not lead to.

/// A subject taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseSubject {
    pub(crate) base: String,
    /// Whether a reply or forward mark was taken off (RFC 5256 section 3, THREAD=REFERENCES step 5).
    pub(crate) is_reply: bool,
}

/// The base of a decoded subject.
pub(crate) fn base_subject(subject: &str) -> BaseSubject {
    let spaced = single_spaces(subject);
    let mut rest = spaced.as_str();
    let mut is_reply = false;
    loop {
        rest = without_trailers(rest, &mut is_reply);
        rest = without_leaders(rest, &mut is_reply);
        // Step 6: "[fwd: subject]" around what is left.
        match strip_prefix_ignoring_case(rest, "[fwd:").and_then(|inner| inner.strip_suffix(']')) {
            Some(inner) => {
                is_reply = true;
                rest = inner;
            }
            None => return BaseSubject { base: rest.to_owned(), is_reply },
        }
    }
}

/// Step 1, its second half: tabs and runs of spaces become one space.
fn single_spaces(subject: &str) -> String {
    let mut spaced = String::with_capacity(subject.len());
    for character in subject.chars() {
        let character = if matches!(character, '\t' | '\r' | '\n') { ' ' } else { character };
        if character != ' ' || !spaced.ends_with(' ') {
            spaced.push(character);
        }
    }
    spaced
}

/// Step 2: `(fwd)` and space at the end.
fn without_trailers<'a>(mut rest: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        rest = rest.trim_end_matches(' ');
        match rest.len().checked_sub("(fwd)".len()).and_then(|start| rest.split_at_checked(start)) {
            Some((before, trailer)) if trailer.eq_ignore_ascii_case("(fwd)") => {
                *is_reply = true;
                rest = before;
            }
            _ => return rest,
        }
    }
}

/// Steps 3 to 5: `subj-leader`s, and `subj-blob`s that something follows.
fn without_leaders<'a>(mut rest: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        rest = rest.trim_start_matches(' ');
        let (mut after_blobs, mut last_blob) = (rest, rest);
        while let Some(after) = after_blob(after_blobs) {
            (last_blob, after_blobs) = (after_blobs, after);
        }
        match after_reply_mark(after_blobs) {
            Some(after) => {
                *is_reply = true;
                rest = after;
            }
            // The last blob is the subject where nothing follows it.
            None if after_blobs.is_empty() => return last_blob,
            None => return after_blobs,
        }
    }
}

/// `subj-blob = "[" *BLOBCHAR "]" *WSP`: what follows it.
fn after_blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    Some(inner[end..].strip_prefix(']')?.trim_start_matches(' '))
}

/// `subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"`: what follows it.
fn after_reply_mark(text: &str) -> Option<&str> {
    let after = ["re", "fwd", "fw"].into_iter().find_map(|mark| strip_prefix_ignoring_case(text, mark))?;
    let after = after.trim_start_matches(' ');
    after_blob(after).unwrap_or(after).strip_prefix(':')
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}
