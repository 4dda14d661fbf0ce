//! To whom a submission goes: looked at as the envelope comes, and again with the message.

use super::{Planned, Said, SubmitError, SubmitRequest, names, over_limit, plan};
use crate::{DeliveryError, House, Session};
use postern_access::{OnLimit, OverLimit};
use postern_store::{Caller, Load, OwnTerms, SendError, StoreError, Tx};
use postern_types::{Address, Domain};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A recipient of the envelope, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// As the queue keeps it.
    pub address: String,
    /// In lower case.
    pub domain: String,
    /// Of ours: nothing where it is elsewhere.
    pub local: Option<Address>,
}

impl Place {
    /// The mailbox, however its address is written: a local part elsewhere may tell case (RFC 5321 section 2.4).
    pub fn identity(&self) -> (String, &str) {
        let local_part = self.address.rsplit_once('@').map_or(self.address.as_str(), |(local, _)| local);
        let local_part = if self.local.is_some() { local_part.to_lowercase() } else { local_part.to_owned() };
        (local_part, &self.domain)
    }
}

/// What a message that has come finds.
pub(super) struct Begun {
    pub places: Vec<Place>,
    /// What it takes of the limits.
    pub load: Option<Load>,
    pub planned: Planned,
}

/// Are recipients within what a credential may reach?
enum Within {
    Fine,
    Refused(SubmitError),
    Over(OverLimit, OnLimit),
}

fn check_terms(terms: &OwnTerms<'_>, places: &[Place], is_counted: bool) -> Result<Within, SendError> {
    for place in places {
        if terms.own_domains && place.local.is_none() {
            let text = format!("This credential sends within the organisation alone, and {} is not", place.address);
            return Ok(Within::Refused(SubmitError::NotAllowed(text)));
        }
        if !terms.is_campaign {
            continue;
        }
        if let Some(suppressed) = terms.suppressed(&place.address.to_lowercase())? {
            let text = format!(
                "Mail to {} came back for good: {}; to send there again: postern shared unsuppress",
                place.address, suppressed.reason
            );
            return Ok(Within::Refused(SubmitError::Suppressed(text)));
        }
    }
    match terms.has_room() {
        Err(SendError::OverLimit(over)) if is_counted => Ok(Within::Over(over, terms.limits.on_limit)),
        Ok(()) | Err(SendError::OverLimit(_)) => Ok(Within::Fine),
        Err(error) => Err(error),
    }
}

/// Takes recipients apart, or says why one is none.
fn places(tx: &Tx<'_>, texts: &[String]) -> Result<Result<Vec<Place>, SubmitError>, StoreError> {
    let mut ours: BTreeMap<Domain, bool> = BTreeMap::new();
    let mut places = Vec::with_capacity(texts.len());
    for text in texts {
        let text = match text.eq_ignore_ascii_case("postmaster") {
            // RFC 5321 section 4.5.1: without a domain it is ours.
            true => match tx.first_domain()? {
                Some(domain) => format!("postmaster@{domain}"),
                None => return Ok(Err(SubmitError::Unavailable)),
            },
            false => text.clone(),
        };
        let Some((_, domain)) = text.rsplit_once('@') else { return Ok(Err(SubmitError::NoSuchRecipient(text))) };
        let Ok(domain) = Domain::parse(domain) else {
            return Ok(Err(SubmitError::NoRoute(format!("{text} has no domain that mail could be sent to"))));
        };
        let is_ours = match ours.get(&domain) {
            Some(known) => *known,
            None => tx.is_own_domain(&domain)?,
        };
        let Ok(local) = is_ours.then(|| Address::parse(&text)).transpose() else {
            return Ok(Err(SubmitError::NoSuchRecipient(text)));
        };
        places.push(Place { address: text, domain: domain.to_string(), local });
        ours.insert(domain, is_ours);
    }
    Ok(Ok(places))
}

/// What one read found of all recipients of a message: a campaign has thousands.
struct Looked {
    places: Result<Vec<Place>, SubmitError>,
    within: Within,
}

fn look(tx: &Tx<'_>, caller: &Caller, texts: &[String], is_counted: bool) -> Result<Looked, SendError> {
    let places = places(tx, texts)?;
    let known = places.as_deref().unwrap_or_default();
    let is_counted = is_counted && known.iter().any(|place| place.local.is_none());
    let within = match tx.own_terms(caller)? {
        Some(terms) => check_terms(&terms, known, is_counted)?,
        None => Within::Fine,
    };
    Ok(Looked { places, within })
}

