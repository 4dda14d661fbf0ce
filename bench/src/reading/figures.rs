//! What a workload that reads measures, and what Postern must reach beside the best peer.
//!
//! Ratios are taken round by round and the median counts, as everywhere here: above 1 is better,
//! whether more or less of the figure is. The best peer is sought figure by figure.

use serde_json::{Value, json};

use crate::report;
use crate::servers::Kind;
use crate::spread::Spread;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Less,
    More,
}

/// A ratio to the peer, and a bound of the figure itself, where they are asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Aim {
    ratio: Option<f64>,
    bound: Option<f64>,
}

/// One figure of a workload.
#[derive(Debug)]
pub struct Figure {
    name: &'static str,
    unit: &'static str,
    digits: usize,
    better: Better,
    floor: Aim,
    goal: Aim,
    /// Why it may be missing here.
    excuse: Option<&'static str>,
}

impl Aim {
    fn is_asked(self) -> bool {
        self.ratio.is_some() || self.bound.is_some()
    }
}

impl Figure {
    /// One of which less is better.
    pub const fn less(name: &'static str, unit: &'static str, digits: usize) -> Self {
        let none = Aim { ratio: None, bound: None };
        Self { name, unit, digits, better: Better::Less, floor: none, goal: none, excuse: None }
    }

    /// One of which more is better.
    pub const fn more(name: &'static str, unit: &'static str, digits: usize) -> Self {
        let less = Self::less(name, unit, digits);
        Self { better: Better::More, ..less }
    }

    /// Must be so many times better than the peer's.
    pub const fn floor(self, ratio: f64) -> Self {
        Self { floor: Aim { ratio: Some(ratio), ..self.floor }, ..self }
    }

    /// May not be worse than this, whatever the peer's is.
    pub const fn floor_at(self, bound: f64) -> Self {
        Self { floor: Aim { bound: Some(bound), ..self.floor }, ..self }
    }

    /// Is hoped to be so many times better than the peer's.
    pub const fn goal(self, ratio: f64) -> Self {
        Self { goal: Aim { ratio: Some(ratio), ..self.goal }, ..self }
    }

    /// Is hoped to be no worse than this.
    pub const fn goal_at(self, bound: f64) -> Self {
        Self { goal: Aim { bound: Some(bound), ..self.goal }, ..self }
    }

    /// May be missing where this is so. Any other that has a floor and no value has missed it.
    pub const fn unless(self, excuse: &'static str) -> Self {
        Self { excuse: Some(excuse), ..self }
    }

    fn is_judged(&self) -> bool {
        self.floor.is_asked() || self.goal.is_asked()
    }

    /// How many times better ours is.
    fn ratio(&self, ours: f64, theirs: f64) -> f64 {
        match self.better {
            Better::Less => theirs / ours,
            Better::More => ours / theirs,
        }
    }

    fn reaches(&self, figure: f64, bound: f64) -> bool {
        match self.better {
            Better::Less => figure <= bound,
            Better::More => figure >= bound,
        }
    }

    fn shown(&self, spread: Spread) -> String {
        format!("{spread:.*}", self.digits)
    }
}

/// One round of one server: a value for each figure of the workload, in their order, or none where
/// it could not be measured here.
pub type Values = Vec<Option<f64>>;

/// One server, all rounds.
#[derive(Debug)]
pub struct Measured {
    /// Which.
    pub kind: Kind,
    /// In order.
    pub rounds: Vec<Values>,
    /// Processors kept busy in each round by what is neither server nor client.
    pub foreign_cores: Vec<f64>,
}

impl Measured {
    /// One figure in all rounds, where each round has it.
    fn all(&self, place: usize) -> Option<Vec<f64>> {
        let all: Option<Vec<f64>> = self.rounds.iter().map(|round| round.get(place).copied().flatten()).collect();
        all.filter(|all| !all.is_empty())
    }

    fn spread(&self, place: usize) -> Option<Spread> {
        self.all(place).map(Spread::of)
    }
}

/// One figure of one server of ours.
pub struct Verdict {
    figure: &'static Figure,
    server: Kind,
    /// None where a round has no value.
    own: Option<Spread>,
    /// The best peer, and the ratio to it.
    beside: Option<(Kind, Spread)>,
}

impl Verdict {
    /// Whether the floor was met, where there is one that can be judged. What was not measured and is
    /// not excused has missed it.
    pub fn met(&self) -> Option<bool> {
        let floor = self.figure.floor;
        if !self.server.has_floor() {
            None
        } else if self.own.is_none() {
            (floor.is_asked() && self.figure.excuse.is_none()).then_some(false)
        } else {
            self.reached(floor)
        }
    }

