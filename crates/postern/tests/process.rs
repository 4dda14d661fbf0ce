//! The command as a process: a newcomer's first minutes, typed as they are printed.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const POSTERN: &str = env!("CARGO_BIN_EXE_postern");

fn postern(folder: &Path) -> Command {
    let mut command = Command::new(POSTERN);
    // What the person who runs the tests has set for their own house is not for these.
    let variables = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POSTERN_"));
    variables.for_each(|(name, _)| {
        command.env_remove(name);
    });
    // Nor are their logins.
    command.current_dir(folder).env("XDG_CONFIG_HOME", folder.join("config"));
    command
}

/// Runs a command that is given this on standard input.
fn told(command: &mut Command, input: &str) -> (i32, String, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code().unwrap_or(-1), text(&stdout), text(&stderr))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code().unwrap_or(-1), text(&stdout), text(&stderr))
}

fn init(folder: &Path) -> (i32, String, String) {
    let mut command = postern(folder);
    command.args(["init", "--data", "house", "--domain", "example.org", "--hostname", "mail.example.org"]);
    command.args(["--admin", "admin@example.org", "--loopback", "0"]);
    run(&mut command)
}

/// A child that is not left behind when a test fails.
struct Server {
    child: Child,
    lines: Box<dyn BufRead>,
}

impl Server {
    /// Starts it and reads its output until a line has this in it.
    fn start(command: &mut Command, ready: &str) -> (Self, String) {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (output, log) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        // Only one of the two says anything before the process ends.
        let lines: Box<dyn BufRead> =
            if ready.starts_with("server.") { Box::new(BufReader::new(log)) } else { Box::new(BufReader::new(output)) };
        let mut server = Self { child, lines };
        let text = server.until(ready);
        (server, text)
    }

    fn until(&mut self, wanted: &str) -> String {
        let mut text = String::new();
        while !text.lines().next_back().is_some_and(|line| line.contains(wanted)) {
            assert!(self.lines.read_line(&mut text).unwrap() > 0, "{wanted:?} did not come: {text}");
        }
        text
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn end(mut self) -> i32 {
        self.signal(Signal::TERM);
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn init_says_what_it_made_and_what_to_do_next_and_refuses_a_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said, error) = init(folder.path());
    assert_eq!(code, 0, "{error}");
    let config = folder.path().canonicalize().unwrap().join("house/postern.toml");
    let next = format!("serve --config {}", config.display());
    for expected in ["A house for example.org is ready", "admin@example.org", "(shown this once)", &next] {
        assert!(said.contains(expected), "{expected:?} is missing from: {said}");
    }
    let (code, said, error) = init(folder.path());
    assert_eq!((code, said.as_str()), (1, ""));
    assert!(error.starts_with("postern: ") && error.contains("holds a house already"), "{error}");
    assert!(error.contains("Next step: start it with `postern serve --config"), "{error}");
}

#[test]
fn what_is_not_built_and_what_means_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let line = "init --data h --domain example.org --hostname mail.example.org --admin admin@example.org";
    for (more, expected) in [
        ("--smarthost relay.example.org:0", "its port is no number from 1 to 65535; write a name or address"),
        ("--user no-such-user", "there is no user no-such-user in /etc/passwd"),
        ("--offline", "--offline means nothing to `postern init`"),
        ("--admin admin@example.net", "cannot be used multiple times"),
        ("--loopback 65000", "write a number from 0 to"),
    ] {
        let (code, _, error) = run(postern(folder.path()).args(line.split(' ')).args(more.split(' ')));
        assert_eq!(code, 2, "{more}: {error}");
        assert!(error.contains(expected), "{more}: {error}");
    }
    assert!(!folder.path().join("h").exists());
}

/// The file names it, and `serve` begins with it; none is said, too.
#[test]
fn init_names_the_smarthost() {
    let folder = tempfile::tempdir().unwrap();
    let line = "init --domain example.org --hostname mail.example.org --admin admin@example.org --loopback 0 --data";
    let (code, said, error) =
        run(postern(folder.path()).args(line.split(' ')).args(["far", "--smarthost", "[::1]:2525"]));
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("through [::1]:2525"), "{said}");
    let file = std::fs::read_to_string(folder.path().join("far/postern.toml")).unwrap();
    assert!(file.contains("\nsmarthost = \"[::1]:2525\"\n"), "{file}");
    let (code, said, error) = run(postern(folder.path()).args(line.split(' ')).arg("near"));
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("to nobody but this house, until [relay]"), "{said}");
}

