#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# No file of code over 600 lines, no function over 60, no line over 100; tests
# are tables, they may be longer.
cd "${SRCDIR:-.}" || exit 1
bad=$(
for f in common/*.[ch] msa/*.[ch] combiner/*.[ch] dsyncd/*.[ch] \
    keystated/*.[ch] ctl/*.[ch] tests/unit/*.c tests/fuzz/*.c; do
	[ -f "$f" ] || continue
	awk -v tests="$(case $f in tests/*) echo 1 ;; esac)" '
	/^\{/ { start = FNR }
	/^\}/ { if (start && FNR - start > 60 && !tests)
			print FILENAME ":" start ": function of " \
			    FNR - start " lines"
		start = 0 }
	{ line = $0; gsub(/\t/, "        ", line)
	  if (length(line) > 100)
		print FILENAME ":" FNR ": line of " length(line) " columns" }
	END { if (FNR > 600 && !tests) print FILENAME ": " FNR " lines" }' "$f"
done)
[ -z "$bad" ] || { echo "$bad"; exit 1; }
