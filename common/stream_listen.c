/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listening.  We accept ourselves, and not by uv_listen(): connections over
 * the limits then cost one close(), and without free descriptors we can wait
 * (libuv would close what it cannot accept, or spin).
 */
#include "common/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/errcode.h"
#include "common/stream_inner.h"

#define ACCEPT_MAX 64    /* a turn; others want the loop too */
#define RETRY_MS 100     /* out of descriptors or memory: wait so long */

static void
on_closed(uv_handle_t *h)
{
	struct stream_listener *l = h->data;

	tls_ctx_unref(l->tls);
	free(l->path);
	free(l);
}

static const char *
proto_of(const struct stream_listener *l)
{
	if (l->at.u.sa.sa_family == 0) {
		return "unix";
	}
	return l->tls != NULL ? "tls" : "tcp";
}

/* "unix" has no address worth a line. */
static const char *
peer_text(const struct net_addr *peer, char *buf)
{
	return peer->u.sa.sa_family == 0 ? NULL : net_addr_str(peer, buf);
}

static size_t
bucket_of(const struct net_addr *peer)
{
	uint64_t key = net_addr_rate_key(peer);

	return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 58) %
	    STREAM_LISTENER_BUCKETS;
}

void
stream_listener_add(struct stream_listener *l, struct stream *s)
{
	struct stream **head = &l->conns[bucket_of(&s->peer)];

	s->listener = l;
	s->prev = NULL;
	s->next = *head;
	if (s->next != NULL) {
		s->next->prev = s;
	}
	*head = s;
	l->nconns++;
}

void
stream_listener_remove(struct stream *s)
{
	struct stream_listener *l = s->listener;

	if (l == NULL) {
		return;
	}
	if (s->prev != NULL) {
		s->prev->next = s->next;
	} else {
		l->conns[bucket_of(&s->peer)] = s->next;
	}
	if (s->next != NULL) {
		s->next->prev = s->prev;
	}
	s->listener = NULL;
	l->nconns--;
}

void
stream_listener_refused(struct stream *s, int err)
{
	struct stream_listener *l = s->listener;
	const char *why = err == E_TLS ? stream_tls_error(s) : "";
	char peer[NET_ADDR_STRLEN];

	log_limited(&l->limit, loop_now_ms(l->loop), LOG_LEVEL_INFO,
	    F(.op = "accept", .peer = peer_text(&s->peer, peer),
	    .proto = proto_of(l), .err = err), "handshake failed%s%s",
	    *why != '\0' ? ": " : "", why);
}

static bool
is_over_limit(const struct stream_listener *l, const struct net_addr *peer)
{
	uint64_t key = net_addr_rate_key(peer);
	const struct stream *s;
	unsigned n = 0;

	if (l->nconns >= l->opts.max_conns) {
		return true;
	}
	if (l->opts.max_per_addr == 0 || peer->u.sa.sa_family == 0) {
		return false;
	}
	for (s = l->conns[bucket_of(peer)]; s != NULL; s = s->next) {
		n += net_addr_rate_key(&s->peer) == key;
	}
	return n >= l->opts.max_per_addr;
}

static void
on_handshake_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	stream_fail(arg, E_TIMEOUT);
}

static void
accept_one(struct stream_listener *l, int fd, const struct net_addr *peer)
{
	char text[NET_ADDR_STRLEN];
	struct stream *s;
	int r = E_LIMIT;

	if (is_over_limit(l, peer)) {
		(void)close(fd); /* nothing was written to it */
		goto refused;
	}
	r = stream_new_accepted(l, fd, peer, &s);
	if (r != E_OK) {
		goto refused;
	}
	stream_listener_add(l, s);
	if (s->tls != NULL) {
		s->timer.cb = on_handshake_timer;
		s->timer.arg = s;
		r = loop_timer_start(l->loop, &s->timer, l->opts.handshake_ms);
		if (r != E_OK) {
			stream_close(s);
			goto refused;
		}
	}
	stream_start(s);
	return;
refused:
	log_limited(&l->limit, loop_now_ms(l->loop), LOG_LEVEL_WARNING,
	    F(.op = "accept", .peer = peer_text(peer, text),
	    .proto = proto_of(l), .err = r), "connection refused");
}

static void on_acceptable(uv_poll_t *h, int status, int events);

static void
poll_start(struct stream_listener *l)
{
	int r = uv_poll_start(&l->uv, UV_READABLE, on_acceptable);

	if (r != 0) {
		log_err(F(.op = "accept", .proto = proto_of(l),
		    .err = stream_error(r)), "cannot accept any more");
	}
}

static void
on_retry(struct loop_timer *t, void *arg)
{
	(void)t;
	poll_start(arg);
}

/* Connections wait in the backlog meanwhile. */
static void
pause_accepting(struct stream_listener *l, int err)
{
	log_limited(&l->limit, loop_now_ms(l->loop), LOG_LEVEL_WARNING,
	    F(.op = "accept", .proto = proto_of(l), .err = err),
	    "cannot accept for now");
	if (loop_timer_start(l->loop, &l->retry, RETRY_MS) == E_OK) {
		(void)uv_poll_stop(&l->uv);
	}
}

