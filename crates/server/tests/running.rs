//! A whole server, as `serve` runs it: a new house is made, every listener answers, a reload
//! and a drain do what they say, and every way a start can fail gives its next step.

use postern_server::config::{Config, ListenAddress, Settings, loopback};
use postern_server::{NewHouse, Running, Server, SetupError, StartOptions};
use postern_types::{Address, Domain, Secret};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Long enough for any machine; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn new_house(folder: &Path) -> NewHouse {
    let settings = Settings { hostname: Some("mail.example.org".into()), ..Settings::default() };
    NewHouse {
        data_dir: folder.join("house"),
        domain: Domain::parse("example.org").unwrap(),
        admin: Address::parse("admin@example.org").unwrap(),
        password: Secret::new("a password for the tests"),
        settings: loopback(settings, 0),
    }
}

async fn start(config: Config) -> Running {
    Server::start(StartOptions::new(config)).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn running(folder: &Path) -> (Running, Config) {
    let config = new_house(folder).make().await.unwrap();
    (start(config.clone()).await, config)
}

fn port(running: &Running, name: &str) -> String {
    running.listeners()[name].clone()
}

async fn tls(config: &Config, address: &str) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(config.data_dir.join("tls/ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap()
}

async fn line<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> String {
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, stream.read_line(&mut text)).await.expect("a line comes").unwrap();
    text
}

#[tokio::test]
async fn a_new_house_has_its_files_and_no_second_one_is_made_there() {
    let folder = tempfile::tempdir().unwrap();
    let config = new_house(folder.path()).make().await.unwrap();
    let mode = |name: &str| {
        let about = std::fs::metadata(config.data_dir.join(name)).unwrap();
        about.permissions().mode() & 0o777
    };
    assert_eq!((mode("keys"), mode("keys/blob.key")), (0o700, 0o600));
    assert_eq!((mode("tls/ca.key"), mode("tls/key.pem")), (0o600, 0o600));
    assert_eq!((mode("tls"), mode("tls/ca.pem"), mode("tls/cert.pem")), (0o750, 0o644, 0o644));
    assert_eq!((mode("."), mode("postern.toml")), (0o750, 0o640));
    assert_eq!(std::fs::read(config.data_dir.join("keys/blob.key")).unwrap().len(), 32);

    let again = new_house(folder.path()).make().await.unwrap_err();
    assert!(matches!(again, SetupError::Exists { .. }));
    let text = again.to_string();
    let next = format!("Next step: start it with `postern serve --config {}`", config.file.display());
    assert!(text.contains("holds a house already") && text.contains(&next), "{text}");
}

#[tokio::test]
async fn a_house_that_can_not_be_made_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut new = new_house(folder.path());
    // Port 1 on this machine: nobody listens there.
    new.settings.database_url = Some("postgres://nobody@127.0.0.1:1/none".into());
    new.make().await.unwrap_err();
    assert!(!folder.path().join("house").exists());

    let mut new = new_house(folder.path());
    new.password = Secret::new("short");
    let refusal = new.make().await.unwrap_err().to_string();
    assert!(refusal.contains("at least 15 characters"), "{refusal}");
    assert!(!folder.path().join("house").exists());
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a file of somebody else, gone with the test")]
async fn what_lies_in_the_folder_already_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("house/keys");
    std::fs::create_dir_all(&keys).unwrap();
    let refusal = new_house(folder.path()).make().await.unwrap_err().to_string();
    assert!(refusal.contains("keys is in the way"), "{refusal}");
    assert!(keys.exists());
    // As /tmp is, and as a folder of one's own is: neither becomes private.
    std::fs::remove_dir(&keys).unwrap();
    let house = folder.path().join("house");
    // An empty one is the house's own from now on.
    let empty = tempfile::tempdir().unwrap();
    std::fs::create_dir(empty.path().join("house")).unwrap();
    let open = std::fs::Permissions::from_mode(0o1777);
    std::fs::set_permissions(empty.path().join("house"), open).unwrap();
    let config = new_house(empty.path()).make().await.unwrap();
    assert_eq!(std::fs::metadata(&config.data_dir).unwrap().permissions().mode() & 0o7777, 0o750);
    std::fs::write(house.join("letter.txt"), "mine").unwrap();
    let mode = || std::fs::metadata(&house).unwrap().permissions().mode() & 0o7777;
    std::fs::set_permissions(&house, std::fs::Permissions::from_mode(0o1777)).unwrap();
    let refusal = new_house(folder.path()).make().await.unwrap_err().to_string();
    assert!(refusal.starts_with("every user of this machine may write in ") && mode() == 0o1777, "{refusal}");
    assert_eq!(std::fs::read_dir(&house).unwrap().count(), 1);
    std::fs::set_permissions(&house, std::fs::Permissions::from_mode(0o755)).unwrap();
    new_house(folder.path()).make().await.unwrap();
    assert_eq!(mode(), 0o755);
}

