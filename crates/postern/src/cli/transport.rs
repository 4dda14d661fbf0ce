//! The way to REST: over the administration socket, over TLS to a server elsewhere, or in this
//! process with `--offline`.
//!
//! All pass the same router, so a command means the same each way. Who acts is the operator of
//! the socket, or a person by a token: of their login, of `--token-file`, or got for this one
//! command by `--as`. Errors of the way itself say where it ended and what to do.

use super::failure::Failure;
use super::locate;
use super::logins::{Login, Logins, absolute};
use super::password;
use super::web::Place;
use crate::globals::GlobalArgs;
use crate::process::quoted;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use postern_http::model::{LoggedIn, Problem, SecretText};
use postern_http::{Answered, Asker};
use postern_server::config::Config;
use postern_server::{OpenHouse, admin_socket, open_house};
use postern_types::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;

/// No command of ours takes longer; a server that is stuck shall not hang a script.
const ANSWER_SECONDS: u64 = 60;

/// A request with messages takes as long as a slow line does.
const BYTES_SECONDS: u64 = 600;

/// The body of a request.
struct Sent {
    media: &'static str,
    bytes: Vec<u8>,
}

impl Sent {
    fn seconds(&self) -> u64 {
        if self.media == JSON { ANSWER_SECONDS } else { BYTES_SECONDS }
    }
}

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// A client of REST that finds its house when first asked.
pub(super) struct Client {
    globals: GlobalArgs,
    logins: Logins,
    way: Option<Way>,
    /// Who acts, where it is a person.
    token: Option<Secret>,
    /// Whose kept login that is, where it is one.
    login_of: Option<String>,
    /// The token was got for this command and ends with it.
    is_borrowed: bool,
    /// What the person should know beside the answer.
    warnings: Vec<String>,
}

enum Way {
    Line { sender: SendRequest<Full<Bytes>>, host: String },
    Here { open: OpenHouse, uid: u32 },
}

impl Client {
    /// A client for the house that the flags name, with the logins of this user.
    pub fn new(globals: &GlobalArgs, logins: Logins) -> Self {
        Self {
            globals: globals.clone(),
            logins,
            way: None,
            token: None,
            login_of: None,
            is_borrowed: false,
            warnings: Vec::new(),
        }
    }

    /// What the person should know beside the answer, a line each.
    pub fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Does a program read what is printed?
    pub fn wants_json(&self) -> bool {
        self.globals.json
    }

    /// The flags.
    pub fn globals(&self) -> &GlobalArgs {
        &self.globals
    }

    /// The logins of this user.
    pub fn logins(&self) -> &Logins {
        &self.logins
    }

    /// The authority that programs check the house's certificate with; nothing where it is one that
    /// the system trusts.
    pub fn authority(&self) -> Result<Option<PathBuf>, Failure> {
        check(&self.globals)?;
        if let Some(file) = &self.globals.cacert {
            return Ok(Some(absolute(file)));
        }
        let login = if self.globals.offline { None } else { self.logins.find(&self.globals)? };
        match (login, &self.globals.config) {
            (Some(login), _) => Ok(login.cacert),
            (None, Some(_)) if self.globals.url.is_none() => Ok(locate::authority(&locate::config(&self.globals)?)),
            (None, _) => Ok(None),
        }
    }

    /// Lets the house go in good order, where it was opened here, and a borrowed token too.
    pub async fn close(mut self) {
        if self.is_borrowed {
            // One that can not be ended now ends by itself.
            let _: Result<serde_json::Value, Failure> = self.act("POST", "/api/v1/logout").await;
        }
        if let Some(Way::Here { open, .. }) = self.way {
            open.close().await;
        }
    }

    /// Goes to this server from now on, as nobody yet.
    pub async fn go(&mut self, place: &Place) -> Result<(), Failure> {
        self.way = Some(Way::Line { sender: place.open().await?, host: place.authority() });
        self.token = None;
        Ok(())
    }

    /// Goes to the server of `--url`, where one is named, as nobody: for what needs no sign-in.
    pub async fn go_as_nobody(&mut self) -> Result<(), Failure> {
        check(&self.globals)?;
        match self.globals.url.clone() {
            Some(url) => self.go(&Place::parse(&url)?.trusting(self.globals.cacert.clone())).await,
            None => Ok(()),
        }
    }

