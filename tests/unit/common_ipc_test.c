/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server of local messages over a real socket, and both clients.  The raw
 * client here does what socat would: connects, writes lines, reads lines.
 */
#include <setjmp.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/errcode.h"
#include "common/ipc.h"
#include "common/ipc_inner.h"
#include "common/loop.h"
#include "common/stream.h"

#define OTHER_UID 12345
#define WAIT_MS 5000

struct fixture {
	struct loop *loop;
	struct ipc_server *server;
	struct ipc_service service;
	char dir[64], path[96];
	struct ipc_call *kept[IPC_CALLS_MAX + 8];
	unsigned nkept;
	uid_t source_uid; /* speaks for "alpha" */
	bool stopped;
	int reload_result;
};

/* ---- a service ---- */

static void
on_echo(struct ipc_call *call, const json_t *params, void *arg)
{
	(void)arg;
	ipc_reply(call, json_deep_copy(params));
}

static void
on_keep(struct ipc_call *call, const json_t *params, void *arg)
{
	struct fixture *f = arg;

	(void)params;
	assert_true(f->nkept < sizeof(f->kept) / sizeof(f->kept[0]));
	f->kept[f->nkept++] = call;
}

static void
on_big(struct ipc_call *call, const json_t *params, void *arg)
{
	size_t n = (size_t)json_integer_value(json_object_get(params, "size"));
	char *text = malloc(n + 1);

	(void)arg;
	assert_non_null(text);
	memset(text, 'b', n);
	text[n] = '\0';
	ipc_reply(call, json_pack("{s:s}", "text", text));
	free(text);
}

static void
on_whoami(struct ipc_call *call, const json_t *params, void *arg)
{
	(void)params;
	(void)arg;
	ipc_reply(
	    call, json_pack("{s:s?, s:i, s:s}", "source", ipc_call_source(call),
		      "right", (int)ipc_call_right(call), "txid",
		      ipc_call_txid(call)));
}

static const struct ipc_member none[] = {{NULL, IPC_STRING, false, NULL}};
static const struct ipc_member size_only[] = {
    {"size", IPC_INTEGER, false, "Octets."},
    {NULL, IPC_STRING, false, NULL},
};
static const struct ipc_method methods[] = {
    {.name = "echo", .params = none, .result = none},
    {.name = "keep", .params = none, .result = none},
    {.name = "big", .params = size_only, .result = none},
    {.name = "whoami", .params = none, .result = none},
    {.name = "give", .right = IPC_CONTRIBUTE, .params = none, .result = none},
    {.name = "rule", .right = IPC_OPERATE, .params = none, .result = none},
    {.name = "absent", .params = none, .result = none}, /* no handler */
    {0},
};
static const struct ipc_handler handlers[] = {
    {"echo", on_echo},
    {"keep", on_keep},
    {"big", on_big},
    {"whoami", on_whoami},
    {"give", on_echo},
    {"rule", on_echo},
    {NULL, NULL},
};

static const char *
source_of(uid_t uid, gid_t gid, void *arg)
{
	struct fixture *f = arg;

	(void)gid;
	return uid == f->source_uid ? "alpha" : NULL;
}

static json_t *
on_status(void *arg)
{
	(void)arg;
	return json_pack("{s:i}", "zones", 3);
}

static char *
on_metrics(void *arg)
{
	(void)arg;
	return strdup("# EOF\n");
}

static int
on_reload(void *arg, char *msg, size_t len)
{
	struct fixture *f = arg;

	if (f->reload_result != E_OK) {
		(void)snprintf(msg, len, "line 7: no");
	}
	return f->reload_result;
}

static void
on_stop(void *arg)
{
	((struct fixture *)arg)->stopped = true;
}

