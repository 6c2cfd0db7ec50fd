/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listeners, UDP and limits of the DNS server. */
#include "common/dns_server.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/dns_server_conn.h"
#include "common/dns_wire.h"
#include "common/errcode.h"
#include "common/tls.h"
#include "common/udp.h"

#define PORT_TRIES 32

struct addr_count {
	struct addr_count *next;
	uint64_t key;
	unsigned count;
};

const char *
dns_proto_str(enum dns_proto p)
{
	switch (p) {
	case DNS_UDP:
		return "udp";
	case DNS_TCP:
		return "tcp";
	case DNS_TLS:
		return "tls";
	}
	return "?";
}

static struct addr_count **
count_slot(struct dns_server *s, uint64_t key)
{
	/* the key is not a secret, and a bucket holds few at these limits */
	struct addr_count **p =
	    &s->counts[((key * 0x9e3779b97f4a7c15u) >> 56) % SERVER_BUCKETS];
	while (*p != NULL && (*p)->key != key) {
		p = &(*p)->next;
	}
	return p;
}

int
dns_server_count_add(struct dns_server *s, const struct net_addr *a)
{
	uint64_t key = net_addr_rate_key(a);
	struct addr_count **slot = count_slot(s, key);
	if (*slot == NULL) {
		*slot = calloc(1, sizeof(**slot));
		if (*slot == NULL) {
			return E_NOMEM;
		}
		(*slot)->key = key;
	}
	if ((*slot)->count >= s->opts.max_tcp_per_addr) {
		return E_LIMIT;
	}
	(*slot)->count++;
	return E_OK;
}

void
dns_server_count_del(struct dns_server *s, const struct net_addr *a)
{
	struct addr_count **slot = count_slot(s, net_addr_rate_key(a));
	struct addr_count *n = *slot;
	if (n != NULL && --n->count == 0) {
		*slot = n->next;
		free(n);
	}
}

static void
set_opts(struct dns_server_opts *to, const struct dns_server_opts *from)
{
	static const struct dns_server_opts dflt = {
		.max_tcp = 1000,
		.max_tcp_per_addr = 100,
		.max_pipeline = 64,
		.idle_ms = 30000,
		.message_ms = 10000,
		.write_ms = 60000,
		.max_udp_len = 4096,
	};
	*to = dflt;
	if (from == NULL) {
		return;
	}
#define TAKE(member) \
	if (from->member != 0) { \
		to->member = from->member; \
	}
	TAKE(max_tcp)
	TAKE(max_tcp_per_addr)
	TAKE(max_pipeline)
	TAKE(idle_ms)
	TAKE(message_ms)
	TAKE(write_ms)
	TAKE(max_udp_len)
#undef TAKE
}

int
dns_server_new(struct loop *loop, const struct dns_server_opts *opts,
    dns_request_fn cb, void *arg, struct dns_server **out)
{
	struct dns_server *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return E_NOMEM;
	}
	s->loop = loop;
	s->cb = cb;
	s->arg = arg;
	set_opts(&s->opts, opts);
	*out = s;
	return E_OK;
}

/*
 * Ours are the exact limits, over all listeners.  Those of a listener count
 * TLS handshakes, too, which get as much room again.
 */
static unsigned
twice(unsigned n)
{
	return n > UINT_MAX / 2 ? UINT_MAX : 2 * n;
}

void
dns_server_set_opts(struct dns_server *s, const struct dns_server_opts *opts)
{
	set_opts(&s->opts, opts);
	for (struct dns_listener *l = s->listeners; l != NULL; l = l->next) {
		stream_listener_set_limits(l->tcp, twice(s->opts.max_tcp),
		    twice(s->opts.max_tcp_per_addr));
	}
}

/* Too long to be looked into: header and nothing else. */
static void
send_formerr(struct dns_listener *l, const uint8_t *msg,
    const struct net_addr *to)
{
	uint8_t out[DNS_HEADER_LEN] = {0};
	uint16_t flags = get_be16(msg + 2);
	memcpy(out, msg, 2);
	put_be16(out + 2, (uint16_t)(DNS_FLAG_QR | (flags & 0x7900) |
	    DNS_FORMERR)); /* opcode and RD as asked */
	(void)udp_send(l->udp, out, sizeof(out), to); /* UDP may lose it */
}

static void
udp_on_recv(struct udp *u, const uint8_t *data, size_t len,
    const struct net_addr *from, int err, void *arg)
{
	struct dns_listener *l = arg;
	struct dns_server *s = l->server;
	(void)u;
	if (err != E_OK || s == NULL) {
		return; /* ICMP errors of answers sent: nobody waits for them */
	}
	/* an answer to port 0 cannot be sent */
	if (len < DNS_HEADER_LEN || net_addr_port(from) == 0 ||
	    (get_be16(data + 2) & DNS_FLAG_QR) != 0) {
		s->stats.dropped++;
		return;
	}
	s->stats.udp_in++;
	if (len > s->opts.max_udp_len) {
		send_formerr(l, data, from);
		return;
	}
	struct dns_answer *a = dns_answer_new_udp(l, from);
	if (a == NULL) {
		s->stats.dropped++;
		return;
	}
	struct dns_request req = {
		.msg = data,
		.len = len,
		.proto = DNS_UDP,
		.peer = from,
		.answer = a,
	};
	s->cb(&req, s->arg);
}