    /// Signs a person in on the way that is open, and acts as them from now on.
    pub async fn sign_in(&mut self, email: &str, password: Secret) -> Result<LoggedIn, Failure> {
        let document = postern_http::model::Login { email: email.to_owned(), password: SecretText(password) };
        let signed_in: LoggedIn = self.send("POST", "/api/v1/login", &document).await?;
        self.token = Some(signed_in.token.0.clone());
        Ok(signed_in)
    }

    /// Reads a document.
    pub async fn get<T: DeserializeOwned>(&mut self, target: &str) -> Result<T, Failure> {
        self.ask("GET", target, None).await
    }
    /// Does something without a document.
    pub async fn act<T: DeserializeOwned>(&mut self, method: &str, target: &str) -> Result<T, Failure> {
        self.ask(method, target, None).await
    }
    /// Sends a document and reads one.
    pub async fn send<T: DeserializeOwned>(
        &mut self,
        method: &str,
        target: &str,
        document: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(document).map_err(|error| Failure::new(error.to_string()))?;
        self.ask(method, target, Some(Sent { media: JSON, bytes: body })).await
    }
    /// Sends bytes and reads a document.
    pub async fn send_bytes<T: DeserializeOwned>(
        &mut self,
        method: &str,
        target: &str,
        bytes: Vec<u8>,
    ) -> Result<T, Failure> {
        self.ask(method, target, Some(Sent { media: BYTES, bytes })).await
    }

    async fn ask<T: DeserializeOwned>(&mut self, method: &str, target: &str, body: Option<Sent>) -> Result<T, Failure> {
        if self.way.is_none() {
            self.find().await?;
        }
        let answered = self.exchange(method, target, body).await?;
        read(&answered).map_err(|failure| match (&self.globals.token_file, &self.login_of) {
            (Some(file), _) => failure.by_token_of(file),
            (None, Some(email)) => failure.acting_as(email),
            (None, None) => failure,
        })
    }

    async fn exchange(&mut self, method: &str, target: &str, body: Option<Sent>) -> Result<Answered, Failure> {
        match &mut self.way {
            Some(Way::Line { sender, host }) => {
                over_line(sender, host, self.token.as_ref(), method, target, body).await
            }
            Some(Way::Here { open, uid }) => {
                let asker = self.token.clone().map_or(Asker::Operator(*uid), Asker::Bearer);
                postern_http::call_as(Arc::clone(open.house()), &asker, method, target, body.map(|body| body.bytes))
                    .await
                    .map_err(|error| Failure::new(format!("the request can not be made: {error}")))
            }
            None => Err(Failure::new("no way to a house is open")),
        }
    }

    /// Finds the house, and who acts there.
    async fn find(&mut self) -> Result<(), Failure> {
        check(&self.globals)?;
        let login = if self.globals.offline { None } else { self.logins.find(&self.globals)? };
        let is_told_who = self.globals.token_file.is_some() || self.globals.as_person.is_some();
        match (self.globals.url.clone(), login) {
            (Some(url), login) => {
                let cacert = self.globals.cacert.clone().or(login.as_ref().and_then(|login| login.cacert.clone()));
                let connect = login.as_ref().and_then(|login| login.connect.clone());
                let place = Place::parse(&url)?.trusting(cacert).at(connect);
                if login.is_none() && !is_told_who {
                    return Err(Failure::new(format!("you have not signed in at {url}"))
                        .next(format!("postern login EMAIL --url {url}")));
                }
                self.go(&place).await?;
                self.take(login);
            }
            // Told who acts, the house of a configuration is asked over its socket.
            (None, Some(login)) if self.globals.config.is_none() || !is_told_who => {
                let way = self.go(&place_of(&login)?).await;
                way.map_err(|failure| match &login.config {
                    Some(config) => failure.next(format!(
                        "is the server running? postern serve --config {config}; to act as its operator again: postern \
                         logout --config {config}",
                        config = config.display()
                    )),
                    None => failure,
                })?;
                self.take(Some(login));
            }
            (None, _) => self.way = Some(at_home(&self.globals).await?),
        }
        self.act_as_told().await
    }

    /// Acts as the one who signed in, where somebody did.
    fn take(&mut self, login: Option<Login>) {
        self.login_of = login.as_ref().map(|login| login.email.clone());
        self.token = login.map(|login| login.token.0);
    }

    /// `--token-file`, or `--as` with its password: one token for this command.
    async fn act_as_told(&mut self) -> Result<(), Failure> {
        if let Some(file) = &self.globals.token_file {
            self.token = Some(secret_in(file, "token")?);
            self.warnings.extend(warning(file, "token"));
        }
        if let (Some(email), Some(file)) = (self.globals.as_person.clone(), &self.globals.as_password_file) {
            let password = secret_in(file, "password")?;
            self.warnings.extend(warning(file, "password"));
            (self.token, self.login_of) = (None, None);
            // Boxed, for signing in asks as every command does.
            Box::pin(self.sign_in(&email, password)).await?;
            self.is_borrowed = true;
        }
        Ok(())
    }
}

