//! The workload "verify": how many secrets of credentials one core checks in a second.
//!
//! What is measured is all that a sign-in does to a secret: reading it, its checksum included,
//! making the message, and comparing what the key signs with what is kept.

use std::hint::black_box;
use tokio::time::Instant;

use postern_app::{KeyRing, MachineSecret, NoVault};
use postern_types::Secret;
use serde_json::{Value, json};

const CHECKS: u32 = 1_000_000;
/// The floor, of right and of wrong ones.
const FLOOR_PER_SECOND: f64 = 100_000.0;

/// Checks right and wrong secrets on this thread; answers the document and whether the floor was met.
pub fn run() -> (Value, bool) {
    let keys = KeyRing::new(std::sync::Arc::new(NoVault), vec![("credential-1".to_owned(), Secret::new([7; 32]))]);
    let right = MachineSecret::from_random(&[1; MachineSecret::RANDOM_BYTES]);
    let wrong = MachineSecret::from_random(&[2; MachineSecret::RANDOM_BYTES]);
    let verifier = keys.sign("credential-1", right.message().expose()).map(|tag| Secret::new(tag.as_ref()));
    let verifier = verifier.unwrap_or_else(|| Secret::new([]));
    let rate = |secret: &MachineSecret, fits: bool| {
        let text = secret.text();
        let start = Instant::now();
        let mut as_expected = true;
        for _ in 0..CHECKS {
            let shown = MachineSecret::parse(black_box(&text));
            let found = shown.is_some_and(|shown| shown.fits(&keys, "credential-1", &verifier));
            as_expected &= found == fits;
        }
        (f64::from(CHECKS) / start.elapsed().as_secs_f64(), as_expected)
    };
    let ((right, right_fits), (wrong, wrong_fits)) = (rate(&right, true), rate(&wrong, false));
    let met = right_fits && wrong_fits && right.min(wrong) >= FLOOR_PER_SECOND;
    let word = if met { "met" } else { "MISSED" };
    println!("verify: {CHECKS} secrets on one core; a second");
    println!("  right  {right:>12.0}\n  wrong  {wrong:>12.0}\n  floor: {FLOOR_PER_SECOND:.0}: {word}\n");
    (json!({ "workload": "verify", "right_per_second": right, "wrong_per_second": wrong, "met": met }), met)
}
