//! The kernel's own word: no reply leaves before what it promises is synced.
//!
//! The server runs under strace, which notes every write, sync, rename and reply in order.
//! When a reply that acknowledges begins to leave (250 of LMTP, OK of IMAP, 2xx of REST),
//! every file of the data folder that was written before has had a sync that began after the last of its
//! writes and has returned, and every folder in which a name changed has had one too
//! (docs/design.md law 3; "Under strace" because a bug in our own record of syncs would hide there).

use crate::foreign;
use crate::process::{self, PASSWORD, Serving};
use postern_testkit::{ImapClient, LmtpClient};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tokio::net::TcpStream;
use tokio::process::Command;

const CALLS: &str = "trace=fsync,fdatasync,sync_file_range,msync,write,writev,pwrite64,pwritev,pwritev2,ftruncate,\
                     rename,renameat,renameat2,unlink,unlinkat,sendto,sendmsg,mkdir,mkdirat";
/// Letters of each kind; the last ones are too large to lie beside the rows.
const SMALL: usize = 6;
const LARGE: usize = 2;

/// Is strace here, and may it trace a child? That it is missing is an error where nothing may be
/// skipped; what the kernel forbids is no fault of whoever runs the test.
async fn may_trace() -> bool {
    let Some(strace) = foreign::program("strace") else { return false };
    let tried = Command::new(strace).args(["-f", "-o", "/dev/null", "true"]).output().await;
    let permitted = tried.is_ok_and(|output| output.status.success());
    if !permitted {
        report("skipped: strace may not trace here (ptrace is not permitted)");
    }
    permitted
}

#[expect(clippy::print_stderr, reason = "a test that skips says so where its reader looks")]
fn report(text: &str) {
    eprintln!("{text}");
}

#[test]
fn replies_leave_after_their_syncs() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(story());
}

/// The test above, where there is no strace: a notice at home, an error in CI.
#[test]
fn a_missing_strace_is_an_error_where_nothing_may_be_skipped() {
    let without_strace = |ci: &str| {
        let mut test = std::process::Command::new(std::env::current_exe().expect("a test knows its own file"));
        test.args(["--exact", "strace::replies_leave_after_their_syncs"]).env("PATH", "/nowhere").env("CI", ci);
        test.env_remove("POSTERN_TEST_FOREIGN").output().expect("it runs").status
    };
    assert!(!without_strace("true").success());
    assert!(without_strace("").success());
}

async fn story() {
    if !may_trace().await {
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = scratch.path().canonicalize().expect("it is there").join("house");
    process::init(&folder, None).await;
    let trace = scratch.path().join("trace");
    let output = trace.to_str().expect("a temporary folder has a plain name");
    let serving = Serving::start(&folder, &["strace", "-f", "-y", "-s", "200", "-e", CALLS, "-o", output]).await;
    serving.person("alice@example.org").await;
    work(&serving).await;
    assert!(serving.terminate().await.success(), "it drains and ends well");

    let text = std::fs::read(&trace).expect("strace wrote its trace");
    let text = String::from_utf8_lossy(&text);
    let found = Ledger::read(&text, &folder);
    assert!(found.early.is_empty(), "replies that left too early:\n{}", found.early.join("\n"));
    // Not by chance: each letter was written and synced between the reply before and its own.
    let promised = 2 * (SMALL + LARGE);
    assert!(
        found.kept_promises >= promised,
        "{} replies followed a sync, {promised} letters came",
        found.kept_promises
    );
    assert!(found.folders >= 2 * LARGE, "{} folders were synced, each large body needs one", found.folders);
}

/// One thing at a time, so that whatever was written since the last reply belongs to the next.
async fn work(serving: &Serving) {
    let mut lmtp = LmtpClient::connect(serving.listener("lmtp")).await;
    let stream = TcpStream::connect(serving.listener("imap")).await.expect("the IMAP listener answers");
    let mut imap = ImapClient::start(stream, "alice").await;
    imap.login("alice@example.org", PASSWORD).await;
    for number in 0..SMALL + LARGE {
        let lines = if number < SMALL { 5 } else { 4000 };
        let letter = letter(number, lines);
        let replies = lmtp.deliver("sender@example.net", &["alice@example.org"], &letter).await;
        assert!(replies.iter().all(|reply| reply.starts_with("250")), "{replies:?}");
        let mut other = b"X-Copy: yes\r\n".to_vec();
        other.extend(&letter);
        let answer = imap.append("INBOX", "\\Seen", &other).await;
        assert!(answer.status.starts_with("OK [APPENDUID"), "{}", answer.status);
    }
    imap.ok("SELECT INBOX", "").await;
    imap.ok("STORE 1:* +FLAGS (\\Flagged)", "").await;
    imap.ok("STORE 1 +FLAGS (\\Deleted)", "").await;
    imap.ok("EXPUNGE", "").await;
}

/// Lines that compression does not make small.
fn letter(number: usize, lines: usize) -> Vec<u8> {
    let mut random = postern_testkit::power::Random::new(number as u64);
    let mut text = format!("Subject: {number}\r\n\r\n");
    for _ in 0..lines {
        let line: String = (0..4).map(|_| format!("{:016x}", random.number())).collect();
        text.push_str(&line);
        text.push_str("\r\n");
    }
    text.into_bytes()
}

/// What a file or folder lacks to be durable.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Debt {
    /// Changes so far, each counted as its call begins.
    begun: u64,
    /// Changes that a sync which has returned covers.
    synced: u64,
}

