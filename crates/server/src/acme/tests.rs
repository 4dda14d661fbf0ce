//! The keeper beside an authority that does not answer: when it asks, and what it takes.

use super::*;
use crate::config::Challenge;
use postern_app::{CertificateAsked, CertificateKeeper};
use postern_store::ManualClock;
use std::path::Path;

const NOW: Timestamp = Timestamp(1_795_381_200_000);
const DAY_MS: i64 = 24 * 3600 * 1000;
/// A directory at which nobody answers, and a list of authorities that is not there: nothing leaves this machine.
const NOBODY: &str = "[tls.acme]\ndirectory = \"https://127.0.0.1:1/dir\"\nca_file = \"absent.pem\"\n";

/// Each look at it finds the next day.
struct Leaping(ManualClock);

impl Clock for Leaping {
    fn wall(&self) -> Timestamp {
        self.0.advance_ms(DAY_MS);
        self.0.wall()
    }
}

fn config(folder: &Path, lines: &str) -> Config {
    let text =
        format!("hostname = \"mail.example.org\"\ndata_dir = {folder:?}\n[listen]\nhttp = [\"127.0.0.1:80\"]\n{lines}");
    Config::parse(Path::new("postern.toml"), &text, &[]).unwrap()
}

fn keeper(config: &Config, clock: Arc<dyn Clock>) -> Arc<Keeper> {
    let tls = Tls::start(config, NOW).unwrap();
    Keeper::new(config, clock, Arc::new(RealDisk), tls, Challenges::default())
}

#[expect(clippy::disallowed_methods, reason = "a test's file need not last")]
fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// How often in a row it asked in vain, once it has nothing more to do at this moment.
async fn refusals_of(keeper: &Keeper, config: &Config) -> u32 {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    keeper.attempts(config.acme.as_ref().unwrap()).refusals
}

/// A certificate of 821 days that begins a day before NOW, where the authority's is kept.
fn keep_certificate(config: &Config) {
    let made = crate::certificates::make("mail.example.org", NOW).unwrap();
    let acme = config.acme.as_ref().unwrap();
    std::fs::create_dir_all(&acme.folder).unwrap();
    write(&acme.files().certificate, &[made.server_key.expose(), made.server.as_bytes()].concat());
}

/// As after a restart: it is there, so nobody is asked until a third of its life is left, by however many reloads.
#[tokio::test(start_paused = true)]
async fn it_is_asked_for_with_a_third_of_its_life_left_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), NOBODY);
    keep_certificate(&config);
    // 820 days after NOW it ends, and 821 / 3 days before that it is due.
    let due_ms = 820 * DAY_MS - 821 * DAY_MS / 3;
    let clock = Arc::new(ManualClock::new(NOW.plus_ms(due_ms - 2000)));
    let keeper = keeper(&config, clock.clone());
    let (_switch, shutdown) = Shutdown::new();
    let mut running = JoinSet::new();
    running.spawn(Arc::clone(&keeper).run(shutdown));
    assert_eq!(refusals_of(&keeper, &config).await, 0, "it is there");
    keeper.reload(&config).unwrap();
    assert_eq!(refusals_of(&keeper, &config).await, 0, "it is not due");
    assert!(!config.acme.as_ref().unwrap().folder.join("attempts.json").exists(), "nobody was asked");
    clock.advance_ms(2000);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(refusals_of(&keeper, &config).await, 1, "a third is left");
}

/// Somebody asked for another, and a reload comes before the keeper has seen it.
#[tokio::test(start_paused = true)]
async fn what_was_forced_is_asked_for_though_a_reload_follows() {
    let folder = tempfile::tempdir().unwrap();
    let here = config(folder.path(), NOBODY);
    keep_certificate(&here);
    let keeper = keeper(&here, Arc::new(ManualClock::new(NOW)));
    let (_switch, shutdown) = Shutdown::new();
    let mut running = JoinSet::new();
    running.spawn(Arc::clone(&keeper).run(shutdown));
    assert_eq!(refusals_of(&keeper, &here).await, 0, "it is there");
    assert_eq!(keeper.renew(true), CertificateAsked::Asking);
    keeper.reload(&here).unwrap();
    assert_eq!(refusals_of(&keeper, &here).await, 1);
    keeper.reload(&here).unwrap();
    assert_eq!(refusals_of(&keeper, &here).await, 1, "once");
}

/// A limit that has passed does not say when it is due.
#[test]
fn a_limit_is_told_until_it_has_passed() {
    let folder = tempfile::tempdir().unwrap();
    let here = config(folder.path(), NOBODY);
    keep_certificate(&here);
    let clock = Arc::new(ManualClock::new(NOW));
    let keeper = keeper(&here, clock.clone());
    let acme = here.acme.as_ref().unwrap();
    let limited = Attempts {
        last_ms: Some(NOW.0),
        refusal: Some(Refusal { is_rate_limit: true, ..Refusal::new("too many", "wait") }),
        refusals: 1,
        not_before_ms: NOW.0 + DAY_MS,
        names: vec!["mail.example.org".into()],
    };
    Kept::new(acme, Arc::new(RealDisk)).put_attempts(&limited).unwrap();
    let said = || match keeper.renew(false) {
        CertificateAsked::Not(why) => why.text,
        other => panic!("{other:?}"),
    };
    let until = postern_http::show_date(NOW.plus_ms(DAY_MS));
    assert_eq!(said(), format!("the authority wants to be left alone until {until}: too many"));
    clock.advance_ms(2 * DAY_MS);
    assert!(said().starts_with("it is not due until "), "{}", said());

    // Of other names nothing was said.
    let others = config(folder.path(), &format!("{NOBODY}names = [\"autoconfig.example.org\"]\n"));
    let vain = || keeper.state().findings.iter().any(|found| found.text.contains("in vain"));
    assert!(vain());
    keeper.reload(&others).unwrap();
    assert!(!vain());
}