static void
start_server(struct fixture *f)
{
	assert_int_equal(ipc_server_new(f->loop, &f->service, f->path, 0666,
			     (gid_t)-1, &f->server),
	    E_OK);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/ipc-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(chmod(f->dir, 0755), 0);
	(void)snprintf(f->path, sizeof(f->path), "%s/s.sock", f->dir);
	assert_int_equal(loop_new(&f->loop), E_OK);
	f->source_uid = (uid_t)-1;
	f->service = (struct ipc_service){
	    .name = "test",
	    .program = "testd",
	    .version = "1.2",
	    .methods = methods,
	    .handlers = handlers,
	    .arg = f,
	    .source_of = source_of,
	    .status = on_status,
	    .metrics = on_metrics,
	    .reload = on_reload,
	    .stop = on_stop,
	};
	start_server(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	ipc_server_free(f->server);
	for (unsigned i = 0; i < f->nkept; i++) {
		ipc_reply(f->kept[i], NULL); /* to nobody */
	}
	loop_free(f->loop);
	(void)unlink(f->path);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

/* ---- a raw client ---- */

struct raw {
	struct fixture *f;
	int fd;
	struct ipc_lines in;
};

static void
nap(void)
{
	struct timespec ts = {.tv_nsec = 1000000};

	(void)nanosleep(&ts, NULL);
}

static void
raw_open(struct raw *c, struct fixture *f)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	memset(c, 0, sizeof(*c));
	c->f = f;
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_true(c->fd >= 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&un, sizeof(un)),
	    0); /* accepted when the loop runs next */
}

static void
raw_close(struct raw *c)
{
	close(c->fd);
	ipc_lines_clear(&c->in);
	for (int i = 0; i < 3; i++) {
		loop_poll(c->f->loop);
	}
}

/* All of it, while the server reads. */
static void
raw_write(struct raw *c, const char *data, size_t len)
{
	for (int i = 0; len > 0 && i < WAIT_MS; i++) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
		loop_poll(c->f->loop);
	}
	assert_int_equal(len, 0);
}

static void
raw_send(struct raw *c, const char *text)
{
	raw_write(c, text, strlen(text));
}

/* The next answer; NULL when the server closed. */
static json_t *
raw_read(struct raw *c)
{
	char buf[4096];
	const char *line;
	size_t len;

	for (int i = 0; i < WAIT_MS; i++) {
		ssize_t n;

		if (ipc_lines_next(&c->in, &line, &len) == E_OK) {
			json_t *v = json_loadb(line, len, 0, NULL);

			assert_non_null(v);
			return v;
		}
		loop_poll(c->f->loop);
		n = recv(c->fd, buf, sizeof(buf), 0);
		if (n == 0) {
			return NULL;
		}
		if (n > 0) {
			assert_int_equal(
			    ipc_lines_push(&c->in, buf, (size_t)n), E_OK);
		} else {
			nap();
		}
	}
	fail_msg("no answer");
	return NULL;
}

static int
code_of(const json_t *answer)
{
	return (int)json_integer_value(
	    json_object_get(json_object_get(answer, "error"), "code"));
}

/* Sends a line; wants this error code (0: a result). */
static void
ask(struct raw *c, const char *text, int want)
{
	json_t *v;

	raw_send(c, text);
	v = raw_read(c);
	assert_non_null(v);
	if (code_of(v) != want) {
		fail_msg("%s gives %d, not %d", text, code_of(v), want);
	}
	assert_string_equal(
	    json_string_value(json_object_get(v, "jsonrpc")), "2.0");
	json_decref(v);
}

#define REQ(id, method, params)                                   \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method \
	"\",\"params\":" params "}\n"
#define HELLO_OF(major)                                          \
	REQ("0", "hello",                                        \
	    "{\"protocol\":\"polyphony\","                       \
	    "\"major\":" major ",\"minor\":7,\"program\":\"t\"," \
	    "\"version\":\"1\"}")
#define HELLO HELLO_OF("1")

static void
raw_hello(struct raw *c, struct fixture *f)
{
	raw_open(c, f);
	ask(c, HELLO, 0);
}

static void
expect_closed(struct raw *c)
{
	assert_null(raw_read(c));
	raw_close(c);
}

/* ---- hello ---- */

