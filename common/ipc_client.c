/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client side of local messages for daemons: connects, says hello, comes
 * back with back-off.  A lost connection fails all calls that were open; the
 * owner then states again what it wants, from on_up.
 *
 *   DOWN -timer-> CONNECTING -open-> HELLO -answer-> UP -end-> DOWN
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config.h"

#include "common/errcode.h"
#include "common/ipc_msg.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/stream.h"

#define BACKOFF_FIRST_MS 100u
#define BACKOFF_MAX_MS 10000u
#define HELLO_MS 10000u	  /* from the start of connecting */
#define PENDING_MAX 1024u /* calls without answer */
#define HELLO_ID 0	  /* calls count from 1 */

struct pending {
	struct pending *next;
	json_int_t id;
	ipc_reply_fn cb;
	void *arg;
};

struct ipc_client {
	struct loop *loop;
	char *path, *program;
	ipc_up_fn on_up;
	ipc_event_fn on_event;
	void *arg;
	struct stream *stream;
	struct ipc_lines in;
	struct loop_timer timer; /* next try, or end of patience with this */
	struct pending *first, **last;
	unsigned npending;
	json_int_t next_id;
	unsigned backoff_ms;
	unsigned busy; /* callbacks under way that may free us */
	bool is_up;
	bool is_freed;	/* while busy */
	bool said_down; /* logged that it cannot be reached */
};

static void connect_now(struct ipc_client *c);

static void
really_free(struct ipc_client *c)
{
	ipc_lines_clear(&c->in);
	free(c->path);
	free(c->program);
	free(c);
}

static void
leave(struct ipc_client *c)
{
	if (--c->busy == 0 && c->is_freed) {
		really_free(c);
	}
}

/* ---- calls ---- */

static void
pending_push(struct ipc_client *c, struct pending *p)
{
	*c->last = p;
	c->last = &p->next;
	c->npending++;
}

/* NULL: no such call. */
static struct pending *
pending_take(struct ipc_client *c, json_int_t id)
{
	struct pending **pp, *p;

	for (pp = &c->first; (p = *pp) != NULL; pp = &p->next) {
		if (p->id == id) {
			*pp = p->next;
			if (c->last == &p->next) {
				c->last = pp;
			}
			c->npending--;
			return p;
		}
	}
	return NULL;
}

/* Answers all that are open now; those made meanwhile stay. */
static void
fail_all(struct ipc_client *c, int err)
{
	struct pending *p = c->first, *next;

	c->first = NULL;
	c->last = &c->first;
	c->npending = 0;
	for (; p != NULL; p = next) {
		next = p->next;
		p->cb(p->arg, err, NULL, NULL);
		free(p);
	}
}

int
ipc_client_call(struct ipc_client *c, const char *method, json_t *params,
    ipc_reply_fn cb, void *arg)
{
	struct pending *p;
	size_t len = 0;
	char *line;
	int r;

	if (!c->is_up) {
		json_decref(params);
		return E_CLOSED;
	}
	if (c->npending >= PENDING_MAX ||
	    stream_queued(c->stream) > STREAM_HIGH) {
		json_decref(params);
		return E_LIMIT;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL) {
		json_decref(params);
		return E_NOMEM;
	}
	p->id = c->next_id++;
	p->cb = cb;
	p->arg = arg;
	line = ipc_msg_call(p->id, method, params, &len);
	r = line != NULL ? stream_write_copy(c->stream, line, len) : E_LIMIT;
	free(line);
	if (r != E_OK) {
		free(p);
		return r;
	}
	pending_push(c, p);
	return E_OK;
}

bool
ipc_client_is_up(const struct ipc_client *c)
{
	return c->is_up;
}

/* ---- down and up ---- */

/* Some of the pause is chance, so that clients do not come all at once. */
static uint64_t
next_pause(struct ipc_client *c)
{
	uint16_t random = 0;
	uint64_t ms = c->backoff_ms;

	/* Without random octets the pause is the longest: still right. */
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	c->backoff_ms = c->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS
							   : c->backoff_ms * 2;
	return ms - ms * (random % 256) / 1024;
}

/* Ends the connection, if there is one, and plans the next. */
static void
go_down(struct ipc_client *c, int err)
{
	bool was_up = c->is_up;

	if (c->stream != NULL) {
		stream_close(c->stream);
		c->stream = NULL;
	}
	ipc_lines_clear(&c->in);
	c->is_up = false;
	if (!c->said_down) {
		c->said_down = true;
		log_notice(F(.op = "connect", .peer = c->path, .proto = "unix",
			       .err = err),
		    was_up ? "connection lost" : "not reachable yet");
	}
	/* Fails for want of memory alone: then the next call of it helps. */
	(void)loop_timer_start(c->loop, &c->timer, next_pause(c));
	c->busy++;
	fail_all(c, E_CLOSED);
	if (was_up && !c->is_freed && c->on_up != NULL) {
		c->on_up(c->arg, false);
	}
	leave(c);
}

