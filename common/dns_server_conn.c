/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One TCP or TLS connection of the DNS server; see dns_server_conn.h. */
#include "common/dns_server_conn.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

#define OUT_MIN 1024
#define OUT_MAX 65536 /* gathered octets go out at the latest then */

/* One call of stream_write: gathered answers, or octets lent by an owner. */
struct conn_write {
	struct dns_conn *conn;
	stream_write_fn done;
	void *arg;
	size_t len, cap;
	uint8_t data[];
};

static bool
is_idle(const struct dns_conn *c)
{
	return c->pending == 0 && c->out == NULL &&
	    stream_queued(c->stream) == 0;
}

static uint64_t
now_ms(const struct dns_conn *c)
{
	return loop_now_ms(c->server->loop);
}

/* Notes whether the peer has taken octets since the last look. */
static void
note_taken(struct dns_conn *c)
{
	uint64_t taken = c->given - stream_queued(c->stream);
	if (taken != c->taken) {
		c->taken = taken;
		c->taken_at = now_ms(c);
	}
}

/*
 * One timer serves three limits.  It is moved only when the next limit is
 * nearer than what it is set to: firing early costs a look, moving it with
 * each message would cost more.
 */
static void
arm(struct dns_conn *c)
{
	if (dns_server_conn_is_gone(c)) {
		return;
	}
	uint64_t now = now_ms(c);
	uint64_t due = UINT64_MAX;
	if (stream_queued(c->stream) > 0) {
		/* looked at often, as the peer's progress makes no event */
		due = now + c->write_ms / 4 + 1;
	} else if (is_idle(c)) {
		due = c->last_ms + c->idle_ms;
	}
	if (c->message_at != 0 && !c->is_paused &&
	    c->message_at + c->message_ms < due) {
		due = c->message_at + c->message_ms;
	}
	if (due == UINT64_MAX) {
		loop_timer_stop(&c->timer);
	} else if (!loop_timer_is_running(&c->timer) || c->timer.due_ms > due) {
		if (loop_timer_start(c->server->loop, &c->timer,
		    due > now ? due - now : 0) != E_OK) {
			dns_server_conn_break(c);
		}
	}
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct dns_conn *c = arg;
	(void)t;
	uint64_t now = now_ms(c);
	bool is_over = false;
	if (stream_queued(c->stream) > 0) {
		note_taken(c);
		is_over = now - c->taken_at >= c->write_ms;
	} else if (is_idle(c)) {
		is_over = now - c->last_ms >= c->idle_ms;
	}
	if (c->message_at != 0 && !c->is_paused &&
	    now - c->message_at >= c->message_ms) {
		is_over = true;
	}
	if (is_over) {
		dns_server_conn_end(c);
		return;
	}
	arm(c);
}

static void
on_written(void *arg, int err)
{
	struct conn_write *w = arg;
	struct dns_conn *c = w->conn;
	if (w->done != NULL) {
		w->done(w->arg, err);
	}
	free(w);
	if (!dns_server_conn_is_gone(c)) {
		if (err != E_OK) {
			dns_server_conn_break(c);
		} else {
			c->last_ms = now_ms(c);
			if (c->is_paused || c->is_eof) {
				loop_defer(c->server->loop, &c->defer);
			}
			arm(c);
		}
	}
	dns_server_conn_unref(c);
}

static int
pass_on(struct dns_conn *c, struct conn_write *w, const struct iovec *iov,
    size_t count, size_t len)
{
	if (stream_queued(c->stream) == 0) {
		c->taken_at = now_ms(c);
	}
	c->given += len;
	c->refs += 2; /* for on_written(), and for us: it may come at once */
	int r = stream_write(c->stream, iov, count, on_written, w);
	if (r != E_OK) {
		free(w);
		c->refs--; /* on_written() is not called; ours remains */
		dns_server_conn_break(c);
	} else {
		arm(c);
	}
	dns_server_conn_unref(c);
	return r;
}

/* May end with the connection broken. */
static void
flush(struct dns_conn *c)
{
	struct conn_write *w = c->out;
	if (w == NULL || dns_server_conn_is_gone(c)) {
		return;
	}
	c->out = NULL;
	struct iovec iov = {w->data, w->len};
	(void)pass_on(c, w, &iov, 1, w->len); /* broke the connection */
}

static int
reserve_out(struct dns_conn *c, size_t len)
{
	struct conn_write *w = c->out;
	if (w != NULL && w->cap - w->len >= len) {
		return E_OK;
	}
	size_t used = w == NULL ? 0 : w->len;
	size_t cap = w == NULL ? OUT_MIN : w->cap;
	while (cap < used + len) {
		cap *= 2;
	}
	struct conn_write *grown = realloc(w, sizeof(*w) + cap);
	if (grown == NULL) {
		return E_NOMEM;
	}
	grown->conn = c;
	grown->done = NULL;
	grown->arg = NULL;
	grown->len = used;
	grown->cap = cap;
	c->out = grown;
	return E_OK;
}