/// The trace as an account of debts.
struct Ledger<'t> {
    folder: &'t Path,
    debts: BTreeMap<String, Debt>,
    /// By thread: the call that has not returned, and what a sync that is under way covers.
    calls: HashMap<&'t str, Call>,
    /// Changes since the last reply.
    fresh: bool,
    early: Vec<String>,
    kept_promises: usize,
    folders: usize,
}

#[derive(Clone)]
enum Call {
    Sync { path: String, covers: u64 },
    Change { path: String },
}

impl<'t> Ledger<'t> {
    fn read(text: &'t str, folder: &'t Path) -> Self {
        let mut ledger = Self {
            folder,
            debts: BTreeMap::new(),
            calls: HashMap::new(),
            fresh: false,
            early: Vec::new(),
            kept_promises: 0,
            folders: 0,
        };
        for line in text.lines() {
            // "1234  write(5</a/b>, ...) = 3", "... <unfinished ...>", "<... write resumed>) = 3"
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let rest = rest.trim_start();
            if rest.starts_with("<...") {
                ledger.end(thread, rest);
            } else if let Some((name, arguments)) = rest.split_once('(') {
                ledger.begin(thread, name, arguments, line);
                if !rest.ends_with("<unfinished ...>") {
                    ledger.end(thread, rest);
                }
            }
        }
        ledger
    }

