#!/bin/sh
# deb.sh BINARY FOLDER: makes a Debian package of the program in FOLDER, and prints its name.
# `make deb` calls it. It needs dpkg-deb and binutils, and nothing of debhelper.
set -eu

binary=${1:?"usage: deb.sh BINARY FOLDER"}
folder=${2:?"usage: deb.sh BINARY FOLDER"}
here=$(dirname "$0")
for tool in dpkg-deb strip objdump; do
    command -v "$tool" >/dev/null || { echo "deb.sh: $tool is not here. Next step: apt install dpkg binutils" >&2; exit 1; }
done

# The first of a kind in Cargo.toml is the workspace's.
field() { sed -n "s/^$1 = \"\(.*\)\"$/\1/p" "$here/../Cargo.toml" | head -n 1; }
version=$(field version)
repository=$(field repository)
architecture=$(dpkg --print-architecture)

# The newest version of the C library that a symbol of the program asks for.
libc=$(objdump -T "$binary" | sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -Vu | tail -n 1)
depends="adduser, libc6 (>= $libc)"
if objdump -p "$binary" | grep -q 'NEEDED.*libgcc_s\.so\.1'; then
    depends="$depends, libgcc-s1"
fi

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
PREFIX=/usr DESTDIR=$stage sh "$here/install.sh" "$binary"

gzip -9n "$stage"/usr/share/man/man1/*.1
about=$stage/usr/share/doc/postern
install -d -m 755 "$about"
gzip -9nc "$here/../CHANGELOG.md" >"$about/changelog.gz"
{
    echo "Postern, $repository"
    echo
    echo "Licensed under the MIT licence or the Apache License, Version 2.0, as you like. The latter is in"
    echo "/usr/share/common-licenses/Apache-2.0 on Debian. The former:"
    echo
    cat "$here/../LICENSE-MIT"
} >"$about/copyright"
chmod 644 "$about"/*

install -d -m 755 "$stage/DEBIAN"
for script in postinst prerm postrm; do
    install -m 755 "$here/debian/$script" "$stage/DEBIAN/$script"
done
(cd "$stage" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$stage/DEBIAN/md5sums"
size=$(du -sk --apparent-size "$stage/usr" | cut -f1)
cat >"$stage/DEBIAN/control" <<END
Package: postern
Version: $version-1
Architecture: $architecture
Maintainer: The Postern project <$repository>
Homepage: $repository
Section: mail
Priority: optional
Installed-Size: $size
Depends: $depends
Recommends: ca-certificates
Suggests: postgresql, prometheus
Description: mail server around shared mailboxes
 One address, many people: support@ or events@ is a mailbox that people work in
 as delegates, signed in as themselves. Where a tool needs it the mailbox itself
 can be signed in to, with a credential that has an owner, a scope and an end.
 .
 IMAP, submission, SMTP and LMTP, on SQLite or PostgreSQL.
END

install -d "$folder"
package=$folder/postern_$version-1_$architecture.deb
# The same sources give the same package: files are as old as the newest commit, where that is known.
if [ -z "${SOURCE_DATE_EPOCH:-}" ] && committed=$(git -C "$here" log -1 --format=%ct 2>/dev/null); then
    SOURCE_DATE_EPOCH=$committed
fi
[ -z "${SOURCE_DATE_EPOCH:-}" ] || export SOURCE_DATE_EPOCH
dpkg-deb --root-owner-group -Z"${DEB_COMPRESSION:-xz}" --build "$stage" "$package" >/dev/null
echo "$package"
