//! Where programs find the house, as the settings of a credential tell them.

use crate::config::{Config, ListenAddress};
use postern_access::{PlaintextSignIn, Protocol};
use postern_app::{Service, ServiceTls};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Where each protocol is served that a program can sign in by, each with TLS from the first byte
/// before STARTTLS before none (RFC 8314 section 3). `bound` has the listeners of a running server,
/// whose ports the system may have chosen; without it they are as configured.
pub(crate) fn services(config: &Config, bound: Option<&BTreeMap<String, String>>) -> Vec<Service> {
    let listen = &config.listen;
    let kinds = [
        ("imaps", Protocol::Imap, &listen.imaps, ServiceTls::Implicit),
        ("imap", Protocol::Imap, &listen.imap, ServiceTls::None),
        ("submissions", Protocol::Submission, &listen.submissions, ServiceTls::Implicit),
        ("submission", Protocol::Submission, &listen.submission, ServiceTls::StartTls),
    ];
    let is_plain_open = config.security.plaintext_sign_in == PlaintextSignIn::Loopback;
    let open = kinds.into_iter().filter(|(_, _, _, tls)| *tls != ServiceTls::None || is_plain_open);
    let found = open.filter_map(|(name, protocol, configured, tls)| {
        let address = place(bound, name, configured)?;
        // Without TLS this machine alone signs in, so elsewhere it is no place to be sent to.
        let is_place = address.port() != 0 && (tls != ServiceTls::None || address.ip().is_loopback());
        is_place.then(|| Service { protocol, host: host(config, address), port: address.port(), tls })
    });
    found.collect()
}

/// Where its web is asked under TLS: `https://mail.example.org`. `bound` as above.
pub(crate) fn web(config: &Config, bound: Option<&BTreeMap<String, String>>) -> Option<String> {
    let address = place(bound, "https", &config.listen.https).filter(|address| address.port() != 0)?;
    if address.ip().is_loopback() && is_reached(config, bound) {
        // Whoever asks from elsewhere would be sent to a program of their own machine.
        return None;
    }
    let host = host(config, address);
    Some(if address.port() == 443 { format!("https://{host}") } else { format!("https://{host}:{}", address.port()) })
}

/// Do other machines reach anything that people use?
fn is_reached(config: &Config, bound: Option<&BTreeMap<String, String>>) -> bool {
    let listen = &config.listen;
    let used = [
        ("http", &listen.http),
        ("imaps", &listen.imaps),
        ("submissions", &listen.submissions),
        ("submission", &listen.submission),
        ("smtp", &listen.smtp),
    ];
    used.into_iter().any(|(name, configured)| place(bound, name, configured).is_some_and(|at| !at.ip().is_loopback()))
}

/// Where others find what is spoken by this name.
fn place(bound: Option<&BTreeMap<String, String>>, name: &str, configured: &[ListenAddress]) -> Option<SocketAddr> {
    match bound {
        Some(bound) => widest(listeners(bound, name)),
        None => widest(configured.iter().map(ToString::to_string)),
    }
}

/// The listeners of a name: `imaps`, and `imaps.2` where there are more.
fn listeners<'b>(bound: &'b BTreeMap<String, String>, name: &str) -> impl Iterator<Item = String> + 'b {
    let (first, others) = (name.to_owned(), format!("{name}."));
    bound.iter().filter(move |(name, _)| **name == first || name.starts_with(&others)).map(|(_, at)| at.clone())
}

/// The first that others reach, or the first of this machine alone.
fn widest(listeners: impl Iterator<Item = String>) -> Option<SocketAddr> {
    let found: Vec<SocketAddr> = listeners.filter_map(|at| at.parse().ok()).collect();
    found.iter().find(|at| !at.ip().is_loopback()).or(found.first()).copied()
}

