#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Manual pages are clean mdoc.
cd "${SRCDIR:-.}" || exit 1
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }
set -- man/*.[1-8]
[ -f "$1" ] || { echo "no manual pages yet"; exit 77; }
# Names of our other pages may not be installed here.
out=$(mandoc -Tlint -Wwarning "$@" 2>&1 | grep -v 'outdated mandoc.db')
[ -z "$out" ] || { echo "$out"; exit 1; }
