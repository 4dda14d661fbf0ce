//! What a command says when it did nothing: the reason, and the next step.

use postern_http::model::Problem;
use std::fmt;
use std::path::Path;

/// Why a command did nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    reason: String,
    next: Option<String>,
    code: u8,
    is_absence: bool,
    is_sign_in_ended: bool,
    is_not_theirs: bool,
    is_away: bool,
}

impl Failure {
    /// Refused or failed: exit code 1.
    pub fn new(reason: impl Into<String>) -> Self {
        let (is_absence, is_sign_in_ended, is_not_theirs, is_away) = (false, false, false, false);
        Self { reason: reason.into(), next: None, code: 1, is_absence, is_sign_in_ended, is_not_theirs, is_away }
    }
    /// Asked in a way that can not be meant: exit code 2, as for flags that do not parse.
    pub fn usage(reason: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(reason) }
    }
    /// With what to do next.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
    /// With a next step, if what was named is not there: where to see what is.
    pub fn if_absent(self, next: &str) -> Self {
        if self.is_absence { self.next(next) } else { self }
    }
    /// With a next step, if it is somebody else's to do: what is theirs.
    pub fn if_not_theirs(self, next: &str) -> Self {
        if self.is_not_theirs { self.next(next) } else { self }
    }
    /// Is it somebody else's, or not there for them?
    pub fn is_of_rights(&self) -> bool {
        self.is_not_theirs || self.is_absence
    }
    /// With a next step, if it has none.
    pub fn or_next(self, next: impl Into<String>) -> Self {
        if self.next.is_none() { self.next(next) } else { self }
    }
    /// With what had been done before it.
    pub fn after(mut self, done: &[String]) -> Self {
        if !done.is_empty() {
            self.reason = format!("{} (done before that: {})", self.reason, done.join(", "));
        }
        self
    }
    /// With who acts, where a login decides that and not the command.
    pub fn acting_as(self, email: &str) -> Self {
        match self.is_not_theirs {
            true => self.or_next(format!("you act as {email}, by a login, until: postern logout")),
            false => self,
        }
    }
    /// With where the token came from, where it is refused.
    pub fn by_token_of(self, file: &Path) -> Self {
        match self.is_sign_in_ended {
            true => Self {
                reason: format!("the token in {} has ended, or is none", file.display()),
                ..self.next("make another: postern token create --name NAME --role ROLE")
            },
            false => self,
        }
    }
    /// The token was refused: it has ended, or is none.
    pub fn is_sign_in_ended(&self) -> bool {
        self.is_sign_in_ended
    }
    /// Nobody answers there.
    pub fn away(reason: impl Into<String>) -> Self {
        Self { is_away: true, ..Self::new(reason) }
    }
    /// Did nobody answer?
    pub fn is_away(&self) -> bool {
        self.is_away
    }
    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }
    /// The reason alone.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// A refusal of the server; its kind tells the next step.
    pub fn refused(problem: &Problem) -> Self {
        let failure = Self::new(&problem.detail);
        match problem.kind.rsplit('/').next().unwrap_or_default() {
            "absent" => Self { is_absence: true, ..failure },
            "address-taken" => failure.next(
                "see who has it: postern person list, group list, domain list; shared show EMAIL finds a shared \
                     mailbox by its aliases too; a removed one keeps its addresses for 30 days and comes back with: \
                     postern shared restore EMAIL",
            ),
            "sign-in-ended" => Self { is_sign_in_ended: true, ..failure.next("sign in again: postern login EMAIL") },
            "sign-in-refused" => {
                failure.next("a lost one is made anew by an administrator's invitation: postern person invite EMAIL")
            }
            "not-yours" => Self { is_not_theirs: true, ..failure },
            "sign-in-needed" => failure.next("sign in: postern login EMAIL"),
            "token-too-narrow" => failure.next(
                "sign in: postern login EMAIL; what a token of each role lets through: postern token create --help",
            ),
            "unavailable" => failure.next("try again; if it stays, the server's log has the cause"),
            _ => failure,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "postern: {}", self.reason)?;
        match &self.next {
            Some(next) => writeln!(f, "Next step: {next}"),
            None => Ok(()),
        }
    }
}
