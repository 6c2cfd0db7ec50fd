/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connection of a local client: who it is, lines in, lines out, and the
 * limits on both.  A client that does not read its answers, or has too many
 * calls open, is not read from until that is over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/errcode.h"
#include "common/ipc_inner.h"
#include "common/stream.h"

void
ipc_conn_release(struct ipc_conn *c)
{
	if (--c->refs > 0) {
		return;
	}
	ipc_lines_clear(&c->in);
	json_decref(c->events);
	free(c);
}

/* Takes it out of the server's hands; the stream is the caller's now. */
static struct stream *
detach(struct ipc_conn *c)
{
	struct ipc_server *s = c->server;
	struct stream *stream = c->stream;

	if (s == NULL) {
		return NULL;
	}
	loop_defer_cancel(s->loop, &c->more);
	loop_timer_stop(&c->hello_timer);
	if (c->prev != NULL) {
		c->prev->next = c->next;
	} else {
		s->conns = c->next;
	}
	if (c->next != NULL) {
		c->next->prev = c->prev;
	}
	s->nconns--;
	if (c->is_subscribed) {
		s->nsubscribers--;
	}
	c->server = NULL;
	c->stream = NULL;
	return stream;
}

void
ipc_conn_close(struct ipc_conn *c)
{
	struct stream *stream = detach(c);

	if (stream != NULL) {
		stream_close(stream);
		ipc_conn_release(c);
	}
}

void
ipc_conn_end(struct ipc_conn *c)
{
	struct stream *stream = detach(c);

	if (stream != NULL) {
		stream_close_after_write(stream);
		ipc_conn_release(c);
	}
}

const char *
ipc_conn_source(const struct ipc_conn *c)
{
	const struct ipc_service *sv;

	if (c->server == NULL || c->server->service.source_of == NULL) {
		return NULL;
	}
	sv = &c->server->service;
	return sv->source_of(c->uid, c->gid, sv->arg);
}

enum ipc_right
ipc_conn_right(const struct ipc_conn *c)
{
	if (c->is_owner) {
		return IPC_OPERATE;
	}
	if (ipc_conn_source(c) != NULL) {
		return IPC_CONTRIBUTE;
	}
	return c->is_operator ? IPC_OPERATE : IPC_LOOK;
}

/* ---- out ---- */

struct line_out {
	struct ipc_conn *conn;
	char *text;
};

static bool
is_full(const struct ipc_conn *c)
{
	return c->calls >= IPC_CALLS_MAX ||
	       stream_queued(c->stream) > STREAM_HIGH;
}

/* Goes on reading, from the next turn on, when there is room again. */
static void
wake(struct ipc_conn *c)
{
	if (c->server != NULL && c->is_paused && !is_full(c)) {
		loop_defer(c->server->loop, &c->more);
	}
}

static void
on_written(void *arg, int err)
{
	struct line_out *w = arg;

	(void)err; /* the stream's end tells */
	wake(w->conn);
	ipc_conn_release(w->conn);
	free(w->text);
	free(w);
}

void
ipc_conn_send(struct ipc_conn *c, char *line, size_t len)
{
	struct line_out *w = NULL;
	struct iovec iov = {.iov_base = line, .iov_len = len};

	if (c->stream == NULL) {
		free(line);
		return;
	}
	if (line != NULL) {
		w = calloc(1, sizeof(*w));
	}
	if (w == NULL) {
		goto lost;
	}
	w->conn = c;
	w->text = line;
	c->refs++;
	if (stream_write(c->stream, &iov, 1, on_written, w) == E_OK) {
		return;
	}
	c->refs--; /* not the last one: it is still with the server */
lost:
	/* An answer would be missing; so the client is told. */
	free(w);
	free(line);
	ipc_conn_close(c);
}

/* ---- in ---- */

static void
handle_too_long(struct ipc_conn *c)
{
	struct ipc_server *s = c->server;
	size_t len;
	char *line;

	log_limited(&s->bad_log, loop_now_ms(s->loop), LOG_LEVEL_WARNING,
	    F(.peer = c->peer, .proto = "unix"),
	    "local client sent a line of over %u octets: closed", IPC_LINE_MAX);
	line = ipc_msg_error(
	    NULL, IPC_PARSE, "line is longer than 1 MiB", NULL, &len);
	ipc_conn_send(c, line, len);
	ipc_conn_end(c);
}

/* Blank lines are nothing: people type them. */
static bool
is_blank(const char *line, size_t len)
{
	return len == 0 || (len == 1 && line[0] == '\r');
}

