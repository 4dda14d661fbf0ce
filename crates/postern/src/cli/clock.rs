//! The command line's clock: spans such as `90d` are counted from now.

use postern_types::Timestamp;

/// Now, by this machine.
#[expect(clippy::disallowed_methods, reason = "this is the clock module: a span a person types starts now")]
pub(super) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
