//! How far it has come, on a line of a terminal that is written over and over; nothing where nobody looks.

use crate::cli::output::bytes;
use postern_types::counted;
use std::io::{IsTerminal, Write};
use std::time::Duration;
use tokio::time::Instant;

/// Time between two writings of the line.
const EVERY: Duration = Duration::from_millis(200);

pub(super) struct Progress {
    /// Bytes of all; nothing where nobody looks.
    all: Option<u64>,
    began: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// Is it worth finding out how much there is?
    pub fn is_seen(wants_json: bool) -> bool {
        !wants_json && std::io::stderr().is_terminal()
    }

    pub fn new(all: Option<u64>) -> Self {
        Self { all, began: Instant::now(), shown: None }
    }

    /// So much is done.
    pub fn show(&mut self, messages: u64, read: u64) {
        let (Some(all), now) = (self.all, Instant::now()) else { return };
        if self.shown.is_none_or(|shown| now - shown >= EVERY) {
            self.shown = Some(now);
            self.write(&format!("\r{}\x1b[K", line(messages, read, all, now - self.began)));
        }
    }

    /// A line of its own, which stays.
    pub fn tell(&mut self, text: &str) {
        let before = if self.shown.take().is_some() { "\r\x1b[K" } else { "" };
        self.write(&format!("{before}{text}\n"));
    }

    /// Takes the line away.
    pub fn end(&mut self) {
        if self.shown.take().is_some() {
            self.write("\r\x1b[K");
        }
    }

    fn write(&self, text: &str) {
        let mut out = std::io::stderr().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

fn line(messages: u64, read: u64, all: u64, passed: Duration) -> String {
    let percent = (read.min(all) * 100).checked_div(all).unwrap_or(100);
    let seconds = passed.as_secs_f64();
    let mut line = format!("{}, {} of {} ({percent} %)", counted(messages, "message"), bytes(read), bytes(all));
    // The first moments tell nothing about the others.
    if seconds >= 1.0 && read > 0 {
        let left = seconds * all.saturating_sub(read) as f64 / read as f64;
        line.push_str(&format!(", {:.0} messages/s, {} left", messages as f64 / seconds, span(left as u64)));
    }
    line
}

fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_and_how_long() {
        let second = Duration::from_secs;
        assert_eq!(line(0, 0, 2048, second(0)), "0 messages, 0 B of 2.0 KiB (0 %)");
        assert_eq!(
            line(1000, 1 << 20, 4 << 20, second(2)),
            "1000 messages, 1.0 MiB of 4.0 MiB (25 %), 500 messages/s, 6 s left"
        );
        assert_eq!(line(1, 0, 0, second(9)), "1 message, 0 B of 0 B (100 %)");
        assert_eq!([59, 61, 7260].map(span), ["59 s", "2 min", "2 h 1 min"]);
    }
}
