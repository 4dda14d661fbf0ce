//! The workload "timing": whether the time of a refusal tells why.
//!
//! A name that nobody has, a wrong secret, a revoked and an expired credential, and what begins as a
//! secret and is none, are refused over many connections in turn, with the deadline at 50 ms so that
//! the house has little time to hide behind. Welch's t tells whether two of them differ at all, the
//! difference of their means by how much: the floor asks that one of both is small.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use postern_app::MachineSecret;
use postern_types::Secret;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::imap::Imap;
use crate::servers::{Postern, RECIPIENT, Tools};

const SAMPLES_OF_EACH: usize = 20_000;
const CONNECTIONS: usize = 40;
/// A connection is closed after as many failed sign-ins; another one is opened then.
const ATTEMPTS: usize = 100;
const ENVIRONMENT: [(&str, &str); 2] =
    [("POSTERN_SECURITY__FAILURE_DEADLINE_MS", "50"), ("POSTERN_LIMITS__SIGN_IN_ATTEMPTS", "100")];
/// The floor: two kinds differ by less than this, in microseconds, or not beyond chance.
const FLOOR_MICROSECONDS: f64 = 50.0;
const FLOOR_T: f64 = 4.5;

/// A kind of refusal: its name, and what is shown.
struct Attempt {
    kind: &'static str,
    username: String,
    secret: String,
}

/// What one kind took: how often, its mean in microseconds, and the variance.
#[derive(Clone, Copy)]
struct Figures {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Figures {
    fn of(samples: &[f64]) -> Self {
        let count = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / count;
        let variance = samples.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { count, mean, variance }
    }

