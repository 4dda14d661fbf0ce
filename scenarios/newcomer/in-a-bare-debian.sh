#!/bin/sh
# The first day in a Debian that has nothing but curl and mbsync: what a new user would meet.
#
#   in-a-bare-debian.sh POSTERN FOLDER [SUITE]
#
# FOLDER is made by debootstrap (as root, 300 MB, from the network) or, where it is one already, used again. POSTERN
# is built on the same Debian or an older one (SUITE, bookworm). Prints how long the day took.
set -eu
postern=$1 folder=$2 suite=${3:-bookworm}
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$folder/usr/bin/mbsync" ] || debootstrap --variant=minbase --include=curl,isync,ca-certificates "$suite" "$folder"
# A machine that was installed has this file; debootstrap makes none.
[ -s "$folder/etc/hosts" ] || printf '127.0.0.1 localhost\n::1 localhost\n' >"$folder/etc/hosts"
install -m 755 "$postern" "$folder/usr/local/bin/postern"
install -m 755 "$here/first-day.sh" "$folder/srv/first-day.sh"
rm -rf "$folder/srv/day"
start=$(date +%s)
chroot "$folder" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/srv LANG=C.UTF-8 \
    /srv/first-day.sh /usr/local/bin/postern /srv/day "${BASE:-10000}"
echo "It took $(($(date +%s) - start)) seconds." >&2