static void
test_hello(void **state)
{
	struct fixture *f = *state;
	struct raw c;
	json_t *v, *r;

	raw_open(&c, f);
	raw_send(&c, HELLO);
	v = raw_read(&c);
	r = json_object_get(v, "result");
	assert_string_equal(
	    json_string_value(json_object_get(r, "protocol")), "polyphony");
	assert_int_equal(json_integer_value(json_object_get(r, "major")), 1);
	assert_string_equal(
	    json_string_value(json_object_get(r, "program")), "testd");
	assert_string_equal(
	    json_string_value(json_object_get(r, "service")), "test");
	assert_string_equal(
	    json_string_value(json_object_get(r, "right")), "operate");
	json_decref(v);
	ask(&c, HELLO, 0); /* again: no harm */
	raw_close(&c);
}

static void
test_hello_refused(void **state)
{
	static const struct {
		const char *line;
		int code;
	} cases[] = {
	    {HELLO_OF("2"), IPC_VERSION},
	    {HELLO_OF("0"), IPC_VERSION},
	    {REQ("1", "hello", "{\"protocol\":\"imap\",\"major\":1}"),
		IPC_VERSION},
	    {REQ("1", "echo", "{}"), IPC_REQUEST},
	    {REQ("1", "nothing", "{}"), IPC_REQUEST},
	    {"[]\n", IPC_REQUEST},
	    {"EHLO\n", IPC_PARSE},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct raw c;

		raw_open(&c, f);
		ask(&c, cases[i].line, cases[i].code);
		expect_closed(&c);
		assert_int_equal(f->server->nconns, 0);
	}
}

/* A member of hello is missing: an error, and another try is welcome. */
static void
test_hello_members(void **state)
{
	struct fixture *f = *state;
	struct raw c;

	raw_open(&c, f);
	ask(&c, REQ("1", "hello", "{\"protocol\":\"polyphony\"}"), IPC_PARAMS);
	ask(&c, HELLO, 0);
	raw_close(&c);
}

static void
test_hello_late(void **state)
{
	struct fixture *f = *state;
	struct raw mute, good;

	raw_hello(&good, f);
	raw_open(&mute, f);
	for (int i = 0; i < 3; i++) {
		loop_poll(f->loop);
	}
	assert_int_equal(f->server->nconns, 2);
	loop_clock_offset(f->loop, IPC_HELLO_MS / 1000 + 1);
	expect_closed(&mute);
	ask(&good, REQ("1", "echo", "{}"), 0);
	raw_close(&good);
}

/* ---- calls ---- */

static void
test_calls(void **state)
{
	struct fixture *f = *state;
	struct raw c;
	json_t *v;

	raw_hello(&c, f);
	ask(&c, REQ("1", "echo", "{\"a\":1}"), 0);
	ask(&c, REQ("\"x\"", "echo", "{}"), 0);
	ask(&c, "\r\n\n" REQ("1", "echo", "{}"), 0);
	ask(&c, REQ("1", "nothing", "{}"), IPC_NO_METHOD);
	ask(&c, REQ("1", "absent", "{}"), IPC_NO_METHOD);
	ask(&c, REQ("1", "echo", "[]"), IPC_REQUEST);
	ask(&c, REQ("1", "big", "{}"), IPC_PARAMS);
	ask(&c, REQ("1", "big", "{\"size\":\"1\"}"), IPC_PARAMS);
	ask(&c, REQ("1", "big", "{\"size\":1,\"more\":null}"), 0);
	ask(&c, REQ("1", "big", "{\"size\":1048576}"), IPC_INTERNAL);
	/* a notification is done, and not answered */
	raw_send(&c, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}\n"
		     "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}\n" REQ(
			 "\"after\"", "echo", "{}"));
	v = raw_read(&c);
	assert_string_equal(
	    json_string_value(json_object_get(v, "id")), "after");
	json_decref(v);
	/* bad bytes end it */
	ask(&c, "{\"jsonrpc\":\n", IPC_PARSE);
	expect_closed(&c);
}

