//! What came of a campaign, in words and as a document, with what was to be reached.

use std::time::Duration;

use serde_json::{Value, json};

use super::{A_MINUTE, CONNECTIONS, FLOOR_MS, Outcome};
use crate::report;
use crate::spread::share;

impl Outcome {
    /// Prints it; answers the document and whether the floors were met.
    pub(super) fn tell(&self) -> (Value, bool) {
        let (engine, mails) = (self.engine.name(), self.mails);
        println!(
            "\ncampaign: {engine}, {mails} small mails (about 2 KB), each to one, by a credential for marketing over \
             {CONNECTIONS} connections\n"
        );
        let (p50, p99) = (share(&self.handed_in.latencies, 0.5), share(&self.handed_in.latencies, 0.99));
        println!("  handed in: {:.0}/s, p50 {p50:.1} ms, p99 {p99:.1} ms", self.rate());
        let (least, most) = self.least_and_most();
        println!(
            "  at the sink: {} in {} minutes of UTC, {least} to {most} a minute (the last: {})",
            self.minutes.iter().sum::<usize>(),
            self.minutes.len(),
            self.minutes.last().unwrap_or(&0)
        );
        let cpu = self.cpu_ms.map_or("unknown".to_owned(), |cpu| format!("{cpu:.2} ms"));
        println!("  CPU of the server for each, people's mail included: {cpu}; other load {:.1}\n", self.foreign_cores);
        println!("{}", report::table(&["people, ms: p50 / p99 / most", "before", "during"], self.rows()));
        let floors = self.floors();
        for (what, measured, met) in &floors {
            println!("{engine}: {what}: {measured}: {}", if *met { "met" } else { "MISSED" });
        }
        if let Some(reply) = self.handed_in.refused.first() {
            println!("the first that was refused: {reply}");
        }
        println!("no peer: Postfix has no such limits\n");
        let met = floors.iter().all(|(_, _, met)| *met);
        (self.document(met), met)
    }

    /// Mails handed in a second, refused ones among them.
    fn rate(&self) -> f64 {
        self.handed_in.latencies.len() as f64 / self.handed_in.elapsed.as_secs_f64()
    }

    /// Of whole minutes: the last has what is left.
    fn least_and_most(&self) -> (usize, usize) {
        let whole = &self.minutes[..self.minutes.len().saturating_sub(1)];
        let least = if whole.is_empty() { &self.minutes } else { whole }.iter().min();
        (least.copied().unwrap_or(0), self.minutes.iter().max().copied().unwrap_or(0))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let (before, during) = (&self.before, &self.during);
        let row = |what: &str, before: &[Duration], during: &[Duration]| {
            let cell = |waits: &[Duration]| {
                let [p50, p99, most] = figures(waits);
                format!("{p50:.1} / {p99:.1} / {most:.1} of {}", waits.len())
            };
            vec![what.to_owned(), cell(before), cell(during)]
        };
        vec![
            row("until accepted", &before.accepted, &during.accepted),
            row("from there to the sink", &before.elsewhere, &during.elsewhere),
            row("from there to a colleague's inbox", &before.colleague, &during.colleague),
        ]
    }

    /// What was asked, what was measured, and whether that is enough.
    fn floors(&self) -> Vec<(String, String, bool)> {
        let none = |what: &str, count: usize| (what.to_owned(), count.to_string(), count == 0);
        let soon = |what: &str, waits: &[Duration]| {
            let [_, p99, _] = figures(waits);
            let asked = format!("people's mail is {what} within {FLOOR_MS:.0} ms, p99");
            (asked, format!("{p99:.1} ms"), !waits.is_empty() && p99 < FLOOR_MS)
        };
        let (_, most) = self.least_and_most();
        vec![
            none("refused", self.handed_in.refused.len()),
            none("missing", self.missing),
            none("twice", self.twice),
            none("left in the queue", usize::try_from(self.waiting).unwrap_or(usize::MAX)),
            (format!("at most {A_MINUTE} in a minute of UTC"), most.to_string(), most <= A_MINUTE),
            soon("at the sink", &self.during.elsewhere),
            soon("in the colleague's inbox", &self.during.colleague),
        ]
    }

    fn document(&self, met: bool) -> Value {
        let people = |waits: &super::Waits| {
            json!({
                "accepted_ms": figures(&waits.accepted), "sink_ms": figures(&waits.elsewhere),
                "colleague_ms": figures(&waits.colleague), "mails": waits.accepted.len(), "missing": waits.missing,
            })
        };
        let (least, most) = self.least_and_most();
        let floors = self.floors();
        json!({
            "workload": "campaign", "server": self.engine.name(), "connections": CONNECTIONS, "mails": self.mails,
            "handed_in_per_second": self.rate(),
            "p50_ms": share(&self.handed_in.latencies, 0.5), "p99_ms": share(&self.handed_in.latencies, 0.99),
            "refused": self.handed_in.refused.len(), "missing": self.missing, "twice": self.twice,
            "left_in_queue": self.waiting,
            "a_minute": { "least": least, "most": most, "each": self.minutes },
            "people": { "before": people(&self.before), "during": people(&self.during) },
            "cpu_ms_per_mail": self.cpu_ms, "foreign_cores": self.foreign_cores,
            "floors": floors.iter().map(|(what, measured, met)| {
                json!({ "what": what, "measured": measured, "met": met })
            }).collect::<Vec<_>>(),
            "met": met,
        })
    }
}

/// Milliseconds: p50, p99, most.
fn figures(waits: &[Duration]) -> [f64; 3] {
    [0.5, 0.99, 1.0].map(|part| share(waits, part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::people::Waits;
    use crate::client::Delivered;
    use crate::servers::Kind;

    fn outcome() -> Outcome {
        let soon = || vec![Duration::from_millis(5)];
        let waits = || Waits { accepted: soon(), elsewhere: soon(), colleague: soon(), missing: 0 };
        Outcome {
            engine: Kind::PosternSqlite,
            mails: 1300,
            handed_in: Delivered { elapsed: Duration::from_secs(1), latencies: soon(), refused: Vec::new() },
            minutes: vec![600, 600, 100],
            missing: 0,
            twice: 0,
            waiting: 0,
            before: waits(),
            during: waits(),
            cpu_ms: None,
            foreign_cores: 0.0,
        }
    }

    #[test]
    fn each_floor_can_be_missed() {
        let met = |change: fn(&mut Outcome)| {
            let mut outcome = outcome();
            change(&mut outcome);
            outcome.floors().iter().filter(|(_, _, met)| !met).count() == 0
        };
        assert!(met(|_| {}));
        assert!(!met(|outcome| outcome.handed_in.refused.push("451 4.7.1 Later".to_owned())));
        assert!(!met(|outcome| outcome.missing = 1));
        assert!(!met(|outcome| outcome.twice = 1));
        assert!(!met(|outcome| outcome.waiting = 1));
        assert!(!met(|outcome| outcome.minutes[1] = 601));
        assert!(!met(|outcome| outcome.during.elsewhere.push(Duration::from_secs(1))));
        assert!(!met(|outcome| outcome.during.colleague.clear()));
    }

    #[test]
    fn the_last_minute_is_no_whole_one() {
        assert_eq!(outcome().least_and_most(), (600, 600));
        let short = Outcome { minutes: vec![40], ..outcome() };
        assert_eq!(short.least_and_most(), (40, 40));
    }
}
