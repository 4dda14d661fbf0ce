//! `postern certificate`: what clients are shown, who renews it, and having another one now.

use super::domain::day;
use super::failure::Failure;
use super::output::{Said, facts, plain};
use super::transport::Client;
use clap::Subcommand;
use postern_http::model::{
    Certificate, CertificateAcme, CertificateAsked, CertificateAttempt, CertificateState, RenewCertificate,
};
use std::time::Duration;
use tokio::time::Instant;

/// What to do with the certificate.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// What mail programs are shown: names, issuer, end, who renews it and when, and what is amiss
    Show,
    /// Have another certificate now, and wait for what comes of it
    ///
    /// With [tls.acme] its authority is asked, which happens by itself with a third of the life left, too. One that
    /// init made is made again under the same authority, for the same key, and programs that trust ca.pem go on.
    /// Who is connected stays so. Files that somebody else renews are taken up by a reload.
    Renew {
        /// Even where it is not due
        ///
        /// By ACME the key is another one, too; under the house's own authority it stays. Authorities count: Let's Encrypt gives the same names five certificates in a week.
        #[arg(long)]
        force: bool,
    },
}

const PATH: &str = "/api/v1/certificate";
/// How often is looked whether the authority has come to an end.
const PAUSE: Duration = Duration::from_millis(500);
/// The server gives an authority up before.
const PATIENCE: Duration = Duration::from_secs(660);

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    match verb {
        Verb::Show => {
            let state: CertificateState = client.get(PATH).await?;
            Ok(Said::new(shown(&state), &state))
        }
        Verb::Renew { force } => renew(force, client).await,
    }
}

async fn renew(force: bool, client: &mut Client) -> Result<Said, Failure> {
    let asked: CertificateAsked = client.send("POST", &format!("{PATH}/renew"), &RenewCertificate { force }).await?;
    if let Some(not) = asked.not {
        return Err(Failure::new(format!("no other certificate was asked for: {}", plain(&not.text)))
            .next(plain(&not.next_step)));
    }
    let state = match asked.outcome.as_str() {
        "asking" => {
            let now = ended(&asked.state, client).await?;
            came(&asked.state, &now)?;
            now
        }
        _ => asked.state,
    };
    Ok(Said::new(
        format!("There is a new certificate, shown to whoever connects from now on.\n\n{}", shown(&state)),
        &state,
    ))
}

/// Whether there is another one since. A reload breaks an attempt off, and takes away whom to ask; then what stands
/// there of the last attempt is of one before.
fn came(before: &CertificateState, now: &CertificateState) -> Result<(), Failure> {
    let at = |state| last(state).map(|last| last.at.clone());
    if at(before) != at(now)
        && let Some(CertificateAttempt { refusal: Some(reason), next_step, .. }) = last(now)
    {
        let next = next_step.as_deref().unwrap_or("postern certificate show");
        return Err(Failure::new(format!("there is no new certificate: {}", plain(reason))).next(plain(next)));
    }
    let shown = |state: &CertificateState| state.certificates.first().map(|shown| shown.sha256.clone());
    if shown(now).is_none() || shown(before) == shown(now) {
        let text = "there is no new certificate: asking for it was broken off, as by a reload";
        return Err(Failure::new(text).next("ask again: postern certificate renew"));
    }
    Ok(())
}

/// Waits for the attempt under way.
async fn ended(before: &CertificateState, client: &mut Client) -> Result<CertificateState, Failure> {
    let attempts = |state: &CertificateState| state.acme.as_ref().map_or(0, |acme| acme.attempts);
    let began = Instant::now();
    loop {
        tokio::time::sleep(PAUSE).await;
        let now: CertificateState = client.get(PATH).await?;
        // A reload may have taken the authority away.
        if attempts(&now) > attempts(before) || now.acme.is_none() {
            return Ok(now);
        }
        if began.elapsed() > PATIENCE {
            let text = "the authority has not come to an end yet";
            return Err(Failure::new(text).next("look again later: postern certificate show"));
        }
    }
}

fn last(state: &CertificateState) -> Option<&CertificateAttempt> {
    state.acme.as_ref().and_then(|acme| acme.last.as_ref())
}

fn shown(state: &CertificateState) -> String {
    if state.certificates.is_empty() {
        return "No server runs here, so nothing is shown to anybody.\n\
                Next: start it; its files are looked at by: postern doctor --only tls\n"
            .to_owned();
    }
    let each = state.certificates.iter().map(|certificate| facts(&rows(certificate, state.acme.as_ref())));
    let mut text = each.collect::<Vec<_>>().join("\n");
    for finding in &state.findings {
        text.push_str(&format!("\nAmiss: {}\nNext: {}\n", plain(&finding.text), plain(&finding.next_step)));
    }
    text
}

fn rows(certificate: &Certificate, acme: Option<&CertificateAcme>) -> Vec<(&'static str, String)> {
    let days = match certificate.days_left {
        ..=-1 => "ended".to_owned(),
        0 => "less than a day left".to_owned(),
        1 => "1 day left".to_owned(),
        left => format!("{left} days left"),
    };
    let mut rows = vec![
        ("names", plain(&certificate.names.join(", "))),
        ("from", source(certificate, acme)),
        ("issuer", plain(&certificate.issuer)),
        ("not before", day(&certificate.not_before)),
        ("not after", format!("{} ({days})", day(&certificate.not_after))),
        ("key", certificate.key.clone()),
        ("SHA-256", certificate.sha256.clone()),
    ];
    let renewal = certificate.renewal.as_deref();
    match acme {
        Some(acme) => {
            rows.push(("asked for", plain(&acme.names.join(", "))));
            rows.push(("asked last", acme.last.as_ref().map_or_else(|| "never".to_owned(), outcome)));
            let next = if acme.asking { "now" } else { renewal.unwrap_or("not before a restart") };
            rows.push(("asked next", next.to_owned()));
        }
        None => {
            let by = if certificate.source == "own-authority" { ", by: postern certificate renew" } else { ", by you" };
            rows.push(("renewal", renewal.map(|at| format!("from {} on{by}", day(at))).unwrap_or_default()));
        }
    }
    rows
}

