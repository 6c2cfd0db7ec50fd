/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comes to the combiner's DNS server: TSIG, EDNS, then to the one that
 * answers it.
 *
 *   QUERY AXFR, IXFR -> xfr_out_start()      NOTIFY -> notify_on_request()
 *   QUERY, others    -> query_answer()       UPDATE -> update_in()
 *
 * On a TLS listener only SOA, AXFR and IXFR are answered (RFC 9103 7.8).
 */
#ifndef COMBINER_SERVICE_DNS_H
#define COMBINER_SERVICE_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "common/dns_edns.h"
#include "common/dns_reply.h"
#include "common/dns_server.h"
#include "common/dns_tsig.h"

struct combiner;

/* Sets c->replay.  E_NOMEM. */
int service_dns_init(struct combiner *c);
/* After the last zone: updates under way remember their place in it. */
void service_dns_free(struct combiner *c);
/* The dns_request_fn; arg is the struct combiner. */
void service_dns_on_request(const struct dns_request *req, void *arg);

/* A request that passed TSIG and EDNS. */
struct service_request {
	struct combiner *c;
	const struct dns_request *req;
	uint8_t *msg; /* private copy, TSIG stripped, id as it came */
	size_t len;
	struct tsig_state *tsig; /* NULL: not signed */
	struct edns edns;
};

/* For a reply; lends all it is given.  tsig: NULL, unsigned. */
struct reply_to service_dns_to(const struct combiner *c, const uint8_t *msg,
    size_t len, enum dns_proto proto, const struct edns *edns,
    const struct tsig_state *tsig);
/* Answers with an RCODE and ends the request. */
void service_dns_rcode(struct service_request *s, unsigned rcode, uint16_t ede);
/* One line, at a limited rate, on why it is refused; counts it. */
void service_dns_log_refused(const struct service_request *s, const char *op,
    const uint8_t *zone, const char *why);
/*
 * Signs (tsig not NULL) and sends one answer; does not end the request.  mem
 * has REPLY_ROOM octets.  A message that cannot be signed is not sent.
 */
void service_dns_send(struct combiner *c, struct dns_answer *a, uint8_t *mem,
    size_t len, struct tsig_state *tsig);

#endif
