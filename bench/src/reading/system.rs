//! What is asked of the machine itself: an empty page cache, more watchers, more open files. All of
//! it needs root, and each says why where it cannot be had.

use std::path::Path;

use anyhow::{Context, Result};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::servers::write;

const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";
const INOTIFY_INSTANCES: &str = "/proc/sys/fs/inotify/max_user_instances";

/// Why there is nothing cold.
pub const NOT_COLD: &str = "only root can empty the page cache";

/// Brings everything to disk and forgets what was read from it. Answers whether it may.
pub fn drop_page_cache() -> Result<bool> {
    rustix::fs::sync();
    if !can_drop_page_cache() {
        return Ok(false);
    }
    write(Path::new(DROP_CACHES), "3").context("the page cache was not emptied")?;
    Ok(true)
}

/// Whether the page cache can be emptied here.
pub fn can_drop_page_cache() -> bool {
    std::fs::OpenOptions::new().write(true).open(DROP_CACHES).is_ok()
}

/// As many watchers of files as a run needs: Dovecot has one for each session in IDLE. What the
/// machine had before is set again in the end.
pub struct Watchers {
    before: Option<u64>,
}

impl Watchers {
    /// Room for so many; an error where it can not be made.
    pub fn raise(needed: u64) -> Result<Self> {
        let text = std::fs::read_to_string(INOTIFY_INSTANCES).context("the machine does not tell its watchers")?;
        let now: u64 = text.trim().parse().context("the number of watchers is none")?;
        if now >= needed {
            return Ok(Self { before: None });
        }
        write(Path::new(INOTIFY_INSTANCES), &needed.to_string()).with_context(|| {
            format!("Dovecot needs fs.inotify.max_user_instances = {needed}, it is {now}, and only root may raise it")
        })?;
        Ok(Self { before: Some(now) })
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            // Whoever could raise it can lower it.
            let _ = write(Path::new(INOTIFY_INSTANCES), &before.to_string());
        }
    }
}

/// As many open files as this process, and so its children, may have; they often begin with fewer.
pub fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it stays as it was, opening fails with a reason.
    let _ = setrlimit(Resource::Nofile, limit);
}
