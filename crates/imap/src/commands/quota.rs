//! GETQUOTAROOT and GETQUOTA (RFC 9208 sections 4.1.1 and 4.1.2): how much an account holds and may hold.
//!
//! An account is one quota root, called by its address. To those who do not read all of it there is no
//! root (docs/decisions/0034-quota.md). Bounds are set by whoever manages people and shared mailboxes, so
//! SETQUOTA is refused to everybody alike and QUOTASET is not told.

use crate::answer::{Completion, Handled};
use crate::connection::{Client, Desk};
use crate::names;
use postern_app::{QuotaRoot, Usage};
use postern_imap_wire::{Encoder, QuotaResource, ResponseCode};
use postern_types::Address;

pub(crate) async fn root_of(client: &mut Client, mailbox: &str) -> Handled {
    let Desk { house, session, out, rev2, .. } = client.desk()?;
    let at = names::locate(mailbox);
    let root = house.quota_root_of(session, &at).await?;
    let mut reply = Encoder::new(out, rev2);
    let names: Vec<&str> = root.iter().map(|root| root.name.as_str()).collect();
    reply.quota_root(&names::shown_at(&at), &names);
    root.iter().for_each(|root| tell(&mut reply, root));
    Ok(Completion::ok("Done"))
}

pub(crate) async fn get(client: &mut Client, root: &str) -> Handled {
    let Desk { house, session, out, rev2, .. } = client.desk()?;
    // What can be nobody's address is looked up as one that nobody has.
    let name = Address::parse(root).unwrap_or_else(|_| names::nobody());
    match house.quota_root(session, &name).await? {
        Some(root) => {
            tell(&mut Encoder::new(out, rev2), &root);
            Ok(Completion::ok("Done"))
        }
        None => Ok(Completion::no(ResponseCode::NonExistent, "No such quota root")),
    }
}

pub(crate) fn set() -> Handled {
    let text = "A quota is set by the administrators of the organisation, and not over IMAP";
    Ok(Completion::no(ResponseCode::NoPerm, text))
}

/// What has a bound (section 4.2.1): what is not named is not limited.
fn tell(reply: &mut Encoder<'_>, root: &QuotaRoot) {
    let resource = |name, Usage { used, most }: Usage, unit: u64| {
        // Both upwards: what is within its bound is so in whole units, too.
        most.map(|most| QuotaResource { name, used: used.div_ceil(unit), most: most.div_ceil(unit) })
    };
    let resources = [resource("STORAGE", root.bytes, 1024), resource("MESSAGE", root.messages, 1)];
    let resources: Vec<QuotaResource<'_>> = resources.into_iter().flatten().collect();
    reply.quota(&root.name, &resources);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: (u64, Option<u64>), messages: (u64, Option<u64>)) -> String {
        let usage = |(used, most)| Usage { used, most };
        let root = QuotaRoot { name: "alice@example.org".to_owned(), bytes: usage(bytes), messages: usage(messages) };
        let mut out = Vec::new();
        tell(&mut Encoder::new(&mut out, false), &root);
        String::from_utf8(out).unwrap()
    }

    /// RFC 9208 sections 4.2.1 and 5.1: units of 1024 octets, and no bound is not told.
    #[test]
    fn what_is_bounded_is_told_in_its_unit() {
        assert_eq!(told((5000, None), (3, None)), "* QUOTA alice@example.org ()\r\n");
        assert_eq!(told((5000, Some(5000)), (3, None)), "* QUOTA alice@example.org (STORAGE 5 5)\r\n");
        assert_eq!(
            told((10 << 10, Some(512 << 10)), (42, Some(1000))),
            "* QUOTA alice@example.org (STORAGE 10 512 MESSAGE 42 1000)\r\n"
        );
        assert_eq!(told((1, Some(10)), (0, None)), "* QUOTA alice@example.org (STORAGE 1 1)\r\n");
    }
}
