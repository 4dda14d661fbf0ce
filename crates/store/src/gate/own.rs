//! What a person sets of their own account.

use super::authority::{Authority, ManageSelf};
use super::error::{GateError, Rule};
use super::people::AccountRow;
use super::shared::{check_undo, told_undo};
use crate::statements::people as sql;
use postern_access::SentCopy;

/// What changes of how a person's own mail is sent; nothing leaves a thing as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnSending {
    /// A copy is filed in their own Sent, or none.
    pub files_copy: Option<bool>,
    /// Seconds in which what they send can be taken back.
    pub undo_seconds: Option<u32>,
}

impl Authority<'_, ManageSelf> {
    /// Changes how the person's own mail is sent, and answers the account as it is then.
    pub fn set_sending(&self, change: &OwnSending) -> Result<AccountRow, GateError> {
        check_undo(change.undo_seconds)?;
        let absent = || GateError::from(Rule::Absent("such person".into()));
        let row = self.row_of_kind("person")?.ok_or_else(absent)?;
        let files_copy = change.files_copy.filter(|files| *files == (row.sent_copy == SentCopy::None.name()));
        let undo_seconds = change.undo_seconds.filter(|seconds| u64::from(*seconds) != row.undo_seconds);
        let told = [
            files_copy.map(|files| format!("sent copy {}", if files { "own" } else { "none" })),
            undo_seconds.map(told_undo),
        ];
        let told: Vec<String> = told.into_iter().flatten().collect();
        if told.is_empty() {
            return Ok(row);
        }
        // What is shared with others of their account is filed where it lies, too.
        let sent_copy = files_copy.map(|files| if files { SentCopy::Shared.name() } else { SentCopy::None.name() });
        let undo = undo_seconds.map_or(i64::try_from(row.undo_seconds).unwrap_or_default(), i64::from);
        let values = [row.id.get().into(), sent_copy.unwrap_or(&row.sent_copy).into(), undo.into()];
        self.tx().execute(&sql::SET_SENDING, &values)?;
        self.note("person.set", Some(row.id), &told.join(", "), "")?;
        self.row_of_kind("person")?.ok_or_else(absent)
    }
}