fn source(certificate: &Certificate, acme: Option<&CertificateAcme>) -> String {
    let by = acme.map(|acme| format!("{}, by ACME ({})", plain(&acme.directory), acme.challenge)).unwrap_or_default();
    match certificate.source.as_str() {
        "acme" => by,
        "stand-in" => format!("elsewhere, until there is one from {by}"),
        "own-authority" => "the house's own authority, tls/ca.pem".to_owned(),
        _ => "files that somebody puts in place".to_owned(),
    }
}

fn outcome(last: &CertificateAttempt) -> String {
    match &last.refusal {
        None => format!("{}: it gave one", last.at),
        Some(reason) => format!("{}, in vain: {}", last.at, plain(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_http::model::CertificateFinding;

    fn certificate(source: &str) -> Certificate {
        Certificate {
            source: source.into(),
            names: vec!["mail.example.org".into(), "autoconfig.example.org".into()],
            issuer: "CN=Some Authority".into(),
            not_before: "2026-11-01T00:00:00Z".into(),
            not_after: "2027-01-30T00:00:00Z".into(),
            days_left: 64,
            sha256: "00ff".into(),
            key: "ECDSA P-256".into(),
            renewal: Some("2026-12-31T00:00:00Z".into()),
        }
    }

    fn by_acme(refusal: Option<&str>) -> CertificateAcme {
        CertificateAcme {
            directory: "https://ca.example.net/dir".into(),
            challenge: "http-01".into(),
            names: vec!["mail.example.org".into()],
            asking: false,
            attempts: 1,
            last: Some(CertificateAttempt {
                at: "2026-11-27T08:00:00Z".into(),
                refusal: refusal.map(str::to_owned),
                next_step: refusal.map(|_| "open port 80".to_owned()),
            }),
        }
    }

    fn state(certificate: Certificate, acme: Option<CertificateAcme>) -> CertificateState {
        CertificateState { certificates: vec![certificate], acme, findings: vec![] }
    }

    #[test]
    fn what_is_shown_and_who_renews_it_is_told() {
        assert_eq!(
            shown(&state(certificate("acme"), Some(by_acme(None)))),
            "names       mail.example.org, autoconfig.example.org\n\
             from        https://ca.example.net/dir, by ACME (http-01)\n\
             issuer      CN=Some Authority\n\
             not before  2026-11-01\n\
             not after   2027-01-30 (64 days left)\n\
             key         ECDSA P-256\n\
             SHA-256     00ff\n\
             asked for   mail.example.org\n\
             asked last  2026-11-27T08:00:00Z: it gave one\n\
             asked next  2026-12-31T00:00:00Z\n"
        );
        let own = shown(&state(certificate("own-authority"), None));
        assert!(own.ends_with("renewal     from 2026-12-31 on, by: postern certificate renew\n"), "{own}");
        assert!(shown(&state(certificate("files"), None)).ends_with("renewal     from 2026-12-31 on, by you\n"));
        let days = |days_left| shown(&state(Certificate { days_left, ..certificate("files") }, None));
        assert!(
            days(-1).contains("2027-01-30 (ended)")
                && days(1).contains("(1 day left)")
                && days(0).contains("(less than a day left)")
        );
        let nobody = CertificateState { certificates: vec![], acme: None, findings: vec![] };
        assert!(shown(&nobody).starts_with("No server runs here"));
    }

    #[test]
    fn there_is_a_new_one_only_where_another_is_shown() {
        let at = |sha256: &str, acme: Option<CertificateAcme>| {
            state(Certificate { sha256: sha256.into(), ..certificate("acme") }, acme)
        };
        let said = |now: &CertificateState| came(&at("00ff", Some(by_acme(Some("an old story")))), now).err();
        let later = |refusal| {
            let mut acme = by_acme(refusal);
            acme.last.as_mut().unwrap().at = "2026-11-27T09:00:00Z".into();
            Some(acme)
        };
        assert!(said(&at("11ee", later(None))).is_none());
        let words = |now| format!("{:?}", said(&now).expect("a failure"));
        assert!(words(at("00ff", later(Some("nobody answers")))).contains("nobody answers"));
        // A reload took the authority away, or wanted another one.
        for acme in [None, Some(by_acme(Some("an old story")))] {
            let broken = words(at("00ff", acme));
            assert!(broken.contains("broken off, as by a reload") && !broken.contains("an old story"), "{broken}");
        }
    }

    #[test]
    fn what_is_amiss_is_told_with_what_to_do() {
        let refused = by_acme(Some("nobody\u{1b} answers"));
        let finding = CertificateFinding { text: "it was asked in vain".into(), next_step: "open port 80".into() };
        let text =
            shown(&CertificateState { findings: vec![finding], ..state(certificate("stand-in"), Some(refused)) });
        assert!(text.contains("from        elsewhere, until there is one from https://ca.example.net/dir"), "{text}");
        assert!(text.contains("asked last  2026-11-27T08:00:00Z, in vain: nobody\u{fffd} answers\n"), "{text}");
        assert!(text.ends_with("\n\nAmiss: it was asked in vain\nNext: open port 80\n"), "{text}");
    }
}
