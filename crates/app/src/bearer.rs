//! What a machine's secret looks like: a prefix, 8 letters that name it, 32 that are the secret,
//! 6 that say whether it was copied whole. Only letters, digits and the underscore, so that it
//! passes through shells, headers and IMAP without quotes, and a scanner for leaked secrets finds
//! it. There are four: the bearer token of a person (`ptnt_`), the credential of a shared mailbox
//! (`ptn1_`), the code that hands such a credential over (`ptnc_`), and the invitation to choose a
//! password (`ptni_`).
//!
//! The secret is 160 random bits, so a plain hash of it can not be guessed back. A token's verifier
//! is HMAC-SHA-256 keyed with the secret (docs/decisions/0013-tokens.md); a credential's is made
//! with a key outside the database (docs/decisions/0023-credentials.md).

use crate::keyring::KeyRing;
use postern_types::Secret;
use ring::{digest, hmac};

/// Whose secret it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A person's program.
    Token,
    /// A shared mailbox's credential.
    Credential,
    /// What opens a wrapped secret, once.
    Code,
    /// What lets a person choose their password, once.
    Invitation,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Kind::Token => "ptnt_",
            Kind::Credential => "ptn1_",
            Kind::Code => "ptnc_",
            Kind::Invitation => "ptni_",
        }
    }
    /// What its public id begins with.
    pub(crate) fn id_prefix(self) -> &'static str {
        match self {
            Kind::Token => "tok_",
            Kind::Credential => "crd_",
            Kind::Code => "cod_",
            Kind::Invitation => "inv_",
        }
    }
    /// Does a text begin as one does?
    pub(crate) fn begins(self, text: &Secret) -> bool {
        text.expose().starts_with(self.prefix().as_bytes())
    }
}

/// A text that stands where a name belongs, without any secret in it: whoever mixes up the two
/// fields of a form does not write their secret into the trail, where names are kept.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut shown = text.to_owned();
    for prefix in [Kind::Token, Kind::Credential, Kind::Code, Kind::Invitation].map(Kind::prefix) {
        let mut parts = shown.split(prefix);
        let mut clean = parts.next().unwrap_or_default().to_owned();
        for rest in parts {
            clean.push_str(prefix);
            clean.push('…');
            clean.push_str(rest.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric()));
        }
        shown = clean;
    }
    shown
}

/// Random bytes that one is made from, one for each letter.
pub(crate) const RANDOM_BYTES: usize = ID_LETTERS + SECRET_LETTERS;
const ID_LETTERS: usize = 8;
const SECRET_LETTERS: usize = 32;
const CHECK_LETTERS: usize = 6;
/// RFC 4648 section 6, lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const TOKEN_CONTEXT: &[u8] = b"postern bearer token, verifier 1";

const CREDENTIAL_CONTEXT: &[u8] = b"postern credential, verifier 1 ";

/// A machine's secret in its parts.
pub(crate) struct Bearer {
    kind: Kind,
    id: String,
    secret: Secret,
}

impl Bearer {
    /// A new one from random bytes, one for each letter.
    pub fn make(kind: Kind, random: &[u8; RANDOM_BYTES]) -> Self {
        // 256 is a multiple of 32, so every letter is equally likely and carries five bits.
        let letters = |bytes: &[u8]| bytes.iter().map(|byte| BASE32[usize::from(byte % 32)]).collect::<Vec<u8>>();
        let (id, secret) = random.split_at(ID_LETTERS);
        let id = letters(id).into_iter().map(char::from).collect();
        Self { kind, id, secret: Secret::new(letters(secret)) }
    }

    /// From what somebody shows; nothing where it is none of this kind, or not whole.
    pub fn parse(kind: Kind, text: &Secret) -> Option<Self> {
        let body = text.expose_text()?.strip_prefix(kind.prefix())?;
        if body.len() != ID_LETTERS + SECRET_LETTERS + CHECK_LETTERS || !body.is_ascii() {
            return None;
        }
        let (body, check) = body.split_at(ID_LETTERS + SECRET_LETTERS);
        let (id, secret) = body.split_at(ID_LETTERS);
        let found = Self { kind, id: id.to_owned(), secret: Secret::new(secret) };
        let is_whole = body.bytes().all(|byte| BASE32.contains(&byte)) && found.check() == check;
        is_whole.then_some(found)
    }

    /// The whole text as its bearer keeps it.
    pub fn text(&self) -> Secret {
        let mut text = format!("{}{}", self.kind.prefix(), self.id).into_bytes();
        text.reserve_exact(SECRET_LETTERS + CHECK_LETTERS);
        text.extend_from_slice(self.secret.expose());
        text.extend_from_slice(self.check().as_bytes());
        Secret::new(text)
    }

    /// Its public id, `tok_…` or `crd_…`.
    pub fn public_id(&self) -> String {
        format!("{}{}", self.kind.id_prefix(), self.id)
    }

    /// What a key outside the database signs of a credential.
    pub fn message(&self) -> Secret {
        let mut message = Vec::with_capacity(CREDENTIAL_CONTEXT.len() + ID_LETTERS + SECRET_LETTERS);
        message.extend_from_slice(CREDENTIAL_CONTEXT);
        message.extend_from_slice(self.id.as_bytes());
        message.extend_from_slice(self.secret.expose());
        Secret::new(message)
    }

    /// Is what is kept of a credential made of it, with the key of this name?
    pub fn fits_with(&self, keys: &KeyRing, key: &str, verifier: &Secret) -> bool {
        keys.fits(key, self.message().expose(), verifier.expose())
    }

