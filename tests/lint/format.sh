#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Advice: which files clang-format would change.  FORMAT=strict makes it a rule.
cd "${SRCDIR:-.}" || exit 1
command -v clang-format >/dev/null ||
    { echo "clang-format is not installed"; exit 77; }
n=0
for f in common/*.[ch] combiner/*.[ch] ctl/*.[ch]; do
	[ -f "$f" ] || continue
	if ! clang-format --dry-run -Werror "$f" >/dev/null 2>&1; then
		n=$((n + 1))
		echo "clang-format would change $f"
	fi
done
[ $n = 0 ] || [ "${FORMAT:-}" != strict ]
