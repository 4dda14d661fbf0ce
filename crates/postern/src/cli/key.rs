//! `postern key`: which keys machine secrets rest on, a new one, and a copy of all of them.

use super::domain::day;
use super::failure::Failure;
use super::locate;
use super::output::{Said, table};
use super::transport::Client;
use crate::globals::GlobalArgs;
use crate::process::{absolute, quoted};
use clap::Subcommand;
use postern_http::model::{Key, KeyRotated, Keys};
use postern_server::export_keys;
use serde_json::json;
use std::path::{Path, PathBuf};

/// What to do with keys.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Which keys there are, what rests on each, and whether one is missing
    Show,
    /// Make a new key, with which secrets are made from now on
    ///
    /// Credentials move to it when they sign in; nothing changes for the tools that use them. Keys
    /// that no live credential rests on are deleted. Export the keys again afterwards.
    Rotate,
    /// Write all keys of the house into one file, to keep apart from the backups of its database
    ///
    /// Done on the machine of the house, by whoever may read DIR/keys; no server need run. The file is a
    /// tar archive, for its owner alone, and is never written over another. To bring the keys back, with
    /// the server stopped: tar -xpf FILE -C DIR/keys
    Export {
        /// The file to write; it must not be there
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

const LOSS: &str = "\
They lie in DIR/keys on the server's machine, outside the database. Without them no machine secret can be checked: each
credential that rests on a lost one has to be issued again. People's own passwords rest on none of them.
";

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    match verb {
        Verb::Show => {
            let keys: Keys = client.get("/api/v1/keys").await?;
            Ok(Said::new(shown(&keys.keys), &keys))
        }
        Verb::Rotate => {
            let rotated: KeyRotated = client.act("POST", "/api/v1/keys/rotate").await?;
            Ok(Said::new(turned(&rotated), &rotated))
        }
        Verb::Export { file } => {
            let exported = export(&file, client.globals())?;
            Ok(exported.beside(lacking(client).await))
        }
    }
}

fn shown(keys: &[Key]) -> String {
    let rows = keys.iter().map(|key| {
        let since = key.since.as_deref().map_or_else(|| "-".to_owned(), day);
        vec![key.id.clone(), since, key.credentials.to_string(), state(key).to_owned()]
    });
    let mut text = table(&["KEY", "SINCE", "CREDENTIALS", "STATE"], rows.collect(), "There is no key.");
    text.push_str(&format!("\n{LOSS}"));
    let lost = keys.iter().any(|key| key.missing && !key.usable);
    let leaving = keys.iter().any(|key| key.missing && key.usable);
    let unread = keys.iter().any(|key| !key.missing && !key.usable);
    if lost {
        text.push_str(
            "Next: bring the missing file back from a backup into DIR/keys and restart the server; without one: postern key \
             rotate, and issue again what rests on it\n",
        );
    }
    if leaving {
        text.push_str(
            "Next: bring the missing file back from a backup into DIR/keys before the server ends; without a backup: postern \
             key rotate, and let each credential sign in once\n",
        );
    }
    if unread {
        text.push_str("Next: restart the server, so that it reads the file that came back\n");
    }
    if !lost && !leaving {
        text.push_str("Next: keep a copy apart from the backups of the database: postern key export FILE\n");
    }
    text
}

/// What is to be known of a key beside what rests on it.
fn state(key: &Key) -> &'static str {
    match key {
        Key { missing: true, usable: false, .. } => "missing: what rests on it can not sign in",
        Key { missing: true, usable: true, .. } => "its file is missing; the server has it until it ends",
        Key { missing: false, usable: false, .. } => "not read yet: the server reads it when it starts",
        Key { newest: true, .. } => "newest: secrets are made with it",
        Key { credentials: 0, .. } => "unused: the next rotation deletes it",
        _ => "in use",
    }
}

fn turned(rotated: &KeyRotated) -> String {
    let mut text = format!("Secrets are made with {} from now on.\n", rotated.newest);
    if !rotated.deleted.is_empty() {
        text.push_str(&format!("Deleted, as no live credential rested on it: {}.\n", rotated.deleted.join(", ")));
    }
    for key in rotated.keys.iter().filter(|key| key.credentials > 0 && key.id != rotated.newest) {
        let (count, id) = (key.credentials, &key.id);
        let (what, move_to) =
            if count == 1 { ("credential rests", "it moves") } else { ("credentials rest", "they move") };
        text.push_str(&format!("{count} {what} on {id}; {move_to} to the new one by signing in.\n"));
    }
    text.push_str("Next: the copies that you have lack the new key: postern key export FILE\n");
    text
}

