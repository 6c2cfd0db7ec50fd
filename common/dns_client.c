/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The DNS client: pools of connections, and who gets which. */
#include "common/dns_client.h"

#include <stdlib.h>
#include <string.h>

#include "common/dns_client_conn.h"
#include "common/errcode.h"
#include "common/tls.h"

static void on_pump(void *arg);

void
dns_client_enqueue(struct exchange_queue *q, struct dns_exchange *x)
{
	x->next = NULL;
	x->prev = q->tail;
	if (q->tail != NULL) {
		q->tail->next = x;
	} else {
		q->head = x;
	}
	q->tail = x;
	q->count++;
}

void
dns_client_enqueue_first(struct exchange_queue *q, struct dns_exchange *x)
{
	x->prev = NULL;
	x->next = q->head;
	if (q->head != NULL) {
		q->head->prev = x;
	} else {
		q->tail = x;
	}
	q->head = x;
	q->count++;
}

void
dns_client_dequeue(struct exchange_queue *q, struct dns_exchange *x)
{
	if (x->prev != NULL) {
		x->prev->next = x->next;
	} else {
		q->head = x->next;
	}
	if (x->next != NULL) {
		x->next->prev = x->prev;
	} else {
		q->tail = x->prev;
	}
	x->prev = NULL;
	x->next = NULL;
	q->count--;
}

static bool
same_source(const struct net_addr *a, const struct net_addr *b)
{
	if (a->u.sa.sa_family != b->u.sa.sa_family) {
		return false;
	}
	return a->u.sa.sa_family == 0 || net_addr_equal(a, b);
}

static bool
is_for(const struct dns_pool *p, const struct dns_peer *peer)
{
	if (!net_addr_equal(&p->addr, &peer->addr) || p->tls != peer->tls ||
	    !same_source(&p->from, &peer->from)) {
		return false;
	}
	if (p->server_name == NULL || peer->server_name == NULL) {
		return p->server_name == peer->server_name;
	}
	return strcmp(p->server_name, peer->server_name) == 0;
}

static struct dns_pool **
bucket_of(struct dns_client *c, const struct net_addr *a)
{
	uint64_t h = net_addr_rate_key(a) ^ ((uint64_t)net_addr_port(a) << 32);
	return &c->pools[((h * 0x9e3779b97f4a7c15u) >> 56) % CLIENT_BUCKETS];
}

static void
free_pool(struct dns_pool *p)
{
	if (p == NULL) {
		return;
	}
	tls_ctx_unref(p->tls);
	free(p->server_name);
	free(p);
}

static void
drop_pool(struct dns_pool *p)
{
	struct dns_pool **at = bucket_of(p->client, &p->addr);
	while (*at != p) {
		at = &(*at)->next;
	}
	*at = p->next;
	loop_defer_cancel(p->client->loop, &p->pump);
	free_pool(p);
}

int
dns_client_pool_get(struct dns_client *c, const struct dns_peer *peer,
    struct dns_pool **out)
{
	struct dns_pool **bucket = bucket_of(c, &peer->addr);
	struct dns_pool *p = *bucket;
	while (p != NULL && !is_for(p, peer)) {
		p = p->next;
	}
	if (p != NULL) {
		*out = p;
		return E_OK;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL) {
		return E_NOMEM;
	}
	p->client = c;
	p->addr = peer->addr;
	p->from = peer->from;
	p->pump.fn = on_pump;
	p->pump.arg = p;
	if (peer->server_name != NULL) {
		p->server_name = strdup(peer->server_name);
		if (p->server_name == NULL) {
			free_pool(p);
			return E_NOMEM;
		}
	}
	p->tls = peer->tls == NULL ? NULL : tls_ctx_ref(peer->tls);
	p->next = *bucket;
	*bucket = p;
	*out = p;
	return E_OK;
}

void
dns_client_pump_later(struct dns_pool *p)
{
	if (!p->client->is_closing) {
		loop_defer(p->client->loop, &p->pump);
	}
}

/*
 * Connections that only wait for their last answers count half: a transfer
 * that runs for an hour on one of them must not keep all others waiting.
 */
static bool
may_open(const struct dns_pool *p)
{
	unsigned max = p->client->opts.max_conns;
	unsigned n = 0;
	for (const struct client_conn *c = p->conns; c != NULL; c = c->next) {
		n += c->is_draining ? 0 : 1;
	}
	return n < max && p->nconns < 2 * max;
}

