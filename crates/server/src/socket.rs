//! Opening the sockets that are listened to, and saying plainly why one does not open.

use crate::config::ListenAddress;
use crate::taken;
use rustix::net::sockopt::set_ipv6_v6only;
use std::fmt;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, TcpSocket, UnixListener};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// Owner and group: the group is who may administer, or deliver.
const SOCKET_MODE: u32 = 0o660;

/// A socket that did not open. The text gives the next step.
#[derive(Debug, thiserror::Error)]
#[error("{address} ({listener}) {reason}\nNext step: {cure}{elsewhere}")]
pub struct BindError {
    listener: Box<str>,
    address: ListenAddress,
    reason: String,
    /// Ends with ", or " where there is another way.
    cure: String,
    elsewhere: Box<str>,
}

impl BindError {
    /// With this way to listen elsewhere, in place of an edit of the configuration.
    pub fn or_elsewhere(self, elsewhere: impl Into<Box<str>>) -> Self {
        Self { elsewhere: elsewhere.into(), ..self }
    }
}

/// An open socket.
#[derive(Debug)]
pub enum Bound {
    /// With the address it really has, its port chosen by the system where 0 was asked for.
    Tcp(TcpListener, SocketAddr),
    /// With its path.
    Unix(UnixListener, SocketFile),
}

/// The name of a unix socket; letting it go removes it, so that nobody waits at a dead one.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A socket that is left behind is found dead, and removed, by the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(_, address) => address.fmt(f),
            Self::Unix(_, file) => write!(f, "unix:{}", file.0.display()),
        }
    }
}

impl Bound {
    /// Opens it; `listener` is its name in `[listen]`, for the texts.
    pub fn open(listener: &str, address: &ListenAddress, config: &Path) -> Result<Self, BindError> {
        if postern_store::TRUSTS_CACHE && !address.is_local() {
            return Err(BindError {
                listener: listener.into(),
                address: address.clone(),
                reason: "is refused, since this build leaves out checks of rights, for a measurement".to_owned(),
                cure: "build without --cfg postern_trust_cache".to_owned(),
                elsewhere: Box::default(),
            });
        }
        let opened = match address {
            ListenAddress::Tcp(address) => open_tcp(*address),
            ListenAddress::Unix(path) => open_unix(path),
        };
        opened.map_err(|error| explain(listener, address, config, &error))
    }
}

fn open_tcp(address: SocketAddr) -> io::Result<Bound> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.is_ipv6() {
        // [::] means IPv6, whatever the machine's default: 0.0.0.0 has a line of its own.
        set_ipv6_v6only(&socket, true)?;
    }
    // Connections of an earlier process that are still closing are in nobody's way.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok(Bound::Tcp(listener, address))
}

fn open_unix(path: &Path) -> io::Result<Bound> {
    match std::fs::symlink_metadata(path) {
        Ok(about) if !about.file_type().is_socket() => return Err(io::ErrorKind::AlreadyExists.into()),
        // Someone answers there.
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => return Err(io::ErrorKind::AddrInUse.into()),
        // Left by a process that was killed.
        Ok(_) => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    let file = SocketFile(path.to_owned());
    std::fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    Ok(Bound::Unix(listener, file))
}

fn explain(listener: &str, address: &ListenAddress, config: &Path, error: &io::Error) -> BindError {
    let elsewhere = format!("give [listen] {listener} another address in {}", config.display());
    let (reason, cure) = match (address, error.kind()) {
        (_, io::ErrorKind::AddrInUse) => match taken::holder(address) {
            Some(holder) => (format!("is taken by {holder}"), format!("stop it (kill {}), or ", holder.pid)),
            None => {
                // Of another user; or the kernel keeps this process from looking at those that it did not start.
                let cure = "see which, as root: `postern doctor --only listeners` or `ss -ltnp`; or ";
                ("is taken by another process".to_owned(), cure.to_owned())
            }
        },
        (ListenAddress::Tcp(at), io::ErrorKind::PermissionDenied) if at.port() < 1024 => {
            let cure = "start with the capability CAP_NET_BIND_SERVICE, or ";
            ("needs a right that this user does not have: ports below 1024 are guarded".to_owned(), cure.to_owned())
        }
        (_, io::ErrorKind::AddrNotAvailable) => ("is no address of this machine".to_owned(), String::new()),
        (ListenAddress::Unix(_), io::ErrorKind::AlreadyExists) => {
            ("exists and is no socket".to_owned(), "move it away, or ".to_owned())
        }
        (ListenAddress::Unix(_), io::ErrorKind::InvalidInput) => {
            // sockaddr_un has room for 107 bytes.
            let cure = "use a data folder with a shorter path, or ";
            ("has too long a path for a socket".to_owned(), cure.to_owned())
        }
        _ => (format!("can not be opened: {error}"), String::new()),
    };
    BindError { listener: listener.into(), address: address.clone(), reason, cure, elsewhere: elsewhere.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_names_its_process_and_the_next_step() {
        let config = Path::new("house/postern.toml");
        let any: ListenAddress = "127.0.0.1:0".parse().unwrap();
        let first = Bound::open("imaps", &any, config).unwrap();
        let taken: ListenAddress = first.to_string().parse().unwrap();
        let refusal = Bound::open("imaps", &taken, config).unwrap_err().to_string();
        let pid = std::process::id();
        assert!(refusal.starts_with(&format!("{taken} (imaps) is taken by process {pid} (")), "{refusal}");
        assert!(refusal.contains(&format!("Next step: stop it (kill {pid}), or give [listen] imaps")), "{refusal}");
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lmtp.sock");
        let address = ListenAddress::Unix(path.clone());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let living = Bound::open("lmtp", &address, Path::new("postern.toml")).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        let refusal = Bound::open("lmtp", &address, Path::new("postern.toml")).unwrap_err().to_string();
        assert!(refusal.contains(&format!("is taken by process {} (", std::process::id())), "{refusal}");
        drop(living);
        assert!(!path.exists(), "nothing is left behind");
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter");
        std::fs::create_dir(&path).unwrap();
        let refusal = Bound::open("lmtp", &ListenAddress::Unix(path), Path::new("postern.toml")).unwrap_err();
        assert!(refusal.to_string().contains("is no socket"), "{refusal}");
    }
}
