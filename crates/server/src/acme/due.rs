//! When a certificate is asked for: in time before it ends, and never in a hurry after a refusal.

use super::Urge;
use super::kept::Attempts;
use postern_types::Timestamp;

const MINUTE_MS: i64 = 60 * 1000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
/// After the first refusal. Doubled with each one, this stays below five in an hour, of which Let's
/// Encrypt takes no more for one name.
pub(super) const FIRST_PAUSE_MS: i64 = 5 * MINUTE_MS;
const LONGEST_PAUSE_MS: i64 = 6 * HOUR_MS;
/// An authority that asks for more patience than this is asked again nevertheless.
pub(super) const LONGEST_WISH_MS: i64 = 7 * 24 * HOUR_MS;

/// What is known of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Life {
    pub begins: Timestamp,
    pub ends: Timestamp,
    /// It has every name that is wanted.
    pub is_fit: bool,
}

impl Life {
    fn length_ms(&self) -> i64 {
        (self.ends.0 - self.begins.0).max(0)
    }

    /// With a third of its life left: thirty days of ninety, as Let's Encrypt asks for.
    pub fn renewal(&self) -> Timestamp {
        self.ends.plus_ms(-self.length_ms() / 3)
    }

    /// How long after a new one none is asked for, whatever clocks say: were this machine's ahead, each
    /// one would be due as soon as it is there.
    pub fn rest_ms(&self) -> i64 {
        (self.length_ms() / 3).min(HOUR_MS)
    }
}

/// When one is needed by itself; at once where there is none, or one without a name that is wanted.
pub(super) fn due(life: Option<&Life>) -> Timestamp {
    life.filter(|life| life.is_fit).map_or(Timestamp(0), Life::renewal)
}

/// When the authority is asked next.
pub(super) fn next_at(life: Option<&Life>, attempts: &Attempts, urge: Urge, now: Timestamp) -> Timestamp {
    let is_limited = attempts.refusal.as_ref().is_some_and(|refusal| refusal.is_rate_limit);
    if urge == Urge::Now {
        return if is_limited { attempts.rests_until(now) } else { Timestamp(0) };
    }
    let is_barred = match &attempts.refusal {
        Some(refusal) => urge == Urge::None || refusal.is_rate_limit,
        // One that was not brought to its end rests like one that was refused.
        None if attempts.refusals > 0 => urge == Urge::None,
        // The one that just came rests, but not where a name was added since.
        None => life.is_some_and(|life| life.is_fit),
    };
    if is_barred { due(life).max(attempts.rests_until(now)) } else { due(life) }
}

/// How long to leave the authority alone after so many refusals in a row, and what it asked for itself.
pub(super) fn pause_ms(refusals: u32, wish_ms: Option<i64>) -> i64 {
    let doubled = FIRST_PAUSE_MS.saturating_mul(1 << refusals.saturating_sub(1).min(20));
    doubled.min(LONGEST_PAUSE_MS).max(wish_ms.unwrap_or(0).min(LONGEST_WISH_MS))
}

#[cfg(test)]
mod tests {
    use super::super::refusal::Refusal;
    use super::*;

    const DAY_MS: i64 = 24 * HOUR_MS;

    fn life(days: i64, is_fit: bool) -> Life {
        let begins = Timestamp(1_795_381_200_000);
        Life { begins, ends: begins.plus_ms(days * DAY_MS), is_fit }
    }

    #[test]
    fn a_third_of_its_life_before_its_end() {
        let after = |days: i64| (due(Some(&life(days, true))).0 - life(days, true).begins.0) / DAY_MS;
        assert_eq!((after(90), after(6)), (60, 4));
        assert_eq!(due(None), Timestamp(0));
        assert_eq!(due(Some(&life(90, false))), Timestamp(0), "a name was added");
        assert_eq!((life(90, true).rest_ms(), life(0, true).rest_ms()), (HOUR_MS, 0));
    }

    #[test]
    fn only_a_reload_hurries_and_not_against_a_rate_limit() {
        let now = Timestamp(1_795_381_200_000);
        let later = now.plus_ms(FIRST_PAUSE_MS);
        let next = |attempts: &Attempts, urge| next_at(None, attempts, urge, now);
        let begun = Attempts { refusals: 1, not_before_ms: later.0, ..Attempts::default() };
        assert_eq!((next(&begun, Urge::None), next(&begun, Urge::IfDue)), (later, Timestamp(0)), "cut short");
        let refused = Attempts { refusal: Some(Refusal::new("no", "open it")), last_ms: Some(now.0), ..begun.clone() };
        assert_eq!((next(&refused, Urge::None), next(&refused, Urge::IfDue)), (later, Timestamp(0)));
        let limit = Refusal { is_rate_limit: true, ..Refusal::new("no", "wait") };
        let limited = Attempts { refusal: Some(limit), ..refused };
        assert_eq!((next(&limited, Urge::None), next(&limited, Urge::IfDue)), (later, later));
        assert_eq!(next(&Attempts::default(), Urge::None), Timestamp(0));
    }

    #[test]
    fn what_was_noted_by_a_clock_that_was_ahead_does_not_bind() {
        let now = Timestamp(1_795_381_200_000);
        let until = |last_ms: i64, not_before_ms: i64| {
            let noted = Attempts {
                last_ms: Some(now.0 + last_ms),
                not_before_ms: now.0 + not_before_ms,
                ..Attempts::default()
            };
            noted.rests_until(now)
        };
        assert_eq!(until(-HOUR_MS, FIRST_PAUSE_MS), now.plus_ms(FIRST_PAUSE_MS));
        assert_eq!(until(0, LONGEST_WISH_MS), now.plus_ms(LONGEST_WISH_MS));
        assert_eq!(until(5000, FIRST_PAUSE_MS), now.plus_ms(FIRST_PAUSE_MS), "clocks are set by seconds");
        assert_eq!(until(2 * DAY_MS, 2 * DAY_MS + FIRST_PAUSE_MS), Timestamp(0));
        assert_eq!(until(-HOUR_MS, 400 * DAY_MS), Timestamp(0));
    }

    #[test]
    fn refusals_are_answered_with_patience() {
        let minutes = |refusals| pause_ms(refusals, None) / MINUTE_MS;
        assert_eq!([1, 2, 3, 4].map(minutes), [5, 10, 20, 40]);
        assert_eq!((minutes(8), minutes(u32::MAX)), (360, 360));
        let in_first_hour = (1..)
            .scan(0, |at, refusals| {
                *at += minutes(refusals);
                Some(*at)
            })
            .take_while(|at| *at < 60);
        assert_eq!(in_first_hour.count() + 1, 4, "the first and those that follow");
        assert_eq!(pause_ms(1, Some(2 * DAY_MS)), 2 * DAY_MS, "as the authority asks for");
        assert_eq!(pause_ms(1, Some(1000)), FIRST_PAUSE_MS);
        assert_eq!(pause_ms(1, Some(365 * DAY_MS)), LONGEST_WISH_MS);
    }
}
