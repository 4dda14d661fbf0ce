//! Who watches what on this node: mailboxes, accounts, what somebody may do, or the whole house.
//!
//! The store tells the hub after a commit and before anybody is answered; sessions that wait
//! wake, others look at their next command. A notice says only that something changed: what
//! it was is asked through the gate.

use postern_store::Notice;
use postern_types::{AccountId, MailboxId};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::Notify;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Mailbox(MailboxId),
    /// Each mailbox of it.
    MailboxesOf(AccountId),
    Account(AccountId),
    Epoch(AccountId),
    Everyone,
}

/// Keys are looked through for those that nobody watches any more once there are so many.
const KEYS_AT_REST: usize = 1024;

/// The watchers of this node.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    listeners: Mutex<Listeners>,
    /// How often somebody's rights have changed.
    rights_told: AtomicU64,
}

#[derive(Debug, Default)]
struct Listeners {
    by_key: HashMap<Key, Vec<Weak<Listener>>>,
    /// How many keys there may be before the next look for those that are left over.
    most_keys: usize,
}

/// Who listens, to one thing or to many: it is told of each in the same way.
#[derive(Debug, Default)]
struct Listener {
    notices: AtomicU64,
    wake: Notify,
    /// What was heard, for those who listen to much.
    heard: Option<Mutex<Heard>>,
}

/// What [`Notices`] heard of.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Mailboxes whose messages or flags changed.
    pub mailboxes: HashSet<MailboxId>,
    /// They are too many to be named: any may have changed.
    pub any_mailbox: bool,
    /// Mailboxes, subscriptions or rights changed.
    pub lists: bool,
}

impl Heard {
    /// Mailboxes that are named one by one, at most.
    const MOST: usize = 1024;

    fn note(&mut self, mailbox: Option<MailboxId>) {
        match mailbox {
            None => self.lists = true,
            Some(_) if self.any_mailbox => {}
            Some(mailbox) => {
                self.mailboxes.insert(mailbox);
                self.bound();
            }
        }
    }

    fn bound(&mut self) {
        if self.any_mailbox || self.mailboxes.len() > Self::MOST {
            (self.mailboxes, self.any_mailbox) = (HashSet::new(), true);
        }
    }

    /// Adds what was heard besides.
    pub fn add(&mut self, other: Heard) {
        self.mailboxes.extend(other.mailboxes);
        self.any_mailbox |= other.any_mailbox;
        self.lists |= other.lists;
        self.bound();
    }

    /// Was anything heard?
    pub fn any(&self) -> bool {
        self.lists || self.any_mailbox || !self.mailboxes.is_empty()
    }
}

impl Listener {
    fn tell(&self, mailbox: Option<MailboxId>) {
        if let Some(heard) = &self.heard {
            heard.lock().unwrap_or_else(PoisonError::into_inner).note(mailbox);
        }
        // After that: who sees that there is a notice finds what it was of.
        self.notices.fetch_add(1, Ordering::Release);
        self.wake.notify_waiters();
    }
}

/// What is watched: [`Watch::changed`] ends when something happened since it was last seen. A
/// clone has seen what its original has, and goes on by itself; it costs next to nothing.
#[derive(Debug, Clone)]
pub struct Watch {
    listener: Arc<Listener>,
    seen: u64,
}

impl Watch {
    /// Waits for the next notice. Cancel-safe.
    pub async fn changed(&mut self) {
        let listener = Arc::clone(&self.listener);
        loop {
            // From here on it wakes, so nothing falls between the look and the wait.
            let woken = listener.wake.notified();
            if self.take() {
                return;
            }
            woken.await;
        }
    }

    /// Was there a notice since the last call? Takes note of it.
    pub fn take(&mut self) -> bool {
        let notices = self.listener.notices.load(Ordering::Acquire);
        std::mem::replace(&mut self.seen, notices) != notices
    }
}

impl Listeners {
    fn add(&mut self, key: Key, listener: &Arc<Listener>) {
        if self.by_key.len() >= self.most_keys.max(KEYS_AT_REST) {
            self.by_key.retain(|_, list| list.iter().any(is_there));
            self.most_keys = 2 * self.by_key.len();
        }
        let list = self.by_key.entry(key).or_default();
        if list.len() == list.capacity() {
            // Those that are gone make room; looked for so seldom, that costs nothing.
            list.retain(is_there);
            list.reserve(list.len().max(1));
        }
        list.push(Arc::downgrade(listener));
    }