    /// Welch's t of two of them.
    fn t(self, other: Self) -> f64 {
        (self.mean - other.mean) / (self.variance / self.count + other.variance / other.count).sqrt()
    }
}

/// Measures on one engine; answers the document and whether the floor was met.
pub async fn run(tools: &Tools<'_>, folder: &Path, on_postgres: bool) -> Result<(Value, bool)> {
    let engine = if on_postgres { "postern-postgres" } else { "postern-sqlite" };
    let folder = folder.join(format!("timing-{engine}"));
    std::fs::create_dir(&folder)?;
    let server = Postern::start_with(tools, &folder, on_postgres, &ENVIRONMENT).await?;
    let attempts = Arc::new(attempts(&server).await?);
    let samples = sample(server.listener("imap")?, &attempts).await?;
    let figures: Vec<Figures> = samples.iter().map(|samples| Figures::of(samples)).collect();
    println!("timing: {engine}, {SAMPLES_OF_EACH} refusals of each kind, deadline 50 ms; mean in microseconds");
    for (attempt, figures) in attempts.iter().zip(&figures) {
        println!("  {:<8} {:>10.1}", attempt.kind, figures.mean);
    }
    let mut met = true;
    let mut pairs = Vec::new();
    for one in 0..attempts.len() {
        for other in one + 1..attempts.len() {
            let (t, apart) = (figures[one].t(figures[other]), (figures[one].mean - figures[other].mean).abs());
            let alike = t.abs() < FLOOR_T || apart < FLOOR_MICROSECONDS;
            met &= alike;
            let (one, other) = (attempts[one].kind, attempts[other].kind);
            println!("  {one} and {other}: t {t:.2}, {apart:.1} apart{}", if alike { "" } else { ": MISSED" });
            pairs.push(json!({ "one": one, "other": other, "t": t, "microseconds_apart": apart }));
        }
    }
    println!(
        "  floor: |t| under {FLOOR_T}, or under {FLOOR_MICROSECONDS:.0} apart: {}\n",
        if met { "met" } else { "MISSED" }
    );
    let document =
        json!({ "workload": "timing", "server": engine, "samples": SAMPLES_OF_EACH, "pairs": pairs, "met": met });
    Ok((document, met))
}

/// Kinds of refusal that somebody who guesses would like to tell apart. The last two show no whole
/// secret, of a name that has a password and of one that nobody has.
async fn attempts(server: &Postern) -> Result<Vec<Attempt>> {
    let issue = |name: &str, expires: &str| -> Result<String> {
        let said = server.say(&[
            "--json",
            "credential",
            "issue",
            RECIPIENT,
            "--purpose",
            "backup",
            "--owner",
            "admin@example.org",
            "--reason",
            "measured",
            "--any-network",
            "--name",
            name,
            "--expires",
            expires,
        ])?;
        let issued: Value = serde_json::from_str(&said).context("no document was printed")?;
        Ok(issued["secret"].as_str().context("no secret was printed")?.to_owned())
    };
    let live = issue("live", "90d")?;
    let revoked = issue("revoked", "90d")?;
    server.say(&["credential", "revoke", &format!("{RECIPIENT}/revoked")])?;
    let expired = issue("expired", "2s")?;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let attempt = |kind, username: &str, secret: String| Attempt { kind, username: username.to_owned(), secret };
    Ok(vec![
        attempt("unknown", "nobody@example.org", live.clone()),
        attempt("wrong", RECIPIENT, with_other_secret(&live)?),
        attempt("revoked", RECIPIENT, revoked),
        attempt("expired", RECIPIENT, expired),
        attempt("slip", "admin@example.org", "ptn1_nothing".to_owned()),
        attempt("nobody's", "nobody@example.org", "ptn1_nothing".to_owned()),
    ])
}

/// The same credential's id with another secret, whole in form: so it is looked at.
fn with_other_secret(secret: &str) -> Result<String> {
    let secret = MachineSecret::parse(&Secret::new(secret)).context("no secret of ours")?;
    let other = secret.with_secret_of(&MachineSecret::from_random(&[0; MachineSecret::RANDOM_BYTES])).text();
    Ok(other.expose_text().context("no text")?.to_owned())
}

/// Every other connection comes from a network of its own, whose failures each have a row on the trail;
/// the others come from one, whose failures are counted.
fn source(number: usize) -> Ipv4Addr {
    if number.is_multiple_of(2) {
        return Ipv4Addr::LOCALHOST;
    }
    // A /26 each, in 127.0.0.0/8.
    let network = u32::try_from(number / 2 + 1).unwrap_or(1) % (1 << 17);
    Ipv4Addr::from_bits((127 << 24) + (network << 6) + 1)
}

/// Microseconds of each refusal, by kind. Each connection takes whichever kind is next.
async fn sample(address: SocketAddr, attempts: &Arc<Vec<Attempt>>) -> Result<Vec<Vec<f64>>> {
    let (next, sources) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (attempts, next, sources) = (Arc::clone(attempts), Arc::clone(&next), Arc::clone(&sources));
        tasks.spawn(async move {
            let mut samples = Vec::new();
            let source = || source(sources.fetch_add(1, Ordering::Relaxed));
            let mut connection = (Imap::connect(address, source()).await?, 0);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= SAMPLES_OF_EACH * attempts.len() {
                    return Ok::<_, anyhow::Error>(samples);
                }
                let kind = number % attempts.len();
                let Attempt { username, secret, .. } = &attempts[kind];
                let command = format!("LOGIN {username} {secret}");
                let start = Instant::now();
                let (_, status) = connection.0.command(&command).await?;
                samples.push((kind, start.elapsed().as_secs_f64() * 1e6));
                if !status.starts_with("NO [AUTHENTICATIONFAILED]") {
                    bail!("{}: {status}", attempts[kind].kind);
                }
                connection.1 += 1;
                if connection.1 == ATTEMPTS - 1 {
                    connection = (Imap::connect(address, source()).await?, 0);
                }
            }
        });
    }
    let mut samples = vec![Vec::with_capacity(SAMPLES_OF_EACH); attempts.len()];
    while let Some(done) = tasks.join_next().await {
        for (kind, microseconds) in done.context("a client task failed")?? {
            samples[kind].push(microseconds);
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn welch_tells_apart_what_differs() {
        let alike: Vec<f64> = (0..1000).map(|number| f64::from(number % 7)).collect();
        let later: Vec<f64> = alike.iter().map(|sample| sample + 1.0).collect();
        assert!(Figures::of(&alike).t(Figures::of(&alike)).abs() < 1e-9);
        assert!(Figures::of(&later).t(Figures::of(&alike)) > FLOOR_T);
    }
}
