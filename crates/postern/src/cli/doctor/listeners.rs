//! Where the house listens: whether it does, and who else has the address.

use super::check::{Check, Group};
use super::house::Server;
use crate::process::quoted;
use postern_server::config::{Config, ListenAddress};
use postern_server::{Seat, seat};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

const LISTENERS: Group = Group::Listeners;
/// The first port that everybody may take, where the kernel does not say.
const FIRST_FREE_PORT: u16 = 1024;

/// One address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listener {
    pub name: &'static str,
    pub address: ListenAddress,
    pub seat: Seat,
    /// It is an address of this machine.
    pub is_here: bool,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub file: PathBuf,
    pub listeners: Vec<Listener>,
    pub server: Server,
    /// Ports below this one are for those who have the right to them.
    pub first_free_port: u16,
    /// The house belongs to root, or its program has the right to all ports.
    pub may_take_all: bool,
}

/// Looks.
pub(super) fn look(config: &Config, server: &Server) -> Facts {
    let listeners = named(config).into_iter().map(|(name, address)| Listener {
        name,
        address: address.clone(),
        seat: seat(address),
        is_here: is_here(address),
    });
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    Facts {
        file: config.file.clone(),
        listeners: listeners.collect(),
        server: server.clone(),
        first_free_port: first.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(FIRST_FREE_PORT),
        may_take_all: may_take_all(config),
    }
}

/// Every address of the configuration, with the name of its protocol.
pub(super) fn named(config: &Config) -> Vec<(&'static str, &ListenAddress)> {
    let listen = &config.listen;
    let kinds = [
        ("imaps", &listen.imaps),
        ("imap", &listen.imap),
        ("lmtp", &listen.lmtp),
        ("smtp", &listen.smtp),
        ("submission", &listen.submission),
        ("submissions", &listen.submissions),
        ("https", &listen.https),
        ("http", &listen.http),
    ];
    kinds.into_iter().flat_map(|(name, addresses)| addresses.iter().map(move |address| (name, address))).collect()
}

/// A port of UDP, chosen by the system, tells whether the address is ours and is in nobody's way.
fn is_here(address: &ListenAddress) -> bool {
    match address {
        ListenAddress::Tcp(at) => {
            let probe = UdpSocket::bind(SocketAddr::new(at.ip(), 0));
            !matches!(probe, Err(error) if error.kind() == ErrorKind::AddrNotAvailable)
        }
        ListenAddress::Unix(_) => true,
    }
}

fn may_take_all(config: &Config) -> bool {
    let is_roots = std::fs::metadata(&config.data_dir).is_ok_and(|about| about.uid() == 0);
    let has_right = std::env::current_exe().is_ok_and(|program| {
        rustix::fs::getxattr(&program, "security.capability", &mut [0_u8; 64][..]).is_ok_and(|bytes| bytes > 0)
    });
    is_roots || has_right
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    if facts.listeners.is_empty() {
        let next = format!("add imaps = [\"127.0.0.1:10993\"] to [listen] in {}", quoted(&facts.file));
        return vec![Check::fail(LISTENERS, "listeners.none", "[listen]", "it names no address").next(next)];
    }
    let each = facts.listeners.iter().map(|listener| judge_one(listener, facts));
    let open = facts.listeners.iter().filter(|listener| listener.name == "lmtp" && !listener.address.is_local());
    let open = open.map(|listener| {
        let text =
            "it is open to other machines, and has neither TLS nor sign-in; who may deliver is told by their address";
        let next = "keep [security] lmtp_networks short, or listen on 127.0.0.1 or unix:lmtp.sock";
        Check::warn(LISTENERS, "listeners.open", format!("lmtp {}", listener.address), text).next(next)
    });
    each.chain(open).chain(guarded(facts)).collect()
}

fn judge_one(listener: &Listener, facts: &Facts) -> Check {
    let (id, what) = ("listeners.address", format!("{} {}", listener.name, listener.address));
    let elsewhere = format!("give [listen] {} another address in {}", listener.name, quoted(&facts.file));
    let is_chosen = matches!(&listener.address, ListenAddress::Tcp(at) if at.port() == 0);
    let (ok, note, fail) = (
        |text: String| Check::ok(LISTENERS, id, &what, text),
        |text: &str| Check::note(LISTENERS, id, &what, text),
        |text: String| Check::fail(LISTENERS, id, &what, text),
    );
    match &listener.seat {
        _ if is_chosen => note("its port is chosen by the system at each start: serve --ready-file FILE tells it"),
        Seat::Held(holder) if facts.server.pid() == Some(holder.pid) => {
            ok(format!("the server listens (process {})", holder.pid))
        }
        Seat::Held(holder) => {
            let text = format!("it is taken by process {} ({})", holder.pid, holder.name);
            fail(text).next(format!("stop that one (kill {}), or {elsewhere}", holder.pid))
        }
        Seat::HeldByUnknown if facts.server.runs() => {
            note("it is listened to; by whom, only root and the user of that process can see").next("do this as root")
        }
        Seat::HeldByUnknown => fail("it is taken by a process of another user".to_owned())
            .next(format!("find it with `ss -lp`, as root, or {elsewhere}")),
        Seat::Free if !listener.is_here => fail("it is no address of this machine".to_owned()).next(elsewhere),
        Seat::Free if facts.server.runs() => {
            let text = "the server runs and does not listen there: the configuration was changed after it started";
            fail(text.to_owned()).next("systemctl restart postern; new listeners hold after a restart")
        }
        Seat::Free => ok("it is free".to_owned()),
    }
}

