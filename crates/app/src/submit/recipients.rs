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

/// What a credential may reach, as far as these recipients ask for it.
struct Terms {
    own_domains: bool,
    /// Why no campaign goes to an address any more.
    suppressed: BTreeMap<String, String>,
    over: Option<(OverLimit, OnLimit)>,
}

impl Terms {
    fn read(own: &OwnTerms<'_>, places: &[Result<Place, SubmitError>]) -> Result<Self, SendError> {
        let over = match own.has_room() {
            Ok(()) => None,
            Err(SendError::OverLimit(over)) => Some((over, own.limits.on_limit)),
            Err(error) => return Err(error),
        };
        let suppressed = if own.is_campaign {
            let addresses: Vec<String> = places.iter().flatten().map(|place| place.address.to_lowercase()).collect();
            own.suppressed(&addresses)?.into_iter().map(|known| (known.address, known.reason)).collect()
        } else {
            BTreeMap::new()
        };
        Ok(Self { own_domains: own.own_domains, suppressed, over })
    }

    fn check(&self, place: &Place) -> Result<(), SubmitError> {
        let address = &place.address;
        if self.own_domains && place.local.is_none() {
            let text = format!("This credential sends within the organisation alone, and {address} is not");
            return Err(SubmitError::NotAllowed(text));
        }
        match self.suppressed.get(&address.to_lowercase()) {
            Some(reason) => Err(SubmitError::Suppressed(format!(
                "Mail to {address} came back for good: {reason}; to send there again: postern shared unsuppress"
            ))),
            None => Ok(()),
        }
    }
}

/// Which domains are ours, as far as one read has asked.
type Ours = BTreeMap<Domain, bool>;

/// Takes a recipient apart, or says why it is none.
fn place(tx: &Tx<'_>, text: &str, ours: &mut Ours) -> Result<Result<Place, SubmitError>, StoreError> {
    let text = match text.eq_ignore_ascii_case("postmaster") {
        // RFC 5321 section 4.5.1: without a domain it is ours.
        true => match tx.first_domain()? {
            Some(domain) => format!("postmaster@{domain}"),
            None => return Ok(Err(SubmitError::Unavailable)),
        },
        false => text.to_owned(),
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
    let place = Place { address: text, domain: domain.to_string(), local };
    ours.insert(domain, is_ours);
    Ok(Ok(place))
}

/// What one read found of recipients: a campaign has thousands.
struct Looked {
    places: Vec<Result<Place, SubmitError>>,
    /// Of a credential.
    terms: Option<Terms>,
}

fn look(tx: &Tx<'_>, caller: &Caller, texts: &[String]) -> Result<Looked, SendError> {
    let mut ours = Ours::new();
    let places = texts.iter().map(|text| place(tx, text, &mut ours)).collect::<Result<Vec<_>, _>>()?;
    let own = tx.own_terms(caller)?;
    let terms = own.map(|own| Terms::read(&own, &places)).transpose()?;
    Ok(Looked { places, terms })
}

impl House {
    /// Asked at RCPT: may a message of theirs go to these addresses? Each is answered for itself.
    pub async fn may_submit_to(&self, session: &Session, addresses: Vec<String>) -> Vec<Result<(), SubmitError>> {
        let (caller, count) = (session.caller.clone(), addresses.len());
        match self.db.read(move |tx: &Tx<'_>| look(tx, &caller, &addresses)).await {
            Ok(looked) => self.judge(session, looked).await.into_iter().map(|place| place.map(drop)).collect(),
            Err(error) => vec![Err(self.refusal(session, &names(session, None), error).await); count],
        }
    }

    /// Are recipients, as one read found them, there or on a way that is known, and within what a credential
    /// may reach?
    async fn judge(&self, session: &Session, looked: Looked) -> Vec<Result<Place, SubmitError>> {
        let Looked { mut places, terms } = looked;
        self.check_ways(&mut places).await;
        let Some(terms) = terms else { return places };
        let within = |place: Place| terms.check(&place).map(|()| place);
        places = places.into_iter().map(|place| place.and_then(within)).collect();
        // Of what can send here alone, messages count.
        let counts = |place: &Place| terms.own_domains || place.local.is_none();
        let is_counted = |place: &Result<Place, _>| place.as_ref().is_ok_and(counts);
        if let Some((over, on_limit)) = terms.over
            && !self.is_exempt(session)
            && places.iter().any(is_counted)
        {
            self.limit_reached(session, session.account(), &over, on_limit).await;
            let counted = places.iter_mut().filter(|place| is_counted(place));
            counted.for_each(|place| *place = Err(over_limit(&over, on_limit)));
        }
        places
    }

    /// Refuses those who are not there, or to whom no way is known.
    async fn check_ways(&self, places: &mut [Result<Place, SubmitError>]) {
        let local = places.iter().flatten().filter_map(|place| place.local.clone()).collect::<Vec<_>>();
        let mut found = if local.is_empty() { Vec::new() } else { self.recipients(local).await }.into_iter();
        let routes = self.routes();
        for place in places {
            let Ok(known) = place else { continue };
            let refused = match &known.local {
                Some(address) => found.next().and_then(Result::err).map(|error| not_there(address, &error)),
                None => match Domain::parse(&known.domain) {
                    Ok(domain) => routes.to(&domain).is_none().then(|| no_route(&domain)),
                    Err(_) => Some(SubmitError::Unavailable),
                },
            };
            if let Some(refused) = refused {
                *place = Err(refused);
            }
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
        let (caller, asked) = (session.caller.clone(), Arc::clone(said));
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, SendError> {
            Ok((look(tx, &caller, &texts)?, plan(tx, &caller, &asked)))
        });
        let (looked, planned) = match read.await {
            Ok(found) => found,
            Err(error) => return Err(self.refusal(session, &said.names, error).await),
        };
        let places = self.judge(session, looked).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        match planned {
            Ok(planned) => {
                let load = self.load(session, said, request, (&places, planned.plan.own_domains));
                Ok(Begun { load, places, planned })
            }
            Err(error) => Err(self.refusal(session, &said.names, error).await),
        }
    }

    /// What the message takes of the limits: nothing where all of it stays in the house, or it is a
    /// person's notification. Of a credential that can send nowhere else, messages count, and no recipients.
    fn load(
        &self,
        session: &Session,
        said: &Said,
        request: &SubmitRequest,
        (places, only_here): (&[Place], bool),
    ) -> Option<Load> {
        let elsewhere: BTreeSet<String> =
            places.iter().filter(|place| place.local.is_none()).map(|place| place.address.to_lowercase()).collect();
        // One is an answer to somebody; many are no notification, whatever the reverse path says.
        let is_notification = said.names.reverse_path.is_none() && session.is_person() && request.recipients.len() == 1;
        if (elsewhere.is_empty() && !only_here) || is_notification || self.is_exempt(session) {
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

/// Why nobody of ours gets mail at an address.
fn not_there(address: &Address, error: &DeliveryError) -> SubmitError {
    match error {
        DeliveryError::Unavailable => SubmitError::Unavailable,
        DeliveryError::Closed => SubmitError::Closed(address.clone()),
        _ => SubmitError::NoSuchRecipient(address.to_string()),
    }
}

/// There is no way to a domain: told with the setting that would be one.
fn no_route(domain: &Domain) -> SubmitError {
    SubmitError::NoRoute(format!(
        "This server knows no way to {domain}: set [relay] smarthost in postern.toml, or a [relay.route] for that domain"
    ))
}
