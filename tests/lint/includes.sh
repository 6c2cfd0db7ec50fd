#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Layers: common knows no daemon, a daemon only common and itself; the headers
# of the big libraries are seen in a few files of common alone.
cd "${SRCDIR:-.}" || exit 1
bad=0

# complain WHAT: lines on stdin are breaches
complain() {
	while read -r line; do
		echo "$1: $line"
		echo 1 >"$tmp"
	done
}
tmp=$(mktemp) || exit 1
trap 'rm -f "$tmp"' EXIT

for dir in common msa combiner dsyncd keystated ctl; do
	allowed="common|$dir"
	grep -nE '^#[[:space:]]*include "' "$dir"/*.[ch] 2>/dev/null |
	    grep -vE "include \"($allowed)/[a-z0-9_]+\.(h|def)\"" |
	    grep -vE 'include "config\.h"' |
	    complain "include of another daemon, or not from the top"
done

# library REGEX, files that may
only() {
	grep -nE "^#[[:space:]]*include <$1" common/*.[ch] msa/*.[ch] \
	    combiner/*.[ch] dsyncd/*.[ch] keystated/*.[ch] ctl/*.[ch] \
	    2>/dev/null | grep -vE "^($2)" | complain "$1 belongs in $2"
}
only 'uv\.h' 'common/(loop|stream|udp)[a-z_]*\.[ch]:'
only '(libknot|libzscanner|libdnssec|dnssec)/' 'common/(dns|conf)[a-z0-9_]*\.[ch]:'
only 'gnutls/' 'common/(tls|dns_tsig|base64|digest)[a-z_]*\.[ch]:'
only 'sqlite3\.h' '[a-z]+/store[a-z_]*\.[ch]:'
grep -nE '#[[:space:]]*include "[^"]*\.c"' tests/unit/*.c 2>/dev/null |
    complain "a test includes a .c"
[ -s "$tmp" ] && bad=1
exit $bad
