//! How commands end: completions, the codes of refusals, and the end of a connection.
//!
//! Texts come from the house, codes are IMAP's (RFC 9051 section 7.1, RFC 5530). Hidden and
//! absent are one text with one code (RFC 5530 section 3, NONEXISTENT).

use postern_app::{Denied, Refused, Rule};
use postern_imap_wire::{Encoder, ResponseCode, Status, Tag};
use postern_types::{ModSeq, Uid, UidValidity};
use std::borrow::Cow;

/// What a command is answered with, after its untagged replies.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    pub(crate) status: Status,
    pub(crate) code: Option<Code>,
    pub(crate) text: Cow<'static, str>,
}

/// A response code that owns what it tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// One without contents, or with contents that are copied.
    Fixed(ResponseCode<'static>),
    /// What the server can do now.
    Capability(Vec<&'static str>),
    /// What STORE left alone (RFC 7162 section 3.1.3).
    Modified(Vec<u32>),
    /// What a mailbox is called, whatever its name (RFC 8474 section 4.1).
    MailboxId(String),
    /// Which UIDs became which (RFC 9051 section 7.1).
    CopyUid(Box<CopyUid>),
    /// HIGHESTMODSEQ, up to where everything is told when all that comes before it is (RFC 7162 section 3.2.7).
    Told,
}

/// The contents of COPYUID.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CopyUid {
    pub(crate) uid_validity: UidValidity,
    pub(crate) source: Vec<Uid>,
    pub(crate) destination: Vec<Uid>,
}

impl CopyUid {
    pub(crate) fn code(&self) -> ResponseCode<'_> {
        ResponseCode::CopyUid { uid_validity: self.uid_validity, source: &self.source, destination: &self.destination }
    }
}

impl Completion {
    pub(crate) fn ok(text: &'static str) -> Self {
        Self { status: Status::Ok, code: None, text: Cow::Borrowed(text) }
    }
    pub(crate) fn no(code: ResponseCode<'static>, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::No, code: Some(Code::Fixed(code)), text: text.into() }
    }
    pub(crate) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Bad, code: None, text: text.into() }
    }
    pub(crate) fn with(self, code: ResponseCode<'static>) -> Self {
        Self { code: Some(Code::Fixed(code)), ..self }
    }

    /// The same with the code that is made when all before it is told.
    pub(crate) fn with_told(self) -> Self {
        Self { code: Some(Code::Told), ..self }
    }

    /// Writes it as the completion of the command with this tag. `told`: up to which change the client knows everything,
    /// where a mailbox is selected that has modification sequences.
    pub(crate) fn write(&self, reply: &mut Encoder<'_>, tag: &Tag, told: Option<ModSeq>) {
        match &self.code {
            Some(Code::Told) => {
                let code = told.map(ResponseCode::HighestModSeq);
                reply.tagged(tag, self.status, code.as_ref(), &self.text);
            }
            None => reply.tagged(tag, self.status, None, &self.text),
            Some(Code::Fixed(code)) => reply.tagged(tag, self.status, Some(code), &self.text),
            Some(Code::Capability(names)) => {
                reply.tagged(tag, self.status, Some(&ResponseCode::Capability(names)), &self.text);
            }
            Some(Code::Modified(numbers)) => {
                reply.tagged(tag, self.status, Some(&ResponseCode::Modified(numbers)), &self.text);
            }
            Some(Code::MailboxId(id)) => reply.tagged(tag, self.status, Some(&ResponseCode::MailboxId(id)), &self.text),
            Some(Code::CopyUid(copied)) => reply.tagged(tag, self.status, Some(&copied.code()), &self.text),
        }
    }
}

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The other side is gone, has said LOGOUT, or can be told nothing any more.
    Closed,
    /// With BYE and these words.
    Bye(Option<ResponseCode<'static>>, &'static str),
}

/// The sign-in was taken back, or has ended by itself.
pub(crate) const SIGN_IN_ENDED: End = End::Bye(None, "Your sign-in has ended");

/// The end of a connection whose sign-in does not hold, or is not known to.
pub(crate) fn not_held(refused: Refused) -> End {
    match refused {
        Refused::Ended => SIGN_IN_ENDED,
        _ => End::Bye(None, "The server could not go on"),
    }
}