/// What listens on this machine alone is found by that address; its certificate has it.
fn host(config: &Config, address: SocketAddr) -> String {
    match address.ip().is_loopback() {
        true => address.ip().to_string(),
        false => config.hostname.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn found(lines: &str, bound: &[(&str, &str)]) -> Vec<String> {
        let text = format!("hostname = \"mail.example.org\"\n{lines}");
        let config = Config::parse(Path::new("postern.toml"), &text, &[]).unwrap();
        let bound: BTreeMap<_, _> = bound.iter().map(|(name, at)| ((*name).to_owned(), (*at).to_owned())).collect();
        let services = services(&config, Some(&bound).filter(|bound| !bound.is_empty()));
        let shown = |Service { protocol, host, port, tls }| format!("{} {host}:{port} {}", protocol.name(), tls.name());
        services.into_iter().map(shown).collect()
    }

    #[test]
    fn tls_from_the_first_byte_is_named_before_starttls() {
        let installed = ["imap mail.example.org:993 implicit", "submission mail.example.org:465 implicit"];
        assert_eq!(found("", &[]), [&installed[..], &["submission mail.example.org:587 starttls"]].concat());
        let near = [("submission", "127.0.0.1:10587"), ("submissions", "127.0.0.1:10465"), ("smtp", "127.0.0.1:10025")];
        let near = found("", &near);
        assert_eq!(near, ["submission 127.0.0.1:10465 implicit", "submission 127.0.0.1:10587 starttls"]);
    }

    #[test]
    fn the_web_is_found_by_its_name_and_where_it_is_elsewhere_by_its_port() {
        let config = Config::parse(Path::new("postern.toml"), "hostname = \"mail.example.org\"\n", &[]).unwrap();
        let web = |at: &str| web(&config, Some(&BTreeMap::from([("https".to_owned(), at.to_owned())])));
        assert_eq!(web("0.0.0.0:443").as_deref(), Some("https://mail.example.org"));
        assert_eq!(web("[::]:8443").as_deref(), Some("https://mail.example.org:8443"));
        assert_eq!(web("127.0.0.1:10443").as_deref(), Some("https://127.0.0.1:10443"));
        assert_eq!(web("unix:web.sock"), None);
        let beside = |name: &str, at: &str| {
            let bound = [("https", "127.0.0.1:8443"), (name, at)];
            super::web(&config, Some(&bound.map(|(name, at)| (name.to_owned(), at.to_owned())).into()))
        };
        for (name, open) in [("http", "0.0.0.0:80"), ("imaps", "[::]:993"), ("smtp", "192.0.2.7:25")] {
            assert_eq!(beside(name, open), None, "{name}");
            assert_eq!(beside(name, "127.0.0.1:80").as_deref(), Some("https://127.0.0.1:8443"), "{name}");
        }
        // Before it runs: as configured, and nowhere where the system is to choose the port.
        let configured = |https: &str| {
            let text = format!("hostname = \"mail.example.org\"\n[listen]\nhttps = [\"{https}\"]\n");
            super::web(&Config::parse(Path::new("postern.toml"), &text, &[]).unwrap(), None)
        };
        assert_eq!(configured("0.0.0.0:443").as_deref(), Some("https://mail.example.org"));
        assert_eq!(configured("127.0.0.1:0"), None);
    }

    /// A listener for programs of this machine does not hide the one beside it.
    #[test]
    fn of_several_listeners_the_one_that_others_reach_is_named() {
        let both = [("imaps", "127.0.0.1:993"), ("imaps.2", "192.0.2.7:993"), ("imap", "192.0.2.7:143")];
        assert_eq!(found("", &both), ["imap mail.example.org:993 implicit"]);
        assert_eq!(
            found("[listen]\nimaps = [\"127.0.0.1:993\", \"192.0.2.7:993\"]\nsubmission = []\nsubmissions = []\n", &[]),
            ["imap mail.example.org:993 implicit"]
        );
        let config = Config::parse(Path::new("postern.toml"), "hostname = \"mail.example.org\"\n", &[]).unwrap();
        let bound = [("https", "127.0.0.1:8443"), ("https.2", "0.0.0.0:443"), ("http", "0.0.0.0:80")];
        let found = web(&config, Some(&bound.map(|(name, at)| (name.to_owned(), at.to_owned())).into()));
        assert_eq!(found.as_deref(), Some("https://mail.example.org"));
    }

    #[test]
    fn what_is_not_served_or_not_for_others_is_no_place() {
        let quiet = "[listen]\nsubmissions = []\nsubmission = [\"127.0.0.1:0\"]\nimap = [\"127.0.0.1:143\"]\n";
        assert_eq!(found(quiet, &[]), ["imap mail.example.org:993 implicit"]);
        let open = format!("{quiet}[security]\nplaintext_sign_in = \"loopback\"\n");
        assert_eq!(found(&open, &[]), ["imap mail.example.org:993 implicit", "imap 127.0.0.1:143 none"]);
    }
}
