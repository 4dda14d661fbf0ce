//! How mail leaves: by the smarthost, which is knocked at; the way out of port 25, where a domain is named to
//! try it; and what waits.

use super::certificate::is_shut;
use super::check::{Check, Group};
use super::dns::Answer;
use super::resolve::Dns;
use super::smtp::{Offer, Refused, knock, knock_at};
use crate::cli::dates::seconds;
use crate::cli::transport;
use postern_app::{Hop, HopTls};
use postern_http::model::Queue;
use postern_http::parse_date;
use postern_server::config::Config;
use postern_types::{Domain, Timestamp};
use std::path::{Path, PathBuf};

const SENDING: Group = Group::Sending;
/// What waits for longer is worth a look.
const LONG_MS: i64 = 4 * 3600 * 1000;
/// Exchangers of a domain that are tried.
const EXCHANGERS: usize = 3;

/// The smarthost, and what came of knocking there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Smarthost {
    /// `relay.example.net:587`.
    pub place: String,
    pub tls: HopTls,
    /// We sign in there.
    pub has_login: bool,
    /// Nothing where it was not asked.
    pub knocked: Option<Result<Offer, Refused>>,
}

/// The way to other servers' port 25.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outbound {
    pub domain: String,
    /// The one that answered, or why none did.
    pub reached: Result<String, Outcome>,
}

/// Why nobody was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There was nobody to try.
    Untried(String),
    /// Those that were tried did not answer.
    Silent(String),
}

/// What waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub messages: u64,
    /// When the oldest of those that were listed was handed in, and what its server said last.
    pub oldest: Option<(String, Option<String>)>,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub smarthost: Option<Smarthost>,
    /// Domains with a place of their own.
    pub routes: usize,
    /// Why the password can not be used.
    pub password: Option<String>,
    /// The file of the password, where this user may not read it.
    pub shut: Option<PathBuf>,
    pub outbound: Option<Outbound>,
    /// Nothing where no server could be asked.
    pub queue: Option<Waiting>,
    pub now: Timestamp,
}

/// What is asked of the network.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a> {
    pub is_network: bool,
    pub outbound: Option<(&'a Domain, &'a Result<Dns, String>)>,
    pub asks_server: bool,
}

/// Looks.
pub(super) async fn look(config: &Config, reach: Reach<'_>, now: Timestamp) -> Facts {
    let relay = &config.relay;
    let smarthost = match relay.known().smarthost.as_deref() {
        Some(hop) => Some(Smarthost {
            place: hop.to_string(),
            tls: hop.tls,
            has_login: relay.password_file().is_some(),
            knocked: if reach.is_network { Some(knock_there(hop, config).await) } else { None },
        }),
        None => None,
    };
    let outbound = match reach.outbound {
        Some((domain, dns)) => Some(reach_out(domain, dns).await),
        None => None,
    };
    Facts {
        smarthost,
        routes: relay.known().domains.len(),
        password: relay.routes().err().map(|error| error.to_string()),
        shut: relay.password_file().filter(|file| is_shut(file)).map(Path::to_owned),
        outbound,
        queue: if reach.asks_server { queue(config).await } else { None },
        now,
    }
}

async fn knock_there(hop: &Hop, config: &Config) -> Result<Offer, Refused> {
    knock(hop, &config.hostname, config.relay.ca_file.as_deref()).await
}

async fn reach_out(domain: &Domain, dns: &Result<Dns, String>) -> Outbound {
    let exchangers = match dns {
        Ok(dns) => dns.exchangers(domain.as_str()).await,
        Err(why) => Answer::Unknown(why.clone()),
    };
    let reached = match exchangers {
        Answer::Found(hosts) => first_that_answers(&hosts, 25).await,
        Answer::Nothing => Err(Outcome::Untried("it has no MX record, so there is nobody to try".to_owned())),
        Answer::Unknown(why) => Err(Outcome::Untried(format!("its mail servers could not be asked for: {why}"))),
    };
    Outbound { domain: domain.to_string(), reached }
}

async fn first_that_answers(hosts: &[String], port: u16) -> Result<String, Outcome> {
    let mut why = String::new();
    for host in hosts.iter().take(EXCHANGERS) {
        match knock_at(host, port).await {
            // Who turns us away has been reached.
            Ok(()) | Err(Refused::Greeting(_)) => return Ok(host.trim_end_matches('.').to_owned()),
            Err(refused) => why = refused.text().to_owned(),
        }
    }
    Err(Outcome::Silent(why))
}

