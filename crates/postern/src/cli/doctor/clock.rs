//! The clock: credentials, certificates and the trail rest on it.

use super::check::{Check, Group};
use postern_http::show_date;
use postern_types::Timestamp;
use std::path::Path;

const CLOCK: Group = Group::Clock;
/// systemd's own says here that it has the time.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";
/// Programs that keep a clock right, as the kernel shortens their names.
const KEEPERS: [&str; 7] = ["chronyd", "ntpd", "ntpsec", "openntpd", "systemd-timesyn", "ptp4l", "phc2sys"];
/// House time runs a little ahead in any house.
const AHEAD_MS: i64 = 60_000;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub is_synchronised: bool,
    /// A program that keeps clocks right and runs.
    pub keeper: Option<String>,
    /// House time as it was last kept, where it can be read.
    pub clock_high: Option<Timestamp>,
    pub now: Timestamp,
}

/// Looks.
pub(super) fn look(clock_high: Option<Timestamp>, now: Timestamp) -> Facts {
    Facts { is_synchronised: Path::new(SYNCHRONISED).exists(), keeper: keeper(), clock_high, now }
}

fn keeper() -> Option<String> {
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let names = processes.filter_map(|process| std::fs::read_to_string(process.path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).find(|name| KEEPERS.contains(&name.as_str()))
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    let (id, what, now) = ("clock.kept", "clock", show_date(Timestamp(facts.now.seconds() * 1000)));
    let kept = match &facts.keeper {
        _ if facts.is_synchronised => Check::ok(CLOCK, id, what, format!("{now}, kept by systemd-timesyncd")),
        Some(keeper) => Check::ok(CLOCK, id, what, format!("{now}, and {keeper} runs")),
        None => {
            let text = format!("{now}; nothing is known here that keeps it right (in a container, its host may)");
            Check::note(CLOCK, id, what, text)
                .next("look: timedatectl; to have it kept: timedatectl set-ntp true, or install chrony")
        }
    };
    [Some(kept), ahead(facts)].into_iter().flatten().collect()
}

fn ahead(facts: &Facts) -> Option<Check> {
    let (id, what, high) = ("clock.house", "house time", facts.clock_high?);
    if high.0 - facts.now.0 <= AHEAD_MS {
        return Some(Check::ok(CLOCK, id, what, "it is not ahead of the clock"));
    }
    let text = format!(
        "the house has seen {}, and it never goes back: until then its time stands still, and nothing that begins or ends by \
         a date does",
        show_date(high)
    );
    Some(Check::fail(CLOCK, id, what, text).next("set the clock of this machine right, if it is behind; else wait"))
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_381_200_123);

    fn found(facts: Facts) -> Vec<(Status, String)> {
        judge(&facts).into_iter().map(|check| (check.status, check.text)).collect()
    }

    #[test]
    fn a_clock_that_something_keeps_is_well() {
        let facts = Facts { is_synchronised: false, keeper: None, clock_high: None, now: NOW };
        assert_eq!(found(facts.clone())[0].0, Status::Note);
        let kept = found(Facts { keeper: Some("chronyd".into()), ..facts.clone() });
        assert_eq!(kept, [(Status::Ok, "2026-11-22T21:00:00Z, and chronyd runs".into())]);
        assert_eq!(found(Facts { is_synchronised: true, ..facts })[0].0, Status::Ok);
    }

    #[test]
    fn a_house_that_has_seen_a_later_time_is_told() {
        let at = |ahead_ms: i64| {
            let clock_high = Some(NOW.plus_ms(ahead_ms));
            found(Facts { is_synchronised: true, keeper: None, clock_high, now: NOW })[1].0
        };
        assert_eq!((at(-1000), at(5000), at(3_600_000)), (Status::Ok, Status::Ok, Status::Fail));
    }
}
