/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of the DNS server, for dns_server*.c and dns_answer.c only.
 *
 * One request: stream_on_read / udp_on_recv → handle_message → the server's
 * callback → dns_answer_send → dns_server_conn_send (gathers what is answered
 * in one turn) → flush → stream_write → on_written, which lets reading go on.
 */
#ifndef COMMON_DNS_SERVER_CONN_H
#define COMMON_DNS_SERVER_CONN_H

#include "common/dns_frame.h"
#include "common/dns_server.h"
#include "common/log.h"
#include "common/loop.h"

struct udp;
struct addr_count;

#define SERVER_BUCKETS 256

struct dns_server {
	struct loop *loop;
	struct dns_server_opts opts; /* defaults filled in */
	dns_request_fn cb;
	void *arg;
	struct dns_listener *listeners;
	struct dns_conn *conns;
	struct addr_count *counts[SERVER_BUCKETS];
	struct dns_server_stats stats;
	struct log_limit refused;
};

struct dns_listener {
	struct dns_server *server; /* NULL: stopped */
	struct dns_listener *next;
	struct net_addr at;    /* as bound */
	struct net_addr asked; /* as in the configuration, port 0 perhaps */
	struct udp *udp;       /* NULL: TLS, or stopped */
	struct stream_listener *tcp;
	struct tls_ctx *tls;
	unsigned refs; /* the server's, and one for each answer under way */
};

void dns_server_listener_unref(struct dns_listener *l);
/* Counts connections for each address; E_LIMIT when one has too many. */
int dns_server_count_add(struct dns_server *s, const struct net_addr *a);
void dns_server_count_del(struct dns_server *s, const struct net_addr *a);

struct conn_write;

/* A TCP or TLS connection; lives until the last answer of it has ended. */
struct dns_conn {
	struct dns_server *server; /* valid until is_closed */
	struct stream *stream;     /* NULL when closed */
	struct dns_conn *prev, *next;
	struct dns_answer *answers; /* under way */
	struct conn_write *out;     /* answers of this turn */
	struct dns_frame in;
	struct loop_timer timer;
	struct loop_defer defer;
	struct net_addr peer;
	uint32_t max_pipeline, idle_ms, message_ms, write_ms;
	uint64_t last_ms;    /* of the last traffic */
	uint64_t message_at; /* the message begun began then */
	uint64_t taken_at;   /* the peer took octets then */
	uint64_t given, taken; /* octets to the stream; of them from it */
	unsigned refs, pending;
	enum dns_proto proto;
	bool is_closed;
	bool is_broken; /* to be closed at the end of this turn */
	bool is_eof;    /* the peer will ask no more */
	bool is_busy;   /* messages are being handed out */
	bool is_paused;
};

/* Takes the stream over, or closes it when a limit is reached. */
void dns_server_conn_new(struct dns_server *s, struct stream *stream,
    bool is_tls);
void dns_server_conn_unref(struct dns_conn *c);
/* Closes; answers under way are told. */
void dns_server_conn_end(struct dns_conn *c);
/* The same at the end of this turn. */
void dns_server_conn_break(struct dns_conn *c);
int dns_server_conn_send(struct dns_conn *c, const void *msg, size_t len);
int dns_server_conn_write(struct dns_conn *c, const struct iovec *iov,
    size_t count, stream_write_fn done, void *arg);
size_t dns_server_conn_queued(const struct dns_conn *c);
static inline bool
dns_server_conn_is_gone(const struct dns_conn *c)
{
	return c->is_closed || c->is_broken;
}

struct dns_answer {
	struct dns_conn *conn;     /* TCP and TLS */
	struct dns_listener *port; /* UDP */
	struct dns_answer *prev, *next; /* of the connection, while it lives */
	void (*on_close)(void *arg);
	void *on_close_arg;
	struct net_addr peer; /* UDP */
};

/* Adds a reference to the one or the other. */
struct dns_answer *dns_answer_new_stream(struct dns_conn *c);
struct dns_answer *dns_answer_new_udp(struct dns_listener *l,
    const struct net_addr *peer);
/* The connection has closed: tells the first of its answers, which it loses. */
void dns_answer_lose(struct dns_conn *c);
/* An answer has ended: the next request may be taken. */
void dns_server_conn_answered(struct dns_conn *c);

#endif