impl House {
    /// Asked at RCPT: may a message of theirs go to this address, `already` being accepted before?
    pub async fn may_submit_to(&self, session: &Session, address: &str, already: usize) -> Result<(), SubmitError> {
        let most = self.limits.submission_recipients;
        if already >= most {
            return Err(SubmitError::TooManyRecipients(most));
        }
        let (caller, is_counted) = (session.caller.clone(), !self.is_exempt(session));
        let texts = [address.to_owned()];
        let read = self.db.read(move |tx: &Tx<'_>| look(tx, &caller, &texts, is_counted));
        match read.await {
            Ok(looked) => self.settle_places(session, looked).await.map(|_| ()),
            Err(error) => Err(self.refusal(session, &names(session, None), error).await),
        }
    }

    /// Where recipients are, as one read found them. Are these there, or on a way that is known, and within
    /// what a credential may reach?
    async fn settle_places(&self, session: &Session, looked: Looked) -> Result<Vec<Place>, SubmitError> {
        let places = looked.places?;
        self.check_ways(&places).await?;
        match looked.within {
            Within::Fine => Ok(places),
            Within::Refused(refused) => Err(refused),
            Within::Over(over, on_limit) => {
                self.limit_reached(session, session.account(), &over, on_limit).await;
                Err(over_limit(&over, on_limit))
            }
        }
    }

    /// Are these there, or on a way that is known?
    async fn check_ways(&self, places: &[Place]) -> Result<(), SubmitError> {
        let routes = self.routes();
        for place in places {
            match &place.local {
                Some(address) => self.check_local(address).await?,
                None => {
                    let domain = Domain::parse(&place.domain).map_err(|_| SubmitError::Unavailable)?;
                    if routes.to(&domain).is_none() {
                        return Err(no_route(&domain));
                    }
                }
            }
        }
        Ok(())
    }

    async fn check_local(&self, address: &Address) -> Result<(), SubmitError> {
        match self.recipient(address).await {
            Ok(_) => Ok(()),
            Err(DeliveryError::Unavailable) => Err(SubmitError::Unavailable),
            Err(DeliveryError::Closed) => Err(SubmitError::NoRoute(format!("{address}: {}", DeliveryError::Closed))),
            Err(_) => Err(SubmitError::NoSuchRecipient(address.to_string())),
        }
    }

    /// Looks at all recipients and at how the message is sent.
    pub(super) async fn begin(
        &self,
        session: &Session,
        said: &Arc<Said>,
        request: &SubmitRequest,
    ) -> Result<Begun, SubmitError> {
        let texts: Vec<String> = request.recipients.iter().map(|recipient| recipient.address.clone()).collect();
        let (caller, asked, is_counted) = (session.caller.clone(), Arc::clone(said), !self.is_exempt(session));
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, SendError> {
            Ok((look(tx, &caller, &texts, is_counted)?, plan(tx, &caller, &asked)))
        });
        let (looked, planned) = match read.await {
            Ok(found) => found,
            Err(error) => return Err(self.refusal(session, &said.names, error).await),
        };
        let places = self.settle_places(session, looked).await?;
        match planned {
            Ok(planned) => Ok(Begun { load: self.load(session, said, request, &places), places, planned }),
            Err(error) => Err(self.refusal(session, &said.names, error).await),
        }
    }

    /// What the message takes of the limits: nothing where all of it stays in the house, or it is a
    /// person's notification.
    fn load(&self, session: &Session, said: &Said, request: &SubmitRequest, places: &[Place]) -> Option<Load> {
        let elsewhere: BTreeSet<String> =
            places.iter().filter(|place| place.local.is_none()).map(|place| place.address.to_lowercase()).collect();
        // One is an answer to somebody; many are no notification, whatever the reverse path says.
        let is_notification = said.names.reverse_path.is_none() && session.is_person() && request.recipients.len() == 1;
        if elsewhere.is_empty() || is_notification || self.is_exempt(session) {
            return None;
        }
        let recipients = elsewhere.iter().map(|address| self.recipient_hash(address)).collect();
        Some(Load { recipients, bytes: request.raw.len() as u64 })
    }

    /// Is what this session sends not counted: from this machine, where that is exempt?
    pub(super) fn is_exempt(&self, session: &Session) -> bool {
        let address: Option<IpAddr> = session.caller.origin().peer.parse().ok();
        self.exempt_loopback.load(Ordering::Relaxed)
            && address.is_none_or(|address| address.to_canonical().is_loopback())
    }

    /// 63 bits of a keyed hash of an address: to know whether mail was sent there before.
    fn recipient_hash(&self, address: &str) -> i64 {
        let mut eight = [0; 8];
        eight.copy_from_slice(&self.blobs.hash(address.as_bytes()).0[..8]);
        i64::from_be_bytes(eight) & i64::MAX
    }
}

/// There is no way to a domain: told with the setting that would be one.
fn no_route(domain: &Domain) -> SubmitError {
    SubmitError::NoRoute(format!(
        "This server knows no way to {domain}: set [relay] smarthost in postern.toml, or a [relay.route] for that domain"
    ))
}