int
dns_server_conn_send(struct dns_conn *c, const void *msg, size_t len)
{
	if (dns_server_conn_is_gone(c)) {
		return E_CLOSED;
	}
	if (c->out != NULL && c->out->len + len > OUT_MAX) {
		flush(c);
		if (dns_server_conn_is_gone(c)) {
			return E_CLOSED;
		}
	}
	int r = reserve_out(c, 2 + len);
	if (r != E_OK) {
		return r;
	}
	struct conn_write *w = c->out;
	put_be16(w->data + w->len, (uint16_t)len);
	memcpy(w->data + w->len + 2, msg, len);
	w->len += 2 + len;
	if (!c->is_busy) {
		loop_defer(c->server->loop, &c->defer);
	}
	return E_OK;
}

int
dns_server_conn_write(struct dns_conn *c, const struct iovec *iov,
    size_t count, stream_write_fn done, void *arg)
{
	flush(c);
	if (dns_server_conn_is_gone(c)) {
		return E_CLOSED;
	}
	size_t len = 0;
	for (size_t i = 0; i < count; i++) {
		len += iov[i].iov_len;
	}
	if (len == 0) {
		return E_INVAL;
	}
	struct conn_write *w = malloc(sizeof(*w));
	if (w == NULL) {
		return E_NOMEM;
	}
	*w = (struct conn_write){.conn = c, .done = done, .arg = arg};
	return pass_on(c, w, iov, count, len);
}

size_t
dns_server_conn_queued(const struct dns_conn *c)
{
	if (dns_server_conn_is_gone(c)) {
		return 0;
	}
	return stream_queued(c->stream) + (c->out == NULL ? 0 : c->out->len);
}

/* Must the next request wait? */
static bool
is_full(const struct dns_conn *c)
{
	return c->pending >= c->max_pipeline ||
	    dns_server_conn_queued(c) > STREAM_HIGH;
}

static void
handle_message(struct dns_conn *c, const uint8_t *msg, size_t len)
{
	if (len < DNS_HEADER_LEN || (get_be16(msg + 2) & DNS_FLAG_QR) != 0) {
		c->server->stats.dropped++;
		dns_server_conn_break(c);
		return;
	}
	struct dns_answer *a = dns_answer_new_stream(c);
	if (a == NULL) {
		dns_server_conn_break(c);
		return;
	}
	if (c->proto == DNS_TLS) {
		c->server->stats.tls_in++;
	} else {
		c->server->stats.tcp_in++;
	}
	struct dns_request req = {
		.msg = msg,
		.len = len,
		.proto = c->proto,
		.peer = &c->peer,
		.pin = stream_peer_pin(c->stream),
		.answer = a,
	};
	c->server->cb(&req, c->server->arg);
}

/*
 * Hands out messages until the octets or the limits are used up; returns how
 * many octets are left.  The caller holds a reference.
 */
static size_t
take_messages(struct dns_conn *c, const uint8_t *data, size_t len)
{
	int r = E_OK;
	c->is_busy = true;
	while (!dns_server_conn_is_gone(c) && !is_full(c)) {
		const uint8_t *msg;
		size_t msg_len;
		r = dns_frame_next(&c->in, &data, &len, &msg, &msg_len);
		if (r != E_OK) {
			break;
		}
		c->message_at = 0;
		handle_message(c, msg, msg_len);
	}
	c->is_busy = false;
	if (r == E_NOMEM) {
		dns_server_conn_break(c);
	}
	flush(c);
	return len;
}

/* After octets were used: sets the clocks, and stops or starts reading. */
static void
settle(struct dns_conn *c, size_t left)
{
	if (dns_server_conn_is_gone(c)) {
		return;
	}
	bool must_wait = left > 0 || is_full(c);
	if (must_wait && !c->is_paused) {
		c->is_paused = true;
		stream_read_pause(c->stream);
	} else if (!must_wait && c->is_paused) {
		c->is_paused = false;
		if (!c->is_eof) {
			stream_read_resume(c->stream);
		}
		/* time in which we did not read is not the peer's */
		c->message_at = 0;
	}
	if (!dns_frame_is_partial(&c->in)) {
		c->message_at = 0;
	} else if (c->message_at == 0) {
		c->message_at = now_ms(c);
	}
	if (c->is_eof && left == 0 && is_idle(c)) {
		dns_server_conn_end(c);
		return;
	}
	arm(c);
}

