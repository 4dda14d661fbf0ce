//! Flags that every command understands, before or after its noun.

use std::path::PathBuf;

/// Where the house is found, and how answers are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct GlobalArgs {
    /// The configuration of the house, DIR/postern.toml
    #[arg(
        long,
        global = true,
        env = "POSTERN_CONFIG",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
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
