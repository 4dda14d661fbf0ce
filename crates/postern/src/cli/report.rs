//! `postern report`: what is so, for those who answer for it.

use super::clock;
use super::dates::{self, When, seconds};
use super::delegate;
use super::domain::day;
use super::failure::Failure;
use super::output::{Said, plain, table};
use super::shared;
use super::transport::{Client, segment};
use super::unbuilt;
use clap::Subcommand;
use postern_http::model::{AccessReport, PersonAccess, ReachingGrant};
use postern_types::Address;

/// Which report.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Who can do what in a shared mailbox, by whichever grant
    ///
    /// People who come by a group are named one by one. Those whose grants have ended and those
    /// who are suspended are shown as such; administrators too, who hold no mail by that.
    Access(Access),
    /// Live credentials and what they reach (not built yet)
    #[command(hide = true)]
    Exposure(unbuilt::Unbuilt),
    /// How much a shared mailbox is used (not built yet)
    #[command(hide = true)]
    Usage(unbuilt::Unbuilt),
    /// People who left and what they held (not built yet)
    #[command(hide = true)]
    Leavers(unbuilt::Unbuilt),
    /// What changed (not built yet)
    #[command(hide = true)]
    Changes(unbuilt::Unbuilt),
    /// All of it as files, for auditors (not built yet)
    #[command(hide = true)]
    Evidence(unbuilt::Unbuilt),
    /// Check such files (not built yet)
    #[command(hide = true)]
    Verify(unbuilt::Unbuilt),
}

/// Of which shared mailbox, and when.
#[derive(Debug, Clone, clap::Args)]
pub struct Access {
    /// The shared mailbox
    #[arg(value_name = "SHARED", value_parser = Address::parse)]
    shared: Address,
    /// At a later moment, with the grants as they are now: a date (2026-12-31T18:00:00Z) or a span (8h, 90d)
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    at: Option<When>,
}

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    let later = |name: &str| Err(unbuilt::command(name, "postern report access shows who can do what"));
    match verb {
        Verb::Access(Access { shared, at }) => {
            let at = at.map(|at| format!("?at={}", segment(&at.ahead_of(clock::now())))).unwrap_or_default();
            let report: Result<AccessReport, Failure> =
                client.get(&format!("{}/access{at}", shared::path(&shared))).await;
            let report = report.map_err(|failure| failure.if_absent(shared::WHICH))?;
            Ok(Said::new(told(&report), &report))
        }
        Verb::Exposure(_) => later("report exposure"),
        Verb::Usage(_) => later("report usage"),
        Verb::Leavers(_) => later("report leavers"),
        Verb::Changes(_) => later("report changes"),
        Verb::Evidence(_) => later("report evidence"),
        Verb::Verify(_) => later("report verify"),
    }
}

fn told(report: &AccessReport) -> String {
    let shared = report.shared.as_str();
    let mut text = format!("Who can do what in {shared}, as of {}\n", seconds(&report.at));
    if report.state != "active" {
        text.push_str(&format!("It is {}: nobody holds anything in it.\n", report.state));
    }
    if report.delete_protection {
        text.push_str(
            "Delete protection is on: whoever may not administer it neither expunges nor deletes mailboxes.\n",
        );
    }
    let (working, others): (Vec<&PersonAccess>, Vec<&PersonAccess>) =
        report.people.iter().partition(|person| matches!(person.standing.as_str(), "own" | "delegate"));
    text.push('\n');
    let rows = working.iter().flat_map(|person| holdings(person)).collect();
    let none = match report.state.as_str() {
        "active" => "Nobody works in it: it takes mail in, and there is no one who can read it.",
        _ => "Nobody works in it, and it takes no mail.",
    };
    text.push_str(&table(&["PERSON", "WHERE", "RIGHTS", "SEND", "SHOWN", "UNTIL"], rows, none));
    text.push_str(&ways(report));
    text.push_str(&no_longer(&others));
    text.push_str(&reaching_nobody(report));
    text.push_str(&directly(report));
    text.push_str(&administrators(report));
    text.push_str(&next(report, working.first().copied()));
    text.lines().map(|line| plain(line) + "\n").collect()
}

/// One line for all of the account, and one for each set of letters held elsewhere in it.
fn holdings(person: &PersonAccess) -> Vec<Vec<String>> {
    let mut places: Vec<(String, Vec<&str>)> = Vec::new();
    for one in &person.mailboxes {
        let letters = lettered(&one.rights, one.role.as_deref());
        match places.iter_mut().find(|(known, _)| *known == letters) {
            Some((_, names)) => names.push(&one.mailbox),
            None => places.push((letters, vec![&one.mailbox])),
        }
    }
    let whole = match places.is_empty() {
        true => "everywhere",
        false => "everywhere else",
    };
    let mut lines: Vec<(String, String)> =
        places.into_iter().map(|(letters, names)| (names.join(", "), letters)).collect();
    lines.insert(0, (whole.to_owned(), lettered(&person.rights, person.role.as_deref())));
    let send = delegate::sending(person.send_as, person.send_on_behalf && !person.send_as);
    lines
        .into_iter()
        .map(|(place, letters)| {
            vec![
                person.person.clone(),
                place,
                letters,
                send.to_owned(),
                if person.automap || person.standing == "own" { "yes" } else { "no" }.to_owned(),
                person.until.as_deref().map_or_else(|| "-".to_owned(), seconds),
            ]
        })
        .collect()
}

