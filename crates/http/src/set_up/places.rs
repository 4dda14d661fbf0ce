//! Where a mail program reads and sends, in the order in which it should try.

use crate::problem::{Kind, Problem};
use postern_access::Protocol;
use postern_app::{House, Service, ServiceTls};

/// Listeners under TLS, each kind with TLS from the first byte before STARTTLS (RFC 8314 section 3). There is one
/// for reading at least.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub imap: Vec<Place>,
    pub submission: Vec<Place>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub host: String,
    pub port: u16,
    /// TLS comes with the first byte, and by STARTTLS otherwise.
    pub is_implicit: bool,
}

impl Places {
    /// Without those that have no TLS: passwords are to be sent there.
    fn among(services: &[Service]) -> Self {
        let of = |protocol: Protocol| {
            let of_kind = services.iter().filter(move |service| service.protocol == protocol);
            let private = of_kind.filter(|service| service.tls != ServiceTls::None);
            let place = |service: &Service| Place {
                host: service.host.clone(),
                port: service.port,
                is_implicit: service.tls == ServiceTls::Implicit,
            };
            private.map(place).collect()
        };
        Self { imap: of(Protocol::Imap), submission: of(Protocol::Submission) }
    }
}

/// Those of the house, as `credential issue` prints them.
pub(crate) fn of(house: &House) -> Result<Places, Problem> {
    let places = Places::among(&house.services());
    match places.imap.is_empty() {
        false => Ok(places),
        true => Err(Problem::new(Kind::Absent, "This server offers no IMAP under TLS to mail programs")),
    }
}

/// Those of the tests: what an installed house listens at.
#[cfg(test)]
pub(crate) fn installed() -> Places {
    let service = |protocol, port, tls| Service { protocol, host: "mail.example.org".into(), port, tls };
    Places::among(&[
        service(Protocol::Imap, 993, ServiceTls::Implicit),
        service(Protocol::Imap, 143, ServiceTls::None),
        service(Protocol::Submission, 465, ServiceTls::Implicit),
        service(Protocol::Submission, 587, ServiceTls::StartTls),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_place_without_tls_is_told() {
        let places = installed();
        assert_eq!(places.imap.iter().map(|place| place.port).collect::<Vec<_>>(), [993]);
        assert_eq!(places.submission.iter().map(|place| place.port).collect::<Vec<_>>(), [465, 587]);
        assert!(places.submission[0].is_implicit && !places.submission[1].is_implicit);
    }
}