#[tokio::test]
async fn every_listener_answers_and_a_drain_tells_the_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let (running, config) = running(folder.path()).await;

    let mut imaps = BufReader::new(tls(&config, &port(&running, "imaps")).await);
    assert!(line(&mut imaps).await.starts_with("* OK "));
    let mut imap = BufReader::new(TcpStream::connect(port(&running, "imap")).await.unwrap());
    assert!(line(&mut imap).await.starts_with("* OK "));
    let mut lmtp = BufReader::new(TcpStream::connect(port(&running, "lmtp")).await.unwrap());
    assert!(line(&mut lmtp).await.starts_with("220 "));

    // TLS with the first byte, and without.
    drop(tls(&config, &port(&running, "submissions")).await);
    for name in ["submission", "smtp"] {
        drop(TcpStream::connect(port(&running, name)).await.unwrap());
    }

    let socket = config.data_dir.join("admin.sock");
    assert_eq!(running.listeners()["admin"], format!("unix:{}", socket.display()));
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    let mut admin = BufReader::new(UnixStream::connect(&socket).await.unwrap());
    admin.write_all(b"GET /api/v1/persons HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(line(&mut admin).await, "HTTP/1.1 200 OK\r\n", "the kernel names the operator");

    let mut https = BufReader::new(tls(&config, &port(&running, "https")).await);
    https.write_all(b"GET /api/v1/persons HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(line(&mut https).await, "HTTP/1.1 401 Unauthorized\r\n", "nobody is named here");
    let mut watching = BufReader::new(tls(&config, &port(&running, "https")).await);
    watching.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(line(&mut watching).await, "HTTP/1.1 200 OK\r\n", "programs of this machine may read metrics");

    let drained = tokio::spawn(running.drain(PATIENCE));
    assert!(line(&mut imaps).await.starts_with("* BYE "));
    assert!(line(&mut imap).await.starts_with("* BYE "));
    assert!(line(&mut lmtp).await.starts_with("421 "));
    // A connection that waits for a request is let go, with the farewell of TLS.
    https.read_to_end(&mut Vec::new()).await.expect("TLS ends with a farewell");
    assert!(drained.await.unwrap(), "all ended by themselves");
    assert!(!socket.exists());
    let mut rest = Vec::new();
    imaps.read_to_end(&mut rest).await.expect("TLS ends with a farewell");
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_session_that_does_not_end_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (running, _config) = running(folder.path()).await;
    let mut lmtp = BufReader::new(TcpStream::connect(port(&running, "lmtp")).await.unwrap());
    line(&mut lmtp).await;
    // In the middle of a transaction a session does not end by itself.
    lmtp.write_all(b"LHLO there.example.net\r\nMAIL FROM:<visitor@example.net>\r\n").await.unwrap();
    while !line(&mut lmtp).await.starts_with("250 2.1.0") {}
    assert!(!running.drain(Duration::ZERO).await);
    assert_eq!(line(&mut lmtp).await, "", "the connection is gone");
}

#[tokio::test]
async fn a_reload_brings_a_new_certificate_to_the_next_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (running, config) = running(folder.path()).await;
    let address = port(&running, "imaps");
    let leaf = |stream: &TlsStream<TcpStream>| stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let first = tls(&config, &address).await;

    let other_folder = tempfile::tempdir().unwrap();
    let other = new_house(other_folder.path()).make().await.unwrap();
    let fresh = Config { tls: other.tls.clone(), hostname: "mx.example.org".into(), ..config.clone() };
    let reloaded = running.reload(fresh.clone());
    reloaded.certificate.unwrap();
    assert_eq!(reloaded.needs_restart, ["hostname"], "what a running server can not change is said");
    assert_eq!(running.reload(fresh).needs_restart, ["hostname"], "and said again while it differs");

    let second = tls(&other, &address).await;
    assert_ne!(leaf(&first), leaf(&second));
    drop((first, second));
    assert!(running.drain(PATIENCE).await);
}

