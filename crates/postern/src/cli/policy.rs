//! `postern policy`: what is allowed of direct sign-in, and what that means in words.

use super::dates;
use super::failure::Failure;
use super::output::{Said, facts, plain};
use super::shared;
use super::transport::Client;
use super::unbuilt;
use clap::{Args, Subcommand};
use postern_access::{DirectSignIn, Purpose};
use postern_http::model::{PolicyChange, PolicySet, PolicyShown};
use postern_types::Address;
use postern_types::length;

/// What to do with policy.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// What is allowed, of the organisation or of one shared mailbox, and why
    Show(Show),
    /// Compare policy with what there is (not built yet)
    #[command(hide = true)]
    Diff(unbuilt::Unbuilt),
    /// Change it; sessions that it does not allow any more end
    ///
    /// A shared mailbox may be narrower than the organisation, never wider. What no flag names stays. For
    /// administrators; owners of a mailbox see its policy: postern policy show SHARED
    Set(Set),
    /// Let direct sign-in begin again after a restore (not built yet)
    #[command(hide = true)]
    Unlock(unbuilt::Unbuilt),
}

/// Whose policy.
#[derive(Debug, Clone, Args)]
pub struct Show {
    /// The shared mailbox; the organisation's where none is named
    #[arg(value_name = "SHARED", value_parser = Address::parse)]
    shared: Option<Address>,
    #[arg(long, hide = true, value_name = "DATE")]
    at: Option<String>,
}

/// What to change.
#[derive(Debug, Clone, Args)]
pub struct Set {
    /// The shared mailbox; the organisation's where none is named
    #[arg(value_name = "SHARED", value_parser = Address::parse)]
    shared: Option<Address>,
    /// allowed, by-approval or blocked
    ///
    /// by-approval: none is issued without an approval; approvals are not built yet. blocked: no
    /// credential signs in while it stands, and none is ended by it.
    #[arg(long, value_name = "HOW", value_parser = DirectSignIn::parse)]
    direct_sign_in: Option<DirectSignIn>,
    /// Take back for good what the policy would not let be issued: with blocked and by-approval every
    /// credential there, else those beyond --purposes and --max-life
    #[arg(long)]
    end_credentials: bool,
    /// How long a credential lasts at most, such as 90d; none for no more than its purpose says
    #[arg(long, value_name = "SPAN", value_parser = life)]
    max_life: Option<Life>,
    /// What there may be credentials for, with commas between them; all for everything
    #[arg(long, value_name = "PURPOSES", value_parser = purposes)]
    purposes: Option<Purposes>,
    /// The time zone in which hours are told, such as Europe/Berlin: the organisation's
    #[arg(long, value_name = "ZONE", conflicts_with = "shared")]
    time_zone: Option<String>,
    #[command(flatten)]
    later: Later,
}

/// Flags that come with later work.
#[derive(Debug, Clone, Args)]
struct Later {
    #[arg(long, hide = true, value_name = "EMAIL")]
    steward: Option<String>,
    #[arg(long, hide = true)]
    solo: bool,
    #[arg(long, hide = true, value_name = "NAME")]
    profile: Option<String>,
    #[arg(long, hide = true, value_name = "SPAN")]
    audit_retention: Option<String>,
    #[arg(long, hide = true)]
    require_network: bool,
}

impl Later {
    /// The first flag whose feature is not there.
    fn first(&self) -> Option<&'static str> {
        let given = [
            ("--steward", self.steward.is_some()),
            ("--solo", self.solo),
            ("--profile", self.profile.is_some()),
            ("--audit-retention", self.audit_retention.is_some()),
            ("--require-network", self.require_network),
        ];
        given.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
    }
}

/// Seconds; 0 takes the limit away.
#[derive(Debug, Clone, Copy)]
struct Life(i64);

/// For clap: a span, or none.
fn life(text: &str) -> Result<Life, String> {
    match text.eq_ignore_ascii_case("none") {
        true => Ok(Life(0)),
        false => dates::span(text).map(Life).map_err(|error| format!("{error}, or none")),
    }
}

