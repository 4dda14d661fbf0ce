//! The file as it is written: every key optional, none unknown.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Keys of `[listen]` that are known only to be refused: no refusal of another key offers them.
pub(super) const UNBUILT: [&str; 3] = ["pop3", "pop3s", "sieve"];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawConfig {
    pub hostname: Option<String>,
    pub data_dir: Option<String>,
    pub database: RawUrl,
    pub blobs: RawUrl,
    pub listen: RawListen,
    pub tls: RawTls,
    pub relay: RawRelay,
    pub log: RawLog,
    pub limits: BTreeMap<String, i64>,
    pub security: RawSecurity,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawUrl {
    pub url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawListen {
    pub smtp: Option<Vec<String>>,
    pub submission: Option<Vec<String>>,
    pub submissions: Option<Vec<String>>,
    pub lmtp: Option<Vec<String>>,
    pub imap: Option<Vec<String>>,
    pub imaps: Option<Vec<String>>,
    pub pop3: Vec<String>,
    pub pop3s: Vec<String>,
    pub sieve: Vec<String>,
    pub http: Vec<String>,
    pub https: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTls {
    pub certificate: Option<String>,
    pub key: Option<String>,
    pub acme: Option<RawAcme>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAcme {
    pub contact: Option<RawContact>,
    pub directory: Option<String>,
    pub challenge: Option<String>,
    pub names: Vec<String>,
    pub ca_file: Option<String>,
}

/// One address, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an address or a list of addresses")]
pub(super) enum RawContact {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRelay {
    pub smarthost: Option<String>,
    pub username: Option<String>,
    pub password_file: Option<String>,
    pub tls: Option<String>,
    pub ca_file: Option<String>,
    pub connections: Option<i64>,
    pub route: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    pub level: Option<String>,
    pub format: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSecurity {
    pub plaintext_sign_in: Option<String>,
    pub failure_deadline_ms: Option<i64>,
    pub unauthenticated_per_address: Option<i64>,
    pub exempt_loopback: Option<bool>,
    pub lmtp_networks: Vec<String>,
    pub metrics_networks: Vec<String>,
    pub smtp_messages_per_minute: Option<i64>,
}
