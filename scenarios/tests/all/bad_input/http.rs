//! HTTP: heads, bodies, paths and documents that are none.

use super::{Amiss, BOB, Scene, Wire, on_both, run};
use tokio::io::{AsyncRead, AsyncWrite};

async fn https(scene: &Scene) -> Wire<impl AsyncRead + AsyncWrite + Unpin> {
    Wire::new(scene.house.tls("https").await)
}

/// Bytes on a connection of their own; what comes until it ends.
async fn answered(scene: &Scene, request: &[u8]) -> String {
    let mut wire = https(scene).await;
    wire.say(request).await;
    wire.half_closes().await
}

/// One answer, of this status, or none where the connection just ends; never a second one.
async fn refuses(scene: &Scene, request: &[u8], expected: &[&str], amiss: &mut Amiss) {
    let answer = answered(scene, request).await;
    let status = answer.strip_prefix("HTTP/1.1 ").map_or("closed", |rest| &rest[..3]);
    if !expected.contains(&status) || answer.matches("HTTP/1.").count() > 1 {
        let shown = request[..request.len().min(200)].escape_ascii();
        amiss.0.push(format!("{shown}\n    expected {expected:?}\n    got      {answer:?}"));
    }
}

fn head(fields: &str) -> Vec<u8> {
    format!("GET /healthz HTTP/1.1\r\nHost: mail.example.org\r\n{fields}\r\n").into_bytes()
}

/// A POST that would sign in, with these fields and this body.
fn post(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{fields}\r\n");
    [head.as_bytes(), body].concat()
}

