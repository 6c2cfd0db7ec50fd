# SPDX-License-Identifier: GPL-3.0-or-later
# Unit tests, fuzzers, and the targets that run tests.

# tests/lib/*.c helps every unit test, but fake_*.c: those stand in for a
# module of common, for the tests that name them in fakes_<test>.
testlib_src = $(call sources,tests/lib,\
	$(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/tests/lib/fake_*.c)))
libtest = build/libtest.a
$(libtest): $(call objects,$(testlib_src))

unit_src = $(sort $(wildcard $(srcdir)/tests/unit/*_test.c))
unit_tests = $(patsubst $(srcdir)/tests/%.c,build/tests/%,$(unit_src))
ifeq ($(have_cmocka),yes)
test_programs += $(unit_tests)
endif
# A test's name begins with the folder of what it tests.
unit_lib = $(filter-out $(libcommon),$(filter build/lib$(firstword \
	$(subst _, ,$(notdir $(1)))).a,$(libs)))
define unit_rule
$(1): $(1).o $(patsubst %,build/tests/lib/%.o,$(fakes_$(notdir $(1)))) \
    $(if $(testlib_src),$(libtest)) $(call unit_lib,$(1)) $(libcommon)
endef
$(foreach t,$(unit_tests),$(eval $(call unit_rule,$(t))))
# A test may define a function of a library itself, as a fake: the first wins.
$(unit_tests): EXTRA_LDFLAGS = -Wl,--allow-multiple-definition
$(unit_tests): EXTRA_LIBS = $(CMOCKA_LIBS) $(SQLITE_LIBS)
build/tests/unit/%.o: EXTRA_CFLAGS = $(CMOCKA_CFLAGS)

# A fuzzer is linked with libFuzzer (--enable-fuzzers), else with a driver that
# feeds it the files given: the seeds, as a test.
fuzz_src = $(sort $(wildcard $(srcdir)/tests/fuzz/fuzz_*.c))
fuzzers = $(patsubst $(srcdir)/tests/%.c,build/tests/%,$(fuzz_src))
fuzz_main = $(if $(filter yes,$(enable_fuzzers)),,build/tests/fuzz/seed_main.o)
test_programs += $(fuzzers)
$(fuzzers): %: %.o $(fuzz_main) $(libctl) $(libcombiner) $(libcommon)
$(fuzzers): EXTRA_LDFLAGS = $(FUZZ_LDFLAGS)
$(fuzzers): EXTRA_LIBS = $(SQLITE_LIBS)
build/tests/fuzz/%.o: EXTRA_CFLAGS = -Wno-missing-prototypes

# What make bench needs beside Python; built by check, too, so that it stays
# whole.
bench_programs = build/tests/bench/owner build/tests/bench/probe
test_programs += $(bench_programs)
build/tests/bench/owner: build/tests/bench/owner.o build/tests/bench/gen.o \
	build/tests/bench/owner_msg.o
build/tests/bench/probe: build/tests/bench/probe.o

RUN = /usr/bin/python3 -B $(srcdir)/tests/run --srcdir $(srcdir) --build build
TESTS ?= all
.PHONY: run-check run-check-quick run-check-func run-check-valgrind run-fuzz \
	run-demo run-bench lint
run-check: test-programs
	@$(RUN) $(TESTS)

run-check-quick: test-programs
	@$(RUN) unit conf fuzz

run-check-func: all
	@$(RUN) func

run-check-valgrind: test-programs
	@$(RUN) --valgrind unit

run-fuzz: $(fuzzers)
	@$(RUN) --fuzz-seconds $(SECS) fuzz

run-demo: all
	@$(srcdir)/tools/demo

run-bench: all $(bench_programs)
	@/usr/bin/python3 -B $(srcdir)/tests/bench/run --build build $(BENCH_ARGS)

lint: all
	@$(RUN) lint