/*
 * The connection that suits best of those that have room.  Streams keep a
 * connection busy for long, so others keep away from them.
 */
static struct client_conn *
best_conn(const struct dns_pool *p, bool must_be_fresh)
{
	struct client_conn *best = NULL;
	for (struct client_conn *c = p->conns; c != NULL; c = c->next) {
		if (c->is_draining ||
		    c->live.count >= p->client->opts.max_pipeline ||
		    (must_be_fresh && c->answers > 0)) {
			continue;
		}
		if (best == NULL || c->nstreams < best->nstreams ||
		    (c->nstreams == best->nstreams &&
		    c->live.count < best->live.count)) {
			best = c;
		}
	}
	return best;
}

/* E_AGAIN: none is free now. */
static int
choose_conn(struct dns_pool *p, const struct dns_exchange *x,
    struct client_conn **out)
{
	struct client_conn *c = best_conn(p, x->needs_fresh);
	if (c != NULL) {
		/* a stream wants one of its own, others one without streams */
		bool is_good = x->is_stream ? c->live.count == 0 :
		    c->nstreams == 0;
		if (is_good || !may_open(p)) {
			*out = c;
			return E_OK;
		}
	} else if (!may_open(p)) {
		c = best_conn(p, false);
		if (c == NULL) {
			return E_AGAIN;
		}
		if (c->live.count > 0) {
			*out = c; /* no past of idleness at least */
			return E_OK;
		}
		dns_client_conn_close(c);
	}
	int r = dns_client_conn_new(p, out);
	if (r != E_OK && p->conns != NULL) {
		return E_AGAIN; /* no more sockets, say: wait for these */
	}
	return r;
}

void
dns_client_fail_queued(struct dns_pool *p, int err, const char *why)
{
	for (struct client_conn *c = p->conns; c != NULL; c = c->next) {
		if (!c->is_draining) {
			return;
		}
	}
	while (p->tcp_queue.head != NULL) {
		dns_exchange_explain(p->tcp_queue.head, why);
		dns_exchange_fail_later(p->tcp_queue.head, err);
	}
}

static void
on_pump(void *arg)
{
	struct dns_pool *p = arg;
	while (p->udp_queue.head != NULL && p->nudp < CLIENT_UDP_AT_ONCE) {
		struct dns_exchange *x = p->udp_queue.head;
		dns_client_dequeue(&p->udp_queue, x);
		dns_client_udp_start(x);
	}
	while (p->tcp_queue.head != NULL) {
		struct dns_exchange *x = p->tcp_queue.head;
		struct client_conn *c;
		int r = choose_conn(p, x, &c);
		if (r == E_AGAIN) {
			break;
		}
		if (r != E_OK) {
			dns_client_fail_queued(p, r, NULL);
			break;
		}
		dns_client_dequeue(&p->tcp_queue, x);
		dns_client_conn_attach(c, x);
	}
	if (p->nexchanges == 0 && p->conns == NULL) {
		drop_pool(p);
	}
}

int
dns_client_new(struct loop *loop, const struct dns_client_opts *opts,
    struct dns_client **out)
{
	struct dns_client *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return E_NOMEM;
	}
	c->loop = loop;
	if (opts != NULL) {
		c->opts = *opts;
	}
	if (c->opts.max_conns == 0) {
		c->opts.max_conns = 4;
	}
	if (c->opts.max_pipeline == 0) {
		c->opts.max_pipeline = 64;
	} else if (c->opts.max_pipeline > UINT16_MAX / 2) {
		c->opts.max_pipeline = UINT16_MAX / 2; /* ids must be found */
	}
	if (c->opts.idle_ms == 0) {
		c->opts.idle_ms = 10000;
	}
	if (c->opts.connect_ms == 0) {
		c->opts.connect_ms = 5000;
	}
	*out = c;
	return E_OK;
}

void
dns_client_free(struct dns_client *c)
{
	if (c == NULL || c->is_closing) {
		return;
	}
	c->is_closing = true;
	while (c->all != NULL) {
		dns_exchange_finish(c->all, E_CANCEL, NULL, 0);
	}
	for (size_t i = 0; i < CLIENT_BUCKETS; i++) {
		while (c->pools[i] != NULL) {
			struct dns_pool *p = c->pools[i];
			while (p->conns != NULL) {
				dns_client_conn_close(p->conns);
			}
			drop_pool(p);
		}
	}
	free(c);
}
