/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/errcode.h"
#include "common/log.h"

static int saved_stderr;
static FILE *capture;

static void
capture_start(void)
{
	capture = tmpfile();
	assert_non_null(capture);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(dup2(fileno(capture), STDERR_FILENO) >= 0);
}

/* Returns what was written to stderr since capture_start(). */
static const char *
capture_end(void)
{
	static char text[65536];
	ssize_t len;

	assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
	close(saved_stderr);
	len = pread(fileno(capture), text, sizeof(text) - 1, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	fclose(capture);
	return text;
}

/* The line without "<N>level program[pid]: ". */
static const char *
body(const char *line)
{
	const char *p = strstr(line, "]: ");

	assert_non_null(p);
	return p + 3;
}

static void
test_fields(void **state)
{
	static const struct {
		struct log_fields f;
		const char *text;
		const char *want;
	} cases[] = {
		{ { .zone = NULL }, "hello", "hello\n" },
		{ { .zone = "zone.example.", .op = "axfr-in",
		      .peer = "192.0.2.1@53" },
		    "done",
		    "zone=zone.example. op=axfr-in peer=192.0.2.1@53 : "
		    "done\n" },
		{ { .zone = "a b\"\\c." }, "x", "zone=\"a b\\\"\\\\c.\" : x\n" },
		{ { .zone = "a\\032b." }, "x", "zone=a\\032b. : x\n" },
		{ { .key = "" }, "x", "key=\"\" : x\n" },
		{ { .peer = "a\nerr fake[1]: b" }, "x",
		    "peer=\"a\\x0aerr fake[1]: b\" : x\n" },
		{ { .err = E_TIMEOUT, .dur_us = 1234 }, "x",
		    "err=\"timed out\" dur_ms=1.234 : x\n" },
		{ { .err = E_MALF, .dur_us = 1000002 }, "x",
		    "err=malformed dur_ms=1000.002 : x\n" },
		{ { .zone = NULL }, "tab\there\x7f \xc3\xa9 \"q\"",
		    "tab\\x09here\\x7f \\xc3\\xa9 \"q\"\n" },
	};

	(void)state;
	log_open("test", LOG_TARGET_JOURNAL, LOG_LEVEL_INFO);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *line;
		char head[64];

		capture_start();
		log_line(LOG_LEVEL_NOTICE, &cases[i].f, "%s", cases[i].text);
		line = capture_end();
		snprintf(head, sizeof(head), "<5>notice test[%ld]: ",
		    (long)getpid());
		assert_memory_equal(line, head, strlen(head));
		assert_string_equal(body(line), cases[i].want);
	}
}

static void
test_stderr_stamp(void **state)
{
	const char *line;
	int year, used = 0;

	(void)state;
	log_open("test", LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	capture_start();
	log_info(NULL, "x");
	line = capture_end();
	assert_int_equal(sscanf(line, "%d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ info "
	    "test[%n", &year, &used), 1);
	assert_true(used > 0 && year > 2000);
}

static void
test_levels(void **state)
{
	enum log_level level;

	(void)state;
	log_open("test", LOG_TARGET_STDERR, LOG_LEVEL_WARNING);
	capture_start();
	log_info(NULL, "no");
	log_notice(NULL, "no");
	log_debug(NULL, "no");
	assert_string_equal(capture_end(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_get(), LOG_LEVEL_DEBUG);
	capture_start();
	log_debug(F(.zone = "z."), "yes");
	assert_string_equal(body(capture_end()), "zone=z. : yes\n");
	for (int i = LOG_LEVEL_ERR; i <= LOG_LEVEL_DEBUG; i++) {
		assert_int_equal(log_level_from_str(
		    log_level_str((enum log_level)i), &level), E_OK);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_from_str("loud", &level), E_INVAL);
	assert_string_equal(log_level_str((enum log_level)9), "?");
}

static unsigned
count_lines(const char *s)
{
	unsigned n = 0;

	for (; (s = strchr(s, '\n')) != NULL; s++) {
		n++;
	}
	return n;
}

static void
test_limited(void **state)
{
	struct log_limit l = { 0 };
	const char *text;

	(void)state;
	log_open("test", LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	capture_start();
	for (int i = 0; i < 100; i++) {
		log_limited(&l, 1000, LOG_LEVEL_WARNING, NULL, "again");
	}
	assert_int_equal(count_lines(capture_end()), LOG_LIMIT_BURST);
	capture_start();
	log_limited(&l, 1000 + LOG_LIMIT_PERIOD_MS, LOG_LEVEL_WARNING, NULL,
	    "again");
	log_limited(&l, 1000 + LOG_LIMIT_PERIOD_MS, LOG_LEVEL_WARNING, NULL,
	    "again");
	text = capture_end();
	assert_int_equal(count_lines(text), 2);
	assert_non_null(strstr(text, "again (95 similar lines left out)\n"));
	assert_string_equal(body(strchr(text, '\n')), "again\n");
}

/* However long, it is one line and within the buffer. */
static void
test_long(void **state)
{
	static char text[20000];
	const char *line;

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	log_open("test", LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	capture_start();
	log_info(F(.zone = text), "%s", text);
	line = capture_end();
	assert_int_equal(count_lines(line), 1);
	assert_int_equal(strlen(line), 4096);
}

static void
test_serial(void **state)
{
	const char *a = log_serial(0), *b = log_serial(UINT32_MAX);

	(void)state;
	assert_string_equal(a, "0");
	assert_string_equal(b, "4294967295");
}

static int
status_of(void (*fn)(void))
{
	int status;
	pid_t pid;

	capture_start();
	pid = fork();
	if (pid == 0) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
call_fatal(void)
{
	fatal("cannot go on: %d", 7);
}

static void
call_bug(void)
{
	bug("broken promise");
}

static void
test_ends(void **state)
{
	int status;

	(void)state;
	log_open("test", LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	status = status_of(call_fatal);
	assert_string_equal(body(capture_end()), "cannot go on: 7\n");
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	status = status_of(call_bug);
	assert_non_null(strstr(capture_end(), ": broken promise\n"));
	assert_true(WIFSIGNALED(status));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_stderr_stamp),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_limited),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_serial),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
