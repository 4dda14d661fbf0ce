//! The log says once a day that the certificate is about to end: by itself nothing else would, until
//! every mail program refuses to connect.

use crate::acme::Keeper;
use crate::inspect::Inspected;
use crate::tls::Tls;
use postern_app::House;
use postern_app::wire::Shutdown;
use postern_types::Timestamp;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Looks at the start and once a day, until the server drains.
pub(crate) async fn watch(tls: Tls, keeper: Arc<Keeper>, house: Arc<House>, mut shutdown: Shutdown) {
    loop {
        if let Some(leaf) = tls.leaf() {
            say(days_to_tell(&leaf, house.now()), keeper.asks());
        }
        tokio::select! {
            () = shutdown.requested() => return,
            () = tokio::time::sleep(DAY) => {}
        }
    }
}

fn say(days: Option<i64>, is_by_acme: bool) {
    let Some(days) = days else { return };
    let text = match is_by_acme {
        true => {
            "mail programs refuse it after its end; the authority gave no other: see certificate.refused, or postern doctor"
        }
        false => {
            "mail programs refuse it after its end; renew it, put it at [tls] certificate and key, and reload; one that init \
             made: postern certificate renew"
        }
    };
    if days < 0 {
        tracing::error!(event = "server.certificate-ended", days_ago = -days, "{text}");
    } else {
        tracing::warn!(event = "server.certificate-ends", days, "{text}");
    }
}

/// Whole days until the end, negative after it, where they are few.
fn days_to_tell(leaf: &Inspected, now: Timestamp) -> Option<i64> {
    let days = (leaf.not_after.0 - now.0).div_euclid(DAY_MS);
    (days < leaf.warn_days()).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates;
    use crate::inspect::WARN_DAYS;
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    #[test]
    fn an_end_that_is_near_or_past_is_told_and_a_far_one_is_not() {
        let now = Timestamp(1_795_381_200_000);
        let made = certificates::make("mail.example.org", now).unwrap();
        let made = CertificateDer::from_pem_slice(made.server.as_bytes()).unwrap();
        let made = Inspected::of(&made).unwrap();
        let leaf = |ends: Timestamp| {
            let mut leaf = made.clone();
            (leaf.not_before, leaf.not_after) = (ends.plus_ms(-90 * DAY_MS), ends);
            leaf
        };
        let in_days = |days: i64| days_to_tell(&leaf(now.plus_ms(days * DAY_MS)), now);
        assert_eq!((in_days(90), in_days(WARN_DAYS)), (None, None));
        assert_eq!((in_days(20), in_days(0), in_days(-3)), (Some(20), Some(0), Some(-3)));
        assert_eq!(days_to_tell(&leaf(now.plus_ms(-1)), now), Some(-1), "it has ended");
    }
}
