//! Which sessions credentials have on this node: how many there may be at once, and what was cut.

use postern_types::{CredentialId, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A session that a credential signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// Its number in this process.
    pub number: u64,
    /// `imap` …
    pub protocol: &'static str,
    /// From where; empty on a unix socket.
    pub peer: String,
    /// Since when.
    pub since: Timestamp,
}

/// Those of this node by credential.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<HashMap<CredentialId, Vec<LiveSession>>>);

/// The place of one session; it is free again when this is let go.
#[derive(Debug)]
pub(crate) struct Seat {
    live: Arc<Live>,
    credential: CredentialId,
    number: u64,
}

impl Live {
    /// Takes a place for a session, where fewer than `most` are taken.
    pub(crate) fn take(
        self: &Arc<Self>,
        credential: CredentialId,
        most: Option<u32>,
        new: LiveSession,
    ) -> Option<Seat> {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = live.entry(credential).or_default();
        if most.is_some_and(|most| sessions.len() >= most as usize) {
            return None;
        }
        let number = new.number;
        sessions.push(new);
        Some(Seat { live: Arc::clone(self), credential, number })
    }

    /// The sessions of a credential now.
    pub(crate) fn of(&self, credential: CredentialId) -> Vec<LiveSession> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&credential).cloned().unwrap_or_default()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut live = self.live.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sessions) = live.get_mut(&self.credential) {
            sessions.retain(|session| session.number != self.number);
            if sessions.is_empty() {
                live.remove(&self.credential);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_and_let_go() {
        let live = Arc::new(Live::default());
        let [one, other] = [1, 2].map(|number| CredentialId::new(number).unwrap());
        let session = |number| LiveSession {
            number,
            protocol: "imap",
            peer: "192.0.2.7".to_owned(),
            since: Timestamp(number as i64),
        };
        let first = live.take(one, Some(2), session(1)).unwrap();
        let _second = live.take(one, Some(2), session(2)).unwrap();
        assert!(live.take(one, Some(2), session(3)).is_none(), "two at once");
        assert!(live.take(other, Some(2), session(4)).is_some(), "another credential");
        drop(first);
        assert_eq!(live.of(one), [session(2)]);
        assert!(live.take(one, Some(2), session(5)).is_some());
        assert!(live.of(other).is_empty());
    }
}