/// What the copy lacks, where a server runs and tells it: a key that is missing is not in it.
async fn lacking(client: &mut Client) -> String {
    let keys: Result<Keys, Failure> = client.get("/api/v1/keys").await;
    let keys = match keys {
        Ok(keys) => keys,
        Err(failure) => return format!("Whether a key in use is missing was not looked at: {failure}\n"),
    };
    let missing = keys.keys.iter().filter(|key| key.missing && key.credentials > 0);
    missing
        .map(|key| {
            format!(
                "It lacks {}, which is missing, and {} rest on it: keep the copies that you have.\n",
                key.id,
                if key.credentials == 1 {
                    "1 credential".to_owned()
                } else {
                    format!("{} credentials", key.credentials)
                }
            )
        })
        .collect()
}

/// No flag that leads to a server, or says who acts there, means anything here.
fn check(globals: &GlobalArgs) -> Result<(), Failure> {
    let given = [
        ("--url", globals.url.is_some()),
        ("--cacert", globals.cacert.is_some()),
        ("--offline", globals.offline),
        ("--token-file", globals.token_file.is_some()),
        ("--as", globals.as_person.is_some()),
        ("--as-password-file", globals.as_password_file.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => {
            let text = format!("{name} means nothing to `postern key export`: it reads DIR/keys on this machine");
            Err(Failure::usage(text).next("leave it out, and name the house with --config"))
        }
        None => Ok(()),
    }
}

fn export(file: &Path, globals: &GlobalArgs) -> Result<Said, Failure> {
    check(globals)?;
    let config = locate::config(globals)?;
    let anywhere = |path: &Path| absolute(path).map_err(|error| Failure::new(error.to_string()));
    let file = anywhere(file)?;
    let exported = export_keys(&config, &file).map_err(|error| Failure::new(error.to_string()))?;
    let back = format!("tar -xpf {} -C {}", quoted(&file), quoted(&anywhere(&exported.folder)?));
    let text = format!(
        "{} holds the keys of the house now: {}.\nIt is for its owner alone. Keep it apart from the backups of the \
         database: whoever has both, and may write to the database, can make credentials.\nNext: to bring the keys back, \
         with the server stopped: {back}\n",
        file.display(),
        exported.files.join(", ")
    );
    Ok(Said::new(text, &json!({ "file": file, "keys": exported.files, "restore": back })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Key {
        Key {
            id: format!("credential-{number}"),
            since: Some("2026-11-22T21:00:03Z".into()),
            credentials: 0,
            newest: false,
            usable: true,
            missing: false,
        }
    }

    #[test]
    fn what_rests_on_keys_and_what_their_loss_means_is_told() {
        let keys = [Key { credentials: 3, ..key(1) }, key(2), Key { newest: true, ..key(3) }];
        let text = shown(&keys);
        let expected = "KEY           SINCE       CREDENTIALS  STATE\n\
                        credential-1  2026-11-22  3            in use\n\
                        credential-2  2026-11-22  0            unused: the next rotation deletes it\n\
                        credential-3  2026-11-22  0            newest: secrets are made with it\n\nThey lie in DIR/keys";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("database: postern key export FILE\n"), "{text}");
    }

    #[test]
    fn a_missing_key_is_told_with_what_to_do() {
        let lost = Key { since: None, missing: true, usable: false, credentials: 2, ..key(1) };
        let text = shown(&[lost, Key { newest: true, ..key(2) }]);
        assert!(
            text.contains("credential-1  -           2            missing: what rests on it can not sign in\n"),
            "{text}"
        );
        assert!(text.ends_with("and issue again what rests on it\n"), "{text}");
        let leaving = shown(&[Key { since: None, missing: true, newest: true, ..key(1) }]);
        assert!(leaving.contains("before the server ends; without a backup: postern key rotate"), "{leaving}");
        let unread = shown(&[Key { usable: false, ..key(1) }, Key { newest: true, ..key(2) }]);
        assert!(unread.contains("Next: restart the server"), "{unread}");
    }

    #[test]
    fn a_rotation_tells_what_it_deleted_and_what_still_rests_on_older_keys() {
        let keys = vec![Key { credentials: 1, ..key(2) }, Key { newest: true, ..key(3) }];
        let text = turned(&KeyRotated { newest: "credential-3".into(), deleted: vec!["credential-1".into()], keys });
        assert_eq!(
            text,
            "Secrets are made with credential-3 from now on.\n\
             Deleted, as no live credential rested on it: credential-1.\n\
             1 credential rests on credential-2; it moves to the new one by signing in.\n\
             Next: the copies that you have lack the new key: postern key export FILE\n"
        );
    }
}