/// Where a login leads.
pub(super) fn place_of(login: &Login) -> Result<Place, Failure> {
    Ok(Place::parse(&login.url)?.trusting(login.cacert.clone()).at(login.connect.clone()))
}

/// What others than owner and group may do with a file.
const OTHERS: u32 = 0o007;

/// That a secret lies open, where it does.
fn warning(file: &Path, what: &str) -> Option<String> {
    let about = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    let is_open = about.permissions().mode() & OTHERS != 0;
    let shown = quoted(file);
    is_open.then(|| {
        format!("postern: every user of this machine may open {shown}, which holds a {what}; chmod o= {shown}\n")
    })
}

/// The first line of a file that holds a secret.
fn secret_in(file: &Path, what: &str) -> Result<Secret, Failure> {
    let failed = |reason: String| {
        Failure::new(format!("{}: {reason}", file.display())).next(format!("put the {what} into its first line"))
    };
    let opened = File::open(file).map_err(|error| failed(error.to_string()))?;
    let named = |reason: &str| reason.replace("standard input", "the file").replace("password", what);
    password::read(opened).map_err(|reason| failed(named(reason)))
}

/// Flags that mean nothing together are refused: none is accepted and ignored.
pub(super) fn check(globals: &GlobalArgs) -> Result<(), Failure> {
    let has_url = globals.url.is_some();
    let refusal = match globals {
        GlobalArgs { offline: true, .. } if has_url => {
            "--offline is for the house of --config, and --url for one elsewhere"
        }
        GlobalArgs { cacert: Some(_), .. } if !has_url => "--cacert means nothing without --url",
        GlobalArgs { as_person: Some(_), as_password_file: None, .. } => "--as needs --as-password-file",
        GlobalArgs { as_person: None, as_password_file: Some(_), .. } => {
            "--as-password-file means nothing without --as"
        }
        GlobalArgs { as_person: Some(_), token_file: Some(_), .. } => "--as and --token-file both say who acts",
        _ => return Ok(()),
    };
    Err(Failure::usage(refusal).next("leave one of them out, or see: postern --help"))
}

/// A path segment, percent-encoded (RFC 3986 section 3.3).
pub(super) fn segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The house of a configuration: over its socket, or opened in this process.
async fn at_home(globals: &GlobalArgs) -> Result<Way, Failure> {
    let config = locate::config(globals)?;
    if globals.offline {
        refuse_for_others(&config.data_dir, rustix::process::geteuid().as_raw())?;
        let open = open_house(&config).map_err(|error| Failure::new(error.to_string()))?;
        return Ok(Way::Here { open, uid: rustix::process::getuid().as_raw() });
    }
    let sender = connect(&admin_socket(&config), &config.file).await?;
    Ok(Way::Line { sender, host: "localhost".to_owned() })
}

/// Reads a document as the operator of the house, whoever else has signed in here.
pub(super) async fn ask_operator<T: DeserializeOwned>(config: &Config, target: &str) -> Result<T, Failure> {
    let mut sender = connect(&admin_socket(config), &config.file).await?;
    read(&over_line(&mut sender, "localhost", None, "GET", target, None).await?)
}

/// What another user, root too, writes into the folder of a house is what its server can not open any more.
fn refuse_for_others(folder: &Path, me: u32) -> Result<(), Failure> {
    // Whose keys they are: the folder itself may be a disk's that root has mounted.
    let keys = std::fs::metadata(folder.join("keys"));
    let owner = keys.or_else(|_| std::fs::metadata(folder)).map(|about| about.uid());
    match owner {
        Ok(owner) if owner != me => Err(Failure::new(format!(
            "the house in {} belongs to user {owner}, and its server could not open what user {me} writes there",
            folder.display()
        ))
        .next(format!(
            "do it as that user: sudo -u '#{owner}' postern --offline …; or leave --offline out while the server runs"
        ))),
        _ => Ok(()),
    }
}

