//! What the keeper says to administrators, and what it does when they want another certificate.

use super::due::next_at;
use super::kept::Kept;
use super::{Keeper, Progress, Urge, Wanted, locked};
use crate::config::Acme;
use crate::inspect::Inspected;
use crate::own::ANOTHER_AUTHORITY;
use crate::tls::{chain, names_it};
use postern_app::{
    CertificateAsked, CertificateAttempt, CertificateAuthority, CertificateFinding, CertificateKeeper,
    CertificateSource, CertificateState, ShownCertificate,
};
use postern_http::show_date;
use postern_types::Timestamp;
use rustls_pki_types::CertificateDer;
use std::sync::Arc;

const DAY_MS: i64 = 24 * 3600 * 1000;
const BY_FILES: &str = "renew it, put it at [tls] certificate and key, then: systemctl reload postern";
const BY_COMMAND: &str = "postern certificate renew";

impl CertificateKeeper for Keeper {
    fn state(&self) -> CertificateState {
        let wanted = self.wanted.borrow().clone();
        let Some((der, leaf)) = self.shown() else { return CertificateState::default() };
        let source = self.source(&wanted, &der, &leaf);
        CertificateState {
            renewal: self.renewal(&wanted, source, &leaf),
            findings: self.findings(&wanted, source, &der, &leaf),
            authority: wanted.acme.as_deref().map(|acme| self.authority(acme)),
            shown: Some(ShownCertificate {
                source,
                names: leaf.names,
                issuer: leaf.issuer,
                not_before: leaf.not_before,
                not_after: leaf.not_after,
                sha256: leaf.sha256,
                key: leaf.key,
            }),
        }
    }

    fn renew(&self, is_forced: bool) -> CertificateAsked {
        let wanted = self.wanted.borrow().clone();
        match &wanted.acme {
            Some(acme) => self.ask_now(&wanted, acme, is_forced),
            None => self.renew_own(is_forced),
        }
    }
}

impl Keeper {
    /// The certificate that clients see.
    fn shown(&self) -> Option<(CertificateDer<'static>, Inspected)> {
        let der = self.answers.tls.shown()?;
        let leaf = Inspected::of(&der)?;
        Some((der, leaf))
    }

    fn source(&self, wanted: &Wanted, der: &CertificateDer<'_>, leaf: &Inspected) -> CertificateSource {
        match &wanted.acme {
            Some(acme) => {
                let is_given = chain(&acme.files()).is_ok_and(|chain| chain.first() == Some(der));
                if is_given { CertificateSource::Acme } else { CertificateSource::StandIn }
            }
            None if self.own.has_issued(leaf, &*self.disk) => CertificateSource::OwnAuthority,
            None => CertificateSource::Files,
        }
    }

    /// When the authority is asked; or from when on somebody should see to it.
    fn renewal(&self, wanted: &Wanted, source: CertificateSource, leaf: &Inspected) -> Option<Timestamp> {
        match (source, &wanted.acme) {
            (CertificateSource::Acme | CertificateSource::StandIn, Some(acme)) => {
                let now = self.clock.wall();
                let next = next_at(self.life(acme).as_ref(), &self.attempts(acme), Urge::None, now).max(now);
                wanted.is_answered.then_some(next)
            }
            _ => Some(should_be_renewed(leaf)),
        }
    }

    fn authority(&self, acme: &Acme) -> CertificateAuthority {
        let kept = Kept::new(acme, Arc::clone(&self.disk)).attempts();
        let noted = locked(&self.noted).get(&acme.folder).cloned().unwrap_or(kept);
        let refusal = noted.refusal.map(|refusal| (refusal.reason.clone(), refusal.to_do()));
        let Progress { is_asking, attempts, .. } = *locked(&self.progress);
        CertificateAuthority {
            directory: acme.directory.clone(),
            challenge: acme.challenge.name(),
            names: acme.wanted(&self.hostname),
            is_asking,
            attempts,
            last: noted.last_ms.map(|at| CertificateAttempt { at: Timestamp(at), refusal }),
        }
    }