/// A new listener needs a restart: what is looked for there before that is refused.
#[tokio::test(start_paused = true)]
async fn nobody_is_asked_before_the_listener_is_open_that_they_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let by_http = config(folder.path(), NOBODY);
    let mut by_tls = by_http.clone();
    by_tls.acme.as_mut().unwrap().challenge = Challenge::TlsAlpn01;
    // As it was at the start.
    let mut opened = by_http.clone();
    opened.acme = None;
    (opened.listen.http, opened.listen.https) = (vec![], vec!["127.0.0.1:443".parse().unwrap()]);
    let (clock, tls) = (Arc::new(ManualClock::new(NOW)), Tls::start(&by_http, NOW).unwrap());
    let keeper = Keeper::new(&opened, clock, Arc::new(RealDisk), tls, Challenges::default());
    let (_switch, shutdown) = Shutdown::new();
    let mut running = JoinSet::new();
    running.spawn(Arc::clone(&keeper).run(shutdown));
    keeper.reload(&by_http).unwrap();
    assert_eq!(refusals_of(&keeper, &by_http).await, 0);
    keeper.reload(&by_tls).unwrap();
    assert_eq!(refusals_of(&keeper, &by_tls).await, 1, "that one is open");
}

/// A limit on these names bars a reload, as it bars a restart; it says nothing of other names.
#[tokio::test(start_paused = true)]
async fn a_rate_limit_bars_a_reload_until_other_names_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let here = config(folder.path(), NOBODY);
    let note = |is_for_all_names: bool| {
        let limit = Refusal { is_rate_limit: true, is_for_all_names, ..Refusal::new("too many", "wait") };
        let kept = Kept::new(here.acme.as_ref().unwrap(), Arc::new(RealDisk));
        kept.make().unwrap();
        let noted = Attempts {
            last_ms: Some(NOW.0),
            refusal: Some(limit),
            refusals: 7,
            not_before_ms: NOW.0 + DAY_MS,
            names: vec!["mail.example.org".into()],
        };
        kept.put_attempts(&noted).unwrap();
    };
    note(false);
    let keeper = keeper(&here, Arc::new(ManualClock::new(NOW)));
    let (_switch, shutdown) = Shutdown::new();
    let mut running = JoinSet::new();
    running.spawn(Arc::clone(&keeper).run(shutdown));
    assert_eq!(refusals_of(&keeper, &here).await, 7, "across a restart");
    keeper.reload(&here).unwrap();
    assert_eq!(refusals_of(&keeper, &here).await, 7, "asking sooner does not help");
    let others = config(folder.path(), &format!("{NOBODY}names = [\"autoconfig.example.org\"]\n"));
    keeper.reload(&others).unwrap();
    assert_eq!(refusals_of(&keeper, &others).await, 1, "of these nothing was said");

    // The authority wants to be left alone, whatever for.
    running.shutdown().await;
    note(true);
    let keeper = super::tests::keeper(&here, Arc::new(ManualClock::new(NOW)));
    let (_switch, shutdown) = Shutdown::new();
    let mut running = JoinSet::new();
    running.spawn(Arc::clone(&keeper).run(shutdown));
    keeper.reload(&others).unwrap();
    assert_eq!(refusals_of(&keeper, &others).await, 7);
}

#[tokio::test(start_paused = true)]
async fn without_a_disk_and_with_a_clock_that_leaps_it_still_rests() {
    let folder = tempfile::tempdir().unwrap();
    // Where the folder would be there is a file: nothing can be noted.
    write(&folder.path().join("acme"), b"");
    let config = config(folder.path(), NOBODY);
    let keeper = keeper(&config, Arc::new(Leaping(ManualClock::new(NOW))));
    let (_switch, shutdown) = Shutdown::new();
    let mut running = JoinSet::new();
    running.spawn(Arc::clone(&keeper).run(shutdown));
    let refusals = async || refusals_of(&keeper, &config).await;
    assert_eq!(refusals().await, 1);
    tokio::time::advance(REST - Duration::from_secs(1)).await;
    assert_eq!(refusals().await, 1, "whatever the clock says");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(refusals().await, 2);
    keeper.reload(&config).unwrap();
    assert_eq!(refusals().await, 3, "somebody may have mended it");
}

#[tokio::test]
async fn what_breaks_off_is_a_refusal() {
    let broken = apart(async { panic!("no such time") }).await.unwrap_err();
    assert!(broken.reason.starts_with("asking the authority broke off: "), "{}", broken.reason);
}

#[test]
fn what_comes_late_is_not_put_over_what_is_wanted_since() {
    let folder = tempfile::tempdir().unwrap();
    let config_of = |authority: &str| {
        config(folder.path(), &format!("[tls.acme]\ndirectory = \"https://{authority}.example.net/dir\"\n"))
    };
    let (old, new) = (config_of("old"), config_of("new"));
    let keeper = keeper(&old, Arc::new(ManualClock::new(NOW)));
    let certificate = || {
        let made = crate::certificates::make("mail.example.org", NOW).unwrap();
        pair(made.server.as_bytes(), made.server_key.expose(), &provider()).unwrap()
    };
    assert!(keeper.put(old.acme.as_ref().unwrap(), certificate()));
    keeper.reload(&new).unwrap();
    assert!(!keeper.put(old.acme.as_ref().unwrap(), certificate()), "it is another authority's");
    assert!(keeper.put(new.acme.as_ref().unwrap(), certificate()));
}
