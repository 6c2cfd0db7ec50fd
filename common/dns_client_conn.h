/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of the DNS client, for dns_client*.c and dns_exchange.c only.
 *
 * dns_exchange_start queues at the pool of its server; dns_client_on_pump
 * (end of the turn) gives queued ones to a UDP socket or a connection; answers
 * come in by udp_on_recv / stream_on_read → dns_exchange_check →
 * dns_exchange_verify → dns_exchange_finish → the owner's callback.
 *
 * Errors found while something else is being done are never reported on the
 * spot but by dns_exchange_fail_later: so a callback always starts from the
 * loop, or as the last thing that is done with a message, and may end or free
 * whatever it likes.
 */
#ifndef COMMON_DNS_CLIENT_CONN_H
#define COMMON_DNS_CLIENT_CONN_H

#include "common/dns_client.h"
#include "common/dns_frame.h"
#include "common/loop.h"

struct stream;
struct udp;

#define CLIENT_BUCKETS 64
#define CLIENT_UDP_AT_ONCE 64 /* sockets open to one server */

struct exchange_queue {
	struct dns_exchange *head, *tail;
	unsigned count;
};

struct dns_client {
	struct loop *loop;
	struct dns_client_opts opts; /* defaults filled in */
	struct dns_exchange *all;
	struct dns_pool *pools[CLIENT_BUCKETS];
	bool is_closing;
};

/* One server asked in one way. */
struct dns_pool {
	struct dns_client *client;
	struct dns_pool *next;
	struct net_addr addr, from;
	struct tls_ctx *tls;
	char *server_name;
	struct client_conn *conns;
	struct exchange_queue tcp_queue, udp_queue; /* no time counts here */
	struct loop_defer pump;
	unsigned nconns, nudp, nexchanges;
};

enum exchange_state {
	EXCHANGE_TCP_QUEUED = 0,
	EXCHANGE_UDP_QUEUED = 1,
	EXCHANGE_UDP = 2,     /* a socket is open */
	EXCHANGE_CONN = 3,    /* has a connection, open or not yet */
	EXCHANGE_FAILING = 4, /* tells its owner at the end of the turn */
	EXCHANGE_FINAL = 5,   /* in its last callback */
};

struct dns_exchange {
	struct dns_client *client;
	struct dns_pool *pool; /* NULL when failing or final */
	struct dns_exchange *all_prev, *all_next;
	struct dns_exchange *prev, *next; /* in a queue */
	struct dns_exchange *id_next;     /* in a bucket of its connection */
	struct client_conn *conn;
	struct udp *udp;
	dns_exchange_fn cb;
	void *arg;
	const struct tsig_key *key;
	struct loop_timer timer;
	struct loop_defer defer;
	struct tsig_state tsig;
	uint64_t sent_ms, progress_ms;
	uint64_t seen_answers; /* of its connection, when it was sent */
	enum exchange_state state;
	int err; /* to be told; UDP: what to tell instead of a timeout */
	char *why; /* more about err, or NULL */
	uint32_t timeout_ms, tries;
	uint16_t id, arcount, question_len;
	uint8_t retries;
	bool is_stream, is_sent, is_paused;
	bool has_answer;  /* octets of the answer came */
	bool needs_fresh; /* wants a connection without a past */
	size_t len;       /* of the request without TSIG */
	size_t wire_len, wire_cap; /* as it goes out, length prefix not counted */
	uint8_t wire[];   /* length prefix, request, room for TSIG */
};

struct client_conn {
	struct dns_client *client; /* valid until is_closed */
	struct dns_pool *pool;
	struct stream *stream;
	struct client_conn *prev, *next;
	struct exchange_queue live;
	struct dns_exchange *by_id[CLIENT_BUCKETS];
	struct loop_timer timer; /* connecting, then idle */
	struct loop_defer defer;
	struct dns_frame in;
	uint8_t *out; /* requests of this turn */
	size_t out_len, out_cap;
	uint64_t answers; /* messages that were for somebody */
	unsigned refs, npaused, nstreams;
	bool is_open, is_closed, is_failing;
	bool is_stopped; /* reading is */
	bool is_draining; /* takes no more exchanges */
};

void dns_client_enqueue(struct exchange_queue *q, struct dns_exchange *x);
void dns_client_enqueue_first(struct exchange_queue *q,
    struct dns_exchange *x);
void dns_client_dequeue(struct exchange_queue *q, struct dns_exchange *x);
int dns_client_pool_get(struct dns_client *c, const struct dns_peer *peer,
    struct dns_pool **out);
/* Gives out what is queued, or frees the pool, at the end of the turn. */
void dns_client_pump_later(struct dns_pool *p);
/* All that wait for a connection fail, unless there is another one. */
void dns_client_fail_queued(struct dns_pool *p, int err, const char *why);

int dns_client_conn_new(struct dns_pool *p, struct client_conn **out);
void dns_client_conn_attach(struct client_conn *c, struct dns_exchange *x);
void dns_client_conn_detach(struct dns_exchange *x);
void dns_client_conn_close(struct client_conn *c);
void dns_client_conn_resume(struct client_conn *c);

/* Opens its socket and sends for the first time. */
void dns_client_udp_start(struct dns_exchange *x);
void dns_client_udp_on_timer(struct dns_exchange *x);
void dns_client_udp_stop(struct dns_exchange *x);

/* Sets the id and signs. */
int dns_exchange_build(struct dns_exchange *x, uint16_t id);
/* Does this message answer it? E_PROTO if not. */
int dns_exchange_check(const struct dns_exchange *x, const uint8_t *msg,
    size_t len, bool is_udp);
/*
 * TSIG, when it has a key; strips it.  is_told: the error is what the server
 * says of our request, not what we found in its answer.
 */
int dns_exchange_verify(const struct dns_exchange *x, uint8_t *msg,
    size_t *len, bool *is_told);
/* The one last call of its owner; x is gone then. */
void dns_exchange_finish(struct dns_exchange *x, int err, uint8_t *msg,
    size_t len);
void dns_exchange_fail_later(struct dns_exchange *x, int err);
/* Copies what dns_exchange_why() is to say; why may be NULL. */
void dns_exchange_explain(struct dns_exchange *x, const char *why);
/* Queues it for TCP or TLS. */
void dns_exchange_queue_tcp(struct dns_exchange *x);
/* Starts its timer for timeout_ms from now. */
void dns_exchange_start_timer(struct dns_exchange *x, uint64_t ms);
int dns_exchange_random_id(uint16_t *id);

#endif
