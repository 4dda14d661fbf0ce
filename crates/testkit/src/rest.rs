//! A scripted client of REST over one connection, as bare as the wire: what comes back is what
//! the server wrote.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// One connection, and the token that its requests bear.
pub struct RestClient {
    stream: BufReader<TlsStream<TcpStream>>,
    token: Option<String>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestAnswer {
    /// The status.
    pub status: u16,
    /// The header fields as they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub text: String,
}

impl RestAnswer {
    /// The document.
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The text of a problem.
    pub fn detail(&self) -> String {
        self.document()["detail"].as_str().unwrap_or_default().to_owned()
    }

    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl RestClient {
    /// Over a connection that is there.
    pub fn start(stream: TlsStream<TcpStream>) -> Self {
        Self { stream: BufReader::new(stream), token: None }
    }

    /// Bears this token from now on.
    #[must_use]
    pub fn bearing(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The token that requests bear.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a token")
    }

    /// Signs in, and bears the token from now on.
    pub async fn login(&mut self, email: &str, password: &str) {
        let answer = self.try_login(email, password).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.token = answer.document()["token"].as_str().map(str::to_owned);
    }

    /// Signs in, or does not.
    pub async fn try_login(&mut self, email: &str, password: &str) -> RestAnswer {
        let body = serde_json::json!({ "email": email, "password": password }).to_string();
        self.ask("POST", "/api/v1/login", Some(&body)).await
    }

    /// Reads.
    pub async fn get(&mut self, target: &str) -> RestAnswer {
        self.ask("GET", target, None).await
    }

    /// One request on this connection.
    pub async fn ask(&mut self, method: &str, target: &str, body: Option<&str>) -> RestAnswer {
        let mut head = String::new();
        if let Some(token) = &self.token {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        if body.is_some() {
            head.push_str("Content-Type: application/json\r\n");
        }
        self.send(method, target, &head, body).await
    }

    /// The same with header fields of the caller's own, each with its line end.
    pub async fn send(&mut self, method: &str, target: &str, fields: &str, body: Option<&str>) -> RestAnswer {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: mail.example.org\r\n{fields}");
        if let Some(body) = body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let request = format!("{head}\r\n{}", body.unwrap_or_default());
        self.stream.write_all(request.as_bytes()).await.expect("the server reads");
        self.stream.flush().await.expect("the server reads");
        self.answer().await
    }

    async fn answer(&mut self) -> RestAnswer {
        let first = self.line().await;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {first:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse());
        let mut body = vec![0; length.expect("a length").expect("a number")];
        self.stream.read_exact(&mut body).await.expect("the whole body");
        RestAnswer { status, headers, text: String::from_utf8(body).expect("text") }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.expect("the server writes");
        assert!(line.ends_with("\r\n"), "the connection ended: {line:?}");
        line.trim_end().to_owned()
    }

    /// The server has closed the connection.
    pub async fn closed(mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.expect("TLS ends with a farewell");
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }
}