static void
test_common(void **state)
{
	struct fixture *f = *state;
	struct raw c;
	json_t *v, *r;

	raw_hello(&c, f);
	raw_send(&c, REQ("1", "status", "{}"));
	v = raw_read(&c);
	r = json_object_get(v, "result");
	assert_int_equal(json_integer_value(json_object_get(r, "zones")), 3);
	assert_int_equal(json_integer_value(json_object_get(r, "clients")), 1);
	for (const struct ipc_member *m =
		 ipc_method_find(NULL, "status")->result;
	     m->name != NULL; m++) {
		assert_non_null(json_object_get(r, m->name));
	}
	json_decref(v);
	ask(&c, REQ("1", "metrics", "{}"), 0);
	ask(&c, REQ("1", "log.level", "{\"level\":\"loud\"}"), IPC_PARAMS);
	ask(&c, REQ("1", "log.level", "{\"level\":\"err\"}"), 0);
	assert_int_equal(log_level_get(), LOG_LEVEL_ERR);
	ask(&c, REQ("1", "reload", "{}"), 0);
	f->reload_result = E_CONF;
	raw_send(&c, REQ("1", "reload", "{}"));
	v = raw_read(&c);
	assert_int_equal(code_of(v), IPC_REFUSED);
	assert_non_null(strstr(json_string_value(json_object_get(
				   json_object_get(v, "error"), "message")),
	    "line 7"));
	json_decref(v);
	ask(&c, REQ("1", "stop", "{}"), 0);
	assert_true(f->stopped);
	raw_close(&c);
}

/* Every right against every need; the kernel's word is what counts. */
static void
test_rights(void **state)
{
	struct fixture *f = *state;
	struct raw c;
	json_t *v, *r;

	if (geteuid() != 0) {
		skip(); /* needs root */
	}
	for (int right = IPC_LOOK; right <= IPC_CONTRIBUTE; right++) {
		f->source_uid = right == IPC_CONTRIBUTE ? OTHER_UID : 1;
		assert_int_equal(seteuid(OTHER_UID), 0);
		raw_open(&c, f);
		assert_int_equal(seteuid(0), 0);
		ask(&c, HELLO, 0);
		raw_send(&c, REQ("1", "whoami", "{\"txid\":\"m-1\"}"));
		v = raw_read(&c);
		r = json_object_get(v, "result");
		assert_int_equal(
		    json_integer_value(json_object_get(r, "right")), right);
		assert_string_equal(
		    json_string_value(json_object_get(r, "txid")), "m-1");
		assert_int_equal(json_is_string(json_object_get(r, "source")),
		    right == IPC_CONTRIBUTE);
		json_decref(v);
		ask(&c, REQ("1", "echo", "{}"), 0);
		ask(&c, REQ("1", "give", "{}"),
		    right == IPC_CONTRIBUTE ? 0 : IPC_DENIED);
		ask(&c, REQ("1", "rule", "{}"), IPC_DENIED);
		ask(&c, REQ("1", "stop", "{}"), IPC_DENIED);
		assert_false(f->stopped);
		raw_close(&c);
	}
	/* root has all rights, and may be a source too */
	f->source_uid = 0;
	raw_hello(&c, f);
	raw_send(&c, REQ("1", "whoami", "{\"txid\":\"bad txid\"}"));
	v = raw_read(&c);
	r = json_object_get(v, "result");
	assert_int_equal(
	    json_integer_value(json_object_get(r, "right")), IPC_OPERATE);
	assert_string_equal(
	    json_string_value(json_object_get(r, "source")), "alpha");
	assert_memory_equal(
	    json_string_value(json_object_get(r, "txid")), "t-", 2);
	json_decref(v);
	raw_close(&c);
}

/* A group of its own gives operate. */
static void
test_group(void **state)
{
	struct fixture *f = *state;
	struct raw c;

	if (geteuid() != 0) {
		skip(); /* needs root */
	}
	ipc_server_free(f->server);
	assert_int_equal(ipc_server_new(f->loop, &f->service, f->path, 0660,
			     OTHER_UID, &f->server),
	    E_OK);
	assert_int_equal(setegid(OTHER_UID), 0);
	assert_int_equal(seteuid(OTHER_UID), 0);
	raw_open(&c, f);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	ask(&c, HELLO, 0);
	ask(&c, REQ("1", "rule", "{}"), 0);
	raw_close(&c);
	/* in the group, but named as a source: it only contributes */
	f->source_uid = OTHER_UID;
	assert_int_equal(setegid(OTHER_UID), 0);
	assert_int_equal(seteuid(OTHER_UID), 0);
	raw_open(&c, f);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	ask(&c, HELLO, 0);
	ask(&c, REQ("1", "give", "{}"), 0);
	ask(&c, REQ("1", "rule", "{}"), IPC_DENIED);
	raw_close(&c);
}

