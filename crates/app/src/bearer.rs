//! What a bearer token looks like: `ptnt_`, 8 letters that name it, 32 that are the secret,
//! 6 that say whether it was copied whole. Only letters, digits and the underscore, so that it
//! passes through shells and headers, and a scanner for leaked secrets finds it.
//!
//! The secret is 160 random bits, so a plain hash of it can not be guessed back: the verifier
//! is HMAC-SHA-256 keyed with the secret (docs/decisions/0013-tokens.md).

use postern_types::Secret;
use ring::{digest, hmac};

const PREFIX: &str = "ptnt_";
/// What names the token in lists, before its letters.
pub(crate) const ID_PREFIX: &str = "tok_";
const ID_LETTERS: usize = 8;
const SECRET_LETTERS: usize = 32;
const CHECK_LETTERS: usize = 6;
/// RFC 4648 section 6, lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CONTEXT: &[u8] = b"postern bearer token, verifier 1";

/// A token in its parts.
pub(crate) struct Bearer {
    id: String,
    secret: Secret,
}

impl Bearer {
    /// A new one from random bytes, one for each letter.
    pub fn make(random: &[u8; ID_LETTERS + SECRET_LETTERS]) -> Self {
        // 256 is a multiple of 32, so every letter is equally likely and carries five bits.
        let letters = |bytes: &[u8]| bytes.iter().map(|byte| BASE32[usize::from(byte % 32)]).collect::<Vec<u8>>();
        let (id, secret) = random.split_at(ID_LETTERS);
        let id = letters(id).into_iter().map(char::from).collect();
        Self { id, secret: Secret::new(letters(secret)) }
    }

    /// From what came in a header; nothing where it is no token of ours, or not whole.
    pub fn parse(text: &Secret) -> Option<Self> {
        let body = text.expose_text()?.strip_prefix(PREFIX)?;
        if body.len() != ID_LETTERS + SECRET_LETTERS + CHECK_LETTERS || !body.is_ascii() {
            return None;
        }
        let (body, check) = body.split_at(ID_LETTERS + SECRET_LETTERS);
        let (id, secret) = body.split_at(ID_LETTERS);
        let found = Self { id: id.to_owned(), secret: Secret::new(secret) };
        let is_whole = body.bytes().all(|byte| BASE32.contains(&byte)) && found.check() == check;
        is_whole.then_some(found)
    }

    /// The token as its bearer keeps it.
    pub fn text(&self) -> Secret {
        let mut text = format!("{PREFIX}{}", self.id).into_bytes();
        text.reserve_exact(SECRET_LETTERS + CHECK_LETTERS);
        text.extend_from_slice(self.secret.expose());
        text.extend_from_slice(self.check().as_bytes());
        Secret::new(text)
    }

    /// Its public id, `tok_…`.
    pub fn public_id(&self) -> String {
        format!("{ID_PREFIX}{}", self.id)
    }

    /// What the house keeps of it.
    pub fn verifier(&self) -> Secret {
        Secret::new(hmac::sign(&self.key(), CONTEXT).as_ref())
    }

    /// Does it fit what the house keeps? In the same time wherever they differ.
    pub fn fits(&self, verifier: &Secret) -> bool {
        hmac::verify(&self.key(), CONTEXT, verifier.expose()).is_ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Bearer {
        let mut random = [0; 40];
        random.iter_mut().zip(0..).for_each(|(byte, number)| *byte = number);
        Bearer::make(&random)
    }

    #[test]
    fn a_token_reads_back_and_only_its_own_secret_fits() {
        let token = one();
        let text = token.text();
        let written = text.expose_text().unwrap();
        assert!(written.starts_with("ptnt_abcdefghijklmnop") && written.len() == 51, "{written}");
        assert!(written.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
        let back = Bearer::parse(&text).unwrap();
        assert_eq!(back.public_id(), "tok_abcdefgh");
        assert!(back.fits(&token.verifier()));
        assert!(!Bearer::make(&[7; 40]).fits(&token.verifier()));
        assert!(!back.fits(&Secret::new([0; 32])) && !back.fits(&Secret::new("")));
    }

    /// Every slip of one letter is found without asking the database.
    #[test]
    fn what_was_not_copied_whole_is_no_token() {
        let text = one().text().expose_text().unwrap().to_owned();
        for at in 0..text.len() {
            let mut slipped = text.clone().into_bytes();
            slipped[at] = if slipped[at] == b'x' { b'y' } else { b'x' };
            assert!(Bearer::parse(&Secret::new(slipped)).is_none(), "letter {at}");
            assert!(Bearer::parse(&Secret::new(&text.as_bytes()[..at])).is_none());
        }
        assert!(Bearer::parse(&Secret::new(format!("{text}x"))).is_none());
        assert!(Bearer::parse(&Secret::new("ptnt_ü")).is_none() && Bearer::parse(&Secret::new([0xff])).is_none());
    }
}
