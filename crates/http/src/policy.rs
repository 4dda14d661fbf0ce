//! Policy on direct sign-in: of the organisation, and of one shared mailbox.

use crate::credentials::session;
use crate::model::{PolicyChange, PolicySet, PolicyShown, PolicyTerms};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use postern_app::{DirectSignIn, Policy, PolicyRow, Purpose, Purposes};
use postern_types::Address;

fn terms(policy: &Policy) -> PolicyTerms {
    PolicyTerms {
        direct_sign_in: policy.direct_sign_in.name().to_owned(),
        max_life_seconds: policy.max_life_ms.map(|life| life / 1000),
        purposes: policy.purposes.iter().map(|purpose| purpose.name().to_owned()).collect(),
    }
}

fn shown(shared: Option<&Address>, row: &PolicyRow, counts: bool) -> PolicyShown {
    PolicyShown {
        shared: shared.map(ToString::to_string),
        set: terms(&row.set),
        organisation: counts.then(|| terms(&row.organisation)),
        holds: terms(&row.holds),
        time_zone: row.time_zone.clone(),
        live_credentials: counts.then_some(row.live),
    }
}

fn life(seconds: i64) -> Result<Option<i64>, Problem> {
    match seconds {
        0 => Ok(None),
        1.. => seconds.checked_mul(1000).map(Some).ok_or_else(|| Problem::unusable("max_life_seconds is too large")),
        _ => Err(Problem::unusable("max_life_seconds is a number of seconds; 0 takes the limit away")),
    }
}

fn change(document: PolicyChange) -> Result<postern_app::PolicyChange, Problem> {
    let sign_in = document.direct_sign_in.as_deref();
    let purposes = document.purposes.map(|words| {
        let parsed: Result<Vec<Purpose>, Problem> =
            words.iter().map(|word| field("purposes", word, Purpose::parse)).collect();
        parsed.map(Purposes::of)
    });
    Ok(postern_app::PolicyChange {
        direct_sign_in: sign_in.map(|text| field("direct_sign_in", text, DirectSignIn::parse)).transpose()?,
        max_life_ms: document.max_life_seconds.map(life).transpose()?,
        purposes: purposes.transpose()?,
        time_zone: document.time_zone,
        end_credentials: document.end_credentials,
    })
}

async fn set_of(ask: Ask, shared: Option<Address>) -> Result<Reply, Problem> {
    let change = change(ask.document()?)?;
    let set = ask.house.set_policy(ask.caller()?, shared.as_ref(), change).await?;
    Reply::ok(&PolicySet {
        policy: shown(shared.as_ref(), &set.row, true),
        ended_credentials: set.ended as u64,
        stopped_credentials: set.stopped as u64,
        shortened_credentials: set.shortened as u64,
        sessions: set.cut.into_iter().map(session).collect(),
    })
}

async fn show_of(ask: Ask, shared: Option<Address>) -> Result<Reply, Problem> {
    let (row, counts) = ask.house.policy(ask.caller()?, shared.as_ref()).await?;
    Reply::ok(&shown(shared.as_ref(), &row, counts))
}

pub(crate) async fn show(ask: Ask) -> Result<Reply, Problem> {
    show_of(ask, None).await
}

pub(crate) async fn set(ask: Ask) -> Result<Reply, Problem> {
    set_of(ask, None).await
}

pub(crate) async fn show_shared(ask: Ask) -> Result<Reply, Problem> {
    let shared = ask.part("address", Address::parse)?;
    show_of(ask, Some(shared)).await
}

pub(crate) async fn set_shared(ask: Ask) -> Result<Reply, Problem> {
    let shared = ask.part("address", Address::parse)?;
    set_of(ask, Some(shared)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<postern_app::PolicyChange, Problem> {
        change(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn what_is_left_out_stays() {
        let nothing = read("{}").unwrap();
        assert!(nothing.direct_sign_in.is_none() && nothing.max_life_ms.is_none() && nothing.purposes.is_none());
        let some = read(r#"{"max_life_seconds":86400,"purposes":["backup"],"time_zone":"UTC"}"#).unwrap();
        assert_eq!(some.max_life_ms, Some(Some(86_400_000)));
        assert_eq!(some.purposes, Some(Purposes::of([Purpose::Backup])));
        assert_eq!(read(r#"{"max_life_seconds":0}"#).unwrap().max_life_ms, Some(None));
        assert_eq!(read(r#"{"purposes":[]}"#).unwrap().purposes, Some(Purposes::of([])));
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for json in [r#"{"direct_sign_in":"maybe"}"#, r#"{"max_life_seconds":-1}"#, r#"{"purposes":["fun"]}"#] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
