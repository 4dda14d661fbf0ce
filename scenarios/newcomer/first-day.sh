#!/bin/sh
# A first day, from nothing to a shared mailbox at work: two delegates, a nightly copy, and what is refused.
#
#   first-day.sh POSTERN FOLDER [BASE [INIT-ARGUMENT...]]
#
# POSTERN is the program; FOLDER is made and holds everything; listeners are on this machine alone, at BASE + the
# well-known ports (10000), or where the system likes (0). Needs curl and mbsync (Debian's isync), and nothing else.
# What an administrator types is printed with a dollar: eight commands. Ends with 0 when all of it came about.
set -eu
postern=$1 folder=$2 base=${3:-10000}
if [ $# -gt 3 ]; then shift 3; else set --; fi
mkdir "$folder"
cd "$folder"
export POSTERN_CONFIG=house/postern.toml HOME="$PWD"

commands=0
# said COMMAND...: prints what is typed, and counts it.
said() {
    commands=$((commands + 1))
    printf '\n$ postern' >&2
    for word; do case $word in *' '*) printf " '%s'" "$word" >&2 ;; *) printf ' %s' "$word" >&2 ;; esac; done
    printf '\n' >&2
}
# typed COMMAND...: the same, and runs it as `postern COMMAND`.
typed() {
    said "$@"
    "$postern" "$@"
}
# step TEXT: what comes next.
step() { printf '\n== %s\n' "$1" >&2; }
fail() { printf 'first-day: %s\n' "$1" >&2; exit 1; }
# has FILE TEXT: the file has it somewhere.
has() { grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "no '$2' in $1"; }; }
# until_read FILE ARGUMENT...: asks with curl until it is answered, for two minutes at most; the answer goes to FILE.
until_read() {
    file=$1
    shift
    over=$(($(date +%s) + 120))
    while [ "$(date +%s)" -lt "$over" ]; do
        if curl_at "$@" >"$file" 2>error.txt; then return; fi
        sleep 0.1
    done
    cat error.txt >&2
    fail "no answer: curl $*"
}
# port NAME: where a listener is, from the ready-file.
port() { sed -n "s/.*\"$1\":\"[^\"]*:\([0-9]*\)\".*/\1/p" ready.json; }
# code FILE: the invitation that a command printed.
code() { sed -n 's/^Invitation: //p' "$1"; }
curl_at() { curl --silent --show-error --max-time 60 --cacert house/tls/ca.pem "$@"; }

step 'A house'
typed init --data house --domain example.org --hostname mail.example.org --admin admin@example.org --loopback "$base" "$@"
said serve --ready-file ready.json
"$postern" serve --ready-file ready.json >serve.log 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
until [ -s ready.json ]; do
    kill -0 "$server" 2>/dev/null || { cat serve.log >&2; fail 'the server did not start'; }
    sleep 0.1
done
imaps=$(port imaps) submissions=$(port submissions)

step 'Two people, who choose their own passwords'
typed person add alice@example.org >alice.txt
typed person add bob@example.org >bob.txt
printf '%s\na ladder behind the house\n' "$(code alice.txt)" >alice.in
printf '%s\nan umbrella by the door\n' "$(code bob.txt)" >bob.in
typed person set-password --self --invitation --password-stdin <alice.in
typed person set-password --self --invitation --password-stdin <bob.in
alice='alice@example.org:a ladder behind the house' bob='bob@example.org:an umbrella by the door'

step 'One address for both, and a program that copies it every night'
typed shared add support@example.org --name Support --member alice@example.org --member bob@example.org
umask 077
typed credential issue support@example.org --purpose backup --owner admin@example.org --name nightly \
    --reason 'a copy of the mail, every night' --network 127.0.0.0/8 --recipe mbsync >mbsyncrc
umask 022
[ "$commands" -le 8 ] || fail "that were $commands commands, not eight"

step 'Bob writes to support@; Alice, signed in as herself, reads it there'
printf 'From: Bob <bob@example.org>\r\nTo: support@example.org\r\nSubject: The side door\r\nMessage-ID: <door@example.org>\r\n\r\nIt does not open.\r\n' >letter
curl_at --user "$bob" --mail-from bob@example.org --mail-rcpt support@example.org --upload-file letter "smtps://localhost:$submissions"
shared="imaps://localhost:$imaps/Shared%2Fsupport@example.org%2FINBOX"
until_read read.txt --user "$alice" "$shared/;MAILINDEX=1"
has read.txt 'Subject: The side door'

step 'She answers as support@; Bob has it, and the copy is in the Sent of support@'
printf 'From: Support <support@example.org>\r\nTo: bob@example.org\r\nSubject: Re: The side door\r\nIn-Reply-To: <door@example.org>\r\n\r\nIt was locked. Try again.\r\n' >answer
curl_at --user "$alice" --mail-from support@example.org --mail-rcpt bob@example.org --upload-file answer "smtps://localhost:$submissions"
until_read got.txt --user "$bob" "imaps://localhost:$imaps/INBOX/;MAILINDEX=1"
has got.txt 'From: Support <support@example.org>'
curl_at --user "$alice" "imaps://localhost:$imaps/Shared%2Fsupport@example.org%2FSent/;MAILINDEX=1" >sent.txt
has sent.txt 'It was locked. Try again.'

step 'mbsync copies the mailbox, signed in as the mailbox itself'
copy=mail/support@example.org-nightly
mkdir -p "$copy"
mbsync -q -c mbsyncrc -a
cat "$copy"/INBOX/new/* "$copy"/INBOX/cur/* >copied.txt 2>/dev/null || true
has copied.txt 'It does not open.'

step 'What it may not is refused: it adds nothing, and sends nothing'
secret=$(sed -n 's/^Pass "\(.*\)"$/\1/p' mbsyncrc)
if curl_at --verbose --user "support@example.org:$secret" --upload-file letter "imaps://localhost:$imaps/INBOX" 2>refused.txt; then
    fail 'the credential of a backup added a message'
fi
has refused.txt 'NO [NOPERM]'
if curl_at --verbose --user "support@example.org:$secret" --mail-from support@example.org --mail-rcpt bob@example.org \
    --upload-file answer "smtps://localhost:$submissions" 2>refused.txt; then
    fail 'the credential of a backup sent a message'
fi
has refused.txt '< 535 '

step 'Taken back, it signs in no more; Alice still does'
"$postern" credential revoke support@example.org/nightly >revoked.txt
if mbsync -q -c mbsyncrc -a 2>ended.txt; then
    fail 'a credential that was taken back signed in'
fi
curl_at --user "$alice" "$shared/;MAILINDEX=1" >read.txt

kill "$server"
wait "$server" || fail 'the server did not end well'
trap - EXIT
printf '\nAll of it came about, with %s commands.\n' "$commands" >&2
