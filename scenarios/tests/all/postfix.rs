//! Debian's Postfix as a server of somebody else's: an instance of its own on a folder of its own.
//!
//! Nothing of the system's is read or written but the programs: configuration, queue, data and log lie
//! in the test's folder, no service is asked, and the instance ends by the id of its own process. Its
//! master has to be root, so anybody else passes these stories over.

use crate::foreign::{missing, text, write};
use postern_testkit::{House, Sink, SmtpClient};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

const MASTER: &str = "/usr/lib/postfix/sbin/master";
const COMMAND: &str = "/usr/sbin/postfix";
const START_LIMIT: Duration = Duration::from_secs(60);

/// The services that take and hand on mail. None is in a jail, for a jail is filled by a script of the
/// system's instance; `pickup` and `local` are left out, for nobody here has mail on this machine.
const SERVICES: &str = "\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
";

/// A running Postfix. It ends when it is dropped.
pub struct Postfix {
    master: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // It tells its processes, which are its group.
        let told = Command::new("kill").args(["-TERM", &self.master.id().to_string()]).status();
        if !told.is_ok_and(|status| status.success()) {
            // It has ended by itself, or nobody can be told.
            let _ = self.master.kill();
        }
        let _ = self.master.wait();
        if std::thread::panicking() {
            self.show_log();
        }
    }
}

impl Postfix {
    /// One that takes mail of this machine, brings what is for example.org and example.com to this house
    /// as another server would, and everything else to the sink; nothing where it can not run.
    pub async fn start(house: &House, sink: &Sink) -> Option<Self> {
        let owner = owner(house)?;
        let folder = house.scratch().join("postfix");
        // Its processes give up being root and have to find their files.
        std::fs::set_permissions(house.scratch(), PermissionsExt::from_mode(0o711))
            .expect("a folder of the test's own");
        for part in ["", "etc", "queue", "data"] {
            std::fs::create_dir(folder.join(part)).expect("a folder");
        }
        chown(folder.join("data"), Some(owner), None).expect("root gives folders away");
        // An address of this process alone, so that nobody takes the port while Postfix is not there yet.
        let [high, middle, low] = std::process::id().to_be_bytes().last_chunk::<3>().copied().expect("four bytes");
        let own = Ipv4Addr::new(127, high | 128, middle, low);
        let held = TcpListener::bind((own, 0)).expect("every address in 127.0.0.0/8 is this machine's");
        let address = held.local_addr().expect("an address");
        write(&folder.join("etc/main.cf"), &configuration(house, sink, &folder));
        write(&folder.join("etc/master.cf"), &format!("{address} inet n - n - - smtpd\n{SERVICES}"));
        let etc = text(&folder.join("etc"));
        // Makes the queue's folders.
        let checked = Command::new(COMMAND).args(["-c", &etc, "check"]).stdin(Stdio::null()).status();
        drop(held);
        // Should the test be killed, it ends too.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", MASTER, "-c", &etc, "-d"]).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let master = command.spawn().expect("Postfix starts");
        let mut postfix = Self { master, address, folder };
        assert!(checked.is_ok_and(|status| status.success()), "Postfix likes its configuration: {}", postfix.log());
        postfix.wait_until_it_listens().await;
        Some(postfix)
    }

    async fn wait_until_it_listens(&mut self) {
        let started = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            let ended = self.master.try_wait().expect("our own child can be asked");
            assert!(
                ended.is_none() && started.elapsed() < START_LIMIT,
                "Postfix does not listen: {ended:?} {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where it takes mail.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection to it, which has said EHLO.
    pub async fn client(&self) -> SmtpClient {
        SmtpClient::start(TcpStream::connect(self.address).await.expect("Postfix listens")).await
    }

    /// What it wrote in its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    #[expect(clippy::print_stderr, reason = "a test that failed says what the other server saw")]
    fn show_log(&self) {
        eprintln!("Postfix wrote:\n{}", self.log());
    }
}

/// The user whose its data is, where there is a Postfix that can run.
fn owner(house: &House) -> Option<u32> {
    if !Path::new(MASTER).is_file() || !Path::new(COMMAND).is_file() {
        missing("Postfix");
        return None;
    }
    if std::fs::metadata(house.scratch()).expect("a folder").uid() != 0 {
        not_root();
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("the users of this machine");
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let user =
        fields.into_iter().find(|fields| fields.first() == Some(&"postfix")).expect("its package has made its user");
    Some(user.get(2).and_then(|id| id.parse().ok()).expect("a number"))
}

#[expect(clippy::print_stderr, reason = "a test that skips says so where its reader looks")]
fn not_root() {
    eprintln!("skipped: Postfix runs for root alone");
}

fn configuration(house: &House, sink: &Sink, folder: &Path) -> String {
    let (folder, tls) = (text(folder), text(&house.data_dir().join("tls")));
    let (ours, theirs) = (house.listener("smtp").port(), sink.address().port());
    format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = relay.example.net
inet_interfaces = loopback-only
inet_protocols = ipv4
smtp_host_lookup = native
smtpd_peername_lookup = no
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
  check_recipient_access inline:{{ {{ closed@example.net = 550 5.7.1 This mailbox takes no more letters }} }}
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_forbid_unauth_pipelining = yes
smtpd_forbid_bare_newline = reject
smtpd_tls_security_level = may
smtpd_tls_chain_files = {tls}/key.pem, {tls}/cert.pem
smtpd_tls_received_header = yes
smtp_tls_security_level = may
smtp_tls_loglevel = 1
relayhost = [127.0.0.1]:{theirs}
transport_maps = inline:{{ example.org=smtp:[127.0.0.1]:{ours}, example.com=smtp:[127.0.0.1]:{ours} }}
"
    )
}
