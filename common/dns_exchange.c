/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request and its answers; interface in dns_client.h. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/buf.h"
#include "common/dns_client_conn.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

#define TIMEOUT_DEFAULT_MS 5000
/* Octets that trickle in prolong the wait for a single answer to this only. */
#define TRICKLE_FACTOR 8

int
dns_exchange_random_id(uint16_t *id)
{
	if (getrandom(id, sizeof(*id), GRND_NONBLOCK) != sizeof(*id)) {
		return E_SYSTEM;
	}
	return E_OK;
}

int
dns_exchange_build(struct dns_exchange *x, uint16_t id)
{
	uint8_t *msg = x->wire + 2;
	size_t len = x->len;
	x->id = id;
	put_be16(msg, id);
	put_be16(msg + 10, x->arcount); /* an earlier signature counted */
	if (x->key != NULL) {
		int r = tsig_sign_request(msg, &len, x->wire_cap, x->key,
		    loop_wall_sec(x->client->loop), &x->tsig);
		if (r != E_OK) {
			return r;
		}
	}
	if (len > DNS_MSG_MAX) {
		return E_SPACE;
	}
	put_be16(x->wire, (uint16_t)len);
	x->wire_len = len;
	return E_OK;
}

static bool
same_question(const uint8_t *a, const uint8_t *b, size_t len)
{
	/* uncompressed names: no length octet is a letter */
	for (size_t i = 0; i < len - 4; i++) {
		if (tolower(a[i]) != tolower(b[i])) {
			return false;
		}
	}
	return memcmp(a + len - 4, b + len - 4, 4) == 0;
}

int
dns_exchange_check(const struct dns_exchange *x, const uint8_t *msg,
    size_t len, bool is_udp)
{
	const uint8_t *asked = x->wire + 2;
	if (len < DNS_HEADER_LEN || get_be16(msg) != x->id) {
		return E_PROTO;
	}
	uint16_t flags = get_be16(msg + 2);
	unsigned opcode = dns_flags_opcode(flags);
	if ((flags & DNS_FLAG_QR) == 0 ||
	    opcode != dns_flags_opcode(get_be16(asked + 2))) {
		return E_PROTO;
	}
	uint16_t qdcount = get_be16(msg + 4);
	if (qdcount == 0) {
		/*
		 * Servers that refuse may leave the question out.  By UDP it
		 * is part of what a forger must guess, so only where it says
		 * little about the zone anyway.
		 */
		bool is_change = opcode == DNS_NOTIFY || opcode == DNS_UPDATE;
		bool is_error = dns_flags_rcode(flags) != 0;
		if (is_udp) {
			return is_change && is_error ? E_OK : E_PROTO;
		}
		return is_error || is_change ? E_OK : E_PROTO;
	}
	size_t n = x->question_len;
	if (qdcount != 1 || len - DNS_HEADER_LEN < n ||
	    !same_question(asked + DNS_HEADER_LEN, msg + DNS_HEADER_LEN, n)) {
		return E_PROTO;
	}
	return E_OK;
}

int
dns_exchange_verify(const struct dns_exchange *x, uint8_t *msg, size_t *len,
    bool *is_told)
{
	*is_told = false;
	if (x->key == NULL) {
		return E_OK;
	}
	struct tsig_rr rr;
	int r = tsig_find(msg, *len, &rr);
	if (r != E_OK) {
		return r == E_NOENT ? E_NOTSIGNED : r;
	}
	if (rr.mac_len == 0 && rr.error != 0) {
		*is_told = true;
		return tsig_error_code(rr.error); /* it could not sign this */
	}
	struct tsig_stream *ts;
	r = tsig_stream_new(&x->tsig, &ts);
	if (r != E_OK) {
		return r;
	}
	r = tsig_stream_check(ts, msg, len, loop_wall_sec(x->client->loop));
	tsig_stream_free(ts);
	if (r == E_OK && rr.error != 0) {
		*is_told = true;
		r = tsig_error_code(rr.error);
	}
	return r;
}

