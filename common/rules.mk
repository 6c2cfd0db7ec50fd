# SPDX-License-Identifier: GPL-3.0-or-later
# build/libcommon.a: knows no daemon.
# priv_<system>.c: the one that configure chose.
common_src = $(call sources,common,$(patsubst %,common/priv_%.c,\
	$(filter-out $(priv),linux openbsd none)))
libcommon = build/libcommon.a
libs += $(libcommon)
$(libcommon): $(call objects,$(common_src))
