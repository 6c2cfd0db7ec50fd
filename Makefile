# SPDX-License-Identifier: GPL-3.0-or-later
# GNU make.  Does the steps that are missing: autoconf, ./configure, compile.
# "make help" lists the targets.  Everything built goes to build/.
srcdir ?= .
ifneq ($(MAKE_VERSION),)
MAKEFLAGS += --no-print-directory
endif

# Targets that must work before there is a configuration.
FRONT = help deps check check-quick check-func check-long check-asan \
	check-valgrind \
	fuzz demo bench clang distclean
GOALS = $(or $(MAKECMDGOALS),all)

# Other folders' builds start here too: one job a core unless told otherwise.
jobs = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
SUBMAKE = $(MAKE) $(jobs)
SECS ?= 60

.PHONY: $(FRONT) all clean lint install dist distcheck configured
.DEFAULT_GOAL = all
.DELETE_ON_ERROR:
.SUFFIXES:

ifneq ($(filter-out $(FRONT),$(GOALS)),)
include config.mk

# -- how things are compiled --------------------------------------------------
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wcast-qual -Wformat=2
ALL_CPPFLAGS = -I. -I$(srcdir) -D_GNU_SOURCE -DHAVE_CONFIG_H \
	-DDAEMON_RUNDIR='"$(rundir)"' -DDAEMON_STATEDIR='"$(statedir)"' \
	-DSYSCONFDIR='"$(sysconfdir)"' $(LIB_CFLAGS) \
	$(CPPFLAGS)
ALL_CFLAGS = -std=c11 $(WARN) $(WERROR) $(HARDEN_CFLAGS) $(SAN_FLAGS) $(CFLAGS)
ALL_LDFLAGS = $(HARDEN_LDFLAGS) $(SAN_FLAGS) $(LDFLAGS)
Q = $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)	$@")

# sources DIR [NOT]: the .c files of a folder; objects: what they become.
sources = $(sort $(filter-out $(addprefix $(srcdir)/,$(2)),\
	$(wildcard $(srcdir)/$(1)/*.c)))
objects = $(patsubst $(srcdir)/%.c,build/%.o,$(1))

programs =
libs =
test_programs =
include $(srcdir)/common/rules.mk
include $(srcdir)/combiner/rules.mk
include $(srcdir)/ctl/rules.mk
include $(srcdir)/tests/rules.mk
include $(srcdir)/man/rules.mk
include $(srcdir)/tools/rules.mk

all: $(libs) $(programs) $(man_built)
test-programs: all $(test_programs)
.PHONY: test-programs
.SECONDARY:

build/%.o: $(srcdir)/%.c config.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP \
	    -c -o $@ $<

build/%.a:
	@mkdir -p $(@D)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rc $@ $^ && $(RANLIB) $@

$(programs) $(test_programs):
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(EXTRA_LDFLAGS) -o $@ \
	    $(filter %.o,$^) $(filter %.a,$^) $(EXTRA_LIBS) $(COMMON_LIBS) $(LIBS)

-include $(shell test -d build && find build -name '*.d' \
	-not -path 'build/asan/*' -not -path 'build/fuzz/*' \
	-not -path 'build/clang/*')

clean:
	rm -rf build
else
all:

help:
	@sed -n 's/^#: //p' $(srcdir)/Makefile

#: all             what is compiled (build/bin)
#: check           deps, build, and all tests; DEPS=no leaves packages alone
#: check-quick     unit tests, configurations, fuzz seeds: no network, no root
#: check-func      tests with real name servers on 127.0.0.1
#: check-long      the combiner killed 500 times under load (KILLS=n)
#: check-asan      all tests under AddressSanitizer and UBSan (build/asan)
#: check-valgrind  unit tests under valgrind
#: lint            shell, manuals, include rules, symbols, lengths, format
#: fuzz SECS=60    each fuzzer for SECS seconds, needs clang (build/fuzz)
#: demo            two providers on this machine, step by step
#: bench           measures; the numbers of the manual
#: install         DESTDIR=, prefix by configure; never overwrites a config
#: dist distcheck  a release archive; and the test of it
#: deps            what Debian packages are missing; root: installs them
#: clang           everything compiled with clang, warnings as errors
#: clean distclean
deps:
	@$(srcdir)/tools/deps

ifneq ($(DEPS),no)
maybe_deps = @$(srcdir)/tools/deps
endif

check:
	$(maybe_deps)
	+@$(SUBMAKE) run-check

check-quick:
	+@$(SUBMAKE) run-check-quick

check-func:
	$(maybe_deps)
	+@$(SUBMAKE) run-check-func

# As many kills as the promise names; a quarter of an hour.
check-long: export KILLS ?= 500
check-long:
	$(maybe_deps)
	+@$(SUBMAKE) run-check TESTS=func/kill_loop

check-valgrind:
	$(maybe_deps)
	+@$(SUBMAKE) run-check-valgrind

demo bench:
	$(maybe_deps)
	+@$(SUBMAKE) run-$@

# Builds of another kind have their own folder below build/.
ASAN_TESTS ?= all
check-asan:
	$(maybe_deps)
	+@$(SUBMAKE) build/asan/config.mk
	+@$(SUBMAKE) -C build/asan run-check TESTS="$(ASAN_TESTS)"

fuzz:
	$(maybe_deps)
	+@$(SUBMAKE) build/fuzz/config.mk
	+@$(SUBMAKE) -C build/fuzz run-fuzz SECS=$(SECS)

clang:
	+@$(SUBMAKE) build/clang/config.mk
	+@$(SUBMAKE) -C build/clang all test-programs

distclean:
	rm -rf build config.mk config.h config.log config.status
	rm -rf $(srcdir)/configure $(srcdir)/autom4te.cache
endif

# -- configuration ------------------------------------------------------------
$(srcdir)/configure: $(srcdir)/configure.ac $(srcdir)/VERSION
	cd $(srcdir) && autoconf && rm -rf autom4te.cache

# A changed configure repeats with the options of the last time.
config.h: config.mk
	@touch config.h

config.mk: $(srcdir)/configure $(srcdir)/config.mk.in $(srcdir)/config.h.in
	@if [ -f config.status ]; then ./config.status --recheck -q && \
	    ./config.status -q; else $(srcdir)/configure -q; fi
	@touch config.mk

configured: config.mk

sub = cd $(@D) && $(abspath $(srcdir))/configure -q
build/asan/config.mk: $(srcdir)/configure $(srcdir)/config.mk.in \
    $(srcdir)/config.h.in
	@mkdir -p $(@D)
	@$(sub) --with-sanitizer=address,undefined CFLAGS="-O1 -g"
	@touch $@
build/fuzz/config.mk: $(srcdir)/configure $(srcdir)/config.mk.in \
    $(srcdir)/config.h.in
	@mkdir -p $(@D)
	@$(sub) --enable-fuzzers CC=clang CFLAGS="-O1 -g"
	@touch $@
build/clang/config.mk: $(srcdir)/configure $(srcdir)/config.mk.in \
    $(srcdir)/config.h.in
	@mkdir -p $(@D)
	@$(sub) --enable-werror CC=clang
	@touch $@
