//! The way to REST: over the administration socket, or in this process with `--offline`.
//!
//! Both pass the same router, so a command means the same either way. Errors of the way
//! itself say where it ended and what to do.

use super::failure::Failure;
use super::locate;
use crate::globals::GlobalArgs;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use postern_http::Answered;
use postern_http::model::Problem;
use postern_server::{OpenHouse, admin_socket, open_house};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;

/// No command of ours takes longer; a server that is stuck shall not hang a script.
const ANSWER_SECONDS: u64 = 60;

/// A client of REST that finds its house when first asked.
pub(super) struct Client {
    globals: GlobalArgs,
    way: Option<Way>,
}

enum Way {
    Socket(SendRequest<Full<Bytes>>),
    Here { open: OpenHouse, uid: u32 },
}

impl Client {
    /// A client for the house that the flags name.
    pub fn new(globals: &GlobalArgs) -> Self {
        Self { globals: globals.clone(), way: None }
    }

    /// Does a program read what is printed?
    pub fn wants_json(&self) -> bool {
        self.globals.json
    }

    /// Lets the house go in good order, where it was opened here.
    pub async fn close(self) {
        if let Some(Way::Here { open, .. }) = self.way {
            open.close().await;
        }
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
        self.ask(method, target, Some(body)).await
    }

    async fn ask<T: DeserializeOwned>(
        &mut self,
        method: &str,
        target: &str,
        body: Option<Vec<u8>>,
    ) -> Result<T, Failure> {
        let way = match &mut self.way {
            Some(way) => way,
            way => way.insert(find(&self.globals).await?),
        };
        let answered =
            match way {
                Way::Socket(sender) => over_socket(sender, method, target, body).await?,
                Way::Here { open, uid } => postern_http::call(Arc::clone(open.house()), *uid, method, target, body)
                    .await
                    .map_err(|error| Failure::new(format!("the request can not be made: {error}")))?,
            };
        read(&answered)
    }
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

async fn find(globals: &GlobalArgs) -> Result<Way, Failure> {
    let config = locate::config(globals)?;
    if globals.offline {
        let open = open_house(&config).map_err(|error| Failure::new(error.to_string()))?;
        return Ok(Way::Here { open, uid: rustix::process::getuid().as_raw() });
    }
    connect(&admin_socket(&config), &config.file).await.map(Way::Socket)
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

async fn over_socket(
    sender: &mut SendRequest<Full<Bytes>>,
    method: &str,
    target: &str,
    body: Option<Vec<u8>>,
) -> Result<Answered, Failure> {
    let request = Request::builder().method(method).uri(target).header(HOST, "localhost");
    let request = if body.is_some() { request.header(CONTENT_TYPE, "application/json") } else { request };
    let request = request
        .body(Full::new(Bytes::from(body.unwrap_or_default())))
        .map_err(|error| Failure::new(format!("the request can not be made: {error}")))?;
    let exchange = async {
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes().to_vec();
        Ok(Answered { status, body })
    };
    match tokio::time::timeout(Duration::from_secs(ANSWER_SECONDS), exchange).await {
        Ok(answered) => answered.map_err(broken),
        Err(_) => Err(Failure::new(format!("the server has not answered for {ANSWER_SECONDS} s"))
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
}