/* ---- limits ---- */

/* Answers that come late, in another order, and after the client went. */
static void
test_late(void **state)
{
	struct fixture *f = *state;
	struct raw c;
	json_t *v;

	raw_hello(&c, f);
	raw_send(&c, REQ("1", "keep", "{}") REQ("2", "keep", "{}")
			 REQ("3", "keep", "{}"));
	loop_poll(f->loop);
	assert_int_equal(f->nkept, 3);
	ipc_reply(f->kept[1], NULL);
	ipc_error(f->kept[0], IPC_STORE, "disk %d", 7);
	v = raw_read(&c);
	assert_int_equal(json_integer_value(json_object_get(v, "id")), 2);
	json_decref(v);
	v = raw_read(&c);
	assert_int_equal(json_integer_value(json_object_get(v, "id")), 1);
	assert_int_equal(code_of(v), IPC_STORE);
	json_decref(v);
	raw_close(&c);
	/* it may want to read still; that it does not shows when answered */
	assert_int_equal(f->server->nconns, 1);
	ipc_reply(f->kept[2], json_object());
	f->nkept = 0;
	for (int i = 0; i < 3; i++) {
		loop_poll(f->loop);
	}
	assert_int_equal(f->server->nconns, 0);
}

/* One who ends only its own side (printf | socat) gets all of its answers. */
static void
test_half_closed(void **state)
{
	struct fixture *f = *state;
	struct raw c;

	raw_open(&c, f);
	raw_send(&c, HELLO REQ("1", "keep", "{}") REQ("2", "echo", "{}"));
	assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
	for (int i = 0; i < 5; i++) {
		loop_poll(f->loop);
	}
	json_decref(raw_read(&c)); /* hello */
	json_decref(raw_read(&c)); /* 2 */
	assert_int_equal(f->server->nconns, 1);
	ipc_reply(f->kept[0], NULL);
	f->nkept = 0;
	json_decref(raw_read(&c));
	expect_closed(&c);
	assert_int_equal(f->server->nconns, 0);
}

/* More calls than may wait: the rest stays unread until some are answered. */
static void
test_many_calls(void **state)
{
	struct fixture *f = *state;
	struct raw c;

	raw_hello(&c, f);
	for (unsigned i = 0; i < IPC_CALLS_MAX + 8; i++) {
		raw_send(&c, REQ("1", "keep", "{}"));
	}
	for (int i = 0; i < 5; i++) {
		loop_poll(f->loop);
	}
	assert_int_equal(f->nkept, IPC_CALLS_MAX);
	for (unsigned i = 0; i < 8; i++) {
		ipc_reply(f->kept[i], NULL);
		f->kept[i] = NULL;
	}
	for (int i = 0; i < 5; i++) {
		loop_poll(f->loop);
	}
	assert_int_equal(f->nkept, IPC_CALLS_MAX + 8);
	for (unsigned i = 8; i < f->nkept; i++) {
		ipc_reply(f->kept[i], NULL);
	}
	for (unsigned i = 0; i < f->nkept; i++) {
		json_decref(raw_read(&c));
	}
	f->nkept = 0;
	ask(&c, REQ("1", "echo", "{}"), 0);
	raw_close(&c);
}

/* More lines at once than one turn takes: all are answered, in order. */
static void
test_pipeline(void **state)
{
	struct fixture *f = *state;
	const unsigned count = 5 * IPC_LINES_TURN + 3;
	struct raw c;
	char line[128];
	char *all = calloc(count, sizeof(line));

	assert_non_null(all);
	raw_hello(&c, f);
	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(line, sizeof(line),
		    "{\"jsonrpc\":\"2.0\","
		    "\"id\":%u,\"method\":\"echo\"}\n",
		    i);
		strcat(all, line);
	}
	raw_send(&c, all);
	for (unsigned i = 0; i < count; i++) {
		json_t *v = raw_read(&c);

		assert_int_equal(
		    json_integer_value(json_object_get(v, "id")), i);
		json_decref(v);
	}
	free(all);
	raw_close(&c);
}

