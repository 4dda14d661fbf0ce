//! From the file as written to the configuration in force, or the first thing wrong with it.

use super::error::Problem;
use super::limits::{self, in_range};
use super::listen::ListenAddress;
use super::raw::{RawConfig, RawListen, RawLog, RawSecurity, RawTls, UNBUILT};
use super::{Acme, Config, Listen, Log, LogFormat, Security, TlsFiles, acme, relay};
use postern_access::PlaintextSignIn;
use postern_store::DatabaseUrl;
use postern_types::Network;
use postern_types::{Domain, Limits};
use std::path::{Path, PathBuf};

pub(super) type Checked<T> = Result<T, Problem>;

/// What is listened to where the file says nothing.
pub(super) const IMAPS: [&str; 2] = ["0.0.0.0:993", "[::]:993"];
pub(super) const LMTP: [&str; 1] = ["unix:lmtp.sock"];
pub(super) const SMTP: [&str; 2] = ["0.0.0.0:25", "[::]:25"];
pub(super) const SUBMISSION: [&str; 2] = ["0.0.0.0:587", "[::]:587"];
pub(super) const SUBMISSIONS: [&str; 2] = ["0.0.0.0:465", "[::]:465"];
pub(super) const CERTIFICATE: &str = "tls/cert.pem";
pub(super) const KEY: &str = "tls/key.pem";
pub(super) const BLOBS: &str = "file:blobs";
const REMOVE_LINE: &str = "remove the line; a later version will have it";

pub(super) fn check(raw: RawConfig, file: &Path) -> Checked<Config> {
    refuse_unbuilt(&raw)?;
    let data_dir = match raw.data_dir.as_deref() {
        None | Some(".") => folder_of(file),
        Some(folder) => folder_of(file).join(folder).components().collect(),
    };
    let mut limits = limits::check(&raw.limits)?;
    let security = security(raw.security, &mut limits)?;
    let listen = listen(&raw.listen, &data_dir, &security)?;
    let hostname = hostname(raw.hostname)?;
    let (tls, acme) = tls(raw.tls, &hostname, &listen, &data_dir)?;
    Ok(Config {
        file: file.to_owned(),
        hostname,
        database: database(raw.database.url.as_deref())?,
        blobs: blobs(raw.blobs.url.as_deref(), &data_dir)?,
        tls,
        acme,
        relay: relay::check(raw.relay, &data_dir)?,
        log: log(raw.log)?,
        listen,
        limits,
        security,
        data_dir,
    })
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn refuse_unbuilt(raw: &RawConfig) -> Checked<()> {
    let RawListen { pop3, pop3s, sieve, .. } = &raw.listen;
    let mut given = UNBUILT.into_iter().zip([pop3, pop3s, sieve]);
    if let Some((name, _)) = given.find(|(_, addresses)| !addresses.is_empty()) {
        let reason = format!(
            "[listen] {name} is not built yet; this version listens for imaps, imap, submissions, submission, smtp, \
             lmtp, https and http"
        );
        return Err(Problem::new(format!("listen.{name}"), reason, REMOVE_LINE));
    }
    Ok(())
}

fn hostname(given: Option<String>) -> Checked<String> {
    let cure = "write the full name that people's programs connect to: hostname = \"mail.example.org\"";
    let Some(name) = given else {
        return Err(Problem::new("hostname", "hostname is missing", cure));
    };
    match Domain::parse(&name) {
        Ok(domain) if name.is_ascii() => Ok(domain.to_string()),
        _ => Err(Problem::new("hostname", format!("hostname {name:?} is no host name"), cure)),
    }
}

fn database(url: Option<&str>) -> Checked<DatabaseUrl> {
    // The text of the error shows no url: it may hold a password.
    url.unwrap_or("sqlite:").parse().map_err(|_| {
        let cure = "write url = \"sqlite:\" or url = \"postgres://user@host/name\"";
        Problem::new("database.url", "[database] url names no engine that Postern knows", cure)
    })
}

fn blobs(url: Option<&str>, data_dir: &Path) -> Checked<PathBuf> {
    let url = url.unwrap_or(BLOBS);
    match url.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Ok(data_dir.join(path)),
        None if url.starts_with("s3:") => {
            let cure = "write url = \"file:blobs\"; a later version will have s3";
            Err(Problem::new("blobs.url", "[blobs] s3 is not built yet", cure))
        }
        _ => Err(Problem::new("blobs.url", "[blobs] url names no folder", "write url = \"file:blobs\"")),
    }
}

fn tls(raw: RawTls, hostname: &str, listen: &Listen, data_dir: &Path) -> Checked<(TlsFiles, Option<Acme>)> {
    let given = (raw.certificate.is_some(), raw.key.is_some());
    let files = TlsFiles {
        certificate: data_dir.join(raw.certificate.as_deref().unwrap_or(CERTIFICATE)),
        key: data_dir.join(raw.key.as_deref().unwrap_or(KEY)),
    };
    let Some(acme) = raw.acme else { return Ok((files, None)) };
    let named = match given {
        (true, true) => "certificate and key",
        (true, false) => "certificate",
        (false, true) => "key",
        (false, false) => {
            let acme = acme::check(acme, hostname, listen, data_dir, files)?;
            return Ok((acme.files(), Some(acme)));
        }
    };
    let reason = format!("[tls.acme] stands beside [tls] {named}, and a server has one certificate");
    let cure = format!("remove [tls] {named} to have it by ACME, or remove [tls.acme]");
    Err(Problem::new("tls.acme", reason, cure))
}

