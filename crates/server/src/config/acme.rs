//! `[tls.acme]`: who is asked for a certificate, and for which names.
//!
//! Each directory has a folder of its own below `acme/`, so that trying an authority's staging and
//! going on to the real one mixes neither accounts nor certificates, and going back finds the old ones.

use super::check::Checked;
use super::error::Problem;
use super::raw::{RawAcme, RawContact};
use super::{Listen, TlsFiles};
use postern_types::{Address, Domain};
use std::path::{Path, PathBuf};

/// Who is asked where the file names nobody.
pub(super) const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Authorities take no more names in one certificate.
const MOST_NAMES: usize = 99;
/// Of the part that people read; file systems take 255 octets.
const LONGEST_FOLDER: usize = 160;

/// How an authority is shown that a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// A text at port 80 (RFC 8555 section 8.3).
    Http01,
    /// A certificate at port 443 (RFC 8737).
    TlsAlpn01,
}

impl Challenge {
    /// As the configuration and the standard write it.
    pub fn name(self) -> &'static str {
        match self {
            Challenge::Http01 => "http-01",
            Challenge::TlsAlpn01 => "tls-alpn-01",
        }
    }

    /// Whether these listeners answer it.
    pub fn is_answered(self, listen: &Listen) -> bool {
        !match self {
            Challenge::Http01 => &listen.http,
            Challenge::TlsAlpn01 => &listen.https,
        }
        .is_empty()
    }

    /// The listener that answers, and the port at which it is asked from outside.
    pub fn place(self) -> (&'static str, u16) {
        match self {
            Challenge::Http01 => ("http", 80),
            Challenge::TlsAlpn01 => ("https", 443),
        }
    }
}

/// `[tls.acme]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// Where the authority may write to, as `mailto:` URLs.
    pub contact: Vec<String>,
    /// The URL of its directory (RFC 8555 section 7.1.1).
    pub directory: String,
    /// How names are shown to be ours.
    pub challenge: Challenge,
    /// Names besides `hostname`.
    pub names: Vec<String>,
    /// PEM: authorities of the directory's own certificate, where they are not the public ones.
    pub ca_file: Option<PathBuf>,
    /// Where the account and the certificate of this directory lie.
    pub folder: PathBuf,
    /// What serves until there is a certificate.
    pub stand_in: TlsFiles,
}

impl Acme {
    /// The certificate and its key: one file, which is replaced as a whole.
    pub fn files(&self) -> TlsFiles {
        let file = self.folder.join("certificate.pem");
        TlsFiles { certificate: file.clone(), key: file }
    }

    /// Every name that the certificate is to have, that of the server first.
    pub fn wanted(&self, hostname: &str) -> Vec<String> {
        let others = self.names.iter().filter(|name| *name != hostname);
        std::iter::once(hostname.to_owned()).chain(others.cloned()).collect()
    }
}

pub(super) fn check(
    raw: RawAcme,
    hostname: &str,
    listen: &Listen,
    data_dir: &Path,
    stand_in: TlsFiles,
) -> Checked<Acme> {
    if host_name(hostname).is_none() {
        let reason = format!("hostname {hostname:?} is no full host name, so [tls.acme] gets no certificate for it");
        let cure = "write the full name that people's programs connect to: hostname = \"mail.example.org\"; or remove [tls.acme]";
        return Err(Problem::new("hostname", reason, cure));
    }
    let directory = directory(raw.directory)?;
    Ok(Acme {
        contact: contact(raw.contact)?,
        challenge: challenge(raw.challenge.as_deref(), listen)?,
        names: names(&raw.names)?,
        ca_file: raw.ca_file.map(|file| data_dir.join(file)),
        folder: data_dir.join("acme").join(folder_name(&directory)),
        stand_in,
        directory,
    })
}

fn directory(given: Option<String>) -> Checked<String> {
    let url = given.unwrap_or_else(|| DIRECTORY.to_owned());
    let is_url = url.parse::<hyper::Uri>().is_ok_and(|uri| {
        // RFC 8555 section 6.1: nothing is said without TLS.
        uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty()) && !url.contains('@')
    });
    match is_url {
        true => Ok(url),
        false => {
            let reason = format!("[tls.acme] directory {url:?} is no https URL");
            Err(Problem::new(
                "tls.acme.directory",
                reason,
                format!("write directory = \"{DIRECTORY}\", or another one"),
            ))
        }
    }
}

