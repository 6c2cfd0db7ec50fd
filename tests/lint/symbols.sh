#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A global name says where it lives.  It begins with the daemon's name, or with
# (a part of) the name of its file, of the header that declares it, of a file
# that uses this header, or of a type in it: common/dns_rrset.c has rrset_*, combiner/combine.c has
# combine_*, and contrib_* for struct contrib.
# Global variables that can be written are the log's alone.
cd "${SRCDIR:-.}" || exit 1
: "${BUILD:=build}"
tmp=$(mktemp) || exit 1
trap 'rm -f "$tmp"' EXIT

# parts NAME...: dns_rrset_text -> dns_rrset_text dns_rrset dns rrset_text ...
parts() {
	for p in "$@"; do
		for q in "$p" "${p#*_}"; do
			while :; do
				echo "$q"
				[ "$q" != "${q%_*}" ] || break
				q=${q%_*}
			done
		done
	done
}

# allowed DIR STEM NAME -> regex
allowed() {
	own=$(grep -lE "[ *]$3(\(|\[|;)" "$1"/*.h | head -n 1)
	types=
	[ -z "$own" ] || types=$(sed -n \
	    's/^\(struct\|enum\) \([a-z0-9_]*\)\( {\|;\).*/\2/p' "$own")
	# files that share a header share its names
	[ -z "$own" ] || types="$types $(grep -l "^#include \"$own\"" "$1"/*.c |
	    sed 's,.*/\(.*\)\.c,\1,')"
	own=${own##*/}
	[ "$1" = common ] || echo "$1"
	# shellcheck disable=SC2086
	parts "$2" ${own%.h} $types
}

for obj in "$BUILD"/common/*.o "$BUILD"/combiner/*.o "$BUILD"/ctl/*.o \
    "$BUILD"/msa/*.o "$BUILD"/dsyncd/*.o "$BUILD"/keystated/*.o; do
	dir=$(basename "$(dirname "$obj")")
	stem=$(basename "$obj" .o)
	[ -f "$obj" ] || continue
	[ -f "$dir/$stem.c" ] || continue
	nm -g -f sysv --defined-only "$obj" | tr -d ' ' |
	while IFS='|' read -r name _ class _ _ _ section; do
		case $name in main|bug_at|fatal|err_text|''|_*) continue ;; esac
		case $class in [TDBRCVW]) ;; *) continue ;; esac
		case $name in "$dir"_*|"$stem"*) ;; *)
		regex="^($(allowed "$dir" "$stem" "$name" | sort -u |
		    paste -sd '|'))(_|\$)"
		echo "$name" | grep -qE "$regex" ||
		    echo "$dir/$stem.c: $name should begin as $regex" >>"$tmp"
		esac
		case $section in
		.data|.bss|\*COM\*)
			[ "$stem" = log ] ||
			    echo "$dir/$stem.c: global variable $name" >>"$tmp"
			;;
		esac
	done
done
[ ! -s "$tmp" ] || { cat "$tmp"; exit 1; }