static void
on_acceptable(uv_poll_t *h, int status, int events)
{
	struct stream_listener *l = h->data;
	union {
		struct net_addr addr;
		struct sockaddr_storage room;
	} peer;
	socklen_t len;
	int fd, i;

	(void)events;
	if (status != 0) { /* libuv has stopped it */
		pause_accepting(l, stream_error(status));
		return;
	}
	for (i = 0; i < ACCEPT_MAX && !l->is_closing; i++) {
		memset(&peer, 0, sizeof(peer));
		len = sizeof(peer);
		fd = accept4(l->fd, (struct sockaddr *)&peer, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			if (l->path != NULL) {
				memset(&peer, 0, sizeof(peer));
			}
			accept_one(l, fd, &peer.addr);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno == EMFILE || errno == ENFILE ||
		    errno == ENOBUFS || errno == ENOMEM) {
			pause_accepting(l, -errno);
			return;
		}
		/* Else an error of that one connection, see accept(2). */
	}
}

static int
open_inet(struct stream_listener *l, const struct net_addr *at)
{
	socklen_t len = sizeof(l->at);
	int on = 1;

	l->fd = socket(at->u.sa.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)) != 0) {
		return -errno;
	}
	if (at->u.sa.sa_family == AF_INET6 && setsockopt(l->fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &on, sizeof(on)) != 0) {
		return -errno;
	}
	if (bind(l->fd, &at->u.sa, net_addr_len(at)) != 0 ||
	    listen(l->fd, l->opts.backlog) != 0 ||
	    getsockname(l->fd, &l->at.u.sa, &len) != 0) {
		return -errno;
	}
	return E_OK;
}

static void
on_loop_free(struct loop_handle *h)
{
	stream_listener_free((struct stream_listener *)h);
}

static int
new_listener(struct loop *loop, const struct stream_listen_opts *opts,
    stream_accept_fn on_accept, void *arg, struct stream_listener **out)
{
	static const struct stream_listen_opts defaults = {.gid = (gid_t)-1};
	struct stream_listener *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		return E_NOMEM;
	}
	l->base.close = on_loop_free;
	l->loop = loop;
	l->fd = -1;
	l->on_accept = on_accept;
	l->arg = arg;
	l->retry.cb = on_retry;
	l->retry.arg = l;
	l->opts = opts != NULL ? *opts : defaults;
	if (l->opts.handshake_ms == 0) {
		l->opts.handshake_ms = 10000;
	}
	if (l->opts.backlog == 0) {
		l->opts.backlog = 512;
	}
	stream_listener_set_limits(l, l->opts.max_conns, l->opts.max_per_addr);
	*out = l;
	return E_OK;
}

/* The socket listens, or r says why not; then l is freed. */
static int
start(struct stream_listener *l, int r, struct stream_listener **out)
{
	if (r == E_OK) {
		r = uv_poll_init(loop_raw(l->loop), &l->uv, l->fd);
	}
	if (r != E_OK) {
		stream_listen_unix_close(l);
		if (l->fd >= 0) {
			(void)close(l->fd);
		}
		free(l->path);
		free(l);
		return stream_error(r);
	}
	l->uv.data = l;
	poll_start(l);
	*out = l;
	return E_OK;
}

int
stream_listen(struct loop *loop, const struct net_addr *at,
    struct tls_ctx *tls, const struct stream_listen_opts *opts,
    stream_accept_fn on_accept, void *arg, struct stream_listener **out)
{
	struct stream_listener *l;
	int r;

	r = new_listener(loop, opts, on_accept, arg, &l);
	if (r != E_OK) {
		return r;
	}
	r = start(l, open_inet(l, at), &l);
	if (r != E_OK) {
		return r;
	}
	stream_listener_set_tls(l, tls);
	*out = l;
	return E_OK;
}

int
stream_listen_unix(struct loop *loop, const char *path,
    const struct stream_listen_opts *opts, stream_accept_fn on_accept,
    void *arg, struct stream_listener **out)
{
	struct stream_listener *l;
	int r;

	r = new_listener(loop, opts, on_accept, arg, &l);
	if (r != E_OK) {
		return r;
	}
	return start(l, stream_listen_unix_open(l, path), out);
}

void
stream_listener_set_tls(struct stream_listener *l, struct tls_ctx *tls)
{
	struct tls_ctx *old = l->tls;

	l->tls = tls != NULL ? tls_ctx_ref(tls) : NULL;
	tls_ctx_unref(old);
}

void
stream_listener_set_limits(struct stream_listener *l, unsigned max_conns,
    unsigned max_per_addr)
{
	l->opts.max_conns = max_conns != 0 ? max_conns : 1000;
	l->opts.max_per_addr = max_per_addr;
}

uint16_t
stream_listener_port(const struct stream_listener *l)
{
	return net_addr_port(&l->at);
}

unsigned
stream_listener_conns(const struct stream_listener *l)
{
	return l->nconns;
}

void
stream_listener_free(struct stream_listener *l)
{
	struct stream *s;
	size_t i;

	if (l == NULL || l->is_closing) {
		return;
	}
	l->is_closing = true;
	loop_timer_stop(&l->retry);
	for (i = 0; i < STREAM_LISTENER_BUCKETS; i++) {
		while ((s = l->conns[i]) != NULL) {
			stream_listener_remove(s);
			if (!s->is_open) {
				stream_close(s);
			}
		}
	}
	stream_listen_unix_close(l);
	uv_close((uv_handle_t *)&l->uv, on_closed);
	(void)close(l->fd); /* nothing was written to it */
}
