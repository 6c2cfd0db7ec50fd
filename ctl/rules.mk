# SPDX-License-Identifier: GPL-3.0-or-later
# build/bin/polyctl: one client for all daemons.
ctl_src = $(call sources,ctl,ctl/main.c)
libctl = build/libctl.a
libs += $(libctl)
$(libctl): $(call objects,$(ctl_src))

ifneq ($(wildcard $(srcdir)/ctl/main.c),)
programs += build/bin/polyctl
build/bin/polyctl: build/ctl/main.o $(libctl) $(libcommon)
endif
