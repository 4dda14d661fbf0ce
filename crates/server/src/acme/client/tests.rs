//! The client beside servers that an authority should not be: silent, endless, or somebody's web site.

use super::*;
use crate::certificates;
use crate::config::{Config, TlsFiles};
use crate::tls::Tls;
use postern_store::SystemClock;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::Instant;

#[expect(clippy::disallowed_methods, reason = "a test's file need not last")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// A server, and a client that trusts it.
struct Scene {
    listener: TcpListener,
    tls: Tls,
    client: Client,
    wish: Wish,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = certificates::make("localhost", SystemClock.wall()).unwrap();
        let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        put(&files.certificate, made.server.as_bytes());
        put(&files.key, made.server_key.expose());
        put(&folder.path().join("ca.pem"), made.authority.as_bytes());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = format!(
            "hostname = \"mail.example.org\"\n[listen]\nhttp = [\"127.0.0.1:80\"]\n[tls.acme]\n\
             directory = \"https://127.0.0.1:{port}/dir\"\nca_file = \"ca.pem\"\n"
        );
        let config = Config::parse(&folder.path().join("postern.toml"), &text, &[]).unwrap();
        let wish = Wish::default();
        let client = Client::new(&config.acme.unwrap(), Arc::new(SystemClock), wish.clone()).await.unwrap();
        Self { listener, tls: Tls::load(&files).unwrap(), client, wish, _folder: folder }
    }

    fn request(&self, path: &str) -> impl Future<Output = Result<BytesResponse, Error>> + Send + use<> {
        let authority = self.client.directory.strip_suffix("/dir").unwrap();
        let request = Request::get(format!("{authority}{path}")).body(BodyWrapper::from(Vec::new())).unwrap();
        self.client.request(request)
    }

    /// Why the client does not take what the server writes after a request.
    async fn refused(&self, path: &str, answer: &[u8]) -> String {
        let serve = async {
            let (stream, _) = self.listener.accept().await.unwrap();
            let mut stream = self.tls.acceptor().accept(stream).await.unwrap();
            let mut byte = [0; 1024];
            let _ = stream.read(&mut byte).await.unwrap();
            // Whoever heard enough hangs up.
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        };
        let (answered, ()) = tokio::join!(self.request(path), serve);
        answered.err().map_or_else(|| "it is taken".to_owned(), |error| error.to_string())
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

#[tokio::test]
async fn a_page_is_no_answer_of_an_authority_and_its_patience_is_heard() {
    let scene = Scene::new().await;
    let page = "<html><title>Welcome</title></html>";
    assert_eq!(scene.refused("/dir", &answer("200 OK", "", page)).await, "it answers 200 OK, \"Welcome\"");
    assert_eq!(scene.refused("/other", &answer("200 OK", "", page)).await, "it is taken", "a certificate is no JSON");
    let later = "Date: Fri, 31 Dec 1999 22:59:59 GMT\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n";
    let refused = scene.refused("/other", &answer("502 Bad Gateway", later, page)).await;
    assert_eq!(refused, "it answers 502 Bad Gateway, \"Welcome\"");
    assert_eq!(scene.wish.milliseconds(), Some(3_600_000));
    let problem = r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"no"}"#;
    assert_eq!(
        scene.refused("/other", &answer("429 Too Many Requests", "Retry-After: 60\r\n", problem)).await,
        "it is taken"
    );
    assert_eq!(scene.wish.milliseconds(), Some(60_000));
    assert_eq!(scene.refused("/other", &answer("400 Bad Request", "", problem)).await, "it is taken");
    assert_eq!(scene.wish.milliseconds(), None, "the last refusal said nothing of it");
}

#[tokio::test]
async fn no_more_is_read_than_a_certificate_is_long() {
    let scene = Scene::new().await;
    let fits = "x".repeat(ANSWER_BYTES);
    assert_eq!(scene.refused("/other", &answer("200 OK", "", &fits)).await, "it is taken");
    let refused = scene.refused("/other", &answer("200 OK", "", &format!("{fits}x"))).await;
    assert_eq!(refused, "its answer did not come whole: length limit exceeded");
    // Without an announced length.
    let endless = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], fits.as_bytes(), b"xx"].concat();
    assert!(scene.refused("/other", &endless).await.starts_with("its answer did not come whole"));
}

/// Time stands still until all that can come has come, and then leaps to the next limit.
#[tokio::test(start_paused = true)]
async fn one_that_does_not_shake_hands_is_not_waited_for() {
    let scene = Scene::new().await;
    let began = Instant::now();
    let refused = scene.request("/dir").await.err().unwrap().to_string();
    assert_eq!(began.elapsed().as_secs(), 15);
    assert!(refused.starts_with("127.0.0.1:") && refused.ends_with(" does not answer in time"), "{refused}");
}

#[tokio::test]
async fn one_that_takes_a_question_and_is_silent_is_not_waited_for() {
    let scene = Scene::new().await;
    let (asked, is_asked) = oneshot::channel();
    let serve = async {
        let (stream, _) = scene.listener.accept().await.unwrap();
        let mut stream = scene.tls.acceptor().accept(stream).await.unwrap();
        let mut byte = [0; 1024];
        let _ = stream.read(&mut byte).await.unwrap();
        asked.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    let leap = async {
        is_asked.await.unwrap();
        tokio::time::pause();
        tokio::time::sleep(WHOLE + Duration::from_secs(1)).await;
    };
    let refused = tokio::select! {
        answered = scene.request("/dir") => answered.err().unwrap().to_string(),
        () = serve => unreachable!(),
        () = leap => panic!("it is waited for beyond its time"),
    };
    assert_eq!(refused, "no answer in time");
}
