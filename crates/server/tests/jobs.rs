//! The jobs that the house runs by itself, hour after hour.

use postern_app::wire::Shutdown;
use postern_server::config::{Settings, loopback};
use postern_server::{NewHouse, open_house};
use postern_types::{Address, Domain, Secret};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A job that fails says so by its name, keeps none of the others, and is tried in the next round.
#[tokio::test]
async fn a_job_that_fails_is_told_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let new = NewHouse {
        data_dir: folder.path().join("house"),
        domain: Domain::parse("example.org").unwrap(),
        admin: Address::parse("admin@example.org").unwrap(),
        password: Secret::new("a password for the tests"),
        settings: loopback(Settings { hostname: Some("mail.example.org".into()), ..Settings::default() }, 0),
    };
    let opened = open_house(&new.make().await.unwrap()).unwrap();
    let house = Arc::clone(opened.house());
    // Nothing works any more, and it is answered at once: no real time passes below.
    opened.close().await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    tokio::time::pause();
    let (drain, shutdown) = Shutdown::new();
    let jobs = tokio::spawn(house.run_jobs(shutdown));
    for rounds in 1..=2 {
        tokio::time::sleep(Duration::from_secs(61 * 60)).await;
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        for job in ["expire-tokens", "forget-deliveries", "forget-networks", "expire", "collect"] {
            let told =
                text.lines().filter(|line| line.contains("job.failed") && line.contains(&format!("job=\"{job}\"")));
            assert_eq!(told.count(), rounds, "{job}: {text}");
        }
    }
    drain.send(true).unwrap();
    jobs.await.unwrap();
}
