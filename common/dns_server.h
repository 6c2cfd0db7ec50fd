/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A DNS server's transport side: UDP, TCP and TLS listeners, framing, limits,
 * pipelining.  It knows messages, not their meaning: each one that has a sane
 * header goes to one callback, which answers now or later.
 *
 * Limits come before work: size, connections (in all and for each address),
 * messages waiting on a connection, idle time, time for one message.
 */
#ifndef COMMON_DNS_SERVER_H
#define COMMON_DNS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/net.h"
#include "common/stream.h"

struct loop;
struct tls_ctx;
struct dns_server;
struct dns_answer;

enum dns_proto { DNS_UDP = 0, DNS_TCP = 1, DNS_TLS = 2 };
const char *dns_proto_str(enum dns_proto p);

struct dns_request {
	const uint8_t *msg; /* valid for the call only */
	size_t len;
	enum dns_proto proto;
	const struct net_addr *peer;
	const uint8_t *pin; /* of the peer's certificate, or NULL */
	struct dns_answer *answer;
};

/*
 * Must end with dns_answer_end(req->answer), now or later.  Messages that are
 * shorter than a header, or are answers (QR set), never get here.
 */
typedef void (*dns_request_fn)(const struct dns_request *req, void *arg);

struct dns_server_opts {
	unsigned max_tcp;          /* connections; 0 = 1000 */
	unsigned max_tcp_per_addr; /* 0 = 100 */
	unsigned max_pipeline;     /* requests under way on one; 0 = 64 */
	unsigned idle_ms;          /* 0 = 30000 */
	unsigned message_ms;       /* a begun message must end by; 0 = 10000 */
	unsigned write_ms;         /* no octet taken by the peer; 0 = 60000 */
	unsigned max_udp_len;      /* longer requests get FORMERR; 0 = 4096 */
};

int dns_server_new(struct loop *loop, const struct dns_server_opts *opts,
    dns_request_fn cb, void *arg, struct dns_server **out);
/* UDP and TCP on one address (tls NULL), or TLS.  Port 0: the kernel's. */
int dns_server_listen(struct dns_server *s, const struct net_addr *at,
    struct tls_ctx *tls, uint16_t *port);
/* Stops listening there; connections live on. */
int dns_server_unlisten(struct dns_server *s, const struct net_addr *at);
/* Certificate roll: the listener at this address takes the new context. */
int dns_server_set_tls(struct dns_server *s, const struct net_addr *at,
    struct tls_ctx *tls);
void dns_server_set_opts(struct dns_server *s,
    const struct dns_server_opts *opts);
/* Ends all; holders of answers get E_CLOSED from then on. */
void dns_server_free(struct dns_server *s);

struct dns_server_stats {
	uint64_t udp_in, tcp_in, tls_in, dropped, tcp_refused;
	unsigned tcp_open;
};
void dns_server_stats(const struct dns_server *s, struct dns_server_stats *st);

/*
 * The way back.  The callback owns one reference; every path ends with
 * dns_answer_end(), after which the pointer is gone.
 */
/* One message without length prefix; copied.  UDP: over 65535 is E_SPACE. */
int dns_answer_send(struct dns_answer *a, const void *msg, size_t len);
/*
 * TCP and TLS: framed octets (2-octet length before each message, whole
 * messages only), not copied; done as for stream_write().  E_CLOSED when the
 * connection is gone; with this or another error done is not called.  Not for
 * UDP, nor for no octets (E_INVAL).
 */
int dns_answer_write(struct dns_answer *a, const struct iovec *iov,
    size_t count, stream_write_fn done, void *arg);
size_t dns_answer_queued(const struct dns_answer *a);
bool dns_answer_is_closed(const struct dns_answer *a);
enum dns_proto dns_answer_proto(const struct dns_answer *a);
/* Called once if the connection ends before dns_answer_end(); or NULL. */
void dns_answer_on_close(struct dns_answer *a, void (*cb)(void *arg),
    void *arg);
const struct net_addr *dns_answer_peer(const struct dns_answer *a);
/* Regular end of this request. */
void dns_answer_end(struct dns_answer *a);
/* Ends the request and the connection (a transfer that broke half-way). */
void dns_answer_abort(struct dns_answer *a);

#endif
