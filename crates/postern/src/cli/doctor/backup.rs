//! When the house was last copied.
//!
//! Postern makes no copies itself yet, and can not know of those that others make. Whoever makes
//! them says so by touching one file (docs/backup.md), and its age is all that is told: whether
//! the copy can be restored, only a restore says.

use super::check::{Check, Group};
use crate::process::quoted;
use postern_types::Timestamp;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const BACKUP: Group = Group::Backup;
/// Touched by what copies the house, when it is done.
const MARK: &str = "last-backup";
const DAY_MS: i64 = 24 * 3600 * 1000;
/// A copy that is older is one that has been forgotten.
const OLD_DAYS: i64 = 7;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub mark: PathBuf,
    pub touched: Option<Timestamp>,
    pub now: Timestamp,
}

/// Looks.
pub(super) fn look(data_dir: &Path, now: Timestamp) -> Facts {
    let mark = data_dir.join(MARK);
    let touched = std::fs::metadata(&mark).ok().map(|about| Timestamp(about.mtime().saturating_mul(1000)));
    Facts { mark, touched, now }
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    let (id, what, mark) = ("backup.age", "last backup", quoted(&facts.mark));
    let Some(touched) = facts.touched else {
        let next = format!("docs/backup.md says how a house is copied; have what copies it end with: touch {mark}");
        return vec![Check::note(BACKUP, id, what, "none is known").next(next)];
    };
    let days = (facts.now.0 - touched.0).div_euclid(DAY_MS);
    let text = match days {
        ..=0 => "less than a day ago".to_owned(),
        1 => "a day ago".to_owned(),
        days => format!("{days} days ago"),
    };
    let text = format!("{text}, by {}", facts.mark.display());
    vec![match days > OLD_DAYS {
        true => {
            Check::warn(BACKUP, id, what, text).next("why does what copies the house not run any more? docs/backup.md")
        }
        false => Check::ok(BACKUP, id, what, text),
    }]
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    #[test]
    fn a_copy_grows_old_and_none_is_no_lie() {
        let now = Timestamp(1_795_381_200_000);
        let found = |touched: Option<i64>| {
            let touched = touched.map(|days| now.plus_ms(-days * DAY_MS));
            let check = judge(&Facts { mark: "d/last-backup".into(), touched, now }).remove(0);
            (check.status, check.text)
        };
        assert_eq!(found(None), (Status::Note, "none is known".into()));
        assert_eq!(found(Some(0)), (Status::Ok, "less than a day ago, by d/last-backup".into()));
        assert_eq!(found(Some(7)).0, Status::Ok);
        assert_eq!(found(Some(8)), (Status::Warn, "8 days ago, by d/last-backup".into()));
    }
}