fn log(raw: RawLog) -> Checked<Log> {
    let level = raw.level.unwrap_or_else(|| "info".to_owned());
    if !is_filter(&level) {
        let cure = "write error, warn, info, debug or trace, or a filter such as \"info,postern_imap=debug\"";
        return Err(Problem::new("log.level", format!("[log] level {level:?} is no level and no filter"), cure));
    }
    let format = match raw.format.as_deref().unwrap_or("text") {
        "text" => LogFormat::Text,
        "json" => LogFormat::Json,
        other => {
            let reason = format!("[log] format {other:?} is not known");
            return Err(Problem::new("log.format", reason, "write \"text\" or \"json\""));
        }
    };
    Ok(Log { level, format })
}

/// EnvFilter takes a bare word that is no level for the name of a module; here it is a mistake.
fn is_filter(text: &str) -> bool {
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    let is_known = |part: &str| part.contains('=') || levels.contains(&part.trim().to_ascii_lowercase().as_str());
    text.split(',').all(is_known) && tracing_subscriber::EnvFilter::try_new(text).is_ok()
}

/// What of it lies in the limits is put there.
fn security(raw: RawSecurity, limits: &mut Limits) -> Checked<Security> {
    let plaintext_sign_in = match raw.plaintext_sign_in.as_deref().unwrap_or("never") {
        "never" => PlaintextSignIn::Never,
        "loopback" => PlaintextSignIn::Loopback,
        other => {
            let reason = format!("[security] plaintext_sign_in {other:?} is not known");
            return Err(Problem::new("security.plaintext_sign_in", reason, "write \"never\" or \"loopback\""));
        }
    };
    if let Some(value) = raw.failure_deadline_ms {
        limits.failure_deadline_ms = in_range("security.failure_deadline_ms", value, 50, 30_000)?;
    }
    if let Some(value) = raw.unauthenticated_per_address {
        limits.unauthenticated_per_address = count("security.unauthenticated_per_address", value)?;
    }
    if let Some(value) = raw.smtp_messages_per_minute {
        limits.smtp_messages_per_minute = count("security.smtp_messages_per_minute", value)?;
    }
    let lmtp_networks = networks("security.lmtp_networks", &raw.lmtp_networks)?;
    let metrics_networks = networks("security.metrics_networks", &raw.metrics_networks)?;
    let exempt_loopback = raw.exempt_loopback.unwrap_or(false);
    Ok(Security { plaintext_sign_in, exempt_loopback, lmtp_networks, metrics_networks })
}

fn count(key: &str, value: i64) -> Checked<u32> {
    in_range(key, value, 1, 1_000_000).map(|value| u32::try_from(value).unwrap_or(u32::MAX))
}

fn networks(key: &str, given: &[String]) -> Checked<Vec<Network>> {
    let parsed = given.iter().map(|text| {
        text.parse().map_err(|reason: String| Problem::new(key, reason, "correct the network or remove it"))
    });
    parsed.collect()
}

fn listen(raw: &RawListen, data_dir: &Path, security: &Security) -> Checked<Listen> {
    let imap = addresses("imap", raw.imap.as_deref(), &[], data_dir)?;
    if let Some(open) = imap.iter().find(|address| !address.is_local()) {
        let reason = format!("[listen] imap {open}: IMAP without TLS is for this machine alone");
        let cure = "use imaps for other machines, or an address on 127.0.0.1";
        return Err(Problem::new("listen.imap", reason, cure));
    }
    let lmtp = addresses("lmtp", raw.lmtp.as_deref(), &LMTP, data_dir)?;
    if let Some(open) = lmtp.iter().find(|address| !address.is_local()).filter(|_| security.lmtp_networks.is_empty()) {
        let reason = format!("[listen] lmtp {open} is open to other machines and none of them is named");
        let cure = "name them: [security] lmtp_networks = [\"192.0.2.0/24\"], or listen on 127.0.0.1 or unix:PATH";
        return Err(Problem::new("listen.lmtp", reason, cure));
    }
    Ok(Listen {
        imaps: addresses("imaps", raw.imaps.as_deref(), &IMAPS, data_dir)?,
        imap,
        lmtp,
        smtp: addresses("smtp", raw.smtp.as_deref(), &SMTP, data_dir)?,
        submission: addresses("submission", raw.submission.as_deref(), &SUBMISSION, data_dir)?,
        submissions: addresses("submissions", raw.submissions.as_deref(), &SUBMISSIONS, data_dir)?,
        https: addresses("https", Some(&raw.https), &[], data_dir)?,
        http: addresses("http", Some(&raw.http), &[], data_dir)?,
    })
}

fn addresses(name: &str, given: Option<&[String]>, default: &[&str], data_dir: &Path) -> Checked<Vec<ListenAddress>> {
    let parse = |text: &str| -> Checked<ListenAddress> {
        let address: ListenAddress = text.parse().map_err(|reason: String| {
            Problem::new(format!("listen.{name}"), reason, "correct the address or remove it")
        })?;
        Ok(address.within(data_dir))
    };
    match given {
        Some(given) => given.iter().map(|text| parse(text)).collect(),
        None => default.iter().map(|text| parse(text)).collect(),
    }
}