#[test]
fn serve_is_ready_reloads_answers_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut making = postern(folder.path());
    making.args(["init", "--data", "house", "--domain", "example.org", "--hostname", "mail.example.org"]);
    making.args(["--admin", "admin@example.org", "--loopback", "0", "--password-stdin", "--json"]);
    let mut making = making.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    making.stdin.take().unwrap().write_all(b"a password for the tests\n").unwrap();
    let mut made = String::new();
    making.stdout.take().unwrap().read_to_string(&mut made).unwrap();
    assert!(making.wait().unwrap().success());
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert!(made["password"].is_null(), "a password that came in is not shown");
    let config = made["config"].as_str().unwrap().to_owned();

    let mut serving = postern(folder.path());
    serving.args(["serve", "--config", &config, "--ready-file", "ready.json"]);
    let (mut server, _) = Server::start(serving.env("POSTERN_LOG__FORMAT", "json"), "server.ready");
    let ready = std::fs::read(folder.path().join("ready.json")).unwrap();
    let ready: serde_json::Value = serde_json::from_slice(&ready).unwrap();
    assert_eq!(ready["pid"], server.child.id());
    for name in ["imaps", "imap", "lmtp", "smtp", "submission", "submissions", "https", "admin"] {
        assert!(ready["listeners"][name].is_string(), "{name} is missing: {ready}");
    }

    let (code, said, error) = run(postern(folder.path()).args(["person", "list", "--json", "--config", &config]));
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("admin@example.org"), "{said}");

    let (code, _, error) = run(postern(folder.path()).args(["serve", "--config", &config]));
    assert_eq!(code, 1);
    let holder = format!("in use by process {}", server.child.id());
    assert!(error.contains(&holder), "{error}");
    assert_eq!(error.matches(&holder).count(), 1, "said once: {error}");

    server.signal(Signal::HUP);
    server.until("server.reloaded");
    assert_eq!(server.end(), 0);
    assert!(!folder.path().join("ready.json").exists());
}