/// Opens a connection to the socket of the server.
pub(super) async fn connect(socket: &Path, config: &Path) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let (at, config) = (socket.display(), config.display());
    let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => Failure::new(format!("no server answers at {at}"))
            .next(format!("start it with: postern serve --config {config}; or add --offline to do this without one")),
        ErrorKind::PermissionDenied => Failure::new(format!("you may not open {at}"))
            .next("do this as the user the server runs as, or as a member of that user's group"),
        _ => Failure::new(format!("{at} can not be reached: {error}")),
    })?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // What ends the connection early reaches the one request that waits for it.
    tokio::spawn(connection);
    Ok(sender)
}

async fn over_line(
    sender: &mut SendRequest<Full<Bytes>>,
    host: &str,
    token: Option<&Secret>,
    method: &str,
    target: &str,
    body: Option<Sent>,
) -> Result<Answered, Failure> {
    let seconds = body.as_ref().map_or(ANSWER_SECONDS, Sent::seconds);
    let mut request = Request::builder().method(method).uri(target).header(HOST, host);
    if let Some(token) = token {
        let value = HeaderValue::from_bytes(&[b"Bearer ", token.expose()].concat());
        let mut value = value.map_err(|_| Failure::new("the token can not be sent: it is no token"))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = match &body {
        Some(body) => request.header(CONTENT_TYPE, body.media),
        None => request,
    };
    let request = request
        .body(Full::new(Bytes::from(body.map_or_else(Vec::new, |body| body.bytes))))
        .map_err(|error| Failure::new(format!("the request can not be made: {error}")))?;
    let exchange = async {
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes().to_vec();
        Ok(Answered { status, body })
    };
    match tokio::time::timeout(Duration::from_secs(seconds), exchange).await {
        Ok(answered) => answered.map_err(|error| match target {
            "/api/v1/login" => Failure::new(format!("{host} gives no answer that can be understood"))
                .next("is that the port of https? [listen] https in postern.toml has it"),
            _ => broken(error),
        }),
        Err(_) => Err(Failure::new(format!("the server has not answered for {seconds} s"))
            .next("look at the trail whether it was done: postern audit list; the server's log has the cause")),
    }
}

fn broken(error: hyper::Error) -> Failure {
    Failure::new(format!("the connection to the server broke: {error}"))
        .next("look at the trail whether it was done: postern audit list; the server's log has the cause")
}

fn read<T: DeserializeOwned>(answered: &Answered) -> Result<T, Failure> {
    if !(200..300).contains(&answered.status) {
        return Err(match serde_json::from_slice::<Problem>(&answered.body) {
            Ok(problem) => Failure::refused(&problem),
            Err(_) => Failure::new(format!("the server answered with status {}", answered.status))
                .next("its log has the cause"),
        });
    }
    serde_json::from_slice(&answered.body).map_err(|error| {
        Failure::new(format!("the answer can not be read: {error}"))
            .next("use the postern command of the server's own version: postern version")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_hold_any_address() {
        assert_eq!(segment("alice+x@example.org"), "alice%2Bx@example.org");
        assert_eq!(segment("jörg?#@example.org"), "j%C3%B6rg%3F%23@example.org");
    }

    /// A house is its keys' owner's, whoever has the folder that it lies in.
    #[test]
    fn offline_is_for_the_user_of_the_house() {
        let folder = tempfile::tempdir().unwrap();
        let me = rustix::process::geteuid().as_raw();
        let refused = |user| refuse_for_others(folder.path(), user).err().map(|failure| failure.to_string());
        let text = refused(me + 1).unwrap();
        assert!(
            text.contains(&format!("belongs to user {me}, and")) && text.contains(&format!("sudo -u '#{me}'")),
            "{text}"
        );
        assert_eq!(refused(me), None);
        // Keys that are somebody else's than the folder: where all is root's, the folder is given away.
        std::os::unix::fs::symlink("/", folder.path().join("keys")).unwrap();
        let root = std::fs::metadata("/").unwrap().uid();
        if root == me {
            std::os::unix::fs::chown(folder.path(), Some(me + 1), None).unwrap();
        }
        assert_eq!(refused(root), None);
        assert!(refused(me + 1).unwrap().contains(&format!("sudo -u '#{root}'")));
    }

    #[test]
    fn a_secret_that_lies_open_is_warned_of() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let with_mode = |mode: u32| {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            warning(file.path(), "token")
        };
        assert_eq!((with_mode(0o600), with_mode(0o640)), (None, None));
        let shown = file.path().display();
        let text =
            format!("postern: every user of this machine may open {shown}, which holds a token; chmod o= {shown}\n");
        assert_eq!(with_mode(0o644), Some(text));
        assert_eq!(warning(Path::new("/dev/null"), "token"), None, "it is no file that keeps anything");
    }
}
