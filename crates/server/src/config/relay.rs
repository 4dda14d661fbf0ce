//! `[relay]`: the servers that mail for other domains is handed over to.
//!
//! Its password lies in a file of its own and is read by the server alone, when it starts and when
//! it is told to read its configuration again: programs that only look where the house is need not
//! be able to, and `postern.toml` can be shown to anybody who is allowed to look at it.

use super::check::Checked;
use super::error::Problem;
use super::limits::in_range;
use super::raw::RawRelay;
use postern_app::{Hop, HopLogin, HopTls, Routes};
use postern_types::{Domain, Secret};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Connections to one place at once.
pub(super) const CONNECTIONS: i64 = 10;
/// SMTP, where no port is named.
const SMTP_PORT: u16 = 25;
/// SMTP under TLS from its first byte (RFC 8314 section 7.3).
const SUBMISSIONS_PORT: u16 = 465;
/// No password is longer.
const PASSWORD_BYTES: u64 = 4 << 10;
/// What others may do with a file.
const OTHERS: u32 = 0o007;
const KINDS_OF_TLS: &str = "write \"implicit\", \"required\", \"opportunistic\" or \"never\"";

/// `[relay]`, checked; the password is not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Where mail goes, the smarthost without its login.
    pub(super) known: Routes,
    login: Option<Login>,
    /// PEM: the authorities that certificates of these servers come from, in place of the public ones.
    pub ca_file: Option<PathBuf>,
    /// Connections to one of them at once.
    pub connections: usize,
}

/// Who we are to the smarthost.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Login {
    username: String,
    password_file: PathBuf,
}

/// The password of the smarthost can not be used. The text has the next step and no byte of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}\nNext step: {cure}", path.display())]
pub struct RelayError {
    path: PathBuf,
    reason: String,
    cure: String,
}

impl Relay {
    /// Where mail for other domains goes, the password read from its file now.
    pub fn routes(&self) -> Result<Routes, RelayError> {
        let mut routes = self.known.clone();
        if let (Some(smarthost), Some(Login { username, password_file })) = (&self.known.smarthost, &self.login) {
            let login = HopLogin { username: username.clone(), password: password(password_file)? };
            routes.smarthost = Some(Arc::new(Hop { login: Some(login), ..Hop::clone(smarthost) }));
        }
        Ok(routes)
    }

    /// Where mail for other domains goes, without the login of the smarthost.
    pub fn known(&self) -> &Routes {
        &self.known
    }

    /// The file with the password of the smarthost, where we sign in there.
    pub fn password_file(&self) -> Option<&Path> {
        self.login.as_ref().map(|login| login.password_file.as_path())
    }

    /// The same places, by the carrier of another one.
    pub(crate) fn carried_as(self, other: &Self) -> Self {
        Self { ca_file: other.ca_file.clone(), connections: other.connections, ..self }
    }
}

/// Could a smarthost be written so? The text says what is wrong and how to write one.
pub fn check_smarthost(text: &str) -> Result<String, String> {
    let cure = "write a name or address and a port: relay.example.net:587";
    place(text).map(|_| text.to_owned()).map_err(|why| format!("{why}; {cure}"))
}

pub(super) fn check(raw: RawRelay, data_dir: &Path) -> Checked<Relay> {
    let connections = in_range("relay.connections", raw.connections.unwrap_or(CONNECTIONS), 1, 100)?;
    let ca_file = raw.ca_file.as_deref().map(|file| data_dir.join(file));
    let domains = raw.route.iter().map(|(domain, place)| route(domain, place)).collect::<Checked<BTreeMap<_, _>>>()?;
    let (smarthost, login) = smarthost(&raw, data_dir)?.unzip();
    let known = Routes { smarthost: smarthost.map(Arc::new), domains };
    let connections = usize::try_from(connections).unwrap_or(usize::MAX);
    Ok(Relay { known, login: login.flatten(), ca_file, connections })
}

/// A key of the test table: the same TLS as a smarthost would have, and no login.
fn route(domain: &str, place: &str) -> Checked<(Domain, Arc<Hop>)> {
    let key = format!("relay.route.{domain}");
    let Ok(name) = Domain::parse(domain) else {
        return Err(Problem::new(
            key,
            format!("[relay.route] {domain:?} is no domain"),
            "correct it or remove the line",
        ));
    };
    let (host, port) = hop_at(&key, place)?;
    Ok((name, Arc::new(Hop { tls: default_tls(port, false), host, port, login: None })))
}

fn smarthost(raw: &RawRelay, data_dir: &Path) -> Checked<Option<(Hop, Option<Login>)>> {
    let Some(place) = raw.smarthost.as_deref() else {
        let idle = [("username", &raw.username), ("password_file", &raw.password_file), ("tls", &raw.tls)];
        return match idle.iter().find(|(_, value)| value.is_some()) {
            Some((name, _)) => {
                let reason = format!("[relay] {name} is about a smarthost, and none is named");
                Err(Problem::new(format!("relay.{name}"), reason, "add smarthost = \"HOST:PORT\" or remove the line"))
            }
            None => Ok(None),
        };
    };
    let (host, port) = hop_at("relay.smarthost", place)?;
    let login = login(raw, data_dir)?;
    let tls = tls(raw, &host, port)?;
    Ok(Some((Hop { host, port, tls, login: None }, login)))
}