    /// A ratio without a peer says nothing.
    fn reached(&self, aim: Aim) -> Option<bool> {
        let by_ratio = aim.ratio.zip(self.beside).map(|(least, (_, ratio))| ratio.median >= least);
        let by_bound = aim.bound.zip(self.own).map(|(bound, own)| self.figure.reaches(own.median, bound));
        match (by_ratio, by_bound) {
            (Some(ratio), Some(bound)) => Some(ratio && bound),
            // The half of it that can be judged is missed, or nothing is known.
            (None, Some(bound)) if aim.ratio.is_some() => (!bound).then_some(false),
            (one, other) => one.or(other),
        }
    }

    fn sentence(&self) -> String {
        let Self { figure, server, own, beside } = self;
        let own = match (own, figure.excuse) {
            (Some(own), _) => format!("{} {}", figure.shown(*own), figure.unit),
            (None, Some(excuse)) => format!("not measured, for {excuse}"),
            (None, None) => "not measured".to_owned(),
        };
        let mut text = format!("{}: {} {own}", server.name(), figure.name);
        if let Some((peer, ratio)) = beside {
            text.push_str(&format!(", {ratio:.2} x {}", peer.name()));
        }
        if !server.has_floor() {
            return text + " (reported, no floor)\n";
        }
        let word = |met: Option<bool>, missed| match met {
            Some(true) => "met",
            Some(false) => missed,
            None => "not judged",
        };
        let aims = [
            ("floor", figure.floor, "MISSED", self.met()),
            ("goal", figure.goal, "not yet", self.reached(figure.goal)),
        ];
        for (what, aim, missed, met) in aims {
            let asked = [
                aim.ratio.map(|ratio| format!("{ratio:.1} x")),
                aim.bound.map(|bound| format!("{bound:.0} {}", figure.unit)),
            ];
            let asked: Vec<String> = asked.into_iter().flatten().collect();
            if !asked.is_empty() {
                text.push_str(&format!("; {what} {}: {}", asked.join(" and "), word(met, missed)));
            }
        }
        text + "\n"
    }

    fn document(&self) -> Value {
        let aim = |aim: Aim| json!({ "ratio": aim.ratio, "bound": aim.bound });
        json!({
            "figure": self.figure.name, "server": self.server.name(), "measured": self.own.is_some(),
            "peer": self.beside.map(|(peer, _)| peer.name()),
            "ratio": self.beside.map(|(_, ratio)| report::spread(ratio)),
            "floor": aim(self.figure.floor), "goal": aim(self.figure.goal), "met": self.met(),
        })
    }
}

/// Every server of ours, figure by figure, beside the peer that is best at it.
pub fn judge(figures: &'static [Figure], measured: &[Measured]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for server in measured.iter().filter(|server| !server.kind.is_peer()) {
        for (place, figure) in figures.iter().enumerate().filter(|(_, figure)| figure.is_judged()) {
            let own = server.all(place);
            let peers = measured.iter().filter(|peer| peer.kind.is_peer());
            let ratios = peers.filter_map(|peer| {
                let own = own.as_ref()?;
                let ratio = own.iter().zip(peer.all(place)?).map(|(own, their)| figure.ratio(*own, their));
                Some((peer.kind, Spread::of(ratio)))
            });
            // The better the peer, the smaller our ratio.
            let beside = ratios.min_by(|(_, left), (_, right)| left.median.total_cmp(&right.median));
            verdicts.push(Verdict { figure, server: server.kind, own: own.map(Spread::of), beside });
        }
    }
    verdicts
}

/// A table, a row for each figure and a column for each server, and what was judged.
pub fn text(title: &str, figures: &'static [Figure], measured: &[Measured], verdicts: &[Verdict]) -> String {
    let rounds = measured.first().map_or(0, |server| server.rounds.len());
    let mut text = format!("{title}; {rounds} rounds, median (least-most)\n\n");
    let headings: Vec<&str> = std::iter::once("").chain(measured.iter().map(|server| server.kind.name())).collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (place, figure) in figures.iter().enumerate() {
        let cell = |server: &Measured| server.spread(place).map_or("-".to_owned(), |spread| figure.shown(spread));
        let name = format!("{}, {}", figure.name, figure.unit);
        rows.push(std::iter::once(name).chain(measured.iter().map(cell)).collect());
    }
    let load = |server: &Measured| format!("{:.1}", Spread::of(server.foreign_cores.iter().copied()));
    rows.push(std::iter::once("other load, processors".to_owned()).chain(measured.iter().map(load)).collect());
    text.push_str(&report::table(&headings, rows));
    text.push('\n');
    verdicts.iter().for_each(|verdict| text.push_str(&verdict.sentence()));
    text
}

