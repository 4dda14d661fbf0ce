//! A delivery to so many that it takes several commits loses its power between them: when the sender
//! tries again everyone has the message, and nobody has it twice; who had no room is told so, once
//! (docs/decisions/0022-group-delivery.md).

use super::house::{OpenHouse, SUPPORT, address, failed, founded, peer};
use super::run;
use postern_app::{AuditQuery, Delivery, DeliveryError, SharedChange};
use postern_testkit::power::{Image, Random, Syncs};
use postern_types::DisplayName;
use std::collections::BTreeSet;

const TEAM: &str = "team@example.org";
/// More than one commit takes.
const MEMBERS: usize = 230;
const CUTS: usize = 16;

/// A house with a group of many.
async fn with_group() -> Result<Image, String> {
    let open = OpenHouse::open(founded().await, Syncs::ALL).await?;
    let (house, operator, name) = (&open.house, &open.operator, DisplayName::default());
    let members: Vec<_> = (0..MEMBERS).map(|number| address(&format!("member{number}@example.org"))).collect();
    for member in &members {
        house.add_shared(operator, member, &name, &[], &[]).await.map_err(failed)?;
    }
    house.add_group(operator, &address(TEAM), &name, &members).await.map_err(failed)?;
    open.close().await?;
    Image::read(open.disk.root()).map_err(failed)
}

async fn deliver(open: &OpenHouse, to: &[String]) -> Result<(), String> {
    answers(open, to).await?.into_iter().try_for_each(|result| result.map_err(failed))
}

async fn answers(open: &OpenHouse, to: &[String]) -> Result<Vec<Result<(), DeliveryError>>, String> {
    let mut recipients = Vec::with_capacity(to.len());
    for one in to {
        recipients.push(open.house.recipient(&address(one)).await.map_err(failed)?);
    }
    let raw = b"Subject: To all of you\r\n\r\nA line.\r\n".to_vec();
    let delivery = Delivery::new(raw, 0, recipients, peer(), "lmtp");
    Ok(open.house.deliver(delivery).await)
}

/// How many messages members have: each number that occurs.
async fn counts(open: &OpenHouse) -> Result<BTreeSet<u64>, String> {
    let all = open.house.shared(&open.operator).await.map_err(failed)?;
    Ok(all.iter().filter(|seen| seen.row.address != SUPPORT).map(|seen| seen.row.messages).collect())
}

/// Delivers, and for cuts all along the way tries once more, `part` recipients at a time.
async fn cut_and_try_again(to: &[String], part: usize) -> Result<(), String> {
    let open = OpenHouse::open(&with_group().await?, Syncs::ALL).await?;
    let begun = open.disk.position();
    deliver(&open, to).await?;
    let answered = open.disk.position();
    open.close().await?;
    let recording = open.disk.recording();
    let mut half_way = 0;
    for number in 0..=CUTS {
        let cut = begun + (answered - begun) * number / CUTS;
        let again = OpenHouse::open(&recording.cut(cut, &mut Random::new(number as u64)), Syncs::ALL).await?;
        let before = counts(&again).await?;
        for part in to.chunks(part) {
            deliver(&again, part).await?;
        }
        let after = counts(&again).await?;
        half_way += usize::from(before.len() > 1);
        // Where everyone had it, it may have been over: then this is another message.
        let right: BTreeSet<u64> = if before.contains(&0) { [1].into() } else { [1, 2].into() };
        let is_answered = cut == answered;
        if !after.is_subset(&right) || is_answered && after != [2].into() {
            return Err(format!("cut {cut} of {begun} to {answered}: {before:?} messages became {after:?}"));
        }
        again.close().await?;
    }
    if half_way == 0 { Err("no cut was between two commits".to_owned()) } else { Ok(()) }
}

/// One of the second piece.
const FULL: &str = "member170@example.org";

/// How often the full member was told.
async fn told(open: &OpenHouse) -> Result<usize, String> {
    let query = AuditQuery { account: Some(address(FULL)), most: 500, ..AuditQuery::default() };
    let rows = open.house.audit(&open.operator, query).await.map_err(failed)?;
    Ok(rows.iter().filter(|row| row.action == "delivery.refused").count())
}

/// Delivers to a group with a full member, and for cuts all along the way tries twice more.
async fn cut_and_tell() -> Result<(), String> {
    let (open, team) = (OpenHouse::open(&with_group().await?, Syncs::ALL).await?, [TEAM.to_owned()]);
    let change = SharedChange { quota: Some(Some(10)), ..SharedChange::default() };
    open.house.set_shared(&open.operator, &address(FULL), change).await.map_err(failed)?;
    let begun = open.disk.position();
    answers(&open, &team).await?;
    let answered = open.disk.position();
    open.close().await?;
    let recording = open.disk.recording();
    let mut half_way = 0;
    for number in 0..=CUTS {
        let cut = begun + (answered - begun) * number / CUTS;
        let again = OpenHouse::open(&recording.cut(cut, &mut Random::new(number as u64)), Syncs::ALL).await?;
        half_way += usize::from(counts(&again).await?.contains(&1) && told(&again).await? == 0);
        for _ in 0..2 {
            let (answers, told) = (answers(&again, &team).await?, told(&again).await?);
            if answers != [Err(DeliveryError::PartlyOverQuota)] || told != 1 {
                return Err(format!("cut {cut} of {begun} to {answered}: told {told} times, {answers:?}"));
            }
        }
        again.close().await?;
    }
    if half_way == 0 { Err("no cut was between the copies and the telling".to_owned()) } else { Ok(()) }
}

#[test]
fn a_full_member_of_a_large_group_is_told_once_after_a_cut() {
    run(cut_and_tell()).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_delivery_to_a_large_group_that_was_cut_is_completed() {
    run(cut_and_try_again(&[TEAM.to_owned()], 1)).unwrap_or_else(|error| panic!("{error}"));
}

/// The sender may take smaller parts the next time.
#[test]
fn a_delivery_to_many_recipients_that_was_cut_is_completed_in_parts() {
    let everyone: Vec<String> = (0..MEMBERS).map(|number| format!("member{number}@example.org")).collect();
    run(cut_and_try_again(&everyone, 1)).unwrap_or_else(|error| panic!("{error}"));
}