    /// What is amiss, the gravest first.
    fn findings(
        &self,
        wanted: &Wanted,
        source: CertificateSource,
        der: &CertificateDer<'_>,
        leaf: &Inspected,
    ) -> Vec<CertificateFinding> {
        let is_own = source == CertificateSource::OwnAuthority;
        let renew = match source {
            CertificateSource::Files => BY_FILES,
            _ if is_own && self.own.ends_with(leaf, &*self.disk) => ANOTHER_AUTHORITY,
            _ => BY_COMMAND,
        };
        let found = [
            self.lasting(leaf, renew),
            is_own.then(|| self.own.end_finding(self.clock.wall(), &*self.disk)).flatten(),
            self.naming(source, der),
            wanted.acme.as_deref().and_then(|acme| self.asking_finding(wanted, acme, source)),
            self.file_finding(wanted, source, der),
        ];
        found.into_iter().flatten().collect()
    }

    fn lasting(&self, leaf: &Inspected, renew: &str) -> Option<CertificateFinding> {
        let now = self.clock.wall();
        if leaf.not_after <= now {
            return amiss("it has ended: mail programs refuse to connect", renew);
        }
        if now < leaf.not_before {
            let next = "is this machine's clock right? timedatectl; if it is, wait or take another certificate";
            return amiss("it does not hold yet: mail programs refuse to connect", next);
        }
        let days = (leaf.not_after.0 - now.0) / DAY_MS;
        if days >= leaf.warn_days() {
            return None;
        }
        let when = match days {
            0 => "within a day".to_owned(),
            1 => "in 1 day".to_owned(),
            days => format!("in {days} days"),
        };
        amiss(format!("it ends {when}, and mail programs refuse it then"), renew)
    }

    fn naming(&self, source: CertificateSource, der: &CertificateDer<'_>) -> Option<CertificateFinding> {
        if names_it(der, &self.hostname) {
            return None;
        }
        let next = match source {
            CertificateSource::Files => "take one for that name, or correct hostname in postern.toml",
            _ => BY_COMMAND,
        };
        amiss(
            format!("it is not for {}, the hostname of the configuration: mail programs refuse it", self.hostname),
            next,
        )
    }

    fn asking_finding(&self, wanted: &Wanted, acme: &Acme, source: CertificateSource) -> Option<CertificateFinding> {
        if !wanted.is_answered {
            return Some(closed(acme));
        }
        // What it said of other names does not count.
        if let Some(refusal) = self.attempts(acme).refusal {
            return amiss(format!("the authority was asked last in vain: {}", refusal.reason), refusal.to_do());
        }
        let waits = source == CertificateSource::StandIn && !locked(&self.progress).is_asking;
        waits.then(|| CertificateFinding {
            text: "the authority has not given one yet, and another stands in for it".to_owned(),
            next: BY_COMMAND.to_owned(),
        })
    }

    /// A file that was changed and not taken up.
    fn file_finding(
        &self,
        wanted: &Wanted,
        source: CertificateSource,
        der: &CertificateDer<'_>,
    ) -> Option<CertificateFinding> {
        if !matches!(source, CertificateSource::Files | CertificateSource::OwnAuthority) {
            return None;
        }
        match chain(&wanted.files) {
            Ok(chain) if chain.first() == Some(der) => None,
            Ok(_) => amiss(
                format!("{} holds another one, which is not shown yet", wanted.files.certificate.display()),
                "systemctl reload postern",
            ),
            Err(error) => {
                let text = error.to_string();
                let reason = text.lines().next().unwrap_or_default();
                amiss(
                    format!("its file can not be used any more, and the server does not start again with it: {reason}"),
                    "check [tls] certificate and key in the configuration",
                )
            }
        }
    }

