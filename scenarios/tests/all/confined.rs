//! The kernel lets the server write in its house alone, whoever it runs as: where its folder leads
//! elsewhere later, what is there stays as it is.

use crate::process::{Serving, binary, init};
use postern_testkit::{Engine, TestDatabase};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

fn postern(house: &Path, line: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(line).arg("--config").arg(house.join("postern.toml"));
    command.output().expect("the command starts")
}

fn names(folder: &Path) -> BTreeSet<OsString> {
    std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a name").file_name()).collect()
}

/// Landlock can be asked for its version; a kernel without it fails.
fn has_landlock() -> bool {
    // landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), by its number on every architecture.
    let probe = Command::new("python3")
        .args(["-c", "import ctypes,sys; sys.exit(0 if ctypes.CDLL(None).syscall(444, None, 0, 1) > 0 else 1)"])
        .status();
    probe.is_ok_and(|status| status.success())
}

async fn what_the_house_leads_to_later_is_not_written(engine: Engine) {
    if !has_landlock() {
        return crate::foreign::missing("Landlock in this kernel");
    }
    let scratch = tempfile::tempdir().expect("a folder");
    let Some(database) = TestDatabase::create(engine, scratch.path()).await else { return };
    let house = scratch.path().join("house");
    init(&house, (engine == Engine::Postgres).then_some(database.text.as_str())).await;
    let server = Serving::start(&house, &[]).await;
    let within = postern(&house, &["key", "rotate"]);
    assert!(within.status.success(), "{}", String::from_utf8_lossy(&within.stderr));

    // The server may write beside its ready-file, too.
    let disk = tempfile::tempdir().expect("another folder");
    let elsewhere = disk.path().join("keys");
    let moved = Command::new("mv").arg(house.join("keys")).arg(&elsewhere).status();
    assert!(moved.is_ok_and(|status| status.success()), "its own keys, in another place");
    std::os::unix::fs::symlink(&elsewhere, house.join("keys")).expect("a link");
    let before = names(&elsewhere);
    let refused = postern(&house, &["key", "rotate"]);
    assert!(!refused.status.success(), "{}", String::from_utf8_lossy(&refused.stdout));
    assert_eq!(names(&elsewhere), before);

    // Who administers moved it to another disk: the next start finds it there.
    assert!(server.terminate().await.success());
    let server = Serving::start(&house, &[]).await;
    let moved = postern(&house, &["key", "rotate"]);
    assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));
    assert_ne!(names(&elsewhere), before, "the key before has gone, and there is the next");
    assert!(server.terminate().await.success());
}

#[tokio::test]
async fn what_the_house_leads_to_later_is_not_written_sqlite() {
    what_the_house_leads_to_later_is_not_written(Engine::Sqlite).await;
}

#[tokio::test]
async fn what_the_house_leads_to_later_is_not_written_postgres() {
    what_the_house_leads_to_later_is_not_written(Engine::Postgres).await;
}
