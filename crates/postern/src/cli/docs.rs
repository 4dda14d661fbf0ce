//! `docs/cli.md`: written from the commands themselves, and compared in a test, so that the
//! page can not promise what the command line does not take.

use crate::globals::GlobalArgs;
use clap::{Args, Command, CommandFactory};
use std::path::Path;

const ABOUT: &str = "# The command line

Written from the commands themselves; a test compares the two.

`postern NOUN VERB` names the thing, then what to do with it. `init`, `serve`, `demo`, `config`, `version`, `completions`,
`man`, `doctor` and `key export` act on this machine; all others are clients of REST. Who acts:

- the operator, over `admin.sock` in the data folder of `--config`: `operator(uid)`, the user who runs the command, where
  the file system lets them open it. They administer and never read mail. With `--offline` the same happens in the
  command's own process when no server runs; it then holds the data folder's lock.
- a person, once they have signed in with `postern login EMAIL` at the `https` listener of `--config`, or of `--url` for a
  server elsewhere. A delegate with role owner manages the delegates of their mailbox so, without being an administrator.
  The login lasts twelve hours, or until `postern logout`, and lies in `~/.config/postern/logins.json`, for its user alone.
  A login made with `--config` is used with that `--config`, one made with `--url` with that `--url`, the newest without
  either.
- a program, by `--token-file` with a token of `postern token create`; or for one command a person, by `--as` and
  `--as-password-file`.

Each act is in the trail, as theirs.

Text is for people: what changed, and what to do next. `--json` prints one JSON document instead, the one that REST
answered (`/api/v1/openapi.json` describes it); `signins list --follow` prints one on each line. Errors go to standard error as `postern: …`, with the next step where there is one.
Exit codes: 0 done, 1 refused or failed, 2 wrong usage. Dates are RFC 3339 (`2026-12-31T18:00:00Z`) or spans (`30s`,
`15m`, `8h`, `90d`).

Passwords are asked for at the terminal, read from standard input or a file, or made by the command and printed once;
never given as arguments, which other users of the machine can read. Who is added is invited to choose their own.

What is promised and not built yet (removing people; deputies and rotation of credentials; stewards, profiles and `policy
diff`; exporting and verifying the trail; `backup`, `request`, `review`, `alert`, `session`, `import imap` and
`export`) is refused with a clear text.
";

fn page() -> String {
    let globals = GlobalArgs::augment_args(Command::new("postern").disable_help_flag(true));
    let mut text = format!("{ABOUT}\n## With every command\n\n{}", block(globals, true));
    let nouns = crate::Cli::command();
    for noun in nouns.get_subcommands().filter(|noun| !noun.is_hide_set()) {
        let about = noun.get_about().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("\n## postern {}\n\n{about}.\n", noun.get_name()));
        if !noun.has_subcommands() {
            let name = format!("postern {}", noun.get_name());
            text.push_str(&format!("\n{}", block(noun.clone().bin_name(name), false)));
        }
        for verb in noun.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let name = format!("postern {} {}", noun.get_name(), verb.get_name());
            let help = block(verb.clone().bin_name(name.clone()), false);
            text.push_str(&format!("\n### {name}\n\n{help}"));
        }
    }
    text
}

fn block(command: Command, is_options_alone: bool) -> String {
    let help = command.term_width(100).disable_help_flag(true).render_long_help().to_string();
    let from = if is_options_alone { help.find("Global options:").unwrap_or(0) } else { 0 };
    let help = &help[from..];
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    format!("```text\n{}\n```\n", lines.join("\n").trim_end())
}

/// `POSTERN_BLESS=1` writes the page anew.
#[test]
fn the_page_is_what_the_commands_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let page = page();
    if std::env::var_os("POSTERN_BLESS").is_some() {
        #[expect(clippy::disallowed_methods, reason = "a page of the documentation is no mail")]
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/cli.md is not what the commands say; look, then set POSTERN_BLESS=1");
}
