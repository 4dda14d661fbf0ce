//! Bodies of REST: documents of requests and replies, and messages that are imported. What is read of a document and
//! written is read again as the same; messages are the same however the body is cut.
//!
//! The first byte chooses which, the second how the body is cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_http::fuzzing::read_import;
use postern_http::model;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, from_slice, to_value};

fn check<T: Serialize + DeserializeOwned>(body: &[u8]) {
    let Ok(document) = from_slice::<T>(body) else { return };
    let written = to_value(&document).unwrap_or_else(|error| panic!("{error}"));
    let again = serde_json::from_value::<T>(written.clone()).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(to_value(&again).ok(), Some(written));
}

/// As each of these documents.
macro_rules! check_all {
    ($body:expr, $($document:ident)+) => { $(check::<model::$document>($body);)+ };
}

fn check_documents(body: &[u8]) {
    if from_slice::<Value>(body).is_err() {
        return;
    }
    // Of requests.
    check_all!(body, NewDomain PersonSettings PersonQuota NewGroup Member NewShared Terms
        NewCredential Revocation CheckOut Unwrap PolicyChange PolicyTerms SharedSettings FromPerson Login OwnSettings
        TakenInvitation OwnPassword NewToken ImportHead QueuedMany);
    // Passwords in them are never written.
    let _ = (from_slice::<model::NewPerson>(body), from_slice::<model::NewPassword>(body));
    // Of replies, which the command line reads.
    check_all!(body, Problem PersonMade GroupWithMembers SharedWithDelegates AuditPage Explained AccessReport
        CredentialIssued CredentialWithSessions CredentialOpened PolicyShown ImportTerms ImportDone Keys Queue
        QueuedWithRecipients LoggedIn Me TokenMade SignInPage);
}

fn check_import(body: &[u8], length: usize) {
    let whole = read_import(std::iter::once(body));
    let told = |read: &Result<Vec<postern_app::ImportMessage>, String>| match read {
        Ok(messages) => {
            Ok(messages.iter().map(|one| (one.raw.clone(), one.flags.clone(), one.received)).collect::<Vec<_>>())
        }
        Err(problem) => Err(problem.clone()),
    };
    assert_eq!(told(&read_import(body.chunks(length))), told(&whole), "pieces of {length}");
}

fuzz_target!(|input: &[u8]| {
    let [choice, cut, body @ ..] = input else { return };
    match choice % 2 {
        0 => check_documents(body),
        _ => check_import(body, 1 + usize::from(*cut)),
    }
});
