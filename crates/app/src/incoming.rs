//! A message while it comes in, of which little is in memory: what is large lies in a file without a name until all of it
//! is there (docs/design.md section 5).
//!
//! So whoever sends slowly, or announces much and sends nothing, holds no memory that others wait for. It is counted and
//! waited for ([`Room`]) once the last byte is there, for as long as the message is dealt with.

use crate::{House, Refused, Room, Session};
use postern_store::{Blobs, StoreError};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::time::Duration;
use tokio::time::timeout;

/// What of a message is in memory at once.
const PIECE_BYTES: usize = 256 << 10;
/// How long a message that has come waits for room.
const PATIENCE: Duration = Duration::from_secs(300);

/// What has come of a message.
pub struct Incoming {
    blobs: Blobs,
    bytes: Vec<u8>,
    file: Option<File>,
    /// Bytes in the file.
    spooled: usize,
}

/// A message that has come, with the room that it has until this is dropped.
pub struct Whole {
    /// The message.
    pub bytes: Vec<u8>,
    _room: Option<Room>,
}

impl House {
    /// For a message that is about to come.
    pub fn incoming(&self) -> Incoming {
        Incoming { blobs: self.blobs.clone(), bytes: Vec::new(), file: None, spooled: 0 }
    }

    /// All of a message that has come; nothing where there is no room for it after a while.
    pub async fn whole(&self, session: &Session, mut room: Room, incoming: Incoming) -> Result<Option<Whole>, Refused> {
        let Incoming { bytes, file, spooled, .. } = incoming;
        let Some(mut file) = file else { return Ok(Some(Whole { bytes, _room: None })) };
        let size = spooled + bytes.len();
        if self.while_signed_in(session, timeout(PATIENCE, room.grow_to(size))).await?.is_err() {
            tracing::warn!(event = "message.no-room", bytes = size);
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || -> io::Result<Vec<u8>> {
            let mut whole = Vec::with_capacity(size);
            file.rewind()?;
            file.read_to_end(&mut whole)?;
            whole.extend_from_slice(&bytes);
            Ok(whole)
        });
        let bytes = read.await.map_err(|_| Refused::Unavailable)?.map_err(unkept)?;
        Ok(Some(Whole { bytes, _room: Some(room) }))
    }
}

impl Incoming {
    /// Keeps these bytes too.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= PIECE_BYTES { self.spool().await } else { Ok(()) }
    }

    /// Puts what is in memory into the file.
    async fn spool(&mut self) -> Result<(), Refused> {
        let (mut bytes, file, blobs) = (std::mem::take(&mut self.bytes), self.file.take(), self.blobs.clone());
        let count = bytes.len();
        let written = tokio::task::spawn_blocking(move || -> Result<_, StoreError> {
            let mut file = file.map_or_else(|| blobs.scratch(), Ok)?;
            file.write_all(&bytes).map_err(unkept)?;
            bytes.clear();
            Ok((file, bytes))
        });
        let (file, bytes) = written.await.map_err(|_| Refused::Unavailable)??;
        (self.file, self.bytes) = (Some(file), bytes);
        self.spooled += count;
        Ok(())
    }
}

fn unkept(error: io::Error) -> StoreError {
    StoreError::File(format!("a message that is coming in: {error}"))
}