static void
on_accept(struct stream *stream, void *arg)
{
	struct dns_listener *l = arg;
	if (l->server == NULL) {
		stream_close(stream);
		return;
	}
	dns_server_conn_new(l->server, stream, l->tls != NULL);
}

void
dns_server_listener_unref(struct dns_listener *l)
{
	if (--l->refs == 0) {
		tls_ctx_unref(l->tls);
		free(l);
	}
}

/* Stops; answers to UDP requests under way get E_CLOSED from now on. */
static void
stop_listener(struct dns_listener *l)
{
	l->server = NULL;
	if (l->udp != NULL) {
		udp_close(l->udp);
		l->udp = NULL;
	}
	if (l->tcp != NULL) {
		stream_listener_free(l->tcp);
		l->tcp = NULL;
	}
	dns_server_listener_unref(l);
}

static int
bind_once(struct dns_listener *l)
{
	struct dns_server *s = l->server;
	struct stream_listen_opts opts = {
		.max_conns = twice(s->opts.max_tcp),
		.max_per_addr = twice(s->opts.max_tcp_per_addr),
		.handshake_ms = s->opts.message_ms,
		.gid = (gid_t)-1,
	};
	l->at = l->asked;
	int r = stream_listen(s->loop, &l->at, l->tls, &opts, on_accept, l,
	    &l->tcp);
	if (r != E_OK) {
		return r;
	}
	net_addr_set_port(&l->at, stream_listener_port(l->tcp));
	if (l->tls != NULL) {
		return E_OK;
	}
	r = udp_listen(s->loop, &l->at, udp_on_recv, l, &l->udp);
	if (r != E_OK) {
		stream_listener_free(l->tcp);
		l->tcp = NULL;
	}
	return r;
}

static struct dns_listener **
find_listener(struct dns_server *s, const struct net_addr *at)
{
	struct dns_listener **p = &s->listeners;
	while (*p != NULL && !net_addr_equal(&(*p)->at, at) &&
	    !net_addr_equal(&(*p)->asked, at)) {
		p = &(*p)->next;
	}
	return p;
}

int
dns_server_listen(struct dns_server *s, const struct net_addr *at,
    struct tls_ctx *tls, uint16_t *port)
{
	bool is_any_port = net_addr_port(at) == 0;
	if (!is_any_port && *find_listener(s, at) != NULL) {
		return E_EXIST;
	}
	struct dns_listener *l = calloc(1, sizeof(*l));
	if (l == NULL) {
		return E_NOMEM;
	}
	l->server = s;
	l->asked = *at;
	l->refs = 1;
	l->tls = tls == NULL ? NULL : tls_ctx_ref(tls);
	int r = bind_once(l);
	/* the kernel's TCP port may be taken in UDP */
	for (int i = 0; is_any_port && r == -EADDRINUSE && i < PORT_TRIES; i++) {
		r = bind_once(l);
	}
	if (r != E_OK) {
		stop_listener(l);
		return r;
	}
	l->next = s->listeners;
	s->listeners = l;
	if (port != NULL) {
		*port = net_addr_port(&l->at);
	}
	return E_OK;
}

int
dns_server_unlisten(struct dns_server *s, const struct net_addr *at)
{
	struct dns_listener **p = find_listener(s, at);
	struct dns_listener *l = *p;
	if (l == NULL) {
		return E_NOENT;
	}
	*p = l->next;
	stop_listener(l);
	return E_OK;
}

int
dns_server_set_tls(struct dns_server *s, const struct net_addr *at,
    struct tls_ctx *tls)
{
	struct dns_listener *l = *find_listener(s, at);
	if (l == NULL || l->tls == NULL || tls == NULL) {
		return E_NOENT;
	}
	tls_ctx_ref(tls);
	stream_listener_set_tls(l->tcp, tls);
	tls_ctx_unref(l->tls);
	l->tls = tls;
	return E_OK;
}

void
dns_server_stats(const struct dns_server *s, struct dns_server_stats *st)
{
	*st = s->stats;
}

void
dns_server_free(struct dns_server *s)
{
	if (s == NULL) {
		return;
	}
	while (s->listeners != NULL) {
		struct dns_listener *l = s->listeners;
		s->listeners = l->next;
		stop_listener(l);
	}
	while (s->conns != NULL) {
		dns_server_conn_end(s->conns);
	}
	free(s);
}
