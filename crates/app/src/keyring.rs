//! Placeholder, replaced by the keyring branch.
use ring::hmac;
pub struct KeyRing(hmac::Key);
#[derive(Clone)]
pub struct Newest(hmac::Key);
impl Newest {
    pub fn name(&self) -> &str {
        "credential-1"
    }
    pub fn sign(&self, message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, message)
    }
}
impl KeyRing {
    pub fn fixed() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]))
    }
    pub fn fits(&self, name: &str, message: &[u8], verifier: &[u8]) -> bool {
        name == "credential-1" && hmac::verify(&self.0, message, verifier).is_ok()
    }
    pub fn has(&self, name: &str) -> bool {
        name == "credential-1"
    }
    pub fn newest(&self) -> Option<Newest> {
        Some(Newest(self.0.clone()))
    }
}