/// What signs in to it without being anybody's own sign-in.
fn directly(report: &AccessReport) -> String {
    if report.credentials.is_empty() {
        return String::new();
    }
    let rows = report.credentials.iter().map(|credential| {
        let places = credential.places.iter().map(|place| match &place.mailbox {
            Some(mailbox) => format!("{} in {mailbox}", lettered(&place.rights, None)),
            None => lettered(&place.rights, None),
        });
        vec![
            format!("{} ({})", credential.name, credential.id),
            credential.purpose.clone(),
            credential.owner.clone().unwrap_or_else(|| "nobody".to_owned()),
            credential.holder.clone().unwrap_or_else(|| "a program".to_owned()),
            places.collect::<Vec<_>>().join(", "),
            seconds(&credential.expires_at),
            if credential.stands { "yes".to_owned() } else { format!("no: {}", credential.because.join(", ")) },
        ]
    });
    let headings = ["CREDENTIAL", "FOR", "OWNER", "USED BY", "RIGHTS", "UNTIL", "SIGNS IN"];
    format!("\nSigned in to directly\n{}", table(&headings, rows.collect(), ""))
}

fn lettered(rights: &str, role: Option<&str>) -> String {
    match role {
        Some(role) => format!("{rights} ({role})"),
        None if rights.is_empty() => "nothing".to_owned(),
        None => rights.to_owned(),
    }
}

/// By which grants, given by whom.
fn ways(report: &AccessReport) -> String {
    let grants = report.people.iter().flat_map(|person| person.grants.iter().map(move |grant| (person, grant)));
    let rows: Vec<Vec<String>> = grants.map(|(person, grant)| way(person, grant)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let headings = ["PERSON", "BY GRANT", "THROUGH", "WHERE", "RIGHTS", "SEND", "UNTIL", "GIVEN BY", "SINCE"];
    format!("\n{}", table(&headings, rows, ""))
}

fn way(person: &PersonAccess, reaching: &ReachingGrant) -> Vec<String> {
    let grant = &reaching.grant;
    let until = grant.until.as_deref().map_or_else(|| "-".to_owned(), seconds);
    vec![
        person.person.clone(),
        grant.id.clone(),
        reaching.via.clone().unwrap_or_else(|| "themselves".to_owned()),
        delegate::place(grant).unwrap_or_else(|| "everywhere".to_owned()),
        lettered(&grant.rights, grant.role.as_deref()),
        delegate::sending(grant.send_as, grant.send_on_behalf).to_owned(),
        if reaching.counts { until } else { format!("ended {until}") },
        grant.given_by.clone(),
        day(&grant.created_at),
    ]
}

/// Those who hold grants and can do nothing by them.
fn no_longer(others: &[&PersonAccess]) -> String {
    let sentence = |person: &&PersonAccess| {
        let who = &person.person;
        match person.standing.as_str() {
            "suspended" if person.grants.is_empty() => None,
            "suspended" => {
                Some(format!("{who} is suspended and can do nothing; the grants stay for when they are back.\n"))
            }
            "ended" => Some(format!("{who} can do nothing any more: every grant of theirs has ended.\n")),
            "nothing" => Some(format!("{who} can do nothing: what they were granted gives nothing now.\n")),
            _ => None,
        }
    };
    let sentences: String = others.iter().filter_map(sentence).collect();
    if sentences.is_empty() { sentences } else { format!("\n{sentences}") }
}

fn reaching_nobody(report: &AccessReport) -> String {
    let grants = report.reaching_nobody.iter();
    let lines = grants.map(|grant| {
        format!(
            "{} holds {} ({}) and has nobody in it.\n",
            grant.grantee,
            lettered(&grant.rights, grant.role.as_deref()),
            grant.id
        )
    });
    let lines: String = lines.collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// What is true of administrators: no mail by that, and the power to make delegates.
fn administrators(report: &AccessReport) -> String {
    let able = report.people.iter().filter(|person| person.administrator && person.manages_delegates);
    let names: Vec<&str> = able.map(|person| person.person.as_str()).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        "\nAdministrators hold no mail by being that: {}. They, and the operator of this machine, may make anybody a\n\
         delegate, themselves too; the trail keeps each time they do.\n",
        names.join(", ")
    )
}

fn next(report: &AccessReport, working: Option<&PersonAccess>) -> String {
    let shared = &report.shared;
    match working {
        _ if report.state == "removed" => format!("\nNext: bring it back: postern shared restore {shared}\n"),
        Some(person) => format!(
            "\nNext: why: postern explain {} read {shared}; what they did: postern audit list --account {shared}\n",
            person.person
        ),
        None => format!("\nNext: postern delegate add {shared} PERSON\n"),
    }
}
