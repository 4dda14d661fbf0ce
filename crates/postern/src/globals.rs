//! Flags that every command understands, before or after its noun.

use crate::process::quoted;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the house is found, and how answers are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct GlobalArgs {
    /// The configuration of the house, DIR/postern.toml; without it the one that POSTERN_CONFIG names
    // Read by `settled`: what the parser takes from a variable it shows in a usage line as if it had to be typed.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// One JSON document on standard output instead of text
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Do it in this process, without a running server, holding the lock of the data folder
    #[arg(long, global = true, help_heading = "Global options")]
    pub offline: bool,
    /// A server elsewhere, https://HOST[:PORT]; sign in there first: postern login EMAIL --url …
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub url: Option<String>,
    /// The one certificate authority to trust for --url; those of the system without it
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub cacert: Option<PathBuf>,
    /// Act by the token in this file
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub token_file: Option<PathBuf>,
    /// Act as this person for this one command; needs --as-password-file
    #[arg(long = "as", global = true, value_name = "EMAIL", help_heading = "Global options")]
    pub as_person: Option<String>,
    /// The file with the password of --as
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub as_password_file: Option<PathBuf>,
}

impl GlobalArgs {
    /// As it is meant, with the variable that names a configuration: no flag is typed, and a variable that is set to
    /// nothing is not set. A folder names the configuration in it.
    pub fn settled(self, variable: Option<OsString>) -> Self {
        let named = variable.filter(|name| !name.is_empty()).map(PathBuf::from);
        Self { config: self.config.or(named).map(within), ..self }
    }

    /// The text of a command with its next steps for the house it was about: where that was named
    /// by a flag, they name it too, so that they can be copied.
    pub fn in_same_house(&self, text: &str) -> String {
        let by_variable = std::env::var_os(CONFIG).map(|name| within(name.into()));
        let file = match &self.config {
            Some(file) if by_variable.as_ref() != Some(file) => quoted(file),
            _ => return text.to_owned(),
        };
        let named = format!("postern --config {file} ");
        let lines = text.split_inclusive('\n').map(|line| {
            match line.starts_with("Next") && !line.contains("--config") && !line.contains("--url http") {
                true => replace_command(line, &named),
                false => line.to_owned(),
            }
        });
        lines.collect()
    }
}

/// Each `postern ` that begins a command, and none that ends a path.
fn replace_command(line: &str, named: &str) -> String {
    let mut replaced = String::with_capacity(line.len() + named.len());
    for (index, piece) in line.split("postern ").enumerate() {
        if index > 0 {
            let is_command = replaced.ends_with([' ', '`', '(', '\'']);
            replaced.push_str(if is_command { named } else { "postern " });
        }
        replaced.push_str(piece);
    }
    replaced
}

/// The variable that names a configuration.
pub const CONFIG: &str = "POSTERN_CONFIG";

/// The configuration in a folder, where it is one.
fn within(file: PathBuf) -> PathBuf {
    if file.is_dir() { file.join("postern.toml") } else { file }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_configuration_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let settled = |config: &std::path::Path| {
            GlobalArgs { config: Some(config.to_owned()), ..GlobalArgs::default() }.settled(Some("no".into())).config
        };
        let by_variable = |name: &str| GlobalArgs::default().settled(Some(name.into())).config;
        assert_eq!((by_variable("a.toml"), by_variable("")), (Some("a.toml".into()), None));
        let file = folder.path().join("postern.toml");
        assert_eq!(settled(folder.path()).as_ref(), Some(&file));
        assert_eq!(settled(&file).as_ref(), Some(&file));
    }

    #[test]
    fn next_steps_name_the_house_that_a_flag_named() {
        let text = "postern is the program.\nNext: postern person list, or postern login EMAIL\n";
        let with = |config: Option<&str>| GlobalArgs { config: config.map(PathBuf::from), ..GlobalArgs::default() };
        let named = "postern is the program.\nNext: postern --config d/p.toml person list, or postern --config d/p.toml \
                     login EMAIL\n";
        assert_eq!(with(Some("d/p.toml")).in_same_house(text), named);
        assert_eq!(with(None).in_same_house(text), text);
        let volume = "Next: podman run --volume postern:/var/lib/postern (administration)\n";
        assert_eq!(with(Some("d/p.toml")).in_same_house(volume), volume);
        assert_eq!(
            with(Some("my d/p")).in_same_house("Next: postern logout\n"),
            "Next: postern --config 'my d/p' logout\n"
        );
    }
}
