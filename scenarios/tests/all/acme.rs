//! Certificates by ACME, from an authority that looks at every name (RFC 8555), seen by a client that trusts it alone.

mod pebble;

use pebble::{NOWHERE, Pebble, Wish, own_address, until};
use postern_app::{AuditQuery, CertificateAsked, CertificateSource, CertificateState};
use postern_testkit::{House, HouseBuilder, ImapClient, PASSWORD, scenario};
use serde_json::Value;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What this process logs. Other tests of it may write there, too.
struct Log;

static LOG: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();

impl Log {
    fn listen() -> Self {
        LOG.get_or_init(|| {
            let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Log);
            subscriber.try_init().expect("nobody else takes the log");
            Mutex::default()
        });
        Self
    }

    fn text(&self) -> String {
        let written = LOG.get().map(|log| log.lock().expect("nobody panics in it").clone());
        String::from_utf8_lossy(&written.unwrap_or_default()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(log) = LOG.get() {
            log.lock().expect("nobody panics in it").extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Asked at an address of its own, so that its ports stay its own from one start to the next.
fn by_itself(house: HouseBuilder) -> HouseBuilder {
    let own = own_address();
    house.with(&format!("POSTERN_LISTEN__HTTP={own}:0")).with(&format!("POSTERN_LISTEN__HTTPS={own}:0"))
}

/// An authority beside a house, which does not run yet, and what it is to be like.
fn beside(house: &House) -> Option<(Pebble, Wish)> {
    let pebble = Pebble::new(&house.scratch().join("pebble"))?;
    let port = |listener: &str| house.listener(listener).port();
    Some((pebble, Wish { http: port("http"), tls: port("https"), blocked: Vec::new() }))
}

/// The serial-bearing certificate that clients of this authority are shown; nothing where they are shown another's.
async fn shown(house: &House, root: &Path) -> Option<Vec<u8>> {
    let stream = house.tls_trusting("imaps", root).await.ok()?;
    Some(stream.get_ref().1.peer_certificates()?[0].to_vec())
}

/// With a certificate of an authority that runs, and its root.
async fn certified(house: &mut House, pebble: &mut Pebble, wish: &Wish) -> (PathBuf, Vec<u8>) {
    pebble.start(wish).await;
    let root = pebble.root().await;
    house.reload(&pebble.lines()).certificate.expect("nothing is wrong with the files");
    let first = until("the authority's certificate is shown", async || shown(house, &root).await).await;
    (root, first)
}

/// The folder of the only authority that was asked.
fn kept(house: &House) -> PathBuf {
    kept_if(house).expect("an authority was asked")
}

/// The same, where one was.
fn kept_if(house: &House) -> Option<PathBuf> {
    let folders = std::fs::read_dir(house.data_dir().join("acme")).ok()?;
    let folders: Vec<_> = folders.map(|entry| entry.expect("an entry").path()).collect();
    assert!(folders.len() < 2, "{folders:?}");
    folders.into_iter().next()
}

fn document(file: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

/// How the last attempt went, once it is over.
async fn attempt(house: &House) -> Value {
    let ended =
        async || document(&kept_if(house)?.join("attempts.json")).filter(|attempts| !attempts["last_ms"].is_null());
    until("an attempt is over", ended).await
}

/// Why the last attempt was in vain.
async fn why(house: &House) -> Option<String> {
    attempt(house).await["refusal"]["reason"].as_str().map(str::to_owned)
}

async fn asked_over_http(house: &House, path: &str) -> String {
    let mut stream = TcpStream::connect(house.listener("http")).await.expect("it answers");
    let request = format!("GET {path} HTTP/1.1\r\nHost: mail.example.org\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it writes");
    answer
}

async fn session(house: &House, root: &Path) -> ImapClient {
    let stream = house.tls_trusting("imaps", root).await.expect("TLS with the authority's certificate");
    let mut session = ImapClient::start(stream, "alice").await;
    session.login("alice@example.org", PASSWORD).await;
    session
}

/// Why another certificate is not asked for.
async fn refused_renewal(house: &House, is_forced: bool) -> String {
    match house.app().renew_certificate(house.operator(), is_forced).await.expect("an answer").0 {
        CertificateAsked::Not(why) => {
            assert!(!why.next.is_empty());
            why.text
        }
        other => panic!("{other:?}"),
    }
}

/// As it is once nobody is being asked.
async fn ended(house: &House) -> CertificateState {
    let state = async || house.app().certificate(house.operator()).await.ok();
    let rests = |state: &CertificateState| state.authority.as_ref().is_none_or(|authority| !authority.is_asking);
    until("nobody is being asked", async || state().await.filter(rests)).await
}

scenario! { by by_itself;
    /// The server starts without one, and says what is shown meanwhile; once the authority answers, clients that
    /// trust it see its certificate. It survives a restart without anybody being asked again.
    async fn a_certificate_comes_and_stays(house: House) {
        let Some((mut pebble, wish)) = beside(&house) else { return };
        let log = Log::listen();
        let http = format!("POSTERN_LISTEN__HTTP={}", house.listener("http"));
        let mut house = house.restart_with(&[pebble.lines(), vec![http]].concat()).await;
        let refused = attempt(&house).await;
        assert!(refused["refusal"]["reason"].as_str().is_some_and(|reason| reason.contains("does not answer")), "{refused}");
        assert!(log.text().contains("clients see one that they do not trust"), "{}", log.text());
        // By the house's own authority: nothing is shut meanwhile.
        drop(house.tls("imaps").await);

        let (root, first) = certified(&mut house, &mut pebble, &wish).await;
        let folder = kept(&house);
        for (path, mode) in [("", 0o700), ("account.json", 0o600), ("certificate.pem", 0o600), ("attempts.json", 0o600)] {
            let about = std::fs::metadata(folder.join(path)).expect("it is there");
            assert_eq!(about.permissions().mode() & 0o777, mode, "{path}");
        }
        assert_eq!(std::fs::metadata(folder.join("..")).expect("a folder").permissions().mode() & 0o777, 0o700);
        assert!(asked_over_http(&house, "/.well-known/acme-challenge/x").await.starts_with("HTTP/1.1 404"), "nothing is pending");

        pebble.stop().await;
        let account = document(&folder.join("account.json"));
        let house = house.restart_with::<&str>(&[]).await;
        assert_eq!(shown(&house, &root).await, Some(first), "it is there with the first connection");
        assert_eq!(document(&folder.join("account.json")), account);
        // Had anybody been asked, it would have been noted before.
        let state = house.app().certificate(house.operator()).await.expect("a state");
        let shown_state = state.shown.expect("a certificate");
        assert_eq!((shown_state.source, state.findings), (CertificateSource::Acme, vec![]));
        assert!(refused_renewal(&house, false).await.starts_with("it is not due until "), "nobody is asked");
        let authority = house.app().certificate(house.operator()).await.expect("a state").authority.expect("an authority");
        assert_eq!((authority.attempts, authority.is_asking), (0, false));
        assert!(authority.last.is_some_and(|last| last.refusal.is_none()));
    }

    /// A third of its life before its end it is renewed, by the same account; who is connected stays so.
    async fn a_renewal_disturbs_nobody(house: House) {
        let Some((mut pebble, wish)) = beside(&house) else { return };
        let mut house = house;
        house.person("alice@example.org").await;
        let (root, first) = certified(&mut house, &mut pebble, &wish).await;
        let mut before = session(&house, &root).await;
        house.pass_days(59);
        assert!(refused_renewal(&house, false).await.starts_with("it is not due until "));
        house.pass_days(2);
        let (asked, _) = house.app().renew_certificate(house.operator(), false).await.expect("an answer");
        assert_eq!(asked, CertificateAsked::Asking);
        let renewed = async || shown(&house, &root).await.filter(|shown| *shown != first);
        let second = until("another certificate is shown", renewed).await;
        before.ok("SELECT INBOX", "[READ-WRITE]").await;
        session(&house, &root).await.ok("NOOP", "").await;
        let log = pebble.log();
        assert_eq!(log.matches("Issued certificate serial").count(), 2, "once on the 61st day:\n{log}");
        assert_eq!(log.matches("POST /sign-me-up ").count(), 1, "one account:\n{log}");

        // A name that is added is not waited for.
        house.reload(&["POSTERN_TLS__ACME__NAMES=[\"autoconfig.example.org\"]"]).certificate.expect("its files are in order");
        let third = until("a third one", async || shown(&house, &root).await.filter(|shown| *shown != second)).await;
        let holds = |name: &str| third.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(holds("mail.example.org") && holds("autoconfig.example.org"));
        before.ok("NOOP", "").await;

        // Another one that nobody needs is given to whoever insists.
        ended(&house).await;
        assert!(refused_renewal(&house, false).await.starts_with("it is not due until "));
        let (asked, state) = house.app().renew_certificate(house.operator(), true).await.expect("an answer");
        assert_eq!(asked, CertificateAsked::Asking);
        let attempts = |state: &CertificateState| state.authority.as_ref().expect("an authority").attempts;
        let before_it = attempts(&state);
        until("it has come to an end", async || (attempts(&ended(&house).await) > before_it).then_some(())).await;
        assert_ne!(shown(&house, &root).await, Some(third));

        // The authority hears at once of another contact, though nothing is due.
        let account = kept(&house).join("account.json");
        house.reload(&["POSTERN_TLS__ACME__CONTACT=warden@example.org"]).certificate.expect("its files are in order");
        let told = async || document(&account).filter(|account| account["contact"][0] == "mailto:warden@example.org");
        until("it is told", told).await;
        assert_eq!(pebble.log().matches("Issued certificate serial").count(), 4);
    }

    /// Of a house without ACME: the certificate that init made is made again, under the same authority, for the same key.
    async fn a_certificate_of_the_own_authority_is_made_again(house: House) {
        house.person("alice@example.org").await;
        let ca = house.data_dir().join("tls/ca.pem");
        let key = std::fs::read(house.data_dir().join("tls/key.pem")).expect("a key");
        let mut before = session(&house, &ca).await;
        let first = shown(&house, &ca).await.expect("it is trusted");
        assert!(refused_renewal(&house, false).await.starts_with("it is not due until "));
        let (asked, state) = house.app().renew_certificate(house.operator(), true).await.expect("an answer");
        assert_eq!(asked, CertificateAsked::Made);
        let second = shown(&house, &ca).await.expect("it is trusted, too");
        assert_ne!(first, second);
        let about = state.shown.expect("a certificate");
        assert_eq!((about.source, about.names.as_slice()), (CertificateSource::OwnAuthority, ["mail.example.org", "localhost"].map(str::to_owned).as_slice()));
        assert_eq!((about.key.as_str(), state.findings), ("ECDSA P-256", vec![]));
        assert_eq!(std::fs::read(house.data_dir().join("tls/key.pem")).expect("a key"), key);
        before.ok("NOOP", "").await;
        let query = AuditQuery { most: 3, ..AuditQuery::default() };
        let rows = house.app().audit(house.operator(), query).await.expect("the trail");
        let asked: Vec<_> = rows.iter().filter(|row| row.action == "certificate.renewal-asked").map(|row| row.detail.as_str()).collect();
        assert_eq!(asked, ["forced", ""]);
        let made: Vec<_> = rows.iter().filter(|row| row.action == "certificate.renewed").map(|row| row.detail.as_str()).collect();
        assert_eq!(made, [about.sha256.as_str()]);

        // The key of the authority is best kept elsewhere.
        let (kept, away) = (house.data_dir().join("tls/ca.key"), house.scratch().join("ca.key"));
        std::fs::copy(&kept, &away).expect("a copy");
        std::fs::remove_file(&kept).expect("it was there");
        assert!(refused_renewal(&house, true).await.contains("tls/ca.key is needed to sign another certificate"));
        // One that is another authority's signs for nobody.
        let other = postern_server::certificates::make("mail.example.org", house.now()).expect("certificates");
        crate::foreign::write(&kept, other.authority_key.expose_text().expect("PEM"));
        assert!(refused_renewal(&house, true).await.starts_with("the house's own authority can not sign another"));
        let house = house.restart().await;
        assert_eq!(shown(&house, &ca).await, Some(second), "none of that changed what is kept");

        // With few days left it is told, and done without insisting.
        std::fs::copy(&away, &kept).expect("it is brought");
        house.pass_days(820 - 20);
        let state = house.app().certificate(house.operator()).await.expect("a state");
        assert_eq!(state.findings.iter().map(|found| found.next.as_str()).collect::<Vec<_>>(), ["postern certificate renew"]);
        let (asked, state) = house.app().renew_certificate(house.operator(), false).await.expect("an answer");
        assert_eq!((asked, state.findings), (CertificateAsked::Made, vec![]));
    }

    /// At port 443 alone: a certificate that proves the name (RFC 8737).
    async fn a_name_is_proven_within_tls(house: House) {
        let Some((mut pebble, wish)) = beside(&house) else { return };
        let mut house = house;
        let wish = Wish { http: NOWHERE, ..wish };
        pebble.proves_by("tls-alpn-01");
        let (root, first) = certified(&mut house, &mut pebble, &wish).await;
        assert!(house.tls_trusting("https", &root).await.is_ok());
        assert_eq!(shown(&house, &root).await, Some(first));
    }

    /// What an authority refuses is told with what to do; what is shown stays, and it is left alone for a while.
    async fn a_refusal_is_told_and_changes_nothing(house: House) {
        let Some((mut pebble, wish)) = beside(&house) else { return };
        let log = Log::listen();
        let mut house = house;
        pebble.start(&Wish { http: NOWHERE, ..wish.clone() }).await;
        house.reload(&pebble.lines()).certificate.expect("nothing is wrong with the files");
        let refused = attempt(&house).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (reason, next) = (text(&refused["refusal"]["reason"]), text(&refused["refusal"]["next"]));
        assert!(reason.starts_with("mail.example.org: ") && reason.ends_with("(connection)"), "{reason}");
        assert!(next.starts_with("let port 80 of mail.example.org reach [listen] http"), "{next}");
        until("it is told", async || log.text().contains(&reason).then_some(())).await;
        assert!(log.text().contains("certificate.refused"), "{}", log.text());
        drop(house.tls("imaps").await);
        assert!(refused["not_before_ms"].as_i64() >= refused["last_ms"].as_i64().map(|at| at + 300_000), "{refused}");

        // Mended, and looked at again by a reload.
        pebble.stop().await;
        let (root, first) = certified(&mut house, &mut pebble, &wish).await;

        // A name that is not given leaves the certificate that there is. The authority is set up anew, so that the account is
        // gone; it is made again at once.
        pebble.stop().await;
        pebble.start(&Wish { blocked: vec!["autoconfig.example.org"], ..wish }).await;
        house.reload(&["POSTERN_TLS__ACME__NAMES=[\"autoconfig.example.org\"]"]).certificate.expect("its files are in order");
        let blocked = until("it is refused", async || why(&house).await).await;
        assert!(blocked.contains("autoconfig.example.org") && blocked.contains("rejectedIdentifier"), "{blocked}");
        assert_eq!(shown(&house, &root).await, Some(first));
    }
}
