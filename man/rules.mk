# SPDX-License-Identifier: GPL-3.0-or-later
# Manual pages in mdoc, installed as they are.
man_pages = $(sort $(wildcard $(srcdir)/man/*.[1-8]))
man_built =
