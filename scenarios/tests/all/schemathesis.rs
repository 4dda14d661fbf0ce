//! The description of REST is true: schemathesis (PyPI) asks a house all that it allows and much
//! that it does not, and compares what comes back with what it says. A lint of another hand reads
//! the description itself.

use crate::foreign::{python_with_packages, run_for, script, text};
use crate::rest_people::staffed;
use crate::seeds::one;
use postern_testkit::{PASSWORD, scenario};
use std::time::Duration;

/// Cases are the same with each run, so that a red one is red again.
const SEED: u64 = 20_261_127;
/// What is open to nobody but those who hold something that schemathesis can not know (a code, an id of a
/// message) is refused; the rest is done at least once.
const LEAST_DONE: usize = 45;
/// Two thousand questions, and a debug build answers them.
const PATIENCE: Duration = Duration::from_secs(900);

scenario! {
    async fn foreign_schemathesis_finds_nothing(house: House) {
        let Some(python) = python_with_packages() else { return };
        staffed(&house).await;
        house.grant("support@example.org", "admin@example.org", "lrswipkxtea").await;
        let base = format!("https://localhost:{}", house.listener("https").port());
        let description = format!("{base}/api/v1/openapi.json");
        let authority = text(&house.data_dir().join("tls/ca.pem"));
        let schemathesis = text(&python.with_file_name("st"));
        let seed = one().unwrap_or(SEED).to_string();
        let mut line = vec![
            format!("--chdir={}", text(house.scratch())),
            format!("PYTHONPATH={}", script("")),
            "SCHEMATHESIS_HOOKS=schemathesis_hooks".to_owned(),
            format!("HOUSE={base}"),
            "HOUSE_EMAIL=admin@example.org".to_owned(),
            format!("HOUSE_PASSWORD={PASSWORD}"),
            format!("REQUESTS_CA_BUNDLE={authority}"),
            schemathesis,
            format!("--config-file={}", script("schemathesis.toml")),
            "--no-color".to_owned(),
        ];
        line.extend(["run", &description, "--tls-verify", &authority, "--seed", &seed].map(str::to_owned));
        line.extend(["--max-examples=5", "--continue-on-failure", "--warnings=off"].map(str::to_owned));
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let printed = run_for(PATIENCE, house.scratch(), "env", &line).await.must_succeed();
        assert!(printed.contains("Stateful"), "every phase ran: {printed}");
        let done = printed.lines().find_map(|line| line.strip_prefix("done: ")?.split(' ').next()?.parse::<usize>().ok());
        assert!(done.is_some_and(|done| done >= LEAST_DONE), "most of it was let in: {printed}");
    }
}

#[tokio::test]
async fn foreign_validator_reads_the_description() {
    let Some(python) = python_with_packages() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let description = serde_json::to_string(&postern_http::description()).expect("a document");
    let file = folder.path().join("openapi.json");
    crate::foreign::write(&file, &description);
    let validator = python.with_file_name("openapi-spec-validator");
    run_for(PATIENCE, folder.path(), validator, &[&text(&file)]).await.must_succeed();
}
