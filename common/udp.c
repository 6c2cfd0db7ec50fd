/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/udp.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <uv.h>

#include "common/errcode.h"
#include "common/loop.h"

#define RECV_SIZE 65536u          /* of one datagram */
#define LISTEN_BUFFER (1 << 20)   /* in the kernel, as far as it lets us */

struct udp {
	struct loop_handle base; /* first: data of the uv handle */
	struct loop *loop;
	uv_udp_t uv;
	udp_recv_fn cb;
	void *arg;
	bool is_listener;
	bool is_closing;
};

static int
error_of(int uv_err)
{
	switch (uv_err) {
	case UV_EAGAIN:
		return E_AGAIN;
	case UV_ENOMEM:
	case UV_ENOBUFS:
		return E_NOMEM;
	default:
		return uv_err; /* -errno */
	}
}

static void
on_closed(uv_handle_t *h)
{
	free(h->data);
}

static void
on_loop_free(struct loop_handle *h)
{
	udp_close((struct udp *)h);
}

static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct udp *u = h->data;
	uint8_t *scratch = loop_scratch(u->loop);
	size_t size = u->is_listener ? LOOP_SCRATCH_SIZE : RECV_SIZE;

	(void)suggested;
	*buf = uv_buf_init((char *)scratch, scratch == NULL ? 0 :
	    (unsigned)size);
}

static void
on_recv(uv_udp_t *h, ssize_t n, const uv_buf_t *buf,
    const struct sockaddr *from, unsigned flags)
{
	struct udp *u = h->data;

	if (u->is_closing || (n == 0 && from == NULL)) {
		return; /* end of a batch */
	}
	if (n < 0) {
		u->cb(u, NULL, 0, NULL, error_of((int)n), u->arg);
	} else if ((flags & UV_UDP_PARTIAL) == 0) {
		u->cb(u, (const uint8_t *)buf->base, (size_t)n,
		    (const struct net_addr *)(const void *)from, E_OK, u->arg);
	}
}

/* On success *out is to be closed, not freed. */
static int
new_udp(struct loop *loop, unsigned flags, udp_recv_fn cb, void *arg,
    struct udp **out)
{
	struct udp *u = calloc(1, sizeof(*u));
	int r;

	if (u == NULL) {
		return E_NOMEM;
	}
	r = uv_udp_init_ex(loop_raw(loop), &u->uv, flags);
	if (r != 0) {
		free(u);
		return error_of(r);
	}
	u->uv.data = u;
	u->base.close = on_loop_free;
	u->loop = loop;
	u->cb = cb;
	u->arg = arg;
	*out = u;
	return E_OK;
}

static int
bind_to(struct udp *u, const struct net_addr *at)
{
	return uv_udp_bind(&u->uv, &at->u.sa,
	    at->u.sa.sa_family == AF_INET6 ? UV_UDP_IPV6ONLY : 0);
}

int
udp_listen(struct loop *loop, const struct net_addr *at, udp_recv_fn cb,
    void *arg, struct udp **out)
{
	int size = LISTEN_BUFFER;
	struct udp *u;
	int r;

	r = new_udp(loop, (unsigned)at->u.sa.sa_family | UV_UDP_RECVMMSG, cb,
	    arg, &u);
	if (r != E_OK) {
		return r;
	}
	u->is_listener = true;
	/* The kernel's own size will do, but for bursts. */
	r = bind_to(u, at);
	if (r == 0) {
		(void)uv_recv_buffer_size((uv_handle_t *)&u->uv, &size);
		r = uv_udp_recv_start(&u->uv, on_alloc, on_recv);
	}
	if (r != 0) {
		udp_close(u);
		return error_of(r);
	}
	*out = u;
	return E_OK;
}

int
udp_connect(struct loop *loop, const struct net_addr *to,
    const struct net_addr *from, udp_recv_fn cb, void *arg, struct udp **out)
{
	struct udp *u;
	int r;

	r = new_udp(loop, (unsigned)to->u.sa.sa_family, cb, arg, &u);
	if (r != E_OK) {
		return r;
	}
	r = from != NULL ? bind_to(u, from) : 0;
	if (r == 0) {
		r = uv_udp_connect(&u->uv, &to->u.sa);
	}
	if (r == 0) {
		r = uv_udp_recv_start(&u->uv, on_alloc, on_recv);
	}
	if (r != 0) {
		udp_close(u);
		return error_of(r);
	}
	*out = u;
	return E_OK;
}

int
udp_send(struct udp *u, const void *data, size_t len,
    const struct net_addr *to)
{
	uv_buf_t buf;
	int r;

	if (u->is_closing) {
		return E_CANCEL;
	}
	/* uv_buf_t has no const; nobody writes there. */
	buf.base = (char *)(uintptr_t)data;
	buf.len = len;
	r = uv_udp_try_send(&u->uv, &buf, 1, to != NULL ? &to->u.sa : NULL);
	return r < 0 ? error_of(r) : E_OK;
}

uint16_t
udp_port(const struct udp *u)
{
	struct net_addr a;
	int len = sizeof(a);

	if (uv_udp_getsockname(&u->uv, &a.u.sa, &len) != 0) {
		return 0;
	}
	return net_addr_port(&a);
}

void
udp_close(struct udp *u)
{
	if (u == NULL || u->is_closing) {
		return;
	}
	u->is_closing = true;
	uv_close((uv_handle_t *)&u->uv, on_closed);
}
