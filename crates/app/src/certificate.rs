//! The certificate that listeners show: what it says, who renews it, how that goes, and asking for another one.
//!
//! The house keeps none; whoever does says so here, so that administrators can ask. It is a fact of one
//! machine: of it nothing is in the database but that somebody asked for another.

use crate::{Caller, House, Refused};
use postern_store::{ManageDomains, ReadOrganisation};
use postern_types::Timestamp;
use std::sync::{Arc, PoisonError};

/// Whom a certificate is from, and so who renews it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateSource {
    /// An authority that the server asks (RFC 8555).
    Acme,
    /// It stands in until that authority has given one.
    StandIn,
    /// The authority that `init` made.
    OwnAuthority,
    /// Files that somebody puts in place.
    Files,
}

/// A certificate as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCertificate {
    /// Whom it is from.
    pub source: CertificateSource,
    /// The host names that it is for.
    pub names: Vec<String>,
    /// By whom, for people.
    pub issuer: String,
    /// Not before this does it hold.
    pub not_before: Timestamp,
    /// And not after this.
    pub not_after: Timestamp,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// What its key is, such as `ECDSA P-256`.
    pub key: String,
}

/// How an authority was asked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateAttempt {
    /// When.
    pub at: Timestamp,
    /// Why in vain, and what to do; nothing where it gave a certificate.
    pub refusal: Option<(String, String)>,
}

/// An authority that gives and renews the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateAuthority {
    /// The URL of its directory.
    pub directory: String,
    /// The challenge that shows names to be ours.
    pub challenge: &'static str,
    /// The names that are asked for.
    pub names: Vec<String>,
    /// It is being asked right now.
    pub is_asking: bool,
    /// How many attempts have ended since the start.
    pub attempts: u64,
    /// How it was asked last.
    pub last: Option<CertificateAttempt>,
}

/// Something that is amiss with the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFinding {
    /// What.
    pub text: String,
    /// What to do.
    pub next: String,
}

/// The certificate, who gives it, and what is amiss.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateState {
    /// What clients see; nothing where no server runs.
    pub shown: Option<ShownCertificate>,
    /// When it is renewed, or has to be.
    pub renewal: Option<Timestamp>,
    /// Who is asked for it.
    pub authority: Option<CertificateAuthority>,
    /// What is amiss.
    pub findings: Vec<CertificateFinding>,
}

/// What came of wanting another certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateAsked {
    /// The authority is being asked.
    Asking,
    /// There is another, and clients see it.
    Made,
    /// Nothing was done, and why and what to do instead.
    Not(CertificateFinding),
}

/// Whoever has the certificate. Answers from memory and small files, and may block for them.
pub trait CertificateKeeper: Send + Sync {
    /// As it is.
    fn state(&self) -> CertificateState;
    /// Wants another one, even where it is not due.
    fn renew(&self, is_forced: bool) -> CertificateAsked;
}

impl House {
    /// Says who has the certificate.
    pub fn set_certificate_keeper(&self, keeper: Arc<dyn CertificateKeeper>) {
        *self.certificate.write().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
    }

    /// What clients are shown, and who renews it: for whoever reads the organisation.
    pub async fn certificate(&self, caller: &Caller) -> Result<CertificateState, Refused> {
        let caller = caller.clone();
        self.ask(move |tx| tx.authority::<ReadOrganisation>(&caller).map(drop)).await?;
        self.at_keeper(|keeper| keeper.state()).await.map(Option::unwrap_or_default)
    }

    /// Wants another certificate: for whoever manages domains. The trail has it before anybody is asked, and after it
    /// what was made at once. While an authority is being asked, the state is that of before: what differs from it is
    /// what came of asking.
    pub async fn renew_certificate(
        &self,
        caller: &Caller,
        is_forced: bool,
    ) -> Result<(CertificateAsked, CertificateState), Refused> {
        let (by, noting) = (caller.clone(), caller.clone());
        if self.certificate.read().unwrap_or_else(PoisonError::into_inner).is_none() {
            self.ask(move |tx| tx.authority::<ManageDomains>(&by).map(drop)).await?;
            return Ok(nobody_to_ask());
        }
        self.change(move |tx| tx.authority::<ManageDomains>(&by)?.note_certificate_renewal(is_forced)).await?;
        let asked = self.at_keeper(move |keeper| {
            let before = keeper.state();
            match keeper.renew(is_forced) {
                CertificateAsked::Asking => (CertificateAsked::Asking, before),
                other => (other, keeper.state()),
            }
        });
        let (asked, state) = asked.await?.unwrap_or_else(nobody_to_ask);
        if let (CertificateAsked::Made, Some(shown)) = (&asked, &state.shown) {
            let sha256 = shown.sha256.clone();
            let noted =
                self.change(move |tx| tx.authority::<ManageDomains>(&noting)?.note_certificate_renewed(&sha256));
            // It is there, whatever the trail says.
            if let Err(error) = noted.await {
                tracing::error!(event = "certificate.not-noted", %error);
            }
        }
        Ok((asked, state))
    }

    /// Nothing where nobody has one.
    async fn at_keeper<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn CertificateKeeper) -> T + Send + 'static,
    ) -> Result<Option<T>, Refused> {
        let keeper = self.certificate.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(keeper) = keeper else { return Ok(None) };
        tokio::task::spawn_blocking(move || ask(&*keeper)).await.map(Some).map_err(|error| {
            tracing::error!(event = "certificate.keeper", %error);
            Refused::Unavailable
        })
    }
}

fn nobody_to_ask() -> (CertificateAsked, CertificateState) {
    let text = "no server runs here, and it is the server that has the certificate".to_owned();
    let next = "start it and ask again without --offline".to_owned();
    (CertificateAsked::Not(CertificateFinding { text, next }), CertificateState::default())
}