void
dns_exchange_start_timer(struct dns_exchange *x, uint64_t ms)
{
	if (loop_timer_start(x->client->loop, &x->timer, ms) != E_OK) {
		dns_exchange_fail_later(x, E_NOMEM);
	}
}

/* From wherever it is: no queue, socket or connection knows it after this. */
static void
withdraw(struct dns_exchange *x)
{
	struct dns_pool *p = x->pool;
	loop_timer_stop(&x->timer);
	loop_defer_cancel(x->client->loop, &x->defer);
	switch (x->state) {
	case EXCHANGE_TCP_QUEUED:
		dns_client_dequeue(&p->tcp_queue, x);
		break;
	case EXCHANGE_UDP_QUEUED:
		dns_client_dequeue(&p->udp_queue, x);
		break;
	case EXCHANGE_UDP:
		dns_client_udp_stop(x);
		break;
	case EXCHANGE_CONN:
		dns_client_conn_detach(x);
		break;
	case EXCHANGE_FAILING:
	case EXCHANGE_FINAL:
		break;
	}
	if (p != NULL) {
		x->pool = NULL;
		p->nexchanges--;
		dns_client_pump_later(p);
	}
}

static void
unlink_all(struct dns_exchange *x)
{
	if (x->all_prev != NULL) {
		x->all_prev->all_next = x->all_next;
	} else {
		x->client->all = x->all_next;
	}
	if (x->all_next != NULL) {
		x->all_next->all_prev = x->all_prev;
	}
}

void
dns_exchange_finish(struct dns_exchange *x, int err, uint8_t *msg, size_t len)
{
	withdraw(x);
	unlink_all(x);
	x->state = EXCHANGE_FINAL;
	x->cb(x, err, msg, len, x->arg); /* the client may be gone after */
	free(x->why);
	free(x);
}

void
dns_exchange_explain(struct dns_exchange *x, const char *why)
{
	if (x->why == NULL && why != NULL) {
		x->why = strdup(why); /* without it the code has to do */
	}
}

const char *
dns_exchange_why(const struct dns_exchange *x)
{
	return x->why;
}

void
dns_exchange_fail_later(struct dns_exchange *x, int err)
{
	if (x->state == EXCHANGE_FAILING || x->state == EXCHANGE_FINAL) {
		return;
	}
	withdraw(x);
	x->state = EXCHANGE_FAILING;
	x->err = err;
	loop_defer(x->client->loop, &x->defer);
}

static void
on_fail(void *arg)
{
	struct dns_exchange *x = arg;
	dns_exchange_finish(x, x->err, NULL, 0);
}

/* On a connection: was there no progress for too long? */
static void
on_conn_timer(struct dns_exchange *x)
{
	uint64_t now = loop_now_ms(x->client->loop);
	struct client_conn *c = x->conn;
	if (c->npaused > 0) {
		x->progress_ms = now; /* it is we who do not read */
	}
	uint64_t due = x->progress_ms + x->timeout_ms;
	if (!x->is_stream &&
	    due > x->sent_ms + (uint64_t)TRICKLE_FACTOR * x->timeout_ms &&
	    c->npaused == 0) {
		due = x->sent_ms + (uint64_t)TRICKLE_FACTOR * x->timeout_ms;
	}
	if (due > now) {
		dns_exchange_start_timer(x, due - now);
		return;
	}
	c->is_draining = true; /* the answer may come yet; see detach */
	dns_exchange_finish(x, E_TIMEOUT, NULL, 0);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct dns_exchange *x = arg;
	(void)t;
	if (x->state == EXCHANGE_UDP) {
		dns_client_udp_on_timer(x);
	} else if (x->state == EXCHANGE_CONN) {
		on_conn_timer(x);
	}
}

void
dns_exchange_queue_tcp(struct dns_exchange *x)
{
	x->state = EXCHANGE_TCP_QUEUED;
	dns_client_enqueue(&x->pool->tcp_queue, x);
	dns_client_pump_later(x->pool);
}

