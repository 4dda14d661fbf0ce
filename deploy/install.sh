#!/bin/sh
# install.sh BINARY: puts the program, its unit, its user, manual pages and completions under
# $DESTDIR$PREFIX (PREFIX: /usr/local). `make install` and deploy/deb.sh call it.
#
# The binary is copied without the tables of lines that a debugger reads, which are most of it;
# names of functions stay, so a fault still says where it was.
set -eu

binary=${1:?"usage: install.sh BINARY, with PREFIX and DESTDIR in the environment"}
prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}$prefix
here=$(dirname "$0")
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# What describes the program comes from the program itself.
"$binary" man "$made/man" >/dev/null
"$binary" completions bash >"$made/postern"
"$binary" completions zsh >"$made/_postern"
"$binary" completions fish >"$made/postern.fish"
sed "s|/usr/local/bin/postern|$prefix/bin/postern|" "$here/postern.service" >"$made/postern.service"

# Debian's zsh looks for packages' completions in a folder of its own.
case $prefix in
    /usr) zsh=$root/share/zsh/vendor-completions ;;
    *) zsh=$root/share/zsh/site-functions ;;
esac

if command -v strip >/dev/null; then
    strip --strip-debug -o "$made/binary" "$binary"
else
    echo "install.sh: there is no strip (package binutils), so the program is installed as large as it was built" >&2
    cp "$binary" "$made/binary"
fi

put() { install -D -m "$1" "$2" "$3"; }
put 755 "$made/binary" "$root/bin/postern"
put 644 "$made/postern.service" "$root/lib/systemd/system/postern.service"
put 644 "$here/postern.sysusers" "$root/lib/sysusers.d/postern.conf"
put 644 "$made/postern" "$root/share/bash-completion/completions/postern"
put 644 "$made/_postern" "$zsh/_postern"
put 644 "$made/postern.fish" "$root/share/fish/vendor_completions.d/postern.fish"
put 644 "$here/prometheus/alerts.yml" "$root/share/postern/prometheus/alerts.yml"
put 644 "$here/grafana/postern.json" "$root/share/postern/grafana/postern.json"
for page in "$made"/man/*.1; do
    put 644 "$page" "$root/share/man/man1/$(basename "$page")"
done
