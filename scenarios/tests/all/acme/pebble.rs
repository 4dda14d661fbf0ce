//! An authority in a process of its own: Debian's `pebble`, which speaks RFC 8555 and looks at every name.
//!
//! It listens at an address of loopback that no other test has, asks a DNS server of ours, and is
//! ended with the test.

use crate::foreign::{program, write};
use postern_server::certificates;
use postern_store::{Clock, SystemClock};
use postern_testkit::{FakeDns, RestClient, trusting};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Where nothing is to be looked for.
pub const NOWHERE: u16 = 1;

/// An address that this process has for itself.
pub fn own_address() -> IpAddr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    format!("127.{}.{middle}.{low}", 140 + (high & 31)).parse().expect("an address")
}

/// How an authority is to be.
#[derive(Clone)]
pub struct Wish {
    /// At which port it looks for the answer to http-01.
    pub http: u16,
    /// At which for that to tls-alpn-01.
    pub tls: u16,
    /// Names that it gives no certificate for.
    pub blocked: Vec<&'static str>,
}

/// An authority that may run.
pub struct Pebble {
    folder: PathBuf,
    address: SocketAddr,
    management: SocketAddr,
    challenge: &'static str,
    running: Option<(Child, FakeDns)>,
}

impl Pebble {
    /// At an address, not running yet; nothing where the program is not installed.
    pub fn new(folder: &Path) -> Option<Self> {
        program("pebble")?;
        // Both at once, so that they differ; nobody else takes ports of this address.
        let free = [0; 2].map(|port| TcpListener::bind((own_address(), port)).expect("a port"));
        let [address, management] = free.map(|free| free.local_addr().expect("an address"));
        let made = certificates::make(&own_address().to_string(), SystemClock.wall()).expect("certificates");
        std::fs::create_dir_all(folder).expect("a folder");
        write(&folder.join("cert.pem"), &made.server);
        write(&folder.join("key.pem"), made.server_key.expose_text().expect("PEM"));
        write(&folder.join("ca.pem"), &made.authority);
        Some(Self { folder: folder.to_owned(), address, management, challenge: "http-01", running: None })
    }

    /// The variables that have a house ask it.
    pub fn lines(&self) -> Vec<String> {
        vec![
            format!("POSTERN_TLS__ACME__DIRECTORY=https://{}/dir", self.address),
            format!("POSTERN_TLS__ACME__CA_FILE={}", self.folder.join("ca.pem").display()),
            format!("POSTERN_TLS__ACME__CHALLENGE={}", self.challenge),
            "POSTERN_TLS__ACME__CONTACT=postmaster@example.org".to_owned(),
        ]
    }

    /// Houses that ask it prove their names in this way.
    pub fn proves_by(&mut self, challenge: &'static str) {
        self.challenge = challenge;
    }

    /// Starts it, and waits until it answers. Every name of example.org leads to our own address.
    pub async fn start(&mut self, wish: &Wish) {
        let ours = &*own_address().to_string().leak();
        let names = ["mail.example.org", "autoconfig.example.org"];
        let dns = FakeDns::start(names.iter().map(|name| (*name, "A", ours)).collect()).await.expect("DNS");
        let path = |name: &str| self.folder.join(name).display().to_string();
        let config = serde_json::json!({ "pebble": {
            "listenAddress": self.address.to_string(),
            "managementListenAddress": self.management.to_string(),
            "certificate": path("cert.pem"),
            "privateKey": path("key.pem"),
            "httpPort": wish.http,
            "tlsPort": wish.tls,
            "certificateValidityPeriod": 90 * 24 * 3600,
            "domainBlocklist": wish.blocked,
        }});
        write(&self.folder.join("pebble.json"), &config.to_string());
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("log")).expect("a file");
        let child = Command::new(program("pebble").expect("it is installed"))
            .args(["-config", &path("pebble.json"), "-strict", "-dnsserver", &dns.address().to_string()])
            // Without pauses, and without refusing good nonces: one in twenty is not what these stories are about.
            .envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0"), ("PEBBLE_AUTHZREUSE", "0")])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        self.running = Some((child, dns));
        for at in [self.address, self.management] {
            until("the authority answers", async || TcpStream::connect(at).await.ok()).await;
        }
    }

    /// Ends it; what it knew is forgotten.
    pub async fn stop(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            child.kill().await.expect("it ends");
        }
    }

    /// A file with the root of the certificates that it gives.
    pub async fn root(&self) -> PathBuf {
        let stream = TcpStream::connect(self.management).await.expect("it answers");
        let stream = trusting(stream, &own_address().to_string(), &self.folder.join("ca.pem")).await.expect("TLS");
        let answer = RestClient::start(stream).get("/roots/0").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let file = self.folder.join("root.pem");
        write(&file, &answer.text);
        file
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).expect("its log")
    }
}

/// Asks until there is an answer. The end of patience is no judgement of speed: without it a test would hang.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            match ask().await {
                Some(answer) => return answer,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(120), asking).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}
