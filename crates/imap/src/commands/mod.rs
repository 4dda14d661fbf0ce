//! Commands, one file each or one for a tight family, and the one dispatch over them.
//!
//! A command writes its untagged replies and answers with its completion; the connection
//! adds what others did meanwhile, then the completion. Which state allows which command is
//! `postern_imap_wire::COMMANDS`'s to say, and was asked before.

mod acl;
mod append;
mod close;
mod compress;
mod copy;
mod create;
mod delete;
mod enable;
mod expunge;
mod fetch;
mod id;
mod idle;
mod list;
mod lsub;
mod namespace;
mod noop;
mod notify;
mod quota;
mod rename;
mod search;
mod select;
mod sign_in;
pub(crate) mod status;
mod store;
mod subscribe;

use crate::answer::{Completion, Handled};
use crate::capabilities;
use crate::connection::Connection;
use postern_app::wire::Wire;
use postern_imap_wire::{CommandBody, Tag};

/// Replies that belong to one command leave when they are this many bytes.
const GATHERED_BYTES: usize = 64 << 10;

impl<W: Wire> Connection<W> {
    /// Runs one command that the table allows now.
    pub(crate) async fn dispatch(&mut self, tag: &Tag, body: CommandBody) -> Handled {
        if names_messages(&body) {
            self.read_messages().await?;
        }
        let client = &mut self.client;
        match body {
            CommandBody::Capability => {
                let names = match client.signed_in {
                    Some(_) => capabilities::signed_in(client.house.limits()),
                    None => capabilities::before_sign_in(client.house.may_sign_in(&client.peer)),
                };
                client.reply().capability(&names);
                Ok(Completion::ok("That is all"))
            }
            CommandBody::Noop | CommandBody::Check => self.noop().await,
            CommandBody::Id { .. } => id::run(client),
            CommandBody::Login { username, password } => self.login(username, password).await,
            CommandBody::Authenticate { mechanism, initial_response } => {
                self.authenticate(&mechanism, initial_response).await
            }
            CommandBody::Enable { capabilities } => self.enable(&capabilities),
            CommandBody::Compress { algorithm } => self.compress(&algorithm),
            CommandBody::Notify(set) => self.notify(set).await,
            CommandBody::Namespace => namespace::run(client),
            CommandBody::List(list) => list::run(client, list).await,
            CommandBody::Lsub { reference, pattern } => lsub::run(client, &reference, &pattern).await,
            CommandBody::Subscribe { mailbox } => subscribe::run(client, &mailbox, true).await,
            CommandBody::Unsubscribe { mailbox } => subscribe::run(client, &mailbox, false).await,
            CommandBody::Status { mailbox, items } => status::run(client, &mailbox, &items).await,
            CommandBody::Create { mailbox, special_use } => create::run(client, &mailbox, &special_use).await,
            CommandBody::Delete { mailbox } => delete::run(client, &mailbox).await,
            CommandBody::Rename { from, to } => rename::run(client, &from, &to).await,
            CommandBody::Select { mailbox, parameters } => self.select(&mailbox, &parameters, false).await,
            CommandBody::Examine { mailbox, parameters } => self.select(&mailbox, &parameters, true).await,
            CommandBody::Unselect => close::unselect(client),
            CommandBody::Close => close::run(client).await,
            CommandBody::Expunge => expunge::run(client, None).await,
            CommandBody::UidExpunge { uids } => expunge::run(client, Some(uids)).await,
            CommandBody::Fetch(fetch) => self.fetch(fetch).await,
            CommandBody::Store(store) => self.store(store).await,
            CommandBody::Search(search) => search::run(client, tag, search).await,
            CommandBody::Copy { by_uid, set, mailbox } => copy::copy(client, by_uid, &set, &mailbox).await,
            CommandBody::Move { by_uid, set, mailbox } => copy::r#move(client, by_uid, &set, &mailbox).await,
            CommandBody::Idle => self.idle().await,
            CommandBody::GetAcl { mailbox } => acl::get(client, &mailbox).await,
            CommandBody::SetAcl { mailbox, identifier, change } => {
                acl::set(client, &mailbox, &identifier, change).await
            }
            CommandBody::DeleteAcl { mailbox, identifier } => acl::delete(client, &mailbox, &identifier).await,
            CommandBody::ListRights { mailbox, identifier } => acl::list_rights(client, &mailbox, &identifier).await,
            CommandBody::MyRights { mailbox } => acl::my_rights(client, &mailbox).await,
            CommandBody::GetQuota { root } => quota::get(client, &root).await,
            CommandBody::GetQuotaRoot { mailbox } => quota::root_of(client, &mailbox).await,
            CommandBody::SetQuota { .. } => quota::set(),
            // The table of what is served keeps them out; they are here so that a new
            // command can not be forgotten.
            CommandBody::Logout | CommandBody::StartTls => Ok(Completion::bad(crate::connection::UNKNOWN)),
        }
    }
}

/// Is it about messages of the selected mailbox, by their numbers or UIDs?
fn names_messages(body: &CommandBody) -> bool {
    matches!(
        body,
        CommandBody::Fetch(_)
            | CommandBody::Store(_)
            | CommandBody::Search(_)
            | CommandBody::Copy { .. }
            | CommandBody::Move { .. }
            | CommandBody::UidExpunge { .. }
    )
}
