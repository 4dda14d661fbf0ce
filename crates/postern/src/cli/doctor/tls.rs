//! The certificate: does it work with its key, cover the host name, reach an authority, and last; and is it
//! what the server really shows.

use super::acme;
use super::certificate::{Loaded, Trust};
use super::check::{Check, Group};
use crate::cli::domain::day;
use postern_http::show_date;
use postern_server::{Inspected, WARN_DAYS};
use postern_types::Timestamp;
use std::path::PathBuf;

const TLS: Group = Group::Tls;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// What a listener shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    /// `imaps 0.0.0.0:993`.
    pub listener: String,
    /// Whether it is that of the file, and its end; or why it was not seen.
    pub seen: Result<(bool, Timestamp), String>,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// The file of what clients see.
    pub certificate: PathBuf,
    /// One of its two files, where this user may not read it.
    pub shut: Option<PathBuf>,
    /// Who is asked for it, where it comes by ACME.
    pub acme: Option<acme::Facts>,
    pub hostname: String,
    pub loaded: Result<Loaded, String>,
    /// The house's own authority.
    pub authority: PathBuf,
    pub served: Vec<Served>,
    pub pid: Option<u32>,
    pub now: Timestamp,
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    let what = format!("certificate {}", facts.certificate.display());
    let loaded = match &facts.loaded {
        Ok(loaded) => loaded,
        Err(_) if facts.shut.is_some() => {
            let shut = facts.shut.iter().map(|file| Check::shut(TLS, "tls.pair", &*what, file));
            return [shut.collect(), authority(facts), served(facts)].concat();
        }
        Err(error) => {
            let next = "check [tls] certificate and key in the configuration";
            let pair = Check::fail(TLS, "tls.pair", what, "").next(next).told(error);
            return [vec![pair], authority(facts), served(facts)].concat();
        }
    };
    let pair = Check::ok(TLS, "tls.pair", what, "it can be read and works with its key");
    let own = [pair, lasting(loaded, facts), names(loaded, facts), chain(loaded, facts)];
    [own.to_vec(), authority(facts), served(facts)].concat()
}

fn authority(facts: &Facts) -> Vec<Check> {
    facts.acme.as_ref().map(|acme| acme::judge(acme, facts.now)).unwrap_or_default()
}

fn renew(loaded: &Loaded, facts: &Facts) -> &'static str {
    if facts.acme.is_some() {
        return "let the authority give another: see what stands at \"authority\" below";
    }
    match loaded.trust {
        Trust::OwnAuthority if ends_with_authority(&loaded.chain) => {
            "the authority itself ends: docs/administration.md, When the own authority ends"
        }
        Trust::OwnAuthority => "make another with the house's own authority: postern certificate renew",
        _ => "renew it, put it at [tls] certificate and key, then systemctl reload postern",
    }
}

/// Another certificate would end no later than this one.
fn ends_with_authority(chain: &[Inspected]) -> bool {
    let leaf = chain.first();
    leaf.is_some_and(|leaf| chain.iter().skip(1).any(|above| above.not_after <= leaf.not_after))
}

/// The one of the chain that ends first counts: without it the others lead nowhere.
fn lasting(loaded: &Loaded, facts: &Facts) -> Check {
    let (id, what, now) = ("tls.days", "validity", facts.now);
    let ends = loaded.chain.iter().map(|one| one.not_after).min().unwrap_or(now);
    let begins = loaded.chain.iter().map(|one| one.not_before).max().unwrap_or(now);
    let date = |at: Timestamp| day(&show_date(at));
    if ends <= now {
        let text = format!("it ended on {}: mail programs refuse to connect", date(ends));
        return Check::fail(TLS, id, what, text).next(renew(loaded, facts));
    }
    if now < begins {
        let text = format!("it holds from {} on, and this machine's clock is before that", show_date(begins));
        return Check::fail(TLS, id, what, text)
            .next("is the clock right? timedatectl; if it is, wait or take another certificate");
    }
    let days = (ends.0 - now.0) / DAY_MS;
    let left = match days {
        0 => "within a day".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    };
    let text = format!("it ends on {}, {left}", date(ends));
    let few = loaded.chain.first().map_or(WARN_DAYS, Inspected::warn_days);
    match days < few {
        true => Check::warn(TLS, id, what, format!("{text}; mail programs refuse it then")).next(renew(loaded, facts)),
        false => Check::ok(TLS, id, what, text),
    }
}

