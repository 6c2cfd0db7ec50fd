# SPDX-License-Identifier: GPL-3.0-or-later
# build/libcombiner.a and the daemon build/bin/combiner.
combiner_src = $(call sources,combiner,combiner/main.c)
libcombiner = build/libcombiner.a
libs += $(libcombiner)
$(libcombiner): $(call objects,$(combiner_src))

ifneq ($(wildcard $(srcdir)/combiner/main.c),)
programs += build/bin/combiner
build/bin/combiner: build/combiner/main.o $(libcombiner) $(libcommon)
build/bin/combiner: EXTRA_LIBS = $(SQLITE_LIBS)
endif
build/combiner/main.o: EXTRA_CFLAGS = -DSYSCONFDIR='"$(sysconfdir)"'
