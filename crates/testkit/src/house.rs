//! A whole server in the test's process, on ports that the system chooses, with people.

use crate::clock::{MovedClock, StandingClock};
use crate::{Engine, ImapClient, LmtpClient, RestClient, Sink, SmtpClient, TestDatabase};
use postern_access::Actor;
use postern_app::{Caller, GrantReach, GrantTerms, Hop, HopTls, QuotaChange, Routes, SharedChange};
use postern_server::config::Settings;
use postern_server::{Config, NewHouse, Reloaded, Running, Server, StartOptions};
use postern_store::{Clock, Origin, SystemClock};
use postern_types::{Address, DisplayName, Domain, PersonId, Rights, Secret, Seen, SendRights, Timestamp};
use rustls_pki_types::pem::PemObject;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

/// The password of every person in tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// A running house. It drains when it is dropped with [`House::stop`], and is cut otherwise.
pub struct House {
    running: Option<Running>,
    config: Config,
    environment: Vec<(String, String)>,
    operator: Caller,
    clock: Arc<MovedClock>,
    database: TestDatabase,
    folder: tempfile::TempDir,
}

/// At the end of every story its counters are counted again: SELECT and STATUS answer from
/// them, so one that is wrong is a wrong answer somewhere.
impl Drop for House {
    fn drop(&mut self) {
        let Some(running) = self.running.as_ref().filter(|_| !std::thread::panicking()) else { return };
        let (house, runtime) = (running.house(), tokio::runtime::Handle::current());
        // The store answers on its own threads, so waiting for them from a thread of one's own
        // needs no worker of the story's runtime.
        let amiss = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(house.recount())).join());
        let amiss = amiss.expect("counting does not panic");
        let amiss = amiss.expect("the house can be counted");
        assert!(amiss.is_empty(), "the counters are not what the rows say: {amiss:?}");
    }
}

/// How a house is to be.
pub struct HouseBuilder {
    engine: Engine,
    lines: Vec<String>,
    clock: Arc<dyn Clock>,
}

impl HouseBuilder {
    /// Adds a variable of the environment, such as `POSTERN_LIMITS__MESSAGE_BYTES=1000`.
    #[must_use]
    pub fn with(mut self, variable: &str) -> Self {
        self.lines.push(variable.to_owned());
        self
    }

    /// Counts this machine like any other: whoever comes from 127.x.y.z is a stranger, and wrong
    /// passwords shut it ([`House::imap_from`]).
    #[must_use]
    pub fn without_exemption(self) -> Self {
        self.with("POSTERN_SECURITY__EXEMPT_LOOPBACK=false")
    }

    /// Runs it by this clock instead of the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Time passes by [`House::pass_days`] and [`House::pass_minutes`] alone. It stands a day ahead, so
    /// that what the house has seen of the time is over.
    #[must_use]
    pub fn standing_still(mut self) -> Self {
        self.clock = Arc::new(StandingClock(self.clock.wall().plus_ms(24 * 60 * 60 * 1000)));
        self
    }

    /// Makes and starts it; `None` when tests were told to leave this engine out.
    pub async fn start(self) -> Option<House> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = TestDatabase::create(self.engine, folder.path()).await?;
        let settings = Settings {
            database_url: (self.engine == Engine::Postgres).then(|| database.text.clone()),
            hostname: Some("mail.example.org".into()),
            imaps: Some(vec!["127.0.0.1:0".into()]),
            imap: Some(vec!["127.0.0.1:0".into()]),
            lmtp: Some(vec!["127.0.0.1:0".into()]),
            smtp: Some(vec!["127.0.0.1:0".into()]),
            submission: Some(vec!["127.0.0.1:0".into()]),
            submissions: Some(vec!["127.0.0.1:0".into()]),
            https: Some(vec!["127.0.0.1:0".into()]),
            http: Some(vec!["127.0.0.1:0".into()]),
            smarthost: None,
            trust_loopback: true,
        };
        let new = NewHouse {
            data_dir: folder.path().join("house"),
            domain: Domain::parse("example.org").expect("a domain"),
            admin: address("admin@example.org"),
            password: Secret::new(PASSWORD),
            settings,
        };
        let made = new.make().await.expect("a house");
        // Failed sign-ins are answered as early as the configuration lets them be.
        let mut environment = vec![("POSTERN_SECURITY__FAILURE_DEADLINE_MS".to_owned(), "100".to_owned())];
        environment.extend(variables(&self.lines));
        let config = Config::load(&made.file, &environment).expect("the configuration reads");
        let mut house = House::run(config, self.clock, database, folder).await;
        house.environment = environment;
        Some(house)
    }
}