    fn ask_now(&self, wanted: &Wanted, acme: &Acme, is_forced: bool) -> CertificateAsked {
        if !wanted.is_answered {
            return CertificateAsked::Not(closed(acme));
        }
        if locked(&self.progress).is_asking {
            return CertificateAsked::Asking;
        }
        let (now, attempts) = (self.clock.wall(), self.attempts(acme));
        let urge = if is_forced { Urge::Now } else { Urge::IfDue };
        let at = next_at(self.life(acme).as_ref(), &attempts, urge, now);
        if at <= now {
            // An attempt that began meanwhile is what is wanted.
            let progress = locked(&self.progress);
            if !progress.is_asking {
                self.wanted.send_modify(|wanted| {
                    wanted.urge = urge;
                    wanted.forced += u64::from(is_forced);
                });
            }
            return CertificateAsked::Asking;
        }
        let rests_until = attempts.rests_until(now);
        CertificateAsked::Not(match attempts.refusal.filter(|refusal| refusal.is_rate_limit && rests_until > now) {
            Some(refusal) => CertificateFinding {
                text: format!(
                    "the authority wants to be left alone until {}: {}",
                    show_date(rests_until),
                    refusal.reason
                ),
                next: refusal.next,
            },
            None => not_due(at, "it is renewed by itself then"),
        })
    }

    fn renew_own(&self, is_forced: bool) -> CertificateAsked {
        // The files of this moment, and nobody else's meanwhile.
        let _alone = locked(&self.putting);
        let wanted = self.wanted.borrow().clone();
        let files = &wanted.files;
        let leaf = chain(files).map_err(|error| error.to_string()).and_then(|chain| {
            let leaf = chain.first().and_then(|der| Inspected::of(der));
            leaf.ok_or_else(|| "its certificate can not be read".to_owned())
        });
        let leaf = match leaf {
            Ok(leaf) => leaf,
            Err(error) => {
                let reason = error.lines().next().unwrap_or_default();
                let text = format!("{} can not be used: {reason}", files.certificate.display());
                return CertificateAsked::Not(CertificateFinding { text, next: BY_FILES.to_owned() });
            }
        };
        if wanted.acme.is_some() || !self.own.has_issued(&leaf, &*self.disk) {
            return CertificateAsked::Not(CertificateFinding {
                text: "no authority is asked for this certificate: it is in files that somebody renews".to_owned(),
                next: format!("{BY_FILES}; or have it by ACME: docs/administration.md, By ACME"),
            });
        }
        let now = self.clock.wall();
        let at = should_be_renewed(&leaf);
        let is_fit = leaf.names.contains(&self.hostname);
        if at > now && is_fit && !is_forced {
            return CertificateAsked::Not(not_due(at, "do it then"));
        }
        match self.own.renew(&self.hostname, (files, &leaf), &self.answers.tls, now, &*self.disk) {
            Ok(()) => CertificateAsked::Made,
            Err(why) => CertificateAsked::Not(why),
        }
    }
}

/// From here on it is told that its end is near.
fn should_be_renewed(leaf: &Inspected) -> Timestamp {
    leaf.not_after.plus_ms(-leaf.warn_days() * DAY_MS)
}

fn amiss(text: impl Into<String>, next: impl Into<String>) -> Option<CertificateFinding> {
    Some(CertificateFinding { text: text.into(), next: next.into() })
}

fn not_due(at: Timestamp, then: &str) -> CertificateFinding {
    let text = format!("it is not due until {}: {then}", show_date(at));
    CertificateFinding { text, next: format!("to have another one now: {BY_COMMAND} --force") }
}

fn closed(acme: &Acme) -> CertificateFinding {
    let listener = acme.challenge.place().0;
    CertificateFinding {
        text: format!("the authority looks at [listen] {listener}, which opens with a restart, and is asked then"),
        next: "systemctl restart postern".to_owned(),
    }
}
