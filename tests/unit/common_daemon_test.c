/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/daemon.h"
#include "common/errcode.h"
#include "common/loop.h"

#define WAIT_MS 20000

/* ---- a daemon that keeps one number ---- */

static const struct conf_item server_items[] = {
	DAEMON_SERVER_ITEMS,
	{ .name = "number", .type = CONF_INT, .min = 1, .max = 9,
	    .dflt = "1", .flags = CONF_RESTART },
	{ .name = NULL },
};

static const struct conf_section schema[] = {
	{ .name = "server", .items = server_items },
	{ .name = "log", .items = daemon_log_items },
	{ .name = NULL },
};

static void
check(struct conf *conf)
{
	const struct conf_row *s = conf_row(conf, "server", 0);

	if (conf_int(s, "number") == 4) {
		conf_error(conf, s, "number", "four is not liked");
	} else if (conf_int(s, "number") == 5) {
		conf_warning(conf, s, "number", "five is odd");
	}
}

static int
pre_drop(struct daemon *d)
{
	d->ctx = malloc(1);
	return conf_int(conf_row(d->conf, "server", 0), "number") == 9 ?
	    E_LIMIT : E_OK;
}

static int
reload(struct daemon *d, struct conf *fresh)
{
	(void)d;
	return conf_int(conf_row(fresh, "server", 0), "number") == 8 ?
	    E_LIMIT : E_OK;
}

static void
stop(struct daemon *d)
{
	daemon_stopped(d);
}

static void
clear(struct daemon *d)
{
	free(d->ctx);
	d->ctx = NULL;
}

static const struct daemon_ops ops = {
	.name = "test",
	.default_conf = "/nonexistent/test.conf",
	.schema = schema,
	.check = check,
	.pre_drop = pre_drop,
	.reload = reload,
	.stop = stop,
	.free = clear,
};

/* ---- its surroundings ---- */

struct lab {
	char dir[64];
	char conf[96], out[96], pidfile[96];
	int notify;
	pid_t pid;
};

static void
write_conf(struct lab *l, const char *rest)
{
	FILE *f = fopen(l->conf, "w");

	assert_non_null(f);
	fprintf(f, "server:\n  pidfile: test.pid\n%s", rest);
	assert_int_equal(fclose(f), 0);
}

static int
setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	assert_non_null(l);
	snprintf(l->dir, sizeof(l->dir), "/tmp/daemon_test.XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	snprintf(l->conf, sizeof(l->conf), "%s/test.conf", l->dir);
	snprintf(l->out, sizeof(l->out), "%s/out", l->dir);
	snprintf(l->pidfile, sizeof(l->pidfile), "%s/test.pid", l->dir);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", l->dir);
	l->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(l->notify >= 0);
	assert_int_equal(bind(l->notify, (struct sockaddr *)&at, sizeof(at)),
	    0);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	write_conf(l, "");
	*state = l;
	return 0;
}

static int
teardown(void **state)
{
	struct lab *l = *state;
	char path[96];

	close(l->notify);
	snprintf(path, sizeof(path), "%s/notify", l->dir);
	unlink(path);
	unlink(l->conf);
	unlink(l->out);
	unlink(l->pidfile);
	rmdir(l->dir);
	free(l);
	return 0;
}

static void
spawn(struct lab *l, const char *opt, const char *value)
{
	char name[] = "test", c[] = "-c", o[32] = "", v[32] = "";
	char *argv[] = { name, c, l->conf, o, v, NULL };
	int argc = 3;

	if (opt != NULL) {
		snprintf(o, sizeof(o), "%s", opt);
		argc++;
	}
	if (value != NULL) {
		snprintf(v, sizeof(v), "%s", value);
		argc++;
	}
	argv[argc] = NULL;
	fflush(NULL);
	l->pid = fork();
	assert_true(l->pid >= 0);
	if (l->pid == 0) {
		int fd = open(l->out, O_WRONLY | O_CREAT | O_APPEND, 0600);

		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		exit(daemon_run(&ops, argc, argv));
	}
}

static void
expect_notify(struct lab *l, const char *want)
{
	struct pollfd p = { .fd = l->notify, .events = POLLIN };
	char text[256];
	ssize_t n;

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	n = recv(l->notify, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, want);
}

