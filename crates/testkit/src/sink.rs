//! A server that takes mail and keeps it: the other end of a relay.
//!
//! What it answers to a recipient is the test's to say, so that refusals and delays are scripted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The reverse path, without its brackets.
    pub from: String,
    /// Parameters of MAIL.
    pub parameters: String,
    /// Recipients that were accepted, with their parameters.
    pub recipients: Vec<String>,
    /// The message, dots unstuffed.
    pub message: String,
    /// On which connection, from 1.
    pub connection: usize,
}

/// What is answered to a recipient; nothing for yes.
pub type Answering = dyn Fn(&str) -> Option<String> + Send + Sync;

/// A recipient that waits for an answer, which a test gives when it wants.
pub struct Asked {
    /// To whom mail is to go.
    pub recipient: String,
    reply: oneshot::Sender<String>,
}

impl Asked {
    /// Answers, `550 5.1.1 No such user`.
    pub fn say(self, reply: &str) {
        // Whoever sent it may be gone.
        let _ = self.reply.send(reply.to_owned());
    }
}

type Asking = Mutex<Option<UnboundedSender<Asked>>>;

/// A running sink. It ends when it is dropped.
pub struct Sink {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    count: watch::Receiver<usize>,
    answering: Arc<Mutex<Arc<Answering>>>,
    asking: Arc<Asking>,
    /// So many messages are answered; what comes after waits.
    answered: watch::Sender<usize>,
    task: JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sink {
    /// Takes everything, on a port of the system's choice.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (tell, count) = watch::channel(0);
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let yes: Arc<Answering> = Arc::new(|_| None);
        let answering = Arc::new(Mutex::new(yes));
        let asking: Arc<Asking> = Arc::default();
        let asks = Arc::clone(&asking);
        let (answered, most) = watch::channel(usize::MAX);
        let shared = (Arc::clone(&taken), Arc::new(tell), Arc::clone(&answering));
        let task = tokio::spawn(async move {
            let mut connections = 0;
            while let Ok((stream, _)) = listener.accept().await {
                connections += 1;
                let (taken, tell, answering) = shared.clone();
                let (number, most, asks) = (connections, most.clone(), Arc::clone(&asks));
                tokio::spawn(async move {
                    let keep = |message: Taken| {
                        let mut all = taken.lock().unwrap_or_else(PoisonError::into_inner);
                        all.push(message);
                        tell.send_replace(all.len());
                        (all.len(), most.clone())
                    };
                    let answer = |recipient: &str| {
                        let answering = Arc::clone(&answering.lock().unwrap_or_else(PoisonError::into_inner));
                        answering(recipient)
                    };
                    // A client that goes away in the middle is no matter of the sink's.
                    let _ = serve(stream, number, keep, answer, &asks).await;
                });
            }
        });
        Self { address, taken, count, answering, asking, answered, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on recipients are answered so; nothing for yes.
    pub fn answer(&self, answering: impl Fn(&str) -> Option<String> + Send + Sync + 'static) {
        *self.answering.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(answering);
    }

    /// From now on each recipient waits for an answer from here, for as long as somebody listens.
    pub fn asks(&self) -> UnboundedReceiver<Asked> {
        let (tell, asked) = unbounded_channel();
        *self.asking.lock().unwrap_or_else(PoisonError::into_inner) = Some(tell);
        asked
    }

    /// Answers so many messages; what comes after is taken, and its sender hears nothing.
    pub fn answer_so_many(&self, messages: usize) {
        self.answered.send_replace(messages);
    }

    /// What it has taken so far.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has taken so many messages, and answers all of them.
    pub async fn wait_for(&self, messages: usize) -> Vec<Taken> {
        let mut count = self.count.clone();
        // What it answers is a lock on the count, which is told under the lock of what was taken: let go first.
        let reached = async { count.wait_for(|taken| *taken >= messages).await.is_ok() };
        let is_reached = tokio::time::timeout(std::time::Duration::from_secs(60), reached).await;
        let taken = self.taken();
        assert!(is_reached == Ok(true), "{messages} messages were to come, and {} did", taken.len());
        taken
    }
}

async fn serve(
    stream: TcpStream,
    number: usize,
    keep: impl Fn(Taken) -> (usize, watch::Receiver<usize>),
    answer: impl Fn(&str) -> Option<String>,
    asking: &Asking,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(b"220 sink.example.net ESMTP\r\n").await?;
    let nothing = || Taken {
        from: String::new(),
        parameters: String::new(),
        recipients: Vec::new(),
        message: String::new(),
        connection: number,
    };
    let mut taken = nothing();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let upper = line.to_ascii_uppercase();
        let reply = if upper.starts_with("EHLO") {
            "250-sink.example.net\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 104857600\r\n250 ENHANCEDSTATUSCODES".to_owned()
        } else if upper.starts_with("MAIL FROM:") {
            let (path, parameters) = path_of(&line);
            taken = Taken { from: path, parameters, ..nothing() };
            "250 2.1.0 Ok".to_owned()
        } else if upper.starts_with("RCPT TO:") {
            let (path, parameters) = path_of(&line);
            let said = match ask(asking, &path).await {
                None => answer(&path),
                said => said,
            };
            match said {
                None => {
                    taken.recipients.push(format!("{path} {parameters}").trim_end().to_owned());
                    "250 2.1.5 Ok".to_owned()
                }
                Some(refusal) => refusal,
            }
        } else if upper == "DATA" {
            if taken.recipients.is_empty() {
                "554 5.5.1 No recipients".to_owned()
            } else {
                stream.get_mut().write_all(b"354 Go on\r\n").await?;
                taken.message = message(&mut stream).await?;
                let (place, mut most) = keep(std::mem::replace(&mut taken, nothing()));
                if most.wait_for(|most| place <= *most).await.is_err() {
                    return Ok(());
                }
                "250 2.0.0 Taken".to_owned()
            }
        } else if upper == "RSET" || upper.starts_with("NOOP") {
            taken = nothing();
            "250 2.0.0 Ok".to_owned()
        } else if upper == "QUIT" {
            stream.get_mut().write_all(b"221 2.0.0 Bye\r\n").await?;
            return Ok(());
        } else {
            "502 5.5.1 Not here".to_owned()
        };
        stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
}

/// What whoever is asked says of a recipient; nothing where nobody is.
async fn ask(asking: &Asking, recipient: &str) -> Option<String> {
    let (reply, said) = oneshot::channel();
    {
        let asking = asking.lock().unwrap_or_else(PoisonError::into_inner);
        asking.as_ref()?.send(Asked { recipient: recipient.to_owned(), reply }).ok()?;
    }
    said.await.ok()
}

fn path_of(line: &str) -> (String, String) {
    let rest = line.split_once('<').map_or("", |(_, rest)| rest);
    let (path, parameters) = rest.split_once('>').unwrap_or((rest, ""));
    (path.to_owned(), parameters.trim().to_owned())
}

async fn message(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut message = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(String::from_utf8_lossy(&message).into_owned());
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