/// A new house that is served, and the port of its https.
fn served() -> (tempfile::TempDir, Server, String) {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(init(folder.path()).0, 0);
    let mut serving = postern(folder.path());
    serving.args(["serve", "--config", "house/postern.toml", "--ready-file", "ready.json"]);
    let (server, _) = Server::start(serving.env("POSTERN_LOG__FORMAT", "json"), "server.ready");
    let ready = std::fs::read(folder.path().join("ready.json")).unwrap();
    let ready: serde_json::Value = serde_json::from_slice(&ready).unwrap();
    let port = ready["listeners"]["https"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    (folder, server, port)
}

/// An owner of a shared mailbox signs in over the network, gives a colleague a part in it, and
/// signs out; without the socket, and without being an administrator.
#[test]
fn an_owner_signs_in_and_manages_their_delegates() {
    let (folder, server, port) = served();
    let url = format!("https://localhost:{port}");
    let does = |line: &str| {
        let (code, said, error) = run(postern(folder.path()).args(line.split(' ')));
        assert_eq!(code, 0, "{line}: {error}");
        said
    };
    let fails = |line: &str, input: &str| {
        let (code, said, error) = told(postern(folder.path()).args(line.split(' ')), input);
        assert_eq!((code > 0, said.as_str()), (true, ""), "{line}");
        error
    };
    let password = "an umbrella by the door";
    let (code, _, error) = told(
        postern(folder.path())
            .args("person add oona@example.org --password-stdin --config house/postern.toml".split(' ')),
        password,
    );
    assert_eq!(code, 0, "{error}");
    let invited = does("person add sam@example.org --config house/postern.toml");
    let page = format!("Next: they choose with it, at https://127.0.0.1:{port}/invitation in a browser, or: postern ");
    assert!(invited.contains(&page), "{invited}");
    let code = invited.lines().find_map(|line| line.strip_prefix("Invitation: ")).unwrap().to_owned();
    does("shared add support@example.org --config house/postern.toml");
    does("delegate add support@example.org oona@example.org --role owner --config house/postern.toml");

    let login = format!("login oona@example.org --password-stdin --url {url}");
    let error = fails(&login, password);
    assert!(error.contains("does not prove that it is that server") && error.contains("--cacert FILE"), "{error}");
    // Sam chooses a password that nobody else knows, and the invitation is good once.
    let take =
        format!("person set-password --self --invitation --password-stdin --url {url} --cacert house/tls/ca.pem");
    let chosen = format!("{code}\na ladder behind the house\n");
    let (status, _, error) = told(postern(folder.path()).args(take.split(' ')), &format!("{code}\nshort\n"));
    assert_eq!((status, error.contains("at least 15 characters")), (2, true), "{error}");
    let (status, said, error) = told(postern(folder.path()).args(take.split(' ')), &chosen);
    assert!(
        status == 0 && said.starts_with("sam@example.org has this password now.\nNext:"),
        "there was none before: {said}{error}"
    );
    assert!(fails(&take, &chosen).contains("none that can be taken"), "once");
    let sams = format!("login sam@example.org --password-stdin --url {url} --cacert house/tls/ca.pem");
    let (status, _, error) = told(postern(folder.path()).args(sams.split(' ')), "a ladder behind the house");
    assert_eq!(status, 0, "{error}");
    does("logout --url {url}".replace("{url}", &url).as_str());

    let login = format!("{login} --cacert house/tls/ca.pem");
    let error = fails(&login, "not the one");
    assert!(error.starts_with("postern: The name or the password is wrong\nNext step: a lost one"), "{error}");
    assert!(fails(&format!("shared list --url {url}"), "").contains("you have not signed in at"));
    let error = fails("login oona@example.org --password-stdin --config house/postern.toml", password);
    assert!(error.contains("the system chooses the port of https") && error.contains("--ready-file"), "{error}");
    let error = fails(&login.replace(" --password-stdin", ""), password);
    assert!(error.contains("there is no terminal to ask for the password at"), "{error}");

    let (code, said, error) = told(postern(folder.path()).args(login.split(' ')), password);
    assert_eq!(code, 0, "{error}");
    assert!(said.starts_with(&format!("Signed in at {url} as oona@example.org, until 20")), "{said}");
    let kept = folder.path().join("config/postern/logins.json");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&kept).unwrap().contains("ptnt_"));

    assert!(does("shared list").contains("support@example.org"));
    let added = does("delegate add support@example.org sam@example.org --rights lr");
    assert!(added.starts_with("sam@example.org is a delegate of support@example.org now, as reader"), "{added}");
    assert!(does(&format!("delegate list support@example.org --url {url}")).contains("sam@example.org"));
    let told_of = does("audit list --account support@example.org --limit 1");
    assert!(told_of.contains(
        "oona@example.org gave sam@example.org the rights of a reader (lr) on support@example.org (rest from 127.0.0.1)"
    ));
    assert!(fails("person list", "").contains("You may not see what the organisation has; ask an administrator"));
    assert!(fails("shared show other@example.org", "").contains("There is no shared mailbox other@example.org"));

    let made = does("token create --name rota --role owner --json");
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let file = folder.path().join("token");
    let mut open = std::fs::File::options().write(true).create_new(true).open(&file).unwrap();
    open.write_all(made["token"].as_str().unwrap().as_bytes()).unwrap();
    let by_token = format!("--url {url} --cacert house/tls/ca.pem --token-file token");
    does(&format!("delegate remove support@example.org sam@example.org {by_token}"));
    assert!(does("token list").lines().any(|line| line.contains("rota") && line.contains("owner")));

    let changed = told(
        postern(folder.path()).args("person set-password --self --password-stdin".split(' ')),
        &format!("{password}\nan umbrella in the hall\n"),
    );
    assert_eq!(changed.0, 0, "{}", changed.2);
    assert!(does("shared list").contains("support@example.org"), "who changed it goes on");
    assert!(does("logout").starts_with(&format!("Signed out at {url};")));
    assert!(fails("shared list", "").contains("which house?"));
    assert!(!std::fs::read_to_string(&kept).unwrap().contains("ptnt_"));
    assert!(does(&format!("shared list {by_token}")).contains("support@example.org"), "a token is no login");

    // On the machine of the server its configuration leads to the listener, and from then on
    // commands with it act as her; another word of the same command line is the operator's.
    let here = "--config house/postern.toml";
    let (code, said, error) = told(
        postern(folder.path())
            .args(format!("login oona@example.org --password-stdin {here}").split(' '))
            .env("POSTERN_LISTEN__HTTPS", format!("0.0.0.0:{port}")),
        "an umbrella in the hall",
    );
    assert_eq!(code, 0, "{error}");
    assert!(said.starts_with(&format!("Signed in at https://mail.example.org:{port} as oona")), "{said}");
    let error = fails(&format!("person list {here}"), "");
    assert!(error.contains("You may not see what the organisation has"), "{error}");
    let until = format!("Next step: you act as oona@example.org, by a login, until: postern {here} logout\n");
    assert!(error.ends_with(&until), "{error}");
    assert!(does(&format!("shared list {here}")).contains("support@example.org"));
    does(&format!("logout {here}"));
    assert!(does(&format!("person list {here}")).contains("oona@example.org"), "the operator again");
    assert!(fails(&format!("logout {here}"), "").contains("you have not signed in there"));
    assert_eq!(server.end(), 0);
}

