//! The certificate that listeners show: what it says, who renews it, and asking for another one now.

use crate::model::{
    Certificate, CertificateAcme, CertificateAsked, CertificateAttempt, CertificateFinding, CertificateState,
    RenewCertificate,
};
use crate::problem::Problem;
use crate::route::{Ask, Reply};
use crate::time::show_date;
use postern_app::{CertificateAuthority, CertificateSource, ShownCertificate};
use postern_types::Timestamp;

const DAY_MS: i64 = 24 * 3600 * 1000;

fn document(state: postern_app::CertificateState, now: Timestamp) -> CertificateState {
    CertificateState {
        certificates: state.shown.into_iter().map(|shown| certificate(shown, state.renewal, now)).collect(),
        acme: state.authority.map(acme),
        findings: state.findings.into_iter().map(finding).collect(),
    }
}

fn certificate(shown: ShownCertificate, renewal: Option<Timestamp>, now: Timestamp) -> Certificate {
    let source = match shown.source {
        CertificateSource::Acme => "acme",
        CertificateSource::StandIn => "stand-in",
        CertificateSource::OwnAuthority => "own-authority",
        CertificateSource::Files => "files",
    };
    Certificate {
        source: source.to_owned(),
        names: shown.names,
        issuer: shown.issuer,
        not_before: show_date(shown.not_before),
        not_after: show_date(shown.not_after),
        days_left: (shown.not_after.0 - now.0).div_euclid(DAY_MS),
        sha256: shown.sha256,
        key: shown.key,
        renewal: renewal.map(show_date),
    }
}

fn acme(authority: CertificateAuthority) -> CertificateAcme {
    let last = |last: postern_app::CertificateAttempt| {
        let (refusal, next_step) = last.refusal.unzip();
        CertificateAttempt { at: show_date(last.at), refusal, next_step }
    };
    CertificateAcme {
        directory: authority.directory,
        challenge: authority.challenge.to_owned(),
        names: authority.names,
        asking: authority.is_asking,
        attempts: authority.attempts,
        last: authority.last.map(last),
    }
}

fn finding(finding: postern_app::CertificateFinding) -> CertificateFinding {
    CertificateFinding { text: finding.text, next_step: finding.next }
}

pub(crate) async fn show(ask: Ask) -> Result<Reply, Problem> {
    let state = ask.house.certificate(ask.caller()?).await?;
    Reply::ok(&document(state, ask.house.now()))
}

pub(crate) async fn renew(ask: Ask) -> Result<Reply, Problem> {
    let RenewCertificate { force } = ask.document()?;
    let (asked, state) = ask.house.renew_certificate(ask.caller()?, force).await?;
    let (outcome, not) = match asked {
        postern_app::CertificateAsked::Asking => ("asking", None),
        postern_app::CertificateAsked::Made => ("made", None),
        postern_app::CertificateAsked::Not(why) => ("not-asked", Some(finding(why))),
    };
    Reply::ok(&CertificateAsked { outcome: outcome.to_owned(), not, state: document(state, ask.house.now()) })
}
