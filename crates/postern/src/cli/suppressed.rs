//! `postern shared suppressed` and `unsuppress`: recipients to whom no campaign is sent any more,
//! because mail to them came back for good.

use super::dates::seconds;
use super::failure::Failure;
use super::output::{Said, plain, table};
use super::shared::{WHICH, path};
use super::transport::{Client, segment};
use postern_http::model::{SuppressedRecipients, Unsuppressed};
use postern_types::{Address, counted};

pub(super) async fn list(client: &mut Client, shared: &Address, after: Option<&str>) -> Result<Said, Failure> {
    let after = after.map(|after| format!("?after={}", segment(after))).unwrap_or_default();
    let page: Result<SuppressedRecipients, Failure> = client.get(&format!("{}/suppressed{after}", path(shared))).await;
    let page = page.map_err(|failure| failure.if_absent(WHICH))?;
    Ok(Said::new(told(&page, shared), &page))
}

fn told(page: &SuppressedRecipients, shared: &Address) -> String {
    let rows = page.recipients.iter().map(|one| vec![plain(&one.address), seconds(&one.at), plain(&one.reason)]);
    let none = format!("Campaigns of {shared} go to everybody: no mail of theirs has come back for good.");
    let mut text = table(&["RECIPIENT", "SINCE", "BECAUSE"], rows.collect(), &none);
    if page.recipients.is_empty() {
        return text;
    }
    let count = counted(page.recipients.len() as u64, "recipient");
    text.push_str(&format!("{count} to whom no campaign is sent; other mail goes to them as ever.\n"));
    if let Some(after) = &page.next_after {
        text.push_str(&format!("Next: further ones: postern shared suppressed {shared} --after {after}\n"));
    }
    text.push_str(&format!("Next: to let campaigns go there again: postern shared unsuppress {shared} EMAIL\n"));
    text
}

pub(super) async fn end(client: &mut Client, shared: &Address, recipient: &Address) -> Result<Said, Failure> {
    let target = format!("{}/suppressed/{}", path(shared), segment(recipient.as_str()));
    let done: Result<Unsuppressed, Failure> = client.act("DELETE", &target).await;
    let next = format!("see which there are: postern shared suppressed {shared}");
    let done = done.map_err(|failure| failure.if_absent(&next))?;
    let text = format!(
        "Campaigns of {shared} go to {recipient} again.\nNext: should mail come back once more, it is suppressed anew; \
         who is: postern shared suppressed {shared}\n"
    );
    Ok(Said::new(text, &done))
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_http::model::SuppressedRecipient;

    #[test]
    fn a_list_says_since_when_and_why() {
        let shared = Address::parse("news@example.org").unwrap();
        let empty = SuppressedRecipients { recipients: Vec::new(), next_after: None };
        assert_eq!(
            told(&empty, &shared),
            "Campaigns of news@example.org go to everybody: no mail of theirs has come back for good.\n"
        );
        let one = SuppressedRecipient {
            address: "gone@example.net".into(),
            reason: "550 5.1.1 No such\nuser".into(),
            at: "2026-11-22T21:00:03.250Z".into(),
        };
        let page = SuppressedRecipients { recipients: vec![one], next_after: Some("gone@example.net".into()) };
        assert_eq!(
            told(&page, &shared),
            "RECIPIENT         SINCE                 BECAUSE\n\
             gone@example.net  2026-11-22T21:00:03Z  550 5.1.1 No such\u{fffd}user\n\
             1 recipient to whom no campaign is sent; other mail goes to them as ever.\n\
             Next: further ones: postern shared suppressed news@example.org --after gone@example.net\n\
             Next: to let campaigns go there again: postern shared unsuppress news@example.org EMAIL\n"
        );
    }
}