/// The configuration with these lines of [relay].
fn with_relay(config: &Config, lines: &str) -> Config {
    let text = format!("hostname = \"mail.example.org\"\n[relay]\n{lines}");
    let relay = Config::parse(&config.file, &text, &[]).unwrap_or_else(|error| panic!("{error}")).relay;
    Config { relay, ..config.clone() }
}

/// A smarthost that was wrong is mended without a restart; one that can not be used changes nothing.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test's file need not last")]
async fn a_reload_changes_where_mail_goes() {
    let folder = tempfile::tempdir().unwrap();
    let config = new_house(folder.path()).make().await.unwrap();
    let running = start(with_relay(&config, "smarthost = \"127.0.0.1:1\"\n")).await;
    let goes_to = || running.house().routes().smarthost.as_ref().map(ToString::to_string);
    assert_eq!(goes_to().as_deref(), Some("127.0.0.1:1"));

    let password = config.data_dir.join("relay.password");
    std::fs::write(&password, "hunter2\n").unwrap();
    let mode = |mode: u32| std::fs::set_permissions(&password, std::fs::Permissions::from_mode(mode)).unwrap();
    let lines = "smarthost = \"relay.example.net:465\"\nusername = \"us\"\npassword_file = \"relay.password\"\n";
    let fresh = with_relay(&config, lines);
    mode(0o644);
    let refusal = running.reload(fresh.clone()).relay.unwrap_err().to_string();
    assert!(refusal.contains("Next step: chmod o= ") && !refusal.contains("hunter2"), "{refusal}");
    assert_eq!(goes_to().as_deref(), Some("127.0.0.1:1"), "it stays where it was");

    mode(0o600);
    let reloaded = running.reload(fresh);
    reloaded.relay.unwrap();
    assert!(reloaded.needs_restart.is_empty(), "{:?}", reloaded.needs_restart);
    let routes = running.house().routes();
    let login = routes.smarthost.as_ref().and_then(|hop| hop.login.clone()).unwrap();
    assert_eq!((goes_to().as_deref(), login.password.expose()), (Some("relay.example.net:465"), &b"hunter2"[..]));

    let reloaded = running.reload(with_relay(&config, "connections = 3\nca_file = \"ca.pem\"\n"));
    reloaded.relay.unwrap();
    assert_eq!(reloaded.needs_restart, ["[relay] ca_file", "[relay] connections"]);
    assert_eq!(goes_to(), None);
    assert!(running.drain(PATIENCE).await);
}

/// A house that could not sign in at its smarthost says so before it takes a message.
#[tokio::test]
async fn a_password_that_is_not_there_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = new_house(folder.path()).make().await.unwrap();
    let lines = "smarthost = \"relay.example.net\"\nusername = \"us\"\npassword_file = \"nowhere\"\n";
    let lost =
        Server::start(StartOptions::new(with_relay(&config, lines))).await.err().expect("no password").to_string();
    let file = config.data_dir.join("nowhere").display().to_string();
    assert!(lost.starts_with(&file) && lost.contains("Next step: check [relay] password_file"), "{lost}");
}