/* One that writes and does not read is not read from; others are served. */
static void
test_not_reading(void **state)
{
	struct fixture *f = *state;
	const char *text = REQ("1", "big", "{\"size\":500000}");
	struct raw c, other;
	unsigned sent = 0;
	int idle = 0;

	raw_hello(&c, f);
	while (idle < 20) {
		ssize_t n = send(c.fd, text, strlen(text), MSG_NOSIGNAL);

		idle = n == (ssize_t)strlen(text) ? 0 : idle + 1;
		sent += n == (ssize_t)strlen(text);
		assert_true(n < 0 || n == (ssize_t)strlen(text));
		loop_poll(f->loop);
		assert_true(sent < 100000);
	}
	assert_true(f->server->conns->is_paused);
	assert_true(stream_queued(f->server->conns->stream) < 2 * STREAM_HIGH);
	raw_hello(&other, f);
	raw_close(&other);
	for (int i = 0; i < 10; i++) {
		json_t *v = raw_read(&c);

		assert_int_equal(code_of(v), 0);
		json_decref(v);
	}
	raw_close(&c);
	assert_int_equal(f->server->nconns, 0);
}

static void
test_long_line(void **state)
{
	struct fixture *f = *state;
	char *big = malloc(IPC_LINE_MAX + 2);
	struct raw c;
	json_t *v;

	assert_non_null(big);
	memset(big, ' ', IPC_LINE_MAX + 2);
	raw_hello(&c, f);
	/* of the longest allowed: blanks before an empty object */
	memcpy(big + IPC_LINE_MAX - 2, "{}\n", 3);
	raw_write(&c, big, IPC_LINE_MAX + 1);
	v = raw_read(&c);
	assert_int_equal(code_of(v), IPC_REQUEST);
	json_decref(v);
	memset(big, ' ', IPC_LINE_MAX + 2);
	raw_write(&c, big, IPC_LINE_MAX + 2);
	v = raw_read(&c);
	assert_int_equal(code_of(v), IPC_PARSE);
	json_decref(v);
	expect_closed(&c);
	free(big);
}

/* ---- events ---- */

static void
test_events(void **state)
{
	struct fixture *f = *state;
	struct raw all, some, nothing;
	json_t *v;

	f->service.name = "combiner"; /* has a table of events */
	ipc_server_free(f->server);
	start_server(f);
	raw_hello(&all, f);
	raw_hello(&some, f);
	raw_hello(&nothing, f);
	ask(&all, REQ("1", "subscribe", "{}"), 0);
	ask(&all, REQ("1", "subscribe", "{}"), 0);
	ask(&some, REQ("1", "subscribe", "{\"events\":[\"zone.what\"]}"),
	    IPC_PARAMS);
	ask(&some, REQ("1", "subscribe", "{\"events\":[\"zone.failed\"]}"), 0);
	assert_int_equal(f->server->nsubscribers, 2);
	ipc_event(
	    f->server, "zone.published", json_pack("{s:s}", "zone", "a."));
	ipc_event(f->server, "zone.failed", json_pack("{s:s}", "zone", "b."));
	v = raw_read(&all);
	assert_string_equal(
	    json_string_value(json_object_get(v, "method")), "zone.published");
	assert_null(json_object_get(v, "id"));
	assert_non_null(json_object_get(json_object_get(v, "params"), "time"));
	json_decref(v);
	json_decref(raw_read(&all));
	v = raw_read(&some);
	assert_string_equal(
	    json_string_value(json_object_get(v, "method")), "zone.failed");
	json_decref(v);
	ask(&all, REQ("1", "echo", "{}"), 0);
	ask(&nothing, REQ("1", "echo", "{}"), 0);
	raw_close(&all);
	raw_close(&some);
	raw_close(&nothing);
	assert_int_equal(f->server->nsubscribers, 0);
}

