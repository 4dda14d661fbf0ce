//! The first day of somebody new, as they would type it: `scenarios/newcomer/first-day.sh`, with curl
//! and mbsync as the clients. The same in a bare Debian: `scenarios/newcomer/in-a-bare-debian.sh`.

use crate::foreign::program;
use crate::process::binary;
use postern_testkit::{Engine, TestDatabase};
use std::path::Path;
use std::process::Command;

async fn first_day(engine: Engine) {
    if ["curl", "mbsync"].into_iter().any(|name| program(name).is_none()) {
        return;
    }
    let scratch = tempfile::tempdir().expect("a folder");
    let Some(database) = TestDatabase::create(engine, scratch.path()).await else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("newcomer/first-day.sh");
    let mut command = Command::new(script);
    command.arg(binary()).arg(scratch.path().join("day")).arg("0");
    if engine == Engine::Postgres {
        command.args(["--database", &database.text]);
    }
    let done = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread").expect("sh runs");
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{told}{}", String::from_utf8_lossy(&done.stdout));
    assert!(told.ends_with("All of it came about, with 8 commands.\n"), "{told}");
}

#[tokio::test]
async fn the_first_day_sqlite() {
    first_day(Engine::Sqlite).await;
}

#[tokio::test]
async fn the_first_day_postgresql() {
    first_day(Engine::Postgres).await;
}
