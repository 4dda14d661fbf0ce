//! What was measured of sending, as a table and as a document, with what was to be reached.

use serde_json::{Value, json};

use super::{CONNECTIONS, Contestant, Judged, Round, Workload};
use crate::report;
use crate::servers::{Kind, Way};
use crate::spread::Spread;

/// One rate of ours beside the peer's.
struct Verdict {
    server: String,
    what: &'static str,
    ratio: Spread,
    floor: Option<f64>,
    goal: Option<f64>,
}

/// Prints it; answers the document and whether every floor was met.
pub fn tell(workload: &Workload, contestants: &[Contestant], alone: &Round) -> (Value, bool) {
    let rounds = contestants.first().map_or(0, |contestant| contestant.rounds.len());
    println!(
        "\n{}: {CONNECTIONS} connections, {}; {rounds} rounds of {:.0} recipients, median (least-most)\n",
        workload.name, workload.described, alone.recipients
    );
    let is_bulk = workload.bytes.is_some();
    let headings: &[&str] = match is_bulk {
        true => &["server", "accepted ms", "last at the sink ms", "recipients/s", "CPU s", "other load"],
        false => &["server", "accepted/s", "p50 ms", "p99 ms", "relayed/s", "CPU ms/mail", "other load"],
    };
    let rows = contestants.iter().map(|contestant| if is_bulk { bulk_row(contestant) } else { row(contestant) });
    println!("{}", report::table(headings, rows.collect()));
    println!(
        "the client straight to the sink: {:.0} mails in {:.0} ms",
        alone.letters,
        alone.relayed.max(alone.accepted) * 1000.0
    );
    let verdicts: Vec<Verdict> = workload.judged.iter().flat_map(|judged| verdicts(judged, contestants)).collect();
    verdicts.iter().for_each(|verdict| println!("{}", verdict.sentence()));
    println!();
    let met = verdicts.iter().all(|verdict| verdict.met() != Some(false));
    (document(workload, contestants, alone, &verdicts), met)
}

fn row(contestant: &Contestant) -> Vec<String> {
    vec![
        contestant.name(),
        format!("{:.0}", contestant.spread(|round| round.letters / round.accepted)),
        format!("{:.1}", contestant.spread(|round| round.p50_ms)),
        format!("{:.1}", contestant.spread(|round| round.p99_ms)),
        format!("{:.0}", contestant.spread(|round| round.letters / round.relayed)),
        cpu(contestant, |seconds, round| seconds * 1000.0 / round.letters),
        format!("{:.1}", contestant.spread(|round| round.foreign_cores)),
    ]
}

fn bulk_row(contestant: &Contestant) -> Vec<String> {
    vec![
        contestant.name(),
        format!("{:.0}", contestant.spread(|round| round.accepted * 1000.0)),
        format!("{:.0}", contestant.spread(|round| round.relayed * 1000.0)),
        format!("{:.0}", contestant.spread(|round| round.recipients / round.relayed.max(round.accepted))),
        cpu(contestant, |seconds, _| seconds),
        format!("{:.1}", contestant.spread(|round| round.foreign_cores)),
    ]
}

fn cpu(contestant: &Contestant, figure: impl Fn(f64, &Round) -> f64) -> String {
    let all: Option<Vec<f64>> =
        contestant.rounds.iter().map(|round| round.cpu.map(|seconds| figure(seconds, round))).collect();
    all.map_or("unknown".to_owned(), |all| format!("{:.2}", Spread::of(all)))
}

/// All of ours beside Postfix, round by round; none without it. The floor is that of the embedded engine
/// taking mail as Postfix does.
fn verdicts(judged: &Judged, contestants: &[Contestant]) -> Vec<Verdict> {
    let Some(peer) = contestants.iter().find(|contestant| contestant.kind.is_peer()) else { return Vec::new() };
    let ours = contestants.iter().filter(|contestant| !contestant.kind.is_peer());
    let verdict = |own: &Contestant| {
        let has_floor = own.kind == Kind::PosternSqlite && own.way == Way::Plain;
        let pairs = own.rounds.iter().zip(&peer.rounds);
        Verdict {
            server: own.name(),
            what: judged.what,
            ratio: Spread::of(pairs.map(|(own, theirs)| (judged.rate)(own) / (judged.rate)(theirs))),
            floor: has_floor.then_some(judged.floor),
            goal: judged.goal,
        }
    };
    ours.map(verdict).collect()
}

impl Verdict {
    fn met(&self) -> Option<bool> {
        self.floor.map(|floor| self.ratio.median >= floor)
    }

    fn sentence(&self) -> String {
        let Self { server, what, ratio, floor, goal } = self;
        let mut text = format!("{server} / postfix: {ratio:.2} x {what}");
        let Some(floor) = floor else {
            text.push_str(" (reported, no floor)");
            return text;
        };
        let word = if ratio.median >= *floor { "met" } else { "MISSED" };
        text.push_str(&format!("; floor {floor:.1} x: {word}"));
        if let Some(goal) = goal {
            let word = if ratio.median >= *goal { "met" } else { "not yet" };
            text.push_str(&format!("; goal {goal:.1} x: {word}"));
        }
        text
    }
}

fn document(workload: &Workload, contestants: &[Contestant], alone: &Round, verdicts: &[Verdict]) -> Value {
    let round = |round: &Round| {
        json!({
            "letters": round.letters, "recipients": round.recipients, "accepted_seconds": round.accepted,
            "relayed_seconds": round.relayed, "p50_ms": round.p50_ms, "p99_ms": round.p99_ms,
            "cpu_seconds": round.cpu, "foreign_cores": round.foreign_cores,
        })
    };
    let server = |contestant: &Contestant| {
        json!({
            "server": contestant.name(), "rounds": contestant.rounds.iter().map(round).collect::<Vec<_>>(),
        })
    };
    let verdict = |verdict: &Verdict| {
        json!({
            "server": verdict.server, "what": verdict.what, "ratio": report::spread(verdict.ratio),
            "floor": verdict.floor, "goal": verdict.goal, "met": verdict.met(),
        })
    };
    json!({
        "workload": workload.name,
        "connections": CONNECTIONS,
        "sink_alone": round(alone),
        "servers": contestants.iter().map(server).collect::<Vec<_>>(),
        "verdicts": verdicts.iter().map(verdict).collect::<Vec<_>>(),
    })
}