/// The same as a document.
pub fn document(name: &str, figures: &'static [Figure], measured: &[Measured], verdicts: &[Verdict]) -> Value {
    let server = |server: &Measured| {
        let figures = figures.iter().enumerate().map(|(place, figure)| {
            let rounds: Vec<Option<f64>> =
                server.rounds.iter().map(|round| round.get(place).copied().flatten()).collect();
            let spread = server.spread(place).map(report::spread);
            json!({ "figure": figure.name, "unit": figure.unit, "all": spread, "rounds": rounds })
        });
        json!({
            "server": server.kind.name(),
            "figures": figures.collect::<Vec<_>>(),
            "foreign_cores": server.foreign_cores,
        })
    };
    json!({
        "workload": name,
        "servers": measured.iter().map(server).collect::<Vec<_>>(),
        "verdicts": verdicts.iter().map(Verdict::document).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    static ROOTS: [Figure; 1] = [Figure::less("cold", "ms", 0).floor(1.0).unless("nobody is root")];
    static FIGURES: [Figure; 4] = [
        Figure::more("rate", "cmd/s", 0).floor(1.5).goal(4.0),
        Figure::less("p99", "ms", 1).floor(2.0),
        Figure::less("memory", "KiB", 0).floor(8.0).floor_at(100.0).goal_at(40.0),
        Figure::less("CPU", "ms", 2),
    ];

    fn measured(kind: Kind, rounds: &[[f64; 4]]) -> Measured {
        let rounds: Vec<Values> = rounds.iter().map(|round| round.iter().copied().map(Some).collect()).collect();
        Measured { kind, foreign_cores: vec![0.0; rounds.len()], rounds }
    }

    fn met(own: [f64; 4], peer: [f64; 4]) -> Vec<Option<bool>> {
        let all = [measured(Kind::PosternSqlite, &[own]), measured(Kind::DovecotMdbox, &[peer])];
        judge(&FIGURES, &all).iter().map(Verdict::met).collect()
    }

    #[test]
    fn more_and_less_are_judged_each_its_way() {
        let peer = [100.0, 10.0, 800.0, 1.0];
        assert_eq!(met([150.0, 5.0, 100.0, 9.0], peer), [Some(true), Some(true), Some(true)]);
        assert_eq!(met([149.0, 5.1, 100.0, 9.0], peer), [Some(false), Some(false), Some(true)]);
        // By ratio, not by bound; by bound, not by ratio.
        assert_eq!(met([150.0, 5.0, 101.0, 9.0], [100.0, 10.0, 900.0, 1.0])[2], Some(false));
        assert_eq!(met([150.0, 5.0, 90.0, 9.0], [100.0, 10.0, 700.0, 1.0])[2], Some(false));
    }

    #[test]
    fn each_figure_has_its_own_best_peer_and_rounds_are_compared_with_their_neighbours() {
        let all = [
            measured(Kind::PosternSqlite, &[[300.0, 1.0, 50.0, 1.0], [100.0, 1.0, 50.0, 1.0], [200.0, 1.0, 50.0, 1.0]]),
            measured(Kind::DovecotMdbox, &[[100.0, 9.0, 800.0, 1.0]; 3]),
            measured(Kind::DovecotSdbox, &[[50.0, 3.0, 800.0, 1.0]; 3]),
        ];
        let verdicts = judge(&FIGURES, &all);
        assert_eq!(verdicts[0].beside, Some((Kind::DovecotMdbox, Spread { median: 2.0, min: 1.0, max: 3.0 })));
        assert_eq!(verdicts[1].beside.map(|(peer, _)| peer), Some(Kind::DovecotSdbox));
        assert_eq!(verdicts.len(), 3, "what has neither floor nor goal is not judged");
    }

    #[test]
    fn what_cannot_be_compared_is_not_judged() {
        let alone = |memory| judge(&FIGURES, &[measured(Kind::PosternSqlite, &[[1.0, 1.0, memory, 1.0]])]);
        assert_eq!(alone(50.0).iter().map(Verdict::met).collect::<Vec<_>>(), [None, None, None]);
        // Missed whatever a peer does.
        assert_eq!(alone(150.0)[2].met(), Some(false));
        let all = [measured(Kind::PosternPostgres, &[[1.0; 4]]), measured(Kind::DovecotMdbox, &[[9.0; 4]])];
        assert!(judge(&FIGURES, &all).iter().all(|verdict| verdict.met().is_none()), "reported only");
        assert!(judge(&FIGURES, &all[1..]).is_empty());
    }

    #[test]
    fn a_floor_is_missed_by_what_was_not_measured() {
        let mut own = measured(Kind::PosternSqlite, &[[1.0; 4]; 2]);
        own.rounds[1][0] = None;
        let all = [own, measured(Kind::DovecotMdbox, &[[9.0; 4]; 2])];
        let verdicts = judge(&FIGURES, &all);
        assert_eq!(verdicts.iter().map(Verdict::met).collect::<Vec<_>>(), [Some(false), Some(true), Some(true)]);
        let told = text("t", &FIGURES, &all, &verdicts);
        assert!(told.contains("rate, cmd/s             -"), "{told}");
        assert!(told.contains("rate not measured; floor 1.5 x: MISSED; goal 4.0 x: not judged"), "{told}");

        let verdicts = judge(&ROOTS, &all);
        assert_eq!(verdicts[0].met(), None);
        let told = text("t", &ROOTS, &all, &verdicts);
        assert!(told.contains("cold not measured, for nobody is root; floor 1.0 x: not judged"), "{told}");
    }
}