/// Of a server that does not run: may it take its ports?
fn guarded(facts: &Facts) -> Option<Check> {
    let port = |listener: &Listener| match &listener.address {
        ListenAddress::Tcp(at) => Some(at.port()).filter(|port| (1..facts.first_free_port).contains(port)),
        ListenAddress::Unix(_) => None,
    };
    let mut ports: Vec<u16> = facts.listeners.iter().filter_map(port).collect();
    ports.sort_unstable();
    ports.dedup();
    if facts.server.runs() || facts.may_take_all || ports.is_empty() {
        return None;
    }
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let text = format!(
        "they are guarded (below {}); systemd gives the right to them, by deploy/postern.service",
        facts.first_free_port
    );
    let next = "where it is started by hand: setcap cap_net_bind_service=+ep /usr/local/bin/postern";
    Some(Check::note(LISTENERS, "listeners.guarded", format!("ports {}", ports.join(", ")), text).next(next))
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;
    use postern_server::Holder;

    fn listener(name: &'static str, address: &str, seat: Seat) -> Listener {
        Listener { name, address: address.parse().unwrap(), seat, is_here: true }
    }

    fn facts(server: Server, listener: Listener) -> Facts {
        let file = "/srv/postern/postern.toml".into();
        Facts { file, listeners: vec![listener], server, first_free_port: 1024, may_take_all: false }
    }

    fn first(server: Server, listener: Listener) -> (Status, String, String) {
        let check = judge(&facts(server, listener)).remove(0);
        (check.status, check.text, check.next.unwrap_or_default())
    }

    fn running() -> Server {
        Server::Runs { pid: Some(7), trouble: None }
    }

    fn held(pid: u32) -> Seat {
        Seat::Held(Holder { pid, name: "dovecot".into() })
    }

    #[test]
    fn a_port_is_ours_or_free_or_names_who_has_it() {
        let at = |seat| listener("imaps", "0.0.0.0:993", seat);
        assert_eq!(first(running(), at(held(7))).0, Status::Ok);
        let (status, text, next) = first(running(), at(held(8)));
        assert_eq!((status, text.as_str()), (Status::Fail, "it is taken by process 8 (dovecot)"));
        let cure = "stop that one (kill 8), or give [listen] imaps another address in /srv/postern/postern.toml";
        assert_eq!(next, cure);
        assert_eq!(first(Server::Away, at(held(8))).0, Status::Fail);
        assert_eq!(first(Server::Away, at(Seat::Free)).0, Status::Ok);
        assert_eq!(first(Server::Away, at(Seat::HeldByUnknown)).0, Status::Fail);
        assert_eq!(first(running(), at(Seat::HeldByUnknown)).0, Status::Note);
        let (status, text, _) = first(running(), at(Seat::Free));
        assert!(status == Status::Fail && text.contains("changed after it started"), "{text}");
        let gone = Listener { is_here: false, ..at(Seat::Free) };
        assert_eq!(first(Server::Away, gone).1, "it is no address of this machine");
        assert_eq!(first(running(), listener("imaps", "127.0.0.1:0", Seat::Free)).0, Status::Note);
    }

    #[test]
    fn guarded_ports_are_noted_where_the_server_has_yet_to_take_them() {
        let guarded = |server, facts_of: fn(Facts) -> Facts| {
            let facts = facts_of(facts(server, listener("smtp", "0.0.0.0:25", Seat::Free)));
            judge(&facts).iter().any(|check| check.id == "listeners.guarded")
        };
        assert!(guarded(Server::Away, |facts| facts));
        assert!(!guarded(running(), |facts| facts));
        assert!(!guarded(Server::Away, |facts| Facts { may_take_all: true, ..facts }));
        assert!(!guarded(Server::Away, |facts| Facts { first_free_port: 0, ..facts }), "a container");
    }

    #[test]
    fn lmtp_that_others_reach_is_warned_of() {
        let worst = |address| {
            let checks = judge(&facts(running(), listener("lmtp", address, held(7))));
            checks.iter().map(|check| check.status).max().unwrap()
        };
        assert_eq!((worst("192.0.2.1:24"), worst("127.0.0.1:24")), (Status::Warn, Status::Ok));
    }
}