static int
wait_exit(struct lab *l)
{
	int status;

	assert_int_equal(waitpid(l->pid, &status, 0), l->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* All that it printed; the file is emptied. */
static const char *
output(struct lab *l)
{
	static char text[65536];
	FILE *f = fopen(l->out, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	assert_int_equal(truncate(l->out, 0), 0);
	return text;
}

static void
expect_output(struct lab *l, const char *part)
{
	const char *text = output(l);

	if (strstr(text, part) == NULL) {
		print_error("printed:\n%s\nwanted:\n%s\n", text, part);
	}
	assert_non_null(strstr(text, part));
}

static void
test_life(void **state)
{
	struct lab *l = *state;
	FILE *f;
	long pid;

	spawn(l, "-v", NULL);
	expect_notify(l, "READY=1");
	expect_output(l, " ready\n");
	f = fopen(l->pidfile, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &pid), 1);
	fclose(f);
	assert_int_equal(pid, l->pid);
	kill(l->pid, SIGUSR1);
	kill(l->pid, SIGTERM);
	expect_notify(l, "STOPPING=1");
	assert_int_equal(wait_exit(l), 0);
	assert_int_equal(access(l->pidfile, F_OK), -1);
	expect_output(l, "stopped\n");
}

static void
test_reload(void **state)
{
	static const struct {
		const char *conf, *said;
	} cases[] = {
		{ "  number: 2\n", "server.number changed: the new value is "
				   "used after a restart" },
		{ "  number: 99\n", "expected a number between 1 and 9, not "
				    "\"99\"\n" },
		{ "  number: 99\n", "the old configuration stays in use" },
		{ "  number: 4\n", "server.number: four is not liked\n" },
		{ "  number: 8\n", "err=\"limit reached\" : the old "
				   "configuration stays in use" },
		{ "  number: 5\n", "warning test" },
		{ "  number: 5\n", "new configuration in use" },
		{ "log:\n  level: err\n", "" },
	};
	struct lab *l = *state;

	spawn(l, NULL, NULL);
	expect_notify(l, "READY=1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_conf(l, cases[i].conf);
		(void)output(l);
		kill(l->pid, SIGHUP);
		expect_notify(l, "RELOADING=1");
		expect_notify(l, "READY=1");
		expect_output(l, cases[i].said);
	}
	kill(l->pid, SIGINT);
	assert_int_equal(wait_exit(l), 0);
}

static void
test_twice(void **state)
{
	struct lab *l = *state;
	pid_t first;

	spawn(l, NULL, NULL);
	expect_notify(l, "READY=1");
	first = l->pid;
	spawn(l, NULL, NULL);
	assert_int_equal(wait_exit(l), 1);
	expect_output(l, "running already");
	l->pid = first;
	kill(l->pid, SIGTERM);
	assert_int_equal(wait_exit(l), 0);
}

static void
test_start_fails(void **state)
{
	struct lab *l = *state;

	write_conf(l, "  number: 9\n");
	spawn(l, NULL, NULL);
	assert_int_equal(wait_exit(l), 1);
	expect_output(l, "err=\"limit reached\" : not started");
	write_conf(l, "  user: no-such-user\n");
	spawn(l, NULL, NULL);
	assert_int_equal(wait_exit(l), 1);
	expect_output(l, "there is no user no-such-user");
	write_conf(l, "  nummer: 9\n");
	spawn(l, "-d", NULL);
	assert_int_equal(wait_exit(l), 1);
	expect_output(l, "did you mean \"number\"?\n");
}

static void
test_check_only(void **state)
{
	struct lab *l = *state;
	char want[256];

	spawn(l, "-n", NULL);
	assert_int_equal(wait_exit(l), 0);
	assert_string_equal(output(l), "");
	spawn(l, "-nv", NULL);
	assert_int_equal(wait_exit(l), 0);
	expect_output(l, "\"number\": 1\n");
	write_conf(l, "  number: 4\n");
	spawn(l, "-n", NULL);
	assert_int_equal(wait_exit(l), 1);
	snprintf(want, sizeof(want), "%s:3: server.number: four is not "
	    "liked\n", l->conf);
	assert_string_equal(output(l), want);
}

static void
test_options(void **state)
{
	struct lab *l = *state;

	spawn(l, "-V", NULL);
	assert_int_equal(wait_exit(l), 0);
	expect_output(l, "test (polyphony) ");
	spawn(l, "-x", NULL);
	assert_int_equal(wait_exit(l), 2);
	spawn(l, "-T", "5x");
	assert_int_equal(wait_exit(l), 2);
	spawn(l, "surplus", NULL);
	assert_int_equal(wait_exit(l), 2);
}

/* In the background: the first process ends when the second is ready. */
static void
test_background(void **state)
{
	struct lab *l = *state;
	FILE *f;
	int pid;

	spawn(l, "-d", NULL);
	assert_int_equal(wait_exit(l), 0);
	expect_notify(l, "READY=1");
	f = fopen(l->pidfile, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	fclose(f);
	assert_true(pid != l->pid);
	assert_int_equal(kill(pid, SIGTERM), 0);
	expect_notify(l, "STOPPING=1");
	while (access(l->pidfile, F_OK) == 0) {
		usleep(1000);
	}
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_life),
		CASE(test_reload),
		CASE(test_twice),
		CASE(test_start_fails),
		CASE(test_check_only),
		CASE(test_options),
		CASE(test_background),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