const PURPOSES: &str = "archive backup client device marketing migration other role task ticketing";

/// The lines that the demo prints work as they are printed.
#[test]
fn the_three_things_to_try_work() {
    let folder = tempfile::tempdir().unwrap();
    let (server, welcome) =
        Server::start(postern(folder.path()).args(["demo", "--loopback", "0"]), "Ctrl-C stops the demo");
    let lines: Vec<&str> = welcome.lines().filter_map(|line| line.strip_prefix("     ")).collect();
    let addresses = welcome.lines().filter_map(|line| line.trim_start().split_once(' '));
    let at = |name: &str| addresses.clone().find(|(first, _)| *first == name).unwrap().1.trim().to_owned();
    let port = at("submissions").split(' ').next().unwrap().rsplit(':').next().unwrap().to_owned();
    assert!(
        welcome.contains(&format!("settings  SMTP at localhost port {port}, TLS from the first byte; ")),
        "{welcome}"
    );
    assert!(at("send").ends_with(&format!("--upload-file - smtps://localhost:{port}")), "{welcome}");
    let [read, write, take_away] = lines[..] else { panic!("three lines to try: {welcome}") };
    let secrets = std::fs::read_to_string(folder.path().join("postern-data/demo-secrets")).unwrap();
    let mut purposes: Vec<&str> = secrets.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    purposes.sort_unstable();
    assert_eq!(purposes.join(" "), PURPOSES, "one credential of each purpose");
    let here = ["--config", "postern-data/postern.toml"];
    for (noun, all, entries) in
        [("credential", "credentials", 10), ("person", "persons", 8), ("shared", "shared", 4), ("domain", "domains", 2)]
    {
        let (_, list, error) = run(postern(folder.path()).args([noun, "list", "--json"]).args(here));
        let list: serde_json::Value = serde_json::from_str(&list).unwrap_or_else(|_| panic!("{list}{error}"));
        assert_eq!(list[all].as_array().map(Vec::len), Some(entries), "{list:#}");
    }
    for tool in ["curl", "python3"] {
        if Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_err() {
            let _ = writeln!(std::io::stdout(), "skipped: {tool} is not installed");
            return;
        }
    }
    let shell = |line: &str| run(Command::new("sh").args(["-c", line]).current_dir(folder.path()));

    let (code, letter, error) = shell(read);
    assert_eq!(code, 0, "{error}");
    assert!(letter.contains("Subject: Open on the 24th?"), "{letter}");
    let (code, _, error) = shell(&at("send"));
    assert_eq!(code, 0, "{error}");
    let port = at("imaps").split(' ').next().unwrap().rsplit(':').next().unwrap().to_owned();
    let find = format!(
        "curl -sS --cacert '{}/tls/ca.pem' --user bob@example.org:bob-demo-password \
         'imaps://localhost:{port}/INBOX' -X 'SEARCH SUBJECT Friday TEXT \"I take support@ then.\"'",
        folder.path().join("postern-data").display()
    );
    // The queue brings it to Bob at once; each look is a sign-in, and takes its time.
    let came = (0..500).any(|_| {
        let (code, found, error) = shell(&find);
        assert_eq!(code, 0, "{error}");
        !found.trim_start_matches("* SEARCH").trim().is_empty()
    });
    assert!(came, "Alice's letter does not come to Bob");
    let (code, _, error) = shell(write);
    assert_eq!(code, 0, "{error}");
    let (_, letter, error) = shell(read);
    assert!(letter.contains("Is anybody there?"), "{letter}{error}");
    let (code, _, error) = shell(take_away);
    assert_eq!(code, 0, "{error}");
    let (code, letter, _) = shell(read);
    assert_ne!(code, 0, "the mailbox is gone for her");
    assert!(!letter.contains("Subject"), "{letter}");
    // The mailbox's own credential is nobody's grant, until it is taken back.
    let line = |name: &str, welcome: &str| -> String {
        let line = welcome.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {welcome}")).trim().to_owned()
    };
    let (_, letter, error) = shell(&line("read ", &welcome));
    assert!(letter.contains("Is anybody there?"), "{letter}{error}");
    assert_eq!(server.end(), 0);

    // The same demo again, with what was done in it.
    let (server, again) =
        Server::start(postern(folder.path()).args(["demo", "--loopback", "0"]), "Ctrl-C stops the demo");
    assert_eq!(line("secret ", &again), line("secret ", &welcome));
    let read = line("read ", &again);
    assert_eq!(shell(&read).0, 0);
    let (code, said, error) = shell(&line("take back ", &again));
    assert!(code == 0 && said.starts_with("support@example.org/nightly (crd_"), "{said}{error}");
    assert_ne!(shell(&read).0, 0, "it signs in nowhere any more");
    assert_eq!(server.end(), 0);

    let (server, again) =
        Server::start(postern(folder.path()).args(["demo", "--loopback", "0"]), "Ctrl-C stops the demo");
    assert!(again.contains("One of them: it signs in no more") && !again.contains("ptn1_"), "{again}");
    assert!(shell(&line("why ", &again)).1.contains("revoked"), "{again}");
    let (code, said, error) = shell(&line("another ", &again));
    assert!(code == 0 && said.contains("ptn1_"), "{said}{error}");
    assert_eq!(server.end(), 0);
}