static void
stream_on_read(struct stream *s, const uint8_t *data, size_t len, void *arg)
{
	struct dns_conn *c = arg;
	(void)s;
	if (dns_server_conn_is_gone(c)) {
		return;
	}
	c->refs++;
	c->last_ms = now_ms(c);
	size_t left;
	if (dns_frame_held(&c->in, &left) != NULL) {
		left = len; /* in order: behind what waits */
	} else {
		left = take_messages(c, data, len);
	}
	if (!dns_server_conn_is_gone(c) &&
	    dns_frame_hold(&c->in, data + (len - left), left) != E_OK) {
		dns_server_conn_break(c);
	}
	settle(c, left);
	dns_server_conn_unref(c);
}

static void
stream_on_end(struct stream *s, int err, void *arg)
{
	struct dns_conn *c = arg;
	(void)s;
	/*
	 * One who closes only its sending side still wants its answers.  TLS
	 * has no such state that peers agree on.
	 */
	if (err == E_CLOSED && c->proto == DNS_TCP &&
	    !dns_server_conn_is_gone(c) && !is_idle(c)) {
		c->is_eof = true;
		dns_frame_clear(&c->in);
		c->message_at = 0;
		return;
	}
	dns_server_conn_end(c);
}

static void
on_defer(void *arg)
{
	struct dns_conn *c = arg;
	if (c->is_broken) {
		dns_server_conn_end(c);
		return;
	}
	c->refs++;
	flush(c);
	size_t left = 0;
	const uint8_t *data = dns_frame_held(&c->in, &left);
	if (left > 0 && !dns_server_conn_is_gone(c)) {
		left = take_messages(c, data, left);
		if (!c->is_closed) {
			dns_frame_held_left(&c->in, left);
		}
	}
	settle(c, left);
	dns_server_conn_unref(c);
}

void
dns_server_conn_answered(struct dns_conn *c)
{
	if (dns_server_conn_is_gone(c)) {
		return;
	}
	c->last_ms = now_ms(c);
	if (c->is_busy) {
		return; /* take_messages() and settle() come after */
	}
	if (c->is_paused || c->is_eof) {
		loop_defer(c->server->loop, &c->defer);
	}
	arm(c);
}

void
dns_server_conn_new(struct dns_server *s, struct stream *stream, bool is_tls)
{
	static const struct stream_events events = {
		.on_read = stream_on_read,
		.on_end = stream_on_end,
	};
	const struct net_addr *peer = stream_peer(stream);
	struct dns_conn *c = NULL;
	if (s->stats.tcp_open >= s->opts.max_tcp ||
	    dns_server_count_add(s, peer) != E_OK) {
		goto refuse;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		dns_server_count_del(s, peer);
		goto refuse;
	}
	c->server = s;
	c->stream = stream;
	c->peer = *peer;
	c->proto = is_tls ? DNS_TLS : DNS_TCP;
	c->max_pipeline = s->opts.max_pipeline;
	c->idle_ms = s->opts.idle_ms;
	c->message_ms = s->opts.message_ms;
	c->write_ms = s->opts.write_ms;
	c->refs = 1;
	c->timer.cb = on_timer;
	c->timer.arg = c;
	c->defer.fn = on_defer;
	c->defer.arg = c;
	c->last_ms = now_ms(c);
	c->next = s->conns;
	if (c->next != NULL) {
		c->next->prev = c;
	}
	s->conns = c;
	s->stats.tcp_open++;
	stream_set_events(stream, &events, c);
	arm(c);
	return;
refuse:
	s->stats.tcp_refused++;
	char text[NET_ADDR_STRLEN];
	log_limited(&s->refused, loop_now_ms(s->loop), LOG_LEVEL_WARNING,
	    F(.op = "accept", .peer = net_addr_str(peer, text),
	    .proto = dns_proto_str(is_tls ? DNS_TLS : DNS_TCP),
	    .err = E_LIMIT), "connection refused");
	stream_close(stream);
}

void
dns_server_conn_unref(struct dns_conn *c)
{
	if (--c->refs > 0) {
		return;
	}
	dns_frame_clear(&c->in);
	free(c->out);
	free(c);
}

void
dns_server_conn_break(struct dns_conn *c)
{
	if (dns_server_conn_is_gone(c)) {
		return;
	}
	c->is_broken = true;
	loop_timer_stop(&c->timer);
	loop_defer(c->server->loop, &c->defer);
}

void
dns_server_conn_end(struct dns_conn *c)
{
	if (c->is_closed) {
		return;
	}
	struct dns_server *s = c->server;
	c->is_closed = true;
	loop_timer_stop(&c->timer);
	loop_defer_cancel(s->loop, &c->defer);
	if (c->prev != NULL) {
		c->prev->next = c->next;
	} else {
		s->conns = c->next;
	}
	if (c->next != NULL) {
		c->next->prev = c->prev;
	}
	s->stats.tcp_open--;
	dns_server_count_del(s, &c->peer);
	stream_close(c->stream);
	c->stream = NULL;
	/* the server may go in one of these calls: no use of it from here */
	while (c->answers != NULL) {
		dns_answer_lose(c);
	}
	dns_server_conn_unref(c);
}
