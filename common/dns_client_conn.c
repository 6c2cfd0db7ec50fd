/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One TCP or TLS connection of the DNS client; see dns_client_conn.h. */
#include "common/dns_client_conn.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/dns_wire.h"
#include "common/errcode.h"
#include "common/stream.h"

#define ID_TRIES 256
/* A server that ends connections early may do so this often to one request. */
#define RETRIES_MAX 8

static void
conn_unref(struct client_conn *c)
{
	if (--c->refs > 0) {
		return;
	}
	dns_frame_clear(&c->in);
	free(c->out);
	free(c);
}

void
dns_client_conn_close(struct client_conn *c)
{
	if (c->is_closed) {
		return;
	}
	c->is_closed = true;
	loop_timer_stop(&c->timer);
	loop_defer_cancel(c->client->loop, &c->defer);
	if (c->prev != NULL) {
		c->prev->next = c->next;
	} else {
		c->pool->conns = c->next;
	}
	if (c->next != NULL) {
		c->next->prev = c->prev;
	}
	c->pool->nconns--;
	stream_close(c->stream);
	c->stream = NULL;
	dns_client_pump_later(c->pool);
	conn_unref(c);
}

static struct dns_exchange **
id_slot(struct client_conn *c, uint16_t id)
{
	struct dns_exchange **p = &c->by_id[id % CLIENT_BUCKETS];
	while (*p != NULL && (*p)->id != id) {
		p = &(*p)->id_next;
	}
	return p;
}

/* Without work: closed after a while, or at once when it is of no more use. */
static void
rest(struct client_conn *c)
{
	if (c->is_draining) {
		dns_client_conn_close(c);
	} else if (c->is_open && loop_timer_start(c->client->loop, &c->timer,
	    c->client->opts.idle_ms) != E_OK) {
		dns_client_conn_close(c);
	}
}

void
dns_client_conn_detach(struct dns_exchange *x)
{
	struct client_conn *c = x->conn;
	dns_client_dequeue(&c->live, x);
	x->conn = NULL;
	if (x->is_sent) {
		struct dns_exchange **slot = id_slot(c, x->id);
		*slot = x->id_next;
		x->id_next = NULL;
		x->is_sent = false;
	}
	if (x->is_stream) {
		c->nstreams--;
	}
	if (x->is_paused) {
		x->is_paused = false;
		dns_client_conn_resume(c);
	}
	if (c->live.count == 0 && !c->is_closed && !c->is_failing) {
		rest(c);
	}
}

/*
 * Did the server close before it saw this request, as far as we can tell?
 * Then it is asked again: once, or as often as others were answered since.
 */
static bool
may_retry(const struct client_conn *c, const struct dns_exchange *x)
{
	if (!c->is_open || c->answers == 0 || x->has_answer) {
		return false;
	}
	if (!x->is_sent || c->answers > x->seen_answers) {
		return x->retries < RETRIES_MAX;
	}
	return x->retries == 0;
}

/* Ends the connection; what it carried is asked again elsewhere or fails. */
static void
fail(struct client_conn *c, int err)
{
	struct dns_pool *p = c->pool;
	bool was_open = c->is_open;
	char *why = NULL;
	if (err == E_TLS && c->stream != NULL) {
		/* the stream is gone before all are told; without it is fine */
		why = strdup(stream_tls_error(c->stream));
	}
	c->is_failing = true;
	while (c->live.tail != NULL) {
		struct dns_exchange *x = c->live.tail;
		if (!may_retry(c, x)) {
			dns_exchange_explain(x, why);
			dns_exchange_fail_later(x, err);
			continue;
		}
		dns_client_conn_detach(x);
		loop_timer_stop(&x->timer);
		x->retries++;
		x->needs_fresh = true;
		x->state = EXCHANGE_TCP_QUEUED;
		dns_client_enqueue_first(&p->tcp_queue, x);
	}
	dns_client_conn_close(c);
	if (!was_open) {
		dns_client_fail_queued(p, err, why);
	}
	free(why);
}

