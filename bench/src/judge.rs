//! Floors: what Postern must reach beside the best peer of the same run.
//!
//! A rate alone says little on another machine; a ratio from one run does. It is taken round by
//! round, each with its neighbour, and the median counts.

use crate::deliver::Measured;
use crate::spread::Spread;

/// What must be reached, and what is hoped for.
#[derive(Debug, Clone, Copy)]
pub struct Floor {
    /// Least ratio of rates.
    pub rate: f64,
    /// The ratio aimed at.
    pub goal: f64,
    /// Whether the slowest hundredth of the mails may not take longer than the peer's.
    pub p99_no_worse: bool,
}

/// Postern beside the best peer.
pub struct Verdict {
    /// Whose ratio.
    pub server: &'static str,
    /// To whose.
    pub peer: &'static str,
    /// Of rates, round by round.
    pub ratio: Spread,
    /// Medians of the 99th hundredth, ours and the peer's.
    pub p99_ms: (f64, f64),
    /// What was asked; `None` where a server is only reported.
    pub floor: Option<Floor>,
}

impl Verdict {
    /// Whether the floor was met, if there is one.
    pub fn met(&self) -> Option<bool> {
        self.floor.map(|floor| self.ratio.median >= floor.rate && (!floor.p99_no_worse || self.p99_met()))
    }

    /// Whether the slowest hundredth takes no longer than the peer's.
    pub fn p99_met(&self) -> bool {
        self.p99_ms.0 <= self.p99_ms.1
    }
}

/// Every server of ours beside the peer with the highest rate; empty without a peer.
pub fn judge(measured: &[Measured], floor: Floor) -> Vec<Verdict> {
    let rate = |server: &Measured| server.spread(|round| round.rate).median;
    let peers = measured.iter().filter(|server| server.kind.is_peer());
    let Some(peer) = peers.max_by(|left, right| rate(left).total_cmp(&rate(right))) else { return Vec::new() };
    let ours = measured.iter().filter(|server| !server.kind.is_peer());
    ours.map(|server| Verdict {
        server: server.kind.name(),
        peer: peer.kind.name(),
        ratio: Spread::of(server.rounds.iter().zip(&peer.rounds).map(|(our, their)| our.rate / their.rate)),
        p99_ms: (server.spread(|round| round.p99_ms).median, peer.spread(|round| round.p99_ms).median),
        floor: server.kind.has_floor().then_some(floor),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::Round;
    use crate::servers::Kind;

    const FLOOR: Floor = Floor { rate: 1.5, goal: 3.0, p99_no_worse: true };

    fn measured(kind: Kind, rounds: &[(f64, f64)]) -> Measured {
        let round = |(rate, p99_ms): &(f64, f64)| Round {
            rate: *rate,
            p50_ms: 1.0,
            p99_ms: *p99_ms,
            cpu_ms: None,
            foreign_cores: 0.0,
        };
        Measured { kind, rounds: rounds.iter().map(round).collect(), disk_per_byte: 1.0 }
    }

    #[test]
    fn the_best_peer_is_the_one_to_beat() {
        let all = [
            measured(Kind::PosternSqlite, &[(300.0, 5.0), (400.0, 5.0), (380.0, 5.0)]),
            measured(Kind::DovecotMaildir, &[(200.0, 9.0), (200.0, 9.0), (200.0, 9.0)]),
            measured(Kind::DovecotSdbox, &[(100.0, 1.0), (900.0, 1.0), (100.0, 1.0)]),
        ];
        let verdicts = judge(&all, FLOOR);
        assert_eq!(verdicts[0].peer, "dovecot-maildir");
        assert_eq!(verdicts[0].ratio, Spread { median: 1.9, min: 1.5, max: 2.0 });
        assert_eq!(verdicts[0].met(), Some(true));
    }

    #[test]
    fn a_floor_is_missed_by_rate_or_by_the_slowest_hundredth() {
        let peer = || measured(Kind::DovecotMaildir, &[(200.0, 9.0)]);
        let met = |rate, p99| judge(&[measured(Kind::PosternSqlite, &[(rate, p99)]), peer()], FLOOR)[0].met();
        assert_eq!(met(300.0, 9.0), Some(true));
        assert_eq!(met(299.0, 9.0), Some(false));
        assert_eq!(met(300.0, 9.1), Some(false));
    }

    #[test]
    fn some_are_only_reported() {
        let all = [measured(Kind::PosternPostgres, &[(1.0, 99.0)]), measured(Kind::DovecotSdbox, &[(200.0, 9.0)])];
        assert_eq!(judge(&all, FLOOR)[0].met(), None);
        assert!(judge(&all[..1], FLOOR).is_empty());
    }
}