/// `acme-v02.api.letsencrypt.org-directory`: a name that people recognise. One that could be another directory's
/// too has a part of the URL's digest after it.
fn folder_name(directory: &str) -> String {
    let rest = directory.strip_prefix("https://").unwrap_or(directory);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let is_sure = rest.split_once('/').is_some_and(|(host, path)| {
        !path.is_empty() && path.chars().all(is_plain) && host.chars().all(|c| is_plain(c) || c == '-')
    });
    let plain = |c: char| if is_plain(c) || c == '-' { c } else { '-' };
    let name: String = rest.trim_end_matches('/').chars().take(LONGEST_FOLDER).map(plain).collect();
    if is_sure && rest.len() <= LONGEST_FOLDER {
        return name;
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, directory.as_bytes());
    let digest: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    // No name that is sure has this sign.
    format!("{name}_{digest}")
}

fn contact(given: Option<RawContact>) -> Checked<Vec<String>> {
    let given = match given {
        None => Vec::new(),
        Some(RawContact::One(one)) => vec![one],
        Some(RawContact::Several(several)) => several,
    };
    let urls = given.iter().map(|text| {
        let address = text.strip_prefix("mailto:").unwrap_or(text);
        match Address::parse(address) {
            // RFC 8555 section 7.3: one address, and no header fields.
            Ok(_) if address.is_ascii() && !address.contains(['?', ',']) => Ok(format!("mailto:{address}")),
            _ => {
                let cure = "write contact = \"postmaster@example.org\", a list of such, or leave it out";
                Err(Problem::new("tls.acme.contact", format!("[tls.acme] contact {text:?} is no address"), cure))
            }
        }
    });
    urls.collect()
}

fn challenge(given: Option<&str>, listen: &Listen) -> Checked<Challenge> {
    let challenge = match given.unwrap_or("http-01") {
        "http-01" => Challenge::Http01,
        "tls-alpn-01" => Challenge::TlsAlpn01,
        other => {
            let reason = match other {
                "dns-01" => {
                    "[tls.acme] challenge \"dns-01\" would need to write to your DNS, which is not built".to_owned()
                }
                other => format!("[tls.acme] challenge {other:?} is not known"),
            };
            return Err(Problem::new("tls.acme.challenge", reason, "write \"http-01\" or \"tls-alpn-01\""));
        }
    };
    if challenge.is_answered(listen) {
        return Ok(challenge);
    }
    let (listener, port) = challenge.place();
    let key = if given.is_some() { "tls.acme.challenge" } else { "tls.acme" };
    let reason = format!(
        "[tls.acme] challenge \"{}\" is answered at [listen] {listener}, and that is not listened at",
        challenge.name()
    );
    let cure = format!("add {listener} = [\"0.0.0.0:{port}\", \"[::]:{port}\"] to [listen]");
    Err(Problem::new(key, reason, cure))
}

fn names(given: &[String]) -> Checked<Vec<String>> {
    let cure = "write full host names: names = [\"autoconfig.example.org\"]";
    let problem = |reason: String| Problem::new("tls.acme.names", reason, cure);
    if given.len() > MOST_NAMES {
        return Err(problem(format!(
            "[tls.acme] names has {} names; one certificate takes {MOST_NAMES} of them",
            given.len()
        )));
    }
    let mut names = Vec::new();
    for text in given {
        if text.starts_with("*.") {
            // RFC 8555 section 8.3 and RFC 8737 prove one host; wildcards need DNS.
            return Err(problem(format!(
                "[tls.acme] names has {text:?}: neither challenge gets a certificate for a wildcard"
            )));
        }
        let Some(name) = host_name(text) else {
            return Err(problem(format!("[tls.acme] names has {text:?}, which is no host name")));
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// One that an authority may give a certificate for: full, and no address.
fn host_name(text: &str) -> Option<String> {
    let is_full = text.is_ascii() && text.contains('.') && text.parse::<std::net::IpAddr>().is_err();
    Domain::parse(text).ok().filter(|_| is_full).map(|name| name.to_string())
}
