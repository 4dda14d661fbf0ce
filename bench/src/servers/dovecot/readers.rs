//! Dovecot with IMAP: one mailbox, and delegates who reach it by a shared namespace and an ACL.
//!
//! As fast as its manual tells how to make it: login processes that serve on (performance mode),
//! IMAP processes that are used again, ACLs in files and no other plugin, no full-text index. The
//! passwords are hashed as Postern hashes them, and since Argon2 would hold Dovecot's one `auth`
//! process, its cache lets workers check them (`auth_cache_verify_password_with_worker`).
//!
//! `imap_hibernate_timeout` stays off, as by default. A connection that hibernates holds less memory
//! and needs a process again before it can be told of a mail; where the memory of a thousand and how
//! soon they hear are taken in one pass, the one would be bought with the other.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use super::Format;
use crate::reading::wire::{ROOM, Wire};
use crate::servers::{RECIPIENT, write};

/// "correct horse battery staple" by Argon2id with Postern's parameters: 19 MiB, two passes, one
/// lane.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$T+wl7tVrHXd37cdHoYYe5A$U6W461dzV4NBYR1lbjsxpYGdou00wfnR/6aF6ot85T0";

/// Everybody has the same password.
pub fn write_passwords(folder: &Path, people: &[String]) -> Result<()> {
    let everybody = people.iter().map(String::as_str).chain([RECIPIENT]);
    let lines: Vec<String> = everybody.map(|name| format!("{name}:{{ARGON2ID}}{HASH}::::::\n")).collect();
    write(&folder.join("passwords"), &lines.concat())
}

/// The mailbox itself lets everybody who signs in do what a delegate of Postern may.
pub async fn share(imap: SocketAddr, password: &str) -> Result<()> {
    let mut wire = Wire::sign_in(imap, ROOM, RECIPIENT, password).await?;
    wire.ok("SETACL INBOX authenticated lrwstipek").await.map(drop)
}

/// What is added to the configuration that takes mail.
pub fn text(format: Format, folder: &Path, port: u16) -> String {
    let (folder, format) = (folder.display(), format.word());
    format!(
        "protocols = imap lmtp
disable_plaintext_auth = no
default_client_limit = 10000
default_vsz_limit = 0
mail_max_userip_connections = 2000
auth_cache_size = 10 M
auth_cache_verify_password_with_worker = yes
protocol imap {{
  mail_plugins = acl imap_acl
}}
plugin {{
  acl = vfile
  acl_anyone = allow
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
namespace shared {{
  type = shared
  prefix = Shared/%%u/
  separator = /
  location = {format}:{folder}/mail/%%u
  list = children
  subscriptions = no
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/passwords
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 2
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service imap {{
  service_count = 100
  process_limit = 2000
}}
"
    )
}
