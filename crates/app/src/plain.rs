//! The mechanism PLAIN (RFC 4616), which IMAP and submission both offer.

use postern_types::Secret;

/// What a response of PLAIN says.
pub struct Plain {
    /// Who signs in, joined with whom they act for.
    pub username: String,
    /// With what.
    pub password: Secret,
}

impl Plain {
    /// `[authzid] NUL authcid NUL password` (RFC 4616 section 2). Acting for someone else is
    /// asked of the house under the joined name, which is nobody's unless it knows such
    /// names; a name that is not UTF-8 is nobody's either.
    pub fn read(response: &Secret) -> Option<Self> {
        let mut parts = response.expose().splitn(3, |byte| *byte == 0);
        let (authzid, authcid, password) = (parts.next()?, parts.next()?, parts.next()?);
        if password.contains(&0) {
            return None;
        }
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let username = if authzid.is_empty() || authzid == authcid {
            name(authcid)
        } else {
            format!("{}/{}", name(authcid), name(authzid))
        };
        Some(Self { username, password: Secret::new(password) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(response: &[u8]) -> Option<(String, Vec<u8>)> {
        Plain::read(&Secret::new(response)).map(|plain| (plain.username, plain.password.expose().to_vec()))
    }

    /// RFC 4616 section 2.
    #[test]
    fn a_response_of_plain_has_three_parts() {
        let alice = Some(("alice@example.org".to_owned(), b"secret".to_vec()));
        assert_eq!(read(b"\0alice@example.org\0secret"), alice);
        assert_eq!(read(b"alice@example.org\0alice@example.org\0secret"), alice);
        assert_eq!(read(b""), None);
        assert_eq!(read(b"alice\0secret"), None);
        assert_eq!(read(b"\0alice\0sec\0ret"), None);
    }

    #[test]
    fn acting_for_someone_else_is_nobody_s_name() {
        let (name, _) = read(b"support@example.org\0alice@example.org\0secret").unwrap();
        assert_eq!(name, "alice@example.org/support@example.org");
        assert!(postern_types::Address::parse(&name).is_err());
        let (name, _) = read(b"\0al\xffice@example.org\0secret").unwrap();
        assert!(name.contains('\u{fffd}'));
    }
}