#[tokio::test]
async fn one_address_has_so_many_connections_before_sign_in_and_a_reload_changes_that() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = new_house(folder.path()).make().await.unwrap();
    config.security.exempt_loopback = false;
    config.limits.unauthenticated_per_address = 2;
    let running = start(config.clone()).await;
    let connect = async || BufReader::new(TcpStream::connect(port(&running, "imap")).await.unwrap());

    let (mut one, mut two, mut three) = (connect().await, connect().await, connect().await);
    assert!(line(&mut one).await.starts_with("* OK "));
    assert!(line(&mut two).await.starts_with("* OK "));
    assert_eq!(line(&mut three).await, "", "the third is closed without a word");

    config.limits.unauthenticated_per_address = 3;
    assert!(running.reload(config).needs_restart.is_empty());
    let mut four = connect().await;
    assert!(line(&mut four).await.starts_with("* OK "));

    // Who has signed in is no stranger any more and makes room for one.
    four.write_all(b"a LOGIN admin@example.org \"a password for the tests\"\r\n").await.unwrap();
    assert!(line(&mut four).await.starts_with("a OK "));
    let (mut five, mut six) = (connect().await, connect().await);
    assert!(line(&mut five).await.starts_with("* OK "));
    assert_eq!(line(&mut six).await, "", "one and no more");
    drop((one, two, three, four, five, six));
    assert!(running.drain(PATIENCE).await);
}

/// A connection of https is a stranger's until a request of it has proved who asks.
#[tokio::test]
async fn strangers_at_https_are_counted_until_they_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = new_house(folder.path()).make().await.unwrap();
    config.security.exempt_loopback = false;
    config.limits.unauthenticated_per_address = 1;
    let running = start(config.clone()).await;
    let address = port(&running, "https");

    let mut one = BufReader::new(tls(&config, &address).await);
    one.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(line(&mut one).await, "HTTP/1.1 200 OK\r\n", "health makes nobody known");
    while line(&mut one).await != "\r\n" {}
    one.read_exact(&mut [0; 15]).await.unwrap();
    let mut two = BufReader::new(TcpStream::connect(&address).await.unwrap());
    assert_eq!(line(&mut two).await, "", "the second is closed without a word");

    let body = r#"{"email":"admin@example.org","password":"a password for the tests"}"#;
    let head = "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    one.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(line(&mut one).await, "HTTP/1.1 200 OK\r\n");
    let mut three = BufReader::new(tls(&config, &address).await);
    three.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(line(&mut three).await, "HTTP/1.1 200 OK\r\n");
    drop((one, two, three));
    assert!(running.drain(PATIENCE).await);
}