/// What keeps a command from its ordinary completion.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The connection ends.
    End(End),
    /// The house refused.
    Refused(Refused),
    /// Another completion.
    Answer(Completion),
}

/// How a command went.
pub(crate) type Handled = Result<Completion, Stop>;

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Stop::End(end)
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Stop::Refused(refused)
    }
}

impl From<Completion> for Stop {
    fn from(completion: Completion) -> Self {
        Stop::Answer(completion)
    }
}

/// Is it that the mailbox can not be seen, or is not there?
pub(crate) fn is_hidden(refused: &Refused) -> bool {
    matches!(refused, Refused::Denied(Denied::Hidden))
}

/// The target of APPEND, COPY and MOVE can not be seen, or is not there. RFC 9051 section
/// 6.3.12 asks for TRYCREATE unless it is certain that the mailbox can not be made; hidden
/// and absent are answered alike, so it stands in both.
pub(crate) fn no_target() -> Completion {
    Completion::no(ResponseCode::TryCreate, Denied::Hidden.to_string())
}

/// As [`refused`], for the target of APPEND, COPY and MOVE.
pub(crate) fn target_refused(error: Refused) -> Stop {
    if is_hidden(&error) { Stop::Answer(no_target()) } else { Stop::Refused(error) }
}

/// What the house's refusal is called here.
pub(crate) fn refused(refused: Refused) -> Result<Completion, End> {
    if matches!(refused, Refused::Ended) {
        return Err(SIGN_IN_ENDED);
    }
    let code = code_of(&refused).map(Code::Fixed);
    Ok(Completion { status: Status::No, code, text: refused.to_string().into() })
}

fn code_of(refused: &Refused) -> Option<ResponseCode<'static>> {
    match refused {
        Refused::Denied(Denied::Hidden) => Some(ResponseCode::NonExistent),
        Refused::Denied(_) => Some(ResponseCode::NoPerm),
        Refused::Rule(Rule::NameTaken) => Some(ResponseCode::AlreadyExists),
        Refused::Rule(Rule::HasChildren) => Some(ResponseCode::HasChildren),
        Refused::Rule(Rule::OverLimit(_)) => Some(ResponseCode::Limit),
        Refused::Rule(Rule::OverQuota) => Some(ResponseCode::OverQuota),
        Refused::Rule(_) => Some(ResponseCode::Cannot),
        Refused::Partly { cause, .. } => code_of(cause),
        Refused::Message(_) | Refused::Ended => None,
        Refused::Lost => Some(ResponseCode::Corruption),
        Refused::NoRoom | Refused::Unavailable => Some(ResponseCode::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_types::Letter;

    fn written(error: Refused) -> String {
        let mut out = Vec::new();
        let Some(tag) = Tag::parse(b"a1") else { panic!("a1 is a tag") };
        match refused(error) {
            Ok(completion) => completion.write(&mut Encoder::new(&mut out, false), &tag, None),
            Err(end) => return format!("{end:?}"),
        }
        String::from_utf8(out).unwrap()
    }

    /// RFC 5530 section 3 and RFC 9051 section 7.1: the code of each refusal.
    #[test]
    fn each_refusal_has_its_code_and_the_text_of_the_house() {
        assert_eq!(written(Denied::Hidden.into()), "a1 NO [NONEXISTENT] No such mailbox\r\n");
        assert_eq!(
            written(Denied::Missing { missing: Letter::Write }.into()),
            "a1 NO [NOPERM] You may not change flags in this mailbox; ask one of its owners\r\n"
        );
        assert_eq!(written(Rule::NameTaken.into()), "a1 NO [ALREADYEXISTS] A mailbox with that name exists\r\n");
        assert_eq!(written(Rule::OverLimit("Enough").into()), "a1 NO [LIMIT] Enough\r\n");
        assert_eq!(written(Rule::Cannot("INBOX stays").into()), "a1 NO [CANNOT] INBOX stays\r\n");
        assert!(written(Refused::Lost).starts_with("a1 NO [CORRUPTION] "));
        assert!(written(Refused::Unavailable).starts_with("a1 NO [UNAVAILABLE] "));
        assert!(written(Refused::Ended).starts_with("Bye"));
        assert_eq!(no_target().text, written(Denied::Hidden.into())["a1 NO [NONEXISTENT] ".len()..].trim_end());
    }
}