static void
go_up(struct ipc_client *c)
{
	loop_timer_stop(&c->timer);
	c->is_up = true;
	c->said_down = false;
	c->backoff_ms = BACKOFF_FIRST_MS;
	log_notice(
	    F(.op = "connect", .peer = c->path, .proto = "unix"), "connected");
	if (c->on_up != NULL) {
		c->on_up(c->arg, true);
	}
}

/* false: the connection is of no use. */
static bool
handle_hello(struct ipc_client *c, const struct ipc_incoming *in)
{
	const char *protocol;

	if (in->kind != IPC_IN_RESULT || in->id != HELLO_ID) {
		return false;
	}
	protocol = json_string_value(json_object_get(in->value, "protocol"));
	if (protocol == NULL || strcmp(protocol, IPC_PROTOCOL) != 0 ||
	    json_integer_value(json_object_get(in->value, "major")) !=
		IPC_MAJOR) {
		return false;
	}
	go_up(c);
	return true;
}

static bool
handle_incoming(struct ipc_client *c, const struct ipc_incoming *in)
{
	struct pending *p;

	if (!c->is_up) {
		return handle_hello(c, in);
	}
	if (in->kind == IPC_IN_EVENT) {
		if (c->on_event != NULL) {
			c->on_event(c->arg, in->event, in->value);
		}
		return true;
	}
	p = pending_take(c, in->id);
	if (p == NULL) {
		return false;
	}
	if (in->kind == IPC_IN_ERROR) {
		p->cb(p->arg, E_OK, NULL, in->value);
	} else {
		p->cb(p->arg, E_OK, in->value, NULL);
	}
	free(p);
	return true;
}

/* ---- the stream ---- */

static void
on_read(struct stream *stream, const uint8_t *data, size_t len, void *arg)
{
	struct ipc_client *c = arg;
	struct ipc_incoming in;
	const char *line;
	size_t n;
	int r;

	r = ipc_lines_push(&c->in, data, len);
	c->busy++;
	/* A callback may have freed us or the connection may be a new one. */
	while (r == E_OK && !c->is_freed && c->stream == stream) {
		r = ipc_lines_next(&c->in, &line, &n);
		if (r != E_OK) {
			break;
		}
		r = ipc_incoming_decode(line, n, &in);
		if (r == E_OK) {
			r = handle_incoming(c, &in) ? E_OK : E_PROTO;
			json_decref(in.root);
		}
	}
	if (r != E_OK && r != E_AGAIN && !c->is_freed && c->stream == stream) {
		go_down(c, r == E_LIMIT ? E_PROTO : r);
	}
	leave(c);
}

static void
on_open(struct stream *stream, int err, void *arg)
{
	struct ipc_client *c = arg;
	size_t len = 0;
	char *line;

	if (err != E_OK) {
		go_down(c, err);
		return;
	}
	line = ipc_msg_call(HELLO_ID, "hello",
	    ipc_msg_hello(c->program, POLYPHONY_VERSION), &len);
	err = line != NULL ? stream_write_copy(stream, line, len) : E_NOMEM;
	free(line);
	if (err != E_OK) {
		go_down(c, err);
	}
}

static void
on_end(struct stream *stream, int err, void *arg)
{
	(void)stream;
	go_down(arg, err);
}

static const struct stream_events client_events = {
    .on_open = on_open,
    .on_read = on_read,
    .on_end = on_end,
};

static void
connect_now(struct ipc_client *c)
{
	int r;

	r = loop_timer_start(c->loop, &c->timer, HELLO_MS);
	if (r == E_OK) {
		r = stream_connect_unix(
		    c->loop, c->path, &client_events, c, &c->stream);
	}
	if (r != E_OK) {
		c->stream = NULL;
		go_down(c, r);
	}
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct ipc_client *c = arg;

	(void)t;
	if (c->stream != NULL) {
		go_down(c, E_TIMEOUT);
	} else {
		connect_now(c);
	}
}

int
ipc_client_new(struct loop *loop, const char *path, const char *program,
    ipc_up_fn on_up, ipc_event_fn on_event, void *arg, struct ipc_client **out)
{
	struct ipc_client *c = calloc(1, sizeof(*c));
	int r = E_NOMEM;

	if (c == NULL) {
		return E_NOMEM;
	}
	c->loop = loop;
	c->on_up = on_up;
	c->on_event = on_event;
	c->arg = arg;
	c->last = &c->first;
	c->next_id = HELLO_ID + 1;
	c->backoff_ms = BACKOFF_FIRST_MS;
	c->timer.cb = on_timer;
	c->timer.arg = c;
	c->path = strdup(path);
	c->program = strdup(program);
	if (c->path != NULL && c->program != NULL) {
		/* from the loop, so that no callback comes before we return */
		r = loop_timer_start(loop, &c->timer, 0);
	}
	if (r != E_OK) {
		really_free(c);
		return r;
	}
	*out = c;
	return E_OK;
}

void
ipc_client_free(struct ipc_client *c)
{
	if (c == NULL || c->is_freed) {
		return;
	}
	c->is_freed = true;
	c->is_up = false;
	loop_timer_stop(&c->timer);
	if (c->stream != NULL) {
		stream_close(c->stream);
		c->stream = NULL;
	}
	c->busy++;
	fail_all(c, E_CANCEL);
	leave(c);
}
