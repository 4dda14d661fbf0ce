//! One certificate from one authority: account, order, challenges, key, certificate (RFC 8555 section 7).

use super::client::{Client, Wish};
use super::kept::{Kept, KeptAccount};
use super::refusal::Refusal;
use crate::config::{Acme, Challenge};
use crate::tls::{Proof, Tls};
use instant_acme::{
    Account, AccountBuilder, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use postern_http::{Challenges, Pending};
use postern_store::Clock;
use postern_types::Secret;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use std::sync::Arc;
use std::time::Duration;

/// How long an authority may take for looking at our names, and for the certificate.
const POLLING: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.4).timeout(Duration::from_secs(180));

/// Where challenges are answered.
#[derive(Clone)]
pub(super) struct Answers {
    pub texts: Challenges,
    pub tls: Tls,
}

/// What answers one challenge, as long as it is kept.
enum Answer {
    Text(#[expect(dead_code, reason = "kept for its end")] Pending),
    Certificate(#[expect(dead_code, reason = "kept for its end")] Proof),
}

/// Asks for one certificate.
pub(super) struct Asking<'a> {
    pub acme: &'a Acme,
    /// What it is to be for.
    pub names: Vec<String>,
    pub kept: &'a Kept,
    pub answers: &'a Answers,
    pub clock: &'a Arc<dyn Clock>,
}

impl Asking<'_> {
    /// The key and the certificate under it, in PEM.
    pub async fn obtain(&self, wish: Wish) -> Result<Secret, Refusal> {
        let account = self.account(wish).await?;
        let identifiers: Vec<Identifier> = self.names.iter().cloned().map(Identifier::Dns).collect();
        let order = account.new_order(&NewOrder::new(&identifiers)).await;
        let mut order = order.map_err(|error| self.account_refusal(&error))?;
        // Answered until the authority has looked.
        let answers = self.answer(&mut order).await?;
        self.proven(&mut order).await?;
        drop(answers);
        let key = KeyPair::generate().map_err(|error| self.refusal(&Error::Other(error.into())))?;
        let request = self.request(&key).map_err(|error| self.refusal(&Error::Other(error.into())))?;
        order.finalize_csr(&request).await.map_err(|error| self.refusal(&error))?;
        let chain = order.poll_certificate(&POLLING).await.map_err(|error| self.refusal(&error))?;
        Ok(Secret::new(key.serialize_pem() + &chain))
    }

    /// Tells the authority another contact, where it has an account of ours.
    pub async fn tell_contact(&self) -> Result<(), Refusal> {
        self.account(Wish::default()).await.map(drop)
    }

    /// The account that is kept, or a new one.
    async fn account(&self, wish: Wish) -> Result<Account, Refusal> {
        let client = Client::new(self.acme, Arc::clone(self.clock), wish).await;
        let client = client.map_err(|error| Refusal::new(error.to_string(), "check [tls.acme] ca_file"))?;
        let builder = Account::builder_with_http(Box::new(client));
        match self.kept.account().map_err(|error| Refusal::of_disk(&error))? {
            Some(kept) => self.known(builder, kept).await,
            None => self.made(builder).await,
        }
    }

    async fn known(&self, builder: AccountBuilder, kept: KeptAccount) -> Result<Account, Refusal> {
        let account = builder.from_credentials(kept.credentials).await.map_err(|error| self.refusal(&error))?;
        if kept.contact != self.acme.contact {
            account.update_contacts(&self.contact()).await.map_err(|error| self.account_refusal(&error))?;
            self.kept.put_contact(&self.acme.contact).map_err(|error| Refusal::of_disk(&error))?;
            tracing::info!(event = "certificate.contact-told", directory = self.acme.directory);
        }
        Ok(account)
    }