fn login(raw: &RawRelay, data_dir: &Path) -> Checked<Option<Login>> {
    match (raw.username.as_deref(), raw.password_file.as_deref()) {
        (None, None) => Ok(None),
        (Some(username), _) if username.is_empty() || username.contains(char::is_control) => {
            let reason = "[relay] username is no name that one can sign in with";
            Err(Problem::new("relay.username", reason, "write the name that the smarthost knows you by"))
        }
        (_, Some("")) => {
            let cure = "write the path of a file that holds the password: password_file = \"relay.password\"";
            Err(Problem::new("relay.password_file", "[relay] password_file names no file", cure))
        }
        (Some(username), Some(file)) => {
            Ok(Some(Login { username: username.to_owned(), password_file: data_dir.join(file) }))
        }
        (Some(_), None) => {
            let cure = "add password_file = \"relay.password\", the path of a file that holds the password, or \
                        remove the line";
            Err(Problem::new("relay.username", "[relay] username has no password_file beside it", cure))
        }
        (None, Some(_)) => {
            let reason = "[relay] password_file has no username beside it";
            Err(Problem::new("relay.password_file", reason, "add username = \"NAME\" or remove the line"))
        }
    }
}

/// Who has a login is asked for it by the right server alone: a password that goes out in clear, or
/// to whoever answers, is anybody's (RFC 4954 section 4). On this machine nobody is in between.
fn tls(raw: &RawRelay, host: &str, port: u16) -> Checked<HopTls> {
    let tls = match raw.tls.as_deref() {
        None => return Ok(default_tls(port, raw.username.is_some())),
        Some("implicit") => HopTls::Implicit,
        Some("required") => HopTls::Required,
        Some("opportunistic") => HopTls::Opportunistic,
        Some("never") => HopTls::Never,
        Some(other) => {
            return Err(Problem::new("relay.tls", format!("[relay] tls {other:?} is not known"), KINDS_OF_TLS));
        }
    };
    let is_open = matches!(tls, HopTls::Opportunistic | HopTls::Never);
    if is_open && raw.username.is_some() && !is_this_machine(host) {
        let reason =
            format!("[relay] tls {:?} would show the password to others", raw.tls.as_deref().unwrap_or_default());
        let cure = "write tls = \"required\", or \"implicit\" where TLS begins with the first byte (port 465)";
        return Err(Problem::new("relay.tls", reason, cure));
    }
    Ok(tls)
}

fn default_tls(port: u16, has_login: bool) -> HopTls {
    match (port, has_login) {
        (SUBMISSIONS_PORT, _) => HopTls::Implicit,
        (_, true) => HopTls::Required,
        (_, false) => HopTls::Opportunistic,
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

/// The place that a key names.
fn hop_at(key: &str, text: &str) -> Checked<(String, u16)> {
    place(text).map_err(|why| {
        let cure = "write HOST:PORT, such as \"relay.example.net:587\" or \"[2001:db8::1]:25\"";
        Problem::new(key, format!("{key} {text:?} is no server: {why}"), cure)
    })
}

/// `host`, `host:port`, `192.0.2.1:25`, `[2001:db8::1]:25`.
fn place(text: &str) -> Result<(String, u16), &'static str> {
    if let Some(inner) = text.strip_prefix('[') {
        let (address, port) = inner.split_once(']').ok_or("its bracket does not end")?;
        let address: Ipv6Addr = address.parse().map_err(|_| "brackets hold an IPv6 address")?;
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => SMTP_PORT,
            None => return Err("what follows the bracket is no port"),
            Some(port) => port_of(port)?,
        };
        return Ok((address.to_string(), port));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err("an IPv6 address stands in brackets");
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port_of(port)?),
        None => (text, SMTP_PORT),
    };
    match Domain::parse(host) {
        Ok(name) if host.is_ascii() => Ok((name.to_string(), port)),
        Ok(_) => Err("a name goes to DNS in ASCII, as xn--..."),
        Err(_) => Err("it begins with no name and no address"),
    }
}

fn port_of(text: &str) -> Result<u16, &'static str> {
    text.parse().ok().filter(|port| *port != 0).ok_or("its port is no number from 1 to 65535")
}

/// One line, that others on this machine can not read.
fn password(path: &Path) -> Result<Secret, RelayError> {
    let bad = |reason: String, cure: String| RelayError { path: path.to_owned(), reason, cure };
    let unreadable = |error: io::Error| {
        let cure = "check [relay] password_file, and that the user the server runs as can read it";
        bad(format!("the password of the smarthost can not be read: {error}"), cure.to_owned())
    };
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if about.mode() & OTHERS != 0 {
        let reason = "everybody on this machine can get at the password of the smarthost".to_owned();
        return Err(bad(reason, format!("chmod o= {}", path.display())));
    }
    // At once as long as it may be: a copy that grew would stay behind.
    let mut bytes = Vec::with_capacity(2 * PASSWORD_BYTES as usize);
    file.take(PASSWORD_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let held = Secret::new(bytes);
    let line = without_line_end(held.expose());
    // A password goes over the wire as text between NULs (RFC 4616 section 2).
    let is_line = std::str::from_utf8(line).is_ok_and(|text| !text.is_empty() && !text.contains(char::is_control));
    if !is_line || held.expose().len() as u64 > PASSWORD_BYTES {
        let cure = "write the password into it, as its only line".to_owned();
        return Err(bad("it holds no password in one line".to_owned(), cure));
    }
    Ok(Secret::new(line))
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    line.strip_suffix(b"\r").unwrap_or(line)
}