    /// What the house keeps of a token.
    pub fn verifier(&self) -> Secret {
        Secret::new(hmac::sign(&self.key(), TOKEN_CONTEXT).as_ref())
    }

    /// Does it fit what the house keeps? In the same time wherever they differ.
    pub fn fits(&self, verifier: &Secret) -> bool {
        hmac::verify(&self.key(), TOKEN_CONTEXT, verifier.expose()).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose())
    }

    /// 32 bits of a hash: a slip of the hand is found before anything is asked.
    fn check(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(self.id.as_bytes());
        context.update(self.secret.expose());
        let hash = context.finish();
        let mut number = hash.as_ref().iter().take(4).fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let letters = (0..CHECK_LETTERS).map(|_| {
            let letter = BASE62[number % 62];
            number /= 62;
            char::from(letter)
        });
        letters.collect()
    }
}

/// The secret of a credential, for whoever measures or tries how one is checked.
pub struct MachineSecret(Bearer);

impl MachineSecret {
    /// Random bytes that one is made from.
    pub const RANDOM_BYTES: usize = RANDOM_BYTES;

    /// One from random bytes.
    pub fn from_random(random: &[u8; RANDOM_BYTES]) -> Self {
        Self(Bearer::make(Kind::Credential, random))
    }

    /// From what somebody shows.
    pub fn parse(text: &Secret) -> Option<Self> {
        Bearer::parse(Kind::Credential, text).map(Self)
    }

    /// The whole text as its bearer keeps it.
    pub fn text(&self) -> Secret {
        self.0.text()
    }

    /// The same credential's id with the letters of another secret: whole in form, so it is looked at, and
    /// wrong. For whoever tries what a wrong one is answered.
    pub fn with_secret_of(&self, other: &MachineSecret) -> Self {
        Self(Bearer { kind: Kind::Credential, id: self.0.id.clone(), secret: other.0.secret.clone() })
    }

    /// What a key signs of it.
    pub fn message(&self) -> Secret {
        self.0.message()
    }

    /// Does what is kept fit it, by the key of this name?
    pub fn fits(&self, keys: &KeyRing, key: &str, verifier: &Secret) -> bool {
        self.0.fits_with(keys, key, verifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &Secret) -> Option<Bearer> {
        Bearer::parse(Kind::Token, text)
    }

    fn one() -> Bearer {
        let mut random = [0; 40];
        random.iter_mut().zip(0..).for_each(|(byte, number)| *byte = number);
        Bearer::make(Kind::Token, &random)
    }

    #[test]
    fn a_name_has_no_secret_in_it() {
        for name in ["alice@example.org", "alice@example.org/support@example.org", "", "ptn1", "Ptn1_x"] {
            assert_eq!(without_secrets(name), name);
        }
        let secret = Bearer::make(Kind::Credential, &[7; RANDOM_BYTES]).text();
        let secret = secret.expose_text().unwrap();
        assert_eq!(without_secrets(secret), "ptn1_…");
        assert_eq!(without_secrets(&format!("support@example.org/{secret}")), "support@example.org/ptn1_…");
        assert_eq!(
            without_secrets(&format!("{secret}@example.org ptnt_abc {secret}")),
            "ptn1_…@example.org ptnt_… ptn1_…"
        );
        assert_eq!(without_secrets(&secret[..20]), "ptn1_…", "also where a part of it is missing");
    }

    #[test]
    fn a_token_reads_back_and_only_its_own_secret_fits() {
        let token = one();
        let text = token.text();
        let written = text.expose_text().unwrap();
        assert!(written.starts_with("ptnt_abcdefghijklmnop") && written.len() == 51, "{written}");
        assert!(written.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
        let back = parse(&text).unwrap();
        assert_eq!(back.public_id(), "tok_abcdefgh");
        assert!(back.fits(&token.verifier()));
        assert!(!Bearer::make(Kind::Token, &[7; 40]).fits(&token.verifier()));
        assert!(!back.fits(&Secret::new([0; 32])) && !back.fits(&Secret::new("")));
    }

    #[test]
    fn a_credential_is_no_token_and_signs_all_of_itself() {
        let random = [9; RANDOM_BYTES];
        let (token, credential) = (Bearer::make(Kind::Token, &random), Bearer::make(Kind::Credential, &random));
        assert!(Bearer::parse(Kind::Token, &credential.text()).is_none());
        let back = Bearer::parse(Kind::Credential, &credential.text()).unwrap();
        assert!(back.public_id().starts_with("crd_") && token.public_id().starts_with("tok_"));
        assert!(Kind::Credential.begins(&credential.text()) && !Kind::Credential.begins(&token.text()));
        assert_eq!(back.message(), credential.message());
        let other = Bearer::make(Kind::Credential, &[10; RANDOM_BYTES]);
        assert_ne!(other.message(), credential.message());
    }

    /// Every slip of one letter is found without asking the database.
    #[test]
    fn what_was_not_copied_whole_is_no_token() {
        let text = one().text().expose_text().unwrap().to_owned();
        for at in 0..text.len() {
            let mut slipped = text.clone().into_bytes();
            slipped[at] = if slipped[at] == b'x' { b'y' } else { b'x' };
            assert!(parse(&Secret::new(slipped)).is_none(), "letter {at}");
            assert!(parse(&Secret::new(&text.as_bytes()[..at])).is_none());
        }
        assert!(parse(&Secret::new(format!("{text}x"))).is_none());
        assert!(parse(&Secret::new("ptnt_ü")).is_none() && parse(&Secret::new([0xff])).is_none());
    }
}
