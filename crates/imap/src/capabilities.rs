//! What the server says it can do (RFC 9051 section 6.1.1): what is served, and no more.

use postern_types::Limits;

/// Served before sign-in and after.
const ALWAYS: [&str; 5] = ["IMAP4rev1", "IMAP4rev2", "LITERAL+", "ID", "ENABLE"];

/// Served to those who are signed in.
const SIGNED_IN: [&str; 28] = [
    "NAMESPACE",
    "IDLE",
    "NOTIFY",
    "UIDPLUS",
    "MOVE",
    "UNSELECT",
    "CHILDREN",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "STATUS=SIZE",
    "CONDSTORE",
    "QRESYNC",
    "ESEARCH",
    "SEARCHRES",
    "WITHIN",
    "SAVEDATE",
    "OBJECTID",
    "BINARY",
    "PREVIEW",
    "SASL-IR",
    // The letters that RFC 4314 added to RFC 2086 (section 2.2).
    "ACL",
    "RIGHTS=kxte",
    "LIST-MYRIGHTS",
    // Without QUOTASET: who bounds an account administers it (RFC 9208 section 4.1.3).
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "QUOTA=RES-MESSAGE",
];

/// Before sign-in, to a peer that may sign in on this connection or may not. RFC 9051
/// section 6.2.3: LOGINDISABLED where LOGIN would be refused whatever it says.
pub(crate) fn before_sign_in(possible: bool) -> Vec<&'static str> {
    let mut names = ALWAYS.to_vec();
    names.extend_from_slice(if possible { &["SASL-IR", "AUTH=PLAIN"] } else { &["LOGINDISABLED"] });
    names
}

/// After sign-in.
pub(crate) fn signed_in(limits: &Limits) -> Vec<&'static str> {
    let mut names = ALWAYS.to_vec();
    names.extend_from_slice(&SIGNED_IN);
    if limits.compressed_connections > 0 {
        names.push("COMPRESS=DEFLATE");
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_invited_only_where_they_are_taken() {
        let names = before_sign_in(false);
        assert!(names.contains(&"LOGINDISABLED") && !names.contains(&"AUTH=PLAIN"));
        let names = before_sign_in(true);
        assert!(!names.contains(&"LOGINDISABLED") && names.contains(&"AUTH=PLAIN"));
        let names = signed_in(&Limits::default());
        assert!(!names.contains(&"AUTH=PLAIN") && names.contains(&"ACL"));
    }

    /// RFC 4978 section 1, and not where nobody may.
    #[test]
    fn compression_is_offered_where_there_are_places_for_it() {
        let offers = |compressed_connections| {
            let limits = Limits { compressed_connections, ..Limits::default() };
            signed_in(&limits).contains(&"COMPRESS=DEFLATE")
        };
        assert!(offers(1) && !offers(0));
    }
}