static void
handle_lines(struct ipc_conn *c)
{
	const char *line;
	unsigned n = 0;
	size_t len;
	int r;

	c->refs++; /* a line may close it */
	while (c->server != NULL && !is_full(c)) {
		if (n++ == IPC_LINES_TURN) {
			break;
		}
		r = ipc_lines_next(&c->in, &line, &len);
		if (r == E_AGAIN) {
			break;
		}
		if (r == E_LIMIT) {
			handle_too_long(c);
			break;
		}
		if (!is_blank(line, len)) {
			ipc_dispatch(c, line, len);
		}
	}
	if (c->server != NULL) {
		bool was_paused = c->is_paused;

		c->is_paused = is_full(c) || n > IPC_LINES_TURN;
		if (c->is_paused && !was_paused) {
			stream_read_pause(c->stream);
		} else if (!c->is_paused && was_paused) {
			stream_read_resume(c->stream);
		}
		wake(c);
	}
	if (c->server != NULL && c->is_ending && !c->is_paused &&
	    c->calls == 0) {
		ipc_conn_end(c);
	}
	ipc_conn_release(c);
}

static void
on_more(void *arg)
{
	handle_lines(arg);
}

void
ipc_conn_on_answered(struct ipc_conn *c)
{
	c->calls--;
	if (c->is_ending && c->server != NULL) {
		loop_defer(c->server->loop, &c->more);
	}
	wake(c);
}

static void
on_read(struct stream *stream, const uint8_t *data, size_t len, void *arg)
{
	struct ipc_conn *c = arg;

	(void)stream;
	if (ipc_lines_push(&c->in, data, len) != E_OK) {
		ipc_conn_close(c);
		return;
	}
	if (!c->is_paused) {
		handle_lines(c);
	}
}

static void
on_end(struct stream *stream, int err, void *arg)
{
	struct ipc_conn *c = arg;

	(void)stream;
	log_debug(F(.peer = c->peer, .proto = "unix",
		      .err = err == E_CLOSED ? E_OK : err),
	    "local client went away");
	if (err != E_CLOSED) {
		ipc_conn_close(c);
		return;
	}
	/* It may have ended its own side only: what it asked is answered. */
	c->is_ending = true;
	handle_lines(c);
}

static void
on_hello_timer(struct loop_timer *t, void *arg)
{
	struct ipc_conn *c = arg;
	struct ipc_server *s = c->server;

	(void)t;
	log_limited(&s->bad_log, loop_now_ms(s->loop), LOG_LEVEL_WARNING,
	    F(.peer = c->peer, .proto = "unix"),
	    "local client said no hello for %u s: closed", IPC_HELLO_MS / 1000);
	ipc_conn_close(c);
}

static const struct stream_events conn_events = {
    .on_read = on_read,
    .on_end = on_end,
};

static int
identify(struct ipc_conn *c, struct ipc_server *s, struct stream *stream)
{
	int r = stream_peer_cred(stream, &c->uid, &c->gid, &c->pid);

	if (r != E_OK) {
		return r;
	}
	c->is_owner = c->uid == 0 || c->uid == geteuid();
	c->is_operator = s->operate_gid != (gid_t)-1 &&
			 stream_peer_in_group(stream, s->operate_gid);
	(void)snprintf(c->peer, sizeof(c->peer), "uid=%ld,pid=%ld",
	    (long)c->uid, (long)c->pid);
	return E_OK;
}

void
ipc_conn_new(struct ipc_server *s, struct stream *stream)
{
	struct ipc_conn *c = calloc(1, sizeof(*c));
	int r = E_NOMEM;

	if (c == NULL) {
		goto bad;
	}
	c->more.fn = on_more;
	c->more.arg = c;
	c->hello_timer.cb = on_hello_timer;
	c->hello_timer.arg = c;
	c->refs = 1;
	r = identify(c, s, stream);
	if (r != E_OK) {
		goto bad;
	}
	c->server = s; /* rights may depend on it */
	if (s->nconns >= IPC_CONNS_MAX && ipc_conn_right(c) != IPC_OPERATE) {
		r = E_LIMIT;
		goto bad;
	}
	r = loop_timer_start(s->loop, &c->hello_timer, IPC_HELLO_MS);
	if (r != E_OK) {
		goto bad;
	}
	c->stream = stream;
	c->next = s->conns;
	if (c->next != NULL) {
		c->next->prev = c;
	}
	s->conns = c;
	s->nconns++;
	stream_set_events(stream, &conn_events, c);
	return;
bad:
	log_limited(&s->full_log, loop_now_ms(s->loop), LOG_LEVEL_WARNING,
	    F(.peer = c != NULL ? c->peer : NULL, .proto = "unix", .err = r),
	    "local client turned away");
	free(c);
	stream_close(stream);
}