    fn tell(&mut self, key: Key, mailbox: Option<MailboxId>) {
        let Some(list) = self.by_key.get_mut(&key) else { return };
        list.retain(|listener| listener.upgrade().map(|listener| listener.tell(mailbox)).is_some());
        if list.is_empty() {
            self.by_key.remove(&key);
        }
    }
}

fn is_there(listener: &Weak<Listener>) -> bool {
    listener.strong_count() > 0
}

/// All that is watched of some accounts, and what was heard of it: each mailbox by itself, however
/// many there are. It costs a few keys for each account, and nothing for a mailbox.
#[derive(Debug)]
pub struct Notices {
    watch: Watch,
    accounts: Vec<AccountId>,
}

impl Notices {
    /// Waits for the next notice. Cancel-safe.
    pub async fn changed(&mut self) {
        self.watch.changed().await;
    }

    /// What was heard since the last call.
    pub fn take(&mut self) -> Heard {
        self.watch.take();
        let heard = self.watch.listener.heard.as_ref();
        heard
            .map(|heard| std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner)))
            .unwrap_or_default()
    }

    /// Takes note of what was heard elsewhere, as if it had been heard now.
    pub(crate) fn keep(&self, other: Heard) {
        if let (Some(heard), true) = (&self.watch.listener.heard, other.any()) {
            heard.lock().unwrap_or_else(PoisonError::into_inner).add(other);
            self.watch.listener.notices.fetch_add(1, Ordering::Release);
        }
    }

    /// Which accounts are listened to.
    pub(crate) fn accounts(&self) -> &[AccountId] {
        &self.accounts
    }
}

impl Hub {
    /// Everything of these accounts, and what everyone may do.
    pub(crate) fn accounts(&self, accounts: Vec<AccountId>) -> Notices {
        let of_each = |account: &AccountId| [Key::MailboxesOf(*account), Key::Account(*account)];
        let keys = accounts.iter().flat_map(of_each).chain([Key::Everyone]);
        let listener = Listener { heard: Some(Mutex::default()), ..Listener::default() };
        let watch = self.listen(keys, Arc::new(listener));
        Notices { watch, accounts }
    }

    fn watch(&self, keys: impl IntoIterator<Item = Key>) -> Watch {
        self.listen(keys, Arc::default())
    }

