//! Whose `\Seen` a message carries: the team's, each person's own, or both at once
//! (docs/decisions/0010-seen.md).
//!
//! What is stored is a set of flags for all, and for each person whether they have seen the
//! message. What is shown is made from both here, and what a client sets is taken apart here,
//! so every protocol tells the same.

use crate::{Flags, Keyword, SystemFlag};
use std::fmt;

/// How an account keeps `\Seen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Seen {
    /// One for all: what a colleague has read is read.
    #[default]
    Shared,
    /// Each person's own.
    Personal,
    /// `\Seen` is each person's own, and the keyword [`Seen::TEAM`] says that somebody of the
    /// team has seen it.
    Both,
}

/// Why a text names no way of keeping `\Seen`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seen is shared, personal or both")]
pub struct SeenError;

impl Seen {
    /// The keyword that shows the team's `\Seen` where `\Seen` is one's own.
    pub const TEAM: &'static str = "SeenByTeam";

    /// From its name.
    pub fn parse(text: &str) -> Result<Self, SeenError> {
        match text {
            "shared" => Ok(Seen::Shared),
            "personal" => Ok(Seen::Personal),
            "both" => Ok(Seen::Both),
            _ => Err(SeenError),
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Seen::Shared => "shared",
            Seen::Personal => "personal",
            Seen::Both => "both",
        }
    }

    /// Keywords that it shows beside those that people set.
    pub fn keywords(self) -> Flags {
        let mut flags = Flags::new();
        if self == Seen::Both {
            flags.insert_keyword(team());
        }
        flags
    }

    /// Is there something to know about each person?
    pub fn is_personal(self) -> bool {
        self != Seen::Shared
    }

    /// The flags that someone is shown, where `stored` are those of all and `own` is whether
    /// they have seen it themselves.
    pub fn shown(self, stored: &Flags, own: bool) -> Flags {
        if self == Seen::Shared {
            return stored.clone();
        }
        let mut flags = without_team(stored);
        flags.remove(SystemFlag::Seen);
        if own {
            flags.insert(SystemFlag::Seen);
        }
        if self == Seen::Both && stored.has(SystemFlag::Seen) {
            flags.insert_keyword(team());
        }
        flags
    }

    /// What to store so that someone is shown `wanted` of a message that had the flags
    /// `stored`: the flags of all, and whether they have seen it themselves. With
    /// [`Seen::Both`], who sees it for the first time has seen it for the team.
    pub fn stored(self, wanted: &Flags, stored: &Flags, own: bool) -> (Flags, bool) {
        if self == Seen::Shared {
            return (wanted.clone(), own);
        }
        let sees = wanted.has(SystemFlag::Seen);
        let mut flags = without_team(wanted);
        flags.remove(SystemFlag::Seen);
        let by_team = match self {
            Seen::Both => wanted.has_keyword(&team()) || (sees && !own),
            // Left as it is, for the day the account keeps one for all again.
            _ => stored.has(SystemFlag::Seen),
        };
        if by_team {
            flags.insert(SystemFlag::Seen);
        }
        (flags, sees)
    }
}

fn team() -> Keyword {
    Keyword::parse(Seen::TEAM).unwrap_or_else(|_| unreachable!("the name is an atom"))
}

/// A keyword of that name that somebody set while it meant nothing says nothing.
fn without_team(flags: &Flags) -> Flags {
    let mut marks = Flags::new();
    marks.insert_keyword(team());
    flags.difference(&marks)
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Flags {
        Flags::parse(text).unwrap()
    }

    #[test]
    fn what_is_shown_depends_on_whose_seen_counts() {
        let stored = flags("\\Flagged \\Seen");
        let shown = |seen: Seen, own| seen.shown(&stored, own).to_string();
        assert_eq!(shown(Seen::Shared, false), "\\Flagged \\Seen");
        assert_eq!(shown(Seen::Personal, false), "\\Flagged");
        assert_eq!(shown(Seen::Personal, true), "\\Flagged \\Seen");
        assert_eq!(shown(Seen::Both, false), "\\Flagged SeenByTeam");
        assert_eq!(shown(Seen::Both, true), "\\Flagged \\Seen SeenByTeam");
        assert_eq!(Seen::Both.shown(&flags("seenbyteam"), true).to_string(), "\\Seen");
    }

    /// Whatever is stored and whatever is wanted, what is stored then shows what was wanted;
    /// with both, seeing it for the first time is seen by the team, too.
    #[test]
    fn what_is_wanted_is_shown_afterwards() {
        let wishes = ["", "\\Seen", "\\Flagged", "\\Seen SeenByTeam", "SeenByTeam", "\\Deleted \\Seen Later"];
        for seen in [Seen::Shared, Seen::Personal, Seen::Both] {
            for (before, own) in [("", false), ("\\Seen", false), ("", true), ("\\Seen Later", true)] {
                for wish in wishes.map(flags) {
                    let (stored, sees) = seen.stored(&wish, &flags(before), own);
                    let mut expected = match seen {
                        Seen::Personal => without_team(&wish),
                        _ => wish.clone(),
                    };
                    if seen == Seen::Both && wish.has(SystemFlag::Seen) && !own {
                        expected.insert_keyword(team());
                    }
                    assert_eq!(seen.shown(&stored, sees), expected, "{seen}: {wish} over {before} ({own})");
                }
            }
        }
    }

    #[test]
    fn a_team_s_seen_outlives_the_time_in_which_it_does_not_count() {
        let (stored, own) = Seen::Personal.stored(&flags("\\Flagged"), &flags("\\Seen"), true);
        assert_eq!((stored.to_string().as_str(), own), ("\\Flagged \\Seen", false));
    }

    #[test]
    fn names_are_read_back() {
        for seen in [Seen::Shared, Seen::Personal, Seen::Both] {
            assert_eq!(Seen::parse(seen.as_str()), Ok(seen));
        }
        assert_eq!(Seen::parse("all"), Err(SeenError));
    }
}
