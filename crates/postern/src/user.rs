//! Becoming the user that a house belongs to: root may start the process, and does not run it.
//!
//! The kernel keeps users and capabilities for each thread, and what is asked of it here holds for
//! the one that asks; those that it starts later inherit it. So this is done while there is one,
//! and refused where there are more. A server keeps CAP_NET_BIND_SERVICE, as under
//! `deploy/postern.service`: its listeners open later, and ports below 1024 are guarded.

use crate::process::WrongUsage;
use anyhow::{Context, bail};
use rustix::fs::{Mode, OFlags};
use rustix::process::{geteuid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use rustix::{fs::Gid, fs::Uid};
use std::fs::{File, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::Path;

/// Where users are found. Those of a directory service are not among them.
const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";
/// As `init` gives its folder.
const FOLDER_MODE: u32 = 0o750;

/// Which capabilities stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// None.
    Nothing,
    /// To listen on ports below 1024.
    Ports,
}

/// Somebody to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    name: String,
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

impl User {
    /// The user of this name.
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        let (users, groups) = read()?;
        match find(&users, &groups, |user, _| user == name) {
            Some(user) => Ok(user),
            None => {
                let text = format!(
                    "there is no user {name} in {USERS}\n\
                     Next step: make one: adduser --system --group --no-create-home {name}, or systemd-sysusers with deploy/postern.sysusers"
                );
                Err(WrongUsage(text).into())
            }
        }
    }

    /// The owner of a folder, where that is not who runs this and root does.
    pub(crate) fn owner(folder: &Path) -> anyhow::Result<Option<Self>> {
        // What is not there is told by whoever needs it.
        let Ok(about) = std::fs::metadata(folder) else { return Ok(None) };
        if !geteuid().is_root() || about.uid() == 0 {
            return Ok(None);
        }
        let (users, groups) = read()?;
        let (uid, gid) = (about.uid(), about.gid());
        let nameless = || User { name: format!("#{uid}"), uid, gid, groups: vec![gid] };
        Ok(Some(find(&users, &groups, |_, number| number == uid).unwrap_or_else(nameless)))
    }

    /// As logs show them.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Gives them a folder: a new one, or one of root's in which there is nothing.
    pub(crate) fn give_folder(&self, path: &Path) -> anyhow::Result<()> {
        let failed = || format!("{} can not be given to {}", path.display(), self.name);
        match std::fs::DirBuilder::new().mode(FOLDER_MODE).create(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                let parent = path.parent().unwrap_or(path).display().to_string();
                bail!(
                    "{} can not be made: {error}\nNext step: see that {parent} is there and writable",
                    path.display()
                );
            }
            _ => {}
        }
        // Whatever lies there by now, nobody's link is followed.
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = File::from(rustix::fs::open(path, flags, Mode::empty()).with_context(failed)?);
        let is_root_s = folder.metadata().with_context(failed)?.uid() == 0;
        if is_root_s && is_empty(&folder).with_context(failed)? {
            folder.set_permissions(Permissions::from_mode(FOLDER_MODE)).with_context(failed)?;
            fchown(&folder, Some(self.uid), Some(self.gid)).with_context(failed)?;
        }
        Ok(())
    }

    /// Becomes them, for good. Nothing is done where that is who runs this already.
    pub(crate) fn become_them(&self, keeps: Keeps) -> anyhow::Result<()> {
        if getuid().as_raw() == self.uid && geteuid().as_raw() == self.uid {
            return Ok(());
        }
        if !geteuid().is_root() {
            let text = format!("only root may become {}\nNext step: leave --user out, or run this as root", self.name);
            return Err(WrongUsage(text).into());
        }
        if std::fs::read_dir("/proc/self/task").context("/proc is needed to become another user")?.count() != 1 {
            bail!("there are threads already, so {} can not be become", self.name);
        }
        self.change(keeps).with_context(|| format!("the system does not let root become {}", self.name))
    }

    fn change(&self, keeps: Keeps) -> rustix::io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let groups: Vec<Gid> = self.groups.iter().map(|group| Gid::from_raw(*group)).collect();
        // In a container root may lack it; then it is not kept either.
        let kept = match keeps {
            Keeps::Ports => capabilities(None)?.permitted & CapabilitySet::NET_BIND_SERVICE,
            Keeps::Nothing => CapabilitySet::empty(),
        };
        set_keep_capabilities(true)?;
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        set_capabilities(
            None,
            CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
        )?;
        set_keep_capabilities(false)?;
        set_no_new_privs(true)
    }
}

/// Whether nothing lies in this folder, and not in what its path leads to by now.
fn is_empty(folder: &File) -> rustix::io::Result<bool> {
    for entry in rustix::fs::Dir::read_from(folder)? {
        if ![c".", c".."].contains(&entry?.file_name()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Both files. An image may lack either: nobody has a name then.
fn read() -> anyhow::Result<(String, String)> {
    let text = |path: &str| match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("{path} can not be read")),
    };
    Ok((text(USERS)?, text(GROUPS)?))
}

/// A user by name or number, with all groups (passwd(5), group(5)).
fn find(users: &str, groups: &str, is_wanted: impl Fn(&str, u32) -> bool) -> Option<User> {
    let (name, uid, gid) = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, uid, gid) = (fields.next()?, fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        is_wanted(name, uid).then_some((name, uid, gid))
    })?;
    let others = groups.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let number: u32 = fields.nth(2)?.parse().ok()?;
        let is_member = fields.next()?.split(',').any(|member| member == name);
        (is_member && number != gid).then_some(number)
    });
    let groups = std::iter::once(gid).chain(others).collect();
    Some(User { name: name.to_owned(), uid, gid, groups })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/sh\nbroken\nmail:x:8:12::/:/bin/false\npostern:x:995:994::/:/bin/false\n";
    const GROUPS: &str = "root:x:0:\nssl-cert:x:109:www,postern\nother:x:110:postern2\npostern:x:994:postern\n";

    #[test]
    fn a_user_is_found_with_all_groups() {
        let postern = User { name: "postern".into(), uid: 995, gid: 994, groups: vec![994, 109] };
        assert_eq!(find(USERS, GROUPS, |name, _| name == "postern"), Some(postern.clone()));
        assert_eq!(find(USERS, GROUPS, |_, uid| uid == 995), Some(postern));
        assert_eq!(find(USERS, GROUPS, |name, _| name == "broken"), None);
    }
}
