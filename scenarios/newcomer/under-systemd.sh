#!/bin/sh
# The Debian package under a systemd that runs: installed, started, used, reloaded, killed, upgraded and removed.
#
#   under-systemd.sh PACKAGE FOLDER [SUITE]
#
# As root, and needs systemd-nspawn (Debian's systemd-container). FOLDER is made by debootstrap (350 MB, from the
# network) or, where it is one already, used again. Nothing of it is seen outside: its network is its own.
set -eu
package=$1 folder=$2 suite=${3:-bookworm}
with=systemd,systemd-sysv,dbus,adduser,ca-certificates,curl,isync
[ -x "$folder/usr/bin/mbsync" ] || debootstrap --variant=minbase --include="$with" "$suite" "$folder"
printf '127.0.0.1 localhost mail.example.org\n::1 localhost\n' >"$folder/etc/hosts"
cp "$package" "$folder/srv/postern.deb"

# The names of Landlock's calls are not among those that systemd-nspawn of bookworm lets through.
systemd-nspawn --quiet --boot --register=no --keep-unit --directory="$folder" --private-network --console=pipe \
    --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' </dev/null >"$folder.log" 2>&1 &
nspawn=$!
trap 'kill "$nspawn" 2>/dev/null || true; wait "$nspawn" 2>/dev/null || true' EXIT

fail() { printf 'under-systemd: %s\n' "$1" >&2; exit 1; }
step() { printf '\n== %s\n' "$1" >&2; }
# inside COMMAND...: what root types on that machine.
inside() {
    nsenter --target "$(cat "/proc/$nspawn/task/$nspawn/children" | tr -d ' ')" --all \
        /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/srv LANG=C.UTF-8 \
        POSTERN_CONFIG=/var/lib/postern/postern.toml "$@"
}
# until_so COMMAND...: asks until it ends with 0, for a minute at most.
until_so() {
    for _ in $(seq 600); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    inside journalctl --boot --unit postern --no-pager --lines 30 >&2 || tail "$folder.log" >&2
    fail "it did not come about: $*"
}
# logged TEXT TIMES: the log has it so often.
logged() { [ "$(inside journalctl --boot --unit postern --output cat --no-pager | grep -c "$1")" -ge "$2" ]; }

until_so inside systemctl is-active dbus
step 'Installed: nothing starts before there is a house'
inside rm -rf /var/lib/postern
inside dpkg --install /srv/postern.deb
inside systemctl is-active postern && fail 'it runs without a house'
inside postern init --user postern --data /var/lib/postern --domain example.org --hostname mail.example.org --admin admin@example.org
inside systemctl enable --now postern
until_so logged server.ready 1
logged server.confined 1 || fail 'the unit keeps it from asking for Landlock'

step 'Used: a letter, and a copy by a credential'
cat >"$folder/srv/day.sh" <<'END'
set -eu
cd /srv
rm -rf mail
postern person add alice@example.org >alice.txt
printf '%s\na ladder behind the house\n' "$(sed -n 's/^Invitation: //p' alice.txt)" >alice.in
postern person set-password --self --invitation --password-stdin <alice.in
postern shared add support@example.org --member alice@example.org
umask 077
postern credential issue support@example.org --purpose backup --owner admin@example.org --name nightly \
    --reason 'a copy of the mail, every night' --network 127.0.0.0/8 --recipe mbsync >mbsyncrc
printf 'From: Alice <alice@example.org>\r\nTo: support@example.org\r\nSubject: The door\r\n\r\nIt does not open.\r\n' |
    curl --silent --show-error --cacert /var/lib/postern/tls/ca.pem --user 'alice@example.org:a ladder behind the house' \
        --mail-from alice@example.org --mail-rcpt support@example.org --upload-file - smtps://mail.example.org
mkdir -p mail/support@example.org-nightly
END
inside sh /srv/day.sh
copied() { inside mbsync --quiet --config /srv/mbsyncrc --all && inside grep -rq 'It does not open' /srv/mail; }
until_so copied

step 'Reloaded, killed and started anew by systemd'
inside systemctl reload postern
until_so logged server.reloaded 1
inside systemctl kill --signal KILL postern
until_so logged server.ready 2
inside mbsync --quiet --config /srv/mbsyncrc --all

step 'Upgraded: the server is started anew, and ends in time'
inside dpkg --install /srv/postern.deb
until_so logged server.ready 3
logged 'server.ended.*in_time=true' 1 || fail 'it was ended by force'

step 'Purged: it stops, and the mail stays'
inside dpkg --purge postern
inside systemctl is-active postern && fail 'it runs without its program'
inside test -s /var/lib/postern/postern.db || fail 'the mail went with the program'
inside systemctl poweroff
wait "$nspawn" || true
trap - EXIT
printf '\nAll of it came about.\n' >&2
