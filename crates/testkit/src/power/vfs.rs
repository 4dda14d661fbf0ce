//! SQLite's way to the disk, recorded: a VFS that hands every call to the default one and
//! enters what changes a file in the log of the [`FakeDisk`](super::FakeDisk) it lies on.
//!
//! One VFS is registered per process and stays; a file finds its log by its path, so no
//! connection can outlive what it points to. Only what changes a file is looked at. Three
//! answers differ from the default VFS: there is no memory mapping (version 2 of the
//! methods, as a mapping would show reads and writes to nobody), no size hint grows a file,
//! and a sync is entered in the log and not made.
//!
//! <https://www.sqlite.org/vfs.html>; the names of the methods are SQLite's, without the x.
#![expect(unsafe_code, reason = "SQLite's VFS is an interface of C: tables of functions over raw pointers")]

use super::record::{Asker, Event, FileId, Log, Recorder};
use rusqlite::ffi;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// What connections ask for.
pub(super) const NAME: &CStr = c"postern-recording";
/// The same as text.
pub(super) const NAME_TEXT: &str = "postern-recording";

/// The disks that are recorded now.
static DISKS: Mutex<Vec<Weak<Recorder>>> = Mutex::new(Vec::new());

/// Makes SQLite enter what it does below the root of this recorder.
pub(super) fn register(recorder: &Arc<Recorder>) -> io::Result<()> {
    static OUTCOME: OnceLock<c_int> = OnceLock::new();
    match *OUTCOME.get_or_init(register_once) {
        ffi::SQLITE_OK => {}
        code => return Err(io::Error::other(format!("SQLite takes no VFS: code {code}"))),
    }
    let mut disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
    disks.retain(|disk| disk.strong_count() > 0);
    disks.push(Arc::downgrade(recorder));
    Ok(())
}

fn register_once() -> c_int {
    // SAFETY: no name asks for the default VFS; SQLite initialises itself first.
    let base = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
    if base.is_null() {
        return ffi::SQLITE_ERROR;
    }
    // SAFETY: a VFS that was found is valid for as long as it is registered, and nobody
    // unregisters the default one.
    let default = unsafe { &*base };
    let vfs = ffi::sqlite3_vfs {
        // Version 2 ends with CurrentTimeInt64; version 3 replaces system calls, which only
        // SQLite's own tests do.
        iVersion: default.iVersion.min(2),
        szOsFile: size_of::<File>() as c_int + default.szOsFile,
        mxPathname: default.mxPathname,
        pNext: ptr::null_mut(),
        zName: NAME.as_ptr(),
        pAppData: base.cast(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(get_last_error),
        xCurrentTimeInt64: Some(current_time_int64),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    };
    // SAFETY: the VFS is leaked, so it and its static name live as long as the process.
    unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) }
}

/// The disk that a path lies on, and the path below its root.
fn disk_of(path: &Path) -> Option<(Arc<Recorder>, PathBuf)> {
    let disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
    disks.iter().filter_map(Weak::upgrade).find_map(|disk| {
        let below = disk.below(path)?.to_owned();
        Some((disk, below))
    })
}

/// One open file as SQLite sees it; the default VFS's own file follows in memory.
#[repr(C)]
struct File {
    methods: ffi::sqlite3_file,
    /// Null for a file that is on no recorded disk.
    record: *mut Record,
}

/// What is known of an open file.
struct Record {
    disk: Arc<Recorder>,
    file: FileId,
    /// The folder that the next sync makes durable too: SQLite may have made this journal
    /// or log, and syncs its folder once, with the first sync.
    folder: Option<PathBuf>,
}

impl Record {
    fn sync(&mut self, log: &mut Log) {
        self.disk.synced(log, Asker::Sqlite, self.file);
        if let Some(folder) = self.folder.take() {
            self.disk.synced_folder(log, Asker::Sqlite, &folder);
        }
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// The default VFS.
///
/// # Safety
/// `vfs` is the one that `register_once` made, as it is wherever SQLite calls us with one.
unsafe fn base(vfs: *mut ffi::sqlite3_vfs) -> *mut ffi::sqlite3_vfs {
    // SAFETY: by the function's own terms; its application data is the default VFS.
    unsafe { (*vfs).pAppData.cast() }
}

/// The default VFS's file.
///
/// # Safety
/// `file` has the room that our `szOsFile` asks for.
unsafe fn inner(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: it follows ours in the same allocation. Both begin with a pointer, so it is
    // aligned as ours is.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// The default VFS's methods of an open file.
///
/// # Safety
/// `file` was opened by [`open`] and is not closed.
unsafe fn inner_methods(file: *mut ffi::sqlite3_file) -> &'static ffi::sqlite3_io_methods {
    // SAFETY: a file that is open has methods, and the default VFS's tables are static.
    unsafe { &*(*inner(file)).pMethods }
}

/// Hands a call on a file to the default VFS.
macro_rules! to_inner {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        let file = $file;
        // SAFETY: SQLite calls methods only on files that `open` opened, with the arguments
        // that the method is specified to take; they go on unchanged.
        unsafe {
            match inner_methods(file).$method {
                Some(method) => method(inner(file) $(, $argument)*),
                None => ffi::SQLITE_IOERR,
            }
        }
    }};
}