/// What else is in a folder would go with the demo.
#[test]
fn a_demo_has_a_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("kept")).unwrap();
    let (code, _, error) = run(postern(folder.path()).args(["demo", "--loopback", "0", "--data", "."]));
    let shown = folder.path().canonicalize().unwrap();
    assert_eq!(code, 1);
    assert!(error.contains(" holds other files\nNext step: give the demo a folder of its own"), "{error}");
    assert_eq!(std::fs::read_dir(shown).unwrap().count(), 1);
}

/// A taken port is told before anything is made, and nothing is left of the attempt.
#[test]
fn a_demo_that_can_not_listen_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (taken, base) = (10_000..60_000)
        .find_map(|base: u16| Some((std::net::TcpListener::bind(("127.0.0.1", base + 993)).ok()?, base)))
        .unwrap();
    let (code, said, error) = run(postern(folder.path()).args(["demo", "--loopback", &base.to_string()]));
    assert_eq!((code, said.as_str()), (1, ""), "{error}");
    assert!(error.contains("(imaps) is taken by process") && error.contains("--loopback 0\n"), "{error}");
    assert!(!error.contains("[listen]"), "its ports are a flag's: {error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    drop(taken);
}

/// As an empty volume in memory is, which everybody may write in: it becomes the demo's.
#[test]
fn a_demo_closes_an_empty_folder_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("postern-data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o1777)).unwrap();
    let (mut server, said) = Server::start(postern(folder.path()).args(["demo", "--loopback", "0"]), "Making a demo");
    assert!(said.contains(&format!("organisation in {}: ", data.display())), "before it takes its time: {said}");
    server.until("Ctrl-C stops the demo");
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o7777, 0o750);
    assert_eq!(server.end(), 0);
}

/// What the parser refuses looks like any other refusal, and a variable is nothing that has to be typed.
#[test]
fn wrong_usage_is_told_as_every_error_is() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said, error) =
        run(postern(folder.path()).args(["person", "add"]).env("POSTERN_CONFIG", "house/postern.toml"));
    assert_eq!((code, said.as_str()), (2, ""));
    assert!(error.starts_with("postern: the following required arguments were not provided:\n  <EMAIL>\n"), "{error}");
    assert!(error.contains("\nUsage: postern person add <EMAIL>\n"), "{error}");
    let (code, help, _) = run(postern(folder.path()).args(["person", "add", "--help"]));
    assert_eq!((code, help.contains("POSTERN_CONFIG")), (0, true), "{help}");
    let mut init = postern(folder.path());
    init.args(
        "init --data house --domain example.org --hostname mail.example.org --admin admin@example.org".split(' '),
    );
    let (code, _, error) = told(init.arg("--password-stdin"), "short\n");
    assert_eq!(
        (code, error.starts_with("postern: a password has at least 15 characters\nNext step: ")),
        (2, true),
        "{error}"
    );
    assert!(!folder.path().join("house").exists());
}