static void
flush(struct client_conn *c)
{
	if (c->out_len == 0 || c->is_closed || !c->is_open) {
		return;
	}
	int r = stream_write_copy(c->stream, c->out, c->out_len);
	free(c->out);
	c->out = NULL;
	c->out_len = 0;
	c->out_cap = 0;
	if (r != E_OK) {
		fail(c, r);
	}
}

static int
append_out(struct client_conn *c, const uint8_t *data, size_t len)
{
	if (c->out_cap - c->out_len < len) {
		size_t cap = c->out_cap == 0 ? 512 : c->out_cap;
		while (cap < c->out_len + len) {
			cap *= 2;
		}
		uint8_t *p = realloc(c->out, cap);
		if (p == NULL) {
			return E_NOMEM;
		}
		c->out = p;
		c->out_cap = cap;
	}
	memcpy(c->out + c->out_len, data, len);
	c->out_len += len;
	return E_OK;
}

static int
free_id(struct client_conn *c, uint16_t *id)
{
	for (int i = 0; i < ID_TRIES; i++) {
		int r = dns_exchange_random_id(id);
		if (r != E_OK || *id_slot(c, *id) == NULL) {
			return r;
		}
	}
	return E_LIMIT;
}

static void
send_request(struct client_conn *c, struct dns_exchange *x)
{
	uint16_t id;
	int r = free_id(c, &id);
	if (r == E_OK) {
		r = dns_exchange_build(x, id);
	}
	if (r == E_OK) {
		r = append_out(c, x->wire, 2 + x->wire_len);
	}
	if (r != E_OK) {
		dns_exchange_fail_later(x, r);
		return;
	}
	x->is_sent = true;
	x->id_next = c->by_id[id % CLIENT_BUCKETS];
	c->by_id[id % CLIENT_BUCKETS] = x;
	x->seen_answers = c->answers;
	x->sent_ms = loop_now_ms(c->client->loop);
	x->progress_ms = x->sent_ms;
	loop_defer(c->client->loop, &c->defer);
	dns_exchange_start_timer(x, x->timeout_ms);
}

void
dns_client_conn_attach(struct client_conn *c, struct dns_exchange *x)
{
	x->state = EXCHANGE_CONN;
	x->conn = c;
	x->is_sent = false;
	dns_client_enqueue(&c->live, x);
	if (x->is_stream) {
		c->nstreams++;
	}
	if (c->is_open) {
		loop_timer_stop(&c->timer);
		send_request(c, x);
	}
}

/* Copied: the owner and TSIG may change a message, and we are only lent it. */
static void
handle_message(struct client_conn *c, const uint8_t *msg, size_t len)
{
	uint8_t copy[DNS_MSG_MAX];
	if (len < DNS_HEADER_LEN || (get_be16(msg + 2) & DNS_FLAG_QR) == 0) {
		fail(c, E_PROTO);
		return;
	}
	struct dns_exchange *x = *id_slot(c, get_be16(msg));
	if (x == NULL) {
		return; /* its exchange was given up */
	}
	c->answers++;
	x->has_answer = true;
	memcpy(copy, msg, len);
	if (x->is_stream) {
		x->progress_ms = loop_now_ms(c->client->loop);
		x->cb(x, E_OK, copy, len, x->arg);
		return; /* x may be gone, and all else */
	}
	int r = dns_exchange_check(x, copy, len, false);
	bool is_told;
	if (r == E_OK) {
		r = dns_exchange_verify(x, copy, &len, &is_told);
	} else {
		c->is_draining = true; /* who knows what comes next on it */
	}
	if (r == E_OK) {
		dns_exchange_finish(x, E_OK, copy, len);
	} else {
		dns_exchange_finish(x, r, NULL, 0);
	}
}

/* Octets of a message not yet complete are progress of its exchange, too. */
static void
note_partial(struct client_conn *c)
{
	uint16_t id;
	if (!dns_frame_partial_id(&c->in, &id)) {
		return;
	}
	struct dns_exchange *x = *id_slot(c, id);
	if (x != NULL) {
		x->has_answer = true;
		x->progress_ms = loop_now_ms(c->client->loop);
	}
}

