//! The keys of machine secrets: which there are, and a new one. No route gives a key out.

use crate::model::{Key, KeyRotated, Keys};
use crate::problem::Problem;
use crate::route::{Ask, Reply};
use crate::time::show_date;
use postern_app::KeyState;

fn shown(keys: Vec<KeyState>) -> Vec<Key> {
    let key = |key: KeyState| Key {
        id: key.name,
        missing: key.since.is_none(),
        since: key.since.map(show_date),
        credentials: key.credentials,
        newest: key.is_newest,
        usable: key.is_usable,
    };
    keys.into_iter().map(key).collect()
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    Reply::ok(&Keys { keys: shown(ask.house.keys(ask.caller()?).await?) })
}

pub(crate) async fn rotate(ask: Ask) -> Result<Reply, Problem> {
    let rotated = ask.house.rotate_key(ask.caller()?).await?;
    Reply::ok(&KeyRotated { newest: rotated.newest, deleted: rotated.deleted, keys: shown(rotated.keys) })
}