fn names(loaded: &Loaded, facts: &Facts) -> Check {
    let (id, name) = ("tls.names", &facts.hostname);
    match loaded.covers {
        true => Check::ok(TLS, id, "names", format!("it is for {name}")),
        false => Check::fail(
            TLS,
            id,
            "names",
            format!("it is not for {name}, the hostname of the configuration, so mail programs refuse it"),
        )
        .next("take one for that name, or set hostname to the name that people's programs connect to"),
    }
}

fn chain(loaded: &Loaded, facts: &Facts) -> Check {
    let (id, what) = ("tls.chain", "chain");
    if let Some(lost) = first_out_of_order(&loaded.chain) {
        let text = format!("after the certificate of {} comes one that did not issue it", lost.subject);
        let next = "write the server's certificate first, then each one's issuer (fullchain.pem of most programs)";
        return Check::fail(TLS, id, what, text).next(next);
    }
    match &loaded.trust {
        Trust::System => Check::ok(TLS, id, what, "it reaches an authority that this machine trusts"),
        Trust::OwnAuthority => {
            let text = "it is from the house's own authority: programs trust it once they are given that authority's certificate";
            let next =
                format!("give people {}, or take a certificate that they trust already", facts.authority.display());
            Check::note(TLS, id, what, text).next(next)
        }
        Trust::Nobody(why) => {
            let text = format!("it reaches no authority that this machine trusts: {why}");
            let next = "write the certificates between it and its root after it (fullchain.pem of most programs)";
            Check::warn(TLS, id, what, text).next(next)
        }
        Trust::Unknown(why) => {
            Check::note(TLS, id, what, format!("not checked: {why}")).next("install the package ca-certificates")
        }
    }
}

fn first_out_of_order(chain: &[Inspected]) -> Option<&Inspected> {
    chain.windows(2).find(|pair| !pair[0].is_issued_by(&pair[1])).map(|pair| &pair[0])
}

