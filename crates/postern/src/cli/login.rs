//! `postern login` and `logout`: a person signs in at a server and acts as themselves.
//!
//! The password is asked for once and never kept; the token it gave is, in the user's
//! configuration folder, and ends by itself after half a day.

use super::dates::seconds;
use super::failure::Failure;
use super::locate;
use super::logins::{Login, absolute};
use super::output::Said;
use super::password;
use super::transport::{Client, check, place_of};
use super::web::Place;
use crate::process::quoted;
use postern_http::model::LoggedOut;
use postern_server::Config;
use postern_server::config::ListenAddress;
use postern_types::Address;
use serde_json::json;
use std::net::{IpAddr, SocketAddr};

/// Who signs in.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Their address
    #[arg(value_name = "EMAIL", value_parser = Address::parse)]
    address: Address,
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

pub(super) async fn login(args: &Args, client: &mut Client) -> Result<Said, Failure> {
    check(client.globals())?;
    refuse_other_ways(client, "login")?;
    let place = place(client)?;
    // Who mistyped the server hears of it before they type a password.
    drop(place.open().await.map_err(|failure| starting(client, failure))?);
    let password = match args.password_stdin {
        true => password::read(std::io::stdin().lock()).map_err(Failure::usage)?,
        false => password::ask(&format!("Password of {}: ", args.address))?,
    };
    client.go(&place).await?;
    let signed_in = client.sign_in(args.address.as_str(), password).await?;
    let config = client.globals().config.as_deref().filter(|_| client.globals().url.is_none()).map(absolute);
    let by_url = format!("--url {}", place.url());
    let (how, out) = match &config {
        Some(config) => (format!("with --config {}", quoted(config)), String::new()),
        // Others go by the configuration, and so to its operator.
        None if client.globals().config.is_some() => (format!("with {by_url}"), format!(" {by_url}")),
        None => (format!("with {by_url} or with neither --url nor --config"), String::new()),
    };
    client.logins().keep(Login {
        url: place.url(),
        connect: place.connect.clone(),
        cacert: place.cacert.clone(),
        config,
        email: signed_in.email.clone(),
        token: signed_in.token,
        expires_at: signed_in.expires_at.clone(),
    })?;
    let text = format!(
        "Signed in at {} as {}, until {}.\nNext: commands {how} act as {}, until: postern logout{out}\n",
        place.url(),
        signed_in.email,
        seconds(&signed_in.expires_at),
        signed_in.email
    );
    let document =
        json!({ "url": place.url(), "email": signed_in.email, "id": signed_in.id, "expires_at": signed_in.expires_at });
    Ok(Said::new(text, &document))
}

pub(super) async fn logout(client: &mut Client) -> Result<Said, Failure> {
    check(client.globals())?;
    refuse_other_ways(client, "logout")?;
    let Some(login) = client.logins().find(client.globals())? else {
        return Err(Failure::new("you have not signed in there").next("postern login EMAIL"));
    };
    let url = place_of(&login)?.url();
    let ended: Result<LoggedOut, Failure> = client.act("POST", "/api/v1/logout").await;
    // A token that had ended before is as good as one that ends now.
    let is_away = match ended {
        Err(failure) if !failure.is_sign_in_ended() && !failure.is_away() => return Err(failure),
        answer => answer.is_err_and(|failure| failure.is_away()),
    };
    client.logins().forget(&url)?;
    let text = match is_away {
        false => format!("Signed out at {url}; {} has no token there from this login any more.\n", login.email),
        true => format!(
            "Signed out here. {url} can not be reached, so the token of {} is forgotten and ends there by itself at {}.\n",
            login.email,
            seconds(&login.expires_at)
        ),
    };
    Ok(Said::new(text, &json!({ "url": url, "email": login.email, "signed_out": true, "token_ended": !is_away })))
}

/// With how to start the server, where that is this machine's to do.
fn starting(client: &Client, failure: Failure) -> Failure {
    match (&client.globals().config, &client.globals().url) {
        (Some(config), None) if failure.is_away() => {
            failure.next(format!("is the server running? postern serve --config {}", config.display()))
        }
        _ => failure,
    }
}

/// Signing in is done at a listener, as the person of the password.
fn refuse_other_ways(client: &Client, command: &str) -> Result<(), Failure> {
    let globals = client.globals();
    let given = [
        ("--offline", globals.offline),
        ("--token-file", globals.token_file.is_some()),
        ("--as", globals.as_person.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => {
            Err(Failure::usage(format!("{flag} means nothing to `postern {command}`")).next("leave it out"))
        }
        None => Ok(()),
    }
}

/// The server of `--url`, or the one of the configuration at its own listener.
fn place(client: &Client) -> Result<Place, Failure> {
    let globals = client.globals();
    match &globals.url {
        Some(url) => Ok(Place::parse(url)?.trusting(globals.cacert.as_deref().map(absolute))),
        None => of_config(&locate::config(globals)?),
    }
}

fn of_config(config: &Config) -> Result<Place, Failure> {
    let file = config.file.display();
    let address = config.listen.https.iter().find_map(|address| match address {
        ListenAddress::Tcp(address) => Some(*address),
        ListenAddress::Unix(_) => None,
    });
    let Some(address) = address else {
        return Err(Failure::new(format!("[listen] in {file} has no https to sign in at")).next(
            "add https = [\"127.0.0.1:10443\"] there and start the server again; as its operator you need no login",
        ));
    };
    if address.port() == 0 {
        return Err(Failure::new(format!("the system chooses the port of https in {file}")).next(
            "look it up in the file that `postern serve --ready-file FILE` writes, and add --url https://localhost:PORT \
             --cacert DIR/tls/ca.pem",
        ));
    }
    let place = Place::new(&config.hostname, address.port()).at(Some(near(address).to_string()));
    Ok(place.trusting(locate::authority(config)))
}

/// An address that means "each of this machine" is reached at the machine itself.
fn near(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        other => other,
    };
    SocketAddr::new(ip, address.port())
}
