/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A DNS client on the loop: one exchange = one request and its answer or
 * answers.  UDP with retransmission and change to TCP on TC; TCP and TLS with
 * connections that are kept, shared and pipelined (RFC 7766; RFC 9103 6.3),
 * at most `max_conns` to one server.  Message ids are random, and a source
 * port of its own for each UDP exchange.
 */
#ifndef COMMON_DNS_CLIENT_H
#define COMMON_DNS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dns_tsig.h"
#include "common/net.h"

struct loop;
struct tls_ctx;
struct dns_client;
struct dns_exchange;

struct dns_client_opts {
	unsigned max_conns;     /* to one server; 0 = 4 */
	unsigned max_pipeline;  /* exchanges on one connection; 0 = 64 */
	unsigned idle_ms;       /* unused connection is closed; 0 = 10000 */
	unsigned connect_ms;    /* 0 = 5000 */
};

int dns_client_new(struct loop *loop, const struct dns_client_opts *opts,
    struct dns_client **out);
/* Ends all exchanges with E_CANCEL. */
void dns_client_free(struct dns_client *c);

struct dns_peer { /* whom to ask and how; values are copied, tls is ref'd */
	struct net_addr addr;
	struct net_addr from; /* family 0: kernel's choice */
	struct tls_ctx *tls;  /* not NULL: only ever TLS */
	const char *server_name; /* for TLS: SNI and dNSName; borrowed */
	const struct tsig_key *key; /* signs and checks; borrowed; or NULL */
};

struct dns_exchange_opts {
	struct dns_peer peer;
	bool tcp;          /* start with TCP */
	bool stream;       /* several answer messages; TCP or TLS */
	unsigned timeout_ms; /* UDP: of one try; TCP: without progress */
	unsigned tries;    /* UDP: sends before giving up; 0 = 1 */
};

/*
 * Single answers: called once, E_OK with the answer (TSIG checked against
 * peer.key and stripped, id, question and QR checked) or why not:
 * E_TIMEOUT, E_CLOSED, E_TLS, E_BADSIG …, -ECONNREFUSED ….
 * Streams: called for each message, raw: only the id and QR are checked, TSIG
 * is left for dns_exchange_tsig(), as checking is for the pool.  Then the
 * owner ends it with dns_exchange_end(), or gets one call with an error.
 * After the last call the exchange is gone.
 */
typedef void (*dns_exchange_fn)(struct dns_exchange *x, int err, uint8_t *msg,
    size_t len, void *arg);

/*
 * msg: a whole request without TSIG; its id is chosen here.  The question must
 * be there.  Copied.
 */
int dns_exchange_start(struct dns_client *c,
    const struct dns_exchange_opts *opts, const void *msg, size_t len,
    dns_exchange_fn cb, void *arg, struct dns_exchange **out);
/* In a call with an error: more about it, such as why TLS failed; or NULL. */
const char *dns_exchange_why(const struct dns_exchange *x);
/* State of the signed request, to make a tsig_stream from (stream only). */
const struct tsig_state *dns_exchange_tsig(const struct dns_exchange *x);
/*
 * Ends it.  complete: all answers have come, the connection can be used on;
 * else the connection is closed unless nothing more can come on it.
 */
void dns_exchange_end(struct dns_exchange *x, bool complete);
/* Back-pressure: stops and starts reading on its connection. */
void dns_exchange_pause(struct dns_exchange *x);
void dns_exchange_resume(struct dns_exchange *x);
enum { DNS_EXCHANGE_BUFFER = 1 << 18 }; /* octets read at once at the most */

#endif
