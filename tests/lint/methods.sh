#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The manual's lists of methods, events and commands are those of the tables:
# what stands between `.\" begin NAME` and `.\" end NAME` is what
# `polyctl --mdoc NAME` prints.  "methods.sh update" writes it there.
cd "${SRCDIR:-.}" || exit 1
polyctl=${POLYCTL:-${BUILD:-build}/bin/polyctl}
[ -x "$polyctl" ] || { echo "polyctl is not built"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0
for page in man/polyctl.8 man/polyphony-local.7; do
	sed -n 's/^\.\\" begin \([a-z]*-[a-z]*\)$/\1/p' "$page" >"$tmp/names"
	while read -r name; do
		"$polyctl" --mdoc "$name" >"$tmp/$name" ||
		    { echo "$page: no part $name"; bad=1; }
	done <"$tmp/names"
	awk -v dir="$tmp" '
	/^\.\\" begin / {
		print
		file = dir "/" $3
		while ((getline line <file) > 0)
			print line
		skip = 1
	}
	/^\.\\" end / { skip = 0 }
	!skip { print }' "$page" >"$tmp/page"
	if [ "$1" = update ]; then
		cmp -s "$tmp/page" "$page" || cp "$tmp/page" "$page"
	elif ! diff -u "$page" "$tmp/page"; then
		echo "$page is behind the tables: tests/lint/methods.sh update"
		bad=1
	fi
done
exit $bad
