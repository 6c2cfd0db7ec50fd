#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# every shell script of the tree passes shellcheck.
cd "${SRCDIR:-.}" || exit 1
command -v shellcheck >/dev/null ||
    { echo "shellcheck is not installed"; exit 77; }
find .ci tools tests init -type f | while read -r f; do
	head -n 1 "$f" | grep -qaE '^#!.*[/ ](sh|bash|dash)( |$)' && echo "$f"
done | xargs shellcheck
