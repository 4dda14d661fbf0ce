//! A secret on its way to one person: sealed under a key that the code makes, which the house
//! does not keep.

use crate::Refused;
use postern_types::Secret;
use ring::{aead, digest, hmac};

pub(super) fn code_hash(code: &Secret) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"postern wrap code, hash 1 ");
    context.update(code.expose());
    context.finish().as_ref().to_vec()
}

/// The key that a code is: of its 160 random bits, and used once.
fn wrap_key(code: &Secret) -> Result<aead::LessSafeKey, Refused> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, code.expose());
    let key = hmac::sign(&key, b"postern wrap code, key 1");
    let key = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, key.as_ref()).map_err(|_| Refused::Unavailable)?;
    Ok(aead::LessSafeKey::new(key))
}

pub(super) fn seal(code: &Secret, secret: &Secret) -> Result<Vec<u8>, Refused> {
    let mut bytes = secret.expose().to_vec();
    // The key seals this alone, so any nonce does.
    let nonce = aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN]);
    let sealed = wrap_key(code)?.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut bytes);
    sealed.map_err(|_| Refused::Unavailable)?;
    Ok(bytes)
}

pub(super) fn unseal(code: &Secret, sealed: &Secret) -> Result<Secret, Refused> {
    let mut bytes = sealed.expose().to_vec();
    let nonce = aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN]);
    let opened = wrap_key(code)?.open_in_place(nonce, aead::Aad::empty(), &mut bytes);
    let secret = opened.map(|bytes| Secret::new(&*bytes)).map_err(|_| {
        tracing::error!(event = "credential.wrap-damaged");
        Refused::Unavailable
    })?;
    bytes.fill(0);
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_secret_is_opened_by_its_code_alone() {
        let (code, other) = (Secret::new("ptnc_one"), Secret::new("ptnc_other"));
        let sealed = Secret::new(seal(&code, &Secret::new("ptn1_secret")).unwrap());
        assert_eq!(unseal(&code, &sealed).unwrap().expose(), b"ptn1_secret");
        assert!(unseal(&other, &sealed).is_err());
        assert_ne!(code_hash(&code), code_hash(&other));
        assert!(!sealed.expose().windows(4).any(|four| four == b"ptn1"));
    }
}