/* Until the octets are used up or somebody pauses; returns what is left. */
static size_t
take_messages(struct client_conn *c, const uint8_t *data, size_t len)
{
	while (!c->is_closed && c->npaused == 0) {
		const uint8_t *msg;
		size_t msg_len;
		int r = dns_frame_next(&c->in, &data, &len, &msg, &msg_len);
		if (r == E_AGAIN) {
			note_partial(c);
			break;
		}
		if (r != E_OK) {
			fail(c, r);
			break;
		}
		handle_message(c, msg, msg_len);
	}
	return len;
}

static void
stop_or_go(struct client_conn *c, size_t left)
{
	bool must_stop = left > 0 || c->npaused > 0;
	if (c->is_closed || must_stop == c->is_stopped) {
		return;
	}
	c->is_stopped = must_stop;
	if (must_stop) {
		stream_read_pause(c->stream);
	} else {
		stream_read_resume(c->stream);
	}
}

static void
stream_on_read(struct stream *s, const uint8_t *data, size_t len, void *arg)
{
	struct client_conn *c = arg;
	size_t left;
	(void)s;
	c->refs++;
	if (dns_frame_held(&c->in, &left) != NULL) {
		left = len; /* in order: behind what waits */
	} else {
		left = take_messages(c, data, len);
	}
	if (!c->is_closed &&
	    dns_frame_hold(&c->in, data + (len - left), left) != E_OK) {
		fail(c, E_NOMEM);
	}
	stop_or_go(c, left);
	conn_unref(c);
}

static void
stream_on_open(struct stream *s, int err, void *arg)
{
	struct client_conn *c = arg;
	(void)s;
	if (err != E_OK) {
		fail(c, err);
		return;
	}
	c->is_open = true;
	loop_timer_stop(&c->timer);
	if (c->live.count == 0) {
		rest(c);
		return;
	}
	struct dns_exchange *next;
	for (struct dns_exchange *x = c->live.head; x != NULL; x = next) {
		next = x->next; /* one that cannot be sent goes from the list */
		send_request(c, x);
	}
}

static void
stream_on_end(struct stream *s, int err, void *arg)
{
	(void)s;
	fail(arg, err);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct client_conn *c = arg;
	(void)t;
	if (c->is_open) {
		dns_client_conn_close(c); /* unused for long enough */
	} else {
		fail(c, E_TIMEOUT);
	}
}

static void
on_defer(void *arg)
{
	struct client_conn *c = arg;
	c->refs++;
	flush(c);
	size_t left;
	const uint8_t *data = dns_frame_held(&c->in, &left);
	if (data != NULL && !c->is_closed) {
		left = take_messages(c, data, left);
		dns_frame_held_left(&c->in, left);
	}
	stop_or_go(c, left);
	conn_unref(c);
}

/* One exchange has ended its pause. */
void
dns_client_conn_resume(struct client_conn *c)
{
	c->npaused--;
	if (c->npaused == 0 && !c->is_closed) {
		loop_defer(c->client->loop, &c->defer);
	}
}

int
dns_client_conn_new(struct dns_pool *p, struct client_conn **out)
{
	static const struct stream_events events = {
		.on_open = stream_on_open,
		.on_read = stream_on_read,
		.on_end = stream_on_end,
	};
	struct client_conn *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return E_NOMEM;
	}
	c->client = p->client;
	c->pool = p;
	c->refs = 1;
	c->timer.cb = on_timer;
	c->timer.arg = c;
	c->defer.fn = on_defer;
	c->defer.arg = c;
	int r = stream_connect(p->client->loop, &p->addr,
	    p->from.u.sa.sa_family == 0 ? NULL : &p->from, p->tls,
	    p->server_name, &events, c, &c->stream);
	if (r != E_OK) {
		free(c);
		return r;
	}
	c->next = p->conns;
	if (c->next != NULL) {
		c->next->prev = c;
	}
	p->conns = c;
	p->nconns++;
	r = loop_timer_start(p->client->loop, &c->timer,
	    p->client->opts.connect_ms);
	if (r != E_OK) {
		dns_client_conn_close(c);
		return r;
	}
	*out = c;
	return E_OK;
}
