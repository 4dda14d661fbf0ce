//! People's passwords: Argon2id (RFC 9106) behind a bounded pool, so that a storm of
//! sign-ins costs waiting and not memory, and costs strangers more of it.

use crate::bearer::Kind;
use crate::lanes::{Lane, Lanes};
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use postern_types::Secret;
use tokio::sync::oneshot;

/// 19 MiB, two passes, one lane: the first choice of OWASP's list for servers.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// How far a hash stands back, of 19 (setpriority(2)): it takes a core for as long as it lasts, and
/// who is at work wants one for less than a tenth of that.
const NICENESS: i32 = 4;
/// The same for a stranger's.
const NICENESS_OF_STRANGERS: i32 = 10;

/// Why a password can not be taken or checked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// NIST SP 800-63B-4 section 3.1.1.2: fifteen where it is the only factor.
    #[error("a password has at least 15 characters")]
    TooShort,
    /// A bound against abuse, far above the 64 that NIST asks for.
    #[error("a password has at most 255 bytes")]
    TooLong,
    /// Signing in takes it as text.
    #[error("a password has no control characters")]
    ControlCharacter,
    /// What begins so is a credential's, and looked at as one.
    #[error("a password does not begin with ptn1_, as the secrets of credentials do")]
    LikeASecret,
    /// Too many sign-ins at once.
    #[error("the server is busy; try again")]
    Busy,
    /// The hash could not be computed.
    #[error("the password could not be hashed")]
    Failed,
}

/// Length and characters of a password that a person chooses.
pub fn check_password_rules(password: &Secret) -> Result<(), PasswordError> {
    let text = password.expose_text().ok_or(PasswordError::ControlCharacter)?;
    if text.len() > 255 {
        return Err(PasswordError::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(PasswordError::ControlCharacter);
    }
    if Kind::Credential.begins(password) {
        return Err(PasswordError::LikeASecret);
    }
    if text.chars().count() < 15 {
        return Err(PasswordError::TooShort);
    }
    Ok(())
}

/// The pool: so many hashes at once, and queues with an end.
#[derive(Debug)]
pub(crate) struct Passwords {
    lanes: Lanes,
    decoy: Secret,
}

impl Passwords {
    pub(crate) fn new(places: usize, decoy_salt: &[u8; 16]) -> Result<Self, PasswordError> {
        Ok(Self { lanes: Lanes::new(places), decoy: hash_now(&Secret::new(*b"no one has this password"), decoy_salt)? })
    }

    /// The verifier of a password, a PHC string.
    pub(crate) async fn hash(&self, password: Secret, salt: [u8; 16]) -> Result<Secret, PasswordError> {
        self.run(Lane::House, move || hash_now(&password, &salt)).await?
    }

    /// Does the password fit the verifier? Without one a decoy is checked at the same cost.
    pub(crate) async fn verify(
        &self,
        lane: Lane,
        password: Secret,
        verifier: Option<Secret>,
    ) -> Result<bool, PasswordError> {
        let known = verifier.is_some();
        let verifier = verifier.unwrap_or_else(|| self.decoy.clone());
        let fits = self.run(lane, move || verify_now(&password, &verifier)).await?;
        Ok(fits && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = self.lanes.turn(lane).await.map_err(|_| PasswordError::Busy)?;
        let (sender, result) = oneshot::channel();
        let niceness = if turn.is_a_stranger_s() { NICENESS_OF_STRANGERS } else { NICENESS };
        // The place is taken for as long as the work lasts, even where nobody waits for it any more.
        let at_work = move || {
            give_way(niceness);
            let result = work();
            drop(turn);
            // Whoever asked may be gone.
            let _ = sender.send(result);
        };
        std::thread::Builder::new().name("hash".to_owned()).spawn(at_work).map_err(|_| PasswordError::Failed)?;
        result.await.map_err(|_| PasswordError::Failed)
    }
}

/// This thread stands back behind those who want the processor, too. There is no way back from it, so
/// the thread is of no use for anything after.
fn give_way(niceness: i32) {
    // On Linux it is of the thread alone; elsewhere it would be of the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(niceness) {
        tracing::debug!(event = "password.no-way-given", %error);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = niceness;
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| PasswordError::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &Secret, salt: &[u8; 16]) -> Result<Secret, PasswordError> {
    let hash = argon2()?.hash_password_with_salt(password.expose(), salt).map_err(|_| PasswordError::Failed)?;
    Ok(Secret::new(hash.to_string()))
}

fn verify_now(password: &Secret, verifier: &Secret) -> bool {
    let Some(text) = verifier.expose_text() else { return false };
    let Ok(hash) = PasswordHash::new(text) else { return false };
    argon2().is_ok_and(|argon2| argon2.verify_password(password.expose(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_right_password_fits_and_no_other() {
        let passwords = Passwords::new(1, &[7; 16]).unwrap();
        let verifier = passwords.hash(Secret::new("correct horse battery"), [1; 16]).await.unwrap();
        assert!(verifier.expose_text().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(
            passwords.verify(Lane::House, Secret::new("correct horse battery"), Some(verifier.clone())).await.unwrap()
        );
        assert!(!passwords.verify(Lane::House, Secret::new("correct horse"), Some(verifier)).await.unwrap());
        assert!(!passwords.verify(Lane::House, Secret::new("no one has this password"), None).await.unwrap());
    }

    #[test]
    fn rules_name_what_is_wrong() {
        assert_eq!(check_password_rules(&Secret::new("short")), Err(PasswordError::TooShort));
        assert_eq!(check_password_rules(&Secret::new("x".repeat(256))), Err(PasswordError::TooLong));
        assert_eq!(
            check_password_rules(&Secret::new("fifteen\u{7} letters long")),
            Err(PasswordError::ControlCharacter)
        );
        assert_eq!(check_password_rules(&Secret::new("ptn1_and some words")), Err(PasswordError::LikeASecret));
        assert_eq!(check_password_rules(&Secret::new("fünfzehn Zeichen!")), Ok(()));
    }
}