/// Methods that change nothing that lasts.
macro_rules! passed_on {
    ($($name:ident = $method:ident($($argument:ident: $kind:ty),*);)+) => { $(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $kind)*) -> c_int {
            to_inner!(file, $method $(, $argument)*)
        }
    )+ };
}

passed_on! {
    read = xRead(into: *mut c_void, amount: c_int, at: ffi::sqlite3_int64);
    file_size = xFileSize(size: *mut ffi::sqlite3_int64);
    lock = xLock(level: c_int);
    unlock = xUnlock(level: c_int);
    check_reserved_lock = xCheckReservedLock(held: *mut c_int);
    sector_size = xSectorSize();
    shm_map = xShmMap(page: c_int, size: c_int, extend: c_int, mapped: *mut *mut c_void);
    shm_lock = xShmLock(offset: c_int, count: c_int, flags: c_int);
    shm_unmap = xShmUnmap(delete: c_int);
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: as in `to_inner`.
    unsafe {
        if let Some(barrier) = inner_methods(file).xShmBarrier {
            barrier(inner(file));
        }
    }
}

/// Atomic writes are not offered: the log's model of the disk has none.
unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    to_inner!(file, xDeviceCharacteristics) & ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, operation: c_int, argument: *mut c_void) -> c_int {
    match operation {
        ffi::SQLITE_FCNTL_SIZE_HINT => ffi::SQLITE_OK,
        ffi::SQLITE_FCNTL_MMAP_SIZE => {
            // SAFETY: the argument of this operation is a 64-bit number, for the limit
            // asked and the limit answered.
            unsafe { argument.cast::<ffi::sqlite3_int64>().write(0) };
            ffi::SQLITE_OK
        }
        _ => to_inner!(file, xFileControl, operation, argument),
    }
}

/// The record of a file that lies on a recorded disk.
///
/// # Safety
/// `file` was opened by [`open`] and is not closed, and no other record of it is held:
/// SQLite calls methods on one file from one thread at a time.
unsafe fn record<'f>(file: *mut ffi::sqlite3_file) -> Option<&'f mut Record> {
    // SAFETY: by the function's own terms; the record lives until `close`.
    unsafe { (*file.cast::<File>()).record.as_mut() }
}

/// Makes a change, and enters it if it succeeded and the file is recorded.
///
/// # Safety
/// As of [`record`].
unsafe fn noted(
    file: *mut ffi::sqlite3_file,
    change: impl FnOnce() -> c_int,
    enter: impl FnOnce(&mut Record, &mut Log),
) -> c_int {
    // SAFETY: by the function's own terms.
    let Some(record) = (unsafe { record(file) }) else { return change() };
    let disk = Arc::clone(&record.disk);
    let mut log = disk.log();
    let code = change();
    if code == ffi::SQLITE_OK {
        enter(record, &mut log);
    }
    code
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    data: *const c_void,
    amount: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    let change = || to_inner!(file, xWrite, data, amount, at);
    let enter = |record: &mut Record, log: &mut Log| {
        // SAFETY: `data` has `amount` bytes for as long as this call takes.
        let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), amount as usize) };
        log.push(Event::Write { file: record.file, at: at as usize, bytes: bytes.to_vec() });
    };
    // SAFETY: SQLite hands over an open file.
    unsafe { noted(file, change, enter) }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    let change = || to_inner!(file, xTruncate, size);
    let enter = |record: &mut Record, log: &mut Log| {
        log.push(Event::Truncate { file: record.file, length: size as usize });
    };
    // SAFETY: SQLite hands over an open file.
    unsafe { noted(file, change, enter) }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite hands over an open file.
    let recorded = unsafe { record(file) }.is_some();
    if !recorded {
        return to_inner!(file, xSync, flags);
    }
    // SAFETY: as above; the first record is no longer held.
    unsafe { noted(file, || ffi::SQLITE_OK, Record::sync) }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let code = to_inner!(file, xClose);
    let ours = file.cast::<File>();
    // SAFETY: the record was boxed by `open`, and SQLite uses a file no more after closing
    // it, whatever is answered.
    unsafe {
        let record = ptr::replace(&raw mut (*ours).record, ptr::null_mut());
        if !record.is_null() {
            drop(Box::from_raw(record));
        }
        (*ours).methods.pMethods = ptr::null();
    }
    code
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let ours = file.cast::<File>();
    // SAFETY: SQLite gives `szOsFile` bytes; without methods the file is not open yet.
    unsafe { ours.write(File { methods: ffi::sqlite3_file { pMethods: ptr::null() }, record: ptr::null_mut() }) };
    // SAFETY: a name is null, for a temporary file, or a string that outlives the file.
    let path = unsafe { path_of(name) };
    let disk = path.filter(|_| flags & ffi::SQLITE_OPEN_DELETEONCLOSE == 0).and_then(|path| disk_of(&path));
    let forward = || {
        // SAFETY: the default VFS's open takes its own VFS, the same name and its own file.
        unsafe {
            let base = base(vfs);
            match (*base).xOpen {
                Some(open) => open(base, name, inner(file), flags, out_flags),
                None => ffi::SQLITE_CANTOPEN,
            }
        }
    };
    let (code, record) = match disk {
        Some((disk, below)) => open_recorded(disk, &below, flags, forward),
        None => (forward(), None),
    };
    if code != ffi::SQLITE_OK {
        close_failed(file);
        return code;
    }
    // SAFETY: as above; from here on the file is open.
    unsafe {
        (*ours).record = record.map_or(ptr::null_mut(), |record| Box::into_raw(Box::new(record)));
        (*ours).methods.pMethods = &raw const METHODS;
    }
    code
}