on_both! {
    /// RFC 9112 sections 2 to 5: heads.
    async fn heads(scene: &Scene) {
        let many: String = (0..500).map(|number| format!("X-{number}: y\r\n")).collect();
        let mut amiss = Amiss::default();
        for (request, expected) in [
            (head(&format!("X: {}\r\n", "x".repeat(20_000))), &["431"][..]),
            (head(&many), &["431"]),
            (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(100_000)).into_bytes(), &["414", "431"]),
            (b"GET /healthz\r\n\r\n".to_vec(), &["400"]),
            (b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n".to_vec(), &["400", "505"]),
            (b"G\0T /healthz HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), &["400"]),
            (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), &["400"]),
            (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), &["400", "404"]),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n".to_vec(), &["400"]),
            (head("X: a\0b\r\n"), &["400"]),
            (head("X: a\x01b\r\n"), &["400"]),
            (head("X: a\rb\r\n"), &["400"]),
            (head("X Y: z\r\n"), &["400"]),
            (head(": z\r\n"), &["400"]),
            (head("X: a\r\n folded\r\n"), &["400"]),
            (head("Content-Length: -1\r\n"), &["400"]),
            (head("Content-Length: 1, 2\r\n"), &["400"]),
            (head("Content-Length: 0\r\nContent-Length: 5\r\n"), &["400"]),
            (head("Content-Length: 99999999999999999999999\r\n"), &["400"]),
            (head("Transfer-Encoding: chunked, nonsense\r\n"), &["400"]),
            (head("Authorization: Bearer \x7f\r\n"), &["400", "200"]),
        ] {
            refuses(scene, &request, expected, &mut amiss).await;
        }
        amiss.end();
    }

    /// RFC 9112 sections 6 and 7: bodies. A length that two fields tell differently ends the connection: behind it could
    /// be another request.
    async fn bodies(scene: &Scene) {
        let chunked = |body: &[u8]| post("Transfer-Encoding: chunked\r\n", body);
        let whole = br#"{"email":"bob@example.org","password":"wrong"}"#;
        let second = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        let mut amiss = Amiss::default();
        for (request, expected) in [
            (chunked(b"zz\r\nabc\r\n0\r\n\r\n"), &["400", "413"][..]),
            (chunked(b"-1\r\nabc\r\n0\r\n\r\n"), &["400", "413"]),
            (chunked(b"FFFFFFFFFFFFFFFFF\r\nabc"), &["400", "413"]),
            (chunked(b"7FFFFFFFFFFFFFFF\r\nabc"), &["400", "413"]),
            (chunked(b"3\r\nabcdef\r\n0\r\n\r\n"), &["400", "413"]),
            (chunked(b"3\nabc\n0\n\n"), &["400", "413"]),
            (chunked(&[b"3;", "x".repeat(100_000).as_bytes(), b"\r\nabc\r\n0\r\n\r\n"].concat()), &["400", "413"]),
            (chunked(b"\r\n\r\n"), &["400", "413"]),
            (chunked(b"5\r\nab"), &["400", "413", "closed"]),
            (post("Content-Length: 100\r\n", b"{}"), &["400", "413", "closed"]),
            (post("Content-Length: 100000\r\n", &[b' '; 100_000]), &["413"]),
            (chunked(&[&b"20000\r\n"[..], &[b' '; 0x20000], b"\r\n0\r\n\r\n"].concat()), &["413"]),
            (post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", &[b"0\r\n\r\n", &second[..]].concat()), &["400"]),
            (post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", whole), &["400"]),
        ] {
            refuses(scene, &request, expected, &mut amiss).await;
        }
        amiss.end();
    }

    /// RFC 8259: documents.
    async fn documents(scene: &Scene) {
        let deep = [b"[".repeat(60_000), b"{\"a\":".repeat(10_000), [b"[".repeat(30_000), b"]".repeat(30_000)].concat()];
        let nested = format!(r#"{{"email":{}1{},"password":"x"}}"#, "[".repeat(20_000), "]".repeat(20_000));
        let mut cases: Vec<(Vec<u8>, &str)> = vec![
            (Vec::new(), "400"),
            (b"\0".to_vec(), "400"),
            (b"{\"email\":\"a\0b@example.org\",\"password\":\"x\"}".to_vec(), "400"),
            (b"{\"email\":\"\xff@example.org\",\"password\":\"x\"}".to_vec(), "400"),
            (br#"{"email":"\ud800@example.org","password":"x"}"#.to_vec(), "400"),
            (br#"{"email":"a\u0000b@example.org","password":"x"}"#.to_vec(), "422"),
            (br#"{"email":"%@example.org","password":"x"}"#.to_vec(), "422"),
            (br#"{"email":"..","password":"x"}"#.to_vec(), "422"),
            (br#"{"email":"j\u00fcrgen@gr\u00fcn.example","password":"\u0000"}"#.to_vec(), "401"),
            (br#"{"email":"bob@example.org","password":"\u0000"}"#.to_vec(), "401"),
            (br#"{"email":"bob@example.org","email":"alice@example.org","password":"x"}"#.to_vec(), "400"),
            (br#"{"email":1e999,"password":"x"}"#.to_vec(), "400"),
            (br#"{"email":null,"password":{}}"#.to_vec(), "400"),
            (nested.into_bytes(), "400"),
        ];
        cases.extend(deep.map(|body| (body, "400")));
        let mut amiss = Amiss::default();
        for (body, expected) in cases {
            refuses(scene, &post(&format!("Content-Length: {}\r\n", body.len()), &body), &[expected], &mut amiss).await;
        }
        amiss.end();
    }

    /// Paths and queries of somebody who has signed in, and of the administrator: nothing is found, made or changed.
    async fn paths_and_names(scene: &Scene) {
        let mut admin = scene.house.rest_as("admin@example.org").await;
        let mut amiss = Amiss::default();
        for (method, target, body, expected) in [
            ("GET", "/api/v1/../../etc/passwd", None, "404"),
            ("GET", "/api/v1/%2e%2e/%2e%2e/etc/passwd", None, "404"),
            ("GET", "/api/v1/persons/..", None, "422"),
            ("GET", "/api/v1/persons/%00", None, "422"),
            ("GET", "/api/v1/persons/%ff", None, "422"),
            ("GET", "/api/v1/persons/%", None, "422"),
            ("GET", "/api/v1/persons/%25@example.org", None, "422"),
            ("GET", "/api/v1/persons/*@example.org", None, "422"),
            ("GET", "/api/v1/persons/al_ce@example.org", None, "404"),
            ("GET", "/api/v1/persons/%22alice%22@example.org%0d%0aX:%20y", None, "422"),
            ("GET", "/api/v1/audit?since=%00", None, "422"),
            ("GET", "/api/v1/audit?since=%ff", None, "4"),
            ("GET", "/api/v1/audit?limit=99999999999999999999", None, "400"),
            ("GET", "/api/v1/audit?nonsense=1", None, "400"),
            ("POST", "/api/v1/persons", Some(r#"{"address":"a\u0000b@example.org","name":""}"#), "422"),
            ("POST", "/api/v1/persons", Some(r#"{"address":"new@example.org","name":"a\u0000b"}"#), "422"),
            ("POST", "/api/v1/persons", Some(r#"{"address":"new@example.org","name":"a\r\nBcc: x"}"#), "422"),
            ("POST", "/api/v1/persons", Some(r#"{"address":"new@example.org","name":"\u202egpj"}"#), "422"),
            ("POST", "/api/v1/persons", Some(r#"{"address":"\"\"@example.org","name":""}"#), "422"),
            ("POST", "/api/v1/persons", Some(r#"{"address":"\"\\\"\\\"\"@example.org","name":""}"#), "422"),
            ("POST", "/api/v1/persons", Some(r#"{"address":"*@example.org","name":""}"#), "422"),
            ("POST", "/api/v1/persons", Some(r#"{"address":"new@gr\u00fcn..example","name":""}"#), "422"),
            ("POST", "/api/v1/persons", Some(r#"{"address":"new@elsewhere.example","name":""}"#), "4"),
            ("POST", "/api/v1/domains", Some(r#"{"domain":"*.example"}"#), "422"),
            ("POST", "/api/v1/domains", Some(r#"{"domain":"a\u0000.example"}"#), "422"),
            ("POST", "/api/v1/shared", Some(r#"{"address":"../x@example.org","name":""}"#), "422"),
        ] {
            let answer = admin.ask(method, target, body).await;
            let shown = format!("{method} {target} {body:?}: {} {}", answer.status, answer.text);
            let is_right = answer.status.to_string().starts_with(expected);
            if !is_right || answer.detail().is_empty() || answer.text.contains('\0') {
                amiss.0.push(format!("{shown}\n    expected {expected}"));
            }
        }
        amiss.end();
        assert_eq!(admin.get("/api/v1/me").await.status, 200);
    }
}

/// What is behind a body that was refused is answered as what it is, or not at all: the connection is never out of step.
#[test]
fn a_refused_document_leaves_the_connection_in_step() {
    run(postern_testkit::Engine::Sqlite, async |scene| {
        let mut client = scene.house.rest_as(BOB).await;
        for body in ["{", "\0", "[[[[", "{\"a\":\"\\u0000\"}", "null"] {
            let refused = client.ask("POST", "/api/v1/tokens", Some(body)).await;
            assert!((400..500).contains(&refused.status), "{body}: {}", refused.text);
            let me = client.get("/api/v1/me").await;
            assert!(me.status == 200 && me.text.contains(BOB), "{}", me.text);
        }
    });
}