/// `NAME=value`, each.
fn variables<S: AsRef<str>>(lines: &[S]) -> impl Iterator<Item = (String, String)> {
    let pairs = lines.iter().filter_map(|line| line.as_ref().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

impl House {
    /// A house on this engine.
    pub fn builder(engine: Engine) -> HouseBuilder {
        HouseBuilder { engine, lines: Vec::new(), clock: Arc::new(SystemClock) }
    }

    async fn run(config: Config, clock: Arc<dyn Clock>, database: TestDatabase, folder: tempfile::TempDir) -> Self {
        let clock = Arc::new(MovedClock::over(clock));
        let options = StartOptions { clock: clock.clone(), ..StartOptions::new(config.clone()) };
        let running = Server::start(options).await.expect("the server starts");
        let operator = running.house().operator(0).expect("an operator");
        Self { running: Some(running), config, environment: Vec::new(), operator, clock, database, folder }
    }

    /// The moment by its clock.
    pub fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// Lets days pass. What the house does by the clock it does when a test asks for it.
    pub fn pass_days(&self, days: i64) {
        self.clock.pass_ms(days * 24 * 60 * 60 * 1000);
    }

    /// Lets minutes pass, as [`House::pass_days`].
    pub fn pass_minutes(&self, minutes: i64) {
        self.clock.pass_ms(minutes * 60 * 1000);
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the server runs until the test ends")
    }

    /// The house itself, for what no protocol does yet.
    pub fn app(&self) -> &Arc<postern_app::House> {
        self.running().house()
    }

    /// The operator of the local socket.
    pub fn operator(&self) -> &Caller {
        &self.operator
    }

    /// A person as they act once they have signed in somewhere.
    pub async fn acting_as(&self, email: &str) -> Caller {
        let people = self.app().persons(&self.operator).await.expect("the people");
        let row = people.into_iter().find(|row| row.address == email).expect("a person");
        let origin = Origin::new(0, "test", String::new(), email.to_owned(), [7; 32]);
        Caller::new(Actor::Person(PersonId::of(row.id)), origin)
    }

    /// Its data folder.
    pub fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// Its configuration file.
    pub fn config_file(&self) -> &Path {
        &self.config.file
    }

    /// A folder for whatever a test needs.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// From now on the engine deletes no row of this table: a transaction that wants to fails.
    pub async fn refuse_deletes(&self, table: &str) {
        self.refuse_deletes_of(table, "1 = 1").await;
    }

    /// The same for the rows of which this is true, as of `OLD.uid = 7`.
    pub async fn refuse_deletes_of(&self, table: &str, rows: &str) {
        let sqlite = format!(
            "CREATE TRIGGER refuse BEFORE DELETE ON {table} WHEN {rows} BEGIN SELECT RAISE(ABORT, 'refused'); END"
        );
        let postgres = format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN RAISE EXCEPTION 'refused'; END $$;
             CREATE TRIGGER refuse BEFORE DELETE ON {table} FOR EACH ROW WHEN ({rows}) EXECUTE FUNCTION refuse()"
        );
        self.database.execute(self.data_dir(), sqlite, postgres).await;
    }

    /// It deletes them again.
    pub async fn allow_deletes(&self) {
        let (sqlite, postgres) = ("DROP TRIGGER refuse".to_owned(), "DROP FUNCTION refuse() CASCADE".to_owned());
        self.database.execute(self.data_dir(), sqlite, postgres).await;
    }

    /// Bounds a person's own account.
    pub async fn set_quota(&self, email: &str, bytes: u64) {
        let change = QuotaChange { bytes: Some(Some(bytes)), ..QuotaChange::default() };
        self.app().set_person_quota(&self.operator, &address(email), change).await.expect("a quota");
    }

    /// Where this text is kept: files below its data folder, and tables of its database.
    pub async fn kept_in(&self, text: &str) -> Vec<String> {
        self.database.kept_in(self.data_dir(), text).await
    }

    /// Takes variables of the environment besides those that there are, as SIGHUP would.
    pub fn reload<S: AsRef<str>>(&mut self, lines: &[S]) -> Reloaded {
        self.read(lines);
        self.running().reload(self.config.clone())
    }

    /// Drains the server and starts it again on the same data, with further variables of the environment.
    pub async fn restart_with<S: AsRef<str>>(mut self, lines: &[S]) -> Self {
        self.read(lines);
        self.restart().await
    }

    fn read<S: AsRef<str>>(&mut self, lines: &[S]) {
        self.environment.extend(variables(lines));
        self.config = Config::load(&self.config.file, &self.environment).expect("the configuration reads");
    }

    /// Drains the server and starts it again on the same data.
    pub async fn restart(mut self) -> Self {
        let running = self.running.take().expect("the server runs");
        assert!(running.drain(Duration::from_secs(60)).await, "sessions end when the server drains");
        let options = StartOptions { clock: self.clock.clone(), ..StartOptions::new(self.config.clone()) };
        let running = Server::start(options).await.expect("the server starts again");
        self.operator = running.house().operator(0).expect("an operator");
        self.running = Some(running);
        self
    }

    /// Where a listener is.
    pub fn listener(&self, name: &str) -> SocketAddr {
        let text = self.running().listeners().get(name).unwrap_or_else(|| panic!("no listener {name}"));
        text.parse().unwrap_or_else(|_| panic!("{text} is no address"))
    }

    /// Makes a person whose password is [`PASSWORD`].
    pub async fn person(&self, email: &str) {
        let password = Some(Secret::new(PASSWORD));
        self.app()
            .add_person(&self.operator, &address(email), &DisplayName::default(), password)
            .await
            .expect("a new person");
    }

    /// Makes a shared account.
    pub async fn shared(&self, email: &str) {
        self.app()
            .add_shared(&self.operator, &address(email), &DisplayName::default(), &[], &[])
            .await
            .expect("a new shared account");
    }

    /// Gives letters on a whole account.
    pub async fn grant(&self, shared: &str, grantee: &str, letters: &str) {
        let terms = GrantTerms {
            reach: GrantReach::Account,
            rights: Rights::parse(letters).expect("letters"),
            send: SendRights::NONE,
            automap: true,
            not_after: None,
        };
        self.app().give(&self.operator, &address(shared), &address(grantee), terms).await.expect("a grant");
    }

    /// Sets whose `\Seen` a shared account keeps.
    pub async fn set_seen(&self, shared: &str, seen: Seen) {
        let change = SharedChange { seen: Some(seen), ..SharedChange::default() };
        self.app().set_shared(&self.operator, &address(shared), change).await.expect("a setting");
    }

    /// Turns delete protection of a shared account on or off.
    pub async fn set_delete_protection(&self, shared: &str, on: bool) {
        let change = SharedChange { delete_protection: Some(on), ..SharedChange::default() };
        self.app().set_shared(&self.operator, &address(shared), change).await.expect("a setting");
    }

    /// How many messages are in a shared account.
    pub async fn messages(&self, shared: &str) -> u64 {
        let all = self.app().shared(&self.operator).await.expect("the shared accounts");
        all.into_iter().find(|seen| seen.row.address == shared).expect("a shared account").row.messages
    }

    /// Takes everything back that someone holds in an account.
    pub async fn revoke(&self, shared: &str, grantee: &str) {
        self.app()
            .take_back(&self.operator, &address(shared), &address(grantee), None)
            .await
            .expect("a grant to take back");
    }

    /// A connection to the plain IMAP listener, greeted.
    pub async fn imap(&self, name: &str) -> ImapClient {
        let stream = TcpStream::connect(self.listener("imap")).await.expect("the IMAP listener answers");
        stream.set_nodelay(true).expect("a loopback socket takes the option");
        ImapClient::start(stream, name).await
    }

    /// The same from another address of this machine, 127.x.y.z.
    pub async fn imap_from(&self, source: &str, name: &str) -> ImapClient {
        let socket = TcpSocket::new_v4().expect("a socket");
        let source = SocketAddr::new(source.parse().expect("an address"), 0);
        socket.bind(source).expect("every address in 127.0.0.0/8 is this machine's");
        let stream = socket.connect(self.listener("imap")).await.expect("the IMAP listener answers");
        stream.set_nodelay(true).expect("a loopback socket takes the option");
        ImapClient::start(stream, name).await
    }

    /// The same, signed in.
    pub async fn imap_as(&self, email: &str) -> ImapClient {
        let mut client = self.imap(email).await;
        client.login(email, PASSWORD).await;
        client
    }

    /// A connection to the IMAP listener under TLS, greeted.
    pub async fn imaps(&self, name: &str) -> ImapClient {
        ImapClient::start(self.tls("imaps").await, name).await
    }

    /// A TLS connection to a listener, which trusts this house's authority alone.
    pub async fn tls(&self, listener: &str) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.listener(listener)).await.expect("the listener answers");
        stream.set_nodelay(true).expect("a loopback socket takes the option");
        self.under_tls(stream).await
    }

    /// The same on a stream that is there, after STARTTLS.
    pub async fn under_tls<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> TlsStream<S> {
        let stream = trusting(stream, "mail.example.org", &self.data_dir().join("tls/ca.pem")).await;
        stream.expect("TLS with the house's own authority")
    }

    /// A TLS connection to a listener, by somebody who trusts the authorities of this file alone.
    pub async fn tls_trusting(&self, listener: &str, authorities: &Path) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.listener(listener)).await.expect("the listener answers");
        trusting(stream, "mail.example.org", authorities).await
    }

    /// REST at the https listener, as nobody yet.
    pub async fn rest(&self) -> RestClient {
        RestClient::start(self.tls("https").await)
    }

    /// The same, signed in.
    pub async fn rest_as(&self, email: &str) -> RestClient {
        let mut client = self.rest().await;
        client.login(email, PASSWORD).await;
        client
    }

    /// A connection to the submission listener under TLS, which has said EHLO.
    pub async fn submission(&self) -> SmtpClient {
        SmtpClient::start(self.tls("submissions").await).await
    }

    /// The same, signed in.
    pub async fn submission_as(&self, username: &str) -> SmtpClient {
        let mut client = self.submission().await;
        client.login(username).await;
        client
    }

    /// A connection to the SMTP listener, as another server.
    pub async fn smtp(&self) -> SmtpClient {
        let stream = TcpStream::connect(self.listener("smtp")).await.expect("the SMTP listener answers");
        stream.set_nodelay(true).expect("a loopback socket takes the option");
        SmtpClient::start(stream).await
    }

    /// Hands mail for other domains to a sink.
    pub async fn relay_to(&self, sink: &Sink) {
        self.relay_to_address(sink.address());
    }

    /// Hands mail for other domains to whatever listens at an address.
    pub fn relay_to_address(&self, address: SocketAddr) {
        let hop = Hop { host: address.ip().to_string(), port: address.port(), tls: HopTls::Never, login: None };
        self.app().set_routes(Routes { smarthost: Some(Arc::new(hop)), domains: BTreeMap::new() });
    }

    /// Gives full access and how to send.
    pub async fn delegate(&self, shared: &str, grantee: &str, send: SendRights) {
        self.delegate_with(shared, grantee, &Rights::FULL_ACCESS.to_string(), send).await;
    }

    /// Gives letters and how to send.
    pub async fn delegate_with(&self, shared: &str, grantee: &str, letters: &str, send: SendRights) {
        let (reach, rights) = (GrantReach::Account, Rights::parse(letters).expect("letters"));
        let terms = GrantTerms { reach, rights, send, automap: true, not_after: None };
        self.app().give(&self.operator, &address(shared), &address(grantee), terms).await.expect("a grant");
    }

    /// A connection to the LMTP listener.
    pub async fn lmtp(&self) -> LmtpClient {
        LmtpClient::connect(self.listener("lmtp")).await
    }

    /// Delivers one message; it must be accepted.
    pub async fn deliver(&self, to: &str, message: &str) {
        let replies = self.lmtp().await.deliver("sender@example.net", &[to], message.as_bytes()).await;
        assert!(replies.iter().all(|reply| reply.starts_with("250")), "{replies:?}");
    }
}

/// TLS with a server of this name, by somebody who trusts the authorities of this file alone.
pub async fn trusting<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    name: &str,
    authorities: &Path,
) -> io::Result<TlsStream<S>> {
    let mut roots = rustls::RootCertStore::empty();
    for pem in rustls_pki_types::CertificateDer::pem_file_iter(authorities).expect("certificates") {
        roots.add(pem.expect("a certificate")).expect("a certificate");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = name.to_owned().try_into().expect("a name");
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(server, stream).await
}
