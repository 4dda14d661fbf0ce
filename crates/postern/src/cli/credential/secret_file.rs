//! `--secret-file`: a secret goes into a new file for one user alone, and nowhere else.
//!
//! The file is made before anything is issued: where it can not be, nothing is lost. It is
//! removed again when issuing is refused.

use crate::cli::failure::Failure;
use postern_server::{Disk, DiskFile, RealDisk};
use postern_types::Secret;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const MODE: u32 = 0o600;

/// A file that was made for a secret and has none yet.
pub(super) struct SecretFile {
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

impl SecretFile {
    /// Makes the file; one that is there is never overwritten.
    pub fn make(path: &Path) -> Result<Self, Failure> {
        let path = absolute(path)?;
        // The disk takes what has such a name for a leftover, and would write over it.
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".new-")) {
            return Err(Failure::usage("a name that begins with .new- is for unfinished files").next("name another"));
        }
        match RealDisk.create(&path, MODE) {
            Ok(file) => Ok(Self { path, file }),
            Err(error) => {
                let shown = path.display();
                Err(match error.kind() {
                    ErrorKind::AlreadyExists => Failure::new(format!("{shown} is there, and is not overwritten"))
                        .next("name another file, or move that one away"),
                    _ => Failure::new(format!("{shown} can not be made: {error}"))
                        .next("nothing was done; name a file in a folder that you may write to"),
                })
            }
        }
    }

    /// Where it lies, from the root.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the secret into it, so that it is there after a power cut.
    pub fn keep(mut self, secret: &Secret) -> Result<PathBuf, Failure> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let line = Secret::new([secret.expose(), b"\n"].concat());
        let written = self.file.write(line.expose()).and_then(|()| self.file.sync());
        written.and_then(|()| RealDisk.sync_dir(folder)).map_err(|error| {
            Failure::new(format!("the secret can not be written to {}: {error}", self.path.display()))
        })?;
        Ok(self.path)
    }

    /// Removes it again: there is no secret for it.
    pub fn remove(self) {
        // An empty file that stays harms nobody.
        let _ = RealDisk.remove(&self.path);
    }
}

/// The path as other programs can be told it.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_goes_into_a_new_file_for_one_user() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let kept = SecretFile::make(&path).unwrap().keep(&Secret::new("ptn1_x")).unwrap();
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "ptn1_x\n");
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        let refused = SecretFile::make(&path).err().unwrap().to_string();
        assert!(refused.contains("is not overwritten"), "{refused}");
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "ptn1_x\n");
    }

    #[test]
    fn a_file_without_a_secret_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        SecretFile::make(&path).unwrap().remove();
        assert!(!path.exists());
        assert!(SecretFile::make(&folder.path().join("no/secret")).is_err());
    }
}
