//! What mailboxes are called over IMAP (RFC 9051 sections 5.1 and 6.3.10): one's own by
//! their names, those of other accounts as `Shared/ADDRESS/NAME`.
//!
//! A name that can not be anybody's is looked up as one that nobody has, so the answer and
//! the statements behind it are those of any absent mailbox (docs/design.md law 4).

use crate::answer::Completion;
use postern_app::Locator;
use postern_imap_wire::ResponseCode;
use postern_types::{Address, MailboxName};

/// Separates levels.
pub(crate) const DELIMITER: char = '/';
/// The namespace of mailboxes that others share.
pub(crate) const SHARED: &str = "Shared";
/// The same as the beginning of a name.
pub(crate) const SHARED_PREFIX: &str = "Shared/";

/// An address that nobody can have: `invalid` is no domain (RFC 6761 section 6.4).
pub(crate) fn nobody() -> Address {
    Address::parse("nobody@invalid").expect("a local part and a domain of letters are an address")
}

fn inbox() -> MailboxName {
    MailboxName::parse(MailboxName::INBOX).expect("INBOX is a mailbox name")
}

/// What `name` names, if it is there.
pub(crate) fn locate(name: &str) -> Locator {
    locate_parsed(name).unwrap_or_else(|| Locator { account: Some(nobody()), name: inbox() })
}

fn locate_parsed(name: &str) -> Option<Locator> {
    if name == SHARED {
        return None;
    }
    let Some(rest) = name.strip_prefix(SHARED_PREFIX) else {
        return MailboxName::parse(name).ok().map(Locator::own);
    };
    let (address, name) = rest.split_once(DELIMITER)?;
    Some(Locator { account: Some(Address::parse(address).ok()?), name: MailboxName::parse(name).ok()? })
}

/// Where a mailbox of that name would be made. A delimiter at its end only announces
/// children (RFC 9051 section 6.3.4). Refusals depend on the name alone, never on what is
/// there.
pub(crate) fn creatable(name: &str) -> Result<Locator, Completion> {
    let name = name.strip_suffix(DELIMITER).unwrap_or(name);
    let parse =
        |name: &str| MailboxName::parse(name).map_err(|error| Completion::no(ResponseCode::Cannot, error.to_string()));
    let reserved = || Completion::no(ResponseCode::Cannot, "Names under Shared are for mailboxes that others share");
    if name == SHARED {
        return Err(reserved());
    }
    let Some(rest) = name.strip_prefix(SHARED_PREFIX) else { return parse(name).map(Locator::own) };
    let (address, name) = rest.split_once(DELIMITER).ok_or_else(reserved)?;
    let address = Address::parse(address).unwrap_or_else(|_| nobody());
    Ok(Locator { account: Some(address), name: parse(name)? })
}

/// The name under which a mailbox of this account is shown; `None` is one's own account.
pub(crate) fn shown(account: Option<&str>, name: &str) -> String {
    match account {
        None => name.to_owned(),
        Some(address) => format!("{SHARED_PREFIX}{address}{DELIMITER}{name}"),
    }
}

/// The name under which what was located is shown.
pub(crate) fn shown_at(at: &Locator) -> String {
    shown(at.account.as_ref().map(Address::as_str), at.name.as_str())
}

/// A name as it would be shown, for what need not be a mailbox: the top of a subtree may be a level
/// above mailboxes, an account under `Shared`, or nothing.
pub(crate) fn spelled(name: &str) -> String {
    let name = name.strip_suffix(DELIMITER).unwrap_or(name);
    if let Some(at) = locate_parsed(name) {
        return shown_at(&at);
    }
    match name.strip_prefix(SHARED_PREFIX).map(Address::parse) {
        Some(Ok(address)) => format!("{SHARED_PREFIX}{address}"),
        _ => name.to_owned(),
    }
}

/// The names one, two, ... levels up, nearest first.
pub(crate) fn parents(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.rfind(DELIMITER).map(|slash| &name[..slash])).skip(1)
}

/// Is it `Shared`, or one account below it: names that hold mailboxes and never are one?
pub(crate) fn is_namespace(name: &str) -> bool {
    name == SHARED || name.strip_prefix(SHARED_PREFIX).is_some_and(|rest| !rest.contains(DELIMITER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absent() -> Locator {
        Locator { account: Some(nobody()), name: inbox() }
    }

    #[test]
    fn own_names_and_shared_names_are_told_apart() {
        assert_eq!(shown_at(&locate("inbox")), "INBOX");
        assert_eq!(locate("Projects/2026").account, None);
        let shared = locate("Shared/Support@example.org/inbox/Old");
        assert_eq!(shared.account.as_ref().map(Address::as_str), Some("support@example.org"));
        assert_eq!(shown_at(&shared), "Shared/support@example.org/INBOX/Old");
        assert_eq!(locate("shared").account, None, "names have case, INBOX alone has none");
        assert_eq!(locate("Sharedness").account, None);
    }

    /// docs/design.md law 4: what can not be there is answered as what is not there.
    #[test]
    fn names_that_can_not_be_are_looked_up_as_absent() {
        for name in [
            "Shared",
            "Shared/",
            "Shared/support@example.org",
            "Shared/support@example.org/",
            "Shared/no address/INBOX",
            "Shared/support@example.org/a//b",
            "a//b",
            "",
            "/",
            "a%",
        ] {
            assert_eq!(locate(name), absent(), "{name:?}");
        }
    }

    #[test]
    fn what_can_not_be_created_is_refused_by_its_name_alone() {
        for name in [
            "Shared",
            "Shared/",
            "Shared/support@example.org",
            "Shared/support@example.org/",
            "Shared/x/a//b",
            "a//b",
            "",
        ] {
            assert_eq!(
                creatable(name).map_err(|refused| refused.code),
                Err(Some(crate::answer::Code::Fixed(ResponseCode::Cannot))),
                "{name:?}"
            );
        }
        assert_eq!(creatable("Shared/no address/INBOX"), Ok(absent()));
        assert_eq!(creatable("Projects/").map(|at| shown_at(&at)), Ok("Projects".to_owned()));
        assert_eq!(
            creatable("Shared/support@example.org/Done").map(|at| shown_at(&at)),
            Ok("Shared/support@example.org/Done".to_owned())
        );
    }

    #[test]
    fn names_that_are_no_mailboxes_are_spelled_too() {
        for (name, shown) in [
            ("inbox", "INBOX"),
            ("Lists/", "Lists"),
            ("Shared", "Shared"),
            ("Shared/", "Shared"),
            ("Shared/Support@example.org", "Shared/support@example.org"),
            ("Shared/Support@example.org/inbox", "Shared/support@example.org/INBOX"),
            ("Shared/no address/INBOX", "Shared/no address/INBOX"),
            ("", ""),
        ] {
            assert_eq!(spelled(name), shown, "{name:?}");
        }
    }

    #[test]
    fn parents_are_walked_from_the_nearest() {
        assert_eq!(parents("a/b/c").collect::<Vec<_>>(), ["a/b", "a"]);
        assert_eq!(parents("a").count(), 0);
        assert!(is_namespace("Shared") && is_namespace("Shared/support@example.org"));
        assert!(!is_namespace("Shared/support@example.org/INBOX") && !is_namespace("Sent"));
    }
}