    async fn made(&self, builder: AccountBuilder) -> Result<Account, Refusal> {
        let contact = self.contact();
        let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let made = builder.create(&new, self.acme.directory.clone(), None).await;
        // How many accounts one machine may make has nothing to do with its names.
        let (account, credentials) = made.map_err(|error| self.account_refusal(&error).whatever_names())?;
        self.kept.put_account(&self.acme.contact, &credentials).map_err(|error| Refusal::of_disk(&error))?;
        tracing::info!(event = "certificate.account-made", directory = self.acme.directory);
        Ok(account)
    }

    fn contact(&self) -> Vec<&str> {
        self.acme.contact.iter().map(String::as_str).collect()
    }

    /// Lays out what the authority will look for, and says so.
    async fn answer(&self, order: &mut Order) -> Result<Vec<Answer>, Refusal> {
        let kind = match self.acme.challenge {
            Challenge::Http01 => ChallengeType::Http01,
            Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        };
        let mut answers = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.refusal(&error))?;
            if authorization.status == AuthorizationStatus::Valid {
                // Shown not long ago.
                continue;
            }
            let Some(mut challenge) = authorization.challenge(kind.clone()) else {
                let reason = format!("the authority does not offer the challenge {}", self.acme.challenge.name());
                return Err(Refusal::new(reason, "choose another [tls.acme] challenge"));
            };
            let (name, text) = (challenge.identifier().to_string(), challenge.key_authorization());
            if !self.names.iter().any(|asked| asked.eq_ignore_ascii_case(&name)) {
                let reason = format!("the authority wants {name} to be shown, which was not asked for");
                return Err(Refusal::new(reason, "choose another [tls.acme] directory"));
            }
            if !is_token(&challenge.token) {
                let reason = format!("the token that the authority gave for {name} is none");
                return Err(Refusal::new(reason, "choose another [tls.acme] directory"));
            }
            answers.push(match self.acme.challenge {
                Challenge::Http01 => Answer::Text(self.answers.texts.answer(&challenge.token, text.as_str())),
                Challenge::TlsAlpn01 => {
                    let shown = self.answers.tls.show_proof(&name, text.digest().as_ref());
                    Answer::Certificate(shown.map_err(|error| self.refusal(&Error::Other(error.into())))?)
                }
            });
            let told = challenge.set_ready().await;
            told.map_err(|error| Refusal::of(&error, &self.acme.directory, self.acme.challenge, Some(&name)))?;
        }
        Ok(answers)
    }

    /// Waits until the authority has looked at every name.
    async fn proven(&self, order: &mut Order) -> Result<(), Refusal> {
        let error = match order.poll_ready(&POLLING).await {
            Ok(OrderStatus::Ready) => return Ok(()),
            Ok(_) => Error::Str("the order is invalid, and the authority does not say why"),
            Err(error) => error,
        };
        // The reason stands where it was found out, at a name.
        Err(self.why_not(order).await.unwrap_or_else(|| self.refusal(&error)))
    }

    async fn why_not(&self, order: &mut Order) -> Option<Refusal> {
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            authorization.refresh().await.ok()?;
            let name = authorization.identifier().to_string();
            if let Some(problem) = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
                return Some(Refusal::of_problem(problem, self.acme.challenge, Some(&name)));
            }
        }
        None
    }

    fn request(&self, key: &KeyPair) -> Result<Vec<u8>, rcgen::Error> {
        let mut params = CertificateParams::new(self.names.clone())?;
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(key)?.der().to_vec())
    }

    fn refusal(&self, error: &Error) -> Refusal {
        Refusal::of(error, &self.acme.directory, self.acme.challenge, None)
    }

    fn account_refusal(&self, error: &Error) -> Refusal {
        Refusal::of_account(error, &self.acme.directory, self.acme.challenge)
    }
}

/// Base64url alone (RFC 8555 section 8.3): it becomes a part of a path.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::is_token;

    #[test]
    fn a_token_is_base64url() {
        assert!(is_token("LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0") && is_token("a-b_c"));
        for text in ["", "a/b", "..", "a b", "a=", "ä", "a\n"] {
            assert!(!is_token(text), "{text:?}");
        }
    }
}