/* A header, one question, the length of which is put out. */
static int
check_request(const uint8_t *msg, size_t len, uint16_t *question_len)
{
	if (len < DNS_HEADER_LEN || len > DNS_MSG_MAX ||
	    get_be16(msg + 4) != 1) {
		return E_INVAL;
	}
	size_t n = name_check(msg + DNS_HEADER_LEN, len - DNS_HEADER_LEN);
	if (n == 0 || len - DNS_HEADER_LEN - n < 4) {
		return E_INVAL;
	}
	*question_len = (uint16_t)(n + 4);
	return E_OK;
}

static void
fill_exchange(struct dns_exchange *x, const struct dns_exchange_opts *opts,
    const uint8_t *msg, size_t len)
{
	x->key = opts->peer.key;
	x->timeout_ms = opts->timeout_ms != 0 ? opts->timeout_ms :
	    TIMEOUT_DEFAULT_MS;
	x->tries = opts->tries != 0 ? opts->tries : 1;
	x->is_stream = opts->stream;
	x->timer.cb = on_timer;
	x->timer.arg = x;
	x->defer.fn = on_fail;
	x->defer.arg = x;
	x->len = len;
	memcpy(x->wire + 2, msg, len);
	x->arcount = get_be16(msg + 10);
}

int
dns_exchange_start(struct dns_client *c, const struct dns_exchange_opts *opts,
    const void *msg, size_t len, dns_exchange_fn cb, void *arg,
    struct dns_exchange **out)
{
	uint16_t question_len;
	if (c->is_closing) {
		return E_CANCEL;
	}
	int r = check_request(msg, len, &question_len);
	if (r != E_OK) {
		return r;
	}
	size_t cap = len + (opts->peer.key == NULL ? 0 :
	    tsig_wire_len(opts->peer.key));
	struct dns_exchange *x = calloc(1, sizeof(*x) + 2 + cap);
	if (x == NULL) {
		return E_NOMEM;
	}
	r = dns_client_pool_get(c, &opts->peer, &x->pool);
	if (r != E_OK) {
		free(x);
		return r;
	}
	x->client = c;
	x->cb = cb;
	x->arg = arg;
	x->wire_cap = cap;
	x->question_len = question_len;
	fill_exchange(x, opts, msg, len);
	x->pool->nexchanges++;
	x->all_next = c->all;
	if (c->all != NULL) {
		c->all->all_prev = x;
	}
	c->all = x;
	if (opts->tcp || opts->stream || opts->peer.tls != NULL) {
		dns_exchange_queue_tcp(x);
	} else {
		x->state = EXCHANGE_UDP_QUEUED;
		dns_client_enqueue(&x->pool->udp_queue, x);
		dns_client_pump_later(x->pool);
	}
	if (out != NULL) {
		*out = x;
	}
	return E_OK;
}

const struct tsig_state *
dns_exchange_tsig(const struct dns_exchange *x)
{
	return &x->tsig;
}

void
dns_exchange_end(struct dns_exchange *x, bool complete)
{
	if (x == NULL || x->state == EXCHANGE_FINAL) {
		return;
	}
	if (x->state == EXCHANGE_CONN && x->is_sent &&
	    !(complete && x->is_stream)) {
		/* more may come for it: nobody new may get its id */
		x->conn->is_draining = true;
	}
	withdraw(x);
	unlink_all(x);
	free(x->why);
	free(x);
}

void
dns_exchange_pause(struct dns_exchange *x)
{
	if (x->state == EXCHANGE_CONN && !x->is_paused) {
		x->is_paused = true;
		x->conn->npaused++;
	}
}

void
dns_exchange_resume(struct dns_exchange *x)
{
	if (x->state != EXCHANGE_CONN || !x->is_paused) {
		return;
	}
	x->is_paused = false;
	x->progress_ms = loop_now_ms(x->client->loop);
	dns_client_conn_resume(x->conn);
}