fn served(facts: &Facts) -> Vec<Check> {
    let reload = match facts.pid {
        Some(pid) => format!(
            "systemctl reload postern, or by hand: kill -HUP {pid}; its log says if the new one can not be used"
        ),
        None => "systemctl reload postern; its log says if the new one can not be used".to_owned(),
    };
    let one = |served: &Served| {
        let (id, what) = ("tls.served", served.listener.clone());
        match &served.seen {
            Err(why) => Check::fail(TLS, id, what, format!("it shows no certificate: {why}"))
                .next("its log has the cause: journalctl -u postern"),
            Ok((true, _)) => Check::ok(TLS, id, what, "it shows this certificate"),
            Ok((false, ends)) if *ends <= facts.now => {
                let text = format!("it still shows an older one, which ended on {}", day(&show_date(*ends)));
                Check::fail(TLS, id, what, text).next(reload.clone())
            }
            Ok((false, ends)) => {
                let text = format!("it shows another one than the file has, which ends on {}", day(&show_date(*ends)));
                Check::warn(TLS, id, what, text).next(reload.clone())
            }
        }
    };
    facts.served.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;
    use postern_server::certificates;
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    const NOW: Timestamp = Timestamp(1_795_381_200_000);

    /// A certificate of 820 days, made so many days before now, with its authority's.
    fn chain_made(days_ago: i64) -> Vec<Inspected> {
        let made = certificates::make("mail.example.org", NOW.plus_ms(-days_ago * DAY_MS)).unwrap();
        let chain = CertificateDer::pem_slice_iter(made.server.as_bytes()).map(Result::unwrap);
        chain.map(|der| Inspected::of(&der).unwrap()).collect()
    }

    fn loaded(days_ago: i64) -> Loaded {
        Loaded { chain: chain_made(days_ago), covers: true, trust: Trust::System }
    }

    fn found(loaded: Loaded, id: &str) -> (Status, String) {
        found_in(&facts(Ok(loaded), vec![]), id)
    }

    fn facts(loaded: Result<Loaded, String>, served: Vec<Served>) -> Facts {
        let (certificate, hostname) = ("tls/cert.pem".into(), "mail.example.org".into());
        Facts {
            certificate,
            shut: None,
            acme: None,
            hostname,
            loaded,
            authority: "tls/ca.pem".into(),
            served,
            pid: Some(7),
            now: NOW,
        }
    }

    fn found_in(facts: &Facts, id: &str) -> (Status, String) {
        let checks = judge(facts);
        let check = checks.into_iter().find(|check| check.id == id).expect("it was looked at");
        assert!(check.status == Status::Ok || check.next.is_some(), "{check:?}");
        (check.status, check.text)
    }

    #[test]
    fn the_days_that_are_left_are_counted() {
        let days = |days_ago| found(loaded(days_ago), "tls.days");
        assert_eq!(days(0), (Status::Ok, "it ends on 2029-02-19, in 820 days".into()));
        assert_eq!(days(820 - 21).0, Status::Ok);
        let (status, text) = days(820 - 20);
        assert!(status == Status::Warn && text.contains("in 20 days"), "{text}");
        assert_eq!(days(821).0, Status::Fail);
        let (status, text) = days(-2);
        assert!(status == Status::Fail && text.contains("clock is before that"), "{text}");
    }

    #[test]
    fn names_order_and_trust_are_judged() {
        assert_eq!(found(Loaded { covers: false, ..loaded(0) }, "tls.names").0, Status::Fail);
        let turned = Loaded { chain: chain_made(0).into_iter().rev().collect(), ..loaded(0) };
        let (status, text) = found(turned, "tls.chain");
        assert!(status == Status::Fail && text.contains("did not issue it"), "{text}");
        let by = |trust| found(Loaded { trust, ..loaded(0) }, "tls.chain").0;
        assert_eq!((by(Trust::System), by(Trust::OwnAuthority)), (Status::Ok, Status::Note));
        assert_eq!(by(Trust::Nobody("unknown issuer".into())), Status::Warn);
        assert_eq!(by(Trust::Unknown("no list".into())), Status::Note);
    }

    #[test]
    fn a_renewed_file_that_was_not_reloaded_is_found() {
        let shown = |seen| {
            let served = vec![Served { listener: "imaps 127.0.0.1:993".into(), seen }];
            found_in(&facts(Ok(loaded(0)), served), "tls.served").0
        };
        assert_eq!(shown(Ok((true, NOW.plus_ms(DAY_MS)))), Status::Ok);
        assert_eq!(shown(Ok((false, NOW.plus_ms(DAY_MS)))), Status::Warn);
        assert_eq!(shown(Ok((false, NOW))), Status::Fail, "what is shown has ended");
        assert_eq!(shown(Err("refused".into())), Status::Fail);
    }

    #[test]
    fn a_pair_that_does_not_load_says_why() {
        let (status, text) = found_in(&facts(Err("keys differ\nNext step: look".into()), vec![]), "tls.pair");
        assert_eq!((status, text.as_str()), (Status::Fail, "keys differ"));
    }

    /// Whoever asks may be no member of the house.
    #[test]
    fn a_key_that_this_user_may_not_read_is_no_fault() {
        let shut = Facts { shut: Some("/srv/postern/tls/key.pem".into()), ..facts(Err("denied".into()), vec![]) };
        let checks = judge(&shut);
        assert_eq!(checks.iter().map(|check| check.status).collect::<Vec<_>>(), [Status::Note]);
        assert!(checks[0].text.contains("may not read /srv/postern/tls/key.pem"), "{checks:?}");
    }
}
