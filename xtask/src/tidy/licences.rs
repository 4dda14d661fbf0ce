//! What the product may be made of: licences that let everybody ship it, and one TLS stack.
//!
//! Every package that any build takes in is looked at, dev-dependencies too: a copyleft test tool
//! is one line away from being linked.

use super::spdx::permits;
use super::{Finding, walls};
use crate::metadata::Package;

const PERMITTED: [&str; 13] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "MPL-2.0",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
    "CC0-1.0",
    "Unlicense",
    "0BSD",
];

/// Packages that may not come in by any road, and why.
const BARRED: [(&str, &str); 5] = [
    ("aws-lc-sys", "ring is the only cryptography behind TLS; a second needs cmake and minutes of build"),
    ("aws-lc-rs", "ring is the only cryptography behind TLS; a second needs cmake and minutes of build"),
    ("openssl-sys", "rustls is the only TLS; OpenSSL would tie the binary to one machine's library"),
    ("openssl", "rustls is the only TLS; OpenSSL would tie the binary to one machine's library"),
    ("native-tls", "rustls is the only TLS; another would trust other roots"),
];

/// Every package that may not be there; told at the member that asks for it, if one does.
pub fn check(members: &[Package], all: &[Package]) -> Vec<Finding> {
    let foreign = all.iter().filter(|package| !walls::is_ours(&package.name));
    foreign
        .filter_map(|package| complaint(package).map(|told| (package, told)))
        .map(|(package, (reason, cure))| {
            let asked_by = members.iter().find(|member| member.dependencies.iter().any(|one| one.name == package.name));
            let by = asked_by.map_or_else(|| "a dependency of ours".to_owned(), |member| member.name.clone());
            let reason = format!("{} {} (through {by}): {reason}", package.name, package.version);
            Finding::error("Cargo.lock", 1, reason, format!("{cure}; `cargo tree -i {}` shows the road", package.name))
        })
        .collect()
}

fn complaint(package: &Package) -> Option<(String, &'static str)> {
    if let Some((_, why)) = BARRED.iter().find(|(name, _)| *name == package.name) {
        return Some(((*why).to_owned(), "choose features that leave it out"));
    }
    let Some(licence) = &package.licence else {
        return Some(("its manifest names no licence".to_owned(), "use another crate"));
    };
    let permitted = permits(licence, &|name| PERMITTED.contains(&name));
    (!permitted).then(|| (format!("its licence {licence} is not on our list"), "use another crate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, licence: Option<&str>) -> usize {
        let package = Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.map(str::to_owned),
            manifest: "Cargo.toml".into(),
            dependencies: Vec::new(),
        };
        check(&[], &[package]).len()
    }

    #[test]
    fn permissive_licences_pass_and_others_do_not() {
        assert_eq!(told("a", Some("MIT OR Apache-2.0")), 0);
        assert_eq!(told("a", Some("Apache-2.0 AND ISC")), 0);
        assert_eq!(told("a", Some("GPL-3.0-only")), 1);
        assert_eq!(told("a", Some("AGPL-3.0-only")), 1);
        assert_eq!(told("a", None), 1);
    }

    #[test]
    fn a_second_cryptography_is_barred_whatever_its_licence() {
        assert_eq!(told("aws-lc-sys", Some("ISC")), 1);
        assert_eq!(told("openssl-sys", Some("MIT")), 1);
    }
}