async fn queue(config: &Config) -> Option<Waiting> {
    let page: Queue = transport::ask_operator(config, "/api/v1/queue").await.ok()?;
    let is_due = |state: &str| ["retrying", "being-tried", "due"].contains(&state);
    let oldest = page.messages.iter().rfind(|message| is_due(&message.state));
    let oldest = oldest.map(|message| (message.created_at.clone(), message.last_said.clone()));
    Some(Waiting { messages: page.all_messages, oldest })
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![way(facts)];
    if let Some(file) = &facts.shut {
        checks.push(Check::shut(SENDING, "sending.password", "password of the smarthost", file));
    } else if let Some(error) = &facts.password {
        checks.push(Check::fail(SENDING, "sending.password", "password of the smarthost", "").told(error));
    }
    if let Some(smarthost) = &facts.smarthost {
        checks.extend(smarthost.knocked.as_ref().map(|knocked| knocked_at(smarthost, knocked)));
    }
    checks.extend(facts.outbound.as_ref().map(outbound));
    checks.extend(facts.queue.as_ref().map(|queue| waiting(queue, facts.now)));
    checks
}

fn way(facts: &Facts) -> Check {
    let (id, what) = ("sending.way", "mail to other domains");
    match (&facts.smarthost, facts.routes) {
        (Some(smarthost), _) => Check::ok(SENDING, id, what, format!("it leaves by {}", smarthost.place)),
        (None, 0) => Check::note(SENDING, id, what, "it is refused when it is handed in: no smarthost is named")
            .next("name one: [relay] smarthost = \"HOST:PORT\" in postern.toml (docs/relay.md)"),
        (None, routes) => Check::note(
            SENDING,
            id,
            what,
            format!("it is refused but for the domains of [relay.route], which are {routes}"),
        )
        .next("name a smarthost for all others: [relay] smarthost = \"HOST:PORT\" (docs/relay.md)"),
    }
}

fn knocked_at(smarthost: &Smarthost, knocked: &Result<Offer, Refused>) -> Check {
    let (id, what) = ("sending.smarthost", format!("smarthost {}", smarthost.place));
    let offer = match knocked {
        Ok(offer) => offer,
        Err(refused) => return turned_away(refused, id, what),
    };
    match smarthost.tls {
        HopTls::Required if !offer.is_private => {
            Check::fail(SENDING, id, what, "it offers no STARTTLS, and without TLS nothing is sent to it")
                .next("is that its port for submission (587, or 465 with tls = \"implicit\")? Its provider says which")
        }
        HopTls::Opportunistic if !offer.starttls => {
            Check::warn(SENDING, id, what, "it offers no TLS: mail goes to it in clear")
                .next("take its port for submission, and [relay] tls = \"required\"")
        }
        HopTls::Never => {
            Check::note(SENDING, id, what, "it answers; mail goes to it in clear ([relay] tls = \"never\")")
        }
        _ if smarthost.has_login && !offer.auth => {
            Check::warn(SENDING, id, what, "it answers and offers no sign-in, and [relay] has a username for it")
                .next("is that its port for submission? Or leave username and password_file out")
        }
        _ if offer.is_private => Check::ok(SENDING, id, what, "it answers under TLS, and proves who it is"),
        _ => Check::ok(SENDING, id, what, "it answers, and offers TLS"),
    }
}

fn turned_away(refused: &Refused, id: &'static str, what: String) -> Check {
    let check = Check::fail(SENDING, id, what, refused.text());
    match refused {
        Refused::Name(_) => check.next("is the name right? getent hosts NAME asks as the server does"),
        Refused::Connection(_) => check.next("is the port right, and does a firewall let it out? nc -vz HOST PORT"),
        Refused::Greeting(_) => check.next("its provider knows why, or it is not the port for SMTP"),
        Refused::Tls(_) => {
            check.next("is the port right for this kind of TLS? With an authority of its own: [relay] ca_file")
        }
    }
}

fn outbound(outbound: &Outbound) -> Check {
    let (id, what) = ("sending.outbound", format!("port 25 of {}", outbound.domain));
    match &outbound.reached {
        Ok(host) => Check::ok(SENDING, id, what, format!("{host} answers")),
        Err(Outcome::Untried(why)) => Check::note(SENDING, id, what, why.clone())
            .next("try with another domain: postern doctor --outbound DOMAIN"),
        Err(Outcome::Silent(why)) => Check::warn(SENDING, id, what, format!("none of its servers is reached: {why}"))
            .next(
                "many providers shut port 25 until one asks; a smarthost on port 587 does without it (docs/relay.md)",
            ),
    }
}

