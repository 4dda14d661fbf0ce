//! Who signed in and who failed to, newest first, in pages.

use crate::audit::{account, event_number, page_size};
use crate::model::{SignIn, SignInPage, SignInParameters};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::{parse_date, show_date};
use postern_app::{SignInQuery, SignInRow};

fn shown(row: SignInRow) -> SignIn {
    SignIn {
        id: format!("evt_{}", row.id),
        at: show_date(row.at),
        accepted: row.failed.is_none(),
        reason: row.failed,
        actor_kind: row.actor_kind,
        actor: row.actor,
        credential: row.credential,
        username: row.username,
        account: row.account,
        protocol: row.protocol,
        peer: row.peer,
        mechanism: row.mechanism,
        rooted: row.is_rooted,
    }
}

/// Whoever follows an empty list begins after `evt_0`.
fn last_seen(text: &str) -> Result<i64, &'static str> {
    if matches!(text, "evt_0" | "0") { Ok(0) } else { event_number(text) }
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let asked: SignInParameters = ask.query()?;
    let limit = page_size(asked.limit)?;
    let (account, number) = match asked.account.as_deref() {
        Some(text) => field("account", text, account)?,
        None => (None, None),
    };
    let query = SignInQuery {
        account,
        number,
        credential: asked.credential,
        failed: asked.failed,
        since: asked.since.as_deref().map(|since| field("since", since, parse_date)).transpose()?,
        before: asked.before.as_deref().map(|before| field("before", before, event_number)).transpose()?,
        after: asked.after.as_deref().map(|after| field("after", after, last_seen)).transpose()?,
        // One more than shown tells whether there is a next page.
        most: limit + 1,
    };
    let mut sign_ins: Vec<SignIn> = ask.house.sign_ins(ask.caller()?, query).await?.into_iter().map(shown).collect();
    let is_more = sign_ins.len() > limit;
    sign_ins.truncate(limit);
    let next_before = sign_ins.last().filter(|_| is_more).map(|sign_in| sign_in.id.clone());
    Reply::ok(&SignInPage { sign_ins, next_before })
}

#[cfg(test)]
mod tests {
    use super::last_seen;

    #[test]
    fn who_has_seen_nothing_begins_before_the_first() {
        assert_eq!((last_seen("evt_0"), last_seen("0"), last_seen("evt_7")), (Ok(0), Ok(0), Ok(7)));
        assert!(last_seen("evt_-1").is_err() && last_seen("").is_err());
    }
}