#[test]
fn the_command_describes_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (code, defaults, _) = run(postern(folder.path()).args(["config", "show", "--defaults"]));
    assert_eq!(code, 0);
    assert!(defaults.contains("submissions = [\"0.0.0.0:465\", \"[::]:465\"]"), "{defaults}");
    assert!(defaults.contains("imaps = [\"0.0.0.0:993\", \"[::]:993\"]"), "{defaults}");
    let (code, version, _) = run(postern(folder.path()).args(["version", "--json"]));
    let version: serde_json::Value = serde_json::from_str(&version).unwrap();
    assert_eq!((code, version["name"].as_str()), (0, Some("postern")));
    let (code, script, _) = run(postern(folder.path()).args(["completions", "bash"]));
    assert!(code == 0 && script.contains("_postern()"), "{script}");
    assert_eq!(run(postern(folder.path()).args(["man", "pages"])).0, 0);
    assert!(folder.path().join("pages/postern-init.1").exists());
}

/// `key export`: one file for its owner alone, never over another, without a server; only the house
/// of --config is read, so flags that lead elsewhere are refused. `tar` brings the keys back.
#[test]
fn keys_are_exported_into_one_private_file_and_tar_brings_them_back() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(init(folder.path()).0, 0);
    let export = |line: &str| run(postern(folder.path()).args(["key", "export"]).args(line.split(' ')));
    let here = "--config house/postern.toml";
    let (code, said, error) = export(&format!("keys.tar {here}"));
    assert_eq!(code, 0, "{error}");
    let copy = folder.path().canonicalize().unwrap().join("keys.tar");
    assert!(
        said.starts_with(&format!("{} holds the keys of the house now: blob.key, credential-1.key.", copy.display()))
    );
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let written = std::fs::read(&copy).unwrap();

    for (line, code, expected) in [
        (format!("keys.tar {here}"), 1, "keys.tar is there already\nNext step: name another file"),
        (format!("nowhere/keys.tar {here}"), 1, "nowhere/keys.tar: No such file"),
        ("other.tar".to_owned(), 2, "which house? No configuration is named"),
        (format!("other.tar {here} --offline"), 2, "--offline means nothing to `postern key export`"),
        (format!("other.tar {here} --url https://mail.example.org"), 2, "--url means nothing to"),
    ] {
        let (found, said, error) = export(&line);
        assert_eq!((found, said.as_str(), error.contains(expected)), (code, "", true), "{line}: {error}");
    }
    std::os::unix::fs::symlink("house/postern.toml", folder.path().join("link.tar")).unwrap();
    assert_eq!(export(&format!("link.tar {here}")).0, 1, "nothing is written through a link");
    assert_eq!(std::fs::read(&copy).unwrap(), written);
    assert!(!folder.path().join("other.tar").exists());

    let keys = folder.path().join("house/keys");
    let all = || {
        let mut files: Vec<_> = std::fs::read_dir(&keys).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let about = |file: &std::path::PathBuf| {
            let facts = std::fs::metadata(file).unwrap();
            (file.clone(), std::fs::read(file).unwrap(), facts.permissions().mode(), facts.modified().unwrap())
        };
        let seconds = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        files.iter().map(about).map(|(file, bytes, mode, at)| (file, bytes, mode, seconds(at))).collect::<Vec<_>>()
    };
    let before = all();
    assert_eq!(before.len(), 2);
    std::fs::remove_dir_all(&keys).unwrap();
    std::fs::create_dir(&keys).unwrap();
    let (code, _, error) = export(&format!("empty.tar {here}"));
    assert!(code == 1 && error.contains("house/keys holds no keys\nNext step:"), "{error}");
    let (code, _, error) = run(postern(folder.path()).args(["person", "list", "--offline"]).args(here.split(' ')));
    assert!(
        code == 1
            && error.contains("blob.key: it is not there")
            && error.contains("Next step: bring the keys folder back"),
        "{error}"
    );

    let back = said.lines().last().unwrap().split("with the server stopped: ").nth(1).unwrap();
    let (code, _, error) = run(Command::new("sh").args(["-c", back]));
    assert_eq!(code, 0, "{back}: {error}");
    assert_eq!(all(), before);
    let (code, _, error) = run(postern(folder.path()).args(["person", "list", "--offline"]).args(here.split(' ')));
    assert_eq!(code, 0, "{error}");
    let (code, said, error) = run(postern(folder.path()).args(["key", "show", "--offline"]).args(here.split(' ')));
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("newest: secrets are made with it"), "{said}");
    let (code, said, _) = export(&format!("again.tar --json {here}"));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &said["keys"]), (0, &serde_json::json!(["blob.key", "credential-1.key"])));
}