#[derive(Debug, Clone)]
struct Purposes(Vec<String>);

/// For clap: some purposes, or all.
fn purposes(text: &str) -> Result<Purposes, String> {
    if text.eq_ignore_ascii_case("all") {
        return Ok(Purposes(Purpose::ALL.iter().map(|purpose| purpose.name().to_owned()).collect()));
    }
    let parsed = text.split(',').map(|word| Purpose::parse(word).map(|purpose| purpose.name().to_owned()));
    parsed.collect::<Result<_, _>>().map(Purposes).map_err(|error| format!("{error}; or all"))
}

const POLICY: &str = "/api/v1/policy";

fn path(shared: Option<&Address>) -> String {
    shared.map_or_else(|| POLICY.to_owned(), |shared| format!("{}/policy", shared::path(shared)))
}

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    match verb {
        Verb::Show(show) => {
            if show.at.is_some() {
                return Err(unbuilt::flag("--at", "the policy of now: leave it out; what was: postern audit list"));
            }
            let shown: Result<PolicyShown, Failure> = client.get(&path(show.shared.as_ref())).await;
            let shown = shown.map_err(|failure| failure.if_absent(shared::WHICH))?;
            Ok(Said::new(told(&shown), &shown))
        }
        Verb::Set(set) => change(&set, client).await,
        Verb::Diff(_) => Err(unbuilt::command("policy diff", "postern policy show says what holds")),
        Verb::Unlock(_) => Err(unbuilt::command(
            "policy unlock",
            "nothing is locked by a restore yet; postern policy show says what holds",
        )),
    }
}

async fn change(set: &Set, client: &mut Client) -> Result<Said, Failure> {
    if let Some(name) = set.later.first() {
        return Err(unbuilt::flag(name, "what can be set now: postern policy set --help"));
    }
    let document = PolicyChange {
        direct_sign_in: set.direct_sign_in.map(|how| how.name().to_owned()),
        max_life_seconds: set.max_life.map(|life| life.0),
        purposes: set.purposes.as_ref().map(|purposes| purposes.0.clone()),
        time_zone: set.time_zone.clone(),
        end_credentials: set.end_credentials,
    };
    let is_nothing = document.direct_sign_in.is_none()
        && document.max_life_seconds.is_none()
        && document.purposes.is_none()
        && document.time_zone.is_none();
    if is_nothing && !set.end_credentials {
        return Err(Failure::usage("nothing is to be changed; name what").next("see: postern policy set --help"));
    }
    let changed: Result<PolicySet, Failure> = client.send("PATCH", &path(set.shared.as_ref()), &document).await;
    let changed = changed.map_err(|failure| failure.if_absent(shared::WHICH))?;
    let mut text = stopped(set, &changed);
    text.push_str(&told(&changed.policy));
    Ok(Said::new(text, &changed))
}

/// What a change did to the credentials that there are.
fn stopped(set: &Set, changed: &PolicySet) -> String {
    let mut text = String::new();
    let sessions = match changed.sessions.len() {
        0 => "no session of theirs was open".to_owned(),
        1 => "1 open session ends".to_owned(),
        count => format!("{count} open sessions end"),
    };
    if set.end_credentials {
        text.push_str(&match changed.ended_credentials {
            0 => "No credential was beyond it, so none was ended.\n".to_owned(),
            1 => format!("1 credential is taken back for good; {sessions}.\n"),
            count => format!("{count} credentials are taken back for good; {sessions}.\n"),
        });
    }
    if changed.shortened_credentials > 0 {
        text.push_str(&match changed.shortened_credentials {
            1 => "1 credential ends sooner by it.\n".to_owned(),
            count => format!("{count} credentials end sooner by it.\n"),
        });
    }
    let stopped = changed.stopped_credentials.saturating_sub(changed.ended_credentials);
    if stopped > 0 {
        let what = if stopped == 1 { "1 credential stops".to_owned() } else { format!("{stopped} credentials stop") };
        text.push_str(&format!("{what} while this stands; {sessions}. Nothing is ended.\n"));
        let whose = set.shared.as_ref().map(|shared| format!("{shared} ")).unwrap_or_default();
        let widest = [("--purposes all", set.purposes.is_some()), ("--max-life none", set.max_life.is_some())];
        let back: Vec<&str> = widest.iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| *flag).collect();
        if set.direct_sign_in != Some(DirectSignIn::Blocked) && !back.is_empty() {
            text.push_str(&format!("Next: to let them sign in again: postern policy set {whose}{}\n", back.join(" ")));
        }
        if set.direct_sign_in == Some(DirectSignIn::Blocked) {
            text.push_str(&format!(
                "Next: to let them sign in again: postern policy set {whose}--direct-sign-in allowed; to end them for good: \
                 postern policy set {whose}--direct-sign-in blocked --end-credentials\n"
            ));
        }
    }
    text
}