fn waiting(queue: &Waiting, now: Timestamp) -> Check {
    let (id, what) = ("sending.queue", "queue");
    let text = match queue.messages {
        0 => return Check::ok(SENDING, id, what, "nothing waits"),
        1 => "1 message waits".to_owned(),
        count => format!("{count} messages wait"),
    };
    let Some((since, said)) = &queue.oldest else { return Check::ok(SENDING, id, what, text) };
    let text = format!("{text}, the oldest that was listed and is to leave now since {}", seconds(since));
    let is_long = parse_date(since).is_ok_and(|since| now.0 - since.0 > LONG_MS);
    match (is_long, said) {
        (false, _) => Check::ok(SENDING, id, what, text),
        (true, said) => {
            let said = said.as_ref().map(|said| format!("; last heard: {said}")).unwrap_or_default();
            Check::note(SENDING, id, what, format!("{text}{said}")).next("see why: postern queue list")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_381_200_000);

    fn facts() -> Facts {
        Facts { smarthost: None, routes: 0, password: None, shut: None, outbound: None, queue: None, now: NOW }
    }

    fn found(facts: &Facts, id: &str) -> Status {
        let checks = judge(facts);
        checks.iter().find(|check| check.id == id).map(|check| check.status).expect("it was looked at")
    }

    fn by(tls: HopTls, knocked: Result<Offer, Refused>) -> Status {
        let place = "relay.example.net:587".into();
        let smarthost = Some(Smarthost { place, tls, has_login: true, knocked: Some(knocked) });
        found(&Facts { smarthost, ..facts() }, "sending.smarthost")
    }

    #[test]
    fn what_the_smarthost_offers_is_held_against_what_is_asked_of_it() {
        let offer = |is_private, starttls, auth| Ok(Offer { is_private, starttls, auth });
        assert_eq!(by(HopTls::Required, offer(true, true, true)), Status::Ok);
        assert_eq!(by(HopTls::Required, offer(false, false, true)), Status::Fail);
        assert_eq!(by(HopTls::Implicit, offer(true, false, true)), Status::Ok);
        assert_eq!(by(HopTls::Implicit, offer(true, false, false)), Status::Warn, "we could not sign in");
        assert_eq!(by(HopTls::Opportunistic, offer(false, true, true)), Status::Ok);
        assert_eq!(by(HopTls::Opportunistic, offer(false, false, true)), Status::Warn);
        assert_eq!(by(HopTls::Never, offer(false, false, true)), Status::Note);
        assert_eq!(by(HopTls::Required, Err(Refused::Tls("unknown issuer".into()))), Status::Fail);
    }

    #[test]
    fn without_a_smarthost_mail_stays_which_is_said() {
        assert_eq!(found(&facts(), "sending.way"), Status::Note);
        assert_eq!(found(&Facts { password: Some("no".into()), ..facts() }, "sending.password"), Status::Fail);
        let shut = Facts { password: Some("no".into()), shut: Some("/etc/relay.password".into()), ..facts() };
        assert_eq!(found(&shut, "sending.password"), Status::Note, "who asks is no member of the house");
    }

    #[test]
    fn what_waits_for_long_is_noted() {
        let since = |text: &str| {
            let oldest = Some((text.to_owned(), Some("450 later".to_owned())));
            found(&Facts { queue: Some(Waiting { messages: 2, oldest }), ..facts() }, "sending.queue")
        };
        assert_eq!((since("2026-11-22T20:00:00Z"), since("2026-11-22T10:00:00Z")), (Status::Ok, Status::Note));
        let empty = Waiting { messages: 0, oldest: None };
        assert_eq!(found(&Facts { queue: Some(empty), ..facts() }, "sending.queue"), Status::Ok);
    }

    #[tokio::test]
    async fn a_port_that_is_shut_is_told_from_one_that_answers() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hosts = ["127.0.0.1".to_owned()];
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"554 not you\r\n").await.unwrap();
        });
        assert_eq!(first_that_answers(&hosts, port).await, Ok("127.0.0.1".to_owned()));
        answering.await.unwrap();
        assert!(matches!(first_that_answers(&hosts, port).await, Err(Outcome::Silent(_))));
        let told = |reached| {
            let outbound = Some(Outbound { domain: "example.net".into(), reached });
            found(&Facts { outbound, ..facts() }, "sending.outbound")
        };
        assert_eq!(told(Ok("mx".into())), Status::Ok);
        assert_eq!(told(Err(Outcome::Silent("no".into()))), Status::Warn);
        assert_eq!(told(Err(Outcome::Untried("no".into()))), Status::Note);
    }
}
