//! The logins of this user: which server, as whom, with which token.
//!
//! They lie in one file of the user's configuration folder that nobody else may read. A login
//! that was made through a configuration file is used again with that file, so that on the
//! machine of the server a person goes on as themselves until they sign out.

use super::failure::Failure;
use super::web::Place;
use crate::globals::GlobalArgs;
use postern_http::model::SecretText;
use postern_server::{Disk, RealDisk};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const MODE: u32 = 0o600;

/// One login.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Login {
    /// The server, `https://…`.
    pub url: String,
    /// Where it listens, if not where its name leads.
    pub connect: Option<String>,
    /// The authority that its certificate is checked with.
    pub cacert: Option<PathBuf>,
    /// The configuration it was found by.
    pub config: Option<PathBuf>,
    /// Who signed in.
    pub email: String,
    /// What further requests are signed with.
    pub token: SecretText,
    /// When it ends.
    pub expires_at: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// The newest first.
    logins: Vec<Login>,
}

/// The file.
#[derive(Debug, Clone)]
pub(super) struct Logins {
    file: Option<PathBuf>,
}

impl Logins {
    /// This user's: `$XDG_CONFIG_HOME/postern/logins.json`, or the same below `~/.config`.
    pub fn of_user() -> Self {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
        Self { file: config.map(|config| config.join("postern/logins.json")) }
    }

    /// Those of a file; for tests.
    #[cfg(test)]
    pub fn at(file: PathBuf) -> Self {
        Self { file: Some(file) }
    }

    fn read(&self) -> Result<Kept, Failure> {
        let Some(file) = &self.file else { return Ok(Kept::default()) };
        let shown = file.display();
        let bytes = match RealDisk.read(file) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Kept::default()),
            // They are somebody else's: HOME stays as it was where a command is run as another user.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(Kept::default()),
            Err(error) => return Err(Failure::new(format!("{shown} can not be read: {error}"))),
        };
        serde_json::from_slice(&bytes).map_err(|_| {
            Failure::new(format!("{shown} holds no logins that this version can read")).next(format!("remove {shown}"))
        })
    }

    fn write(&self, kept: &Kept) -> Result<(), Failure> {
        let Some(file) = &self.file else {
            return Err(Failure::new("there is no place to keep a login: neither HOME nor XDG_CONFIG_HOME is set"));
        };
        let failed = |error: std::io::Error| Failure::new(format!("{} can not be written: {error}", file.display()));
        if let Some(folder) = file.parent() {
            RealDisk.create_dir_all(folder).map_err(failed)?;
        }
        let text = serde_json::to_vec_pretty(kept).map_err(|error| Failure::new(error.to_string()))?;
        RealDisk.replace_file_durably(file, &text, MODE).map_err(failed)
    }

    /// The one that these flags mean: that of the url, or of the configuration; the newest
    /// where neither is named.
    pub fn find(&self, globals: &GlobalArgs) -> Result<Option<Login>, Failure> {
        let mut logins = self.read()?.logins.into_iter();
        Ok(match (&globals.url, &globals.config) {
            (Some(url), _) => {
                // Kept as `Place` writes it: `https://h:443` is the same server as `https://H/`.
                let url = Place::parse(url)?.url();
                logins.find(|login| login.url == url)
            }
            (None, Some(config)) => {
                let config = absolute(config);
                logins.find(|login| login.config.as_deref() == Some(&*config))
            }
            (None, None) => logins.next(),
        })
    }

    /// Keeps a login in place of an earlier one at the same server.
    pub fn keep(&self, login: Login) -> Result<(), Failure> {
        let mut kept = self.read()?;
        kept.logins.retain(|other| other.url != login.url);
        kept.logins.insert(0, login);
        self.write(&kept)
    }

    /// Forgets the login at this server.
    pub fn forget(&self, url: &str) -> Result<(), Failure> {
        let mut kept = self.read()?;
        kept.logins.retain(|other| other.url != url);
        self.write(&kept)
    }
}

/// A path that means the same wherever the next command is typed.
pub(super) fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_types::Secret;
    use std::os::unix::fs::PermissionsExt;

    fn login(url: &str, config: Option<&str>) -> Login {
        Login {
            url: url.to_owned(),
            connect: None,
            cacert: None,
            config: config.map(PathBuf::from),
            email: "alice@example.org".to_owned(),
            token: SecretText(Secret::new("ptnt_secret")),
            expires_at: "2026-11-23T09:00:00Z".to_owned(),
        }
    }

    fn found(logins: &Logins, url: Option<&str>, config: Option<&str>) -> Option<String> {
        let globals =
            GlobalArgs { url: url.map(str::to_owned), config: config.map(PathBuf::from), ..GlobalArgs::default() };
        logins.find(&globals).unwrap().map(|login| login.url)
    }

    #[test]
    fn a_login_is_found_by_its_server_its_configuration_or_as_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let logins = Logins::at(folder.path().join("postern/logins.json"));
        assert_eq!(found(&logins, None, None), None);
        logins.keep(login("https://a.example", Some("/a/postern.toml"))).unwrap();
        logins.keep(login("https://b.example:10443", None)).unwrap();
        assert_eq!(found(&logins, None, None).as_deref(), Some("https://b.example:10443"));
        assert_eq!(found(&logins, Some("https://a.example/"), None).as_deref(), Some("https://a.example"));
        for written in ["https://a.example:443", "https://A.example/", "https://a.EXAMPLE:443/"] {
            assert_eq!(found(&logins, Some(written), None).as_deref(), Some("https://a.example"), "{written}");
        }
        assert_eq!(found(&logins, None, Some("/a/postern.toml")).as_deref(), Some("https://a.example"));
        assert_eq!(found(&logins, None, Some("/b/postern.toml")), None, "another house is asked over its socket");
        logins.keep(login("https://a.example", None)).unwrap();
        assert_eq!(found(&logins, None, Some("/a/postern.toml")), None, "one login for each server");
        logins.forget("https://b.example:10443").unwrap();
        assert_eq!(found(&logins, Some("https://b.example:10443"), None), None);
    }

    #[test]
    fn nobody_else_reads_the_file_and_debug_shows_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("logins.json");
        let logins = Logins::at(file.clone());
        logins.keep(login("https://a.example", None)).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let kept = logins.find(&GlobalArgs::default()).unwrap().unwrap();
        assert_eq!(kept.token.0.expose_text(), Some("ptnt_secret"));
        assert!(!format!("{kept:?}").contains("ptnt_"), "{kept:?}");
    }
}