    fn listen(&self, keys: impl IntoIterator<Item = Key>, listener: Arc<Listener>) -> Watch {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            listeners.add(key, &listener);
        }
        Watch { listener, seen: 0 }
    }

    /// Messages and flags of a mailbox. Watching opens nothing.
    pub(crate) fn mailbox(&self, mailbox: MailboxId) -> Watch {
        self.watch([Key::Mailbox(mailbox)])
    }

    /// Rights in, and the list of mailboxes of, an account; what a person may do.
    pub(crate) fn account(&self, account: AccountId) -> Watch {
        self.watch([Key::Account(account)])
    }

    /// What a sign-in rests on: what may be done in these accounts and by these people, and what
    /// everyone may do. That a mailbox came or was subscribed to is not heard.
    pub(crate) fn sign_in(&self, accounts: impl IntoIterator<Item = AccountId>) -> Watch {
        self.watch(accounts.into_iter().map(Key::Epoch).chain([Key::Everyone]))
    }

    /// How many changes of anybody's rights were told. Where it is what it was before something was read, whoever could
    /// read it then still may, unless that has ended by itself.
    pub(crate) fn rights_told(&self) -> u64 {
        self.rights_told.load(Ordering::Acquire)
    }

    /// Tells the watchers; the store calls it after each commit.
    pub(crate) fn tell(&self, notices: &[Notice]) {
        if notices.iter().any(|notice| matches!(notice, Notice::Epoch(..) | Notice::Organisation(_))) {
            self.rights_told.fetch_add(1, Ordering::AcqRel);
        }
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for notice in notices {
            match *notice {
                Notice::Mailbox(mailbox, _) => {
                    listeners.tell(Key::Mailbox(mailbox), Some(mailbox));
                    listeners.tell(Key::MailboxesOf(mailbox.account()), Some(mailbox));
                }
                Notice::List(account) => listeners.tell(Key::Account(account), None),
                Notice::Epoch(account, _) => {
                    // First, so that who is woken by the other finds that the sign-in is in doubt.
                    listeners.tell(Key::Epoch(account), None);
                    listeners.tell(Key::Account(account), None);
                }
                Notice::Organisation(_) => listeners.tell(Key::Everyone, None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_types::ModSeq;

    fn account(number: i64) -> AccountId {
        AccountId::new(number).unwrap()
    }

    #[tokio::test]
    async fn a_notice_reaches_those_who_watch_and_no_others() {
        let [one, other] = [1, 2].map(|number| MailboxId::pack(account(1), number).unwrap());
        let hub = Hub::default();
        let (mut watch_one, mut watch_other) = (hub.mailbox(one), hub.mailbox(other));
        hub.tell(&[Notice::Mailbox(one, ModSeq(5))]);
        watch_one.changed().await;
        assert!(!watch_one.take(), "it was seen");
        assert!(!watch_other.take());
    }

    #[tokio::test]
    async fn a_sign_in_hears_of_each_thing_it_rests_on_and_of_nothing_else() {
        let hub = Hub::default();
        let mut watch = hub.sign_in([1, 2, 3].map(account));
        for notice in [Notice::Epoch(account(1), 1), Notice::Epoch(account(3), 9), Notice::Organisation(1)] {
            let mut clone = watch.clone();
            hub.tell(&[notice]);
            clone.changed().await;
            assert!(watch.take() && !watch.take(), "{notice:?}");
        }
        hub.tell(&[Notice::Epoch(account(4), 1), Notice::List(account(1))]);
        assert!(!watch.take());
    }

    /// Who listens to accounts hears which mailbox it was, once, and of lists and rights.
    #[tokio::test]
    async fn notices_of_accounts_say_of_what() {
        let [inbox, sent, other] =
            [(1, 1), (1, 2), (2, 1)].map(|(of, number)| MailboxId::pack(account(of), number).unwrap());
        let hub = Hub::default();
        let mut notices = hub.accounts(vec![account(1)]);
        for mailbox in [inbox, other, sent, inbox] {
            hub.tell(&[Notice::Mailbox(mailbox, ModSeq(5))]);
        }
        notices.changed().await;
        let mailboxes = HashSet::from([inbox, sent]);
        assert_eq!(notices.take(), Heard { mailboxes, ..Heard::default() });
        assert!(!notices.take().any());
        for notice in [Notice::List(account(1)), Notice::Epoch(account(1), 2), Notice::Organisation(1)] {
            hub.tell(&[notice, Notice::List(account(2))]);
            notices.changed().await;
            assert_eq!(notices.take(), Heard { lists: true, ..Heard::default() }, "{notice:?}");
        }
    }

    /// What is heard and not asked for is bounded.
    #[test]
    fn too_many_mailboxes_are_any() {
        let hub = Hub::default();
        let mut notices = hub.accounts(vec![account(1)]);
        for number in 1..=2 * Heard::MOST as i64 {
            hub.tell(&[Notice::Mailbox(MailboxId::pack(account(1), number).unwrap(), ModSeq(5))]);
        }
        assert_eq!(notices.take(), Heard { any_mailbox: true, ..Heard::default() });
    }

    #[test]
    fn changes_of_rights_are_counted_and_no_others() {
        let (hub, one) = (Hub::default(), account(1));
        let inbox = MailboxId::pack(one, 1).unwrap();
        hub.tell(&[Notice::Mailbox(inbox, ModSeq(5)), Notice::List(one)]);
        assert_eq!(hub.rights_told(), 0);
        hub.tell(&[Notice::Epoch(one, 2)]);
        hub.tell(&[Notice::List(one), Notice::Organisation(1)]);
        assert_eq!(hub.rights_told(), 2);
    }

    /// A notice that comes while somebody waits wakes them, however many wait.
    #[tokio::test]
    async fn all_who_wait_wake() {
        let hub = Hub::default();
        let watch = hub.sign_in([account(1)]);
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let mut watch = watch.clone();
                tokio::spawn(async move { watch.changed().await })
            })
            .collect();
        tokio::task::yield_now().await;
        hub.tell(&[Notice::Organisation(1)]);
        for one in waiting {
            one.await.unwrap();
        }
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let hub = Hub::default();
        let kept = hub.sign_in([account(1)]);
        for number in 0..100_000 {
            drop(hub.sign_in([account(1 + number % 50_000)]));
        }
        let listeners = hub.listeners.lock().unwrap();
        assert!(listeners.by_key.len() <= KEYS_AT_REST, "{} keys", listeners.by_key.len());
        assert!(listeners.by_key.values().all(|list| list.capacity() <= 8));
        let kept_at = [Key::Epoch(account(1)), Key::Everyone];
        assert!(kept_at.iter().all(|key| listeners.by_key[key].iter().any(is_there)), "{kept:?}");
    }
}
