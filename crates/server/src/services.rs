//! Where programs find the house, as the settings of a credential tell them.

use crate::config::Config;
use postern_access::{PlaintextSignIn, Protocol};
use postern_app::{Service, ServiceTls};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Where each protocol is served that a program can sign in by, TLS first. `bound` has the
/// listeners of a running server, whose ports the system may have chosen; without it they are as
/// configured.
pub(crate) fn services(config: &Config, bound: Option<&BTreeMap<String, String>>) -> Vec<Service> {
    let is_plain_open = config.security.plaintext_sign_in == PlaintextSignIn::Loopback;
    let kinds =
        [("imaps", &config.listen.imaps, ServiceTls::Implicit), ("imap", &config.listen.imap, ServiceTls::None)];
    let mut found = Vec::new();
    for (name, configured, tls) in kinds {
        if tls == ServiceTls::None && !is_plain_open {
            continue;
        }
        let address = match bound {
            Some(bound) => bound.get(name).cloned(),
            None => configured.first().map(ToString::to_string),
        };
        let address: Option<SocketAddr> = address.and_then(|address| address.parse().ok());
        // Without TLS this machine alone signs in, so elsewhere it is no place to be sent to.
        let address = address.filter(|address| tls != ServiceTls::None || address.ip().is_loopback());
        // What listens on this machine alone is found by that address; its certificate has it.
        let host = |address: SocketAddr| match address.ip().is_loopback() {
            true => address.ip().to_string(),
            false => config.hostname.clone(),
        };
        found.extend(address.filter(|address| address.port() != 0).map(|address| Service {
            protocol: Protocol::Imap,
            host: host(address),
            port: address.port(),
            tls,
        }));
    }
    found
}
