//! Room on the disk for what must always be done (docs/design.md section 5): rights are taken back,
//! people are suspended and mail is expunged on a full disk, too.
//!
//! Two things see to that. New mail is refused while there is less room than the floor. And a file
//! beside the databases holds some of it, for somebody else may fill the disk: it is given up when a
//! write finds no room, and made again when there is.

use crate::Disk;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The name of the file that holds room, in the data folder.
pub const RESERVE_FILE: &str = "reserve";
/// What is known of the disk is believed for so long.
const BELIEVED: Duration = Duration::from_millis(500);
/// The file is this part of the floor.
const PART: u64 = 4;

/// Room that is kept on the disk of the data folder.
pub(crate) struct Reserve {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    floor: u64,
    /// How long the file is; 0 where there is none.
    file_bytes: u64,
    looked: Mutex<Option<(Instant, bool)>>,
    is_low: AtomicBool,
    /// It was said that the file is not there.
    is_bare: AtomicBool,
}

impl Reserve {
    /// Keeps `floor` bytes free in a folder; 0 keeps none. Of them, those of the file are for the
    /// database, where it lies in that folder.
    pub fn new(disk: Arc<dyn Disk>, folder: &Path, floor: u64, has_database: bool) -> Self {
        Self {
            disk,
            folder: folder.to_owned(),
            floor,
            file_bytes: if has_database { floor / PART } else { 0 },
            looked: Mutex::new(None),
            is_low: AtomicBool::new(false),
            is_bare: AtomicBool::new(false),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join(RESERVE_FILE)
    }

    /// Is there room for new mail? Asks the disk twice a second at most.
    pub fn has_room(&self) -> bool {
        if self.floor == 0 {
            return true;
        }
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        match *looked {
            Some((at, has_room)) if at.elapsed() < BELIEVED => has_room,
            _ => {
                let has_room = self.look();
                *looked = Some((Instant::now(), has_room));
                has_room
            }
        }
    }

    fn look(&self) -> bool {
        // A disk that does not tell is none to be sparing with.
        let Ok(free) = self.disk.free_bytes(&self.folder) else { return true };
        let is_low = free < self.floor;
        if is_low != self.is_low.swap(is_low, Ordering::Relaxed) {
            let (folder, floor) = (self.folder.display(), self.floor);
            if is_low {
                tracing::error!(
                    event = "disk.low",
                    free,
                    floor,
                    "new mail is refused until there is room in {folder}: delete what else lies there, or enlarge the disk"
                );
            } else {
                tracing::info!(event = "disk.has-room", free, floor, "new mail is taken again");
            }
        }
        !is_low
    }

    /// Gives the file up for a write that found no room; `false` where it was gone already.
    pub fn give_up(&self) -> bool {
        let file = self.file();
        let was_there = self.disk.exists(&file).unwrap_or(false);
        if !was_there || self.disk.remove(&file).is_err() {
            return false;
        }
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = None;
        tracing::error!(event = "disk.full", "the disk is full; the room that was kept for this is used now");
        true
    }

    /// Makes the file where it is missing and there is room for it and more.
    pub fn keep(&self) {
        let (file, bytes) = (self.file(), self.file_bytes);
        let Ok(state) = self.disk.state(&file) else { return };
        let kept = state.as_ref().map_or(0, |state| state.len_bytes);
        if kept == bytes && state.is_some() == (bytes > 0) {
            return;
        }
        let is_tight = |free: u64| free + kept < self.floor + 2 * bytes;
        let room = self.disk.free_bytes(&self.folder).map(|free| !is_tight(free));
        // The configuration asks for another size now, or for none. Too little is better than nothing.
        let stays = bytes > kept && !matches!(room, Ok(true));
        if state.is_some() && (stays || self.disk.remove(&file).is_err()) || bytes == 0 {
            return;
        }
        let made = match room {
            Ok(false) => Err("there is too little room for it".to_owned()),
            Ok(true) => self.disk.allocate(&file, bytes).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let is_bare = made.is_err();
        if let Err(error) = made
            && !self.is_bare.load(Ordering::Relaxed)
        {
            tracing::warn!(
                event = "disk.no-reserve",
                error,
                "should others fill the disk, rights can not be taken back"
            );
        }
        self.is_bare.store(is_bare, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealDisk;

    /// The configuration may change, and the house may have its database elsewhere.
    #[test]
    fn the_file_is_as_long_as_the_configuration_says() {
        let folder = tempfile::tempdir().unwrap();
        let kept = |floor, has_database| {
            Reserve::new(Arc::new(RealDisk), folder.path(), floor, has_database).keep();
            folder.path().join(RESERVE_FILE).metadata().ok().map(|about| about.len())
        };
        assert_eq!(kept(0, true), None);
        assert_eq!(kept(40_960, true), Some(10_240));
        assert_eq!(kept(81_920, true), Some(20_480), "more is asked for");
        assert_eq!(kept(40_960, true), Some(10_240), "less");
        assert_eq!(kept(40_960, false), None, "the database is another machine's");
        assert_eq!((kept(40_960, true), kept(0, true)), (Some(10_240), None));
    }
}