static void
test_slow_subscriber(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(100001);
	struct raw c;

	assert_non_null(text);
	memset(text, 'e', 100000);
	text[100000] = '\0';
	raw_hello(&c, f);
	ask(&c, REQ("1", "subscribe", "{}"), 0);
	for (int i = 0; i < 100 && f->server->nconns > 0; i++) {
		ipc_event(f->server, "e", json_pack("{s:s}", "t", text));
		loop_poll(f->loop);
	}
	assert_int_equal(f->server->nconns, 0);
	assert_int_equal(f->server->nsubscribers, 0);
	free(text);
	raw_close(&c);
}

/* The last places are for operators. */
static void
test_many_conns(void **state)
{
	struct fixture *f = *state;
	static struct raw c[IPC_CONNS_MAX + IPC_CONNS_OPERATE + 1];
	unsigned n = 0;

	if (geteuid() != 0) {
		skip(); /* needs root */
	}
	assert_int_equal(seteuid(OTHER_UID), 0);
	for (; n < IPC_CONNS_MAX; n++) {
		raw_open(&c[n], f);
	}
	raw_open(&c[n], f);
	assert_int_equal(seteuid(0), 0);
	expect_closed(&c[n]);
	for (; n < IPC_CONNS_MAX + IPC_CONNS_OPERATE; n++) {
		raw_hello(&c[n], f);
	}
	raw_open(&c[n], f);
	expect_closed(&c[n]);
	while (n-- > 0) {
		raw_close(&c[n]);
	}
	assert_int_equal(f->server->nconns, 0);
}

/* ---- the daemon's client ---- */

struct client_log {
	struct fixture *f;
	struct ipc_client *client;
	int ups, downs, answers, errors, lost, events;
	bool frees_in_answer, frees_in_up;
};

static void
on_answer(void *arg, int err, const json_t *result, const json_t *error)
{
	struct client_log *l = arg;

	l->answers += result != NULL;
	l->errors += error != NULL;
	l->lost += err != E_OK;
	assert_int_equal((result != NULL) + (error != NULL) + (err != E_OK), 1);
	if (l->frees_in_answer) {
		ipc_client_free(l->client);
		l->client = NULL;
	}
}

static void
on_up(void *arg, bool is_up)
{
	struct client_log *l = arg;

	l->ups += is_up;
	l->downs += !is_up;
	if (is_up && l->frees_in_up) {
		ipc_client_free(l->client);
		l->client = NULL;
	}
}

static void
on_event(void *arg, const char *event, const json_t *params)
{
	struct client_log *l = arg;

	assert_string_equal(event, "e");
	assert_true(json_is_object(params));
	l->events++;
}

/* Runs the loop until *n is `want`. */
static void
run_until(struct fixture *f, const int *n, int want)
{
	for (int i = 0; *n != want && i < WAIT_MS; i++) {
		loop_poll(f->loop);
		nap();
	}
	assert_int_equal(*n, want);
}

static void
open_client(struct fixture *f, struct client_log *l)
{
	memset(l, 0, sizeof(*l));
	l->f = f;
	assert_int_equal(ipc_client_new(f->loop, f->path, "test", on_up,
			     on_event, l, &l->client),
	    E_OK);
}

static void
test_client(void **state)
{
	struct fixture *f = *state;
	struct client_log l;

	open_client(f, &l);
	assert_int_equal(
	    ipc_client_call(l.client, "echo", NULL, on_answer, &l), E_CLOSED);
	run_until(f, &l.ups, 1);
	assert_true(ipc_client_is_up(l.client));
	assert_int_equal(
	    ipc_client_call(l.client, "echo", NULL, on_answer, &l), E_OK);
	assert_int_equal(
	    ipc_client_call(l.client, "nothing", json_object(), on_answer, &l),
	    E_OK);
	run_until(f, &l.answers, 1);
	run_until(f, &l.errors, 1);
	assert_int_equal(
	    ipc_client_call(l.client, "subscribe", NULL, on_answer, &l), E_OK);
	run_until(f, &l.answers, 2);
	ipc_event(f->server, "e", json_object());
	run_until(f, &l.events, 1);
	ipc_client_free(l.client);
	assert_int_equal(l.downs, 0);
}

