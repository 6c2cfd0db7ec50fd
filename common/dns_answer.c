/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way back of one request; interface in dns_server.h. */
#include <stdlib.h>

#include "common/dns_server_conn.h"
#include "common/dns_wire.h"
#include "common/errcode.h"
#include "common/udp.h"

struct dns_answer *
dns_answer_new_stream(struct dns_conn *c)
{
	struct dns_answer *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		return NULL;
	}
	a->conn = c;
	a->next = c->answers;
	if (a->next != NULL) {
		a->next->prev = a;
	}
	c->answers = a;
	c->pending++;
	c->refs++;
	return a;
}

struct dns_answer *
dns_answer_new_udp(struct dns_listener *l, const struct net_addr *peer)
{
	struct dns_answer *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		return NULL;
	}
	a->port = l;
	l->refs++;
	a->peer = *peer;
	return a;
}

static void
unlink_answer(struct dns_answer *a)
{
	struct dns_conn *c = a->conn;
	if (a->prev != NULL) {
		a->prev->next = a->next;
	} else if (c->answers == a) {
		c->answers = a->next;
	} else {
		return; /* the connection lost it before */
	}
	if (a->next != NULL) {
		a->next->prev = a->prev;
	}
	a->prev = NULL;
	a->next = NULL;
	c->pending--;
}

void
dns_answer_lose(struct dns_conn *c)
{
	struct dns_answer *a = c->answers;
	unlink_answer(a);
	if (a->on_close != NULL) {
		void (*cb)(void *) = a->on_close;
		a->on_close = NULL;
		cb(a->on_close_arg);
	}
}

int
dns_answer_send(struct dns_answer *a, const void *msg, size_t len)
{
	if (len > DNS_MSG_MAX) {
		return E_SPACE;
	}
	if (a->conn != NULL) {
		return dns_server_conn_send(a->conn, msg, len);
	}
	struct dns_listener *l = a->port;
	if (l->udp == NULL) {
		return E_CLOSED;
	}
	int r = udp_send(l->udp, msg, len, &a->peer);
	if (r != E_OK) {
		l->server->stats.dropped++;
	}
	return r;
}

int
dns_answer_write(struct dns_answer *a, const struct iovec *iov, size_t count,
    stream_write_fn done, void *arg)
{
	if (a->conn == NULL) {
		return E_INVAL;
	}
	return dns_server_conn_write(a->conn, iov, count, done, arg);
}

size_t
dns_answer_queued(const struct dns_answer *a)
{
	return a->conn == NULL ? 0 : dns_server_conn_queued(a->conn);
}

bool
dns_answer_is_closed(const struct dns_answer *a)
{
	if (a->conn == NULL) {
		return a->port->udp == NULL;
	}
	return dns_server_conn_is_gone(a->conn);
}

enum dns_proto
dns_answer_proto(const struct dns_answer *a)
{
	return a->conn == NULL ? DNS_UDP : a->conn->proto;
}

void
dns_answer_on_close(struct dns_answer *a, void (*cb)(void *arg), void *arg)
{
	a->on_close = cb;
	a->on_close_arg = arg;
}

const struct net_addr *
dns_answer_peer(const struct dns_answer *a)
{
	return a->conn == NULL ? &a->peer : &a->conn->peer;
}

void
dns_answer_end(struct dns_answer *a)
{
	struct dns_conn *c = a->conn;
	if (c == NULL) {
		dns_server_listener_unref(a->port);
	} else {
		unlink_answer(a);
		dns_server_conn_answered(c);
		dns_server_conn_unref(c);
	}
	free(a);
}

void
dns_answer_abort(struct dns_answer *a)
{
	if (a->conn != NULL) {
		dns_server_conn_break(a->conn);
	}
	dns_answer_end(a);
}