fn how(name: &str) -> &'static str {
    match name {
        "blocked" => "Direct sign-in is blocked",
        "by-approval" => "Direct sign-in needs an approval",
        _ => "Direct sign-in is allowed",
    }
}

/// Why it is so.
fn why(shown: &PolicyShown) -> &'static str {
    let (set, holds) = (shown.set.direct_sign_in.as_str(), shown.holds.direct_sign_in.as_str());
    let by_both = set == holds && shown.organisation.as_ref().is_some_and(|ours| ours.direct_sign_in == holds);
    match (&shown.shared, holds) {
        (None, "allowed") => " (the default)",
        (None, _) => " by the organisation",
        (Some(_), "allowed") => ", here as in the organisation (the default)",
        (Some(_), _) if by_both => ", set for this mailbox, and by the organisation",
        (Some(_), _) if set == holds => ", set for this mailbox",
        (Some(_), _) => " by the organisation, and no mailbox is wider",
    }
}

/// What holds, why, and what there is under it.
fn told(shown: &PolicyShown) -> String {
    let at = shown.shared.as_deref();
    let mut text = format!("{}{}. {}\n", how(&shown.holds.direct_sign_in), why(shown), means(shown));
    let purposes = &shown.holds.purposes;
    let is_all = purposes.len() == Purpose::ALL.len();
    text.push_str(&facts(&[
        ("Where", plain(at.unwrap_or("every shared mailbox"))),
        ("Longest life", life_told(shown)),
        ("Purposes", if is_all { "all".to_owned() } else { or_none(&purposes.join(", ")) }),
        ("Time zone", plain(&shown.time_zone)),
    ]));
    let shared = at.unwrap_or("SHARED");
    text.push_str(&format!(
        "Next: people work there as delegates, signed in as themselves: postern delegate add {shared} PERSON\n"
    ));
    if shown.live_credentials.is_some_and(|live| live > 0) {
        let which = at.map(|at| format!(" {at}")).unwrap_or_default();
        text.push_str(&format!("Next: which they are, and what stops each: postern credential list{which}\n"));
    }
    text
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none, so none is issued or signs in".to_owned() } else { text.to_owned() }
}

fn life_told(shown: &PolicyShown) -> String {
    match shown.holds.max_life_seconds {
        Some(seconds) => format!("{} from when a credential is issued", length(seconds)),
        None => {
            "as its purpose says: 90 days where nothing is named (migration: 24 hours), and a year at most".to_owned()
        }
    }
}

/// What that comes to for those who would sign in.
fn means(shown: &PolicyShown) -> String {
    let (live, go) = match shown.live_credentials {
        None => return "How many credentials there are is for those who answer for it.".to_owned(),
        Some(0) => return "No credential is live: nobody can sign in directly.".to_owned(),
        Some(1) => ("1 credential has not ended".to_owned(), "goes"),
        Some(count) => (format!("{count} credentials have not ended"), "go"),
    };
    match shown.holds.direct_sign_in.as_str() {
        "blocked" => format!("{live}, and none signs in while that stands."),
        "by-approval" => format!("{live} and {go} on; none is issued, for approvals are not built yet."),
        _ => format!("{live}, a documented exception each."),
    }
}