/* The server goes with a call open, and comes back. */
static void
test_client_reconnect(void **state)
{
	struct fixture *f = *state;
	struct client_log l;

	open_client(f, &l);
	run_until(f, &l.ups, 1);
	assert_int_equal(
	    ipc_client_call(l.client, "keep", NULL, on_answer, &l), E_OK);
	for (int i = 0; f->nkept == 0 && i < WAIT_MS; i++) {
		loop_poll(f->loop);
	}
	ipc_server_free(f->server);
	f->server = NULL;
	run_until(f, &l.downs, 1);
	assert_int_equal(l.lost, 1);
	assert_false(ipc_client_is_up(l.client));
	start_server(f);
	run_until(f, &l.ups, 2);
	assert_int_equal(
	    ipc_client_call(l.client, "echo", NULL, on_answer, &l), E_OK);
	run_until(f, &l.answers, 1);
	ipc_client_free(l.client);
}

static void
test_client_frees_itself(void **state)
{
	struct fixture *f = *state;
	struct client_log l;

	open_client(f, &l);
	run_until(f, &l.ups, 1);
	l.frees_in_answer = true;
	assert_int_equal(
	    ipc_client_call(l.client, "echo", NULL, on_answer, &l), E_OK);
	assert_int_equal(
	    ipc_client_call(l.client, "echo", NULL, on_answer, &l), E_OK);
	run_until(f, &l.answers, 1);
	assert_int_equal(l.lost, 1);
	open_client(f, &l);
	l.frees_in_up = true;
	run_until(f, &l.ups, 1);
	assert_null(l.client);
}

/* ---- the tools' client, in a process of its own ---- */

static int
sync_child(const struct fixture *f)
{
	json_t *result = NULL, *error = NULL, *event = NULL;
	struct ipc_sync *s;

	if (ipc_sync_open("/nonexistent/x", "t", 100, &s) != -ENOENT ||
	    ipc_call_once(f->path, "t", "echo", json_pack("{s:i}", "n", 7),
		WAIT_MS, &result, &error) != E_OK ||
	    error != NULL ||
	    json_integer_value(json_object_get(result, "n")) != 7) {
		return 1;
	}
	json_decref(result);
	if (ipc_sync_open(f->path, "t", WAIT_MS, &s) != E_OK ||
	    ipc_sync_call(s, "nothing", NULL, WAIT_MS, &result, &error) !=
		E_OK ||
	    result != NULL ||
	    json_integer_value(json_object_get(error, "code")) !=
		IPC_NO_METHOD) {
		return 2;
	}
	json_decref(error);
	if (ipc_sync_call(s, "subscribe", NULL, WAIT_MS, &result, &error) !=
		E_OK ||
	    result == NULL) {
		return 3;
	}
	json_decref(result);
	if (ipc_sync_event(s, WAIT_MS, &event) != E_OK) {
		return 4;
	}
	json_decref(event);
	if (ipc_sync_call(s, "keep", NULL, 50, &result, &error) != E_TIMEOUT) {
		return 5;
	}
	ipc_sync_close(s);
	return 0;
}

static void
test_sync(void **state)
{
	struct fixture *f = *state;
	int status = -1;
	pid_t pid;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		_exit(sync_child(f));
	}
	for (int i = 0; i < WAIT_MS; i++) {
		loop_poll(f->loop);
		ipc_event(f->server, "e", json_object());
		if (waitpid(pid, &status, WNOHANG) == pid) {
			break;
		}
		nap();
	}
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    T(test_hello),
	    T(test_hello_refused),
	    T(test_hello_members),
	    T(test_hello_late),
	    T(test_calls),
	    T(test_common),
	    T(test_rights),
	    T(test_group),
	    T(test_late),
	    T(test_half_closed),
	    T(test_many_calls),
	    T(test_pipeline),
	    T(test_not_reading),
	    T(test_long_line),
	    T(test_events),
	    T(test_slow_subscriber),
	    T(test_many_conns),
	    T(test_client),
	    T(test_client_reconnect),
	    T(test_client_frees_itself),
	    T(test_sync),
	};

	(void)setvbuf(stdout, NULL, _IONBF, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