/// Of several who make a house in one folder at once, one makes it and the others are told; none
/// takes away what the one has made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_gets_one_house_however_many_make_it_at_once() {
    for _ in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let made: Vec<_> = (0..4).map(|_| tokio::spawn(new_house(folder.path()).make())).collect();
        let mut configs = Vec::new();
        for one in made {
            match one.await.unwrap() {
                Ok(config) => configs.push(config),
                Err(SetupError::Busy { .. } | SetupError::Exists { .. } | SetupError::InTheWay { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(configs.len(), 1, "one house");
        assert!(start(configs.remove(0)).await.drain(PATIENCE).await);
    }
}

#[tokio::test]
async fn one_folder_has_one_server_and_a_taken_port_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (running, config) = running(folder.path()).await;
    let second = Server::start(StartOptions::new(config)).await.err().expect("the folder is held").to_string();
    assert!(second.contains(&format!("in use by process {}", std::process::id())), "{second}");

    let other = tempfile::tempdir().unwrap();
    let mut config = new_house(other.path()).make().await.unwrap();
    config.listen.imaps = vec![port(&running, "imaps").parse::<ListenAddress>().unwrap()];
    let taken = Server::start(StartOptions::new(config.clone())).await.err().expect("the port is held").to_string();
    assert!(taken.contains("(imaps) is taken by process") && taken.contains("Next step: stop it"), "{taken}");
    assert!(running.drain(PATIENCE).await);

    // A start that failed has let everything go.
    assert!(start(config).await.drain(PATIENCE).await);
}

/// A letter to the admin, over LMTP.
async fn deliver(running: &Running, letter: &str) {
    let mut lmtp = BufReader::new(TcpStream::connect(port(running, "lmtp")).await.unwrap());
    let head = "LHLO there.example.net\r\nMAIL FROM:<visitor@example.net>\r\nRCPT TO:<admin@example.org>\r\nDATA\r\n";
    lmtp.write_all(head.as_bytes()).await.unwrap();
    while !line(&mut lmtp).await.starts_with("354 ") {}
    lmtp.write_all(format!("{letter}.\r\n").as_bytes()).await.unwrap();
    let kept = line(&mut lmtp).await;
    assert!(kept.starts_with("250 "), "{kept}");
}

/// Nothing is made in place of what is lost: an empty house would look like one without mail.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what is moved away was lost, and need not be durable")]
async fn a_house_that_has_lost_its_mail_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let config = new_house(folder.path()).make().await.unwrap();
    let refused = async |name: &str| {
        let lost = Server::start(StartOptions::new(config.clone())).await.err().expect("it is lost").to_string();
        let path = config.data_dir.join(name);
        assert!(lost.starts_with(&format!("{} is not there or empty", path.display())), "{lost}");
        assert!(lost.contains("Next step: mount its disk, or bring it back from a backup"), "{lost}");
    };
    for name in ["postern.db", "bodies.db"] {
        let (path, away) = (config.data_dir.join(name), folder.path().join("away"));
        std::fs::rename(&path, &away).unwrap();
        refused(name).await;
        assert!(!path.exists());
        std::fs::write(&path, "").unwrap();
        refused(name).await;
        // A link to a disk that is not mounted; on that disk nothing is made either.
        std::fs::remove_file(&path).unwrap();
        let unmounted = folder.path().join("unmounted");
        std::os::unix::fs::symlink(&unmounted, &path).unwrap();
        refused(name).await;
        assert!(!unmounted.exists());
        std::fs::rename(&away, &unmounted).unwrap();
        assert!(start(config.clone()).await.drain(PATIENCE).await);
        std::fs::rename(&unmounted, &path).unwrap();
    }
    // Without large messages nobody misses their folder.
    assert!(!config.blobs.exists());
    let running = start(config.clone()).await;
    // Digits of 16 letters that do not repeat pack to no less than half.
    let letter: String =
        (0..40_000_u64).map(|n| format!("{:016x}\r\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    deliver(&running, &format!("Subject: long\r\n\r\n{letter}")).await;
    assert!(running.drain(PATIENCE).await);
    assert!(config.blobs.exists());
    std::fs::remove_dir_all(&config.blobs).unwrap();
    refused("blobs").await;
    // As where its disk is not mounted.
    std::fs::create_dir_all(config.blobs.join("lost+found")).unwrap();
    refused("blobs").await;
    // Who knows that it is lost goes on with what there is.
    std::fs::write(config.blobs.join("gone"), "").unwrap();
    let running = start(config.clone()).await;
    assert!(running.drain(PATIENCE).await);
}

#[tokio::test]
async fn a_folder_without_a_house_says_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = new_house(folder.path()).make().await.unwrap();
    std::fs::remove_dir_all(config.data_dir.join("keys")).unwrap();
    let lost = Server::start(StartOptions::new(config.clone())).await.err().expect("no key").to_string();
    assert!(lost.contains("no body of a message is found") && lost.contains("back from a backup"), "{lost}");
    for name in ["postern.db", "bodies.db", "node"] {
        std::fs::remove_file(config.data_dir.join(name)).unwrap();
    }
    let absent = Server::start(StartOptions::new(config.clone())).await.err().expect("no house").to_string();
    assert!(absent.contains("holds no house") && absent.contains("Next step: postern init"), "{absent}");
    config.tls.key = "nowhere.pem".into();
    let deaf = postern_server::config::Listen {
        imaps: Vec::new(),
        imap: Vec::new(),
        lmtp: Vec::new(),
        smtp: Vec::new(),
        submission: Vec::new(),
        submissions: Vec::new(),
        https: Vec::new(),
        http: Vec::new(),
    };
    let deaf = Server::start(StartOptions::new(Config { listen: deaf, ..config.clone() })).await;
    let deaf = deaf.err().expect("nobody could come").to_string();
    assert!(deaf.contains("names no address\nNext step: add imaps = "), "{deaf}");
    let absent = Server::start(StartOptions::new(config)).await.err().expect("no certificate").to_string();
    assert!(absent.contains("nowhere.pem") && absent.contains("[tls] certificate and key"), "{absent}");
}