    fn begin(&mut self, thread: &'t str, name: &str, arguments: &str, line: &str) {
        let descriptor = arguments.split_once('<').map(|(_, rest)| rest.split('>').next().unwrap_or_default());
        let path = descriptor.unwrap_or_default();
        match name {
            "fsync" | "fdatasync" if self.is_ours(path) => {
                let covers = self.debts.get(path).copied().unwrap_or_default().begun;
                self.calls.insert(thread, Call::Sync { path: path.to_owned(), covers });
            }
            "write" | "writev" | "sendto" | "sendmsg" if is_socket(path) => {
                self.reply(arguments, line);
            }
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" | "ftruncate" if self.is_ours(path) => {
                self.change(path.to_owned());
                self.calls.insert(thread, Call::Change { path: path.to_owned() });
            }
            "rename" | "renameat" | "renameat2" => self.rename(arguments),
            "unlink" | "unlinkat" | "mkdir" | "mkdirat" => self.name_changed(quoted(arguments).first().copied()),
            _ => {}
        }
    }

    fn end(&mut self, thread: &str, rest: &str) {
        let Some(call) = self.calls.remove(thread) else { return };
        let failed =
            rest.rsplit_once(" = ").is_none_or(|(_, result)| result.starts_with('-') || result.starts_with('?'));
        match call {
            Call::Sync { path, covers } if !failed => {
                if Path::new(&path).is_dir() {
                    self.folders += 1;
                }
                let debt = self.debts.entry(path).or_default();
                debt.synced = debt.synced.max(covers);
            }
            // A write that ends after a sync began may have come too late for it.
            Call::Change { path } => self.change(path),
            Call::Sync { .. } => {}
        }
    }

    fn change(&mut self, path: String) {
        self.fresh = true;
        self.debts.entry(path).or_default().begun += 1;
    }

    /// The file keeps its debt under the new name, and the folder has one.
    fn rename(&mut self, arguments: &str) {
        let [from, to] = quoted(arguments)[..] else { return };
        if !self.is_ours(to) {
            return;
        }
        if let Some(debt) = self.debts.remove(from) {
            self.debts.insert(to.to_owned(), debt);
        }
        self.name_changed(Some(to));
    }

    fn name_changed(&mut self, path: Option<&str>) {
        let Some(path) = path.filter(|path| self.is_ours(path)) else { return };
        if let Some(parent) = Path::new(path).parent().and_then(Path::to_str) {
            self.change(parent.to_owned());
        }
    }

    /// A reply begins to leave: nothing may be owed.
    fn reply(&mut self, arguments: &str, line: &str) {
        let said = arguments.split_once('"').map(|(_, said)| said).unwrap_or_default();
        let acknowledges = said.starts_with("250 ") || said.contains(" OK ") || said.starts_with("HTTP/1.1 2");
        if !acknowledges {
            return;
        }
        let owed = self.debts.iter().filter(|(_, debt)| debt.synced < debt.begun);
        for (path, debt) in owed {
            self.early.push(format!("{path} ({} of {} changes synced) before {line}", debt.synced, debt.begun));
        }
        if std::mem::take(&mut self.fresh) {
            self.kept_promises += 1;
        }
    }

    /// Files that hold what was promised: not the lock, which the kernel forgets by itself, nor the
    /// wal-index, which SQLite builds anew, nor a file without a name (`#` and its number), which
    /// nobody finds again and whose bytes are kept elsewhere before they are promised.
    fn is_ours(&self, path: &str) -> bool {
        let path = Path::new(path);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_kept = !name.ends_with("-shm") && !name.starts_with('#') && name != "lock" && name != "admin.sock";
        path.starts_with(self.folder) && is_kept
    }
}

/// As strace names the end of a connection, by its number or by its kind.
fn is_socket(path: &str) -> bool {
    ["socket:", "TCP", "UNIX"].iter().any(|kind| path.starts_with(kind))
}

/// The texts between quotes.
fn quoted(arguments: &str) -> Vec<&str> {
    arguments.split('"').skip(1).step_by(2).collect()
}

/// The account itself is tried on traces that are known to be right and wrong.
#[test]
fn a_reply_before_its_sync_is_told() {
    let folder = Path::new("/data");
    let early = |text: &str| Ledger::read(text, folder).early.len();
    let write = "7 pwrite64(4</data/postern.db-wal>, \"x\", 1, 0) = 1\n";
    let sync = "7 fdatasync(4</data/postern.db-wal>) = 0\n";
    let reply = "8 sendto(9<socket:[77]>, \"250 2.1.5 Ok\\r\\n\", 14, MSG_NOSIGNAL, NULL, 0) = 14\n";
    let good = format!("{write}{sync}{reply}");
    assert_eq!((early(&good), Ledger::read(&good, folder).kept_promises), (0, 1));
    assert_eq!(early(&format!("{write}{reply}{sync}")), 1);
    // A sync that has begun and not returned is none, nor one that began before the write, nor a failed one.
    let begun = "7 fdatasync(4</data/postern.db-wal> <unfinished ...>\n";
    let done = "7 <... fdatasync resumed>) = 0\n";
    assert_eq!(early(&format!("{write}{begun}{reply}{done}")), 1);
    let other = write.replacen('7', "6", 1);
    assert_eq!(early(&format!("{write}{begun}{other}{done}{reply}")), 1);
    assert_eq!(early(&format!("{write}{}{reply}", sync.replace("= 0", "= -1 EIO"))), 1);
    // A rename needs its folder.
    let rename = "7 rename(\"/data/blobs/.new-1\", \"/data/blobs/a\") = 0\n";
    assert_eq!(early(&format!("{rename}{reply}")), 1);
    assert_eq!(early(&format!("{rename}7 fsync(5</data/blobs>) = 0\n{reply}")), 0);
    // Other folders and the wal-index are not ours.
    assert_eq!(early(&format!("{}{}{reply}", write.replace("/data", "/var"), write.replace("-wal", "-shm"))), 0);
}