/// `signins list --follow` prints each as it comes, and ends well by Ctrl-C.
#[test]
fn who_follows_sign_ins_sees_them_come() {
    let (folder, server, port) = served();
    let fails = |name: &str| {
        let login = format!("login {name} --password-stdin --url https://localhost:{port} --cacert house/tls/ca.pem");
        assert_eq!(told(postern(folder.path()).args(login.split(' ')), "not the one").0, 1);
    };
    let here = "--config house/postern.toml";
    let list = |more: &str| {
        let (code, said, error) =
            run(postern(folder.path()).args(["signins", "list"]).args(more.split(' ')).args(here.split(' ')));
        assert_eq!(code, 0, "{error}");
        said
    };
    assert_eq!(list("--failed"), "There is no sign-in like that.\n");
    fails("admin@example.org");
    let mut following = postern(folder.path());
    following.args(["signins", "list", "--follow", "--json", "--since", "1h"]).args(here.split(' '));
    let (mut follower, first) = Server::start(&mut following, "{");
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&first["username"], &first["reason"]), (&"admin@example.org".into(), &"the secret is wrong".into()));
    for name in ["nobody@example.net", "somebody@example.net"] {
        fails(name);
        let next: serde_json::Value = serde_json::from_str(&follower.until("{")).unwrap();
        assert_eq!((&next["username"], &next["protocol"]), (&name.into(), &"rest".into()));
    }
    follower.signal(Signal::INT);
    let mut rest = String::new();
    follower.lines.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), follower.child.wait().unwrap().code()), ("", Some(0)));
    let listed = list("--failed --limit 2");
    assert!(listed.contains("somebody@example.net  -  ") && !listed.contains("admin@"), "{listed}");
    assert!(listed.contains("2 sign-ins, newest first.\nNext: older ones: postern --config"), "{listed}");
    let (code, _, error) =
        run(postern(folder.path()).args(["signins", "list", "--follow", "--offline"]).args(here.split(' ')));
    assert!(code == 2 && error.contains("--follow waits for what comes to a running server"), "{error}");
    assert_eq!(server.end(), 0);
}

/// `credential watch` begins with what there is, waits, tells what comes with what helps, and ends
/// well by Ctrl-C.
#[test]
fn who_watches_a_credential_sees_what_is_wrong() {
    let (folder, server, port) = served();
    let here = "--config house/postern.toml";
    let does = |line: &str| {
        let (code, said, error) = run(postern(folder.path()).args(line.split(' ')).args(here.split(' ')));
        assert_eq!(code, 0, "{line}: {error}");
        said
    };
    does("shared add support@example.org");
    does(
        "credential issue support@example.org --purpose backup --owner admin@example.org --reason copies --name nightly \
         --any-network",
    );
    let mut watching = postern(folder.path());
    watching.args(["credential", "watch", "support@example.org/nightly"]).args(here.split(' '));
    let (mut watcher, before) = Server::start(&mut watching, "Waiting");
    assert!(before.contains(" may sign in.\nNobody has tried it yet.\n"), "{before}");
    let login =
        format!("login support@example.org --password-stdin --url https://localhost:{port} --cacert house/tls/ca.pem");
    assert_eq!(told(postern(folder.path()).args(login.split(' ')), "hello").0, 1);
    let told_of = watcher.until("Enter the whole of it");
    assert!(told_of.contains("rest from 127.0.0.1: refused, ") && told_of.contains("a shared mailbox's"), "{told_of}");
    watcher.signal(Signal::INT);
    let mut rest = String::new();
    watcher.lines.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), watcher.child.wait().unwrap().code()), ("", Some(0)));
    let (code, _, error) =
        run(postern(folder.path()).args(["credential", "watch", "x", "--offline"]).args(here.split(' ')));
    assert!(code == 2 && error.contains("leave --offline out"), "{error}");
    assert_eq!(server.end(), 0);
}
