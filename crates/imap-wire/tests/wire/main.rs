//! The codec from outside: dialogues for each command and reply, and properties that
//! hold for any bytes. Random tests print their seed and take it from POSTERN_SEED.

mod commands;
mod framing;
mod messages;
mod notify;
mod oracle;
mod replies;
mod round_trip;

use postern_imap_wire::{BadCommand, Command, CommandBody, Options, parse_command};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Runs a property with a seed that can be given again.
fn property<S: proptest::strategy::Strategy>(
    name: &str,
    cases: u32,
    strategy: S,
    test: impl Fn(S::Value) -> Result<(), proptest::test_runner::TestCaseError>,
) {
    let seed: u64 = std::env::var("POSTERN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_122);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(&strategy, test) {
        panic!("{name} fails with POSTERN_SEED={seed}: {error}");
    }
}

fn parse(line: &str) -> Result<Command, BadCommand> {
    parse_command(line.as_bytes(), Options::default())
}

/// The command without its tag; the line is written without one too.
fn body(line: &str) -> CommandBody {
    match parse(&format!("a1 {line}\r\n")) {
        Ok(command) => {
            assert_eq!(command.tag.as_str(), "a1");
            command.body
        }
        Err(bad) => panic!("{line:?}: {}", bad.text),
    }
}

/// The help for a command that is none.
fn refused(line: &str) -> String {
    match parse(&format!("a1 {line}\r\n")) {
        Ok(command) => panic!("{line:?} was taken for {:?}", command.body),
        Err(bad) => {
            assert_eq!(bad.tag.expect("the tag was readable").as_str(), "a1");
            bad.text.into_owned()
        }
    }
}