/// Opens a file on a recorded disk, and enters its creation if there was none.
fn open_recorded(
    disk: Arc<Recorder>,
    below: &Path,
    flags: c_int,
    forward: impl FnOnce() -> c_int,
) -> (c_int, Option<Record>) {
    const JOURNALS: c_int = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
    let mut log = disk.log();
    let was_there = disk.root.join(below).exists();
    let code = forward();
    if code != ffi::SQLITE_OK {
        return (code, None);
    }
    let file = if was_there { log.file_at(below) } else { log.created(below) };
    drop(log);
    let may_have_made = flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & JOURNALS != 0;
    let folder = may_have_made.then(|| below.parent().map(Path::to_owned).unwrap_or_default());
    (code, Some(Record { disk, file, folder }))
}

/// A file that failed to open may yet have methods, and is then to be closed.
fn close_failed(file: *mut ffi::sqlite3_file) {
    // SAFETY: called by `open` alone, with the file it was given; the default VFS has set
    // its file's methods, to null unless it wants it closed.
    unsafe {
        let methods = (*inner(file)).pMethods;
        if let Some(close) = methods.as_ref().and_then(|methods| methods.xClose) {
            close(inner(file));
        }
    }
}

/// # Safety
/// `name` is null or ends with a NUL, and lives as long as this call.
unsafe fn path_of(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    // SAFETY: by the function's own terms.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes();
    Some(PathBuf::from(OsStr::from_bytes(bytes)))
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    let forward = || {
        // SAFETY: the default VFS's method takes its own VFS; the rest goes on unchanged.
        unsafe {
            let base = base(vfs);
            match (*base).xDelete {
                // The folder's sync is entered below and not made.
                Some(delete) => delete(base, name, 0),
                None => ffi::SQLITE_IOERR_DELETE,
            }
        }
    };
    // SAFETY: SQLite names the file by a string.
    let Some((disk, below)) = (unsafe { path_of(name) }).and_then(|path| disk_of(&path)) else { return forward() };
    let mut log = disk.log();
    let code = forward();
    if code == ffi::SQLITE_OK {
        log.removed(&below);
        if sync_folder & 1 != 0 {
            let folder = below.parent().map(Path::to_owned).unwrap_or_default();
            disk.synced_folder(&mut log, Asker::Sqlite, &folder);
        }
    }
    code
}

/// Methods of the VFS itself that change nothing on disk.
macro_rules! vfs_passed_on {
    ($($name:ident = $method:ident($($argument:ident: $kind:ty),*) or $otherwise:expr;)+) => { $(
        unsafe extern "C" fn $name(vfs: *mut ffi::sqlite3_vfs $(, $argument: $kind)*) -> c_int {
            // SAFETY: SQLite calls with the VFS that we registered; the default one's method
            // takes its own VFS, and the rest goes on unchanged.
            unsafe {
                let base = base(vfs);
                match (*base).$method {
                    Some(method) => method(base $(, $argument)*),
                    None => $otherwise,
                }
            }
        }
    )+ };
}

vfs_passed_on! {
    access = xAccess(name: *const c_char, flags: c_int, result: *mut c_int) or ffi::SQLITE_IOERR_ACCESS;
    full_pathname = xFullPathname(name: *const c_char, length: c_int, into: *mut c_char) or ffi::SQLITE_CANTOPEN;
    randomness = xRandomness(length: c_int, into: *mut c_char) or 0;
    sleep = xSleep(microseconds: c_int) or 0;
    current_time = xCurrentTime(days: *mut f64) or ffi::SQLITE_ERROR;
    current_time_int64 = xCurrentTimeInt64(milliseconds: *mut ffi::sqlite3_int64) or ffi::SQLITE_ERROR;
    get_last_error = xGetLastError(length: c_int, into: *mut c_char) or 0;
}
